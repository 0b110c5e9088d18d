"""Signals within a run: those that come at given times or after spikes are those that come between runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl

REWARD = sl.SynapseEquations(
    "dx/dt = -x/tau; dy/dt = -y/tau; dc/dt = -c/tau_c",
    on_pre="c -= A*y; x += 1",
    on_post="c += A*x; y += 1",
    on_signal="w = clip(w + signal*c, 0, w_max); c *= 0.5",
    parameters={"tau": (20.0, "ms"), "tau_c": (200.0, "ms"), "A": 1.0, "w_max": 100.0},
)
AT, TWICE = (0.0, 3.1, 20.0, 20.0, 33.3, 33.4, 50.0), 20.0


def rewarded(threads: int = 1, dtype: str = "float64") -> tuple[sl.Network, sl.Projection, Any]:
    """Return a plastic network, its synapses, and neurons that spike at `AT`, twice at `TWICE`."""
    net = sl.Network(dt=0.1, seed=3, threads=threads, dtype=dtype)
    sources = net.population(30, sl.PoissonSource(rate=60.0))
    cells = net.population(40, sl.LIF(t_ref=1.0, I_e=390.0))
    p = net.connect(
        sources, cells, sl.FixedProbability(0.5), weight=50.0, delay=1.3, plasticity=REWARD
    )
    net.connect(cells, cells, sl.FixedIndegree(5), weight=-20.0, delay=0.4)
    ids = [0, 1, 1, 2, 3, 1, 0]
    return net, p, net.population(5, sl.SpikeSource(AT, ids), name="dopamine")


def look(net: sl.Network, p: sl.Projection) -> list[bytes]:
    states = [net.populations[1].V_m, p.weights, *p.traces.values()]
    return [np.asarray(x).tobytes() for x in states]


def by_hand(signals: list[tuple[float, float]], until: float = 60.0) -> list[bytes]:
    """Return what runs give that stop for each signal, (time, value)."""
    net, p, _ = rewarded()
    for time, value in signals:
        net.run(time - net.t) if time - net.t > 1e-9 else None
        p.signal(value)
    net.run(until - net.t)
    return look(net, p)


@pytest.mark.parametrize("delay", [0.1, 0.7, 2.0])
def test_spikes_signal(delay: float) -> None:
    each = [(round(t + delay, 1), 0.5 if t != TWICE else 1.0) for t in sorted(set(AT))]
    expected = by_hand(each)
    net, p, dopamine = rewarded()
    p.signal(0.5, spikes=dopamine, delay=delay)
    net.run(60.0)
    assert look(net, p) == expected
    assert p.weights.std() > 0
    net, p, dopamine = rewarded(threads=3)
    p.signal(0.5, spikes=dopamine, delay=delay)
    for cut in (0.1, 3.0, 17.2, 13.1, 0.3, 26.3):
        net.run(cut)
        look(net, p)
    assert look(net, p) == expected


def test_times_signal() -> None:
    expected = by_hand([(5.0, 0.5), (5.0, -0.2), (5.1, 1.0), (40.0, 0.7)])
    net, p, _ = rewarded()
    p.signal([0.5, -0.2, 0.7], times=[5.0, 5.0, 40.0])
    p.signal(1.0, times=5.1)
    net.run(60.0)
    assert look(net, p) == expected


def test_a_slice_and_another_value() -> None:
    expected = by_hand([(4.1, 2.0), (21.0, 4.0), (34.4, 3.0)])
    net, p, dopamine = rewarded()
    p.signal(2.0, spikes=dopamine[1:3], delay=1.0)  # elements 1 and 2: at 3.1, 20.0 (twice: 1, 2)
    net.run(25.0)
    p.signal(3.0, spikes=dopamine[1:3], delay=1.0)  # at 33.4
    net.run(20.0)
    p.signal(0.0, spikes=dopamine[1:3])
    p.signal(0.0, spikes=dopamine[:2])  # nobody's
    net.run(15.0)
    assert look(net, p) == expected


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_saved_with_signals_under_way(dtype: str, tmp_path: Path) -> None:
    def start(threads: int) -> tuple[sl.Network, sl.Projection]:
        net, p, dopamine = rewarded(threads, dtype)
        p.signal(0.5, spikes=dopamine, delay=2.0)
        p.signal(-0.3, times=[34.0, 51.0])
        return net, p

    base, p = start(1)
    base.run(60.0)
    net, _ = start(2)
    for cut in (21.0, 12.4, 0.5, 26.1):  # a spike at 20.0 and those at 33.3, 33.4 are under way
        net.run(cut)
        net.save(tmp_path / "net")
        net = sl.Network.load(tmp_path / "net", threads=3)
    assert look(net, net.projections[0]) == look(base, p)
    unrewarded, q, _ = rewarded(1, dtype)
    unrewarded.run(60.0)
    assert look(unrewarded, q) != look(base, p)


def test_spikes_before_and_a_reset() -> None:
    """Spikes of before do not count, even if they are still on their way elsewhere; a reset cancels times alone."""
    expected = by_hand([(34.3, 1.0), (34.4, 1.0), (51.0, 1.0)])
    net, p, dopamine = rewarded()
    net.connect(dopamine, net.populations[1], sl.AllToAll(), weight=0.0, delay=3.0)
    net.run(20.0)
    p.signal(1.0, spikes=dopamine, delay=1.0)
    net.run(40.0)
    assert look(net, p) == expected
    p.signal(9.0, times=70.0)
    net.reset()
    net.run(75.0)
    again = by_hand([(round(t + 1.0, 1), 1.0 + (t == TWICE)) for t in sorted(set(AT))], 75.0)
    assert look(net, p) == again


def test_bad_signals() -> None:
    net, p, dopamine = rewarded()
    other = make().population(2, sl.LIF())
    net.run(10.0)
    for given, error, message in (
        ({"times": 10.0}, ValueError, r"times must be after the present \(leave out times= for now\), got 10"),
        ({"times": [12.0, 11.0]}, ValueError, "times must ascend"),
        ({"times": 12.05}, ValueError, "must lie on the grid"),
        ({"times": [11.0, 12.0], "value": [1.0, 2.0, 3.0]}, ValueError, "must have the same length"),
        ({"times": 12.0, "value": np.nan}, ValueError, "value must not contain NaN"),
        ({"times": 12.0, "spikes": dopamine}, ValueError, "must not be given with times"),
        ({"spikes": [1, 2]}, TypeError, "spikes must be a Population"),
        ({"spikes": other}, ValueError, "must be one population of this network"),
        ({"spikes": net.populations[0] + dopamine}, ValueError, "must be one population of this network"),
        ({"spikes": dopamine[::2]}, ValueError, "with ids in a row"),
        ({"spikes": dopamine, "delay": 0.05}, ValueError, "delay must be a multiple of dt"),
        ({"spikes": dopamine, "delay": 0.0}, ValueError, "delay must be > 0"),
        ({"spikes": dopamine, "value": np.inf}, ValueError, "value must be finite"),
    ):  # fmt: skip
        with pytest.raises(error, match=message):
            p.signal(**{"value": 1.0, **given})
    assert net.engine.sim.signals() == ([], [])


@pytest.mark.parametrize("what", ["projection", "population"])
def test_signals_of_what_is_removed_end(what: str, tmp_path: Path) -> None:
    net, p, dopamine = rewarded()
    p.signal(0.5, spikes=dopamine, delay=2.0)
    p.signal(0.5, times=[40.0])
    net.run(10.0)
    (p if what == "projection" else dopamine).remove()
    net.save(tmp_path / "net.npz")
    loaded = sl.Network.load(tmp_path / "net.npz")
    for each in net, loaded:
        each.run(50.0)
    if what == "population":
        assert look(net, p) == look(loaded, loaded.projections[0])
        assert look(net, p) == by_hand([(2.0, 0.5), (5.1, 0.5), (40.0, 0.5)])
    else:
        assert len(net.projections) == len(loaded.projections) == 1
        cells = [np.asarray(each.populations[1].V_m).tobytes() for each in (net, loaded)]
        assert cells[0] == cells[1]


def test_synapses_that_stay_hear_signals() -> None:
    net, p, dopamine = rewarded()
    p.signal(0.5, spikes=dopamine, delay=2.0)
    net.run(10.0)
    p.remove(np.arange(len(p)) % 3 == 0)
    before = p.weights
    net.run(30.0)
    assert (p.weights != before).any()
