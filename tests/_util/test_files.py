"""Files are replaced as a whole or not at all; what is no path is refused."""

from __future__ import annotations

import errno
import io
import os
from pathlib import Path

import pytest

import spikelet as sl
from spikelet._util.files import path_of, replaced, replacing, reserve


def test_a_file_is_written_whole_or_not_at_all(tmp_path):
    path = tmp_path / "x"
    path.write_text("old")

    def fail():
        with replaced(path) as file:
            file.write(b"half of")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail()
    assert path.read_text() == "old"
    with replaced(path) as file:
        file.write(b"new")
        assert path.read_text() == "old"
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["x"]


def test_errors_name_the_file_that_was_meant(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError) as caught, replacing(tmp_path / "a" / "b") as part:
        part.write_text("x")
    assert caught.value.filename == str(tmp_path / "a" / "b")
    (tmp_path / "c").mkdir()
    with pytest.raises(OSError, match=r"c'$") as other, replacing(tmp_path / "c") as part:
        part.write_text("x")
    assert other.value.filename == str(tmp_path / "c")
    assert [p.name for p in tmp_path.iterdir()] == ["c"]


def test_a_full_disk_is_that_of_the_file(tmp_path: Path) -> None:
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as write() raises it, without a name
    with pytest.raises(OSError, match="No space left") as caught, replaced(tmp_path / "a"):
        raise full
    assert caught.value.filename == str(tmp_path / "a")
    assert caught.value.errno == errno.ENOSPC
    with pytest.raises(OSError, match="of another library") as other, replaced(tmp_path / "a"):
        raise OSError("of another library")
    assert other.value.filename is None
    assert list(tmp_path.iterdir()) == []


def test_room_is_reserved_or_refused(tmp_path: Path) -> None:
    if not hasattr(os, "posix_fallocate"):
        pytest.skip("this system does not reserve room")
    reserve(tmp_path / "a", 5000)
    assert (tmp_path / "a").stat().st_size == 5000
    with pytest.raises(OSError, match=r"No space|too large"):
        reserve(tmp_path / "b", 2**61)


def test_a_file_system_that_cannot_reserve_may_have_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: int) -> None:
        raise OSError(errno.EOPNOTSUPP, os.strerror(errno.EOPNOTSUPP))

    monkeypatch.setattr(os, "posix_fallocate", refuse, raising=False)
    reserve(tmp_path / "a", 5000)


@pytest.mark.parametrize(
    "path", [None, 3, b"net.npz", io.BytesIO()], ids=lambda path: type(path).__name__
)
def test_what_is_no_path_is_refused(path):
    net = sl.Network()
    cells = net.population(2, sl.LIF())
    learner = sl.models.DiehlCook(4, 4)
    layers = sl.models.ConvSTDP(
        [sl.models.Conv(maps=2, kernel=3, window=3, stride=2)], shape=(8, 8)
    )
    for call in (
        lambda: net.save(path),
        lambda: sl.Network.load(path),
        lambda: sl.read_recording(path),
        lambda: sl.recording_names(path),
        lambda: sl.SpikingModel.load(path),
        lambda: sl.datasets.read_events(path),
        lambda: layers.save(path),
        lambda: sl.models.ConvSTDP.load(path),
        lambda: learner.save(path),
        lambda: sl.models.DiehlCook.load(path),
    ):
        with pytest.raises(TypeError, match=r"path must be a path: a str or a pathlib\.Path"):
            call()
    if path is not None:
        with pytest.raises(TypeError, match="to must be a path"):
            net.record(cells, "spikes", to=path)
    assert net.recorders == ()


def test_a_path_is_a_string_or_path_like(tmp_path):
    class Named:
        def __fspath__(self) -> str:
            return str(tmp_path)

    assert (
        path_of("f", str(tmp_path)) == path_of("f", tmp_path) == path_of("f", Named()) == tmp_path
    )
