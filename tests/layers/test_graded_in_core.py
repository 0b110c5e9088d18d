"""Graded units in the core's terms: they take reordered values where they lie."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch.nn.functional as F
from tests.support.layer_runs import check_ann, check_steps, model, tensor

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.to_core import lower

RNG = np.random.default_rng(0)
X = RNG.normal(size=(2, 6, 5, 4))


def moving(layers: list[Any], shape: tuple[int, ...] = (6, 5, 4)) -> int:
    """Return the number of nodes that only move values."""
    lowered = lower(Graph(layers), shape)
    return len(lowered.core) - len(lowered.layers)


def test_units_between_two_transpositions() -> None:
    there, back = L.Permute((1, 2, 0)), L.Permute((2, 0, 1))
    weight, bias = RNG.normal(size=6), RNG.normal(size=6)
    last = tensor(X).permute(0, 2, 3, 1)
    cases: list[tuple[Any, Any]] = [
        (L.LayerNorm(1, weight, bias), F.layer_norm(last, (6,), tensor(weight), tensor(bias))),
        (L.LayerNorm((0,)), F.layer_norm(last.movedim(1, -1), (5,)).movedim(-1, 1)),
        (L.RMSNorm(1, weight), F.rms_norm(last, (6,), tensor(weight), 1e-5)),
        (L.Softmax(), F.softmax(last, -1)),
        (L.LogSoftmax(0), F.log_softmax(last, 1)),
        (L.Activation("gelu"), F.gelu(last)),
        (L.Affine(np.ones((1, 4, 1)), bias[None, None]), last + tensor(bias)),
        (L.ReLU(), F.relu(last)),
    ]
    for layer, wanted in cases:
        layers = [there, layer, back]
        check_ann(layers, [X], wanted.permute(0, 3, 1, 2).contiguous())
        assert moving(layers) == 0


def test_axes_that_are_not_evenly_spaced_are_brought_together() -> None:
    wanted = F.layer_norm(tensor(X).permute(0, 2, 1, 3), (6, 4)).permute(0, 2, 1, 3)
    check_ann([L.LayerNorm((0, 2))], [X], wanted)
    rolled = [L.Roll((1, 2, 0)), L.LayerNorm((0, 2)), L.Roll((-1, -2, 0))]
    check_ann(rolled, [X], wanted)
    check_steps([L.LayerNorm((0, 2), eps=0.1)], (6, 5, 4), graded=True)
    parts = [L.Roll((1, 0, 0)), L.GroupNorm(2)]
    check_ann(parts, [X], F.group_norm(tensor(np.roll(X, 1, 1)), 2))


def test_products_take_parts_of_a_node_without_moving_them() -> None:
    layers = [
        ("a", L.Slice((0,), (3,)), "input"),
        ("b", L.Slice((3,), (6,)), "input"),
        ("o", L.Multiply(), ("a", "b")),
    ]
    check_ann(layers, [X], X[:, :3] * X[:, 3:])
    assert moving(layers) == 0


def test_means_over_all_pixels_are_pools() -> None:
    layers = [L.Reshape((6, 20)), L.Reduce("mean", (1,))]
    check_ann(layers, [X], X.mean((2, 3)))
    assert moving(layers) == 0


def test_what_is_recorded_has_the_shape_of_the_layer() -> None:
    layers = [
        ("p", L.Permute((1, 2, 0)), "input"),
        ("g", L.Activation("exp"), "p"),
        ("q", L.Permute((2, 0, 1)), "g"),
    ]
    found = model(layers).run(X, 2, record=["p.value", "g.mean", "g.value"])
    turned = X.transpose(0, 2, 3, 1)
    np.testing.assert_array_equal(found["p.value"][1], turned)
    np.testing.assert_allclose(found["g.mean"], np.exp(turned))
    np.testing.assert_array_equal(found["g.value"][0], found["g.mean"])
    assert found.operations["g"].products == 120
