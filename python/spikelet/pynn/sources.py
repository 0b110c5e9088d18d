"""Sources of spikes: standard cell types, and what stands behind them.

A source keeps its parameters here and gives the core what follows from them for the time that comes: rates that change,
or spike times.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import errors
from pyNN.standardmodels import build_translations, cells

from spikelet.pynn.native import Cells, Translated, native_errors
from spikelet.pynn.simulator import State
from spikelet.sources import InhomogeneousPoisson, SpikeSource

__all__ = ["HeldParameters", "SpikeSourceArray", "SpikeSourcePoisson", "non_negative"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_FOREVER = 1e9  # ms; PyNN's defaults for "no end" are larger


class HeldParameters:
    """Parameters of sources, one value for all cells or an array of one for each, checked before they are kept."""

    def __init__(
        self, state: State, size: int, parameters: Mapping[str, Any], label: str, model: Any
    ) -> None:
        self.state = state
        self.size = size
        self.parameters = self.checked(dict(parameters))
        with native_errors():
            self.population = state.network.population(size, model, label)
        self.send()

    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters in the form in which they are kept, or raise InvalidParameterValueError."""
        raise NotImplementedError

    def send(self) -> None:
        """Give the core what follows from the parameters, from now on."""

    def get(self, name: str) -> Any:
        """Return a native parameter."""
        return self.parameters[name]

    def set(self, indices: Ints, values: Mapping[str, Any]) -> None:
        """Set native parameters of some cells."""
        changed = dict(self.parameters)
        for name, value in values.items():
            changed[name] = value
            if len(indices) < self.size:
                old = self.parameters[name]
                numbers = np.asarray(old).dtype != object
                whole = np.empty(self.size, dtype=np.float64 if numbers else object)
                for i in range(self.size):
                    whole[i] = old[i] if np.ndim(old) else old
                for k, i in enumerate(indices):
                    whole[i] = value[k] if np.ndim(value) else value
                changed[name] = whole
        checked = self.checked(changed)
        self.about_to_change(indices)
        self.parameters = checked
        self.send()

    def about_to_change(self, indices: Ints) -> None:
        """Act before the parameters of some cells change."""

    def advance(self, start: int, stop: int) -> None:
        """Prepare the steps from `start` up to `stop`, counted from the last reset."""

    def restart(self) -> None:
        """Begin anew at time 0."""
        self.send()

    def each(self, name: str) -> Floats:
        """Return a parameter of all cells."""
        found = np.asarray(self.parameters[name], dtype=np.float64)
        return np.array(np.broadcast_to(found, (self.size,)))


def non_negative(
    where: str, parameters: Mapping[str, Any], positive: tuple[str, ...] = ()
) -> dict[str, Any]:
    """Return parameters that are finite and not negative, and those that are `positive` not 0, after a check."""
    checked = {}
    for name, value in parameters.items():
        array = np.asarray(value, dtype=np.float64)
        good = np.isfinite(array) & (array > 0 if name in positive else array >= 0)
        if not good.all():
            rule = "> 0" if name in positive else ">= 0"
            msg = f"{where}: {name} must be finite and {rule}, got {float(array[~good].flat[0]):g}"
            raise errors.InvalidParameterValueError(msg)
        checked[name] = array if array.ndim else float(array)
    return checked


# Poisson processes --------------------------------------------------------------------------------------------------


class _Poisson(HeldParameters):
    """Poisson processes of the core, each with a beginning and an end."""

    def __init__(
        self, state: State, size: int, parameters: Mapping[str, Any], label: str
    ) -> None:
        model = InhomogeneousPoisson([0.0], times=[state.network.t])
        super().__init__(state, size, parameters, label, model)

    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        return non_negative("SpikeSourcePoisson", parameters)

    def send(self) -> None:
        state = self.state
        begin, end = state.steps_up(self.each("start")), self._end()
        rate = self.each("rate")
        now = state.step
        marks = np.unique(np.concatenate([[now], begin, end]))
        marks = marks[(marks >= now) & (marks < _FOREVER / state.dt)]
        on = (begin <= marks[:, None]) & (marks[:, None] < end)
        rates = np.where(on, rate, 0.0)
        if (rates == rates[:, :1]).all():
            rates = rates[:, 0]
        with native_errors():
            self.population.set(rates=rates, times=state.network_ms(marks), snap=True)

    def _end(self) -> Ints:
        stop = np.minimum(self.each("start") + self.each("duration"), 2 * _FOREVER)
        return np.asarray(self.state.steps_up(stop))


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

    def __init__(
        self, state: State, size: int, parameters: Mapping[str, Any], label: str
    ) -> None:
        self._past: list[tuple[Ints, Floats]] = []  # spikes of times that were replaced
        super().__init__(state, size, parameters, label, SpikeSource([], np.empty(0, np.int64)))

    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        given = parameters["spike_times"]
        for train in given if np.ndim(given) else [given]:
            times = np.asarray(train.value, dtype=np.float64)
            if not (np.isfinite(times) & (times >= 0)).all():
                msg = "SpikeSourceArray: spike_times must be finite and not negative"
                raise errors.InvalidParameterValueError(msg)
            if (np.diff(times) < 0).any():
                k = int(np.flatnonzero(np.diff(times) < 0)[0])
                msg = f"SpikeSourceArray: spike_times must be in increasing order, got {times[k]:g} before {times[k + 1]:g}"
                raise errors.InvalidParameterValueError(msg)
        return parameters

    def _given(self) -> tuple[Ints, Floats]:
        """Return indices of cells and times, as the parameters say."""
        given = self.parameters["spike_times"]
        trains = [
            np.asarray((given[i] if np.ndim(given) else given).value, dtype=np.float64)
            for i in range(self.size)
        ]
        counts = [len(train) for train in trains]
        return np.repeat(np.arange(self.size), counts), np.concatenate(trains)

    def about_to_change(self, indices: Ints) -> None:
        ids, times = self._given()
        gone = np.isin(ids, indices) & (self.state.steps_up(times) <= self.state.step)
        self._past.append((ids[gone], times[gone]))

    def send(self) -> None:
        state, now = self.state, self.state.step
        ids, times = self._given()
        stamps = state.steps_up(times)
        if state.segment_counter and not now and (stamps == 0).any():
            msg = f"SpikeSourceArray: after a reset, spikes at 0 ms come at {state.dt:g} ms"
            warnings.warn(msg, errors.RoundingWarning, stacklevel=2)
            stamps = np.maximum(stamps, 1)
        first = now if state.segment_counter or now else -1
        order = np.lexsort((ids, stamps))
        order = order[stamps[order] > first]
        with native_errors():
            self.population.set(
                times=state.network_ms(stamps[order]), ids=ids[order], snap=True
            )

    def restart(self) -> None:
        self._past = []
        self.send()

    def exact(self, ids: Ints, steps: Ints) -> tuple[Ints, Floats]:
        """Return indices and times as they were given, for recorded spikes."""
        parts = [*self._past, self._given()]
        given_ids = np.concatenate([part[0] for part in parts])
        given_times = np.concatenate([part[1] for part in parts])
        wanted = set(zip(ids.tolist(), steps.tolist(), strict=True))
        stamps = self.state.steps_up(given_times)
        found = [pair in wanted for pair in zip(given_ids.tolist(), stamps.tolist(), strict=True)]
        keep = np.array(found, dtype=bool)
        return given_ids[keep], given_times[keep]


class SpikeSourceArray(Translated, cells.SpikeSourceArray):
    __doc__ = cells.SpikeSourceArray.__doc__

    translations = build_translations(("spike_times", "spike_times"))

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _Array(state, size, parameters, label)
