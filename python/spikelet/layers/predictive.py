"""Neurons that spike according to an estimate of their mean input, by a schedule of steps."""

from __future__ import annotations

from dataclasses import field
from typing import Any, Literal

import numpy as np

from spikelet._util.checks import fail, integer, numbers, require
from spikelet._util.tensors import detached
from spikelet.layers.base import by_step, checked, per_channel
from spikelet.layers.graded import Activation
from spikelet.layers.neurons import Neuron
from spikelet.layers.views import Floats, Shape

__all__ = ["PredictiveActivation", "PredictiveIF", "PredictiveNeuron", "PredictivePair"]

_MEAN_TOLERANCE = 1e-6


def _checked_sizes(where: str, _argument: str, given: Any) -> Floats:
    sizes = numbers(where, "sizes", detached(where, "sizes", given))
    if sizes.ndim != 1 or sizes.size == 0:
        fail(where, "sizes", sizes.shape, "must be [steps]", got="shape")
    require(where, "sizes", sizes, "finite")
    if not sizes.all():
        fail(where, "sizes", 0.0, "must not be 0")
    if not np.cumsum(sizes).all():  # means so far are divided by it
        fail(where, "sizes", 0.0, "must not add up to 0 at any step", got="sum")
    if abs(sizes.mean() - 1) > _MEAN_TOLERANCE:
        fail(where, "sizes", float(sizes.mean()), "must have the mean 1", got="mean")
    return np.array(sizes)


