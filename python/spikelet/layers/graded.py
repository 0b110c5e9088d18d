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
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import choice, fail, integer, numbers, require, scalar
from spikelet._util.tensors import detached
from spikelet.layers.base import (
    MAX_LENGTH,
    MAX_RANK,
    Layer,
    Shape,
    any_array,
    axes_of,
    axis_of,
    bias_of,
    broadcast,
    integers,
)

__all__ = [
    "Activation",
    "Divide",
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


@dataclass(frozen=True, eq=False, repr=False)
class Graded(Layer):
    """Base class of units that send graded values."""

    @property
    def waits(self) -> bool:
        """True: it sends what its function of the running means of its inputs needs."""
        return True


@dataclass(frozen=True, eq=False, repr=False)
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

    function: str
    alpha: Any = None
    beta: Any = None

    def __post_init__(self) -> None:
        where = self._name()
        choice(where, "function", self.function, *FUNCTIONS)
        for argument, default in zip(("alpha", "beta"), FUNCTIONS[self.function], strict=True):
            given = getattr(self, argument)
            if given is None:
                self._set(argument, default)
                continue
            if default is None:
                rule = f'must not be given: "{self.function}" has no {argument}'
                fail(where, argument, given, rule)
            array = numbers(where, argument, detached(where, argument, given))
            if self.function != "clip":
                rule = "finite"
                if (self.function, argument) in {("celu", "alpha"), ("softplus", "alpha")}:
                    rule = "finite and > 0"
                require(where, argument, array, rule)
            if array.size == 0:
                fail(where, argument, array.shape, "must not be empty", got="shape")
            self._set(argument, np.array(array) if array.ndim else float(array))
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
            np.zeros(0) if p is None else np.atleast_1d(np.asarray(p, np.float64))
            for p in (self.alpha, self.beta)
        )
        return alpha, beta

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        for argument in ("alpha", "beta"):
            value = getattr(self, argument)
            if np.ndim(value) and len(value) != shapes[0][0]:
                rule = f"must be one number or {shapes[0][0]} numbers"
                fail(where, argument, value.shape, rule, got="shape")
        return shapes[0]


@dataclass(frozen=True, eq=False, repr=False)
class _Binary(Graded):
    inputs: ClassVar[int | None] = 2

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        return broadcast(where, shapes)


@dataclass(frozen=True, eq=False, repr=False)
class Multiply(_Binary):
    """The product of two inputs, which broadcast as in numpy: gates of squeeze and excitation."""


@dataclass(frozen=True, eq=False, repr=False)
class Divide(_Binary):
    """The first input divided by the second, which broadcast as in numpy."""


@dataclass(frozen=True, eq=False, repr=False)
class Maximum(_Binary):
    """The larger of two inputs, which broadcast as in numpy."""


@dataclass(frozen=True, eq=False, repr=False)
class Minimum(_Binary):
    """The smaller of two inputs, which broadcast as in numpy."""


@dataclass(frozen=True, eq=False, repr=False)
class MatMul(Graded):
    """The matrix product of two inputs, [..., n, k] and [..., k, m], whose first axes broadcast: attention."""

    inputs: ClassVar[int | None] = 2

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        a, b = shapes
        if len(a) < 2 or len(b) < 2 or a[-1] != b[-2]:
            fail(where, "input shapes", (a, b), "must be (..., n, k) and (..., k, m)")
        return (*broadcast(where, (a[:-2], b[:-2])), a[-2], b[-1])


@dataclass(frozen=True, eq=False, repr=False)
class _Along(Graded):
    axis: int = -1

    def __post_init__(self) -> None:
        axis = integer(self._name(), "axis", self.axis, -MAX_RANK, MAX_RANK - 1)
        self._set("axis", axis)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        axis_of(where, "axis", self.axis, len(shapes[0]))
        return shapes[0]


