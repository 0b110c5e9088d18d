"""Files that are there as a whole or not at all, also after a power cut."""

from __future__ import annotations

import contextlib
import os
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

TEMPORARY = ".unfinished-"  # how names of files begin that are being written


def sync(path: Path) -> None:
    """Wait until a file, or the entries of a folder, are on the disk."""
    if path.is_dir() and not hasattr(os, "O_DIRECTORY"):  # Windows cannot open folders
        return
    handle = os.open(path, os.O_RDONLY if path.is_dir() else os.O_RDWR)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


@contextlib.contextmanager
def replacing(path: str | os.PathLike[str]) -> Iterator[Path]:
    """Write a file next to another; it takes its place at once, on the disk, if no error occurs, else it vanishes.

    Yields
    ------
    Path
        What to write.
    """
    target = Path(os.path.realpath(path))  # behind a link
    part = target.with_name(f"{TEMPORARY}{uuid.uuid4().hex}")
    try:
        yield part
        sync(part)
        part.replace(target)
    except BaseException as error:
        with contextlib.suppress(OSError):
            part.unlink()
        if isinstance(error, OSError) and error.filename in (part, str(part)):
            raise OSError(error.errno, error.strerror, str(path)) from error  # what the user knows
        raise
    sync(target.parent)


@contextlib.contextmanager
def replaced(path: str | os.PathLike[str]) -> Iterator[IO[bytes]]:
    """Do the same with an open file, for writing and reading."""
    with replacing(path) as part, part.open("x+b") as file:
        yield file


def write(path: str | os.PathLike[str], text: str) -> None:
    """Write a text file so."""
    with replaced(path) as file:
        file.write(text.encode())
