"""Linear layers in the core's terms."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layer_runs import check_ann, check_steps, evaluate, model, trains

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.to_core import lower

RNG = np.random.default_rng(0)
SHAPE = (4, 5, 6)
X = RNG.normal(size=(2, *SHAPE))


def nodes(layers: list[Any], shape: tuple[int, ...]) -> int:
    return len(lower(Graph(layers), shape).core)


def test_a_linear_layer_reads_moved_values_where_they_lie() -> None:
    weight = RNG.normal(size=(3, 120))
    layers = [L.Permute((2, 0, 1)), L.Flatten(), L.Linear(weight)]
    check_ann(layers, [X], X.transpose(0, 3, 1, 2).reshape(2, -1) @ weight.T)
    assert nodes(layers, SHAPE) == 2
    padded = [
        L.Pad((0, 1, 0), (0, 0, 0)),
        L.Take([0, 2, 2], 2),
        L.Flatten(),
        L.Linear(weight[:, :72]),
    ]
    moved = np.pad(X, ((0, 0), (0, 0), (1, 0), (0, 0)))[..., [0, 2, 2]].reshape(2, -1)
    check_ann(padded, [X], moved @ weight[:, :72].T)
    assert nodes(padded, SHAPE) == 2
    check_steps(layers, SHAPE)
    # A few values of many are moved instead: the weights would mostly be zeros.
    few = [L.Slice((0, 0), (1, 1)), L.Flatten(), L.Linear(weight[:, :6])]
    check_ann(few, [X], X[:, 0, 0] @ weight[:, :6].T)
    assert nodes(few, SHAPE) > 2


def test_kernels_of_single_pixels_take_any_arrangement() -> None:
    weight = RNG.normal(size=(3, 4))
    layers = [L.Reshape((4, 30)), L.Conv1d(weight[:, :, None]), L.Permute((1, 0))]
    check_ann(layers, [X], (weight @ X.reshape(2, 4, 30)).swapaxes(1, 2))
    assert nodes(layers[:2], SHAPE) == 2


@pytest.mark.parametrize(
    "scale",
    [2.0, RNG.normal(size=4), RNG.normal(size=SHAPE), RNG.normal(size=(1, 5, 1))],
    ids=["number", "channels", "values", "rows"],
)
def test_affine_maps(scale: Any) -> None:
    wide = scale.reshape(-1, 1, 1) if np.ndim(scale) == 1 else scale
    check_ann([L.Affine(scale, scale)], [X], X * wide + wide)
    check_ann([L.Affine(scale, 1.5)], [X], X * wide + 1.5)
    turned = [L.Permute((2, 0, 1)), L.Permute((1, 2, 0)), L.Affine(scale)]
    check_ann(turned, [X], X * wide)
    there, back = L.Permute((0, 2, 1)), L.Permute((0, 2, 1))
    if np.ndim(scale) < 2:
        check_ann([there, L.Affine(scale, scale), back], [X], X * wide + wide)
    check_steps([L.Affine(scale, scale)], SHAPE)


@pytest.mark.parametrize("axis", [0, 1, 2, -1])
def test_concatenations_along_any_axis(axis: int) -> None:
    layers = [
        ("a", L.Affine(2.0), "input"),
        ("k", L.Constant(np.ones(SHAPE)), ()),
        ("c", L.Concat(axis), ("input", "a", "k")),
    ]
    wanted = np.concatenate([X, 2 * X, np.ones_like(X)], axis % 3 + 1)
    check_ann(layers, [X], wanted)
    check_steps(layers, SHAPE)


def test_sums_broadcast_and_take_constants() -> None:
    part = [("s", L.Slice((0,), (1,)), "input"), ("o", L.Add(), ("input", "s"))]
    check_ann(part, [X], X + X[:, :1])
    check_steps(part, SHAPE)
    value = RNG.normal(size=(5, 1))
    constant = [("k", L.Constant(value), ()), ("o", L.Add(), ("input", "k"))]
    check_ann(constant, [X], X + value)
    check_steps(constant, SHAPE)


def test_a_constant_alone_is_an_output() -> None:
    value = RNG.normal(size=(2, 3))
    layers = [
        ("k", L.Constant(value), ()),
        ("o", L.Add(), ("k", "p")),
        ("p", L.Affine(0.0), "input"),
    ]
    layers = [layers[0], layers[2], layers[1]]
    found = evaluate(layers, np.ones((4, 2, 3)))
    np.testing.assert_array_equal(found, np.broadcast_to(value, (4, 2, 3)))
    assert L.Constant(3.0).value.shape == (1,)


def test_spikes_that_are_joined_and_moved_stay_spikes() -> None:
    spikes = trains((5, 4, 4))["spikes"]
    layers = [
        ("p", L.Permute((0, 2, 1)), "input"),
        ("c", L.Concat(0), ("input", "p")),
        ("conv", L.Conv2d(RNG.normal(size=(4, 10, 3, 3))), "c"),
        ("n", L.IF(1.0), "conv"),
    ]
    found = model(layers).run(spikes)
    assert found.operations["conv"].products == 0
    assert found.operations["conv"].additions > 0
