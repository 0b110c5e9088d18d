"""Random changes: what they change, how often, and that a seed repeats them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import stream

import spikelet as sl

SIZE = (32, 24, 2)
EVENTS = stream(5000, SIZE)

RANDOM: dict[str, Callable[[Any], Any]] = {
    "jitter": lambda seed: sl.events.jitter(EVENTS, SIZE, 2, 3, 1, std=40, seed=seed),
    "drop": lambda seed: sl.events.drop(EVENTS, 0.3, seed=seed),
    "drop_range": lambda seed: sl.events.drop(EVENTS, (0.1, 0.6), seed=seed),
    "drop_time": lambda seed: sl.events.drop(EVENTS, duration_ratio=0.3, seed=seed),
    "drop_area": lambda seed: sl.events.drop(EVENTS, area_ratio=0.5, sensor_size=SIZE, seed=seed),
    "drop_pixels": lambda seed: sl.events.drop(EVENTS, pixel_probability=0.2, sensor_size=SIZE, seed=seed),
    "event_drop": lambda seed: sl.events.event_drop(EVENTS, SIZE, seed=seed),
    "uniform_noise": lambda seed: sl.events.uniform_noise(EVENTS, SIZE, 500, seed=seed),
    "crop": lambda seed: sl.events.crop(EVENTS, SIZE, (6, 5), seed=seed),
}  # fmt: skip


@pytest.mark.parametrize("name", RANDOM)
def test_a_seed_repeats_a_change(name: str) -> None:
    first = RANDOM[name](3)
    assert np.array_equal(first, RANDOM[name](3))
    others = [RANDOM[name](seed) for seed in (4, 5, 6, 7)]
    assert any(not np.array_equal(first, other) for other in others)


@pytest.mark.parametrize("name", RANDOM)
def test_a_generator_and_none_give_new_numbers_at_each_call(name: str) -> None:
    def series(seed: Any) -> list[Any]:
        return [RANDOM[name](seed) for _ in range(8)]

    again, once = series(np.random.default_rng(1)), series(np.random.default_rng(1))
    assert all(np.array_equal(a, b) for a, b in zip(again, once, strict=True))
    assert any(not np.array_equal(again[0], other) for other in again[1:])
    unknown = series(None)
    assert any(not np.array_equal(unknown[0], other) for other in unknown[1:])


def test_jitter_has_the_moments_that_were_given() -> None:
    middle = sl.events.event_array(*np.full((3, 40_000), 500), p=np.zeros(40_000, int))
    found = sl.events.jitter(middle, (1000, 1000, 2), 9, 16, 6, std=50, seed=1)
    dx, dy, dt = (found[name].astype(float) - 500 for name in "xyt")
    assert np.allclose(np.cov(dx, dy), [[9, 6], [6, 16]], rtol=0.05)
    assert abs(dx.mean()) < 0.06
    assert np.isclose(dt.std(), 50, rtol=0.03)
    assert (np.diff(found["t"]) >= 0).all()


def test_jitter_along_one_axis() -> None:
    found = sl.events.jitter(EVENTS, SIZE, var_y=2, seed=1, clip_outliers=False)
    assert np.array_equal(found["x"], EVENTS["x"])
    assert not np.array_equal(found["y"], EVENTS["y"])
    assert len(found) == len(EVENTS)


def test_what_jitter_takes_off_the_sensor_is_dropped() -> None:
    found = sl.events.jitter(EVENTS, SIZE, 20, 20, std=1000, seed=1)
    assert len(found) < len(EVENTS)
    for name, limit in (("x", 32), ("y", 24), ("t", 10**9)):
        assert found[name].min() >= 0
        assert found[name].max() < limit
    kept = sl.events.jitter(EVENTS, SIZE, 20, 20, seed=1, clip_outliers=False)
    assert len(kept) == len(EVENTS)
    assert kept["x"].min() < 0
    unsorted = sl.events.jitter(
        EVENTS, std=1000, seed=1, sort_timestamps=False, clip_negative=False
    )
    assert (np.diff(unsorted["t"]) < 0).any()


def test_as_many_are_dropped_as_were_wanted() -> None:
    found = sl.events.drop(EVENTS, 0.3, seed=1)
    assert len(found) == 3500
    assert (np.diff(found["t"]) >= 0).all()
    assert len(sl.events.drop(EVENTS, 1.0)) == 0
    assert np.array_equal(sl.events.drop(EVENTS, 0.0), EVENTS)
    left = [len(sl.events.drop(EVENTS, (0.1, 0.6), seed=k)) for k in range(50)]
    assert 2000 <= min(left) < 2500
    assert 4000 < max(left) <= 4500


def test_an_interval_is_dropped() -> None:
    found = sl.events.drop(EVENTS, duration_ratio=0.3, seed=2)
    gone = np.setdiff1d(EVENTS["t"], found["t"])
    assert np.isclose(np.ptp(gone), 0.3 * EVENTS["t"].max(), rtol=0.02)
    kept = (EVENTS["t"] < gone.min()) | (EVENTS["t"] > gone.max())
    assert np.array_equal(found, EVENTS[kept])


def test_an_area_is_dropped() -> None:
    found = sl.events.drop(EVENTS, area_ratio=0.5, sensor_size=SIZE, seed=2)
    here = sl.events.to_frame(found, SIZE, event_count=len(found))[0].sum(axis=0) > 0
    rows, columns = np.flatnonzero(~here.all(axis=1)), np.flatnonzero(~here.all(axis=0))
    assert np.ptp(rows) == 11
    assert np.ptp(columns) == 15
    assert not here[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].any()


def test_pixels_are_dropped() -> None:
    found = sl.events.drop(EVENTS, pixel_probability=0.25, sensor_size=SIZE, seed=2)
    here = sl.events.to_frame(found, SIZE, event_count=len(found))[0].sum(axis=0) > 0
    assert 0.2 < 1 - here.mean() < 0.3
    assert np.array_equal(sl.events.drop(EVENTS, coordinates=[]), EVENTS)
    outside = sl.events.drop(EVENTS, coordinates=[[-1, 0], [1000, 2]])
    assert np.array_equal(outside, EVENTS)


def test_event_drop_takes_each_way() -> None:
    lengths = [len(sl.events.event_drop(EVENTS, SIZE, seed=k)) for k in range(200)]
    untouched = sum(n == len(EVENTS) for n in lengths)
    assert 25 < untouched < 80
    assert min(lengths) < 1500


def test_noise_is_uniform_and_sorted() -> None:
    found = sl.events.uniform_noise(EVENTS[[0, -1]], SIZE, 20_000, seed=1)
    assert len(found) == 20_002
    assert (np.diff(found["t"]) >= 0).all()
    for name, low, high in (
        ("x", 0, 31),
        ("y", 0, 23),
        ("p", 0, 1),
        ("t", EVENTS["t"][0], EVENTS["t"][-1]),
    ):
        assert found[name].min() >= low
        assert found[name].max() <= high
        middle, spread = (high + low) / 2, (high - low + 1) / np.sqrt(12)
        assert abs(found[name].mean() - middle) < 5 * spread / np.sqrt(20_000)
    ranged = {len(sl.events.uniform_noise(EVENTS, SIZE, (10, 20), seed=k)) for k in range(40)}
    assert min(ranged) >= 5010
    assert max(ranged) <= 5020
    assert len(ranged) > 5


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sl.events.drop(EVENTS), ValueError, "exactly one way to drop must be given"),
        (lambda: sl.events.drop(EVENTS, 0.1, 0.1), ValueError, "got 'drop_probability, duration_ratio'"),
        (lambda: sl.events.drop(EVENTS, 1.5), ValueError, r"drop_probability must lie in \[0, 1\]"),
        (lambda: sl.events.drop(EVENTS, float("nan")), ValueError, "must not contain NaN"),
        (lambda: sl.events.drop(EVENTS, area_ratio=0.1), ValueError, "sensor_size must be given"),
        (lambda: sl.events.drop(EVENTS, coordinates=[1, 2, 3]), TypeError, r"coordinates must be integers \[k, 2\]"),
        (lambda: sl.events.jitter(EVENTS, var_x=1), ValueError, "sensor_size must be given"),
        (lambda: sl.events.jitter(EVENTS, SIZE, -1), ValueError, "var_x must be finite and >= 0"),
        (lambda: sl.events.jitter(EVENTS, SIZE, 1, 1, 2), ValueError, "sigma_xy must satisfy"),
        (lambda: sl.events.jitter(EVENTS, std=float("nan")), ValueError, "std must not contain NaN"),
        (lambda: sl.events.jitter(EVENTS, SIZE, 1e12, clip_outliers=False), ValueError, "the field x cannot hold"),
        (lambda: sl.events.uniform_noise(EVENTS, SIZE, -1), ValueError, "n must be a whole number"),
        (lambda: sl.events.uniform_noise(EVENTS, SIZE, 1.5), ValueError, "n must be a whole number"),
        (lambda: sl.events.uniform_noise(EVENTS, SIZE, 10**15), ValueError, "would need"),
        (lambda: sl.events.uniform_noise(EVENTS, (70_000, 24, 2), 5), ValueError, "the field x can hold"),
        (lambda: sl.events.drop(EVENTS, 0.5, seed="x"), TypeError, "seed must be an integer"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
