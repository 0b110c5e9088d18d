"""Values from a file are checked by type, size and bounds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.conftest import make

import spikelet as sl
from spikelet.network import stored


@pytest.mark.parametrize("value", [True, 1.0, "1", None, -1, 11, [1], 2**70])
def test_whole_numbers_are_integers_within_bounds(value: Any) -> None:
    assert stored.whole("n", 7, 0, 10) == 7
    with pytest.raises(ValueError, match=r"stored network: n must be a whole number in 0 \.\. 10"):
        stored.whole("n", value, 0, 10)


@pytest.mark.parametrize("index", [-1, 2, True, "0"])
def test_items_are_named_by_their_place(index: Any) -> None:
    assert stored.item("population", ["a", "b"], 1) == "b"
    with pytest.raises(ValueError, match="population"):
        stored.item("population", ["a", "b"], index)
    with pytest.raises(ValueError, match="population"):
        stored.item("population", [], 0)


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        (np.zeros(3), "dtype"),
        (np.zeros(3, ">i4"), "dtype"),
        (np.zeros((3, 1), np.int32), "shape"),
        (np.zeros((), np.int32), "shape"),
        (np.zeros(4, np.int32), "must have 3 or 1 values"),
    ],
)
def test_arrays_have_a_type_and_a_size(values: Any, problem: str) -> None:
    good = np.zeros(3, np.int32)
    assert stored.array({"a": good}, "a", np.int32, 3, 1) is good
    with pytest.raises(ValueError, match=problem):
        stored.array({"a": values}, "a", np.int32, 3, 1)
    with pytest.raises(ValueError, match="must include a"):
        stored.array({"b": good}, "a", np.int32)


def test_values_are_finite_and_within_bounds() -> None:
    with pytest.raises(ValueError, match="a must be finite at index 1, got nan"):
        stored.finite("a", np.array([0.0, np.nan]))
    assert len(stored.below("a", np.array([], np.int64), 0)) == 0
    for bad in (-1, 3):
        with pytest.raises(ValueError, match=rf"a must lie in 0 \.\. 2, got {bad}"):
            stored.below("a", np.array([0, bad]), 3)


def test_parts_are_of_the_network() -> None:
    net = make()
    cells = net.population(4, sl.LIF())
    assert stored.part(net, 0, None) is cells
    assert stored.part(net, 0, np.array([2, 1])).ids.tolist() == [2, 1]
    for ids in (np.array([4]), np.array([True] * 4), np.array([0.5]), np.array([[1]])):
        with pytest.raises(ValueError, match="ids"):
            stored.part(net, 0, ids)
