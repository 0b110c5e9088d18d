"""Spike trains and potentials of current-based neurons are those of NEST."""

from __future__ import annotations

import numpy as np
import pytest
from tests.nest.networks import draw
from tests.nest.reference import Description, Synapses, assert_same_spikes, run_nest, run_spikelet

CASES = 24
STATES = {
    "exp": ("V_m", "I_syn_ex", "I_syn_in"),
    "alpha": ("V_m", "I_syn_ex", "I_syn_in"),
    "delta": ("V_m",),
}


@pytest.mark.parametrize("case", range(CASES))
@pytest.mark.parametrize("model", ["exp", "alpha", "delta"])
def test_spikes_are_identical(model: str, case: int) -> None:
    d = draw(model, case)
    expected = run_nest(d)
    rate = len(expected.spikes) / (d.n * d.duration * 1e-3)
    assert rate > 3.0, "the case would show little"
    assert_same_spikes(run_spikelet(d), expected, d.dt)


@pytest.mark.parametrize("model", ["exp", "alpha", "delta"])
def test_traces_are_equal(model: str) -> None:
    d = draw(model, 6)  # mixed delays, heterogeneous, dt 0.25
    expected = run_nest(d, STATES[model])
    got = run_spikelet(d, STATES[model])
    assert_same_spikes(got, expected, d.dt)
    for state in STATES[model]:
        want = expected.traces[state]
        assert want.std() > 1.0, f"{state} hardly moves"
        np.testing.assert_allclose(got.traces[state], want, rtol=1e-11, atol=1e-9, err_msg=state)


def test_threshold_is_inclusive() -> None:
    """A jump to exactly V_th fires, one to a little less does not."""
    below = np.nextafter(15.0, 0.0)
    d = Description(
        model="delta",
        dt=0.1,
        steps=100,
        n=2,
        params={
            "E_L": -70.0,
            "V_th": -55.0,
            "V_reset": -70.0,
            "t_ref": 2.0,
            "tau_m": 10.0,
            "C_m": 250.0,
        },
        v_init=np.full(2, -70.0),
        n_sources=1,
        source_steps=np.array([1]),
        source_ids=np.array([0]),
        synapses=[
            Synapses(
                pre=np.array([0, 0]),
                post=np.array([0, 1]),
                weight=np.array([15.0, below]),
                delay=np.full(2, 0.7),
                from_source=True,
            )
        ],
    )
    expected = run_nest(d)
    assert expected.spikes.tolist() == [[8, 0]]
    assert_same_spikes(run_spikelet(d), expected, d.dt)
