"""Current sources. Before each run they compute their current of each step, which is injected into all targets alike.

A current at time t acts on the step that begins at t, so the potential changes at ``t + dt``; the recorded current has
its value at t.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import errors
from pyNN.common import Assembly
from pyNN.common.populations import BasePopulation
from pyNN.parameters import ParameterSpace, Sequence
from pyNN.standardmodels import build_translations, electrodes

from spikelet.network.drive import Drive
from spikelet.pynn import simulator
from spikelet.sources import CurrentInput, StepCurrent

__all__ = ["ACSource", "DCSource", "NoisyCurrentSource", "StepCurrentSource"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]


class _CurrentSource:
    """What all current sources share. Their parameters are native: pA, and times in ms since the last reset."""

    parameter_space: ParameterSpace

    def __init__(self, **parameters: Any) -> None:
        self._network = simulator.state.network
        self._native: dict[str, Any] = {}
        self._targets: list[_Target] = []
        self._recorded: list[tuple[int, Floats]] | None = None
        super().__init__(**parameters)
        self.parameter_space.shape = (1,)
        self.set_native_parameters(self.translate(self.parameter_space))  # type: ignore[attr-defined]  # of pyNN's mixin
        simulator.state.current_sources.append(self)

    # Parameters ---------------------------------------------------------------------------------------------------

    def set_native_parameters(self, parameters: ParameterSpace) -> None:
        """Set parameters, from now on."""
        parameters.evaluate(simplify=True)
        changed = {**self._native, **parameters.as_dict()}
        self.check(changed)
        self._native.update(changed)

    def get_native_parameters(self) -> ParameterSpace:
        """Return the parameters."""
        return ParameterSpace(dict(self._native), shape=(1,))

    def get_parameters(self) -> dict[str, Any]:
        """Return the parameters by PyNN's names and in its units, as numbers and arrays."""
        native = {k: v.value if isinstance(v, Sequence) else v for k, v in self._native.items()}
        found = {}
        for name, about in self.translations.items():  # type: ignore[attr-defined]  # of pyNN's mixin
            back = about["reverse_transform"]
            found[name] = back(**native) if callable(back) else native[about["translated_name"]]
        return found

    def check(self, native: dict[str, Any]) -> None:
        """Check parameters, and bring them into the form in which they are kept."""
        for name, value in native.items():
            number = float(np.asarray(value).item())
            if not np.isfinite(number) and not (name == "stop" and number > 0):
                self.refuse(name, number, "must be finite")
            native[name] = number
        if native["start"] < 0:
            self.refuse("start", native["start"], "must not be negative")

    def refuse(self, name: str, value: Any, rule: str) -> None:
        """Raise InvalidParameterValueError for a parameter."""
        msg = f"{type(self).__name__}: {name} {rule}, got {value}"
        raise errors.InvalidParameterValueError(msg)

    def current(self, steps: Ints) -> Floats:
        """Return the current [pA] at some consecutive steps since the last reset."""
        raise NotImplementedError

    def on(self, steps: Ints) -> npt.NDArray[np.bool_]:
        """Return whether the source is switched on at some steps."""
        start, stop = self._on_steps()
        return (start <= steps) & (steps < stop)

    def _on_steps(self) -> tuple[int, int]:
        dt = simulator.state.dt
        start, stop = (min(self._native[name], 1e15 * dt) / dt for name in ("start", "stop"))
        return round(start), round(stop)

    # Targets ------------------------------------------------------------------------------------------------------

    def inject_into(self, cells: Any) -> None:
        """Inject the current into cells, from now on.

        Parameters
        ----------
        cells : Population, PopulationView, Assembly or list of ID
            The cells; under MPI the same on all processes.
        """
        if self._network is not simulator.state.network:
            msg = f"{type(self).__name__}: it was made before the last setup(): make it again"
            raise RuntimeError(msg)
        for target in _parts(cells):
            self._targets.append(_Target(target))

    def advance(self, start: int, stop: int) -> None:
        """Inject the current of the steps from `start` up to `stop`, and record it."""
        if not self._targets and self._recorded is None:
            return
        values = self.current(np.arange(start, stop))
        self._keep(start, values)
        given = CurrentInput(values if values.any() else values[:0])
        for target in self._targets:
            target.inject(given)

    def _keep(self, start: int, values: Floats) -> None:
        if self._recorded is None:
            return
        if self._recorded:  # an interrupt may have ended the last run early
            at, last = self._recorded[-1]
            self._recorded[-1] = at, last[: start - at]
        self._recorded.append((start, values))

    @property
    def arrays(self) -> int:
        """Number of arrays with a value for each step that the core holds for it."""
        return len(self._targets)

    def restart(self) -> None:
        """Begin anew at time 0."""
        if self._recorded is not None:
            self._recorded.clear()

    # Recording ----------------------------------------------------------------------------------------------------

    def record(self) -> None:
        """Record the current from now on; `get_data` returns it."""
        if self._recorded is None:
            self._recorded = []

    def _get_data(self) -> tuple[Floats, Floats]:
        """Return times [ms] and currents [nA], from the start of the recording to the present."""
        if self._recorded is None:
            msg = (
                f"{type(self).__name__}: its current is not recorded; call record() before the run"
            )
            raise RuntimeError(msg)
        now = simulator.state.step
        parts = [values[: now - at] for at, values in self._recorded]
        values = np.concatenate([*parts, self.current(np.array([now]))])
        first = now + 1 - len(values)
        return simulator.state.ms(first + np.arange(len(values))), values / 1000.0


