"""Write a network as SONATA files: circuit, simulation, inputs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, scalar
from spikelet._util.files import path_of
from spikelet._util.spelling import spelled
from spikelet.io.nest.build import given_spikes
from spikelet.io.nest.neuron_models import Cell, find_cell, start_of, weight_factor
from spikelet.io.nest.obstacles import (
    Findings,
    inspect_projection,
    target_parameters,
    unregulated,
)
from spikelet.io.nest.synapse_models import synapse_of
from spikelet.io.sonata.edges import EXACT
from spikelet.io.sonata.outputs import begin_file, write_spikes
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.receptors import BY_SIGN
from spikelet.network.recorders import StateRecorder
from spikelet.neurons import IntegrateAndFire, NeuronModel
from spikelet.plasticity import STDP, TsodyksMarkram
from spikelet.sources import PoissonSource, RasterSource, SpikeSource, StepCurrent
from spikelet.sources.packets import PulsePacket

WHERE = "write_sonata"
_FIRST_TYPE = 100
_MOST_TYPES = 1024
_COMPONENTS = ("point_neuron_models", "synaptic_models")

Floats = npt.NDArray[np.float64]


@spelled
def write_sonata(
    net: NetworkContents,
    folder: str | os.PathLike[str],
    *,
    tstop: float = 1000.0,
    overwrite: bool = False,
) -> Path:
    """Write a network as a SONATA circuit and simulation, for `read_sonata`, NEST and other programs.

    Reading the files gives the same network: in float64 the same spikes, bit for bit. Each population becomes a
    population of nodes, each projection one of edges, each source of given spikes a file of inputs, each recorder of a
    state a report.

    Parameters
    ----------
    net : Network
        A network that has not run. Its neuron models, synapses and sources must have a counterpart in NEST.
    folder : path-like
        The folder to write to, which is made.
    tstop : float
        How long the simulation lasts [ms]: a multiple of `dt`.
    overwrite : bool
        Whether the folder may hold files; those of the same names are replaced.

    Returns
    -------
    Path
        The configuration of the simulation, ``simulation_config.json``; ``circuit_config.json`` lies next to it.

    Raises
    ------
    ValueError
        If SONATA or NEST cannot represent something; the message lists all that.
    FileExistsError
        If the folder holds files.
    OSError
        If a file cannot be written.

    Notes
    -----
    Parameters that differ between neurons make types of nodes, up to 1024 in a population; beyond that they are written
    by node, in ``dynamics_params`` of the HDF5 file, which NEST's SonataNetwork ignores. A PoissonSource becomes a
    poisson_generator, from which each target gets its own train in NEST.
    """
    stop = scalar(WHERE, "tstop", tstop, "> 0", "ms")
    if not isinstance(net, NetworkContents):
        rule = "must be a Network; what read_sonata returns has it as .network"
        fail(WHERE, "net", type(net).__name__, rule, error=TypeError)
    if abs(round(stop / net.dt) * net.dt - stop) > 1e-6 * net.dt:
        fail(WHERE, "tstop", stop, f"must be a multiple of dt = {net.dt:g} ms")
    found = obstacles(net)
    if found:
        msg = f"{WHERE}: SONATA cannot represent this network:\n  " + "\n  ".join(found)
        raise ValueError(msg)
    root = path_of(WHERE, folder, "folder")
    if root.exists() and not overwrite and any(root.iterdir()):
        msg = f"{WHERE}: {root} is not empty; pass overwrite=True to write there"
        raise FileExistsError(msg)
    return _Writer(net, root).write(stop)


# Obstacles ------------------------------------------------------------------------------------------------------------


def obstacles(net: NetworkContents) -> list[str]:
    """Return everything that SONATA, or NEST's models that it names, cannot represent."""
    if net.ranks.size > 1:
        return ["it is shared by several ranks: make it with comm=None"]
    found: list[str] = []
    if net.t != 0:
        why = "write it before the first run, or after reset()"
        found.append(f"it has run for {net.t:g} ms: {why}")
    for population in net.populations:
        found += _of_population(net, population)
    for projection in net.projections:
        if len(projection):
            found += _of_projection(projection)
    found += [
        f"{type(drive.input).__name__} to {drive.target.name}: SONATA has current clamps (StepCurrent) only"
        for drive in net.inputs
        if not isinstance(drive.input, StepCurrent)
    ]
    return found + unregulated(net, "SONATA")


