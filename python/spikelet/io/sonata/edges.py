"""SONATA's edges, read in blocks: the file need not fit into memory."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet._util.spelling import suggestion
from spikelet.io.nest.synapse_models import MODELS, STATES_AT_REST, TARGET_DEFAULTS, rule_of
from spikelet.io.sonata import hdf5
from spikelet.io.sonata.config import Config, naming
from spikelet.io.sonata.nodes import Nodes
from spikelet.io.sonata.type_tables import Row, number
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.streamed import StreamedProjection
from spikelet.neurons import NeuronModel
from spikelet.plasticity import Plasticity

Array = npt.NDArray[Any]
_Key = tuple[int, int, int]  # a kind of synapse, a part of the sources, a part of the targets
_PLAIN = ("wmax",)  # functions of weights that return syn_weight

EXACT = "spikelet_"
"""Columns of a table of edge types that begin so hold what NEST's parameters say up to rounding."""

_COMMON = ("weight", "delay", "receptor_type")


def connect_edges(
    config: Config,
    net: NetworkContents,
    nodes: Mapping[str, Nodes],
    populations: Mapping[str, list[Population]],
) -> dict[str, list[Projection]]:
    """Connect the populations of a network by the edges of a circuit.

    Parameters
    ----------
    config : Config
        The circuit.
    net : Network
        The network.
    nodes : dict of str to Nodes
        The populations of nodes.
    populations : dict of str to list of Population
        The population of each of their parts.

    Returns
    -------
    dict of str to list of Projection
        The projections of each population of edges: one for each kind of synapse and pair of parts.

    Raises
    ------
    ValueError
        If anything is missing or wrong; the message names the file and the group.
    OSError
        If a file cannot be opened.
    """

    def read(group: hdf5.Group, types: dict[int, Row]) -> list[Projection]:
        return _Edges(config, group, nodes, types).connect(net, populations)

    return hdf5.read_populations(config, "edge", read)


class _Type(NamedTuple):
    """A type of edges."""

    synapse: Synapse
    weight: float
    delay: float
    copies: float  # with the sign
    sign: float


