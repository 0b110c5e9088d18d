"""Old versions of ONNX's operators, in terms of those of version 18."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np

from spikelet.conversion.building import refuse
from spikelet.conversion.onnx.operation import Input, Operation
from spikelet.conversion.onnx.windows import pads_of
from spikelet.layers import Shape

__all__ = ["VERSION", "upgraded"]

VERSION = 18  # newer versions only take more types, or have more operators

ShapeOf: TypeAlias = Callable[[Input], Shape]
RankOf: TypeAlias = Callable[[Input], int]
Rule: TypeAlias = Callable[[Operation, int, RankOf], list[Operation]]


def upgraded(operation: Operation, version: int, shape_of: ShapeOf) -> list[Operation]:
    """Return the operations that compute the same in version 18.

    Parameters
    ----------
    operation : Operation
        Of ONNX's own domain.
    version : int
        The version of the operators that the model imports.
    shape_of : callable
        Returns the shape of an input.

    Raises
    ------
    ValueError
        If no operation of version 18 computes the same.
    """
    if operation.kind in ("MaxPool", "AveragePool", "LpPool"):
        operation = _padded(operation, shape_of)
    if version >= VERSION:
        return [operation]
    rule = _RULES.get(operation.kind)
    plain = operation.changed("consumed_inputs")
    if rule is None:
        return [plain]
    return rule(plain, version, lambda given: len(shape_of(given)))


def _padded(op: Operation, shape_of: ShapeOf) -> Operation:
    """Give a pool the padding that it would choose by itself."""
    auto = op.attributes.get("auto_pad", "NOTSET")
    if auto not in ("SAME_UPPER", "SAME_LOWER"):
        return op
    size = shape_of(op.inputs[0])[2:]
    pads = pads_of(op.attributes, size, op.attributes["kernel_shape"])
    flat = [p for side in zip(*pads, strict=True) for p in side]
    return op.changed("auto_pad").with_attributes(pads=flat)


def _whole(*numbers: Any) -> np.ndarray[Any, Any]:
    return np.array(numbers, np.int64)


def _single(number: float) -> np.ndarray[Any, Any]:
    return np.array(number, np.float32)


def _moved(op: Operation, name: str, place: int = 1) -> list[Operation]:
    """Make an attribute an input."""
    if name not in op.attributes:
        return [op]
    inputs = (*op.inputs[:place], *[""] * (place - len(op.inputs)))
    return [op.changed(name, inputs=(*inputs, _whole(*op.attributes[name])))]


def _axes(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    return _moved(op, "axes")


def _split(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    found = _moved(op, "split")[0]
    return [found if found.given(1) else found.with_attributes(num_outputs=len(op.outputs))]


def _reshape(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    return _moved(op, "shape")


def _concat(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    return [op.with_attributes(axis=op.attributes.get("axis", 1))]


def _slice(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    a = op.attributes
    if "starts" not in a:
        return [op]
    axes = a.get("axes", range(len(a["starts"])))
    inputs = (op.inputs[0], *(_whole(*v) for v in (a["starts"], a["ends"], axes)))
    return [op.changed("starts", "ends", "axes", inputs=inputs)]


def _pad(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    pads = op.attributes.get("pads", op.attributes.get("paddings"))
    if pads is None:
        return [op]
    inputs = (op.inputs[0], _whole(*pads), _single(op.attributes.get("value", 0.0)))
    return [op.changed("pads", "paddings", "value", inputs=inputs)]


def _clip(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    bounds = [op.attributes.get(k) for k in ("min", "max")]
    if bounds == [None, None]:
        return [op]
    limits = ["" if b is None else _single(b) for b in bounds]
    return [op.changed("min", "max", inputs=(op.inputs[0], *limits))]


def _dropout(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    # Before version 7, is_test=0 means training; exporters left it out also at inference.
    return [op.changed("is_test", "ratio")]


def _batch_norm(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    if op.attributes.get("spatial", 1) == 0:
        refuse(op.label, "has statistics for each pixel", "train BatchNorm of channels")
    if op.attributes.get("training_mode", 0) or (version < 14 and any(op.outputs[1:])):
        refuse(op.label, "is in training mode", "export the model in eval mode")
    return [op.changed("spatial", "is_test", "momentum", outputs=op.outputs[:1])]


def _softmax(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:
    """Before version 13, all dimensions from the axis on count as one."""
    if version >= 13:
        return [op]
    rank = rank_of(op.inputs[0])
    axis = op.attributes.get("axis", 1) % max(rank, 1)
    if axis == rank - 1:
        return [op.with_attributes(axis=-1)]
    source, (output,) = op.inputs[0], op.outputs
    shape = op.changed(
        "axis", kind="Shape", inputs=(source,), outputs=(f"{output}\0shape",), attributes={}
    )
    first = op.changed("axis", kind="Reshape", outputs=(f"{output}\0flat",),
                       inputs=(source, _whole(*[0] * axis, -1)), attributes={})  # fmt: skip
    soft = op.changed(inputs=first.outputs, outputs=(f"{output}\0soft",), attributes={"axis": -1})
    last = first.changed(inputs=(soft.outputs[0], shape.outputs[0]), outputs=(output,))
    return [shape, first, soft, last]


def _scales(op: Operation) -> Input:
    a = op.attributes
    if "height_scale" in a:
        return np.array([1, 1, a["height_scale"], a["width_scale"]], np.float32)
    return np.array(a["scales"], np.float32) if "scales" in a else op.inputs[1]


def _resized(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    """Upsample, and Resize of version 10."""
    if op.kind == "Resize" and version > 10:
        return [op]
    mode = op.attributes.get("mode", "nearest")
    how = {
        "mode": "linear" if mode in ("linear", "bilinear") else mode,
        "coordinate_transformation_mode": "asymmetric",
        "nearest_mode": "floor",
    }
    inputs = (op.inputs[0], "", _scales(op))
    return [op.changed(kind="Resize", inputs=inputs, attributes=how)]


def _arithmetic(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:
    """Before version 7, the dimensions of the second operand are those of the first from an axis on."""
    axis = op.attributes.get("axis")
    plain = op.changed("axis", "broadcast")
    if version >= 7 or axis is None:
        return [plain]
    first, second = op.inputs
    missing = rank_of(first) - axis % max(rank_of(first), 1) - rank_of(second)
    if missing <= 0:
        return [plain]
    name = f"{op.outputs[0]}\0aligned"
    places = np.arange(rank_of(second), rank_of(second) + missing)
    return [
        op.changed(kind="Unsqueeze", inputs=(second, places), outputs=(name,), attributes={}),
        plain.changed(inputs=(first, name)),
    ]


def _gemm(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    return [op.changed("broadcast")]


def _prelu(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:
    """Before version 7, the slopes are those of the channels."""
    missing = rank_of(op.inputs[0]) - 2
    if version >= 7 or rank_of(op.inputs[1]) != 1 or missing <= 0:
        return [op]
    name = f"{op.outputs[0]}\0slopes"
    places = np.arange(1, 1 + missing)
    return [
        op.changed(kind="Unsqueeze", inputs=(op.inputs[1], places), outputs=(name,)),
        op.changed(inputs=(op.inputs[0], name)),
    ]


def _tile(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    if version < 6:
        refuse(op.label, "is of version 1", "upgrade the model to version 6 of the operators")
    return [op]


def _cast(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    to = op.attributes["to"]
    if isinstance(to, str):  # version 1
        from onnx import TensorProto  # noqa: PLC0415  # only where it is used

        return [op.with_attributes(to=TensorProto.DataType.Value(to))]
    return [op]


def _power(op: Operation, version: int, rank_of: RankOf) -> list[Operation]:  # noqa: ARG001
    return [op.with_attributes(p=math.trunc(op.attributes.get("p", 2)))]


_REDUCTIONS = ("L1", "L2", "LogSum", "LogSumExp", "Max", "Mean", "Min", "Prod", "Sum", "SumSquare")
_RULES: dict[str, Rule] = {
    **dict.fromkeys((f"Reduce{r}" for r in _REDUCTIONS), _axes),
    **dict.fromkeys(("Squeeze", "Unsqueeze"), _axes),
    "Split": _split,
    "Reshape": _reshape,
    "Concat": _concat,
    "Slice": _slice,
    "Pad": _pad,
    "Clip": _clip,
    "Dropout": _dropout,
    "BatchNormalization": _batch_norm,
    **dict.fromkeys(("Softmax", "LogSoftmax", "Hardmax"), _softmax),
    **dict.fromkeys(("Upsample", "Resize"), _resized),
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Pow", "And", "Or", "Xor"), _arithmetic),
    **dict.fromkeys(("Equal", "Greater", "Less"), _arithmetic),
    "Gemm": _gemm,
    "PRelu": _prelu,
    "Tile": _tile,
    "Cast": _cast,
    **dict.fromkeys(("LpPool", "GlobalLpPool"), _power),
}
