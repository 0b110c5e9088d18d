"""Recordings on disk equal those in memory; they can be read at any time, and after a crash."""

from __future__ import annotations

import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.conftest import busy_network, make

import spikelet as sl
from spikelet.network import run as running
from spikelet.recording import hdf5_access as recording_access
from spikelet.recording import hdf5_file as recording_file

PIECE = 1 << 15


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)
    monkeypatch.setattr(recording_access, "BLOCK", 1000)


def recorded(to: Path | None = None, **kwargs: Any) -> tuple[sl.Network, list[Any]]:
    """Return a network with recorders of all kinds."""
    net, cells, _, plastic = busy_network(**kwargs)
    part = cells[[70, 3, 12]]
    return net, [
        net.record(cells, "spikes", to=to),
        net.record(part, "spikes", to=to),
        net.record(cells, "V_m", to=to),
        net.record(part, "I_syn_ex", every=0.7, to=to),
        net.record(cells[[]], "V_m", to=to),
        net.record(plastic, "weights", every=3.0, to=to),
    ]


def data(recorder: Any) -> Any:
    return recorder.ids if hasattr(recorder, "ids") else recorder.values


def assert_same(found: Any, expected: Any, n: int | None = None) -> None:
    np.testing.assert_array_equal(found.times, expected.times[:n])
    np.testing.assert_array_equal(data(found), data(expected)[:n])
    assert data(found).dtype == data(expected).dtype
    assert found.times.dtype == np.float64


def test_a_run_is_not_disturbed_between_its_pieces(tmp_path: Path) -> None:
    """Neither from another thread nor from its own callback, while the core is idle."""
    net, expected = recorded()
    net.run(100.0)
    other, found = recorded(tmp_path / "r.h5")
    idle: list[bool] = []
    refused: list[str] = []

    def disturb() -> None:
        for do in (
            lambda: other.run(10.0),
            other.reset,
            found[0].clear,
            lambda: found[0].times,
            lambda: other.save(tmp_path / "n"),
        ):
            try:
                do()
            except RuntimeError as error:
                refused.append(str(error).removeprefix("Network: it is running "))

    def callback(_: float) -> None:
        idle.append(not other.engine.sim.busy)
        thread = threading.Thread(target=disturb)
        thread.start()
        thread.join()
        disturb()

    other.run(100.0, progress=callback)
    assert any(idle)
    expected_refusals = ["in another thread"] * 5 + ["and asks this callback"] * 5
    assert [text.partition(";")[0] for text in refused] == expected_refusals * len(idle)
    assert other.t == 100.0
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


