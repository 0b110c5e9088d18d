"""Spikes as few bytes: about one each, before compression, in networks of usual rates."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def pack(steps: npt.NDArray[np.int64], rows: npt.NDArray[np.int64], width: int) -> bytes:
    """Return spikes as the differences of their keys, ``step * width + row``, 7 bits a byte, least ones first.

    Parameters
    ----------
    steps : array of int, [n], >= 0
        When, in steps from the start.
    rows : array of int, [n], in [0, width)
        Who.
    width : int
        Number of rows.
    """
    keys = np.sort(steps * width + rows)
    deltas = np.diff(keys, prepend=0)
    # One column for each byte that the largest difference takes; the eighth bit says that another one follows.
    columns = []
    rest, more = deltas, np.ones(len(deltas), bool)
    used = []
    while True:
        used.append(more)
        following = rest >> 7
        columns.append((rest & 127) | ((following > 0) << 7))
        more = more & (following > 0)
        rest = following
        if not more.any():
            break
    each = np.stack(columns, axis=1).astype(np.uint8)
    packed: bytes = each[np.stack(used, axis=1)].tobytes()
    return packed
