"""Events are put together: checked, in order of time."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.datasets.event_files.assembling import Assembler, Demands, Place, Unwrapped
from spikelet.datasets.event_files.file import EventFile


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a"
    path.write_bytes(b"")
    with EventFile(path, "reading") as opened:
        yield opened


def add(assembler, t, x=0, y=0, place=Place(100, 8)):  # noqa: B008  # immutable
    t = np.asarray(t)
    x, y = (np.broadcast_to(np.asarray(v), t.shape) for v in (x, y))
    assembler.add(t, x, y, np.ones(len(t)), place)


def test_collects_events_and_grows(file):
    assembler = Assembler(file, 1, Demands())
    add(assembler, [])
    add(assembler, [1, 2, 2], [3, 4, 5], [6, 7, 8])
    add(assembler, [2, 9])
    events = assembler.events()
    assert events["t"].tolist() == [1, 2, 2, 2, 9]
    assert events["x"].tolist() == [3, 4, 5, 0, 0]
    assert events["y"].tolist() == [6, 7, 8, 0, 0]
    assert events["p"].tolist() == [1] * 5


def test_names_the_byte_of_the_first_bad_event(file):
    for t, x, y, place, message in (
        ([0, 1], [0, 30], 0, Place(100, 8), r"byte 108: x must lie in 0 \.\. 29, got 30"),
        ([0, 1], [0, -1], 0, Place(100, 8), "byte 108: x must lie in .*, got -1"),
        (
            [0, 1],
            0,
            [20, 0],
            Place(100, 8, np.array([5, 7])),
            r"byte 140: y must lie in 0 \.\. 19, got 20",
        ),
        ([-4, 1], 0, 0, Place(100, 8), "byte 100: t must be >= 0 us, got -4"),
        (
            [5, 7, 6],
            0,
            0,
            Place(100, 8),
            'byte 116: t must not go backwards, after 7 us; .*unsorted="sort".*got 6',
        ),
    ):
        assembler = Assembler(file, 9, Demands((40, 20)), (30, 40))
        with pytest.raises(ValueError, match=message):
            add(assembler, t, x, y, place)


def test_time_goes_backwards_between_blocks(file):
    found = {}
    for unsorted in ("error", "sort", "keep"):
        assembler = Assembler(file, 9, Demands(None, unsorted))
        add(assembler, [1, 5], [0, 1])
        if unsorted == "error":
            with pytest.raises(ValueError, match="must not go backwards, after 5 us"):
                add(assembler, [4])
        else:
            add(assembler, [4, 5, 1], [2, 3, 4])
            found[unsorted] = [(int(e["t"]), int(e["x"])) for e in assembler.events()]
    assert found["keep"] == [(1, 0), (5, 1), (4, 2), (5, 3), (1, 4)]
    assert found["sort"] == [(1, 0), (1, 4), (4, 2), (5, 1), (5, 3)]


@pytest.mark.parametrize("bits", [12, 32])
def test_counters_start_again(bits):
    turn = 1 << bits
    t = np.cumsum(np.random.default_rng(0).integers(0, turn // 3, 500)) + 5
    t[100] -= 3  # a small step back is none
    unwrapped = Unwrapped(bits)
    raw = (t % turn).astype(np.uint32)
    parts = [unwrapped(part) for part in np.split(raw, [0, 1, 17, 17, 300])]
    np.testing.assert_array_equal(np.concatenate(parts), t - t[0] // turn * turn)


def test_a_step_back_over_the_turn():
    assert Unwrapped(8)(np.array([250, 2, 251, 4])).tolist() == [250, 258, 251, 260]
