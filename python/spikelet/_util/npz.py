"""Arrays in one file (.npz): written with a list of their checksums, and read as untrusted data.

Every size is compared with the bytes that are there before anything is allocated, so a damaged or crafted file costs no
more memory than its own length.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from spikelet._util import reading

__all__ = ["Damaged", "read", "write"]

_HEADER = "header"
_ENCRYPTED = 0x1


class Damaged(ValueError):
    """The file is not a complete file of arrays."""


def write(file: IO[bytes], header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
    """Write arrays, and a JSON header that gets the CRC-32 of each as its field "arrays".

    Parameters
    ----------
    file : binary file
        Open for writing.
    header : mapping
        What goes into the header besides.
    arrays : mapping of str to array
        The arrays by name.
    """
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as members:
        sums = {}
        for name, array in arrays.items():
            _put(members, name, np.asanyarray(array))
            sums[name] = members.getinfo(f"{name}.npy").CRC
        _put(
            members, _HEADER, np.array(json.dumps({**header, "arrays": dict(sorted(sums.items()))}))
        )


def _put(members: zipfile.ZipFile, name: str, array: npt.NDArray[Any]) -> None:
    with members.open(f"{name}.npy", "w", force_zip64=True) as member:
        np.lib.format.write_array(member, array, allow_pickle=False)


def read(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Return the header and the arrays, which are read-only, of a file whose checksums are right.

    Parameters
    ----------
    path : Path
        The file.

    Raises
    ------
    FileNotFoundError
        If there is none.
    Damaged
        If anything in the file does not fit.
    """
    if path.exists() and not path.is_file():  # opening a pipe would block
        raise Damaged("not a file")
    try:
        with _Bounded(io.FileIO(path)) as plain, zipfile.ZipFile(plain) as members:
            arrays, sums = _members(members, plain.size)
        header = json.loads(str(arrays.pop(_HEADER)))
    except FileNotFoundError:
        raise
    except (  # whatever libraries raise for damaged content
        zipfile.BadZipFile, zlib.error, EOFError, KeyError, IndexError, TypeError, AttributeError, ValueError,
        NotImplementedError, RuntimeError, OverflowError, SyntaxError, OSError,
    ) as error:  # fmt: skip
        raise Damaged(f"{type(error).__name__}: {error}") from error
    if not isinstance(header, dict):
        raise Damaged("the header is not a JSON object")
    _check_list(header.get("arrays"), sums)
    return header, arrays


class _Bounded(io.BufferedReader):
    """A file whose `read` allocates no more than is there, whatever it is asked for."""

    def __init__(self, raw: io.FileIO) -> None:
        super().__init__(raw)
        self.size = os.fstat(raw.fileno()).st_size

    def read(self, size: int | None = -1, /) -> bytes:
        left = max(0, self.size - self.tell())
        return super().read(left if size is None or size < 0 else min(size, left))


def _members(
    members: zipfile.ZipFile, size: int
) -> tuple[dict[str, npt.NDArray[Any]], dict[str, int]]:
    """Return the arrays and their checksums."""
    found = members.infolist()
    if sum(max(m.file_size, m.compress_size) for m in found) > size:
        raise Damaged("the sizes that it states add up to more than the file")
    arrays, sums = {}, {}
    for m in found:
        name = m.filename.removesuffix(".npy")
        if m.filename == name or name in arrays:
            raise Damaged(f"{m.filename!r} is not an array, or occurs twice")
        if m.flag_bits & _ENCRYPTED or m.compress_type != zipfile.ZIP_STORED:
            raise Damaged(f"{m.filename!r} is encrypted or compressed")
        arrays[name] = reading.npy(members.read(m), copy=False)  # compares its CRC-32
        sums[name] = m.CRC
    if _HEADER not in arrays:
        raise Damaged("it has no header")
    del sums[_HEADER]
    return arrays, sums


def _check_list(listed: Any, sums: dict[str, int]) -> None:
    """Compare the arrays with those that the header lists; files of earlier versions list only names, or nothing."""
    if isinstance(listed, list):
        listed = dict.fromkeys(map(str, listed))
        sums = dict.fromkeys(sums)  # type: ignore[assignment]
    if listed is not None and listed != sums:
        raise Damaged("the arrays are not those that the header lists")
