"""Layers that only move values, against numpy; spikes stay spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layer_checks import Make, parameters_are_refused
from tests.support.layer_runs import check_ann, check_steps, model, trains

from spikelet import layers as L
from spikelet.layers.movement import Spread

SHAPE = (4, 5, 6)
X = np.random.default_rng(0).normal(size=(2, *SHAPE))
MOVES: dict[str, tuple[Any, Any]] = {
    "flatten": (L.Flatten(), X.reshape(2, -1)),
    "reshape": (L.Reshape((2, -1, 3)), X.reshape(2, 2, 20, 3)),
    "permute": (L.Permute((2, 0, -2)), X.transpose(0, 3, 1, 2)),
    "slice": (L.Slice((None, -1, 1), (None, None, 5), (2, -1, 3)), X[:, ::2, ::-1, 1:5:3]),
    "few": (L.Slice((1,), (2**62,)), X[:, 1:]),
    "constant": (L.Pad((1, 2, 0), (2, 0, 3)), np.pad(X, ((0, 0), (1, 2), (2, 0), (0, 3)))),
    **{
        mode: (
            L.Pad((1, 2, 3), (2, 0, 3), mode),
            np.pad(X, ((0, 0), (1, 2), (2, 0), (3, 3)), mode),  # type: ignore[call-overload]
        )
        for mode in ("edge", "reflect", "wrap")
    },
    "take": (L.Take([3, -1, 0], 1), X[:, :, [3, -1, 0]]),
    "drop": (L.Take(2, -1), X[..., 2]),
    "roll": (L.Roll((1, 0, -8)), np.roll(X, (1, -8), (1, 3))),
    "tile": (L.Tile((2, 1, 3)), np.tile(X, (1, 2, 1, 3))),
    "expand": (L.Expand((3, *SHAPE)), np.broadcast_to(X[:, None], (2, 3, *SHAPE))),
    "upsample": (L.Upsample((2, 3)), X.repeat(2, 2).repeat(3, 3)),
}


@pytest.mark.parametrize("name", MOVES)
def test_values_are_those_of_numpy(name: str) -> None:
    layer, wanted = MOVES[name]
    assert layer.output_shape([SHAPE]) == wanted.shape[1:]
    check_ann([layer], [X], wanted, 0)


@pytest.mark.parametrize("name", MOVES)
def test_each_step_of_spikes_and_of_values(name: str) -> None:
    check_steps([MOVES[name][0]], SHAPE)


def test_zeros_between_values() -> None:
    wanted = np.zeros((2, 4, 13, 6))
    wanted[:, :, ::3] = X
    check_ann([Spread((1, 3, 1))], [X], wanted, 0)


def test_bits_of_many_channels_move_as_spikes() -> None:
    """Channels that begin anywhere in a byte, and more than a word of them."""
    layers = [L.Slice((3, 1), (76, 7)), L.Permute((0, 2, 1)), L.Slice((None,), (None,), (-1,))]
    check_steps(layers, (80, 8, 5))
    spikes = trains((80, 8, 5))["spikes"]
    moved = spikes[:, :, 3:76, 1:7].swapaxes(3, 4)[:, :, ::-1]
    wanted = model([L.IF(1.0)]).run(moved)
    found = model([*layers, L.IF(1.0)]).run(spikes)
    np.testing.assert_array_equal(found.spikes, wanted.spikes)


def test_channel_shuffle_of_branches_sends_spikes_on() -> None:
    """ShuffleNet: what a convolution behind it sees is spikes, and no products are counted."""
    rng = np.random.default_rng(1)
    layers = [
        ("n", L.IF(1.0), "input"),
        ("m", L.IF(0.7), "input"),
        ("cat", L.Concat(), ("n", "m")),
        ("split", L.Reshape((2, 6, 4, 4)), "cat"),
        ("swap", L.Permute((1, 0, 2, 3)), "split"),
        ("merge", L.Reshape((12, 4, 4)), "swap"),
        ("half", L.Slice((0,), (6,)), "merge"),
        ("conv", L.Conv2d(rng.normal(size=(5, 6, 3, 3))), "half"),
        ("out", L.IF(1.0), "conv"),
    ]
    x = rng.random((2, 6, 4, 4))
    result = model(layers).run(x, 9, record=["n", "m", "half.value", "conv.value", "out"])
    both = np.stack([result["n"], result["m"]], 3).reshape(9, 2, 12, 4, 4)
    np.testing.assert_array_equal(result["half.value"], both[:, :, :6])
    assert result.operations["conv"].products == 0
    assert result.operations["conv"].additions > 0
    assert "merge" not in result.operations


REFUSED: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (L.Reshape, {"shape": (-1, -1)}, ValueError, ("shape", "one may be -1")),
    (L.Reshape, {"shape": (0,)}, ValueError, ("shape", "at least 1")),
    (L.Reshape, {"shape": 3}, TypeError, ("shape", "sequence")),
    (L.Reshape, {"shape": [2.5]}, TypeError, ("shape", "integer", "2.5")),
    (L.Permute, {"axes": (0, 0)}, ValueError, ("axes", "each axis once")),
    (L.Permute, {"axes": (1, 2)}, ValueError, ("axes", "each axis once")),
    (L.Slice, {"starts": (0,), "stops": (1, 2)}, ValueError, ("equally long", "(1, 2, 1)")),
    (L.Slice, {"starts": (0,), "stops": (1,), "steps": (0,)}, ValueError, ("steps", "not be 0")),
    (L.Slice, {"starts": 1, "stops": (1,)}, TypeError, ("starts", "sequence")),
    (L.Pad, {"before": (-1,), "after": (0,)}, ValueError, ("before", ">= 0")),
    (L.Pad, {"before": (1,), "after": (0,), "mode": "zeros"}, ValueError, ("mode", '"edge"')),
    (L.Take, {"indices": [0.5]}, TypeError, ("indices", "integers")),
    (L.Take, {"indices": []}, TypeError, ("indices",)),
    (L.Expand, {"shape": (0,)}, ValueError, ("shape", ">= 1")),
    (L.Tile, {"repeats": (1 << 40,)}, ValueError, ("repeats", "<=")),
    (L.Upsample, {"scale_factor": (1, 2, 3, 4)}, ValueError, ("scale_factor", "3 (depth")),
]


test_parameters_that_make_no_sense_are_refused = parameters_are_refused(REFUSED)


REFUSED_SHAPES = [
    (L.Reshape((7, -1)), (4, 5), r"input shape must hold as many values as the shape \(7, -1\)"),
    (L.Permute((1, 0)), (4,), "input shape must have 2 axes"),
    (L.Slice((3,), (2,)), (4,), "slice must not be empty for an axis of 4"),
    (L.Slice((0, 0), (1, 1)), (4,), "input shape must have at least 2 axes"),
    (L.Pad((1,), (4,), "reflect"), (4,), "before and after must be less than the axis of 4"),
    (L.Pad((5,), (4,), "wrap"), (4,), "before and after must be at most the axis of 4"),
    (L.Take([4]), (4,), r"indices must lie in -4 \.\. 3, got 4"),
    (L.Take([0], 1), (4,), "axis must lie in -1 .. 0"),
    (L.Roll((1, 1)), (4,), "input shape must have 2 axes"),
    (L.Expand((3, 4)), (2, 4), r"input shape must broadcast to \(3, 4\)"),
    (L.Expand((4,)), (1, 4), r"input shape must broadcast to \(4,\)"),
    (L.Tile((2,)), (2, 4), "input shape must have 1 axes"),
]


@pytest.mark.parametrize(("layer", "shape", "message"), REFUSED_SHAPES)
def test_shapes_that_do_not_fit_are_refused(layer: Any, shape: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"^{type(layer).__name__} 'here': {message}"):
        layer.output_shape([shape], "here")
