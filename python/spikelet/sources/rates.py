"""Poisson processes whose rates change with time: sources, and rates of a `PoissonInput`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail, fits, interval, number, numbers, own, require
from spikelet._util.described import Described
from spikelet._util.grid import Snap, grid_steps, snap_rule
from spikelet.sources.window import check_window, window

Floats = npt.NDArray[np.float64]


def _in(unit: str, default: Any = None) -> Any:
    metadata = {"unit": unit}
    return (
        field(metadata=metadata) if default is None else field(default=default, metadata=metadata)
    )


@dataclass(frozen=True, eq=False)
class SinusoidalPoisson(Described):
    """A Poisson process whose rate follows a sine.

    The rate is ``max(0, rate + amplitude sin(2 pi frequency t + phase))``, where t is the network's time. The spikes of a
    step follow the rate at its end, their stamp. As the model of a population, it is a source, each of whose elements
    fires an independent train. As the rate of a `PoissonInput`, it drives neurons without synapses.

    Parameters
    ----------
    rate : float or array-like, [n]
        Mean rate [Hz]. If the amplitude is larger, the true mean is higher, because a rate is never negative.
    amplitude : float or array-like, [n]
        Amplitude of the modulation [Hz].
    frequency : float or array-like, [n]
        Frequency of the modulation [Hz].
    phase : float or array-like, [n]
        Phase at time 0 [degrees].
    start, stop : float, optional
        Times [ms], multiples of dt, in the network's time: spikes are those of ``start < time <= stop``; by default from now on,
        without an end.

    Notes
    -----
    NEST's ``sinusoidal_poisson_generator``, with its parameters and units. Counts are exact: events are drawn at the
    largest rate, and each is kept with the probability rate / largest rate (Lewis and Shedler, Naval Research Logistics
    26, 1979).
    """

    rate: Any = _in("Hz")
    amplitude: Any = _in("Hz")
    frequency: Any = _in("Hz")
    phase: Any = _in("deg", 0.0)
    start: float | None = None
    stop: float | None = None

    def __post_init__(self) -> None:
        rules = {"rate": ">= 0", "amplitude": "finite", "frequency": ">= 0", "phase": "finite"}
        for name, rule in rules.items():
            unit = "deg" if name == "phase" else "Hz"
            values = numbers("SinusoidalPoisson", name, getattr(self, name), unit)
            require("SinusoidalPoisson", name, values, rule)
            object.__setattr__(self, name, own(values) if values.ndim else float(values))
        check_window("SinusoidalPoisson", self)

    def most(self, where: str, n: int) -> Floats:
        """Return the largest rate [Hz]: one, or one for each of n elements."""
        values = self._values(where, n)
        return np.asarray(values[0] + np.abs(values[1]))

    def to_core(self, where: str, n: int, dt: float, start: int) -> _core.Rates:  # noqa: ARG002
        """Return the core's description for n elements."""
        rate, amplitude, frequency, phase = self._values(where, n)
        begin, end = window(where, self, dt)
        return _core.Rates(rate, amplitude, frequency, phase, begin, end)

    def _values(self, where: str, n: int) -> list[Floats]:
        names = ("rate", "amplitude", "frequency", "phase")
        return [fits(where, name, np.asarray(getattr(self, name)), n) for name in names]


