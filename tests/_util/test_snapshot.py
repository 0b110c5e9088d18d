"""Arrays that refuse changes that would be lost."""

from __future__ import annotations

import copy
import operator
import pickle
from typing import Any

import numpy as np
import pytest

from spikelet._util.snapshot import SharedNumber, Snapshot


class Owner:
    """Six numbers behind a property."""

    def __init__(self) -> None:
        self.held = np.arange(6.0)

    @property
    def x(self) -> Any:
        return Snapshot(self.held.copy(), "set items of owner.x", self._write)

    @x.setter
    def x(self, value: Any) -> None:
        self.held = np.array(value)

    def _write(self, index: Any, value: Any) -> Any:
        self.held[index] = value
        return self.held[index]


def test_items_are_written_through_to_what_is_there_by_then() -> None:
    owner = Owner()
    before = owner.x
    owner.x[0] = 9
    owner.x[1:3] *= 10
    owner.x[owner.x > 25] += 1
    owner.x[[4, 5]] = 7, 8
    np.testing.assert_array_equal(owner.held, [9, 10, 20, 3, 7, 8])
    np.testing.assert_array_equal(before, np.arange(6))
    before[3] = 4  # the others stay as they are now
    np.testing.assert_array_equal(owner.held, [9, 10, 20, 4, 7, 8])
    np.testing.assert_array_equal(before, [0, 1, 2, 4, 4, 5])


@pytest.mark.parametrize("name", ["add", "sub", "mul", "truediv", "floordiv", "mod", "pow"])
def test_operators_in_place_set_all_or_make_a_plain_array(name: str) -> None:
    owner, change = Owner(), getattr(operator, f"i{name}")
    expected = getattr(operator, name)(np.arange(6.0), 2.0)
    owner.x = change(owner.x, 2.0)  # what `owner.x *= 2.0` does
    np.testing.assert_array_equal(owner.held, expected)
    own = change(Owner().x, 2.0)
    assert type(own) is np.ndarray
    own[0] = 5


def test_what_would_be_lost_is_refused() -> None:
    owner = Owner()
    x = owner.x

    def chained() -> None:
        owner.x[:3][0] = 5

    for change in (
        chained, lambda: x.fill(3), x.sort, lambda: np.copyto(x, 3), lambda: np.put(x, 0, 3),
        lambda: np.add(x, 1, out=x), lambda: x.flat.__setitem__(0, 3),
        lambda: x.reshape(2, 3).__setitem__((0, 0), 3), lambda: np.random.default_rng(1).shuffle(x),
        lambda: np.asarray(x).__setitem__(0, 3), lambda: np.add.at(x, 0, 1),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=r"read-only|set items of owner\.x"):
            change()
    np.testing.assert_array_equal(owner.held, np.arange(6))
    np.testing.assert_array_equal(x, np.arange(6))


def test_results_and_copies_are_plain_arrays_of_ones_own() -> None:
    x = Owner().x
    for own in (
        x + 1, 1 - x, -x, np.sqrt(x), x.copy(), np.array(x), copy.copy(x), copy.deepcopy(x),
        pickle.loads(pickle.dumps(x)), x[[1, 2]], x[x > 2], x.astype(int), np.concatenate([x, x]),
        x @ np.eye(6), np.sort(x), np.where(x > 2, x, 0.0),
    ):  # fmt: skip
        assert type(own) is np.ndarray
        own[0] = 5
    assert isinstance(x[0], np.float64)
    assert isinstance(x.sum(), np.float64)
    assert (x.mean(), x.max(), x.std()) == (2.5, 5.0, np.arange(6).std())
    taken = x.take([1, 2])
    taken += 1
    taken[0] = 7
    np.testing.assert_array_equal(taken, [7, 3])


def test_it_reads_like_an_array() -> None:
    x = Owner().x
    assert repr(x) == repr(np.arange(6.0))
    assert isinstance(x, np.ndarray)
    assert (x.shape, x.dtype, len(x), list(x)) == ((6,), np.float64, 6, list(range(6)))
    np.testing.assert_array_equal(np.add(x, 1, out=np.empty(6)), np.arange(6) + 1)
    empty = Snapshot(np.zeros(0), "no", lambda index, value: np.zeros(0)[index])
    empty[:] = 3


def test_a_number_that_all_share_has_no_items_to_set() -> None:
    x = SharedNumber(2.5, "assign a whole array")
    with pytest.raises(ValueError, match="assign a whole array"):
        x[0] = 5
    assert (x, repr(x), x * 2) == (2.5, "2.5", 5.0)
    for plain in (x * 2, copy.copy(x), copy.deepcopy(x), pickle.loads(pickle.dumps(x))):
        assert type(plain) is float
    assert np.asarray(x).dtype == np.float64
