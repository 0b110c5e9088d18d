"""Convolutions and linear layers on tensors of every layout."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from tests.support.operator_calls import X, call, kinds, samples, values

from spikelet.conversion.operators import movement, spatial


def test_arguments_for_each_axis() -> None:
    assert spatial.per_axis(2, 3) == (2, 2, 2)
    assert spatial.per_axis([1, 2], 2) == (1, 2)
    assert spatial.sides([(1, 0), (2, 3)], 2) == [(1, 0), (2, 3)]
    assert spatial.sides((1, 2), 2) == [(1, 1), (2, 2)]


def test_padding_for_as_many_windows_as_strides() -> None:
    assert [spatial.halves(3, late=late) for late in (True, False)] == [(1, 2), (2, 1)]
    for size in range(1, 9):
        for kernel, stride, dilation in ((3, 1, 1), (4, 2, 1), (2, 3, 2), (1, 2, 1)):
            ((before, after),) = spatial.same([size], [kernel], [stride], [dilation])
            span = dilation * (kernel - 1) + 1
            assert (size + before + after - span) // stride + 1 == -(-size // stride)
            assert 0 <= after - before <= 1


def test_padding_of_each_side() -> None:
    c, x = call(3, 7), samples(3, 7)
    weight = samples(3, 2)
    made = spatial.conv(c, X, weight, padding=[(2, 1)], stride=2)
    wanted = F.conv1d(F.pad(torch.tensor(x), (2, 1)), torch.tensor(weight), stride=2)
    np.testing.assert_allclose(values(c, made, x), wanted, rtol=1e-10)


@pytest.mark.parametrize("kind", ["conv", "transpose"])
def test_several_images_a_sample_are_convolved_one_by_one(kind: str) -> None:
    c, x = call(3, 4, 6, 5), samples(3, 4, 6, 5)
    merged = movement.reshape(c, X, (6, 4, 6, 5))
    weight, tensor = samples(4, 3, 2, n=4), torch.tensor(x).flatten(0, 1)
    if kind == "conv":
        made = spatial.conv(c, merged, weight, stride=2, padding=1)
        wanted = F.conv2d(tensor, torch.tensor(weight), stride=2, padding=1)
    else:
        made = spatial.conv_transpose(c, merged, weight, stride=2, output_padding=1)
        wanted = F.conv_transpose2d(tensor, torch.tensor(weight), stride=2, output_padding=1)
    assert made.merged
    np.testing.assert_allclose(values(c, made, x), wanted.unflatten(0, (2, 3)), rtol=1e-10)


@pytest.mark.parametrize("shape", [(5,), (4, 5), (3, 4, 5), (2, 3, 4, 5), (2, 1, 3, 2, 5)])
def test_a_matrix_works_on_the_last_axis(shape: tuple[int, ...]) -> None:
    c, x = call(*shape), samples(*shape)
    weight, bias = samples(5, n=3), samples(3)[0]
    made = spatial.linear(c, X, weight, bias)
    np.testing.assert_allclose(values(c, made, x), x @ weight.T + bias, rtol=1e-10)
    assert (kinds(c, made) == ["Linear"]) == (len(shape) == 1)


@pytest.mark.parametrize(
    ("shape", "weight", "message"),
    [
        ((5,), np.ones((2, 5, 1)), r"convolves a tensor of shape \(2, 5\)"),
        ((5, 4), np.full((2, 5, 1), np.nan), r"weight must not contain NaN at index \(0, 0, 0\)"),
        ((5, 4), X, "has a weight that depends on the input"),
        ((3, 4), np.ones((2, 5, 1)), "input channels must be 5, got 3"),
    ],
)
def test_what_is_no_convolution(shape: tuple[int, ...], weight: Any, message: str) -> None:
    with pytest.raises(ValueError, match=r"^layer 'op' \(Op\): .*" + message):
        spatial.conv(call(*shape), X, weight)
