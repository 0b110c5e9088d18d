"""Moving digits, as an event camera sees them."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet import datasets


def test_moving_digits():
    pytest.importorskip("sklearn")
    events, labels = datasets.moving_digits(split="test", n=20, size=20)
    np.testing.assert_array_equal(labels, datasets.digits("test", 20)[1])
    for e in events:
        assert 100 < len(e) < 5000
        assert 0.3 < e["p"].mean() < 0.7
        assert 0 <= e["t"].min() <= e["t"].max() < 60_000
        # It comes back to where it began: what was brighter is darker again.
        total = np.zeros((20, 20))
        np.add.at(total, (e["y"], e["x"]), np.where(e["p"], 1, -1))
        assert np.abs(total).max() <= 1
    again, _ = datasets.moving_digits(split="test", n=20, size=20)
    np.testing.assert_array_equal(np.concatenate(events), np.concatenate(again))
    other, _ = datasets.moving_digits(split="test", n=20, size=20, seed=1)
    assert len(np.concatenate(other)) != len(np.concatenate(events))
    few, _ = datasets.moving_digits(split="test", n=20, size=20, threshold=0.4)
    assert len(np.concatenate(few)) < 0.7 * len(np.concatenate(events))


def test_directions_are_where_events_go():
    pytest.importorskip("sklearn")
    events, labels = datasets.moving_digits(n=40, label="direction")
    assert set(labels) == set(range(8))
    for e, label in zip(events, labels, strict=True):
        early, late = (e[(e["t"] < 20_000)], e[(e["t"] > 40_000)])
        moved = complex(*(late[k].mean() - early[k].mean() for k in ("x", "y")))
        assert abs(np.angle(moved / np.exp(2j * np.pi * label / 8))) < np.pi / 8
