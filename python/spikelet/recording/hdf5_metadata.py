"""The structure of an HDF5 file, checked before HDF5 reads it as a file that grows.

HDF5 keeps checksums of its metadata. In SWMR mode, a wrong checksum may mean that the block is just being written, so
HDF5 reads it again, a hundred times, after waits that double each time: a damaged file makes it hang. A file that is
marked as open is therefore first read as a closed one, where HDF5 reports the first wrong checksum.
"""

from __future__ import annotations

import io
import os
import time
from pathlib import Path
from typing import Any

__all__ = ["check", "checksum", "superblock"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
_SIZE = 48  # of a superblock of version 3
_FLAGS = 11  # 0: closed
_END = slice(28, 36)  # the size of the file
_TRIES = 10  # a live writer may be in the midst of a block

_MASK = 0xFFFFFFFF


def _turned(x: int, k: int) -> int:
    return (x << k | x >> (32 - k)) & _MASK


def checksum(data: bytes) -> int:
    """Return the hash of Jenkins that HDF5 uses as a checksum."""
    a = b = c = (0xDEADBEEF + len(data)) & _MASK
    if not data:
        return c
    blocks = [data[k : k + 12].ljust(12, b"\0") for k in range(0, len(data), 12)]
    for block in blocks:
        x, y, z = (int.from_bytes(block[k : k + 4], "little") for k in (0, 4, 8))
        a, b, c = (a + x) & _MASK, (b + y) & _MASK, (c + z) & _MASK
        if block is blocks[-1]:
            break
        for k, r in enumerate((4, 6, 8, 16, 19, 4)):
            if k % 3 == 0:
                a = ((a - c) & _MASK) ^ _turned(c, r)
                c = (c + b) & _MASK
            elif k % 3 == 1:
                b = ((b - a) & _MASK) ^ _turned(a, r)
                a = (a + c) & _MASK
            else:
                c = ((c - b) & _MASK) ^ _turned(b, r)
                b = (b + a) & _MASK
    for k, r in enumerate((14, 11, 25, 16, 4, 14, 24)):
        if k % 3 == 0:
            c = ((c ^ b) - _turned(b, r)) & _MASK
        elif k % 3 == 1:
            a = ((a ^ c) - _turned(c, r)) & _MASK
        else:
            b = ((b ^ a) - _turned(a, r)) & _MASK
    return c


def superblock(path: Path) -> bytes:
    """Return the superblock, of version 3, of a file; ValueError if it is none or damaged."""
    for left in reversed(range(_TRIES)):
        with path.open("rb") as file:
            head = file.read(_SIZE)
        if head[:8] != _SIGNATURE:
            raise ValueError("not an HDF5 file")
        if len(head) < _SIZE or head[8] != 3:
            raise ValueError("not a file of this format")
        if checksum(head[:-4]) == int.from_bytes(head[-4:], "little"):
            return head
        if left:
            time.sleep(0.005)
    raise ValueError("the superblock does not match its checksum")


class _Closed(io.RawIOBase):
    """A file as it would be if its writer had closed it."""

    def __init__(self, path: Path) -> None:
        head = bytearray(superblock(path))
        head[_FLAGS] = 0
        # A writer notes the size only when it has flushed all; HDF5 reads nothing beyond.
        head[_END] = path.stat().st_size.to_bytes(8, "little")
        head[-4:] = checksum(bytes(head[:-4])).to_bytes(4, "little")
        self._head = bytes(head)
        self._file = path.open("rb", buffering=0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        return self._file.seek(offset, whence)

    def tell(self) -> int:
        return self._file.tell()

    def readinto(self, buffer: Any) -> int:
        at = self._file.tell()
        view = memoryview(buffer).cast("B")
        n = self._file.readinto(view) or 0
        if at < _SIZE:
            part = self._head[at : at + n]
            view[: len(part)] = part
        return n

    def close(self) -> None:
        self._file.close()
        super().close()


def check(path: Path, h5py: Any) -> None:
    """Read all metadata of a file that is marked as open.

    Raises
    ------
    ValueError
        If it is damaged.
    """
    for left in reversed(range(_TRIES)):
        try:
            with _Closed(path) as closed, h5py.File(closed, "r") as file:
                file.visititems(_touch)
                dict(file.attrs)
            return
        except (OSError, RuntimeError, KeyError) as error:
            if not left:
                msg = f"its structure is damaged ({error})"
                raise ValueError(msg) from None
            time.sleep(0.005)


def _touch(_: str, item: Any) -> None:
    dict(item.attrs)
    if getattr(item, "chunks", None):
        item.id.get_num_chunks()
