"""Annotations: of all elements, or of each."""

from __future__ import annotations

import numpy as np

from spikelet.spikes.annotations import checked, common, of_elements


def test_arrays_are_of_elements_and_copied() -> None:
    depth = np.arange(3)
    found = checked("here", {"depth": depth, "site": "V1", "axis": [1, 2, 3]}, 3)
    depth[0] = 9
    assert found["depth"].tolist() == [0, 1, 2]
    part = of_elements(found, np.array([2, 1]), 3)
    assert part["depth"].tolist() == [2, 1]
    assert part["axis"] == [1, 2, 3]  # a list is one value


def test_common_annotations() -> None:
    a, b = {"x": 1, "y": np.arange(2), "z": 1}, {"x": 1, "y": np.arange(2), "z": 2}
    assert list(common([a, b], 2, alike=True)) == ["x", "y"]
    assert list(common([a, b], 2, alike=False)) == ["x"]
