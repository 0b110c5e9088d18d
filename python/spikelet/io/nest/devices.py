"""NEST's devices as spikelet's sources, inputs and recorders: the inverse of what `build.Builder` makes.

Times are in steps from NEST's present, which is time 0 of the new network. What a generator sends at time T through a
connection of delay d acts at T + d.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet.sources import (
    InhomogeneousPoisson,
    NoiseInput,
    PoissonInput,
    PoissonSource,
    SineCurrent,
    SinusoidalPoisson,
    StepCurrent,
)
from spikelet.sources.rates import ChangingRate

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

INPUTS: Mapping[str, tuple[int, tuple[str, ...]]] = {
    "poisson_generator": (1, ()),
    "sinusoidal_poisson_generator": (-1, ()),
    "inhomogeneous_poisson_generator": (1, ("rate_times",)),
    "dc_generator": (0, ()),
    "step_current_generator": (0, ("amplitude_times",)),
    "ac_generator": (0, ()),
    "noise_generator": (0, ("dt",)),
}
"""Generators that become inputs, or the model of a population where they drive parrots: by how many steps NEST's start and stop
later than ours, and the parameters that those of one input share."""

_EVER = np.array([-(2**60)])  # the step from which a constant holds


@dataclass(frozen=True, eq=False)
class Generator:
    """One generator, seen through a connection.

    Attributes
    ----------
    model : str
    status : mapping of str to object
        What NEST says of it.
    dt : float
        NEST's resolution [ms].
    now : int
        NEST's present, in steps.
    delay : int
        Of the connection, in steps.
    """

    model: str
    status: Mapping[str, Any]
    dt: float
    now: int
    delay: int

    def steps(self, times: Any) -> Ints:
        """Return the steps from which what begins at NEST's times [ms] acts here; NEST's first step sends nothing."""
        at = np.maximum(np.rint(np.asarray(times) / self.dt).astype(np.int64), 1)
        return np.asarray(at + self.delay - self.now)

    def _acts(self, time: float) -> int:
        """Return the step of its start or stop."""
        later, _ = INPUTS.get(self.model, (0, ()))
        return max(int(self.steps(self.status["origin"] + time)) + later, 0)

    @property
    def starts(self) -> int:
        """Step from which it acts."""
        begin = self.status["origin"] + self.status["start"]
        if self.random and round(begin / self.dt) <= 0:
            return 0  # it was always on: what it sends first need not wait for the delay
        return self._acts(self.status["start"])

    @property
    def stops(self) -> int | None:
        """Step at which it ends to act, None: never."""
        forever = self.status["origin"] + self.status["stop"] > 1e300
        return None if forever else self._acts(self.status["stop"])

    def windowed(self, steps: Ints, values: Floats) -> tuple[Floats, Floats]:
        """Return when values begin [ms] and the values, from now on, while it is on."""
        begin, end = self.starts, self.stops
        held = int(np.searchsorted(steps, begin, side="right")) - 1
        later = steps > begin if end is None else (steps > begin) & (steps < end)
        at = [begin, *steps[later]]
        found = [values[held] if held >= 0 else 0.0, *values[later]]
        if end is not None:
            at, found = [*at, end], [*found, 0.0]
        return np.round(np.asarray(at) * self.dt, 6), np.asarray(found, dtype=np.float64)

    def phase(self) -> float:
        """Return the phase of a sine on this network's clock [degrees]."""
        shift = (self.now - self.delay) * self.dt * 1e-3 * self.status["frequency"]
        return float((self.status["phase"] + 360.0 * shift) % 360.0)

    @property
    def random(self) -> bool:
        """True if its events are random, so that the first ones need not be those of NEST."""
        return "poisson" in self.model or self.model == "noise_generator"

    def window(self) -> dict[str, float]:
        """Return the start and the stop [ms] of an input, as far as it has them."""
        found = {"start": self.starts or None, "stop": self.stops}
        return {k: round(step * self.dt, 6) for k, step in found.items() if step is not None}

    def key(self) -> tuple[Any, ...]:
        """Return what generators must share to become one input: all but scales of what they send."""
        _, shared = INPUTS.get(self.model, (0, ()))
        values = (np.asarray(self.status[name]).tobytes() for name in shared)
        return (self.starts, self.stops, self.delay, *values)


def obstacle(g: Generator) -> str | None:
    """Return why a generator cannot be an input here, None if it can."""
    status = g.status
    if g.model == "noise_generator" and status["std_mod"] != 0:
        return f"std_mod must be 0, not {status['std_mod']:g}"
    if g.model == "sinusoidal_poisson_generator" and not status["individual_spike_trains"]:
        return "individual_spike_trains=False has no counterpart for an input without parrots"
    return None


