"""Comparisons layer by layer say what the records say."""

from __future__ import annotations

import json

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet.conversion.evaluate import evaluate
from spikelet.conversion.hybrid import hybrid
from spikelet.conversion.layer_errors import layer_errors, report
from spikelet.layers import IF, Linear, ReLU
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel

NEURONS = [
    {},
    {"reset": "zero"},
    {"code": "signed"},
    {"code": "differential"},
    {"code": "signed", "levels": 3},
]


@pytest.mark.parametrize("neuron", NEURONS, ids=str)
@pytest.mark.parametrize("delay", [0, 3])
def test_report_is_what_the_records_say(neuron, delay):
    x = inputs(7)
    snn, ann = pair(x, quantile=0.9, **neuron)
    labels = np.arange(7) % 5
    found = report(snn, ann, x, labels, 8, delay=delay, batch_size=3)
    names = found["layer"].tolist()
    assert names == ["relu1", "relu2", "relu3", "relu4"]
    records = [f"{n}.{what}" for n in names for what in ("mean", "spikes")]
    spiking = snn.run(x, 8, record=records, delay=delay)
    analog = ann.run(x, 1, record=[f"{n}.mean" for n in names])
    for layer in found:
        name = layer["layer"]
        s, a = spiking[f"{name}.mean"], analog[f"{name}.mean"]
        spikes = spiking[f"{name}.spikes"] != 0
        late = spikes[delay:]
        assert layer["neurons"] == a[0].size
        assert layer["error"] == pytest.approx(np.sqrt(np.mean((s - a) ** 2) / np.mean(a**2)))
        assert layer["mean_error"] == pytest.approx(np.mean(s - a))
        assert layer["activity"] == pytest.approx(s.mean() / a.mean())
        assert layer["rate"] == pytest.approx(spikes.mean())
        silent = ~late.any(axis=(0, 1))
        assert layer["silent"] == pytest.approx(silent.mean())
        assert layer["silenced"] == pytest.approx((silent & (a > 0).any(axis=0)).mean())
        assert layer["saturated"] == pytest.approx(late.all(axis=0).mean())
        th = snn.graph[name].layer.threshold
        thresholds = [layer[k] for k in ("threshold_min", "threshold", "threshold_max")]
        assert thresholds == pytest.approx([th] * 3)
    chosen, expected = spiking.output.argmax(axis=1), analog.output.argmax(axis=1)
    assert found.facts["agreement"] == np.mean(chosen == expected)
    assert found.facts["accuracy"] == np.mean(chosen == labels)
    assert found.facts["ann_accuracy"] == np.mean(expected == labels)
    whole = evaluate(snn, ann, x, labels, 8, delay=delay, batch_size=3)
    assert whole.rows[0].items() <= found.facts.items()
    assert any(layer["saturated"] > 0 for layer in found)


def test_vanishing_spikes_are_found():
    x = inputs(6)
    snn, ann = pair(x)
    nodes = [
        Node(n.name, n.layer.replace(threshold=60 * n.layer.threshold, v_init=0.0), n.inputs)
        if n.name == "relu3"
        else n
        for n in snn.graph
    ]
    starved = SpikingModel(Graph(nodes), dtype="float64", threads=1)
    good, bad = layer_errors(snn, ann, x, 32), layer_errors(starved, ann, x, 32)
    assert not any(good["note"])
    assert bad.row("relu1")["note"] == ""
    gone = bad.row("relu3")
    assert gone["note"] == "spikes vanish"
    assert gone["silent"] == 1
    assert 0.5 < gone["silenced"] < 1
    (line,) = [line for line in str(bad).splitlines() if line.startswith("relu3")]
    assert line.endswith("<- spikes vanish")
    assert "vanish" not in str(good)


def test_errors_shrink_with_steps():
    x = inputs(6)
    snn, ann = pair(x)
    few, many = (layer_errors(snn, ann, x, steps) for steps in (4, 256))
    assert (many["error"] < few["error"] / 4).all()
    assert "accuracy" not in str(report(snn, ann, x, steps=4))


