"""Scores of models, and the choice between them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from tests.support.conversions import TEST, X, convert, residual

from spikelet import layers as L
from spikelet.conversion.selection import scores as module
from spikelet.conversion.selection.scores import Score, best, score
from spikelet.layers.spiking_model import SpikingModel


def scored(model: Any, x: Any = X, delay: int | None = None) -> Score:
    return score(model, model.ann, [x], model.steps, delay=delay)


def test_the_delay_with_the_least_error_is_found() -> None:
    model = convert(residual(), method="percentile", steps=10)
    wanted = model.ann.run(X, 1).output
    runs = [model.run(X, delay=d).output for d in range(6)]
    errors = [float(np.square(y - wanted).mean()) for y in runs]
    result = scored(model)
    assert result.delay == int(np.argmin(errors)) > 0
    at = runs[result.delay]
    assert result.agreement == (at.argmax(1) == wanted.argmax(1)).mean()
    squares = np.square(at - wanted).mean(0)
    shares = squares / (squares + wanted.var(0))
    assert result.error == pytest.approx(np.sqrt(shares.mean()), rel=1e-5)
    assert scored(model, delay=3).delay == 3


def test_a_relu_behind_spikes_takes_its_mean_from_the_delay_on() -> None:
    last = convert().neurons[-1]
    model = convert(keep=last)
    wanted = model.ann.run(X, 1).output
    errors = [
        float(np.square(SpikingModel.run(model, X, 16, delay=d).output - wanted).mean())
        for d in range(2)
    ]
    assert errors[0] < 0.1 * errors[1]  # the first spikes are the largest
    assert scored(model).delay == model.delay == 0


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    model = convert(steps=6, method="percentile")
    whole = scored(model)
    monkeypatch.setattr(module, "_BATCH", 4 * 6 * 6 * 7)
    parts = scored(model)
    assert (parts.delay, parts.agreement) == (whole.delay, whole.agreement)
    assert parts.error == pytest.approx(whole.error, rel=1e-9)


def test_outputs_count_by_their_own_spread() -> None:
    ann = SpikingModel([L.Linear(np.diag([1.0, 1000.0]))], threads=1)
    off = SpikingModel([L.Linear(np.diag([1.5, 1000.0]))], threads=1)
    x = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    assert score(off, ann, [x], 2, delay=0).error > 0.3


def test_one_output_has_no_decision() -> None:
    ann = SpikingModel([L.Linear([[1.0, 2.0]])], threads=1)
    result = score(ann, ann, [TEST[:, 0, 0, :2]], 3, delay=None)
    assert (result.error, result.delay, result.samples) == (pytest.approx(0.0, abs=1e-6), 0, 16)
    assert math.isnan(result.agreement)


def test_the_least_error_is_best_unless_decisions_differ_clearly() -> None:
    def of(**values: tuple[float, float]) -> str:
        return best({name: Score(e, a, 0, 100) for name, (e, a) in values.items()})

    assert of(a=(0.2, 0.9), b=(0.1, 0.9)) == "b"
    assert of(a=(0.1, 0.9), b=(0.11, 0.92)) == "a"  # may be chance
    assert of(a=(0.1, 0.7), b=(0.11, 0.95)) == "b"
    assert of(a=(0.1, 0.7), b=(0.3, 0.95)) == "a"
    assert of(a=(0.2, math.nan), b=(0.1, math.nan)) == "b"
