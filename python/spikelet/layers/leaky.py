"""Neurons with further states: leaky integrators, synaptic currents and adaptive thresholds."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from spikelet._util.checks import fail
from spikelet.layers.neurons import Leak, Neuron

__all__ = ["ALIF", "LI", "CubaLIF", "Synaptic"]


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Synaptic(Leak):
    """The parameters of a leak and of a synaptic current, which may be missing."""

    per_value: ClassVar[tuple[str, ...]] = (*Leak.per_value, "syn_decay", "syn_gain", "pull")

    tau_syn: float | None = None
    syn_decay: Any = None
    syn_gain: Any = 1.0
    pull: Any = None

    def _take_synapse(self, where: str) -> None:
        self._take_leak(where)
        self._take_times(where, "tau_syn")
        for argument in ("syn_decay", "syn_gain", "pull"):
            if getattr(self, argument) is not None:
                self._take(where, argument, "finite")
        if not self.has_synapse and (np.any(self.syn_gain != 1.0) or self.pull is not None):
            rule = "need a synapse: give tau_syn or syn_decay"
            fail(where, "syn_gain and pull", (self.syn_gain, self.pull), rule)

    @property
    def has_synapse(self) -> bool:
        """Whether the input is that of a synaptic current."""
        return self.tau_syn is not None or self.syn_decay is not None

    def synapse(self) -> tuple[Any, Any, Any]:
        """Return syn_decay, syn_gain and pull; pull is None if the current acts after its step."""
        assert self.has_synapse
        decay = self.syn_decay
        if decay is None:
            assert self.tau_syn is not None
            decay = math.exp(-self.dt / self.tau_syn)
        return decay, self.syn_gain, self.pull


@dataclass(frozen=True, eq=False, repr=False)
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

    per_value: ClassVar[tuple[str, ...]] = (*Synaptic.per_value, "v_init")

    v_init: Any = 0.0

    def __post_init__(self) -> None:
        where = self._name()
        self._take_synapse(where)
        self._take(where, "v_init", "finite")


@dataclass(frozen=True, eq=False, repr=False)
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

    per_value: ClassVar[tuple[str, ...]] = Neuron.per_value + Synaptic.per_value

    tau_syn: float | None = 5.0

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        self._take_synapse(where)
        _require_binary(where, self)
        if not self.has_synapse:
            fail(where, "tau_syn", None, "must be given, or syn_decay; LIF has no synaptic current")


@dataclass(frozen=True, eq=False, repr=False)
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

    per_value: ClassVar[tuple[str, ...]] = (
        *Neuron.per_value,
        *Synaptic.per_value,
        "adapt_decay",
        "boost",
    )

    tau_adapt: float = 200.0
    adapt_decay: Any = None
    boost: Any = 0.1

    def __post_init__(self) -> None:
        super().__post_init__()
        where = self._name()
        self._take_synapse(where)
        self._take_times(where, "tau_adapt")
        for argument in ("adapt_decay", "boost"):
            if getattr(self, argument) is not None:
                self._take(where, argument, "finite")
        _require_binary(where, self)
        if self.reset_delay:
            fail(where, "reset_delay", True, "must be False")

    def adaptation(self) -> tuple[Any, Any]:
        """Return adapt_decay and boost."""
        decay = self.adapt_decay
        return math.exp(-self.dt / self.tau_adapt) if decay is None else decay, self.boost


def _require_binary(where: str, layer: Neuron) -> None:
    if layer.code != "binary":
        fail(where, "code", layer.code, 'must be "binary"')
