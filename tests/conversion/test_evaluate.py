"""One table of accuracy, agreement, spikes and energy: one run gives what many would."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.support.layered import inputs, pair
from tests.support.plain_ann import ANN, NEW, X

import spikelet as sl
from spikelet import energy
from spikelet.conversion.evaluate import evaluate, stops_early
from spikelet.conversion.hybrid import hybrid
from spikelet.layers import IF, Linear, PredictiveIF
from spikelet.layers.graph import Graph
from spikelet.layers.samples import Samples
from spikelet.layers.spiking_model import SpikingModel


@pytest.mark.parametrize("delay", [0, 2])
def test_one_run_gives_the_results_of_many(delay: int) -> None:
    x = inputs(9)
    snn, ann = pair(x)
    outputs = ann.run(x, 1).output
    expected = outputs.argmax(axis=1)
    labels = expected.copy()
    labels[:2] = (labels[:2] + 1) % 5
    given = {"delay": delay, "batch_size": 4, "energy_samples": 3}
    table = evaluate(snn, ann, x, labels, range(1, 13), **given)
    np.testing.assert_array_equal(table["steps"], np.arange(1, 13))
    final = snn.run(x, 12, delay=delay).output.argmax(axis=1)
    chosen = [snn.run(x, t, delay=min(delay, t - 1)).output.argmax(axis=1) for t in range(1, 13)]
    spent = energy.measure(ann, x[:3], 1, memory=True).snn.total
    for k, row in enumerate(table):
        t = row["steps"]
        output = snn.run(x, t, delay=min(delay, t - 1)).output
        assert row["accuracy"] == np.mean(chosen[k] == labels)
        assert row["agreement"] == np.mean(chosen[k] == expected)
        assert row["loss"] == pytest.approx(100 * (7 / 9 - row["accuracy"]))
        assert row["decided"] == np.mean(np.all([c == final for c in chosen[k:]], axis=0))
        error = np.sqrt(np.mean((output - outputs) ** 2) / outputs.var(axis=0).mean())
        assert row["error"] == pytest.approx(error)
        assert row["latency"] == t
        cost = energy.measure(snn, x[:3], t, memory=True).snn.total
        assert row["spikes"] == pytest.approx(cost.spikes)
        assert row["spikes_per_neuron"] == pytest.approx(cost.spikes / (384 + 384 + 128 + 10))
        assert (row["acs"], row["macs"]) == (cost.effective_acs, cost.effective_macs)
        assert row["energy_nj"] == pytest.approx(cost.compute_pj / 1e3)
        assert row["energy_ratio"] == pytest.approx(cost.compute_pj / spent.compute_pj)
        assert row["memory_ratio"] == pytest.approx(cost.energy_pj / spent.energy_pj)
    assert table.facts["ann_accuracy"] == 7 / 9
    assert table.facts["samples"] == 9
    few = evaluate(snn, ann, x, labels, [1, 4, 12], **{**given, "energy_samples": 0})
    for column in ("accuracy", "agreement", "error"):
        np.testing.assert_array_equal(few[column], table[column][[0, 3, 11]])
    assert "energy_nj" not in few.columns


def test_models_that_wait_are_run_for_each_number_of_steps() -> None:
    x = inputs(6)
    snn, ann = pair(x)
    mixed = SpikingModel(hybrid(snn, ann, ["relu3"]), dtype="float64", threads=1)
    expected = ann.run(x, 1).output.argmax(axis=1)
    cases: list[tuple[Any, dict[str, Any], int]] = [
        (snn, {"coding": "latency"}, 1),
        (mixed, {}, 2),
    ]
    for model, arguments, segments in cases:
        table = evaluate(model, ann, x, None, [1, 3, 6], **arguments)
        for row in table:
            chosen = model.run(x, row["steps"], **arguments).output.argmax(axis=1)
            assert row["agreement"] == np.mean(chosen == expected)
            assert row["latency"] == segments * row["steps"]


def test_which_models_stop_early() -> None:
    x = inputs(2)
    snn, ann = pair(x)

    def early(model: SpikingModel, **how: Any) -> bool:
        return stops_early(model, Samples.of("test", model, x, 4), 4, **how)

    assert early(snn)
    assert early(snn, coding="poisson")
    assert not early(snn, coding="latency")
    assert not early(SpikingModel(hybrid(snn, ann, ["relu3"])))
    # A ReLU that only sees constants does not wait, and one without neurons behind it takes the mean so far.
    for keep in (["relu1"], ["relu3", "relu4"]):
        mixed = SpikingModel(hybrid(snn, ann, keep), dtype="float64")
        assert early(mixed)
        so_far = mixed.run(x, 4, until=sl.Stopping.never([2])).so_far
        np.testing.assert_array_equal(so_far[0], mixed.run(x, 2).output)
    with pytest.raises(ValueError, match="conv1"):
        stops_early(snn, Samples.of("test", snn, x[:, :1], 4), 4)


def test_input_spikes_are_part_of_the_cost() -> None:
    x = inputs(3)
    snn, ann = pair(x)
    table = evaluate(snn, ann, x, None, 6, coding="poisson", seed=3)
    operations = snn.run(x, 6, coding="poisson", seed=3).operations
    assert operations["input"].spikes > 0
    assert table["spikes"][0] == pytest.approx(sum(o.spikes for o in operations.values()))


def test_neurons_made_for_one_number_of_steps_answer_on_the_way() -> None:
    snn = sl.convert(ANN, X, steps=16, method="fitted")
    table = evaluate(snn, ANN, NEW, steps=(4, 16))
    ways = [
        snn.run(NEW, until=sl.Stopping((4,), (0.0,))),
        snn.run(NEW),
    ]
    expected = snn.ann.run(NEW, steps=1).output.argmax(axis=1)
    for row, result in zip(table, ways, strict=True):
        assert row["agreement"] == np.mean(result.output.argmax(axis=1) == expected)
    assert table["spikes"][0] < table["spikes"][1]
    assert table.facts["made_for"] == 16
    with pytest.raises(ValueError, match="steps must be at most 16, which its neurons are made"):
        evaluate(snn, ANN, NEW, steps=(16, 32))
    with pytest.raises(ValueError, match="steps must be 16, which its neurons are made for"):
        evaluate(snn, ANN, NEW, steps=8, coding="latency")


def test_a_mean_that_does_not_exist_yet_is_left_out() -> None:
    sizes = np.array([2.0, 1.0, -1.0, 2.0, 1.0])
    neurons = PredictiveIF(pace=np.ones(5), limit=np.full(5, 0.5), sizes=sizes)
    model = SpikingModel([neurons, Linear(np.eye(2))], threads=1)
    x = np.array([[0.2, 0.9], [0.9, 0.2]])
    with np.errstate(all="raise"):
        table = evaluate(model, x, x, steps=range(1, 6), delay=0)
    assert table["agreement"][-1] == np.mean(model.run(x, 5).output.argmax(1) == x.argmax(1))


def test_stopping_shortens_the_latency() -> None:
    snn = sl.convert(ANN, X, steps=16, method="fitted")
    stop = snn.stopping(X, loss=1.0)
    result = snn.run(NEW, until=stop)
    table = evaluate(snn, ANN, NEW, until=stop, energy_samples=None)
    assert table["latency"][0] == result.steps.mean() < 16
    cost = energy.measure(snn, NEW, until=stop, ann=snn.ann)
    assert table["energy_ratio"][0] == pytest.approx(cost.ratio)
    labels = snn.ann.run(NEW, steps=1).output.argmax(axis=1)
    assert table["agreement"][0] == np.mean(snn.predict(NEW, until=stop) == labels)


def test_the_ann_may_be_anything_that_converts() -> None:
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    module = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), torch.nn.BatchNorm2d(4), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5)
    )  # fmt: skip
    module(torch.randn(20, 1, 8, 8))  # statistics of BatchNorm
    module.eval()
    x = np.random.default_rng(0).random((30, 1, 8, 8), dtype=np.float32)
    with torch.no_grad():
        outputs = module(torch.from_numpy(x))
    snn = sl.convert(module, x, steps=8, method="percentile")
    tables = [evaluate(snn, ann, x) for ann in (None, snn.ann, module, snn.ann.graph)]
    for table in tables[1:]:
        assert table.to_dict() == tables[0].to_dict()
    alone = evaluate(snn, outputs, x)
    assert alone["agreement"] == tables[0]["agreement"]
    assert alone["error"] == pytest.approx(tables[0]["error"], rel=1e-5)
    assert "energy_ratio" not in alone.columns
    assert alone["energy_nj"] == tables[0]["energy_nj"]


def test_sequences_are_compared_with_their_mean() -> None:
    x = inputs(5)
    snn, ann = pair(x)
    raster = (np.random.default_rng(0).random((40, *x.shape)) < x).astype(np.int8)
    table = evaluate(snn, ann, raster, batch_size=2)
    expected = ann.run(raster.mean(axis=0), 1).output
    found = snn.run(raster).output
    assert table["steps"].tolist() == [40]
    assert table["agreement"][0] == np.mean(found.argmax(1) == expected.argmax(1))
    assert table["spikes"][0] == pytest.approx(
        sum(o.spikes for o in snn.run(raster).operations.values())
    )


@pytest.mark.parametrize("batch_size", [None, 2])
def test_outputs_of_a_regression(batch_size: int | None) -> None:
    x = np.random.default_rng(3).random((7, 2))
    layers = [
        ("a", Linear([[2.0, -1.0]], [100.0]), ("input",)),
        ("b", Linear([[3.0], [1.0]]), ("a",)),
    ]
    ann = SpikingModel(Graph(layers, outputs=("a", "b")), dtype="float64")
    layers[0] = ("a", Linear([[2.5, -2.0]], [100.0]), ("input",))
    snn = SpikingModel(Graph(layers, outputs=("a", "b")), dtype="float64")
    table = evaluate(snn, ann, x, steps=(2, 4), batch_size=batch_size)
    for name in ("a", "b"):
        one, two = snn.run(x, 1).outputs[name], ann.run(x, 1).outputs[name]
        error = np.sqrt(np.mean((one - two) ** 2) / two.var(axis=0).mean())
        assert error > 0.1
        assert table[f"error of {name}"] == pytest.approx([error, error])
    # A single number decides nothing.
    assert "agreement" not in table.columns
    assert table.to_dict()["rows"][0]["agreement"] is None
    named = evaluate(snn, dict(ann.run(x, 1).outputs), x, steps=4)
    assert named["error of b"] == pytest.approx(table["error of b"][:1])


class Made(SpikingModel):
    """A model that was made for so many steps, as converted ones are."""

    ann, steps, delay, coding = None, 8, 4, "latency"

    def run(self, x: Any, steps: Any = None, **options: Any) -> Any:
        return super().run(x, steps or self.steps, **{"coding": self.coding, **options})


def test_what_a_model_was_made_for_is_the_default() -> None:
    x = inputs(5)
    snn, ann = pair(x)
    made = Made(snn.graph, dtype="float64", threads=1)
    assert evaluate(made, ann, x)["steps"].tolist() == [8]
    cost = energy.measure(made, x, ann=ann)
    assert cost == energy.measure(snn, x, 8, ann=ann, coding="latency")
    expected = ann.run(x, 1).output.argmax(axis=1)
    for coding in ("latency", "direct"):
        table = evaluate(made, ann, x, None, [4, 8], coding=coding)
        for row, delay in zip(table, (2, 4), strict=True):
            output = snn.run(x, row["steps"], delay=delay, coding=coding).output
            assert row["agreement"] == np.mean(output.argmax(axis=1) == expected)


STORED = json.loads((Path(__file__).parent / "evaluation_0_19.json").read_text())
"""Results of 0.19 (`accuracy_curve`, `report`, `search_split`, `frontier`, `energy.measure`), which had a class each; energies
since neurons are counted, too."""


@pytest.mark.parametrize("name", ["subtract", "zero", "sizes"])
def test_the_numbers_are_those_of_0_19(name: str) -> None:
    x = inputs(20)
    labels = np.arange(20) % 5
    how: dict[str, Any] = {
        "subtract": {},
        "zero": {"reset": "zero"},
        "sizes": {"code": "signed", "levels": 3},
    }[name]
    snn, ann = pair(x, quantile=0.9, **how)
    stored = STORED[name]
    cases = {
        "curve": evaluate(snn, ann, x, labels, [1, 2, 5, 12], delay=2, energy_samples=7),
        "poisson": evaluate(snn, ann, x, None, [3, 12], coding="poisson", seed=4),
        "latency": evaluate(snn, ann, x, None, [3, 12], coding="latency"),
    }
    for case, table in cases.items():
        for column, values in stored[case].items():
            assert table[column] == pytest.approx(values, rel=1e-9), (case, column)
    summary = sl.conversion.report(snn, ann, x, labels, 8, delay=1)
    for column, values in stored["report"].items():
        assert summary[column] == pytest.approx(values, rel=1e-9), column
    split = sl.conversion.search_split(snn, ann, x, labels, steps=5, max_loss=100.0)
    for column, values in stored["split"].items():
        assert split[column] == pytest.approx(values, rel=1e-9), column
    assert split.chosen == stored["chosen"]
    for given, values in stored["energy"]:
        found = energy.measure(snn, x, 6, ann=ann, **given)
        for network, layers in values.items():
            for layer, quantities in layers.items():
                for quantity, value in quantities.items():
                    assert getattr(getattr(found, network)[layer], quantity) == pytest.approx(
                        value, rel=1e-12
                    )


BAD: list[tuple[dict[str, Any], type[Exception], str]] = [
    ({"steps": []}, ValueError, "steps must be one integer"),
    ({"steps": [4, 4]}, ValueError, "steps must be one integer, or several in ascending order"),
    ({"steps": 0}, ValueError, "steps must be >= 1"),
    ({"steps": [1.5]}, TypeError, "steps must be an integer"),
    ({"labels": None, "ann": None}, ValueError, "labels must be given if there is no ann"),
    ({"labels": [0]}, ValueError, "one entry for each of 3"),
    ({"labels": [0, 1, 5]}, ValueError, r"labels must lie in 0 \.\. 4"),
    ({"labels": [0.5, 1, 2]}, TypeError, "labels"),
    ({"delay": -1}, ValueError, "delay must be >= 0"),
    ({"energy_samples": -1}, ValueError, "energy_samples must be >= 0"),
    ({"batch_size": -1}, ValueError, "batch_size"),
    ({"x": np.zeros((0, 2, 8, 8))}, ValueError, "x must not be empty"),
    ({"snn": 1}, TypeError, "snn must be a SpikingModel"),
    ({"ann": 1}, TypeError, "ann must be a torch.nn.Module, the path of an .onnx file"),
    ({"ann": np.zeros((3, 4))}, ValueError, r"ann must have the shapes \[\(3, 5\)\]"),
    ({"technology": "7nm"}, ValueError, "technology must be one of 45nm"),
    ({"until": -1.0}, ValueError, "until must be finite and >= 0"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input(change: dict[str, Any], error: type[Exception], message: str) -> None:
    x = inputs(3)
    snn, ann = pair(x)
    given: dict[str, Any] = {"snn": snn, "ann": ann, "x": x, "labels": [0, 1, 2], "steps": [2]}
    with pytest.raises(error, match=message):
        evaluate(**{**given, **change})


def test_an_ann_does_not_spike() -> None:
    x = inputs(2)
    snn, _ = pair(x)
    with pytest.raises(ValueError, match="ann must not have spiking neurons, got layer 'relu1'"):
        evaluate(snn, snn, x, steps=2)


def test_labels_alone_give_an_accuracy() -> None:
    model = SpikingModel([Linear(np.eye(3)), IF(1.0)])
    table = evaluate(model, None, np.eye(3), [0, 1, 1], steps=4)
    assert table["accuracy"] == pytest.approx([2 / 3])
    assert {"agreement", "loss", "error", "energy_ratio"}.isdisjoint(table.columns)
    assert math.isfinite(table["energy_nj"][0])