class _Target:
    """A part of a population of the network, and its drive, which the first current makes."""

    def __init__(self, population: Any) -> None:
        self._population = population
        self._drive: Drive | None = None

    def inject(self, given: CurrentInput | StepCurrent) -> None:
        """Inject a current, from now on; what was left of the last one ends."""
        if self._drive is None:
            self._drive = simulator.state.network.inject(self._population, given)
        elif isinstance(given, StepCurrent):
            self._drive.set(times=given.times, amplitudes=given.amplitudes)
        else:
            self._drive.set(values=given.values)


class _Piecewise(_CurrentSource):
    """Current sources that the core knows by the steps at which their current changes."""

    _stale = True  # whether the core does not know the present parameters, or a target

    def changes(self) -> tuple[Ints, Floats]:
        """Return the steps since the last reset at which the current changes, ascending, and the currents from then on."""
        raise NotImplementedError

    def set_native_parameters(self, parameters: ParameterSpace) -> None:
        """Set parameters, from now on."""
        super().set_native_parameters(parameters)
        self._stale = True

    def inject_into(self, cells: Any) -> None:
        """Inject the current into cells, from now on; see `_CurrentSource.inject_into`."""
        super().inject_into(cells)
        self._stale = True

    def current(self, steps: Ints) -> Floats:
        """Return the current [pA] at some consecutive steps since the last reset."""
        begin, currents = self.changes()
        found: Floats = np.append(0.0, currents)[np.searchsorted(begin, steps, side="right")]
        return found

    def advance(self, start: int, stop: int) -> None:
        """Inject all that comes, if the core does not know it, and record the steps from `start` up to `stop`."""
        if self._recorded is not None:
            self._keep(start, self.current(np.arange(start, stop)))
        if self._stale:
            begin, currents = self.changes()
            later = begin > start
            steps = np.append(start, begin[later])
            values = np.append(self.current(np.array([start])), currents[later])
            given = StepCurrent(simulator.state.network_ms(steps), values, snap=True)
            for target in self._targets:
                target.inject(given)
            self._stale = False

    def restart(self) -> None:
        """Begin anew at time 0."""
        super().restart()
        self._stale = True

    @property
    def arrays(self) -> int:
        """Number of arrays with a value for each step that the core holds for it: none."""
        return 0


def _parts(cells: Any) -> list[Any]:
    """Return the populations of the network, or parts of them, that cells of PyNN are."""
    if isinstance(cells, Assembly):
        return [part for each in cells.populations for part in _parts(each)]
    if isinstance(cells, BasePopulation):
        if not cells.celltype.injectable:
            msg = "Can't inject current into a spike source."
            raise TypeError(msg)
        return [cells.root.cells.population[cells.indices]]
    by_population: dict[Any, list[Any]] = {}
    for cell in cells:
        by_population.setdefault(cell.parent, []).append(cell)
    return [
        part
        for population, ids in by_population.items()
        for part in _parts(population[sorted({population.id_to_index(i) for i in ids})])
    ]


class DCSource(_Piecewise, electrodes.DCSource):
    __doc__ = electrodes.DCSource.__doc__

    translations = build_translations(
        ("amplitude", "amplitude", 1000.0), ("start", "start"), ("stop", "stop")
    )

    def changes(self) -> tuple[Ints, Floats]:
        """Return the steps since the last reset at which the current changes, and the currents from then on."""
        start, stop = self._on_steps()
        currents = np.array([self._native["amplitude"], 0.0])
        return (
            (np.array([start, stop]), currents)
            if start < stop
            else (np.empty(0, np.int64), currents[:0])
        )


