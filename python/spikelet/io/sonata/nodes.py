"""SONATA's nodes: populations of point neurons and of virtual sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.io.nest import neuron_models
from spikelet.io.sonata import hdf5
from spikelet.io.sonata.config import WHERE, Config
from spikelet.io.sonata.type_tables import Row
from spikelet.neurons import LIFDelta, NeuronModel
from spikelet.sources import PoissonSource

Ints = npt.NDArray[np.int64]

VIRTUAL = "virtual"
_POINT = ("point_neuron", "point_process")
_MOST, _MOST_PARTS = 2**32 - 1024, 2**16
_POISSON, _INTFIRE = "poisson_generator", "IntFire1"


@dataclass
class Part:
    """Nodes that are one population of the network: those of one model, or virtual."""

    rows: Ints
    """Rows of the nodes in the file, ascending."""
    model: Any = None
    """A neuron model or a source; None for virtual nodes, whose spikes come from the inputs."""
    states: dict[str, Any] = field(default_factory=dict)
    plastic: dict[str, Any] = field(default_factory=dict)
    template: str = VIRTUAL


@dataclass
class Nodes:
    """A population of nodes, as a file describes it. Neurons are its first parts, sources its last."""

    name: str
    file: Path
    types: dict[int, Row]
    type_ids: Ints
    group_ids: Ints
    group_index: Ints
    ids: Ints | None
    """The id of each node; None if they count from 0."""
    parts: list[Part] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._sorted = None if self.ids is None else np.argsort(self.ids, kind="stable")

    def __len__(self) -> int:
        """Return the number of nodes."""
        return len(self.type_ids)

    @property
    def where(self) -> str:
        """The file and the group."""
        return f"{WHERE}: {self.file}: /nodes/{self.name}"

    def parts_of(self, rows: Ints) -> Iterator[tuple[int, Part, npt.NDArray[np.bool_]]]:
        """Yield the number of each part that has some of these rows, the part, and a mask of its nodes."""
        for k, part in enumerate(self.parts):
            mine = np.isin(part.rows, rows)
            if mine.any():
                yield k, part, mine

    @property
    def node_ids(self) -> Ints:
        """The id of each node, by row."""
        return np.arange(len(self)) if self.ids is None else self.ids

    @property
    def neurons(self) -> Ints:
        """The rows of the neurons, ascending: of all nodes but virtual ones and generators."""
        rows = [part.rows for part in self.parts if isinstance(part.model, NeuronModel)]
        return np.sort(np.concatenate(rows)) if rows else np.empty(0, np.int64)

    def rows_of(self, where: str, argument: str, ids: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """Return the rows of nodes.

        Raises
        ------
        ValueError
            If there is no node with an id.
        """
        n = len(self)
        if not len(ids):
            return ids
        if self.ids is None or self._sorted is None:
            low, high = int(ids.min()), int(ids.max())
            if low < 0 or high >= n:
                rule = f"must be nodes of {self.name!r}, 0 to {n - 1}"
                fail(where, argument, low if low < 0 else high, rule)
            return ids
        known = self.ids[self._sorted]
        at = np.minimum(np.searchsorted(known, ids.astype(np.int64)), n - 1)
        wrong = known[at] != ids
        if wrong.any():
            rule = f"must be the node_id of a node of {self.name!r}"
            fail(where, argument, int(ids[wrong][0]), rule)
        return self._sorted[at]

    def place(self) -> tuple[npt.NDArray[np.uint16] | None, npt.NDArray[np.uint32] | None]:
        """Return the part that each row is in and its place there; None where there is one part."""
        if len(self.parts) == 1:
            return None, None
        part = np.zeros(len(self), np.uint16)
        local = np.zeros(len(self), np.uint32)
        for k, p in enumerate(self.parts):
            part[p.rows], local[p.rows] = k, np.arange(len(p.rows))
        return part, local

    def matches(self, where: str, key: str, allowed: list[Any]) -> npt.NDArray[np.bool_]:
        """Return a mask of the nodes whose attribute has one of several values; without the attribute, none has."""
        if key == "population":
            return np.full(len(self), self.name in allowed)
        own = {"node_type_id": self.type_ids, "node_group_id": self.group_ids}
        if key == "node_id" or key in own:
            if not all(type(v) is int for v in allowed):
                fail(where, key, allowed, "must be integers")
            return np.isin(own.get(key, self.node_ids), np.asarray(allowed, dtype=np.float64))
        texts = {str(v) for v in allowed}
        of_type = [t for t, row in self.types.items() if key in row and _equal(row[key], texts)]
        found = np.isin(self.type_ids, np.asarray(of_type, dtype=np.int64))
        with hdf5.opened(self.file, "nodes") as top:
            population = top.child(self.name)
            for number, group in population.numbered().items():
                if key in group:
                    mine = np.flatnonzero(self.group_ids == number)
                    values = _attribute(group, key, self.group_index[mine])
                    found[mine] = [_equal(v, texts) for v in values]
        return found


def _equal(value: Any, texts: set[str]) -> bool:
    if str(value) in texts:
        return True
    try:
        number = float(value)
    except (TypeError, ValueError):
        return False
    return any(number == float(t) for t in texts if t.replace(".", "", 1).lstrip("-").isdigit())


def read_nodes(config: Config) -> dict[str, Nodes]:
    """Return the populations of nodes of a circuit, with their models.

    Raises
    ------
    ValueError
        If anything is missing or wrong; the message names the file and the group.
    OSError
        If a file cannot be opened.
    """
    found = hdf5.read_populations(config, "node", partial(_read_population, config))
    if not found:
        fail(config.where, "networks.nodes", [], "must name at least one population of nodes")
    return found


def _read_population(config: Config, group: hdf5.Group, types: dict[int, Row]) -> Nodes:
    data = group.sized("node_type_id", "iu")
    n = data.shape[0]
    if n > _MOST:
        fail(group.where, "nodes", n, f"must be at most {_MOST}")
    type_ids = _integers(group, "node_type_id", data)
    groups = group.numbered()
    group_ids, index = _group_index(group, groups, n)
    ids = group.optional("node_id", "iu", n)
    node_ids = None if ids is None else _integers(group, "node_id", ids)
    if node_ids is not None and (node_ids == np.arange(n)).all():
        node_ids = None
    if node_ids is not None and len(np.unique(node_ids)) < n:
        fail(group.where, "node_id", "ids twice", "must be different for each node")
    nodes = Nodes(group.name, group.file, types, type_ids, group_ids, index, node_ids)
    nodes.parts = _parts(config, nodes, _kinds(nodes, groups))
    return nodes


def _integers(group: hdf5.Group, name: str, data: Any) -> Ints:
    """Return non-negative integers."""
    values = data[:]
    if values.size and (values.min() < 0 or values.max() > np.iinfo(np.int64).max):
        bad = values.min() if values.min() < 0 else values.max()
        fail(f"{group.where}/{name}", "value", int(bad), "must be >= 0 and below 2^63")
    return np.asarray(values, np.int64)


def _group_index(
    population: hdf5.Group, groups: dict[int, hdf5.Group], n: int
) -> tuple[Ints, Ints]:
    """Return the group of each node, and its place there."""
    ids, index = hdf5.group_columns(population, "node", n)
    if ids is None:
        return np.full(n, next(iter(groups), 0)), np.arange(n)
    group_ids = _integers(population, "node_group_id", ids)
    for number in np.unique(group_ids).tolist():
        if groups and number not in groups:
            names = ", ".join(map(str, groups))
            fail(population.where, "node_group_id", number, f"must be one of the groups {names}")
    return group_ids, _integers(population, "node_group_index", index)


class _Kind(NamedTuple):
    """Nodes of one type, in one group, with one model."""

    rows: Ints
    places: Ints  # of each in the group
    group: hdf5.Group | None
    row: Row
    type_id: int
    model_type: str
    template: str


_MODEL = ("model_type", "model_template")


def _kinds(nodes: Nodes, groups: dict[int, hdf5.Group]) -> Iterator[_Kind]:
    for (type_id, number), rows in _rows_by(nodes.type_ids, nodes.group_ids):
        group, row = groups.get(number), nodes.types.get(type_id, {})
        index = nodes.group_index[rows]
        given = [row.get(key, "") for key in _MODEL]
        own = [group is not None and key in group for key in _MODEL]
        if type_id not in nodes.types and not own[0]:
            known = ", ".join(map(str, nodes.types)) or "no types"
            fail(nodes.where, "node_type_id", type_id, f"must be in the table of types ({known})")
        if group is None or not any(own):
            yield _Kind(rows, index, group, row, type_id, *given)
            continue
        columns = [
            _attribute(group, key, index) if there else np.full(len(rows), value, dtype=object)
            for key, there, value in zip(_MODEL, own, given, strict=True)
        ]
        for model, mine in _rows_by(*columns):
            yield _Kind(rows[mine], index[mine], group, row, type_id, *model)


def _rows_by(*columns: npt.NDArray[Any]) -> list[tuple[Any, Ints]]:
    """Return the combinations of values that columns have, in order, and the rows of each."""
    frame = extra("pandas", WHERE, "sonata").DataFrame(dict(enumerate(columns)))
    found = frame.groupby(list(frame.columns), dropna=False).indices
    return sorted(found.items(), key=lambda item: item[0])


def _attribute(group: hdf5.Group, name: str, index: Ints) -> npt.NDArray[Any]:
    """Return an attribute of some nodes; strings may be numbers of a library."""
    data = group.dataset(name, "iufOSU")
    where = f"{group.where}/{name}"
    hdf5.require_within(where, "index", index, data.shape[0], "its length")
    values = group.values(name, data, index)
    if "@library" in group and name in group.child("@library"):
        texts = group.child("@library").sized(name, "OSU")[:]
        if values.dtype.kind not in "iu":
            fail(where, "type", str(values.dtype), "must be integers, as there is a library")
        hdf5.require_within(where, "value", values, len(texts), "the library's length")
        values = texts[values]
    if values.dtype.kind in "OSU":
        return np.array([v.decode() if isinstance(v, bytes) else str(v) for v in values], object)
    return np.asarray(values)


def _parts(config: Config, nodes: Nodes, kinds: Iterator[_Kind]) -> list[Part]:
    together: dict[Any, list[tuple[_Kind, dict[str, Any]]]] = {}
    for kind in kinds:
        where = f"{nodes.where}: node type {kind.type_id}"
        if kind.model_type == VIRTUAL:
            together.setdefault((VIRTUAL,), []).append((kind, {}))
            continue
        if kind.model_type not in _POINT:
            allowed = ", ".join((*_POINT, VIRTUAL))
            rule = f"must be one of {allowed}: spikelet simulates point neurons"
            fail(where, "model_type", kind.model_type, rule)
        name = _template(where, kind.template)
        file = kind.row.get("dynamics_params")
        values = config.parameters("point_neuron_models_dir", file, where)
        if name == _INTFIRE:  # a note of who it is for
            values.pop("type", None)
        values |= _own_parameters(kind)
        lengths = () if name in _OTHERS else neuron_models.structure(where, name, values)
        key = (name, lengths, tuple(sorted(values)))
        together.setdefault(key, []).append((kind, values))
    if len(together) > _MOST_PARTS:
        what = "number of models with parameters of different names"
        fail(nodes.where, what, len(together), f"must be at most {_MOST_PARTS}")
    found = [_part(nodes, key[0], dict(*key[1:2]), members) for key, members in together.items()]
    return sorted(found, key=lambda part: not isinstance(part.model, NeuronModel))


def _template(where: str, template: str) -> str:
    """Return NEST's name of a model, or NEURON's where there is one of ours."""
    schema, colon, name = template.rpartition(":")
    if template == f"nrn:{_INTFIRE}":
        return name
    if colon and schema != "nest":
        rule = f'must be a model of NEST, as "nest:iaf_psc_alpha", or "nrn:{_INTFIRE}"'
        fail(where, "model_template", template, rule)
    return name


def _own_parameters(kind: _Kind) -> dict[str, Any]:
    """Return the parameters that each node has in the file."""
    if kind.group is None or "dynamics_params" not in kind.group:
        return {}
    group, found = kind.group.child("dynamics_params"), {}
    for name in group.datasets():
        values = np.asarray(_attribute(group, name, kind.places))
        if values.dtype.kind not in "iuf":
            fail(f"{group.where}/{name}", "type", str(values.dtype), "must be numbers")
        found[name] = values.astype(np.float64)
    return found


def _part(
    nodes: Nodes, name: str, lists: dict[str, int], members: list[tuple[_Kind, dict[str, Any]]]
) -> Part:
    rows = np.sort(np.concatenate([kind.rows for kind, _ in members]))
    if name == VIRTUAL:
        return Part(rows)
    where = f"{nodes.where}: {name}"
    places = [np.searchsorted(rows, kind.rows) for kind, _ in members]

    def joined(key: str, values: list[Any]) -> Any:
        first = values[0]
        for value in values:
            if not isinstance(value, (int, float, np.ndarray)):
                fail(where, key, value, "must be a number")
            if not np.isfinite(np.asarray(value, float)).all() and key != "V_min":
                fail(where, key, value, "must be finite")
        if all(np.ndim(v) == 0 and v == first for v in values):
            return float(first)
        array = np.empty(len(rows))
        for at, value in zip(places, values, strict=True):
            array[at] = value
        return array

    parameters: dict[str, Any] = {}
    for key in members[0][1]:
        values = [values[key] for _, values in members]
        if key in lists:
            each = range(lists[key])
            parameters[key] = [joined(key, [value[i] for value in values]) for i in each]
        else:
            parameters[key] = joined(key, values)
    if name in _OTHERS:
        return Part(rows, _OTHERS[name](where, parameters), template=name)
    found = neuron_models.make(f"{nodes.where}:", name, parameters)
    return Part(rows, found.model, found.states, found.plastic, name)


def _poisson(where: str, parameters: dict[str, Any]) -> PoissonSource:
    neutral = {"start": 0.0, "origin": 0.0}
    for key, value in parameters.items():
        if key != "rate" and not (key in neutral and np.all(value == neutral[key])):
            fail(where, key, value, f"must not be given: of {_POISSON} there is only rate")
    return PoissonSource(rate=parameters.get("rate", 0.0))


def _intfire(where: str, parameters: dict[str, Any]) -> LIFDelta:
    """Return NEURON's IntFire1, whose potential has no unit, as a model in mV; tau and refrac are in seconds."""
    for key, value in parameters.items():
        if key not in ("tau", "refrac"):
            fail(where, "parameter", key, f"must be tau or refrac of {_INTFIRE}")
        if not np.all(np.asarray(value) > 0):
            fail(where, key, value, "must be > 0 s")
    tau = 1e3 * np.asarray(parameters.get("tau", 0.01))
    refrac = 1e3 * np.asarray(parameters.get("refrac", 0.005))
    return LIFDelta(tau_m=tau, t_ref=refrac, C_m=1.0, E_L=0.0, V_th=1.0, V_reset=0.0)


_OTHERS: dict[str, Callable[[str, dict[str, Any]], Any]] = {_POISSON: _poisson, _INTFIRE: _intfire}
"""Templates other than NEST's neurons."""
