"""Atomic writes: a file is replaced as a whole or not at all, even after a power failure."""

from __future__ import annotations

import contextlib
import errno
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from spikelet._util.checks import fail

TEMPORARY = ".unfinished-"  # prefix of the names of files that are being written


def path_of(where: str, path: Any, name: str = "path") -> Path:
    """Return what a user gave as a path.

    Raises
    ------
    TypeError
        It is neither a string nor path-like.
    """
    found = os.fspath(path) if isinstance(path, os.PathLike) else path
    if not isinstance(found, str):
        rule = "must be a path: a str or a pathlib.Path (of an open file, its .name)"
        fail(where, name, path, rule, error=TypeError)
    return Path(found)


def sync(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):  # Windows cannot open folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a temporary file that replaces `path` atomically, and is flushed to disk; after an error it is removed.

    Yields
    ------
    Path
        The temporary file, to be written.
    """
    target = Path(os.path.realpath(path))  # the target of a symbolic link
    part = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        yield part
        sync(part)
        part.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and _is_of(part, error):
            raise OSError(
                error.errno, error.strerror, str(path)
            ) from error  # the path that the user knows
        raise
    sync(target.parent)


def _is_of(part: Path, error: OSError) -> bool:
    """Return whether an error is of this file: writing to a disk that is full names none."""
    return error.filename in (part, str(part)) or (
        error.filename is None and error.errno is not None
    )


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Do the same as `replacing` with a file that is open for writing and reading."""
    with replacing(path) as part, part.open("x+b") as file:
        yield file


_NOT_KNOWN = (errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL, errno.ENOSYS)
"""Errors of a file system that cannot reserve, such as one over a network, with a C library that does not write zeros instead."""


def reserve(path: Path, size: int) -> None:
    """Raise OSError if there is no room for a file of a size; HDF5 crashes the interpreter where a disk becomes full."""
    if hasattr(os, "posix_fallocate"):  # not on macOS
        with path.open("wb") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError as error:
                if error.errno not in _NOT_KNOWN:
                    raise


def write(path: str | os.PathLike[str], data: str | bytes) -> None:
    """Replace a file of text, or of bytes, atomically."""
    with replaced(path) as file:
        file.write(data.encode() if isinstance(data, str) else data)
