"""What stands behind a projection of PyNN: projections of the network."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
from pyNN import errors
from pyNN.random import RandomDistribution

from spikelet.network.network import Network
from spikelet.plasticity import Plasticity
from spikelet.pynn.connections import Part, Table, on_grid
from spikelet.pynn.random import native_distribution
from spikelet.rules import AllToAll, Distribution, Rule

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

    @property
    def whole(self) -> bool:
        """Whether nothing is random: all connect to all."""
        return isinstance(self.rule, AllToAll) and not self.random

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


class _Receptor(NamedTuple):
    """A receptor by the network's name, and the factor from PyNN's weights to those of the network."""

    name: str
    scale: float


@dataclasses.dataclass
class _Made:
    """A projection of the network, or a group of them, with the rows of the table that it has, in its order."""

    native: Any
    rows: Ints | slice
    scale: float


class Built:
    """Projections of the network that a projection of PyNN consists of, one for each pair of populations.

    Parameters
    ----------
    network : Network
        The network.
    ends : (list of Part, list of Part)
        The parts of the sources and of the targets.
    receptor_type : str
        The receptor, by PyNN's name.
    """

    def __init__(
        self, network: Network, ends: tuple[Sequence[Part], Sequence[Part]], receptor_type: str
    ) -> None:
        self._network = network
        self._sources, self._targets = ends
        self._made: list[_Made] = []
        kinds = [part.population.celltype for part in self._targets]
        self._receptors = [
            _Receptor(k.native_receptor(receptor_type), k.weight_scale) for k in kinds
        ]

    @property
    def scales(self) -> list[float]:
        """Factors from PyNN's weights to those of the network, by parts of the targets."""
        return [receptor.scale for receptor in self._receptors]

    @property
    def alike(self) -> bool:
        """Whether all targets have the same receptor."""
        return len(set(self._receptors)) <= 1

    def draw(self, plan: Plan, plasticity: Plasticity | None) -> None:
        """Add what spikelet draws, to targets that are alike."""
        receptor = self._receptors[0]
        native = as_pynn(
            lambda: self._network.connect(
                _native(self._sources),
                _native(self._targets),
                plan.rule,
                weight=plan.value("weight", receptor.scale),
                delay=self._rounded(plan.value("delay")),
                receptor=receptor.name,
                plasticity=plasticity,
            )
        )
        self._made.append(_Made(native, slice(None), receptor.scale))

    def add(self, table: Table, plasticity: Callable[[Ints, float], Plasticity | None]) -> None:
        """Add the connections of a table.

        Parameters
        ----------
        table : Table
            The connections.
        plasticity : callable
            Returns the rule for the connections of some rows, given the factor of weights.
        """
        weight, delay = table.values["weight"], self._rounded(table.values["delay"])
        for a in self._sources:
            for b, receptor in zip(self._targets, self._receptors, strict=True):
                rows = table.between(a, b)
                if not len(rows):
                    continue
                w, d = (x[rows] if np.ndim(x) else x for x in (weight, delay))
                connect = functools.partial(
                    self._network.connect,
                    a.population.cells.population,
                    b.population.cells.population,
                    (a.ids[table.pre[rows] - a.begin], b.ids[table.post[rows] - b.begin]),
                    weight=w * receptor.scale,
                    delay=d,
                    receptor=receptor.name,
                    plasticity=plasticity(rows, receptor.scale),
                )
                self._made.append(_Made(as_pynn(connect), rows, receptor.scale))

    def _rounded(self, delay: Any) -> Any:
        """Return delays on the grid; a distribution as it is."""
        if isinstance(delay, Distribution):
            return delay
        return self._network.engine.ms(on_grid(delay, self._network.dt))

    def __len__(self) -> int:
        """Return the number of connections of all processes; collective."""
        return sum(len(made.native) for made in self._made)

    def drawn(self, shape: tuple[int, int], plan: Plan) -> Table:
        """Return what spikelet drew by a plan; collective."""
        (made,) = self._made
        pre = _indices(made.native.pre_ids, self._sources)
        post = _indices(made.native.post_ids, self._targets)
        place = "place of each row among those of the network"
        values = {
            **plan.single,
            "weight": np.array(made.native.weights) / made.scale,
            "delay": np.array(made.native.delays),
            place: np.arange(len(pre)),
        }
        table = Table(shape, pre, post, values)
        made.rows = np.argsort(table.values.pop(place))
        return table

    def weights(self, n: int) -> Floats:
        """Return the present weights of n connections, in PyNN's unit, by the table; collective."""
        values = np.empty(n)
        for made in self._made:
            values[made.rows] = np.asarray(made.native.weights) / made.scale
        return values

    def set_weights(self, values: Any) -> None:
        """Set the weights, one number or one for each connection of the table; collective."""
        for made in self._made:
            mine = values[made.rows] if np.ndim(values) else values
            as_pynn(functools.partial(setattr, made.native, "weights", mine * made.scale))

    def set_plasticity(self, rule: Callable[[float], Plasticity | None]) -> None:
        """Set a plasticity rule, given the factor of weights; NotImplementedError unless only amplitudes differ."""
        for made in self._made:
            for each in made.native.blocks:
                try:
                    each.plasticity = rule(made.scale)
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
