"""Read untrusted data: whatever the bytes are, the result is a value or a ValueError.

The libraries used here trust the sizes that a file states, allocate before they check, skip the checksums of what they
do not read, and raise errors of a dozen types. So each size is compared with the bytes present before it is used.
"""

from __future__ import annotations

import contextlib
import io
import json
import math
import os
import re
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Collection, Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["check_archive", "json_value", "npy", "npz", "refusing"]

_DAMAGED = (
    ValueError, TypeError, AttributeError, LookupError, ArithmeticError, RuntimeError, EOFError, SyntaxError,
    struct.error, zlib.error, zipfile.BadZipFile, tokenize.TokenError,
)  # fmt: skip  # RuntimeError: RecursionError and NotImplementedError too
_STRING = re.compile(r"""'(?:[^'\\]|\\.)*'|"(?:[^"\\]|\\.)*"|\b(?:True|False)\b""")
_LITERAL = re.compile(r"[\s\d,:(){}\[\]]*")


@contextlib.contextmanager
def refusing(where: str, path: str | os.PathLike[str]) -> Iterator[None]:
    """Turn errors of damaged content into a ValueError that names the file; those of opening it stay.

    Parameters
    ----------
    where : str
        The call that reads: ``"ConvSTDP.load"``.
    path : path
        The file.
    """
    try:
        yield
    except _DAMAGED as error:
        text = " ".join(str(error).split())
        if not isinstance(error, ValueError) or isinstance(error, UnicodeError):
            text = f"{type(error).__name__}: {text}"
        text = text if len(text) <= 300 else f"{text[:300]}..."
        msg = f"{where}: the file {os.fspath(path)!r} cannot be read: {text}"
        raise ValueError(msg) from error


def json_value(text: str | bytes) -> Any:
    """Return the value of a JSON text, in which no object may have a name twice.

    Raises
    ------
    ValueError
        If it is anything else.
    """
    try:
        return json.loads(text, object_pairs_hook=_once)
    except RecursionError:
        raise ValueError("JSON must not be nested this deeply") from None


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("JSON must not have a name twice in one object")
    return found


def npy(data: bytes, *, copy: bool = True) -> NDArray[Any]:
    """Return the array of a .npy file.

    Parameters
    ----------
    data : bytes
        The whole file.
    copy : bool
        Whether the array has memory of its own; otherwise it is a read-only view of `data`.

    Raises
    ------
    ValueError
        If it is not exactly an array, or one of Python objects.
    """
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"an array must be of .npy version 1 to 3, got {version}")
    _check_header(data, len(data) - len(file.read()), version)
    file.seek(6 + 2)
    try:
        if version == (1, 0):
            shape, fortran, dtype = np.lib.format.read_array_header_1_0(file)
        else:  # version 3 differs in its encoding only, which is that of names of fields
            shape, fortran, dtype = np.lib.format.read_array_header_2_0(file)
    except (*_DAMAGED,) as error:
        text = " ".join(str(error).split())
        raise ValueError(f"an array has a damaged header ({text:.200})") from error
    begin = file.tell()
    if dtype.hasobject:
        raise ValueError("an array must not be of Python objects")
    if any(type(n) is not int or n < 0 for n in shape) or len(shape) > 64:
        raise ValueError("an array must have a shape of integers >= 0")
    size = math.prod(shape) * dtype.itemsize  # Python's integers do not overflow
    if size != len(data) - begin or math.prod(shape) > max(size, 2**20):
        rule = f"an array of shape {shape} and type {dtype} must have {size} bytes"
        raise ValueError(f"{rule}, got {len(data) - begin}")
    order: Literal["F", "C"] = "F" if fortran else "C"
    view: NDArray[Any] = np.ndarray(shape, dtype, buffer=data, offset=begin, order=order)
    return view.copy(order="K") if copy else view


def _check_header(data: bytes, begin: int, version: tuple[int, int]) -> None:
    """Check that a header is short and holds no operators, whose nesting exhausts the stack of Python's parser."""
    width = 2 if version == (1, 0) else 4
    length = int.from_bytes(data[begin : begin + width], "little")
    if length > min(10_000, len(data)):
        raise ValueError(f"a .npy header must have at most 10000 bytes, got {length}")
    header = data[begin + width : begin + width + length].decode("latin1")
    if not _LITERAL.fullmatch(_STRING.sub("", header)):
        raise ValueError("a .npy header must be a literal of Python")


def npz(
    path: str | os.PathLike[str], names: Collection[str] | None = None
) -> dict[str, NDArray[Any]]:
    """Return the arrays of a file of `numpy.savez`, after a check of all their bytes.

    Parameters
    ----------
    path : path
        The file.
    names : collection of str, optional
        Arrays to read; by default all.

    Raises
    ------
    ValueError
        If the file is not complete, or its checksums are not right.
    OSError
        If it cannot be opened.
    """
    found: dict[str, NDArray[Any]] = {}
    with _archive(path) as archive:
        for member in _members(archive):
            name = member.filename.removesuffix(".npy")
            if name == member.filename:
                raise ValueError(f"an archive must hold arrays, got {name!r}")
            if names is None or name in names:
                found[name] = npy(archive.read(member))
    return found


def check_archive(path: str | os.PathLike[str]) -> None:
    """Check that a ZIP archive of files that are not compressed is complete, and all checksums are right.

    Raises
    ------
    ValueError
        If it is not.
    OSError
        If it cannot be opened.
    """
    with _archive(path) as archive:
        for member in _members(archive):
            with archive.open(member) as file:
                while file.read(2**20):  # at its end, the checksum is compared
                    pass


@contextlib.contextmanager
def _archive(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    with open(path, "rb") as file:  # noqa: PTH123  # str or path
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive
        except (*_DAMAGED, OSError) as error:  # OSError: a place before the beginning
            text = f"{type(error).__name__}: {error}"
            raise ValueError(f"not a complete archive ({text:.300})") from error


def _members(archive: zipfile.ZipFile) -> Iterator[zipfile.ZipInfo]:
    """Yield the files of an archive, whose sizes are not larger than the archive."""
    assert archive.fp is not None
    left, names = os.fstat(archive.fp.fileno()).st_size, set()
    for member in archive.infolist():
        left -= member.file_size
        if member.compress_type != zipfile.ZIP_STORED or left < 0:
            raise ValueError("an archive must store its files uncompressed, within its own size")
        if member.filename in names:
            raise ValueError(f"an archive must hold each file once, got {member.filename!r} twice")
        names.add(member.filename)
        yield member
