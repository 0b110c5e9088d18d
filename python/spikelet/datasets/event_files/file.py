"""A file of events that is being read: its bytes, in blocks, and the error that names the file and the byte."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from types import TracebackType
from typing import Any, NoReturn, Self

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet._util.files import path_of

BLOCK = (
    1 << 16
)  # events decoded at a time: what is computed on the way stays in the second-level cache
_LONGEST_HEADER = 1 << 22  # jAER writes its preferences into it


class EventFile:
    """An open file, which never reads beyond its end.

    Parameters
    ----------
    path : path
        The file.
    where : str
        The call that reads, for errors.

    Raises
    ------
    OSError
        The file cannot be opened.
    ValueError
        It is no regular file: opening a pipe would block.
    """

    def __init__(self, path: str | os.PathLike[str], where: str) -> None:
        self.path = path_of(where, path)
        self.where = where
        mode = self.path.stat().st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
        if not stat.S_ISREG(mode):
            fail(where, "path", str(path), "must be a regular file")
        self._file = self.path.open("rb", buffering=0)
        self.size = os.fstat(self._file.fileno()).st_size

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def refuse(self, offset: int, what: str, rule: str, got: object) -> NoReturn:
        """Raise the ValueError that names the file, the byte and the rule."""
        fail(self.where, f"{self.path}: byte {offset}: {what}", got, rule)

    def read(self, offset: int, size: int, what: str = "the data") -> bytearray:
        """Return `size` bytes, all of which must be there; nothing is allocated before that is known."""
        if size < 0 or size > self.size - offset:
            there = max(0, self.size - offset)
            self.refuse(offset, what, f"must have {size} bytes (the file is truncated)", there)
        data = bytearray(size)
        view, done = memoryview(data), 0
        self._file.seek(offset)
        while done < size:
            if not (got := self._file.readinto(view[done:])):
                self.refuse(offset + done, what, "must not be cut off while it is read", "its end")
            done += got
        return data

    def head(self, size: int = 4096) -> bytes:
        """Return the beginning of the file."""
        return bytes(self.read(0, min(size, self.size)))

    def blocks(
        self, begin: int, itemsize: int, end: int | None = None
    ) -> Iterator[tuple[int, NDArray[np.uint8]]]:
        """Yield the items from `begin` on: the offset of a block, and its bytes ``[items, itemsize]``."""
        end = self.size if end is None else end
        if (end - begin) % itemsize:
            rule = f"must be events of {itemsize} bytes each (the file is truncated, or of another format)"
            self.refuse(begin, "the data", rule, f"{end - begin} bytes")
        for offset in range(begin, end, BLOCK * itemsize):
            data = self.read(offset, min(BLOCK * itemsize, end - offset))
            yield offset, np.frombuffer(data, np.uint8).reshape(-1, itemsize)

    def header(self, mark: bytes, last: bytes) -> tuple[list[str], int]:
        """Return the lines of text at the beginning that start with `mark`, and where they end.

        Parameters
        ----------
        mark : bytes
            What each line begins with.
        last : bytes
            Content of the last line of the header, where there is one.
        """
        size = 4096
        while True:
            head = self.head(size)
            lines, end, whole = _lines(head, mark, last)
            if whole or (len(head) == self.size and end == len(head)):
                return lines, end
            if len(head) == self.size or size >= _LONGEST_HEADER:
                rule = f"must consist of whole lines, of {_LONGEST_HEADER} bytes together at most"
                self.refuse(end, "the header", rule, head[end : end + 40])
            size = min(8 * size, _LONGEST_HEADER)


def _lines(head: bytes, mark: bytes, last: bytes) -> tuple[list[str], int, bool]:
    """Return lines that begin with `mark`, where they end, and whether the next one is known not to be one."""
    lines: list[str] = []
    begin = 0
    while head.startswith(mark, begin):
        end = head.find(b"\n", begin) + 1
        line = head[begin : end or len(head)].strip(b"\r\n")
        if not _printable(line):  # the first event looks like a mark
            return lines, begin, True
        if not end:
            return lines, begin, False
        lines.append(line.decode("latin1"))
        begin = end
        if line == last:
            return lines, begin, True
    rest = head[begin : begin + len(mark)]
    return lines, begin, not mark.startswith(rest)


def _printable(line: bytes) -> bool:
    return not any(c < 32 and c != 9 for c in line)


def column(block: NDArray[np.uint8], dtype: Any, offset: int) -> NDArray[Any]:
    """Return one field of all items of a block, as a strided view."""
    return np.ndarray(len(block), dtype, block, offset, (block.shape[1],))
