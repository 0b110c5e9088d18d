"""Spikes as Neo has them: trains, or the arrays of many of them in a `SpikeTrainList`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, fail
from spikelet._util.extras import extra

__all__ = ["read_trains", "train_list", "trains"]


def trains(
    each: Sequence[Float],
    elements: npt.NDArray[np.int64],
    span: tuple[float, float, float | None],
    about: Mapping[str, Any],
) -> list[Any]:
    """Return a `neo.SpikeTrain` for each element.

    Parameters
    ----------
    each : sequence of array
        Times [ms].
    elements : array of int
        Their ids.
    span : (float, float, float or None)
        Start, stop and grid [ms].
    about : mapping
        Annotations: values for all, or arrays with one for each element.
    """
    neo = extra("neo", "to_neo", "neo")
    raise NotImplementedError(neo)


def train_list(
    times: Float,
    ids: npt.NDArray[np.int64],
    elements: npt.NDArray[np.int64],
    span: tuple[float, float, float | None],
    about: Mapping[str, Any],
) -> Any:
    """Return a `SpikeTrainList` that makes trains only when one is touched; see `trains`."""
    raise NotImplementedError


def read_trains(where: str, source: Any, population: str | None) -> dict[str, Any]:
    """Return the arguments of `Spikes` for Neo's trains."""
    fail(where, "source", source, "is not read yet")
