"""Operators that move values: the layers are found from where each value goes, and so is the batch."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.building import Data
from spikelet.conversion.operators import arithmetic, movement

rng = np.random.default_rng(3)
SHAPE = (4, 6, 5)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (lambda a: a.reshape(2, -1), ["Flatten"]),
        (lambda a: a.reshape(2, 2, 2, 30), ["Reshape"]),
        (lambda a: a.transpose(0, 2, 3, 1), ["Permute"]),
        (lambda a: a[:, 1:3, ::2], ["Slice"]),
        (lambda a: a[:, 1], ["Slice", "Reshape"]),
        (lambda a: a[:, [3, 0, 3]], ["Take"]),
        (lambda a: np.roll(a, 2, 1), ["Take"]),
        (lambda a: a[:, :, ::-1], ["Take"]),
        (lambda a: np.pad(a, ((0, 0), (1, 2), (0, 0), (3, 0))), ["Pad"]),
        (lambda a: np.pad(a[:, 1:], ((0, 0), (0, 1), (0, 0), (0, 0))), ["Slice", "Pad"]),
        (lambda a: np.broadcast_to(a[:, :, None], (2, 4, 3, 6, 5)), ["Reshape", "Expand"]),
        (lambda a: a.reshape(2, 2, 2, 6, 5).swapaxes(1, 2).reshape(2, 4, 6, 5), ["Take"]),
        (lambda a: a.reshape(2, 8, 15).swapaxes(1, 2), ["Flatten", "Take", "Reshape"]),
        (lambda a: a * (np.arange(5) % 2), ["Flatten", "Pad", "Take", "Reshape"]),
        (lambda a: a, []),
    ],
)  # fmt: skip
def test_the_simplest_layers_are_found(function: Any, expected: list[str]) -> None:
    c, x = call(*SHAPE), samples(*SHAPE)
    made = movement.moved(c, X, function)
    if not expected:
        assert made == X
        return
    assert kinds(c, made) == expected
    np.testing.assert_array_equal(values(c, made, x), np.asarray(function(x)))


def test_the_batch_is_followed_through_permutations_and_merges() -> None:
    c, x = call(*SHAPE), samples(*SHAPE)
    behind = movement.permute(c, X, (1, 2, 0, 3))
    assert (behind.axis, behind.merged, c.tensor(behind)) == (2, "", (4, 6, 2, 5))
    assert behind.source == "input"  # a sample stays as it is
    windows = movement.reshape(c, X, (2 * 4, 6, 5))
    assert (windows.axis, windows.merged, c.shape(windows)) == (0, "blocks", (4, 6, 5))
    halves = movement.reshape(c, windows, (2 * 8, 3, 5))
    assert c.shape(halves) == (8, 3, 5)
    back = movement.reshape(c, halves, (2, 4, 30))
    np.testing.assert_array_equal(values(c, back, x), x.reshape(2, 4, 30))
    number = movement.moved(c, X, lambda a: a[:, 0, 0, 0])
    assert (c.tensor(number), c.shape(number)) == ((2,), (1,))


def test_samples_may_take_turns() -> None:
    """Attention puts the length first, and its layers take tokens of all samples as rows."""
    c, x = call(*SHAPE), samples(*SHAPE)
    rows = movement.reshape(c, movement.permute(c, X, (1, 0, 2, 3)), (8, 6, 5))
    assert (rows.axis, rows.merged, c.shape(rows)) == (0, "turns", (4, 6, 5))
    with pytest.raises(ValueError, match="works along dimension 0, which is the batch"):
        c.axis(rows, 0)
    first = rng.normal(size=(4, 1, 5))
    constant = movement.sample_of(c, np.repeat(first, 2, 0), rows)  # each row twice: equal for both
    np.testing.assert_array_equal(constant, first)
    with pytest.raises(ValueError, match="different values for each sample"):
        movement.sample_of(c, np.tile(first, (2, 1, 1)), rows)
    turned = movement.permute(c, rows, (0, 2, 1))
    assert turned.layout == rows.layout
    back = movement.permute(c, movement.reshape(c, turned, (4, 2, 30)), (1, 0, 2))
    expected = x.transpose(0, 1, 3, 2).reshape(2, 4, 30)
    np.testing.assert_array_equal(values(c, back, x), expected)
    blocks = movement.reshape(c, X, (8, 6, 5))
    with pytest.raises(ValueError, match="along different dimensions or in another order"):
        arithmetic.add(c, rows, blocks)


def test_samples_stay_apart() -> None:
    for function in (
        lambda a: a[::-1],
        lambda a: a[:1],
        lambda a: a.reshape(3, 80),
        lambda a: a.swapaxes(0, 1).reshape(48, 5),
        lambda a: a[0],
    ):
        with pytest.raises(ValueError, match=r"^layer 'op' \(Op\): .*mixes the samples of a batch"):
            movement.moved(call(*SHAPE), X, function)


def test_a_batch_of_one_may_be_absorbed() -> None:
    """Models of ONNX often fix the batch to 1, squeeze it and put it back."""
    c, x = call(*SHAPE, batch=1), samples(*SHAPE, n=1)
    squeezed = movement.moved(c, X, lambda a: a[0])
    turned = movement.permute(c, squeezed, (2, 0, 1))
    made = movement.reshape(c, turned, (1, 5, 24))
    np.testing.assert_array_equal(values(c, made, x), x[0].transpose(2, 0, 1).reshape(1, 5, 24))


def test_concatenation_with_constants() -> None:
    c, x = call(5, 8), samples(5, 8)
    token = np.arange(8.0).reshape(1, 1, 8)
    made = movement.concat(c, [np.repeat(token, 2, 0), X, np.zeros((2, 0, 8))], 1)
    np.testing.assert_array_equal(
        values(c, made, x), np.concatenate([np.repeat(token, 2, 0), x], 1)
    )
    with pytest.raises(ValueError, match="with different values for each sample"):
        movement.concat(c, [np.arange(16.0).reshape(2, 1, 8), X], 1)
    with pytest.raises(ValueError, match="which is the batch"):
        movement.concat(c, [X, X], 0)
    with pytest.raises(ValueError, match="in different places"):
        movement.concat(c, [X, Data("input", axis=1)], 2)


def test_stacks_and_splits() -> None:
    c, x = call(5, 8), samples(5, 8)
    parts = movement.split(c, X, [2, 6], -1)
    assert [c.shape(p) for p in parts] == [(5, 2), (5, 6)]
    made = movement.stack(c, [X, np.ones((2, 5, 8))], 1)
    np.testing.assert_array_equal(values(c, made, x), np.stack([x, np.ones_like(x)], 1))


@pytest.mark.parametrize("mode", ["constant", "edge", "reflect", "wrap"])
def test_padding_and_cropping(mode: str) -> None:
    c, x = call(5, 8), samples(5, 8)
    made = movement.pad(c, X, (0, -1, 2), (0, 1, -3), mode, 0.5)
    value = {"constant_values": 0.5} if mode == "constant" else {}
    wanted = np.pad(x[:, 1:, :5], ((0, 0), (0, 1), (2, 0)), mode, **value)  # type: ignore[call-overload]
    np.testing.assert_array_equal(values(c, made, x), wanted)


def test_padding_with_infinity_is_finite() -> None:
    """Pools of maxima pad with it."""
    c, x = call(5, 8), samples(5, 8)
    found = values(c, movement.pad(c, X, (0, 0, 1), (0, 0, 0), value=-math.inf), x)
    np.testing.assert_array_equal(found[..., 1:], x)
    assert (found[..., 0] == movement.LOWEST).all()


def test_nothing_is_left() -> None:
    with pytest.raises(ValueError, match="has no values"):
        movement.moved(call(5), X, lambda a: a[:, :0])
