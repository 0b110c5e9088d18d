"""Projections from blocks are those from whole lists, to the bit."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet.network.streamed import StreamedProjection


def lists(n: int, seed: int = 0) -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(seed)
    ids = rng.integers(0, 30, (2, n)).astype(np.uint32)
    return ids[0], ids[1], rng.normal(0.0, 50.0, n), rng.integers(1, 40, n) * 0.1


def ends(dtype: Any = "float64") -> tuple[sl.Network, Any]:
    net = sl.Network(seed=1, threads=2, dtype=dtype)
    return net, net.population(30, sl.LIF(I_e=420.0), name="E")


def streamed(net: sl.Network, cells: Any, values: Any, size: int, **how: Any) -> sl.Projection:
    stream = StreamedProjection(net, cells, cells, **how)
    n = len(values[0])
    for begin in range(0, n, size + 1):
        stream.count(*(x[begin : begin + size + 1] for x in values[:2]))
    for begin in range(0, n, size):
        stream.place(*(x if len(x) == 1 else x[begin : begin + size] for x in values))
    return stream.connect()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("size", [1, 7, 1000])
def test_blocks_are_whole_lists(dtype: str, size: int) -> None:
    values = lists(300)
    found = []
    for block in (None, size):
        net, cells = ends(dtype)
        if block is None:
            p = net.connect(cells, cells, values[:2], weight=values[2], delay=values[3])
        else:
            p = streamed(net, cells, values, block)
        spikes = net.record(cells, "spikes")
        net.run(200.0)
        found.append((p.pre_ids, p.post_ids, p.weights, p.delays, spikes.times, spikes.ids))
        assert len(spikes.ids) > 50
    for a, b in zip(*found, strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_rule_and_a_receptor_are_those_of_the_projection() -> None:
    net, cells = ends()
    pre, post, weight, delay = lists(100)
    rule = sl.STDP(w_max=500.0)
    p = streamed(net, cells, (pre, post, np.abs(weight), delay), 30, receptor="in", plasticity=rule)
    assert p.plasticity is rule
    assert p.receptor == 1
    assert net.projections == (p,)


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {0: np.array([30], np.uint32)},
            "sources and targets must be elements of their populations",
        ),
        ({2: np.array([np.nan])}, "weight must be finite"),
        ({3: np.array([0.0])}, "delay must lie between dt"),
        ({2: np.array([600.0])}, r"weight must lie in \[w_min, w_max\]"),
    ],
)
def test_what_a_block_must_not_hold(change: dict[int, Any], text: str) -> None:
    net, cells = ends()
    one = np.zeros(1, np.uint32)
    values = [one, one, np.array([1.0]), np.array([1.0])]
    for k, value in change.items():
        values[k] = value
    with pytest.raises(ValueError, match=f"connect E -> E: {text}"):
        streamed(net, cells, values, 1, plasticity=sl.STDP(w_max=500.0))
    assert net.projections == ()


def test_all_that_was_counted_must_be_placed() -> None:
    net, cells = ends()
    stream = StreamedProjection(net, cells, cells)
    stream.count(np.zeros(2, np.uint32), np.zeros(2, np.uint32))
    with pytest.raises(
        ValueError, match="a source must have as many synapses placed as counted, and has fewer"
    ):
        stream.connect()
    with pytest.raises(ValueError, match="must be neurons"):
        StreamedProjection(net, cells, net.population(1, sl.PoissonSource(1.0)))
