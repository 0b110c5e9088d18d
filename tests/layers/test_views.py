"""Where values are in the core: chains of movements are one index, and nodes are made where they are needed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet import _core
from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.to_core import lower
from spikelet.layers.views import View, Views, extent_of


def views_of(*shapes: tuple[int, ...]) -> tuple[Views, list[View]]:
    """Return views of inputs of these shapes."""
    views = Views(_core.LayerGraph())
    made = []
    for shape in shapes:
        extent = extent_of(shape)
        number = views.core.input(extent, "constant", [1.0], False, False, 1)
        made.append(views.add(number, extent, shape))
    return views, made


def transposed(array: Any, _: int) -> Any:
    return array.T


@pytest.mark.parametrize(
    ("shape", "extent"),
    [((7,), (7, 1, 1)), ((7, 5), (7, 1, 5)), ((7, 2, 5), (7, 2, 5)), ((7, 2, 3, 5), (7, 6, 5))],
)
def test_the_middle_axes_make_up_the_height(shape: Any, extent: Any) -> None:
    assert extent_of(shape) == extent


def test_a_movement_that_is_undone_leaves_no_trace() -> None:
    views, (x,) = views_of((3, 4))
    there = views.moved(x, transposed)
    assert there.node is None
    assert views.order(there) is not None
    back = views.moved(there, transposed)
    assert back.node == x.node
    assert len(views.core) == 1


def test_a_node_is_made_once_for_each_extent() -> None:
    views, (x,) = views_of((3, 4))
    there = views.moved(x, transposed)
    number, extent = views.in_order(there)
    assert extent == (4, 1, 3)
    assert views.shaped(there, (4, 1, 3)) == number
    flat = views.reshaped(there, (12,))
    assert views.in_order(flat) == (number, (4, 1, 3))  # the order is that of the same node
    assert views.shaped(flat, (12, 1, 1)) != number
    assert len(views.core) == 3
    assert number not in views.layers  # it computes nothing


def test_values_that_are_joined_along_channels_stay_pictures() -> None:
    views, (a, b) = views_of((2, 3, 4), (5, 3, 4))
    both = views.joined([a, b], 0, (7, 3, 4))
    assert both.index is None
    assert both.parts == (a.node, b.node)
    assert views.in_order(views.reshaped(both, (84,)))[1] == (7, 3, 4)
    across = views.joined([a, a], 2, (2, 3, 8))
    assert across.index is not None
    assert across.index[1, 2].tolist() == [20, 21, 22, 23, 44, 45, 46, 47]
    assert views.order(across) is None  # of two nodes


def test_blanks_and_repeated_values_are_no_reordering() -> None:
    views, (x,) = views_of((4,))
    for move in (L.Slice((1,), (None,)), L.Pad((1,), (0,)), L.Take([0, 1, 2, 2])):
        assert views.order(views.moved(x, move.moved)) is None
    assert views.order(views.moved(x, L.Roll((1,)).moved)) is not None


def test_known_values_move_in_python() -> None:
    views, (x,) = views_of((4,))
    known = views.moved(View((2,), value=np.array([1.0, 2.0])), L.Pad((1,), (1,)).moved)
    assert known.value is not None
    assert known.value.tolist() == [0, 1, 2, 0]
    assert len(views.core) == 1
    assert views.joined([x, known], 0, (8,)).parts == (0, 1)


def test_attention_moves_values_only_for_its_products() -> None:
    """Two norms, four linear layers and a residual of tokens take the values where they lie."""
    d, n, h = 8, 10, 2
    ones = np.ones
    swap = L.Permute((1, 0))
    layers: list[Any] = [
        ("tokens", swap, "input"),
        ("norm", L.LayerNorm(1, ones(d), ones(d)), "tokens"),
        ("a", swap, "norm"),
        ("qkv", L.Conv1d(ones((3 * d, d, 1))), "a"),
        ("b", swap, "qkv"),
        ("heads", L.Reshape((n, 3, h, d // h)), "b"),
        *((x, L.Take(k, 1), "heads") for k, x in enumerate("qkv")),
        ("q1", L.Permute((1, 0, 2)), "q"),
        ("k1", L.Permute((1, 2, 0)), "k"),
        ("v1", L.Permute((1, 0, 2)), "v"),
        ("scores", L.MatMul(), ("q1", "k1")),
        ("scaled", L.Affine(0.5), "scores"),
        ("soft", L.Softmax(), "scaled"),
        ("mixed", L.MatMul(), ("soft", "v1")),
        ("c", L.Permute((1, 0, 2)), "mixed"),
        ("joined", L.Reshape((n, d)), "c"),
        ("e", swap, "joined"),
        ("out", L.Conv1d(ones((d, d, 1))), "e"),
        ("f", swap, "out"),
        ("sum", L.Add(), ("tokens", "f")),
        ("norm2", L.LayerNorm(), "sum"),
        ("g", swap, "norm2"),
        ("up", L.Conv1d(ones((16, d, 1))), "g"),
        ("i", swap, "up"),
        ("gelu", L.Activation("gelu"), "i"),
        ("j", swap, "gelu"),
        ("down", L.Conv1d(ones((d, 16, 1))), "j"),
        ("l", swap, "down"),
        ("result", L.Add(), ("sum", "l")),
    ]
    lowered = lower(Graph(layers), (d, n))
    computing = set(lowered.layers)
    names = [lowered.layers[k] for k in sorted(computing)]
    assert names == [
        *("input", "norm", "norm", "qkv", "scores", "scaled", "soft", "mixed", "out", "sum"),
        *("norm2", "up", "gelu", "down", "result"),
    ]
    # Queries, keys and values; the mixed values; and the output, whose order is that of tokens.
    assert len(lowered.core) - len(computing) == 5
