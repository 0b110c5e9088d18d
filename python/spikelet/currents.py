"""Currents that are given as a function of time: steps and sines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from spikelet._util.checks import fail, numbers, own, require
from spikelet._util.grid import Snap, snap_rule
from spikelet.rates import change_times

__all__ = ["SineCurrent", "StepCurrent"]


@dataclass(frozen=True, eq=False)
class StepCurrent:
    """A current that is constant in pieces, and is added to I_e.

    Memory and time follow the number of changes. While the current is 0, it costs nothing.

    Parameters
    ----------
    times : array-like, [steps]
        Times [ms] from which the amplitudes act, ascending, on the grid of dt, in the network's time and not in the
        past. Before the first the current is 0; the last amplitude holds on.
    amplitudes : array-like, [steps] or [steps, n]
        Amplitudes [pA]: the same for all neurons, or one for each.
    snap : bool or "up"
        What to do with times off the grid, as in `SpikeSource`.

    Notes
    -----
    NEST's ``step_current_generator`` (``amplitude_times``, ``amplitude_values``) and, with two times, its
    ``dc_generator`` with ``start`` and ``stop``. Here an amplitude of time t drives the step that begins at t, without
    NEST's delay.
    """

    times: Any
    amplitudes: Any
    snap: Snap = False

    def __post_init__(self) -> None:
        amplitudes = numbers("StepCurrent", "amplitudes", self.amplitudes, "pA", dimensions=2)
        if amplitudes.ndim not in (1, 2):
            rule = "must be [steps] or [steps, n]"
            fail("StepCurrent", "amplitudes", amplitudes.shape, rule, got="shape")
        require("StepCurrent", "amplitudes", amplitudes, "finite")
        times = change_times("StepCurrent", self.times, len(amplitudes))
        object.__setattr__(self, "times", own(times))
        object.__setattr__(self, "amplitudes", own(amplitudes))
        object.__setattr__(self, "snap", snap_rule("StepCurrent", self.snap))


@dataclass(frozen=True, eq=False)
class SineCurrent:
    """A sinusoidal current, ``offset + amplitude sin(2 pi frequency t + phase)``, which is added to I_e.

    t is the network's time at the start of each step, so the phase does not depend on when the input was added.

    Parameters
    ----------
    amplitude : float or array-like, [n]
        Amplitude [pA].
    offset : float or array-like, [n]
        Mean [pA].
    frequency : float or array-like, [n]
        Frequency [Hz].
    phase : float or array-like, [n]
        Phase at time 0 [degrees].

    Notes
    -----
    NEST's ``ac_generator``, with its parameters and units.
    """

    amplitude: Any
    offset: Any = 0.0
    frequency: Any = 0.0
    phase: Any = 0.0

    def __post_init__(self) -> None:
        units = {"amplitude": "pA", "offset": "pA", "frequency": "Hz", "phase": ""}
        for name, unit in units.items():
            values = numbers("SineCurrent", name, getattr(self, name), unit)
            rule = ">= 0" if name == "frequency" else "finite"
            require("SineCurrent", name, values, rule)
            object.__setattr__(self, name, own(values))
