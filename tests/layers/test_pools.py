"""Pools: shapes, and what they refuse."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest
from tests.support.layer_checks import Make, check_refused, check_shape

from spikelet import layers as L

ONES = np.ones

SHAPES: list[tuple[Any, list[tuple[int, ...]], tuple[int, ...]]] = [
    (L.AvgPool2d(2), [(3, 5, 4)], (3, 2, 2)),
    (L.AvgPool2d(2, ceil_mode=True), [(3, 5, 4)], (3, 3, 2)),
    (L.AvgPool2d((3, 1), (1, 2), (1, 0)), [(3, 5, 4)], (3, 5, 2)),
    # A last window that would begin in the padding does not count.
    (L.AvgPool2d(2, 3, 1, ceil_mode=True), [(1, 5, 4)], (1, 2, 2)),
    (L.MaxPool2d(3, 2, 1), [(3, 5, 4)], (3, 3, 2)),
    (L.MaxPool2d(5), [(3, 5, 5)], (3, 1, 1)),
    (L.AdaptiveAvgPool2d((2, 7)), [(3, 5, 4)], (3, 2, 7)),
]


@pytest.mark.parametrize(("layer", "given", "wanted"), SHAPES)
def test_shapes(layer: Any, given: list[tuple[int, ...]], wanted: tuple[int, ...]) -> None:
    check_shape(layer, given, wanted)


REFUSED_SHAPES: list[tuple[Any, list[tuple[int, ...]], str]] = [
    (L.AvgPool2d(3), [(2, 2, 9)], "AvgPool2d 'here': input size must be at least 3, got 2"),
    (
        L.AvgPool2d(3),
        [(9,)],
        "AvgPool2d 'here': input shape must be (channels, height, width), got (9,)",
    ),
    (L.MaxPool2d(3), [(2, 9, 1)], "MaxPool2d 'here': input size must be at least 3, got 1"),
    (
        L.AdaptiveAvgPool2d(1),
        [(2,)],
        "AdaptiveAvgPool2d 'here': input shape must be (channels, height, width), got (2,)",
    ),
]


@pytest.mark.parametrize(("layer", "given", "message"), REFUSED_SHAPES)
def test_shapes_that_do_not_fit_are_refused(
    layer: Any, given: list[tuple[int, ...]], message: str
) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        layer.output_shape(given, "here")


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.AvgPool2d, {"kernel_size": 0}, ValueError, ("kernel_size", ">= 1", "got 0")),
    (L.AvgPool2d, {"kernel_size": 2, "stride": 0}, ValueError, ("stride", ">= 1", "got 0")),
    (L.AvgPool2d, {"kernel_size": 2, "padding": 2}, ValueError, ("padding", "half", "(2, 2)")),
    (L.MaxPool2d, {"kernel_size": (2, 3, 4)}, ValueError, ("kernel_size", "(2, 3, 4)")),
    (L.MaxPool2d, {"kernel_size": 2, "of": "rate"}, ValueError, ("of", '"counts"', "'rate'")),
    (L.AdaptiveAvgPool2d, {"output_size": 0}, ValueError, ("output_size", ">= 1", "got 0")),
    (L.AdaptiveAvgPool2d, {"output_size": None}, TypeError, ("output_size", "None")),
]


@pytest.mark.parametrize(("make", "arguments", "kind", "words"), REFUSED)
def test_parameters_that_make_no_sense_are_refused(
    make: Make, arguments: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
) -> None:
    check_refused(make, arguments, kind, words)
