"""Recordings on disk: an HDF5 file that can be read at any time, while it grows and after a crash.

A group for each recorder holds `stamps` (steps, ascending) and `ids` or `values`, which only grow, and `done`: the
number of complete entries, and the step up to which they were recorded. `done` is written after the data has been
flushed, so the entries that it counts exist whenever the writer dies; entries after them are overwritten. `sums` and
`done` also hold checksums of these entries (`hdf5_sums`). During a run,
the file is open in HDF5's SWMR mode (single writer, multiple readers); between runs it is closed. A file that has to be
cut is never changed in place, but replaced atomically by a new one. `writer` identifies the `RecordingFile` that wrote
last, because two networks loaded from the same checkpoint would mix their recordings.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import math
import os
import shutil
import time
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail
from spikelet._util.files import replacing, sync
from spikelet.recording.hdf5_access import (
    FORMAT,
    LAST,
    VERSION,
    Arrays,
    attributes_of,
    blocks,
    data_of,
    elements_of,
    give_up,
    hdf5,
    identity,
    marked_open,
    naming,
    reading,
)
from spikelet.recording.hdf5_sums import BLOCK, SUMS, Count, Growing, count_of, seal


def _trim(path: Path) -> None:
    """Truncate a file to the end that its superblock (version 3) states."""
    with path.open("rb") as file:
        head = file.read(36)
    end = int.from_bytes(head[28:36], "little")
    if head[8] == 3 and 48 <= end < path.stat().st_size:
        os.truncate(path, end)


@dataclass(frozen=True)
class Layout:
    """The layout of a group."""

    kind: str
    dtype: npt.DTypeLike  # of ids or values
    shape: tuple[int, ...]  # of an entry
    attributes: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)


def _make_group(file: Any, name: str, layout: Layout, done: tuple[int, int]) -> None:
    group = file.create_group(name)
    for key, values in layout.arrays.items():
        group.create_dataset(key, data=values, fletcher32=len(values) > 0)
    columns = tuple(max(1, n) for n in layout.shape)  # HDF5 has no chunks without columns
    wide = tuple(min(n, 1 << 14) for n in columns)
    rows = max(1, (1 << 16) // int(np.prod(wide))) if layout.shape else 1 << 14
    seal(group, {"kind": layout.kind, **layout.attributes})
    group.create_dataset("stamps", (0,), "i8", maxshape=(None,), chunks=(1 << 14,))
    group.create_dataset(
        "ids" if layout.kind == "spikes" else "values",
        (0, *layout.shape),
        layout.dtype,
        maxshape=(None, *columns),
        chunks=(rows, *wide) if layout.shape else (rows,),
    )
    sums = group.create_dataset(SUMS, (0, 2), "u4", maxshape=(None, 2), chunks=(1 << 10, 2))
    sums.attrs[BLOCK] = rows
    group.create_dataset("done", data=Count(*done).packed())


def _checked(description: Any) -> dict[str, Any]:
    """Return the header of a recording described in a checkpoint, after a check of the description."""
    where = "stored network: recording"
    header = _fields(where, description, path=str, header=dict, done=dict)["header"]
    for name, pair in description["done"].items():
        whole = isinstance(pair, list) and [type(x) for x in pair] == [int, int]
        if not whole or pair[0] < 0 or not -1 <= pair[1] <= LAST:
            fail(where, f"done of {name}", pair, "must be a number of entries and a step")
    return _fields(
        where, header, format=str, version=int, spikelet=str, dt=float, seed=int, id=str, part=int
    )


def _fields(where: str, found: Any, **kinds: type) -> dict[str, Any]:
    """Check that a description has exactly these fields, of these types."""
    if not isinstance(found, dict) or set(found) != set(kinds):
        rule = f"must be {', '.join(kinds)}"
        if not isinstance(found, dict):
            fail(where, "fields", found, rule)
        fail(where, "fields", sorted(set(found) ^ set(kinds)), rule, got="unknown or missing")
    for name, kind in kinds.items():
        if type(found[name]) is not kind:
            fail(where, name, found[name], f"must be of type {kind.__name__}")
    return found


def _require_step(group: Any, name: str, entries: int, step: int) -> None:
    """Check that a given number of entries was recorded up to a step."""
    first, last = max(0, entries - 1), min(entries + 1, count_of(group).entries)
    around = group["stamps"][first:last]
    if (around[: entries - first] > step).any() or (around[entries - first :] <= step).any():
        rule = f"must be the {entries} up to step {step}"
        fail("stored network: recording", f"entries of {name}", around.tolist(), rule)


def _mismatch(path: Path, problem: str) -> NoReturn:
    msg = f"recording {path} {problem}"
    raise ValueError(msg)


def _new_writer() -> np.bytes_:
    # Of fixed size: in SWMR mode attributes can only change in place.
    return np.bytes_(uuid.uuid4().hex)


def _require_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(path.parent))


class RecordingFile:
    """A file that recorders of one network write to."""

    def __init__(self, path: Path, dt: float, seed: int) -> None:
        self.path = path
        self.header: dict[str, Any] = {
            "format": FORMAT,
            "version": VERSION,
            "spikelet": _core.__version__,
        }
        self.header |= {"dt": dt, "seed": np.uint64(seed), "id": str(uuid.uuid4()), "part": 0}
        self.writer = _new_writer()  # after `restore`, the one that wrote the file
        self.layouts: dict[str, Layout] = {}
        # By group, the number of entries and the step up to which they were recorded.
        self.done: dict[str, tuple[int, int]] = {}
        self._file: Any = None  # while open for writing
        self._handles: dict[str, tuple[Any, Any, Any]] = {}  # its stamps, data and done
        self._growing: dict[str, Growing] = {}
        self._inode: tuple[int, int] | None = None
        self._made = False
        # Entries in a file from `restore` until the first write.
        self._left: dict[str, int] | None = None

    # Making -------------------------------------------------------------------------------------------------------

    def add(self, name: str, layout: Layout, now: int) -> str:
        """Add a group for one more recorder; return its name."""
        hdf5()
        if not self._made:
            self._require_new()
        if not self.empty:
            rule = "already holds data, so no recorder can be added; record to another file"
            fail("record", "to", str(self.path), rule)
        name = name.replace("/", "_").replace("\0", "_")
        names = itertools.chain([name], (f"{name}.{k}" for k in itertools.count(2)))
        name = next(n for n in names if n not in self.layouts)
        self.layouts[name], self.done[name] = layout, (0, now - 1)
        try:
            if self._made:
                self._create()
        except BaseException:
            self.remove(name)
            raise
        return name

    def remove(self, name: str) -> None:
        """Undo `add`."""
        del self.layouts[name], self.done[name]

    def _require_new(self) -> None:
        _require_folder(self.path)
        if self.path.is_dir():
            fail("record", "to", str(self.path), "must be a file, not a folder")
        if os.path.lexists(self.path):
            msg = "exists and is not overwritten; record to another file or remove this one"
            raise FileExistsError(errno.EEXIST, msg, str(self.path))

    def make(self) -> None:
        """Create the file, unless it exists; no recorder can be added from now on."""
        if not self._made:
            self._require_new()
            self._create()

    def _create(self) -> None:
        h5py = hdf5()
        _require_folder(self.path)
        with (
            naming(self.path),
            replacing(self.path) as part,
            h5py.File(part, "w", libver="latest", locking=False, track_order=True) as file,
        ):
            seal(file, {**self.header, "writer": self.writer})
            for name, layout in self.layouts.items():
                _make_group(file, name, layout, self.done[name])
        self._made = True

    def _next_path(self) -> Path:
        stem, part = self.path.stem, int(self.header["part"])
        stem = stem.removesuffix(f".{part}") if part else stem
        return self.path.with_name(f"{stem}.{part + 1}{self.path.suffix}")

    @property
    def empty(self) -> bool:
        """Whether the file has no entries yet."""
        return not any(entries for entries, _ in self.done.values())

    def require_next(self) -> None:
        """Check that `start_again` can create the next file."""
        if self.empty:
            return
        _require_folder(self.path)
        if os.path.lexists(self._next_path()):
            msg = "exists and is not overwritten by a reset"
            raise FileExistsError(errno.EEXIST, msg, str(self._next_path()))

    def start_again(self, now: int) -> None:
        """Continue in a new file, `name.1.h5` after `name.h5`, and keep the old one."""
        full, self.done = not self.empty, dict.fromkeys(self.done, (0, now - 1))
        if full:
            self.path = self._next_path()
            self.header |= {"part": self.header["part"] + 1, "id": str(uuid.uuid4())}
            self.writer, self._made, self._left = _new_writer(), False, None

    # Writing ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep the file open for `append`."""
        if self._file is not None:
            yield
            return
        try:
            self._open()
            yield
        finally:
            file: Any = self._file
            self._file, self._handles, self._growing = None, {}, {}
            if file is not None:  # append has not given it up
                with naming(self.path):
                    file.close()
                    _trim(self.path)

    def _open(self) -> None:
        self.make()
        with self._own() as file:
            found = self._entries(file)
            old = file.attrs["version"] != VERSION
        if (
            old
            or marked_open(self.path)
            or any(found[name] > entries for name, (entries, _) in self.done.items())
        ):
            self.cut()
        h5py = hdf5()
        access = h5py.h5p.create(h5py.h5p.FILE_ACCESS)
        access.set_libver_bounds(h5py.h5f.LIBVER_LATEST, h5py.h5f.LIBVER_LATEST)
        access.set_file_locking(False, True)  # many file systems of clusters have none
        # Open in SWMR mode from the start: after a crash, a file opened otherwise could not be read.
        with naming(self.path):
            flags = h5py.h5f.ACC_RDWR | h5py.h5f.ACC_SWMR_WRITE
            for last in (*[False] * 200, True):
                try:
                    file = h5py.File(h5py.h5f.open(os.fsencode(self.path), flags, access))
                    break
                except OSError as error:  # another thread is reading it
                    if last or "already open for read-only" not in str(error):
                        raise
                    time.sleep(0.005)
            if self._left is not None:
                writer = _new_writer()
                file.attrs.modify("writer", writer)
                self.writer, self._left = writer, None
            self._file, self._inode = file, identity(self.path)
            self._handles = {
                name: (group["stamps"], data_of(group), group["done"])
                for name, group in self._file.items()
            }
            self._growing = {name: Growing(group) for name, group in self._file.items()}

    @contextlib.contextmanager
    def _own(self) -> Iterator[Any]:
        """Open the file for reading, and check that no other process has written to it."""
        with contextlib.ExitStack() as opened:
            try:
                file = opened.enter_context(reading(self.path))
            except ValueError:
                self._changed()
            found = attributes_of(file)
            stored = found.get("id"), found.get("writer")
            if stored != (self.header["id"], self.writer):
                self._changed()
            yield file

    def _entries(self, file: Any) -> dict[str, int]:
        """Return the number of entries of each group, after a check that no other process has changed them."""
        found = {name: count_of(file[name]).entries for name in self.done}
        if any(found[name] < entries for name, (entries, _) in self.done.items()):
            self._changed()
        if self._left not in (None, found):  # its writer went on
            self._changed()
        return found

    def _changed(self) -> NoReturn:
        msg = (
            "the recording was changed or replaced by another program since it was last written or loaded"
            " (another network of the same checkpoint?)"
        )
        raise OSError(errno.EIO, msg, str(self.path))

    def append(self, arrays: Mapping[str, Arrays], now: int) -> None:
        """Write data recorded up to a step; on return, a crash of the process cannot lose it."""
        with naming(self.path):
            if identity(self.path) != self._inode:  # FileNotFoundError if it was removed
                self._changed()
            self._reserve({name: len(stamps) for name, (stamps, _) in arrays.items()})
            try:
                counts = {name: self._extend(name, *pair, now) for name, pair in arrays.items()}
                self._file.flush()
                for name, count in counts.items():
                    handle = self._handles[name][2]
                    handle[...] = count.packed()
                    handle.flush()
            except Exception:
                give_up(self.path, (self._file, self._handles))
                self._file = None
                raise
            self.done.update({name: (n.entries, n.step) for name, n in counts.items()})

    def _reserve(self, entries: Mapping[str, int]) -> None:
        """Reserve room for this many entries, because HDF5 cannot recover from a full disk."""
        need = 1 << 20  # what describes the chunks; `_trim` takes away what is not needed
        for name, n in entries.items():
            for dataset in self._handles[name][:2]:
                rows, *columns = dataset.chunks
                grid = zip(dataset.shape[1:], columns, strict=True)
                row = math.prod(-(-width // chunk) * chunk for width, chunk in grid)
                need += (n + rows) * row * dataset.dtype.itemsize
        if not hasattr(os, "posix_fallocate"):
            if shutil.disk_usage(self.path.parent).free < need:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(self.path))
            return
        handle = os.open(self.path, os.O_RDWR)
        try:
            os.posix_fallocate(handle, self._file.id.get_filesize(), need)
        except OSError as error:
            raise OSError(error.errno, error.strerror, str(self.path)) from None
        finally:
            os.close(handle)

    def _extend(
        self, name: str, stamps: npt.NDArray[np.int64], data: npt.NDArray[Any], now: int
    ) -> Count:
        first = self.done[name][0]
        last = first + len(stamps)
        for dataset, values in zip(self._handles[name], (stamps, data), strict=False):
            if len(values):
                dataset.resize(last, axis=0)
                dataset[first:last] = values
                dataset.flush()  # here it can raise, not where a handle is dropped
        dtype = self._handles[name][1].dtype
        return self._growing[name].add(stamps, data.astype(dtype, copy=False), now)

    def sync(self) -> None:
        """Make appended data safe from a crash of the machine."""
        self.make()
        sync(self.path)

    def clear(self, name: str, now: int) -> None:
        """Forget the data of a recorder."""
        before, self.done[name] = self.done[name], (0, now - 1)
        if not self._made:
            return
        try:
            self.cut()
        except BaseException:
            self.done[name] = before
            raise

    def cut(self) -> None:
        """Rewrite the file with only the entries that count."""
        if self.empty and not self.path.exists():
            self._create()
            return
        h5py = hdf5()
        with (
            replacing(self.path) as part,
            self._own() as old,
            h5py.File(part, "w", libver="latest", locking=False, track_order=True) as new,
        ):
            self._entries(old)
            writer = self.writer if self._left is None else _new_writer()
            seal(new, {**attributes_of(old), "version": VERSION, "writer": writer})
            for name, (entries, now) in self.done.items():
                self._copy(old[name], new, name, entries, now)
        self.header["version"] = VERSION
        self.writer, self._left = writer, None

    def _copy(self, old: Any, new: Any, name: str, entries: int, now: int) -> None:
        _make_group(new, name, self.layouts[name], (0, now))
        growing = Growing(new[name])
        stamps, data = new[name]["stamps"], data_of(new[name])
        for dataset in (stamps, data):
            dataset.resize(entries, axis=0)
        k = 0
        for block_stamps, block in blocks(old, 0, entries):
            part = slice(k, k + len(block_stamps))
            stamps[part], data[part] = block_stamps, block
            k = part.stop
            new[name]["done"][...] = growing.add(block_stamps, block, now).packed()

    # Reading ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def group(self, name: str) -> Iterator[tuple[Any, int]]:
        """Open a group for reading; yield it and the number of its entries that count."""
        self.make()
        with self._own() as file:
            yield file[name], self.done[name][0]

    # Checkpoints --------------------------------------------------------------------------------------------------

    def describe(self, folder: Path) -> dict[str, Any]:
        """Return what `restore` needs, with a path relative to the folder of the checkpoint."""
        header = {**self.header, "seed": int(self.header["seed"])}
        with contextlib.suppress(ValueError):  # another drive of Windows
            return {"path": os.path.relpath(self.path, folder), "header": header, "done": self.done}
        return {"path": str(self.path), "header": header, "done": self.done}

    def adopt(self, name: str, layout: Layout) -> None:
        """Go on with a group of a file that was found again; ValueError if it has another layout."""
        with self._own() as file:
            group, elements = file[name], layout.arrays.get("elements")
            data, stored = data_of(group), elements_of(group)
            same = (
                attributes_of(group)["kind"] == layout.kind
                and data.dtype == layout.dtype
                and data.shape[1:] == layout.shape
                and (stored is None) == (elements is None)
                and (elements is None or np.array_equal(stored, elements))
            )
        if not same:
            _mismatch(self.path, f"holds other elements in {name} than the checkpoint describes")
        self.layouts[name] = layout

    @classmethod
    def restore(cls, description: Mapping[str, Any], folder: Path) -> RecordingFile:
        """Find a file again, given its description; nothing is written to it before the next run."""
        header = _checked(description)
        path = Path(os.path.normpath(folder / description["path"]))
        found = cls(path, header["dt"], header["seed"])
        found.header = {**header, "seed": np.uint64(header["seed"])}
        found.done = {name: (int(n), int(now)) for name, (n, now) in description["done"].items()}
        with reading(path) as file:
            attributes = attributes_of(file)
            if attributes["id"] != header["id"]:
                _mismatch(path, "is not the file that the checkpoint describes")
            extra = set(file) - set(found.done)
            if extra:
                _mismatch(path, f"holds {', '.join(extra)}, which is not in the checkpoint")
            for name, (entries, _) in found.done.items():
                if name not in file or count_of(file[name]).entries < entries:
                    _mismatch(
                        path, f"has fewer than the {entries} entries of {name} in the checkpoint"
                    )
                _require_step(file[name], name, *found.done[name])
            found.writer, found._made = attributes["writer"], True
            found._left = {name: count_of(file[name]).entries for name in found.done}
        return found
