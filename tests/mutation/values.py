"""Changes of decoded values, for mutants whose checksums are right: of JSON trees, arrays and files of arrays."""

from __future__ import annotations

import copy
import io
import json
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from tests.mutation.mutate import Random

NUMBERS: tuple[Any, ...] = (
    0, 1, -1, 2, 3, 127, 128, 255, 256, 32767, 32768, 65535, 65536, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 3_000_000_000,
    2**53, 2**63 - 1, 2**63, 2**64 - 1, 2**64, -(2**31), -(2**63), 10**30, 0.0, -0.0, 0.5, 1e-300, 1e300, -1e300,
    float("inf"), float("-inf"), float("nan"),
)  # fmt: skip
OTHERS: tuple[Any, ...] = (
    None,
    True,
    False,
    "",
    "x",
    "../x",
    "/",
    "\0",
    [],
    {},
    [1],
    {"x": 1},
    [[]],
)


def pick(rng: Random, options: Any) -> Any:
    """Choose one of some options, whatever they are."""
    options = list(options)
    return options[int(rng.integers(len(options)))]


# JSON -----------------------------------------------------------------------------------------------------------------


def _places(tree: Any) -> list[tuple[Any, Any]]:
    """Return all (container, key) of a tree."""
    found: list[tuple[Any, Any]] = []
    items = tree.items() if isinstance(tree, dict) else enumerate(tree)
    for key, value in items:
        found.append((tree, key))
        if isinstance(value, dict | list):
            found += _places(value)
    return found


def _number(value: Any, rng: Random) -> Any:
    if rng.random() < 0.5:
        return pick(rng, NUMBERS)
    return pick(
        rng, (value + 1, value - 1, -value, value * 2, value // 2, float(value), value + 0.5)
    )


def change_json(tree: Any, rng: Random) -> str:
    """Change one value, key or entry of a tree in place; return what was changed."""
    places = _places(tree)
    container, key = pick(rng, places)
    before = container[key]
    case = rng.random()
    if case < 0.5 and isinstance(before, int | float) and not isinstance(before, bool):
        container[key] = _number(before, rng)
    elif case < 0.7:
        container[key] = pick(rng, NUMBERS + OTHERS)
    elif case < 0.8:  # a value from elsewhere in the tree
        other, name = pick(rng, places)
        container[key] = copy.deepcopy(other[name])
    elif case < 0.9:
        del container[key]
        return f"{key!r}: {before!r:.60} removed"
    elif isinstance(container, list):
        container.insert(key, copy.deepcopy(before))
        return f"{key!r}: {before!r:.60} twice"
    else:
        container[f"{key}{pick(rng, ('x', '', '.', '/'))}"] = container.pop(key)
        return f"{key!r} renamed"
    return f"{key!r}: {before!r:.60} to {container[key]!r:.60}"


# Arrays ---------------------------------------------------------------------------------------------------------------


def _value(dtype: np.dtype[Any], rng: Random) -> Any:
    """Return an extreme value that a type can hold."""
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return pick(
            rng, [n for n in (*NUMBERS[:26], info.min, info.max) if info.min <= n <= info.max]
        )
    if dtype.kind == "f":
        return dtype.type(
            pick(rng, (*NUMBERS[26:], 1.0, -1.0, np.finfo(dtype).max, np.finfo(dtype).tiny))
        )
    return np.frombuffer(rng.bytes(dtype.itemsize), dtype)[0]


def change_array(array: np.ndarray[Any, Any], rng: Random) -> tuple[np.ndarray[Any, Any], str]:
    """Return an array with a changed value, order, length, shape or type, and what was changed."""
    array = array.copy()
    size, case = array.size, rng.random()
    if case < 0.55 and size and array.dtype.kind in "iufb":
        at = int(rng.integers(size))
        before = array.flat[at]
        if array.dtype.kind == "b":
            array.flat[at] = not before
        elif rng.random() < 0.5 and array.dtype.kind in "iu":
            with np.errstate(over="ignore"):
                array.flat[at] = (
                    before + array.dtype.type(1)
                    if rng.random() < 0.5
                    else before - array.dtype.type(1)
                )
        else:
            array.flat[at] = _value(array.dtype, rng)
        return array, f"[{at}]: {before} to {array.flat[at]}"
    if case < 0.62 and array.dtype.kind in "iuf":
        array[...] = value = _value(array.dtype, rng)
        return array, f"all to {value}"
    if case < 0.7 and array.ndim and len(array) > 1:
        return (
            (array[::-1].copy(), "reversed")
            if rng.random() < 0.5
            else (rng.permutation(array), "shuffled")
        )
    if case < 0.76 and array.ndim and len(array):
        return array[: int(rng.integers(len(array)))].copy(), f"shortened from {len(array)}"
    if case < 0.82 and array.ndim and len(array):
        more = int(rng.integers(1, 5))
        return np.concatenate([array, array[-1:].repeat(more, axis=0)]), f"longer by {more}"
    if case < 0.86:
        return np.zeros((0, *array.shape[1:]), array.dtype), "emptied"
    if case < 0.93:
        shape = pick(rng, ((), (1, size), (size, 1), (1, 1, size)))
        found = (
            np.resize(array, shape)
            if shape == () and size
            else array.reshape(shape)
            if shape
            else array[None]
        )
        return found, f"shape {array.shape} to {found.shape}"
    dtype = pick(
        rng,
        (
            "i1",
            "u1",
            "i2",
            "i4",
            "u4",
            "i8",
            "u8",
            "f2",
            "f4",
            "f8",
            "c16",
            "?",
            "U3",
            ">i8",
            ">f8",
            "M8[s]",
        ),
    )
    with np.errstate(all="ignore"):
        try:
            return array.astype(dtype), f"{array.dtype} to {dtype}"
        except (ValueError, TypeError):
            return np.zeros(array.shape, dtype), f"{array.dtype} to zeros of {dtype}"


def change_arrays(arrays: dict[str, np.ndarray[Any, Any]], rng: Random) -> str:
    """Change one array of several, or their names, in place; return what was changed."""
    name = pick(rng, sorted(arrays))
    case = rng.random()
    if case < 0.85:
        arrays[name], what = change_array(arrays[name], rng)
        return f"{name} {what}"
    other = pick(rng, sorted(arrays))
    if case < 0.92:
        arrays[name] = arrays[other]
        return f"{name} is {other}"
    if case < 0.96:
        del arrays[name]
        return f"{name} removed"
    arrays[f"{name}x"] = arrays.pop(name)
    return f"{name} renamed"


def sums(arrays: dict[str, np.ndarray[Any, Any]]) -> dict[str, int]:
    """Return the CRC-32 of each array as the bytes of an .npy file."""
    found = {}
    for name, array in arrays.items():
        file = io.BytesIO()
        np.lib.format.write_array(file, array)
        found[name] = zlib.crc32(file.getvalue())
    return found


def change_npz(path: Path, rng: Random, header: str = "header") -> str:
    """Change the JSON or an array of an .npz file that holds JSON as an array of text; return what was changed."""
    with np.load(path) as file:
        arrays = dict(file)
    tree = json.loads(str(arrays.pop(header)))
    if rng.random() < 0.5:
        what = change_json(tree, rng)
    else:
        what = change_arrays(arrays, rng)
        if "arrays" in tree and rng.random() < 0.9:
            tree["arrays"] = sums(arrays) if isinstance(tree["arrays"], dict) else sorted(arrays)
    with path.open("wb") as out:
        np.savez(out, **{header: np.array(json.dumps(tree))}, **arrays)
    return what
