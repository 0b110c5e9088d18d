"""Build a network from SONATA files: time, and memory against that of the network.

    python bench/python/sonata.py                                  # 10 000 nodes, 10 million edges
    python bench/python/sonata.py --edges 100_000_000 --order random

Makes the files first (`--folder` keeps them). Each run has a process of its own. "reading" is the time that h5py takes to
read the same datasets once, in the same blocks.
"""

from __future__ import annotations

import json
import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from measure import peak_rss_mb

import spikelet as sl
from spikelet.cli import bench_harness as harness

WORKER = Path(__file__).with_name("worker.py")
BLOCK = 1 << 20
CELL = {
    "C_m": 250.0, "tau_m": 10.0, "E_L": -70.0, "V_th": -55.0, "V_reset": -70.0, "t_ref": 2.0, "I_e": 380.0,
}  # fmt: skip


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
        chunks = (1 << 16,) if compression else None
        data = {
            name: group.create_dataset(
                name, (edges,), dtype, compression=compression, chunks=chunks
            )
            for name, dtype in types.items()
        }
        for end in ("source_node_id", "target_node_id"):
            data[end].attrs["node_population"] = "cells"
        for begin in range(0, edges, BLOCK):
            k = np.arange(begin, min(begin + BLOCK, edges))
            n, part = len(k), slice(begin, begin + len(k))
            data["source_node_id"][part] = rng.integers(0, nodes, n)
            ordered = k * nodes // edges
            data["target_node_id"][part] = (
                ordered if order == "target" else rng.integers(0, nodes, n)
            )
            data["edge_type_id"][part] = 100
            data["edge_group_index"][part] = k
            data["0/syn_weight"][part] = rng.normal(1.0, 0.1, n)
            data["0/delay"][part] = rng.integers(10, 30, n) * 0.1
    config = {
        "manifest": {"$BASE_DIR": "."},
        "components": {"point_neuron_models_dir": "$BASE_DIR/models"},
        "networks": {
            part: [{f"{part}_file": f"$BASE_DIR/network/{part}.h5",
                    f"{part[:-1]}_types_file": f"$BASE_DIR/network/{part[:-1]}_types.csv"}]
            for part in ("nodes", "edges")
        },
        "run": {"tstop": 100.0, "dt": 0.1},
        "target_simulator": "NEST",
    }  # fmt: skip
    (folder / "config.json").write_text(json.dumps(config))


def read_only(folder: Path) -> float:
    """Return the time of reading the datasets of the edges once."""
    start = time.perf_counter()
    with h5py.File(folder / "network" / "edges.h5") as file:
        group = file["edges/cells_to_cells"]
        names = [name for name in group if isinstance(group[name], h5py.Dataset)]
        for data in [*(group[name] for name in names), *group["0"].values()]:
            for begin in range(0, data.shape[0], BLOCK):
                data[begin : begin + BLOCK]
    return time.perf_counter() - start


def run(*, folder: str, dtype: Any) -> dict[str, Any]:
    """Build the network, and lay it out; memory is that above the process before, per edge."""
    import pandas  # noqa: F401, PLC0415, ICN001 - the memory of imports does not count

    path = Path(folder)
    before, own = peak_rss_mb(), resident()
    start = time.perf_counter()
    found = sl.io.read_sonata(path / "config.json", dtype=dtype)
    built = time.perf_counter() - start
    after = peak_rss_mb()
    found.network.prepare()
    prepared, most, end = time.perf_counter() - start - built, peak_rss_mb(), resident()
    n = sum(len(p) for group in found.projections.values() for p in group)
    return {
        "edges": n, "reading_s": read_only(path), "wall_s": built, "prepare_s": prepared,
        "peak_of_build": 1e6 * (after - before) / n, "peak": 1e6 * (most - before) / n,
        "in_the_end": 1e6 * (end - own) / n, "versions": {"spikelet": sl.__version__},
    }  # fmt: skip


def resident() -> float:
    """Return the memory in use now [MB]; Linux only."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 1e6


def main() -> None:
    """Make the files, and measure."""
    parser = harness.parser(__doc__, runs=5)
    add = parser.add_argument
    add("--nodes", type=int, default=10_000)
    add("--edges", type=int, default=10_000_000)
    add("--order", choices=["target", "random"], default="target")
    add("--compression", choices=["gzip"])
    add("--dtype", choices=["float64", "float32"], default="float64")
    add("--folder", type=Path)
    args, origin = parser.parse_args(), harness.about()
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        if not (folder / "config.json").exists():
            generate(folder, args.nodes, args.edges, args.order, args.compression)
        settings = {"folder": folder, "dtype": args.dtype}
        name = f"{(folder / 'network/edges.h5').stat().st_size / 1e6:.0f} MB, {args.order}"
        results = harness.take_turns(
            [name], range(args.runs), lambda *_: harness.call(sys.executable, WORKER, "sonata.run", settings),
            "{wall_s:.2f} s",
        )  # fmt: skip
    columns: dict[str, harness.Column] = {
        "file": lambda case, _: case, "edges": "edges .0f", "read and connect s": harness.spread("wall_s"),
        "h5py reads s": "reading_s .2f", "prepare s": "prepare_s .2f", "bytes per edge while connecting": "peak_of_build .1f",
        "until laid out": "peak .1f", "in the end": "in_the_end .1f",
    }  # fmt: skip
    harness.show(args, origin, results, [harness.table(results, [], columns)])


if __name__ == "__main__":
    main()
