"""The base of a network: the core's simulator, with its clock, its precision and the ranks that share it."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.advice import advise
from spikelet._util.checks import fail, integer, number, require, satisfies
from spikelet._util.grid import to_ms
from spikelet._util.sealed import Sealed
from spikelet._util.threads import default_threads
from spikelet.network.turn import Turn
from spikelet.ranks import Ranks, ranks_of
from spikelet.rules import Distribution
from spikelet.spatial import Positions

Simulator: TypeAlias = _core.Simulator32 | _core.Simulator64

_SIMULATORS: dict[str, type[Simulator]] = {
    "float32": _core.Simulator32,
    "float64": _core.Simulator64,
}


class Engine:
    """The core's simulator of one network, and what every part of the network needs along with it.

    Internal: populations, projections, recorders, checkpoints and exporters share this object.

    Attributes
    ----------
    sim : Simulator32 or Simulator64
        The core's simulator.
    dt : float
        Time step [ms].
    seed : int
        Random seed.
    ranks : Ranks
        The processes that share the network.
    turn : Turn
        Which thread may use the network.
    raster_starts : dict of int to int
        By population, the step at which its source was added or set.
    inputs : dict of int to Drive
        The handles of all inputs, by number, which is in order of creation.
    regulations : list of Regulator
        The handles of all regulations, in the core's order.
    positions : dict of int to Positions
        By population, where its elements are, if that was said.
    removed_populations, removed_projections : set of int
        Those whose numbers stand for nothing any more.
    structure : Structure
        How synapses, projections and populations come and go.
    drawn : int
        Number of draws of initial values so far; each has a random stream of its own.
    to_disk : bool
        Whether some recorder records to a file.
    """

    def __init__(self, sim: Simulator, dt: float, seed: int, ranks: Ranks) -> None:
        self.sim = sim
        self.dt = dt
        self.seed = seed
        self.ranks = ranks
        self.turn = Turn()
        self.raster_starts: dict[int, int] = {}
        self.inputs: dict[int, Any] = {}
        self.regulations: list[Any] = []
        self.positions: dict[int, Positions] = {}
        self.removed_populations: set[int] = set()
        self.removed_projections: set[int] = set()
        self.structure: Any = None  # the network sets it
        self.drawn = 0
        self.to_disk = False

    @property
    def step(self) -> int:
        """Present step of the clock."""
        return int(self.sim.now)

    def ms(self, stamps: npt.NDArray[np.int64]) -> npt.NDArray[np.float64]:
        """Return the times of steps [ms]."""
        return to_ms(stamps, self.dt)

    def require_idle(self) -> None:
        """Raise RuntimeError if a run that is not the caller's own is going on."""
        self.turn.require(idle=not self.sim.busy)

    def state(self) -> str:
        """Return "idle", "running", "being changed" or "failed", for texts; never waits and never raises."""
        if self.sim.failed:
            return "failed"
        return self.turn.doing or ("running" if self.sim.busy else "idle")

    def gathered(self, what: str, population: int, own: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the values of all elements of a population, given those of this rank; collective."""
        return self.ranks.concatenate(what, self.sim.own(population)[0], own)

    def draw(self, distribution: Distribution, n: int) -> npt.NDArray[np.float64]:
        """Draw initial values; each call draws from a new random stream."""
        self.drawn += 1
        return _core.draw_values(distribution.to_core(), self.seed, (1 << 20) + self.drawn, n)


class NetworkBase(Sealed):
    """The network as its populations, projections and recorders see it. See `spikelet.Network` for its parameters."""

    dt: float
    seed: int
    ranks: Ranks
    threads: int
    dtype: np.dtype[Any]
    engine: Engine  # internal

    _instead: ClassVar = {
        "t": "run() advances it, and reset(at=...) sets it back",
        "ranks": "build a new network, with Network(comm=...)",
        "engine": "it belongs to the network",
        "": "it is fixed when the network is made; build a new one, with Network({name}=...)",
    }

    def __init__(
        self,
        dt: float,
        seed: int,
        threads: int | None,
        dtype: Literal["float32", "float64"],
        comm: Any,
    ) -> None:
        if not (type(dt) is float and satisfies(dt, "> 0")):
            step = number("Network", "dt", dt, "ms")
            require("Network", "dt", step, "> 0")
            dt = float(step)
        if dt < 1e-3:
            way_out = f"did you mean {1e3 * dt:g} ms?"
            advise("Network", "dt", dt, "ms looks like a value in seconds", way_out)
        seed = integer("Network", "seed", seed, 0, 2**64 - 1)
        ranks = ranks_of(comm)
        number_of_threads = (
            default_threads(ranks.cores)
            if threads is None
            else integer("Network", "threads", threads, 1, 1024)
        )
        name = dtype if isinstance(dtype, str) else getattr(dtype, "__name__", str(dtype))
        if name not in _SIMULATORS:
            fail("Network", "dtype", dtype, 'must be "float32" or "float64"')
        sim = _SIMULATORS[name](
            dt, seed, number_of_threads, threads is None, ranks.comm, ranks.minimum
        )
        self._declare(
            dt=dt,
            seed=seed,
            ranks=ranks,
            threads=number_of_threads,
            dtype=np.dtype(name),
            engine=Engine(sim, dt, seed, ranks),
        )

    def __reduce__(self) -> NoReturn:
        """Refuse to copy and pickle: a second object would share the core's network."""
        name = type(self).__name__
        msg = f"a {name} cannot be copied or pickled; save it with save(), and load it with {name}.load()"
        raise TypeError(msg)

    @property
    def t(self) -> float:
        """Time [ms]."""
        return float(self.engine.ms(np.array(self.engine.step)))
