"""Pools and interpolation along axes, as matrices and tables of places."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.pools import axis_matrices, window_places


@pytest.mark.parametrize(
    "layer",
    [
        L.AvgPool2d(3, 2, 1, ceil_mode=True),
        L.AvgPool2d(2, 1, dilation=(2, 3), count_include_pad=False),
        L.AdaptiveAvgPool2d((4, None)),
        L.Resize((5, 11), "cubic"),
    ],
)
def test_matrices_are_what_the_engine_computes(layer: Any) -> None:
    x = np.random.default_rng(0).normal(size=(2, 3, 7, 9))
    rows, columns = axis_matrices(layer, (3, 7, 9))
    found = np.einsum("ih,bchw,jw->bcij", rows, x, columns)
    expected = sl.SpikingModel([layer], dtype="float64").run(x, 1).output
    np.testing.assert_allclose(found, expected, atol=1e-12)


def test_places_of_windows() -> None:
    (table,) = window_places(L.MaxPool1d(3, 2, 1, ceil_mode=True), (1, 6))
    assert table.tolist() == [[0, 1, 1], [1, 2, 3], [3, 4, 5], [5, 5, 5]]
    (table,) = window_places(L.MaxPool1d(2, dilation=3, stride=1), (1, 5), beyond=-1)
    assert table.tolist() == [[0, 3], [1, 4]]
