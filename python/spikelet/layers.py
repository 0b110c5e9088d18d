"""Layers of a `SpikingModel`: what lies between neurons, and the neurons.

Shapes are those of one sample, without batch and time: ``(C, H, W)`` for pictures, ``(N,)`` for vectors; arrays are laid
out as in PyTorch. A layer is a frozen description; it knows the shape that it makes, and the core does the work.

Linear layers (`Linear`, `Conv2d`, `AvgPool2d`, `AdaptiveAvgPool2d`, `Flatten`, `Add`, `Concat`, `Upsample`, `Affine`) have
no memory: what they give at a step depends on their input at that step alone. Neurons (`IF`, `LIF`) integrate it. `ReLU` is
a neuron that stays analog: it takes the mean of its input over all steps and is constant from then on.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, Self, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._checks import fail, integer, numbers, require

__all__ = [
    "IF",
    "LIF",
    "AdaptiveAvgPool2d",
    "Add",
    "Affine",
    "AvgPool2d",
    "Concat",
    "Conv2d",
    "Flatten",
    "Layer",
    "Linear",
    "MaxPool2d",
    "Neuron",
    "PredictiveIF",
    "ReLU",
    "Upsample",
]

Shape: TypeAlias = tuple[int, ...]
Pair: TypeAlias = int | tuple[int, int]
Floats: TypeAlias = NDArray[np.float64]

_MAX_SIZE = 1 << 16  # of a kernel, a stride, a factor


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """What all layers have in common."""

    inputs: ClassVar[int | None] = 1  # how many it takes; None: two or more

    def output_shape(self, shapes: Sequence[Shape], name: str = "") -> Shape:
        """Return the shape of one sample behind this layer.

        Parameters
        ----------
        shapes : sequence of tuple of int
            One for each input.
        name : str
            Of the layer in its model, for messages.

        Raises
        ------
        ValueError
            If the layer cannot take such inputs.
        """
        where = f"{type(self).__name__} '{name}'" if name else type(self).__name__
        if self.inputs is not None and len(shapes) != self.inputs:
            fail(where, "inputs", len(shapes), f"must be {self.inputs}")
        if self.inputs is None and len(shapes) < 2:
            fail(where, "inputs", len(shapes), "must be at least 2")
        return self._shape(where, [tuple(s) for s in shapes])

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        return shapes[0]

    def replace(self, **changes: Any) -> Self:
        """Return a copy with some parameters changed."""
        return dataclasses.replace(self, **changes)

    def _name(self) -> str:
        return type(self).__name__

    def _set(self, name: str, value: Any) -> None:
        if isinstance(value, np.ndarray):
            value.flags.writeable = False
        object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        shown = []
        for f in dataclasses.fields(self):
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                shown.append(f"{f.name}={'x'.join(map(str, value.shape))} array")
            elif value is not None and not (
                f.default is not dataclasses.MISSING and value == f.default
            ):
                shown.append(f"{f.name}={value!r}")
        return f"{type(self).__name__}({', '.join(shown)})"


def _array(where: str, argument: str, value: ArrayLike, dimensions: int) -> Floats:
    array = numbers(where, argument, value, dimensions=dimensions)
    if array.ndim != dimensions:
        fail(where, argument, array.shape, f"must have {dimensions} dimensions; its shape")
    if array.size == 0:
        fail(where, argument, array.shape, "must not be empty; its shape")
    require(where, argument, array.ravel(), "finite")
    return np.array(array)


def _pair(where: str, argument: str, value: Pair, low: int) -> tuple[int, int]:
    if isinstance(value, (tuple, list)):
        if len(value) != 2:
            fail(where, argument, value, "must be one integer or two (vertical, horizontal)")
        a, b = (integer(where, argument, v, low, _MAX_SIZE) for v in value)
        return a, b
    n = integer(where, argument, value, low, _MAX_SIZE)
    return n, n


def _picture(where: str, shape: Shape) -> tuple[int, int, int]:
    if len(shape) != 3:
        fail(where, "input shape", shape, "must be (channels, height, width)")
    return shape


def _windows(
    where: str, n: int, kernel: int, stride: int, padding: tuple[int, int], dilation: int = 1
) -> int:
    span = n + sum(padding) - dilation * (kernel - 1) - 1
    if span < 0:
        fail(
            where, "input size", n, f"must be at least {dilation * (kernel - 1) + 1 - sum(padding)}"
        )
    return span // stride + 1


@dataclass(frozen=True, eq=False, repr=False)
class Linear(Layer):
    """Every output sums all inputs: ``y = W x + b``.

    Parameters
    ----------
    weight : array-like, [out, in]
    bias : array-like, [out], optional
        Flows at every step.
    """

    weight: Any
    bias: Any = None

    def __post_init__(self) -> None:
        self._set("weight", _array(self._name(), "weight", self.weight, 2))
        self._set("bias", _bias(self._name(), self.bias, len(self.weight)))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if math.prod(shapes[0]) != self.weight.shape[1] or len(shapes[0]) != 1:
            fail(where, "input shape", shapes[0], f"must be ({self.weight.shape[1]},)")
        return (len(self.weight),)


def _bias(where: str, bias: ArrayLike | None, n: int, argument: str = "bias") -> Floats | None:
    if bias is None:
        return None
    array = _array(where, argument, bias, 1)
    if array.shape != (n,):
        rule = f"must have one value for each of {n} outputs; its shape"
        fail(where, argument, array.shape, rule)
    return array


@dataclass(frozen=True, eq=False, repr=False)
class Conv2d(Layer):
    """A convolution as PyTorch's: kernels slide over a picture that is padded with zeros.

    Parameters
    ----------
    weight : array-like, [out, in / groups, kernel height, kernel width]
    bias : array-like, [out], optional
    stride, dilation : int or (vertical, horizontal)
    padding : int, (vertical, horizontal) or (top, bottom, left, right)
    groups : int
        Outputs of a group see the inputs of that group alone.
    """

    weight: Any
    bias: Any = None
    stride: Any = 1
    padding: Any = 0
    dilation: Any = 1
    groups: int = 1

    def __post_init__(self) -> None:
        where = self._name()
        self._set("weight", _array(where, "weight", self.weight, 4))
        self._set("bias", _bias(where, self.bias, len(self.weight)))
        self._set("stride", _pair(where, "stride", self.stride, 1))
        self._set("dilation", _pair(where, "dilation", self.dilation, 1))
        if isinstance(self.padding, (tuple, list)) and len(self.padding) == 4:
            sides = tuple(integer(where, "padding", p, 0, _MAX_SIZE) for p in self.padding)
        else:
            v, h = _pair(where, "padding", self.padding, 0)
            sides = (v, v, h, h)
        self._set("padding", sides)
        self._set("groups", integer(where, "groups", self.groups, 1))
        if len(self.weight) % self.groups:
            fail(where, "groups", self.groups, f"must divide the {len(self.weight)} outputs")

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, h, w = _picture(where, shapes[0])
        out, per_group, kh, kw = self.weight.shape
        if c != per_group * self.groups:
            fail(where, "input channels", c, f"must be {per_group * self.groups}")
        top, bottom, left, right = self.padding
        return (
            out,
            _windows(where, h, kh, self.stride[0], (top, bottom), self.dilation[0]),
            _windows(where, w, kw, self.stride[1], (left, right), self.dilation[1]),
        )


@dataclass(frozen=True, eq=False, repr=False)
class _Pool2d(Layer):
    kernel_size: Any
    stride: Any = None
    padding: Any = 0
    ceil_mode: bool = False

    def __post_init__(self) -> None:
        where = self._name()
        self._set("kernel_size", _pair(where, "kernel_size", self.kernel_size, 1))
        stride = self.kernel_size if self.stride is None else self.stride
        self._set("stride", _pair(where, "stride", stride, 1))
        self._set("padding", _pair(where, "padding", self.padding, 0))
        for k, p in zip(self.kernel_size, self.padding, strict=True):
            if 2 * p > k:
                fail(where, "padding", self.padding, f"must be at most half of {self.kernel_size}")

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, h, w = _picture(where, shapes[0])
        rows, columns = (len(b) for b, _ in self.windows((c, h, w), where))
        return (c, rows, columns)

    def windows(
        self, shape: Shape, where: str = "pool"
    ) -> tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]:
        """Return where windows begin and end, inside the picture: rows, then columns."""
        result = []
        for n, k, s, p in zip(shape[1:], self.kernel_size, self.stride, self.padding, strict=True):
            count = _windows(where, n, k, s, (p, p))
            # As in PyTorch, a last window that does not fit must still begin inside.
            if self.ceil_mode and (n + 2 * p - k) % s and count * s < n + p:
                count += 1
            begin = [i * s - p for i in range(count)]
            result.append(([max(b, 0) for b in begin], [min(b + k, n) for b in begin]))
        return result[0], result[1]


@dataclass(frozen=True, eq=False, repr=False)
class AvgPool2d(_Pool2d):
    """The mean of each window.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
    stride : int or (vertical, horizontal), optional
        By default the kernel size.
    padding : int or (vertical, horizontal)
    ceil_mode : bool
        Keep a last window that lies partly outside.
    count_include_pad : bool
        Whether zeros of the padding count.
    """

    count_include_pad: bool = True

    def divisors(self, shape: Shape) -> tuple[list[int], list[int]]:
        """Return what the sum of a window is divided by: vertical times horizontal."""
        result = []
        for n, k, s, p, (begin, end) in zip(
            shape[1:],
            self.kernel_size,
            self.stride,
            self.padding,
            self.windows(shape),
            strict=True,
        ):
            sizes = []
            for i, (b, e) in enumerate(zip(begin, end, strict=True)):
                start = i * s - p
                sizes.append(min(start + k, n + p) - start if self.count_include_pad else e - b)
            result.append(sizes)
        return result[0], result[1]


@dataclass(frozen=True, eq=False, repr=False)
class MaxPool2d(_Pool2d):
    """The greatest of each window.

    Of spikes, the greatest *count so far*: a window has spiked as often as its most active neuron (and not as the union of
    all, which would fire too much). At most one spike a step comes out, and the mean over time is exactly the greatest of
    the means.

    Parameters
    ----------
    kernel_size : int or (vertical, horizontal)
    stride : int or (vertical, horizontal), optional
        By default the kernel size.
    padding : int or (vertical, horizontal)
    ceil_mode : bool
        Keep a last window that lies partly outside.
    of : "counts" or "steps"
        "steps": the greatest value at each step by itself, as max_pool2d of a raster.
    """

    of: Literal["counts", "steps"] = "counts"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.of not in ("counts", "steps"):
            fail(self._name(), "of", self.of, 'must be "counts" or "steps"')


@dataclass(frozen=True, eq=False, repr=False)
class AdaptiveAvgPool2d(Layer):
    """The mean of each of so many windows, as equal as can be.

    Parameters
    ----------
    output_size : int or (height, width)
    """

    output_size: Any

    def __post_init__(self) -> None:
        self._set("output_size", _pair(self._name(), "output_size", self.output_size, 1))

    def windows(
        self, shape: Shape
    ) -> tuple[tuple[list[int], list[int]], tuple[list[int], list[int]]]:
        """Return where windows begin and end: rows, then columns."""
        result = []
        for n, out in zip(shape[1:], self.output_size, strict=True):
            begin = [i * n // out for i in range(out)]
            result.append((begin, [-(-(i + 1) * n // out) for i in range(out)]))
        return result[0], result[1]

    def divisors(self, shape: Shape) -> tuple[list[int], list[int]]:
        """Return the sizes of the windows, vertical and horizontal."""
        rows, columns = self.windows(shape)
        return (
            [e - b for b, e in zip(*rows, strict=True)],
            [e - b for b, e in zip(*columns, strict=True)],
        )

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, _, _ = _picture(where, shapes[0])
        return (c, *self.output_size)


@dataclass(frozen=True, eq=False, repr=False)
class Flatten(Layer):
    """A picture as a vector, channel by channel, row by row (PyTorch's order)."""

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        return (math.prod(shapes[0]),)


@dataclass(frozen=True, eq=False, repr=False)
class Add(Layer):
    """The sum of two or more inputs of one shape: shortcuts of a ResNet."""

    inputs: ClassVar[int | None] = None

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if len(set(shapes)) > 1:
            fail(where, "input shapes", tuple(shapes), "must be equal")
        return shapes[0]


@dataclass(frozen=True, eq=False, repr=False)
class Concat(Layer):
    """Inputs side by side, along the channels."""

    inputs: ClassVar[int | None] = None

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if len({s[1:] for s in shapes}) > 1 or len({len(s) for s in shapes}) > 1:
            fail(where, "input shapes", tuple(shapes), "must be equal but for the channels")
        return (sum(s[0] for s in shapes), *shapes[0][1:])


@dataclass(frozen=True, eq=False, repr=False)
class Upsample(Layer):
    """Each pixel as a rectangle of equal pixels (nearest neighbour).

    Parameters
    ----------
    scale_factor : int or (vertical, horizontal)
    """

    scale_factor: Any

    def __post_init__(self) -> None:
        self._set("scale_factor", _pair(self._name(), "scale_factor", self.scale_factor, 1))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        c, h, w = _picture(where, shapes[0])
        return (c, h * self.scale_factor[0], w * self.scale_factor[1])


@dataclass(frozen=True, eq=False, repr=False)
class Affine(Layer):
    """A factor and a constant for each channel: ``y = scale x + shift``; BatchNorm that could not be folded.

    Parameters
    ----------
    scale : array-like, [channels]
    shift : array-like, [channels], optional
    """

    scale: Any
    shift: Any = None

    def __post_init__(self) -> None:
        self._set("scale", _array(self._name(), "scale", self.scale, 1))
        self._set("shift", _bias(self._name(), self.shift, len(self.scale), "shift"))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if shapes[0][0] != len(self.scale):
            fail(where, "input channels", shapes[0][0], f"must be {len(self.scale)}")
        return shapes[0]


@dataclass(frozen=True, eq=False, repr=False)
class ReLU(Layer):
    """An analog neuron: ``max(0, x)`` of its mean input over all steps, constant over all steps.

    In an ANN, all neurons are such. In a hybrid network a segment of them waits for the spikes of all steps.

    Parameters
    ----------
    upper : float or [channels], optional
        What the output is limited to (ReLU6: 6); > 0.
    levels : int
        With an upper limit L: round to the nearest of so many equal steps up to it, as the activation does with which QCFS
        trains (Bu et al., ICLR 2022); 0: do not round.
    """

    upper: Any = None
    levels: int = 0

    def __post_init__(self) -> None:
        where = self._name()
        self._set("levels", integer(where, "levels", self.levels, 0, 1 << 20))
        if self.upper is not None:
            array = numbers(where, "upper", self.upper)
            require(where, "upper", array, "finite and > 0")
            self._set("upper", np.array(array) if array.ndim else float(array))
        elif self.levels:
            fail(where, "levels", self.levels, "must be 0 without an upper limit")

    def of(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the activations of inputs [N, channels, ...]."""
        y: NDArray[Any] = np.maximum(x, 0)
        if self.upper is None:
            return y
        upper = np.reshape(self.upper, (-1, *[1] * (x.ndim - 2))).astype(x.dtype)
        if self.levels:
            y = np.floor(y / upper * self.levels + x.dtype.type(0.5)) / self.levels * upper
        return np.asarray(np.minimum(y, upper))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        if np.ndim(self.upper) and len(self.upper) != shapes[0][0]:
            fail(
                where, "upper", self.upper.shape, f"must be one number or {shapes[0][0]}; its shape"
            )
        return shapes[0]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Neuron(Layer):
    """What all spiking neurons of layered models have in common.

    Parameters
    ----------
    threshold : float, [channels] or one for each neuron
        A neuron whose potential reaches it spikes; > 0.
    reset : "subtract" or "zero"
        "subtract" takes the threshold off the potential, so what lies above it is kept: the residual membrane potential of
        RMP-SNN (Han, Srinivasan & Roy, CVPR 2020). "zero" sets it to `v_reset`.
    v_reset : float
        Only for ``reset="zero"``; below the threshold.
    v_init : float, [channels] or one for each neuron
        The potential before the first step. Half of the threshold rounds the rate to the nearest instead of down.
    amplitude : float or [channels]
        What a spike counts for those who receive it. With ``amplitude=threshold`` the mean output of a neuron is its mean
        input, where that is between 0 and the threshold.
    code : "binary", "signed" or "differential"
        "signed": a neuron below 0 that has sent more spikes than it took back takes one back with a spike of -1.
        "differential" (Huang et al., ICML 2025): signed spikes tell how the mean input changes, not what it is.
    levels : int in 1 .. 8
        More than 1: spikes of several sizes (threshold, threshold / 2, threshold / 4, ...), of which the largest that fits is
        sent; only signed or differential.
    """

    threshold: Any = field(default=1.0, kw_only=False)
    reset: Literal["subtract", "zero"] = field(default="subtract", kw_only=False)
    v_reset: float = field(default=0.0, kw_only=False)
    v_init: Any = 0.0
    amplitude: Any = 1.0
    code: Literal["binary", "signed", "differential"] = "binary"
    levels: int = 1

    def __post_init__(self) -> None:
        where = self._name()
        for argument, dimensions, rule in (
            ("threshold", 3, "finite and > 0"),
            ("v_init", 3, "finite"),
            ("amplitude", 1, "finite"),
        ):
            array = numbers(where, argument, getattr(self, argument), dimensions=dimensions)
            require(where, argument, array.ravel(), rule)
            self._set(argument, np.array(array) if array.ndim else float(array))
        v_reset = numbers(where, "v_reset", self.v_reset, dimensions=0)
        require(where, "v_reset", v_reset, "finite")
        self._set("v_reset", float(v_reset))
        if self.reset not in ("subtract", "zero"):
            fail(where, "reset", self.reset, 'must be "subtract" or "zero"')
        if self.reset == "zero" and np.any(self.v_reset >= np.asarray(self.threshold)):
            fail(where, "v_reset", self.v_reset, "must lie below the threshold")
        if self.code not in ("binary", "signed", "differential"):
            fail(where, "code", self.code, 'must be "binary", "signed" or "differential"')
        if self.code != "binary" and self.reset != "subtract":
            fail(where, "reset", self.reset, f'must be "subtract" with code="{self.code}"')
        self._set("levels", integer(where, "levels", self.levels, 1, 8))
        if self.levels > 1 and self.code == "binary":
            fail(where, "levels", self.levels, 'must be 1 with code="binary"')

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = shapes[0]
        for argument in ("threshold", "v_init", "amplitude"):
            value = np.asarray(getattr(self, argument))
            fits = value.ndim == 0 or value.shape in ((shape[0],), shape)
            if not fits:
                fail(
                    where,
                    argument,
                    value.shape,
                    f"must be one number, or have the shape ({shape[0]},) or {shape}; its shape",
                )
        return shape

    def coefficients(self) -> tuple[float, float]:
        """Return decay and gain: at each step, ``v = decay * v + gain * input``."""
        raise NotImplementedError


@dataclass(frozen=True, eq=False, repr=False)
class IF(Neuron):
    """Integrate-and-fire: ``v += input``, ``v >= threshold`` spikes."""

    __doc__ = (__doc__ or "") + "\n\n" + (Neuron.__doc__ or "").split("\n\n", 1)[1]

    def coefficients(self) -> tuple[float, float]:
        """Return decay and gain: 1 and 1."""
        return 1.0, 1.0


@dataclass(frozen=True, eq=False, repr=False)
class LIF(Neuron):
    r"""Leaky integrate-and-fire, integrated exactly: a constant input x drives it to :math:`x (1 - e^{-t/\tau})`.

    At each step ``v = decay * v + gain * input``, then ``v >= threshold`` spikes.

    Parameters
    ----------
    tau_m : float
        Membrane time constant [ms].
    dt : float
        Length of a step [ms].
    decay, gain : float, optional
        By default ``exp(-dt / tau_m)`` and ``1 - decay``. Given, they say how else a step is done: snnTorch's Leaky is
        ``decay=beta, gain=1``, SpikingJelly's LIFNode ``decay=1 - 1/tau, gain=1/tau``.

    All else is as in `IF`.
    """

    tau_m: float = field(default=20.0, kw_only=True)
    dt: float = field(default=1.0, kw_only=True)
    decay: Any = field(default=None, kw_only=True)
    gain: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        for argument in ("tau_m", "dt"):
            value = numbers(where, argument, getattr(self, argument), "ms", dimensions=0)
            require(where, argument, value, "finite and > 0")
            self._set(argument, float(value))
        for argument in ("decay", "gain"):
            if getattr(self, argument) is not None:
                value = numbers(where, argument, getattr(self, argument), dimensions=0)
                require(where, argument, value, "finite and >= 0")
                self._set(argument, float(value))
        if self.decay is not None and self.decay > 1:
            fail(where, "decay", self.decay, "must be at most 1")
        if self.code == "differential":
            fail(where, "code", self.code, 'must be "binary" or "signed": a leak forgets means')

    def coefficients(self) -> tuple[float, float]:
        """Return decay and gain."""
        decay = math.exp(-self.dt / self.tau_m) if self.decay is None else self.decay
        if self.gain is not None:
            return decay, self.gain
        exact = -math.expm1(-self.dt / self.tau_m) if self.decay is None else 1 - decay
        return decay, exact


@dataclass(frozen=True, eq=False, repr=False)
class PredictiveIF(Neuron):
    """Integrate-and-fire that spikes by what it expects its input to come to, at a pace that depends on the step.

    What arrives early misleads a neuron: spikes that it sends in haste cannot be taken back, and deep networks suffer from
    that most. This neuron compares what it has sent with an estimate, by the sum S of its input so far: at step t it spikes
    where ``pace[t] * S - (spikes sent) >= limit[t]``. With ``pace = 1 / threshold`` and ``limit = 1/2`` it is an `IF` with
    soft reset that starts at half of its threshold. `spikelet.conversion` fits pace and limit to the network. Spikes are
    binary; time and memory are those of an `IF` with two states.

    Parameters
    ----------
    pace, limit : array-like, [T] or [T, channels]
        An infinite limit: no spikes at that step.

    All else is as in `IF`, of which `threshold` has no effect but in reports.
    """

    pace: Any = field(default=None, kw_only=True)
    limit: Any = field(default=None, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        for argument in ("pace", "limit"):
            array = numbers(where, argument, getattr(self, argument), dimensions=2)
            if array.ndim == 0 or array.size == 0:
                fail(
                    where, argument, array.shape, "must be [steps] or [steps, channels]; its shape"
                )
            self._set(argument, np.array(array))
        require(where, "pace", self.pace.ravel(), "finite")
        if len(self.pace) != len(self.limit):
            lengths = (len(self.pace), len(self.limit))
            fail(where, "pace and limit", lengths, "must have the same number of steps")
        if self.code != "binary" or self.reset != "subtract":
            fail(
                where, "code and reset", (self.code, self.reset), 'must be "binary" and "subtract"'
            )

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = super()._shape(where, shapes)
        for argument in ("pace", "limit"):
            array = getattr(self, argument)
            if array.ndim == 2 and array.shape[1] != shape[0]:
                fail(
                    where,
                    argument,
                    array.shape,
                    f"must be [steps] or [steps, {shape[0]}]; its shape",
                )
        return shape

    @property
    def steps(self) -> int:
        """T, for which pace and limit were made."""
        return len(self.pace)

    def coefficients(self) -> tuple[float, float]:
        """Return decay and gain: 1 and 1."""
        return 1.0, 1.0
