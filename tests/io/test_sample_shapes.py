"""Shapes of samples: as given, as a converted model knows them, or as its first layers have them."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.io.sample_shapes import sample_shapes
from spikelet.layers.graph import Graph

VECTORS = Graph([("a", L.Linear(np.ones((2, 6))), "x")], inputs=["x"])
IMAGES = Graph([L.Conv2d(np.ones((1, 3, 2, 2)))])
SEVERAL = Graph(
    [("a", L.Linear(np.ones((2, 6))), "x"), ("b", L.Linear(np.ones((2, 5))), "y"), ("c", L.Add(), ("a", "b"))],
    inputs=["x", "y"],
)  # fmt: skip


def test_shapes_are_given_or_known_or_follow() -> None:
    assert sample_shapes("f", VECTORS, None) == {"x": (6,)}
    assert sample_shapes("f", SEVERAL, None) == {"x": (6,), "y": (5,)}
    assert sample_shapes("f", IMAGES, [3, 8, 9]) == {"input": (3, 8, 9)}
    assert sample_shapes("f", IMAGES, None, ((3, 8, 9),)) == {"input": (3, 8, 9)}
    assert sample_shapes("f", SEVERAL, {"y": (5,), "x": (np.int64(6),)}) == {"x": (6,), "y": (5,)}


@pytest.mark.parametrize(
    ("graph", "given", "rule"),
    [
        (IMAGES, None, r"input_shape must be the shape of one sample, as \(3, 32, 32\)"),
        (IMAGES, (3, 0, 8), "input_shape must be >= 1"),
        (IMAGES, (3, 2**20, 2**20), r"input_shape must give layers of fewer than 2\^31 values"),
        (IMAGES, (4, 8, 8), "input channels must be 3, got 4"),
        (SEVERAL, [(6,)], "input_shape must have a shape for each of x, y"),
        (SEVERAL, {"x": (6,)}, "input_shape must be of x, y"),
    ],
)
def test_shapes_that_no_model_takes(graph: Graph, given: object, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^f: .*{rule}"):
        sample_shapes("f", graph, given)