def _of_population(net: NetworkContents, population: Population) -> list[str]:
    name, model = population.name, population.model
    if not len(population):
        return [f"{name} has no elements"]
    if isinstance(model, PoissonSource):
        always = model.start is None and model.stop is None
        return [] if always else [f"{name}: a poisson_generator of SONATA has no start and stop"]
    if not isinstance(model, NeuronModel):
        given = isinstance(model, (SpikeSource, RasterSource, PulsePacket))
        return [] if given else [f"{name}: {type(model).__name__} is not a source of given spikes"]
    cell = find_cell(model, exact=True)
    if cell is None:
        return [f"{name}: NEST has no model like {type(model).__name__} with these parameters"]
    reasons = list(target_parameters(net, population)[1])
    unset = set(_states(population, cell)) - {"V_m", "g_ex", "g_in"}
    if unset and isinstance(model, IntegrateAndFire):
        reasons.append(f"{name}: {', '.join(sorted(unset))} cannot be set in {cell.name}")
    return reasons


def _of_projection(projection: Projection) -> list[str]:
    found, rule = Findings(), projection.plasticity
    inspect_projection(projection, found)
    reasons = [*found.refused, *found.left_out]
    if isinstance(rule, TsodyksMarkram) and rule.varied:
        reasons.append(f"{projection!r}: parameters by synapse, {', '.join(rule.varied)}")
    return reasons


# Types of nodes -------------------------------------------------------------------------------------------------------


@dataclass
class Table:
    """The nodes of a population: parameters of each type, and those that each node has."""

    template: str
    types: npt.NDArray[np.int64]
    by_type: list[dict[str, Any]]
    by_node: dict[str, Floats] = field(default_factory=dict)

    @classmethod
    def of(cls, template: str, n: int, parameters: Mapping[str, Any]) -> Self:
        """Return a table with as few types as there are different nodes, or one if these are too many.

        Parameters
        ----------
        template : str
            NEST's name of the model.
        n : int
            Number of nodes.
        parameters : dict of str to (number, array, or list of these)
            NEST's parameters.
        """
        arrays = {key: _by_node(value, n) for key, value in parameters.items()}
        varied = {key: array for key, array in arrays.items() if (array != array[:1]).any()}
        matrix = np.column_stack([*varied.values()] or [np.zeros(n)])
        _, first, types = np.unique(matrix, axis=0, return_index=True, return_inverse=True)
        own: dict[str, Floats] = {}
        if len(first) > _MOST_TYPES and all(array.ndim == 1 for array in arrays.values()):
            first, types, own = first[:1], np.zeros(n, np.int64), varied
        by_type = [
            {key: array[row].tolist() for key, array in arrays.items() if key not in own}
            for row in first
        ]
        return cls(template, types.reshape(-1).astype(np.int64), by_type, own)


def _by_node(value: Any, n: int) -> Floats:
    """Return the values of a parameter, [n], or of one that is a list, [n, length]."""
    if not isinstance(value, list):
        return np.broadcast_to(np.asarray(value, np.float64), n)
    return np.array([_by_node(v, n) for v in value]).reshape(len(value), n).T


def neuron_table(net: NetworkContents, population: Population) -> Table:
    """Return the nodes of neurons, with the states in which they start, and what rules keep in them."""
    cell = find_cell(population.model, exact=True)
    assert cell is not None
    kept, _ = target_parameters(net, population)
    values = {**cell.parameters, **kept, **_states(population, cell)}
    return Table.of(cell.name, len(population), values)


def _states(population: Population, cell: Cell) -> dict[str, Floats]:
    """Return the states that differ from those with which NEST starts, in NEST's values."""
    n, found = len(population), {}
    first = cell.model.initial(n, lambda _: np.full(n, np.nan)) | dict(start_of(cell.name))
    for state in cell.model.states:
        values = np.asarray(getattr(population, state), np.float64)
        if (values != first.get(state, 0.0)).any():
            found[state] = values / cell.factors.get(state, 1.0)
    return found


# Files ----------------------------------------------------------------------------------------------------------------


