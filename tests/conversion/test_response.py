"""The number of steps that a network takes to decide."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet.conversion.response import Decisions, steps_to_decision


def test_steps_to_decision():
    x = inputs(11)
    snn, ann = pair(x)
    labels = ann.run(x, 1).output.argmax(axis=1)
    found = steps_to_decision(snn, x, 16, labels=labels, batch_size=4)
    decision = np.stack([snn.run(x, t).output.argmax(axis=1) for t in range(1, 17)])
    np.testing.assert_array_equal(found.decision, decision)
    for k in range(len(x)):
        t = int(found.steps[k])
        assert (decision[t - 1 :, k] == decision[-1, k]).all()
        assert t == 1 or decision[t - 2, k] != decision[-1, k]
    assert found.steps.max() > 1
    assert found.mean == found.steps.mean()
    assert found.median == np.median(found.steps)
    assert found.percentile(90) == np.percentile(found.steps, 90)
    output = np.sort(snn.run(x, 5).output, axis=1)
    np.testing.assert_allclose(found.margin[4], output[:, -1] - output[:, -2], atol=1e-12)
    assert "11 samples" in str(found)


def test_stopping_early():
    decision = np.array([[0, 1], [1, 1], [1, 2], [1, 2]])
    margin = np.array([[0.5, 0.1], [0.2, 0.4], [0.9, 0.0], [0.9, 0.1]])
    found = Decisions(np.array([2, 3]), decision, margin, None)
    for level, least, steps, chosen, accuracy in (
        (0.3, 1, [1, 2], [0, 1], 0.0),
        (0.45, 1, [1, 4], [0, 2], 0.5),
        (0.3, 2, [3, 2], [1, 1], 0.5),
        (9.0, 1, [4, 4], [1, 2], 1.0),
    ):
        stopped = found.stopped(level, least)
        np.testing.assert_array_equal(stopped[0], steps)
        np.testing.assert_array_equal(stopped[1], chosen)
        assert stopped[2] == accuracy
    labelled = Decisions(found.steps, decision, margin, np.array([0, 0]))
    assert labelled.stopped(0.3)[2] == 0.5
    with pytest.raises(ValueError, match="margin must be >= 0"):
        found.stopped(-1.0)
    with pytest.raises(ValueError, match="least"):
        found.stopped(1.0, 5)
