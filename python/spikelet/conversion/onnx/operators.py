"""ONNX's operators in terms of `conversion.operators`: a table with a row for each, which translates its attributes."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from spikelet.conversion.building import Data
from spikelet.conversion.onnx.call import Handler, OnnxCall
from spikelet.conversion.onnx.windows import conv, conv_transpose, lp_pool, pool, resize, upsample
from spikelet.conversion.operators import (
    activation,
    arithmetic,
    attention,
    movement,
    normalisation,
    pooling,
    reduction,
)
from spikelet.conversion.operators.convolution import linear

__all__ = ["OPERATORS"]

# --- products ----------------------------------------------------------------------------------


def _gemm(c: OnnxCall) -> Data:
    first, second = (_transposed(c, k) if c.get(f"trans{'AB'[k]}", 0) else c.at(k) for k in (0, 1))
    alpha, beta, third = c.get("alpha", 1.0), c.get("beta", 1.0), c.at(2)
    if isinstance(third, Data):
        third = third if beta == 1 else arithmetic.affine(c.inner("C"), third, beta)
    elif third is not None:
        third = np.asarray(third, np.float64) * beta
    if isinstance(first, Data) and not isinstance(second, Data):
        bias = None
        if isinstance(third, np.ndarray) and math.prod(third.shape[:-1]) == 1:
            bias, third = np.broadcast_to(third.reshape(-1), (second.shape[1],)), None
        product = c if third is None else c.inner("product")
        y = linear(product, first, np.asarray(second, np.float64).T * alpha, bias)
    else:
        product = c if third is None and alpha == 1 else c.inner("product")
        y = arithmetic.matmul(product, first, second)
        y = y if alpha == 1 else arithmetic.affine(c if third is None else c.inner("scaled"), y, alpha)  # fmt: skip
    return y if third is None else arithmetic.add(c, y, third)


def _transposed(c: OnnxCall, k: int) -> Any:
    x = c.at(k)
    return movement.permute(c.inner("AB"[k]), x, (1, 0)) if isinstance(x, Data) else x.T


def _attention(c: OnnxCall) -> Data:
    windows = max(c.get("left_window_size", -1), c.get("right_window_size", -1))
    if c.get("softcap", 0) or windows >= 0 or any(c.at(k) is not None for k in (4, 5, 6)):
        c.refuse("has a soft cap, a window or a cache", "export the model without them")
    q, k, v = c.data(*c.operands[:3])
    heads, kv_heads = c.get("q_num_heads", 0), c.get("kv_num_heads", 0)
    split = heads > 0 and len(c.tensor(q)) == 3
    if split:
        parts = (("q", q, heads), ("k", k, kv_heads), ("v", v, kv_heads))
        q, k, v = (_heads(c.inner(name), x, n) for name, x, n in parts)
    times = c.tensor(q)[1] // c.tensor(k)[1]
    if times > 1:  # grouped queries
        k, v = (movement.moved(c.inner(n), x, lambda t: t.repeat(times, 1)) for n, x in (("k", k), ("v", v)))  # fmt: skip
    y = attention.scaled_dot_product(c, q, k, v, c.at(3), bool(c.get("is_causal", 0)), c.get("scale"))  # fmt: skip
    if not split:
        return y
    n, h, length, size = c.tensor(y)
    y = movement.permute(c.inner("together"), y, (0, 2, 1, 3))
    return movement.reshape(c.inner("output"), y, (n, length, h * size))


def _heads(c: Any, x: Data, heads: int) -> Data:
    n, length, size = c.tensor(x)
    x = movement.reshape(c.inner("apart"), x, (n, length, heads, size // heads))
    return movement.permute(c, x, (0, 2, 1, 3))


# --- arithmetic ----------------------------------------------------------------------------------


def _two(function: Callable[..., Data]) -> Handler:
    return lambda c: function(c, c.at(0), c.at(1))


def _many(function: Callable[..., Data], constant: Callable[..., Any]) -> Handler:
    """Convert an operator of any number of operands, two by two; `constant` is the function of arrays."""

    def handler(c: OnnxCall) -> Any:
        total = c.at(0)
        for k, x in enumerate(c.operands[1:], 2):
            part = c if k == len(c.operands) else c.inner(f"part{k - 1}")
            is_data = isinstance(total, Data) or isinstance(x, Data)
            total = function(part, total, x) if is_data else constant(total, x)
        return total

    return handler


_sum = _many(arithmetic.add, np.add)


def _mean(c: OnnxCall) -> Data:
    return arithmetic.affine(c, _sum(c.part("sum", *c.operands)), 1 / len(c.operands))


def _where(c: OnnxCall) -> Data:
    return arithmetic.where(c, c.constant_at(0, "conditions"), c.at(1), c.at(2))


def _cumsum(c: OnnxCall) -> Data:
    (axis,) = c.integers(1, "axes") or [0]
    reverse, exclusive = c.get("reverse", 0), c.get("exclusive", 0)
    total = c.inner("total") if reverse or exclusive else c
    x = movement.moved(c.inner("turned"), c.x, lambda t: np.flip(t, axis)) if reverse else c.x
    y = arithmetic.cumsum(total, x, axis)
    if exclusive:
        y = arithmetic.subtract(c.inner("exclusive") if reverse else c, y, x)
    return movement.moved(c, y, lambda t: np.flip(t, axis)) if reverse else y


# --- functions of one value ----------------------------------------------------------------------


def _function(name: str, **names: tuple[str, float]) -> Handler:
    """Convert to a function of layers.Activation; `names` are its parameters: (attribute, default)."""

    def handler(c: OnnxCall) -> Data:
        parameters = {p: c.get(attribute, value) for p, (attribute, value) in names.items()}
        return activation.activation(c, c.x, name, **parameters)

    return handler


def _clip(c: OnnxCall) -> Data:
    limits = [c.number(1, "min"), c.number(2, "max")]
    # The largest float32 means that there is no bound.
    most = float(np.finfo(np.float32).max)
    low, high = (None if b is None or abs(b) >= most else b for b in limits)
    if low is None and high is None:
        return c.x
    if low is not None and high is not None and low >= high:  # then all values are the upper bound
        return arithmetic.affine(c, c.x, 0.0, high)
    return activation.clip(c, c.x, low, high)


def _prelu(c: OnnxCall) -> Data:
    slope, x = c.constant_at(1, "slopes"), c.x
    full = np.broadcast_to(slope, (1,) * (len(c.tensor(x)) - slope.ndim) + slope.shape)
    if math.prod(full.shape) == max(full.shape[1:2], default=1):
        return activation.prelu(c, x, full.reshape(-1))
    # With a slope for each pixel: relu(x) - slope relu(-x).
    up = activation.relu(c.inner("positive"), x)
    down = activation.relu(c.inner("negative"), arithmetic.affine(c.inner("reversed"), x, -1.0))
    return arithmetic.subtract(c, up, arithmetic.multiply(c.inner("scaled"), down, slope))


def _shrink(c: OnnxCall) -> Data:
    limit, bias = c.get("lambd", 0.5), c.get("bias", 0.0)
    if bias not in (0, limit):
        c.refuse(f"has lambd={limit} and bias={bias}", "its bias must be 0, or equal to lambd")
    return activation.activation(c, c.x, "softshrink" if bias else "hardshrink", alpha=limit)


def _softmax(function: Callable[..., Data]) -> Handler:
    def handler(c: OnnxCall) -> Data:
        if c.version >= 13:
            return function(c, c.x, c.get("axis", -1))
        shape = c.tensor(c.x)  # all dimensions from the axis on count as one
        axis = c.get("axis", 1) % len(shape)
        if axis == len(shape) - 1:
            return function(c, c.x, -1)
        flat = movement.reshape(c.inner("flat"), c.x, (*shape[:axis], -1))
        return movement.reshape(c, function(c.inner("soft"), flat, -1), shape)

    return handler


# --- normalization and reduction -----------------------------------------------------------------


def _parameters(c: OnnxCall, *places: int) -> list[Any]:
    return [c.constant_at(k, "parameters") for k in places]


def _batch_norm(c: OnnxCall) -> Data:
    gamma, beta, mean, var = _parameters(c, 1, 2, 3, 4)
    if c.get("spatial", 1) == 0:
        c.refuse("has statistics for each pixel", "train BatchNorm of channels")
    if c.get("training_mode", 0) or (c.version < 14 and len(c.results) > 1):
        c.refuse("is in training mode", "export the model in eval mode")
    if not mean.any() and (var == 1).all() and (gamma == 1).all() and not beta.any():
        c.refuse(
            "has never been trained: its mean is 0 and its variance 1",
            "train the model, or load trained parameters, before exporting it",
        )
    return normalisation.batch_norm(c, c.x, mean, var, gamma, beta, c.get("epsilon", 1e-5))


def _instance_norm(c: OnnxCall) -> Data:
    return normalisation.instance_norm(c, c.x, *_parameters(c, 1, 2), c.get("epsilon", 1e-5))


def _group_norm(c: OnnxCall) -> Data:
    groups, eps = c.get("num_groups"), c.get("epsilon", 1e-5)
    return normalisation.group_norm(c, c.x, groups, *_parameters(c, 1, 2), eps)


def _last_axes(c: OnnxCall) -> tuple[list[int], list[Any]]:
    """Return the axes that are normalized, and scale and bias of their shape."""
    shape = c.tensor(c.x)
    axes = list(range(c.get("axis", -1) % len(shape), len(shape)))
    found = _parameters(c, 1, 2)
    return axes, [None if p is None else np.broadcast_to(p, shape[axes[0] :]) for p in found]


def _layer_norm(c: OnnxCall) -> Any:
    axes, (weight, bias) = _last_axes(c)
    eps = c.get("epsilon", 1e-5)
    y = normalisation.layer_norm(c, c.x, axes, weight, bias, eps)
    if len(c.results) < 2:
        return y
    mean = reduction.reduce(c.inner("mean"), c.x, "mean", axes, keepdims=True)
    if math.prod(c.tensor(c.x)[axes[0] :]) == 1:
        return y, mean
    variance = reduction.reduce(c.inner("variance"), c.x, "var", axes, keepdims=True, correction=0)
    shifted = arithmetic.affine(c.inner("shifted"), variance, 1.0, eps)
    return y, mean, activation.activation(c.inner("inverse"), shifted, "pow", alpha=-0.5)


def _rms_norm(c: OnnxCall) -> Data:
    axes, (weight, _) = _last_axes(c)
    return normalisation.rms_norm(c, c.x, axes, weight, c.get("epsilon", 1e-5))


def _lrn(c: OnnxCall) -> Data:
    size, alpha, beta, k = (c.get("size"), c.get("alpha", 1e-4), c.get("beta", 0.75), c.get("bias", 1.0))  # fmt: skip
    if size % 2 == 0:
        c.refuse(f"has a window of {size} channels", "an odd number is supported")
    return normalisation.local_response_norm(c, c.x, size, alpha, beta, k)


def _reduction(how: str) -> Handler:
    def handler(c: OnnxCall) -> Data:
        axes = c.integers(1, "axes")
        if not axes and c.get("noop_with_empty_axes", 0):
            return c.x
        axes = axes or list(range(len(c.tensor(c.x))))
        return reduction.reduce(c, c.x, how, axes, bool(c.get("keepdims", 1)))

    return handler


def _global_lp(c: OnnxCall) -> Data:
    p = c.get("p", 2)
    if p not in (1, 2):
        c.refuse(f"has p={p}", "p must be 1 or 2")
    return reduction.reduce(c, c.x, f"l{p}", list(range(2, len(c.tensor(c.x)))), True)


# --- operators that move values, or keep them ----------------------------------------------------


def _moved(c: OnnxCall) -> Any:
    """Convert an operator that only moves values: ONNX Runtime shows where it puts each place."""
    others = [c.constant_at(k, "operands") for k in range(1, len(c.operands))]

    def part(k: int) -> Any:
        if 0 in c.results[k]:
            return np.zeros(c.results[k], np.float32)
        call = c if len(c.results) == 1 else c.inner(str(k))
        # As float64, which is exact, and which more kernels take than int64.
        return movement.moved(
            call, c.x, lambda t: c.evaluate([t.astype(np.float64), *others])[k].astype(np.int64)
        )

    found = tuple(map(part, range(len(c.results))))
    return found if len(found) > 1 else found[0]


def _reshape(c: OnnxCall) -> Data:
    return movement.reshape(c, c.x, c.result)


def _transpose(c: OnnxCall) -> Data:
    axes = c.get("perm", list(reversed(range(len(c.tensor(c.x))))))
    return movement.permute(c, c.x, axes)


def _pad(c: OnnxCall) -> Data:
    n = len(c.tensor(c.x))
    pads = c.integers(1, "pads") or []
    axes = [d % n for d in c.integers(3, "axes") or range(n)]
    sides = [[0] * n, [0] * n]
    for k, axis in enumerate(axes):
        sides[0][axis], sides[1][axis] = pads[k], pads[k + len(axes)]
    if not any(pads):
        return c.x
    value = c.number(2, "value") or 0.0
    return movement.pad(c, c.x, *sides, c.get("mode", "constant"), value)


def _shape(c: OnnxCall) -> Any:
    return np.array(c.tensor(c.x), np.int64)[c.get("start", 0) : c.get("end")]


def _cast(c: OnnxCall) -> Data:
    from onnx import TensorProto  # noqa: PLC0415  # only where it is used

    name = TensorProto.DataType.Name(c.get("to"))
    if name not in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"):
        c.refuse(f"rounds values to {name.lower()}", "values must remain floating-point numbers")
    return c.x


def _cast_like(c: OnnxCall) -> Any:
    return c.at(0) if isinstance(c.at(0), Data) else np.asarray(c.at(0), np.float32)


def _dropout(c: OnnxCall) -> Any:
    if c.at(2) is not None and bool(c.at(2)) and c.number(1, "ratio") != 0:
        c.refuse("is in training mode", "export the model in eval mode")
    return c.x, np.ones(c.tensor(c.x), np.bool_)


_REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max", "Min": "min", "Prod": "prod", "L1": "l1", "L2": "l2",
               "SumSquare": "sum_square", "LogSum": "log_sum", "LogSumExp": "log_sum_exp"}  # fmt: skip
_MOVEMENTS = ("Slice", "Gather", "GatherElements", "GatherND", "Tile", "Expand", "DepthToSpace", "SpaceToDepth",
              "Trilu", "CenterCropPad", "ReverseSequence", "Split")  # fmt: skip
_FUNCTIONS = ("Sigmoid", "Tanh", "HardSwish", "Mish", "Softplus", "Softsign", "Abs", "Exp", "Log", "Sqrt",
              "Reciprocal", "Erf", "Sin", "Cos", "Floor")  # fmt: skip

OPERATORS: dict[str, Handler] = {
    "Conv": conv,
    "ConvTranspose": conv_transpose,
    "Gemm": _gemm,
    "MatMul": _two(arithmetic.matmul),
    "Einsum": lambda c: arithmetic.einsum(c, c.get("equation"), c.operands),
    "Attention": _attention,
    **dict.fromkeys(("Add", "Sum"), _sum),
    "Sub": _two(arithmetic.subtract),
    "Mul": _two(arithmetic.multiply),
    "Div": _two(arithmetic.divide),
    "Pow": _two(arithmetic.power),
    "Max": _many(arithmetic.maximum, np.maximum),
    "Min": _many(arithmetic.minimum, np.minimum),
    "Mean": _mean,
    "Neg": lambda c: arithmetic.negative(c, c.x),
    "Where": _where,
    "CumSum": _cumsum,
    **{name: _function(name.lower()) for name in _FUNCTIONS},
    "Relu": lambda c: activation.relu(c, c.x),
    "Clip": _clip,
    "HardSigmoid": _function("hardsigmoid", alpha=("alpha", 0.2), beta=("beta", 0.5)),
    "Swish": _function("silu", alpha=("alpha", 1.0)),
    "Gelu": lambda c: activation.activation(
        c, c.x, "gelu_tanh" if c.get("approximate") == "tanh" else "gelu"
    ),
    "Elu": _function("elu", alpha=("alpha", 1.0)),
    "Selu": _function(
        "selu", alpha=("alpha", 1.67326319217681884765625), beta=("gamma", 1.0507010221481323)
    ),
    "Celu": _function("celu", alpha=("alpha", 1.0)),
    "LeakyRelu": _function("leaky_relu", alpha=("alpha", 0.01)),
    "PRelu": _prelu,
    "Shrink": _shrink,
    "ThresholdedRelu": _function("threshold", alpha=("alpha", 1.0), beta=("", 0.0)),
    "Softmax": _softmax(activation.softmax),
    "LogSoftmax": _softmax(activation.log_softmax),
    "MaxPool": pool(pooling.max_pool),
    "AveragePool": pool(pooling.avg_pool),
    "LpPool": lp_pool,
    "GlobalAveragePool": lambda c: pooling.global_avg_pool(c, c.x),
    "GlobalMaxPool": lambda c: pooling.global_max_pool(c, c.x),
    "GlobalLpPool": _global_lp,
    "Resize": resize,
    "Upsample": upsample,
    "BatchNormalization": _batch_norm,
    "InstanceNormalization": _instance_norm,
    "GroupNormalization": _group_norm,
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "MeanVarianceNormalization": lambda c: normalisation.layer_norm(
        c, c.x, c.get("axes", [0, 2, 3]), None, None, 1e-18
    ),
    "LRN": _lrn,
    "LpNormalization": lambda c: normalisation.l2_normalise(
        c, c.x, [c.get("axis", -1)], c.get("p", 2), 1e-30
    ),
    **{f"Reduce{name}": _reduction(how) for name, how in _REDUCTIONS.items()},
    **dict.fromkeys(_MOVEMENTS, _moved),
    **dict.fromkeys(("Reshape", "Flatten", "Squeeze", "Unsqueeze"), _reshape),
    "Transpose": _transpose,
    "Pad": _pad,
    "Concat": lambda c: movement.concat(c, c.operands, c.get("axis")),
    "Shape": _shape,
    "Size": lambda c: np.array(math.prod(c.tensor(c.x)), np.int64),
    "Identity": lambda c: c.x,
    "Cast": _cast,
    "CastLike": _cast_like,
    "Dropout": _dropout,
}
