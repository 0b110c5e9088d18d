"""What would exceed the memory that is left is refused before it is allocated."""

from __future__ import annotations

import math
from collections.abc import Sequence

from spikelet import _core

_SMALL = 2.0**26  # bytes, for which it is not worth asking


def require_memory(
    where: str,
    shape: Sequence[float],
    itemsize: float,
    way_out: str,
    what: str = "the result",
) -> None:
    """Check that something will fit into the memory that is left, before it is allocated.

    Parameters
    ----------
    where : str
        The object or call, with which the message begins.
    shape : sequence of float
        Its lengths.
    itemsize : float
        What an element needs at least [bytes].
    way_out : str
        What to do instead.
    what : str
        What needs the memory.

    Raises
    ------
    ValueError
        If it will not fit.
    """
    size = math.prod(map(float, shape), start=float(itemsize))
    if size < _SMALL:
        return
    memory = _core.available_memory()
    if not size <= memory:
        shown = " x ".join(f"{length:.6g}" for length in shape)
        msg = (
            f"{where}: {what}, {shown} of {itemsize:g} bytes, would need {size / 1e9:.3g} GB, more than the "
            f"memory of this machine that is left ({memory / 1e9:.3g} GB); {way_out}"
        )
        raise ValueError(msg)
