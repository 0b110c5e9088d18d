"""Files of finished runs: what is whole in them is found, wherever they were cut."""

from __future__ import annotations

import json
import os
import queue
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from spikelet.experiments import journal as journal_module
from spikelet.experiments import sealed_json
from spikelet.experiments.grid import plan
from spikelet.experiments.journal import END, Entry, Journal, entries, pack
from spikelet.experiments.record import Record

RUNS = plan({"x": [1, 2.5, "three", None, True, (1, (2,))]}, None, 1, 0)


def record(k: int) -> Record:
    arrays: dict[str, np.ndarray[Any, Any]] = {
        "é {\n": np.arange(k, dtype=np.int16),
        "f": np.asfortranarray(np.full((2, 3), k, np.float32)),
        "none": np.zeros((0, 3)),
        "one": np.array(1j * k),
        "s": np.array([(k, b"x")], [("a", "<i4"), ("b", "S3")]),
        "end": np.frombuffer(END * k, np.uint8),
        "strided": np.arange(12)[:: k + 1],
    }
    scalars = {
        "n": float("nan") if k == 3 else k / 7,
        "big": 10**30,
        "text": "end\n\ud800 {",
        "no": None,
    }
    if k == 1:
        return Record("failed", error="no", traceback="end\n", seconds=1.0)
    return Record(
        "done", scalars, arrays if k else {}, seconds=0.5, host="h", version="1", simd="avx2"
    )


def same(found: Record, expected: Record) -> None:
    assert repr(found) == repr(expected)
    assert list(found.arrays) == list(expected.arrays)
    for name, array in expected.arrays.items():
        np.testing.assert_array_equal(found.arrays[name], array)
        assert found.arrays[name].dtype == array.dtype
        assert found.arrays[name].shape == array.shape


def check(found: list[Entry], n: int) -> None:
    assert [entry.run["key"] for entry in found] == [run.key for run in RUNS[:n]]
    for k, entry in enumerate(found):
        same(entry.read(), record(k))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "a.runs"
    with Journal(file) as journal:
        for k, run in enumerate(RUNS):
            journal.add(pack(run, record(k)))
    return file


def test_all_of_it(path: Path) -> None:
    found, ended = entries(path)
    assert ended
    check(found, len(RUNS))
    assert [entry.run["parameters"]["x"] for entry in found][:5] == [1, 2.5, "three", None, True]


def test_some_arrays(path: Path) -> None:
    entry = entries(path)[0][4]
    assert list(entry.read(["one", "nothing"]).arrays) == ["one"]
    assert entry.read([]).arrays == {}
    assert entry.read([]).scalars["big"] == 10**30


def test_files_cut_anywhere(path: Path) -> None:
    """As a kill leaves it, or a disk that is full."""
    whole = path.read_bytes()
    ends = [entry.end for entry in entries(path)[0]]
    lengths = sorted({*range(0, len(whole), 13), *ends, *(end - 1 for end in ends), len(whole) - 1})
    for length in lengths:
        path.write_bytes(whole[:length])
        found, ended = entries(path)
        assert not ended
        check(found, sum(end <= length for end in ends))


@pytest.mark.parametrize("size", [1, 16, 4096])
def test_holes(path: Path, size: int) -> None:
    """As a power cut leaves it: the length of the file is known, what was in it is not."""
    whole = path.read_bytes().removesuffix(END)
    begins = [0, *(entry.end for entry in entries(path)[0])]
    rng = np.random.default_rng(size)
    for hole in (int(k) for k in rng.integers(0, len(whole), 200)):
        torn = whole[:hole] + bytes(min(size, len(whole) - hole)) + whole[hole + size :]
        path.write_bytes(torn)
        first = (
            next(k for k in range(len(whole)) if torn[k] != whole[k])
            if torn != whole
            else len(whole)
        )
        found, ended = entries(path)
        assert not ended
        check(found, sum(begin <= first for begin in begins) - 1)


