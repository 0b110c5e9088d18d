"""Read NIR graphs; a file may come from anybody, so its sizes are checked before anything is read."""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path
from typing import Any

import numpy as np

from spikelet._util.checks import fail, shown
from spikelet._util.extras import extra
from spikelet._util.spelling import spelled, suggestion
from spikelet.io.hdf5 import opened, states_too_much
from spikelet.io.nir.fields import FIELDS, GRAPH, POPULATION, check, known_kind
from spikelet.io.nir.model import NirModel

_WHERE = "read_nir"
_MAJORS = (0, 1)  # versions of the format that this module reads
MAX_DEPTH = 80  # of groups: two for each of the nested graphs, and those of metadata
_LEAST_BYTES = 1 << 16


@spelled
def read_nir(path_or_graph: str | os.PathLike[str] | Any) -> NirModel:
    """Read a graph of NIR, the Neuromorphic Intermediate Representation, and make it ready to run.

    All primitives of nir 1.0 are read: Input, Output, NIRGraph (nested), Affine, Linear, Scale, Conv1d, Conv2d, SumPool2d,
    AvgPool2d, Flatten, Threshold, Delay, I, IF, LI, LIF, CubaLI and CubaLIF, in graphs with cycles, several inputs and
    outputs. Metadata is kept.

    Parameters
    ----------
    path_or_graph : path or nir.NIRGraph
        A file (".nir"), or a graph in memory, which is copied.

    Returns
    -------
    NirModel

    Raises
    ------
    ImportError
        If nir is not installed: it is in the extra "nir".
    OSError
        If the file cannot be opened.
    ValueError
        If it is damaged, of another version, or no valid graph; the message names the file, the node and the rule.
    TypeError
        If the argument is neither a path nor a graph.

    Examples
    --------
    >>> import nir, numpy as np
    >>> import spikelet as sl
    >>> ones = np.ones(1)
    >>> lif = nir.LIF(tau=0.01 * ones, r=ones, v_leak=0 * ones, v_threshold=0.5 * ones)
    >>> model = sl.io.read_nir(nir.NIRGraph.from_list(lif))
    >>> model.run(np.ones((20, 1)), dt=1e-3).output.sum()
    np.float64(2.0)

    Notes
    -----
    Unlike ``nir.read``, this accepts files of old writers that lack `v_reset` or shapes, or that have harmless errors
    (a scalar for a population, an Output of another shape with the same number of values). It adds no nodes, and infers
    the shapes of convolutions with groups or with kernels that are not square.
    """
    nir = extra("nir", _WHERE, "nir")
    if isinstance(path_or_graph, nir.NIRGraph):
        return NirModel(path_or_graph, _WHERE)
    if isinstance(path_or_graph, nir.NIRNode):
        kind = type(path_or_graph).__name__
        fail(_WHERE, "path_or_graph", kind, "must be a graph: use nir.NIRGraph.from_list(node)")
    if not isinstance(path_or_graph, (str, os.PathLike)):
        fail(_WHERE, "path_or_graph", path_or_graph, "must be a path or a graph", error=TypeError)
    path = Path(path_or_graph)
    where = f"{_WHERE}: file {str(path)!r}"
    if not path.exists():
        raise FileNotFoundError(errno.ENOENT, "no such file", str(path))
    if not path.is_file():  # opening a pipe would block
        fail(_WHERE, "path_or_graph", str(path), "must be a file")
    with opened(_WHERE, where, path) as file:
        if file.id.get_create_plist().get_sizes()[1] != 8:
            fail(where, "sizes", file.id.get_create_plist().get_sizes(), "must have 8 bytes")
        tree = _Reader(extra("h5py", _WHERE, "nir"), where).tree(file)
        _require_version(where, tree)
        if "node" not in tree:
            fail(where, "groups", sorted(tree)[:6], "must have the group 'node'")
        kind = _kind(where, "/node", tree["node"])
        if kind != GRAPH:
            fail(f"{where}: /node", "type", kind, f"must be {GRAPH}")
        return NirModel(nir.dict2NIRNode(_graph(where, "/node", tree["node"])), where)


