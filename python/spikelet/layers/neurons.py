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
from spikelet.layers.graded import Activation

__all__ = [
    "IF",
    "LIF",
    "Leak",
    "Neuron",
    "PredictiveIF",
    "ReLU",
    "leaves_mean",
    "sizes_of",
]

_MEAN_TOLERANCE = 1e-6
_SCHEDULES = ("pace", "limit", "ceiling", "offset")  # of predictive neurons, by step
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
        Spike only if the potential exceeds the threshold, not if it equals it. Only with binary spikes; not of
        `PredictiveIF`.
    levels : int in 1 .. 8
        Number of spike sizes (threshold, threshold / 2, threshold / 4, ...); a neuron sends the largest that fits. More
        than 1 needs signed or differential spikes.
    """

    _per_value: ClassVar[tuple[str, ...]] = ("threshold", "v_init", "v_reset", "amplitude")

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
        self._check_reset(where)
        self._set("levels", integer(where, "levels", self.levels, 1, 8))
        if self.levels > 1 and self.code == "binary":
            fail(where, "levels", self.levels, 'must be 1 with code="binary"')

    def _check_reset(self, where: str) -> None:
        """Check `reset_delay` and `strict` against the other arguments."""
        if self.reset_delay and (self.reset != "subtract" or self.code != "binary"):
            rule = 'must be False unless reset="subtract" and code="binary"'
            fail(where, "reset_delay", True, rule)
        if self.strict and self.code != "binary":
            fail(where, "strict", True, 'must be False unless code="binary"')

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

    _per_value: ClassVar[tuple[str, ...]] = ("decay", "gain", "drive")

    tau_m: float = 20.0
    dt: float = 1.0
    decay: Any = None
    gain: Any = None
    drive: Any = 0.0

    def _take_leak(self, where: str) -> None:
        for argument in ("tau_m", "dt"):
            given = detached(where, argument, getattr(self, argument))
            self._set(argument, scalar(where, argument, given, "finite and > 0", "ms"))
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

    _per_value: ClassVar[tuple[str, ...]] = Neuron._per_value + Leak._per_value

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        self._take_leak(where)
        if self.code == "differential":
            rule = 'must be "binary" or "signed": a leaky neuron keeps no mean'
            fail(where, "code", self.code, rule)


@dataclass(frozen=True, eq=False, repr=False)
class PredictiveIF(Neuron):
    """An integrate-and-fire neuron that spikes according to an estimate of its mean input.

    Early input misleads an `IF` neuron: it cannot take back spikes that it sent too soon, which affects deep networks
    most. This neuron compares the number of spikes it has sent with an estimate from the sum S of its input so far
    (starting at `v_init`): at step t it spikes if ``pace[t] * S - sent >= limit[t]``, where `sent` counts its spikes.
    With ``pace = 1 / threshold`` and ``limit = 1/2`` it is an `IF` with reset by subtraction that starts at half its
    threshold. `spikelet.conversion` fits pace and limit to the network. Spikes are binary; time and memory are those of
    an `IF` with two states.

    With `sizes`, spikes stay binary, but the steps of a run have different weights: one of step t counts ``sizes[t]``, in
    the input sum S (``S += sizes[t] * input``), in `sent`, and in all means over the steps. Early, large spikes and late,
    small ones code a number in as few steps as its digits. A spike at a step of negative size subtracts from `sent`; a
    neuron sends it if ``sent - pace[t] * S >= limit[t]``. All neurons of a model must have the same sizes.

    With ``code="signed"``, a unit is a pair of neurons, whose spikes are binary too: the ON neuron spikes if the estimate
    ``clip(pace[t] * S + offset[t], 0, ceiling[t])`` is at least ``limit[t]`` ahead of `sent`, the OFF neuron if it is at least as far
    behind. A spike of the OFF neuron cancels one of the ON neuron at the same step; in arrays it is a -1.

    Such a pair has `levels` sizes of spikes: those of a step are ``sizes[t]``, and each next one is `level_ratio` times the one
    before. It sends the size nearest to the remaining difference, and none if this is less than ``limit[t]`` times the
    smallest size. Receivers multiply by the size: an addition with a shift if the ratio is 1/2, else a product.

    With `activation`, the neuron follows a function f of its estimate: it compares ``scale * f(pace[t] * S + offset[t])``
    with `sent` in place of ``pace[t] * S``. OFF spikes, or spikes of negative size, make negative values of f possible.

    Parameters
    ----------
    pace, limit : array-like, [T] or [T, channels]
        An infinite limit suppresses spikes at that step. Limits of pairs are positive.
    sizes : array-like, [T], optional
        Weights of the steps, none of them 0, whose mean is 1; by default all are 1. Those of pairs are positive.
    ceiling : array-like, [T] or [T, channels], optional
        Largest `sent` at which the neuron may still spike, for bounded activations; largest ``-sent`` at steps of negative
        size. The greatest estimate that pairs follow. Not with `activation`, which has bounds of its own.
    activation : Activation, optional
        The function f; by default none.
    level_ratio : float
        Ratio of successive sizes of spikes, between 0 and 1, if there are several `levels`.
    offset : array-like, [T] or [T, channels], optional
        Only of pairs, or with `activation`; 0 by default.
    scale : float or [channels], optional
        Target of `sent` where f is 1; only with `activation`, and then 1 by default. With ``T / amplitude`` the mean
        output follows f.

    All other parameters are those of `IF`; `threshold` is used in reports only.
    """

    pace: Any = field(default=None, kw_only=True)
    limit: Any = field(default=None, kw_only=True)
    sizes: Any = field(default=None, kw_only=True)
    ceiling: Any = field(default=None, kw_only=True)
    activation: Activation | None = field(default=None, kw_only=True)
    offset: Any = field(default=None, kw_only=True)
    scale: Any = field(default=None, kw_only=True)
    level_ratio: float = field(default=0.5, kw_only=True)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        self._check_activation(where)
        ratio = numbers(where, "level_ratio", self.level_ratio, dimensions=0)
        if not 0 < ratio < 1:
            fail(where, "level_ratio", float(ratio), "must lie between 0 and 1")
        self._set("level_ratio", float(ratio))
        for argument in _SCHEDULES:
            given = detached(where, argument, getattr(self, argument))
            if given is None and argument in ("ceiling", "offset"):
                continue
            array = numbers(where, argument, given, dimensions=2)
            if array.ndim == 0 or array.size == 0:
                rule = "must be [steps] or [steps, channels]"
                fail(where, argument, array.shape, rule, got="shape")
            self._set(argument, np.array(array))
        for argument in ("pace", "offset"):
            if getattr(self, argument) is not None:
                require(where, argument, getattr(self, argument).ravel(), "finite")
        if self.sizes is not None:
            sizes = numbers(where, "sizes", detached(where, "sizes", self.sizes))
            if sizes.ndim != 1 or sizes.size == 0:
                fail(where, "sizes", sizes.shape, "must be [steps]", got="shape")
            require(where, "sizes", sizes, "finite")
            if not sizes.all():
                fail(where, "sizes", 0.0, "must not be 0")
            if not np.cumsum(sizes).all():  # means so far are divided by it
                fail(where, "sizes", 0.0, "must not add up to 0 at any step", got="sum")
            if abs(sizes.mean() - 1) > _MEAN_TOLERANCE:
                fail(where, "sizes", float(sizes.mean()), "must have the mean 1", got="mean")
            self._set("sizes", np.array(sizes))
        lengths = {
            name: len(getattr(self, name))
            for name in (*_SCHEDULES, "sizes")
            if getattr(self, name) is not None
        }
        if len(set(lengths.values())) > 1:
            rule = "must have the same number of steps"
            fail(where, " and ".join(lengths), tuple(lengths.values()), rule, got="lengths")
        if self.code == "differential" or self.reset != "subtract":
            rule = 'must be "binary" or "signed", and "subtract"'
            fail(where, "code and reset", (self.code, self.reset), rule)
        if self.code == "signed":
            if self.sizes is not None:
                require(where, "sizes", self.sizes, "> 0")
            if not (self.limit > 0).all():  # both neurons would spike at once
                fail(where, "limit", float(np.nanmin(self.limit)), "must be > 0 for pairs")
            if self.offset is None:
                self._set("offset", np.zeros(self.steps))

    def _check_reset(self, where: str) -> None:
        if self.reset_delay or self.strict:
            rule = "must be False: it has limits for each step"
            fail(where, "reset_delay and strict", True, rule)

    def _check_activation(self, where: str) -> None:
        if self.activation is None:
            without = ("scale",) if self.code == "signed" else ("offset", "scale")
            for argument in without:
                if getattr(self, argument) is not None:
                    rule = "must not be given without an activation"
                    fail(where, argument, getattr(self, argument), rule)
            return
        if not isinstance(self.activation, Activation):
            rule = "must be a layer such as Activation('silu')"
            fail(where, "activation", self.activation, rule)
        if self.ceiling is not None:
            rule = "must not be given with an activation, which has bounds of its own"
            fail(where, "ceiling", self.ceiling, rule)
        given = detached(where, "scale", 1.0 if self.scale is None else self.scale)
        scale = numbers(where, "scale", given)
        require(where, "scale", scale.ravel(), "finite")
        self._set("scale", np.array(scale) if scale.ndim else float(scale))

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        shape = super()._shape(where, shapes)
        for argument in _SCHEDULES:
            array = getattr(self, argument)
            if array is not None and array.ndim == 2 and array.shape[1] != shape[0]:
                rule = f"must be [steps] or [steps, {shape[0]}]"
                fail(where, argument, array.shape, rule, got="shape")
        if np.ndim(self.scale) and len(self.scale) != shape[0]:
            rule = f"must be one number or {shape[0]} numbers"
            fail(where, "scale", self.scale.shape, rule, got="shape")
        if self.activation is not None:
            self.activation.output_shape(shapes)
        return shape

    @property
    def steps(self) -> int:
        """The number of steps T that pace and limit are made for."""
        return len(self.pace)

    @property
    def first_step(self) -> int:
        """The first step at which a neuron may spike; earlier limits are infinite."""
        return int(np.isfinite(np.reshape(self.limit, (self.steps, -1))).any(1).argmax())

    @property
    def by_channel(self) -> bool:
        """Whether the steps or the activation differ between channels."""
        own = any(np.ndim(getattr(self, name)) > 1 for name in _SCHEDULES)
        f = self.activation
        values = () if f is None else (self.scale, f.alpha, f.beta)
        return own or any(np.ndim(v) > 0 for v in values)



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
            own = layer.sizes if isinstance(layer, PredictiveIF) else None
            same = own is found or (
                own is not None and found is not None and np.array_equal(own, found)
            )
            if first and not same:
                rule = f"must be those of '{first}': steps have weights that hold for a whole model"
                fail(where, f"sizes of '{name}'", "other sizes", rule)
            found, first = own, name
    return found
