"""The layers that NIR's primitives without a state stand for: a table with a row for each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from spikelet import layers
from spikelet._util.checks import fail, named
from spikelet.io.nir.fields import MAX_VALUES, POPULATION
from spikelet.layers import Layer, Shape

Values = Mapping[str, Any]

CONVOLUTIONS: dict[int, type[Any]] = {1: layers.Conv1d, 2: layers.Conv2d}  # by their axes


def own_shapes(kind: str, values: Values) -> tuple[Shape | None, Shape | None]:
    """Return the shapes of input and output that a node's fields fix; None: they follow from the signal."""
    if kind in ("Affine", "Linear"):
        shape = values["weight"].shape
        return (*shape[:-2], shape[-1]), shape[:-1]
    if kind in POPULATION:
        shape = next(iter(values.values())).shape
        return (shape, shape) if shape else (None, None)
    if kind == "Input":
        shape = tuple(values["shape"].tolist())
        return shape, shape
    if kind == "Flatten" and "input_type" in values:
        return tuple(values["input_type"].tolist()), None
    if kind in ("Conv1d", "Conv2d") and "input_shape" in values:
        sides = _axes(values["input_shape"], values["weight"].ndim - 2)
        return (values["weight"].shape[1] * int(values["groups"][0]), *sides), None
    return None, None


def output_shape(where: str, kind: str, values: Values, shape: Shape) -> Shape:
    """Return the shape that a node sends if this one reaches it.

    Raises
    ------
    ValueError
        If the node cannot take it.
    """
    takes, sends = own_shapes(kind, values)
    if takes is not None and takes != shape:
        fail(where, "input shape", shape, f"must be {takes}")
    if sends is not None:
        return sends
    if kind in STATELESS:
        with named(where):
            for layer in STATELESS[kind](values, shape):
                shape = layer.output_shape([shape])
    if math.prod(shape) > MAX_VALUES:
        fail(where, "output shape", shape, "must have at most 2^31 values")
    return shape


# --- rows --------------------------------------------------------------------------------------------


def _matrix(v: Values, shape: Shape) -> list[Layer]:  # noqa: ARG001
    weight, bias = v["weight"], v.get("bias")
    if weight.ndim == 2:
        return [layers.Linear(weight, bias)]
    *batch, out, size = (
        weight.shape
    )  # one matrix for each row of the signal: groups of a convolution
    n = math.prod(batch)
    bias = None if bias is None else bias.reshape(-1)
    conv = layers.Conv1d(weight.reshape(n * out, size, 1), bias, groups=n)
    return [layers.Reshape((n * size, 1)), conv, layers.Reshape((*batch, out))]


def _convolution(v: Values, shape: Shape) -> list[Layer]:  # noqa: ARG001
    kernel = v["weight"].shape[2:]
    axes, padding = len(kernel), v["padding"]
    stride, dilation = _axes(v["stride"], axes), _axes(v["dilation"], axes)
    if isinstance(padding, str):
        spans = [d * (k - 1) * (padding == "same") for k, d in zip(kernel, dilation, strict=True)]
        sides = [side for span in spans for side in (span // 2, span - span // 2)]
    else:
        sides = [p for p in _axes(padding, axes) for _ in range(2)]
    groups = int(v["groups"][0])
    return [
        CONVOLUTIONS[axes](v["weight"], v["bias"], stride, tuple(sides), dilation, groups),
    ]


def _sum_pool(v: Values, shape: Shape, *, mean: bool = False) -> list[Layer]:
    kernel, stride, padding = (_axes(v[k], 2) for k in ("kernel_size", "stride", "padding"))
    if mean and all(p < k for p, k in zip(padding, kernel, strict=True)):
        return [layers.AvgPool2d(kernel, stride, padding)]
    channels = shape[0] if len(shape) == 3 else 1
    weight = np.full((channels, 1, *kernel), 1 / math.prod(kernel) if mean else 1.0)
    return [layers.Conv2d(weight, None, stride, padding, 1, channels)]


def _flatten(v: Values, shape: Shape) -> list[Layer]:
    n = len(shape)
    dims = (int(v["start_dim"][0]), int(v["end_dim"][0]))
    start, end = (d + n * (d < 0) for d in dims)
    if not 0 <= start <= end < n:
        fail("Flatten", "start_dim, end_dim", dims, f"must be axes of a signal of shape {shape}")
    after = (*shape[:start], math.prod(shape[start : end + 1]), *shape[end + 1 :])
    if after == shape:
        return []
    return [layers.Flatten() if len(after) == 1 else layers.Reshape(after)]


def _axes(value: Any, axes: int) -> tuple[int, ...]:
    """Return one whole number for each axis; a single one stands for all."""
    return tuple(np.broadcast_to(value, axes).tolist())


STATELESS: Mapping[str, Callable[[Values, Shape], list[Layer]]] = {
    "Input": lambda _v, _shape: [],
    "Output": lambda _v, _shape: [],
    "Affine": _matrix,
    "Linear": _matrix,
    "Scale": lambda v, _shape: [layers.Affine(v["scale"])],
    "Conv1d": _convolution,
    "Conv2d": _convolution,
    "SumPool2d": _sum_pool,
    "AvgPool2d": lambda v, shape: _sum_pool(v, shape, mean=True),
    "Flatten": _flatten,
}
"""A function for each primitive: the checked fields and the shape of the signal give the layers, one after the other; none passes
the signal on."""
