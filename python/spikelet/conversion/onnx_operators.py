"""ONNX operators (version 18 and later) in terms of `conversion.operators`: tables that translate attributes."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from spikelet.conversion.building import Call, Data
from spikelet.conversion.onnx_windows import (
    average_pool,
    conv,
    conv_transpose,
    lp_pool,
    max_pool,
    resize,
)
from spikelet.conversion.operators import (
    activation,
    arithmetic,
    attention,
    convolution,
    movement,
    normalisation,
    pooling,
    reduction,
)

__all__ = ["OPERATORS", "Attributes", "Operands"]

Attributes: TypeAlias = Mapping[str, Any]
Operands: TypeAlias = Sequence[Any]  # Data, arrays, or None for an omitted operand
Result: TypeAlias = Any  # Data, or a tuple of results, which may be arrays
Handler: TypeAlias = Callable[[Call, Attributes, Operands], Result]


def at(xs: Operands, k: int) -> Any:
    """Return an operand, or None if it is omitted."""
    return xs[k] if k < len(xs) else None


def _constant(c: Call, xs: Operands, k: int, what: str) -> Any:
    """Return an operand that must not depend on the input."""
    value = at(xs, k)
    if isinstance(value, Data):
        c.refuse(f"has {what} that depend on the input", "export the model with constants there")
    return value


def _whole(c: Call, xs: Operands, k: int, what: str) -> list[int] | None:
    """Return an operand of integers, or None if it is omitted."""
    value = _constant(c, xs, k, what)
    return None if value is None else [int(v) for v in np.ravel(value)]


def _number(c: Call, xs: Operands, k: int, what: str) -> float | None:
    value = _constant(c, xs, k, what)
    return None if value is None else float(np.ravel(value)[0])


def _data(c: Call, xs: Operands) -> Data:
    (x,) = c.data(xs[0])
    return x


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
    terms, arrow, result = a["equation"].replace(" ", "").partition("->")
    operands = terms.split(",")
    if "..." in terms:  # name these dimensions
        ranks = [len(c.tensor(x)) if isinstance(x, Data) else np.ndim(x) for x in xs]
        counts = [r - len(t.replace("...", "")) for r, t in zip(ranks, operands, strict=True)]
        free = [k for k in "ABCDEFGHIJKLMNOPQRSTUVWXYZ" if k not in a["equation"]]
        most = max(n for n, t in zip(counts, operands, strict=True) if "..." in t)
        operands = [
            t.replace("...", "".join(free[most - n : most]))
            for n, t in zip(counts, operands, strict=True)
        ]
        result = result.replace("...", "".join(free[:most]))
    if not arrow:
        letters = "".join(operands)
        result = "".join(sorted(k for k in set(letters) if letters.count(k) == 1))
    return arithmetic.einsum(c, f"{','.join(operands)}->{result}", list(xs))


def _attention(c: Call, a: Attributes, xs: Operands) -> Data:
    windows = max(a.get("left_window_size", -1), a.get("right_window_size", -1))
    if a.get("softcap", 0) or windows >= 0 or any(at(xs, k) is not None for k in (4, 5, 6)):
        c.refuse("has a soft cap, a window or a cache", "export the model without them")
    q, k, v = c.data(*xs[:3])
    heads, kv_heads = a.get("q_num_heads"), a.get("kv_num_heads")
    split = heads is not None and len(c.tensor(q)) == 3
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
        return function(c, xs[0], xs[1])  # type: ignore[no-any-return]

    return handler


def _many(function: Any) -> Handler:
    """An operator of any number of operands, two by two."""

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
    return arithmetic.affine(c, total, 1 / len(xs))  # type: ignore[arg-type]


def _negative(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return arithmetic.negative(c, _data(c, xs))


def _where(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    condition = _constant(c, xs, 0, "conditions")
    return arithmetic.where(c, condition, xs[1], xs[2])


def _cumsum(c: Call, a: Attributes, xs: Operands) -> Data:
    x, reverse = _data(c, xs), a.get("reverse", 0)
    (axis,) = _whole(c, xs, 1, "axes") or [0]
    parts = [n for n in ("reverse", "exclusive") if a.get(n, 0)]
    total = c.inner("total") if parts else c
    given = movement.moved(c.inner("turned"), x, lambda t: np.flip(t, axis)) if reverse else x
    y = arithmetic.cumsum(total, given, axis)
    if a.get("exclusive", 0):
        y = arithmetic.subtract(c.inner("exclusive") if reverse else c, y, given)
    return movement.moved(c, y, lambda t: np.flip(t, axis)) if reverse else y


# --- functions of one value ----------------------------------------------------------------------


def _function(name: str, **names: tuple[str, float | None]) -> Handler:
    """A function of layers.Activation; `names` are its parameters: (attribute, default)."""

    def handler(c: Call, a: Attributes, xs: Operands) -> Data:
        parameters = {p: a.get(attribute, value) for p, (attribute, value) in names.items()}
        return activation.activation(c, _data(c, xs), name, **parameters)

    return handler


def _relu(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return activation.relu(c, _data(c, xs))


def _clip(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    limits = [_number(c, xs, k, "limits") for k in (1, 2)]
    # The largest float32 means that there is no bound.
    most = float(np.finfo(np.float32).max)
    low, high = (None if b is None or abs(b) >= most else b for b in limits)
    if low is None and high is None:
        return _data(c, xs)
    if low is not None and high is not None and low >= high:  # then all values are the upper bound
        return arithmetic.affine(c, _data(c, xs), 0.0, high)
    return activation.clip(c, _data(c, xs), low, high)


def _hard_sigmoid(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.activation(
        c, _data(c, xs), "hardsigmoid", alpha=a.get("alpha", 0.2), beta=a.get("beta", 0.5)
    )


def _gelu(c: Call, a: Attributes, xs: Operands) -> Data:
    name = "gelu_tanh" if a.get("approximate", "none") == "tanh" else "gelu"
    return activation.activation(c, _data(c, xs), name)


def _elu(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.activation(c, _data(c, xs), "elu", alpha=a.get("alpha", 1.0))


def _prelu(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    slope = _constant(c, xs, 1, "slopes")
    x = _data(c, xs)
    full = np.broadcast_to(slope, (1,) * (len(c.tensor(x)) - slope.ndim) + slope.shape)
    if math.prod(full.shape) == max(full.shape[1:2], default=1):
        return activation.prelu(c, x, full.reshape(-1))
    # With a slope for each pixel: relu(x) - slope relu(-x).
    up = activation.relu(c.inner("positive"), x)
    down = activation.relu(c.inner("negative"), arithmetic.affine(c.inner("reversed"), x, -1.0))
    scaled = arithmetic.multiply(c.inner("scaled"), down, np.asarray(slope))
    return arithmetic.subtract(c, up, scaled)


def _shrink(c: Call, a: Attributes, xs: Operands) -> Data:
    x, limit, bias = _data(c, xs), a.get("lambd", 0.5), a.get("bias", 0.0)
    if bias == limit:
        return activation.activation(c, x, "softshrink", alpha=limit)
    if bias == 0:
        return activation.activation(c, x, "hardshrink", alpha=limit)
    c.refuse(f"has lambd={limit} and bias={bias}", "its bias must be 0, or equal to lambd")


def _thresholded(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.activation(c, _data(c, xs), "threshold", alpha=a.get("alpha", 1.0), beta=0.0)


def _softmax(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.softmax(c, _data(c, xs), a.get("axis", -1))


def _log_softmax(c: Call, a: Attributes, xs: Operands) -> Data:
    return activation.log_softmax(c, _data(c, xs), a.get("axis", -1))


# --- normalisation and reduction -------------------------------------------------------------------


def _batch_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    gamma, beta, mean, var = (_constant(c, xs, k, "parameters") for k in range(1, 5))
    if a.get("training_mode", 0):
        c.refuse("is in training mode", "export the model in eval mode")
    if not mean.any() and (var == 1).all() and (gamma == 1).all() and not beta.any():
        c.refuse(
            "has never been trained: its mean is 0 and its variance 1",
            "train the model, or load trained parameters, before exporting it",
        )
    return normalisation.batch_norm(c, _data(c, xs), mean, var, gamma, beta, a.get("epsilon", 1e-5))


def _instance_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    weight, bias = (_constant(c, xs, k, "parameters") for k in (1, 2))
    return normalisation.instance_norm(c, _data(c, xs), weight, bias, a.get("epsilon", 1e-5))


def _group_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    x, groups = _data(c, xs), a["num_groups"]
    weight, bias = (_constant(c, xs, k, "parameters") for k in (1, 2))
    channels = c.tensor(x)[1]
    if len(weight) == groups != channels:  # before version 21
        weight, bias = (np.repeat(v, channels // groups) for v in (weight, bias))
    return normalisation.group_norm(c, x, groups, weight, bias, a.get("epsilon", 1e-5))


def _last_axes(c: Call, a: Attributes, x: Data) -> list[int]:
    n = len(c.tensor(x))
    return list(range(a.get("axis", -1) % n, n))


def _parameters(c: Call, xs: Operands, x: Data, axes: list[int]) -> list[Any]:
    """Return scale and bias, of the shape of the axes."""
    shape = tuple(c.tensor(x)[d] for d in axes)
    found = [_constant(c, xs, k, "parameters") for k in (1, 2)]
    return [None if v is None else np.broadcast_to(v, shape) for v in found]


def _layer_normalization(c: Call, a: Attributes, xs: Operands) -> Result:
    x, eps = _data(c, xs), a.get("epsilon", 1e-5)
    axes = _last_axes(c, a, x)
    weight, bias = _parameters(c, xs, x, axes)
    y = normalisation.layer_norm(c, x, axes, weight, bias, eps)
    # Its other outputs are rarely used, and removed if they are not.
    mean = reduction.reduce(c.inner("mean"), x, "mean", axes, keepdims=True)
    if math.prod(c.tensor(x)[d] for d in axes) == 1:
        return y, mean
    variance = reduction.reduce(c.inner("variance"), x, "var", axes, keepdims=True, correction=0)
    shifted = arithmetic.affine(c.inner("shifted"), variance, 1.0, eps)
    return y, mean, activation.activation(c.inner("inverse"), shifted, "pow", alpha=-0.5)


def _rms_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    x = _data(c, xs)
    axes = _last_axes(c, a, x)
    weight, _ = _parameters(c, xs, x, axes)
    return normalisation.rms_norm(c, x, axes, weight, a.get("epsilon", 1e-5))


def _mean_variance(c: Call, a: Attributes, xs: Operands) -> Data:
    return normalisation.layer_norm(c, _data(c, xs), a.get("axes", [0, 2, 3]), None, None, 1e-18)


def _lrn(c: Call, a: Attributes, xs: Operands) -> Data:
    size, alpha, beta = a["size"], a.get("alpha", 1e-4), a.get("beta", 0.75)
    x = _data(c, xs)
    if size % 2:
        return normalisation.local_response_norm(c, x, size, alpha, beta, a.get("bias", 1.0))
    c.refuse(f"has a window of {size} channels", "an odd number is supported")


def _lp_normalization(c: Call, a: Attributes, xs: Operands) -> Data:
    axes = [a.get("axis", -1)]
    return normalisation.l2_normalise(c, _data(c, xs), axes, a.get("p", 2), 1e-30)


def _reduction(how: str) -> Handler:
    def handler(c: Call, a: Attributes, xs: Operands) -> Data:
        x = _data(c, xs)
        axes = _whole(c, xs, 1, "axes")
        if not axes:
            if a.get("noop_with_empty_axes", 0):
                return x
            axes = list(range(len(c.tensor(x))))
        return reduction.reduce(c, x, how, axes, bool(a.get("keepdims", 1)))

    return handler


def _global_average(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return pooling.global_avg_pool(c, _data(c, xs))


def _global_max(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return pooling.global_max_pool(c, _data(c, xs))


def _global_lp(c: Call, a: Attributes, xs: Operands) -> Data:
    x, p = _data(c, xs), a.get("p", 2)
    if p not in (1, 2):
        c.refuse(f"has p={p}", "p must be 1 or 2")
    return reduction.reduce(c, x, f"l{p}", list(range(2, len(c.tensor(x)))), True)  # noqa: FBT003


# --- movement ------------------------------------------------------------------------------------


def _moved(function: Callable[[Any, Attributes, list[Any]], Any]) -> Handler:
    """An operator that only moves values: a function of an array, attributes and the other operands."""

    def handler(c: Call, a: Attributes, xs: Operands) -> Data:
        others = [_constant(c, xs, k, "operands") for k in range(1, len(xs))]
        return movement.moved(c, _data(c, xs), lambda t: function(t, a, others))

    return handler


def _reshape(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return movement.reshape(c, _data(c, xs), c.result)


def _transpose(c: Call, a: Attributes, xs: Operands) -> Data:
    x = _data(c, xs)
    axes = a.get("perm", list(reversed(range(len(c.tensor(x))))))
    return movement.permute(c, x, axes)


def _expand(c: Call, a: Attributes, xs: Operands) -> Data:  # noqa: ARG001
    return movement.moved(c, _data(c, xs), lambda t: np.broadcast_to(t, c.result))


def _sliced(t: Any, a: Attributes, others: list[Any]) -> Any:  # noqa: ARG001
    starts, ends, axes, steps = (*others, *[None] * (4 - len(others)))
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
    x = _data(c, xs)
    n = len(c.tensor(x))
    pads = _whole(c, xs, 1, "pads") or []
    axes = _whole(c, xs, 3, "axes")
    axes = list(range(n)) if axes is None else [d % n for d in axes]
    before, after = [0] * n, [0] * n
    for k, axis in enumerate(axes):
        before[axis], after[axis] = pads[k], pads[k + len(axes)]
    value = _number(c, xs, 2, "values") or 0.0
    if not any(before + after):
        return x
    return movement.pad(c, x, before, after, a.get("mode", "constant"), value)


def _split(c: Call, a: Attributes, xs: Operands) -> tuple[Any, ...]:
    x, axis = _data(c, xs), a.get("axis", 0)
    sizes = _whole(c, xs, 1, "sizes")
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
    return _data(c, xs)


def _cast(c: Call, a: Attributes, xs: Operands) -> Data:
    from onnx import TensorProto  # noqa: PLC0415  # only where it is used

    floats = ("FLOAT", "FLOAT16", "DOUBLE", "BFLOAT16")
    if a["to"] not in {TensorProto.DataType.Value(f) for f in floats}:
        name = TensorProto.DataType.Name(a["to"]).lower()
        c.refuse(f"rounds values to {name}", "values must remain floating-point numbers")
    return _data(c, xs)


def _dropout(c: Call, a: Attributes, xs: Operands) -> Result:  # noqa: ARG001
    if at(xs, 2) is not None and bool(xs[2]) and _number(c, xs, 1, "ratios") != 0:
        c.refuse("is in training mode", "export the model in eval mode")
    x = _data(c, xs)
    return x, np.ones(c.tensor(x), np.bool_)


def _cast_like(c: Call, a: Attributes, xs: Operands) -> Any:  # noqa: ARG001
    return xs[0] if isinstance(xs[0], Data) else np.asarray(xs[0], np.float32)


OPERATORS: dict[str, Handler] = {
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
    "GlobalAveragePool": _global_average,
    "GlobalMaxPool": _global_max,
    "GlobalLpPool": _global_lp,
    "BatchNormalization": _batch_normalization,
    "InstanceNormalization": _instance_normalization,
    "GroupNormalization": _group_normalization,
    "LayerNormalization": _layer_normalization,
    "RMSNormalization": _rms_normalization,
    "MeanVarianceNormalization": _mean_variance,
    "LRN": _lrn,
    "LpNormalization": _lp_normalization,
    "ReduceMean": _reduction("mean"),
    "ReduceSum": _reduction("sum"),
    "ReduceMax": _reduction("max"),
    "ReduceMin": _reduction("min"),
    "ReduceL1": _reduction("l1"),
    "ReduceL2": _reduction("l2"),
    "ReduceSumSquare": _reduction("sum_square"),
    "ReduceLogSumExp": _reduction("log_sum_exp"),
    "ReduceProd": _reduction("prod"),
    "ReduceLogSum": _reduction("log_sum"),
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
    "Resize": resize,
    "Identity": _keep,
    "CastLike": _cast_like,
    "Cast": _cast,
    "Dropout": _dropout,
}
