"""Windows of time and of numbers of events."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import stream

import spikelet as sl

EVENTS = stream(1000, (10, 10, 2), span=10_000)


def times(slices: list[Any]) -> list[list[int]]:
    return [s["t"].tolist() for s in slices]


@pytest.mark.parametrize(
    ("window", "overlap"), [(1000, 0), (1000, 300), (123.5, 20.25), (20_000, 0)]
)
@pytest.mark.parametrize("incomplete", [False, True])
def test_windows_of_time(window: float, overlap: float, incomplete: bool) -> None:
    first, last, stride = int(EVENTS["t"][0]), int(EVENTS["t"][-1]), window - overlap
    whole = sum(first + k * stride + window <= last for k in range(200))
    cut = incomplete and first + (whole - 1) * stride + window < last
    expected = []
    for k in range(max(whole + cut, 1)):
        start = first + k * stride
        inside = (EVENTS["t"] >= start) & (EVENTS["t"] < start + window)
        expected.append(EVENTS["t"][inside].tolist())
    assert times(sl.events.slice_by_time(EVENTS, window, overlap, incomplete)) == expected


def test_a_window_may_start_before_the_events_and_end_after_them() -> None:
    events = sl.events.event_array([150, 299, 300], [0, 0, 0])
    found = sl.events.slice_by_time(events, 100, start_time=0, end_time=500)
    assert times(found) == [[], [150], [299], [300], []]


def test_bins_of_time_leave_out_the_remainder() -> None:
    events = sl.events.event_array(range(11), np.zeros(11, int))
    assert times(sl.events.slice_by_time_bins(events, 3)) == [[0, 1, 2], [3, 4, 5], [6, 7, 8]]
    wider = sl.events.slice_by_time_bins(events, 2, overlap=0.2)
    assert times(wider) == [[0, 1, 2, 3, 4, 5], [5, 6, 7, 8, 9, 10]]


def test_windows_of_events() -> None:
    events = sl.events.event_array([9, 8, 7, 6, 5, 4, 3], np.zeros(7, int))  # any order
    assert times(sl.events.slice_by_count(events, 3)) == [[9, 8, 7], [6, 5, 4]]
    assert times(sl.events.slice_by_count(events, 3, 1, True)) == [[9, 8, 7], [7, 6, 5], [5, 4, 3]]
    assert times(sl.events.slice_by_count(events, 3, 0, True))[-1] == [3]
    assert times(sl.events.slice_by_count(events, 100)) == [[9, 8, 7, 6, 5, 4, 3]]
    assert times(sl.events.slice_by_event_bins(events, 2)) == [[9, 8, 7], [6, 5, 4]]
    assert times(sl.events.slice_by_event_bins(events, 9)) == [[]] * 9


def test_slices_are_views() -> None:
    assert all(np.shares_memory(s, EVENTS) for s in sl.events.slice_by_count(EVENTS, 100))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: sl.events.slice_by_time(EVENTS, 0), "time_window must be finite and > 0"),
        (lambda: sl.events.slice_by_time(EVENTS, float("nan")), "time_window must not contain NaN"),
        (lambda: sl.events.slice_by_time(EVENTS, 10, 10), "overlap must be less than time_window"),
        (lambda: sl.events.slice_by_time(EVENTS, 10, -1), "overlap must be finite and >= 0"),
        (lambda: sl.events.slice_by_time(EVENTS, 10, start_time=9e9), "end_time must not be before"),
        (lambda: sl.events.slice_by_time(EVENTS, 1e-300), "give a longer time_window"),
        (lambda: sl.events.slice_by_time_bins(EVENTS, 0), "bin_count must be >= 1"),
        (lambda: sl.events.slice_by_time_bins(EVENTS, 10**15), "give fewer bin_count"),
        (lambda: sl.events.slice_by_time_bins(EVENTS, 3, 1.0), "overlap must be less than 1"),
        (lambda: sl.events.slice_by_count(EVENTS, 3, 3), "overlap must be a whole number"),
        (lambda: sl.events.slice_by_count(EVENTS, -1), "event_count must be >= 1"),
        (lambda: sl.events.slice_by_event_bins(EVENTS, 0), "bin_count must be >= 1"),
        (lambda: sl.events.slice_by_time(EVENTS[::-1], 10), "must be sorted by t"),
    ],
)  # fmt: skip
def test_windows_that_make_no_sense_are_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()
