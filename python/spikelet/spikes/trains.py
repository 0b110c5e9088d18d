"""One train for each element: from a list of trains to arrays of times and ids, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, fail, integer, numbers

MOST_IDS = 2**32
"""Ids are below it, as those of populations."""


def joined(where: str, trains: Any) -> tuple[Float, npt.NDArray[np.int64], int]:
    """Return times and ids, in the order of the trains, and the number of elements.

    Parameters
    ----------
    where : str
        Names the call in errors.
    trains : sequence of array-like, or mapping of int to array-like
        The times of each element [ms], in any order.
    """
    if isinstance(trains, Mapping):
        pairs = list(trains.items())
    elif isinstance(trains, np.ndarray) or not np.iterable(trains) or isinstance(trains, str):
        rule = "must be a sequence of arrays, or a dict of them by id"
        fail(where, "trains", trains, rule, error=TypeError)
    else:
        pairs = list(enumerate(trains))
    keys = [integer(where, "id", element, 0, MOST_IDS - 1) for element, _ in pairs]
    times = [
        np.atleast_1d(numbers(where, f"train {key}", train, "ms"))
        for key, (_, train) in zip(keys, pairs, strict=True)
    ]
    ids = np.repeat(np.array(keys, np.int64), [len(train) for train in times])
    return np.concatenate([np.empty(0), *times]), ids, max(keys, default=-1) + 1


def by_element(
    times: Float, columns: npt.NDArray[np.int64], n: int
) -> tuple[Float, npt.NDArray[np.int64]]:
    """Return times grouped by element, given the element of each, and where each of n groups ends."""
    return times[grouping(columns, n)], np.cumsum(np.bincount(columns, minlength=n))


def grouping(columns: npt.NDArray[np.int64], n: int) -> npt.NDArray[np.intp]:
    """Return the order that groups spikes by element, and keeps their order within one: a stable sort.

    numpy sorts numbers of 16 bits by counting them, which is several times as fast as its other stable sort.
    """
    half = 1 << 16
    order = np.argsort((columns & (half - 1)).astype(np.uint16), kind="stable")
    if n > half:
        order = order[np.argsort((columns[order] >> 16).astype(np.uint16), kind="stable")]
    return order