class ACSource(_CurrentSource, electrodes.ACSource):
    __doc__ = electrodes.ACSource.__doc__

    translations = build_translations(
        ("amplitude", "amplitude", 1000.0), ("offset", "offset", 1000.0),
        ("frequency", "frequency"), ("phase", "phase"), ("start", "start"), ("stop", "stop"),
    )  # fmt: skip

    def current(self, steps: Ints) -> Floats:
        """Return the current [pA] at some consecutive steps since the last reset."""
        p = self._native
        seconds = (steps - self._on_steps()[0]) * simulator.state.dt * 1e-3
        angle = 2 * np.pi * p["frequency"] * seconds + np.deg2rad(p["phase"])
        return np.where(self.on(steps), p["offset"] + p["amplitude"] * np.sin(angle), 0.0)


class StepCurrentSource(_Piecewise, electrodes.StepCurrentSource):
    __doc__ = electrodes.StepCurrentSource.__doc__

    translations = build_translations(("amplitudes", "amplitudes", 1000.0), ("times", "times"))

    def check(self, native: dict[str, Any]) -> None:
        """Check parameters, and round times to steps; of several in a step the last counts."""
        values = {name: np.array(native[name].value, dtype=np.float64) for name in native}
        times, amplitudes = values["times"], values["amplitudes"]
        if times.shape != amplitudes.shape or times.ndim != 1:
            shapes = f"{times.shape} and {amplitudes.shape}"
            self.refuse("times and amplitudes", shapes, "must have one value each for each step")
        if not (np.isfinite(times) & (times >= 0)).all():
            self.refuse("times", times, "must be finite and not negative")
        if not np.isfinite(amplitudes).all():
            self.refuse("amplitudes", amplitudes, "must be finite")
        if (np.diff(times) <= 0).any():
            self.refuse("times", times, "must increase")
        steps = np.rint(times / simulator.state.dt).astype(np.int64)
        last = np.append(np.diff(steps) > 0, True) if len(steps) else np.empty(0, dtype=bool)
        native["times"] = Sequence(simulator.state.ms(steps[last]))
        native["amplitudes"] = Sequence(amplitudes[last])

    def changes(self) -> tuple[Ints, Floats]:
        """Return the steps since the last reset at which the current changes, and the currents from then on."""
        steps = np.rint(self._native["times"].value / simulator.state.dt)
        return steps.astype(np.int64), self._native["amplitudes"].value


class NoisyCurrentSource(_CurrentSource, electrodes.NoisyCurrentSource):
    __doc__ = electrodes.NoisyCurrentSource.__doc__

    translations = build_translations(
        ("mean", "mean", 1000.0), ("stdev", "stdev", 1000.0), ("dt", "dt"),
        ("start", "start"), ("stop", "stop"),
    )  # fmt: skip

    def __init__(self, **parameters: Any) -> None:
        given = {"dt": simulator.state.dt, **parameters}
        self._number = len(simulator.state.current_sources)
        self._begin()
        super().__init__(**given)

    def _begin(self) -> None:
        """Begin new noise: another one for each source and each segment."""
        state = simulator.state
        key = [state.network.seed, 0x6E6F697365, self._number, state.segment_counter]
        self._random = np.random.default_rng(key)
        self._drawn = -1, 0.0  # of which interval, and its deviate

    def check(self, native: dict[str, Any]) -> None:
        """Check parameters."""
        super().check(native)
        every, dt = native["dt"], simulator.state.dt
        if every < dt * (1 - 1e-6) or abs(every / dt - round(every / dt)) > 1e-6:
            self.refuse("dt", every, f"must be a multiple of the time step, {dt:g} ms")
        if native["stdev"] < 0:
            self.refuse("stdev", native["stdev"] / 1000.0, "must not be negative")

    def restart(self) -> None:
        """Begin anew at time 0, with new noise."""
        super().restart()
        self._begin()

    def current(self, steps: Ints) -> Floats:
        """Return the current [pA] at some consecutive steps since the last reset."""
        on = self.on(steps)
        values = np.zeros(len(steps))
        if not on.any():
            return values
        every = round(self._native["dt"] / simulator.state.dt)
        interval = (steps[on] - self._on_steps()[0]) // every
        last, deviate = self._drawn
        first = interval[0]
        known = np.array([deviate] if first == last else [])
        more = self._random.standard_normal(int(interval[-1] - first) + 1 - len(known))
        deviates = np.concatenate([known, more])
        self._drawn = int(interval[-1]), float(deviates[-1])
        values[on] = self._native["mean"] + self._native["stdev"] * deviates[interval - first]
        return values