class _Edges:
    """A population of edges in an open file."""

    def __init__(
        self, config: Config, group: hdf5.Group, nodes: Mapping[str, Nodes], rows: dict[int, Row]
    ) -> None:
        self.group = group
        self.source = group.sized("source_node_id", "iu")
        self.n = self.source.shape[0]
        self.target = group.dataset("target_node_id", "iu", self.n)
        self.type_id = group.dataset("edge_type_id", "iu", self.n)
        self.pre, self.post = (
            _ends(group, end, data, nodes)
            for end, data in (("source", self.source), ("target", self.target))
        )
        self.group_id, self.index = hdf5.group_columns(group, "edge", self.n)
        self.columns = {k: _columns(g) for k, g in group.numbered().items()}
        if not rows:
            fail(group.where, "edge_types_file", None, "must be given, with at least one type")
        self.numbers = np.array(sorted(rows), dtype=np.int64)
        types = [_type(config, group, k, rows[k]) for k in sorted(rows)]
        synapses, *columns = zip(*types, strict=True)
        self.synapses = list(dict.fromkeys(synapses))
        self.kind = np.array([self.synapses.index(synapse) for synapse in synapses], np.int64)
        self.weights, self.delays, self.copies, self.signs = map(np.array, columns)

    def connect(
        self, net: NetworkContents, populations: Mapping[str, list[Population]]
    ) -> list[Projection]:
        """Read the edges twice, to count and to place them, and connect what they connect."""
        streams: dict[_Key, tuple[StreamedProjection, float]] = {}
        with naming(self.group.where):
            for _, ids, key, chosen in self._blocks(types=len(self.synapses) > 1):
                if key not in streams:
                    streams[key] = self._stream(net, populations, key)
                streams[key][0].count(ids[0][chosen], ids[1][chosen])
            for begin, ids, key, chosen in self._blocks(types=True):
                stream, factor = streams[key]
                weight, delay = self._values(begin, begin + len(ids[0]), chosen)
                if factor != 1:
                    weight = factor * weight
                stream.place(ids[0][chosen], ids[1][chosen], weight, delay)
            return [stream.connect() for stream, _ in streams.values()]

    def _blocks(self, *, types: bool) -> Iterator[tuple[int, tuple[Array, Array], _Key, Any]]:
        """Yield where each block begins, its sources and targets, and the edges of each projection in it."""
        ends = []
        for nodes, data, name in (
            (self.pre, self.source, "source_node_id"),
            (self.post, self.target, "target_node_id"),
        ):
            ends.append((nodes, data, f"{self.group.where}/{name}", *nodes.place()))
        for begin in range(0, self.n, hdf5.BLOCK):
            end = min(begin + hdf5.BLOCK, self.n)
            found, parts = [], []
            for nodes, data, where, part, local in ends:
                rows = nodes.rows_of(where, "id", data[begin:end])
                parts.append(None if part is None else part[rows])
                found.append(rows.astype(np.uint32) if local is None else local[rows])
            ids = found[0], found[1]
            kind = None
            if types:
                at = self._types(begin, end)
                kind = self.kind[at] if len(self.synapses) > 1 else None
            if kind is None and all(part is None for part in parts):
                yield begin, ids, (0, 0, 0), slice(None)
                continue
            columns = [np.zeros(end - begin, np.int64) if x is None else x for x in (kind, *parts)]
            label = (columns[0] << 32) + (columns[1].astype(np.int64) << 16) + columns[2]
            for one in np.unique(label).tolist():
                key = one >> 32, (one >> 16) & 0xFFFF, one & 0xFFFF
                yield begin, ids, key, np.flatnonzero(label == one)

    def _types(self, begin: int, end: int) -> Array:
        """Return the type of each edge of a block, by place in the table."""
        ids = self.type_id[begin:end]
        if len(ids) and (ids == ids[0]).all():
            ids = ids[:1]
        at = np.minimum(np.searchsorted(self.numbers, ids), len(self.numbers) - 1)
        wrong = self.numbers[at] != ids
        if wrong.any():
            known = ", ".join(map(str, self.numbers.tolist()))
            rule = f"must be in the table of types ({known})"
            fail(f"{self.group.where}/edge_type_id", "id", int(ids[wrong][0]), rule)
        return np.broadcast_to(at, (end - begin,))

    def _values(self, begin: int, end: int, chosen: Any) -> tuple[Array, Array]:
        """Return weights and delays [ms] of some edges of a block: one, or one for each."""
        at = self._types(begin, end)[chosen]
        one = len(at) > 0 and (at.strides == (0,) or bool((at == at[0]).all()))
        at = at[:1] if one else at
        weight, delay, copies = self.weights[at], self.delays[at], self.copies[at]
        if self.group_id is not None or any(self.columns.values()):
            n = end - begin if isinstance(chosen, slice) else len(chosen)
            own = self._own_values(begin, end, chosen)
            weight, delay, copies = (
                _merged(own.get(name), np.broadcast_to(x, (n,)))
                for name, x in (("syn_weight", weight), ("delay", delay), ("nsyns", copies))
            )
            if "nsyns" in own:
                copies = copies * self.signs[at]
        plain = copies.size == 1 and copies[0] == 1
        return (weight if plain else weight * copies), delay

    def _own_values(self, begin: int, end: int, chosen: Any) -> dict[str, Any]:
        """Return the values that single edges have in the file: for each, or for those of a mask."""
        if self.group_id is None or self.index is None:
            (number,) = self.columns
            groups, index = np.array([number]), np.arange(begin, end)[chosen]
            ids = None
        else:
            ids, index = self.group_id[begin:end][chosen], self.index[begin:end][chosen]
            groups = ids[:1] if len(ids) and (ids == ids[0]).all() else np.unique(ids)
        found: dict[str, Any] = {}
        for number in groups.tolist():
            if number not in self.columns:
                names = ", ".join(map(str, self.columns)) or "none"
                rule = f"must be one of the groups ({names})"
                fail(f"{self.group.where}/edge_group_id", "id", number, rule)
            mine = None if len(groups) == 1 or ids is None else ids == number
            at = index if mine is None else index[mine]
            for name, data in self.columns[number].items():
                where, length = f"{self.group.where}/edge_group_index", data.shape[0]
                hdf5.require_within(where, "index", at, length, f"the length of {number}/{name}")
                values = hdf5.column(data, at.astype(np.int64, copy=False))
                values = values.astype(np.float64, copy=False)
                if mine is None:
                    found[name] = values
                    continue
                mask, all_values = found.setdefault(
                    name, (np.zeros(len(index), bool), np.zeros(len(index)))
                )
                mask[mine], all_values[mine] = True, values
        return found

    def _stream(
        self, net: NetworkContents, populations: Mapping[str, list[Population]], key: _Key
    ) -> tuple[StreamedProjection, float]:
        """Return the projection to be of some edges, and the factor from NEST's weights to ours."""
        synapse, where = self.synapses[key[0]], self.group.where
        pre, post = populations[self.pre.name][key[1]], populations[self.post.name][key[2]]
        part, model = self.post.parts[key[2]], post.model
        if not isinstance(model, NeuronModel):
            rule = "must be neurons; these cannot receive spikes"
            fail(where, "target_node_id", part.template, rule, got="nodes that are")
        receptor, factor = _receptor(where, synapse, model)
        plasticity = synapse.rule(where, _uniform(where, synapse, part.plastic))
        if synapse.negative and synapse.template != "vogels_sprekeler_synapse" and factor == 1:
            rule = f"must be > 0 for {synapse.template} at synapses with currents"
            fail(where, "Wmax", dict(synapse.parameters)["Wmax"], rule)
        return StreamedProjection(net, pre, post, receptor, plasticity), factor


