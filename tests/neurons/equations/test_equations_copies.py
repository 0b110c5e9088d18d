"""Copies of the kernels as equations fire the same spikes, and have the same bits where the operations are the same."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network, make
from tests.support.equation_copies import COPIES

import spikelet as sl

LINEAR = ["LIF", "LIFDelta", "LIFAlpha", "IF"]


def kernel(name: str) -> Any:
    return getattr(sl, name)


def cuba(kind: Callable[..., Any], dtype: str = "float64", **options: Any) -> tuple[list[Any], int]:
    """Return spikes, states and weights of a balanced network, with potentials relative to rest; and the spikes' count."""
    net = sl.Network(dt=0.1, seed=4, threads=1, dtype=dtype, **options)
    model = kind(tau_m=20.0, C_m=200.0, E_L=0.0, V_th=10.0, V_reset=-1.0, t_ref=2.0, tau_syn_ex=5.0, tau_syn_in=10.0,
                 I_e=[110.0] * 800 + [90.0] * 200)  # fmt: skip
    cells = net.population(1000, model)
    cells.V_m = sl.Uniform(0.0, 10.0)
    rule = sl.STDP(A_plus=1.0, A_minus=1.05, w_max=80.0)
    net.connect(
        cells[:800], cells[:800], sl.FixedProbability(0.05), weight=40.0, delay=1.5, plasticity=rule
    )
    net.connect(cells[:800], cells[800:], sl.FixedProbability(0.05), weight=40.0, delay=1.5)
    net.connect(cells[800:], cells, sl.FixedProbability(0.05), weight=-200.0, delay=1.0)
    net.inject(cells, sl.PoissonInput(500.0, 60.0))
    spikes = net.record(cells, "spikes")
    net.run(250.0)
    states = [np.asarray(getattr(cells, s)) for s in ("V_m", "I_syn_ex", "I_syn_in")]
    return [spikes.times, spikes.ids, net.projections[0].weights, *states], len(spikes.times)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", ["LIF", "IF"])
def test_the_same_bits(name: str, dtype: str) -> None:
    """With a rest at 0 mV, from where kernels count, the operations are the same."""
    kinds = [kernel(name), COPIES[name]]
    if name == "IF":
        kinds = [lambda tau_m, kind=kind, **p: kind(**p) for kind in kinds]
    (expected, n), (got, _) = (cuba(kind, dtype) for kind in kinds)
    assert n > 2000
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(b, a)


def brunel(kind: Callable[..., Any]) -> tuple[list[Any], int]:
    """Return the same of a network of delta synapses."""
    net = make(seed=5)
    model = kind(tau_m=20.0, C_m=1.0, E_L=0.0, V_th=20.0, V_reset=10.0, t_ref=2.0)
    cells = net.population(1000, model)
    rule = sl.STDP(A_plus=0.01, A_minus=0.01, w_max=0.4)
    net.connect(cells[:800], cells, sl.FixedIndegree(80), weight=0.2, delay=1.5, plasticity=rule)
    net.connect(cells[800:], cells, sl.FixedIndegree(20), weight=-1.0, delay=1.5)
    net.inject(cells, sl.PoissonInput(12_000.0, 0.1))
    spikes = net.record(cells, "spikes")
    net.run(200.0)
    return [spikes.times, spikes.ids, net.projections[0].weights, np.asarray(cells.V_m)], len(
        spikes.times
    )


def test_the_same_bits_of_delta_synapses() -> None:
    (expected, n), (got, _) = (brunel(kind) for kind in (sl.LIFDelta, COPIES["LIFDelta"]))
    assert n > 2000
    for a, b in zip(expected, got, strict=True):
        np.testing.assert_array_equal(b, a)


@pytest.mark.parametrize("theta", [False, True])
@pytest.mark.parametrize("name", LINEAR)
def test_the_same_spikes(name: str, theta: bool) -> None:
    """With noise, currents, plasticity, an adaptive threshold and E_L at -70 mV, which a kernel subtracts."""
    results = []
    for kind in (kernel(name), COPIES[name].model):
        net, cells, spikes, plastic = busy_network(kind, theta=theta)
        net.run(150.0)
        results.append((spikes.times, spikes.ids, plastic.weights, np.asarray(cells.V_m)))
    (times, ids, weights, v), (*got, other) = results
    assert len(times) > 1500
    for a, b in zip((times, ids, weights), got, strict=True):
        np.testing.assert_array_equal(b, a)
    np.testing.assert_allclose(other, v, rtol=1e-12)


def test_conductances_to_the_order_of_the_scheme() -> None:
    """Below the threshold: the copy is of order 4, and agrees with a kernel as well as that is exact."""
    differences = []
    for dt in (0.1, 0.05):
        values = []
        for kind in (sl.LIFCond, COPIES["LIFCond"].model):
            net = make(dt)
            cells = net.population(20, kind(V_th=1e6, tau_syn_ex=1.0))
            rng = np.random.default_rng(3)
            times = np.sort(rng.integers(1, 400, 300)) * 0.1
            spikes = net.population(20, sl.SpikeSource(times, rng.integers(0, 20, 300)))
            weights = rng.uniform(-20, 30, 20)
            net.connect(spikes, cells, sl.OneToOne(), weight=weights, delay=0.1)
            net.run(40.0)
            values.append(np.asarray(cells.V_m))
        differences.append(np.abs(values[0] - values[1]).max())
    assert differences[0] < 5e-3
    assert differences[1] < max(0.3 * differences[0], 1e-9)
