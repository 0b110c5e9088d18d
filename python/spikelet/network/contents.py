"""The contents of a network."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NoReturn

from spikelet._util import html
from spikelet._util.spelling import spelled, suggestion
from spikelet.network.base import NetworkBase
from spikelet.network.drive import Drive
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder, StateRecorder, WeightRecorder
from spikelet.network.regulator import Regulator

Recorder = SpikeRecorder | StateRecorder | WeightRecorder


class Contents:
    """The parts of a network, in order of creation.

    Internal: what adds a part to the core adds it here. Populations and projections that were removed stay, as the others
    keep their numbers; users see tuples without them.
    """

    def __init__(self) -> None:
        self.populations: list[Population] = []
        self.projections: list[Projection] = []
        self.recorders: list[Recorder] = []


class NetworkContents(NetworkBase):
    """A network with its populations, projections, inputs, regulations and recorders, in order of creation."""

    contents: Contents  # internal

    _instead: ClassVar = {
        "populations": "add one with population()",
        "projections": "add one with connect()",
        "recorders": "add one with record()",
        "regulations": "add one with regulate()",
        "inputs": "add one with inject()",
        "contents": "it belongs to the network",
    }

    @spelled
    def __init__(
        self,
        dt: float = 0.1,
        seed: int = 0,
        threads: int | None = None,
        dtype: Literal["float32", "float64"] = "float32",
        comm: Any = "world",
    ) -> None:
        super().__init__(dt, seed, threads, dtype, comm)
        self._declare(contents=Contents())

    def join(self, *populations: Any) -> Population:
        """Return the union of populations, or of parts of them, in this order: ``net.join(E, I)`` is ``E + I``."""
        return Population.joined(self, populations)

    def __getitem__(self, name: str) -> Population:
        """Return a population by its name: ``net["E"]``."""
        found = [population for population in self.populations if population.name == name]
        if len(found) == 1:
            return found[0]
        names = list(dict.fromkeys(population.name for population in self.populations))
        if found:
            msg = f"Network: {len(found)} populations have the name {name!r}; take one from net.populations"
        elif isinstance(name, str):
            listed = ", ".join(names) or "none"
            msg = f"Network: no population has the name {name!r}{suggestion(name, names)} (there are: {listed})"
        else:
            msg = f"Network: a population is found by its name, got {name!r}; by number: net.populations[...]"
        raise KeyError(msg)

    if not TYPE_CHECKING:  # a type checker knows which attributes there are

        def __getattr__(self, name: str) -> Any:
            """Say how to get the population of this name, if there is one."""
            every = vars(self)["contents"].populations
            if any(population.name == name and not population.removed for population in every):
                msg = f"Network has no {name!r}; the population is net[{name!r}]"
                raise AttributeError(msg, name=name, obj=self)
            return super().__getattr__(name)

    def __iter__(self) -> NoReturn:
        """Refuse: a network is not a sequence."""
        msg = "a Network is not a sequence; iterate over net.populations or net.projections"
        raise TypeError(msg)

    @property
    def inputs(self) -> tuple[Drive, ...]:
        """The handles of all inputs that were not removed, in order of creation."""
        return tuple(self.engine.inputs.values())

    @property
    def populations(self) -> tuple[Population, ...]:
        """All populations that were not removed, in order of creation."""
        return tuple(p for p in self.contents.populations if not p.removed)

    @property
    def projections(self) -> tuple[Projection, ...]:
        """All projections that were not removed, in order of creation."""
        return tuple(q for q in self.contents.projections if not q.removed)

    @property
    def recorders(self) -> tuple[Recorder, ...]:
        """All recorders whose targets were not removed, in order of creation."""
        return tuple(self.contents.recorders)

    @property
    def regulations(self) -> tuple[Regulator, ...]:
        """The handles of all regulations that were not removed, in order of creation."""
        return tuple(self.engine.regulations)

    def _repr_html_(self) -> str:
        """Return tables of the contents, for notebooks."""
        populations = [
            (p.name, p.size, type(p.model).__name__, ", ".join(p.states)) for p in self.populations
        ]
        projections = [
            (f"{p.pre.name} -> {p.post.name}", p.synapses.known(), _kind(p.plasticity))
            for p in self.projections
        ]
        others = [
            *(
                (f"input to {drive.target.name}", type(drive.input).__name__)
                for drive in self.inputs
            ),
            *(
                (f"regulation of {p.pre.name} -> {p.post.name}", _kind(how))
                for p, how in self.regulations
            ),
            *(("recorder", repr(recorder)) for recorder in self.recorders),
        ]
        return html.joined(
            f"<p>{escape(repr(self))}</p>",
            html.grid("Populations", ["name", "elements", "model", "states"], populations),
            html.grid("Projections", ["from -> to", "synapses", "plasticity"], projections),
            html.grid("Inputs, regulations, recorders", ["", ""], others),
        )


def _kind(item: object) -> str:
    """Return the name of what something is, or nothing for None."""
    return "" if item is None else type(item).__name__
