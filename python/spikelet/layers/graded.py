r"""Units that send graded values: functions that are not linear, and products of activations.

All have one meaning. A unit with the function f has inputs whose sums up to step t are :math:`S_i(t)`. Its running mean is
:math:`Y(t) = f(S_1(t) / (t + 1), S_2(t) / (t + 1), \ldots)`, and it sends :math:`y(t) = (t + 1) Y(t) - t Y(t - 1)`, so that the
mean of what it has sent is f of the mean inputs at each step. With a constant input it is constant. With `delay`, running
means start anew at the first step of the means.

A unit is not a spiking neuron: what it computes is counted as `products` of `Operations`, for each step, or once if its
input is constant. One counts each multiplication, division and evaluation of a function.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import choice, fail, integer, require, scalar, shown
from spikelet.layers.base import (
    MAX_RANK,
    Layer,
    axes_of,
    axis_of,
    broadcast,
    checked,
    finite_array,
    integers,
    per_channel,
)
from spikelet.layers.views import (
    MAX_LENGTH,
    NONE,
    Extent,
    Floats,
    Index,
    Shape,
    View,
    Views,
    extent_of,
)

__all__ = [
    "Activation",
    "Divide",
    "Foreign",
    "Graded",
    "GroupNorm",
    "LayerNorm",
    "LocalResponseNorm",
    "LogSoftmax",
    "MatMul",
    "Maximum",
    "Minimum",
    "Multiply",
    "RMSNorm",
    "Reduce",
    "Softmax",
]

# Each function, with the default values of alpha and beta; None: it has no such parameter.
FUNCTIONS: dict[str, tuple[float | None, float | None]] = {
    "abs": (None, None),
    "celu": (1.0, None),
    "clip": (-math.inf, math.inf),
    "elu": (1.0, None),
    "erf": (None, None),
    "exp": (None, None),
    "gelu": (None, None),
    "gelu_tanh": (None, None),
    "hardshrink": (0.5, None),
    "hardsigmoid": (1 / 6, 0.5),
    "hardswish": (1 / 6, 0.5),
    "leaky_relu": (0.01, None),
    "log": (None, None),
    "logsigmoid": (None, None),
    "mish": (None, None),
    "pow": (2.0, None),
    "reciprocal": (None, None),
    "selu": (1.6732632423543772, 1.0507009873554805),
    "sigmoid": (None, None),
    "silu": (1.0, None),
    "softplus": (1.0, 20.0),
    "softshrink": (0.5, None),
    "softsign": (None, None),
    "sqrt": (None, None),
    "square": (None, None),
    "tanh": (None, None),
    "threshold": (1.0, 0.0),
    "cos": (None, None),
    "floor": (None, None),
    "sin": (None, None),
}


class Graded(Layer):
    """Base class of units that send graded values."""

    @property
    def waits(self) -> bool:
        """True: it sends what its function of the running means of its inputs needs."""
        return True


class Activation(Graded):
    """A function of each value.

    Parameters
    ----------
    function : str
        ====================  =======================================================================
        "sigmoid"             1 / (1 + exp(-x))
        "logsigmoid"          log(sigmoid(x))
        "tanh", "softsign"    tanh(x); x / (1 + abs(x))
        "hardsigmoid"         max(0, min(1, alpha x + beta)); alpha 1/6, beta 1/2
        "hardswish"           x hardsigmoid(x)
        "silu"                x sigmoid(alpha x); alpha 1
        "gelu", "gelu_tanh"   x Phi(x), the distribution function of the normal distribution; its approximation by tanh
        "mish"                x tanh(softplus(x))
        "elu"                 x, or alpha (exp(x) - 1) below 0; alpha 1
        "celu"                x, or alpha (exp(x / alpha) - 1) below 0; alpha 1
        "selu"                beta elu(x) with the constants of Klambauer et al. (NIPS 2017)
        "leaky_relu"          x, or alpha x below 0; alpha 0.01. PReLU with one alpha for each channel
        "softplus"            log(1 + exp(alpha x)) / alpha, or x where alpha x > beta; alpha 1, beta 20
        "softshrink"          x moved by alpha towards 0, which it does not cross; alpha 0.5
        "hardshrink"          x, or 0 where abs(x) <= alpha; alpha 0.5
        "threshold"           x where x > alpha, else beta; alpha 1, beta 0
        "clip"                max(alpha, min(beta, x)); no limits by default
        "pow"                 x ** alpha; alpha 2
        "exp", "log", "sqrt"  exp(x), log(x), sqrt(x)
        "square"              x * x
        "reciprocal", "abs"   1 / x; abs(x)
        "sin", "cos"          sin(x), cos(x)
        "erf", "floor"        erf(x); the greatest integer up to x
        ====================  =======================================================================
    alpha, beta : float or array-like of [channels], optional
        Parameters of the function.

    Notes
    -----
    The values of a function outside its domain (the logarithm of 0, a division by 0) are infinite or NaN.
    """

    function: str = checked(choice, *FUNCTIONS)
    alpha: Any = checked(per_channel, "", default=None)
    beta: Any = checked(per_channel, "", default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        for argument, default in zip(("alpha", "beta"), FUNCTIONS[self.function], strict=True):
            given = getattr(self, argument)
            if given is None:
                self._set(argument, default)
            elif default is None:
                rule = f'must not be given: "{self.function}" has no {argument}'
                fail(where, argument, given, rule)
            elif self.function != "clip":
                positive = (self.function, argument) in {("celu", "alpha"), ("softplus", "alpha")}
                rule = "finite and > 0" if positive else "finite"
                require(where, argument, np.asarray(given), rule)
        if self.function == "clip" and np.any(np.asarray(self.alpha) > np.asarray(self.beta)):
            limits = (self.alpha, self.beta)
            fail(where, "alpha and beta", limits, "must be a lower and an upper limit")

    def of(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the activations for inputs [N, channels, ...], in the precision of x."""
        x = np.ascontiguousarray(x)
        if x.dtype not in (np.float32, np.float64):
            x = x.astype(np.float64)
        alpha, beta = self.parameters()
        return _core.activation(self.function, x, alpha, beta)

    def parameters(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Return alpha and beta as arrays of one number or one for each channel; empty if there are none."""
        alpha, beta = (
            NONE if p is None else np.atleast_1d(np.asarray(p, np.float64))
            for p in (self.alpha, self.beta)
        )
        return alpha, beta

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        alpha, beta = self.parameters()
        from_, extent, index = views.each(view, by_channel=max(len(alpha), len(beta)) > 1)
        number = views.core.activation(from_, extent, self.function, alpha, beta)
        return views.add(number, extent, shape, index)


class _Binary(Graded):
    inputs: ClassVar[int | None] = 2

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        return broadcast(where, shapes)

    def _factor(self, _constant: Floats) -> Floats | None:
        """Return the constant factor of the first input; None if this is not a product with a constant."""
        return None

    def _add(self, views: Views, shape: Shape, a: View, b: View) -> View:
        """Add a function of two inputs; a product with a constant is an affine map."""
        if isinstance(self, Multiply) and a.value is not None:
            a, b = b, a
        factor = self._factor(b.value) if b.value is not None and a.value is None else None
        if factor is not None:
            factor = factor.reshape(*[1] * (len(shape) - factor.ndim), *factor.shape)
            return views.scaled(views.broadcast(a, shape), factor)
        placed = [_placed(views, view, shape) for view in (a, b)]
        extent = extent_of(shape)
        plain = {given for _, given, places in placed if places is None}
        everything: NDArray[Any] = NONE  # each value at its own place
        if len(plain) == 1:
            (extent,) = plain
        else:
            everything = np.arange(math.prod(shape), dtype=np.uint32)
        given = [everything if places is None else places for *_, places in placed]
        numbers = [number for number, *_ in placed]
        number = views.core.binary(numbers, extent, self._name().lower(), *given)
        return views.add(number, extent, shape)


def _placed(
    views: Views, view: View, shape: Shape
) -> tuple[int, Extent, NDArray[np.uint32] | None]:
    """Return a node, its extent and the places of the values in it, or None if they lie in their order."""
    if view.index is not None and len(view.parts) == 1 and view.index.min() >= 0:
        index: NDArray[Any] = view.index
        from_ = view.parts[0]
        extent = views.extents[from_]
    else:
        from_, extent = views.in_order(view)
        if view.shape == shape:
            return from_, extent, None
        index = np.arange(math.prod(view.shape)).reshape(view.shape)
    return from_, extent, np.broadcast_to(index, shape).astype(np.uint32).ravel()


class Multiply(_Binary):
    """The product of two inputs, which broadcast as in numpy: gates of squeeze and excitation."""

    def _factor(self, constant: Floats) -> Floats | None:
        return constant


class Divide(_Binary):
    """The first input divided by the second, which broadcast as in numpy."""

    def _factor(self, constant: Floats) -> Floats | None:
        with np.errstate(all="ignore"):
            inverse = 1 / constant
        return inverse if np.isfinite(inverse).all() else None


class Maximum(_Binary):
    """The larger of two inputs, which broadcast as in numpy."""


class Minimum(_Binary):
    """The smaller of two inputs, which broadcast as in numpy."""


class MatMul(Graded):
    """The matrix product of two inputs, [..., n, k] and [..., k, m], whose first axes broadcast: attention."""

    inputs: ClassVar[int | None] = 2

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        a, b = shapes
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            fail(where, "input shapes", (a, b), "must be (..., n, k) and (..., k, m)")
        return (*broadcast(where, (a[:-2], b[:-2])), a[-2], b[-1])

    def _add(self, views: Views, shape: Shape, *inputs: View) -> View:
        places = [np.arange(math.prod(v.shape[:-2]), dtype=np.uint32) for v in inputs]
        matrices = [
            np.broadcast_to(at.reshape(view.shape[:-2]), shape[:-2]).ravel()
            for at, view in zip(places, inputs, strict=True)
        ]
        sizes = (shape[-2], inputs[0].shape[-1], shape[-1])
        numbers, extent = [views.in_order(view)[0] for view in inputs], extent_of(shape)
        return views.add(views.core.matmul(numbers, extent, *sizes, *matrices), extent, shape)


def _along(shape: Shape, axes: Sequence[int]) -> tuple[int, int, int]:
    """Return (outer, n, inner) of adjacent axes."""
    first, last = axes[0], axes[-1] + 1
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def _together(views: Views, view: View, axes: Sequence[int]) -> tuple[View, list[int] | None]:
    """Return a view whose last axes are these, and the order of its axes; that of adjacent ones is not changed."""
    if list(axes) == list(range(axes[0], axes[0] + len(axes))):
        return view, None
    order = [k for k in range(len(view.shape)) if k not in axes] + list(axes)
    return views.moved(view, lambda a, _: a.transpose(order)), order


def _lying(
    views: Views, view: View, axes: Sequence[int]
) -> tuple[int, Extent, tuple[int, int, int], Index | None]:
    """Return a node, its extent, where the axes lie in it as (outer, n, inner), and the index of the result.

    Reordered values are taken where they lie, if the axes are evenly spaced there: transposed tokens, for one.
    """
    order = views.order(view)
    if order is not None:
        n = math.prod(view.shape[axis] for axis in axes)
        last = range(len(view.shape) - len(axes), len(view.shape))
        groups = np.moveaxis(order, axes, last).reshape(-1, n).astype(np.int64)
        step = int(groups[0, 1] - groups[0, 0]) if n > 1 else 1
        if step > 0 and order.size % (n * step) == 0:
            outer = order.size // (n * step)
            begins = (np.arange(outer)[:, None] * (n * step) + np.arange(step)).ravel()
            if np.array_equal(np.sort(groups[:, 0]), begins) and np.array_equal(
                groups, groups[:, :1] + step * np.arange(n)
            ):
                part = view.parts[0]
                return part, views.extents[part], (outer, n, step), order
    return (*views.in_order(view), _along(view.shape, axes), None)


class _Along(Graded):
    axis: int = checked(integer, -MAX_RANK, MAX_RANK - 1, default=-1)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        axis_of(where, "axis", self.axis, len(shapes[0]))
        return shapes[0]

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        from_, extent, along, index = _lying(views, view, (self.axis % len(shape),))
        number = views.core.softmax(from_, extent, along, isinstance(self, LogSoftmax))
        return views.add(number, extent, shape, index)


class Softmax(_Along):
    """``exp(x) / sum(exp(x))`` along an axis of a sample.

    Parameters
    ----------
    axis : int
    """


class LogSoftmax(_Along):
    """The logarithm of `Softmax`.

    Parameters
    ----------
    axis : int
    """


_NORM = """

    Parameters
    ----------
    axes : int or sequence of int
        Axes of a sample; an integer n stands for the last n axes.
    weight, bias : array-like of the shape of these axes, optional
    eps : float
        Added to the {what}.
"""


def _norm_axes(where: str, argument: str, value: Any) -> int | tuple[int, ...]:
    if not isinstance(value, (tuple, list)):
        return integer(where, argument, value, 1, MAX_RANK)
    if not value:
        fail(where, argument, (), "must name at least one axis")
    return integers(where, argument, value, -MAX_RANK, MAX_RANK - 1)


def _scaled(views: Views, view: View, norm: Any, shape: Sequence[int]) -> View:
    """Apply the weight and the bias of a norm, which have this shape."""
    if norm.weight is None and norm.bias is None:
        return view
    weight = np.ones([1] * len(view.shape)) if norm.weight is None else norm.weight.reshape(shape)
    return views.scaled(view, weight, None if norm.bias is None else norm.bias.reshape(shape))


class _Norm(Graded):
    axes: Any = checked(_norm_axes, default=1)
    weight: Any = checked(finite_array, default=None)
    bias: Any = checked(finite_array, default=None)
    eps: float = checked(scalar, "finite and >= 0", default=1e-5)

    def over(self, shape: Shape, where: str = "") -> tuple[int, ...]:
        """Return the axes over which samples of this shape are normalised, sorted."""
        where = where or self._name()
        if isinstance(self.axes, tuple):
            return axes_of(where, "axes", self.axes, len(shape))
        if self.axes > len(shape):
            fail(where, "axes", self.axes, f"must be at most the {len(shape)} of a sample")
        return tuple(range(len(shape) - self.axes, len(shape)))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = tuple(shapes[0][axis] for axis in self.over(shapes[0], where))
        for argument in ("weight", "bias"):
            value = getattr(self, argument)
            if value is not None and value.shape != shape:
                rule = f"must have the shape {shape} of the axes"
                fail(where, argument, value.shape, rule, got="shape")
        return shapes[0]

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        axes = self.over(shape)
        together, order = _together(views, view, axes)
        if order is not None:
            done = self.replace(axes=len(axes)).add_to(views, together.shape, together)
            back = np.argsort(order)
            return views.moved(done, lambda a, _: a.transpose(back))
        from_, extent, along, index = _lying(views, view, axes)
        number = views.core.normalize(from_, extent, along, isinstance(self, LayerNorm), self.eps)
        wide = [n if k in axes else 1 for k, n in enumerate(shape)]
        return _scaled(views, views.add(number, extent, shape, index), self, wide)


class LayerNorm(_Norm):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, with mean and variance over some axes of a sample."""

    __doc__ = (__doc__ or "") + _NORM.format(what="variance")


class RMSNorm(_Norm):
    """``x / sqrt(mean(x ** 2) + eps) * weight + bias`` over some axes of a sample."""

    __doc__ = (__doc__ or "") + _NORM.format(what="mean square")


class GroupNorm(Graded):
    """`LayerNorm` over groups of channels and all of their pixels; with one channel a group, InstanceNorm.

    Parameters
    ----------
    groups : int
    weight, bias : array-like, [channels], optional
    eps : float
        Added to the variance.
    """

    groups: int = checked(integer, 1, MAX_LENGTH)
    weight: Any = checked(finite_array, 1, default=None)
    bias: Any = checked(finite_array, 1, default=None)
    eps: float = checked(scalar, "finite and >= 0", default=1e-5)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        channels = shapes[0][0]
        if channels % self.groups:
            fail(where, "groups", self.groups, f"must divide the {channels} channels")
        for argument in ("weight", "bias"):
            value = getattr(self, argument)
            if value is not None and len(value) != channels:
                rule = f"must have one value for each of {channels} channels"
                fail(where, argument, value.shape, rule, got="shape")
        return shapes[0]

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        from_, extent = views.in_order(view)
        along = (self.groups, math.prod(shape) // self.groups, 1)
        number = views.core.normalize(from_, extent, along, True, self.eps)
        wide = (-1, *[1] * (len(shape) - 1))
        return _scaled(views, views.add(number, extent, shape), self, wide)


class LocalResponseNorm(Graded):
    """``x / (k + alpha / size * sum(x ** 2)) ** beta``, with the sum over `size` adjacent channels (AlexNet).

    Parameters
    ----------
    size : int
        Number of channels: the channel itself, ``size // 2`` before it and ``(size - 1) // 2`` after it, as in PyTorch.
    alpha, beta, k : float
    """

    size: int = checked(integer, 1, MAX_LENGTH)
    alpha: float = checked(scalar, "finite", default=1e-4)
    beta: float = checked(scalar, "finite", default=0.75)
    k: float = checked(scalar, "finite", default=1.0)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        from_, extent = views.in_order(view)
        along = (1, shape[0], math.prod(shape[1:]))
        parameters = (self.size, self.alpha, self.beta, self.k)
        return views.add(
            views.core.local_response(from_, extent, along, *parameters), extent, shape
        )


def _reduced(where: str, argument: str, value: Any) -> tuple[int, ...]:
    axes = [value] if isinstance(value, int) else value
    return integers(where, argument, axes, -MAX_RANK, MAX_RANK - 1)


class Reduce(Graded):
    """The mean, sum, maximum, minimum, product or norm over some axes of a sample.

    Means and sums are linear: they act on each step by itself.

    Parameters
    ----------
    function : "mean", "sum", "max", "min", "prod", "l1" or "l2"
    axes : sequence of int, optional
        Axes of a sample; by default all.
    keepdims : bool
        Keep these axes, with size 1. Where no axis is left, the result has the shape (1,).
    """

    function: Literal["mean", "sum", "max", "min", "prod", "l1", "l2"] = checked(
        choice, "mean", "sum", "max", "min", "prod", "l1", "l2"
    )
    axes: Any = checked(_reduced, default=None)
    keepdims: bool = False

    @property
    def waits(self) -> bool:
        """True unless it is linear: means and sums act on each step."""
        return self.function not in ("mean", "sum")

    def over(self, shape: Shape, where: str = "") -> tuple[int, ...]:
        """Return the axes of samples of this shape over which is reduced, sorted."""
        if self.axes is None:
            return tuple(range(len(shape)))
        return axes_of(where or self._name(), "axes", self.axes, len(shape))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        axes = self.over(shapes[0], where)
        if self.keepdims:
            return tuple(1 if k in axes else n for k, n in enumerate(shapes[0]))
        return tuple(n for k, n in enumerate(shapes[0]) if k not in axes) or (1,)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        given = view.shape
        axes = self.over(given)
        core, extent = views.core, extent_of(shape)
        if not axes:  # the function of single values
            function = {"l1": "abs", "l2": "abs"}.get(self.function)
            if function is None:
                return views.reshaped(view, shape)
            from_, extent = views.in_order(view)
            return views.add(core.activation(from_, extent, function, NONE, NONE), extent, shape)
        if self.function in ("mean", "sum") and list(axes) == list(range(1, len(given))):
            # A mean pool over all pixels, which the core merges with a convolution behind it.
            from_, (channels, height, width) = views.by_channel(view)
            extent = (channels, 1, 1)
            mean = self.function == "mean"
            rows, columns = (([0], [n], 1, [n if mean else 1]) for n in (height, width))
            return views.add(core.average(from_, extent, rows, columns), extent, shape)
        view, order = _together(views, view, axes)
        if order is not None:
            axes = tuple(range(len(given) - len(axes), len(given)))
        from_, _ = views.in_order(view)
        number = core.reduce(from_, extent, self.function, _along(view.shape, axes))
        return views.add(number, extent, shape)


def _function(where: str, argument: str, value: Any) -> Callable[..., Any]:
    if not callable(value):
        msg = f"{where}: {argument} must be callable, got {shown(value)}"
        raise TypeError(msg)
    function: Callable[..., Any] = value
    return function


class Foreign(Layer):
    """A Python function of the mean inputs of one sample; its output is constant over all steps.

    Like a `ReLU`, it waits for the spikes of all steps. It runs on one thread at a time, and is not counted in
    `Operations`. A model with such a layer can be neither saved nor exported.

    Parameters
    ----------
    function : callable
        ``function(*arrays) -> array``; the arrays, of float64, are the inputs of one sample.
    shape : sequence of int
        Shape of the result.
    """

    inputs: ClassVar[int | None] = None
    fewest: ClassVar[int] = 1

    function: Callable[..., Any] = checked(_function)
    shape: Any = checked(integers, 1)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.shape:
            fail(self._name(), "shape", self.shape, "must have at least one axis")

    @property
    def waits(self) -> bool:
        """True: it waits for the mean over all steps."""
        return True

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        shape: Shape = self.shape
        return shape

    def _add(self, views: Views, shape: Shape, *inputs: View) -> View:
        from_, extent = [views.in_order(view)[0] for view in inputs], extent_of(shape)
        number = views.core.foreign(from_, extent, self.function, [v.shape for v in inputs])
        return views.add(number, extent, shape)