@dataclass(frozen=True, eq=False, repr=False)
class Softmax(_Along):
    """``exp(x) / sum(exp(x))`` along an axis of a sample.

    Parameters
    ----------
    axis : int
    """


@dataclass(frozen=True, eq=False, repr=False)
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


@dataclass(frozen=True, eq=False, repr=False)
class _Norm(Graded):
    axes: Any = 1
    weight: Any = None
    bias: Any = None
    eps: float = 1e-5

    def __post_init__(self) -> None:
        where = self._name()
        if isinstance(self.axes, (tuple, list)):
            axes: Any = integers(where, "axes", self.axes, -MAX_RANK, MAX_RANK - 1)
            if not axes:
                fail(where, "axes", axes, "must name at least one axis")
        else:
            axes = integer(where, "axes", self.axes, 1, MAX_RANK)
        self._set("axes", axes)
        for argument in ("weight", "bias"):
            if getattr(self, argument) is not None:
                self._set(argument, any_array(where, argument, getattr(self, argument)))
        self._set("eps", scalar(where, "eps", self.eps, "finite and >= 0"))

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


@dataclass(frozen=True, eq=False, repr=False)
class LayerNorm(_Norm):
    """``(x - mean) / sqrt(var + eps) * weight + bias``, with mean and variance over some axes of a sample."""

    __doc__ = (__doc__ or "") + _NORM.format(what="variance")


@dataclass(frozen=True, eq=False, repr=False)
class RMSNorm(_Norm):
    """``x / sqrt(mean(x ** 2) + eps) * weight + bias`` over some axes of a sample."""

    __doc__ = (__doc__ or "") + _NORM.format(what="mean square")


@dataclass(frozen=True, eq=False, repr=False)
class GroupNorm(Graded):
    """`LayerNorm` over groups of channels and all of their pixels; with one channel a group, InstanceNorm.

    Parameters
    ----------
    groups : int
    weight, bias : array-like, [channels], optional
    eps : float
        Added to the variance.
    """

    groups: int
    weight: Any = None
    bias: Any = None
    eps: float = 1e-5

    def __post_init__(self) -> None:
        where = self._name()
        self._set("groups", integer(where, "groups", self.groups, 1, MAX_LENGTH))
        for argument in ("weight", "bias"):
            value = getattr(self, argument)
            if value is not None:
                n = len(np.atleast_1d(detached(where, argument, value)))
                self._set(argument, bias_of(where, value, n, argument))
        self._set("eps", scalar(where, "eps", self.eps, "finite and >= 0"))

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


@dataclass(frozen=True, eq=False, repr=False)
class LocalResponseNorm(Graded):
    """``x / (k + alpha / size * sum(x ** 2)) ** beta``, with the sum over `size` adjacent channels (AlexNet).

    Parameters
    ----------
    size : int
        Number of channels: the channel itself, ``size // 2`` before it and ``(size - 1) // 2`` after it, as in PyTorch.
    alpha, beta, k : float
    """

    size: int
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 1.0

    def __post_init__(self) -> None:
        where = self._name()
        self._set("size", integer(where, "size", self.size, 1, MAX_LENGTH))
        for argument in ("alpha", "beta", "k"):
            self._set(argument, scalar(where, argument, getattr(self, argument), "finite"))


@dataclass(frozen=True, eq=False, repr=False)
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

    function: Literal["mean", "sum", "max", "min", "prod", "l1", "l2"]
    axes: Any = None
    keepdims: bool = False

    def __post_init__(self) -> None:
        where = self._name()
        names = ("mean", "sum", "max", "min", "prod", "l1", "l2")
        choice(where, "function", self.function, *names)
        if self.axes is not None:
            axes: Sequence[int] = [self.axes] if isinstance(self.axes, int) else self.axes
            self._set("axes", integers(where, "axes", axes, -MAX_RANK, MAX_RANK - 1))

    @property
    def waits(self) -> bool:
        """Whether it is not linear: means and sums act on each step."""
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
