"""Whether a result fits into the memory of this machine."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Sequence

__all__ = ["require_memory"]


def require_memory(where: str, shape: Sequence[float], itemsize: int, way_out: str) -> None:
    """Check that a result will fit into the machine's memory, before it is allocated."""
    size = float(itemsize)
    for length in shape:
        size *= float(length)
    memory = float(2**40)
    with contextlib.suppress(AttributeError, ValueError, OSError):  # not every system knows
        memory = float(os.sysconf("SC_PHYS_PAGES")) * os.sysconf("SC_PAGE_SIZE")
    if not size <= memory:
        shown = " x ".join(f"{length:.6g}" for length in shape)
        msg = (
            f"{where}: the result, {shown} of {itemsize} bytes, would need {size / 2**30:.3g} GiB, more than the "
            f"memory of this machine ({memory / 2**30:.3g} GiB); {way_out}"
        )
        raise ValueError(msg)
