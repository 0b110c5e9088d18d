"""SONATA's inputs: spikes of virtual nodes, and current clamps."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet.io.sonata import hdf5
from spikelet.io.sonata.config import WHERE, Config, entry, require_number
from spikelet.io.sonata.node_sets import NodeSets
from spikelet.io.sonata.nodes import VIRTUAL, Nodes
from spikelet.io.sonata.type_tables import read_table, require_column

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]

_HDF5 = ("h5", "hdf5", "sonata", "SpikesFile")


class Trains(NamedTuple):
    """Spikes of the virtual nodes of a population, in order of time."""

    times: Floats
    rows: Ints


class Clamp(NamedTuple):
    """A current into some nodes of a population."""

    population: str
    rows: Ints
    amplitude: float
    start: float
    stop: float


def read_spikes(config: Config, nodes: Mapping[str, Nodes], sets: NodeSets) -> dict[str, Trains]:
    """Return the spikes of virtual nodes by population.

    Raises
    ------
    ValueError
        If an input or its file is wrong, or drives nodes that are not virtual.
    OSError
        If a file cannot be opened.
    """
    found: dict[str, list[Trains]] = {}
    for name, item in config.items("inputs"):
        where = f"{config.where}: inputs.{name}"
        kind = item.get("input_type", "spikes")
        if kind == "current_clamp":
            continue
        if kind != "spikes":
            fail(where, "input_type", kind, 'must be "spikes" or "current_clamp"')
        module = item.get("module", "h5")
        if module not in (*_HDF5, "csv"):
            fail(where, "module", module, 'must be "h5", "sonata" or "csv"')
        file = entry(where, item, "input_file")
        for population, rows in sets.rows(where, item.get("node_set")).items():
            of = nodes[population]
            _require_virtual(where, of, rows)
            times, ids = _csv(file, population) if module == "csv" else _hdf5(file, population)
            at = np.asarray(of.rows_of(f"{WHERE}: {file}: spikes of {population}", "node id", ids))
            if len(rows) < len(of):
                chosen = np.isin(at, rows)
                times, at = times[chosen], at[chosen]
            found.setdefault(population, []).append(Trains(times, at.astype(np.int64)))
    return {name: _merged(trains) for name, trains in found.items()}


def _require_virtual(where: str, nodes: Nodes, rows: Ints) -> None:
    for _, part, _ in nodes.parts_of(rows):
        if part.template != VIRTUAL:
            rule = f"must name virtual nodes, but {nodes.name} has nodes of {part.template} in it"
            fail(where, "node_set", nodes.name, rule)


def _merged(trains: list[Trains]) -> Trains:
    times = np.concatenate([t.times for t in trains])
    order = np.argsort(times, kind="stable")
    return Trains(times[order], np.concatenate([t.rows for t in trains])[order])


def _hdf5(file: Path, population: str) -> tuple[Floats, Ints]:
    """Return times [ms] and node ids of a spike file, with a group for each population or with none."""
    with hdf5.opened(file, "spikes") as top:
        groups, names = top.groups(), top.datasets()
        if groups and names:
            rule = "must hold groups, one for each population, or datasets"
            fail(top.where, "content", ", ".join([*groups, *names]), rule)
        if groups and population not in groups:
            rule = f"must have a group for the population {population!r}"
            fail(top.where, "groups", ", ".join(groups), rule)
        group = groups[population] if groups else top
        key = "gids" if "gids" in group and "node_ids" not in group else "node_ids"
        ids = group.sized(key, "iu")
        times = group.dataset("timestamps", "iuf", ids.shape[0])
        unit = hdf5.text(times.attrs.get("units", "ms"))
        if unit not in ("ms", "millisecond", "milliseconds"):
            fail(f"{group.where}/timestamps", "units", unit, 'must be "ms"')
        return _checked(f"{group.where}/timestamps", times[:].astype(np.float64)), ids[:]


def _csv(file: Path, population: str) -> tuple[Floats, Ints]:
    """Return times [ms] and node ids of a table with the columns timestamps, node_ids and perhaps population."""
    where, table = f"{WHERE}: {file}", read_table(file, sep=r"[\s,;]+", engine="python")
    table = table.rename(columns={"gid": "node_ids", "gids": "node_ids", "node_id": "node_ids"})
    for column, kinds in (("timestamps", "iuf"), ("node_ids", "iu")):
        require_column(where, table, column)
        if len(table) and table[column].dtype.kind not in kinds:
            rule = "must hold numbers; ids are integers"
            fail(where, column, str(table[column].dtype), rule, got="type")
    if "population" in table.columns:
        table = table[table["population"].astype(str) == population]
    times = table["timestamps"].to_numpy(np.float64)
    return _checked(f"{where}: timestamps", times), table["node_ids"].to_numpy(np.int64)


def _checked(where: str, times: Floats) -> Floats:
    bad = ~(np.isfinite(times) & (times >= 0))
    if bad.any():
        fail(where, "time", float(times[bad][0]), "must be finite and >= 0 ms")
    return times


def read_clamps(config: Config, nodes: Mapping[str, Nodes], sets: NodeSets) -> list[Clamp]:
    """Return the currents that are injected.

    Raises
    ------
    ValueError
        If an input is wrong, or names nodes that are not neurons.
    """
    found = []
    for name, item in config.items("inputs"):
        if item.get("input_type") != "current_clamp":
            continue
        where = f"{config.where}: inputs.{name}"
        for key in ("input_file", "electrode_file"):
            if key in item:
                rule = "must not be given: spikelet reads amp, delay and duration from the configuration"
                fail(where, key, item[key], rule)
        amplitude = require_number(where, item, "amp")
        start = require_number(where, item, "delay", 0.0)
        duration = require_number(where, item, "duration")
        if start < 0 or duration < 0:
            fail(where, "delay and duration", (start, duration), "must be >= 0 ms")
        for population, rows in sets.neurons(where, item.get("node_set", "all")).items():
            if any(part.template == VIRTUAL for _, part, _ in nodes[population].parts_of(rows)):
                rule = "must name neurons, but these nodes are virtual"
                fail(where, "node_set", population, rule)
            found.append(Clamp(population, rows, amplitude, start, start + duration))
    return found
