"""What stands behind a projection of PyNN: projections of the network."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt
from pyNN import errors
from pyNN.random import RandomDistribution

from spikelet.network.network import Network
from spikelet.plasticity import Plasticity
from spikelet.pynn.connections import Part, Table
from spikelet.pynn.random import native_distribution
from spikelet.rules import Rule

__all__ = ["Built", "Plan", "as_pynn"]

T = TypeVar("T")
Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


def as_pynn(call: Callable[[], T]) -> T:
    """Return what a call returns; raise what the network does not take as PyNN's ConnectionError."""
    try:
        return call()
    except (ValueError, TypeError) as error:
        raise errors.ConnectionError(str(error)) from error


@dataclasses.dataclass
class Plan:
    """Connections that spikelet draws by a rule of its own.

    Attributes
    ----------
    rule : Rule
        The rule.
    single : dict
        Parameters that are one number for all.
    random : dict
        Weights and delays that spikelet draws.
    """

    rule: Rule
    single: dict[str, float]
    random: dict[str, RandomDistribution]

    def value(self, name: str, scale: float = 1.0) -> Any:
        """Return a number, or spikelet's distribution, times a factor."""
        if name in self.single:
            return self.single[name] * scale
        distribution = self.random[name]
        return native_distribution(distribution.name, distribution.parameters, scale)

    def update(self, values: Mapping[str, float]) -> None:
        """Set parameters to one number each."""
        self.single |= values
        self.random = {name: x for name, x in self.random.items() if name not in values}


class Built:
    """Projections of the network that a projection of PyNN consists of, one for each pair of populations.

    Parameters
    ----------
    network : Network
        The network.
    ends : (list of Part, list of Part)
        The parts of the sources and of the targets.
    receptor : str
        The network's name of the receptor.
    scale : float
        Factor from PyNN's weights to those of the network.
    """

    def __init__(
        self, network: Network, ends: tuple[Sequence[Part], Sequence[Part]], receptor: str, scale: float
    ) -> None:
        self._network = network
        self._sources, self._targets = ends
        self._receptor = receptor
        self._scale = scale
        self._made: list[tuple[Any, Ints | slice]] = []  # and the rows of the table that each has, in its order

    def draw(self, plan: Plan, plasticity: Plasticity | None) -> None:
        """Add what spikelet draws."""
        native = as_pynn(
            lambda: self._network.connect(
                _native(self._sources),
                _native(self._targets),
                plan.rule,
                weight=plan.value("weight", self._scale),
                delay=plan.value("delay"),
                receptor=self._receptor,
                plasticity=plasticity,
            )
        )
        self._made.append((native, slice(None)))

    def add(self, table: Table, plasticity: Callable[[Ints], Plasticity | None]) -> None:
        """Add the connections of a table.

        Parameters
        ----------
        table : Table
            The connections.
        plasticity : callable
            Returns the rule for the connections of some rows.
        """
        weight, delay = table.values["weight"], table.values["delay"]
        for a in self._sources:
            for b in self._targets:
                rows = table.between(a, b)
                if len(rows):
                    ids = a.ids[table.pre[rows] - a.begin], b.ids[table.post[rows] - b.begin]
                    w, d = (x[rows] if np.ndim(x) else x for x in (weight, delay))
                    native = self._connect(a, b, ids, w, d, plasticity(rows))
                    self._made.append((native, rows))

    def _connect(
        self, a: Part, b: Part, ids: tuple[Ints, Ints], weight: Any, delay: Any, plasticity: Any
    ) -> Any:
        ends = a.population.cells.population, b.population.cells.population
        return as_pynn(
            lambda: self._network.connect(
                *ends,
                ids,
                weight=weight * self._scale,
                delay=delay,
                receptor=self._receptor,
                plasticity=plasticity,
            )
        )

    def __len__(self) -> int:
        """Return the number of connections of all processes; collective."""
        return sum(len(native) for native, _ in self._made)

    def drawn(self, shape: tuple[int, int], plan: Plan) -> Table:
        """Return what spikelet drew by a plan; collective."""
        ((native, _),) = self._made
        pre = _indices(native.pre_ids, self._sources)
        post = _indices(native.post_ids, self._targets)
        values = {
            **plan.single,
            "weight": np.array(native.weights) / self._scale,
            "delay": np.array(native.delays),
        }
        place = "place of each row among those of the network"
        table = Table(shape, pre, post, {**values, place: np.arange(len(pre))})
        self._made = [(native, np.argsort(table.values.pop(place)))]
        return table

    def weights(self, n: int) -> Floats:
        """Return the present weights of n connections, in PyNN's unit, by the table; collective."""
        values = np.empty(n)
        for native, rows in self._made:
            values[rows] = np.asarray(native.weights) / self._scale
        return values

    def set_weights(self, values: Any) -> None:
        """Set the weights, one number or one for each connection of the table; collective."""
        for native, rows in self._made:
            mine = values[rows] if np.ndim(values) else values
            as_pynn(lambda native=native, mine=mine: setattr(native, "weights", mine * self._scale))

    def set_plasticity(self, rule: Plasticity) -> None:
        """Set a plasticity rule, of which only amplitudes may differ; NotImplementedError otherwise."""
        for native, _ in self._made:
            for each in getattr(native, "projections", [native]):
                try:
                    each.plasticity = rule
                except ValueError as error:
                    raise NotImplementedError(str(error)) from error


def _native(parts: Sequence[Part]) -> Any:
    """Return the network's population, part of one or union for an end."""
    found = [
        population if part.whole else population[part.ids]
        for part in parts
        for population in [part.population.cells.population]
    ]
    return found[0] if len(found) == 1 else sum(found[1:], found[0])


def _indices(ids: Any, parts: Sequence[Part]) -> Ints:
    """Return indices within an end, given ids within the network's population or union."""
    given = np.asarray(ids, dtype=np.int64)
    if len(parts) > 1:
        return given
    place = np.zeros(parts[0].population.size, np.int64)
    place[parts[0].ids] = np.arange(len(parts[0].ids))
    return place[given]
