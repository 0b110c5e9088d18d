"""Event kernels beside tonic's: equal results, then the ratio of times.

Run in an environment with tonic 1.7 and numpy::

    PYTHONPATH=python python bench/python/events_vs_tonic.py [--sizes 100000] [--quick]

Each case first compares the results over random and realistic streams, then measures both libraries in turn, in one
process with one thread, and prints the ratio of the medians. Where tonic changes its argument, it gets a copy, whose time counts: its
transforms make it, too.
"""

from __future__ import annotations

import itertools
import statistics
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import tonic.functional as F
import tonic.transforms as T

import spikelet as sl
from spikelet.cli import bench_harness as harness

TONIC = np.dtype([("x", np.int16), ("y", np.int16), ("t", np.int64), ("p", np.int8)])
SENSORS = [(34, 34, 2), (128, 128, 2), (240, 180, 2), (640, 480, 2)]
E = sl.events
Events = Any
Size = tuple[int, int, int]


def random_stream(n: int, size: Size, seed: int = 0) -> Events:
    """Return events uniform in space and time, at 100 000 events a second; times repeat."""
    rng = np.random.default_rng(seed)
    events = np.zeros(n, TONIC)
    events["x"], events["y"] = rng.integers(0, size[0], n), rng.integers(0, size[1], n)
    events["p"] = rng.integers(0, size[2], n)
    events["t"] = np.sort(rng.integers(0, max(n * 10, 1), n))
    return events


def moving_edge(n: int, size: Size, seed: int = 0) -> Events:
    """Return a bar that crosses the sensor and back, ON in front and OFF behind, with 10 % noise."""
    rng = np.random.default_rng(seed)
    events = random_stream(n, size, seed)
    signal = rng.random(n) < 0.9
    phase = 2 * np.pi * events["t"] / 400_000
    center = size[0] / 2 + size[0] / 3 * np.sin(phase)
    ahead = np.cos(phase) * (events["p"] * 2 - 1) * size[0] / 20
    x = np.clip(center + ahead + rng.normal(0, 1.5, n), 0, size[0] - 1).astype(np.int16)
    events["x"][signal] = x[signal]
    return events


@dataclass
class Case:
    """One function of both libraries, on a sensor."""

    name: str
    tonic: Callable[[Events], Any]
    ours: Callable[[Events], Any]
    goal: float = 3
    most: int = 1_000_000  # events: tonic needs minutes for more
    near: float = 0  # largest difference of results, relative and, for float32, absolute
    compare: bool = True


@dataclass(frozen=True)
class Row:
    """A row of the table."""

    function: str
    sensor: Size
    events: int


def dense(s: Size, k: int) -> list[Case]:
    """Return the cases whose results are dense arrays; k is the number of threads."""

    def surface(name: str, near: float, dt: int, most: int = 1_000_000, **how: Any) -> Case:
        return Case(
            f"time_surface {name}",
            lambda e: F.to_timesurface_numpy(e, s, dt, 30_000.0),
            lambda e: E.time_surface(e, s, dt, 30_000.0, threads=k, **how),
            20,
            most,
            near,
        )

    def voxels(name: str, near: float, **how: Any) -> Case:
        return Case(
            name,
            lambda e: F.to_voxel_grid_numpy(e.copy(), s),
            lambda e: E.voxel_grid(e, s, threads=k, **how),
            20,
            near=near,
        )

    def frames(name: str, most: int = 1_000_000, **how: Any) -> Case:
        return Case(
            f"to_frame {name}",
            lambda e: F.to_frame_numpy(e, s, **how),
            lambda e: E.to_frame(e, s, threads=k, **how),
            most=most,
        )

    return [
        surface("dt=10 ms", 2e-6, 10_000, 100_000),
        surface("dt=100 ms", 2e-6, 100_000),
        surface("float64", 1e-12, 10_000, 100_000, dtype=float),
        voxels("voxel_grid", 2e-6),
        voxels("voxel_grid float64", 1e-12, dtype=float),
        Case("averaged_time_surface", lambda e: F.to_averaged_timesurface_numpy(e, s, 10, 5, 1000, 100, "exp"), lambda e: E.averaged_time_surface(e, s, threads=k), 20, 10_000, near=2e-6),
        frames("n_time_bins=10", n_time_bins=10),
        frames("time_window=10 ms", 100_000, time_window=10_000),
        frames("event_count=1000", 100_000, event_count=1000),
        frames("n_event_bins=10", n_event_bins=10, overlap=0.1),
    ]  # fmt: skip