def test_ctrl_c_while_a_recording_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, expected = recorded()
    net.run(30.0)
    other, found = recorded(tmp_path / "r.h5")
    other.run(10.0)

    def stop(group: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(recording_file, "data_of", stop)
        with pytest.raises(KeyboardInterrupt):
            other.run(20.0)
    other.run(30.0 - other.t)
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


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
        assert dict(group.attrs) == {
            "kind": "spikes", "population": "cells", "size": 90, "what": "spikes",
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


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a run is, the core never holds more than a few pieces."""
    sizes: list[int] = []
    drain = running.drain

    def watched(net: sl.Network) -> int:
        sizes.append(drain(net))
        return sizes[-1]

    monkeypatch.setattr(running, "drain", watched)
    net, _ = recorded(tmp_path / "r.h5")
    net.run(300.0)
    assert sum(sizes) > 50 * PIECE
    assert max(sizes) < 3 * PIECE
    assert len(sizes) < 10 * sum(sizes) / PIECE


def test_a_piece_ends_in_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the rate rises a thousandfold in a piece, it is cut."""
    monkeypatch.setattr(running, "_SECONDS", 0.0)
    net, expected = recorded()
    other, found = recorded(tmp_path / "r.h5")
    seen: list[float] = []
    net.run(300.0)
    other.run(300.0, progress=seen.append)
    assert_same(found[0], expected[0])
    assert seen == sorted(seen)


def test_recording_changes_no_bit(tmp_path: Path) -> None:
    net, _, _, plastic = busy_network(dtype="float32")
    other, _ = recorded(tmp_path / "r.h5", dtype="float32")
    net.run(77.7)
    other.run(77.7)
    np.testing.assert_array_equal(other.projections[0].weights, plastic.weights)
    np.testing.assert_array_equal(other.populations[0].V_m, net.populations[0].V_m)


class Stop(Exception): ...


@pytest.mark.parametrize("error", [KeyboardInterrupt, Stop])
def test_an_interrupted_run_is_written_and_goes_on(
    error: type[BaseException], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(running, "PIECE", 1 << 30)
    monkeypatch.setattr(running, "_FIRST", 1 << 30)  # a piece long enough to be interrupted
    net, expected = recorded(n=500)
    other, found = recorded(tmp_path / "r.h5", n=500)
    net.run(300.0)
    interrupted = 0

    def stop(t: float) -> None:
        raise error

    while other.t < 300.0:
        try:
            other.run(300.0 - other.t, progress=stop if interrupted < 5 else False)
        except error:
            interrupted += 1
            stored: Any = sl.read_recording(tmp_path / "r.h5", "cells.V_m")
            assert stored.t == other.t
            assert len(stored) == round(other.t / 0.1)
    assert interrupted == 5
    for f, e in zip(found, expected, strict=True):
        assert_same(f, e)


def test_an_interrupt_between_writing_and_forgetting_doubles_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, expected = recorded()
    other, found = recorded(tmp_path / "r.h5")
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


def test_it_can_be_read_while_it_grows(tmp_path: Path) -> None:
    """From another thread, and from the progress callback, while the run goes on."""
    net, _ = recorded(tmp_path / "r.h5")
    seen: list[tuple[float, int]] = []
    done = threading.Event()

    def look() -> None:
        while not recording_access.marked_open(tmp_path / "r.h5"):  # by the run
            time.sleep(0.001)
        while not done.is_set():
            stored: Any = sl.read_recording(tmp_path / "r.h5", "cells.V_m")
            seen.append((stored.t, len(stored)))
            assert len(stored.times) >= seen[-1][1]
            time.sleep(0.005)

    thread = threading.Thread(target=look)
    net.run(0.1)
    thread.start()
    try:
        net.run(1000.0)
    finally:
        done.set()
        thread.join()
    assert len({t for t, _ in seen}) > 3
    assert all(n >= max(0, round(t / 0.1)) for t, n in seen)


# What protects data


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    path.write_text("important")
    net = make()
    cells = net.population(3, sl.LIF(I_e=900.0))
    with pytest.raises(FileExistsError, match=r"r\.h5"):
        net.record(cells, "spikes", to=path)
    assert path.read_text() == "important"
    assert net.recorders == []
    path.unlink()
    net.record(cells, "spikes", to=path)


@pytest.fixture
def small() -> tuple[sl.Network, Any]:
    net = make()
    return net, net.population(3, sl.LIF(I_e=900.0), name="cells")


def test_another_network_cannot_write_to_it(small: Any, tmp_path: Path) -> None:
    net, cells = small
    net.record(cells, "spikes", to=tmp_path / "r.h5")
    other = make()
    theirs = other.record(other.population(1, sl.LIF()), "spikes", to=tmp_path / "r.h5")
    net.run(50.0)
    for late in (lambda: other.run(1.0), lambda: theirs.times):
        with pytest.raises(FileExistsError, match=r"r\.h5"):
            late()
    assert other.t == 0.0
    with pytest.raises(FileExistsError, match=r"r\.h5"):
        other.record(other.population(1, sl.LIF()), "spikes", to=tmp_path / "r.h5")
    assert len(sl.read_recording(tmp_path / "r.h5")) == len(net.recorders[0].times) > 0


@pytest.mark.parametrize("how", ["run", "read", "save"])
def test_the_file_is_made_when_all_its_recorders_are_known(
    how: str, small: Any, tmp_path: Path
) -> None:
    net, cells = small
    path = tmp_path / "r.h5"
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


def test_a_run_waits_for_a_thread_that_reads(small: Any, tmp_path: Path) -> None:
    net, cells = small
    v = net.record(cells, "V_m", to=tmp_path / "r.h5")
    net.run(1.0)
    opened = threading.Event()

    def look() -> None:
        with recording_access.reading(tmp_path / "r.h5"):
            opened.set()
            time.sleep(0.05)

    thread = threading.Thread(target=look)
    thread.start()
    opened.wait()
    net.run(1.0)
    thread.join()
    assert len(v.times) == 20


def test_folders_are_refused(small: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="folder"):
        small[0].record(small[1], "spikes", to=tmp_path)


def test_a_cut_file_is_refused(small: Any, tmp_path: Path) -> None:
    net, cells = small
    path = tmp_path / "r.h5"
    net.record(cells, "V_m", to=path)
    net.run(200.0, save=tmp_path / "c")
    whole = path.read_bytes()
    for part in (0.3, 0.9, 0.999):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match=r"r\.h5"):
            sl.read_recording(path)
        with pytest.raises(ValueError, match=r"r\.h5"):
            sl.Network.load(tmp_path / "c")


def test_a_writer_that_begins_while_a_file_is_opened(small: Any, tmp_path: Path) -> None:
    net, cells = small
    v = net.record(cells, "V_m", to=tmp_path / "r.h5")
    net.run(1.0)
    with v.tape.file.writing():
        v.tape.file._file.flush()
        code = f"""
from spikelet.recording import hdf5_access as recording_access
marks, real = [False], recording_access.marked_open
recording_access.marked_open = lambda path: marks.pop() if marks else real(path)
import spikelet as sl
print(sl.read_recording({str(tmp_path / "r.h5")!r}).t)
"""
        found = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, timeout=100, check=False
        )
    assert found.stdout == "1.0\n", found.stderr


def test_a_file_with_recordings_takes_no_further_recorder(small: Any, tmp_path: Path) -> None:
    net, cells = small
    net.record(cells, "spikes", to=tmp_path / "r.h5")
    net.run(50.0)
    with pytest.raises(ValueError, match="another file"):
        net.record(cells, "V_m", to=tmp_path / "r.h5")
    assert len(net.recorders) == 1


def test_reset_goes_on_in_a_new_file(small: Any, tmp_path: Path) -> None:
    net, cells = small
    spikes = net.record(cells, "spikes", to=tmp_path / "r.h5")
    net.reset()  # nothing is recorded yet
    trains = []
    for _ in range(3):
        net.run(50.0)
        trains.append(spikes.times)
        net.reset()
        assert len(spikes.times) == 0
    assert sorted(p.name for p in tmp_path.iterdir()) == ["r.1.h5", "r.2.h5", "r.3.h5", "r.h5"]
    assert spikes.path == tmp_path / "r.3.h5"
    for path in ("r.h5", "r.1.h5", "r.2.h5"):
        np.testing.assert_array_equal(sl.read_recording(tmp_path / path).times, trains[0])
    assert len(trains[0]) > 3


def test_a_refused_reset_changes_nothing(small: Any, tmp_path: Path) -> None:
    net, cells = small
    (tmp_path / "a").mkdir()
    recorders = [net.record(cells, "V_m", to=tmp_path / to) for to in ("r.h5", "a/r.h5")]
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
    spikes = net.record(cells, "spikes", to=tmp_path / "r.h5")
    net.run(50.0)
    (tmp_path / "r.1.h5").write_text("important")
    with pytest.raises(FileExistsError, match=r"r\.1\.h5"):
        net.reset()
    assert net.t == 50.0
    assert len(spikes.times) > 0


def test_clear_empties_its_part_of_the_file(tmp_path: Path) -> None:
    net, found = recorded(tmp_path / "r.h5")
    other, expected = recorded()
    for n, recorders in ((net, found), (other, expected)):
        n.run(20.0)
        recorders[0].clear()
        recorders[2].clear()
        n.run(20.0)
    for f, e in zip(found, expected, strict=True):
        assert_same(f, e)
    assert found[0].times.min() > 20.0
    assert len(found[1].times) > 0


@pytest.mark.parametrize("when", ["between", "during"])
def test_a_file_that_vanishes_is_an_error_that_names_it(
    when: str, small: Any, tmp_path: Path
) -> None:
    net, cells = small
    v = net.record(cells, "V_m", to=tmp_path / "r.h5")
    memory = net.record(cells, "V_m")
    net.run(10.0)
    if when == "between":
        (tmp_path / "r.h5").unlink()
    with pytest.raises(OSError, match=r"r\.h5"):
        net.run(1e6, progress=lambda t: (tmp_path / "r.h5").unlink(missing_ok=True))
    assert len(memory.times) == round(net.t / 0.1)
    with pytest.raises(FileNotFoundError, match=r"r\.h5"):
        print(v.values)
    v.clear()  # which makes it anew
    net.run(10.0)
    np.testing.assert_array_equal(v.values, memory.values[-100:])


def test_a_file_that_was_replaced_is_not_written_to(small: Any, tmp_path: Path) -> None:
    net, cells = small
    path = tmp_path / "r.h5"
    net.record(cells, "V_m", to=path)
    net.run(10.0)
    path.write_text("other")
    with pytest.raises(OSError, match=r"r\.h5"):
        net.run(1.0)
    assert path.read_text() == "other"
    path.unlink()
    other = make()
    other.record(other.population(3, sl.LIF(), name="cells"), "V_m", to=path)
    other.run(5.0)
    with pytest.raises(OSError, match=r"r\.h5"):
        net.run(1.0)
    assert sl.read_recording(path).times[-1] == 5.0


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
import spikelet as sl
from spikelet.recording import hdf5_file as recording_file
from spikelet.network import run as running

running.PIECE = 1 << 16
if sys.argv[2] == "late":  # what if the room that was reserved is not there
    recording_file.RecordingFile._reserve = lambda *_: None
recorders = []
for to in (None, Path(sys.argv[1])):
    net = sl.Network(threads=1)
    cells = net.population(100, sl.LIF(I_e=400.0))
    recorders += [[net.record(cells, what, to=to) for what in ("V_m", "spikes")]]
    if to is None:
        net.run(1500.0)
unlimited = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (3 << 20, unlimited[1]))
for k in range(2):
    try:
        net.run(1500.0)
    except OSError as error:
        assert "r.h5" in str(error)
    else:
        raise AssertionError