def muted(g: Generator) -> Generator:
    """Return a generator that is on at the same times and sends nothing."""
    off = {
        name: np.zeros_like(g.status[name])
        for name in ("rate", "amplitude", "rate_values")
        if name in g.status
    }
    return replace(g, status={**g.status, **off})


def rate_of(generators: list[Generator], which: Ints) -> Any:
    """Return the rate [Hz] of each of some elements: that of generator `which`, all of one key."""
    g = generators[0]
    if g.model == "sinusoidal_poisson_generator":
        names = ("rate", "amplitude", "frequency")
        values = {name: _each(generators, which, name) for name in names}
        phase = _compact([x.phase() for x in generators], which)
        return SinusoidalPoisson(**values, phase=phase, **g.window())
    if g.model == "inhomogeneous_poisson_generator":
        # NEST changes the rate one step before the one that this rate is for.
        columns = [
            x.windowed(x.steps(x.status["rate_times"]) - 1, np.asarray(x.status["rate_values"]))
            for x in generators
        ]
        return InhomogeneousPoisson(_rows(columns, which), times=columns[0][0])
    return _each(generators, which, "rate")


def source_of(generators: list[Generator], which: Ints) -> Any:
    """Return the model of a population of parrots, each driven by generator `which`, all of one key."""
    rate = rate_of(generators, which)
    if isinstance(rate, ChangingRate):
        return rate
    return PoissonSource(rate, **generators[0].window())


def inputs_of(
    generators: list[Generator], which: Ints, weight: Floats, receptor: str | None
) -> list[Any]:
    """Return the inputs of some neurons: each has generator `which`, all of one key, with a weight."""
    g = generators[0]
    if "poisson" in g.model:
        rate = rate_of(generators, which)
        when = {} if isinstance(rate, ChangingRate) else g.window()
        return [PoissonInput(rate, _compact(weight), receptor, **when)]
    if g.model == "noise_generator":
        mean = _each(generators, which, "mean") * weight
        std = _each(generators, which, "std") * np.abs(weight)
        every = float(g.status["dt"])
        return [NoiseInput(_compact(mean), _compact(std), every, **g.window())]
    if g.model == "ac_generator":
        return [
            SineCurrent(
                _compact(_each(generators, which, "amplitude") * weight),
                _compact(_each(generators, which, "offset") * weight),
                _each(generators, which, "frequency"),
                _compact([x.phase() for x in generators], which),
                **g.window(),
            )
        ]
    columns = [
        x.windowed(_EVER, np.array([x.status["amplitude"]]))
        if g.model == "dc_generator"
        else x.windowed(
            x.steps(x.status["amplitude_times"]), np.array(x.status["amplitude_values"])
        )
        for x in generators
    ]
    rows, scale = _rows(columns, which), _compact(weight)
    by_neuron = rows[:, None] if rows.ndim == 1 and np.ndim(scale) else rows
    return [StepCurrent(columns[0][0], by_neuron * scale)]


def spike_times(g: Generator) -> Ints:
    """Return the stamps of the spikes that a spike_generator has yet to deliver, with repeats."""
    status = g.status
    at = (np.asarray(status["spike_times"]) + status["origin"]) / g.dt
    # Precise times lie within steps; NEST's models of the grid take such a spike as one at the end of its step.
    rounded = np.ceil(at - 1e-6) if status["precise_times"] else np.rint(at)
    steps = rounded.astype(np.int64)
    begin, end = (status["origin"] + status[name] for name in ("start", "stop"))
    # NEST leaves out a spike at start.
    on = (steps * g.dt > begin + 1e-9) & (steps * g.dt <= end + 1e-9)
    times = np.asarray(status["spike_multiplicities"], dtype=np.int64)
    repeats = times if times.size else np.ones_like(steps)
    return np.asarray(np.repeat(steps[on], repeats[on]))


def _each(generators: list[Generator], which: Ints, name: str) -> Any:
    """Return a parameter of each element's generator: a number if all have the same."""
    return _compact([g.status[name] for g in generators], which)


def _compact(values: Any, which: Any = slice(None)) -> Any:
    array = np.asarray(values, dtype=np.float64)[which]
    return float(array[0]) if array.size and (array == array[0]).all() else array


def _rows(columns: list[tuple[Floats, Floats]], which: Ints) -> Floats:
    """Return values over time: [T] if they are the same for all elements, [T, n] otherwise."""
    first = columns[0][1]
    if all(np.array_equal(values, first) for _, values in columns):
        return first
    return np.stack([values for _, values in columns], axis=1)[:, which]
