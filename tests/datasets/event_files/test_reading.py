"""`read_events`: what all formats promise."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support import event_files as writers

import spikelet as sl
from spikelet import datasets

EVENTS = writers.random_events(300, (34, 34))
WRITERS = {
    "a.bin": writers.nmnist, "b.aedat": writers.aedat2, "c.aedat": writers.aedat3, "d.aedat4": writers.aedat4,
    "e.dat": writers.dat, "f.raw": writers.evt2, "g.raw": writers.evt3,
}  # fmt: skip


@pytest.mark.parametrize("name", WRITERS)
class TestEveryFormat:
    def test_reads_what_was_written_twice(self, tmp_path, name):
        WRITERS[name](tmp_path / name, EVENTS)
        first = datasets.read_events(tmp_path / name)
        assert first.dtype == writers.DTYPE
        np.testing.assert_array_equal(first, EVENTS)
        first["x"] = 0  # the user's own
        np.testing.assert_array_equal(datasets.read_events(str(tmp_path / name)), EVENTS)

    def test_no_events(self, tmp_path, name):
        WRITERS[name](tmp_path / name, EVENTS[:0])
        assert len(datasets.read_events(tmp_path / name)) == 0

    def test_the_users_sensor(self, tmp_path, name):
        WRITERS[name](tmp_path / name, EVENTS)
        assert len(datasets.read_events(tmp_path / name, sensor_size=(34, 34, 2))) == 300
        with pytest.raises(ValueError, match=rf"{name}: byte \d+: x must lie in 0 \.\. 19, got "):
            datasets.read_events(tmp_path / name, sensor_size=(20, 34))

    def test_time_goes_backwards(self, tmp_path, name):
        events = EVENTS.copy()
        events["t"][200] -= 20_000
        WRITERS[name](tmp_path / name, events)
        with pytest.raises(ValueError, match="t must not go backwards"):
            datasets.read_events(tmp_path / name)
        np.testing.assert_array_equal(
            datasets.read_events(tmp_path / name, unsorted="keep"), events
        )
        expected = events[np.argsort(events["t"], kind="stable")]
        np.testing.assert_array_equal(
            datasets.read_events(tmp_path / name, unsorted="sort"), expected
        )

    def test_truncated(self, tmp_path, name):
        """Whatever is missing, the result is a ValueError, or the events before."""
        WRITERS[name](tmp_path / name, EVENTS)
        data = (tmp_path / name).read_bytes()
        refused = 0
        for size in np.random.default_rng(0).integers(0, len(data), 60):
            (tmp_path / name).write_bytes(data[:size])
            try:
                events = datasets.read_events(tmp_path / name, name_of(name))
            except ValueError as error:
                refused += str(tmp_path / name) in str(error)
            else:
                np.testing.assert_array_equal(events, EVENTS[: len(events)])
        assert refused > 20


def name_of(file: str) -> str:
    """Return the format of a file of `WRITERS`: without its first bytes, it is not recognised."""
    return dict(
        zip(WRITERS, ("nmnist", "aedat2", "aedat3", "aedat4", "dat", "evt2", "evt3"), strict=True)
    )[file]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"format": "foo"}, ValueError, 'format must be one of "aedat2"'),
        ({"format": 3}, ValueError, "format must be one of"),
        ({"unsorted": "maybe"}, ValueError, 'unsorted must be "error", "sort" or "keep"'),
        ({"sensor_size": 34}, TypeError, r"sensor_size must be \(width, height\)"),
        ({"sensor_size": (34,)}, ValueError, r"sensor_size must be \(width, height\)"),
        ({"sensor_size": (34, 0)}, ValueError, "sensor_size must be >= 1"),
        (
            {"camera": "dvs128"},
            TypeError,
            "options of the format \"nmnist\" are none, got 'camera'",
        ),
    ],
)
def test_bad_arguments(tmp_path, arguments, error, message):
    writers.nmnist(tmp_path / "a.bin", EVENTS)
    with pytest.raises(error, match=f"^datasets.read_events: .*{message}"):
        datasets.read_events(tmp_path / "a.bin", **arguments)


def test_back_into_a_network(tmp_path):
    """From a file to spikes, through a network, and back to the same events."""
    events = EVENTS.copy()
    events["t"] = np.arange(1, 301) * 1000
    writers.dat(tmp_path / "a.dat", events, (34, 34))
    spikes = sl.events.to_spikes(datasets.read_events(tmp_path / "a.dat"), (34, 34, 2))
    net = sl.Network(dt=1.0)
    camera = net.population(spikes.n, sl.SpikeSource(spikes))
    recorder = net.record(camera, "spikes")
    net.run(300.0)
    np.testing.assert_array_equal(sl.events.from_spikes(recorder.spikes, (34, 34, 2)), events)


def test_missing_file(tmp_path):
    with pytest.raises(FileNotFoundError):
        datasets.read_events(tmp_path / "none.bin")
