"""Recordings on disk: files that only grow, and can be read at any time, even after their writer has died.

A file has three parts:

* Start: the magic bytes, the identity of the writer, and the size of the file, or 0 while it is open for writing. Only
  the start changes in place.
* Description: its sizes and checksum, JSON text, and arrays such as the recorded ids.
* Records, one for each write: the step up to which it reaches, and the number of entries of each recording with the
  checksums of their stamps and of their ids or values; then these arrays. A head has a checksum of its own.

The length of the file is the commit: a record counts once all of its bytes are there. A writer that dies leaves at most
the beginning of one more record, which readers ignore and the next writer cuts off. The identity of the writer changes
when another network takes over, because two networks loaded from the same checkpoint would mix their recordings.
"""

from __future__ import annotations

import contextlib
import errno
import itertools
import json
import os
import struct
import uuid
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail
from spikelet._util.files import replaced, sync

FORMAT, VERSION = "spikelet recording", 3
LAST = int(np.iinfo(np.int64).max)  # later than any step

Arrays: TypeAlias = tuple[npt.NDArray[np.int64], npt.NDArray[Any]]  # stamps, and ids or values

START = struct.Struct("<8s16sQ")  # magic, writer, size if closed
_MAGIC = b"\x93SPKREC\n"
_SIZES = struct.Struct("<IQQ")  # checksum of the description, bytes of text, bytes of arrays
_KINDS = ("spikes", "state", "weights")
_TYPES = ("<u4", "<f4", "<f8")
_TRIES = 10  # to read a start that agrees with the size, while writers open and close the file

# What a description with wrong contents raises.
_BROKEN = (
    KeyError, TypeError, AttributeError, IndexError, OverflowError, ValueError, MemoryError, RecursionError, struct.error,
)  # fmt: skip


@dataclass(frozen=True)
class Layout:
    """One recording: what its entries are."""

    kind: str
    dtype: npt.DTypeLike  # of ids or values
    shape: tuple[int, ...]  # of an entry
    attributes: Mapping[str, Any]
    arrays: Mapping[str, npt.NDArray[Any]] = field(default_factory=dict)  # of ids

    @property
    def entry(self) -> int:
        """Size of an entry without its stamp [bytes]."""
        return np.dtype(self.dtype).itemsize * int(np.prod(self.shape, dtype=object))


class _Part(NamedTuple):
    """The entries of one recording in a record."""

    at: int  # byte at which the stamps begin; the data follow
    entries: int
    total: int  # entries up to its end
    sums: tuple[int, int]  # of the stamps and of the data


class _Record(NamedTuple):
    step: int  # up to which it was recorded
    end: int  # byte after it
    parts: tuple[_Part, ...]


class _Index(NamedTuple):
    """What a file holds."""

    writer: bytes
    header: dict[str, Any]
    layouts: dict[str, Layout]
    begin: dict[str, int]  # by recording, the step before its first
    first: int  # byte at which the records begin
    records: list[_Record]

    @property
    def end(self) -> int:
        return self.records[-1].end if self.records else self.first

    def upto(self, end: int) -> dict[str, tuple[int, int]]:
        """Return the number of entries of each recording before a byte, and the step up to which it was recorded."""
        k = bisect_right(self.records, end, key=lambda record: record.end)
        if k == 0:
            return {name: (0, step) for name, step in self.begin.items()}
        last = self.records[k - 1]
        return {
            name: (part.total, max(last.step, self.begin[name]))
            for name, part in zip(self.layouts, last.parts, strict=True)
        }


def _bytes_of(values: npt.NDArray[Any], dtype: npt.DTypeLike) -> memoryview:
    """Return an array as bytes, without a copy where it has this type."""
    plain = np.ascontiguousarray(values, np.dtype(dtype).newbyteorder("<"))
    return plain.reshape(-1).view(np.uint8).data


def _head(layouts: Mapping[str, Layout]) -> struct.Struct:
    return struct.Struct("<Iq" + "QII" * len(layouts))


