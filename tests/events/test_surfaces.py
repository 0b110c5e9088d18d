"""Time surfaces and voxel grids beside slow references."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import averaged, stream, surfaces, voxels

import spikelet as sl

SIZE = (12, 7, 2)
EVENTS = stream(800, SIZE)


@pytest.mark.parametrize(
    ("dt", "tau", "overlap"), [(5000, 2000, 0), (5000, 20_000.5, 1000), (9000.5, 300, 0)]
)
def test_time_surface(dt: float, tau: float, overlap: float) -> None:
    first, last, stride = int(EVENTS["t"][0]), int(EVENTS["t"][-1]), dt - overlap
    number = int((last - first - dt) // stride) + 1
    ends = [first + k * stride + dt for k in range(number)]
    expected = surfaces(EVENTS, SIZE, ends, tau)
    found = sl.events.time_surface(EVENTS, SIZE, dt, tau, overlap, dtype=np.float64)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-300)
    single = sl.events.time_surface(EVENTS, SIZE, dt, tau, overlap)
    assert single.dtype == np.float32
    assert np.allclose(single, expected, atol=3e-7)
    for threads in (2, 5):
        again = sl.events.time_surface(EVENTS, SIZE, dt, tau, overlap, threads=threads)
        assert np.array_equal(again, single)


def test_the_incomplete_slice_may_be_added() -> None:
    without = sl.events.time_surface(EVENTS, SIZE, 20_000, 1000)
    added = sl.events.time_surface(EVENTS, SIZE, 20_000, 1000, include_incomplete=True)
    assert len(added) == len(without) + 1
    assert np.array_equal(added[:-1], without)


@pytest.mark.parametrize("bins", [1, 3, 50])
def test_voxel_grid(bins: int) -> None:
    expected = voxels(EVENTS, SIZE, bins)
    found = sl.events.voxel_grid(EVENTS, SIZE, bins, dtype=np.float64)
    assert found.shape == (bins, 1, 7, 12)
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-13)
    single = sl.events.voxel_grid(EVENTS, SIZE, bins)
    assert single.dtype == np.float32
    assert np.allclose(single, expected, atol=1e-5)
    for threads in (2, 7):
        assert np.array_equal(sl.events.voxel_grid(EVENTS, SIZE, bins, threads=threads), single)


def test_events_at_one_time_are_in_the_first_voxels() -> None:
    once = sl.events.event_array([5, 5, 5], [0, 1, 1], p=[1, 0, 0])
    assert sl.events.voxel_grid(once, (2, 1, 2), 3).ravel().tolist() == [1, -2, 0, 0, 0, 0]


@pytest.mark.parametrize("decay", ["exp", "lin"])
def test_averaged_time_surface(decay: str) -> None:
    expected = averaged(EVENTS, SIZE, 5, 3, 8000, 3000, decay)
    for threads in (1, 3):
        found = sl.events.averaged_time_surface(
            EVENTS, SIZE, 5, 3, 8000, 3000, decay, threads=threads
        )
        assert found.shape == (6, 2, 3, 3)
        assert np.allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sl.events.time_surface(EVENTS, SIZE, 0, 1), ValueError, "dt must be finite and > 0"),
        (lambda: sl.events.time_surface(EVENTS, SIZE, 10, 0), ValueError, "tau must be finite and > 0"),
        (lambda: sl.events.time_surface(EVENTS, SIZE, 10, float("nan")), ValueError, "tau must not contain NaN"),
        (lambda: sl.events.time_surface(EVENTS, SIZE, 10, 1, 10), ValueError, "overlap must be less than dt"),
        (lambda: sl.events.time_surface(EVENTS, (4000, 4000, 2), 1e-3, 1), ValueError, "would need"),
        (lambda: sl.events.time_surface(EVENTS, SIZE, 10, 1, dtype=int), TypeError, "must be one of float32, float64"),
        (lambda: sl.events.voxel_grid(EVENTS, SIZE, 0), ValueError, "n_time_bins must be >= 1"),
        (lambda: sl.events.voxel_grid(EVENTS, (12, 7, 1)), ValueError, "2 polarities, .width, height, 2.: events count"),
        (lambda: sl.events.voxel_grid(EVENTS, (4000, 4000, 2), 10**9), ValueError, "would need"),
        (lambda: sl.events.averaged_time_surface(EVENTS, SIZE, 5, 4), ValueError, "surface_size must be odd"),
        (lambda: sl.events.averaged_time_surface(EVENTS, SIZE, 5, 7), ValueError, "surface_size must be odd"),
        (lambda: sl.events.averaged_time_surface(EVENTS, SIZE, decay="no"), ValueError, 'must be "exp" or "lin"'),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_times_beyond_what_a_double_holds_are_refused() -> None:
    late = EVENTS.copy()
    late["t"][-1] = 2**52
    for call in (sl.events.voxel_grid, lambda e, s: sl.events.time_surface(e, s, 1e13, 10)):
        with pytest.raises(ValueError, match=r"2\^52"):
            call(late, SIZE)
