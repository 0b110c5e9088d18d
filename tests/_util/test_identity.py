"""What values are, in text."""

from __future__ import annotations

import dataclasses
import functools
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from spikelet._util.identity import identity


@dataclasses.dataclass(frozen=True)
class Frames:
    bins: int

    def __call__(self, recording):
        return np.zeros((self.bins, len(recording)))


def scaled(factor):
    return lambda recording: recording["t"] * factor


class Holder:
    __slots__ = ("value",)

    def __init__(self, value):
        self.value = value


VALUES = [
    None, 0, 0.0, False, "0", b"0", (0,), [0], {"a": 0}, {"b": 0}, {0, 1}, np.zeros(1), np.zeros(1, int), np.zeros((1, 1)),
    np.float32(0), np.dtype("u1"), Path("a"), np.array([None]), Frames(1), Frames(2), Holder(1), Holder(2), scaled(1), scaled(2),
    scaled, Frames, len, np.sin, Frames(1).__call__, Frames(2).__call__, lambda e: e, lambda e: e + 1,
    functools.partial(np.histogram, sensor_size=(34, 34, 2), n_time_bins=3),
    functools.partial(np.histogram, sensor_size=(34, 34, 2), n_time_bins=4),
    functools.partial(np.bincount, sensor_size=(34, 34, 2), time_window=4),
]  # fmt: skip


def test_different_values_have_different_identities():
    found = [repr(identity(value)) for value in VALUES]
    assert len(set(found)) == len(VALUES)
    assert not any(" at 0x" in text for text in found)


def test_equal_values_have_equal_ones():
    assert identity(scaled(3)) == identity(scaled(3))
    assert identity(Frames(3)) == identity(Frames(3))
    assert identity({"b", "a"}) == identity({"a", "b"})


BINS = 1


def helper(recording):
    return recording[:BINS]


def calls_helper(recording):
    return [helper(part) for part in recording]


def calls_itself(recording):
    return calls_itself(recording[1:]) + BINS


@pytest.mark.parametrize(
    "function",
    [helper, calls_helper, calls_itself, lambda e: e[:BINS], Frames(1).__call__],
    ids=range(5),
)
def test_global_variables_count(monkeypatch, function):
    """Those that a function reads, itself or by way of another of its module; no others."""
    before = repr(identity(function))
    monkeypatch.setitem(globals(), "BINS", 2)
    assert (repr(identity(function)) != before) == (function.__name__ != "__call__")


def test_a_global_variable_of_which_nothing_can_be_said_does_not_count(monkeypatch):
    monkeypatch.setitem(globals(), "BINS", iter([]))
    assert identity(helper) == identity(helper)


def test_values_that_hold_themselves():
    holder, other = Holder(1), Holder(2)
    holder.value, other.value = [holder, 1], [other, 2]
    assert identity(holder) != identity(other)

    def inner(recording):
        return inner(recording)

    assert identity(inner) == identity(inner)


def test_tensors_are_what_they_hold():
    torch = pytest.importorskip("torch")
    assert identity(torch.tensor([1, 2])) == identity(torch.tensor([1, 2]))
    assert identity(torch.tensor([1, 2])) != identity(torch.tensor([1, 3]))


def test_it_is_the_same_in_every_process():
    script = "from tests._util.test_identity import VALUES, identity; print([identity(v) for v in VALUES])"
    found = {
        subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            check=True,
            cwd=Path(__file__).parents[2],
        ).stdout
        for _ in range(2)
    }
    assert len(found) == 1


def test_what_cannot_be_identified():
    with pytest.raises(TypeError, match=r"cannot say what .* is"):
        identity(iter([]))
