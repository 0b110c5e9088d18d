"""The choice of when samples may stop."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import Stopping
from spikelet import layers as L
from spikelet.conversion import choose_stopping

RNG = np.random.default_rng(1)


def mlp(*sizes: int) -> Any:
    layers: list[Any] = []
    for n_in, n_out in itertools.pairwise(sizes):
        layers += [L.Linear(RNG.normal(size=(n_out, n_in)) * np.sqrt(2 / n_in)), L.ReLU()]
    return layers[:-1]


SAMPLES = RNG.normal(size=(300, 8)).astype(np.float32)
MODEL = sl.convert(
    mlp(8, 32, 32, 32, 6), SAMPLES[:100], steps=16, neuron=sl.conversion.Neurons(delay=0), threads=1
)
FULL = MODEL.run(SAMPLES).output


def kept(stop: Stopping, model: Any = MODEL) -> float:
    """Share of the decisions that are those after all steps."""
    return float((model.run(SAMPLES, until=stop).output.argmax(1) == FULL.argmax(1)).mean())


@pytest.mark.parametrize("loss", [0.0, 3.0, 20.0])
def test_decisions_stay(loss: float) -> None:
    stop = MODEL.stopping(SAMPLES, loss=loss)
    assert kept(stop) >= 1 - loss / 100 - 1e-9
    steps = MODEL.run(SAMPLES, until=stop).steps
    assert steps.mean() < 15
    assert stop.of == "margin"


def test_more_loss_is_fewer_steps() -> None:
    steps = [
        MODEL.run(SAMPLES, until=MODEL.stopping(SAMPLES, loss=loss)).steps.mean()
        for loss in (0.0, 3.0, 20.0, 60.0)
    ]
    assert steps == sorted(steps, reverse=True)
    assert steps[0] > steps[-1]


def test_labels_count_what_is_right() -> None:
    labels = FULL.argmax(1)
    labels[::2] = (
        labels[::2] + 1
    ) % 6  # half of the decisions are wrong, and may change at no loss
    stop = MODEL.stopping(SAMPLES, labels, loss=0.0)
    output = MODEL.run(SAMPLES, until=stop).output
    assert (output.argmax(1) == labels).mean() >= (FULL.argmax(1) == labels).mean() - 1e-9


def test_limits_fall_with_what_is_to_come() -> None:
    stop = MODEL.stopping(SAMPLES, loss=3.0)
    means = MODEL.run(SAMPLES, until=Stopping.never(stop.checks)).so_far.astype(float)

    def lead(y: Any, at: Any) -> Any:
        others = y.copy()
        np.put_along_axis(others, at[:, None], -np.inf, 1)
        return np.take_along_axis(y, at[:, None], 1)[:, 0] - others.max(1)

    last = FULL.argmax(1)
    to_come = [
        np.sqrt(np.square(lead(y, last) - lead(FULL.astype(float), last)).mean()) for y in means
    ]
    np.testing.assert_allclose(
        np.array(stop.limits) / to_come, stop.limits[0] / to_come[0], rtol=1e-6
    )
    assert stop.limits[0] > stop.limits[-1]


def test_only_the_steps_named_are_checked() -> None:
    stop = MODEL.stopping(SAMPLES, loss=3.0, checks=[9, 12])
    assert stop.checks == (9, 12)
    assert set(MODEL.run(SAMPLES, until=stop).steps) <= {9, 12, 16}


def test_a_network_that_no_sample_can_leave_runs_on() -> None:
    stop = MODEL.stopping(SAMPLES, loss=0.0, checks=[1])
    assert kept(stop) == 1.0


@pytest.mark.parametrize("tolerance", [0.3, 0.05])
def test_a_regression_stops_within_its_tolerance(tolerance: float) -> None:
    model = sl.convert(
        mlp(8, 32, 1), SAMPLES[:100], steps=16, neuron=sl.conversion.Neurons(delay=0), threads=1
    )
    stop = model.stopping(SAMPLES, tolerance=tolerance)
    assert stop.of == "change"
    result = model.run(SAMPLES, until=stop)
    error = np.abs(result.output - model.run(SAMPLES).output)
    assert (error <= tolerance).mean() >= 0.97
    assert result.steps.mean() < 16


def test_the_samples_may_come_in_batches() -> None:
    whole, parts = (MODEL.stopping(SAMPLES, loss=3.0, batch_size=size) for size in (None, 7))
    assert whole == parts


def test_energy_counts_the_steps_that_were_taken() -> None:
    stop = MODEL.stopping(SAMPLES, loss=3.0)
    steps = MODEL.run(SAMPLES, until=stop).steps
    full, less = (sl.energy.measure(MODEL, SAMPLES, until=until) for until in (None, stop))
    assert less.snn.steps == pytest.approx(steps.mean())
    assert less.energy_nj < full.energy_nj
    first = MODEL.neurons[0]
    assert less.snn[first].membrane_updates == pytest.approx(less.snn[first].neurons * steps.mean())
    with pytest.raises(ValueError, match="count_changes"):
        sl.energy.measure(MODEL, SAMPLES, until=stop, count_changes=True)


ONE = sl.SpikingModel([L.Linear([[1.0, 2.0]]), L.IF(1.0), L.Linear([[1.0]])])


@pytest.mark.parametrize(
    ("model", "arguments", "error", "words"),
    [
        (ONE, {"x": np.ones((3, 2)), "steps": 4}, ValueError, ("tolerance", "single output")),
        (
            ONE,
            {"x": np.ones((3, 2)), "steps": 4, "tolerance": 0.0},
            ValueError,
            ("tolerance", "> 0"),
        ),
        (ONE, {"x": np.ones((3, 2)), "steps": 1, "tolerance": 1.0}, ValueError, ("steps", "1")),
        (MODEL, {"x": SAMPLES, "loss": -1.0}, ValueError, ("loss", ">= 0")),
        (MODEL, {"x": SAMPLES, "checks": [3, 16]}, ValueError, ("checks", "16")),
        (MODEL, {"x": SAMPLES, "checks": []}, ValueError, ("checks",)),
        (MODEL, {"x": SAMPLES, "labels": np.zeros(3, int)}, ValueError, ("labels", "300 samples")),
        (
            MODEL,
            {"x": SAMPLES, "labels": np.zeros(300, int), "tolerance": 1.0},
            ValueError,
            ("labels",),
        ),
        (MODEL.graph, {"x": SAMPLES}, TypeError, ("model", "SpikingModel")),
    ],
)
def test_bad_arguments(
    model: Any, arguments: dict[str, Any], error: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(error) as caught:
        choose_stopping(model, **arguments)
    assert all(word in str(caught.value) for word in words), caught.value
