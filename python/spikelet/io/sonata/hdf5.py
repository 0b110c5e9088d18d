"""Read untrusted HDF5 files: what a file says of its data is checked before memory is allocated for them."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.io import hdf5
from spikelet.io.sonata.config import WHERE, Config, entry
from spikelet.io.sonata.type_tables import Row, read_types

Result = TypeVar("Result")

BLOCK = 1 << 20
"""Entries that are read at a time."""

MAGIC, VERSION = 0x0A7A, (0, 1)

_SMALL = 1 << 24  # bytes that need no proof
_SEARCHED = 1 << 24  # bytes at the beginning and the end in which strings are looked for


def library() -> Any:
    """Return h5py."""
    return extra("h5py", WHERE, "sonata")


class Group:
    """A group of a file, with its name for messages."""

    def __init__(self, group: Any, file: Path) -> None:
        self.group, self.file = group, file
        self._read: dict[str, npt.NDArray[Any]] = {}

    @property
    def where(self) -> str:
        """The file and the group."""
        return f"{WHERE}: {self.file}: {self.group.name}"

    @property
    def name(self) -> str:
        """The last part of the group's name."""
        return str(self.group.name).rpartition("/")[2]

    def groups(self) -> dict[str, Group]:
        """Return the groups in it by name, in the file's order."""
        items = {name: self._item(name) for name in self.group}
        kind = library().Group
        return {k: Group(item, self.file) for k, item in items.items() if isinstance(item, kind)}

    def numbered(self) -> dict[int, Group]:
        """Return the groups in it whose names are numbers."""
        return {int(k): g for k, g in self.groups().items() if k.isascii() and k.isdigit()}

    def __contains__(self, name: str) -> bool:
        """Return whether there is a group or a dataset of a name."""
        return name in self.group

    def child(self, name: str) -> Group:
        """Return a group that must be there."""
        return Group(self._require(name, library().Group, "group"), self.file)

    def dataset(self, name: str, kinds: str, length: int | None = None) -> Any:
        """Return a one-dimensional dataset that must be there.

        Parameters
        ----------
        name : str
            Its name.
        kinds : str
            The kinds of type that it may have: "iu" integers, "f" numbers, "O" strings.
        length : int, optional
            Its length.

        Raises
        ------
        ValueError
            If it is not there or is another.
        """
        item = self._require(name, library().Dataset, "dataset")
        where = f"{self.where}/{name}"
        if item.is_virtual or item.external:
            fail(where, "data", "data of other files", "must be in the file")
        if len(item.shape or ()) != 1:
            fail(where, "shape", item.shape, "must be one-dimensional")
        if item.dtype.kind not in kinds:
            named = {"iu": "integers", "iuf": "numbers", "OS": "strings"}.get(kinds, kinds)
            fail(where, "type", str(item.dtype), f"must be {named}")
        if length is not None and item.shape[0] != length:
            fail(where, "length", item.shape[0], f"must be {length}")
        return item

    def sized(self, name: str, kinds: str) -> Any:
        """Return a dataset whose length may be trusted: others must have it, and memory is allocated for it.

        Raises
        ------
        ValueError
            If it says that it has more entries than the file can hold.
        """
        item = self.dataset(name, kinds)
        if hdf5.states_too_much(item, item.shape[0] * item.dtype.itemsize, _SMALL):
            stored = item.id.get_storage_size()
            rule = f"must be what the file holds, which has {stored} bytes of it"
            fail(f"{self.where}/{name}", "length", item.shape[0], rule)
        return item

    def optional(self, name: str, kinds: str, length: int | None = None) -> Any:
        """Return a dataset, or None if there is none."""
        return self.dataset(name, kinds, length) if name in self.group else None

    def values(self, name: str, data: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
        """Return some entries of a dataset of the group; a short one is read once."""
        if data.shape[0] > 4 * BLOCK:
            return column(data, rows)
        if name not in self._read:
            self._read[name] = data[:]
        return np.asarray(self._read[name][rows])

    def datasets(self) -> list[str]:
        """Return the names of the datasets in it."""
        kind = library().Dataset
        return [name for name in self.group if isinstance(self._item(name), kind)]

    def _item(self, name: str) -> Any:
        """Return what is in the group, but not from another file."""
        link = self.group.get(name, getlink=True)
        if isinstance(link, library().ExternalLink):
            fail(self.where, name, f"a link to {link.filename}", "must be in the file")
        return self.group[name]

    def _require(self, name: str, kind: Any, called: str) -> Any:
        item = self._item(name) if name in self.group else None
        if not isinstance(item, kind):
            names = list(self.group) or ["nothing"]
            shown = ", ".join([*names[:20], *(["..."] if len(names) > 20 else [])])
            fail(self.where, name, shown, f"must be a {called}", got="group with")
        return item


@contextlib.contextmanager
def opened(path: Path, top: str) -> Iterator[Group]:
    """Open a file and its group of a name; errors of damaged content become ValueErrors that name the file.

    Raises
    ------
    ValueError
        If it is not an HDF5 file of SONATA, or is damaged.
    FileNotFoundError, PermissionError
        If it cannot be opened.
    """
    where = f"{WHERE}: {path}"
    if path.stat().st_size == 0:
        fail(where, "size", 0, "must be an HDF5 file")
    with hdf5.opened(WHERE, f"{where}:", path, _SEARCHED) as file:
        _require_version(where, file.attrs)
        yield Group(file, path).child(top)


def read_populations(
    config: Config, kind: str, read: Callable[[Group, dict[int, Row]], Result]
) -> dict[str, Result]:
    """Read the populations in the files of a circuit.

    Parameters
    ----------
    config : Config
        The circuit.
    kind : "node" or "edge"
        What they are populations of.
    read : callable
        Called with the group of each population in its open file, and the population's types.

    Returns
    -------
    dict
        What it returned, by name of the population.
    """
    files: dict[str, Path] = {}
    found: dict[str, Result] = {}
    for k, item in enumerate(config.networks(f"{kind}s")):
        file = entry(f"{config.where}: networks.{kind}s[{k}]", item, f"{kind}s_file")
        table = item.get(f"{kind}_types_file")
        with opened(file, f"{kind}s") as top:
            for name, group in top.groups().items():
                if name in files:
                    fail(group.where, "name", name, f"must not be in {files[name]}, too")
                files[name] = file
                types = {} if table is None else read_types(Path(table), kind, name)
                found[name] = read(group, types)
    return found


def group_columns(population: Group, kind: str, n: int) -> tuple[Any, Any]:
    """Return the datasets of the group of each node or edge and of its place there; None where there is one group."""
    names = f"{kind}_group_id", f"{kind}_group_index"
    ids, index = (population.optional(name, "iu", n) for name in names)
    if (ids is None) != (index is None):
        fail(population.where, " and ".join(names), "one", "must both be present")
    if ids is None and len(population.numbered()) > 1:
        fail(population.where, names[0], None, "must be present, as there are several groups")
    return ids, index


def text(value: Any) -> Any:
    """Return an attribute, decoded if it is bytes."""
    return value.decode() if isinstance(value, bytes) else value


def require_within(where: str, name: str, values: npt.NDArray[Any], length: int, what: str) -> None:
    """Check integers that are places in something of a length."""
    if len(values) and (int(values.max()) >= length or int(values.min()) < 0):
        bad = int(values.max()) if int(values.max()) >= length else int(values.min())
        fail(where, name, bad, f"must be below {length}, {what}")


def _require_version(where: str, attributes: Any) -> None:
    """Check the two attributes that SONATA's files have; old writers leave them out."""
    magic, version = (np.ravel(attributes.get(key, ())).tolist() for key in ("magic", "version"))
    if magic not in ([], [MAGIC]):
        fail(where, "magic", magic, f"must be {MAGIC:#06x}, as in all files of SONATA")
    if version and version[0] != VERSION[0]:
        text = ".".join(map(str, version[:2]))
        fail(where, "version", text, f"must be {VERSION[0]}.x, the versions read here")


def column(dataset: Any, rows: npt.NDArray[np.int64]) -> npt.NDArray[Any]:
    """Return some entries of a dataset, in any order, reading no more than `BLOCK` at a time."""
    if not len(rows):
        return np.empty(0, dataset.dtype)
    low, high = int(rows.min()), int(rows.max()) + 1
    if high - low <= 4 * BLOCK:
        part = dataset[low:high]
        contiguous = high - low == len(rows) and bool((np.diff(rows) == 1).all())
        return np.asarray(part if contiguous else part[rows - low])
    found = np.empty(len(rows), dataset.dtype)
    for k in range(math.ceil((high - low) / BLOCK)):
        begin = low + k * BLOCK
        mine = (rows >= begin) & (rows < begin + BLOCK)
        if mine.any():
            found[mine] = dataset[begin : begin + BLOCK][rows[mine] - begin]
    return found
