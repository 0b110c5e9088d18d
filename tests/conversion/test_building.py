"""Graphs that readers of ANNs build layer by layer."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import operator_calls
from tests.support.operator_calls import X, kinds, samples, values

from spikelet import layers as L
from spikelet.conversion.building import (
    Builder,
    Call,
    Data,
    Layout,
    Merged,
    hint_for,
    input_shape,
    input_shapes,
)
from spikelet.layers.spiking_model import SpikingModel


def call(builder: Builder, *result: int, batch: int = 2) -> Call:
    return Call(builder, "layer 'op' (Op)", "op", (batch, *result), batch)


def test_names_are_made_unique_and_shapes_follow() -> None:
    builder = Builder({"input": (3, 8, 6)})
    names = [builder.add("here", "pool", L.AvgPool2d(2), source) for source in ("input", "pool")]
    assert names == ["pool", "pool_1"]
    assert builder.shapes == {"input": (3, 8, 6), "pool": (3, 4, 3), "pool_1": (3, 2, 1)}
    assert builder.unique("") == "layer"
    with pytest.raises(ValueError, match=r"^here: AvgPool2d 'big': input size must be at least 3"):
        builder.add("here", "big", L.AvgPool2d(3), "pool_1")


def test_no_layer_has_the_name_of_another_ones_record() -> None:
    """``record="a.mean"`` is the mean of a."""
    builder = Builder({"input": (3,)})
    assert builder.add("here", "a", L.ReLU(), "input") == "a"
    assert builder.add("here", "a.mean", L.ReLU(), "a") == "a.mean_1"
    assert builder.add("here", "b.v", L.ReLU(), "a") == "b.v"
    assert builder.add("here", "b", L.ReLU(), "a") == "b_1"
    assert builder.add("here", "a.pool", L.ReLU(), "a") == "a.pool"


def test_only_what_leads_to_the_outputs_is_in_the_graph() -> None:
    builder = Builder({"input": (3,)})
    builder.add("here", "a", L.ReLU(), "input")
    builder.add("here", "unused", L.ReLU(), "a")
    builder.add("here", "b", L.ReLU(), "a")
    assert [node.name for node in builder.graph("here", ["b"])] == ["a", "b"]
    with pytest.raises(ValueError, match="output must come from at least one layer"):
        builder.graph("here", ["input"])


def test_outputs_get_names() -> None:
    builder = Builder({"x": (3,), "y": (3,)})
    builder.add("here", "a", L.Add(), "x", "y")
    builder.add("here", "b", L.ReLU(), "a")
    graph = builder.graph("here", ["a", "b", "b", "x"], ["sum", "", "again", "copy"])
    assert graph.inputs == ("x", "y")
    assert graph.outputs == ("sum", "b", "again", "copy")
    assert graph["b"].inputs == ("sum",)
    assert builder.final == {"a": "sum"}
    assert graph.shapes([(3,), (3,)])["copy"] == (3,)
    builder = Builder({"x": (3,), "y": (3,)})
    builder.add("here", "a", L.ReLU(), "x")
    with pytest.raises(ValueError, match=r"^here: output must depend on every input, got .*'y'"):
        builder.graph("here", ["a"])


def test_tensors_and_samples() -> None:
    c = call(Builder({"input": (4, 5)}))
    plain, behind, merged = Data("input"), Data("input", 2), Data("input", 0, "blocks")
    assert [c.tensor(x) for x in (plain, behind, merged)] == [(2, 4, 5), (4, 5, 2), (8, 5)]
    assert [c.axis(plain, d) for d in (1, 2, -1)] == [0, 1, 1]
    assert [c.axis(behind, d) for d in (0, 1)] == [0, 1]
    assert c.axis(merged, 1) == 1
    for x, d in ((plain, 0), (behind, -1), (merged, 0)):
        with pytest.raises(
            ValueError, match=r"^layer 'op' \(Op\): works along dimension \d, which is the batch"
        ):
            c.axis(x, d)
    with pytest.raises(ValueError, match="works along dimension 3; the tensor has 3 dimensions"):
        c.axis(plain, 3)
    assert c.batch_first(plain) == plain
    for x in (behind, merged):
        with pytest.raises(ValueError, match="in which samples do not come first"):
            c.batch_first(x)


@pytest.mark.parametrize(
    ("merged", "at", "expected"),
    [
        ("", 2, [[1, 5], [2, 6], [3, 7], [4, 8]]),
        ("blocks", 1, [[1, 2, 5, 6], [3, 4, 7, 8]]),
        ("turns", 1, [[1, 5, 2, 6], [3, 7, 4, 8]]),
    ],
)
def test_layouts_put_samples_into_tensors_and_back(
    merged: Merged, at: int, expected: list[list[int]]
) -> None:
    first = np.array([1, 2, 3, 4]) if not merged else np.array([[1, 2], [3, 4]])
    layout, samples = Layout(at - (not merged), merged), np.stack([first, first + 4])
    tensor = layout.tensor(samples)
    np.testing.assert_array_equal(tensor, expected)
    np.testing.assert_array_equal(layout.samples(tensor, 2), samples)


def test_operators_reshape_and_check() -> None:
    c = call(Builder({"input": (2, 6)}), 3, 4)
    x = Data("input")
    assert c.reshaped(x, (2, 6)) == x
    made = c.reshaped(x, (3, 4), 1, merged="blocks")
    assert (c.tensor(made), c.shape(made)) == ((3, 8), (3, 4))
    assert c.inner("part").name == "op.part"
    c.check(c.reshaped(x, (3, 4)))
    with pytest.raises(ValueError, match=r"gives shape \(2, 1\), but its layers give \(2, 2, 6\)"):
        call(c.builder, 1).check(x)
    with pytest.raises(ValueError, match="takes a constant as an operand"):
        c.data(x, 3.0)
    constant = c.constant(np.ones((2, 6)), x)
    assert c.tensor(constant) == (2, 2, 6)
    with pytest.raises(ValueError, match=r"^layer 'op' \(Op\): .*value must be finite"):
        c.constant(np.array([np.inf]), x)


def test_hints_say_what_to_do_instead() -> None:
    assert "recurrent" in hint_for("LSTM")
    assert "embedded values" in hint_for("Embedding")
    assert "result.output" in hint_for("arg_max")
    assert hint_for("batch_matmul.default") == hint_for("something else")


def test_example_shapes() -> None:
    assert input_shape("read", [3, np.int64(8)]) == (3, 8)
    assert input_shapes("read", (3, 8)) == (3, 8)
    assert input_shapes("read", [(3, 8), [5]]) == ((3, 8), (5,))
    assert input_shapes("read", {"x": (3, 8), "y": [5]}) == {"x": (3, 8), "y": (5,)}
    for shape, error in (
        ((3, 0), ValueError),
        ((), ValueError),
        (3, TypeError),
        ((2.5,), TypeError),
        ([(3, 8), (0,)], ValueError),
        ({"x": (3, -1)}, ValueError),
    ):
        with pytest.raises(error, match=r"^read: example_shape"):
            input_shapes("read", shape)


def test_a_loop_takes_the_output_of_the_step_before() -> None:
    builder = Builder({"input": (2,)})
    linear = L.Linear([[0.0, 1.0], [1.0, 0.0]])
    name = builder.add_loop("here", "lif", L.LIF(1.0, decay=0.0, gain=1.0), linear, "input")
    graph = builder.graph("here", [name])
    assert [n.name for n in graph] == ["lif.back", "lif.recurrent", "lif.input", "lif"]
    x = np.zeros((4, 1, 2))
    x[0, 0, 0] = 1
    assert SpikingModel(graph).run(x).spikes[:, 0].tolist() == [[1, 0], [0, 1], [1, 0], [0, 1]]


def test_a_foreign_function_gets_samples() -> None:
    c, x = operator_calls.call(3, 4), samples(3, 4)
    made = c.foreign([X, X], lambda a, b: np.sort(a, -1) + b, (3, 4), Layout(1))
    assert (made.axis, made.merged, c.tensor(made)) == (1, "", (3, 2, 4))
    assert kinds(c, made) == ["Foreign"]
    np.testing.assert_allclose(values(c, made, x), np.sort(x, -1) + x)
