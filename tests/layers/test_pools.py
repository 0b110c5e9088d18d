"""Pools: shapes, and what they refuse."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from tests.support.layer_checks import Make, parameters_are_refused, shapes_are, shapes_are_refused
from tests.support.layer_runs import check_ann, check_steps, evaluate, model, tensor, trains

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


test_shapes = shapes_are(SHAPES)


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


test_shapes_that_do_not_fit_are_refused = shapes_are_refused(REFUSED_SHAPES)


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.AvgPool2d, {"kernel_size": 0}, ValueError, ("kernel_size", ">= 1", "got 0")),
    (L.AvgPool2d, {"kernel_size": 2, "stride": 0}, ValueError, ("stride", ">= 1", "got 0")),
    (
        L.AvgPool2d,
        {"kernel_size": 2, "padding": 2},
        ValueError,
        ("padding", "less than the 2 values", "2"),
    ),
    (L.MaxPool2d, {"kernel_size": (2, 3, 4)}, ValueError, ("kernel_size", "(2, 3, 4)")),
    (L.MaxPool2d, {"kernel_size": 2, "of": "rate"}, ValueError, ("of", '"counts"', "'rate'")),
    (L.AdaptiveAvgPool2d, {"output_size": 0}, ValueError, ("output_size", ">= 1", "got 0")),
    (L.AdaptiveAvgPool2d, {"output_size": None}, TypeError, ("output_size", "None")),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


POOLED = {1: (5, 11), 2: (5, 9, 7), 3: (4, 6, 7, 8)}
# kernel, stride, padding, ceil_mode, dilation
SLIDING: list[tuple[Any, ...]] = [
    (2, None, 0, False, 1),
    (3, 2, 1, True, 1),
    (2, 1, 0, False, 2),
    (2, 2, 1, True, 2),
]


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("sliding", SLIDING, ids=str)
def test_values_are_those_of_pytorch(axes: int, sliding: tuple[Any, ...]) -> None:
    kernel, stride, padding, ceil_mode, dilation = sliding
    x = np.random.default_rng(axes).normal(size=(2, *POOLED[axes]))
    wanted = getattr(F, f"max_pool{axes}d")(tensor(x), kernel, stride, padding, dilation, ceil_mode)
    layer = getattr(L, f"MaxPool{axes}d")(kernel, stride, padding, ceil_mode, dilation=dilation)
    check_ann([layer], [x], wanted)
    if dilation > 1:
        return
    for include in (True, False):
        arguments = (kernel, stride, padding, ceil_mode, include)
        wanted = getattr(F, f"avg_pool{axes}d")(tensor(x), *arguments)
        check_ann([getattr(L, f"AvgPool{axes}d")(*arguments)], [x], wanted)
    if axes > 1:
        wanted = getattr(F, f"avg_pool{axes}d")(tensor(x), 2, divisor_override=3)
        check_ann([getattr(L, f"AvgPool{axes}d")(2, divisor_override=3)], [x], wanted)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("size", [1, 3, (2, None, 5)], ids=str)
def test_adaptive_pools_are_those_of_pytorch(axes: int, size: Any) -> None:
    x = np.random.default_rng(axes).normal(size=(2, *POOLED[axes]))
    if isinstance(size, tuple):
        size = size[:axes] if axes > 1 else size[:1]
    for kind, name in (("Avg", "avg"), ("Max", "max")):
        wanted = getattr(F, f"adaptive_{name}_pool{axes}d")(tensor(x), size)
        check_ann([getattr(L, f"Adaptive{kind}Pool{axes}d")(size)], [x], wanted)


def test_padding_at_one_side_and_dilated_means() -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 6, 7))
    padded = F.pad(tensor(x), (1, 2, 0, 1))  # left, right, top, bottom
    check_ann([L.AvgPool2d(3, 2, (0, 1, 1, 2))], [x], F.avg_pool2d(padded, 3, 2))
    lowest = F.pad(tensor(x), (1, 2, 0, 1), value=-np.inf)
    check_ann([L.MaxPool2d(3, 2, (0, 1, 1, 2))], [x], F.max_pool2d(lowest, 3, 2))
    corners = x[..., :-2, :-2] + x[..., 2:, :-2] + x[..., :-2, 2:] + x[..., 2:, 2:]
    check_ann([L.AvgPool2d(2, 1, dilation=2)], [x], corners / 4)


STEPPED: dict[str, tuple[Any, tuple[int, ...]]] = {
    "dilated": (L.MaxPool2d(3, 2, 1, dilation=2), (6, 9, 9)),
    "volume": (L.MaxPool3d(2), (3, 4, 5, 4)),
    "sequence": (L.MaxPool1d(3, 2, (1, 0)), (5, 9)),
    "adaptive": (L.AdaptiveMaxPool2d((2, 3)), (5, 6, 7)),
    "gaps along the depth": (L.MaxPool3d((2, 1, 2), 1, dilation=(2, 1, 1)), (20, 5, 2, 3)),
}


@pytest.mark.parametrize("name", STEPPED)
def test_the_sums_of_what_is_sent_are_the_greatest_sums(name: str) -> None:
    layer, shape = STEPPED[name]
    for x in trains(shape).values():
        made = model([("m", layer, "input")])
        sums = made.run(x, record="m.value")["m.value"].cumsum(0)
        wanted = np.stack([evaluate([layer], total.astype(float)) for total in x.cumsum(0)])
        np.testing.assert_allclose(sums, wanted, atol=1e-12)


@pytest.mark.parametrize("layer", [L.AvgPool3d(2), L.AvgPool3d((1, 2, 3), 1, (0, 1, 1))], ids=str)
def test_means_of_volumes_act_on_each_step(layer: Any) -> None:
    check_steps([layer], (3, 4, 4, 6))


def test_a_mean_and_a_convolution_of_spikes_are_one() -> None:
    """Each spike adds one weight: nothing is multiplied."""
    spikes = trains((4, 6, 6))["spikes"]
    weight = np.random.default_rng(0).normal(size=(3, 4, 1, 1))
    for pool in (L.AvgPool2d(6), L.AdaptiveAvgPool2d(1), L.Reduce("mean", (1, 2), True)):
        layers = [("p", pool, "input"), ("c", L.Conv2d(weight), "p"), ("n", L.IF(1.0), "c")]
        found = model(layers).run(spikes).operations["c"]
        assert found.products == 0
        assert found.additions == 3 * np.count_nonzero(spikes) / spikes.shape[1]


def test_windows_without_a_value_are_refused() -> None:
    with pytest.raises(ValueError, match="padding and dilation must leave at least one value"):
        L.MaxPool1d(2, 1, 1, dilation=2).output_shape([(3, 1)])
