"""Sources of spikes: standard cell types, and what stands behind them.

A source keeps its parameters here and gives the core what follows from them for the time that comes: rates that change,
or spike times.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import errors
from pyNN.parameters import ArrayParameter, Sequence
from pyNN.standardmodels import build_translations, cells

from spikelet._util.advice import warn_caller
from spikelet.pynn.native import Cells, Translated, native_errors
from spikelet.pynn.simulator import State
from spikelet.sources import InhomogeneousPoisson, SpikeSource
from spikelet.sources.poisson import check_events

__all__ = ["SpikeSourceArray", "SpikeSourcePoisson"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FOREVER = 1e9  # ms; PyNN's defaults for "no end" are larger


class HeldParameters:
    """Parameters of sources, an array each with one value for each cell, which are checked before they are kept."""

    def __init__(
        self, state: State, size: int, parameters: Mapping[str, Any], label: str, model: Any
    ) -> None:
        self.state = state
        self.size = size
        self.parameters = self.checked({x: _row(y, size) for x, y in parameters.items()})
        with native_errors():
            self.population = state.network.population(size, model, label)
        self._sent = False

    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters of some cells in the form in which they are kept, or raise InvalidParameterValueError."""
        raise NotImplementedError

    def send(self) -> None:
        """Give the core what follows from the parameters, from now on."""
        raise NotImplementedError

    def get(self, name: str) -> Any:
        """Return a native parameter."""
        return self.parameters[name].copy()

    def set(self, indices: Ints, values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells."""
        given = {x: _row(y, len(indices)) for x, y in values.items()}
        checked = self.checked({**{x: y[indices] for x, y in self.parameters.items()}, **given})
        self.about_to_change(indices)
        for name in given:
            self.parameters[name][indices] = checked[name]
        self._sent = False

    def about_to_change(self, indices: Ints) -> None:
        """Act before the parameters of some cells change."""

    def advance(self, start: int, stop: int) -> None:  # noqa: ARG002  # the core knows all
        """Prepare the steps from `start` up to `stop`, counted from the last reset."""
        if not self._sent:
            self.send()
            self._sent = True

    def restart(self) -> None:
        """Begin anew at time 0."""
        self._sent = False

    def spikes(self, indices: Ints, steps: Ints) -> tuple[Ints, Floats]:
        """Return cells and times [ms] of recorded spikes."""
        return indices, self.state.ms(steps)


def _row(value: Any, n: int) -> Any:
    """Return a parameter as an array of n values: of numbers, or of objects."""
    if isinstance(value, ArrayParameter):
        row = np.empty(n, dtype=object)
        row[:] = [value] * n
        return row
    return np.array(np.broadcast_to(value, (n,)))


def non_negative(
    where: str, parameters: Mapping[str, Any], positive: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return parameters that are finite and not negative, and those that are `positive` not 0, after a check."""
    checked = {}
    for name, value in parameters.items():
        array = np.array(value, dtype=np.float64)
        finite = np.isfinite(array) | ((name == "duration") & (array == np.inf))
        good = finite & (array > 0 if name in positive else array >= 0)
        if not good.all():
            rule = "> 0" if name in positive else ">= 0"
            msg = f"{where}: {name} must be finite and {rule}, got {float(array[~good].flat[0]):g}"
            raise errors.InvalidParameterValueError(msg)
        checked[name] = array
    return checked


# Poisson processes --------------------------------------------------------------------------------------------------


class _Poisson(HeldParameters):
    """Poisson processes of the core, each with a beginning and an end."""

    def __init__(self, state: State, size: int, parameters: Mapping[str, Any], label: str) -> None:
        model = InhomogeneousPoisson([0.0], times=[state.network.t])
        super().__init__(state, size, parameters, label, model)

    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters of some cells, or raise InvalidParameterValueError."""
        found = non_negative("SpikeSourcePoisson", parameters)
        with native_errors():
            check_events("SpikeSourcePoisson", found["rate"], self.state.dt, as_spikes=True)
        return found

    def send(self) -> None:
        """Give the core the rates from now on."""
        state, rate = self.state, self.parameters["rate"]
        start = self.parameters["start"]
        stop = np.minimum(start + self.parameters["duration"], 2 * _FOREVER)
        begin, end = state.steps_up(start), state.steps_up(stop)
        now = state.step
        marks = np.unique(np.concatenate([[now], begin, end]))
        marks = marks[(marks >= now) & (marks < _FOREVER / state.dt)]
        on = (begin <= marks[:, None]) & (marks[:, None] < end)
        rates = np.where(on, rate, 0.0)
        if (rates == rates[:, :1]).all():
            rates = rates[:, 0]
        with native_errors():
            self.population.set(rates=rates, times=state.network_ms(marks), snap=True)


class SpikeSourcePoisson(Translated, cells.SpikeSourcePoisson):
    __doc__ = cells.SpikeSourcePoisson.__doc__

    translations = build_translations(
        ("rate", "rate"), ("start", "start"), ("duration", "duration")
    )

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _Poisson(state, size, parameters, label)


# Given spikes -------------------------------------------------------------------------------------------------------


class _Array(HeldParameters):
    """Spikes at given times.

    A time between two steps counts as the later step, where the spike acts; recorded is the time itself.
    """

    def __init__(self, state: State, size: int, parameters: Mapping[str, Any], label: str) -> None:
        self._past: list[tuple[Ints, Floats]] = []  # spikes of times that were replaced
        super().__init__(state, size, parameters, label, SpikeSource([], np.empty(0, np.int64)))

    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters of some cells, or raise InvalidParameterValueError."""
        trains = np.empty(len(parameters["spike_times"]), dtype=object)
        for k, train in enumerate(parameters["spike_times"]):
            times = np.array(getattr(train, "value", train), dtype=np.float64)
            if times.ndim != 1:
                msg = f"SpikeSourceArray: spike_times must be a list or a Sequence of times for each cell, got {train}"
                raise errors.InvalidParameterValueError(msg)
            if not (np.isfinite(times) & (times >= 0)).all() or (times > _FOREVER).any():
                msg = f"SpikeSourceArray: spike_times must lie between 0 and {_FOREVER:g} ms"
                raise errors.InvalidParameterValueError(msg)
            if (np.diff(times) < 0).any():
                i = int(np.flatnonzero(np.diff(times) < 0)[0])
                msg = f"SpikeSourceArray: spike_times must be in increasing order, got {times[i]:g} before {times[i + 1]:g}"
                raise errors.InvalidParameterValueError(msg)
            trains[k] = Sequence(times)
        return {"spike_times": trains}

    def _given(self, indices: Ints | None = None) -> tuple[Ints, Floats]:
        """Return indices of cells and times, as the parameters say."""
        cells = np.arange(self.size) if indices is None else indices
        trains = [train.value for train in self.parameters["spike_times"][cells]]
        return np.repeat(cells, [len(train) for train in trains]), np.concatenate(trains)

    def about_to_change(self, indices: Ints) -> None:
        """Keep the spikes that there were."""
        ids, times = self._given(indices)
        gone = self.state.steps_up(times) <= self.state.step
        if gone.any():
            self._past.append((ids[gone], times[gone]))

    def send(self) -> None:
        """Give the core the spikes from now on."""
        state, now = self.state, self.state.step
        ids, times = self._given()
        stamps = self._steps(times)
        first = now if state.segment_counter or now else -1
        order = np.lexsort((ids, stamps))
        order = order[stamps[order] > first]
        with native_errors():
            self.population.set(times=state.network_ms(stamps[order]), ids=ids[order], snap=True)

    def _steps(self, times: Floats) -> Ints:
        """Return the steps at which spikes act."""
        stamps: Ints = self.state.steps_up(times)
        if self.state.segment_counter and (stamps == 0).any():
            dt = self.state.dt
            msg = (
                f"SpikeSourceArray: after a reset, spikes at 0 ms act one step later, at {dt:g} ms"
            )
            warn_caller(msg, errors.RoundingWarning)
            stamps = np.maximum(stamps, 1)
        return stamps

    def restart(self) -> None:
        """Begin anew at time 0."""
        super().restart()
        self._past = []

    def spikes(self, indices: Ints, steps: Ints) -> tuple[Ints, Floats]:
        """Return cells and times [ms] of recorded spikes, as the times were given."""
        parts = [*self._past, self._given()]
        ids = np.concatenate([part[0] for part in parts])
        times = np.concatenate([part[1] for part in parts])
        stamps = np.maximum(self.state.steps_up(times), int(self.state.segment_counter > 0))
        given, recorded = _keys(ids, stamps), _keys(indices, steps)
        known = np.isin(given, recorded)
        elsewhere = ~np.isin(recorded, given)  # another rank's, which this one was not given
        return (
            np.concatenate([ids[known], indices[elsewhere]]),
            np.concatenate([times[known], self.state.ms(steps[elsewhere])]),
        )


def _keys(ids: Ints, steps: Ints) -> Ints:
    """Return one number for each pair; there are less than 2^31 cells, and steps of 1e9 ms fit into 2^32 or more."""
    return np.asarray(ids * (1 << 40) + steps)


class SpikeSourceArray(Translated, cells.SpikeSourceArray):
    __doc__ = cells.SpikeSourceArray.__doc__

    translations = build_translations(("spike_times", "spike_times"))

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _Array(state, size, parameters, label)