def _described(
    header: Mapping[str, Any], layouts: Mapping[str, Layout], begin: Mapping[str, int]
) -> bytes:
    """Return the description of a file."""
    found = [
        {
            "name": name,
            "kind": layout.kind,
            "dtype": np.dtype(layout.dtype).newbyteorder("<").str,
            "shape": layout.shape,
            "begin": begin[name],
            "attributes": dict(layout.attributes),
            "arrays": {key: len(values) for key, values in layout.arrays.items()},
        }
        for name, layout in layouts.items()
    ]
    text = json.dumps({"header": dict(header), "recordings": found}).encode()
    arrays = b"".join(
        bytes(_bytes_of(values, "u4"))
        for layout in layouts.values()
        for values in layout.arrays.values()
    )
    sizes = struct.pack("<QQ", len(text), len(arrays))
    return struct.pack("<I", zlib.crc32(sizes + text + arrays)) + sizes + text + arrays


def _whole(where: str, name: str, value: Any, end: int, rule: str) -> int:
    if type(value) is not int or not 0 <= value < end:
        fail(where, name, value, rule)
    return value


def _layout(where: str, d: dict[str, Any], arrays: memoryview) -> tuple[Layout, memoryview]:
    """Return a layout, given its description and the bytes of all arrays left; and the bytes after its own."""
    about, name = d["attributes"], d["name"]
    for key in {"size", "every", "start", "stop"} & set(about):
        rule = "must be a number of elements" if key == "size" else "must be a number of steps"
        _whole(where, key, about[key], 2**32 if key == "size" else 2**63, rule)
    for key, values in (("kind", _KINDS), ("dtype", _TYPES)):
        if d[key] not in values:
            fail(where, f"{key} of {name}", d[key], f"must be one of: {', '.join(values)}")
    shape = tuple(
        _whole(where, "shape", n, 2**32, "must be a number of columns") for n in d["shape"]
    )
    if len(shape) != (d["kind"] != "spikes") or (d["kind"] == "spikes") != (d["dtype"] == "<u4"):
        fail(where, f"shape of {name}", shape, "must be that of its kind")
    found = {}
    for key, n in d["arrays"].items():
        size = 4 * _whole(where, key, n, len(arrays) // 4 + 1, "must be the length of an array")
        found[key], arrays = np.frombuffer(arrays[:size], "<u4"), arrays[size:]
        if shape and n != shape[0]:
            fail(where, f"{key} of {name}", n, f"must be {shape[0]}, one for each column")
        if key == "elements" and n and found[key].max() >= about["size"]:
            fail(
                where, f"elements of {name}", int(found[key].max()), "must be ids of the population"
            )
    return Layout(d["kind"], d["dtype"], shape, about, found), arrays


class Log:
    """A recording on disk, read as far as it is complete at the time of each access.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The file is not a recording, or is damaged; here, and later when it is read.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._index: _Index | None = None
        self.index()

    def index(self) -> _Index:
        """Return what the file holds by now."""
        with self._open() as (_, index):
            return index

    @contextlib.contextmanager
    def _open(self) -> Iterator[tuple[IO[bytes], _Index]]:
        path = self.path
        where = f"recording {path}"
        if not path.exists():
            raise FileNotFoundError(errno.ENOENT, "no such recording", str(path))
        if not path.is_file():  # opening a pipe would block
            msg = f"{where}: not a recording on disk (not a file)"
            raise ValueError(msg)
        with contextlib.ExitStack() as opened:
            for _ in range(_TRIES):
                file = opened.enter_context(path.open("rb"))
                size, start = os.fstat(file.fileno()).st_size, file.read(START.size)
                if start[:8] != _MAGIC or len(start) < START.size:
                    msg = f"{where}: not a recording on disk (of this version of spikelet)"
                    raise ValueError(msg)
                _, writer, closed = START.unpack(start)
                if closed in (0, size):
                    break
            else:
                msg = f"{where}: it has {size} bytes; its writer left {closed}"
                raise ValueError(msg)
            try:
                self._index = index = self._found(file, writer, size)
                if closed and index.end != size:
                    raise ValueError("it ends within a record")
                yield file, index
            except _BROKEN as error:
                if isinstance(error, ValueError) and str(error).startswith(where):
                    raise
                text = (
                    error if isinstance(error, ValueError) else f"{type(error).__name__}: {error}"
                )
                msg = f"{where}: it cannot be read ({text})"
                raise ValueError(msg) from error

    def _found(self, file: IO[bytes], writer: bytes, size: int) -> _Index:
        """Find the records that are new since the last time."""
        index = self._index
        if index is None or index.writer != writer:
            index = self._description(file, writer, size)
        head, records = _head(index.layouts), list(index.records)
        widths, at = [8 + layout.entry for layout in index.layouts.values()], index.end
        while at + head.size <= size:
            file.seek(at)
            bytes_ = file.read(head.size)
            if not any(bytes_):  # a crash of the machine may leave zeros
                break
            check, step, *numbers = head.unpack(bytes_)
            if check != zlib.crc32(bytes_[4:]) or step < (records[-1].step if records else -1):
                msg = f"the record at byte {at} does not match its checksum"
                raise ValueError(msg)
            end, parts = at + head.size, []
            for k, width in enumerate(widths):
                entries, *sums = numbers[3 * k : 3 * k + 3]
                total = entries + (records[-1].parts[k].total if records else 0)
                parts.append(_Part(end, entries, total, (sums[0], sums[1])))
                end += entries * width
            if end > size:
                break
            records.append(_Record(step, end, tuple(parts)))
            at = end
        return index._replace(records=records)

    def _description(self, file: IO[bytes], writer: bytes, size: int) -> _Index:
        sizes = file.read(_SIZES.size)
        check, text, arrays = _SIZES.unpack(sizes)
        first = START.size + _SIZES.size + text + arrays
        if first > size:
            raise ValueError("its description is cut off")
        found = file.read(text + arrays)
        if check != zlib.crc32(found, zlib.crc32(sizes[4:])):
            raise ValueError("its description does not match its checksum")
        described, where = json.loads(found[:text]), f"recording {self.path}"
        header, rest = described["header"], memoryview(found)[text:]
        if (header["format"], header["version"]) != (FORMAT, VERSION):
            msg = (
                f"{where}: written by another version ({header['spikelet']}) in format {header['version']};"
                f" this version reads {VERSION}"
            )
            raise ValueError(msg)
        dt = header["dt"]
        if not isinstance(dt, float) or not 0 < dt < np.inf:
            fail(where, "dt", dt, "must be a time > 0")
        layouts, begin = {}, {}
        for d in described["recordings"]:
            name = str(d["name"])
            layouts[name], rest = _layout(where, d, rest)
            begin[name] = _whole(where, "begin", d["begin"] + 1, LAST, "must be a step") - 1
        return _Index(writer, header, layouts, begin, first, [])

    def layout(self, name: str) -> Layout:
        """Return the layout of a recording."""
        layouts = self.index().layouts
        if name not in layouts:
            fail(f"recording {self.path}", "name", name, f"must be one of: {', '.join(layouts)}")
        return layouts[name]

    def done(self, name: str) -> tuple[int, int]:
        """Return the number of entries of a recording, and the step up to which it was recorded."""
        index = self.index()
        return index.upto(index.end)[name]

    def stamps(self, name: str, end: int = LAST) -> npt.NDArray[np.int64]:
        """Return all stamps before a byte of the file."""
        found = [part[0] for part in self._entries(name, -1, LAST, end, data=False)]
        return found[0] if len(found) == 1 else np.concatenate(found)

    def blocks(
        self, name: str, start: int = -1, stop: int = LAST, end: int = LAST
    ) -> Iterator[Arrays]:
        """Yield the entries with start < stamp <= stop before a byte of the file, in at least one piece."""
        return self._entries(name, start, stop, end, data=True)

    def whole(self, name: str) -> Arrays:
        """Return all entries, read into place."""
        with self._open() as (file, index):
            layout, k = index.layouts[name], list(index.layouts).index(name)
            n = index.upto(LAST)[name][0]
            out = np.empty(n, np.int64), np.empty((n, *layout.shape), layout.dtype)
            for record in index.records:
                if record.parts[k].entries:
                    read_part(file, name, layout, record.parts[k], into=out)
            return out

    def _entries(
        self, name: str, start: int, stop: int, end: int, *, data: bool
    ) -> Iterator[Arrays]:
        with self._open() as (file, index):
            if name not in index.layouts:
                msg = f"it no longer holds {name}"
                raise ValueError(msg)
            k, layout = list(index.layouts).index(name), index.layouts[name]
            found = False
            for record in index.records[bisect_right(index.records, start, key=lambda r: r.step) :]:
                if record.end > end:
                    break
                if record.parts[k].entries:
                    stamps, values = read_part(file, name, layout, record.parts[k], data=data)
                    first, last = np.searchsorted(stamps, (start, stop), side="right")
                    if first < last:
                        found = True
                        yield stamps[first:last], values[first:last]
                if record.step >= stop:
                    break
            if not found:
                yield np.empty(0, np.int64), np.empty((0, *layout.shape), layout.dtype)


def read_part(
    file: IO[bytes],
    name: str,
    layout: Layout,
    part: _Part,
    *,
    data: bool = True,
    into: Arrays | None = None,
) -> Arrays:
    """Return the stamps and the data of a recording in a record, or the stamps and as many empty rows.

    `into` has the arrays of all entries, of which they become a part.
    """
    n = part.entries
    arrays: list[npt.NDArray[Any]] = []
    at = part.at
    for dtype, shape, check in (
        ("<i8", (), part.sums[0]),
        (layout.dtype, layout.shape, part.sums[1]),
    ):
        if arrays and not data:
            return arrays[0], np.empty((n, 0))
        file.seek(at)
        whole = into and into[len(arrays)]
        values = (
            np.empty((n, *shape), dtype) if whole is None else whole[part.total - n : part.total]
        )
        flat = values.reshape(-1).view(np.uint8).data
        if file.readinto(flat) != len(flat) or zlib.crc32(flat) != check:  # type: ignore[attr-defined]
            msg = f"{n} entries of {name} at byte {at} do not match their checksum"
            raise ValueError(msg)
        arrays.append(values)
        at += values.nbytes
    if layout.kind == "spikes" and arrays[1].max() >= layout.attributes["size"]:
        msg = f"ids of {name} must be below {layout.attributes['size']}, the size of the population"
        raise ValueError(msg)
    return arrays[0], arrays[1]


@contextlib.contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Make errors of the operating system name the file."""
    try:
        yield
    except OSError as error:
        if error.filename is not None:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def _write(file: IO[bytes], *pieces: Any) -> None:
    """Write everything: an unbuffered file may take a part only."""
    for piece in pieces:
        left = memoryview(piece)
        while left:
            left = left[file.write(left) :]


def _require_folder(path: Path) -> None:
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, "no such folder", str(path.parent))


