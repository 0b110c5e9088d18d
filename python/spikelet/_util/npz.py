"""Arrays in one file (.npz): written with a list of their checksums, and read as untrusted data.

Every size is compared with the bytes that are there before anything is allocated, so a damaged or crafted file costs no
more memory than its own length.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from spikelet._util import reading

__all__ = ["Damaged", "read", "write"]

_HEADER = "header"


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
    arrays: dict[str, npt.NDArray[Any]] = {}
    sums: dict[str, int] = {}
    try:
        with reading.archive(path) as opened:
            for member in reading.members(opened):
                name = reading.name_of(member)
                arrays[name] = reading.npy(opened.read(member), copy=False)  # compares its CRC-32
                sums[name] = member.CRC
        if _HEADER not in arrays:
            raise Damaged("it has no header")
        del sums[_HEADER]
        header = reading.json_value(str(arrays.pop(_HEADER)))
    except Damaged:
        raise
    except IsADirectoryError:
        raise Damaged("not a file") from None
    except ValueError as error:
        raise Damaged(str(error)) from error
    if not isinstance(header, dict):
        raise Damaged("the header is not a JSON object")
    _check_list(header.get("arrays"), sums)
    return header, arrays


def _check_list(listed: Any, sums: dict[str, int]) -> None:
    """Compare the arrays with those that the header lists; files of earlier versions list only names, or nothing."""
    right = sorted(map(str, listed)) == sorted(sums) if isinstance(listed, list) else listed == sums
    if listed is not None and not right:
        raise Damaged("the arrays are not those that the header lists")
