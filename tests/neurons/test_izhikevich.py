"""Izhikevich's neuron against NEST at a small step, and scipy at 1e-12."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.neuron_references import Drive, IzhikevichReference, integrate
from tests.support.neuron_runs import (
    AgainstNest,
    assert_defaults,
    assert_order,
    run,
    values_of,
)

import spikelet as sl


def test_defaults_are_nests() -> None:
    assert_defaults(sl.Izhikevich(), "izhikevich")


def test_begins_on_the_line_of_recovery() -> None:
    net = sl.Network(threads=1, dtype="float64")
    neurons = net.population(2, sl.Izhikevich(b=[0.2, 0.25]))
    assert np.array_equal(neurons.V_m, [-65.0, -65.0])
    assert np.allclose(neurons.U_m, [-13.0, -16.25], rtol=1e-15)


def test_agrees_with_nest_at_a_small_step() -> None:
    """NEST is Euler's method; at dt = 0.001 ms it is within 0.1 ms of the equations, at 0.1 ms some ms away."""
    against = AgainstNest("izhikevich_fine", sl.Izhikevich(), dt=0.01)
    assert np.abs(against.late).max() < 0.1
    assert np.median(np.abs(against.difference("V_m"))) < 0.02
    assert np.median(np.abs(against.difference("U_m"))) < 0.01
    coarse = AgainstNest("izhikevich", sl.Izhikevich())
    assert np.abs(coarse.late).max() > 1.0


def test_spikes_are_those_of_scipy() -> None:
    model = sl.Izhikevich(a=0.1, b=0.2, c=-60.0, d=2.0)
    drive = Drive([(5.0, 10.0), (70.0, 4.0)], [(30.0, 4.0, None), (50.0, -6.0, None)])
    exact = integrate(IzhikevichReference(values_of(model)), drive, 0.01, 100.0)
    ours = run(model, drive, 0.01, 100.0)
    assert len(exact.spikes) == len(ours.spikes) >= 4
    assert np.abs(np.array(ours.spikes) - exact.spikes).max() * 0.01 < 0.1


@pytest.mark.parametrize(("method", "order"), [("rk2", 2), ("rk4", 4)])
def test_order(method: str, order: int) -> None:
    model = sl.Izhikevich(method=method)
    drive = Drive([(5.0, 3.0)], [(10.0, 2.0, None), (20.0, -6.0, None)])
    assert_order(model, IzhikevichReference(values_of(model)), drive, 40.0, order, dt=0.2)