class RecordingFile:
    """A file that recorders of one network write to.

    Parameters
    ----------
    path : Path
        The file; it is made when it is first needed.
    dt : float
        Time step of the network [ms].
    seed : int
        Its seed.
    """

    def __init__(self, path: Path, dt: float, seed: int) -> None:
        self.path = path
        self.header: dict[str, Any] = {
            "format": FORMAT, "version": VERSION, "spikelet": _core.__version__,
            "dt": dt, "seed": int(seed), "id": str(uuid.uuid4()), "part": 0,
        }  # fmt: skip
        self.layouts: dict[str, Layout] = {}
        # Our bytes of the file; and by recording, the number of entries and the step up to which they were recorded.
        # Together, because Ctrl-C may strike between two assignments.
        self._state: tuple[int, dict[str, tuple[int, int]]] = (0, {})
        self._writers: tuple[bytes, ...] = ()  # in the file; after `restore` also the one to come
        self._left: int | None = (
            None  # end of the records in a restored file, until the first write
        )
        self._log: Log | None = None  # once the file is made
        self._file: Any = None  # while open for writing

    @property
    def done(self) -> dict[str, tuple[int, int]]:
        """Number of entries of each recording, and the step up to which they were recorded."""
        return self._state[1]

    @property
    def empty(self) -> bool:
        """Whether the file has no entries yet."""
        return not any(entries for entries, _ in self.done.values())

    # Making -------------------------------------------------------------------------------------------------------

    def add(self, name: str, layout: Layout, now: int) -> str:
        """Add one more recording; return its name."""
        if self._log is None:
            self._require_new()
        if not self.empty:
            rule = "already holds data, so no recorder can be added; record to another file"
            fail("record", "to", str(self.path), rule)
        name = name.replace("/", "_").replace("\0", "_")
        names = itertools.chain([name], (f"{name}.{k}" for k in itertools.count(2)))
        name = next(n for n in names if n not in self.layouts)
        self.layouts[name], self.done[name] = layout, (0, now - 1)
        try:
            if self._log is not None:
                self._own()
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

    def make(self) -> Log:
        """Return the file, made unless it exists; no recorder can be added from now on."""
        if self._log is None:
            self._require_new()
            self._create()
        assert self._log is not None
        return self._log

    def _create(self, without: str = "") -> None:
        """Write the file anew, with our entries of all recordings but one."""
        _require_folder(self.path)
        before = self._state, self._writers, self._left
        done, writer = self.done, uuid.uuid4().bytes
        layouts = {name: self.layouts[name] for name in done}
        try:
            with _naming(self.path), replaced(self.path) as file:
                begin = {name: step for name, (entries, step) in done.items() if not entries}
                description = _described(self.header, layouts, {**dict.fromkeys(done, -1), **begin})
                _write(file, START.pack(_MAGIC, writer, 0), description)
                if not self.empty:
                    self._copy(file, layouts, without)
                end = file.tell()
                file.seek(0)
                _write(file, START.pack(_MAGIC, writer, end))
                file.flush()
                self._state, self._writers, self._left = (end, done), (writer,), None
        except BaseException:
            self._state, self._writers, self._left = before
            raise
        self._log = Log(self.path)

    def _copy(self, new: IO[bytes], layouts: dict[str, Layout], without: str) -> None:
        log = self._own()
        with log._open() as (file, index):  # of this module
            for record in index.records:
                if record.end <= self._state[0]:
                    arrays = {
                        name: read_part(file, name, layouts[name], part)
                        for name, part in zip(layouts, record.parts, strict=True)
                        if name != without and part.entries
                    }
                    _write(new, *_packed(layouts, arrays, record.step))

    def _next_path(self) -> Path:
        stem, part = self.path.stem, int(self.header["part"])
        stem = stem.removesuffix(f".{part}") if part else stem
        return self.path.with_name(f"{stem}.{part + 1}{self.path.suffix}")

    def require_next(self) -> None:
        """Check that `start_again` can create the next file."""
        if self.empty:
            return
        _require_folder(self.path)
        if os.path.lexists(self._next_path()):
            msg = "exists and is not overwritten by a reset"
            raise FileExistsError(errno.EEXIST, msg, str(self._next_path()))

    def start_again(self, now: int) -> None:
        """Continue in a new file, `name.1.rec` after `name.rec`, and keep the old one."""
        full, end = not self.empty, self._state[0]
        self._state = (end, dict.fromkeys(self.done, (0, now - 1)))
        if full:
            self.path = self._next_path()
            self.header |= {"part": self.header["part"] + 1, "id": str(uuid.uuid4())}
            self._log, self._left = None, None

    # Writing ------------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[None]:
        """Keep the file open for `append`."""
        self.make()
        self._set_back()
        with _naming(self.path), self.path.open("r+b", buffering=0) as file:
            try:
                _write(file, START.pack(_MAGIC, self._writers[-1], 0))
                self._writers, self._left = self._writers[-1:], None
                file.truncate(self._state[0])
                self._file = file
                yield
            finally:
                self._file = None
                file.truncate(self._state[0])
                file.seek(0)
                _write(file, START.pack(_MAGIC, self._writers[-1], self._state[0]))

    def _set_back(self) -> None:
        """Rewrite the file if the clock was set back before it held anything."""
        if self._own().index().upto(self._state[0]) != self.done:
            self._create()

    def _own(self) -> Log:
        """Return the file, after a check that no other process has written to it."""
        log = self.make()
        try:
            index = log.index()
        except ValueError:
            self._changed()
        if (
            index.header["id"] != self.header["id"]
            or index.writer not in self._writers
            or index.end < self._state[0]
            # The network that was saved went on.
            or (index.writer == self._writers[0] and self._left not in (None, index.end))
        ):
            self._changed()
        return log

    def _changed(self) -> NoReturn:
        msg = (
            "the recording was changed or replaced by another program since it was last written or loaded"
            " (another network of the same checkpoint?)"
        )
        raise OSError(errno.EIO, msg, str(self.path))

    def append(self, arrays: Mapping[str, Arrays], now: int) -> None:
        """Write data recorded up to a step; on return, a crash of the process cannot lose it.

        If the disk is full, the file stays as it was.
        """
        file, (end, done) = self._file, self._state
        if not os.path.samestat(os.fstat(file.fileno()), self.path.stat()):
            self._changed()
        layouts = {name: self.layouts[name] for name in done}
        pieces = _packed(layouts, arrays, now)
        try:
            file.seek(end)
            _write(file, *pieces)
            done = {name: (n + len(arrays[name][0]), now) for name, (n, _) in done.items()}
            self._state = end + sum(len(piece) for piece in pieces), done
        except BaseException:
            file.truncate(self._state[0])
            raise

    def sync(self) -> None:
        """Make appended data safe from a crash of the machine."""
        self.make()
        if self.empty:
            self._set_back()
        sync(self.path)

    def clear(self, name: str, now: int) -> None:
        """Forget the data of a recorder: rewrite the file without them."""
        before = self._state
        self._state = (before[0], {**self.done, name: (0, now - 1)})
        try:
            if self._log is not None:
                if self.path.exists() or not self.empty:
                    self._own()
                self._create(name)
        except BaseException:
            self._state = before
            raise

    # Reading ------------------------------------------------------------------------------------------------------

    def blocks(self, name: str, start: int, stop: int) -> Iterator[Arrays]:
        """Yield our entries with start < stamp <= stop [steps], in at least one piece."""
        return self._own().blocks(name, start, stop, self._state[0])

    def stamps(self, name: str) -> npt.NDArray[np.int64]:
        """Return the stamps of our entries."""
        return self._own().stamps(name, self._state[0])

    # Checkpoints --------------------------------------------------------------------------------------------------

    def describe(self, folder: Path) -> dict[str, Any]:
        """Return what `restore` needs, with a path relative to the folder of the checkpoint."""
        path = str(self.path)
        with contextlib.suppress(ValueError):  # another drive of Windows
            path = os.path.relpath(self.path, folder)
        return {"path": path, "id": self.header["id"], "end": self._state[0]}

    def adopt(self, name: str, layout: Layout) -> None:
        """Go on with a recording in a file that was found again; ValueError if it has another layout."""
        stored, elements = self.make().layout(name), layout.arrays.get("elements")
        if (
            (stored.kind, np.dtype(stored.dtype), stored.shape)
            != (layout.kind, np.dtype(layout.dtype), layout.shape)
            or ("elements" in stored.arrays) != (elements is not None)
            or (elements is not None and not np.array_equal(stored.arrays["elements"], elements))
        ):
            msg = f"recording {self.path} holds other elements in {name} than the checkpoint describes"
            raise ValueError(msg)
        self.layouts[name] = layout

    @classmethod
    def restore(cls, description: Any, folder: Path) -> RecordingFile:
        """Find a file again, given its description; nothing is written to it before the next run."""
        where, fields = "stored network: recording", {"path": str, "id": str, "end": int}
        if (
            not isinstance(description, dict)
            or {k: type(v) for k, v in description.items()} != fields
        ):
            fail(where, "fields", description, "must be path, id and end")
        path = Path(os.path.normpath(folder / description["path"]))
        log, end = Log(path), description["end"]
        index = log.index()
        if index.header["id"] != description["id"]:
            msg = f"recording {path} is not the file that the checkpoint describes"
            raise ValueError(msg)
        if end not in (index.first, *(record.end for record in index.records)):
            rule = f"of {index.end} bytes must hold the records of the checkpoint"
            fail(f"recording {path}", "end", end, rule)
        found = cls(path, index.header["dt"], index.header["seed"])
        found.header, found._state = index.header, (end, index.upto(end))
        found._log, found._left = log, index.end
        found._writers = (index.writer, uuid.uuid4().bytes)
        return found


def _packed(layouts: Mapping[str, Layout], arrays: Mapping[str, Arrays], step: int) -> list[Any]:
    """Return a record in pieces of bytes."""
    numbers: list[int] = []
    pieces: list[Any] = []
    for name, layout in layouts.items():
        stamps, data = arrays.get(name) or (np.empty(0, np.int64), np.empty(0, layout.dtype))
        both = _bytes_of(stamps, "i8"), _bytes_of(data, layout.dtype)
        numbers += len(stamps), *(zlib.crc32(x) for x in both)
        pieces += both
    head = _head(layouts).pack(0, step, *numbers)[4:]
    return [struct.pack("<I", zlib.crc32(head)) + head, *pieces]
