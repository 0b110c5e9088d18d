"""`Events`, the old name of spikes that encoders return."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import encode

NOW = pytest.mark.filterwarnings("ignore:encode.Events:DeprecationWarning")


def test_events_warn_and_are_spikes():
    with pytest.warns(DeprecationWarning, match="sl.Spikes") as warned:
        events = encode.Events(np.array([1, 4]), np.array([0, 2]), 5, (3,))
    assert warned[0].filename == __file__
    assert events == sl.Spikes([1.0, 4.0], [0, 2], stop=5.0, dt=1.0, shape=(3,))
    assert isinstance(events, encode.Events)
    assert not isinstance([], encode.Events)
    with pytest.warns(DeprecationWarning, match="with_dt"):
        np.testing.assert_array_equal(events.times_ms(0.5), [0.5, 2.0])
    with pytest.warns(DeprecationWarning, match="raster"):
        raster = events.to_raster()
    np.testing.assert_array_equal(np.argwhere(raster), [[0, 0], [3, 2]])


@NOW
def test_events_of_any_raster():
    raster = np.random.default_rng(0).integers(0, 3, (4, 3, 3))
    expected = encode.Events.from_raster((raster > 0).astype(np.uint8))
    for same in (raster, raster.astype(float), raster > 0, np.asfortranarray(raster)):
        assert encode.Events.from_raster(same) == expected
    assert (expected.steps, expected.shape) == (4, (3, 3))


@pytest.mark.filterwarnings("ignore:Spikes.to_raster:DeprecationWarning")
@NOW
def test_repeated_events_count_once_in_the_old_raster():
    events = encode.Events(np.array([2, 2]), np.array([0, 0]), 3, (2,))
    assert events.to_raster().max() == 1
    assert events.raster().max() == 2


@NOW
@pytest.mark.parametrize(
    ("times", "ids", "error", "message"),
    [
        ([0], [0], ValueError, r"Events: times must lie in \[1, 5\], got 0 at index \(0,\)"),
        ([1, 6], [0, 0], ValueError, r"times must lie in \[1, 5\], got 6 at index \(1,\)"),
        ([1], [3], ValueError, r"Events: ids must lie in \[0, 2\], got 3"),
        ([1, 2], [0], ValueError, "equally long"),
        ([[1]], [[0]], ValueError, "1-d"),
        ([1.5], [0], TypeError, "Events: times must be integers, got dtype float64"),
    ],
)
def test_events_refuse(times, ids, error, message):
    with pytest.raises(error, match=message):
        encode.Events(np.array(times), np.array(ids), 5, (3,))


@NOW
def test_a_raster_needs_time():
    with pytest.raises(ValueError, match="from_raster: raster must be"):
        encode.Events.from_raster(3)
