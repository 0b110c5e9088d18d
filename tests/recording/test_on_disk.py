"""Files of recordings: what protects them, how they are read while they grow, damage, and what a crash leaves."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make
from tests.support.recorded import PIECE, assert_same, craft, recorded

import spikelet as sl
from spikelet.network import run as running
from spikelet.recording import on_disk


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)


# What protects data


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "r.rec"
    path.write_text("important")
    net = make()
    cells = net.population(3, sl.LIF(I_e=900.0))
    with pytest.raises(FileExistsError, match=r"r\.rec"):
        net.record(cells, "spikes", to=path)
    assert path.read_text() == "important"
    assert net.recorders == ()
    path.unlink()
    net.record(cells, "spikes", to=path)


def test_another_network_cannot_write_to_it(small: Any, tmp_path: Path) -> None:
    net, cells = small
    net.record(cells, "spikes", to=tmp_path / "r.rec")
    other = make()
    theirs = other.record(other.population(1, sl.LIF()), "spikes", to=tmp_path / "r.rec")
    net.run(50.0)
    for late in (lambda: other.run(1.0), lambda: theirs.times):
        with pytest.raises(FileExistsError, match=r"r\.rec"):
            late()
    assert other.t == 0.0
    with pytest.raises(FileExistsError, match=r"r\.rec"):
        other.record(other.population(1, sl.LIF()), "spikes", to=tmp_path / "r.rec")
    assert len(sl.read_recording(tmp_path / "r.rec")) == len(net.recorders[0].times) > 0


def test_folders_are_refused(small: Any, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="folder"):
        small[0].record(small[1], "spikes", to=tmp_path)


def test_a_cut_file_is_refused(small: Any, tmp_path: Path) -> None:
    net, cells = small
    path = tmp_path / "r.rec"
    net.record(cells, "V_m", to=path)
    net.run(200.0, save=tmp_path / "c")
    whole = path.read_bytes()
    for part in (0.3, 0.9, 0.999):
        path.write_bytes(whole[: int(part * len(whole))])
        with pytest.raises(ValueError, match=r"r\.rec"):
            sl.read_recording(path)
        with pytest.raises(ValueError, match=r"r\.rec"):
            sl.Network.load(tmp_path / "c")


def test_a_file_with_recordings_takes_no_further_recorder(small: Any, tmp_path: Path) -> None:
    net, cells = small
    net.record(cells, "spikes", to=tmp_path / "r.rec")
    net.run(50.0)
    with pytest.raises(ValueError, match="another file"):
        net.record(cells, "V_m", to=tmp_path / "r.rec")
    assert len(net.recorders) == 1


def test_clear_empties_its_part_of_the_file(tmp_path: Path) -> None:
    net, found = recorded(tmp_path / "r.rec")
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
    v = net.record(cells, "V_m", to=tmp_path / "r.rec")
    memory = net.record(cells, "V_m")
    net.run(10.0)
    if when == "between":
        (tmp_path / "r.rec").unlink()
    with pytest.raises(OSError, match=r"r\.rec"):
        net.run(1e6, progress=lambda t: (tmp_path / "r.rec").unlink(missing_ok=True))
    assert len(memory.times) == round(net.t / 0.1)
    with pytest.raises(FileNotFoundError, match=r"r\.rec"):
        print(v.values)
    v.clear()  # which makes it anew
    net.run(10.0)
    np.testing.assert_array_equal(v.values, memory.values[-100:])


def test_a_file_that_was_replaced_is_not_written_to(small: Any, tmp_path: Path) -> None:
    net, cells = small
    path = tmp_path / "r.rec"
    net.record(cells, "V_m", to=path)
    net.run(10.0)
    path.write_text("other")
    with pytest.raises(OSError, match=r"r\.rec"):
        net.run(1.0)
    assert path.read_text() == "other"
    path.unlink()
    other = make()
    other.record(other.population(3, sl.LIF(), name="cells"), "V_m", to=path)
    other.run(5.0)
    with pytest.raises(OSError, match=r"r\.rec"):
        net.run(1.0)
    assert sl.read_recording(path).times[-1] == 5.0


FULL = """
import resource, sys
from pathlib import Path
import numpy as np
import spikelet as sl
from spikelet.network import run as running

