"""Checks of what spikes are made of; messages are in test_spikes."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import Spikes
from spikelet.spikes.checking import checked_elements, in_order, raster_spikes


def test_sorted_arrays_are_not_copied() -> None:
    times, ids = np.array([1.0, 1.0, 2.0]), np.array([0, 1, 0])
    found = in_order(times, ids)
    assert found[0] is times
    assert found[1] is ids
    assert in_order(times[::-1], ids[::-1])[1].tolist() == [0, 1, 0]


def test_elements_that_are_all_need_no_list() -> None:
    assert checked_elements(3, None, [0, 1, 2], None) == (3, (3,), None)
    n, shape, elements = checked_elements(None, None, [4, 1], np.array([1]))
    assert (n, shape, elements.tolist()) == (5, (2,), [4, 1])
    assert checked_elements(None, (2, 3), None, None) == (6, (2, 3), None)


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float32])
def test_rasters_of_any_type(dtype: type) -> None:
    steps, ids, shape, length = raster_spikes("here", np.array([[[0, 1]], [[1, 0]]], dtype))
    assert (steps.tolist(), ids.tolist(), shape, length) == ([1, 2], [1, 0], (1, 2), 2)


@pytest.mark.parametrize("dtype", [np.float64, np.int64])
def test_no_ids_are_of_no_elements(dtype: type) -> None:
    assert checked_elements(None, None, None, np.empty(0, dtype)) == (0, (0,), None)


@pytest.mark.parametrize("bad", [-1, 2**32])
def test_ids_that_cannot_be_are_named(bad) -> None:
    with pytest.raises(ValueError, match=rf"ids must lie in 0 \.\. 4294967295, got {bad}"):
        Spikes([1.0], [bad])