assert 0 < net.t < 1500
resource.setrlimit(resource.RLIMIT_FSIZE, unlimited)
for go_on in (False, True):
    if go_on:
        net.run(1500.0 - net.t)
    for expected, found in zip(*recorders):
        n = len(found.times)
        assert go_on <= (n == len(expected.times))
        assert np.array_equal(found.times, expected.times[:n])
        for name in ("ids", "values"):
            if hasattr(found, name):
                assert np.array_equal(getattr(found, name), getattr(expected, name)[:n])
print("fine")
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no limits")
@pytest.mark.parametrize("when", ["early", "late"])
def test_a_full_disk_loses_nothing(when: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "r.h5"), when],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "fine\n"


# Crashes

CRASH = """
import sys
import spikelet as sl
from spikelet.network import run as running
sys.path.insert(0, sys.argv[2])
from tests.recording.test_reading import recorded

running.PIECE = 1 << 15
net, recorders = recorded(sys.argv[1], dtype="float32")
net.run(0.0)
print(flush=True)
while True:
    net.run(50.0)
    print(net.t, flush=True)
"""


@pytest.mark.parametrize("delay", [0.0, 0.1, 0.31])
def test_a_killed_run_leaves_an_exact_prefix(delay: float, tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    root = str(Path(__file__).parents[2])
    child = subprocess.Popen(
        [sys.executable, "-c", CRASH, str(path), root], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    with child:
        child.stdout.readline()
        time.sleep(delay)
        child.kill()
        reported = [float(line) for line in child.stdout if line.strip()]
    names = sl.recording_names(path)
    stored: list[Any] = [sl.read_recording(path, name) for name in names]
    net, expected = recorded(dtype="float32")
    net.run(max(s.t for s in stored))
    for s, e in zip(stored, expected, strict=True):
        assert s.t >= max(reported, default=0.0)
        n = len(s)
        assert_same(s, e, n)
        assert (e.times[n:] > s.t).all()  # each has its own: they are written one after the other


@pytest.mark.skipif(not hasattr(signal, "SIGINT"), reason="no signals")
def test_without_h5py_the_error_names_the_extra(
    small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, cells = small
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(ImportError, match=r"spikelet\[hdf5\]"):
        net.record(cells, "spikes", to=tmp_path / "r.h5")
    assert net.recorders == []
    assert not list(tmp_path.iterdir())


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