def _merged(own: Any, of_types: Array) -> Array:
    """Return the values of edges: their own where they have one, or else their type's; one if they share it."""
    if own is None:
        return of_types[:1] if of_types.strides == (0,) else of_types
    return np.where(own[0], own[1], of_types) if isinstance(own, tuple) else own


def _ends(group: hdf5.Group, end: str, data: Any, nodes: Mapping[str, Nodes]) -> Nodes:
    name = hdf5.text(data.attrs.get("node_population"))
    if not isinstance(name, str) or name not in nodes:
        known = ", ".join(nodes)
        rule = f"must be a population of nodes ({known})"
        fail(f"{group.where}/{end}_node_id", "node_population", name, rule)
    return nodes[name]


def _columns(group: hdf5.Group) -> dict[str, Any]:
    """Return the datasets of a group of edges that matter here."""
    if "model_template" in group:
        rule = "must be in the table of types: spikelet reads no synapse model of single edges"
        fail(group.where, "model_template", "a dataset", rule)
    if "dynamics_params" in group and group.child("dynamics_params").datasets():
        names = ", ".join(group.child("dynamics_params").datasets())
        rule = "must be in the table of types: spikelet reads no parameters of single edges"
        fail(group.where, "dynamics_params", names, rule)
    found = {k: group.optional(k, "iuf") for k in ("syn_weight", "delay", "nsyns")}
    return {k: data for k, data in found.items() if data is not None}


def _type(config: Config, group: hdf5.Group, type_id: int, row: Row) -> _Type:
    where = f"{group.where}: edge type {type_id}"
    function = row.get("weight_function", _PLAIN[0])
    if function not in _PLAIN:
        rule = f"must be {_PLAIN[0]} or NULL: spikelet has no functions of weights"
        fail(where, "weight_function", function, rule)
    template = row.get("model_template", "static_synapse")
    parameters: dict[str, Any] = {
        k: value for k in settable(template) if (value := number(where, row, k)) is not None
    }
    parameters |= config.parameters("synaptic_models_dir", row.get("dynamics_params"), where)
    sign = _sign(where, parameters)
    exact = {
        k.removeprefix(EXACT): value
        for k in row
        if k.startswith(EXACT) and (value := number(where, row, k)) is not None
    }
    synapse = read_synapse(where, template, parameters, exact)
    given = [
        parameters.get("weight", number(where, row, "syn_weight")),
        parameters.get("delay", number(where, row, "delay")),
        number(where, row, "nsyns"),
    ]
    weight, delay, copies = (1.0 if value is None else float(value) for value in given)
    return _Type(synapse, weight, delay, sign * copies, sign)


def _sign(where: str, parameters: dict[str, Any]) -> float:
    """Take the sign of the weights from parameters of an "instantaneous" synapse, which is for NEURON's IntFire1."""
    if not str(parameters.pop("level_of_detail", "instan")).startswith("instan"):
        fail(where, "level_of_detail", "another one", "must be instantaneous")
    sign = parameters.pop("sign", 1)
    if sign not in (1, -1):
        fail(where, "sign", sign, "must be 1 or -1")
    return float(sign)


