"""How ONNX says layers without a state: a row for each class.

A row adds operators that map samples, [N, ...] to [N, ...], where N may be samples, or samples at all steps. It gets the
shapes of samples without N.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from spikelet import layers
from spikelet.conversion.to_onnx.builder import Arithmetic, Builder
from spikelet.layers import Shape
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.movement import Movement
from spikelet.layers.pools import MeanPool, Pool, axis_matrices, window_places

Row: TypeAlias = Callable[[Builder, Any, list[str], list[Shape], Shape], str]


def row_of(layer: layers.Layer) -> Row | None:
    """Return the row of the nearest class."""
    return next((ROWS[kind] for kind in type(layer).__mro__ if kind in ROWS), None)


def _weighted(b: Builder, layer: Any, x: str, weight: Any) -> list[str]:
    """Return the operands of an operator with weights, and biases if there are some."""
    bias = [] if layer.bias is None else [layer.bias]
    return [x, b.constant(weight, "weight"), *(b.constant(value, "bias") for value in bias)]


def _linear(b: Builder, layer: Any, xs: list[str], *_: Any) -> str:
    return b.add("Gemm", *_weighted(b, layer, xs[0], layer.weight), transB=1)


def _affine(b: Builder, layer: Any, xs: list[str], _shapes: Any, shape: Shape) -> str:
    scale, shift = layer.over(shape)
    y = b.add("Mul", xs[0], b.constant(scale, "scale"))
    return y if shift is None else b.add("Add", y, b.constant(shift, "shift"))


def _convolution(b: Builder, layer: Any, xs: list[str], *_: Any) -> str:
    inputs = _weighted(b, layer, xs[0], layer.weight)
    options = {"pads": [*layer.padding[::2], *layer.padding[1::2]], "group": layer.groups}
    options |= {"strides": layer.stride, "dilations": layer.dilation}
    if isinstance(layer, Convolution):
        return b.add("Conv", *inputs, **options)
    return b.add("ConvTranspose", *inputs, output_padding=layer.output_padding, **options)


def _along(b: Builder, layer: Any, x: str, shape: Shape) -> str:
    """Multiply each spatial axis of [N, channels, ...] by the matrix of a mean pool or an interpolation."""
    rank = len(shape) + 1
    for axis, matrix in enumerate(axis_matrices(layer, shape), 2):
        if np.array_equal(matrix, np.eye(len(matrix))):
            continue
        order = [k for k in range(rank) if k != axis] + [axis]
        back = np.argsort(order).tolist()
        moved = x if axis == rank - 1 else b.add("Transpose", x, perm=order)
        y = b.add("MatMul", moved, b.constant(np.transpose(matrix), "weights"))
        x = y if axis == rank - 1 else b.add("Transpose", y, perm=back)
    return x


def _window_options(layer: Any) -> dict[str, Any]:
    """Return the attributes of a pool whose windows slide."""
    sides = list(zip(*layer.sides, strict=True))
    kernel = {"kernel_shape": layer.kernel_size, "strides": layer.stride}
    return {**kernel, "pads": [*sides[0], *sides[1]]}


def _mean_pool(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], _shape: Any) -> str:
    plain = isinstance(layer, MeanPool) and not layer.ceil_mode and set(layer.dilation) == {1}
    if plain and layer.divisor_override is None:
        counts = int(layer.count_include_pad)
        return b.add("AveragePool", xs[0], count_include_pad=counts, **_window_options(layer))
    return _along(b, layer, xs[0], shapes[0])


def _max_pool(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], _shape: Any) -> str:
    if hasattr(layer, "kernel_size") and not layer.ceil_mode:
        return b.add("MaxPool", xs[0], dilations=layer.dilation, **_window_options(layer))
    x = xs[0]
    for axis, places in enumerate(window_places(layer, shapes[0]), 2):
        x = b.add("Gather", x, b.constant(places, "windows", np.int64), axis=axis)
        x = b.add("ReduceMax", x, b.ints(axis + 1), keepdims=0)
    return x


def _moved(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], shape: Shape) -> str:
    """Take each output from its place in a sample; -1 is the zero that stands after the last value."""
    count = int(np.prod(shapes[0]))
    index = layer.moved(np.arange(count).reshape(shapes[0]), -1)
    flat = b.shaped(xs[0], count)
    if (index < 0).any():
        flat = b.add("Pad", flat, b.ints(0, 0, 0, 1))
        index = np.where(index < 0, count, index)
    return b.shaped(
        b.add("Gather", flat, b.constant(index.ravel(), "places", np.int64), axis=1), *shape
    )


def _slice(b: Builder, layer: Any, xs: list[str], *_: Any) -> str:
    steps = [1 if s is None else s for s in layer.steps]
    most = np.iinfo(np.int64).max
    starts = [
        (0 if s > 0 else most) if a is None else a for a, s in zip(layer.starts, steps, strict=True)
    ]
    stops = [
        (most if s > 0 else -most) if a is None else a
        for a, s in zip(layer.stops, steps, strict=True)
    ]
    axes = b.ints(*range(1, len(steps) + 1))
    return b.add("Slice", xs[0], b.ints(*starts), b.ints(*stops), axes, b.ints(*steps))


def _pad(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], shape: Shape) -> str:
    if layer.mode == "wrap":  # newer than the operator
        return _moved(b, layer, xs, shapes, shape)
    return b.add("Pad", xs[0], b.ints(0, *layer.before, 0, *layer.after), mode=layer.mode)


def _take(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], shape: Shape) -> str:
    axis = layer.axis % len(shapes[0]) + 1
    taken = b.add("Gather", xs[0], b.constant(layer.indices, "places", np.int64), axis=axis)
    return taken if layer.indices.ndim or len(shapes[0]) > 1 else b.shaped(taken, *shape)


def _upsample(b: Builder, layer: Any, xs: list[str], *_: Any) -> str:
    scales = b.constant([1, 1, *layer.scale_factor], "scales", np.float32)
    how = {"coordinate_transformation_mode": "asymmetric", "nearest_mode": "floor"}
    return b.add("Resize", xs[0], "", scales, mode="nearest", **how)


def _relu(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], _shape: Any) -> str:
    y = b.add("Relu", xs[0])
    if layer.upper is None:
        return y
    upper = b.constant(_of_channels(layer.upper, shapes[0]), "upper")
    if layer.levels:
        steps = b.constant(float(layer.levels), "levels")
        scaled = b.add("Mul", b.add("Div", y, upper), steps)
        rounded = b.add("Floor", b.add("Add", scaled, b.constant(0.5, "half")))
        y = b.add("Mul", b.add("Div", rounded, steps), upper)
    return b.add("Min", y, upper)


def _of_channels(value: Any, shape: Shape) -> Any:
    """Return a parameter, one number or one a channel, as it broadcasts to samples of this shape."""
    return np.reshape(value, (-1, *[1] * (len(shape) - 1))) if np.ndim(value) else np.asarray(value)


class _Formulas(Arithmetic):
    """Parts of activations."""

    def gelu(self, x: str) -> str:
        bell = self.Add(self.Erf(self.Mul(x, np.sqrt(0.5))), 1.0)
        return self.Mul(self.Mul(x, bell), 0.5)

    def gelu_tanh(self, x: str) -> str:
        cube = self.Mul(self.Mul(self.Mul(x, x), x), 0.044715)
        bell = self.Add(self.Tanh(self.Mul(self.Add(x, cube), np.sqrt(2 / np.pi))), 1.0)
        return self.Mul(self.Mul(x, bell), 0.5)

    def hard(self, x: str, alpha: Any, beta: Any) -> str:
        return self.Max(self.Min(self.Add(self.Mul(x, alpha), beta), 1.0), 0.0)

    def exponential(self, x: str, alpha: Any, over: Any = 1.0) -> str:
        """Return x, or alpha (exp(x / over) - 1) below 0."""
        power = self.Exp(self.Div(self.Min(x, 0.0), over))
        return self.Add(self.Relu(x), self.Mul(self.Sub(power, 1.0), alpha))

    def clip(self, x: str, low: Any, high: Any) -> str:
        x = self.Max(x, low) if np.isfinite(low).any() else x
        return self.Min(x, high) if np.isfinite(high).any() else self.Identity(x)

    def hardshrink(self, x: str, alpha: Any) -> str:
        if alpha.ndim == 0:
            return self.Shrink(x, lambd=float(alpha))
        return self.Where(self.LessOrEqual(self.Abs(x), alpha), 0.0, x)

    def threshold(self, x: str, alpha: Any, beta: Any) -> str:
        if alpha.ndim == 0 and not beta.any():
            return self.ThresholdedRelu(x, alpha=float(alpha))
        return self.Where(self.LessOrEqual(x, alpha), beta, x)

    def shrunk(self, x: str, alpha: Any) -> str:
        return self.Sub(x, self.Max(self.Min(x, alpha), self.Neg(alpha)))


# Of each function, from operators, its argument and its parameters.
_ACTIVATIONS: dict[str, Callable[..., str]] = {
    "abs": lambda o, x: o.Abs(x),
    "celu": lambda o, x, a: o.exponential(x, a, a),
    "clip": lambda o, x, a, b: o.clip(x, a, b),
    "cos": lambda o, x: o.Cos(x),
    "elu": lambda o, x, a: o.exponential(x, a) if a.ndim else o.Elu(x, alpha=float(a)),
    "erf": lambda o, x: o.Erf(x),
    "exp": lambda o, x: o.Exp(x),
    "floor": lambda o, x: o.Floor(x),
    "gelu": lambda o, x: o.gelu(x),
    "gelu_tanh": lambda o, x: o.gelu_tanh(x),
    "hardshrink": lambda o, x, a: o.hardshrink(x, a),
    "hardsigmoid": lambda o, x, a, b: o.hard(x, a, b),
    "hardswish": lambda o, x, a, b: o.Mul(x, o.hard(x, a, b)),
    "leaky_relu": lambda o, x, a: o.PRelu(x, a),
    "log": lambda o, x: o.Log(x),
    "logsigmoid": lambda o, x: o.Neg(o.Softplus(o.Neg(x))),
    "mish": lambda o, x: o.Mul(x, o.Tanh(o.Softplus(x))),
    "pow": lambda o, x, a: o.Pow(x, a),
    "reciprocal": lambda o, x: o.Reciprocal(x),
    "selu": lambda o, x, a, b: o.Mul(o.exponential(x, a), b),
    "sigmoid": lambda o, x: o.Sigmoid(x),
    "silu": lambda o, x, a: o.Mul(x, o.Sigmoid(o.Mul(x, a))),
    "sin": lambda o, x: o.Sin(x),
    "softplus": lambda o, x, a, _b: o.Div(o.Softplus(o.Mul(x, a)), a),
    "softshrink": lambda o, x, a: o.shrunk(x, a),
    "softsign": lambda o, x: o.Softsign(x),
    "sqrt": lambda o, x: o.Sqrt(x),
    "square": lambda o, x: o.Mul(x, x),
    "tanh": lambda o, x: o.Tanh(x),
    "threshold": lambda o, x, a, b: o.threshold(x, a, b),
}


def _activation(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], _shape: Any) -> str:
    given = [_of_channels(p, shapes[0]) for p in (layer.alpha, layer.beta) if p is not None]
    return _ACTIVATIONS[layer.function](_Formulas(b), xs[0], *given)


def _elementwise(operator: str) -> Row:
    """Return the row of an operator that joins its inputs, two by two, and broadcasts them as numpy does."""

    def write(b: Builder, _: Any, xs: list[str], shapes: list[Shape], shape: Shape) -> str:
        same = [
            x if len(s) == len(shape) else b.shaped(x, *[1] * (len(shape) - len(s)), *s)
            for x, s in zip(xs, shapes, strict=True)
        ]
        first, *others = same
        for other in others:
            first = b.add(operator, first, other)
        return first

    return write


def _softmax(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], _shape: Any) -> str:
    return b.add(type(layer).__name__, xs[0], axis=layer.axis % len(shapes[0]) + 1)


def _normalized(b: Builder, x: str, axes: Sequence[int], eps: float, *, centered: bool) -> str:
    """Return x over its deviation from its mean, or from 0, along axes of samples."""
    o, where = _Formulas(b), b.ints(*(axis + 1 for axis in axes))
    x = o.Sub(x, o.ReduceMean(x, where, keepdims=1)) if centered else x
    return o.Div(x, o.Sqrt(o.Add(o.ReduceMean(o.Mul(x, x), where, keepdims=1), eps)))


def _scaled(b: Builder, y: str, layer: Any, shape: Sequence[int]) -> str:
    for operator, value in (("Mul", layer.weight), ("Add", layer.bias)):
        if value is not None:
            y = b.add(operator, y, b.constant(value.reshape(shape), "factors"))
    return y


def _norm(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], _shape: Any) -> str:
    shape, axes = shapes[0], layer.over(shapes[0])
    centered = isinstance(layer, layers.LayerNorm)
    if centered and axes == tuple(range(len(shape) - len(axes), len(shape))):
        sizes = shape[-len(axes) :]
        weight = np.ones(sizes) if layer.weight is None else layer.weight
        inputs = _weighted(b, layer, xs[0], weight)
        return b.add("LayerNormalization", *inputs, axis=-len(axes), epsilon=layer.eps)
    y = _normalized(b, xs[0], axes, layer.eps, centered=centered)
    return _scaled(b, y, layer, [n if k in axes else 1 for k, n in enumerate(shape)])


def _group_norm(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], shape: Shape) -> str:
    groups = b.shaped(xs[0], layer.groups, int(np.prod(shape)) // layer.groups)
    y = b.shaped(_normalized(b, groups, [1], layer.eps, centered=True), *shape)
    return _scaled(b, y, layer, (-1, *[1] * (len(shapes[0]) - 1)))


def _local_response(b: Builder, layer: Any, xs: list[str], _shapes: Any, shape: Shape) -> str:
    n, o = shape[0], _Formulas(b)
    distance = np.arange(n) - np.arange(n)[:, None]
    seen = (distance >= -(layer.size // 2)) & (distance <= (layer.size - 1) // 2)
    squares = b.shaped(o.Mul(xs[0], xs[0]), n, int(np.prod(shape)) // n)
    sums = b.shaped(o.MatMul(seen * (layer.alpha / layer.size), squares), *shape)
    return o.Div(xs[0], o.Pow(o.Add(sums, layer.k), layer.beta))


def _reduce(b: Builder, layer: Any, xs: list[str], shapes: list[Shape], shape: Shape) -> str:
    axes = [axis + 1 for axis in layer.over(shapes[0])]
    if not axes:  # the function of single values
        return b.add("Abs", xs[0]) if layer.function in ("l1", "l2") else xs[0]
    operator = f"Reduce{layer.function.upper() if layer.function in ('l1', 'l2') else layer.function.title()}"
    y = b.add(operator, xs[0], b.ints(*axes), keepdims=int(layer.keepdims))
    return y if layer.keepdims or len(axes) < len(shapes[0]) else b.shaped(y, *shape)


ROWS: dict[type[layers.Layer], Row] = {
    layers.Linear: _linear,
    layers.Affine: _affine,
    layers.Add: _elementwise("Add"),
    layers.Multiply: _elementwise("Mul"),
    layers.Divide: _elementwise("Div"),
    layers.Maximum: _elementwise("Max"),
    layers.Minimum: _elementwise("Min"),
    layers.MatMul: _elementwise("MatMul"),
    layers.Concat: lambda b, layer, xs, _, shape: b.add(
        "Concat", *xs, axis=layer.axis % len(shape) + 1
    ),
    layers.Constant: lambda b, layer, *_: b.constant(layer.value[None], "constant"),
    Convolution: _convolution,
    TransposedConvolution: _convolution,
    Pool: _max_pool,
    MeanPool: _mean_pool,
    **dict.fromkeys(
        (layers.AdaptiveAvgPool1d, layers.AdaptiveAvgPool2d, layers.AdaptiveAvgPool3d), _mean_pool
    ),
    layers.Resize: lambda b, layer, xs, shapes, _: _along(b, layer, xs[0], shapes[0]),
    **dict.fromkeys(
        (layers.Flatten, layers.Reshape), lambda b, _layer, xs, _, shape: b.shaped(xs[0], *shape)
    ),
    layers.Permute: lambda b, layer, xs, *_: b.add(
        "Transpose", xs[0], perm=[0, *(a + 1 for a in layer.axes)]
    ),
    layers.Slice: _slice,
    layers.Pad: _pad,
    layers.Take: _take,
    layers.Upsample: _upsample,
    Movement: _moved,
    layers.ReLU: _relu,
    layers.Activation: _activation,
    layers.Softmax: _softmax,
    layers.LogSoftmax: _softmax,
    layers.LayerNorm: _norm,
    layers.RMSNorm: _norm,
    layers.GroupNorm: _group_norm,
    layers.LocalResponseNorm: _local_response,
    layers.Reduce: _reduce,
}
"""Of each class, or of its nearest base class."""
