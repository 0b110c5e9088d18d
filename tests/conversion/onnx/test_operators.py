"""ONNX operators as layers."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from tests.support.onnx_models import bn, model

from spikelet import layers as L
from spikelet.conversion.onnx.reader import read_onnx


@pytest.mark.parametrize(
    ("places", "how"),
    [("asymmetric", "floor"), ("half_pixel", "round_prefer_floor"),
     ("pytorch_half_pixel", "round_prefer_ceil")],
)  # fmt: skip
@pytest.mark.parametrize("factor", [2, 3, 4])
def test_ways_to_repeat_pixels(places: str, how: str, factor: int) -> None:
    up = helper.make_node(
        "Resize", ["x", "", "scales"], ["y"], name="up", mode="nearest", nearest_mode=how,
        coordinate_transformation_mode=places,
    )  # fmt: skip
    graph, _ = read_onnx(model([up], scales=np.array([1, 1, factor, 1], np.float32)))
    assert graph["up"].layer.scale_factor == (factor, 1)


def test_a_trained_batch_norm_may_have_trivial_statistics() -> None:
    assert isinstance(read_onnx(bn(beta=[1, 2, 3]))[0].output.layer, L.Affine)
