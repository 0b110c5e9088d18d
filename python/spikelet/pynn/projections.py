"""Projections: connections as PyNN has them, on those of the network.

What a connector chooses is kept as a table until the network needs it, at the first run: until then everything can be
changed, delays, too. Connections that spikelet draws by a rule of its own have no table until somebody looks at them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import common, errors
from pyNN.parameters import ParameterSpace
from pyNN.space import Space
from pyNN.standardmodels import check_weights

from spikelet.plasticity import Plasticity
from spikelet.pynn import simulator
from spikelet.pynn.built import Built, Plan, as_pynn
from spikelet.pynn.connections import Table, all_pairs, as_matrix, on_grid, parts_of
from spikelet.pynn.parameters import Parameters
from spikelet.pynn.synapses import StaticSynapse, SynapseType
from spikelet.rules import Rule

__all__ = ["Projection"]

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_FIXED = (
    "is fixed once the network is built, at the first run, or at the first look at connections that spikelet draws "
    "(NativeRNG): set it before, or make another Projection"
)


class Connection(common.Connection):
    """One connection of a projection; its parameters are attributes that can be read and set."""

    projection: Projection
    index: int

    def __init__(self, projection: Projection, index: int) -> None:
        """Take the place of the connection among those of the projection."""
        object.__setattr__(self, "projection", projection)
        object.__setattr__(self, "index", index)

    @property
    def presynaptic_index(self) -> int:
        """Index of the source within `pre` of the projection."""
        return int(self.projection.pairs()[0][self.index])

    @property
    def postsynaptic_index(self) -> int:
        """Index of the target within `post` of the projection."""
        return int(self.projection.pairs()[1][self.index])

    @property
    def presynaptic_cell(self) -> Any:
        """The source."""
        return self.projection.pre[self.presynaptic_index]

    @property
    def postsynaptic_cell(self) -> Any:
        """The target."""
        return self.projection.post[self.postsynaptic_index]

    source, target = presynaptic_cell, postsynaptic_cell

    def __getattr__(self, name: str) -> float:
        if not self.projection.synapse_type.has_parameter(name):
            raise AttributeError(f"Connection has no {name!r}", name=name, obj=self)
        return float(self.projection.values(name)[self.index])

    def __setattr__(self, name: str, value: float) -> None:
        if not self.projection.synapse_type.has_parameter(name):
            raise AttributeError(f"Connection has no {name!r} that can be set", name=name, obj=self)
        if self.projection.num_processes > 1:
            msg = f"Connection.{name} cannot be set with several processes: use Projection.set, in all of them"
            raise NotImplementedError(msg)
        new = np.array(self.projection.values(name))
        new[self.index] = value
        self.projection.store({name: new})

    def as_tuple(self, *names: str) -> tuple[Any, ...]:
        """Return parameters, or indices, by name."""
        return tuple(getattr(self, name) for name in names)


class Projection(common.Projection):
    __doc__ = common.Projection.__doc__
    _simulator = simulator
    _static_synapse_class = StaticSynapse

    def __init__(
        self,
        presynaptic_neurons: Any,
        postsynaptic_neurons: Any,
        connector: Any,
        synapse_type: Any = None,
        source: Any = None,
        receptor_type: str | None = None,
        space: Space | None = None,
        label: str | None = None,
    ) -> None:
        """Connect two groups of cells."""
        if source is not None:
            msg = f"Projection: source must be None, as neurons of spikelet have one output, got {source!r}"
            raise NotImplementedError(msg)
        if not getattr(postsynaptic_neurons, "receptor_types", True):
            msg = f"Projection: {postsynaptic_neurons.label} has no receptor that all of its cells share: it takes no input"
            raise errors.ConnectionError(msg)
        ends, space = (
            (presynaptic_neurons, postsynaptic_neurons),
            Space() if space is None else space,
        )
        super().__init__(*ends, connector, synapse_type, source, receptor_type, space, label)
        if not isinstance(self.synapse_type, SynapseType):
            kind = type(self.synapse_type)
            msg = f"Projection: synapse_type {kind.__module__}.{kind.__name__} is not of spikelet.pynn"
            raise NotImplementedError(msg)
        self._state, self._network = simulator.state, simulator.state.network
        self._targets = parts_of(self.post)
        self._built = Built(self._network, (parts_of(self.pre), self._targets), self.receptor_type)
        self._is_built = False
        self._safe = True  # whether signs of weights are checked
        self._plan: Plan | None = None
        self._table: Table | None = None
        self._pieces: list[tuple[Ints, Ints, dict[str, Any], bool]] = []
        self._by_target: list[tuple[Ints, int, dict[str, Any]]] = []
        connector.connect(self)
        self._finish()
        self._state.projections.append(self)

    # What connectors call -----------------------------------------------------------------------------------------

    @property
    def num_processes(self) -> int:
        """Number of processes that share the network."""
        return int(self._state.num_processes)

    def require_somatic(self, location_selector: Any) -> None:
        """Refuse connections to a part of a cell."""
        if location_selector is not None:
            msg = f"location_selector must be None, as neurons of spikelet are points, got {location_selector!r}"
            raise NotImplementedError(msg)

    def require_parallel_safe(self, rng: Any) -> None:
        """Refuse a generator that gives each process other numbers."""
        if self.num_processes > 1 and not rng.parallel_safe:
            msg = f"{type(rng).__name__}: needs parallel_safe=True with several processes, which all make the same connections"
            raise NotImplementedError(msg)

    def plan(self, rule: Rule, parameters: Parameters, *, safe: bool = True) -> None:
        """Let spikelet draw connections by a rule, with parameters that are numbers or that it draws, too."""
        self._safe = safe
        self._plan = Plan(rule, parameters.single, parameters.random)

    def add(self, pre: Ints, post: Ints, values: Mapping[str, Any], *, safe: bool = True) -> None:
        """Add connections.

        Parameters
        ----------
        pre, post : array
            Indices of sources and targets.
        values : mapping
            Parameters by name: one number, or one for each connection.
        safe : bool
            Whether to check the signs of weights.
        """
        self._pieces.append((pre, post, dict(values), safe))

    def _convergent_connect(
        self,
        presynaptic_indices: Any,
        postsynaptic_index: int,
        location_selector: Any = None,
        **connection_parameters: Any,
    ) -> None:
        """Connect cells to one target: what connectors that are not of this package call."""
        self.require_somatic(location_selector)
        pre = np.asarray(presynaptic_indices, dtype=np.int64).reshape(-1)
        self._by_target.append((pre, int(postsynaptic_index), connection_parameters))

    # Making -------------------------------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Check what the connector chose, and keep it; collective."""
        ranks = self._network.engine.ranks
        columns = [
            x for part in ranks.gather(f"{self.label}: connections", self._by_target) for x in part
        ]
        for pre, target, given in sorted(columns, key=lambda column: column[1]):
            self.add(pre, np.full(len(pre), target), {**self._defaults(), **given})
        self._safe = self._safe and all(piece[3] for piece in self._pieces)
        if self._plan is None:
            self._table = self._joined()
        self._pieces, self._by_target = [], []
        self._check(self._known())
        self._note_delays(self._known().get("delay", []))

    def _known(self) -> dict[str, Any]:
        """Return the parameters; of connections that spikelet has yet to draw only those that are numbers."""
        if self._table is not None:
            return self._table.values
        assert self._plan is not None
        return self._plan.single

    def _joined(self) -> Table:
        """Return what the connector chose as one table."""
        none = np.zeros(0, np.int64)
        pieces = self._pieces or [(none, none, self._defaults(), True)]
        pre, post = (np.concatenate([piece[k] for piece in pieces]) for k in (0, 1))
        values: dict[str, Any] = {}
        for name in self.synapse_type.get_parameter_names():
            given = [piece[2][name] for piece in pieces]
            if all(np.ndim(x) == 0 and x == given[0] for x in given):
                values[name] = float(given[0])
            else:
                parts = [np.broadcast_to(x, p[0].shape) for x, p in zip(given, pieces, strict=True)]
                values[name] = np.concatenate(parts).astype(np.float64, copy=False)
        return Table(self.shape, pre, post, values)

    def _defaults(self) -> dict[str, float]:
        """Return the parameters of the synapse type; NaN for those that differ between connections."""
        space = self.synapse_type.native_parameters
        space.shape = self.shape
        return {
            name: float(value.evaluate(simplify=True)) if value.is_homogeneous else math.nan
            for name, value in space.items()
        }

    def _check(self, values: Mapping[str, Any]) -> None:
        """Check parameters, before anything changes."""
        if self._table is not None and not len(self._table):
            return
        where, dt = f"Projection {self.label}", self._network.dt
        for name, given in values.items():
            if not np.isfinite(given).all():
                msg = f"{where}: {name} must be finite"
                raise errors.ConnectionError(msg)
        if "weight" in values:
            weight = values["weight"]
            if self._safe or (self.post.conductance_based and np.min(weight) < 0):
                check_weights(weight, self)
            low, high = self.synapse_type.bounds(values)
            if np.min(weight) < low or np.max(weight) > high:
                got = f"{np.min(weight):g} to {np.max(weight):g}"
                msg = f"{where}: weights must lie in [{low:g}, {high:g}], as w_min and w_max say, got {got}"
                raise errors.ConnectionError(msg)
        if "delay" in values and np.min(values["delay"]) < dt * (1 - 1e-6):
            msg = f"{where}: delays must be at least the time step, {dt:g} ms, got {np.min(values['delay']):g} ms"
            raise errors.ConnectionError(msg)
        for scale in self._built.scales:
            self._plasticity(values, scale)

    def _plasticity(self, values: Mapping[str, Any], scale: float) -> Plasticity | None:
        """Return the network's rule."""
        found: Plasticity | None = as_pynn(lambda: self.synapse_type.plasticity(values, scale))
        return found

    def _note_delays(self, delays: Any) -> None:
        if np.size(delays) and self._network is self._state.network:
            self._state.saw_delays(float(np.min(delays)), float(np.max(delays)))

    def build(self) -> None:
        """Add the connections to the network, unless they are there; collective."""
        if not self._is_built:
            self._add_to_network()
            self._is_built = True

    def _add_to_network(self) -> None:
        plan, tau = self._plan, self._tau_psc()
        if plan is not None and np.ndim(tau) == 0 and self._built.alike:
            psc = {} if tau is None else {"tau_psc": tau}
            rule = self._plasticity({**plan.single, **psc}, self._built.scales[0])
            self._built.draw(plan, rule)
            return
        if plan is not None and plan.whole:
            self._looked_at()
        if self._table is None:
            msg = (
                f"Projection {self.label}: receptors and tau_syn must be the same for all targets of connections that "
                "NativeRNG() draws; use NativeRNG(seed=...)"
            )
            raise NotImplementedError(msg)
        self._built.add(self._table, self._of_rows)

    def _of_rows(self, rows: Ints, scale: float) -> Plasticity | None:
        """Return the network's rule for some connections."""
        table, tau = self._table, self._tau_psc()
        assert table is not None
        values = {name: x[rows] if np.ndim(x) else x for name, x in table.values.items()}
        if tau is not None:
            values["tau_psc"] = tau[table.post[rows]] if np.ndim(tau) else tau
        return self._plasticity(values, scale)

    def _tau_psc(self) -> Any:
        """Return the time constant of the targets' synapses, for short-term plasticity: one number, or one each."""
        found = []
        for part in self._targets if self.synapse_type.has_parameter("tau_rec") else ():
            value = part.population.celltype.tau_syn(part.population.cells, self.receptor_type)
            if value is None:
                return None
            found.append(value[part.ids] if np.ndim(value) else np.full(len(part.ids), value))
        if not found:
            return None
        values = np.concatenate(found)
        return float(values[0]) if len(values) and (values == values[0]).all() else values

    def _build_in_turn(self) -> None:
        """Build this projection, after those that were made before it."""
        for projection in self._state.projections if self._network is self._state.network else ():
            projection.build()
            if projection is self:
                return
        self.build()

    def _looked_at(self) -> Table:
        """Return the table; what spikelet draws is drawn now. Collective."""
        plan = self._plan
        if self._table is not None or plan is None:
            assert self._table is not None
            return self._table
        if plan.whole and not self._is_built:
            pairs = all_pairs(self, self_connections=plan.rule.self_connections)
            self._table = Table(self.shape, *pairs, plan.single)
        else:
            self._build_in_turn()
            self._table = self._built.drawn(self.shape, plan)
        return self._table

    # Reading ------------------------------------------------------------------------------------------------------

    def pairs(self) -> tuple[Ints, Ints]:
        """Return the indices of the sources and targets of all connections, by source, then target; collective."""
        table = self._looked_at()
        return table.pre, table.post

    def values(self, name: str) -> Floats:
        """Return a parameter of all connections, in PyNN's unit; collective."""
        table = self._looked_at()
        if name == "weight" and self._is_built and self.synapse_type.changes_weights:
            return self._built.weights(len(table))
        values = table.whole(name)
        return self._rounded(values) if name == "delay" else values

    def _rounded(self, delays: Any) -> Any:
        """Return delays [ms] as the network has them."""
        dt = self._network.dt
        rounded = self._network.engine.ms(on_grid(delays, dt))
        return np.where(np.abs(delays - rounded) < 1e-6 * dt, delays, rounded)

    def _local(self) -> Any:
        """Return which connections are onto cells of this process."""
        if self.num_processes == 1:
            return slice(None)
        cells, local = (
            np.asarray(x, np.int64) for x in (self.post.all_cells, self.post.local_cells)
        )
        return np.isin(cells, local)[self.pairs()[1]]

    def __len__(self) -> int:
        """Return the number of connections onto cells of this process."""
        if self._table is None and self.num_processes == 1:
            self._build_in_turn()
            return len(self._built)
        return len(self.pairs()[0][self._local()])

    def __getitem__(self, i: int | slice) -> Any:
        """Return a connection onto a cell of this process, or a list of them."""
        rows = np.arange(len(self._looked_at()))[self._local()]
        if isinstance(i, slice):
            return [Connection(self, int(row)) for row in rows[i]]
        if not -len(rows) <= i < len(rows):
            msg = f"Projection {self.label}: there are {len(rows)} connections, got {i}"
            raise IndexError(msg)
        return Connection(self, int(rows[i]))

    def __iter__(self) -> Iterator[Connection]:
        """Iterate over the connections onto cells of this process."""
        rows = np.arange(len(self._looked_at()))[self._local()]
        return (Connection(self, int(row)) for row in rows)

    @property
    def connections(self) -> Iterator[Connection]:
        """Iterator over the connections onto cells of this process."""
        return iter(self)

    def get(
        self,
        attribute_names: str | Sequence[str],
        format: str,  # noqa: A002  # PyNN's name
        gather: bool | str = True,
        with_address: bool = True,
        multiple_synapses: str = "sum",
    ) -> Any:
        """Return parameters of connections; see `pyNN.common.Projection.get`. Collective."""
        if format not in ("list", "array"):
            msg = f"Projection.get: format must be 'list' or 'array', got {format!r}"
            raise ValueError(msg)
        if multiple_synapses not in self.MULTI_SYNAPSE_OPERATIONS:
            known = ", ".join(self.MULTI_SYNAPSE_OPERATIONS)
            msg = f"Projection.get: multiple_synapses must be one of {known}, got {multiple_synapses!r}"
            raise ValueError(msg)
        single = isinstance(attribute_names, str)
        names = [attribute_names] if isinstance(attribute_names, str) else list(attribute_names)
        self._require_known(names)
        pre, post = self.pairs()
        columns = [self.values(name) for name in names]
        if not (gather == "all" or (gather and self._state.mpi_rank == 0)):
            mine = self._local()
            pre, post, columns = pre[mine], post[mine], [column[mine] for column in columns]
        if format == "array":
            found = [as_matrix(self.shape, pre, post, x, multiple_synapses) for x in columns]
            return found[0] if single else found
        lists = [column.tolist() for column in columns]
        if with_address:
            return list(zip(pre.tolist(), post.tolist(), *lists, strict=True))
        return lists[0] if single else list(zip(*lists, strict=True))

    def _require_known(self, names: Sequence[str]) -> None:
        known = self.synapse_type.get_parameter_names()
        for name in names:
            if name not in known:
                kind = type(self.synapse_type).__name__
                raise errors.NonExistentParameterError(name, kind, known)

    # Changing -----------------------------------------------------------------------------------------------------

    def set(self, **attributes: Any) -> None:
        """Set parameters of all connections; see `pyNN.common.Projection.set`. Collective.

        An array with one dimension has a value for each connection, in the order of ``get(format="list")``.
        """
        self._require_known(list(attributes))
        if all(isinstance(x, (int, float, np.number)) for x in attributes.values()):
            self.store({name: float(value) for name, value in attributes.items()})
            return
        pre, post = self.pairs()
        values: dict[str, Any] = {}
        for name in [name for name, x in attributes.items() if isinstance(x, (list, np.ndarray))]:
            given = np.asarray(attributes[name], dtype=np.float64)
            if given.ndim == 1:
                if len(given) != len(pre):
                    msg = f"Projection.set: {name} must have one value for each of the {len(pre)} connections, got {len(given)}"
                    raise errors.InvalidDimensionsError(msg)
                values[name] = attributes.pop(name) * np.ones(1)
        space = ParameterSpace(attributes, self.synapse_type.get_schema(), self.shape)
        self.store({**values, **Parameters(self, space).of_matrix(pre, post)})

    def store(self, values: Mapping[str, Any]) -> None:
        """Set parameters, in PyNN's units: one number, or one for each connection. Collective."""
        numbers = all(np.ndim(x) == 0 for x in values.values())
        if not numbers:
            self._looked_at()
        merged = {**self._known(), **values}
        if self.synapse_type.changes_weights and self._is_built and "weight" not in values:
            merged.pop("weight", None)
        self._check(merged)
        if self._is_built:
            self._store_in_network(values, merged)
        elif self._plan is not None:
            if numbers:
                self._plan.update(values)
            else:
                self._plan = None  # the table says all now
        if self._table is not None:
            self._table.values |= values
        if not self._is_built:
            self._note_delays(values.get("delay", []))

    def _store_in_network(self, values: Mapping[str, Any], merged: Mapping[str, Any]) -> None:
        """Change what is in the network, where that is possible."""
        others = sorted(set(values) - {"weight"})
        if "delay" in others and (self.values("delay") == self._rounded(values["delay"])).all():
            others.remove("delay")
        if others and self.synapse_type.changes_weights and "delay" not in others:
            self._built.set_plasticity(lambda scale: self._plasticity(merged, scale))
        elif others:
            msg = f"Projection {self.label}: {others[0]} {_FIXED}"
            raise NotImplementedError(msg)
        if "weight" in values:
            self._built.set_weights(values["weight"])

    def initialize(self, **initial_values: Any) -> None:
        """Set initial values of synapses: only those at rest are possible, as synapses of spikelet begin there."""
        for variable, value in initial_values.items():
            known = self.synapse_type.default_initial_values
            if variable not in known:
                kind = type(self.synapse_type).__name__
                raise errors.NonExistentParameterError(variable, kind, known)
            given, rest = (getattr(x, "base_value", x) for x in (value, known[variable]))
            if not (isinstance(given, (int, float)) and given == rest):
                msg = f"Projection.initialize: {variable} must be {rest}, as synapses of spikelet begin at rest, got {given!r}"
                raise NotImplementedError(msg)
            self.initial_values[variable] = value
