"""Ranges and the unit cube."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.fitting.ranges import Range, Space


def test_scales():
    x = np.array([0.0, 0.5, 1.0])
    np.testing.assert_allclose(Range(10.0, 1000.0).value(x), [10.0, 505.0, 1000.0])
    np.testing.assert_allclose(Range(10.0, 1000.0, log=True).value(x), [10.0, 100.0, 1000.0])


@pytest.mark.parametrize("log", [False, True])
def test_places_are_the_inverse(log):
    one = Range(3.0, 50.0, log=log)
    x = np.linspace(0.0, 1.0, 9)
    np.testing.assert_allclose(one.place(one.value(x)), x, atol=1e-14)


def test_a_value_for_each_sweep():
    space = Space("fit", {"a": (0.0, 1.0), "b": Range(0.0, 10.0, shared=False)}, 3)
    assert space.columns == ["a", "b[0]", "b[1]", "b[2]"]
    values = space.values(np.array([[0.1, 0.2, 0.3, 0.4]]))
    np.testing.assert_allclose(values["a"], [0.1])
    np.testing.assert_allclose(values["b"], [[2.0, 3.0, 4.0]])
    np.testing.assert_allclose(
        space.table(np.array([[0.1, 0.2, 0.3, 0.4]])), [[0.1, 2.0, 3.0, 4.0]]
    )


@pytest.mark.parametrize(
    ("vary", "error", "text"),
    [
        ({"a": (2.0, 1.0)}, ValueError, r'vary\["a"\]: Range: low must be less than high'),
        ({"a": (1.0, 1.0)}, ValueError, "less than high"),
        ({"a": (np.nan, 1.0)}, ValueError, "NaN"),
        ({"a": (0.0, np.inf)}, ValueError, "high must be finite"),
        ({"a": 3.0}, TypeError, r'vary\["a"\] must be a Range'),
        ({"a": (1.0, 2.0, 3.0)}, TypeError, "must be a Range"),
        ({}, TypeError, "vary must be a dict"),
        ([("a", (0.0, 1.0))], TypeError, "vary must be a dict"),
    ],
)
def test_bad_ranges(vary, error, text):
    with pytest.raises(error, match=text):
        Space("fit", vary, 1)


def test_logarithms_need_positive_limits():
    with pytest.raises(ValueError, match="low must be > 0 on a logarithmic scale, got 0"):
        Range(0.0, 1.0, log=True)


def test_parameters_outside_are_named():
    space = Space("fit", {"a": (0.0, 1.0)}, 1)
    with pytest.raises(
        ValueError, match=r"simulator: a must lie in its range at index 1, got 1\.5"
    ):
        space.places("simulator", np.array([[0.5], [1.5]]))
    with pytest.raises(ValueError, match=r"must be \[candidates, 1\]"):
        space.places("simulator", np.zeros((2, 2)))
