"""Event arrays: made from columns, read in any layout, refused if they are something else."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import layouts, stream

import spikelet as sl
from spikelet.events.arrays import columns, sensor

SIZE = (34, 20, 2)
EVENTS = stream(500, SIZE)

# Every function that reads a recording, with arguments that suit EVENTS.
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "to_frame": lambda e: sl.events.to_frame(e, SIZE, n_time_bins=3),
    "to_bins": lambda e: sl.events.to_bins(e, SIZE, 1000),
    "voxel_grid": lambda e: sl.events.voxel_grid(e, SIZE, 4),
    "time_surface": lambda e: sl.events.time_surface(e, SIZE, 10_000, 5000),
    "averaged_time_surface": lambda e: sl.events.averaged_time_surface(e, SIZE),
    "denoise": lambda e: sl.events.denoise(e, 300),
    "refractory_filter": lambda e: sl.events.refractory_filter(e, 300),
    "decimate": lambda e: sl.events.decimate(e, 2),
    "identify_hot_pixel": lambda e: sl.events.identify_hot_pixel(e, 30),
    "downsample": lambda e: sl.events.downsample(e, 0.5, 0.5),
    "integrator_downsample": lambda e: sl.events.integrator_downsample(e, SIZE, (17, 10), 10, 1),
    "differentiator_downsample": lambda e: sl.events.differentiator_downsample(
        e, SIZE, (17, 10), 10, 2, 1
    ),
    "crop": lambda e: sl.events.crop(e, SIZE, 10, seed=1),
    "crop_time": lambda e: sl.events.crop_time(e, 100, 2000),
    "flip": lambda e: sl.events.flip(e, SIZE, "ud"),
    "jitter": lambda e: sl.events.jitter(e, SIZE, 1, 1, 0.5, std=20, seed=1),
    "drop": lambda e: sl.events.drop(e, area_ratio=0.5, sensor_size=SIZE, seed=1),
    "event_drop": lambda e: sl.events.event_drop(e, SIZE, seed=1),
    "merge_polarities": sl.events.merge_polarities,
    "time_alignment": sl.events.time_alignment,
    "time_reversal": lambda e: sl.events.time_reversal(e, seed=1),
    "time_skew": lambda e: sl.events.time_skew(e, (0.5, 0.6), seed=1),
    "uniform_noise": lambda e: sl.events.uniform_noise(e, SIZE, 100, seed=1),
    "to_spikes": lambda e: sl.events.to_spikes(e, SIZE),
}
NO_RECORDING = {"from_spikes", "to_bina_rep", "event_array", "DTYPE"}
SLICES = {name for name in sl.events.__all__ if name.startswith("slice_")}


def plain(result: Any) -> list[Any]:
    """Return what a function found, without its type."""
    if isinstance(result, sl.Spikes):
        return [result.times.tolist(), result.ids.tolist()]
    if result.dtype.names:
        return [result[name].astype(int).tolist() for name in "txyp"]
    return [result.tolist()]


def test_all_functions_are_in_the_table() -> None:
    assert set(FUNCTIONS) | NO_RECORDING | SLICES == set(sl.events.__all__)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_the_layout_of_an_array_does_not_matter(name: str) -> None:
    expected = plain(FUNCTIONS[name](EVENTS))
    assert len(expected[0]) > 0
    for other in layouts(EVENTS):
        before = other.copy()
        assert plain(FUNCTIONS[name](other)) == expected
        assert np.array_equal(before, other)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_read_only_file_in_memory_is_read(name: str, tmp_path: Path) -> None:
    np.save(tmp_path / "events.npy", EVENTS)
    mapped = np.load(tmp_path / "events.npy", mmap_mode="r")
    assert plain(FUNCTIONS[name](mapped)) == plain(FUNCTIONS[name](EVENTS))


@pytest.mark.parametrize("name", sorted(set(FUNCTIONS) - {"identify_hot_pixel"}))
def test_a_recording_without_events_gives_a_result(name: str) -> None:
    result = FUNCTIONS[name](EVENTS[:0])
    assert not np.any(plain(result)[0])


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_single_event_gives_a_result(name: str) -> None:
    FUNCTIONS[name](EVENTS[:1])


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (EVENTS.tolist(), "must be a structured array"),
        (np.zeros((5, 4), np.int64), "must be a structured array"),
        (EVENTS[["y", "p"]], 'must have the field "'),
        (EVENTS.astype([("t", "f8"), ("x", "f8"), ("y", "f8"), ("p", "f8")]), "must hold integers"),
    ],
    ids=["list", "plain", "fields", "floats"],
)
def test_other_things_are_type_errors(name: str, bad: Any, message: str) -> None:
    if name in ("merge_polarities", "flip") and "must have the field" in message:
        return  # they read only the others
    with pytest.raises(TypeError, match=message):
        FUNCTIONS[name](bad)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_two_dimensions_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match="must have one dimension"):
        FUNCTIONS[name](EVENTS.reshape(2, -1))


READS_SPACE = sorted(set(FUNCTIONS) - {"downsample", "merge_polarities", "crop_time", "time_skew"}
                     - {"time_alignment", "time_reversal", "uniform_noise", "event_drop", "jitter"})  # fmt: skip


@pytest.mark.parametrize("name", READS_SPACE)
@pytest.mark.parametrize("value", [-1, -(2**15)])
def test_coordinates_below_the_sensor_are_refused(name: str, value: int) -> None:
    bad = EVENTS.copy()
    bad["y"][250] = value
    with pytest.raises(ValueError, match=r"y must lie in|below 0|must have y in"):
        FUNCTIONS[name](bad)


@pytest.mark.parametrize(
    "name",
    sorted(set(READS_SPACE) - {"denoise", "refractory_filter", "decimate", "identify_hot_pixel"}),
)
@pytest.mark.parametrize(
    ("field", "value"), [("x", 34), ("x", 32767), ("y", 20), ("p", 2), ("p", -1)]
)
def test_coordinates_beyond_the_sensor_are_refused(name: str, field: str, value: int) -> None:
    if field == "p" and name in ("crop", "drop", "flip"):
        return  # they do not read it
    if field == "x" and name == "flip":
        return
    bad = EVENTS.copy()
    bad[field][250] = value
    with pytest.raises(ValueError, match=f"{field} must lie in|must have {field} in"):
        FUNCTIONS[name](bad)


ORDERED = ("to_frame", "voxel_grid", "time_surface", "averaged_time_surface", "identify_hot_pixel",
           "integrator_downsample", "differentiator_downsample")  # fmt: skip


@pytest.mark.parametrize("name", ORDERED)
@pytest.mark.parametrize("place", [1, 250, 499])
def test_what_needs_order_says_so(name: str, place: int) -> None:
    bad = EVENTS.copy()
    bad["t"][place] = 0
    with pytest.raises(ValueError, match="must be sorted by t"):
        FUNCTIONS[name](bad)


@pytest.mark.parametrize(
    "name",
    sorted(set(FUNCTIONS) - {"downsample", "decimate", "crop", "crop_time", "flip", "drop", "jitter"}
           - {"merge_polarities", "time_alignment"}),
)  # fmt: skip
def test_times_before_zero_are_refused(name: str) -> None:
    bad = EVENTS.copy()
    bad["t"][:3] = -5
    with pytest.raises(ValueError, match="must not have times before 0"):
        FUNCTIONS[name](bad)


def test_event_array_takes_columns() -> None:
    made = sl.events.event_array([1, 2, 5], [3, 4, 5], p=[True, False, True])
    assert made.dtype == sl.events.DTYPE
    assert made.tolist() == [(1, 3, 0, 1), (2, 4, 0, 0), (5, 5, 0, 1)]
    assert len(sl.events.event_array([], [])) == 0


@pytest.mark.parametrize(
    ("columns_", "error", "message"),
    [
        (([1, 2], [1]), ValueError, r"event_array: x must have 2 values as t has, got length 1"),
        (([1], [40000]), ValueError, r"x must lie in -32768 .. 32767, got 40000"),
        (([1], [1], [1], [2]), ValueError, r"p must lie in 0 .. 1, got 2"),
        (([0.5], [1]), TypeError, r"t must hold integers"),
        (([[1]], [[1]]), ValueError, r"t must have one dimension"),
    ],
)
def test_event_array_refuses(columns_: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        sl.events.event_array(*columns_)


def test_arrays_are_plain_values() -> None:
    assert np.array_equal(pickle.loads(pickle.dumps(EVENTS)), EVENTS)
    assert np.array_equal(copy.deepcopy(EVENTS), EVENTS)


@pytest.mark.parametrize(
    ("size", "error"),
    [
        ((34, 34), TypeError),
        (34, TypeError),
        ((34, 34, 0), ValueError),
        ((34.5, 34, 2), TypeError),
        ((2**20, 2**20, 2), ValueError),
    ],
)
def test_a_sensor_is_three_numbers(size: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="sensor_size"):
        sensor("here", size)


def test_masked_events_are_refused() -> None:
    masked = np.ma.array(EVENTS)
    with pytest.raises(TypeError, match="masked"):
        columns("here", masked)


def test_fields_are_not_copied() -> None:
    read = columns("here", layouts(EVENTS)[0])
    assert len(read) == len(EVENTS)
    assert read.range("x") == (EVENTS["x"].min(), EVENTS["x"].max())
