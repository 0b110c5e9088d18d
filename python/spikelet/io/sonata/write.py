"""Write a network as SONATA files: circuit, simulation, inputs."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail, number, require
from spikelet._util.files import path_of
from spikelet._util.spelling import spelled
from spikelet.io.nest import terms
from spikelet.io.sonata.outputs import begin_file, write_spikes
from spikelet.io.sonata.synapses import EXACT
from spikelet.io.sonata.translation import Table, neuron_table, obstacles, trains
from spikelet.network.contents import NetworkContents
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.receptors import BY_SIGN
from spikelet.network.recorders import StateRecorder
from spikelet.neurons import NeuronModel
from spikelet.plasticity import STDP
from spikelet.sources import PoissonSource, StepCurrent

__all__ = ["write_sonata"]

WHERE = "write_sonata"
_FIRST_TYPE = 100
_BLOCK = 1 << 20


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
        The configuration of the simulation, ``simulation_config.json``; ``circuit_config.json`` is beside it.

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
    stop = number(WHERE, "tstop", tstop, "ms")
    require(WHERE, "tstop", stop, "> 0")
    if not isinstance(net, NetworkContents):
        rule = "must be a Network; what read_sonata returns has it as .network"
        fail(WHERE, "net", type(net).__name__, rule, error=TypeError)
    last = float(stop)
    if abs(round(last / net.dt) * net.dt - last) > 1e-6 * net.dt:
        fail(WHERE, "tstop", last, f"must be a multiple of dt = {net.dt:g} ms")
    found = obstacles(net)
    if found:
        msg = f"{WHERE}: SONATA cannot represent this network:\n  " + "\n  ".join(found)
        raise ValueError(msg)
    root = path_of(WHERE, folder, "folder")
    if root.exists() and not overwrite and any(root.iterdir()):
        msg = f"{WHERE}: {root} is not empty; pass overwrite=True to write there"
        raise FileExistsError(msg)
    return _Writer(net, root).write(last)


class _Writer:
    def __init__(self, net: NetworkContents, root: Path) -> None:
        self.net, self.root = net, root
        self.names = _unique([p.name for p in net.populations])
        self.inputs: dict[str, Any] = {}
        self.sets: dict[str, Any] = {}
        for name in (
            "network",
            "components/point_neuron_models",
            "components/synaptic_models",
            "inputs",
        ):
            (root / name).mkdir(parents=True, exist_ok=True)

    def write(self, stop: float) -> Path:
        """Write everything; return the simulation's configuration."""
        nodes = [self._nodes(p) for p in self.net.populations]
        projections = [p for p in self.net.projections if len(p)]
        pairs = [f"{self.names[p.pre.index]}_to_{self.names[p.post.index]}" for p in projections]
        edges = [self._edges(p, n) for p, n in zip(projections, _unique(pairs), strict=True)]
        self._clamps(stop)
        reports = self._reports()
        base = {
            "$BASE_DIR": ".",
            "$NETWORK_DIR": "$BASE_DIR/network",
            "$COMPONENT_DIR": "$BASE_DIR/components",
        }
        components = {
            "point_neuron_models_dir": "$COMPONENT_DIR/point_neuron_models",
            "synaptic_models_dir": "$COMPONENT_DIR/synaptic_models",
        }
        circuit = {
            "manifest": base, "components": components, "networks": {"nodes": nodes, "edges": edges},
            "target_simulator": "NEST",
        }  # fmt: skip
        simulation = {
            "manifest": {"$BASE_DIR": ".", "$INPUT_DIR": "$BASE_DIR/inputs", "$OUTPUT_DIR": "$BASE_DIR/output"},
            "network": "$BASE_DIR/circuit_config.json",
            "target_simulator": "NEST",
            "run": {"tstop": stop, "dt": self.net.dt, "random_seed": self.net.seed},
            "node_sets_file": "$BASE_DIR/node_sets.json",
            "inputs": self.inputs,
            "output": {"output_dir": "$OUTPUT_DIR", "spikes_file": "spikes.h5", "spikes_sort_order": "time"},
            "reports": reports,
        }  # fmt: skip
        _write_json(self.root / "circuit_config.json", circuit)
        _write_json(self.root / "node_sets.json", self.sets)
        path = self.root / "simulation_config.json"
        _write_json(path, simulation)
        return path

    # Nodes --------------------------------------------------------------------------------------------------------

    def _nodes(self, population: Population) -> dict[str, str]:
        name, model = self.names[population.index], population.model
        if isinstance(model, NeuronModel):
            table = neuron_table(self.net, population)
            rows = self._node_types(name, table)
        elif isinstance(model, PoissonSource):
            table = Table.of("poisson_generator", len(population), {"rate": model.rate})
            rows = self._node_types(name, table)
        else:
            table = Table.of("virtual", len(population), {})
            rows = [{"node_type_id": _FIRST_TYPE, "model_type": "virtual"}]
            self._spikes(population, name)
        with begin_file(self.root / "network" / f"{name}_nodes.h5") as file:
            group, n = file.create_group(f"nodes/{name}"), len(population)
            group["node_id"] = np.arange(n, dtype=np.uint64)
            group["node_type_id"] = (_FIRST_TYPE + table.types).astype(np.uint64)
            group["node_group_id"] = np.zeros(n, np.uint32)
            group["node_group_index"] = np.arange(n, dtype=np.uint64)
            own = group.create_group("0")
            positions = population.positions
            if positions is not None:
                for axis, column in zip("xyz", positions.T, strict=False):
                    own[axis] = np.array(column)
            for key, values in table.by_node.items():
                own[f"dynamics_params/{key}"] = values
        _write_table(self.root / "network" / f"{name}_node_types.csv", rows)
        return {
            "nodes_file": f"$NETWORK_DIR/{name}_nodes.h5",
            "node_types_file": f"$NETWORK_DIR/{name}_node_types.csv",
        }

    def _node_types(self, name: str, table: Table) -> list[dict[str, Any]]:
        rows = []
        for k, parameters in enumerate(table.by_type):
            file = f"{name}_{_FIRST_TYPE + k}.json"
            _write_json(self.root / "components" / "point_neuron_models" / file, parameters)
            rows.append(
                {
                    "node_type_id": _FIRST_TYPE + k,
                    "model_type": "point_neuron",
                    "model_template": f"nest:{table.template}",
                    "dynamics_params": file,
                }
            )
        return rows

    def _spikes(self, population: Population, name: str) -> None:
        stamps, ids = trains(self.net, population)
        order = np.lexsort((ids, stamps))
        times = self.net.engine.ms(stamps[order])
        write_spikes(
            self.root / "inputs" / f"{name}_spikes.h5",
            {name: (times, ids[order].astype(np.int64))},
            "by_time",
        )
        self.inputs[f"{name}_spikes"] = {
            "input_type": "spikes",
            "module": "h5",
            "input_file": f"$INPUT_DIR/{name}_spikes.h5",
            "node_set": name,
        }

    # Edges --------------------------------------------------------------------------------------------------------

    def _edges(self, projection: Projection, name: str) -> dict[str, str]:
        how = terms.synapse(projection, self.net.dt)
        weights = projection.weights.astype(np.float64) * terms.sign(projection)
        delays = np.array(projection.delays)
        row: dict[str, Any] = {"edge_type_id": _FIRST_TYPE, "model_template": how.model}
        post = projection.post.model
        assert isinstance(post, NeuronModel)
        if projection.receptor != BY_SIGN and not post.by_sign and len(post.receptors) > 1:
            row["receptor_type"] = projection.receptor + 1
        parameters = {k: float(v) for k, v in how.params.items() if k != "weight"}
        if parameters:
            row["dynamics_params"] = f"{name}.json"
            _write_json(self.root / "components" / "synaptic_models" / f"{name}.json", parameters)
        rule = projection.plasticity
        if isinstance(rule, STDP):  # NEST's lambda and alpha are quotients of these
            row |= {f"{EXACT}{k}": repr(float(getattr(rule, k))) for k in ("A_plus", "A_minus")}
        columns = {}
        for key, values in (("syn_weight", weights), ("delay", delays)):
            if (values == values[0]).all():
                row[key] = repr(float(values[0]))
            else:
                columns[key] = values
        self._edges_file(projection, name, columns)
        _write_table(self.root / "network" / f"{name}_edge_types.csv", [row])
        return {
            "edges_file": f"$NETWORK_DIR/{name}_edges.h5",
            "edge_types_file": f"$NETWORK_DIR/{name}_edge_types.csv",
        }

    def _edges_file(
        self, projection: Projection, name: str, columns: Mapping[str, npt.NDArray[np.float64]]
    ) -> None:
        n = len(projection)
        with begin_file(self.root / "network" / f"{name}_edges.h5") as file:
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
            of, amplitudes = drive.input, np.asarray(drive.input.amplitudes, dtype=np.float64)
            columns = amplitudes[:, None] if amplitudes.ndim == 1 else amplitudes
            for j, column in enumerate(columns.T):
                target = drive.target if amplitudes.ndim == 1 else drive.target[j : j + 1]
                chosen = self._set(target, f"input{k}" if amplitudes.ndim == 1 else f"input{k}_{j}")
                ends = [*np.asarray(of.times)[1:], max(stop, float(of.times[-1]))]
                for i, (begin, end, value) in enumerate(zip(of.times, ends, column, strict=True)):
                    if value and end > begin:
                        self.inputs[f"current{k}_{j}_{i}"] = {
                            "input_type": "current_clamp", "module": "IClamp", "node_set": chosen,
                            "amp": float(value), "delay": float(begin), "duration": float(end - begin),
                        }  # fmt: skip

    def _set(self, target: Population, name: str) -> str:
        """Return the name of a node set for a population or a part of one."""
        population = self.names[target.index]
        if target.whole:
            return population
        chosen = _unique([*self.names, *self.sets, name])[-1]
        self.sets[chosen] = {"population": population, "node_id": target.ids.tolist()}
        return chosen

    def _reports(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        recorders = [r for r in self.net.recorders if isinstance(r, StateRecorder)]
        for recorder in recorders:
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


def _write_table(path: Path, rows: list[dict[str, Any]]) -> None:
    path.write_text("".join(f"{line}\n" for line in _lines(rows)), encoding="utf-8")


def _lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    yield " ".join(rows[0])
    for row in rows:
        yield " ".join(str(value) for value in row.values())
