"""Analog and spiking neurons."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, integer, require, scalar
from spikelet._util.tensors import detached
from spikelet.layers.base import Layer, checked, per_channel, per_value
from spikelet.layers.views import NONE, Extent, Floats, Shape, View, Views

__all__ = [
    "ALIF",
    "IF",
    "LI",
    "LIF",
    "CubaLIF",
    "Neuron",
    "ReLU",
]

_LEAST_COUNT = 0.5  # of sizes, for a running mean: as in the engine
_LEAST_SHARE = 1e-6  # of the sum of magnitudes: a sum of sizes below is 0, but for rounding


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

    upper: Any = checked(per_channel, "finite and > 0", default=None)
    levels: int = checked(integer, 0, 1 << 20, default=0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.levels and self.upper is None:
            fail(self._name(), "levels", self.levels, "must be 0 if there is no upper limit")

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

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        upper = NONE if self.upper is None else np.ravel(self.upper)
        from_, extent, index = views.each(view, by_channel=len(upper) > 1)
        number = views.core.relu(from_, extent, upper, self.levels)
        return views.add(number, extent, shape, index)


# The core's values for neurons without a threshold and without a schedule (`PredictiveNeuron`).
_SILENT: dict[str, Any] = {
    **dict.fromkeys(("threshold", "pace", "limit", "ceiling", "offset", "scale"), NONE),
    "amplitude": np.ones(1),
    "hard": False,
    "v_reset": 0.0,
    "decay": 1.0,
    "gain": 1.0,
    "is_signed": False,
    "differential": False,
    "levels": 1,
    "activation": None,
    "level_ratio": 0.5,
}


def _flag(where: str, argument: str, value: Any) -> bool:
    if not isinstance(value, bool | np.bool_):
        fail(where, argument, type(value).__name__, "must be True or False", error=TypeError)
    return bool(value)


def _extent(
    layer: Layer, views: Views, view: View, *, by_channel: bool = False
) -> tuple[int, Extent]:
    """Return the node that neurons take, and its extent: an image stays one behind `Flatten` where it can."""
    channels = view.shape[:1]
    own = any(np.shape(getattr(layer, name)) == channels for name in layer.per_value)
    if by_channel or (own and view.shape != channels):
        return views.by_channel(view)
    return views.in_order(view)


def _ravelled(*values: Any) -> list[Floats]:
    """Return what the core takes for numbers and arrays, and for None."""
    return [NONE if value is None else np.ravel(value) for value in values]


class Neuron(Layer, kw_only=True):
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
        Subtract the threshold in the step after the spike, after the leak, as snnTorch's Leaky does by default: where the
        last potential reached the threshold, so that a `v_init` that reaches it is reduced in the first step. Only with
        ``reset="subtract"`` and binary spikes; a reset to a value a step later would give the same spikes.
    strict : bool
        Spike only if the potential exceeds the threshold, not if it equals it. Only with binary spikes.
    levels : int in 1 .. 8
        Number of spike sizes (threshold, threshold / 2, threshold / 4, ...); a neuron sends the largest that fits. More
        than 1 needs signed or differential spikes.
    """

    threshold: Any = checked(per_value, "finite", default=1.0, kw_only=False)
    reset: Literal["subtract", "zero", "value", "none"] = checked(
        choice, "subtract", "zero", "value", "none", default="subtract", kw_only=False
    )
    v_reset: Any = checked(per_value, "finite", default=0.0, kw_only=False)
    v_init: Any = checked(per_value, "finite", default=0.0)
    amplitude: Any = checked(per_value, "finite", 1, default=1.0)
    code: Literal["binary", "signed", "differential"] = checked(
        choice, "binary", "signed", "differential", default="binary"
    )
    levels: int = checked(integer, 1, 8, default=1)
    reset_delay: bool = checked(_flag, default=False)
    strict: bool = checked(_flag, default=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        where, binary = self._name(), self.code == "binary"
        if self.reset not in ("value", "none"):
            require(where, "threshold", np.ravel(self.threshold), "finite and > 0")
        if self.reset == "value":
            self._check_below(where)
        elif np.any(self.v_reset):
            rule = f'must be 0 with reset="{self.reset}"; reset="value" sets the potential to it'
            fail(where, "v_reset", self.v_reset, rule)
        if not binary and self.reset != "subtract":
            fail(where, "reset", self.reset, f'must be "subtract" with code="{self.code}"')
        if self.reset_delay and not (self.reset == "subtract" and binary):
            rule = 'must be False unless reset="subtract" and code="binary"'
            fail(where, "reset_delay", True, rule)
        if self.strict and not binary:
            fail(where, "strict", True, 'must be False unless code="binary"')
        if self.levels > 1 and binary:
            fail(where, "levels", self.levels, 'must be 1 with code="binary"')

    @property
    def waits(self) -> bool:
        """True if spikes say how a mean changes, which the next layer has to know."""
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

    def _schedule(self, _channels: int) -> dict[str, Any]:
        """Return the arguments that the core needs for predictive neurons, of which this is none."""
        return {}

    @property
    def by_channel(self) -> bool:
        """True if neurons must keep the channels of their input."""
        return np.ndim(self.amplitude) > 0

    def _dynamics(self) -> tuple[str, list[Floats], bool, bool] | None:
        """Return the dynamics of neurons that the core's plain ones do not have, else None."""
        decay, gain = self.coefficients()
        drive = getattr(self, "drive", 0.0)
        scalars = np.ndim(decay) == np.ndim(gain) == np.ndim(self.v_reset) == 0
        special = isinstance(self, Synaptic) or self.strict or self.reset_delay
        if scalars and np.all(drive == 0) and not special and self.reset != "none":
            return None
        synapse = self.synapse() if isinstance(self, Synaptic) else (None,) * 3
        adaptation = self.adaptation() if isinstance(self, ALIF) else (None, None)
        given = _ravelled(decay, gain, drive, *synapse, self.v_reset, *adaptation)
        return {"zero": "value"}.get(self.reset, self.reset), given, self.strict, self.reset_delay

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        """Add neurons; they take an image as one where a parameter differs between channels."""
        from_, extent = _extent(self, views, view, by_channel=self.by_channel)
        dynamics = self._dynamics()
        plain = dynamics is None
        decay, gain = self.coefficients() if plain else (1.0, 1.0)
        given = {
            "threshold": np.ravel(self.threshold),
            "v_init": np.ravel(self.v_init),
            "amplitude": np.ravel(self.amplitude),
            "hard": self.reset in ("zero", "value"),
            "v_reset": self.v_reset if plain else 0.0,
            "decay": decay,
            "gain": gain,
            "is_signed": self.code != "binary",
            "differential": self.code == "differential",
            "levels": self.levels,
            "dynamics": dynamics,
        }
        number = views.core.neuron(
            from_, extent, **{**_SILENT, **given, **self._schedule(extent[0])}
        )
        return views.add(number, extent, shape)


def _time(where: str, argument: str, value: Any) -> float | None:
    if value is None:  # a coefficient is given instead
        return None
    return scalar(where, argument, detached(where, argument, value), "finite and > 0", "ms")


class Leak(Layer, kw_only=True):
    """The parameters of a leak, which neurons with one have in common: ``v = decay * v + gain * input + drive``."""

    tau_m: float = checked(_time, default=20.0)
    dt: float = checked(_time, default=1.0)
    decay: Any = checked(per_value, "finite", default=None)
    gain: Any = checked(per_value, "finite", default=None)
    drive: Any = checked(per_value, "finite", default=0.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.decay is not None and np.any(np.asarray(self.decay) > 1):
            fail(self._name(), "decay", float(np.max(self.decay)), "must be at most 1")

    def coefficients(self) -> tuple[Any, Any]:
        """Return decay and gain: a number or an array each."""
        decay = math.exp(-self.dt / self.tau_m) if self.decay is None else self.decay
        if self.gain is not None:
            return decay, self.gain
        exact = -math.expm1(-self.dt / self.tau_m) if self.decay is None else 1 - decay
        return decay, exact


class IF(Neuron):
    """An integrate-and-fire neuron: ``v += input``, and it spikes if ``v >= threshold``."""

    __doc__ = (__doc__ or "") + "\n\n" + (Neuron.__doc__ or "").split("\n\n", 1)[1]


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

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.code == "differential":
            rule = 'must be "binary" or "signed": a leaky neuron keeps no mean'
            fail(self._name(), "code", self.code, rule)


class Synaptic(Leak, kw_only=True):
    """The parameters of a leak and of a synaptic current, which may be missing."""

    tau_syn: float | None = checked(_time, default=None)
    syn_decay: Any = checked(per_value, "finite", default=None)
    syn_gain: Any = checked(per_value, "finite", default=1.0)
    pull: Any = checked(per_value, "finite", default=None)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.has_synapse and (np.any(self.syn_gain != 1.0) or self.pull is not None):
            rule = "need a synapse: give tau_syn or syn_decay"
            fail(self._name(), "syn_gain and pull", (self.syn_gain, self.pull), rule)

    @property
    def has_synapse(self) -> bool:
        """True if the input is that of a synaptic current."""
        return self.tau_syn is not None or self.syn_decay is not None

    def synapse(self) -> tuple[Any, Any, Any]:
        """Return syn_decay, syn_gain and pull, all None without a synapse; pull is None if the current acts after its step."""
        decay = self.syn_decay
        if decay is None:
            if self.tau_syn is None:
                return None, None, None
            decay = math.exp(-self.dt / self.tau_syn)
        return decay, self.syn_gain, self.pull


class LI(Synaptic):
    """A leaky integrator, which never spikes: it sends its potential, ``v = decay * v + gain * x + drive``.

    As a readout, its mean output is the mean of the potential. Behind other layers, it is a low-pass filter.
    With ``decay=1, gain=1`` it is an integrator without a leak.

    Parameters
    ----------
    v_init : float, [channels] or one for each neuron
        Potential before the first step.
    tau_m, dt, decay, gain, drive
        As of `LIF`.
    tau_syn, syn_decay, syn_gain, pull
        Of a synaptic current, as of `CubaLIF`. By default there is none.
    """

    v_init: Any = checked(per_value, "finite", default=0.0)

    def _add(self, views: Views, shape: Shape, view: View) -> View:
        """Add neurons without a threshold, which send their potential."""
        from_, extent = _extent(self, views, view)
        given = _ravelled(*self.coefficients(), self.drive, *self.synapse(), 0.0, None, None)
        options = {"v_init": np.ravel(self.v_init), "dynamics": ("none", given, False, False)}
        return views.add(views.core.neuron(from_, extent, **{**_SILENT, **options}), extent, shape)


class CubaLIF(Synaptic, Neuron):
    """A leaky integrate-and-fire neuron with an exponential synaptic current, which starts at 0.

    At each step ``i = syn_decay * i + syn_gain * x`` and ``v = decay * v + gain * i + drive``, and the neuron spikes if
    ``v >= threshold``. A reset leaves the current as it is.

    Parameters
    ----------
    tau_syn : float
        Time constant of the current [ms].
    syn_decay : float, [channels] or one for each neuron, optional
        By default ``exp(-dt / tau_syn)``.
    syn_gain : float, [channels] or one for each neuron
    pull : float, [channels] or one for each neuron, optional
        The current of the step before and the input act side by side, as in the exact solution of both differential
        equations: ``v = decay * v + pull * i + gain * x + drive``, and then ``i = syn_decay * i + syn_gain * x``.
    tau_m, dt, decay, gain, drive
        As of `LIF`.

    All other parameters are those of `IF`; spikes are binary.
    """

    tau_syn: float | None = checked(_time, default=5.0, kw_only=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_binary(self)
        if not self.has_synapse:
            rule = "must be given, or syn_decay; LIF has no synaptic current"
            fail(self._name(), "tau_syn", None, rule)


class ALIF(Synaptic, Neuron):
    """A leaky integrate-and-fire neuron whose threshold rises with each spike (Bellec et al., NeurIPS 2018).

    It spikes if ``v >= threshold + boost * a``, and then ``a = adapt_decay * a + spike``. A reset by subtraction subtracts
    `threshold`, without the adaptation.

    Parameters
    ----------
    tau_adapt : float
        Time constant of the adaptation [ms].
    adapt_decay : float, [channels] or one for each neuron, optional
        By default ``exp(-dt / tau_adapt)``.
    boost : float, [channels] or one for each neuron
        Increment of the threshold by a spike.
    tau_m, dt, decay, gain, drive
        As of `LIF`.
    tau_syn, syn_decay, syn_gain, pull
        Of a synaptic current, as of `CubaLIF`. By default there is none.

    All other parameters are those of `IF`; spikes are binary, and there is no `reset_delay`.
    """

    tau_adapt: float = checked(_time, default=200.0)
    adapt_decay: Any = checked(per_value, "finite", default=None)
    boost: Any = checked(per_value, "finite", default=0.1)

    def __post_init__(self) -> None:
        super().__post_init__()
        _require_binary(self)
        if self.reset_delay:
            fail(self._name(), "reset_delay", True, "must be False")

    def adaptation(self) -> tuple[Any, Any]:
        """Return adapt_decay and boost."""
        decay = self.adapt_decay
        return math.exp(-self.dt / self.tau_adapt) if decay is None else decay, self.boost


def _require_binary(layer: Neuron) -> None:
    if layer.code != "binary":
        fail(type(layer).__name__, "code", layer.code, 'must be "binary"')


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


def running_counts(
    sizes: NDArray[Any], delay: int
) -> tuple[NDArray[Any], NDArray[Any], NDArray[np.bool_]]:
    """Return what running means divide by at each step, and one step before, and at which steps units keep their value.

    Parameters
    ----------
    sizes : array, [T]
        What each step counts. Where they leave too little to divide by, a unit keeps its value.
    delay : int
        The step at which means begin again.
    """
    parts = [np.cumsum(part, dtype=sizes.dtype) for part in (sizes[:delay], sizes[delay:])]
    now, t = np.concatenate(parts), np.arange(len(sizes))
    before = np.where((t == 0) | (t == delay), 0, np.roll(now, 1))
    inside = (t > np.where(t < delay, 0, delay)) & (t + 1 < len(sizes))
    return now, before, (np.abs(now) < _LEAST_COUNT) & inside
