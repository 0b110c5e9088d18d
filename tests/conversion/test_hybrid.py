from __future__ import annotations

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet import energy
from spikelet.conversion.hybrid import hybrid, search_split
from spikelet.layers import IF, Linear, ReLU
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel

NAMES = ["relu1", "relu2", "relu3", "relu4"]


def model(graph):
    return SpikingModel(graph, dtype="float64", threads=1)


def kinds(graph):
    return [type(graph[name].layer).__name__ for name in NAMES]


def test_neurons_are_taken_from_either():
    x = inputs(3)
    snn, ann = pair(x)
    assert kinds(hybrid(snn, ann, ["relu2", "relu4"])) == ["IF", "ReLU", "IF", "ReLU"]
    assert kinds(hybrid(snn, ann, lambda name: name < "relu3")) == ["ReLU", "ReLU", "IF", "IF"]
    assert kinds(hybrid(snn, ann, "relu3")) == ["IF", "IF", "ReLU", "IF"]
    np.testing.assert_array_equal(
        model(hybrid(snn, ann, NAMES)).run(x, 1).output, ann.run(x, 1).output
    )
    np.testing.assert_array_equal(
        model(hybrid(snn, ann, [])).run(x, 6).output, snn.run(x, 6).output
    )
    # What was analog stays analog.
    assert kinds(hybrid(model(hybrid(snn, ann, ["relu1"])), ann, ["relu4"]))[0] == "ReLU"


def test_segments_hand_over_means():
    x = inputs(5)
    snn, ann = pair(x)
    mixed = model(hybrid(snn, ann, ["relu3"])).run(x, 9, record="relu3.mean")
    front = snn.run(x, 9, record="affine.mean")["affine.mean"]
    given = np.maximum(front, 0)
    np.testing.assert_allclose(mixed["relu3.mean"], given, atol=1e-12)
    behind = [n for n in snn.graph if n.name in ("pool", "flat", "fc1", "relu4", "fc2")]
    behind[0] = Node("pool", behind[0].layer, ("input",))
    np.testing.assert_allclose(model(Graph(behind)).run(given, 9).output, mixed.output, atol=1e-12)


def test_layers_of_an_analog_segment_are_the_anns():
    x = inputs(3)
    snn, ann = pair(x)
    nodes = [
        Node(n.name, n.layer.replace(bias=np.full(len(n.layer.weight), 9.0)), n.inputs)
        if hasattr(n.layer, "bias")
        else n
        for n in snn.graph
    ]
    calibrated = model(Graph(nodes))

    def own(graph):  # which layers are the SNN's
        return [n.name for n in graph if n.layer is calibrated.graph[n.name].layer
                and hasattr(n.layer, "bias")]  # fmt: skip

    assert own(hybrid(calibrated, ann, [])) == ["conv1", "conv2", "conv3", "fc1", "fc2"]
    assert own(hybrid(calibrated, ann, ["relu3", "relu4"])) == ["conv1", "conv2"]
    # The output behind spikes is the SNN's, and so is what both kinds get.
    assert own(hybrid(calibrated, ann, ["relu1", "relu2"])) == ["conv3", "fc1", "fc2"]
    assert own(hybrid(calibrated, ann, NAMES)) == []
    np.testing.assert_array_equal(
        model(hybrid(calibrated, ann, NAMES)).run(x, 1).output, ann.run(x, 1).output
    )