running.PIECE = 1 << 16
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
        assert "r.rec" in str(error)
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
def test_a_full_disk_loses_nothing(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", FULL, str(tmp_path / "r.rec")],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "fine\n"


# Growing


def size_when_closed(path: Path) -> int:
    return int(on_disk.START.unpack(path.read_bytes()[: on_disk.START.size])[2])


def test_ctrl_c_while_a_recording_is_opened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    net, expected = recorded()
    net.run(30.0)
    other, found = recorded(tmp_path / "r.rec")
    other.run(10.0)

    def stop(*_: Any) -> None:
        raise KeyboardInterrupt

    for name in ("_write", "_packed"):
        with monkeypatch.context() as patch:
            patch.setattr(on_disk, name, stop)
            with pytest.raises(KeyboardInterrupt):
                other.run(5.0)
    other.run(30.0 - other.t)
    for a, b in zip(found, expected, strict=True):
        assert_same(a, b)


def test_it_can_be_read_while_it_grows(tmp_path: Path) -> None:
    """From another thread, and from the progress callback, while the run goes on."""
    net, _ = recorded(tmp_path / "r.rec")
    seen: list[tuple[float, int]] = []
    done = threading.Event()

    def look() -> None:
        while size_when_closed(tmp_path / "r.rec"):  # the run has not opened it yet
            time.sleep(0.001)
        while not done.is_set():
            stored: Any = sl.read_recording(tmp_path / "r.rec", "cells.V_m")
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


def test_a_run_writes_while_a_thread_reads(small: Any, tmp_path: Path) -> None:
    net, cells = small
    v = net.record(cells, "V_m", to=tmp_path / "r.rec")
    net.run(1.0)
    opened = threading.Event()

    def look() -> None:
        blocks = sl.read_recording(tmp_path / "r.rec")._blocks()
        next(blocks)  # the file is open
        opened.set()
        time.sleep(0.05)
        assert list(blocks) == []

    thread = threading.Thread(target=look)
    thread.start()
    opened.wait()
    net.run(1.0)
    thread.join()
    assert len(v.times) == 20


@pytest.mark.parametrize("sizes", [[0, None], [1, 1, None]])
def test_a_writer_opens_and_closes_the_file_while_it_is_opened(
    sizes: list[int | None], small: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The size and the start of the file are read one after the other; they may not agree at first."""
    net, cells = small
    v = net.record(cells, "V_m", to=tmp_path / "r.rec")
    net.run(1.0)
    found, real = iter(sizes), os.fstat

    def fstat(handle: int) -> Any:
        size = next(found, None)
        return real(handle) if size is None else os.stat_result((0,) * 6 + (size, 0, 0, 0))

    with monkeypatch.context() as patch:
        patch.setattr(on_disk.os, "fstat", fstat)
        assert sl.read_recording(tmp_path / "r.rec").t == 1.0
    with v.tape.file.writing():
        assert size_when_closed(tmp_path / "r.rec") == 0
        assert sl.read_recording(tmp_path / "r.rec").t == 1.0


# Damage


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)


def layout_of(path: Path) -> tuple[int, list[Any]]:
    """Return where the records begin, and the records."""
    index = on_disk.Log(path).index()
    return index.first, index.records


def read(path: Path) -> None:
    for name in sl.recording_names(path):
        r: Any = sl.read_recording(path, name)
        assert len(r.times) == len(r.ids if hasattr(r, "ids") else r.values)


def test_a_flipped_bit_anywhere_is_found(tmp_path: Path) -> None:
    """Except in the identity of the writer, which readers ignore."""
    path = tmp_path / "r.rec"
    net, _ = recorded(path)
    net.run(3.0)
    net.run(2.0)
    read(path)
    first, records = layout_of(path)
    whole = path.read_bytes()
    edges = [first, records[0].end, *(part.at for record in records for part in record.parts)]
    places = {at + k for at in edges for k in (-1, 0, 1, 9, 30)} | set(range(24, 60))
    places |= set(range(8)) | set(np.random.default_rng(1).integers(24, len(whole), 100).tolist())
    for at in sorted(places & set(range(len(whole)))):
        flip(path, at)
        with pytest.raises(ValueError, match=r"recording .*r\.rec"):
            read(path)
        path.write_bytes(whole)
    read(path)


def test_parts_are_verified_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "r.rec"
    net, _ = recorded(path)
    net.run(60.0)
    net.run(40.0)
    r: Any = sl.read_recording(path, "cells.spikes")
    late, records = r.between(60.0)[1], layout_of(path)[1]
    flip(path, records[0].parts[0].at + 1)
    np.testing.assert_array_equal(r.between(60.0)[1], late)
    assert len(sl.read_recording(path, "cells.V_m").times) == 1000
    with pytest.raises(ValueError, match=r"entries of cells\.spikes at byte .* checksum"):
        r.between(0.0, 1.0)


@pytest.mark.parametrize("torn", [1, 20, 100, 3000])
def test_what_a_writer_had_begun_when_it_died_is_ignored_and_cut_off(
    torn: int, tmp_path: Path
) -> None:
    path = tmp_path / "r.rec"
    straight, _ = recorded()
    straight.run(50.0)
    net, _ = recorded(path)
    net.run(30.0, save=tmp_path / "c")
    whole = path.read_bytes()
    net.run(5.0)
    more = path.read_bytes()[len(whole) :]
    start = on_disk.START.pack(*on_disk.START.unpack(whole[: on_disk.START.size])[:2], 0)
    for tail in (more[:torn], bytes(torn)):  # zeros: the machine had crashed
        path.write_bytes(start + whole[len(start) :] + tail)
        assert sl.read_recording(path, "cells.V_m").t == 30.0
        found = sl.Network.load(tmp_path / "c")
        assert path.stat().st_size == len(whole) + torn
        found.run(20.0)
        for f, e in zip(found.recorders, straight.recorders, strict=True):
            assert_same(f, e)


DESCRIPTIONS: dict[str, tuple[Callable[[Any], Any], str]] = {
    **{
        f"dt {dt}": (lambda d, dt=dt: d["header"].update(dt=dt), "dt must be a time > 0")
        for dt in (0.0, -0.1, float("nan"), float("inf"), "/", 1)
    },
    **{
        f"size {size}": (
            lambda d, size=size: d["recordings"][0]["attributes"].update(size=size),
            "size must be a number of elements",
        )
        for size in (-1, 2**32, float("-inf"), 5.0, "/")
    },
    "newer": (
        lambda d: d["header"].update(version=99, spikelet="9.9"),
        r"another version \(9\.9\)",
    ),
    "kind": (
        lambda d: d["recordings"][0].update(kind="sounds"),
        "kind of cells.spikes must be one",
    ),
    "type": (lambda d: d["recordings"][2].update(dtype="<f2"), "dtype of cells.V_m must be one"),
    "every": (
        lambda d: d["recordings"][2]["attributes"].update(every="x"),
        "every must be a number",
    ),
    "shape": (lambda d: d["recordings"][2].update(shape=[]), "shape of cells.V_m"),
    "columns": (lambda d: d["recordings"][2].update(shape=[7]), "elements of cells.V_m must be 7"),
    "ids": (lambda d: d["recordings"][0]["attributes"].update(size=2), "must be below 2"),
    "part": (lambda d: d["recordings"][1]["attributes"].update(size=2), "must be ids of the pop"),
    "array": (lambda d: d["recordings"][1]["arrays"].update(elements=2**40), "length of an array"),
    "begin": (lambda d: d["recordings"][0].update(begin=None), "cannot be read"),
    "list": (lambda d: d.update(recordings=3), "cannot be read"),
}


@pytest.mark.parametrize("case", DESCRIPTIONS)
def test_descriptions_that_cannot_be_are_refused(case: str, tmp_path: Path) -> None:
    """Also where the checksum is right."""
    how, match = DESCRIPTIONS[case]
    net, _ = recorded(tmp_path / "r.rec")
    net.run(20.0)
    craft(tmp_path / "r.rec", lambda _: None)
    read(tmp_path / "r.rec")
    craft(tmp_path / "r.rec", how)
    with pytest.raises(ValueError, match=rf"recording .*r\.rec.*{match}"):
        read(tmp_path / "r.rec")


# Crashes

CRASH = """
import sys
import spikelet as sl
from spikelet.network import run as running
sys.path.insert(0, sys.argv[2])
from tests.support.recorded import recorded

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
    path = tmp_path / "r.rec"
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