@dataclass(frozen=True, eq=False)
class InhomogeneousPoisson(Described):
    """A Poisson process whose rate is given over time, constant in pieces.

    As the model of a population, it is a source, each of whose elements fires a train of its own. As the rate of a
    `PoissonInput`, it drives neurons without synapses. Give either `every` or `times`.

    Parameters
    ----------
    rates : array-like, [T] or [T, n]
        Rates [Hz]: the same for all elements, or one for each.
    every : float, optional
        Each row holds for this time [ms], a multiple of dt. Row 0 begins when the source or the input is added or set.
        After the last row the rate is 0.
    times : array-like, [T], optional
        Times [ms] from which the rows hold, ascending, on the grid of dt, in the network's time and not in the past.
        Before the first the rate is 0; the last holds on.
    snap : bool or "up"
        What to do with times off the grid, as in `SpikeSource`.

    Notes
    -----
    NEST's ``inhomogeneous_poisson_generator`` (``rate_times``, ``rate_values``). Any function of time is such a rate:
    ``InhomogeneousPoisson(f(np.arange(0.0, duration, dt)), every=dt)``. Counts are exact, as in `SinusoidalPoisson`.
    """

    rates: Any
    every: float | None = None
    times: Any = None
    snap: Snap = False

    def __post_init__(self) -> None:
        where = "InhomogeneousPoisson"
        rates = numbers(where, "rates", self.rates, "Hz", dimensions=2)
        if rates.ndim not in (1, 2):
            fail(where, "rates", rates.shape, "must be [T] or [T, n]", got="shape")
        require(where, "rates", rates, ">= 0")
        if (self.every is None) == (self.times is None):
            given = "neither" if self.every is None else "both"
            msg = f"{where}: give either every= (how long each row holds) or times= (when each begins), got {given}"
            raise ValueError(msg)
        object.__setattr__(self, "rates", own(rates))
        if self.every is not None:
            object.__setattr__(self, "every", float(number(where, "every", self.every, "ms")))
        if self.times is not None:
            object.__setattr__(self, "times", own(change_times(where, self.times, len(rates))))
        object.__setattr__(self, "snap", snap_rule(where, self.snap))

    def most(self, where: str, n: int) -> Floats:
        """Return the largest rate [Hz]: one, or one for each of n elements."""
        return np.atleast_1d(self._rates(where, n).max(axis=0, initial=0.0))

    def to_core(self, where: str, n: int, dt: float, start: int) -> _core.Rates:
        """Return the core's description for n elements; rows are counted from step `start`."""
        starts, rates = self.rows(where, n, dt, start)
        return _core.Rates(starts, rates.reshape(-1), 1 if rates.ndim == 1 else n)

    def rows(
        self, where: str, n: int, dt: float, start: int
    ) -> tuple[npt.NDArray[np.int64], Floats]:
        """Return the steps from which the rates hold, and the rates."""
        rates = self._rates(where, n)
        if self.times is None:
            every = interval(where, self.every, dt)
            if start + every * len(rates) > 2**53:
                fail(where, "every", self.every, "must let all rows end within 2^53 steps")
            starts = start + every * np.arange(len(rates) + 1, dtype=np.int64)
            rates = np.concatenate([rates, np.zeros((1, *rates.shape[1:]))])
        else:
            starts = change_steps(where, self.times, dt, self.snap, start)
        return starts, rates

    def _rates(self, where: str, n: int) -> Floats:
        rates: Floats = self.rates
        if rates.ndim == 2 and rates.shape[1] != n:
            fail(where, "rates", rates.shape, f"must be [T] or [T, {n}]", got="shape")
        return rates


ChangingRate = SinusoidalPoisson | InhomogeneousPoisson


def change_times(where: str, times: Any, rows: int) -> Floats:
    """Return the times [ms] at which something changes, one for each row, after a check."""
    found = numbers(where, "times", times, "ms")
    if found.ndim != 1 or len(found) != rows:
        fail(
            where, "times", found.shape, f"must have one time for each of {rows} rows", got="shape"
        )
    require(where, "times", found, ">= 0")
    if (np.diff(found) <= 0).any():
        k = int(np.flatnonzero(np.diff(found) <= 0)[0])
        msg = f"{where}: times must ascend, got {found[k]:g} before {found[k + 1]:g} at index {k}"
        raise ValueError(msg)
    return found


def change_steps(
    where: str, times: Floats, dt: float, snap: Snap, start: int
) -> npt.NDArray[np.int64]:
    """Return the steps at which something changes, none before `start`, after a check."""
    steps = grid_steps(where, times, dt, snap)
    if (np.diff(steps) <= 0).any():
        k = int(np.flatnonzero(np.diff(steps) <= 0)[0])
        rule = f"must lie in different steps of {dt:g} ms"
        fail(where, "times", [float(times[k]), float(times[k + 1])], rule)
    if steps.size and steps[0] < start:
        rule = f"must not lie in the past, before {start * dt:g} ms"
        fail(where, "times", float(times[0]), rule)
    return steps
