"""Samples that end before the last step."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest
from tests.support.conversions import TEST, convert, residual

import spikelet as sl
from spikelet import Stopping
from spikelet import layers as L
from spikelet.conversion import Neurons
from spikelet.layers.graph import Graph

CHECKS = (3, 4, 7, 10, 13)
NEURONS: dict[str, dict[str, Any]] = {
    "pairs": {"neuron": Neurons(delay=0)},
    "alternating": {"neuron": Neurons("alternating", delay=0)},
    "soft": {"neuron": Neurons("soft", delay=0), "method": "percentile"},
    "multi": {"neuron": Neurons("multi", delay=0), "method": "percentile"},
    "poisson": {"neuron": Neurons("soft", delay=0), "coding": "poisson"},
    "residual": {"neuron": Neurons(delay=0), "ann": residual(), "method": "fitted"},
}


def lead(means: Any) -> Any:
    top = np.sort(means, axis=-1)
    return top[..., -1] - top[..., -2]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize("kind", NEURONS)
def test_checks_change_nothing(kind: str, dtype: str) -> None:
    model = convert(**NEURONS[kind], dtype=dtype)
    record = [f"{name}.{what}" for name in model.neurons for what in ("spikes", "v", "mean")]
    plain, checked = (
        model.run(TEST, record=record, until=until) for until in (None, Stopping.never(CHECKS))
    )
    for name in record:
        np.testing.assert_array_equal(checked[name], plain[name])
    np.testing.assert_array_equal(checked.output, plain.output)
    assert checked.operations == plain.operations
    assert checked.steps.tolist() == [16] * len(TEST)


@pytest.mark.parametrize("kind", NEURONS)
def test_a_sample_ends_at_the_first_check_that_meets_its_limit(kind: str) -> None:
    model = convert(**NEURONS[kind])
    after = (*range(1, 16),)
    whole = model.run(TEST, until=Stopping.never(after), record=model.neurons)
    assert whole.so_far.shape == (15, *whole.output.shape)
    margin = float(np.quantile(lead(whole.so_far)[8:], 0.5))
    given = model.run(TEST, until=margin, record=model.neurons)
    means = np.concatenate([whole.so_far, whole.output[None]])
    sure = lead(means) >= np.float32(margin)
    sure[-1] = True
    steps = sure.argmax(0) + 1
    assert len(set(steps)) > 1
    np.testing.assert_array_equal(given.steps, steps)
    np.testing.assert_array_equal(given.output, means[steps - 1, np.arange(len(TEST))])
    for name in model.neurons:
        ran = np.arange(16)[:, None] < steps
        np.testing.assert_array_equal(
            given[name], whole[name] * ran.reshape(*ran.shape, *[1] * (whole[name].ndim - 2))
        )
    total = sum(given.operations[name].additions for name in given.operations)
    assert 0 < total < sum(whole.operations[name].additions for name in whole.operations)
    first = next(iter(model.graph)).name
    dense = whole.operations[first].dense * steps.mean() / 16
    assert given.operations[first].dense == pytest.approx(dense)


def test_a_margin_waits_for_the_last_neurons() -> None:
    layers = [L.Linear([[1.0], [1.0]]), L.ReLU(), L.Linear(np.eye(2), [9.0, 0.0])]
    model = sl.convert(
        layers, np.random.default_rng(0).random((40, 1)), steps=8, neuron=Neurons(delay=0)
    )
    (name,) = model.neurons
    layer = model.graph[name].layer
    late = np.array(layer.limit)
    late[:3] = np.inf
    nodes = [
        (n.name, layer.replace(limit=late) if n.name == name else n.layer, n.inputs)
        for n in model.graph
    ]
    model = sl.SpikingModel(nodes)
    assert model.silent_steps == 3
    result = model.run(np.ones((1, 1)), 8, until=1.0)
    assert result.steps.tolist() == [4]  # the bias alone leads from the first step on


def test_means_so_far_are_those_of_shorter_runs() -> None:
    model = convert(method="percentile", neuron=Neurons("soft", delay=2))
    so_far = model.run(TEST, until=Stopping.never([5, 9])).so_far
    for k, steps in enumerate((5, 9)):
        short = model.run(TEST, steps=steps, delay=2).output
        np.testing.assert_allclose(so_far[k], short, rtol=1e-5, atol=1e-6)


def test_sizes_count_what_is_to_come_as_nothing() -> None:
    model = convert(neuron=Neurons(delay=0))
    last = model.neurons[-1]
    result = model.run(TEST, until=Stopping.never([6]), record=last)
    layer = model.graph[last].layer
    sent = np.tensordot(model.sizes[:6], result[last][:6], 1) / model.sizes.sum() * layer.amplitude
    wanted = sl.SpikingModel([model.graph["9"].layer], dtype="float64").run(sent, 1).output
    np.testing.assert_allclose(result.so_far[0], wanted, rtol=1e-4, atol=1e-5)


def test_the_change_since_the_check_before() -> None:
    model = convert(neuron=Neurons(delay=0))
    means = model.run(TEST, until=Stopping.never(CHECKS)).so_far
    change = np.abs(np.diff(means, axis=0)).max(2)
    limit = float(np.median(change))
    result = model.run(TEST, until=Stopping(CHECKS, (limit,) * 5, "change"))
    met = np.concatenate([np.zeros((1, len(TEST)), bool), change < limit])
    steps = np.where(met.any(0), np.array(CHECKS)[met.argmax(0)], 16)
    np.testing.assert_array_equal(result.steps, steps)


def test_threads_and_batches_change_nothing() -> None:
    model = convert(neuron=Neurons(delay=0))
    one = model.run(TEST, until=0.5)
    model.threads = 2
    two = model.run(TEST, until=0.5)
    parts = [model.run(TEST[k : k + 3], until=0.5) for k in range(0, len(TEST), 3)]
    for other in (two.steps, np.concatenate([p.steps for p in parts])):
        np.testing.assert_array_equal(other, one.steps)
    for output in (two.output, np.concatenate([p.output for p in parts])):
        np.testing.assert_array_equal(output, one.output)


def test_a_sample_does_not_see_what_the_one_before_left() -> None:
    model = convert(neuron=Neurons(delay=0))
    margins = lead(model.run(TEST, until=Stopping.never([9])).so_far[0])
    stop = Stopping((9,), (float(np.median(margins)),))
    for k in range(len(TEST)):
        alone, second = (
            model.run(x, until=stop, record=model.neurons) for x in (TEST[[k]], TEST[[3, k]])
        )
        np.testing.assert_array_equal(alone.output[0], second.output[1])
        for name in model.neurons:
            np.testing.assert_array_equal(alone[name][:, 0], second[name][:, 1])


def test_graded_units_and_several_outputs() -> None:
    rng = np.random.default_rng(0)
    layers = [
        ("a", L.Linear(rng.normal(size=(12, 6)) / 3), "input"),
        ("n", L.IF(0.5), "a"),
        ("b", L.Linear(rng.normal(size=(5, 12)) / 3), "n"),
        ("p", L.Softmax(), "b"),
        ("c", L.Linear(rng.normal(size=(2, 12)) / 3), "n"),
    ]
    model = sl.SpikingModel(Graph(layers, outputs=["p", "c"]))
    x = rng.normal(size=(4, 6))
    result, plain = (model.run(x, 12, until=until) for until in (Stopping.never([4, 8]), None))
    np.testing.assert_allclose(result.so_far[0], model.run(x, 4).output[0], rtol=1e-5)
    for given, wanted in zip(result.output, plain.output, strict=True):
        np.testing.assert_array_equal(given, wanted)


def test_it_can_be_sent() -> None:
    stop = Stopping([2, 4], [1, np.inf], "change", keep=True)
    assert pickle.loads(pickle.dumps(stop)) == stop
    assert stop.checks == (2, 4)


def waiting() -> Any:
    return sl.SpikingModel(
        [L.Linear([[1.0]]), L.IF(1.0), L.ReLU(), L.Linear([[1.0]]), L.IF(1.0), L.Linear([[1.0]])]
    )


def differences() -> Any:
    return sl.SpikingModel([L.Linear([[1.0]]), L.IF(1.0, code="differential")])


def plain() -> Any:
    return sl.SpikingModel([L.Linear([[1.0], [2.0]]), L.IF(1.0)])


@pytest.mark.parametrize(
    ("make", "until", "error", "words"),
    [
        (plain, -1.0, ValueError, ("until", ">= 0")),
        (plain, np.nan, ValueError, ("until",)),
        (plain, "sure", TypeError, ("until",)),
        (plain, Stopping((4, 8), (1, 1)), ValueError, ("until", "1 to 7", "8 steps")),
        (waiting, 1.0, ValueError, ("until", "wait")),
        (differences, 1.0, ValueError, ("until", "differences")),
    ],
)
def test_bad_stops(make: Any, until: Any, error: type[Exception], words: tuple[str, ...]) -> None:
    model = make()
    x = np.full((2, 1), 0.4)
    with pytest.raises(error) as caught:
        model.run(x, 8, until=until)
    assert all(word in str(caught.value) for word in words), caught.value
    assert model.run(x, 8).output.shape[0] == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (((), ()), ("checks", "ascending")),
        (((4, 2), (1, 1)), ("checks", "ascending")),
        (((0, 2), (1, 1)), ("checks",)),
        (((2, 4), (1,)), ("limits", "2")),
        (((2, 4), (1, -1)), ("limits", "at least 0")),
        (((2,), (1,), "time"), ("of", "margin", "change")),
    ],
)
def test_bad_limits(arguments: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"^Stopping: ") as caught:
        Stopping(*arguments)
    assert all(word in str(caught.value) for word in words), caught.value


def test_one_step_cannot_end_early() -> None:
    with pytest.raises(ValueError, match="steps must be at least 2"):
        plain().run(np.ones((1, 1)), 1, until=1.0)
