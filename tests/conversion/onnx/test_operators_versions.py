"""Each operator at each of its versions gives what PyTorch gives."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import helper
from tests.support.onnx_models import model, node
from torch.nn import functional as F

from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers.spiking_model import SpikingModel

rng = np.random.default_rng(0)
SHAPE = (2, 3, 8, 7)
X = rng.normal(size=SHAPE).astype(np.float32)
T = torch.tensor(X)
UP = T.repeat_interleave(2, 2).repeat_interleave(3, 3)
Case = tuple[list[Any], dict[str, Any], torch.Tensor]


def values(*shape: int) -> Any:
    return (rng.normal(size=shape) * 0.5).astype(np.float32)


GAMMA, BETA, MEAN, VAR = values(3), values(3), values(3), np.float32([0.5, 1.0, 2.0])
KERNEL, CHANNELS, WEIGHT, BIAS = values(4, 3, 3, 3), values(3, 1, 1), values(168, 5), values(5)
PRODUCT = T.flatten(1) @ torch.tensor(WEIGHT)


def whole(*numbers: int) -> Any:
    return np.array(numbers, np.int64)


@cache
def versions() -> dict[str, list[int]]:
    """Return the versions of each operator."""
    found: dict[str, set[int]] = {}
    for schema in onnx.defs.get_all_schemas_with_history():
        if schema.domain == "" and schema.name in CASES:
            found.setdefault(schema.name, set()).add(max(schema.since_version, 7))
    return {name: sorted(v) for name, v in found.items()}


def pool(kind: str, expected: torch.Tensor, **attributes: Any) -> Case:
    return [node(kind, "x", "y", **attributes)], {}, expected


def axes(kind: str, given: str, output: str, by_input: bool) -> tuple[Any, dict[str, Any]]:
    """Make a node whose axes, height and width, are an input or an attribute."""
    if by_input:
        return node(kind, f"{given} axes", output), {"axes": whole(2, 3)}
    return node(kind, given, output, axes=[2, 3]), {}


def resize(o: int, **more: Any) -> Case:
    if o == 10:
        return [node("Resize", "x s", "y")], {"s": np.float32([1, 1, 2, 3])}, UP
    how = {"nearest_mode": "floor", "coordinate_transformation_mode": "asymmetric"}
    roi = "" if o >= 13 else "roi"
    nodes = [helper.make_node("Resize", ["x", roi, "s"], ["y"], mode="nearest", **how, **more)]
    scales = np.float32([1, 1, 2, 3])[2 if more else 0 :]
    return nodes, {"s": scales, **({} if o >= 13 else {"roi": np.zeros(0, np.float32)})}, UP


def mean(kind: str, o: int) -> Case:
    reduced = T.mean((2, 3), True) if kind == "ReduceMean" else T.amax((2, 3), True)
    made, constants = axes(kind, "x", "y", o >= 18)
    return [made], constants, reduced


def squeeze(o: int) -> Case:
    made, constants = axes("Squeeze", "a", "y", o >= 13)
    return [node("GlobalAveragePool", "x", "a"), made], constants, T.mean((2, 3))


def unsqueeze(o: int) -> Case:
    made, constants = axes("Unsqueeze", "c", "d", o >= 13)
    return [made, node("Add", "x d", "y")], {**constants, "c": values(1, 3)}, T


def arithmetic(kind: str, of: Callable[[Any, Any], Any]) -> Callable[[int], Case]:
    return lambda _: ([node(kind, "x c", "y")], {"c": CHANNELS}, of(T, torch.tensor(CHANNELS)))


def softmax(kind: str) -> Callable[[int], Case]:
    nodes = [node("Flatten", "x", "a"), node("MatMul", "a w", "b"), node(kind, "b", "y")]
    found = PRODUCT.softmax(1) if kind == "Softmax" else PRODUCT.log_softmax(1)
    return lambda _: (nodes, {"w": WEIGHT}, found)


def through(*nodes: Any) -> Callable[[int], Case]:
    return lambda _: ([*nodes, node("Relu", "a", "y")], {}, T.relu())


PADS = [0, 0, 1, 2, 0, 0, 0, 1]
CEIL = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1], "ceil_mode": 1}
CASES: dict[str, list[tuple[int, Callable[[int], Case]]]] = {
    "BatchNormalization": [(7, lambda _: (
        [node("BatchNormalization", "x g b m v", "y", epsilon=1e-3)],
        {"g": GAMMA, "b": BETA, "m": MEAN, "v": VAR},
        F.batch_norm(T, *(torch.tensor(p) for p in (MEAN, VAR, GAMMA, BETA)), eps=1e-3)))],
    "Conv": [(7, lambda _: ([node("Conv", "x w", "y", pads=[1, 1, 1, 1])], {"w": KERNEL},
                            F.conv2d(T, torch.tensor(KERNEL), padding=1)))],
    "Relu": [(7, lambda _: ([node("Relu", "x", "y")], {}, T.relu()))],
    "Clip": [(7, lambda o: ([node("Clip", "x", "y", min=0.0)], {}, T.relu()) if o < 11
              else ([node("Clip", "x low", "y")], {"low": np.float32(0)}, T.relu()))],
    "MaxPool": [
        (7, lambda _: pool("MaxPool", F.max_pool2d(T, 3, 1), kernel_shape=[3, 3])),
        (10, lambda _: pool("MaxPool", F.max_pool2d(T, 3, 2, 1, ceil_mode=True), **CEIL)),
    ],
    "AveragePool": [
        (7, lambda _: pool("AveragePool", F.avg_pool2d(T, 3, 1, 1, count_include_pad=False),
                           kernel_shape=[3, 3], auto_pad="SAME_UPPER")),
        (7, lambda _: pool("AveragePool", F.avg_pool2d(T, 3, 2, 1), kernel_shape=[3, 3],
                           strides=[2, 2], pads=[1, 1, 1, 1], count_include_pad=1)),
        (10, lambda _: pool("AveragePool", F.avg_pool2d(T, 3, 2, 1, True, False), **CEIL)),
        (10, lambda _: pool("AveragePool", F.avg_pool2d(T, 3, 2, 1, True), count_include_pad=1,
                            **CEIL)),
    ],
    "GlobalAveragePool": [(7, lambda _: pool("GlobalAveragePool", T.mean((2, 3), True)))],
    "GlobalMaxPool": [(7, lambda _: pool("GlobalMaxPool", T.amax((2, 3), True)))],
    "ReduceMean": [(7, lambda o: mean("ReduceMean", o))],
    "ReduceMax": [(7, lambda o: mean("ReduceMax", o))],
    "Flatten": [(7, lambda _: ([node("Flatten", "x", "y")], {}, T.flatten(1)))],
    "Reshape": [(7, lambda _: ([node("Reshape", "x s", "y")], {"s": whole(0, -1)}, T.flatten(1))),
                (14, lambda _: ([node("Reshape", "x s", "y", allowzero=1)], {"s": whole(2, 168)},
                                T.flatten(1)))],
    "Squeeze": [(7, squeeze)],
    "Unsqueeze": [(7, unsqueeze)],
    "Identity": [(7, through(node("Identity", "x", "a")))],
    "Cast": [(7, through(node("Cast", "x", "a", to=1)))],
    "Dropout": [(7, lambda o: through(node("Dropout", "x", "a", **({"ratio": 0.3} if o < 12 else {})))(o))],
    "Add": [(7, arithmetic("Add", lambda a, b: a + b))],
    "Sub": [(7, arithmetic("Sub", lambda a, b: a - b))],
    "Mul": [(7, arithmetic("Mul", lambda a, b: a * b))],
    "Div": [(7, arithmetic("Div", lambda a, b: a / b))],
    "Sum": [(7, lambda _: ([node("Relu", "x", "a"), node("Sum", "a x", "y")], {}, T.relu() + T)),
            (8, lambda _: ([node("Sum", "x c", "y")], {"c": CHANNELS}, T + torch.tensor(CHANNELS)))],
    "Neg": [(7, lambda _: ([node("Neg", "x", "y")], {}, -T))],
    "Concat": [(7, lambda _: ([node("Relu", "x", "a"), node("Concat", "a x", "y", axis=1)], {},
                              torch.cat((T.relu(), T), 1))),
               (11, lambda _: ([node("Relu", "x", "a"), node("Concat", "a x", "y", axis=-3)], {},
                               torch.cat((T.relu(), T), 1)))],
    "Gemm": [(7, lambda _: ([node("Flatten", "x", "a"), node("Gemm", "a w c", "y", alpha=0.5, beta=2.0)],
                            {"w": WEIGHT, "c": BIAS}, 0.5 * PRODUCT + 2 * torch.tensor(BIAS))),
             (11, lambda _: ([node("Flatten", "x", "a"), node("Gemm", "a w", "y")], {"w": WEIGHT},
                             PRODUCT))],
    "MatMul": [(7, lambda _: ([node("Flatten", "x", "a"), node("MatMul", "a w", "y")], {"w": WEIGHT},
                              PRODUCT))],
    "Softmax": [(7, softmax("Softmax"))],
    "LogSoftmax": [(7, softmax("LogSoftmax"))],
    "Pad": [(7, lambda o: ([node("Pad", "x", "y", pads=PADS)], {}, F.pad(T, (2, 1, 1, 0))) if o < 11
             else ([node("Pad", "x p", "y")], {"p": whole(*PADS)}, F.pad(T, (2, 1, 1, 0)))),
            (18, lambda _: ([helper.make_node("Pad", ["x", "p", "", "axes"], ["y"])],
                            {"p": whole(1, 2, 0, 1), "axes": whole(2, -1)}, F.pad(T, (2, 1, 1, 0))))],
    "Resize": [(10, resize), (18, lambda o: resize(o, axes=[2, 3]))],
    "Upsample": [(7, lambda o: ([node("Upsample", "x", "y", scales=[1.0, 1.0, 2.0, 3.0])], {}, UP)
                  if o < 9 else ([node("Upsample", "x s", "y")], {"s": np.float32([1, 1, 2, 3])}, UP))],
}  # fmt: skip


def output(nodes: list[Any], opset: int, shape: Any = SHAPE, x: Any = X, **constants: Any) -> Any:
    graph, _ = read_onnx(model(nodes, shape, opset, **constants))
    return SpikingModel(graph, threads=1).run(x, steps=1).output


@pytest.mark.parametrize("kind", sorted(CASES))
def test_every_version_of_an_operator(kind: str) -> None:
    for opset in versions()[kind]:
        if kind == "Upsample" and opset > 9:  # it went away
            continue
        for least, make in CASES[kind]:
            if opset < least:
                continue
            nodes, constants, expected = make(opset)
            if kind == "Unsqueeze":
                expected = T + torch.tensor(constants["c"])[:, :, None, None]
            found = output(nodes, opset, **constants)
            np.testing.assert_allclose(found, expected, atol=1e-4, err_msg=f"{kind} {opset}")


def test_batch_norm_in_training_is_refused_at_every_version() -> None:
    _, constants, _ = CASES["BatchNormalization"][0][1](9)
    given, outputs = ["x", "g", "b", "m", "v"], ["y", "m2", "v2", "m3", "v3"]
    for opset, n, more in ((9, 5, {}), (14, 3, {"training_mode": 1})):
        trained = helper.make_node("BatchNormalization", given, outputs[:n], **more)
        ann = model([trained], SHAPE, opset, **constants)
        with pytest.raises(ValueError, match=r"BatchNormalization.*in training mode; export"):
            read_onnx(ann)
    pixels = helper.make_node("BatchNormalization", given, ["y"], spatial=0)
    with pytest.raises(ValueError, match="has statistics for each pixel"):
        read_onnx(model([pixels], SHAPE, 7, **constants))


@pytest.mark.parametrize(
    ("opset", "axis", "axes"),
    [(9, None, (1, 2, 3)), (9, 2, (2, 3)), (11, 3, (3,)), (13, None, (3,)), (13, 1, (1,))],
)  # fmt: skip
def test_softmax_of_one_axis_and_of_all_from_an_axis_on(
    opset: int, axis: int | None, axes: tuple[int, ...]
) -> None:
    """Up to version 12 it flattens from the axis on, by default 1; from 13 on it is over one axis, by default the last."""
    last = node("Softmax", "x", "y", **({} if axis is None else {"axis": axis}))
    powers = T.exp()
    expected = powers / powers.sum(axes, keepdim=True)
    np.testing.assert_allclose(output([last], opset), expected, atol=1e-6)


def test_arithmetic_that_broadcasts_from_an_axis_on() -> None:
    old = node("Add", "x c", "y", broadcast=1, axis=1)
    found = output([old], 6, c=CHANNELS.ravel())
    np.testing.assert_allclose(found, T + torch.tensor(CHANNELS), atol=1e-6)


SLOPES = np.float32([0.1, 0.2, -0.3])
NORM = {"g": GAMMA, "b": BETA, "m": MEAN, "v": VAR}


@pytest.mark.parametrize(
    ("made", "expected"),
    [
        (node("Slice", "x", "y", starts=[1], ends=[-1], axes=[2]), T[:, :, 1:-1]),
        (node("Slice", "x", "y", starts=[0, 1], ends=[2, 9]), T[:2, 1:9]),
        (node("Pad", "x", "y", pads=PADS, value=0.5), F.pad(T, (2, 1, 1, 0), value=0.5)),
        (node("PRelu", "x s", "y"), F.prelu(T, torch.tensor(SLOPES))),
        (node("Concat", "x x", "y", axis=1), torch.cat([T, T], 1)),
        (node("Reshape", "x r", "y"), T.flatten(1)),
        (node("ReduceSum", "x", "y", axes=[1], keepdims=0), T.sum(1)),
        (node("Dropout", "x", "y", is_test=1, ratio=0.3), T),
        (node("Clip", "x", "y", min=-0.5, max=0.5), T.clip(-0.5, 0.5)),
        (node("Cast", "x", "y", to=1), T),
        (node("BatchNormalization", "x g b m v", "y", is_test=1),
         F.batch_norm(T, *map(torch.tensor, (MEAN, VAR, GAMMA, BETA)))),
    ],
    ids=lambda v: v.op_type if hasattr(v, "op_type") else None,
)  # fmt: skip
def test_version_6(made: Any, expected: torch.Tensor) -> None:
    """The last one without numpy's broadcasting: onnx's converter translates it."""
    constants = {"s": SLOPES, "r": whole(0, -1), **NORM}
    used = {name: constants[name] for name in made.input if name in constants}
    nodes = [made, node("Add", "y two", "z", broadcast=1)]
    found = output(nodes, 6, two=np.float32([2]), **used)
    np.testing.assert_allclose(found, expected + 2, atol=1e-5)


def test_linear_interpolation_of_older_versions_is_asymmetric() -> None:
    """Half of the new pixels are old ones; onnx's version converter makes it half_pixel."""
    halves = (T + torch.cat((T[:, :, :, 1:], T[:, :, :, -1:]), 3)) / 2
    expected = torch.stack((T, halves), 4).flatten(3)
    scales = [1.0, 1.0, 1.0, 2.0]
    up = node("Upsample", "x", "y", scales=scales, mode="linear")
    np.testing.assert_allclose(output([up], 7), expected, atol=1e-5)
    for kind, opset in (("Upsample", 9), ("Resize", 10)):
        up = node(kind, "x s", "y", mode="linear")
        np.testing.assert_allclose(output([up], opset, s=np.float32(scales)), expected, atol=1e-5)


def test_what_the_converter_cannot_translate_is_refused() -> None:
    old = node("Pad", "x", "y", paddings=PADS, value=0.5)
    rule = r"must use version 7 or later of ONNX's operators, got 1, and .* export it again with"
    with pytest.raises(ValueError, match=rf"(?s)^read_onnx: model {rule}"):
        output([old], 1)
