"""The record of a run, in memory and as JSON."""

from __future__ import annotations

import json

import numpy as np

from spikelet.experiments.record import Record


def test_json_has_everything_but_the_arrays() -> None:
    arrays = {"v": np.arange(3)}
    record = Record(
        "done", {"rate": 3.5, "name": "a"}, arrays, seconds=0.5, host="h", version="1", simd="v3"
    )
    text = record.to_json()
    assert text == {
        "status": "done", "scalars": {"rate": 3.5, "name": "a"}, "error": None, "traceback": None, "seconds": 0.5,
        "host": "h", "version": "1", "simd": "v3",
    }  # fmt: skip
    again = Record(**json.loads(json.dumps(text)), arrays=arrays)
    assert again == record


def test_records_share_nothing() -> None:
    one, other = Record("missing"), Record("missing")
    one.scalars["y"] = 1
    one.arrays["v"] = np.zeros(2)
    assert (other.scalars, other.arrays) == ({}, {})
    assert np.isnan(one.seconds)


def test_arrays_are_not_shown() -> None:
    shown = repr(Record("failed", arrays={"v": np.arange(3)}, error="ValueError: no"))
    assert "ValueError: no" in shown
    assert "array" not in shown
