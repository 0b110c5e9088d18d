"""Crops, flips and shifts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import stream

import spikelet as sl

SIZE = (12, 7, 2)
EVENTS = stream(700, SIZE)


def window(x: int, y: int, width: int, height: int) -> Any:
    """Return the events of a window, counted from its corner."""
    inside = (EVENTS["x"] >= x) & (EVENTS["x"] < x + width) & (EVENTS["y"] >= y) & (EVENTS["y"] < y + height)  # fmt: skip
    out = EVENTS[inside]
    out["x"] -= x
    out["y"] -= y
    return out


def test_crop_in_the_middle_and_at_a_corner() -> None:
    assert np.array_equal(sl.events.crop(EVENTS, SIZE, (4, 3), at="center"), window(4, 2, 4, 3))
    assert np.array_equal(sl.events.crop(EVENTS, SIZE, 5, at=(7, 2)), window(7, 2, 5, 5))


def test_a_window_larger_than_the_sensor_moves_the_events() -> None:
    found = sl.events.crop(EVENTS, SIZE, (16, 7), at="center")
    assert np.array_equal(found["x"], EVENTS["x"] + 2)


def test_a_random_window_is_anywhere_on_the_sensor() -> None:
    places = set()
    for seed in range(200):
        found = sl.events.crop(EVENTS, SIZE, (10, 6), seed=seed)
        matches = [
            (x, y) for x in range(3) for y in range(2) if np.array_equal(found, window(x, y, 10, 6))
        ]
        assert len(matches) == 1
        places.update(matches)
    assert len(places) == 6


def test_crop_time() -> None:
    found = sl.events.crop_time(EVENTS, 1000, 20_000)
    assert np.array_equal(found, EVENTS[(EVENTS["t"] >= 1000) & (EVENTS["t"] <= 20_000)])
    assert np.array_equal(sl.events.crop_time(EVENTS), EVENTS)


@pytest.mark.parametrize(
    ("axis", "field", "limit"), [("lr", "x", 11), ("ud", "y", 6), ("polarity", "p", 1)]
)
def test_flip(axis: str, field: str, limit: int) -> None:
    found = sl.events.flip(EVENTS, SIZE, axis)
    assert np.array_equal(found[field], limit - EVENTS[field])
    assert np.array_equal(sl.events.flip(found, SIZE, axis), EVENTS)
    flipped = [
        not np.array_equal(sl.events.flip(EVENTS, SIZE, axis, 0.3, seed=k), EVENTS)
        for k in range(200)
    ]
    assert 35 < sum(flipped) < 85
    assert np.array_equal(sl.events.flip(EVENTS, SIZE, axis, 0.0), EVENTS)


def test_time_reversal_twice_is_the_recording_again() -> None:
    once = sl.events.time_reversal(EVENTS)
    assert (np.diff(once["t"]) >= 0).all()
    assert np.array_equal(once["p"], 1 - EVENTS["p"][::-1])
    again = sl.events.time_reversal(once)
    assert np.array_equal(again, sl.events.time_alignment(EVENTS))
    assert np.array_equal(
        sl.events.time_reversal(EVENTS, flip_polarities=False)["p"], EVENTS["p"][::-1]
    )


def test_times_are_aligned_and_skewed() -> None:
    late = EVENTS.copy()
    late["t"] -= 500
    assert sl.events.time_alignment(late)["t"].min() == 0
    assert np.array_equal(
        sl.events.time_alignment(late[::-1])["t"], late["t"][::-1] - late["t"].min()
    )
    assert np.array_equal(sl.events.time_skew(EVENTS, 2, 10)["t"], EVENTS["t"] * 2 + 10)
    drawn = sl.events.time_skew(EVENTS, (0.5, 1.5), (0, 50), seed=3)
    assert np.array_equal(drawn, sl.events.time_skew(EVENTS, (0.5, 1.5), (0, 50), seed=3))
    assert not np.array_equal(drawn, sl.events.time_skew(EVENTS, (0.5, 1.5), (0, 50), seed=4))


def test_bool_polarities_stay_bool() -> None:
    events = np.zeros(3, [("t", "i8"), ("x", "i2"), ("y", "i2"), ("p", "?")])
    events["p"] = [True, False, True]
    found = sl.events.flip(events, axis="polarity")
    assert found.dtype == events.dtype
    assert found["p"].tolist() == [False, True, False]
    assert not sl.events.merge_polarities(events)["p"].any()


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sl.events.crop(EVENTS, SIZE, 20), "target_size must be at most"),
        (lambda: sl.events.crop(EVENTS, SIZE, 5, at=(9, 0)), "must leave room"),
        (lambda: sl.events.crop(EVENTS, SIZE, 5, at="left"), 'must be "random" or "center"'),
        (lambda: sl.events.crop(EVENTS, SIZE, 0), "target_size must be >= 1"),
        (lambda: sl.events.crop_time(EVENTS, 5, 4), "max must not be below"),
        (lambda: sl.events.flip(EVENTS, SIZE, "x"), "axis must be"),
        (lambda: sl.events.flip(EVENTS), "sensor_size must be given"),
        (lambda: sl.events.flip(EVENTS, SIZE, p=1.5), r"p must lie in \[0, 1\]"),
        (lambda: sl.events.flip(EVENTS, SIZE, seed=-1), "seed must be >= 0"),
        (lambda: sl.events.time_skew(EVENTS, 0), "coefficient must be > 0"),
        (lambda: sl.events.time_skew(EVENTS, 1, -1e6), "must not shift the first event before"),
        (lambda: sl.events.time_skew(EVENTS, 1e300), "the field t cannot hold"),
        (lambda: sl.events.time_skew(EVENTS, (2, 1)), r"must be a number, or a range \(low, high\)"),
        (lambda: sl.events.time_skew(EVENTS, float("nan")), "coefficient must not contain NaN"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


def test_what_a_field_cannot_hold_is_refused_with_a_name() -> None:
    """Times and coordinates must not start again from below."""
    small = np.zeros(2, [("t", np.int8), ("x", np.uint8), ("y", np.uint8), ("p", np.int8)])
    small["t"] = [-100, 20]
    assert sl.events.time_alignment(small)["t"].tolist() == [0, 120]
    small["t"] = [-100, 100]
    with pytest.raises(
        ValueError,
        match=r"events\.time_alignment: events must be at most 127 us long.*got a length of 200",
    ):
        sl.events.time_alignment(small)
    with pytest.raises(ValueError, match=r"events\.flip: the field x cannot hold 299"):
        sl.events.flip(small, (300, 200, 2))
