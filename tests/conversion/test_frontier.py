"""Kinds of neurons and numbers of steps, compared, and the fewest operations for a loss."""

from __future__ import annotations

import json
import pickle
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.plain_ann import ANN, NEW, RNG, X

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion import Table, cheapest, frontier
from spikelet.layers import Linear
from spikelet.layers.graph import Graph, Node
from spikelet.layers.stopping import Stopping

STORED = json.loads((Path(__file__).parent / "evaluation_0_19.json").read_text())["frontier"]


def same(found: Table, stored: dict[str, list[float]]) -> None:
    """Compare the networks of a table with those of 0.19."""
    columns = {"loss": "loss", "energy": "energy_ratio", "with_memory": "memory_ratio"}
    for old, new in {**columns, "steps": "latency"}.items():
        assert found[new][:-1].astype(float) == pytest.approx(stored[old], rel=1e-9), new
    rival = found.rows[-1]
    assert [rival["loss"], rival["energy_ratio"]] == pytest.approx(stored["integer"], rel=1e-9)


def test_a_frontier_has_the_numbers_of_0_19() -> None:
    found = frontier(ANN, X, steps=[4, 2, 8], loss=1.0)
    same(found, STORED["frontier"])
    assert found.facts["samples"] == 80
    assert found["network"].tolist()[:3] == ["multi", "multi", "multi, stopped"]
    best = [row for row in found if row.get("note") == "best"]
    for row in found.rows[:-1]:
        beaten = any(
            p["loss"] <= row["loss"] and p["energy_ratio"] <= row["energy_ratio"] and p is not row
            for p in found.rows[:-1]
        )
        assert (row in best) != beaten
    for row, model in zip(found, found.models, strict=False):
        assert model.steps == row["steps"]
        assert (model.until is not None) == row["network"].endswith("stopped")


def test_labels_and_how_energy_is_counted() -> None:
    labels = np.arange(len(X)) % 5
    found = frontier(ANN, X, labels, steps=[4], loss=1.0, counting={"first_layer_once": True})
    same(found, STORED["frontier labels"])


def test_networks_that_wait_are_not_stopped() -> None:
    deep = [*ANN[:-1], Linear(np.eye(24)), L.ReLU(), ANN[-1]]
    found = frontier(deep, X, steps=[4], neurons=["multi"], keep=["relu3"])
    assert found["network"].tolist() == ["multi", "ANN, int8"]


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ({"steps": 4}, TypeError, "steps must be a sequence"),
        ({"neurons": "multi"}, TypeError, "neurons must be a sequence"),
        ({"neurons": ["no"]}, ValueError, "neuron must be"),
        ({"labels": np.zeros(3, int)}, ValueError, "labels must have one entry for each of 400"),
        ({"labels": np.full(400, 7)}, ValueError, "labels must lie in 0 .. 4"),
        ({"method": "fitted"}, TypeError, "method must not be given"),
        ({"loss": -1.0}, ValueError, "loss must be finite and >= 0"),
    ],
)
def test_bad_arguments_of_a_frontier(
    given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        frontier(ANN, X, **given)


def test_the_cheapest_has_the_least_energy_within_the_budget(tmp_path: Path) -> None:
    snn, found = cheapest(ANN, X, 2.0, steps=[2, 3, 4, 6, 8])
    rows = found.rows[: len(found.models)]
    assert found.chosen is not None
    chosen = rows[found.chosen]
    assert chosen["loss"] <= 2.0
    assert chosen["energy_ratio"] == min(r["energy_ratio"] for r in rows if r["loss"] <= 2.0)
    assert found.model is snn
    assert {row["network"].split(",")[0] for row in rows} == {"multi", "predictive"}
    assert snn.steps <= 8
    wanted = snn.ann.run(NEW, steps=1).output.argmax(1)
    result = snn.run(NEW, until=snn.until)
    assert (result.output.argmax(1) == wanted).mean() > 0.93
    snn.save(tmp_path / "m.spk")
    for other in (sl.SpikingModel.load(tmp_path / "m.spk"), pickle.loads(pickle.dumps(snn))):
        assert other.until == snn.until
        assert np.array_equal(other.run(NEW, until=other.until).output, result.output)


def test_several_inputs_and_outputs() -> None:
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
    found, table = cheapest(graph, (a, b), 5.0, steps=[2, 4, 8])
    assert table.rows[table.chosen or 0]["loss"] <= 5.0
    # A mapping may have another order than the inputs of the ANN.
    by_name, other = cheapest(graph, {"b": b, "a": a}, 5.0, steps=[2, 4, 8])
    assert other.to_dict() == table.to_dict()
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
    ("budget", "given", "error", "message"),
    [
        (-1.0, {}, ValueError, "budget must be finite and >= 0"),
        (1.0, {"coding": "poisson"}, TypeError, "coding must not be given"),
        (0.0, {"steps": [2], "neurons": ["predictive"]}, ValueError, "budget must be at least"),
    ],
)
def test_bad_budgets(
    budget: float, given: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=re.escape(message)):
        cheapest(ANN, X, budget, **given)


def test_losses_need_classes() -> None:
    regression = [*ANN[:-1], Linear(RNG.normal(size=(1, 24)))]
    with pytest.raises(ValueError, match="output must be scores of several classes"):
        cheapest(regression, X, 1.0, steps=[2])


def test_a_frontier_needs_samples() -> None:
    with pytest.raises(ValueError, match="calibration must be at least 20"):
        frontier(ANN, X[:19])
