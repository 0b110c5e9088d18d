"""Event kernels beside tonic's: equal results, then the ratio of times.

Run in an environment with tonic 1.7 and numpy::

    PYTHONPATH=python python bench/python/events_vs_tonic.py [--threads 2] [--quick]

Each case first compares the results over random and realistic streams, then measures both libraries in turn, in one
process, and prints the ratio of the medians. Where tonic changes its argument, it gets a copy, whose time counts: its
transforms make it, too.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tonic.functional as F
import tonic.transforms as T

import spikelet as sl

TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
SENSORS = [(34, 34, 2), (128, 128, 2), (240, 180, 2), (640, 480, 2)]
E = sl.events


def random_stream(n: int, size: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """Uniform in space and time, at 100 000 events a second; times repeat."""
    rng = np.random.default_rng(seed)
    events = np.zeros(n, TONIC)
    events["x"], events["y"] = rng.integers(0, size[0], n), rng.integers(0, size[1], n)
    events["p"] = rng.integers(0, size[2], n)
    events["t"] = np.sort(rng.integers(0, max(n * 10, 1), n))
    return events


def moving_edge(n: int, size: tuple[int, int, int], seed: int = 0) -> np.ndarray:
    """A bar that crosses the sensor and back, ON in front and OFF behind, with 10 % noise."""
    rng = np.random.default_rng(seed)
    events = random_stream(n, size, seed)
    signal = rng.random(n) < 0.9
    phase = 2 * np.pi * events["t"] / 400_000
    centre = size[0] / 2 + size[0] / 3 * np.sin(phase)
    ahead = np.cos(phase) * (events["p"] * 2 - 1) * size[0] / 20
    x = np.clip(centre + ahead + rng.normal(0, 1.5, n), 0, size[0] - 1).astype(np.int16)
    events["x"][signal] = x[signal]
    return events


@dataclass
class Case:
    """One function of both libraries."""

    name: str
    tonic: Callable[[np.ndarray, Any], Any]
    ours: Callable[[np.ndarray, Any, int], Any]
    goal: float
    most: int = 1_000_000  # events: tonic needs minutes for more
    exact: bool = True
    compare: bool = True
    cells: int = 10**9  # largest sensor


def same(a: Any, b: Any, exact: bool) -> bool:
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y, exact) for x, y in zip(a, b, strict=True))
    a, b = np.asarray(a), np.asarray(b)
    if b.dtype.names and not a.size:  # tonic's own may have no fields then
        return not b.size
    if a.dtype.names:
        return len(a) == len(b) and all(np.array_equal(a[k], b[k]) for k in a.dtype.names)
    if a.shape != b.shape:
        return False
    if exact:
        return np.array_equal(a, b)
    return np.allclose(
        a,
        b,
        rtol=1e-5 if b.dtype == np.float32 else 1e-12,
        atol=2e-6 if b.dtype == np.float32 else 1e-13,
    )


def cases() -> Iterator[Case]:
    """Yield the functions, with the arguments of tonic's documentation."""
    half = lambda s: (s[0] // 2, s[1] // 2)
    yield Case(
        "denoise",
        lambda e, s: F.denoise_numpy(e, 10_000),
        lambda e, s, k: E.denoise(e, 10_000),
        20,
        100_000,
    )
    yield Case(
        "refractory_filter",
        lambda e, s: F.refractory_period_numpy(e, 1000),
        lambda e, s, k: E.refractory_filter(e, 1000),
        20,
        100_000,
    )
    yield Case(
        "decimate",
        lambda e, s: F.decimate_numpy(e, 3),
        lambda e, s, k: E.decimate(e, 3),
        20,
        100_000,
    )
    yield Case(
        "time_surface dt=10 ms",
        lambda e, s: F.to_timesurface_numpy(e, s, 10_000, 30_000.0),
        lambda e, s, k: E.time_surface(e, s, 10_000, 30_000.0, threads=k),
        20,
        100_000,
        False,
    )
    yield Case(
        "time_surface dt=100 ms",
        lambda e, s: F.to_timesurface_numpy(e, s, 100_000, 30_000.0),
        lambda e, s, k: E.time_surface(e, s, 100_000, 30_000.0, threads=k),
        20,
        1_000_000,
        False,
    )
    yield Case(
        "voxel_grid",
        lambda e, s: F.to_voxel_grid_numpy(e.copy(), s),
        lambda e, s, k: E.voxel_grid(e, s, threads=k),
        20,
        exact=False,
    )
    yield Case(
        "averaged_time_surface",
        lambda e, s: F.to_averaged_timesurface_numpy(e, s, 10, 5, 1000, 100, "exp"),
        lambda e, s, k: E.averaged_time_surface(e, s, threads=k),
        20,
        10_000,
        False,
    )
    yield Case(
        "to_frame n_time_bins=10",
        lambda e, s: F.to_frame_numpy(e, s, n_time_bins=10),
        lambda e, s, k: E.to_frame(e, s, n_time_bins=10, threads=k),
        3,
    )
    yield Case(
        "to_frame time_window=10 ms",
        lambda e, s: F.to_frame_numpy(e, s, time_window=10_000),
        lambda e, s, k: E.to_frame(e, s, time_window=10_000, threads=k),
        3,
        100_000,
    )
    yield Case(
        "to_frame event_count=1000",
        lambda e, s: F.to_frame_numpy(e, s, event_count=1000),
        lambda e, s, k: E.to_frame(e, s, event_count=1000, threads=k),
        3,
        100_000,
    )
    yield Case(
        "to_frame n_event_bins=10",
        lambda e, s: F.to_frame_numpy(e, s, n_event_bins=10, overlap=0.1),
        lambda e, s, k: E.to_frame(e, s, n_event_bins=10, overlap=0.1, threads=k),
        3,
    )
    yield Case(
        "integrator_downsample",
        lambda e, s: F.integrator_downsample(e, s, half(s), 10, 1),
        lambda e, s, k: E.integrator_downsample(e, s, half(s), 10, 1),
        3,
        100_000,
    )
    yield Case(
        "differentiator_downsample",
        lambda e, s: F.differentiator_downsample(e, s, half(s), 20, 2, 1),
        lambda e, s, k: E.differentiator_downsample(e, s, half(s), 20, 2, 1),
        3,
        100_000,
    )
    yield Case(
        "downsample",
        lambda e, s: T.Downsample(0.001, 0.5)(e),
        lambda e, s, k: E.downsample(e, 0.001, 0.5),
        3,
    )
    yield Case(
        "crop center",
        lambda e, s: T.CenterCrop(s, half(s))(e),
        lambda e, s, k: E.crop(e, s, half(s), at="center"),
        3,
    )
    yield Case(
        "crop random",
        lambda e, s: T.RandomCrop(s, half(s))(e),
        lambda e, s, k: E.crop(e, s, half(s)),
        3,
        compare=False,
    )
    yield Case(
        "crop_time",
        lambda e, s: T.CropTime(1000, 100_000)(e),
        lambda e, s, k: E.crop_time(e, 1000, 100_000),
        3,
    )
    yield Case(
        "flip lr", lambda e, s: T.RandomFlipLR(s, 1.0)(e), lambda e, s, k: E.flip(e, s, "lr"), 3
    )
    yield Case(
        "flip ud", lambda e, s: T.RandomFlipUD(s, 1.0)(e), lambda e, s, k: E.flip(e, s, "ud"), 3
    )
    yield Case(
        "flip polarity",
        lambda e, s: T.RandomFlipPolarity(1.0)(e),
        lambda e, s, k: E.flip(e, axis="polarity"),
        3,
    )
    yield Case(
        "time_reversal",
        lambda e, s: T.RandomTimeReversal(1.0)(e),
        lambda e, s, k: E.time_reversal(e),
        3,
    )
    yield Case(
        "time_skew",
        lambda e, s: T.TimeSkew(1.3, 100)(e),
        lambda e, s, k: E.time_skew(e, 1.3, 100),
        3,
    )
    yield Case(
        "time_alignment",
        lambda e, s: T.TimeAlignment()(e),
        lambda e, s, k: E.time_alignment(e),
        3,
        100_000,
    )
    yield Case(
        "merge_polarities",
        lambda e, s: T.MergePolarities()(e),
        lambda e, s, k: E.merge_polarities(e),
        3,
    )
    yield Case(
        "jitter in space",
        lambda e, s: T.SpatialJitter(s, clip_outliers=True)(e),
        lambda e, s, k: E.jitter(e, s, 1, 1),
        3,
        compare=False,
    )
    yield Case(
        "jitter in time",
        lambda e, s: T.TimeJitter(100, True, True)(e),
        lambda e, s, k: E.jitter(e, std=100),
        3,
        compare=False,
    )
    yield Case(
        "drop events",
        lambda e, s: F.drop_event_numpy(e, 0.2),
        lambda e, s, k: E.drop(e, 0.2),
        3,
        compare=False,
    )
    yield Case(
        "drop by time",
        lambda e, s: F.drop_by_time_numpy(e, 0.2),
        lambda e, s, k: E.drop(e, duration_ratio=0.2),
        3,
        compare=False,
    )
    yield Case(
        "drop by area",
        lambda e, s: F.drop_by_area_numpy(e, s, 0.2),
        lambda e, s, k: E.drop(e, area_ratio=0.2, sensor_size=s),
        3,
        compare=False,
    )
    pixels = [(3, 4), (5, 6), (20, 21), (33, 33)]
    yield Case(
        "drop pixels",
        lambda e, s: F.drop_pixel_numpy(e, pixels),
        lambda e, s, k: E.drop(e, coordinates=pixels),
        3,
    )
    yield Case(
        "identify_hot_pixel",
        lambda e, s: F.identify_hot_pixel(e, 60),
        lambda e, s, k: E.identify_hot_pixel(e, 60),
        3,
    )
    yield Case(
        "uniform_noise",
        lambda e, s: F.uniform_noise_numpy(e, s, 1000),
        lambda e, s, k: E.uniform_noise(e, s, 1000),
        3,
        compare=False,
    )


def shapes_of(events: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """Yield the same events in other layouts."""
    yield "tonic", events
    yield "DTYPE", E.event_array(*(events[k] for k in "txyp"))
    wide = np.dtype([("t", "u4"), ("p", "?"), ("y", "u2"), ("x", "i4")])
    other = np.zeros(len(events), wide)
    for k in "txyp":
        other[k] = events[k]
    yield "t u4, p bool, y u2, x i4", other
    doubled = np.zeros(2 * len(events), TONIC)
    doubled[::2] = events
    yield "strided", doubled[::2]


def check(case: Case) -> int:
    """Compare over streams and layouts; return the number of comparisons."""
    number = 0
    for size in SENSORS:
        if size[0] * size[1] > case.cells:
            continue
        for make in (random_stream, moving_edge):
            for n in (10_000, 2_000) if case.most <= 10_000 else (30_000, 2_000):
                events = make(n, size, seed=n)
                events["t"][: n // 50] = events["t"][n // 50]  # many at one time
                events["t"] += 5
                wanted = case.tonic(events.copy(), size)
                for layout, given in shapes_of(events):
                    before = given.copy()
                    got = case.ours(given, size, 1)
                    assert np.array_equal(before, given), f"{case.name} changes its argument"
                    if isinstance(wanted, np.ndarray) and wanted.dtype.names and layout != "tonic":
                        got = np.rec.fromarrays(
                            [got[k] for k in wanted.dtype.names], names=list(wanted.dtype.names)
                        )
                    assert same(wanted, got, case.exact), (
                        case.name,
                        size,
                        make.__name__,
                        n,
                        layout,
                    )
                    assert same(got, case.ours(given, size, 2), True), f"{case.name}: threads"
                    number += 1
    return number


def median(run: Callable[[], Any], rounds: int) -> list[float]:
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return times


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--quick", action="store_true", help="compare only")
    parser.add_argument("--only", default="")
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    args = parser.parse_args()
    for case in cases():
        if args.only not in case.name:
            continue
        line = f"{case.name:28}"
        if case.compare:
            line += f" {check(case):3} equal"
        print(line, flush=True)
        if args.quick:
            continue
        for size in SENSORS:
            for n in args.sizes:
                if n > case.most:
                    continue
                events = moving_edge(n, size)
                theirs: list[float] = []
                ours: list[float] = []
                for _ in range(3 if n * (case.goal > 3) >= 100_000 else 7):  # in turn
                    theirs += median(lambda: case.tonic(events, size), 1)
                    ours += median(lambda: case.ours(events, size, args.threads), 3)
                a, b = statistics.median(theirs), statistics.median(ours)
                mark = "" if a / b >= case.goal else f"  below {case.goal:g}"
                print(
                    f"  {size[0]}x{size[1]}x{size[2]:<2} {n:>8} events {1e3 * a:10.3f} ms {1e3 * b:9.3f} ms {a / b:8.1f} x{mark}",
                    flush=True,
                )


if __name__ == "__main__":
    main()