class _Reader:
    """Reads groups and data sets after checks that each is plain data of the size that it says."""

    def __init__(self, h5py: Any, where: str) -> None:
        self._h5py, self._where = h5py, where
        self._seen: set[int] = set()

    def tree(self, group: Any, depth: int = 0) -> dict[str, Any]:
        """Return the items of a group by name: values, and groups as dicts."""
        here = f"{self._where}: {group.name}"
        if depth > MAX_DEPTH:
            fail(here, "groups", depth, f"must be nested at most {MAX_DEPTH} deep")
        address = self._h5py.h5o.get_info(group.id).addr
        if address in self._seen:
            fail(here, "item", group.name, "must not be a group that occurs elsewhere")
        self._seen.add(address)
        found: dict[str, Any] = {}
        for name in group:
            link = group.get(name, getlink=True)
            if not isinstance(link, self._h5py.HardLink):
                fail(here, f"item {name!r}", type(link).__name__, "must not be a link")
            item = group[name]
            if isinstance(item, self._h5py.Group):
                found[name] = self.tree(item, depth + 1)
            elif isinstance(item, self._h5py.Dataset):
                found[name] = self._value(item)
            else:
                fail(here, f"item {name!r}", type(item).__name__, "must be a group or a data set")
        return found

    def _value(self, data: Any) -> Any:
        """Return the value of a data set, after a check that the file holds as much as it declares."""
        here = f"{self._where}: {data.name}"
        text = self._h5py.check_string_dtype(data.dtype) is not None
        if not text and data.dtype.kind not in "biufc":
            fail(here, "dtype", str(data.dtype), "must be numbers or text")
        if data.shape is None:
            fail(here, "shape", None, "must be given: the data set is empty")
        if data.is_virtual or data.external:
            fail(here, "data set", data.name, "must hold its own data")
        if states_too_much(data, data.nbytes, _LEAST_BYTES):
            stored = data.id.get_storage_size()
            rule = f"must be of data that the file holds, {data.nbytes} bytes, not {stored}"
            fail(here, "shape", data.shape, rule)
        value = data[()]
        if text and isinstance(value, bytes):
            try:
                return value.decode()
            except UnicodeError:
                fail(here, "text", shown(value), "must be UTF-8")
        # nir writes arrays in chunks and tuples without, and again so if they come back.
        is_tuple = np.ndim(value) == 1 and value.dtype == np.int64 and data.chunks is None
        return tuple(value.tolist()) if is_tuple else value


def _require_version(where: str, tree: dict[str, Any]) -> None:
    version = tree.get("version", "1.0")
    match = re.match(r"(\d+)\.\d+", version) if isinstance(version, str) else None
    if match is None or int(match[1]) not in _MAJORS:
        fail(where, "version", version, "must be 0.x or 1.x, the versions read here")


def _kind(where: str, path: str, tree: Any) -> str:
    """Return the type of a node."""
    if not isinstance(tree, dict):
        fail(where, path, "a data set", "must be a group")
    if "type" not in tree:
        fail(f"{where}: {path}", "type", None, "must be present")
    kind = tree["type"]
    if not isinstance(kind, str):
        fail(f"{where}: {path}", "type", kind, "must be a text")
    return kind


def _graph(where: str, path: str, tree: dict[str, Any]) -> dict[str, Any]:
    """Return a graph as `nir.dict2NIRNode` takes it."""
    here = f"{where}: {path}"
    for name in tree:
        if name not in ("type", "nodes", "edges", "metadata"):
            hint = suggestion(name, ["nodes", "edges", "metadata"])
            fail(here, "item", name, f"must be type, nodes, edges or metadata{hint}")
    for name in ("nodes", "edges"):
        if name not in tree:
            fail(here, name, None, "must be present")
    if not isinstance(tree["nodes"], dict):
        fail(here, "nodes", "a data set", "must be a group")
    nodes = {name: _node(where, f"{path}/nodes/{name}", n) for name, n in tree["nodes"].items()}
    edges = _edges(here, tree["edges"])
    return {
        "type": GRAPH,
        "nodes": nodes,
        "edges": edges,
        "type_check": False,
        **_metadata(here, tree),
    }


def _node(where: str, path: str, tree: Any) -> dict[str, Any]:
    kind, here = _kind(where, path, tree), f"{where}: {path}"
    known_kind(here, kind)
    if kind == GRAPH:
        return _graph(where, path, tree)
    values = {name: value for name, value in tree.items() if name not in ("type", "metadata")}
    for name, value in values.items():
        if isinstance(value, dict):
            fail(here, f"item {name!r}", "a group", "must be a data set")
        if name in FIELDS[kind] and FIELDS[kind][name].kind == "real":
            values[name] = np.asarray(value)
    checked = check(f"{here} ({kind})", kind, values)
    for name in FIELDS[kind]:  # what the constructors of nir ask for, and old files lack
        if name in values and kind in POPULATION and np.ndim(values[name]) == 0:
            values[name] = np.broadcast_to(values[name], checked[name].shape).copy()
        if name == "input_shape":
            values.setdefault(name, None)
    return {"type": kind, **values, **_metadata(here, tree)}


def _edges(here: str, array: Any) -> list[tuple[str, str]]:
    if isinstance(array, np.ndarray) and array.size == 0:
        return []
    if not isinstance(array, np.ndarray) or array.ndim != 2 or array.shape[1] != 2:
        fail(here, "edges", array, "must be an array [edges, 2] of names")
    if array.dtype.kind not in "OS":
        fail(here, "edges", array.dtype.name, "must hold names", got="dtype")
    try:
        return [(a.decode(), b.decode()) for a, b in array.tolist()]
    except (UnicodeError, AttributeError):
        fail(here, "edges", array, "must hold names in UTF-8")


def _metadata(here: str, tree: dict[str, Any]) -> dict[str, Any]:
    if "metadata" in tree and not isinstance(tree["metadata"], dict):
        fail(here, "metadata", "a data set", "must be a group")
    return {name: value for name, value in tree.items() if name == "metadata"}
