"""Values compared as a whole, and taken by position."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from spikelet._util.values import by_position, hashed, same

NAN = float("nan")


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1.5, 1.5),
        (NAN, float("nan")),
        (0.0, -0.0),
        ("a", "a"),
        (np.array([1.0, NAN]), np.array([1.0, NAN])),
        (np.array([0.0]), np.array([-0.0])),
        (np.array([[1, 2]]), np.array([[1, 2]])),
        (np.array([True]), np.array([True])),
        ((1.0, np.array([2.0])), (1.0, np.array([2.0]))),
        ({"x": np.array([2.0]), "y": 1}, {"y": 1, "x": np.array([2.0])}),
        (np.array([None, "x"], object), np.array([None, "x"], object)),
    ],
)
def test_equal_values_have_one_hash(a: Any, b: Any) -> None:
    assert same(a, b)
    assert hash(hashed(a)) == hash(hashed(b))
    assert hashed(a) == hashed(b)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        (1.0, 2.0),
        (1.0, NAN),
        (1.0, np.array(1.0)),
        (np.array([1.0]), np.array(1.0)),
        (np.array([1.0]), np.array([1])),
        (np.array([1.0, 2.0]), np.array([1.0, 3.0])),
        ((1.0,), (1.0, 2.0)),
        ((1.0,), [1.0]),
        ({"x": 1}, {"y": 1}),
        ({"x": 1}, {"x": 2}),
        ("a", None),
    ],
)
def test_other_values_differ(a: Any, b: Any) -> None:
    assert not same(a, b)
    assert not same(b, a)


def test_quantities_are_compared_in_one_unit() -> None:
    pq = pytest.importorskip("quantities")
    amp, other = 1.0 * pq.nA, 1000.0 * pq.pA
    assert same(amp, other)
    assert hash(hashed(amp)) == hash(hashed(other))
    assert not same(amp, 1.0 * pq.pA)
    assert not same(amp, 1.0 * pq.mV)
    assert not same([1.0, 2.0] * pq.pA, [1.0] * pq.pA)


def test_what_cannot_be_compared_differs() -> None:
    class Odd:
        __hash__ = None  # type: ignore[assignment]

        def __eq__(self, other: object) -> bool:
            raise TypeError

    a = Odd()
    assert same(a, a)
    assert not same(a, Odd())
    assert hashed(a) == hashed(Odd())


@pytest.mark.filterwarnings("ignore:the matrix subclass:PendingDeprecationWarning")
def test_tables_are_taken_by_position():
    series = pd.Series([1.0, 2.0, 3.0], index=[2, 0, 1])
    assert by_position(series)[[0, 2]].tolist() == [1.0, 3.0]
    assert by_position([1, 2])[[1]].tolist() == [2]
    assert by_position(np.matrix([[1, 2], [3, 4]]))[[0, 1], [1, 0]].tolist() == [2, 3]
    masked = np.ma.masked_equal([1, 2], 2)
    assert by_position(masked) is masked
