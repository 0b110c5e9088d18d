"""Recordings on disk equal those in memory; they can be read at any time, and after a crash."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.conftest import busy_network, make
from tests.support.recorded import PIECE, assert_same, recorded

import spikelet as sl
from spikelet.network import run as running


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_disk_holds_what_memory_would(dtype: str, tmp_path: Path) -> None:
    net, expected = recorded(dtype=dtype)
    other, found = recorded(tmp_path / "r.rec", dtype=dtype)
    for n in (net, other):
        for duration in (33.3, 0.0, 0.1, 60.0):
            n.run(duration)
    names = sl.recording_names(tmp_path / "r.rec")
    assert names == [
        "cells.spikes", "cells.spikes.2", "cells.V_m", "cells.I_syn_ex", "cells.V_m.2",
        "poisson-cells.weights",
    ]  # fmt: skip
    for name, f, e in zip(names, found, expected, strict=True):
        stored: Any = sl.read_recording(tmp_path / "r.rec", name)
        for x in (f, stored):
            assert_same(x, e)
            for interval in ((0.0, 20.0), (33.25, 33.4), (50.0, np.inf), (20.0, 10.0), (-5.0, 1e9)):
                for a, b in zip(x.between(*interval), e.between(*interval), strict=True):
                    np.testing.assert_array_equal(a, b)
                if hasattr(e, "counts"):
                    np.testing.assert_array_equal(x.counts(*interval), e.counts(*interval))
        if hasattr(e, "rates"):
            np.testing.assert_array_equal(stored.rates(), e.rates())
        assert stored.t == 93.4
        assert len(stored) == len(e.times)
        assert repr(len(e.times)) in repr(f)
        assert repr(len(e.times)) in repr(stored)
    assert len(expected[0].times) > 1000


def test_export_to_hdf5(tmp_path: Path) -> None:
    net, memory = recorded(tmp_path / "r.rec")[0], recorded()
    for n in (net, memory[0]):
        n.run(20.0)
        n.run(13.3)
    names = sl.recording_names(tmp_path / "r.rec")
    for name, disk, held in zip(names, net.recorders[1:], memory[1], strict=True):
        for r in (disk, held, sl.read_recording(tmp_path / "r.rec", name)):
            r.to_hdf5(tmp_path / "out.hdf5")
            with h5py.File(tmp_path / "out.hdf5") as file:
                np.testing.assert_array_equal(file["times"][:], held.times)
                kind = "ids" if hasattr(held, "ids") else "values"
                np.testing.assert_array_equal(file[kind][:], getattr(held, kind))
                assert file.attrs["dt"] == 0.1


def test_without_h5py_the_error_names_the_extra(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, cells = small
    spikes = net.record(cells, "spikes", to=tmp_path / "r.rec")  # needs none
    net.run(1.0)
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"spikelet\[hdf5\]"):
        spikes.to_hdf5(tmp_path / "out.hdf5")
    assert [path.name for path in tmp_path.iterdir()] == ["r.rec"]


def test_between_is_a_part() -> None:
    net, (spikes, *_) = recorded()
    net.run(50.0)
    times, ids = spikes.between(10.0, 30.0)
    within = (spikes.times > 10.0) & (spikes.times <= 30.0)
    np.testing.assert_array_equal(times, spikes.times[within])
    np.testing.assert_array_equal(ids, spikes.ids[within])
    with pytest.raises(ValueError, match="between: stop"):
        spikes.between(0.0, np.nan)


def test_spikes_at_time_0_are_kept(tmp_path: Path) -> None:
    net = make()
    spikes = net.record(
        net.population(2, sl.SpikeSource([0.0, 0.0, 0.1], [0, 1, 0])), "spikes", to=tmp_path / "r"
    )
    net.run(1.0)
    np.testing.assert_array_equal(spikes.times, [0.0, 0.0, 0.1])
    np.testing.assert_array_equal(spikes.counts(0.0, 0.05), [1, 1])


@pytest.mark.parametrize("content", ["nothing", "text", "other"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "r.rec"
    if content == "text":
        path.write_text("no recording")
    elif content != "nothing":
        with h5py.File(path, "w", libver="latest") as file:
            file.attrs["format"] = "other"
    kind: Any = FileNotFoundError if content == "nothing" else ValueError
    with pytest.raises(kind, match=r"r\.rec"):
        sl.read_recording(path)


def test_names_must_be_given_where_there_are_several(tmp_path: Path) -> None:
    recorded(tmp_path / "r.rec")[0].run(0.0)
    for name in (None, "cells.spiked"):
        with pytest.raises(ValueError, match=r"cells\.spikes, cells\.spikes\.2"):
            sl.read_recording(tmp_path / "r.rec", name)


def test_statistics_take_recordings(tmp_path: Path) -> None:
    net, cells, memory, _ = busy_network()
    part = cells[5:60]
    on_disk, in_memory = (
        net.record(part, "spikes", to=tmp_path / "x.rec"),
        net.record(part, "spikes"),
    )
    net.run(50.0)
    stored = sl.read_recording(tmp_path / "x.rec")
    assert len(memory.times) > len(stored.times) > 50
    for spikes in (on_disk, stored):
        np.testing.assert_array_equal(
            sl.statistics.rates(spikes, 5.0), sl.statistics.rates(in_memory, 5.0)
        )
        np.testing.assert_array_equal(sl.statistics.cvs(spikes), sl.statistics.cvs(in_memory))
