"""Filters beside slow references."""

from __future__ import annotations

import collections

import numpy as np
import pytest
from tests.support.events_reference import denoised, refractory, stream

import spikelet as sl

SIZE = (20, 9, 2)
EVENTS = stream(1500, SIZE)


@pytest.mark.parametrize("time", [0, 10, 150.5, 1e4, 1e18])
def test_denoise(time: float) -> None:
    keep = denoised(EVENTS, time)
    assert np.array_equal(sl.events.denoise(EVENTS, time), EVENTS[keep])
    assert (time in (0, 1e18)) == (keep.all() or not keep.any())


def test_denoise_follows_the_order_of_the_array() -> None:
    mixed = EVENTS[np.random.default_rng(0).permutation(len(EVENTS))]
    assert np.array_equal(sl.events.denoise(mixed, 500), mixed[denoised(mixed, 500)])


def test_sound_is_denoised_along_its_channels() -> None:
    sound = np.zeros(4, [("t", "i8"), ("x", "i2"), ("p", "i1")])
    sound["t"], sound["x"] = [1000, 1010, 5000, 5001], [5, 6, 1, 9]
    assert sl.events.denoise(sound, 20)["t"].tolist() == [1010]


@pytest.mark.parametrize("delta", [0, 500, 2000.7])
def test_refractory_filter(delta: float) -> None:
    keep = refractory(EVENTS, delta)
    assert keep.sum() > 0
    assert np.array_equal(sl.events.refractory_filter(EVENTS, delta), EVENTS[keep])


@pytest.mark.parametrize("n", [1, 2, 5])
def test_decimate(n: int) -> None:
    seen: dict[tuple[int, int], int] = collections.Counter()
    keep = []
    for e in EVENTS:
        at = int(e["x"]), int(e["y"])
        seen[at] += 1
        keep.append(seen[at] % n == 0)
    assert np.array_equal(sl.events.decimate(EVENTS, n), EVENTS[keep])


def test_hot_pixels_are_found_and_dropped() -> None:
    hot = sl.events.event_array(np.arange(0, 50_000, 10), np.full(5000, 7), np.full(5000, 3))
    events = np.sort(np.concatenate((EVENTS, hot)), order="t")
    found = sl.events.identify_hot_pixel(events, 1000)
    assert found.tolist() == [[7, 3]]
    left = sl.events.drop(events, coordinates=found)
    assert np.array_equal(left, events[(events["x"] != 7) | (events["y"] != 3)])
    assert len(sl.events.identify_hot_pixel(EVENTS[:0], 1)) == 0


@pytest.mark.parametrize("time", [-1, float("nan")])
def test_times_that_make_no_sense_are_refused(time: float) -> None:
    with pytest.raises(ValueError, match="filter_time must"):
        sl.events.denoise(EVENTS, time)
    with pytest.raises(ValueError, match="delta must"):
        sl.events.refractory_filter(EVENTS, time)
    with pytest.raises(ValueError, match="hot_pixel_frequency must"):
        sl.events.identify_hot_pixel(EVENTS, time)


def test_a_sensor_that_no_memory_holds_is_refused() -> None:
    far = np.zeros(1, [("t", "i8"), ("x", "i8"), ("y", "i8"), ("p", "i1")])
    far["x"] = far["y"] = 2**40
    for call in (
        lambda: sl.events.denoise(far, 1),
        lambda: sl.events.decimate(far, 2),
        lambda: sl.events.drop(far, coordinates=[(1, 1)]),
    ):
        with pytest.raises(ValueError, match=r"fewer than 2\^31"):
            call()
    with pytest.raises(ValueError, match="n must be >= 1"):
        sl.events.decimate(EVENTS, 0)
