"""ONNX operators that move values, or keep them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.onnx.operands import (
    Attributes,
    Handler,
    Operands,
    Result,
    at,
    constant,
    data,
    number,
    whole,
)
from spikelet.conversion.operators import movement

__all__ = ["MOVEMENTS"]


def _moved(function: Callable[[Any, Attributes, list[Any]], Any]) -> Handler:
    """Convert an operator that only moves values: a function of an array, attributes and the other operands."""

    def handler(c: Call, a: Attributes, xs: Operands) -> Data:
        others = [constant(c, xs, k, "operands") for k in range(1, len(xs))]
        return movement.moved(c, data(c, xs), lambda t: function(t, a, others))

    return handler


def _reshape(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return movement.reshape(c, data(c, xs), c.result)


def _transpose(c: Call, a: Attributes, xs: Operands) -> Data:
    x = data(c, xs)
    axes = a.get("perm", list(reversed(range(len(c.tensor(x))))))
    return movement.permute(c, x, axes)


def _expand(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return movement.moved(c, data(c, xs), lambda t: np.broadcast_to(t, c.result))


def _sliced(t: Any, a: Attributes, others: list[Any]) -> Any:  # noqa: ARG001
    starts, ends, axes, steps = ([*others, None, None])[:4]
    n = len(starts)
    axes = range(n) if axes is None else axes
    steps = [1] * n if steps is None else steps
    index = [slice(None)] * t.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        size = t.shape[axis]
        stop = int(end)
        if step < 0 and stop < -size:
            index[axis] = slice(int(start), None, int(step))
        else:
            index[axis] = slice(int(start), stop, int(step))
    return t[tuple(index)]


def _gathered(t: Any, a: Attributes, others: list[Any]) -> Any:
    return np.take(t, np.asarray(others[0], np.int64), a.get("axis", 0))


def _gathered_elements(t: Any, a: Attributes, others: list[Any]) -> Any:
    axis, index = a.get("axis", 0), np.asarray(others[0], np.int64)
    return np.take_along_axis(t, np.where(index < 0, index + t.shape[axis], index), axis)


def _gathered_nd(t: Any, a: Attributes, others: list[Any]) -> Any:
    index, batch = np.asarray(others[0], np.int64), a.get("batch_dims", 0)
    if batch:
        shape = t.shape[:batch]
        rows = [t[k][tuple(np.moveaxis(index[k], -1, 0))] for k in np.ndindex(shape)]
        return np.reshape(rows, (*shape, *np.shape(rows[0])))
    return t[tuple(np.moveaxis(index, -1, 0))]


def _tiled(t: Any, a: Attributes, others: list[Any]) -> Any:  # noqa: ARG001
    return np.tile(t, [int(n) for n in others[0]])


def _depth_to_space(t: Any, a: Attributes, others: list[Any]) -> Any:  # noqa: ARG001
    size, (n, ch, h, w) = a["blocksize"], t.shape
    if a.get("mode", "DCR") == "DCR":
        apart = t.reshape(n, size, size, ch // size**2, h, w).transpose(0, 3, 4, 1, 5, 2)
    else:
        apart = t.reshape(n, ch // size**2, size, size, h, w).transpose(0, 1, 4, 2, 5, 3)
    return apart.reshape(n, ch // size**2, h * size, w * size)


def _space_to_depth(t: Any, a: Attributes, others: list[Any]) -> Any:  # noqa: ARG001
    size, (n, ch, h, w) = a["blocksize"], t.shape
    order = (0, 3, 5, 1, 2, 4) if a.get("mode", "DCR") == "DCR" else (0, 1, 3, 5, 2, 4)
    apart = t.reshape(n, ch, h // size, size, w // size, size).transpose(order)
    return apart.reshape(n, ch * size**2, h // size, w // size)


def _trilu(t: Any, a: Attributes, others: list[Any]) -> Any:
    k = int(others[0]) if others and others[0] is not None else 0
    return np.triu(t, k) if a.get("upper", 1) else np.tril(t, k)


def _center_crop_pad(t: Any, a: Attributes, others: list[Any]) -> Any:
    axes = a.get("axes", range(t.ndim))
    for axis, size in zip(axes, others[0], strict=True):
        n = t.shape[axis]
        if size < n:
            start = (n - size) // 2
            t = t.take(range(start, start + size), axis)
        elif size > n:
            widths = [(0, 0)] * t.ndim
            widths[axis] = ((size - n) // 2, size - n - (size - n) // 2)
            t = np.pad(t, widths)
    return t


def _reverse_sequence(t: Any, a: Attributes, others: list[Any]) -> Any:
    time, batch = a.get("time_axis", 0), a.get("batch_axis", 1)
    out = np.moveaxis(t.copy(), (batch, time), (0, 1))
    for k, n in enumerate(np.ravel(others[0])):
        out[k, :n] = out[k, :n][::-1].copy()
    return np.moveaxis(out, (0, 1), (batch, time))


def _pad(c: Call, a: Attributes, xs: Operands) -> Data:
    x = data(c, xs)
    n = len(c.tensor(x))
    pads = whole(c, xs, 1, "pads") or []
    axes = whole(c, xs, 3, "axes")
    axes = list(range(n)) if axes is None else [d % n for d in axes]
    before, after = [0] * n, [0] * n
    for k, axis in enumerate(axes):
        before[axis], after[axis] = pads[k], pads[k + len(axes)]
    value = number(c, xs, 2, "values") or 0.0
    if not any(before + after):
        return x
    return movement.pad(c, x, before, after, a.get("mode", "constant"), value)


def _split(c: Call, a: Attributes, xs: Operands) -> tuple[Any, ...]:
    x, axis = data(c, xs), a.get("axis", 0)
    sizes = whole(c, xs, 1, "sizes")
    if sizes is None:
        n, parts = c.tensor(x)[axis], a["num_outputs"]
        size = -(-n // parts)
        sizes = [min(size, n - k * size) for k in range(parts)]
    parts = iter(movement.split(c, x, [n for n in sizes if n], axis))
    shape = list(c.tensor(x))
    shape[axis] = 0
    return tuple(next(parts) if n else np.zeros(shape, np.float32) for n in sizes)


def _concat(c: Call, a: Attributes, xs: Operands) -> Data:
    return movement.concat(c, list(xs), a["axis"])


def _keep(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return data(c, xs)


def _cast(c: Call, a: Attributes, xs: Operands) -> Data:
    from onnx import TensorProto  # noqa: PLC0415  # only where it is used

    floats = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")
    if a["to"] not in {TensorProto.DataType.Value(f) for f in floats}:
        name = TensorProto.DataType.Name(a["to"]).lower()
        c.refuse(f"rounds values to {name}", "values must remain floating-point numbers")
    return data(c, xs)


def _dropout(c: Call, a: Attributes, xs: Operands) -> Result:  # noqa: ARG001
    if at(xs, 2) is not None and bool(xs[2]) and number(c, xs, 1, "ratios") != 0:
        c.refuse("is in training mode", "export the model in eval mode")
    x = data(c, xs)
    return x, np.ones(c.tensor(x), np.bool_)


def _cast_like(c: Call, a: Attributes, xs: Operands) -> Any:  # noqa: ARG001
    return xs[0] if isinstance(xs[0], Data) else np.asarray(xs[0], np.float32)


MOVEMENTS: dict[str, Handler] = {
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Transpose": _transpose,
    "Expand": _expand,
    "Slice": _moved(_sliced),
    "Gather": _moved(_gathered),
    "GatherElements": _moved(_gathered_elements),
    "GatherND": _moved(_gathered_nd),
    "Tile": _moved(_tiled),
    "DepthToSpace": _moved(_depth_to_space),
    "SpaceToDepth": _moved(_space_to_depth),
    "Trilu": _moved(_trilu),
    "CenterCropPad": _moved(_center_crop_pad),
    "ReverseSequence": _moved(_reverse_sequence),
    "Pad": _pad,
    "Split": _split,
    "Concat": _concat,
    "Identity": _keep,
    "CastLike": _cast_like,
    "Cast": _cast,
    "Dropout": _dropout,
}
