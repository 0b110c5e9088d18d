"""Files of recordings: what protects them, and what is in them after a crash."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make
from tests.support.recorded import PIECE, assert_same, recorded

import spikelet as sl
from spikelet.network import run as running
from spikelet.recording import hdf5_access as recording_access


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(running, "PIECE", PIECE)
    monkeypatch.setattr(recording_access, "BLOCK", 1000)


# What protects data


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "r.h5"
    path.write_text("important")
    net = make()
    cells = net.population(3, sl.LIF(I_e=900.0))
    with pytest.raises(FileExistsError, match=r"r\.h5"):
        net.record(cells, "spikes", to=path)
    assert path.read_text() == "important"
    assert net.recorders == ()
    path.unlink()
    net.record(cells, "spikes", to=path)


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


def test_a_file_with_recordings_takes_no_further_recorder(small: Any, tmp_path: Path) -> None:
    net, cells = small
    net.record(cells, "spikes", to=tmp_path / "r.h5")
    net.run(50.0)
    with pytest.raises(ValueError, match="another file"):
        net.record(cells, "V_m", to=tmp_path / "r.h5")
    assert len(net.recorders) == 1


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
