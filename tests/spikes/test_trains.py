"""Trains to arrays and back."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.spikes.trains import MOST_IDS, by_element, grouping, joined


def test_trains_by_position_and_by_id() -> None:
    times, ids, n = joined("here", [[3.0, 1.0], [], [2.0]])
    assert (times.tolist(), ids.tolist(), n) == ([3.0, 1.0, 2.0], [0, 0, 2], 3)
    times, ids, n = joined("here", {9: [2.0], 4: 1.0})
    assert (times.tolist(), ids.tolist(), n) == ([2.0, 1.0], [9, 4], 10)
    assert joined("here", [])[2] == 0


def test_times_by_element() -> None:
    times, ends = by_element(np.array([1.0, 2.0, 3.0]), np.array([2, 0, 2]), 4)
    assert (times.tolist(), ends.tolist()) == ([2.0, 1.0, 3.0], [1, 1, 3, 3])
    assert by_element(np.empty(0), np.empty(0, np.int64), 0)[1].tolist() == []


@pytest.mark.parametrize("trains", [3, "a", np.zeros((2, 2))])
def test_what_is_no_list_of_trains_is_refused(trains) -> None:
    with pytest.raises(TypeError, match="here: trains must be a sequence of arrays"):
        joined("here", trains)


def test_a_wrong_train_is_named() -> None:
    with pytest.raises(TypeError, match="here: train 1 must be a number"):
        joined("here", [[1.0], ["a"]])
    with pytest.raises(ValueError, match="here: id must be >= 0"):
        joined("here", {-1: [1.0]})


@pytest.mark.parametrize("n", [1, 7, 2**16, 2**16 + 1, 3 * 2**16, MOST_IDS])
def test_grouping_is_a_stable_sort(n: int) -> None:
    rng = np.random.default_rng(n)
    columns = rng.integers(0, n, 5000)
    columns[:50], columns[50:60] = n - 1, 0
    np.testing.assert_array_equal(grouping(columns, n), np.argsort(columns, kind="stable"))
    assert len(grouping(np.zeros(0, np.int64), n)) == 0
