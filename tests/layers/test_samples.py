"""Samples are run in batches, and pairs of models are checked."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet import layers as L
from spikelet.layers import samples as module
from spikelet.layers.samples import (
    Samples,
    check_labels,
    check_pair,
    decisions,
    is_sequence,
    merge,
    readout_delay,
    with_coding,
)
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.spiking_result import Operations

X = np.arange(30.0).reshape(5, 6) / 30


def test_a_constant_and_a_sequence() -> None:
    model = SpikingModel([L.IF()])
    constant = Samples.of("f", model, X, 4)
    sequence = Samples.of("f", model, np.stack([X] * 3), None)
    assert (constant.count, constant.shapes, constant.total) == (5, {"input": (6,)}, 4)
    assert (sequence.count, sequence.shapes, sequence.total) == (5, {"input": (6,)}, 3)
    np.testing.assert_allclose(sequence.constant().x["input"], X)
    assert sequence.constant().total == constant.constant().total == 1
    np.testing.assert_array_equal(sequence.first(2).x["input"], np.stack([X[:2]] * 3))
    np.testing.assert_array_equal(constant.first(2).x["input"], X[:2])
    assert [is_sequence(s, {}) for s in (constant, sequence)] == [False, True]
    assert is_sequence(constant, {"coding": "poisson"})


@pytest.mark.parametrize("options", [{}, {"coding": "poisson", "seed": 3}])
def test_batches_cover_all_samples(
    options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    model = SpikingModel([("n", L.IF(0.7), "input")], dtype="float64", threads=1)
    runs = list(Samples.of("f", model, X, 8, 2).run(model, 1, **options))
    assert [part for part, _ in runs] == [slice(0, 2), slice(2, 4), slice(4, 5)]
    for part, result in runs:
        alone = {**options, "seed": options["seed"] + part.start} if options else {}
        np.testing.assert_array_equal(result.output, model.run(X[part], 8, **alone).output)
    monkeypatch.setattr(module, "_BATCH_BYTES", 100)
    sizes = [r.output.shape[0] for _, r in Samples.of("f", model, X, 8).run(model, 33, **options)]
    assert sizes == [3, 2]


def test_operations_of_batches_are_averaged_by_sample() -> None:
    one = Operations(2.0, 4.0, 6.0, 8.0, 3.0, 9.0)
    other = Operations(5.0, 1.0, 0.0, 8.0, 0.0, 3.0)
    found = merge([(1, {"a": one}), (2, {"a": other})])["a"]
    assert dataclasses.astuple(found) == (4.0, 2.0, 2.0, 8.0, 1.0, 5.0)


def test_pairs_of_models() -> None:
    snn, ann = pair(inputs(2))
    assert check_pair("f", snn, ann) == ["relu1", "relu2", "relu3", "relu4"]
    linear = SpikingModel([L.Linear([[1.0]])])
    for one, other, message in (
        (snn, snn, "ann must not have spiking neurons, got layer 'relu1'"),
        (snn, linear, "ann must have the neurons of the other model, got no 'relu1'"),
        (linear, ann, "snn must have the neurons of the other model, got no 'relu1'"),
        (linear, linear, r"ann must have at least one ReLU, got layers \['linear0'\]"),
    ):
        with pytest.raises(ValueError, match=f"^f: {message}"):
            check_pair("f", one, other)
    with pytest.raises(TypeError, match="f: ann must be a SpikingModel, got 3"):
        check_pair("f", snn, 3)


def test_labels() -> None:
    samples = Samples.of("f", SpikingModel([L.IF()]), X, 4)
    assert check_labels("f", None, samples, 3) is None
    assert check_labels("f", [0, 2, 1, 1, 0], samples, 3).dtype == np.int64
    for labels, message in (
        ([0] * 4, "each of 5 samples"),
        ([0, 0, 0, 0, 3], "must lie in 0 .. 2"),
    ):
        with pytest.raises(ValueError, match=message):
            check_labels("f", labels, samples, 3)


def test_decisions_are_the_largest_outputs() -> None:
    output = np.array([[[1.0, 3.0], [2.0, 0.0]], [[0.0, 0.0], [0.0, 1.0]]])
    assert decisions(output).tolist() == [1, 3]


class Made:
    """What a converted model says of itself."""

    steps, delay, coding = 8, 4, "latency"
    graph = SpikingModel([L.IF()]).graph


def test_what_a_model_was_made_for_is_the_default() -> None:
    assert readout_delay("f", Made(), None, 8) == 4
    assert readout_delay("f", Made(), None, 4) == 2
    assert readout_delay("f", Made(), 3, 8) == 3
    assert readout_delay("f", object(), None, 8) == 0
    assert Samples.of("f", Made(), X, None).total == 8
    assert with_coding(Made(), {}) == {"coding": "latency"}
    assert with_coding(Made(), {"coding": "direct"}) == {"coding": "direct"}
    with pytest.raises(ValueError, match="f: delay must be >= 0 and <= 7, got 8"):
        readout_delay("f", Made(), 8, 8)


@pytest.mark.parametrize(
    ("x", "steps", "error", "message"),
    [
        ([["a"]], 3, TypeError, "x must be an array of numbers, got dtype <U1"),
        (np.zeros(3), 3, ValueError, r"x must have the shape \[B, ...\], got shape \(3,\)"),
        (np.zeros((3, 2)), None, ValueError, r"x must have the shape \[T, B, ...\]"),
        (np.zeros((0, 2)), 3, ValueError, "x must not be empty"),
        (np.zeros((3, 2)), 0, ValueError, "steps must be >= 1"),
    ],
)
def test_bad_samples(x: Any, steps: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=f"^f: {message}"):
        Samples.of("f", SpikingModel([L.IF()]), x, steps)
