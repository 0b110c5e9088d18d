"""Analog and spiking neurons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, integer, numbers, require, scalar
from spikelet._util.tensors import detached
from spikelet.layers.base import Floats, Layer, Shape

__all__ = [
    "IF",
    "LIF",
    "Leak",
    "Neuron",
    "ReLU",
    "leaves_mean",
    "sizes_of",
]

_LEAST_SHARE = 1e-6  # of the sum of magnitudes: a sum of sizes below is 0, but for rounding


@dataclass(frozen=True, eq=False, repr=False)
class ReLU(Layer):
    """An analog neuron: ``max(0, x)`` of its mean input over the steps (from `delay` on), constant over all steps.

    All neurons of an ANN are of this kind. In a hybrid network, a segment of them waits for the spikes of all steps.

    Parameters
    ----------
    upper : float or [channels], optional
        Upper limit of the output (6 for ReLU6); > 0.
    levels : int
        With an upper limit, round to this number of equal steps up to it, as the activation of QCFS does (Bu et al., ICLR
        2022); 0 does not round.
    """

    upper: Any = None
    levels: int = 0

    def __post_init__(self) -> None:
        where = self._name()
        self._set("levels", integer(where, "levels", self.levels, 0, 1 << 20))
        if self.upper is not None:
            array = numbers(where, "upper", detached(where, "upper", self.upper))
            require(where, "upper", array, "finite and > 0")
            self._set("upper", np.array(array) if array.ndim else float(array))
        elif self.levels:
            fail(where, "levels", self.levels, "must be 0 if there is no upper limit")

    @property
    def waits(self) -> bool:
        """True: it waits for the mean over all steps."""
        return True

    def of(self, x: NDArray[Any]) -> NDArray[Any]:
        """Return the activations for inputs [N, channels, ...]."""
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
                where,
                "upper",
                self.upper.shape,
                f"must be one number or {shapes[0][0]} numbers",
                got="shape",
            )
        return shapes[0]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Neuron(Layer):
    """Base class of the spiking neurons of layered models.

    Parameters
    ----------
    threshold : float, [channels] or one for each neuron
        A neuron spikes when its potential reaches the threshold; > 0 unless the reset is "value" or "none".
    reset : "subtract", "zero", "value" or "none"
        "subtract" subtracts the threshold from the potential, which keeps the excess: the residual membrane potential of
        RMP-SNN (Han, Srinivasan & Roy, CVPR 2020). "zero" sets the potential to 0, "value" to `v_reset`. "none" leaves it.
    v_reset : float, [channels] or one for each neuron
        Potential after a reset with ``reset="value"``; below the threshold.
    v_init : float, [channels] or one for each neuron
        Potential before the first step. Half the threshold rounds the rate to the nearest value instead of down.
    amplitude : float or [channels]
        Value of a spike for the next layers. With ``amplitude=threshold`` the mean output of a neuron equals its mean
        input, as long as that is between 0 and the threshold.
    code : "binary", "signed" or "differential"
        "signed": a neuron whose potential falls below 0 cancels an earlier spike by a spike of -1. "differential" (Huang
        et al., ICML 2025): signed spikes encode the change of the mean input, not the mean input.
    reset_delay : bool
        Subtract the threshold in the step after the spike, after the leak, as snnTorch's Leaky does by default. Only with
        ``reset="subtract"`` and binary spikes; a reset to a value a step later would give the same spikes.
    strict : bool
        Spike only if the potential exceeds the threshold, not if it equals it. Only with binary spikes.
    levels : int in 1 .. 8
        Number of spike sizes (threshold, threshold / 2, threshold / 4, ...); a neuron sends the largest that fits. More
        than 1 needs signed or differential spikes.
    """

    per_value: ClassVar[tuple[str, ...]] = ("threshold", "v_init", "v_reset", "amplitude")

    threshold: Any = field(default=1.0, kw_only=False)
    reset: Literal["subtract", "zero", "value", "none"] = field(default="subtract", kw_only=False)
    v_reset: Any = field(default=0.0, kw_only=False)
    v_init: Any = 0.0
    amplitude: Any = 1.0
    code: Literal["binary", "signed", "differential"] = "binary"
    levels: int = 1
    reset_delay: bool = False
    strict: bool = False

    def __post_init__(self) -> None:
        where = self._name()
        choice(where, "reset", self.reset, "subtract", "zero", "value", "none")
        absolute = self.reset in ("value", "none")
        self._take(where, "threshold", "finite" if absolute else "finite and > 0")
        for argument in ("v_init", "v_reset"):
            self._take(where, argument, "finite")
        self._take(where, "amplitude", "finite", dimensions=1)
        if self.reset in ("zero", "value"):
            self._check_below(where)
        choice(where, "code", self.code, "binary", "signed", "differential")
        if self.code != "binary" and self.reset != "subtract":
            fail(where, "reset", self.reset, f'must be "subtract" with code="{self.code}"')
        for argument in ("reset_delay", "strict"):
            if not isinstance(getattr(self, argument), bool | np.bool_):
                what = type(getattr(self, argument)).__name__
                fail(where, argument, what, "must be True or False", error=TypeError)
            self._set(argument, bool(getattr(self, argument)))
        if self.reset_delay and (self.reset != "subtract" or self.code != "binary"):
            rule = 'must be False unless reset="subtract" and code="binary"'
            fail(where, "reset_delay", True, rule)
        if self.strict and self.code != "binary":
            fail(where, "strict", True, 'must be False unless code="binary"')
        self._set("levels", integer(where, "levels", self.levels, 1, 8))
        if self.levels > 1 and self.code == "binary":
            fail(where, "levels", self.levels, 'must be 1 with code="binary"')

    @property
    def waits(self) -> bool:
        """Whether spikes say how a mean changes, which the next layer has to know."""
        return self.code == "differential"

    def _check_below(self, where: str) -> None:
        """Check that a reset goes below the threshold."""
        try:
            below = np.all(np.asarray(self.v_reset) < np.asarray(self.threshold))
        except ValueError:  # their shapes differ: `_shape` compares both with the input
            return
        if not below:
            fail(where, "v_reset", self.v_reset, "must lie below the threshold")

    def coefficients(self) -> tuple[Any, Any]:
        """Return decay and gain of a step, ``v = decay * v + gain * input``: without a leak 1 and 1."""
        return 1.0, 1.0


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Leak(Layer):
    """The parameters of a leak, which neurons with one have in common: ``v = decay * v + gain * input + drive``."""

    per_value: ClassVar[tuple[str, ...]] = ("decay", "gain", "drive")

    tau_m: float = 20.0
    dt: float = 1.0
    decay: Any = None
    gain: Any = None
    drive: Any = 0.0

    def _take_times(self, where: str, *arguments: str) -> None:
        for argument in arguments:
            if getattr(self, argument) is not None:
                given = detached(where, argument, getattr(self, argument))
                self._set(argument, scalar(where, argument, given, "finite and > 0", "ms"))

    def _take_leak(self, where: str) -> None:
        self._take_times(where, "tau_m", "dt")
        for argument in ("decay", "gain", "drive"):
            if getattr(self, argument) is not None:
                self._take(where, argument, "finite")
        if self.decay is not None and np.any(np.asarray(self.decay) > 1):
            fail(where, "decay", float(np.max(self.decay)), "must be at most 1")

    def coefficients(self) -> tuple[Any, Any]:
        """Return decay and gain: a number or an array each."""
        decay = math.exp(-self.dt / self.tau_m) if self.decay is None else self.decay
        if self.gain is not None:
            return decay, self.gain
        exact = -math.expm1(-self.dt / self.tau_m) if self.decay is None else 1 - decay
        return decay, exact


@dataclass(frozen=True, eq=False, repr=False)
class IF(Neuron):
    """An integrate-and-fire neuron: ``v += input``, and it spikes if ``v >= threshold``."""

    __doc__ = (__doc__ or "") + "\n\n" + (Neuron.__doc__ or "").split("\n\n", 1)[1]


@dataclass(frozen=True, eq=False, repr=False)
class LIF(Leak, Neuron):
    r"""A leaky integrate-and-fire neuron, integrated exactly: a constant input x drives it to :math:`x (1 - e^{-t/\tau})`.

    At each step ``v = decay * v + gain * input + drive``, and the neuron spikes if ``v >= threshold``.

    Parameters
    ----------
    tau_m : float
        Membrane time constant [ms].
    dt : float
        Length of a step [ms].
    decay, gain : float, [channels] or one for each neuron, optional
        By default ``exp(-dt / tau_m)`` and ``1 - decay``. Other values give other integration schemes: snnTorch's Leaky is
        ``decay=beta, gain=1``, SpikingJelly's LIFNode ``decay=1 - 1/tau, gain=1/tau``.
    drive : float, [channels] or one for each neuron
        Added at each step. A leak to a resting potential is ``drive=(1 - decay) * rest``.

    All other parameters are those of `IF`.
    """

    per_value: ClassVar[tuple[str, ...]] = Neuron.per_value + Leak.per_value

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        self._take_leak(where)
        if self.code == "differential":
            rule = 'must be "binary" or "signed": a leaky neuron keeps no mean'
            fail(where, "code", self.code, rule)


def leaves_mean(sizes: Floats | None, delay: int) -> bool:
    """Return whether a mean over the steps from `delay` on exists: what is left of the sizes does not add up to 0."""
    if sizes is None:
        return True
    left = np.asarray(sizes[delay:], np.float64)
    return bool(abs(left.sum()) > _LEAST_SHARE * np.abs(left).sum())


def sizes_of(where: str, layers: Mapping[str, Layer]) -> Floats | None:
    """Return the sizes of spikes at each step that all neurons of a model have, or None if all sizes are 1.

    Raises
    ------
    ValueError
        If one has other sizes, or cannot have any.
    """
    found, first = None, ""
    for name, layer in layers.items():
        if isinstance(layer, (Neuron, Leak)):
            own = getattr(layer, "sizes", None)  # of a `PredictiveNeuron`
            same = own is found or (
                own is not None and found is not None and np.array_equal(own, found)
            )
            if first and not same:
                rule = f"must be those of '{first}': steps have weights that hold for a whole model"
                fail(where, f"sizes of '{name}'", "other sizes", rule)
            found, first = own, name
    return found
