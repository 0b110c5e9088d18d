"""Run a SONATA configuration with NEST's own `SonataNetwork`, as an independent reader.

NEST's wheel is built without HDF5: there, the loop of its connector over the datasets of an edge file, which is C++, is
replaced by the same loop with h5py and `nest.Connect`. Everything else is NEST's.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import h5py
import numpy as np


def connect(nest: Any, specs: dict[str, Any]) -> None:
    """Make the connections that NEST's `sonata_connector.cpp` makes."""
    nodes = specs["nodes"]
    for edges in specs["edges"]:
        with h5py.File(edges["edges_file"]) as file:
            for population in file["edges"].values():
                _connect_population(nest, nodes, population, edges["syn_specs"])


def _connect_population(nest: Any, nodes: Any, population: Any, specs: Any) -> None:
    (group,) = [g for name, g in population.items() if name.isdigit()]  # NEST reads one
    ends = []
    for end in ("source_node_id", "target_node_id"):
        data = population[end]
        first = nodes[data.attrs["node_population"]][0].global_id
        ends.append(data[:].astype(np.int64) + first)
    type_ids = population["edge_type_id"][:]
    for type_id in np.unique(type_ids):
        mine = type_ids == type_id
        spec = dict(specs[str(type_id)])
        for column, key in (("syn_weight", "weight"), ("delay", "delay")):
            if column in group:
                spec[key] = group[column][:][mine].astype(np.float64)
        for key, value in spec.items():
            if key not in ("synapse_model", "receptor_type"):
                spec[key] = np.broadcast_to(np.asarray(value, float), (int(mine.sum()),)).copy()
        nest.Connect(ends[0][mine], ends[1][mine], "one_to_one", spec)


def nest_network(config: Path, sim_config: Path | None = None) -> tuple[Any, Any]:
    """Return NEST's network of a configuration, built, and its nodes by population."""
    import nest  # noqa: PLC0415
    import nest.lib.hl_api_sonata as own  # noqa: PLC0415

    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    if not own.have_hdf5:
        own.have_hdf5 = True
        own.nestkernel.llapi_connect_sonata = lambda specs, _size: connect(nest, specs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of pandas, about NEST's calls
        network = nest.SonataNetwork(config, sim_config)
        return network, network.BuildNetwork()


def nest_spikes(
    config: Path, sim_config: Path | None, *populations: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return times and node ids of the spikes of populations, in order of time, then id."""
    import nest  # noqa: PLC0415

    network, nodes = nest_network(config, sim_config)
    recorders = {}
    for name in populations:
        recorders[name] = nest.Create("spike_recorder")
        nest.Connect(nodes[name], recorders[name])
    network.Simulate()
    found = {}
    for name, recorder in recorders.items():
        events = recorder.get("events")
        times, ids = events["times"], events["senders"] - nodes[name][0].global_id
        order = np.lexsort((ids, times))
        found[name] = times[order], ids[order]
    return found
