"""Small SONATA circuits, written with h5py alone, and ways to damage them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

CELL = {
    "C_m": 200.0,
    "tau_m": 10.0,
    "E_L": -70.0,
    "V_th": -55.0,
    "V_reset": -68.0,
    "t_ref": 2.0,
    "I_e": 320.0,
}
TABLE = "node_type_id model_type model_template dynamics_params ei\n"


def write(group: h5py.Group, values: Mapping[str, Any]) -> None:
    """Write datasets, and groups where a value is a mapping."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            write(group.require_group(name), value)
        else:
            group[name] = value


def nodes(
    folder: Path, name: str, types: Any, rows: str, *, groups: Any = None, **columns: Any
) -> dict[str, str]:
    """Write a population of nodes, and return its entry of the configuration."""
    n = len(types)
    base = {"node_type_id": np.asarray(types, np.uint64)}
    if groups is not None:
        base |= {
            "node_group_id": np.zeros(n, np.uint32),
            "node_group_index": np.arange(n, dtype=np.uint64),
        }
    with h5py.File(folder / f"{name}_nodes.h5", "w") as file:
        write(file.create_group(f"nodes/{name}"), {**base, **(groups or {}), **columns})
    (folder / f"{name}_types.csv").write_text(rows)
    return {
        "nodes_file": f"$NET/{name}_nodes.h5",
        "node_types_file": f"$NET/{name}_types.csv",
    }


def edges(
    folder: Path,
    ends: tuple[str, str],
    pre: Any,
    post: Any,
    rows: str,
    types: Any = 100,
    **more: Any,
) -> dict[str, str]:
    """Write a population of edges, and return its entry of the configuration."""
    name, n = "_to_".join(ends), len(pre)
    base = {
        "source_node_id": np.asarray(pre, np.uint64),
        "target_node_id": np.asarray(post, np.uint64),
        "edge_type_id": np.broadcast_to(np.asarray(types, np.uint32), (n,)),
        "edge_group_id": np.zeros(n, np.uint16),
        "edge_group_index": np.arange(n, dtype=np.uint32),
        "0": {},
    }
    with h5py.File(folder / f"{name}_edges.h5", "w") as file:
        group = file.create_group(f"edges/{name}")
        write(group, {**base, **more})
        for end, population in zip(("source", "target"), ends, strict=True):
            group[f"{end}_node_id"].attrs["node_population"] = population
    (folder / f"{name}_types.csv").write_text(rows)
    return {"edges_file": f"$NET/{name}_edges.h5", "edge_types_file": f"$NET/{name}_types.csv"}


def config(folder: Path, nodes: list[Any], edges: list[Any] | None = None, **sections: Any) -> Path:
    """Write a configuration of circuit and simulation in one file."""
    values = {
        "manifest": {"$BASE": "${configdir}", "$NET": "$BASE/."},
        "components": {"point_neuron_models_dir": "$BASE", "synaptic_models_dir": "$BASE"},
        "networks": {"nodes": nodes, "edges": edges or []},
        "run": {"tstop": 100.0, "dt": 0.1},
        "target_simulator": "NEST",
        **sections,
    }
    path = folder / "config.json"
    path.write_text(json.dumps(values))
    return path


def cell(folder: Path, name: str = "cell.json", **changes: Any) -> None:
    """Write the parameters of a model."""
    (folder / name).write_text(json.dumps({**CELL, **changes}))


def spike_file(path: Path, groups: Mapping[str, Any]) -> None:
    """Write /spikes of a file of spikes."""
    with h5py.File(path, "w") as file:
        write(file.create_group("spikes"), groups)


def small(folder: Path, **sections: Any) -> Path:
    """Write 20 cells of two types that 5 virtual sources drive, all connected at random; return the configuration."""
    rng = np.random.default_rng(3)
    cell(folder)
    cell(folder, "other.json", I_e=310.0, tau_m=12.0)
    types = rng.permutation(np.repeat([100, 101], 10))
    rows = (
        TABLE
        + "100 point_neuron nest:iaf_psc_exp cell.json e\n101 point_neuron nest:iaf_psc_exp other.json i\n"
    )
    n, m = 200, 40
    parts = [
        nodes(folder, "cells", types, rows, groups={"0": {"x": np.arange(20.0)}}),
        nodes(folder, "given", np.full(5, 100), "node_type_id model_type\n100 virtual\n"),
    ]
    inner = edges(
        folder, ("cells", "cells"), rng.integers(0, 20, n), rng.integers(0, 20, n),
        "edge_type_id model_template delay\n100 static_synapse 1.5\n",
        **{"0": {"syn_weight": rng.normal(5.0, 20.0, n)}},
    )  # fmt: skip
    outer = edges(
        folder, ("given", "cells"), rng.integers(0, 5, m), rng.integers(0, 20, m),
        "edge_type_id model_template syn_weight\n100 static_synapse 250.0\n",
        **{"0": {"delay": rng.integers(5, 20, m) * 0.1}},
    )  # fmt: skip
    ids = rng.integers(0, 5, 60).astype(np.uint64)
    spike_file(
        folder / "spikes.h5", {"gids": ids, "timestamps": np.sort(rng.uniform(0.5, 90.0, 60))}
    )
    inputs = {
        "given": {
            "input_type": "spikes",
            "module": "h5",
            "input_file": "$BASE/spikes.h5",
            "node_set": "given",
        }
    }
    output = {"output_dir": "$BASE/output", "spikes_file": "out.h5"}
    return config(folder, parts, [inner, outer], **{"inputs": inputs, "output": output, **sections})
