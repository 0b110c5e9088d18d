"""Layers that are linear in their input: shapes, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
from tests.support.layer_checks import Make, parameters_are_refused, shapes_are, shapes_are_refused

from spikelet import layers as L

NAN, INF = np.nan, np.inf
ONES = np.ones
K = ONES((2, 2, 3, 3))

SHAPES: list[tuple[Any, list[tuple[int, ...]], tuple[int, ...]]] = [
    (L.Linear(ONES((3, 4))), [(4,)], (3,)),
    (L.Conv2d(ONES((6, 2, 3, 3))), [(2, 5, 7)], (6, 3, 5)),
    (L.Conv2d(ONES((6, 2, 3, 2)), padding=1, stride=2), [(2, 5, 7)], (6, 3, 4)),
    (L.Conv2d(ONES((6, 2, 3, 3)), padding=(0, 2), dilation=(1, 3)), [(2, 5, 7)], (6, 3, 5)),
    (L.Conv2d(ONES((6, 2, 2, 2)), padding=(1, 0, 0, 2), stride=(1, 3)), [(2, 5, 7)], (6, 5, 3)),
    (L.Conv2d(ONES((6, 2, 1, 1)), groups=3), [(6, 1, 1)], (6, 1, 1)),
    (L.Flatten(), [(3, 5, 4)], (60,)),
    (L.Flatten(), [(3,)], (3,)),
    (L.Add(), [(3, 5, 4)] * 3, (3, 5, 4)),
    (L.Concat(), [(3, 5, 4), (1, 5, 4), (2, 5, 4)], (6, 5, 4)),
    (L.Concat(), [(3,), (4,)], (7,)),
    (L.Upsample((2, 3)), [(3, 5, 4)], (3, 10, 12)),
    (L.Affine(ONES(3)), [(3, 5, 4)], (3, 5, 4)),
]


test_shapes = shapes_are(SHAPES)


REFUSED_SHAPES: list[tuple[Any, list[tuple[int, ...]], str]] = [
    (L.Linear(ONES((3, 4))), [(5,)], "Linear 'here': input shape must be (4,), got (5,)"),
    (L.Linear(ONES((3, 4))), [(4, 1, 1)], "Linear 'here': input shape must be (4,), got (4, 1, 1)"),
    (L.Linear(ONES((3, 4))), [(4,), (4,)], "Linear 'here': inputs must be 1, got 2"),
    (
        L.Conv2d(ONES((6, 2, 3, 3))),
        [(3, 5, 7)],
        "Conv2d 'here': input channels must be 2, got 3",
    ),
    (
        L.Conv2d(ONES((6, 2, 3, 3)), groups=2),
        [(2, 5, 7)],
        "Conv2d 'here': input channels must be 4, got 2",
    ),
    (
        L.Conv2d(ONES((6, 2, 3, 3))),
        [(2,)],
        "Conv2d 'here': input shape must be (channels, height, width), got (2,)",
    ),
    (
        L.Conv2d(ONES((6, 2, 3, 3)), dilation=3, padding=(1, 0, 0, 0)),
        [(2, 5, 7)],
        "Conv2d 'here': input size must be at least 6, got 5",
    ),
    (
        L.Upsample(2),
        [(2, 3)],
        "Upsample 'here': input shape must be (channels, height, width), got (2, 3)",
    ),
    (L.Add(), [(2,)], "Add 'here': inputs must be at least 2, got 1"),
    (
        L.Add(),
        [(2,), (3,)],
        "Add 'here': input shapes must be equal, or 1 where they differ, got ((2,), (3,))",
    ),
    (
        L.Concat(),
        [(2, 3, 4), (2, 3, 5)],
        (
            "Concat 'here': input shapes must be equal except for the channels, "
            "got ((2, 3, 4), (2, 3, 5))"
        ),
    ),
    (L.Concat(), [(2, 3, 4), (2,)], "Concat 'here': input shapes must be equal except for"),
    (L.Affine(ONES(3)), [(4, 1, 1)], "Affine 'here': input channels must be 3, got 4"),
]


test_shapes_that_do_not_fit_are_refused = shapes_are_refused(REFUSED_SHAPES)


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.Linear, {"weight": [[1.0, NAN]]}, ValueError, ("weight", "NaN")),
    (L.Linear, {"weight": [[1.0, INF]]}, ValueError, ("weight", "finite at index 1", "inf")),
    (L.Linear, {"weight": [1.0]}, ValueError, ("weight", "2 dimensions", "(1,)")),
    (L.Linear, {"weight": ONES((0, 3))}, ValueError, ("weight", "not be empty", "(0, 3)")),
    (L.Linear, {"weight": "much"}, TypeError, ("weight", "number", "'much'")),
    (L.Linear, {"weight": [[1.0]], "bias": [1, 2]}, ValueError, ("bias", "each of 1", "(2,)")),
    (L.Linear, {"weight": [[1.0]], "bias": [NAN]}, ValueError, ("bias", "NaN")),
    (L.Conv2d, {"weight": ONES((2, 2, 3))}, ValueError, ("weight", "4 dimensions", "(2, 2, 3)")),
    (L.Conv2d, {"weight": K * INF}, ValueError, ("weight", "finite", "inf")),
    (L.Conv2d, {"weight": K, "bias": [1.0]}, ValueError, ("bias", "each of 2", "(1,)")),
    (L.Conv2d, {"weight": K, "stride": 0}, ValueError, ("stride", ">= 1", "got 0")),
    (L.Conv2d, {"weight": K, "stride": 1.5}, TypeError, ("stride", "integer", "1.5")),
    (
        L.Conv2d,
        {"weight": K, "stride": (1, 2, 3)},
        ValueError,
        ("stride", "(1, 2, 3)", "2 (vertical, horizontal)"),
    ),
    (L.Conv2d, {"weight": K, "dilation": (1, 0)}, ValueError, ("dilation", ">= 1", "got 0")),
    (L.Conv2d, {"weight": K, "padding": -1}, ValueError, ("padding", ">= 0", "got -1")),
    (L.Conv2d, {"weight": K, "padding": (0, 0, 0, -2)}, ValueError, ("padding", ">= 0", "-2")),
    (
        L.Conv2d,
        {"weight": K, "padding": (1, 2, 3)},
        ValueError,
        ("padding", "(top, bottom, left, right)", "(1, 2, 3)"),
    ),
    (L.Conv2d, {"weight": K, "padding": "same"}, TypeError, ("padding", "integer", "'same'")),
    (L.Conv2d, {"weight": K, "groups": 0}, ValueError, ("groups", ">= 1", "got 0")),
    (L.Conv2d, {"weight": K, "groups": 3}, ValueError, ("groups", "divide the 2", "got 3")),
    (L.Upsample, {"scale_factor": 0}, ValueError, ("scale_factor", ">= 1", "got 0")),
    (L.Upsample, {"scale_factor": 1.5}, TypeError, ("scale_factor", "integer", "1.5")),
    (L.Affine, {"scale": [NAN]}, ValueError, ("scale", "NaN")),
    (L.Affine, {"scale": []}, ValueError, ("scale", "not be empty", "(0,)")),
    (L.Affine, {"scale": [1.0], "shift": [1, 2]}, ValueError, ("shift", "each of 1", "(2,)")),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)
