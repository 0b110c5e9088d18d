from __future__ import annotations

import json
import math

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet import energy
from spikelet.conversion.curves import accuracy_curve
from spikelet.conversion.hybrid import hybrid
from spikelet.conversion.report import ConversionReport, LayerReport, report
from spikelet.conversion.response import steps_to_decision
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
    found = report(snn, ann, x, 8, labels=labels, delay=delay, batch_size=3)
    names = [layer.name for layer in found.layers]
    assert names == ["relu1", "relu2", "relu3", "relu4"]
    records = [f"{n}.{what}" for n in names for what in ("mean", "spikes")]
    spiking = snn.run(x, 8, record=records, delay=delay)
    analog = ann.run(x, 1, record=[f"{n}.mean" for n in names])
    for layer in found.layers:
        s, a = spiking[f"{layer.name}.mean"], analog[f"{layer.name}.mean"]
        spikes = spiking[f"{layer.name}.spikes"] != 0
        late = spikes[delay:]
        assert layer.neurons == a[0].size
        assert layer.error == pytest.approx(np.sqrt(np.mean((s - a) ** 2) / np.mean(a**2)))
        assert layer.mean_error == pytest.approx(np.mean(s - a))
        assert layer.activity == pytest.approx(s.mean() / a.mean())
        assert layer.rate == pytest.approx(spikes.mean())
        silent = ~late.any(axis=(0, 1))
        assert layer.silent == pytest.approx(silent.mean())
        assert layer.silenced == pytest.approx((silent & (a > 0).any(axis=0)).mean())
        assert layer.saturated == pytest.approx(late.all(axis=0).mean())
        th = snn.graph[layer.name].layer.threshold
        assert layer.threshold == pytest.approx((th, th, th))
    chosen, expected = spiking.output.argmax(axis=1), analog.output.argmax(axis=1)
    assert found.agreement == np.mean(chosen == expected)
    assert found.accuracy == np.mean(chosen == labels)
    assert found.ann_accuracy == np.mean(expected == labels)
    assert any(layer.saturated > 0 for layer in found.layers)


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
    good, bad = report(snn, ann, x, 32), report(starved, ann, x, 32)
    assert good.vanishing == ()
    assert "relu3" in bad.vanishing
    assert "relu1" not in bad.vanishing
    assert bad["relu3"].silent == 1
    assert 0.5 < bad["relu3"].silenced < 1
    (line,) = [line for line in str(bad).splitlines() if line.startswith("relu3")]
    assert line.endswith("<- spikes vanish")
    assert "vanish" not in str(good)


def test_errors_shrink_with_steps():
    x = inputs(6)
    snn, ann = pair(x)
    few, many = (report(snn, ann, x, steps) for steps in (4, 256))
    for a, b in zip(few.layers, many.layers, strict=True):
        assert b.error < a.error / 4
    assert many.accuracy is None
    assert "accuracy" not in str(many)


def test_analog_layers_of_a_hybrid_have_no_rate():
    x = inputs(4)
    snn, ann = pair(x)
    mixed = SpikingModel(hybrid(snn, ann, ["relu1"]), dtype="float64", threads=1)
    found = report(mixed, ann, x, 4)
    first = found["relu1"]
    assert (first.kind, first.error, first.activity) == ("ReLU", 0.0, 1.0)
    assert (first.rate, first.silent, first.silenced, first.saturated, first.threshold) == (
        None,
    ) * 5
    assert found["relu2"].kind == "IF"


def test_thresholds_of_channels():
    rng = np.random.default_rng(0)
    weight = rng.random((3, 2))
    th = np.array([0.5, 1.0, 3.0])
    ann = SpikingModel([Linear(weight), ("n", ReLU(), ["linear0"])], threads=1)
    snn = SpikingModel([Linear(weight), ("n", IF(th, amplitude=th), ["linear0"])], threads=1)
    found = report(snn, ann, rng.random((4, 2)), 5)
    assert found["n"].threshold == (0.5, 1.5, 3.0)
    assert "0.5 .. 3" in str(found)


def test_sequences_are_compared_with_their_mean():
    x = inputs(5)
    snn, ann = pair(x)
    raster = (np.random.default_rng(0).random((40, *x.shape)) < x).astype(np.int8)
    found = report(snn, ann, raster, batch_size=2)
    assert (found.steps, found.samples) == (40, 5)
    expected = ann.run(raster.mean(axis=0), 1, record="relu1.mean")["relu1.mean"]
    got = snn.run(raster, record="relu1.mean")["relu1.mean"]
    assert found["relu1"].mean_error == pytest.approx(np.mean(got - expected))


