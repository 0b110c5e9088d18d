"""Conversion of each ONNX operator to layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data, hint_for
from spikelet.conversion.folding import batch_norm
from spikelet.layers import AvgPool2d, Concat, Conv2d, Flatten, Linear, MaxPool2d, ReLU

__all__ = ["CONTROL", "OPERATORS", "READERS", "SOFTMAX"]

Attributes: TypeAlias = Mapping[str, Any]
Operands: TypeAlias = Sequence[Any]  # Data, arrays, or None for an omitted operand
Handler: TypeAlias = Callable[[Call, Attributes, Operands], Data]
Floats = NDArray[np.float64]


def _array(value: Any) -> Floats:
    return np.asarray(value, dtype=np.float64)


def _at(xs: Operands, k: int) -> Any:
    return xs[k] if k < len(xs) else None


def _weights(c: Call, *xs: Any) -> None:
    if any(isinstance(x, Data) for x in xs):
        c.refuse("multiplies two activations", hint_for("matmul"))


def _pads(a: Attributes, size: Sequence[int], kernel: Sequence[int]) -> list[int]:
    """Return padding as top, bottom, left, right."""
    strides, dilations = a.get("strides", [1, 1]), a.get("dilations", [1, 1])
    auto = a.get("auto_pad", b"NOTSET")
    auto = auto.decode() if isinstance(auto, bytes) else auto
    if auto == "NOTSET":
        top, left, bottom, right = a.get("pads", [0, 0, 0, 0])
        return [top, bottom, left, right]
    pads = []
    for n, k, s, d in zip(size, kernel, strides, dilations, strict=True):
        total = max((-(-n // s) - 1) * s + d * (k - 1) + 1 - n, 0) if auto != "VALID" else 0
        pads += (
            [total - total // 2, total // 2]
            if auto == "SAME_LOWER"
            else [
                total // 2,
                total - total // 2,
            ]
        )
    return pads


def _picture(c: Call, x: Data) -> None:
    if len(c.shape(x)) != 3:
        c.refuse(f"takes samples of shape {c.shape(x)}", hint_for("conv1d"))


def _conv(c: Call, a: Attributes, xs: Operands) -> Data:
    x, weight, bias = xs[0], xs[1], _at(xs, 2)
    _weights(c, weight, bias)
    _picture(c, x)
    pads = _pads(a, c.shape(x)[1:], weight.shape[2:])
    with named(c.where):
        layer = Conv2d(
            _array(weight),
            None if bias is None else _array(bias),
            stride=tuple(a.get("strides", (1, 1))),
            padding=tuple(pads),
            dilation=tuple(a.get("dilations", (1, 1))),
            groups=a.get("group", 1),
        )
    return c.add(layer, x)


def _gemm(c: Call, a: Attributes, xs: Operands) -> Data:
    x, weight, bias = xs[0], xs[1], _at(xs, 2)
    _weights(c, weight, bias)
    c.operands(x)
    if a.get("transA", 0):
        c.refuse("transposes its input", "the first dimension must remain the batch")
    weight = _array(weight) * a.get("alpha", 1.0)
    weight = weight if a.get("transB", 0) else weight.T
    if bias is not None:
        bias = np.broadcast_to(_array(bias) * a.get("beta", 1.0), (1, len(weight)))[0]
    with named(c.where):
        layer = Linear(weight, bias)
    return c.add(layer, x)


def _matmul(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    if isinstance(xs[0], Data) and not isinstance(xs[1], Data) and xs[1].ndim != 2:
        c.refuse(f"multiplies by an array of shape {xs[1].shape}", "the array must be a matrix")
    return _gemm(c, {}, xs)


def _batch_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    x, gamma, beta, mean, var = xs
    _weights(c, gamma, beta, mean, var)
    if a.get("training_mode", 0):
        c.refuse("is in training mode", "export the model in eval mode")
    if not mean.any() and (var == 1).all() and (gamma == 1).all() and not beta.any():
        c.refuse(
            "has never been trained: its mean is 0 and its variance 1",
            "train the model, or load trained parameters, before exporting it",
        )
    with named(c.where):
        layer = batch_norm(
            _array(gamma), _array(beta), _array(mean), _array(var), a.get("epsilon", 1e-5)
        )
    return c.add(layer, x)


def _relu(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return c.add(ReLU(), *c.operands(xs[0]))


def _clip(c: Call, a: Attributes, xs: Operands) -> Data:
    low = _at(xs, 1) if _at(xs, 1) is not None else a.get("min", -math.inf)
    high = _at(xs, 2) if _at(xs, 2) is not None else a.get("max", math.inf)
    # The largest float32 means that there is no upper bound.
    if float(low) != 0 or float(high) < float(np.finfo(np.float32).max):
        c.refuse(f"clips to {low} .. {high}", hint_for("clip"))
    return c.add(ReLU(), xs[0])


def _pool(c: Call, a: Attributes, x: Data) -> tuple[Data, dict[str, Any]]:
    _picture(c, x)
    kernel = a["kernel_shape"]
    top, bottom, left, right = _pads(a, c.shape(x)[1:], kernel)
    if any(d != 1 for d in a.get("dilations", [1, 1])):
        c.refuse("is dilated", "use pooling without dilation")
    if (top, left) != (bottom, right):
        c.refuse(f"pads {(top, bottom, left, right)}", "pad both sides of pooling equally")
    return x, {
        "kernel_size": tuple(kernel),
        "stride": tuple(a.get("strides", (1, 1))),
        "padding": (top, left),
        "ceil_mode": bool(a.get("ceil_mode", 0)),
    }


def _max_pool(c: Call, a: Attributes, xs: Operands) -> Data:
    x, options = _pool(c, a, xs[0])
    with named(c.where):
        layer = MaxPool2d(**options)
    return c.add(layer, x)


def _average_pool(c: Call, a: Attributes, xs: Operands) -> Data:
    x, options = _pool(c, a, xs[0])
    with named(c.where):
        layer = AvgPool2d(**options, count_include_pad=bool(a.get("count_include_pad", 0)))
    return c.add(layer, x)


def _global_average_pool(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return Data(c.builder.global_mean(c.where, c.name, xs[0].name, keepdim=True))


def _global_max_pool(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    _picture(c, xs[0])
    return c.add(MaxPool2d(c.shape(xs[0])[1:]), xs[0])


def _spatial(c: Call, a: Attributes, xs: Operands) -> bool:
    """Check the dimensions that are reduced, and return whether they are kept."""
    axes = a.get("axes", _at(xs, 1))
    n = len(c.shape(xs[0])) + 1
    if n != 4 or axes is None or sorted(int(d) % n for d in np.ravel(axes)) != [2, 3]:
        c.refuse(f"reduces dimensions {axes}", "only height and width can be reduced, together")
    return bool(a.get("keepdims", 1))


def _reduce_mean(c: Call, a: Attributes, xs: Operands) -> Data:
    keepdim = _spatial(c, a, xs)
    return Data(c.builder.global_mean(c.where, c.name, xs[0].name, keepdim=keepdim))


def _reduce_max(c: Call, a: Attributes, xs: Operands) -> Data:
    keepdim = _spatial(c, a, xs)
    whole = MaxPool2d(c.shape(xs[0])[1:])
    if keepdim:
        return c.add(whole, xs[0])
    inner = c.builder.add(c.where, f"{c.name}.pool", whole, xs[0].name)
    return c.add(Flatten(), Data(inner))


def _reshape(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return c.reshaped(*c.operands(xs[0]))


def _keep(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return c.operands(xs[0])[0]


def _dropout(c: Call, a: Attributes, xs: Operands) -> Data:
    if _at(xs, 2) is not None and bool(xs[2]):
        c.refuse("is in training mode", "export the model in eval mode")
    return _keep(c, a, xs)


def _sum(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    data = [x for x in xs if isinstance(x, Data)]
    constants = [x for x in xs if not isinstance(x, Data)]
    names = [d.name for d in data]
    name = names[0]
    if len(names) > 1:
        name = c.builder.total(c.where, c.name, names)
    for constant in constants:
        name = c.builder.scaled(c.where, c.name, name, 1.0, _array(constant))
    return Data(name)


def _sub(c: Call, a: Attributes, xs: Operands) -> Data:
    first, second = xs
    if isinstance(second, Data):
        negative = c.builder.scaled(c.where, f"{c.name}.negative", second.name, -1.0)
        return _sum(c, a, [first, Data(negative)])
    return _sum(c, a, [first, -_array(second)])


def _mul(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    first, second = xs
    if isinstance(first, Data):
        first, second = second, first
    _weights(c, first)
    return Data(c.builder.scaled(c.where, c.name, second.name, _array(first)))


def _div(c: Call, a: Attributes, xs: Operands) -> Data:
    _weights(c, xs[1])
    return _mul(c, a, [xs[0], 1 / _array(xs[1])])


def _neg(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return Data(c.builder.scaled(c.where, c.name, xs[0].name, -1.0))


def _concat(c: Call, a: Attributes, xs: Operands) -> Data:
    data = c.operands(*xs)
    if a["axis"] % len(c.result) != 1:
        c.refuse(
            f"concatenates along dimension {a['axis']}",
            "only channels (axis 1) can be concatenated",
        )
    return data[0] if len(data) == 1 else c.add(Concat(), *data)


def _resize(c: Call, a: Attributes, xs: Operands) -> Data:
    def text(name: str, default: str) -> str:
        value = a.get(name, default)
        return value.decode() if isinstance(value, bytes) else str(value)

    mode = text("mode", "nearest")
    nearest = text("nearest_mode", "round_prefer_floor")
    places = text("coordinate_transformation_mode", "half_pixel")
    # In these modes, each new pixel copies the pixel in which it lies.
    repeats = (places == "asymmetric" and nearest == "floor") or (
        places in ("half_pixel", "pytorch_half_pixel") and nearest.startswith("round_")
    )
    if mode != "nearest" or not repeats:
        c.refuse(
            f"interpolates with {mode}, {places}, {nearest}",
            'only repeated nearest pixels ("asymmetric" with "floor") are supported',
        )
    return c.upsampled(xs[0])


def _upsample(c: Call, a: Attributes, xs: Operands) -> Data:
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return _resize(c, {"mode": a.get("mode", "nearest"), **how}, xs)


def _pad(c: Call, a: Attributes, xs: Operands) -> Data:
    n = len(c.shape(xs[0])) + 1
    pads = [int(p) for p in np.ravel(a.get("pads", a.get("paddings", _at(xs, 1))))]
    axes = [int(d) % n for d in np.ravel(xs[3])] if _at(xs, 3) is not None else list(range(n))
    value = _at(xs, 2) if _at(xs, 2) is not None else a.get("value", 0.0)
    mode = a.get("mode", b"constant")
    low, high = [0] * 4, [0] * 4
    for k, axis in enumerate(axes[: len(pads) // 2]):
        low[axis % 4], high[axis % 4] = pads[k], pads[k + len(axes)]
    plain = mode in (b"constant", "constant") and not np.any(value) and min(*low, *high) >= 0
    if n != 4 or not plain or low[0] or high[0]:
        c.refuse(
            f"pads {pads} with mode={mode!r}", "only padding of images with zeros is supported"
        )
    if not any(low + high):
        return xs[0]  # type: ignore[no-any-return]  # a Data
    return Data(
        c.builder.picked(
            c.where,
            c.name,
            xs[0].name,
            padding=(low[2], high[2], low[3], high[3]),
            before=low[1],
            after=high[1],
        )
    )


OPERATORS: dict[str, Handler] = {
    "Conv": _conv,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "BatchNormalization": _batch_normalization,
    "Relu": _relu,
    "Clip": _clip,
    "MaxPool": _max_pool,
    "AveragePool": _average_pool,
    "GlobalAveragePool": _global_average_pool,
    "GlobalMaxPool": _global_max_pool,
    "ReduceMean": _reduce_mean,
    "ReduceMax": _reduce_max,
    **dict.fromkeys(("Flatten", "Reshape", "Squeeze", "Unsqueeze"), _reshape),
    **dict.fromkeys(("Identity", "Cast"), _keep),
    "Dropout": _dropout,
    **dict.fromkeys(("Add", "Sum"), _sum),
    "Sub": _sub,
    "Mul": _mul,
    "Div": _div,
    "Neg": _neg,
    "Concat": _concat,
    "Resize": _resize,
    "Upsample": _upsample,
    "Pad": _pad,
}
SOFTMAX = frozenset({"Softmax", "LogSoftmax"})
READERS = frozenset({"Shape", "Size"})  # operators that depend on shapes alone
CONTROL = frozenset({"If", "Loop", "Scan"})
