"""Which elements an index names."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.spikes.selection import chosen_ids, places_of, united

PART = np.array([7, 3, 5])


@pytest.mark.parametrize(
    ("index", "of_all", "of_part"),
    [
        (slice(None), list(range(8)), [3, 5, 7]),
        (slice(6, 2, -1), [6, 5, 4, 3], [5, 3]),
        (np.arange(8) > 4, [5, 6, 7], [5, 7]),
        ([5, 7], [5, 7], [5, 7]),
        (-1, [7], [7]),
        ([], [], []),
    ],
)
def test_an_index_is_that_of_an_array(index, of_all, of_part) -> None:
    assert chosen_ids(index, 8, None).tolist() == of_all
    assert chosen_ids(index, 8, PART).tolist() == of_part


def test_a_masked_index_is_refused() -> None:
    with pytest.raises(TypeError, match="no masked elements"):
        chosen_ids(np.ma.array([1, 2], mask=[True, False]), 8, None)


@pytest.mark.parametrize(
    "index",
    [1.0, "a", None, (1, 2), slice(0.0, 5.0), (slice(None), slice(2)), [1.0], [[1, 2]], True],
)
def test_what_names_no_elements_is_refused(index) -> None:
    with pytest.raises(TypeError, match=r"index must be an id.*between\(start, stop\) for times"):
        chosen_ids(index, 8, None)


@pytest.mark.parametrize("index", [8, -9, [0, 8], [True] * 7])
def test_what_is_outside_is_an_index_error(index) -> None:
    with pytest.raises(IndexError, match="Spikes: "):
        chosen_ids(index, 8, None)


def test_places_and_unions_keep_the_order() -> None:
    assert places_of(np.array([3, 5, 7]), PART).tolist() == [1, 2, 0]
    assert united([PART, np.array([1, 3])]).tolist() == [7, 3, 5, 1]
