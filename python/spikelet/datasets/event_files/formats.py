"""The formats of event files: each module of this folder that has a `FORMAT` adds one."""

from __future__ import annotations

import functools
import importlib
import pkgutil
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet.datasets.event_files.file import EventFile

_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")  # gzip, bzip2, xz, zstd


@dataclass(frozen=True)
class Format:
    """A format of event files.

    Parameters
    ----------
    name : str
        As in ``read_events(path, format=name)``.
    title : str
        What it is, for errors and documentation.
    extensions : tuple of str
        Ends of file names, with the dot.
    magic : callable
        Whether a file that begins with these bytes (4096, or all) is of the format.
    read : callable
        ``read(file, demands, **options)`` returns the events.
    options : tuple of str
        Names of its options.
    """

    name: str
    title: str
    extensions: tuple[str, ...]
    magic: Callable[[bytes], bool]
    read: Callable[..., NDArray[Any]]
    options: tuple[str, ...] = field(default=())


@functools.cache
def formats() -> dict[str, Format]:
    """Return all formats by name."""
    package = __name__.rpartition(".")[0]
    folder = importlib.import_module(package).__path__
    modules = [importlib.import_module(f"{package}.{m.name}") for m in pkgutil.iter_modules(folder)]
    found = [module.FORMAT for module in modules if hasattr(module, "FORMAT")]
    return {f.name: f for f in sorted(found, key=lambda f: str(f.name))}


def listed() -> str:
    """Return the names of all formats for an error, with what they are."""
    return ", ".join(f'"{f.name}" ({f.title})' for f in formats().values())


def choose(file: EventFile, name: str | None) -> Format:
    """Return the format of a file: the one that is named, or else by its first bytes, or else by its extension."""
    if name is not None:
        if not isinstance(name, str) or name not in formats():
            fail(file.where, "format", name, f"must be one of {listed()}")
        return formats()[name]
    head = file.head()
    suffix = file.path.suffix.lower()
    known = [f for f in formats().values() if f.magic(head)]
    known += [f for f in formats().values() if suffix in f.extensions]
    if not known and head.startswith(_COMPRESSED):
        fail(
            file.where, str(file.path), head[:4], "is compressed; decompress it first", got="bytes"
        )
    if not known:
        rule = f"has no known extension and no known first bytes; pass format= one of {listed()}"
        fail(file.where, str(file.path), suffix, rule)
    return known[0]
