"""Packed spikes of a report, back as arrays."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def unpack(data: bytes, width: int) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return the steps and rows that `pack` took, in order of step, then row."""
    keys, key, value, shift = [], 0, 0, 0
    for byte in data:
        value |= (byte & 127) << shift
        shift += 7
        if byte < 128:
            key += value
            keys.append(key)
            value = shift = 0
    found = np.array(keys, np.int64)
    return found // max(width, 1), found % max(width, 1)
