"""Constants are evaluated, branches of known conditions taken, memory bounded, and divisions by zero read."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnxruntime
import pytest
from onnx import TensorProto, helper
from tests.support.onnx_models import model, node

from spikelet import layers as L
from spikelet.conversion.onnx import reader
from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

BOOL, FLOAT = TensorProto.BOOL, TensorProto.FLOAT


def branches() -> list[Any]:
    found = helper.make_tensor_value_info("inner", FLOAT, None)
    return [
        helper.make_graph([helper.make_node(kind, ["x"], ["inner"])], kind, [], [found])
        for kind in ("Relu", "Neg")
    ]


@pytest.mark.parametrize(("channels", "layer"), [(3, L.ReLU), (4, L.Affine)])
def test_branches_on_shapes_are_taken(channels: int, layer: type[L.Layer]) -> None:
    """PyTorch exports squeeze as a branch on the size of a dimension."""
    then, otherwise = branches()
    nodes = [
        node("Shape", "x", "shape", start=1, end=2),
        node("Equal", "shape three", "is_three"),
        node("If", "is_three", "y", then_branch=then, else_branch=otherwise),
    ]
    ann = model(nodes, ("batch", channels, 4, 4), three=np.array([3]))
    graph, _ = read_onnx(ann)
    assert [type(n.layer) for n in graph] == [layer]


def test_branches_on_values_are_refused() -> None:
    then, otherwise = branches()
    nodes = [
        node("ReduceMax", "x", "most", keepdims=0),
        node("Greater", "most zero", "c"),
        node("If", "c", "y", then_branch=then, else_branch=otherwise),
    ]
    with pytest.raises(
        ValueError, match=r"read_onnx: node .* or stop before it: outputs=\['most'\]"
    ):
        read_onnx(model(nodes, (1, 3, 4, 4), zero=np.float32(0)))


def test_the_sum_of_all_constants_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each is allowed alone."""
    nodes = [helper.make_node("ConstantOfShape", ["size"], [f"c{k}"]) for k in range(5)]
    nodes += [helper.make_node("ReduceMax", [f"c{k}"], [f"m{k}"], keepdims=0) for k in range(5)]
    nodes += [helper.make_node("Sum", ["x", *(f"m{k}" for k in range(5))], ["y"])]
    small = model(nodes, (1, 3), size=np.array([2**5, 2**5]))
    read_onnx(small)
    monkeypatch.setattr(reader, "_MOST_CONSTANTS", 2**12)
    with pytest.raises(ValueError, match=r"must compute constants of at most 4096 values in all"):
        read_onnx(small)


def test_what_is_not_needed_is_not_read() -> None:
    nodes = [node("Relu", "x", "y"), node("Sign", "x", "z"), node("Loop", "", "never")]
    graph, _ = read_onnx(model(nodes[:2], (1, 3)), outputs=["y"])
    assert len(graph) == 1


def test_what_no_layer_computes_may_stay_in_onnx() -> None:
    table = np.arange(12.0, dtype=np.float32).reshape(6, 2)
    nodes = [
        node("Cast", "x", "ids", "cast", to=TensorProto.INT64),
        node("Gather", "table ids", "y", "rows"),
    ]
    lookup = model(nodes, ("batch", 3), table=table)
    way_out = r'or pass keep=\["rows"\] to let ONNX compute it; or stop'
    with pytest.raises(ValueError, match=rf"node 'rows' \(Gather\): .* {way_out}"):
        read_onnx(lookup, keep=["cast"])
    graph, _ = read_onnx(lookup, keep=["cast", "rows"])
    x = np.array([[0.0, 5.0, 2.0], [1.0, 1.0, 4.0]])
    found = SpikingModel(graph, threads=1).run(x, 1).output
    np.testing.assert_array_equal(found, table[x.astype(int)])


ZERO = {"zero": np.zeros((), np.float32)}


def safe_division(divisor: str = "d", constants: dict[str, np.ndarray] | None = None) -> object:
    """Return a model that divides x by the differences of neighbours, or gives 0 where these are 0."""
    nodes = [
        helper.make_node("Slice", ["x", "first", "last", "axis"], ["left"]),
        helper.make_node("Slice", ["x", "second", "end", "axis"], ["right"]),
        helper.make_node("Sub", ["left", "right"], ["d"]),
        helper.make_node("Equal", ["d", "zero"], ["none"]),
        helper.make_node("Div", ["left", divisor], ["q"]),
        helper.make_node("Where", ["none", "zero", "q"], ["y"]),
    ]
    slices = {"first": [0], "last": [4], "second": [1], "end": [5], "axis": [1]}
    return model(
        nodes, (2, 5), **{k: np.array(v) for k, v in slices.items()}, **(constants or ZERO)
    )


def test_a_division_by_zero_gives_zero() -> None:
    graph, _ = read_onnx(safe_division())
    x = np.array([[2, 2, 1, -3, 5], [0, 1e-4, -1e-4, 7, 7]], np.float32)
    d = x[:, :4] - x[:, 1:]
    expected = np.divide(x[:, :4], d, out=np.zeros_like(d), where=d != 0)
    found = SpikingModel(graph).run(x, steps=1).output
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("divisor", "constants"),
    [("right", ZERO), ("d", {"zero": np.ones((), np.float32)})],
    ids=["another divisor", "another value"],
)
def test_other_choices_are_refused(divisor: str, constants: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"\(Equal\): cannot be converted"):
        read_onnx(safe_division(divisor, constants))


def test_outputs_of_a_kept_node_may_be_omitted() -> None:
    """PyTorch's LSTM in ONNX gives the last state as the second output."""
    rng = np.random.default_rng(0)
    w, r = (rng.normal(size=s).astype(np.float32) for s in ((1, 8, 3), (1, 8, 2)))
    lstm = helper.make_node(
        "LSTM", ["s", "w", "r"], ["", "h"], name="lstm", hidden_size=2, layout=0
    )
    nodes = [
        node("Transpose", "x", "s", perm=[1, 0, 2]),
        lstm,
        node("Transpose", "h", "y", perm=[1, 0, 2]),
    ]
    with pytest.raises(ValueError, match=r"node 'lstm' \(LSTM\): .*keep=\[\"lstm\"\]"):
        read_onnx(model(nodes, (1, 5, 3), w=w, r=r))
    graph, _ = read_onnx(model(nodes, (1, 5, 3), w=w, r=r), keep=["lstm"])
    x = rng.normal(size=(2, 5, 3)).astype(np.float32)
    found = SpikingModel(graph).run(x, steps=1).output
    expected = [
        onnxruntime.InferenceSession(model(nodes, (1, 5, 3), w=w, r=r).SerializeToString()).run(
            None, {"x": one[None]}
        )[0]
        for one in x
    ]
    np.testing.assert_allclose(found, np.concatenate(expected), rtol=1e-5)
