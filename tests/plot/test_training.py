"""Curves of a training."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from spikelet import plot

pytest.importorskip("matplotlib")


def epochs(tests):
    return [
        SimpleNamespace(epoch=k + 1, loss=1 / (k + 1), accuracy=0.1 * k, test_accuracy=test, spikes=2.0 + k)
        for k, test in enumerate(tests)
    ]  # fmt: skip


def test_the_curves_are_those_of_the_epochs():
    left, middle, right = plot.training_curves(epochs([None, 0.5, 0.75])).axes
    assert left.lines[0].get_ydata().tolist() == [1.0, 0.5, 1 / 3]
    training, test = middle.lines
    assert training.get_ydata().tolist() == pytest.approx([0.0, 10.0, 20.0])
    assert test.get_xdata().tolist() == [2, 3]
    assert test.get_ydata().tolist() == [50.0, 75.0]
    assert right.lines[0].get_ydata().tolist() == [2.0, 3.0, 4.0]
    assert len(plot.training_curves(epochs([None])).axes[1].lines) == 1


def test_what_is_no_history_is_named():
    for wrong in ([], [3], "epochs"):
        with pytest.raises(TypeError, match="history must be the epochs"):
            plot.training_curves(wrong)
