"""The fewest operations for a loss."""

from __future__ import annotations

import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.plain_ann import ANN, NEW, RNG, X

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion import Frontier, FrontierPoint
from spikelet.layers import Linear
from spikelet.layers.graph import Graph, Node
from spikelet.layers.stopping import Stopping


def point(loss: float, energy: float) -> FrontierPoint:
    model = sl.convert(ANN, X[:40], steps=2, neuron="multi", method="fitted")
    return FrontierPoint(model, None, 2.0, loss, energy, 2 * energy)


def test_the_frontier_are_points_that_no_other_beats() -> None:
    points = [
        point(*p) for p in ((2.0, 0.3), (0.0, 0.9), (0.0, 0.7), (1.0, 0.8), (1.0, 0.5), (3.0, 0.3))
    ]
    found = Frontier(tuple(points), 0.5, 0.05, 100)
    assert [(p.loss, p.energy) for p in found.best] == [(0.0, 0.7), (1.0, 0.5), (2.0, 0.3)]
    assert found.within(1.5) is points[4]
    assert found.within(0.0) is points[2]
    others = Frontier(tuple(points[3:]), 0.5, 0.05, 100)
    with pytest.raises(
        ValueError, match=re.escape("budget must be at least 1 points, the loss of multi, T = 2")
    ):
        others.within(0.5)


def test_a_budget_gives_the_least_energy_within_it(tmp_path: Path) -> None:
    snn = sl.convert(ANN, X, budget=2.0, steps=8)
    scores = dict(snn.scores)
    chosen = next(iter(scores.values()))
    assert chosen["loss"] <= 2.0
    assert chosen["energy"] == min(s["energy"] for s in scores.values() if s["loss"] <= 2.0)
    assert {name.split(",")[0] for name in scores} == {"multi", "predictive"}
    assert snn.steps <= 8
    wanted = snn.ann.run(NEW, steps=1).output.argmax(1)
    result = snn.run(NEW, until=snn.until)
    assert (result.output.argmax(1) == wanted).mean() > 0.93
    snn.save(tmp_path / "m.spk")
    for other in (sl.SpikingModel.load(tmp_path / "m.spk"), pickle.loads(pickle.dumps(snn))):
        assert other.until == snn.until
        assert other.scores == snn.scores
        assert np.array_equal(other.run(NEW, until=other.until).output, result.output)


def test_a_budget_of_several_inputs_and_outputs() -> None:
    rng = np.random.default_rng(2)
    nodes = [
        ("fa", Linear(rng.normal(size=(12, 4))), ["a"]),
        ("fb", Linear(rng.normal(size=(12, 4))), ["b"]),
        ("sum", L.Add(), ["fa", "fb"]),
        ("relu", L.ReLU(), ["sum"]),
        ("scores", Linear(rng.normal(size=(5, 12))), ["relu"]),
        ("value", Linear(rng.normal(size=(1, 12))), ["relu"]),
    ]
    graph = Graph(
        [Node(name, layer, tuple(inputs)) for name, layer, inputs in nodes],
        inputs=["a", "b"],
        outputs=["scores", "value"],
    )
    a, b = rng.random((2, 200, 4), dtype=np.float32)
    b -= 1
    found = sl.convert(graph, (a, b), budget=5.0, steps=8)
    assert next(iter(found.scores.values()))["loss"] <= 5.0
    # A mapping may have another order than the inputs of the ANN.
    by_name = sl.convert(graph, {"b": b, "a": a}, budget=5.0, steps=8)
    assert by_name.scores == found.scores
    assert by_name.until == found.until
    wanted = found.ann.run((a, b), steps=1).outputs["scores"].argmax(1)
    given = found.run((a, b), until=found.until).outputs["scores"].argmax(1)
    assert (given == wanted).mean() > 0.9


def test_until_can_be_set_and_saved(tmp_path: Path) -> None:
    snn = sl.convert(ANN, X, steps=8, method="fitted")
    assert snn.until is None
    snn.until = snn.stopping(NEW, loss=5.0)
    snn.save(tmp_path / "m.spk")
    assert sl.SpikingModel.load(tmp_path / "m.spk").until == snn.until != Stopping((4,), (1.0,))
    with pytest.raises(TypeError, match="until must be a Stopping or None"):
        snn.until = 0.5


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"budget": -1.0}, "budget must be finite and >= 0"),
        (
            {"budget": 1.0, "method": "percentile"},
            "method must be 'auto' or 'fitted' with a budget",
        ),
        ({"budget": 1.0, "coding": "poisson"}, "coding must be 'direct' with a budget"),
        ({"budget": 0.0, "steps": 2, "neuron": "predictive"}, "budget must be at least"),
    ],
)
def test_bad_budgets(given: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        sl.convert(ANN, X, **given)


def test_a_budget_needs_classes() -> None:
    regression = [*ANN[:-1], Linear(RNG.normal(size=(1, 24)))]
    with pytest.raises(ValueError, match="convert: output must be scores of several classes"):
        sl.convert(regression, X, budget=1.0)


def test_a_budget_needs_samples() -> None:
    with pytest.raises(ValueError, match="calibration must be at least 20"):
        sl.convert(ANN, X[:19], budget=1.0)
