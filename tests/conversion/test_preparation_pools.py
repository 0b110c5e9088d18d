"""Pools of parts instead of a concatenation."""

from __future__ import annotations

import numpy as np
from tests.support.conversions import IMAGES, branched

from spikelet import layers as L
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation import pool_parts
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel


def test_the_parts_are_pooled_with_the_same_result() -> None:
    before = branched()
    after = run_passes("test", before, pool_parts)
    names = [n.name for n in after]
    assert "both" not in names
    assert names.index("p2.1") == names.index("p2") - 1
    assert after["p2"].inputs == ("p2.0", "p2.1")
    one, other = (SpikingModel(g, threads=1).run(IMAGES, 1) for g in (before, after))
    np.testing.assert_array_equal(one.output, other.output)


def test_what_others_use_is_left_alone() -> None:
    graph = branched()
    shared = Graph([*graph.nodes, ("also", L.ReLU(), "both")], outputs=["out", "also"])
    assert run_passes("test", shared, pool_parts) is shared
    output = Graph(graph.nodes, outputs=["out", "rl"])
    assert run_passes("test", output, pool_parts) is output
    average = graph.replaced({"p2": L.AvgPool2d(2)})
    assert run_passes("test", average, pool_parts) is average
