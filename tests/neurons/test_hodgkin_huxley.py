"""Hodgkin-Huxley neurons against NEST and scipy at 1e-12."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.neuron_references import Drive, HodgkinHuxleyReference, integrate
from tests.support.neuron_runs import (
    AgainstNest,
    assert_defaults,
    assert_order,
    run,
    values_of,
)

import spikelet as sl

NEST = {"squid": "hh_psc_alpha", "traub": "hh_cond_exp_traub"}
SYNAPSES = {"squid": "psc_alpha", "traub": "cond_exp"}


@pytest.mark.parametrize("channels", NEST)
def test_defaults_are_nests(channels: str) -> None:
    assert_defaults(sl.HodgkinHuxley(channels=channels), NEST[channels])


@pytest.mark.parametrize("channels", NEST)
def test_agrees_with_nest(channels: str) -> None:
    """NEST steps adaptively, to a tolerance of 1e-6 (squid) and 1e-3 (Traub) a step; this method has order 2."""
    against = AgainstNest(NEST[channels], sl.HodgkinHuxley(channels=channels))
    assert against.dt == 0.01
    assert np.abs(against.late).max() < 0.1
    assert np.median(np.abs(against.difference("V_m"))) < 0.1
    for gate in ("Act_m", "Inact_h", "Act_n"):
        assert np.median(np.abs(against.difference(gate))) < 5e-4


@pytest.mark.parametrize("channels", NEST)
def test_order_through_a_spike(channels: str) -> None:
    """Nothing is reset, so V(t) is smooth through a spike."""
    model = sl.HodgkinHuxley(channels=channels)
    current = {"squid": 900.0, "traub": 500.0}[channels]
    drive = Drive([(1.0, current)])
    reference = HodgkinHuxleyReference(channels, SYNAPSES[channels], values_of(model))
    exact = integrate(reference, drive, 0.02, 10.0).values["V_m"]
    assert exact.max() > 20.0
    assert_order(model, reference, drive, 10.0, 2, dt=0.02)


@pytest.mark.parametrize("channels", NEST)
def test_runge_kutta_at_a_small_step(channels: str) -> None:
    model = sl.HodgkinHuxley(channels=channels, method="rk4")
    drive = Drive([(1.0, 600.0)])
    reference = HodgkinHuxleyReference(channels, SYNAPSES[channels], values_of(model))
    exact = integrate(reference, drive, 0.01, 10.0).values["V_m"]
    assert np.abs(run(model, drive, 0.01, 10.0).values["V_m"] - exact).max() < 1e-2


@pytest.mark.parametrize("kind", ["cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta"])
def test_all_synapses(kind: str) -> None:
    model = sl.HodgkinHuxley(synapses=kind)
    weight = {"cond": 2.0, "psc": 60.0, "delta": 2.0}[kind.split("_", maxsplit=1)[0]]
    drive = Drive([], [(2.0, weight, None), (5.0, -weight, None), (7.0, weight, None)])
    reference = HodgkinHuxleyReference(
        "squid", kind.replace("delta", "psc_delta"), values_of(model)
    )
    exact = integrate(reference, drive, 0.02, 12.0).values["V_m"]
    ours = run(model, drive, 0.02, 12.0).values["V_m"]
    assert np.ptp(exact) > 0.3
    assert np.abs(ours - exact).max() < 2e-3


def test_a_spike_is_the_first_step_of_the_fall_and_changes_nothing() -> None:
    drive = Drive([(1.0, 900.0)])
    spiking, silent = sl.HodgkinHuxley(), sl.HodgkinHuxley(t_ref=1000.0)
    ours = run(spiking, drive, 0.01, 40.0)
    v = ours.values["V_m"]
    assert len(ours.spikes) >= 2
    for spike in ours.spikes:
        assert v[spike - 1] > 0.0
        assert v[spike] < v[spike - 1]
        assert v[spike - 1] >= v[max(0, spike - 50) : spike + 50].max() - 0.05
    other = run(silent, drive, 0.01, 40.0)
    assert len(other.spikes) == 1
    assert np.array_equal(other.values["V_m"], v)


def test_gates_begin_at_equilibrium() -> None:
    net = sl.Network(threads=1, dtype="float64")
    neuron = net.population(1, sl.HodgkinHuxley(channels="traub", E_L=-62.0))
    start = {name: float(getattr(neuron, name)[0]) for name in ("Act_m", "Inact_h", "Act_n")}
    reference = HodgkinHuxleyReference("traub", "cond_exp", values_of(neuron.model))
    assert float(neuron.V_m[0]) == -62.0
    for gate, value in start.items():
        assert value == pytest.approx(reference.start[gate], rel=1e-12)


def test_unknown_channels() -> None:
    with pytest.raises(ValueError, match='channels must be "squid" or "traub"'):
        sl.HodgkinHuxley(channels="cat")  # type: ignore[arg-type]
