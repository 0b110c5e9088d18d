"""The simulator and the prior that sbi takes."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.fitting import Range, prior, simulator

from .conftest import MODEL

torch = pytest.importorskip("torch")
VARY = {"tau_m": (5.0, 50.0), "C_m": Range(50.0, 500.0, log=True)}


def summary(responses):
    return np.column_stack(
        [
            responses.V_m.mean((0, 1)),
            responses.spikes.counts().reshape(responses.spikes.shape).sum(0),
        ]
    )


def test_the_true_parameters_give_the_data(recording):
    simulate = simulator(sl.LIF(V_reset=-65.0), vary=VARY, data=recording, summary=summary)
    theta = torch.tensor([[17.0, 180.0], [30.0, 400.0]])
    found = simulate(theta)
    assert found.shape == (2, 2)
    assert found.dtype == torch.float32
    observed = torch.as_tensor(summary(recording.responses)[0], dtype=torch.float32)
    torch.testing.assert_close(found[0], observed, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(found[1], observed, rtol=1e-2)
    torch.testing.assert_close(simulate(theta[0])[0], found[0])


def test_parameters_are_near_where_rejection_keeps_them(recording):
    """Sampling by rejection, the simplest inference, finds the parameters."""
    torch.manual_seed(1)
    theta = prior(VARY).sample((4000,))
    found = simulator(
        MODEL,
        vary=VARY,
        data=recording,
        summary=lambda r: r.V_m[500:640:20].reshape(-1, r.V_m.shape[2]).T,
    )(theta)
    observed = torch.as_tensor(recording.V_m[500:640:20].reshape(-1), dtype=torch.float32)
    nearest = theta[((found - observed) ** 2).mean(1).argsort()[:5]].mean(0)
    torch.testing.assert_close(nearest, torch.tensor([17.0, 180.0]), rtol=0.15, atol=0.0)


@pytest.mark.parametrize("vary", [VARY, {"tau_m": (5.0, 50.0), "C_m": (50.0, 500.0)}])
def test_the_prior_covers_the_ranges(vary):
    torch.manual_seed(0)
    made = prior(vary)
    theta = made.sample((4000,))
    assert theta.shape == (4000, 2)
    assert made.event_shape == (2,)
    assert 5.0 <= theta[:, 0].min() < 6.0
    assert 490.0 < theta[:, 1].max() <= 500.0
    log = isinstance(vary["C_m"], Range)
    assert float(theta[:, 1].median()) == pytest.approx(158.0 if log else 275.0, rel=0.07)
    density = made.log_prob(torch.tensor([[10.0, 100.0]])).exp()
    expected = 1 / 45 * (1 / (100 * np.log(10.0)) if log else 1 / 450)
    assert float(density[0]) == pytest.approx(expected, rel=1e-4)


def test_bad_arguments(recording):
    with pytest.raises(TypeError, match="summary must be a function"):
        simulator(MODEL, vary=VARY, data=recording, summary=3)
    with pytest.raises(TypeError, match="data must be a"):
        simulator(MODEL, vary=VARY, data=3, summary=summary)
    simulate = simulator(MODEL, vary=VARY, data=recording, summary=summary)
    with pytest.raises(
        ValueError, match="simulator: tau_m must lie in its range at index 0, got 60"
    ):
        simulate(torch.tensor([[60.0, 100.0]]))
    with pytest.raises(ValueError, match=r"must be \[candidates, 2\]"):
        simulate(torch.tensor([[60.0]]))
