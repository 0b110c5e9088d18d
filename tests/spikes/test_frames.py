"""Spikes as pandas and xarray have them."""

from __future__ import annotations

import json

import numpy as np
import pytest

from spikelet import Spikes

SPIKES = Spikes([0.1, 0.3, 0.3], [4, 0, 1], 6, stop=2.0, dt=0.1, name="E")
ABOUT = {"name": "E", "n": 6, "start": 0.0, "stop": 2.0, "dt": 0.1}


def test_a_frame_has_a_row_for_each_spike() -> None:
    pytest.importorskip("pandas")
    frame = SPIKES.to_frame()
    assert list(frame.columns) == ["time", "id"]
    assert frame.attrs == ABOUT
    assert frame.groupby("id").size().to_dict() == {0: 1, 1: 1, 4: 1}
    again = Spikes(frame["time"], frame["id"], **frame.attrs)
    assert (again, again.name) == (SPIKES, "E")
    assert Spikes([], []).to_frame().shape == (0, 2)


@pytest.mark.parametrize(
    "spikes",
    [SPIKES[[4, 2]], SPIKES[:0], Spikes([1.0], [3], shape=(2, 3))],
    ids=["part", "none", "shape"],
)
def test_attributes_hold_a_part_and_a_shape(spikes: Spikes) -> None:
    """An element that was not observed must not become a silent one."""
    pytest.importorskip("pandas")
    frame = spikes.to_frame()
    again = Spikes(frame["time"], frame["id"], **frame.attrs)
    assert again == spikes
    assert again.counts().tolist() == spikes.counts().tolist()
    assert json.loads(json.dumps(frame.attrs)) == frame.attrs  # as a Parquet file keeps them
    pytest.importorskip("xarray")
    assert spikes.to_xarray().attrs == frame.attrs


def test_a_dataset_has_them_over_a_dimension() -> None:
    pytest.importorskip("xarray")
    data = SPIKES.to_xarray()
    assert dict(data.sizes) == {"spike": 3}
    np.testing.assert_array_equal(data["time"], SPIKES.times)
    np.testing.assert_array_equal(data["id"], SPIKES.ids)
    assert data["time"].attrs == {"units": "ms"}
    assert data.attrs == ABOUT
