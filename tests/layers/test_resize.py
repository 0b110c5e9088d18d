"""Interpolation against PyTorch, and of spikes step by step."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from tests.support.layer_checks import Make, parameters_are_refused
from tests.support.layer_runs import check_ann, check_steps, evaluate, tensor

from spikelet import layers as L

SHAPES = {1: (3, 11), 2: (3, 6, 7), 3: (2, 4, 5, 6)}
LINEAR = {1: "linear", 2: "bilinear", 3: "trilinear"}
SIZES = [5, 13, (8, 3, 9)]


@pytest.mark.parametrize("size", SIZES, ids=str)
@pytest.mark.parametrize("axes", [1, 2, 3])
def test_values_are_those_of_pytorch(axes: int, size: Any) -> None:
    x = np.random.default_rng(axes).normal(size=(2, *SHAPES[axes]))
    size = size[:axes] if isinstance(size, tuple) else size

    def check(layer: L.Resize, mode: str, **options: Any) -> None:
        check_ann([layer], [x], F.interpolate(tensor(x), size, mode=mode, **options), 1e-11)

    check(L.Resize(size, "nearest", "asymmetric"), "nearest")
    check(L.Resize(size, "nearest", rounding="round_prefer_ceil"), "nearest-exact")
    check(L.Resize(size, "linear"), LINEAR[axes])
    check(L.Resize(size, "linear", "align_corners"), LINEAR[axes], align_corners=True)
    if axes == 2:
        check(L.Resize(size, "cubic"), "bicubic")
        check(L.Resize(size, "cubic", "align_corners"), "bicubic", align_corners=True)


def test_coordinates_and_rounding_of_onnx() -> None:
    """Places worked out by hand from the operator's definition."""
    x = np.array([[[1.0, 2.0, 3.0, 4.0]]])

    def resized(*arguments: Any, **options: Any) -> list[float]:
        return evaluate([L.Resize(*arguments, **options)], x).ravel().tolist()

    assert resized(1, "linear", "pytorch_half_pixel") == [1]
    assert resized(1, "linear", "half_pixel") == [2.5]
    assert resized(2, "nearest", "half_pixel", "ceil") == [2, 4]  # places 0.5 and 2.5
    assert resized(2, "nearest", "half_pixel", "round_prefer_floor") == [1, 3]
    assert resized(2, "nearest", "half_pixel", "round_prefer_ceil") == [2, 4]
    # With 0.6 outputs an input, of which two are computed: places (i + 1/2) / 0.6 - 1/2.
    np.testing.assert_allclose(resized(2, "linear", scale=0.6), [4 / 3, 3])
    # The same around the centre: the two outputs stand for 10/3 of the 4 inputs.
    np.testing.assert_allclose(
        resized(2, "linear", "half_pixel_symmetric", scale=0.6), [5 / 3, 10 / 3]
    )
    # Of the four weights at 0.25, the first lies outside: the others are scaled to a sum of 1.
    found = resized(16, "cubic", "asymmetric", exclude_outside=True)[1]
    a, d = -0.75, np.array([1.25, 0.25, 0.75, 1.75])
    near = ((a + 2) * d - (a + 3)) * d * d + 1
    far = ((d - 5) * d + 8) * d * a - 4 * a
    weights = np.where(d <= 1, near, far)[1:]
    np.testing.assert_allclose(found, weights @ [1, 2, 3] / weights.sum())


@pytest.mark.parametrize("mode", ["nearest", "linear", "cubic"])
def test_each_step_of_spikes_and_of_values(mode: Any) -> None:
    check_steps([L.Resize((9, 3), mode)], (6, 5, 4))


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.Resize, {"size": 0}, ValueError, ("size", ">= 1")),
    (L.Resize, {"size": 2, "mode": "area"}, ValueError, ("mode", '"cubic"', "area")),
    (L.Resize, {"size": 2, "coordinates": "tf"}, ValueError, ("coordinates", '"asymmetric"')),
    (L.Resize, {"size": 2, "rounding": "up"}, ValueError, ("rounding", '"ceil"')),
    (L.Resize, {"size": 2, "scale": 0.0}, ValueError, ("scale", "> 0")),
    (L.Resize, {"size": (2, 2), "scale": (1.0,)}, ValueError, ("scale", "one number or 2")),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


@pytest.mark.parametrize("shape", [(3,), (3, 4, 5), (3, 4, 5, 6, 7)])
def test_shapes_that_do_not_fit_are_refused(shape: Any) -> None:
    with pytest.raises(
        ValueError, match=r"^Resize 'here': input shape must be channels and the axes"
    ):
        L.Resize((2,)).output_shape([shape], "here")