class _Writer:
    def __init__(self, net: NetworkContents, root: Path) -> None:
        self.net, self.network = net, root / "network"
        self.root, self.components = root, root / "components"
        names = _unique([p.name for p in net.populations])
        self.names = {p.index: name for p, name in zip(net.populations, names, strict=True)}
        self.inputs: dict[str, Any] = {}
        self.sets: dict[str, Any] = {}
        for name in _COMPONENTS:
            (self.components / name).mkdir(parents=True, exist_ok=True)
        for name in ("network", "inputs"):
            (root / name).mkdir(exist_ok=True)

    def write(self, stop: float) -> Path:
        """Write everything; return the simulation's configuration."""
        nodes = [self._nodes(p) for p in self.net.populations]
        projections = [p for p in self.net.projections if len(p)]
        pairs = [f"{self.names[p.pre.index]}_to_{self.names[p.post.index]}" for p in projections]
        edges = [self._edges(p, n) for p, n in zip(projections, _unique(pairs), strict=True)]
        self._clamps(stop)
        manifest = {"$BASE_DIR": "."}
        circuit = {
            "manifest": manifest,
            "components": {f"{name}_dir": f"$BASE_DIR/components/{name}" for name in _COMPONENTS},
            "networks": {"nodes": nodes, "edges": edges},
            "target_simulator": "NEST",
        }
        simulation = {
            "manifest": manifest,
            "network": "$BASE_DIR/circuit_config.json",
            "target_simulator": "NEST",
            "run": {"tstop": stop, "dt": self.net.dt, "random_seed": self.net.seed},
            "node_sets_file": "$BASE_DIR/node_sets.json",
            "inputs": self.inputs,
            "output": {
                "output_dir": "$BASE_DIR/output",
                "spikes_file": "spikes.h5",
                "spikes_sort_order": "time",
            },
            "reports": self._reports(),
        }
        _write_json(self.root / "circuit_config.json", circuit)
        _write_json(self.root / "node_sets.json", self.sets)
        path = self.root / "simulation_config.json"
        _write_json(path, simulation)
        return path

    # Nodes --------------------------------------------------------------------------------------------------------

    def _nodes(self, population: Population) -> dict[str, str]:
        name, model, n = self.names[population.index], population.model, len(population)
        if isinstance(model, NeuronModel):
            table = neuron_table(self.net, population)
        elif isinstance(model, PoissonSource):
            table = Table.of("poisson_generator", n, {"rate": model.rate})
        else:
            table = Table.of("virtual", n, {})
            self._spikes(population, name)
        with begin_file(self.network / f"{name}_nodes.h5") as file:
            group = file.create_group(f"nodes/{name}")
            group["node_id"] = np.arange(n, dtype=np.uint64)
            group["node_type_id"] = (_FIRST_TYPE + table.types).astype(np.uint64)
            group["node_group_id"] = np.zeros(n, np.uint32)
            group["node_group_index"] = np.arange(n, dtype=np.uint64)
            own = group.create_group("0")
            if population.positions is not None:
                for axis, column in zip("xyz", population.positions.T, strict=False):
                    own[axis] = np.array(column)
            for key, values in table.by_node.items():
                own[f"dynamics_params/{key}"] = values
        return self._listed("node", name, self._node_types(name, table))

    def _node_types(self, name: str, table: Table) -> list[dict[str, Any]]:
        if table.template == "virtual":
            return [{"node_type_id": _FIRST_TYPE, "model_type": "virtual"}]
        rows = []
        for type_id, parameters in enumerate(table.by_type, _FIRST_TYPE):
            file = f"{name}_{type_id}.json"
            _write_json(self.components / "point_neuron_models" / file, parameters)
            row = {"node_type_id": type_id, "model_type": "point_neuron"}
            row |= {"model_template": f"nest:{table.template}", "dynamics_params": file}
            rows.append(row)
        return rows

    def _listed(self, kind: str, name: str, rows: list[dict[str, Any]]) -> dict[str, str]:
        """Write a table of types; return the entry of nodes or edges in the circuit."""
        table = f"{name}_{kind}_types.csv"
        lines = [" ".join(rows[0]), *(" ".join(map(str, row.values())) for row in rows)]
        (self.network / table).write_text("\n".join(lines) + "\n", encoding="utf-8")
        return {
            f"{kind}s_file": f"$BASE_DIR/network/{name}_{kind}s.h5",
            f"{kind}_types_file": f"$BASE_DIR/network/{table}",
        }

    def _spikes(self, population: Population, name: str) -> None:
        stamps, ids = given_spikes(self.net, population)
        order = np.lexsort((ids, stamps))
        train = self.net.engine.ms(stamps[order]), ids[order].astype(np.int64)
        file = f"{name}_spikes.h5"
        write_spikes(self.root / "inputs" / file, {name: train}, "by_time")
        self.inputs[f"{name}_spikes"] = {
            "input_type": "spikes",
            "module": "h5",
            "input_file": f"$BASE_DIR/inputs/{file}",
            "node_set": name,
        }

    # Edges --------------------------------------------------------------------------------------------------------

    def _edges(self, projection: Projection, name: str) -> dict[str, str]:
        how, post = synapse_of(projection, self.net.dt), projection.post.model
        assert isinstance(post, NeuronModel)
        factor = weight_factor(post, projection.receptor)
        row: dict[str, Any] = {"edge_type_id": _FIRST_TYPE, "model_template": how.model}
        if projection.receptor != BY_SIGN and not post.by_sign and len(post.receptors) > 1:
            row["receptor_type"] = projection.receptor + 1
        parameters = {k: float(v) for k, v in how.parameters.items() if k != "weight"}
        if parameters:
            row["dynamics_params"] = f"{name}.json"
            _write_json(self.components / "synaptic_models" / f"{name}.json", parameters)
        rule = projection.plasticity
        if isinstance(rule, STDP):  # NEST's lambda and alpha are quotients of these
            row |= {f"{EXACT}{k}": repr(float(getattr(rule, k))) for k in ("A_plus", "A_minus")}
        columns = {
            "syn_weight": projection.weights.astype(np.float64) * factor,
            "delay": np.array(projection.delays),
        }
        for key, values in list(columns.items()):
            if (values == values[0]).all():
                row[key] = repr(float(values[0]))
                del columns[key]
        self._edges_file(projection, name, columns)
        return self._listed("edge", name, [row])

    def _edges_file(self, projection: Projection, name: str, columns: dict[str, Floats]) -> None:
        n = len(projection)
        with begin_file(self.network / f"{name}_edges.h5") as file:
            group = file.create_group(f"edges/{name}")
            for end, population, ids in (
                ("source", projection.pre, projection.pre_ids),
                ("target", projection.post, projection.post_ids),
            ):
                data = group.create_dataset(f"{end}_node_id", data=ids.astype(np.uint64))
                data.attrs["node_population"] = self.names[population.index]
            group["edge_type_id"] = np.full(n, _FIRST_TYPE, np.uint32)
            group["edge_group_id"] = np.zeros(n, np.uint16)
            group["edge_group_index"] = np.arange(n, dtype=np.uint32 if n < 2**32 else np.uint64)
            own = group.create_group("0")
            for key, values in columns.items():
                own[key] = values

    # Inputs and reports -------------------------------------------------------------------------------------------

    def _clamps(self, stop: float) -> None:
        for k, drive in enumerate(self.net.inputs):
            assert isinstance(drive.input, StepCurrent)
            times, amplitudes = drive.input.times, np.asarray(drive.input.amplitudes, np.float64)
            columns = amplitudes[:, None] if amplitudes.ndim == 1 else amplitudes
            ends = [*np.asarray(times)[1:], max(stop, float(times[-1]))]
            for j, column in enumerate(columns.T):
                target = drive.target if amplitudes.ndim == 1 else drive.target[j : j + 1]
                chosen = self._set(target, f"input{k}" if amplitudes.ndim == 1 else f"input{k}_{j}")
                for i, (begin, end, value) in enumerate(zip(times, ends, column, strict=True)):
                    if value and end > begin:
                        self.inputs[f"current{k}_{j}_{i}"] = {
                            "input_type": "current_clamp",
                            "module": "IClamp",
                            "node_set": chosen,
                            "amp": float(value),
                            "delay": float(begin),
                            "duration": float(end - begin),
                        }

    def _set(self, target: Population, name: str) -> str:
        """Return the name of a node set for a population or a part of one."""
        population = self.names[target.index]
        if target.whole:
            return population
        chosen = _unique([*self.names.values(), *self.sets, name])[-1]
        self.sets[chosen] = {"population": population, "node_id": target.ids.tolist()}
        return chosen

    def _reports(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for recorder in self.net.recorders:
            if not isinstance(recorder, StateRecorder):
                continue
            population = self.names[recorder.target.index]
            name = _unique([*found, f"{population}_{recorder.name}"])[-1]
            found[name] = {
                "cells": self._set(recorder.target, name),
                "variable_name": recorder.name,
                "module": "membrane_report",
                "sections": "soma",
                "dt": recorder.tape.every * self.net.dt,
            }
        return found


def _unique(names: list[str]) -> list[str]:
    """Return names that are different, and can be those of files and groups."""
    found: list[str] = []
    for name in names:
        plain = re.sub(r"[^\w.-]+", "_", name, flags=re.ASCII).strip(".") or "population"
        plain = f"n{plain}" if plain.isdigit() else plain
        others = (f"{plain}_{k}" for k in range(1, len(names) + 1))
        found.append(plain if plain not in found else next(x for x in others if x not in found))
    return found


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=2, allow_nan=False) + "\n", encoding="utf-8")
