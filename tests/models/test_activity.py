"""Activity as tables by neuron and by type."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.models.activity import Activity

TYPES = np.array(["x", "y", "x", ""])


def example(ids: tuple[str, ...] = ("a", "b", "c", "d")) -> Activity:
    return Activity(
        times=np.array([1.0, 2.0, 3.0, 1.0]),
        neurons=np.array([0, 2, 0, 1]),
        trial=np.array([3, 3, 3, 4]),
        ids=np.array(ids),
        trials=np.array([3, 4]),
        duration=100.0,
        columns={"type": TYPES},
    )


def test_rates_and_counts() -> None:
    activity = example()
    active, counts = activity.counts()
    assert active.tolist() == [0, 1, 2]
    assert counts.tolist() == [[2, 0, 1], [0, 1, 0]]
    table = activity.rates()
    assert table["id"].tolist() == ["a", "b", "c"]
    assert table["rate"].tolist() == [10.0, 5.0, 5.0]
    assert table["std"].tolist() == [10.0, 5.0, 5.0]
    assert repr(activity) == "Activity(4 spikes of 3 neurons in 2 trials of 100 ms)"
    assert len(activity) == 4


def test_by_type() -> None:
    pytest.importorskip("pandas")
    table = example().by("type")
    assert table.index.tolist() == ["x", "y", ""]
    assert table.index.name == "type"
    assert table["neurons"].tolist() == [2, 1, 1]
    assert table["active"].tolist() == [2, 1, 0]
    assert table["spikes"].tolist() == [3, 1, 0]
    assert table["rate"].tolist() == [7.5, 5.0, 0.0]  # of a neuron, over both trials
    assert table["std"].tolist() == [7.5, 5.0, 0.0]
    with pytest.raises(ValueError, match=r"must name a column .* the nearest is 'type', got 'typ'"):
        example().by("typ")


def test_picture() -> None:
    pytest.importorskip("matplotlib")
    axes = example().plot().axes
    assert len(axes[0].collections[0].get_offsets()) == 3  # the first trial
    assert axes[0].get_xlim() == (0.0, 100.0)
