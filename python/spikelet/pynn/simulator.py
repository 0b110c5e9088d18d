"""The state of the simulation, as PyNN's common code expects it of a simulator: a module with `name`, `state` and `ID`.

PyNN's time starts at 0 after each ``reset()``. The network's clock goes on instead, to a later time, so that noise and
Poisson processes are new in each segment: trials differ, and a script with one seed gives one result.
"""

from __future__ import annotations

import itertools
import math
from typing import Any, Protocol

import numpy as np
from pyNN import common, errors

from spikelet._util.advice import warn_caller
from spikelet.network.network import Network

name = "spikelet"

_PIECE = 1 << 18  # steps for which currents and spike times are computed at once, at most
_VALUES = 1 << 23  # currents that are computed at once, of all electrodes together
_APART = 2_520_000  # steps: segments begin at its multiples, as 10 000, 64, 63 and all numbers up to 10 divide it


class ID(int, common.IDMixin):
    """A cell: an integer by which PyNN names it, with parameters as attributes."""

    def __init__(self, n: int) -> None:
        """Create an ID; `int` has taken the value."""


class Timed(Protocol):
    """What gives the core its input over time: populations, for sources of spikes, and electrodes."""

    def advance(self, start: int, stop: int) -> None:
        """Prepare the steps from `start` up to `stop`, counted from the last reset."""

    def restart(self) -> None:
        """Begin anew at time 0."""


class Electrode(Timed, Protocol):
    """A current source."""

    @property
    def arrays(self) -> int:
        """Number of arrays with a value for each step that the core holds for it."""


class State(common.control.BaseState):
    """The network of the script, its clock and what was made in it.

    Attributes
    ----------
    dt : float
        Time step [ms].
    segment_counter : int
        Number of resets so far.
    populations, projections, current_sources : list
        What was made since `setup`, in order.
    """

    def __init__(self) -> None:
        super().__init__()
        self._network: Network | None = None
        self._forget(0.1, "auto", "auto")

    # Making -------------------------------------------------------------------------------------------------------

    def clear(
        self, dt: float, min_delay: Any = "auto", max_delay: Any = "auto", **options: Any
    ) -> None:
        """Forget the network and begin a new one.

        Parameters
        ----------
        dt : float
            Time step [ms].
        min_delay, max_delay : float or "auto"
            Limits of delays [ms].
        **options
            Arguments of `Network`.
        """
        self._network = Network(dt=dt, dtype="float64", **options)  # first: it checks
        self._forget(self._network.dt, min_delay, max_delay)

    def _forget(self, dt: float, min_delay: Any, max_delay: Any) -> None:
        self.dt = dt
        self._delays = (min_delay, max_delay)
        self._seen: tuple[float, float] | None = None
        self.recorders: set[Any] = set()
        self.write_on_end: list[Any] = []
        self.populations: list[Any] = []
        self.projections: list[Any] = []
        self.current_sources: list[Electrode] = []
        self.id_counter = 1
        self.streams = itertools.count(1 << 24)  # of NativeRNG(), beyond those of projections
        self.segment_counter = 0
        self.running = False
        self.t_start = 0
        self._offset = 0

    @property
    def network(self) -> Network:
        """The network, of a script without `setup` one with PyNN's defaults."""
        if self._network is None:
            self._network = Network(dt=self.dt, dtype="float64", seed=42)
        return self._network

    def take_ids(self, n: int) -> range:
        """Return the numbers of n new cells."""
        taken = range(self.id_counter, self.id_counter + n)
        self.id_counter += n
        return taken

    # Ranks --------------------------------------------------------------------------------------------------------

    @property
    def num_processes(self) -> int:
        """Number of processes that share the network."""
        return int(self.network.ranks.size)

    @property
    def mpi_rank(self) -> int:
        """Number of this process among them."""
        return int(self.network.ranks.rank)

    # Delays -------------------------------------------------------------------------------------------------------

    def saw_delays(self, shortest: float, longest: float) -> None:
        """Note the delays [ms] of a projection."""
        a, b = self._seen or (shortest, longest)
        self._seen = min(a, shortest), max(b, longest)

    @property
    def min_delay(self) -> float:
        """Shortest delay [ms]: that given to `setup`, or else that of the projections so far, or else dt."""
        if self._delays[0] != "auto":
            return float(self._delays[0])
        return self._seen[0] if self._seen else self.dt

    @property
    def max_delay(self) -> float:
        """Longest delay [ms]: that given to `setup`, or else that of the projections so far, or else `min_delay`."""
        if self._delays[1] != "auto":
            return float(self._delays[1])
        return max(self._seen[1] if self._seen else self.dt, self.min_delay)

    # Time ---------------------------------------------------------------------------------------------------------

    @property
    def step(self) -> int:
        """Steps since the last reset."""
        return int(self.network.engine.step) - self._offset

    @property
    def t(self) -> float:
        """Time since the last reset [ms]."""
        return float(self.ms(self.step))

    def ms(self, steps: Any) -> Any:
        """Return the times of steps [ms], both since the last reset."""
        times = self.network.engine.ms(np.asarray(steps, dtype=np.int64))
        return times if times.ndim else float(times)

    def network_ms(self, steps: Any) -> Any:
        """Return the network's own times [ms] of steps since the last reset."""
        return self.ms(np.asarray(steps, dtype=np.int64) + self._offset)

    def since_reset(self, stamps: Any) -> Any:
        """Return steps since the last reset, given the network's own."""
        return np.asarray(stamps, dtype=np.int64) - self._offset

    def steps_up(self, times: Any) -> Any:
        """Return times [ms] in steps, those between two steps as the later one."""
        return np.ceil(np.asarray(times, dtype=np.float64) / self.dt - 1e-6).astype(np.int64)

    # Running ------------------------------------------------------------------------------------------------------

    def run_until(self, tstop: float) -> None:
        """Simulate up to a time [ms] since the last reset."""
        if not math.isfinite(tstop):
            msg = f"run: the time must be finite, got {tstop} ms"
            raise ValueError(msg)
        stop = int(self.steps_up(tstop))
        if abs(stop - tstop / self.dt) > 1e-3:
            msg = f"run: {tstop:g} ms is not on the grid of {self.dt:g} ms; running up to {self.ms(stop):g} ms"
            warn_caller(msg, errors.RoundingWarning)
        self.running = True
        for projection in self.projections:
            projection.build()
        for population in self.populations:
            population.write_states()
        for population in self.populations:
            population.recorder.begin()
        arrays = sum(source.arrays for source in self.current_sources)
        piece = min(_PIECE, max(_VALUES // max(arrays, 1), 64))
        while self.step < stop:
            start, upto = self.step, min(stop, self.step + piece)
            for timed in (*self.populations, *self.current_sources):
                timed.advance(start, upto)
            self.network.run((upto - start) * self.dt)

    def reset(self) -> None:
        """Go back to time 0: to initial states and weights, with no spikes in flight."""
        after = self.network.engine.step
        self._offset = -(-after // _APART) * _APART
        self.network.reset(at=float(self.network.engine.ms(np.array(self._offset))))
        self.running = False
        self.segment_counter += 1
        for each in (*self.populations, *self.current_sources):
            each.restart()


state = State()
