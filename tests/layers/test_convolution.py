"""Convolutions of sequences, images and volumes, and their transposes, against PyTorch."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch.nn.functional as F
from tests.support.layer_checks import Make, parameters_are_refused
from tests.support.layer_runs import check_ann, check_steps, model, tensor, trains

from spikelet import layers as L

RNG = np.random.default_rng(0)
CONV: dict[int, Any] = {1: L.Conv1d, 2: L.Conv2d, 3: L.Conv3d}
TRANSPOSED: dict[int, Any] = {1: L.ConvTranspose1d, 2: L.ConvTranspose2d, 3: L.ConvTranspose3d}
SHAPES = {1: (6, 11), 2: (6, 9, 7), 3: (6, 5, 7, 6)}
KERNEL = (3, 2, 3)
# stride, padding, dilation
GEOMETRIES = [(1, 0, 1), (2, 1, 1), (1, 2, 2), ((3, 2, 1), (0, 1, 2), (1, 2, 1))]


def normal(*shape: int) -> Any:
    return RNG.normal(size=shape)


@pytest.mark.parametrize("axes", [1, 2, 3])
@pytest.mark.parametrize("geometry", range(len(GEOMETRIES)))
@pytest.mark.parametrize("groups", [1, 2, 6])
def test_values_are_those_of_pytorch(axes: int, geometry: int, groups: int) -> None:
    own = [g[:axes] if isinstance(g, tuple) else g for g in GEOMETRIES[geometry]]
    stride, padding, dilation = own
    x, bias = normal(2, *SHAPES[axes]), normal(12)
    weight = normal(12, 6 // groups, *KERNEL[:axes])
    given = (tensor(x), tensor(weight), tensor(bias), stride, padding)
    wanted = getattr(F, f"conv{axes}d")(*given, dilation, groups)
    check_ann([CONV[axes](weight, bias, stride, padding, dilation, groups)], [x], wanted)
    if groups == 6:  # each channel by itself
        alone = weight[:6]
        wanted = getattr(F, f"conv{axes}d")(*given[:1], tensor(alone), None, *own, groups)
        check_ann([CONV[axes](alone, None, stride, padding, dilation, groups)], [x], wanted)
    weight, bias = normal(6, 4, *KERNEL[:axes]), normal(4 * groups)
    given = (tensor(x), tensor(weight), tensor(bias), stride, padding, 0)
    wanted = getattr(F, f"conv_transpose{axes}d")(*given, groups, dilation)
    layer = TRANSPOSED[axes](weight, bias, stride, padding, 0, groups, dilation)
    check_ann([layer], [x], wanted)


@pytest.mark.parametrize("axes", [1, 2, 3])
def test_output_padding_and_padding_at_one_side(axes: int) -> None:
    x, weight = normal(2, *SHAPES[axes]), normal(6, 4, *KERNEL[:axes])
    wanted = getattr(F, f"conv_transpose{axes}d")(tensor(x), tensor(weight), None, 3, 2, 1)
    check_ann([TRANSPOSED[axes](weight, None, 3, 2, 1)], [x], wanted)
    weight = normal(4, 6, *KERNEL[:axes])
    padding = tuple(range(2 * axes))
    sides = [(padding[2 * k], padding[2 * k + 1]) for k in range(axes)]
    padded = F.pad(tensor(x), [n for side in reversed(sides) for n in side])
    wanted = getattr(F, f"conv{axes}d")(padded, tensor(weight))
    check_ann([CONV[axes](weight, None, 1, padding)], [x], wanted)


STEPPED = {
    "sequence": (L.Conv1d(normal(7, 6, 3), normal(7), 2, 1), (6, 9)),
    "depthwise": (L.Conv1d(normal(6, 1, 3), None, 1, 1, 1, 6), (6, 9)),
    "volume": (
        L.Conv3d(normal(5, 6, 2, 3, 2), normal(5), (2, 1, 2), (1, 1, 0), (1, 2, 1)),
        (6, 4, 7, 5),
    ),
    "wide volume": (L.Conv3d(normal(18, 20, 3, 3, 3), normal(18), 1, 1), (20, 3, 4, 5)),
    "grouped volume": (
        L.Conv3d(normal(6, 3, 2, 3, 2), None, (2, 1, 2), (1, 1, 0), 1, 2),
        (6, 4, 7, 5),
    ),
    "transposed": (L.ConvTranspose2d(normal(6, 3, 3, 3), normal(3), 2, 1, 1), (6, 5, 4)),
    "cropped": (L.ConvTranspose2d(normal(6, 3, 2, 2), normal(3), 2, 2), (6, 5, 4)),
    "transposed volume": (L.ConvTranspose3d(normal(3, 3, 2, 2, 2), None, 2), (3, 2, 3, 2)),
}


@pytest.mark.parametrize("name", STEPPED)
def test_each_step_of_spikes_and_of_values(name: str) -> None:
    layer, shape = STEPPED[name]
    check_steps([layer], shape)


@pytest.mark.parametrize("name", STEPPED)
def test_neurons_spike_as_if_they_were_given_the_currents(name: str) -> None:
    layer, shape = STEPPED[name]
    spikes = trains(shape)["spikes"]
    whole = model([layer, L.IF(1.0)])
    current = model([("c", layer, "input")]).run(spikes, record="c.value")["c.value"]
    wanted = model([L.IF(1.0)]).run(current).spikes
    assert 0 < np.count_nonzero(wanted) < wanted.size
    np.testing.assert_array_equal(whole.run(spikes).spikes, wanted)


def test_each_spike_is_counted_once_for_each_weight_that_it_reaches() -> None:
    spikes = np.zeros((3, 1, 2, 3, 4, 5), np.int8)
    spikes[0, 0, 1, 1, 1, 2] = spikes[2, 0, 0, 0, 0, 0] = 1  # inside, and in a corner
    counted = model([("c", L.Conv3d(normal(7, 2, 3, 3, 3), None, 1, 1), "input")]).run(spikes)
    assert counted.operations["c"].additions == 7 * (27 + 8)
    assert counted.operations["c"].products == 0


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.Conv1d, {"weight": np.ones((2, 3))}, ValueError, ("weight", "3 dimensions", "(2, 3)")),
    (
        L.Conv3d,
        {"weight": np.ones((2, 2, 1, 1, 1)), "stride": (1, 2)},
        ValueError,
        ("stride", "3 (depth, "),
    ),
    (
        L.Conv3d,
        {"weight": np.ones((2, 2, 1, 1, 1)), "padding": (1, 2)},
        ValueError,
        ("padding", "front"),
    ),
    (L.Conv1d, {"weight": np.ones((2, 2, 1)), "dilation": 0}, ValueError, ("dilation", ">= 1")),
    (
        L.Conv1d,
        {"weight": np.ones((3, 2, 1)), "groups": 2},
        ValueError,
        ("groups", "divide the 3 outputs"),
    ),
    (
        L.ConvTranspose1d,
        {"weight": np.ones((3, 2, 1)), "groups": 2},
        ValueError,
        ("groups", "3 inputs"),
    ),
    (
        L.ConvTranspose1d,
        {"weight": np.ones((2, 2, 1)), "output_padding": 1},
        ValueError,
        ("output_padding", "stride"),
    ),
    (
        L.ConvTranspose2d,
        {"weight": np.ones((2, 3, 1, 1)), "bias": [1.0]},
        ValueError,
        ("bias", "3 outputs"),
    ),
    (L.ConvTranspose2d, {"weight": [[["a"]]]}, TypeError, ("weight",)),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


REFUSED_SHAPES = [
    (L.Conv1d(np.ones((2, 3, 4))), (3, 3), "input size must be at least 4, got 3"),
    (L.Conv1d(np.ones((2, 3, 4))), (2, 9), "input channels must be 3, got 2"),
    (L.Conv3d(np.ones((2, 3, 1, 1, 1))), (3, 9, 9), r"input shape must be \(channels, depth, "),
    (L.ConvTranspose1d(np.ones((2, 3, 1)), padding=4), (2, 8), "padding must leave at least one"),
    (L.ConvTranspose1d(np.ones((2, 3, 1))), (3, 8), "input channels must be 2, got 3"),
]


@pytest.mark.parametrize(("layer", "shape", "message"), REFUSED_SHAPES)
def test_shapes_that_do_not_fit_are_refused(layer: Any, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{type(layer).__name__} 'here': {message}"):
        layer.output_shape([shape], "here")
