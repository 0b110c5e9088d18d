"""Graphs in the core's terms: numbers of layers, and shapes that are kept where the order of values is."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layers_reference import random_graph

from spikelet import layers as L
from spikelet.layers.base import Layer
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.to_core import lower

RNG = np.random.default_rng(0)


def test_each_layer_has_a_number_and_flattening_none_of_its_own() -> None:
    graph = Graph(
        [
            ("c", L.Conv2d(RNG.normal(size=(3, 2, 3, 3))), "input"),
            ("n", L.IF(np.ones(3)), "c"),
            ("flat", L.Flatten(), "n"),
            ("fc", L.Linear(RNG.normal(size=(4, 24))), "flat"),
        ]
    )
    numbers = lower(graph, (2, 6, 4)).numbers
    assert list(numbers) == ["input", "c", "n", "flat", "fc"]
    assert numbers["flat"] == numbers["n"]
    assert len({numbers[name] for name in ("input", "c", "n", "fc")}) == 4
    assert numbers["input"] < numbers["c"] < numbers["n"] < numbers["fc"]


@pytest.mark.parametrize("seed", range(20))
def test_inputs_come_before_what_takes_them(seed: int) -> None:
    graph, shape = random_graph(np.random.default_rng(seed))
    numbers = lower(graph, shape).numbers
    assert numbers.keys() == {"input", *(node.name for node in graph)}
    for node in graph:
        if not isinstance(node.layer, L.Flatten):
            assert all(numbers[name] < numbers[node.name] for name in node.inputs)


@pytest.mark.parametrize("threshold", [0.8, RNG.uniform(0.5, 1.5, 24)])
def test_a_flattened_picture_keeps_its_order(threshold: Any) -> None:
    """Neurons behind `Flatten` see channels first, whether their parameters are one number or one each."""
    x = RNG.uniform(0, 1, (5, 2, 4, 3))
    flat = SpikingModel([L.Flatten(), ("n", L.IF(threshold), "flatten0")], threads=1)
    vector = SpikingModel([("n", L.IF(threshold), "input")], threads=1)
    found = flat.run(x, 9, record="n")["n"]
    wanted = vector.run(x.reshape(5, 24), 9, record="n")["n"]
    assert 0 < np.count_nonzero(wanted) < wanted.size
    np.testing.assert_array_equal(found.reshape(wanted.shape), wanted)


def test_unknown_layers_are_refused() -> None:
    class Other(Layer):
        pass

    problem = (
        r"^SpikingModel: layer 'odd': the core has no Other; build the model from .* sl\.layers"
    )
    with pytest.raises(TypeError, match=problem):
        lower(Graph([("odd", Other(), "input")]), (3,))
