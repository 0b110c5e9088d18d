"""ONNX operators (version 18 and later) in terms of `conversion.operators`: tables that translate attributes."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.onnx.movements import MOVEMENTS
from spikelet.conversion.onnx.norms import NORMS
from spikelet.conversion.onnx.operands import (
    Attributes,
    Handler,
    Operands,
    at,
    constant,
    data,
    number,
    whole,
)
from spikelet.conversion.onnx.windows import (
    average_pool,
    conv,
    conv_transpose,
    lp_pool,
    max_pool,
    resize,
)
from spikelet.conversion.operators import activation, arithmetic, attention, convolution, movement

__all__ = ["OPERATORS"]

# --- products ----------------------------------------------------------------------------------


def _gemm(c: Call, a: Attributes, xs: Operands) -> Data:
    first, second, third = xs[0], xs[1], at(xs, 2)
    alpha, beta = a.get("alpha", 1.0), a.get("beta", 1.0)
    first = _transposed(c.inner("A"), first) if a.get("transA", 0) else first
    second = _transposed(c.inner("B"), second) if a.get("transB", 0) else second
    if third is not None and not isinstance(third, Data):
        third = np.asarray(third, np.float64) * beta
        beta = 1.0
    if isinstance(first, Data) and not isinstance(second, Data):
        rows = np.shape(third) if not isinstance(third, Data) and third is not None else None
        bias = None
        if rows is not None and math.prod(rows[:-1]) == 1:
            bias = np.broadcast_to(third.reshape(-1), (second.shape[1],))
            third = None
        inner = c if third is None else c.inner("product")
        y = convolution.linear(inner, first, np.asarray(second, np.float64).T * alpha, bias)
    else:
        y = arithmetic.matmul(
            c if third is None and alpha == 1 else c.inner("product"), first, second
        )
        if alpha != 1:
            y = arithmetic.affine(c if third is None else c.inner("scaled"), y, alpha)
    if third is None:
        return y
    if beta != 1:
        third = arithmetic.affine(c.inner("C"), third, beta)
    return arithmetic.add(c, y, third)


def _transposed(c: Call, x: Any) -> Any:
    return movement.permute(c, x, (1, 0)) if isinstance(x, Data) else np.transpose(x)


def _matmul(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    first, second = xs
    if isinstance(first, Data) and not isinstance(second, Data) and second.ndim == 2:
        return convolution.linear(c, first, second.T)
    return arithmetic.matmul(c, first, second)


def _einsum(c: Call, a: Attributes, xs: Operands) -> Data:
    return arithmetic.einsum(c, a["equation"], list(xs))


def _attention(c: Call, a: Attributes, xs: Operands) -> Data:
    windows = max(a.get("left_window_size", -1), a.get("right_window_size", -1))
    if a.get("softcap", 0) or windows >= 0 or any(at(xs, k) is not None for k in (4, 5, 6)):
        c.refuse("has a soft cap, a window or a cache", "export the model without them")
    q, k, v = c.data(*xs[:3])
    heads, kv_heads = a.get("q_num_heads", 0), a.get("kv_num_heads", 0)
    split = heads > 0 and len(c.tensor(q)) == 3
    if split:
        q, k, v = (
            _heads(c.inner(n), x, h)
            for n, x, h in (("q", q, heads), ("k", k, kv_heads), ("v", v, kv_heads))
        )
    times = c.tensor(q)[1] // c.tensor(k)[1]
    if times > 1:  # grouped queries
        k, v = (movement.moved(c.inner(n), x, lambda t: t.repeat(times, 1)) for n, x in (("k", k), ("v", v)))  # fmt: skip
    causal = bool(a.get("is_causal", 0))
    y = attention.scaled_dot_product(c, q, k, v, at(xs, 3), causal, a.get("scale"))
    if not split:
        return y
    n, h, length, size = c.tensor(y)
    y = movement.permute(c.inner("together"), y, (0, 2, 1, 3))
    return movement.reshape(c.inner("output"), y, (n, length, h * size))


def _heads(c: Call, x: Data, heads: int) -> Data:
    n, length, size = c.tensor(x)
    x = movement.reshape(c.inner("apart"), x, (n, length, heads, size // heads))
    return movement.permute(c, x, (0, 2, 1, 3))


# --- arithmetic ----------------------------------------------------------------------------------


def _two(function: Any) -> Handler:
    def handler(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
        return function(c, xs[0], xs[1])  # type: ignore[no-any-return]  # a Handler gives Data

    return handler


def _many(function: Any) -> Handler:
    """Convert an operator of any number of operands, two by two."""

    def handler(c: Call, a: Attributes, xs: Operands) -> Any:  # noqa: ARG001
        total = xs[0]
        for k, x in enumerate(xs[1:], 2):
            part = c if k == len(xs) else c.inner(f"part{k - 1}")
            if isinstance(total, Data) or isinstance(x, Data):
                total = function(part, total, x)
            else:
                total = _NUMPY[function](total, x)
        return total

    return handler


_NUMPY: dict[Any, Any] = {
    arithmetic.add: np.add,
    arithmetic.maximum: np.maximum,
    arithmetic.minimum: np.minimum,
}


def _mean_of(c: Call, a: Attributes, xs: Operands) -> Data:
    total = _many(arithmetic.add)(c.inner("sum"), a, xs)
    return arithmetic.affine(c, total, 1 / len(xs))


def _negative(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return arithmetic.negative(c, data(c, xs))


def _where(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    condition = constant(c, xs, 0, "conditions")
    return arithmetic.where(c, condition, xs[1], xs[2])


def _cumsum(c: Call, a: Attributes, xs: Operands) -> Data:
    x, reverse = data(c, xs), a.get("reverse", 0)
    (axis,) = whole(c, xs, 1, "axes") or [0]
    parts = [n for n in ("reverse", "exclusive") if a.get(n, 0)]
    total = c.inner("total") if parts else c
    given = movement.moved(c.inner("turned"), x, lambda t: np.flip(t, axis)) if reverse else x
    y = arithmetic.cumsum(total, given, axis)
    if a.get("exclusive", 0):
        y = arithmetic.subtract(c.inner("exclusive") if reverse else c, y, given)
    return movement.moved(c, y, lambda t: np.flip(t, axis)) if reverse else y


# --- functions of one value ----------------------------------------------------------------------


def _function(name: str, **names: tuple[str, float | None]) -> Handler:
    """Convert to a function of layers.Activation; `names` are its parameters: (attribute, default)."""

    def handler(c: Call, a: Attributes, xs: Operands) -> Data:
        parameters = {p: a.get(attribute, value) for p, (attribute, value) in names.items()}
        return activation.activation(c, data(c, xs), name, **parameters)

    return handler


def _relu(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return activation.relu(c, data(c, xs))


def _clip(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    limits = [number(c, xs, k, "limits") for k in (1, 2)]
    # The largest float32 means that there is no bound.
    most = float(np.finfo(np.float32).max)
    low, high = (None if b is None or abs(b) >= most else b for b in limits)
    if low is None and high is None:
        return data(c, xs)
    if low is not None and high is not None and low >= high:  # then all values are the upper bound
        return arithmetic.affine(c, data(c, xs), 0.0, high)
    return activation.clip(c, data(c, xs), low, high)


def _hard_sigmoid(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.activation(
        c, data(c, xs), "hardsigmoid", alpha=a.get("alpha", 0.2), beta=a.get("beta", 0.5)
    )


def _gelu(c: Call, a: Attributes, xs: Operands) -> Data:
    name = "gelu_tanh" if a.get("approximate", "none") == "tanh" else "gelu"
    return activation.activation(c, data(c, xs), name)


def _elu(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.activation(c, data(c, xs), "elu", alpha=a.get("alpha", 1.0))


def _prelu(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    slope = constant(c, xs, 1, "slopes")
    x = data(c, xs)
    full = np.broadcast_to(slope, (1,) * (len(c.tensor(x)) - slope.ndim) + slope.shape)
    if math.prod(full.shape) == max(full.shape[1:2], default=1):
        return activation.prelu(c, x, full.reshape(-1))
    # With a slope for each pixel: relu(x) - slope relu(-x).
    up = activation.relu(c.inner("positive"), x)
    down = activation.relu(c.inner("negative"), arithmetic.affine(c.inner("reversed"), x, -1.0))
    scaled = arithmetic.multiply(c.inner("scaled"), down, np.asarray(slope))
    return arithmetic.subtract(c, up, scaled)


def _shrink(c: Call, a: Attributes, xs: Operands) -> Data:
    x, limit, bias = data(c, xs), a.get("lambd", 0.5), a.get("bias", 0.0)
    if bias == limit:
        return activation.activation(c, x, "softshrink", alpha=limit)
    if bias:
        c.refuse(f"has lambd={limit} and bias={bias}", "its bias must be 0, or equal to lambd")
    return activation.activation(c, x, "hardshrink", alpha=limit)


def _thresholded(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.activation(c, data(c, xs), "threshold", alpha=a.get("alpha", 1.0), beta=0.0)


def _softmax(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.softmax(c, data(c, xs), a.get("axis", -1))


def _log_softmax(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.log_softmax(c, data(c, xs), a.get("axis", -1))


OPERATORS: dict[str, Handler] = {
    **MOVEMENTS,
    **NORMS,
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": _gemm,
    "MatMul": _matmul,
    "Einsum": _einsum,
    "Attention": _attention,
    **dict.fromkeys(("Add", "Sum"), _many(arithmetic.add)),
    "Sub": _two(arithmetic.subtract),
    "Mul": _two(arithmetic.multiply),
    "Div": _two(arithmetic.divide),
    "Pow": _two(arithmetic.power),
    "Max": _many(arithmetic.maximum),
    "Min": _many(arithmetic.minimum),
    "Mean": _mean_of,
    "Neg": _negative,
    "Where": _where,
    "CumSum": _cumsum,
    "Relu": _relu,
    "Clip": _clip,
    "Sigmoid": _function("sigmoid"),
    "Tanh": _function("tanh"),
    "HardSigmoid": _hard_sigmoid,
    "HardSwish": _function("hardswish"),
    "Mish": _function("mish"),
    "Swish": _function("silu", alpha=("alpha", 1.0)),
    "Gelu": _gelu,
    "Elu": _elu,
    "Selu": _function(
        "selu", alpha=("alpha", 1.67326319217681884765625), beta=("gamma", 1.0507010221481323)
    ),
    "Celu": _function("celu", alpha=("alpha", 1.0)),
    "LeakyRelu": _function("leaky_relu", alpha=("alpha", 0.01)),
    "PRelu": _prelu,
    "Softplus": _function("softplus"),
    "Softsign": _function("softsign"),
    "Shrink": _shrink,
    "ThresholdedRelu": _thresholded,
    "Abs": _function("abs"),
    "Exp": _function("exp"),
    "Log": _function("log"),
    "Sqrt": _function("sqrt"),
    "Reciprocal": _function("reciprocal"),
    "Erf": _function("erf"),
    "Sin": _function("sin"),
    "Cos": _function("cos"),
    "Floor": _function("floor"),
    "Softmax": _softmax,
    "LogSoftmax": _log_softmax,
    "MaxPool": max_pool,
    "AveragePool": average_pool,
    "LpPool": lp_pool,
    "Resize": resize,
}