class PredictiveNeuron(Neuron, kw_only=True):
    """Base class of neurons that spike according to an estimate of their mean input.

    Early input misleads an `IF` neuron: it cannot take back spikes that it sent too soon, which affects deep networks
    most. These neurons compare what they have sent with an estimate from the sum S of their input so far (starting at
    `v_init`), by a schedule: parameters for each of T steps, which `spikelet.conversion` fits to a network. They run for
    T steps only.

    With `sizes`, spikes stay binary, but the steps of a run have different weights: a spike at step t counts ``sizes[t]``
    in the input sum S (``S += sizes[t] * input``), in `sent`, and in all means over the steps. Early, large spikes and
    late, small ones code a number in as few steps as its digits. All neurons of a model must have the same sizes.

    Parameters
    ----------
    pace, limit : array-like, [T] or [T, channels]
        Factor of S in the estimate, and the distance from it at which a neuron spikes. An infinite limit suppresses spikes
        at that step.
    sizes : array-like, [T], optional
        Weights of the steps, none of them 0, whose mean is 1; by default all are 1.
    threshold, v_init, amplitude
        As for `IF`; `threshold` is used in reports only.
    """

    pace: Any = checked(by_step, "finite")
    limit: Any = checked(by_step, "")
    sizes: Any = checked(_checked_sizes, default=None)
    reset: Literal["subtract", "zero", "value", "none"] = field(default="subtract", init=False)
    v_reset: Any = field(default=0.0, init=False)
    code: Literal["binary", "signed", "differential"] = field(default="binary", init=False)
    levels: int = field(default=1, init=False)
    reset_delay: bool = field(default=False, init=False)
    strict: bool = field(default=False, init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = {name: getattr(self, name) for name in (*self._fields_with(by_step), "sizes")}
        lengths = {name: len(array) for name, array in given.items() if array is not None}
        if len(set(lengths.values())) > 1:
            rule, names = "must have the same number of steps", " and ".join(lengths)
            fail(self._name(), names, tuple(lengths.values()), rule, got="lengths")

    @property
    def steps(self) -> int:
        """The number of steps T of the schedule."""
        return len(self.pace)

    @property
    def first_step(self) -> int:
        """The first step at which a neuron may spike; earlier limits are infinite."""
        return int(np.isfinite(np.reshape(self.limit, (self.steps, -1))).any(1).argmax())

    @property
    def by_channel(self) -> bool:
        """True if any parameter differs between channels."""
        steps = (np.ndim(getattr(self, name)) > 1 for name in self._fields_with(by_step))
        return super().by_channel or any(steps)

    def _schedule(self, channels: int) -> dict[str, Any]:
        """Return the arguments that the core needs for such neurons, besides those of every neuron.

        Parameters
        ----------
        channels : int
            Arrays by step get this number of columns.
        """
        arrays = {name: getattr(self, name) for name in self._fields_with(by_step)}
        shape = (self.steps, channels)
        return {
            name: np.broadcast_to(a.reshape(self.steps, -1), shape)
            for name, a in arrays.items()
            if a is not None
        }


class PredictiveIF(PredictiveNeuron, kw_only=True):
    """A neuron that sends a spike whenever it has sent too little.

    At step t it spikes if ``pace[t] * S - sent >= limit[t]``, where `sent` counts its spikes. With ``pace = 1 /
    threshold`` and ``limit = 1/2`` it is an `IF` with reset by subtraction that starts at half its threshold.

    A spike at a step of negative size subtracts from `sent`; the neuron sends it if ``sent - pace[t] * S >= limit[t]``.
    Time and memory are those of an `IF` with two states. See `PredictiveNeuron` for the parameters that all such neurons
    have.

    Parameters
    ----------
    ceiling : array-like, [T] or [T, channels], optional
        Largest `sent` at which the neuron may still spike, for bounded activations; largest ``-sent`` at steps of negative
        size.
    """

    ceiling: Any = checked(by_step, "", default=None)


def _ratio(where: str, argument: str, value: Any) -> float:
    ratio = float(numbers(where, argument, value, dimensions=0))
    if not 0 < ratio < 1:
        fail(where, argument, ratio, "must lie between 0 and 1")
    return ratio


class _OnOff(PredictiveNeuron, kw_only=True):
    """An ON and an OFF neuron for each unit, whose spikes are binary too.

    Parameters
    ----------
    offset : array-like, [T] or [T, channels], optional
        Added to ``pace[t] * S``; 0 by default.
    levels : int in 1 .. 8
        Number of sizes of spikes: at step t the largest is ``sizes[t]``, and each next one is `level_ratio` times the one
        before.
    level_ratio : float
        Ratio of successive sizes, between 0 and 1.
    """

    offset: Any = checked(by_step, "finite", default=None)
    levels: int = checked(integer, 1, 8, default=1)
    level_ratio: float = checked(_ratio, default=0.5)
    code: Literal["binary", "signed", "differential"] = field(default="signed", init=False)

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        if self.sizes is not None:
            require(where, "sizes", self.sizes, "> 0")
        if not (self.limit > 0).all():  # both neurons would spike at once
            fail(where, "limit", float(np.nanmin(self.limit)), "must be > 0 for pairs")
        if self.offset is None:
            self._set("offset", np.zeros(self.steps))

    def _schedule(self, channels: int) -> dict[str, Any]:
        """Return the arguments that the core needs; see `PredictiveNeuron`."""
        return {**super()._schedule(channels), "level_ratio": self.level_ratio}


class PredictivePair(_OnOff, kw_only=True):
    """A pair of an ON and an OFF neuron, which follows a ReLU of the estimate.

    The ON neuron spikes if ``clip(pace[t] * S + offset[t], 0, ceiling[t])`` is at least ``limit[t]`` ahead of what the
    pair has sent, the OFF neuron if it is at least as far behind. A spike of the OFF neuron takes back one of the ON
    neuron at the same step; in arrays it is a -1.

    With several `levels`, it sends the size nearest to the remaining difference, and none if this is less than ``limit[t]``
    times the smallest size. Receivers multiply by the size: an addition with a shift if the ratio is 1/2, else a product.
    See `PredictiveNeuron` for the parameters that all such neurons have; the limits and sizes of pairs are positive.

    Parameters
    ----------
    offset : array-like, [T] or [T, channels], optional
        Added to ``pace[t] * S``; 0 by default.
    ceiling : array-like, [T] or [T, channels], optional
        The greatest estimate that is followed, for bounded activations.
    levels : int in 1 .. 8
        Number of sizes of spikes: at step t the largest is ``sizes[t]``, and each next one is `level_ratio` times the one
        before.
    level_ratio : float
        Ratio of successive sizes, between 0 and 1.
    """

    ceiling: Any = checked(by_step, "", default=None)


class PredictiveActivation(_OnOff, kw_only=True):
    """A pair of an ON and an OFF neuron, which follows another function f of the estimate.

    It compares ``scale * f(pace[t] * S + offset[t])`` with what it has sent. OFF spikes make negative values of f
    possible. Otherwise it is a `PredictivePair`.

    Parameters
    ----------
    activation : Activation
        The function f.
    scale : float or [channels]
        What the pair is to have sent where f is 1. With ``T / amplitude`` the mean output follows f.
    offset, levels, level_ratio
        As for `PredictivePair`.
    """

    activation: Activation
    scale: Any = checked(per_channel, "finite", default=1.0)

    def __post_init__(self) -> None:
        super().__post_init__()
        if not isinstance(self.activation, Activation):
            rule = "must be a layer such as Activation('silu')"
            fail(self._name(), "activation", self.activation, rule)

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:
        self.activation.output_shape(shapes)
        return super()._shape(where, shapes)

    @property
    def by_channel(self) -> bool:
        """True if any parameter differs between channels."""
        values = (self.scale, self.activation.alpha, self.activation.beta)
        return super().by_channel or any(np.ndim(v) > 0 for v in values)

    def _schedule(self, channels: int) -> dict[str, Any]:
        """Return the arguments that the core needs; see `PredictiveNeuron`."""
        alpha, beta = self.activation.parameters()
        function = (self.activation.function, alpha, beta)
        scale = np.ravel(self.scale)
        return {**super()._schedule(channels), "activation": function, "scale": scale}
