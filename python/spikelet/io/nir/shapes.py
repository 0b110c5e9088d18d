"""The shapes of signals: what each node makes of the shape that reaches it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NoReturn

from spikelet._util.checks import fail
from spikelet.io.nir.fields import MAX_VALUES, POPULATION, pair

__all__ = ["Shape", "flattened", "own_shapes", "padded", "result"]

Shape = tuple[int, ...]


def own_shapes(kind: str, values: Mapping[str, Any]) -> tuple[Shape | None, Shape | None]:
    """Return the shapes of input and output that a node's fields fix; None: they follow from the signal."""
    if kind in ("Affine", "Linear"):
        shape = values["weight"].shape
        return (*shape[:-2], shape[-1]), shape[:-1]
    if kind in POPULATION:
        shape = next(iter(values.values())).shape
        return (shape, shape) if shape else (None, None)
    if kind == "Input":
        shape = _whole(values["shape"])
        return shape, shape
    if kind == "Flatten" and "input_type" in values:
        return _whole(values["input_type"]), None
    if kind in ("Conv1d", "Conv2d") and "input_shape" in values:
        sides = _whole(values["input_shape"])
        if kind == "Conv2d" and len(sides) == 1:
            sides *= 2
        return (values["weight"].shape[1] * int(values["groups"][0]), *sides), None
    return None, None


def result(where: str, kind: str, values: Mapping[str, Any], shape: Shape) -> Shape:
    """Return the shape that a node sends if this one reaches it.

    Raises
    ------
    ValueError
        If the node cannot take it.
    """
    takes, sends = own_shapes(kind, values)
    if takes is not None and takes != shape:
        _refuse(where, shape, f"must be {takes}")
    if sends is not None:
        return sends
    if kind in ("Conv1d", "Conv2d"):
        return _conv(where, values, shape, 1 if kind == "Conv1d" else 2)
    if kind in ("SumPool2d", "AvgPool2d"):
        if len(shape) != 3:
            _refuse(where, shape, "must be (channels, height, width)")
        return shape[0], *_windows(
            where,
            shape[1:],
            pair(values["kernel_size"]),
            pair(values["stride"]),
            pair(values["padding"]),
            (1, 1),
        )
    if kind == "Flatten":
        return flattened(where, values, shape)
    return shape


def padded(values: Mapping[str, Any], dimensions: int) -> tuple[tuple[int, int], ...]:
    """Return the padding of a convolution before and after each axis, as PyTorch's "same" has it."""
    padding = values["padding"]
    if isinstance(padding, str) and padding == "same":
        kernel, dilation = values["weight"].shape[2:], _axes(values["dilation"], dimensions)
        totals = [d * (k - 1) for k, d in zip(kernel, dilation, strict=True)]
        return tuple((total // 2, total - total // 2) for total in totals)
    if isinstance(padding, str):
        return ((0, 0),) * dimensions
    return tuple((p, p) for p in _axes(padding, dimensions))


def flattened(where: str, values: Mapping[str, Any], shape: Shape) -> Shape:
    """Return a shape in which some axes are joined."""
    n = len(shape)
    start, end = (int(values[name][0]) for name in ("start_dim", "end_dim"))
    start, end = start + n * (start < 0), end + n * (end < 0)
    if not 0 <= start <= end < n:
        dims = (int(values["start_dim"][0]), int(values["end_dim"][0]))
        fail(where, "start_dim, end_dim", dims, f"must be axes of a signal of shape {shape}")
    return (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])


def _conv(where: str, values: Mapping[str, Any], shape: Shape, dimensions: int) -> Shape:
    weight = values["weight"]
    channels = weight.shape[1] * int(values["groups"][0])
    if len(shape) != 1 + dimensions or shape[0] != channels:
        axes = "length" if dimensions == 1 else "height, width"
        _refuse(where, shape, f"must be ({channels}, {axes})")
    sides = _windows(
        where,
        shape[1:],
        weight.shape[2:],
        _axes(values["stride"], dimensions),
        padded(values, dimensions),
        _axes(values["dilation"], dimensions),
    )
    return (len(weight), *sides)


def _windows(
    where: str,
    sides: Shape,
    kernel: Shape,
    stride: Shape,
    padding: tuple[Any, ...],
    dilation: Shape,
) -> Shape:
    out = []
    for n, k, s, p, d in zip(sides, kernel, stride, padding, dilation, strict=True):
        span = n + (sum(p) if isinstance(p, tuple) else 2 * p) - d * (k - 1) - 1
        if span < 0:
            _refuse(where, sides, f"must be at least {n - span} along each axis")
        out.append(span // s + 1)
    if math.prod(out) > MAX_VALUES:
        fail(where, "output shape", tuple(out), "must have at most 2^31 values")
    return tuple(out)


def _axes(value: Any, dimensions: int) -> Shape:
    return pair(value) if dimensions == 2 else (int(value[0]),)


def _whole(value: Any) -> Shape:
    return tuple(int(n) for n in value)


def _refuse(where: str, shape: Shape, rule: str) -> NoReturn:
    fail(where, "input shape", shape, rule)
