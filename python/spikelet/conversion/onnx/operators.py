"""ONNX's operators in terms of `conversion.operators`: a table with a row for each, which translates its attributes."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.onnx.model import Operation
from spikelet.conversion.onnx.runtime import Runtime
from spikelet.conversion.operators import (
    activation,
    arithmetic,
    attention,
    movement,
    normalization,
    spatial,
)
from spikelet.layers import Shape


@dataclass(frozen=True)
class OnnxCall(Call):
    """An operator of an ONNX model that is being converted to layers.

    Parameters
    ----------
    builder, where, name, result, batch
        See `Call`.
    operation : Operation
    operands : tuple
        Data, arrays, or None for an omitted operand.
    attributes : mapping
        Those of the operation, or of a part of it.
    results : sequence of tuple of int, or None
        Shape of each output for a batch, None if it is not known.
    runtime : Runtime
    """

    operation: Operation
    operands: tuple[Any, ...]
    attributes: Mapping[str, Any]
    results: Sequence[Shape | None]
    runtime: Runtime

    @property
    def x(self) -> Data:
        """The first operand, which must depend on the input."""
        return self.one(self.at(0))

    def evaluate(self, *operands: Any) -> list[Any]:
        """Return the outputs of the operation for these arrays."""
        return self.runtime.values(self.operation, operands)

    def get(self, attribute: str, default: Any = None) -> Any:
        """Return an attribute."""
        return self.attributes.get(attribute, default)

    def at(self, k: int) -> Any:
        """Return an operand, or None if it is omitted."""
        return self.operands[k] if k < len(self.operands) else None

    def constant_at(self, k: int, what: str) -> Any:
        """Return an operand that must not depend on the input."""
        value = self.at(k)
        if isinstance(value, Data):
            self.refuse(
                f"has {what} that depend on the input", "export the model with constants there"
            )
        return value

    def integers(self, k: int, what: str) -> list[int] | None:
        """Return integers: an operand, in older versions an attribute of this name; None if they are omitted."""
        value = self.constant_at(k, what)
        value = self.get(what) if value is None else value
        return None if value is None else [int(v) for v in np.ravel(value)]

    def number(self, k: int, what: str) -> float | None:
        """Return one number: an operand, in older versions an attribute of this name; None if it is omitted."""
        value = self.constant_at(k, what)
        value = self.get(what) if value is None else value
        return None if value is None else float(np.ravel(value)[0])

    def part(self, name: str, *operands: Any, **attributes: Any) -> OnnxCall:
        """Return a call for a part of the operator, with operands and attributes of its own."""
        inner = f"{self.name}.{name}"
        return dataclasses.replace(self, name=inner, operands=operands, attributes=attributes)


Handler: TypeAlias = Callable[[OnnxCall], Any]
"""Returns Data, or a tuple of results, which may be arrays, or None for what is not available."""


def _windows(c: OnnxCall, kernel: Sequence[int]) -> dict[str, Any]:
    """Return how the windows lie: stride, dilation, and the padding before and after each axis."""
    n = len(kernel)
    stride, dilation = c.get("strides", [1] * n), c.get("dilations", [1] * n)
    auto, pads = c.get("auto_pad", "NOTSET"), c.get("pads", [0] * 2 * n)
    if auto in ("SAME_UPPER", "SAME_LOWER"):
        size = c.tensor(c.x)[2:]
        padding = spatial.same(size, kernel, stride, dilation, late=auto == "SAME_UPPER")
    else:
        padding = list(zip(pads[:n], pads[n:], strict=True)) if auto == "NOTSET" else [(0, 0)] * n
    return {"stride": tuple(stride), "padding": padding, "dilation": tuple(dilation)}


def _weights(c: OnnxCall) -> tuple[Any, Any]:
    return c.constant_at(1, "weights"), c.constant_at(2, "weights")


def _conv(c: OnnxCall) -> Data:
    weight, bias = _weights(c)
    windows = _windows(c, weight.shape[2:])
    return spatial.conv(c, c.x, weight, bias, groups=c.get("group", 1), **windows)


def _conv_transpose(c: OnnxCall) -> Data:
    weight, bias = _weights(c)
    windows = _windows(c, weight.shape[2:])
    size = c.tensor(c.x)[2:]
    extra = list(c.get("output_padding", [0] * len(size)))
    auto = c.get("auto_pad", "NOTSET")
    if c.get("output_shape") or auto in ("SAME_UPPER", "SAME_LOWER"):
        steps, gaps, late = windows["stride"], windows["dilation"], auto == "SAME_UPPER"
        for k, out in enumerate(c.result[2:]):
            reach = gaps[k] * (weight.shape[k + 2] - 1) + 1
            total = steps[k] * (size[k] - 1) + extra[k] + reach - out
            extra[k] += max(-total, 0)
            windows["padding"][k] = spatial.halves(max(total, 0), late=late)
    return spatial.conv_transpose(
        c, c.x, weight, bias, output_padding=extra, groups=c.get("group", 1), **windows
    )


def _pool(kind: str, **more: Any) -> Handler:
    """Return a handler for a pool; `more` are parameters of its layer."""

    def handler(c: OnnxCall) -> Data:
        kernel = c.get("kernel_shape")
        arguments = {**_windows(c, kernel), **more, "ceil_mode": bool(c.get("ceil_mode", 0))}
        if kind == "AvgPool":
            arguments.setdefault("count_include_pad", bool(c.get("count_include_pad", 0)))
        return spatial.pool(c, c.x, tuple(kernel), kind=kind, **arguments)

    return handler


def _lp_pool(c: OnnxCall) -> Data:
    """Convert LpPool: the p-th root of the sum of the p-th powers of magnitudes."""
    p = float(c.get("p", 2))
    x = c.x if p == 2 else activation.activation(c.inner("magnitude"), c.x, "abs")
    powers = arithmetic.power(c.inner("power"), x, np.array(p))
    total = _pool("AvgPool", divisor_override=1)(c.part("sum", powers, **c.attributes))
    return arithmetic.power(c, total, np.array(1 / p))


def _upsample(c: OnnxCall) -> Data:
    """Convert Upsample, and Resize of version 10."""
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    scales = c.get("scales") if c.at(1) is None else c.constant_at(1, "scales")
    return _resized(c, scales, None, {"mode": c.get("mode", "nearest"), **how})


def _resize(c: OnnxCall) -> Data:
    if c.runtime.version == 10:
        return _upsample(c)
    return _resized(c, c.constant_at(2, "scales"), c.constant_at(3, "sizes"), c.attributes)


def _resized(c: OnnxCall, scales: Any, sizes: Any, how: Any) -> Data:
    x, after = c.x, c.result
    before = c.tensor(x)
    mode = how.get("mode", "nearest").replace("bilinear", "linear")
    coordinates = how.get("coordinate_transformation_mode", "half_pixel")
    if coordinates == "tf_crop_and_resize":
        c.refuse("crops", "crop with Slice before it resizes")
    if before[:2] != after[:2]:
        c.refuse(f"resizes {before} to {after}", "only the axes after the channels can be resized")
    small = any(m < n for n, m in zip(before, after, strict=True))
    if how.get("antialias", 0) and small and mode != "nearest":
        c.refuse("is antialiased", "export the model with antialias=0, or use average pooling")
    axes = [d % len(before) for d in how.get("axes", range(len(before)))]
    policy = how.get("keep_aspect_ratio_policy", "stretch")
    if (scales is None or not np.size(scales)) and policy != "stretch":
        ratios = np.ravel(sizes) / np.array([before[d] for d in axes])
        scales = [ratios.min() if policy == "not_larger" else ratios.max()] * len(axes)
    factors = None  # the ratio of the sizes
    if scales is not None and np.size(scales):
        of_axes = dict(zip(axes, np.ravel(scales).tolist(), strict=True))
        factors = [float(of_axes.get(d, 1.0)) for d in range(2, len(before))]
    return spatial.resize(
        c,
        x,
        after[2:],
        mode,
        coordinates=coordinates,
        rounding=how.get("nearest_mode", "round_prefer_floor"),
        scale=factors,
        cubic=how.get("cubic_coeff_a", -0.75),
        exclude_outside=bool(how.get("exclude_outside", 0)),
    )


# --- products ----------------------------------------------------------------------------------


def _gemm(c: OnnxCall) -> Data:
    first, second = factors(c)
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
        y = spatial.linear(product, first, np.asarray(second, np.float64).T * alpha, bias)
    else:
        product = c if third is None and alpha == 1 else c.inner("product")
        y = arithmetic.matmul(product, first, second)
        if alpha != 1:
            y = arithmetic.affine(c if third is None else c.inner("scaled"), y, alpha)
    return y if third is None else arithmetic.add(c, y, third)


def factors(c: OnnxCall) -> list[Any]:
    """Return the two operands of a product, transposed where its attributes say so."""
    found: list[Any] = list(c.operands[:2])
    for k, side in enumerate("AB"):
        if c.get(f"trans{side}", 0) and len(c.tensor(found[k])) > 1:
            found[k] = movement.swapped(c.inner(side), found[k])
    return found


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
        k = movement.moved(c.inner("k"), k, lambda t: t.repeat(times, 1))
        v = movement.moved(c.inner("v"), v, lambda t: t.repeat(times, 1))
    causal = bool(c.get("is_causal", 0))
    y = attention.scaled_dot_product(c, q, k, v, c.at(3), causal, c.get("scale"))
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


def _many(function: Callable[..., Data]) -> Handler:
    """Convert an operator of any number of operands, two by two, constants last."""

    def handler(c: OnnxCall) -> Any:
        total, *others = sorted(c.operands, key=lambda x: not isinstance(x, Data))
        for k, x in enumerate(others, 1):
            total = function(c if k == len(others) else c.inner(f"part{k}"), total, x)
        return total

    return handler


_sum = _many(arithmetic.add)


def _cumsum(c: OnnxCall) -> Data:
    axis = int(c.constant_at(1, "axes"))
    return arithmetic.cumsum(c, c.x, axis, bool(c.get("exclusive")), bool(c.get("reverse")))


# --- functions of one value ----------------------------------------------------------------------


def function(name: str, **names: tuple[str, float]) -> Handler:
    """Return a handler that converts to a function of layers.Activation; `names` are its parameters: (attribute, default)."""

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
        if c.runtime.version >= 13:
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
    if c.get("training_mode", 0) or (c.runtime.version < 14 and len(c.results) > 1):
        c.refuse("is in training mode", "export the model in eval mode")
    if not mean.any() and (var == 1).all() and (gamma == 1).all() and not beta.any():
        c.refuse(
            "has never been trained: its mean is 0 and its variance 1",
            "train the model, or load trained parameters, before exporting it",
        )
    return normalization.batch_norm(c, c.x, mean, var, gamma, beta, c.get("epsilon", 1e-5))


def _group_norm(c: OnnxCall) -> Data:
    groups = c.get("num_groups", c.tensor(c.x)[1])  # InstanceNormalization has as many as channels
    weight, bias = _parameters(c, 1, 2)
    return normalization.group_norm(c, c.x, groups, weight, bias, c.get("epsilon", 1e-5))


def _last_axes(c: OnnxCall) -> tuple[list[int], list[Any]]:
    """Return the axes that are normalized, and scale and bias of their shape."""
    shape = c.tensor(c.x)
    axes = list(range(c.get("axis", -1) % len(shape), len(shape)))
    found = _parameters(c, 1, 2)
    return axes, [None if p is None else np.broadcast_to(p, shape[axes[0] :]) for p in found]


def _layer_norm(c: OnnxCall) -> Any:
    axes, (weight, bias) = _last_axes(c)
    eps = c.get("epsilon", 1e-5)
    y = normalization.layer_norm(c, c.x, axes, weight, bias, eps)
    # Its other outputs are rarely used, and removed if they are not.
    mean = normalization.reduce(c.inner("mean"), c.x, "mean", axes, keepdims=True)
    if math.prod(c.tensor(c.x)[axes[0] :]) == 1:
        return y, mean
    variance = normalization.reduce(
        c.inner("variance"), c.x, "var", axes, keepdims=True, correction=0
    )
    shifted = arithmetic.affine(c.inner("shifted"), variance, 1.0, eps)
    return y, mean, activation.activation(c.inner("inverse"), shifted, "pow", alpha=-0.5)


def _rms_norm(c: OnnxCall) -> Data:
    axes, (weight, _) = _last_axes(c)
    return normalization.rms_norm(c, c.x, axes, weight, c.get("epsilon", 1e-5))


def _lrn(c: OnnxCall) -> Data:
    size, alpha, beta = c.get("size"), c.get("alpha", 1e-4), c.get("beta", 0.75)
    if size % 2 == 0:
        c.refuse(f"has a window of {size} channels", "an odd number is supported")
    return normalization.local_response_norm(c, c.x, size, alpha, beta, c.get("bias", 1.0))


def _reduction(how: str) -> Handler:
    def handler(c: OnnxCall) -> Data:
        axes = c.integers(1, "axes")
        if not axes and c.get("noop_with_empty_axes", 0):
            return c.x
        axes = axes or list(range(len(c.tensor(c.x))))
        return normalization.reduce(c, c.x, how, axes, bool(c.get("keepdims", 1)))

    return handler


def _global_lp(c: OnnxCall) -> Data:
    p = c.get("p", 2)
    if p not in (1, 2):
        c.refuse(f"has p={p}", "p must be 1 or 2")
    return normalization.reduce(c, c.x, f"l{p}", list(range(2, len(c.tensor(c.x)))), True)


# --- operators that move values, or keep them ----------------------------------------------------


def _moved(c: OnnxCall) -> Any:
    """Convert an operator that only moves values: ONNX Runtime shows where it puts each place."""
    others = [c.constant_at(k, "operands") for k in range(1, len(c.operands))]

    def numbers(k: int, t: Any) -> Any:
        # As float64, which is exact, and which more kernels take than int64.
        return c.evaluate(t.astype(np.float64), *others)[k]

    def part(k: int) -> Any:
        if 0 in (c.results[k] or ()):
            return np.zeros(c.results[k], np.float32)
        call = c if len(c.results) == 1 else c.inner(str(k))
        return movement.moved(call, c.x, functools.partial(numbers, k))

    found = tuple(map(part, range(len(c.results))))
    return found if len(found) > 1 else found[0]


def _pad(c: OnnxCall) -> Data:
    n, pads = len(c.tensor(c.x)), c.integers(1, "pads") or []
    axes = [d % n for d in c.integers(3, "axes") or range(n)]
    sides = np.zeros((2, n), int)
    sides[:, axes] = np.reshape(pads, (2, -1))
    before, after = sides.tolist()
    mode, value = c.get("mode", "constant"), c.number(2, "value") or 0.0
    return movement.pad(c, c.x, before, after, mode, value) if any(pads) else c.x


def _cast(c: OnnxCall) -> Data:
    name = c.runtime.onnx.TensorProto.DataType.Name(c.get("to"))
    if name not in ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16"):
        c.refuse(f"rounds values to {name.lower()}", "values must remain floating-point numbers")
    return c.x


def _dropout(c: OnnxCall) -> Any:
    if c.at(2) is not None and bool(c.at(2)) and c.number(1, "ratio") != 0:
        c.refuse("is in training mode", "export the model in eval mode")
    return c.x, np.ones(c.tensor(c.x), np.bool_)


_FUNCTIONS = (
    "Sigmoid Tanh HardSwish Mish Softplus Softsign Abs Exp Log Sqrt Reciprocal Erf Sin Cos Floor"
)
_REDUCTIONS = "mean sum max min prod l1 l2 sum_square log_sum log_sum_exp"
_MOVEMENTS = (
    "Slice Gather GatherElements GatherND Tile Expand DepthToSpace SpaceToDepth Trilu CenterCropPad "
    "ReverseSequence Split"
)

OPERATORS: dict[str, Handler] = {
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Gemm": _gemm,
    "MatMul": _two(arithmetic.matmul),
    "Einsum": lambda c: arithmetic.einsum(c, c.get("equation"), c.operands),
    "Attention": _attention,
    **dict.fromkeys(("Add", "Sum"), _sum),
    "Sub": _two(arithmetic.subtract),
    "Mul": _two(arithmetic.multiply),
    "Div": _two(arithmetic.divide),
    "Pow": _two(arithmetic.power),
    "Max": _many(arithmetic.maximum),
    "Min": _many(arithmetic.minimum),
    "Mean": lambda c: arithmetic.affine(c, _sum(c.part("sum", *c.operands)), 1 / len(c.operands)),
    "Neg": lambda c: arithmetic.negative(c, c.x),
    "Where": lambda c: arithmetic.where(c, c.constant_at(0, "conditions"), c.at(1), c.at(2)),
    "CumSum": _cumsum,
    **{name: function(name.lower()) for name in _FUNCTIONS.split()},
    "Relu": lambda c: activation.relu(c, c.x),
    "Clip": _clip,
    "HardSigmoid": function("hardsigmoid", alpha=("alpha", 0.2), beta=("beta", 0.5)),
    "Swish": function("silu", alpha=("alpha", 1.0)),
    "Gelu": lambda c: activation.activation(
        c, c.x, "gelu_tanh" if c.get("approximate") == "tanh" else "gelu"
    ),
    "Elu": function("elu", alpha=("alpha", 1.0)),
    "Selu": function(
        "selu", alpha=("alpha", 1.67326319217681884765625), beta=("gamma", 1.0507010221481323)
    ),
    "Celu": function("celu", alpha=("alpha", 1.0)),
    "LeakyRelu": function("leaky_relu", alpha=("alpha", 0.01)),
    "PRelu": _prelu,
    "Shrink": _shrink,
    "ThresholdedRelu": function("threshold", alpha=("alpha", 1.0), beta=("", 0.0)),
    "Softmax": _softmax(activation.softmax),
    "LogSoftmax": _softmax(activation.log_softmax),
    "MaxPool": _pool("MaxPool"),
    "AveragePool": _pool("AvgPool"),
    "LpPool": _lp_pool,
    "GlobalAveragePool": lambda c: spatial.adaptive_pool(c, c.x, kind="AvgPool"),
    "GlobalMaxPool": lambda c: spatial.adaptive_pool(c, c.x, kind="MaxPool"),
    "GlobalLpPool": _global_lp,
    "Resize": _resize,
    "Upsample": _upsample,
    "BatchNormalization": _batch_norm,
    **dict.fromkeys(("InstanceNormalization", "GroupNormalization"), _group_norm),
    "LayerNormalization": _layer_norm,
    "RMSNormalization": _rms_norm,
    "MeanVarianceNormalization": lambda c: normalization.layer_norm(
        c, c.x, c.get("axes", [0, 2, 3]), None, None, 1e-18
    ),
    "LRN": _lrn,
    "LpNormalization": lambda c: normalization.l2_normalize(
        c, c.x, [c.get("axis", -1)], c.get("p", 2), 1e-30
    ),
    **{f"Reduce{how.title().replace('_', '')}": _reduction(how) for how in _REDUCTIONS.split()},
    **dict.fromkeys(_MOVEMENTS.split(), _moved),
    **dict.fromkeys(
        ("Reshape", "Flatten", "Squeeze", "Unsqueeze"),
        lambda c: movement.reshape(c, c.x, c.result),
    ),
    "Transpose": lambda c: movement.permute(c, c.x, c.get("perm", range(len(c.tensor(c.x)))[::-1])),
    "Pad": _pad,
    "Concat": lambda c: movement.concat(c, c.operands, c.get("axis")),
    "Shape": lambda c: np.array(c.tensor(c.x), np.int64)[c.get("start", 0) : c.get("end")],
    "Size": lambda c: np.array(math.prod(c.tensor(c.x)), np.int64),
    "Identity": lambda c: c.x,
    "Cast": _cast,
    "CastLike": lambda c: c.at(0),
    "Dropout": _dropout,
}
