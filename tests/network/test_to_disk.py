"""Recorders that write to disk: pieces of a run, new files after a reset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network
from tests.support.recorded import PIECE, assert_same, recorded

import spikelet as sl
from spikelet.network import run as running


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a run is, the core never holds more than a few pieces."""
    sizes: list[int] = []
    drain = running.drain

    def watched(net: sl.Network) -> int:
        sizes.append(drain(net))
        return sizes[-1]

    monkeypatch.setattr(running, "drain", watched)
    net, _ = recorded(tmp_path / "r.rec")
    net.run(300.0)
    assert sum(sizes) > 50 * PIECE
    assert max(sizes) < 3 * PIECE
    assert len(sizes) < 10 * sum(sizes) / PIECE


def test_a_piece_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rate rises a thousandfold in a piece, it is cut."""
    monkeypatch.setattr(running, "_SECONDS", 0.0)
    net, expected = recorded()
    other, found = recorded(tmp_path / "r.rec")
    seen: list[float] = []
    net.run(300.0)
    other.run(300.0, progress=seen.append)
    assert_same(found[0], expected[0])
    assert seen == sorted(seen)


def test_recording_changes_no_bit(tmp_path: Path) -> None:
    net, _, _, plastic = busy_network(dtype="float32")
    other, _ = recorded(tmp_path / "r.rec", dtype="float32")
    net.run(77.7)
    other.run(77.7)
    np.testing.assert_array_equal(other.projections[0].weights, plastic.weights)
    np.testing.assert_array_equal(other.populations[0].V_m, net.populations[0].V_m)


class Stop(Exception): ...


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop])
def test_an_interrupted_run_is_written_and_continues(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PIECE", 1 << 30)
    monkeypatch.setattr(running, "_FIRST", 1 << 30)  # a piece long enough to be interrupted
    net, expected = recorded(n=500)
    other, found = recorded(tmp_path / "r.rec", n=500)

    def stop(t: float) -> None:
        raise error

    for _ in range(5):
        with pytest.raises(error):
            other.run(100_000.0, progress=stop)  # far longer than the interval of reports
        stored: Any = sl.read_recording(tmp_path / "r.rec", "cells.V_m")
        assert stored.t == other.t
        assert len(stored) == round(other.t / 0.1)
    other.run(20.0)
    net.run(other.t)
    for f, e in zip(found, expected, strict=True):
        assert_same(f, e)


def test_an_interrupt_between_write_and_clear_duplicates_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, expected = recorded()
    other, found = recorded(tmp_path / "r.rec")
    with monkeypatch.context() as m:

        def stop(*_: Any) -> None:
            raise KeyboardInterrupt

        m.setattr(type(found[2].tape), "forget", stop)
        with pytest.raises(KeyboardInterrupt):
            other.run(20.0)
    net.run(20.0)
    other.run(20.0 - other.t)
    for f, e in zip(found, expected, strict=True):
        assert_same(f, e)


@pytest.mark.parametrize("how", ["run", "read", "save"])
def test_the_file_is_made_when_all_its_recorders_are_known(
    how: str, small: Any, tmp_path: Path
) -> None:
    net, cells = small
    path = tmp_path / "r.rec"
    recorders = [net.record(cells, "spikes", to=path) for _ in range(3)]
    recorders[0].clear()
    assert not path.exists()
    if how == "run":
        net.run(0.0)
    elif how == "read":
        assert len(recorders[1].times) == 0
    else:
        net.save(tmp_path / "c", recorders=True)
    assert sl.recording_names(path) == ["cells.spikes", "cells.spikes.2", "cells.spikes.3"]
    net.record(cells, "V_m", to=path)  # nothing is recorded yet
    net.run(1.0)
    assert sl.read_recording(path, "cells.V_m").t == 1.0


def test_reset_goes_on_in_a_new_file(small: Any, tmp_path: Path) -> None:
    net, cells = small
    spikes = net.record(cells, "spikes", to=tmp_path / "r.rec")
    net.reset()  # nothing is recorded yet
    trains = []
    for _ in range(3):
        net.run(50.0)
        trains.append(spikes.times)
        net.reset()
        assert len(spikes.times) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.1.rec", "r.2.rec", "r.3.rec", "r.rec"]
    assert spikes.path == tmp_path / "r.3.rec"
    for path in ("r.rec", "r.1.rec", "r.2.rec"):
        np.testing.assert_array_equal(sl.read_recording(tmp_path / path).times, trains[0])
    assert len(trains[0]) > 3


def test_a_run_of_no_time_loses_no_spike_at_time_0(tmp_path: Path) -> None:
    net = sl.Network(dt=0.5, threads=1)
    source = net.population(1, sl.SpikeSource([0.0, 1.0], [0, 0]))
    recorder = net.record(source, "spikes", to=tmp_path / "spikes.rec")
    for _ in range(2):
        net.run(0.0)
        net.run(2.0)
        assert recorder.times.tolist() == [0.0, 1.0]
        net.reset()


@pytest.mark.parametrize("at", [0.0, 4.0])
def test_a_silent_recording_is_saved_after_a_reset(at: float, tmp_path: Path) -> None:
    net = sl.Network(dt=0.1, threads=1)
    net.record(net.population(1, sl.LIF()), "spikes", to=tmp_path / "spikes.rec")
    net.run(5.0)
    net.reset(at=at)
    net.save(tmp_path / "c", recorders=True)
    loaded = sl.Network.load(tmp_path / "c")
    loaded.run(1.0)
    assert (loaded.t, len(loaded.recorders[0].times)) == (pytest.approx(at + 1.0), 0)


def test_a_refused_reset_changes_nothing(small: Any, tmp_path: Path) -> None:
    net, cells = small
    (tmp_path / "a").mkdir()
    recorders = [net.record(cells, "V_m", to=tmp_path / to) for to in ("r.rec", "a/r.rec")]
    net.run(20.0)
    (tmp_path / "a").rename(tmp_path / "b")
    with pytest.raises(FileNotFoundError, match="a"):
        net.reset()
    (tmp_path / "b").rename(tmp_path / "a")
    for r in recorders:
        assert len(r.times) == 200
    net.run(5.0)
    assert [len(r.times) for r in recorders] == [250, 250]
    net.reset()
    net.run(5.0)
    assert [len(r.times) for r in recorders] == [50, 50]


def test_reset_overwrites_nothing(small: Any, tmp_path: Path) -> None:
    net, cells = small
    spikes = net.record(cells, "spikes", to=tmp_path / "r.rec")
    net.run(50.0)
    (tmp_path / "r.1.rec").write_text("important")
    with pytest.raises(FileExistsError, match=r"r\.1\.rec"):
        net.reset()
    assert net.t == 50.0
    assert len(spikes.times) > 0
