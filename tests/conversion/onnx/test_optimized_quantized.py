"""Quantized models round as ONNX does."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import pytest
from onnx import helper
from onnx.reference import ReferenceEvaluator
from onnxruntime.quantization import quantize_dynamic
from tests.support.onnx_models import model, node

from spikelet import layers as L
from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

rng = np.random.default_rng(2)
X = rng.normal(size=(4, 3, 8, 7)).astype(np.float32)
STEP = 0.03
CONSTANTS: dict[str, Any] = {
    "s0": np.float32(0.05), "z0": np.int8(5), "s1": np.float32(STEP), "z1": np.uint8(0),
    "w": rng.integers(-127, 127, (4, 3, 3, 3)).astype(np.int8),
    "ws": np.float32([0.004, 0.002, 0.003, 0.001]), "wz": np.zeros(4, np.int8),
    "b": rng.normal(size=4).astype(np.float32),
}  # fmt: skip


def pairs() -> onnx.ModelProto:
    nodes = [
        node("QuantizeLinear", "x s0 z0", "xq"),
        node("DequantizeLinear", "xq s0 z0", "xd"),
        node("DequantizeLinear", "w ws wz", "wd", axis=0),
        node("Conv", "xd wd b", "sum"),
        node("QuantizeLinear", "sum s1 z1", "q"),
        node("DequantizeLinear", "q s1 z1", "r"),
        node("MaxPool", "r", "y", kernel_shape=[2, 2]),
    ]
    return model(nodes, opset=19, **CONSTANTS)


def test_pairs_of_quantization_round_to_levels() -> None:
    """All values are multiples of the step; a few differ by one step, where float32 falls to the other side."""
    graph, _ = read_onnx(pairs())
    levels = [n.layer.levels for n in graph if isinstance(n.layer, L.ReLU)]
    assert levels == [255, 255]
    found = SpikingModel(graph).run(X, steps=1).output
    expected = ReferenceEvaluator(pairs()).run(None, {"x": X})[0]
    np.testing.assert_allclose(found / STEP, np.rint(found / STEP), atol=1e-2)
    assert np.abs(found - expected).max() < 2.1 * STEP
    assert (np.abs(found - expected) > STEP / 2).mean() < 0.03
    assert np.abs(expected).max() > 10 * STEP


@pytest.mark.parametrize("fused", [False, True])
def test_dynamic_quantization_is_of_weights(tmp_path: Path, fused: bool) -> None:
    """Activations are not rounded, so that ONNX Runtime differs by its rounding."""
    nodes = [
        node("Conv", "x u b", "a"),
        node("Relu", "a", "r"),
        node("Flatten", "r", "f"),
        node("MatMul", "f v", "p"),
        node("Add", "p c", "h"),
        node("MatMul", "h d", "left"),
        node("MatMul", "h e", "right"),
        node("Sub", "left right", "y"),
    ]
    constants = {
        "u": rng.normal(size=(4, 3, 3, 3)).astype(np.float32), "b": CONSTANTS["b"],
        "v": rng.normal(size=(120, 5)).astype(np.float32), "c": rng.normal(size=5).astype(np.float32),
        "d": rng.normal(size=(5, 6)).astype(np.float32), "e": rng.normal(size=(5, 6)).astype(np.float32),
    }  # fmt: skip
    whole, path = tmp_path / "whole.onnx", tmp_path / "dynamic.onnx"
    onnx.save(model(nodes, opset=19, **constants), whole)
    quantize_dynamic(whole, path, per_channel=True)
    options = onnxruntime.SessionOptions()
    if fused:
        options.optimized_model_filepath = str(tmp_path / "fused.onnx")
        options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    read = onnx.load(tmp_path / "fused.onnx" if fused else path)
    kinds = {n.op_type for n in read.graph.node}
    products = {"DynamicQuantizeMatMul", "MatMulIntegerToFloat"} if fused else {"MatMulInteger"}
    assert kinds >= products | {"ConvInteger"}
    found = SpikingModel(read_onnx(read)[0]).run(X, steps=1).output
    expected = session.run(None, {"x": X})[0]
    assert abs(found - expected).max() < 0.03 * abs(expected).max()
    exact = ReferenceEvaluator(onnx.load(whole)).run(None, {"x": X})[0]
    assert 0 < abs(found - exact).max() < 0.03 * abs(exact).max()


def test_dynamic_quantization_that_is_not_of_weights_is_refused() -> None:
    dynamic = helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"])
    again = node("QuantizeLinear", "x s z", "y")
    with pytest.raises(ValueError, match=r"\(QuantizeLinear\): .* scale that depends on the input"):
        read_onnx(model([dynamic, again], opset=19))
    product = node("MatMulInteger", "q t z z", "y")
    transposed = node("Transpose", "q", "t", perm=[0, 1, 3, 2])
    with pytest.raises(
        ValueError, match=r"\(MatMulInteger\): multiplies two tensors that are quant"
    ):
        read_onnx(model([dynamic, transposed, product], opset=19))
    quantize = node("QuantizeLinear", "x s1 z1", "q")
    product = node("MatMulInteger", "q m z1", "y")
    ann = model([quantize, product], opset=19, **CONSTANTS, m=MATRIX["m"])
    with pytest.raises(
        ValueError, match=r"\(MatMulInteger\): takes integers that DynamicQuantizeL"
    ):
        read_onnx(ann)


def test_several_scales_of_activations_are_refused() -> None:
    ann = model([node("QuantizeLinear", "x s z", "y", axis=1)], opset=19,
                s=np.ones(3, np.float32), z=np.zeros(3, np.uint8))  # fmt: skip
    with pytest.raises(ValueError, match=r"\(QuantizeLinear\): is quantized with several scales"):
        read_onnx(ann)


def scaled(
    name: str, shape: tuple[int, ...], kind: Any = np.int8, scale: float = 0.02
) -> dict[str, Any]:
    """Return an operand, its scale and its zero point."""
    limits = np.iinfo(kind)
    values = rng.integers(limits.min, limits.max, shape).astype(kind)
    return {name: values, f"{name}s": np.float32(scale), f"{name}z": kind(3)}


WEIGHT = scaled("w", (4, 3, 3, 3))
MATRIX = scaled("m", (7, 5))
BIAS = {"c": rng.integers(-500, 500, 4).astype(np.int32)}
OPERATORS: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "QLinearConv": ("q qs qz w ws wz rs rz c", WEIGHT | BIAS, {"pads": [1, 1, 1, 1]}),
    "QLinearMatMul": ("q qs qz m ms mz rs rz", MATRIX, {}),
    "QGemm": ("f qs qz g gs gz c rs rz", scaled("g", (4, 168)) | BIAS, {"transB": 1}),
    "QLinearAdd": ("q qs qz q qs qz rs rz", {}, {}),
    "QLinearMul": ("q qs qz a as az rs rz", scaled("a", (3, 1, 1), np.uint8), {}),
    "QLinearGlobalAveragePool": ("q qs qz rs rz", {}, {}),
    "QLinearConcat": ("rs rz q qs qz q qs qz", {}, {"axis": 1}),
}


@pytest.mark.parametrize("kind", sorted(OPERATORS))
def test_operators_of_quantized_tensors(kind: str) -> None:
    inputs, constants, attributes = OPERATORS[kind]
    own = kind not in ("QLinearConv", "QLinearMatMul")
    size = {"QLinearMul": 0.3, "QLinearGlobalAveragePool": 0.005}.get(kind, 0.05)
    made = helper.make_node(
        kind, inputs.split(), ["r"], domain="com.microsoft" if own else "", **attributes
    )
    nodes = [
        node("QuantizeLinear", "x qs qz", "q"),
        *([node("Flatten", "q", "f")] if "f" in inputs.split() else []),
        made,
        node("DequantizeLinear", "r rs rz", "y"),
    ]
    common = {
        "qs": np.float32(0.02),
        "qz": np.uint8(120),
        "rs": np.float32(size),
        "rz": np.uint8(128),
    }
    ann = model(nodes, opset=19, **common, **constants)
    ann.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
    ann.ir_version = 9
    session = onnxruntime.InferenceSession(ann.SerializeToString())
    expected = session.run(None, {"x": X})[0]
    found = SpikingModel(read_onnx(ann)[0]).run(X, steps=1).output
    assert found.shape == expected.shape
    np.testing.assert_allclose(found / size, np.rint(found / size), atol=1e-2)
    assert np.abs(found - expected).max() < 1.1 * size
    assert (np.abs(found - expected) > size / 2).mean() < 0.03
    assert np.abs(expected).max() > 10 * size