def test_analog_layers_of_a_hybrid_have_no_rate():
    x = inputs(4)
    snn, ann = pair(x)
    mixed = SpikingModel(hybrid(snn, ann, ["relu1"]), dtype="float64", threads=1)
    found = layer_errors(mixed, ann, x, 4)
    first = found.row("relu1")
    assert (first["kind"], first["error"], first["activity"]) == ("ReLU", 0.0, 1.0)
    assert {"rate", "silent", "silenced", "saturated", "threshold"}.isdisjoint(first)
    assert found.row("relu2")["kind"] == "IF"
    assert np.isnan(found["rate"][0])


def test_thresholds_of_channels():
    rng = np.random.default_rng(0)
    weight = rng.random((3, 2))
    th = np.array([0.5, 1.0, 3.0])
    ann = SpikingModel([Linear(weight), ("n", ReLU(), ["linear0"])], threads=1)
    snn = SpikingModel([Linear(weight), ("n", IF(th, amplitude=th), ["linear0"])], threads=1)
    found = layer_errors(snn, ann, rng.random((4, 2)), 5).row("n")
    limits = [found[k] for k in ("threshold_min", "threshold", "threshold_max")]
    assert limits == [0.5, 1.5, 3.0]


def test_sequences_are_compared_with_their_mean():
    x = inputs(5)
    snn, ann = pair(x)
    raster = (np.random.default_rng(0).random((40, *x.shape)) < x).astype(np.int8)
    found = report(snn, ann, raster, batch_size=2)
    assert (found.facts["steps"], found.facts["samples"]) == (40, 5)
    expected = ann.run(raster.mean(axis=0), 1, record="relu1.mean")["relu1.mean"]
    got = snn.run(raster, record="relu1.mean")["relu1.mean"]
    assert found.row("relu1")["mean_error"] == pytest.approx(np.mean(got - expected))


def test_report_as_json(tmp_path):
    x = inputs(3)
    snn, ann = pair(x)
    found = report(snn, ann, x, [0, 1, 2], 4)
    path = tmp_path / "report.json"
    written = json.loads(found.to_json(path))
    assert written == json.loads(path.read_text()) == found.to_dict()
    assert written["rows"][1]["rate"] == found.row("relu2")["rate"]


BAD = [
    ({"steps": 0}, ValueError, "steps must be >= 1"),
    ({"x": np.zeros((0, 2, 8, 8))}, ValueError, "x must not be empty"),
    ({"delay": 4}, ValueError, "delay must be >= 0 and <= 3"),
    ({"ann": None}, TypeError, "ann must be a SpikingModel"),
    ({"snn": "x"}, TypeError, "snn must be a SpikingModel"),
    ({"batch_size": -1}, ValueError, "batch_size"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD)
def test_bad_input(change, error, message):
    x = inputs(3)
    snn, ann = pair(x)
    with pytest.raises(error, match=message):
        layer_errors(**{"snn": snn, "ann": ann, "x": x, "steps": 4, **change})


def test_models_must_be_a_pair():
    x = inputs(2)
    snn, ann = pair(x)
    with pytest.raises(ValueError, match="ann must not have spiking neurons, got layer 'relu1'"):
        layer_errors(snn, snn, x, 2)
    other = SpikingModel(
        [
            Node(*(name.replace("relu2", "other") for name in (n.name,)), n.layer,
                 tuple(i.replace("relu2", "other") for i in n.inputs))
            for n in ann.graph
        ]
    )  # fmt: skip
    with pytest.raises(ValueError, match="got no 'other'"):
        layer_errors(snn, other, x, 2)


def test_a_model_without_neurons_has_no_layers_to_show():
    ann = SpikingModel([Linear([[3.0], [1.0]])])
    found = report(ann, ann, np.ones((2, 1)), steps=4)
    assert found.rows == []
    assert "layer" not in str(found)
    with pytest.raises(ValueError, match=r"table must have rows; graded units have no neurons"):
        found.plot()


def test_what_a_model_was_made_for_is_the_default():
    x = inputs(5)
    snn, ann = pair(x)

    class Made(SpikingModel):
        ann, steps, delay, coding = None, 8, 4, "latency"

        def run(self, x, steps=None, **options):
            return super().run(x, steps or self.steps, **{"coding": self.coding, **options})

    made = Made(snn.graph, dtype="float64", threads=1)
    found = report(made, ann, x)
    assert (found.facts["steps"], found.facts["delay"]) == (8, 4)
    assert found.to_dict() == report(snn, ann, x, None, 8, delay=4, coding="latency").to_dict()
    assert layer_errors(made, ann, x, 4).facts["delay"] == 2
