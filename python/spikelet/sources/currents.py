"""Currents: given step by step, as steps or as a sine, and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet._util.checks import fail, number, numbers, own, require
from spikelet._util.described import Described
from spikelet._util.grid import Snap, snap_rule
from spikelet.sources.rates import change_times
from spikelet.sources.window import check_window


@dataclass(frozen=True, eq=False)
class CurrentInput(Described):
    """A given current, which is added to I_e.

    Parameters
    ----------
    values : array-like, [n_steps] or [n_steps, n]
        Current [pA]. Row k drives step k, counted from the injection; after the last row the current is 0.
    """

    values: Any

    def __post_init__(self) -> None:
        values = numbers("CurrentInput", "values", self.values, "pA", dimensions=2)
        if values.ndim not in (1, 2):
            rule = "must be [steps] or [steps, n]; a constant current is a parameter, as in cells.I_e = 5.0"
            fail("CurrentInput", "values", values.shape, rule, got="shape")
        if not np.isfinite(values).all():
            fail("CurrentInput", "values", values[~np.isfinite(values)][0], "must be finite")
        object.__setattr__(self, "values", own(values))


@dataclass(frozen=True, eq=False)
class StepCurrent(Described):
    """A piecewise constant current, which is added to I_e.

    Memory and time depend on the number of changes. A current of 0 costs nothing.

    Parameters
    ----------
    times : array-like, [steps]
        Times [ms] from which the amplitudes act, ascending, on the grid of dt, in the network's time and not in the
        past. Before the first the current is 0; the last amplitude stays.
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
class SineCurrent(Described):
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
    start, stop : float, optional
        Times [ms], multiples of dt, from which and up to which it acts, in the network's time; by default from now on,
        without an end. A start that is over means now.

    Notes
    -----
    NEST's ``ac_generator``, with its parameters and units.
    """

    amplitude: Any
    offset: Any = 0.0
    frequency: Any = 0.0
    phase: Any = 0.0
    start: float | None = None
    stop: float | None = None

    def __post_init__(self) -> None:
        units = {"amplitude": "pA", "offset": "pA", "frequency": "Hz", "phase": "deg"}
        for name, unit in units.items():
            values = numbers("SineCurrent", name, getattr(self, name), unit)
            rule = ">= 0" if name == "frequency" else "finite"
            require("SineCurrent", name, values, rule)
            object.__setattr__(self, name, own(values))
        check_window("SineCurrent", self)


@dataclass(frozen=True, eq=False)
class NoiseInput(Described):
    """A Gaussian noise current for each neuron, which is added to I_e.

    Parameters
    ----------
    mean, std : float or array-like, [n]
        Mean and standard deviation [pA].
    every : float, optional
        Interval [ms], a multiple of dt, at which a new value is drawn and then held; by default each step. Intervals
        count from the start.
    start, stop : float, optional
        Times [ms], multiples of dt, from which and up to which it acts, in the network's time; by default from now on,
        without an end. A start that is over means now.
    """

    mean: Any = 0.0
    std: Any = 1.0
    every: float | None = None
    start: float | None = None
    stop: float | None = None

    def __post_init__(self) -> None:
        mean = numbers("NoiseInput", "mean", self.mean, "pA")
        require("NoiseInput", "mean", mean, "finite")
        std = numbers("NoiseInput", "std", self.std, "pA")
        require("NoiseInput", "std", std, ">= 0")
        object.__setattr__(self, "mean", own(mean))
        object.__setattr__(self, "std", own(std))
        if self.every is not None:
            every = float(number("NoiseInput", "every", self.every, "ms"))
            object.__setattr__(self, "every", every)
        check_window("NoiseInput", self)
