"""Constants are evaluated, branches of known conditions taken, and memory bounded."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from onnx import TensorProto, helper
from tests.support.onnx_models import model, node

from spikelet import layers as L
from spikelet.conversion.from_onnx import read_onnx
from spikelet.conversion.onnx import walk as onnx_walk
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
    monkeypatch.setattr(onnx_walk, "_MOST_CONSTANTS", 2**12)
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