def _receptor(where: str, synapse: Synapse, model: NeuronModel) -> tuple[str | None, float]:
    """Return the receptor by name, and the factor from NEST's weights to ours."""
    if model.by_sign or len(model.receptors) == 1:
        if synapse.receptor:
            rule = f"must be 0: {type(model).__name__} has no ports"
            fail(where, "receptor_type", synapse.receptor, rule)
        negative = synapse.negative and model.conductance
        return ("in", -1.0) if negative else (None, 1.0)
    if not 1 <= synapse.receptor <= len(model.receptors):
        rule = f"must be 1 to {len(model.receptors)}, for {', '.join(model.receptors)}"
        fail(where, "receptor_type", synapse.receptor, rule)
    return model.receptors[synapse.receptor - 1], 1.0


def _uniform(where: str, synapse: Synapse, plastic: Mapping[str, Any]) -> dict[str, float]:
    """Return the parameters of rules in target neurons, each of which must be one number."""
    if synapse.template == "static_synapse":
        return {}
    for key, value in plastic.items():
        if np.ndim(value):
            values = np.unique(value)[:2].tolist()
            fail(where, key, values, "must be the same in all target neurons", got="values")
    return {key: float(value) for key, value in plastic.items()}


# --- synapse models, which edges name as NEST does ------------------------------------------------------


@dataclass(frozen=True)
class Synapse:
    """The synapse model of a type of edges; edges of equal descriptions are one projection."""

    template: str
    parameters: tuple[tuple[str, float], ...]
    exact: tuple[tuple[str, float], ...]
    receptor: int

    @property
    def negative(self) -> bool:
        """True for NEST's inhibitory synapses, whose weights have a negative bound."""
        return dict(self.parameters).get("Wmax", 1.0) < 0

    def rule(self, where: str, of_target: Mapping[str, float]) -> Plasticity | None:
        """Return the plasticity rule.

        Parameters
        ----------
        where : str
            Names the edges in errors.
        of_target : dict
            What NEST keeps in the target neurons: ``tau_minus``, ``tau_minus_triplet``.

        Raises
        ------
        ValueError
            If the parameters do not fit.
        """
        try:
            target = {**TARGET_DEFAULTS, **of_target}
            rule = rule_of(self.template, dict(self.parameters), target)
            return rule if rule is None else dataclasses.replace(rule, **dict(self.exact))
        except ValueError as error:
            msg = f"{where}: {self.template}: {error}"
            raise ValueError(msg) from None


def read_synapse(
    where: str, template: str, parameters: Mapping[str, Any], exact: Mapping[str, float]
) -> Synapse:
    """Return what a template and its parameters mean.

    Parameters
    ----------
    where : str
        Names the type of edges in errors.
    template : str
        NEST's name of the synapse model.
    parameters : dict
        NEST's parameters of it.
    exact : dict
        Parameters of our rule, where `parameters` have them up to rounding only.

    Raises
    ------
    ValueError
        If there is no such model, or it has no such parameter.
    """
    name = template.removeprefix("nest:")
    if name not in MODELS:
        near = suggestion(name, MODELS)
        rule = f"must be a synapse model of NEST that spikelet has{near} (there are: {', '.join(MODELS)})"
        fail(where, "model_template", template, rule)
    values = dict(MODELS[name].defaults)
    receptor = 0
    for key in exact:
        if "lambda" not in values or key not in ("A_plus", "A_minus"):
            fail(where, f"{EXACT}{key}", exact[key], f"must not be given for {name}")
    for key, value in parameters.items():
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            fail(where, key, value, "must be a number")
        if key == "receptor_type":
            receptor = int(value)
        elif key in values:
            values[key] = float(value)
        elif key == "u" and name.startswith("tsodyks"):
            if value not in (0.0, values["U"], parameters.get("U")):
                fail(where, key, value, "must be U: a synapse starts at rest")
        elif key in STATES_AT_REST:
            rest = STATES_AT_REST[key]
            if value != rest:
                fail(where, key, value, f"must be {rest:g}: a synapse starts at rest")
        elif key not in _COMMON:
            near = suggestion(key, [*values, *_COMMON])
            fail(where, "parameter", key, f"must be one of NEST's {name}{near}")
    return Synapse(name, tuple(sorted(values.items())), tuple(sorted(exact.items())), receptor)


def settable(template: str) -> tuple[str, ...]:
    """Return the columns of a table that NEST takes for parameters of a synapse model."""
    row = MODELS.get(template.removeprefix("nest:"))
    return (*(row.defaults if row else ()), "receptor_type")