@pytest.mark.parametrize("direction", ["snn-first", "ann-first"])
@pytest.mark.parametrize("labeled", [True, False])
def test_candidates_are_measured(direction, labeled):
    x = inputs(10)
    snn, ann = pair(x)
    expected = ann.run(x, 1).output.argmax(axis=1)
    labels = expected.copy()
    labels[0] = (labels[0] + 1) % 5
    found = search_split(
        snn, ann, x, labels if labeled else None, steps=5, direction=direction, max_loss=100.0
    )
    assert found["split"].tolist() == ["", *NAMES]
    reference = energy.measure(ann, x, 1).energy_nj
    for k, (row, run) in enumerate(zip(found, found.models, strict=True)):
        first, second = ("IF", "ReLU") if direction == "snn-first" else ("ReLU", "IF")
        assert kinds(run.graph) == [first] * k + [second] * (4 - k)
        assert row["spiking"] == (k if direction == "snn-first" else 4 - k)
        chosen = run.run(x, 5).output.argmax(axis=1)
        right = np.mean(chosen == (labels if labeled else expected))
        assert row["accuracy" if labeled else "agreement"] == right
        assert row["loss"] == pytest.approx(100 * ((0.9 if labeled else 1.0) - right))
        cost = energy.measure(run, x, 5, first_layer_once=True)
        assert row["energy_nj"] == pytest.approx(cost.energy_nj)
        assert row["energy_ratio"] == pytest.approx(cost.energy_nj / reference)
        assert row["spikes"] == pytest.approx(cost.snn.total.spikes)
        assert row["latency"] == (5 if row["spiking"] else 0)
    pure = found.rows[0 if direction == "snn-first" else -1]
    assert (pure["loss"], pure["spiking"]) == (0.0, 0)
    assert pure["energy_ratio"] == pytest.approx(1.0)


def test_the_best_within_the_budget_is_chosen():
    x = inputs(30)
    snn, ann = pair(x)
    given = {"snn": snn, "ann": ann, "x": x, "steps": 3}
    table = search_split(**given, max_loss=100.0)
    ratios, losses = table["energy_ratio"], table["loss"]
    assert max(losses) > 0
    assert table.chosen == int(np.argmin(ratios))
    assert table.model is table.models[table.chosen]
    assert [k for k, row in enumerate(table) if row["note"] == "chosen"] == [table.chosen]
    strict = search_split(**given, max_loss=0.0)
    allowed = [k for k, loss in enumerate(losses) if loss <= 0]
    assert strict.chosen == min(allowed, key=lambda k: ratios[k])
    limit = sorted(ratios)[2]
    cheap = search_split(**given, max_energy=limit)
    allowed = [k for k, ratio in enumerate(ratios) if ratio <= limit]
    assert len(allowed) == 3
    assert cheap.chosen == min(allowed, key=lambda k: (losses[k], ratios[k]))
    with_memory = search_split(**given, max_loss=100.0, memory=True)
    assert with_memory.chosen == int(np.argmin(table["memory_ratio"]))
    neither = search_split(**given, max_energy=0.0)
    assert neither.chosen is None
    with pytest.raises(ValueError, match=r"no row is, got limits .*'max_energy': 0"):
        _ = neither.model


BAD = [
    ({"max_loss": None}, ValueError, "max_loss or max_energy must be given"),
    ({"max_loss": -1.0}, ValueError, "max_loss must be finite and >= 0"),
    ({"max_energy": np.inf}, ValueError, "max_energy must be finite and >= 0"),
    ({"max_loss": "little"}, TypeError, "max_loss must be a number"),
    ({"direction": "both"}, ValueError, 'direction must be "snn-first" or "ann-first"'),
    ({"steps": 0}, ValueError, "steps must be >= 1"),
    ({"delay": 2}, ValueError, "delay must be >= 0 and <= 1"),
    ({"labels": [0]}, ValueError, "one entry for each of 2"),
    ({"technology": "old"}, ValueError, "technology must be one of"),
    ({"x": np.zeros((2, 1))}, ValueError, "conv1"),
    ({"ann": 0}, TypeError, "ann must be a SpikingModel"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input(change, error, message):
    x = inputs(2)
    snn, ann = pair(x)
    given = {"snn": snn, "ann": ann, "x": x, "steps": 2, "max_loss": 1.0, **change}
    with pytest.raises(error, match=message):
        search_split(**given)


def test_bad_names():
    snn, ann = pair(inputs(2))
    with pytest.raises(ValueError, match=r"keep must hold names of neurons .relu1, .*got 'conv1'"):
        hybrid(snn, ann, ["relu1", "conv1"])
    other = SpikingModel([Linear([[1.0]]), ("n", IF(1.0), ["linear0"])])
    with pytest.raises(ValueError, match="got no"):
        hybrid(other, ann, [])
    analog = SpikingModel([Linear([[1.0]]), ("n", ReLU(), ["linear0"])])
    assert [n.name for n in hybrid(other, analog, ["n"])] == ["linear0", "n"]
