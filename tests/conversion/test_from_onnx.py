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
from onnx import TensorProto, helper
from onnx.reference import ReferenceEvaluator
from tests.support.layers_reference import activations
from tests.support.onnx_models import bn, model, node

from spikelet import layers as L
from spikelet.conversion.folding import fold
from spikelet.conversion.from_onnx import read_onnx
from spikelet.conversion.load import read

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
        y = np.exp(activations(g, x)[g.output.name])
        np.testing.assert_allclose(y / y.sum(1, keepdims=True), expected, rtol=1e-4, atol=1e-6)
    assert not any(isinstance(n.layer, L.Affine) for n in fold(graph) if n.name != "a/Sub")


def test_layers_are_called_as_the_nodes() -> None:
    graph, _ = read_onnx(resnet())
    assert [n.name for n in graph][:4] == ["a/Sub", "b/Conv", "c/BatchNormalization", "d/Relu"]
    assert graph["f/Add"].inputs == ("e/Conv", "d/Relu")
    assert graph.output.name == "u/Gemm"


def test_nodes_without_names_get_some() -> None:
    nodes = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Relu", ["a"], ["b"])]
    assert [n.name for n in read_onnx(model(nodes))[0]] == ["relu", "relu_1"]


@pytest.mark.parametrize("shape", [(1, 3, 8, 7), (None, 3, 8, 7)])
def test_batches_of_one_and_of_any_size(shape: Any) -> None:
    graph, found = read_onnx(model([node("Flatten", "x", "a"), node("Relu", "a", "y")], shape))
    assert found == (3, 8, 7)
    assert [type(n.layer) for n in graph] == [L.Flatten, L.ReLU]


def test_open_shapes_take_the_example() -> None:
    ann = model([node("GlobalAveragePool", "x", "y")], ("batch", 3, "h", "w"))
    with pytest.raises(ValueError, match=r"input 'x': leaves its shape open, .*example_shape"):
        read_onnx(ann)
    assert read_onnx(ann, (3, 5, 4))[1] == (3, 5, 4)
    with pytest.raises(ValueError, match=r"example_shape must be \(3, 0, 0\)"):
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
    "sigmoid": (one("Sigmoid"), r"node '/y/Sigmoid' \(Sigmoid\): .*retrain with ReLU"),
    "gelu": (one("Erf"), r"\(Erf\): .*retrain with ReLU"),
    "leaky": (one("LeakyRelu"), r"\(LeakyRelu\): .*retrain with ReLU"),
    "relu6": (
        one("Clip", "x lo hi", {"lo": np.float32(0), "hi": np.float32(6)}),
        r"\(Clip\): clips to 0.0 .. 6.0",
    ),
    "transposed": (one("ConvTranspose", "x w", {"w": np.ones((3, 1, 2, 2), np.float32)}),
                   r"\(ConvTranspose\): .*upsampling"),
    "transpose": (one("Transpose", perm=[0, 2, 1, 3]), r"\(Transpose\): cannot be converted"),
    "untrained": (bn(), r"\(BatchNormalization\): has never been trained"),
    "negative variance": (bn(var=[1, -1, 1]), r"\(BatchNormalization\): .*running_var must be"),
    "nan": (one("Conv", "x w", {"w": W["w"] * np.nan}), r"'/y/Conv' .*weight must not contain NaN"),
    "product": (one("Mul", "x x"), r"\(Mul\): multiplies two activations"),
    "matmul": (model([node("MatMul", "x x", "y")], (2, 3, 7, 7)), r"\(MatMul\): multiplies two"),
    "softmax": (model([node("Softmax", "x", "a", axis=1), node("Relu", "a", "y")]),
                r"\(Softmax\): is not the last"),
    "axis": (one("Concat", "x x", axis=2), r"\(Concat\): concatenates along dimension 2"),
    "reshape": (one("Reshape", "x s", {"s": np.array([-1, 8, 7])}), r"\(Reshape\): .*batch"),
    "view": (model([node("Reshape", "x s", "a"), node("Relu", "a", "y")], s=np.array([0, 3, 56])),
             r"'/a/Reshape' \(Reshape\): reshapes .*\(3, 56\)"),
    "mean": (one("ReduceMean", axes=[3]), r"\(ReduceMean\): reduces dimensions \[3\]"),
    "uneven pads": (one("MaxPool", kernel_shape=[2, 2], pads=[0, 0, 1, 1]), r"pads \(0, 1, 0, 1\)"),
    "pad": (one("Pad", "x p", {"p": np.array([0, 0, 1, 1, 0, 0, 1, 1])}, mode="reflect"),
            r"\(Pad\): pads .*only padding of images with zeros"),
    "constant": (one("Add", "x c", {"c": values(3, 8, 7)}), r"\(Add\): takes a constant of shape"),
    "shape": (one("Conv", "x w", {"w": np.ones((2, 4, 1, 1), np.float32)}), r"\(3, 8, 7\)"),
    "training": (
        one("Dropout", "x r t", {"r": np.float32(0.5), "t": np.array(True)}), r"training mode"),
    "type": (helper.make_model(helper.make_graph(
        [node("Relu", "x", "y")], "g",
        [helper.make_tensor_value_info("x", TensorProto.DOUBLE, (1, 3))],
        [helper.make_tensor_value_info("y", TensorProto.DOUBLE, ["any"])],
    )), r"input 'x': is not of type float"),
    "two inputs": (helper.make_model(helper.make_graph(
        [node("Add", "x z", "y")], "g",
        [helper.make_tensor_value_info(n, TensorProto.FLOAT, (1, 3)) for n in "xz"],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["any"])],
    )), r"model must have one input, got inputs \['x', 'z'\]"),
    "not valid": (model([node("Relu", "missing", "y")]), r"the model is not valid"),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(REFUSED))
def test_what_cannot_be_converted_is_refused_with_its_name(name: str) -> None:
    ann, message = REFUSED[name]
    with pytest.raises(ValueError, match=r"(?s)^read_onnx: .*" + message):
        read_onnx(ann)


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
