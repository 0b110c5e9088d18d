"""Recordings on disk equal those in memory; they can be read at any time, and after a crash."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.conftest import busy_network, make
from tests.support.recorded import PIECE, assert_same, recorded

import spikelet as sl
from spikelet.network import run as running
from spikelet.recording import hdf5_access as recording_access


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)
    monkeypatch.setattr(recording_access, "BLOCK", 1000)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_disk_holds_what_memory_would(dtype: str, tmp_path: Path) -> None:
    net, expected = recorded(dtype=dtype)
    other, found = recorded(tmp_path / "r.h5", dtype=dtype)
    for n in (net, other):
        for duration in (33.3, 0.0, 0.1, 60.0):
            n.run(duration)
    names = sl.recording_names(tmp_path / "r.h5")
    assert names == [
        "cells.spikes", "cells.spikes.2", "cells.V_m", "cells.I_syn_ex", "cells.V_m.2",
        "poisson-cells.weights",
    ]  # fmt: skip
    for name, f, e in zip(names, found, expected, strict=True):
        stored: Any = sl.read_recording(tmp_path / "r.h5", name)
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
    # Without spikelet, too: the file is closed between runs.
    with h5py.File(tmp_path / "r.h5") as file:
        group = file["cells.spikes"]
        np.testing.assert_array_equal(group["stamps"][:] / 10, expected[0].times)
        np.testing.assert_array_equal(group["ids"][:], expected[0].ids)
        assert dict(file.attrs).items() >= {"dt": 0.1, "seed": 3}.items()
        assert {k: v for k, v in group.attrs.items() if k != "check"} == {
            "kind": b"spikes", "population": b"cells", "size": 90, "what": b"spikes",
        }  # fmt: skip


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


@pytest.mark.parametrize("content", ["nothing", "text", "other", "newer"])
def test_other_files_are_refused(content: str, tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    if content == "text":
        path.write_text("no recording")
    elif content != "nothing":
        with h5py.File(path, "w", libver="latest") as file:
            file.attrs["format"] = "spikelet recording" if content == "newer" else "other"
            file.attrs.update({"version": 99, "spikelet": "9.9"})
    kind: Any = FileNotFoundError if content == "nothing" else ValueError
    with pytest.raises(kind, match=r"r\.h5.*9\.9" if content == "newer" else r"r\.h5"):
        sl.read_recording(path)


def test_names_must_be_given_where_there_are_several(tmp_path: Path) -> None:
    recorded(tmp_path / "r.h5")[0].run(0.0)
    for name in (None, "cells.spiked"):
        with pytest.raises(ValueError, match=r"cells\.spikes, cells\.spikes\.2"):
            sl.read_recording(tmp_path / "r.h5", name)


def test_statistics_take_recordings(tmp_path: Path) -> None:
    net, cells, memory, _ = busy_network()
    part = cells[5:60]
    on_disk, in_memory = (
        net.record(part, "spikes", to=tmp_path / "x.h5"),
        net.record(part, "spikes"),
    )
    net.run(50.0)
    stored = sl.read_recording(tmp_path / "x.h5")
    assert len(memory.times) > len(stored.times) > 50
    for spikes in (on_disk, stored):
        np.testing.assert_array_equal(
            sl.statistics.rates(spikes, 5.0), sl.statistics.rates(in_memory, 5.0)
        )
        np.testing.assert_array_equal(sl.statistics.cvs(spikes), sl.statistics.cvs(in_memory))
