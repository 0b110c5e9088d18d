"""Run the published SONATA networks of point neurons, and compare all spikes with NEST's, or with the published ones.

    git clone https://github.com/nest/nest-simulator; git clone https://github.com/AllenInstitute/sonata
    python bench/python/sonata_networks.py nest-simulator sonata      # needs the extras sonata and nest

Outputs go to copies in a temporary folder. NEST reads the networks by its own `SonataNetwork` (see
tests/support/sonata_nest.py for what is replaced where it was built without HDF5).
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import h5py
import numpy as np

import spikelet as sl
import spikelet.io

sys.path.insert(0, str(Path(__file__).parents[2]))
from tests.support import sonata_nest

Train = tuple[np.ndarray, np.ndarray]  # times [ms], ids


def of_nest(folder: Path, population: str) -> Train:
    """Return NEST's spikes."""
    files = folder / "circuit_config.json", folder / "simulation_config.json"
    return sonata_nest.nest_spikes(*files, population)[population]


def published(folder: Path, population: str) -> Train:
    """Return the spikes that the authors published."""
    with h5py.File(folder / "published.h5") as file:
        group = file[f"spikes/{population}"]
        return group["timestamps"][:], group["node_ids"][:].astype(np.int64)


def of_to_nest(found: Any, population: str) -> Train:
    """Return the spikes of our network in NEST: its own reader knows no current clamps."""
    found.network.reset()
    there = found.network.to_nest()
    spikes = there.record(found.populations[population], "spikes")
    there.run(found.tstop)
    return spikes.times, found.node_ids[population][spikes.ids]


def run(config: Path, population: str, dt: float | None) -> tuple[Any, Train]:
    """Read a network, run it, and return it with its spikes."""
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # NEST's example names a file of node sets that it does not have
        found = sl.io.read_sonata(config, dt=dt)
    spikes = found.run()[population]
    return found, (spikes.times, found.node_ids[population][spikes.ids])


def compare(a: Train, b: Train) -> str:
    """Return how two sets of spikes differ, neuron by neuron."""
    if len(a[0]) != len(b[0]):
        return f"{len(b[0])} there"
    p, q = (np.lexsort(train) for train in (a, b))
    if not np.array_equal(a[1][p], b[1][q]):
        return "other neurons"
    return f"all equal, times to {np.abs(a[0][p] - b[0][q]).max(initial=0.0):.0e} ms"


def main() -> None:
    """Run all networks, and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("nest", type=Path, help="NEST's sources")
    parser.add_argument("sonata", type=Path, help="the sources of SONATA's specification")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        theirs = Path(temporary) / "nest"
        shutil.copytree(given.nest / "pynest/examples/sonata_example/300_pointneurons", theirs)
        examples = Path(temporary) / "examples"
        shutil.copytree(given.sonata / "examples", examples)
        intfire = examples / "300_intfire"
        shutil.copy(intfire / "output" / "spikes.h5", intfire / "published.h5")
        tests = examples / "sim_tests" / "intfire"
        rows: list[tuple[str, Path, str, float | None, Callable[[Any, str], Train]]] = [
            ("NEST 300_pointneurons", theirs, "internal", None, of_nest),
            ("300_pointneurons", examples / "300_pointneurons", "internal", None, of_nest),
            ("300_intfire", intfire, "v1", 0.001, published),
            (
                "one_cell_iclamp_nest",
                tests / "one_cell_iclamp_nest/input",
                "one_cell_iclamp",
                None,
                of_to_nest,
            ),
            (
                "ten_cells_iclamp_nest",
                tests / "ten_cells_iclamp_nest/input",
                "ten_cells_iclamp",
                None,
                of_to_nest,
            ),
            ("ten_cells_spikes_nest", tests / "ten_cells_spikes_nest/input", "post", None, of_nest),
        ]
        for name, folder, population, dt, reference in rows:
            config = folder / "config.json"
            config = config if config.exists() else folder / "simulation_config.json"
            found, train = run(config, population, dt)
            nodes = sum(len(p) for p in found.populations.values())
            synapses = sum(len(p) for p in found.network.projections)
            said = compare(
                train, reference(found if reference is of_to_nest else folder, population)
            )
            print(
                f"{name:24} {nodes:5} nodes {synapses:7} synapses {len(train[0]):7} spikes  {said}"
            )


if __name__ == "__main__":
    main()