def cases(s: Size, k: int) -> list[Case]:
    """Return all cases for a sensor; k is the number of threads where there is a choice."""
    half = (s[0] // 2, s[1] // 2)
    pixels = [(3, 4), (5, 6), (20, 21), (33, 33)]
    return [
        Case("denoise", lambda e: F.denoise_numpy(e, 10_000), lambda e: E.denoise(e, 10_000), 20, 100_000),
        Case("refractory_filter", lambda e: F.refractory_period_numpy(e, 1000), lambda e: E.refractory_filter(e, 1000), 20, 100_000),
        Case("decimate", lambda e: F.decimate_numpy(e, 3), lambda e: E.decimate(e, 3), 20, 100_000),
        *dense(s, k),
        Case("integrator_downsample", lambda e: F.integrator_downsample(e, s, half, 10, 1), lambda e: E.integrator_downsample(e, s, half, 10, 1), most=100_000),
        Case("differentiator_downsample", lambda e: F.differentiator_downsample(e, s, half, 20, 2, 1), lambda e: E.differentiator_downsample(e, s, half, 20, 2, 1), most=100_000),
        Case("downsample", T.Downsample(0.001, 0.5), lambda e: E.downsample(e, 0.001, 0.5)),
        Case("crop center", T.CenterCrop(s, half), lambda e: E.crop(e, s, half, at="center")),
        Case("crop random", T.RandomCrop(s, half), lambda e: E.crop(e, s, half), compare=False),
        Case("crop_time", T.CropTime(1000, 100_000), lambda e: E.crop_time(e, 1000, 100_000)),
        Case("flip lr", T.RandomFlipLR(s, 1.0), lambda e: E.flip(e, s, "lr")),
        Case("flip ud", T.RandomFlipUD(s, 1.0), lambda e: E.flip(e, s, "ud")),
        Case("flip polarity", T.RandomFlipPolarity(1.0), lambda e: E.flip(e, axis="polarity")),
        Case("time_reversal", T.RandomTimeReversal(1.0), E.time_reversal),
        Case("time_skew", T.TimeSkew(1.3, 100), lambda e: E.time_skew(e, 1.3, 100)),
        Case("time_alignment", T.TimeAlignment(), E.time_alignment, most=100_000),
        Case("merge_polarities", T.MergePolarities(), E.merge_polarities),
        Case("jitter in space", T.SpatialJitter(s, clip_outliers=True), lambda e: E.jitter(e, s, 1, 1), compare=False),
        Case("jitter in time", T.TimeJitter(100, True, True), lambda e: E.jitter(e, std=100), compare=False),
        Case("drop events", lambda e: F.drop_event_numpy(e, 0.2), lambda e: E.drop(e, 0.2), compare=False),
        Case("drop by time", lambda e: F.drop_by_time_numpy(e, 0.2), lambda e: E.drop(e, duration_ratio=0.2), compare=False),
        Case("drop by area", lambda e: F.drop_by_area_numpy(e, s, 0.2), lambda e: E.drop(e, area_ratio=0.2, sensor_size=s), compare=False),
        Case("drop pixels", lambda e: F.drop_pixel_numpy(e, pixels), lambda e: E.drop(e, coordinates=pixels)),
        Case("identify_hot_pixel", lambda e: F.identify_hot_pixel(e, 60), lambda e: E.identify_hot_pixel(e, 60)),
        Case("uniform_noise", lambda e: F.uniform_noise_numpy(e, s, 1000), lambda e: E.uniform_noise(e, s, 1000), compare=False),
    ]  # fmt: skip


def same(a: Any, b: Any, near: float = 0) -> bool:
    """Return whether tonic's result and ours are equal, or near."""
    a, b = np.asarray(a), np.asarray(b)
    if b.dtype.names and not a.size:  # tonic's own may have no fields then
        return not b.size
    if a.dtype.names:
        return len(a) == len(b) and all(np.array_equal(a[k], b[k]) for k in a.dtype.names)
    if not near:
        return np.array_equal(a, b)
    return a.shape == b.shape and np.allclose(a, b, rtol=5 * near, atol=near)


def layouts(events: Events) -> Iterator[tuple[str, Events]]:
    """Yield the same events in other layouts."""
    yield "tonic", events
    yield "DTYPE", E.event_array(*(events[k] for k in "txyp"))
    other = np.zeros(len(events), [("t", "u4"), ("p", "?"), ("y", "u2"), ("x", "i4")])
    for k in "txyp":
        other[k] = events[k]
    yield "mixed types, bool p", other
    doubled = np.zeros(2 * len(events), TONIC)
    doubled[::2] = events
    yield "strided", doubled[::2]


def check(name: str) -> int:
    """Compare one function over sensors, streams and layouts; return the number of comparisons."""
    number = 0
    for size, make in itertools.product(SENSORS, (random_stream, moving_edge)):
        case, again = (next(c for c in cases(size, k) if c.name == name) for k in (1, 2))
        for n in (min(case.most, 30_000), 2000):
            events = make(n, size, seed=n)
            events["t"][: n // 50] = events["t"][n // 50]  # many at one time
            events["t"] += 5
            wanted = case.tonic(events.copy())
            for layout, given in layouts(events):
                before = given.copy()
                got = case.ours(given)
                assert np.array_equal(before, given), f"{name} changes its argument"
                assert same(wanted, got, case.near), (name, size, make.__name__, n, layout)
                assert same(got, again.ours(given)), f"{name}: threads"
                number += 1
    return number


def seconds(run: Callable[[], Any]) -> float:
    """Return how long a call takes, in time of the processor: other programs disturb it least."""
    start = time.process_time()
    run()
    return time.process_time() - start


def measure(case: Case, events: Events) -> tuple[float, float]:
    """Return the medians of both, called in turn."""
    theirs, ours = [], []
    for _ in range(3 if case.goal > 3 and len(events) >= 100_000 else 9):
        theirs.append(seconds(lambda: case.tonic(events)))
        ours += [seconds(lambda: case.ours(events)) for _ in range(3)]
    return statistics.median(theirs), statistics.median(ours)


def main() -> None:
    """Compare, then measure."""
    parser = harness.parser(__doc__)
    add = parser.add_argument
    add("--quick", action="store_true", help="compare only")
    add("--only", default="", help="functions whose names contain this")
    add("--sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    args, origin = parser.parse_args(), harness.about()
    wanted = [case for case in cases(SENSORS[0], 1) if args.only in case.name]
    for case in wanted:
        equal = (
            f"{check(case.name):4} comparisons: equal" if case.compare else "  random: not compared"
        )
        print(f"{case.name:28}{equal}", flush=True)
    rows = [
        Row(case.name, size, n)
        for case, size, n in itertools.product(wanted, [] if args.quick else SENSORS, args.sizes)
        if n <= case.most
    ]

    def once(row: Row, _: int) -> harness.Record:
        case = next(c for c in cases(row.sensor, 1) if c.name == row.function)
        theirs, ours = measure(case, moving_edge(row.events, row.sensor))
        return {
            "tonic_ms": 1e3 * theirs,
            "ms": 1e3 * ours,
            "ratio": theirs / ours,
            "goal": case.goal,
        }

    results = harness.take_turns(rows, [1], once, "{ratio:.1f} x", good="ms")
    columns: dict[str, harness.Column] = {
        "tonic ms": "tonic_ms .3f", "spikelet ms": "ms .3f", "ratio": "ratio .1f",
        "goal": lambda _, runs: "reached" if runs[0]["ratio"] >= runs[0]["goal"] else f"below {runs[0]['goal']:g}",
    }  # fmt: skip
    harness.show(
        args,
        origin,
        results,
        [harness.table(results, ["function", "sensor", "events"], columns, good="ms")],
    )


if __name__ == "__main__":
    main()
