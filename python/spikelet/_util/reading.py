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
import stat
import struct
import tokenize
import zipfile
import zlib
from collections.abc import Iterator
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

_ENCRYPTED = 0x1  # a flag of a file in an archive
_NPY_MAGIC = 6 + 2  # bytes of a .npy file before its header's length
_NPY_HEADER = 10_000  # most bytes of its header

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


def npy(data: bytes | memoryview, *, copy: bool = True) -> NDArray[Any]:
    """Return the array of a .npy file.

    Parameters
    ----------
    data : bytes or memoryview
        The whole file.
    copy : bool
        Whether the array has memory of its own; otherwise it is a read-only view of `data`.

    Raises
    ------
    ValueError
        If it is not exactly an array, or one of Python objects.
    """
    head = bytes(data[: _NPY_MAGIC + 4 + _NPY_HEADER])
    file = io.BytesIO(head)
    version = np.lib.format.read_magic(file)
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise ValueError(f"an array must be of .npy version 1 to 3, got {version}")
    _check_header(head, _NPY_MAGIC, version)
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
    if length > min(_NPY_HEADER, len(data)):
        raise ValueError(f"a .npy header must have at most {_NPY_HEADER} bytes, got {length}")
    header = data[begin + width : begin + width + length].decode("latin1")
    if not _LITERAL.fullmatch(_STRING.sub("", header)):
        raise ValueError("a .npy header must be a literal of Python")


@contextlib.contextmanager
def archive(path: str | os.PathLike[str]) -> Iterator[zipfile.ZipFile]:
    """Open a ZIP archive; errors of damaged content become ValueErrors.

    Raises
    ------
    ValueError
        If it is not a complete archive.
    OSError
        If it cannot be opened.
    """
    kind = os.stat(path).st_mode  # noqa: PTH116  # str or path
    if not stat.S_ISREG(kind) and not stat.S_ISDIR(kind):  # opening a pipe would block
        raise ValueError("not a file")
    with _Bounded(io.FileIO(path)) as file:
        try:
            with zipfile.ZipFile(file) as opened:
                yield opened
        except ValueError:
            raise
        except (*_DAMAGED, OSError) as error:  # OSError: a place before the beginning
            text = f"{type(error).__name__}: {error}"
            raise ValueError(f"not a complete archive ({text:.300})") from error


def members(opened: zipfile.ZipFile) -> list[zipfile.ZipInfo]:
    """Return the files of an archive, which are together no larger than the archive.

    Raises
    ------
    ValueError
        If they are, or one occurs twice, or is compressed or encrypted.
    """
    assert opened.fp is not None
    found = opened.infolist()
    names = set()
    for m in found:
        if m.compress_type != zipfile.ZIP_STORED or m.flag_bits & _ENCRYPTED:
            raise ValueError(
                f"an archive must store its files uncompressed and readable, not {m.filename!r}"
            )
        if m.filename in names:
            raise ValueError(f"an archive must hold each file once, got {m.filename!r} twice")
        names.add(m.filename)
    size = os.fstat(opened.fp.fileno()).st_size
    if sum(max(m.file_size, m.compress_size) for m in found) > size:
        raise ValueError("the sizes of an archive's files must not add up to more than the file")
    return found


def name_of(member: zipfile.ZipInfo) -> str:
    """Return the name of a stored array.

    Raises
    ------
    ValueError
        If it is another file.
    """
    name = member.filename.removesuffix(".npy")
    if name == member.filename:
        raise ValueError(f"an archive must hold arrays, got {name!r}")
    return name


class _Bounded(io.BufferedReader):
    """A file whose `read` allocates no more than is there, whatever it is asked for."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self.size = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self.size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))
