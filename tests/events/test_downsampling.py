"""Downsampling by factors, and by integration."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import integrated, stream

import spikelet as sl

SIZE = (12, 8, 2)
EVENTS = stream(1500, SIZE)


def test_factors_cut_to_whole_numbers() -> None:
    found = sl.events.downsample(EVENTS, 0.001, (0.5, 0.25))
    assert np.array_equal(found["t"], EVENTS["t"] // 1000)
    assert np.array_equal(found["x"], EVENTS["x"] // 2)
    assert np.array_equal(found["y"], EVENTS["y"] // 4)
    assert np.array_equal(found["p"], EVENTS["p"])


def test_sizes_give_the_factors() -> None:
    found = sl.events.downsample(EVENTS, sensor_size=SIZE, target_size=(4, 4))
    assert np.array_equal(found, sl.events.downsample(EVENTS, spatial_factor=(1 / 3, 1 / 2)))


def test_upsampling_beyond_a_field_is_refused() -> None:
    with pytest.raises(ValueError, match="the field x cannot hold"):
        sl.events.downsample(EVENTS, spatial_factor=1e6)


@pytest.mark.parametrize("threshold", [0, 1, 3])
def test_integrator(threshold: int) -> None:
    found = sl.events.integrator_downsample(EVENTS, SIZE, (6, 4), 3.5, threshold)
    expected = integrated(EVENTS, SIZE, (6, 4), 3500, threshold)
    assert [tuple(int(e[name]) for name in "txyp") for e in found] == expected
    assert expected


@pytest.mark.parametrize(("bins", "threshold"), [(2, 1), (3, 2)])
def test_differentiator(bins: int, threshold: int) -> None:
    dt = 6.0
    counts = np.zeros((100, 4, 6, 2))
    for t, x, y, p in integrated(EVENTS, SIZE, (6, 4), dt * 1000 / bins, threshold):
        counts[int(t // (dt * 1000)), y, x, p] += 1
    last = int(np.flatnonzero(counts.any(axis=(1, 2, 3)))[-1])
    rises = np.argwhere(np.diff(counts[: last + 1], axis=0) > 0)
    expected = [(int(k * dt * 1000), int(x), int(y), int(p)) for k, y, x, p in rises]
    found = sl.events.differentiator_downsample(EVENTS, SIZE, (6, 4), dt, bins, threshold)
    assert [tuple(int(e[name]) for name in "txyp") for e in found] == expected
    assert expected


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sl.events.downsample(EVENTS, 0), "time_factor must be finite and > 0"),
        (lambda: sl.events.downsample(EVENTS, 1, (1, -1)), "spatial_factor must be a number > 0"),
        (lambda: sl.events.downsample(EVENTS, target_size=(4, 4)), "sensor_size must be given"),
        (lambda: sl.events.integrator_downsample(EVENTS, SIZE, (24, 4), 1), "target_size must be at most"),
        (lambda: sl.events.integrator_downsample(EVENTS, SIZE, (6, 4), 0), "dt must be finite and > 0"),
        (lambda: sl.events.integrator_downsample(EVENTS, SIZE, (6, 4), 1e-13), "would need"),
        (lambda: sl.events.integrator_downsample(EVENTS, SIZE, (6, 4), 1, -1), "noise_threshold must be >= 0"),
        (lambda: sl.events.differentiator_downsample(EVENTS, SIZE, (6, 4), 1, 0), "differentiator_time_bins must"),
        (lambda: sl.events.integrator_downsample(EVENTS, (12, 8, 1), (6, 4), 1), "2 polarities, .width, height, 2.: events count as"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