def test_an_error_leaves_the_end_open(tmp_path: Path) -> None:
    def interrupted() -> None:
        with Journal(tmp_path / "a") as journal:
            journal.add(pack(RUNS[0], record(0)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    found, ended = entries(tmp_path / "a")
    assert not ended
    check(found, 1)


def test_an_existing_file_is_left_alone(path: Path) -> None:
    before = path.read_bytes()
    with pytest.raises(FileExistsError):
        Journal(path)
    assert path.read_bytes() == before


def test_a_run_can_be_read_as_soon_as_it_is_added(tmp_path: Path) -> None:
    """In the hands of the system, which outlives this process."""
    with Journal(tmp_path / "a") as journal:
        for k, run in enumerate(RUNS):
            journal.add(pack(run, record(k)))
            check(entries(tmp_path / "a")[0], k + 1)


def test_a_run_reaches_the_disk_without_a_next_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next one may take an hour."""
    synced = queue.SimpleQueue[int]()
    monkeypatch.setattr(journal_module, "_datasync", lambda fd: synced.put(os.fstat(fd).st_size))
    with Journal(tmp_path / "a") as journal:
        for k in (0, 2):
            journal.add(pack(RUNS[k], record(k)))
            size = (tmp_path / "a").stat().st_size
            while synced.get(timeout=30) < size:
                pass


def test_a_disk_error_is_reported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_: int) -> None:
        raise OSError(5, "Input/output error")

    def write() -> None:
        with Journal(tmp_path / "a") as journal:
            journal.add(pack(RUNS[0], record(0)))

    monkeypatch.setattr(journal_module, "_datasync", broken)
    with pytest.raises(OSError, match="Input/output error"):
        write()
    assert not entries(tmp_path / "a")[1]


def crafted(path: Path, **changes: Any) -> None:
    """Write a description of the second run with a right checksum."""
    _, text, line_end, *arrays = pack(RUNS[1], record(2))
    tree = json.loads(b"{" + bytes(text)) | changes
    text = sealed_json.text_of(tree)
    path.write_bytes(b"".join([sealed_json.seal(text), text, line_end, *arrays, END]))


@pytest.mark.parametrize(
    "changes",
    [
        {"arrays": {"a": [-200, 0]}}, {"arrays": {"a": [1.5, 0]}}, {"arrays": {"a": [1]}}, {"arrays": 3}, {"run": {}},
        {"run": RUNS[0].to_json() | {"key": "0" * 32}}, {"status": "missing"}, {"scalars": {"x": [1]}}, {"more": 1},
        {"seconds": "1"}, {"host": 3},
    ],
    ids=str,
)  # fmt: skip
def test_a_crafted_description_is_refused(tmp_path: Path, changes: dict[str, Any]) -> None:
    """A negative length once made the reader seek backwards in an endless loop."""
    path = tmp_path / "a.runs"
    crafted(path, **changes)
    with pytest.raises(ValueError, match=r"a\.runs"):
        entries(path)


@pytest.mark.parametrize("length", [10**6, 2**63, 2**200])
def test_lengths_beyond_the_file(tmp_path: Path, length: int) -> None:
    path = tmp_path / "a.runs"
    crafted(path, arrays={"a": [length, 0]})
    assert entries(path) == ([], False)


def test_a_complete_file_is_not_cut(path: Path) -> None:
    """What a crash leaves has no end; where there is one, a run that cannot be read is damage, and not left out."""
    whole = bytearray(path.read_bytes())
    whole[entries(path)[0][2].end + 40] ^= 1  # in the description of the fourth run
    path.write_bytes(whole)
    with pytest.raises(ValueError, match=r"is damaged \(in the description of run 4\)"):
        entries(path)
    path.write_bytes(whole[:-4])
    assert len(entries(path)[0]) == 3


def test_nothing_follows_the_end(path: Path) -> None:
    path.write_bytes(path.read_bytes() + b"x")
    with path.open("rb") as file:
        assert file.read().endswith(END + b"x")
    with pytest.raises(ValueError, match="goes on after its end"):
        entries(path)
