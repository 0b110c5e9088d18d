"""Damage to bytes of which nothing is known: what a disk, a cut transfer or a careless tool does to a file."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

Random = np.random.Generator
Mutation = Callable[[bytearray, Random], str]

EDGE = 512  # bytes at each end that are hit more often: headers and lists of contents


def place(data: bytearray, rng: Random) -> int:
    """Return a place in the data: near an end, where it is not 0, or anywhere."""
    size = len(data)
    edge = min(EDGE, size)
    case = rng.integers(4)
    if case < 2:
        return int((rng.integers(edge), size - 1 - rng.integers(edge))[case])
    used = np.flatnonzero(np.frombuffer(bytes(data), np.uint8)) if case == 2 else ()
    return int(used[rng.integers(len(used))] if len(used) else rng.integers(size))


def _stretch(data: bytearray, rng: Random) -> slice:
    """Return a stretch of the data, short ones more often than long ones."""
    first = place(data, rng)
    return slice(first, min(len(data), first + int(2 ** rng.uniform(0, 13))))


def flip_bit(data: bytearray, rng: Random) -> str:
    at, bit = place(data, rng), int(rng.integers(8))
    data[at] ^= 1 << bit
    return f"bit {bit} of byte {at}"


def change_bytes(data: bytearray, rng: Random) -> str:
    changed = []
    for _ in range(int(rng.integers(1, 5))):
        at, value = place(data, rng), int(rng.choice([0, 1, 0x7F, 0x80, 0xFF, rng.integers(256)]))
        data[at] = value
        changed.append(f"{at} to {value}")
    return f"bytes {', '.join(changed)}"


def change_number(data: bytearray, rng: Random) -> str:
    """Write an extreme number, as sizes and offsets may be."""
    size = int(rng.choice([2, 4, 8]))
    at = place(data, rng)
    half = 2 ** (8 * size - 1)
    value = (0, 1, half - 1, half, 2 * half - 1)[int(rng.integers(5))]
    data[at : at + size] = value.to_bytes(size, "little")[: len(data) - at]
    return f"{size} bytes from {at} to {value}"


def truncate(data: bytearray, rng: Random) -> str:
    at = place(data, rng)
    del data[at:]
    return f"cut to {at} bytes"


def extend(data: bytearray, rng: Random) -> str:
    more = (
        rng.bytes(int(rng.integers(1, 200))) if rng.random() < 0.5 else bytes(rng.integers(1, 200))
    )
    data += more
    return f"{len(more)} bytes more"


def zero_block(data: bytearray, rng: Random) -> str:
    part = _stretch(data, rng)
    data[part] = bytes(part.stop - part.start)
    return f"zeros in {part.start}..{part.stop}"


def remove_block(data: bytearray, rng: Random) -> str:
    part = _stretch(data, rng)
    del data[part]
    return f"without {part.start}..{part.stop}"


def duplicate_block(data: bytearray, rng: Random) -> str:
    part = _stretch(data, rng)
    data[part.stop : part.stop] = data[part]
    return f"{part.start}..{part.stop} twice"


def swap_blocks(data: bytearray, rng: Random) -> str:
    one, other = sorted((_stretch(data, rng), _stretch(data, rng)), key=lambda part: part.start)
    size = min(one.stop, other.start, other.stop) - one.start
    size = min(size, other.stop - other.start)
    a, b = one.start, other.start
    data[a : a + size], data[b : b + size] = data[b : b + size], data[a : a + size]
    return f"{size} bytes at {a} and {b} swapped"


MUTATIONS: tuple[Mutation, ...] = (
    flip_bit, flip_bit, flip_bit, change_bytes, change_number, truncate, extend, zero_block, remove_block,
    duplicate_block, swap_blocks,
)  # fmt: skip


def mutant(data: bytes, rng: Random) -> tuple[bytes, str]:
    """Return damaged bytes, different from the given ones, and what was done to them."""
    while True:
        changed = bytearray(data)
        mutation = MUTATIONS[int(rng.integers(len(MUTATIONS)))] if data else extend
        what = mutation(changed, rng)
        if changed != data:
            return bytes(changed), f"{mutation.__name__}: {what}"
