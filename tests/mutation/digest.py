"""Hash all that a user can see of a result: equal hashes, equal results, to the bit."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np


def digest(value: Any) -> str:
    """Return a hash of nested containers of arrays, numbers, strings and dataclasses."""
    bits = hashlib.sha256()
    _add(bits, value)
    return bits.hexdigest()


def _add(bits: Any, value: Any) -> None:
    if hasattr(value, "detach"):  # a tensor
        value = value.detach().cpu().numpy()
    if isinstance(value, np.ndarray | np.generic):
        array = np.asarray(value)
        bits.update(f"array {array.dtype.str} {array.shape};".encode())
        if array.dtype == object:
            _add(bits, array.tolist())
        else:
            bits.update(np.ascontiguousarray(array).tobytes())
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        bits.update(f"{type(value).__name__} ".encode())
        _add(bits, {f.name: getattr(value, f.name) for f in dataclasses.fields(value)})
    elif isinstance(value, Mapping):
        bits.update(f"mapping {len(value)};".encode())
        for key, item in value.items():
            _add(bits, key)
            _add(bits, item)
    elif isinstance(value, list | tuple):
        bits.update(f"{type(value).__name__} {len(value)};".encode())
        for item in value:
            _add(bits, item)
    elif isinstance(value, float):
        bits.update(f"float {value.hex()};".encode())
    elif value is None or isinstance(value, bool | int | str | bytes | complex | np.dtype | Path):
        bits.update(f"{type(value).__name__} {value!r};".encode())
    else:
        raise TypeError(f"cannot hash a {type(value).__name__}: {value!r}")
