"""Events as spikes, and what users do next: networks, pipelines, workers."""

from __future__ import annotations

import functools
import multiprocessing
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from tests.support.events_reference import layouts, stream

import spikelet as sl

SIZE = (12, 7, 2)
EVENTS = stream(900, SIZE)


def test_ids_count_polarities_rows_and_columns() -> None:
    spikes = sl.events.to_spikes(EVENTS, SIZE)
    assert spikes.n == 2 * 7 * 12
    assert spikes.shape == (2, 7, 12)
    by_id = {(float(t), int(i)) for t, i in zip(spikes.times, spikes.ids, strict=True)}
    assert by_id == {
        (e["t"] / 1000, (int(e["p"]) * 7 + int(e["y"])) * 12 + int(e["x"])) for e in EVENTS
    }


@pytest.mark.parametrize("dtype", [np.int8, np.bool_, np.uint64])
@pytest.mark.parametrize("p", [0, 1])
def test_one_polarity_is_any(p: int, dtype: Any) -> None:
    """As tonic's SHD, whose events all have p = 1."""
    sound = np.zeros(4, [("t", np.int64), ("x", np.int64), ("p", dtype)])
    sound["t"], sound["x"], sound["p"] = [0, 900, 1000, 2500], [3, 0, 3, 1], p
    size = (4, 1, 1)
    spikes = sl.events.to_spikes(sound, size)
    assert spikes.ids.tolist() == [3, 0, 3, 1]
    assert spikes.shape == (1, 1, 4)
    bins = sl.events.to_bins(sound, size, 1000)
    assert bins.tolist() == [[1, 0, 0, 1], [0, 0, 0, 1], [0, 1, 0, 0]]
    frames = sl.events.to_frame(
        sound, size, time_window=1000, start_time=0, include_incomplete=True
    )
    assert np.array_equal(frames[:, 0], bins)
    sound["p"][2] = 1 - p
    for call in (sl.events.to_spikes, lambda e, s: sl.events.to_bins(e, s, 1000)):
        with pytest.raises(ValueError, match="must have one polarity for a sensor with P = 1"):
            call(sound, size)


@pytest.mark.parametrize("given", [None, SIZE])
def test_spikes_and_back(given: Any) -> None:
    spikes = sl.events.to_spikes(EVENTS, SIZE)
    back = sl.events.from_spikes(spikes, given)
    assert back.dtype == sl.events.DTYPE
    assert np.array_equal(back, np.sort(EVENTS, order=["t", "p", "y", "x"]))
    assert sl.events.to_spikes(back, SIZE) == spikes


def test_spikes_of_a_network_become_events() -> None:
    spikes = sl.Spikes([1.0, 2.5], [3, 0], 5)
    assert sl.events.from_spikes(spikes).tolist() == [(1000, 3, 0, 0), (2500, 0, 0, 0)]


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: sl.events.from_spikes(EVENTS), TypeError, "spikes must be sl.Spikes"),
        (lambda: sl.events.from_spikes(sl.Spikes([1.0], [0], 5), SIZE), ValueError, "must have as many cells"),
        (lambda: sl.events.from_spikes(sl.Spikes([-1.0], [0], 5)), ValueError, "must not be before time 0"),
        (lambda: sl.events.from_spikes(sl.Spikes([1.0], [0], 10**6)), ValueError, "which the fields of an event hold"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()


def test_a_network_is_driven_by_events() -> None:
    spikes = sl.events.to_spikes(EVENTS, SIZE)
    net = sl.Network(dt=1.0)
    camera = net.population(spikes.n, sl.SpikeSource(spikes, snap="up"))
    seen = net.record(camera, "spikes")
    net.run(60.0)
    assert len(seen.times) == len(EVENTS)
    raster = sl.events.to_bins(EVENTS, SIZE, 1000, 60)
    counts = np.bincount(seen.ids, minlength=spikes.n)
    assert np.array_equal(counts, raster.sum(axis=0))


# A pipeline as tonic's Compose runs one.
TRANSFORMS = [
    functools.partial(sl.events.denoise, filter_time=3000),
    functools.partial(sl.events.drop, drop_probability=0.1, seed=5),
    functools.partial(sl.events.downsample, spatial_factor=0.5),
    functools.partial(sl.events.to_frame, sensor_size=(6, 4, 2), n_time_bins=5),
]


def pipeline(events: Any) -> Any:
    for transform in TRANSFORMS:
        events = transform(events)
    return events


def in_worker(seed: int, queue: Any) -> None:
    queue.put(pipeline(stream(900, SIZE, seed)))


def test_a_pipeline_on_a_list_of_recordings() -> None:
    batch = np.stack([pipeline(stream(900, SIZE, seed)) for seed in range(4)], axis=1)
    assert batch.shape == (5, 4, 2, 4, 6)
    assert batch.sum() > 1000
    for other in layouts(stream(900, SIZE, 2))[:4]:
        assert np.array_equal(pipeline(other), batch[:, 2])


def test_a_pipeline_in_threads_and_in_a_forked_worker() -> None:
    expected = pipeline(stream(900, SIZE, 7))
    surface = functools.partial(
        sl.events.time_surface, sensor_size=SIZE, dt=5000, tau=1e4, threads=2
    )
    once = surface(EVENTS)
    with ThreadPoolExecutor(4) as pool:
        assert all(np.array_equal(found, once) for found in pool.map(surface, [EVENTS] * 12))
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    worker = context.Process(target=in_worker, args=(7, queue))
    worker.start()
    found = queue.get(timeout=60)
    worker.join(60)
    assert worker.exitcode == 0
    assert np.array_equal(found, expected)
