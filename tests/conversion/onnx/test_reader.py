"""ONNX models as graphs: the values, the names, and what is refused."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from tests.support.onnx_models import bn, model, node
from torch.nn import functional as F

from spikelet import layers as L
from spikelet.conversion.folding import fold
from spikelet.conversion.load import read
from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

rng = np.random.default_rng(5)


def values(*shape: int) -> Any:
    return (rng.normal(size=shape) * 0.5).astype(np.float32)


def resnet() -> onnx.ModelProto:
    """A shortcut, a branch side by side, BatchNorm, and shapes that are computed."""
    return model(
        [
            node("Sub", "x mean", "a"),
            node("Conv", "a w1", "b", kernel_shape=[3, 3], auto_pad="SAME_UPPER", strides=[2, 2]),
            node("BatchNormalization", "b gamma beta mu var", "c", epsilon=1e-3),
            node("Relu", "c", "d"),
            node("Conv", "d w2 b2", "e", pads=[1, 0, 1, 2], group=2),
            node("Add", "e d", "f"),
            node("Clip", "f zero", "g"),
            node("MaxPool", "g", "h", kernel_shape=[2, 2], strides=[1, 1]),
            node("AveragePool", "g", "i", kernel_shape=[2, 2], strides=[1, 1]),
            node("Concat", "h i", "j", axis=1),
            helper.make_node("Resize", ["j", "", "scales"], ["k"], name="up", mode="nearest",
                             nearest_mode="floor", coordinate_transformation_mode="asymmetric"),
            node("Pad", "k pads", "l"),
            node("ReduceMean", "l", "m", axes=[-1, -2], keepdims=1),
            node("Shape", "m", "s"),
            node("Gather", "s first", "s0"),
            node("Concat", "s0 rest", "s1", axis=0),
            node("Reshape", "m s1", "n"),
            node("Dropout", "n", "o"),
            node("MatMul", "o w3", "p"),
            node("Add", "b3 p", "q"),
            node("Mul", "q two", "r"),
            node("Relu", "r", "t"),
            node("Gemm", "t w4 b4", "u", alpha=0.5, beta=2.0, transB=1),
            node("Softmax", "u", "y", axis=1),
        ],
        mean=values(1, 3, 1, 1), w1=values(4, 3, 3, 3), gamma=values(4), beta=values(4),
        mu=values(4), var=rng.uniform(0.5, 2, 4).astype(np.float32), w2=values(4, 2, 3, 3),
        b2=values(4), zero=np.float32(0), scales=np.array([1, 1, 2, 3], np.float32),
        pads=np.array([0, 0, 1, 0, 0, 0, 0, 2]), first=np.array([0]), rest=np.array([-1]),
        w3=values(8, 6), b3=values(6), two=np.float32(2), w4=values(5, 6), b4=values(5),
    )  # fmt: skip


def test_a_graph_gives_what_the_model_gives(tmp_path: Path) -> None:
    path = tmp_path / "ann.onnx"
    onnx.save(resnet(), path)
    graph, shape = read_onnx(path)
    assert shape == (3, 8, 7)
    x = rng.normal(size=(5, *shape)).astype(np.float32)
    ann = onnx.load(path)
    expected = ReferenceEvaluator(ann).run(None, {"x": x})[0]
    assert len(ann.graph.node) > len(fold(graph))
    for g in (graph, fold(graph), read(str(path), shape), read(ann, shape)):
        y = SpikingModel(g, threads=1).run(x, steps=1).output
        np.testing.assert_allclose(y, expected, rtol=1e-4, atol=1e-6)
    assert not any(isinstance(n.layer, L.Affine) for n in fold(graph) if n.name != "a/Sub")


def test_layers_are_called_as_the_nodes() -> None:
    graph, _ = read_onnx(resnet())
    assert [n.name for n in graph][:4] == ["a/Sub", "b/Conv", "c/BatchNormalization", "d/Relu"]
    assert graph["f/Add"].inputs == ("e/Conv", "d/Relu")
    assert graph.output.name == "y/Softmax"


def test_nodes_without_names_get_some() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    assert [n.name for n in read_onnx(model(nodes))[0]] == ["relu", "relu_1"]


@pytest.mark.parametrize("shape", [(1, 3, 8, 7), (None, 3, 8, 7)])
def test_batches_of_one_and_of_any_size(shape: Any) -> None:
    graph, found = read_onnx(model([node("Flatten", "x", "a"), node("Relu", "a", "y")], shape))
    assert found == (3, 8, 7)
    assert [type(n.layer) for n in graph] == [L.Flatten, L.ReLU]


def attention(batch: int) -> onnx.ModelProto:
    """Self-attention of two heads as PyTorch exports it: the length first, and the batch inside of reshapes."""
    return model(
        [
            node("Transpose", "x", "first", perm=[1, 0, 2]),
            node("MatMul", "first w_in", "all"),
            node("Reshape", "all apart", "parts"),
            node("Transpose", "parts", "three", perm=[2, 0, 1, 3]),
            *(node("Gather", f"three {k}", name, axis=0) for k, name in enumerate("qkv")),
            *(node("Reshape", f"{name} heads", f"{name}1") for name in "qkv"),
            *(node("Transpose", f"{name}1", f"{name}2", perm=[1, 0, 2]) for name in "qkv"),
            *(node("Reshape", f"{name}2 batches", f"{name}3") for name in "qkv"),
            node("Transpose", "k3", "k4", perm=[0, 1, 3, 2]),
            node("MatMul", "q3 k4", "scores"),
            node("Softmax", "scores", "shares", axis=-1),
            node("MatMul", "shares v3", "mixed"),
            node("Transpose", "mixed", "last", perm=[2, 0, 1, 3]),
            node("Reshape", "last rows", "tokens"),
            node("Gemm", "tokens w_out b_out", "projected", transB=1),
            node("Reshape", "projected columns", "long"),
            node("Transpose", "long", "y", perm=[1, 0, 2]),
        ],
        (batch, 5, 8),
        w_in=values(8, 24),
        w_out=values(8, 8),
        b_out=values(8),
        apart=np.array([5, batch, 3, 8]),
        heads=np.array([5, 2 * batch, 4]),
        batches=np.array([batch, 2, 5, 4]),
        rows=np.array([5 * batch, 8]),
        columns=np.array([5, batch, 8]),
        **{str(k): np.array(k) for k in range(3)},
    )


@pytest.mark.parametrize("batch", [1, 2, 3])
def test_attention_of_a_fixed_batch(batch: int) -> None:
    ann = attention(batch)
    graph, shape = read_onnx(ann)
    assert shape == (5, 8)
    x = values(batch, 5, 8)
    (expected,) = ReferenceEvaluator(ann).run(None, {"x": x})
    found = SpikingModel(graph).run(x, steps=1).output
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_masked_attention_as_pytorch_exports_it() -> None:
    """`scaled_dot_product_attention` becomes a sum with a constant mask that holds -inf."""
    mask = np.triu(np.full((5, 5), -np.inf, np.float32), 1)
    ann = model(
        [
            node("Transpose", "x", "keys", perm=[0, 2, 1]),
            node("MatMul", "x keys", "scores"),
            node("Add", "scores mask", "masked"),
            node("Softmax", "masked", "shares", axis=-1),
            node("MatMul", "shares x", "y"),
        ],
        ("batch", 5, 8),
        mask=mask,
    )
    x = values(3, 5, 8)
    t = torch.tensor(x)
    expected = F.scaled_dot_product_attention(t, t, t, is_causal=True, scale=1.0)
    found = SpikingModel(read_onnx(ann, (5, 8))[0]).run(x, steps=1).output
    np.testing.assert_allclose(found, expected, atol=1e-5)


def test_samples_in_turns_are_no_output() -> None:
    ann = attention(2)
    ann.graph.output[0].name = "projected"
    with pytest.raises(
        ValueError,
        match=r"^read_onnx: output 'projected': interleaves the samples of the batch along dimension 0",
    ):
        read_onnx(ann)


def test_open_shapes_take_the_example() -> None:
    ann = model([node("GlobalAveragePool", "x", "y")], ("batch", 3, "h", "w"))
    with pytest.raises(ValueError, match=r"input 'x': leaves its shape open, .*example_shape"):
        read_onnx(ann)
    assert read_onnx(ann, (3, 5, 4))[1] == (3, 5, 4)
    with pytest.raises(ValueError, match=r"example_shape must be \(3, None, None\)"):
        read_onnx(ann, (2, 5, 4))


def test_local_functions_are_unfolded() -> None:
    ann = model([helper.make_node("Twice", ["x"], ["y"], domain="own")])
    body = [helper.make_node("Add", ["a", "a"], ["s"]), helper.make_node("Relu", ["s"], ["b"])]
    ops = [helper.make_opsetid("", 17)]
    ann.functions.append(helper.make_function("own", "Twice", ["a"], ["b"], body, ops))
    ann.opset_import.append(helper.make_opsetid("own", 1))
    assert [type(n.layer) for n in read_onnx(ann)[0]] == [L.Add, L.ReLU]


def test_torch_is_not_needed(tmp_path: Path) -> None:
    onnx.save(resnet(), tmp_path / "ann.onnx")
    code = (
        "import sys; from spikelet.conversion.load import read; "
        "assert not {'torch', 'onnx'} & set(sys.modules); "
        f"read({str(tmp_path / 'ann.onnx')!r}, (3, 8, 7)); assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def one(kind: str, inputs: str = "x", constants: Any = None, **attributes: Any) -> Any:
    return model([node(kind, inputs, "y", **attributes)], **(constants or {}))


W = {"w": np.ones((2, 3, 1, 1), np.float32)}
REFUSED: dict[str, tuple[Any, str]] = {
    "steps": (one("Sign"), r"node '/y/Sign' \(Sign\): cannot be converted; .*keep=\[\"/y/Sign\"\]"),
    "untrained": (bn(), r"\(BatchNormalization\): has never been trained"),
    "negative variance": (bn(var=[1, -1, 1]), r"\(BatchNormalization\): .*running_var must be"),
    "nan": (one("Conv", "x w", {"w": W["w"] * np.nan}), r"'/y/Conv' .*weight must not contain NaN"),
    "batch": (one("Concat", "x x", axis=0), r"\(Concat\): works along dimension 0, which is the batch"),
    "shape": (one("Conv", "x w", {"w": np.ones((2, 4, 1, 1), np.float32)}),
              r"\(Conv\): Conv2d 'y/Conv': input channels must be 4, got 3"),
    "training": (
        one("Dropout", "x r t", {"r": np.float32(0.5), "t": np.array(True)}), r"training mode"),
    "no numbers": (helper.make_model(helper.make_graph(
        [node("Not", "x", "y")], "g",
        [helper.make_tensor_value_info("x", TensorProto.BOOL, (1, 3))],
        [helper.make_tensor_value_info("y", TensorProto.BOOL, ["any"])],
    )), r"input 'x': does not hold numbers; pass its value as fixed="),
    "recurrent": (one("LSTM", "s w r", {"s": values(7, 2, 3), "w": values(1, 8, 3), "r": values(1, 8, 2)}, hidden_size=2),
                  r"output must depend on the input, got 'y'"),
    "not valid": (model([node("Relu", "missing", "y")]), r"the model is not valid"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_converted_is_refused_with_its_name(name: str) -> None:
    ann, message = REFUSED[name]
    with pytest.raises(ValueError, match=r"(?s)^read_onnx: .*" + message):
        read_onnx(ann)


def test_what_the_reference_implementation_gets_wrong_is_read() -> None:
    """Transposed convolutions in groups with a bias, maxima of whole sequences, and windows behind an image."""
    w, b = values(3, 2, 3, 3), values(6)
    ann = model(
        [
            node("ConvTranspose", "x w b", "a", strides=[2, 1], pads=[1, 0, 0, 1], group=3),
            node("MaxPool", "a", "p", kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
            node("Reshape", "p rows", "r"),
            node("GlobalMaxPool", "r", "y"),
        ],
        w=w, b=b, rows=np.array([0, 6, -1]),
    )  # fmt: skip
    x = rng.normal(size=(4, 3, 8, 7)).astype(np.float32)
    t = F.conv_transpose2d(*map(torch.tensor, (x, w, b)), stride=(2, 1), groups=3)[:, :, 1:, :-1]
    expected = F.max_pool2d(t, 2, 2, 1, ceil_mode=True).flatten(2).amax(2, keepdim=True)
    found = SpikingModel(read_onnx(ann)[0], dtype="float64").run(x, steps=1).output
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


def two_inputs(shape: Any = (1, 3)) -> onnx.ModelProto:
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, shape) for n in ("left", "right")]
    found = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, ["any", 3]) for n in ("sum", "product")
    ]
    nodes = [node("Add", "left right", "sum"), node("Mul", "sum right", "product")]
    return helper.make_model(helper.make_graph(nodes, "g", given, found))


@pytest.mark.parametrize("shape", [(1, 3), (4, 3), ("batch", 3), ("batch", "n")])
def test_several_inputs_and_outputs_are_called_as_in_the_model(shape: Any) -> None:
    known = {"left": (3,), "right": (3,)}
    graph, shapes = read_onnx(two_inputs(shape), None if "n" not in shape else known)
    assert shapes == ((3,), (3,))
    assert (graph.inputs, graph.outputs) == (("left", "right"), ("sum", "product"))
    left, right = rng.normal(size=(2, 4, 3)).astype(np.float32)
    found = SpikingModel(graph).run({"right": right, "left": left}, steps=1).outputs
    np.testing.assert_allclose(found["product"], (left + right) * right, rtol=1e-5)


def test_example_shapes_of_several_inputs_are_checked() -> None:
    ann = two_inputs(("batch", "n"))
    with pytest.raises(ValueError, match=r"hold a shape for each input, left, right; .*fixed="):
        read_onnx(ann, (3,))
    with pytest.raises(ValueError, match="must name inputs: left, right, got 'x'"):
        read_onnx(ann, {"x": (3,)})
    with pytest.raises(ValueError, match=r"input 'right': leaves its shape open"):
        read_onnx(ann, {"left": (3,)})


def test_inputs_that_are_no_data_are_fixed() -> None:
    graph, shape = read_onnx(two_inputs(), fixed={"right": np.float32([[1, 2, 3]])})
    assert graph.inputs == ("input",)
    assert shape == (3,)
    found = SpikingModel(graph).run(np.ones((2, 3)), steps=1).outputs
    np.testing.assert_allclose(found["product"], [[2, 6, 12]] * 2)
    with pytest.raises(ValueError, match="fixed must name inputs: left, right, got 'middle'"):
        read_onnx(two_inputs(), fixed={"middle": 1.0})


def detector() -> onnx.ModelProto:
    """Boxes and scores, and a non-maximum suppression behind them."""
    nodes = [
        node("Flatten", "x", "flat"),
        node("MatMul", "flat w", "boxes_flat"),
        node("Reshape", "boxes_flat four", "boxes"),
        node("MatMul", "flat v", "scores"),
        node("Unsqueeze", "scores one", "scores3"),
        node("NonMaxSuppression", "boxes scores3 most", "kept"),
    ]
    return model(
        nodes, (1, 3, 8, 7), w=values(168, 20), v=values(168, 5), four=np.array([1, 5, 4]),
        one=np.array([1]), most=np.array([3]),
    )  # fmt: skip


def test_a_model_may_be_cut_before_what_cannot_be_converted() -> None:
    with pytest.raises(
        ValueError, match=r"\(NonMaxSuppression\): .*outputs=\['boxes', 'scores3'\]"
    ):
        read_onnx(detector())
    graph, _ = read_onnx(detector(), outputs=["boxes", "scores"])
    assert graph.outputs == ("boxes", "scores")
    cut = read_onnx(detector(), outputs=["scores"])
    assert read(cut, (3, 8, 7)).output.name == "scores/MatMul"
    x = rng.normal(size=(2, 3, 8, 7)).astype(np.float32)
    y = SpikingModel(graph).run(x, steps=1).outputs
    assert (y["boxes"].shape, y["scores"].shape) == ((2, 5, 4), (2, 5))
    with pytest.raises(ValueError, match="outputs must name tensors of the model, as boxes_flat"):
        read_onnx(detector(), outputs=["box"])


def test_a_cut_leaves_out_inputs_that_are_not_needed() -> None:
    nodes = [node("Relu", "x", "a"), node("Add", "a z", "y")]
    given = [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 3)) for n in "xz"]
    found = [helper.make_tensor_value_info("y", TensorProto.FLOAT, (1, 3))]
    ann = helper.make_model(helper.make_graph(nodes, "g", given, found))
    graph, shape = read_onnx(ann, outputs=["a"])
    assert (graph.inputs, shape) == (("x",), (3,))


def test_nodes_may_stay_in_onnx() -> None:
    ann = model(
        [node("Relu", "x", "a"), node("Sign", "a", "b", name="jump"), node("Neg", "b", "y")]
    )
    with pytest.raises(ValueError, match=r"node 'jump' \(Sign\): cannot be converted"):
        read_onnx(ann, keep=["junp"])
    with pytest.raises(
        ValueError,
        match=r"^read_onnx: keep must name nodes; the nearest is 'a/Relu', got 'a/Rel'$",
    ):
        read_onnx(ann, outputs=["a"], keep=["a/Rel"])
    graph, _ = read_onnx(ann, keep=["jump"])
    assert isinstance(graph["jump"].layer, L.Foreign)
    x = rng.normal(size=(2, 3, 8, 7)).astype(np.float32)
    np.testing.assert_array_equal(
        SpikingModel(graph).run(x, steps=1).output, -(x > 0).astype(float)
    )


def test_models_without_a_batch() -> None:
    """Control policies often take one observation."""
    ann = model(
        [node("Gemm", "x w", "a", transA=1), node("Relu", "a", "y")], (6, 2), w=values(6, 4)
    )
    graph, shape = read_onnx(ann, (6, 2))
    assert shape == (6, 2)
    x = rng.normal(size=(3, 6, 2)).astype(np.float32)
    expected = [ReferenceEvaluator(ann).run(None, {"x": one})[0] for one in x]
    np.testing.assert_allclose(SpikingModel(graph).run(x, steps=1).output, expected, rtol=1e-5)
    vector = model([node("Relu", "x", "y")], (5,))
    with pytest.raises(ValueError, match=r"has shape \(5,\), without a batch; pass all its dim"):
        read_onnx(vector)
    assert read_onnx(vector, (5,))[1] == (5,)


def test_weights_and_inputs_of_other_precisions() -> None:
    for kind, dtype in ((TensorProto.DOUBLE, np.float64), (TensorProto.FLOAT16, np.float16)):
        graph_ = helper.make_graph(
            [node("MatMul", "x w", "y")], "g", [helper.make_tensor_value_info("x", kind, (1, 3))],
            [helper.make_tensor_value_info("y", kind, (1, 2))],
            [onnx.numpy_helper.from_array(np.ones((3, 2), dtype), "w")],
        )  # fmt: skip
        assert read_onnx(helper.make_model(graph_))[1] == (3,)


def test_what_is_no_model_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "no.onnx"
    path.write_text("nothing of the kind")
    with pytest.raises(ValueError, match="is not an ONNX model"):
        read_onnx(path)
    with pytest.raises(FileNotFoundError):
        read_onnx(tmp_path / "missing.onnx")
    with pytest.raises(TypeError, match=r"onnx\.ModelProto, got int"):
        read_onnx(3)


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    """Whatever protobuf makes of the bytes; the format has no checksum, so some flips give another network."""
    path = tmp_path / "a.onnx"
    onnx.save(model([helper.make_node("Relu", ["x"], ["y"])], ("batch", 3)), path)
    whole = path.read_bytes()
    for byte in range(0, len(whole), 7):
        for damaged in (
            whole[:byte],
            whole[:byte] + bytes([whole[byte] ^ 0x81]) + whole[byte + 1 :],
        ):
            path.write_bytes(damaged)
            with contextlib.suppress(ValueError):
                read_onnx(path)


def test_what_a_short_file_asks_for_is_bounded() -> None:
    """Shapes of a terabyte once were allocated."""
    ones = [
        helper.make_node("ConstantOfShape", ["size"], ["many"]),
        helper.make_node("ReduceMean", ["many"], ["mean"], keepdims=0),
        helper.make_node("Mul", ["x", "mean"], ["y"]),
    ]
    with pytest.raises(ValueError, match=r"read_onnx: tensor 'many' must have at most .* values"):
        read_onnx(model(ones, ("batch", 3), size=[2**20, 2**20]))
    with pytest.raises(ValueError, match=r"read_onnx: .* must have at most .* values"):
        read_onnx(model([helper.make_node("Relu", ["x"], ["y"])], ("batch", 2**20, 2**10)))
