"""ST-MNIST: digits written on a tactile sensor of 10 x 10 elements (See et al., arXiv:2005.04319)."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.datasets.event_files.assembling import Demands
from spikelet.datasets.event_files.file import EventFile
from spikelet.datasets.event_files.formats import Format
from spikelet.datasets.event_files.mat import MAGIC, matrix
from spikelet.datasets.event_files.values import from_columns

_SIDE = 10


def read(file: EventFile, demands: Demands) -> NDArray[Any]:
    """Read the array "spiketrain": a row for each element of the sensor, with -1 and 1, and one of times [s]."""
    spikes = matrix(file, "spiketrain")
    if spikes.ndim != 2 or len(spikes) != _SIDE**2 + 1 or spikes.dtype.kind not in "iuf":
        file.refuse(
            0, "the array 'spiketrain'", f"must be numbers [{_SIDE**2 + 1}, events]", spikes.shape
        )
    times = spikes[-1].astype(np.float64)
    if not np.isfinite(times).all():
        file.refuse(0, "times", "must be finite", float(times[~np.isfinite(times)][0]))
    column, element = np.nonzero(spikes[:-1].T)
    found = {
        "t": np.trunc(times[column] * 1e6),  # as tonic does
        "x": element % _SIDE,
        "y": element // _SIDE,
        "p": spikes[element, column],
    }
    size = demands.sensor_size or (_SIDE, _SIDE)
    return from_columns(file, found, "us", Demands(size, demands.unsorted))


FORMAT = Format("stmnist", "ST-MNIST", (".mat",), lambda head: head.startswith(MAGIC), read)
