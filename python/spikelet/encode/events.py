"""`Events`, the name that lists of spikes had in 0.3."""

from __future__ import annotations

import math
import warnings
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import check_all, integer, series
from spikelet.spikes import Spikes

__all__ = ["Events"]


class _IsSpikes(type):
    def __instancecheck__(cls, value: object) -> bool:
        return isinstance(value, Spikes)


class Events(metaclass=_IsSpikes):
    """Deprecated: use `spikelet.Spikes`, which this makes; its times are in ms, here with steps of 1 ms.

    Parameters
    ----------
    times : int64 array ``[n_spikes]``
        Time stamps in steps, in [1, steps]: a spike in row k of the raster has the stamp k + 1.
    ids : int64 array ``[n_spikes]``
        Flat (C order) indices of the elements that spiked.
    steps : int
        Number of time steps T.
    shape : tuple of int
        Shape of one step; the raster is ``[steps, *shape]``.
    """

    def __new__(  # type: ignore[misc]  # the old name of another class
        cls, times: NDArray[np.int64], ids: NDArray[np.int64], steps: int, shape: tuple[int, ...]
    ) -> Spikes:
        """Return `Spikes`."""
        _warn(
            "Events(times, ids, steps, shape)",
            "Spikes(times, ids, stop=steps, dt=1.0, shape=shape)",
        )
        integer("Events", "steps", steps, 1)
        stamps, elements = (
            _stamps(name, given, low, high)
            for name, given, low, high in (
                ("times", times, 1, steps),
                ("ids", ids, 0, math.prod(shape) - 1),
            )
        )
        if stamps.ndim != 1 or stamps.shape != elements.shape:
            shapes = f"{stamps.shape} and {elements.shape}"
            raise ValueError(
                f"Events: times and ids must be 1-d and equally long, got shapes {shapes}"
            )
        return Spikes(stamps, elements, stop=float(steps), dt=1.0, shape=shape)

    @classmethod
    def from_raster(cls, raster: ArrayLike) -> Spikes:
        """List the non-zero elements of a raster ``[T, ...]``."""
        _warn("Events.from_raster(raster)", "Spikes.from_raster(raster)")
        return Spikes.from_raster(series("Events.from_raster", "raster", raster) != 0)


def _stamps(name: str, given: Any, low: int, high: int) -> NDArray[np.int64]:
    values = np.asarray(given)
    if values.dtype.kind not in "iu" and values.size:
        raise TypeError(f"Events: {name} must be integers, got dtype {values.dtype}")
    inside = (values >= low) & (values <= high)
    check_all("Events", name, values, inside, f"must lie in [{low}, {high}]")
    return values.astype(np.int64, copy=False)


def _warn(old: str, new: str) -> None:
    msg = f"encode.{old} is now sl.{new}; the old name will be removed in 0.6"
    warnings.warn(msg, DeprecationWarning, stacklevel=3)
