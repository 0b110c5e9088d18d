"""GIF against NEST: without chance where the threshold is sharp, and in distribution where it is not."""

from __future__ import annotations

import numpy as np
import pytest
from tests.nest import references
from tests.support.neuron_references import GIFReference, integrate
from tests.support.neuron_runs import (
    AgainstNest,
    assert_defaults,
    parameters_of,
    run,
    values_of,
)

import spikelet as sl


@pytest.mark.parametrize("kind", ["psc_exp", "cond_exp"])
def test_defaults_are_nests(kind: str) -> None:
    assert_defaults(sl.GIF(synapses=kind), f"gif_{kind}")


@pytest.mark.parametrize("kind", ["psc_exp", "cond_exp"])
def test_agrees_with_nest_where_the_threshold_is_sharp(kind: str) -> None:
    """NEST's treatment of adaptation and of events is of order 1: ten times smaller a step, ten times closer."""
    for suffix, late, median in (("", 0.11, 0.1), ("_fine", 0.011, 0.01)):
        name = f"gif_{kind}{suffix}"
        against = AgainstNest(name, sl.GIF(synapses=kind, **parameters_of(name)))
        assert np.abs(against.late).max() < late
        assert np.median(np.abs(against.difference("V_m"))) < median


@pytest.mark.parametrize("kind", ["psc_exp", "cond_exp"])
def test_spikes_are_those_of_scipy(kind: str) -> None:
    name = f"gif_{kind}"
    model = sl.GIF(synapses=kind, **parameters_of(name))
    against = AgainstNest(name, model)
    exact = integrate(
        GIFReference(kind, values_of(model) | parameters_of(name)), against.drive, 0.1, 200.0
    )
    ours = run(model, against.drive, 0.1, 200.0)
    assert ours.spikes == exact.spikes
    assert len(exact.spikes) > 4
    tolerance = 1e-9 if kind == "psc_exp" else 1e-3
    for state, values in ours.values.items():
        np.testing.assert_allclose(values, exact.values[state], rtol=0, atol=tolerance)


def test_chance_has_nests_distribution() -> None:
    """Counts and intervals of 2000 neurons; NEST differs by its order in dt, some 0.5 % of the adaptation."""
    setting, nest = references.STOCHASTIC, references.load("gif_psc_exp_stochastic")
    net = sl.Network(dt=setting["dt"], seed=5, threads=1)
    neurons = net.population(setting["n"], sl.GIF(**setting["parameters"]))
    spikes = net.record(neurons, "spikes")
    net.run(setting["duration"])
    ours, theirs = spikes.counts(), nest["counts"]
    error = np.hypot(ours.std(), theirs.std()) / np.sqrt(setting["n"])
    assert theirs.mean() > 3.0
    assert abs(ours.mean() - theirs.mean()) < 4 * error + 0.01 * theirs.mean()
    assert ours.std() == pytest.approx(theirs.std(), rel=0.1)
    order = np.lexsort((spikes.times, spikes.ids))
    times, ids = spikes.times[order], spikes.ids[order]
    intervals = np.diff(times)[np.diff(ids) == 0]
    quantiles = np.quantile(intervals, np.linspace(0.1, 0.9, 9))
    expected = nest["quantiles"][10:100:10] * setting["dt"]
    np.testing.assert_allclose(quantiles, expected, rtol=0.05)


def test_any_number_of_kernels() -> None:
    assert sl.GIF().states == ("V_m", "I_syn_ex", "I_syn_in")
    model = sl.GIF(tau_sfa=[10.0, 20.0, 30.0], q_sfa=[1.0, [2.0, 3.0], 4.0])
    assert model.states == ("V_m", "sfa_1", "sfa_2", "sfa_3", "I_syn_ex", "I_syn_in")
    assert model.tau_sfa_3 == 30.0
    assert model.q_sfa_2.tolist() == [2.0, 3.0]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"tau_stc": [1.0]}, "tau_stc and q_stc must have the same length"),
        ({"tau_sfa": [0.0], "q_sfa": [1.0]}, "tau_sfa_1 must be > 0"),
        ({"synapses": "psc_alpha"}, 'synapses must be "psc_exp" or "cond_exp"'),
    ],
    ids=("lengths", "value", "synapses"),
)
def test_wrong_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sl.GIF(**arguments)  # type: ignore[arg-type]


def test_a_number_instead_of_kernels() -> None:
    with pytest.raises(TypeError, match="GIF: tau_stc must be a sequence"):
        sl.GIF(tau_stc=5.0)  # type: ignore[arg-type]
