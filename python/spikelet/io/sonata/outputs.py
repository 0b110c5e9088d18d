"""SONATA's outputs: files of spikes, and reports of states."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet._util.files import replaced
from spikelet.io.sonata import hdf5
from spikelet.io.sonata.config import Config, inside, require_number
from spikelet.io.sonata.node_sets import NodeSets
from spikelet.io.sonata.nodes import VIRTUAL, Nodes

Ints = npt.NDArray[np.int64]

_SORTED = {
    **dict.fromkeys(("none", "unsorted"), "none"),
    **dict.fromkeys(("time", "by_time"), "by_time"),
    **dict.fromkeys(("id", "by_id", "gid", "by_gid", "node_id"), "by_id"),
}
_SORTINGS = {"none": 0, "by_id": 1, "by_time": 2}
_MODULES = ("membrane_report", "multimeter_report")
_VARIABLES = {"v": "V_m", "Vm": "V_m", "V": "V_m"}


class Report(NamedTuple):
    """A report of one state of some nodes at regular times."""

    name: str
    path: Path
    variable: str
    rows: dict[str, Ints]
    start: float
    stop: float
    every: float


def output_file(config: Config, where: str, name: Any) -> Path:
    """Return the path of a file in the folder of the output.

    Raises
    ------
    ValueError
        If there is no such folder, or the file would lie elsewhere.
    """
    folder = config.section("output").get("output_dir")
    if not isinstance(folder, str):
        rule = "must be given, for the files of reports and spikes"
        fail(config.where, "output.output_dir", folder, rule)
    return inside(where, Path(folder), name)


def spikes_file(config: Config) -> tuple[Path, str] | None:
    """Return the file for the spikes and how they are sorted; None if the configuration has no output."""
    output, where = config.section("output"), f"{config.where}: output"
    if not output:
        return None
    order = output.get("spikes_sort_order", "time")
    if order not in _SORTED:
        fail(where, "spikes_sort_order", order, f"must be one of {', '.join(_SORTED)}")
    return output_file(config, where, output.get("spikes_file", "spikes.h5")), _SORTED[order]


def read_reports(
    config: Config, nodes: Mapping[str, Nodes], sets: NodeSets, dt: float, stop: float
) -> list[Report]:
    """Return the reports that a configuration asks for.

    Raises
    ------
    ValueError
        If there is no such state or node set, or if a value is wrong.
    """
    found = []
    for name, item in config.items("reports"):
        where = f"{config.where}: reports.{name}"
        module = item.get("module", _MODULES[0])
        if module not in _MODULES:
            fail(where, "module", module, f"must be one of {', '.join(_MODULES)}")
        variable = item.get("variable_name")
        if not isinstance(variable, str):
            fail(where, "variable_name", variable, "must be the name of a state, such as V_m")
        variable = _VARIABLES.get(variable, variable)
        rows = sets.neurons(where, item.get("cells", item.get("node_set", "all")))
        for population, of in rows.items():
            for _, part, _ in nodes[population].parts_of(of):
                states = () if part.template == VIRTUAL else getattr(part.model, "states", ())
                if variable not in states:
                    rule = f"must be a state of {part.template} in {population}: {', '.join(states) or 'none'}"
                    fail(where, "variable_name", variable, rule)
        every = require_number(where, item, "dt", dt, positive=True)
        begin = require_number(where, item, "start_time", 0.0)
        end = min(require_number(where, item, "end_time", stop), stop)
        for key, value, unit in (("dt", every, dt), ("start_time", begin, every)):
            if abs(round(value / unit) * unit - value) > 1e-6 * dt:
                fail(where, key, value, f"must be a multiple of {unit:g} ms")
        if begin < 0 or end <= begin:
            rule = "must be 0 <= start_time < end_time"
            fail(where, "start_time and end_time", (begin, end), rule)
        path = output_file(config, where, item.get("file_name", f"{name}.h5"))
        found.append(Report(name, path, variable, rows, begin, end, every))
    paths = [report.path for report in found]
    if len(set(paths)) < len(paths):
        shown = list(map(str, paths))
        fail(config.where, "reports", shown, "must write to different files")
    return found


@contextlib.contextmanager
def begin_file(path: Path) -> Iterator[Any]:
    """Yield a new file with the attributes that all SONATA files have, which appears when it is complete.

    Python writes it: on a full disk, HDF5's own files crash the interpreter.
    """
    with replaced(path) as disk, hdf5.library().File(disk, "w") as file:
        file.attrs["magic"] = np.uint32(hdf5.MAGIC)
        file.attrs["version"] = np.array(hdf5.VERSION, np.uint32)
        yield file


def write_spikes(
    path: Path, trains: Mapping[str, tuple[npt.NDArray[np.float64], Ints]], sorting: str
) -> None:
    """Write a file of spikes.

    Parameters
    ----------
    path : Path
        The file, which is replaced as a whole.
    trains : dict of str to (times, ids)
        Times [ms] and node ids by population, in order of time.
    sorting : "none", "by_id" or "by_time"
        The order of the spikes.
    """
    h5py = hdf5.library()
    with begin_file(path) as file:
        for name, (times, ids) in trains.items():
            order = np.lexsort((times, ids)) if sorting == "by_id" else slice(None)
            group = file.create_group(f"spikes/{name}")
            kind = h5py.enum_dtype(_SORTINGS, basetype="i1")
            group.attrs.create("sorting", _SORTINGS[sorting], dtype=kind)
            data = group.create_dataset("timestamps", data=times[order])
            data.attrs["units"] = "ms"
            group.create_dataset("node_ids", data=ids[order].astype(np.uint64))
        file.require_group("spikes")


Append = Callable[[str, npt.NDArray[Any]], None]


@contextlib.contextmanager
def report_file(
    report: Report, units: Mapping[str, str], ids: Mapping[str, Ints]
) -> Iterator[Append]:
    """Write a report piece by piece; it appears under its name when it is complete. Values are float32, as the format has it.

    Parameters
    ----------
    report : Report
    units : dict of str to str
        The unit of the state, by population.
    ids : dict of str to array
        The node ids, by population.

    Yields
    ------
    callable
        ``append(population, values)`` writes the next frames, [frames, nodes].
    """
    frames = math.ceil(round((report.stop - report.start) / report.every, 6))
    data, done = {}, dict.fromkeys(ids, 0)
    with begin_file(report.path) as file:
        for name, own in ids.items():
            n = len(own)
            group = file.create_group(f"report/{name}")
            chunks = max(1, min(frames, (1 << 18) // n)), min(n, 1 << 16)
            data[name] = group.create_dataset("data", (frames, n), "f4", chunks=chunks)
            data[name].attrs.update(units=units[name], variable=report.variable)
            mapping = group.create_group("mapping")
            node_ids = mapping.create_dataset("node_ids", data=own.astype(np.uint64))
            node_ids.attrs["sorted"] = np.int8((np.diff(own) > 0).all())
            mapping.create_dataset("index_pointers", data=np.arange(n + 1, dtype=np.uint64))
            mapping.create_dataset("element_ids", data=np.zeros(n, np.uint32))
            mapping.create_dataset("element_pos", data=np.full(n, 0.5, np.float32))
            time = np.array([report.start, report.stop, report.every])
            mapping.create_dataset("time", data=time).attrs["units"] = "ms"

        def append(population: str, values: npt.NDArray[Any]) -> None:
            begin = done[population]
            done[population] = begin + len(values)
            data[population][begin : done[population]] = values

        yield append
