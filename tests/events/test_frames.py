"""Frames, bins and numbers of several bits."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import frame, stream

import spikelet as sl

SIZE = (12, 7, 2)
EVENTS = stream(2000, SIZE)

WAYS: list[dict[str, Any]] = [
    {"time_window": 7000},
    {"time_window": 7000, "overlap": 500, "include_incomplete": True},
    {"time_window": 9000, "start_time": 0, "end_time": 100_000},
    {"event_count": 130, "overlap": 10},
    {"n_time_bins": 6},
    {"n_time_bins": 6, "overlap": 0.3},
    {"n_event_bins": 7},
]


def slices(way: dict[str, Any]) -> list[Any]:
    rest = dict(way)
    if "time_window" in way:
        return sl.events.slice_by_time(EVENTS, **rest)
    if "event_count" in way:
        return sl.events.slice_by_count(EVENTS, **rest)
    if "n_time_bins" in way:
        return sl.events.slice_by_time_bins(EVENTS, rest.pop("n_time_bins"), **rest)
    return sl.events.slice_by_event_bins(EVENTS, rest.pop("n_event_bins"), **rest)


@pytest.mark.parametrize("way", WAYS, ids="-".join)
def test_a_frame_counts_a_slice(way: dict[str, Any]) -> None:
    expected = np.array([frame(part, SIZE) for part in slices(way)])
    assert expected.sum() > 1000
    for dtype in (np.uint8, "int16", np.dtype("int32"), np.float32):
        for threads in (1, 2, 5):
            found = sl.events.to_frame(EVENTS, SIZE, **way, dtype=dtype, threads=threads)
            assert found.dtype == dtype
            assert np.array_equal(found, expected)


def test_counts_stop_at_the_greatest_value() -> None:
    many = np.repeat(EVENTS[:1], 40_000)
    assert sl.events.to_frame(many, SIZE, event_count=40_000).max() == 32767
    assert sl.events.to_frame(many, SIZE, event_count=40_000, dtype=np.uint8).max() == 255
    assert sl.events.to_frame(many, SIZE, event_count=40_000, dtype=np.int32).max() == 40_000
    assert sl.events.to_bins(many, SIZE, 1e6).max() == 255


def test_sound_has_no_rows() -> None:
    sound = np.zeros(100, [("t", "i8"), ("x", "i2"), ("p", "i1")])
    sound["t"], sound["x"] = np.arange(100), np.arange(100) % 70
    frames = sl.events.to_frame(sound, (70, 1, 1), n_time_bins=3)
    assert frames.shape == (3, 1, 70)
    assert frames[0, 0].tolist() == [1] * 33 + [0] * 37
    assert sl.events.to_frame(sound, None, event_count=100).shape == (1, 1, 70)


def test_one_polarity() -> None:
    merged = sl.events.merge_polarities(EVENTS)
    frames = sl.events.to_frame(merged, (*SIZE[:2], 1), n_event_bins=1)
    both = sl.events.to_frame(EVENTS, SIZE, n_event_bins=1)
    assert np.array_equal(frames[:, 0], both.sum(axis=1))
    only = EVENTS[EVENTS["p"] == 1]
    assert sl.events.to_frame(only, (*SIZE[:2], 1), n_event_bins=1).sum() == len(only)
    with pytest.raises(ValueError, match="must have one polarity"):
        sl.events.to_frame(EVENTS, (*SIZE[:2], 1), n_event_bins=1)


def test_the_size_may_be_found() -> None:
    assert sl.events.to_frame(EVENTS, None, n_time_bins=2).shape == (2, 2, 7, 12)
    with pytest.raises(ValueError, match="sensor_size must be given where there are no events"):
        sl.events.to_frame(EVENTS[:0], None, n_time_bins=2)


@pytest.mark.parametrize(
    ("way", "number"),
    [("n_time_bins", 4), ("n_event_bins", 4), ("event_count", 1), ("time_window", 1)],
)
def test_a_recording_without_events_has_empty_frames(way: str, number: int) -> None:
    frames = sl.events.to_frame(EVENTS[:0], SIZE, **{way: 4})
    assert frames.shape == (number, 2, 7, 12)
    assert not frames.any()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({}, "exactly one way to slice must be given, .*, got 'none'"),
        (
            {"time_window": 5, "n_time_bins": 3},
            r"one of time_window, .*, got 'time_window, n_time_bins'",
        ),
        ({"n_time_bins": 0}, "n_time_bins must be >= 1"),
        ({"event_count": 10, "start_time": 0}, "need time_window"),
        ({"time_window": 1e-9}, "would need"),
        ({"n_time_bins": 10**12}, "would need"),
        ({"n_time_bins": 5, "threads": 0}, "threads must be >= 1"),
        ({"n_time_bins": 5, "overlap": float("nan")}, "overlap must not contain NaN"),
    ],
)
def test_what_makes_no_sense_is_refused(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sl.events.to_frame(EVENTS, SIZE, **arguments)


def test_other_types_are_refused() -> None:
    for dtype in (np.float64, "no type", np.int8):
        with pytest.raises(TypeError, match="dtype must be one of uint8, int16, int32, float32"):
            sl.events.to_frame(EVENTS, SIZE, n_time_bins=1, dtype=dtype)


def test_bins_lie_on_a_fixed_grid() -> None:
    order = np.random.default_rng(1).permutation(len(EVENTS))
    found = sl.events.to_bins(EVENTS[order], SIZE, 1000, 30)
    assert found.shape == (30, 2 * 7 * 12)
    for k, row in enumerate(found):
        inside = EVENTS[(EVENTS["t"] >= 1000 * k) & (EVENTS["t"] < 1000 * (k + 1))]
        assert np.array_equal(row.reshape(2, 7, 12), frame(inside, SIZE))
    later = sl.events.to_bins(EVENTS, SIZE, 1000, 25, start_time=5000)
    assert np.array_equal(later, found[5:])
    assert sl.events.to_bins(EVENTS, SIZE, 1000).sum() == len(EVENTS)


@pytest.mark.parametrize(
    ("window", "bins", "message"),
    [
        (0, 5, "time_window must be finite and > 0"),
        (10, 0, "n_bins must be >= 1"),
        (1e-6, None, "would need"),
    ],
)
def test_bins_that_make_no_sense_are_refused(window: float, bins: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        sl.events.to_bins(EVENTS, SIZE, window, bins)


def test_binary_frames_become_numbers() -> None:
    frames = sl.events.to_frame(EVENTS, SIZE, n_time_bins=8)
    found = sl.events.to_bina_rep(frames, 2, 4)
    for k in range(2):
        bits = frames[4 * k : 4 * k + 4] > 0
        expected = np.tensordot([8, 4, 2, 1], bits, 1) / 15
        assert np.allclose(found[k], expected, rtol=1e-6)
    with pytest.raises(ValueError, match=r"event_frames must be \[9, P, H, W\]"):
        sl.events.to_bina_rep(frames, 3, 3)
