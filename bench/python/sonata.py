"""Build a network from SONATA files: time, and memory against that of the network.

    python bench/python/sonata.py                                  # 10 000 nodes, 10 million edges
    python bench/python/sonata.py --edges 100_000_000 --order random

Makes the files first (`--folder` keeps them). Each measurement runs in a process of its own. "reading" is the time that
h5py takes to read the same datasets once, in the same blocks.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np

BLOCK = 1 << 20
CELL = {
    "C_m": 250.0,
    "tau_m": 10.0,
    "E_L": -70.0,
    "V_th": -55.0,
    "V_reset": -70.0,
    "t_ref": 2.0,
    "I_e": 380.0,
}


def main() -> None:
    """Make the files, and measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--nodes", type=int, default=10_000)
    parser.add_argument("--edges", type=int, default=10_000_000)
    parser.add_argument("--order", choices=["target", "random"], default="target")
    parser.add_argument("--compression", choices=["gzip"], default=None)
    parser.add_argument("--dtype", choices=["float64", "float32"], default="float64")
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--folder", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = given.folder or Path(temporary)
        if not (folder / "config.json").exists():
            generate(folder, given.nodes, given.edges, given.order, given.compression)
        report(folder, given.dtype, given.repeat)


def generate(folder: Path, nodes: int, edges: int, order: str, compression: str | None) -> None:
    """Write a network with weights and delays by edge, block by block."""
    for name in ("network", "models"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    (folder / "models" / "cell.json").write_text(json.dumps(CELL))
    network = folder / "network"
    (network / "node_types.csv").write_text(
        "node_type_id model_type model_template dynamics_params\n"
        "100 point_neuron nest:iaf_psc_exp cell.json\n"
    )
    (network / "edge_types.csv").write_text("edge_type_id model_template\n100 static_synapse\n")
    with h5py.File(network / "nodes.h5", "w") as file:
        group = file.create_group("nodes/cells")
        group["node_type_id"] = np.full(nodes, 100, np.uint64)
        group["node_id"] = np.arange(nodes, dtype=np.uint64)
    rng = np.random.default_rng(1)
    with h5py.File(network / "edges.h5", "w") as file:
        group = file.create_group("edges/cells_to_cells")
        types = {
            "source_node_id": np.uint64, "target_node_id": np.uint64, "edge_type_id": np.uint32,
            "edge_group_id": np.uint16, "edge_group_index": np.uint32,
            "0/syn_weight": np.float64, "0/delay": np.float64,
        }  # fmt: skip
        data = {
            name: group.create_dataset(
                name,
                (edges,),
                dtype,
                compression=compression,
                chunks=(1 << 16,) if compression else None,
            )
            for name, dtype in types.items()
        }
        for end in ("source_node_id", "target_node_id"):
            data[end].attrs["node_population"] = "cells"
        for begin in range(0, edges, BLOCK):
            k = np.arange(begin, min(begin + BLOCK, edges))
            n, part = len(k), slice(begin, begin + len(k))
            data["source_node_id"][part] = rng.integers(0, nodes, n)
            in_order = k * nodes // edges
            data["target_node_id"][part] = (
                in_order if order == "target" else rng.integers(0, nodes, n)
            )
            data["edge_type_id"][part] = 100
            data["edge_group_index"][part] = k
            data["0/syn_weight"][part] = rng.normal(1.0, 0.1, n)
            data["0/delay"][part] = rng.integers(10, 30, n) * 0.1
    config = {
        "manifest": {"$BASE_DIR": "."},
        "components": {"point_neuron_models_dir": "$BASE_DIR/models"},
        "networks": {
            "nodes": [
                {
                    "nodes_file": "$BASE_DIR/network/nodes.h5",
                    "node_types_file": "$BASE_DIR/network/node_types.csv",
                }
            ],
            "edges": [
                {
                    "edges_file": "$BASE_DIR/network/edges.h5",
                    "edge_types_file": "$BASE_DIR/network/edge_types.csv",
                }
            ],
        },
        "run": {"tstop": 100.0, "dt": 0.1},
        "target_simulator": "NEST",
    }
    (folder / "config.json").write_text(json.dumps(config))


def peak() -> float:
    """Return the peak of memory so far [MB]."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def resident() -> float:
    """Return the memory in use now [MB]; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def read_only(folder: Path) -> dict[str, float]:
    """Read the datasets of the edges once, and drop them."""
    start = time.perf_counter()
    with h5py.File(folder / "network" / "edges.h5") as file:
        group = file["edges/cells_to_cells"]
        names = [name for name in group if isinstance(group[name], h5py.Dataset)]
        for data in [*(group[name] for name in names), *group["0"].values()]:
            for begin in range(0, data.shape[0], BLOCK):
                data[begin : begin + BLOCK]
    return {"reading": time.perf_counter() - start}


def build(folder: Path, dtype: Any) -> dict[str, float]:
    """Build the network, and lay it out."""
    import pandas  # noqa: F401, PLC0415, ICN001 - the memory of imports does not count

    import spikelet as sl  # noqa: PLC0415
    import spikelet.io  # noqa: PLC0415

    before, own = peak(), resident()
    start = time.perf_counter()
    found = sl.io.read_sonata(folder / "config.json", dtype=dtype)
    built = time.perf_counter() - start
    after = peak()
    found.network.prepare()
    n = sum(len(p) for group in found.projections.values() for p in group)
    return {
        "edges": n, "build": built, "prepare": time.perf_counter() - start - built,
        "peak of build": after - before, "peak of all": peak() - before,
        "at the end": resident() - own,
    }  # fmt: skip


def alone(work: Any, *arguments: Any) -> dict[str, float]:
    """Call a function in a process of its own."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        found: dict[str, float] = pool.apply(work, arguments)
    return found


def report(folder: Path, dtype: str, repeat: int) -> None:
    """Measure, and print the best time of several and the memory."""
    size = (folder / "network" / "edges.h5").stat().st_size
    reading = min(alone(read_only, folder)["reading"] for _ in range(repeat))
    runs = [alone(build, folder, dtype) for _ in range(repeat)]
    best = min(runs, key=lambda run: run["build"])
    n = best["edges"]
    print(f"file               {size / 2**20:9.0f} MB, {size / n:.1f} bytes an edge")
    print(f"edges              {n:9.0f}")
    every = ", ".join(f"{run['build']:.2f}" for run in runs)
    print(f"read and connect   {best['build']:9.2f} s  (all: {every})")
    print(f"  reading once     {reading:9.2f} s, {100 * reading / best['build']:.0f} %")
    print(f"lay out (prepare)  {best['prepare']:9.2f} s")
    for key in ("peak of build", "peak of all", "at the end"):
        print(f"{key:18} {best[key]:9.0f} MB, {best[key] * 2**20 / n:.1f} bytes an edge")


if __name__ == "__main__":
    main()
