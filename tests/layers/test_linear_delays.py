"""Synapses with delays in layered models, against a sum over their definition."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L

STEPS, BATCH, IN, OUT = 30, 3, 20, 33
WEIGHT = np.random.default_rng(3).integers(-8, 9, (OUT, IN)) / 8
DELAY = np.random.default_rng(4).integers(0, 9, (OUT, IN))
DELAY[0, 0], DELAY[1, 1] = 0, STEPS + 5  # one that never arrives
BIAS = np.random.default_rng(5).integers(-4, 5, OUT) / 8


def expected(x: np.ndarray) -> np.ndarray:
    """y[t, b, o] = bias[o] + sum over i of weight[o, i] x[t - delay[o, i], b, i]."""
    y = np.broadcast_to(BIAS, (len(x), x.shape[1], OUT)).copy()
    for o in range(OUT):
        for i in range(IN):
            d = DELAY[o, i]
            y[d:, :, o] += WEIGHT[o, i] * x[: len(x) - d, :, i] if d < len(x) else 0
    return y


def some(form: str) -> np.ndarray:
    rng = np.random.default_rng(6)
    shape = (STEPS, BATCH, IN)
    spikes = rng.random(shape) < 0.2
    if form == "spikes":
        return spikes.astype(np.float64)
    if form == "signed":
        return spikes * rng.choice([-1.0, 1.0], shape)
    return rng.integers(-8, 9, shape) / 4


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("form", ["spikes", "signed", "sequence"])
def test_sums_arrive_when_they_should(form: str, dtype: str) -> None:
    x = some(form)
    model = sl.SpikingModel([("d", L.DelayedLinear(WEIGHT, DELAY, BIAS), ("input",))], dtype=dtype)
    result = model.run(x, record="d")
    np.testing.assert_array_equal(result["d"], expected(x))
    np.testing.assert_allclose(result.output, expected(x).mean(0), rtol=1e-5, atol=1e-6)
    counts = result.operations["d"]
    assert (counts.additions if form != "sequence" else counts.products) == np.count_nonzero(
        x
    ) * OUT / BATCH
    assert counts.dense == IN * OUT * STEPS


def test_a_constant_input_arrives_step_by_step() -> None:
    x = some("sequence")[0]
    held = np.broadcast_to(x, (STEPS, *x.shape))
    model = sl.SpikingModel([("d", L.DelayedLinear(WEIGHT, DELAY, BIAS), ("input",))])
    found = model.run(x, steps=STEPS, record="d")["d"]
    np.testing.assert_array_equal(found, expected(held))
    assert (found[0] != found[-1]).any()


def test_behind_an_image_and_between_neurons() -> None:
    rng = np.random.default_rng(7)
    delayed = L.DelayedLinear(WEIGHT, DELAY, BIAS)
    layers = [
        L.Conv2d(rng.integers(-2, 3, (5, 2, 1, 1)) / 2),
        L.IF(0.5),
        L.Flatten(),
        delayed,
        L.LIF(0.5, decay=0.5),
    ]
    model = sl.SpikingModel(layers)
    x = (rng.random((STEPS, BATCH, 2, 2, 2)) < 0.3).astype(float)
    names = [n.name for n in model.graph]
    result = model.run(x, record=[names[1], names[3]])
    before = result[names[1]].reshape(STEPS, BATCH, IN).astype(float)
    assert before.any()
    np.testing.assert_array_equal(result[names[3]], expected(before))
    np.testing.assert_array_equal(
        result.spikes, sl.SpikingModel([L.LIF(0.5, decay=0.5)]).run(expected(before)).spikes
    )


def test_the_same_bits_for_any_number_of_threads_and_after_a_file(tmp_path) -> None:
    weight = np.random.default_rng(8).normal(size=(OUT, IN))
    model = sl.SpikingModel([L.DelayedLinear(weight, DELAY), L.LIF(0.5)], threads=1)
    x = some("spikes")
    wanted = model.run(x, record="v")
    model.save(tmp_path / "m.spk")
    others = [
        sl.SpikingModel.load(tmp_path / "m.spk"),
        pickle.loads(pickle.dumps(model)),
        copy.deepcopy(model),
    ]
    many = copy.copy(model)
    many.threads = 3
    for other in (*others, many):
        again = other.run(x, record="v")
        np.testing.assert_array_equal(again.v, wanted.v)
        np.testing.assert_array_equal(again.spikes, wanted.spikes)
    assert wanted.spikes.any()


def test_samples_may_end_early() -> None:
    model = sl.SpikingModel([L.DelayedLinear(WEIGHT[:4], DELAY[:4]), L.IF(0.5)])
    x = some("spikes")
    whole, ended = model.run(x), model.run(x, until=0.3)
    assert (ended.steps < STEPS).any()
    for b, steps in enumerate(ended.steps):
        np.testing.assert_array_equal(ended.spikes[:steps, b], whole.spikes[:steps, b])


@pytest.mark.parametrize(
    ("weight", "delay", "bias", "message"),
    [
        ([[1.0]], [[-1]], None, "delay must be >= 0"),
        ([[1.0]], [[np.nan]], None, "delay must not contain NaN"),
        ([[1.0]], [[0.5]], None, "delay must be whole steps; round"),
        ([[1.0]], [[1, 2]], None, "delay must be a number or have the shape of weight"),
        ([[1.0]], [[2.0**40]], None, "delay must be at most"),
        ([[np.inf]], [[1]], None, "weight must be finite"),
        ([[1.0]], [[1]], [1.0, 2.0], "bias must have one value for each of 1 outputs"),
    ],
)
def test_bad_values_are_refused(weight, delay, bias, message) -> None:
    with pytest.raises(ValueError, match=f"DelayedLinear: {message}"):
        L.DelayedLinear(weight, delay, bias)


def test_other_shapes_and_sizes_are_refused() -> None:
    model = sl.SpikingModel([L.DelayedLinear(WEIGHT, 2)])
    with pytest.raises(
        ValueError, match=r"DelayedLinear 'delayedlinear0': input shape must be \(20,\)"
    ):
        model.run(np.zeros((4, 1, 5)))
    sized = L.PredictiveIF(pace=[1.0, 1.0], limit=[0.5, 0.5], sizes=[1.5, 0.5])
    with pytest.raises(ValueError, match="delay"):
        sl.SpikingModel([L.DelayedLinear(WEIGHT, 2), sized]).run(np.zeros((1, IN)), steps=2)
    assert (
        repr(L.DelayedLinear(WEIGHT, 2)) == "DelayedLinear(weight=33x20 array, delay=33x20 array)"
    )
