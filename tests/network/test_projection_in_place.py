"""Weights that are set without another layout: one weight for another, and 0."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl

VALUES = (3.0, 0.0, 8.0, 8.0, 0.0, 2.0)  # of a magnitude, from run to run

Run = tuple[sl.Network, list[sl.Projection], Any]


def driven(model: Any, threads: int, *, one: bool, **how: Any) -> Run:
    """Return a network of two projections, excitatory and inhibitory, with one weight each or one for each synapse."""
    net = make(threads=threads)
    noise = net.population(40, sl.LIF(I_e=np.linspace(600.0, 3000.0, 40)))
    cells = net.population(300, model)
    cells.V_m = sl.Uniform(-70.0, -56.0)
    projections = []
    for part, weight in ((noise[:30], 2.0), (noise[30:], -2.0)):
        rule = sl.FixedProbability(0.5)
        p = net.connect(part, cells, rule, weight=weight, delay=0.3, **how)
        if not one:
            net.prepare()
            p.weights = weight * np.linspace(0.5, 1.0, len(p))
            net.prepare()
        projections.append(p)
    return net, projections, net.record(cells, ["V_m", *currents(model)])


def currents(model: Any) -> list[str]:
    return ["g_ex", "g_in"] if isinstance(model, sl.LIFCond) else ["I_syn_ex", "I_syn_in"]


def run(of: Run, scale: float) -> Any:
    net, (ex, inh), recorder = of
    for value in VALUES:
        ex.weights = scale * value
        inh.weights = -scale * value
        for p in (ex, inh):
            assert np.all(np.abs(p.weights) == scale * value)
            assert value > 0 or not np.signbit(p.weights).any()
        net.run(4.7)
    return recorder.values


@pytest.mark.parametrize("threads", [1, 3])
@pytest.mark.parametrize(
    ("model", "scale"), [(sl.LIF(I_e=300.0), 20.0), (sl.LIFCond(I_e=200.0), 0.5)]
)
def test_one_weight_becomes_another_in_place(model: Any, scale: float, threads: int) -> None:
    """The bits are those of rows that have a weight for each synapse."""
    of = driven(model, threads, one=True)
    of[0].prepare()
    assert all("one weight" in repr(p) for p in of[1])
    layouts = of[0].engine.sim.layouts
    values = run(of, scale)
    assert of[0].engine.sim.layouts == layouts
    assert len(np.unique(values)) > 1000
    assert np.ptp(values, axis=(1, 2)).all()
    for_each = driven(model, threads, one=False)
    np.testing.assert_array_equal(values, run(for_each, scale))
    assert not any("one weight" in repr(p) for p in for_each[1])


@pytest.mark.parametrize("bits", ["float", "int16"])
def test_weights_of_0_keep_their_receptor(bits: str, tmp_path: Path) -> None:
    of = driven(
        sl.LIF(I_e=300.0), 2, one=False, **({"weight_dtype": bits} if bits == "int16" else {})
    )
    net, (_, inh), _ = of
    net.run(5.0)
    layouts = net.engine.sim.layouts
    before = inh.weights
    inh.weights = np.where(np.arange(len(inh)) % 3 == 0, 0.0, before)
    assert not np.signbit(inh.weights[::3]).any()
    net.save(tmp_path / "zeros.npz")
    net.run(10.0)
    assert net.engine.sim.layouts == layouts
    loaded = sl.Network.load(tmp_path / "zeros.npz")
    loaded.run(10.0)
    for state in ("V_m", "I_syn_ex", "I_syn_in"):
        mine, other = (np.array(getattr(n.populations[1], state)) for n in (net, loaded))
        assert mine.tobytes() == other.tobytes()
    inh.weights = before
    net.run(1.0)
    assert net.engine.sim.layouts == layouts
    inh.weights = -before  # another receptor
    net.run(1.0)
    assert net.engine.sim.layouts == layouts + 1
    np.testing.assert_array_equal(inh.weights, -before)


@pytest.mark.parametrize("threads", [1, 3])
def test_projections_that_share_lines_keep_their_own_weights(threads: int) -> None:
    """A line of one weight may have targets in two populations."""

    def build(
        first: float, second: float
    ) -> tuple[sl.Network, list[sl.Projection], sl.StateRecorder]:
        net = make(threads=threads)
        noise = net.population(20, sl.PoissonSource(300.0))
        a, b = net.population(25, sl.LIF()), net.population(25, sl.LIF())
        both = [
            net.connect(noise, of, sl.AllToAll(), weight=w, delay=0.2)
            for of, w in ((a, first), (b, second))
        ]
        return net, both, net.record(b, "V_m")

    net, (to_a, to_b), recorder = build(5.0, 5.0)
    net.prepare()
    assert "one weight" in repr(to_a)
    to_a.weights = 9.0
    assert np.all(to_a.weights == 9.0)
    assert np.all(to_b.weights == 5.0)
    net.run(20.0)
    other, _, expected = build(9.0, 5.0)
    other.run(20.0)
    np.testing.assert_array_equal(recorder.values, expected.values)
    np.testing.assert_array_equal(net.populations[1].V_m, other.populations[1].V_m)
    layouts = net.engine.sim.layouts
    to_a.weights = 4.0  # lines end where the weight changes, so they are no longer shared
    net.run(1.0)
    assert np.all(to_b.weights == 5.0)
    assert net.engine.sim.layouts == layouts