def test_report_as_json(tmp_path):
    x = inputs(3)
    snn, ann = pair(x)
    found = report(snn, ann, x, 4, labels=[0, 1, 2])
    path = tmp_path / "report.json"
    written = json.loads(found.to_json(path))
    assert written == json.loads(path.read_text()) == found.to_dict()
    assert written["layers"][1]["rate"] == found["relu2"].rate
    with pytest.raises(KeyError, match="nowhere"):
        found["nowhere"]
    nothing = ConversionReport(
        (LayerReport("a", "ReLU", 1, math.nan, 0.0, math.nan),), 1, 0, 1, 1.0
    )
    assert nothing.to_dict()["layers"][0]["error"] is None


BAD = [
    ({"steps": 0}, ValueError, "steps must be >= 1"),
    ({"x": np.zeros((0, 2, 8, 8))}, ValueError, "x must not be empty"),
    ({"labels": [0]}, ValueError, "labels must have one entry for each of 3 samples"),
    ({"labels": [0, 1, 5]}, ValueError, r"labels must lie in 0 \.\. 4"),
    ({"labels": [0.5, 1, 2]}, TypeError, "labels"),
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
        report(**{"snn": snn, "ann": ann, "x": x, "steps": 4, **change})


def test_models_must_be_a_pair():
    x = inputs(2)
    snn, ann = pair(x)
    with pytest.raises(ValueError, match="ann must not have spiking neurons, got layer 'relu1'"):
        report(snn, snn, x, 2)
    other = SpikingModel(
        [
            Node(*(name.replace("relu2", "other") for name in (n.name,)), n.layer,
                 tuple(i.replace("relu2", "other") for i in n.inputs))
            for n in ann.graph
        ]
    )  # fmt: skip
    with pytest.raises(ValueError, match="got no 'other'"):
        report(snn, other, x, 2)


@pytest.mark.parametrize("batch_size", [None, 2])
def test_outputs_of_a_regression(batch_size):
    x = np.random.default_rng(3).random((7, 2))
    layers = [
        ("a", Linear([[2.0, -1.0]], [100.0]), ("input",)),
        ("b", Linear([[3.0], [1.0]]), ("a",)),
    ]
    ann = SpikingModel(Graph(layers, outputs=("a", "b")), dtype="float64")
    layers[0] = ("a", Linear([[2.5, -2.0]], [100.0]), ("input",))
    snn = SpikingModel(Graph(layers, outputs=("a", "b")), dtype="float64")
    found = report(snn, ann, x, 4, batch_size=batch_size)
    for name in ("a", "b"):
        one, two = snn.run(x, 1).outputs[name], ann.run(x, 1).outputs[name]
        error = np.sqrt(np.mean((one - two) ** 2) / two.var(axis=0).mean())
        assert error > 0.1
        assert found.outputs[name] == pytest.approx(error)
    # A single number decides nothing, and a model without neurons has no layers to show.
    assert math.isnan(found.agreement)
    assert found.layers == ()
    assert found.to_dict()["agreement"] is None
    text = str(found)
    assert text.startswith("T = 4, 7 samples: output 'a' off by ")
    assert "agreement" not in text
    assert "\n" not in text
    with pytest.raises(ValueError, match=r"report must have a layer of neurons; .* got layers 0"):
        found.plot()


class Made(SpikingModel):
    """A model that was made for so many steps, as converted ones are."""

    ann, steps, delay, coding = None, 8, 4, "latency"

    def run(self, x, steps=None, **options):
        return super().run(x, steps or self.steps, **{"coding": self.coding, **options})


def test_what_a_model_was_made_for_is_the_default():
    x = inputs(5)
    snn, ann = pair(x)
    made = Made(snn.graph, dtype="float64", threads=1)
    found = report(made, ann, x)
    assert (found.steps, found.delay) == (8, 4)
    assert found.to_dict() == report(snn, ann, x, 8, delay=4, coding="latency").to_dict()
    assert report(made, ann, x, 4).delay == 2
    cost = energy.measure(made, x, ann=ann)
    assert cost == energy.measure(snn, x, 8, ann=ann, coding="latency")
    curve = accuracy_curve(made, x, None, [4, 8], ann=ann)
    expected = ann.run(x, 1).output.argmax(axis=1)
    for k, (steps, delay) in enumerate(((4, 2), (8, 4))):
        output = snn.run(x, steps, delay=delay, coding="latency").output
        assert curve.agreement[k] == np.mean(output.argmax(axis=1) == expected)
    direct = steps_to_decision(made, x, 8, coding="direct")
    for steps in (1, 3, 8):
        output = snn.run(x, steps, delay=steps // 2).output
        np.testing.assert_array_equal(direct.decision[steps - 1], output.argmax(axis=1))
