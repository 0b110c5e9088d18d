"""The container of all files that spikelet writes for itself: a ZIP archive of arrays with a JSON header.

The header names the format, its version, the version of spikelet and the checksum of each array. `numpy.load` opens the
files, too. Reading treats them as untrusted: every size is compared with the bytes that are there before anything is
allocated, so a damaged or crafted file costs no more memory than its own length. Arrays begin at multiples of 64 bytes, so
that they can be used where they are.
"""

from __future__ import annotations

import json
import mmap
import struct
import zipfile
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util import reading
from spikelet._util.checks import own
from spikelet._util.files import replaced

__all__ = ["Damaged", "Format", "mapped", "read", "write"]

_READERS = {
    "spikelet network": "Network.load",
    "spikelet model, format": "SpikingModel.load",
    "spikelet conv-stdp": "ConvSTDP.load",
    "spikelet connectome": "ConnectomeModel.load",
    "spikelet training": "the checkpoint of spikelet.torch.fit",
}
"""What reads each format, for the message about a file of another one."""

_HEADER = "header"
_ALIGN = 64  # also of the values in a .npy file
_LOCAL = 30  # bytes of a member's header, before its name and extra fields
_ZIP64 = 20  # bytes of the extra field that force_zip64 adds
_PADDING = 0xD935  # identifier of an extra field that aligns what follows, as in Android's packages


class Damaged(ValueError):
    """The file is not a complete file of arrays."""


@dataclass(frozen=True)
class Format:
    """A format of files: the meaning of the header and the arrays of a container.

    Parameters
    ----------
    name : str
        Its name, one of those that this module knows.
    version : int
        The version that is written.
    oldest : int
        The oldest version that is read.
    summed : int
        The first version whose files list the checksums of their arrays.
    """

    name: str
    version: int
    oldest: int
    summed: int

    def save(self, path: Path, header: Mapping[str, Any], arrays: Mapping[str, Any]) -> None:
        """Write a file, which replaces one at `path` as a whole or not at all."""
        about = {"format": f"{self.name} {self.version}", "version": _core.__version__}
        with replaced(path) as file:
            write(file, {**about, **header}, arrays)

    def load(
        self, path: Path, *, map_arrays: bool = False
    ) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
        """Return the header and the arrays of a file.

        Parameters
        ----------
        path : Path
        map_arrays : bool
            Leave the arrays in the file; see `mapped`.

        Raises
        ------
        FileNotFoundError
            If the file does not exist.
        Damaged
            If the file is damaged, or of another format or version. The message says how to read it.
        """
        header, arrays = mapped(path) if map_arrays else read(path)
        found = str(header.get("format"))
        name, _, number = found.rpartition(" ")
        if name != self.name or not number.isdecimal():
            way_out = f"; {_READERS[name]} reads it" if name in _READERS else ""
            raise Damaged(f"its format is {found[:80]!r}, not {self.name!r}{way_out}")
        version = int(number)
        if version > self.version:
            raise Damaged(
                f"it has format {version}, written by spikelet {str(header.get('version'))[:20]}; this version "
                f"({_core.__version__}) reads formats up to {self.version}: upgrade spikelet"
            )
        if version < self.oldest:
            raise Damaged(
                f"it has format {version}, of an early version of spikelet; this version reads formats from "
                f"{self.oldest} on: make the file again"
            )
        if version >= self.summed and not isinstance(header.get("arrays"), dict):
            raise Damaged("the checksums of its arrays are missing")
        return header, arrays


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
    info = zipfile.ZipInfo(f"{name}.npy")  # of 1980, so that equal arrays give equal files
    assert members.fp is not None
    begin = members.fp.tell() + _LOCAL + len(info.filename.encode()) + _ZIP64 + 4
    padding = -begin % _ALIGN
    info.extra = struct.pack("<HH", _PADDING, padding) + bytes(padding)
    with members.open(info, "w", force_zip64=True) as member:
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
    return _read(path, lambda opened: opened.read)  # compares the CRC-32


def mapped(path: Path) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    """Do the same with arrays that stay in the file, of which processes share one copy in memory.

    All checksums are compared now. The file may be replaced later, but must not be overwritten in place.

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
    return _read(path, _mapping)


_Member: TypeAlias = Callable[[zipfile.ZipInfo], "bytes | memoryview"]


def _mapping(opened: zipfile.ZipFile) -> _Member:
    """Return a function that returns the bytes of a member without a copy."""
    assert opened.fp is not None
    whole = memoryview(mmap.mmap(opened.fp.fileno(), 0, access=mmap.ACCESS_READ))

    def content(member: zipfile.ZipInfo) -> memoryview:
        with opened.open(member):  # compares the member's own header with that of the list
            pass
        at = member.header_offset + _LOCAL
        begin = at + sum(struct.unpack("<HH", whole[at - 4 : at]))  # of name and extra fields
        found = whole[begin : begin + member.file_size]
        if zlib.crc32(found) != member.CRC:
            raise Damaged(f"the checksum of {member.filename!r} is wrong")
        return found

    return content


def _read(
    path: Path, access: Callable[[zipfile.ZipFile], _Member]
) -> tuple[dict[str, Any], dict[str, npt.NDArray[Any]]]:
    arrays: dict[str, npt.NDArray[Any]] = {}
    sums: dict[str, int] = {}
    try:
        with reading.archive(path) as opened:
            content = access(opened)
            for member in reading.members(opened):
                name = reading.name_of(member)
                array = reading.npy(content(member), copy=False)
                arrays[name] = array if array.flags.aligned else own(array)
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
