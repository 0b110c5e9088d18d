"""Files that are either there as a whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path


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
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        yield part
        sync(part)
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    sync(target.parent)
