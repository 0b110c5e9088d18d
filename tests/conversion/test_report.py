from __future__ import annotations

import json
import math

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet import energy, plot
from spikelet.conversion.comparison import Comparison, compare
from spikelet.conversion.curves import AccuracyCurve, accuracy_curve
from spikelet.conversion.hybrid import hybrid
from spikelet.conversion.report import ConversionReport, LayerReport, report
from spikelet.conversion.response import Decisions, steps_to_decision
from spikelet.layers import IF, Linear, ReLU
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel

matplotlib = pytest.importorskip("matplotlib")
matplotlib.use("Agg")
from matplotlib import pyplot as plt

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
    linear = SpikingModel([Linear([[1.0]])])
    with pytest.raises(ValueError, match="at least one ReLU"):
        report(linear, linear, np.ones((1, 1)), 2)


@pytest.mark.parametrize("delay", [0, 2])
def test_one_run_gives_the_curve_of_many(delay):
    x = inputs(9)
    snn, ann = pair(x)
    labels = ann.run(x, 1).output.argmax(axis=1)
    labels[:2] = (labels[:2] + 1) % 5
    one = accuracy_curve(snn, x, labels, 12, ann=ann, delay=delay, batch_size=4, energy_samples=3)
    np.testing.assert_array_equal(one.steps, np.arange(1, 13))
    for k, steps in enumerate(one.steps):
        chosen = snn.run(x, int(steps), delay=min(delay, steps - 1)).output.argmax(axis=1)
        assert one.accuracy[k] == np.mean(chosen == labels)
        cost = energy.measure(snn, x[:3], int(steps))
        assert one.spikes[k] == pytest.approx(cost.snn.total.spikes)
        assert one.energy_nj[k] == pytest.approx(cost.energy_nj)
    assert one.ann_accuracy == 7 / 9
    again = accuracy_curve(
        snn, x, labels, [1, 4, 12], ann=ann, delay=delay, rerun=True, energy_samples=0
    )
    np.testing.assert_array_equal(again.accuracy, one.accuracy[[0, 3, 11]])
    np.testing.assert_array_equal(again.agreement, one.agreement[[0, 3, 11]])
    assert (again.spikes, again.energy_nj) == (None, None)


def test_models_made_for_each_number_of_steps():
    x = inputs(6)
    snn, ann = pair(x)
    other, _ = pair(x, quantile=0.8)
    asked = []

    def model(steps):
        asked.append(steps)
        return other if steps == 2 else snn

    curve = accuracy_curve(snn, x, None, [2, 5], ann=ann, rerun=model)
    assert set(asked) == {2, 5}
    expected = ann.run(x, 1).output.argmax(axis=1)
    for k, (m, steps) in enumerate(((other, 2), (snn, 5))):
        assert curve.agreement[k] == np.mean(m.run(x, steps).output.argmax(axis=1) == expected)
    assert curve.accuracy is None
    assert curve.ann_accuracy is None
    assert curve.quality is curve.agreement


def test_latency_and_hybrids_are_run_again():
    x = inputs(6)
    snn, ann = pair(x)
    mixed = SpikingModel(hybrid(snn, ann, ["relu3"]), dtype="float64", threads=1)
    for model, arguments in ((snn, {"coding": "latency"}), (mixed, {})):
        curve = accuracy_curve(model, x, None, [1, 3, 6], ann=ann, **arguments)
        expected = ann.run(x, 1).output.argmax(axis=1)
        for k, steps in enumerate((1, 3, 6)):
            chosen = model.run(x, steps, **arguments).output.argmax(axis=1)
            assert curve.agreement[k] == np.mean(chosen == expected)
        with pytest.raises(ValueError, match="rerun must be True"):
            accuracy_curve(model, x, None, 2, ann=ann, rerun=False, **arguments)
    with pytest.raises(ValueError, match="waits for spikes, got layer 'relu3'"):
        steps_to_decision(mixed, x, 4)
    # A ReLU that only sees constants does not wait.
    first = SpikingModel(hybrid(snn, ann, ["relu1"]), dtype="float64", threads=1)
    assert accuracy_curve(first, x, None, 3, ann=ann, rerun=False).samples == 6


def test_input_spikes_are_part_of_the_cost():
    x = inputs(3)
    snn, ann = pair(x)
    curve = accuracy_curve(snn, x, None, [6], ann=ann, coding="poisson", seed=3)
    operations = snn.run(x, 6, coding="poisson", seed=3).operations
    assert operations["input"].spikes > 0
    assert curve.spikes[0] == pytest.approx(sum(o.spikes for o in operations.values()))


def test_steps_to_decision():
    x = inputs(11)
    snn, ann = pair(x)
    labels = ann.run(x, 1).output.argmax(axis=1)
    found = steps_to_decision(snn, x, 16, labels=labels, batch_size=4)
    decision = np.stack([snn.run(x, t).output.argmax(axis=1) for t in range(1, 17)])
    np.testing.assert_array_equal(found.decision, decision)
    for k in range(len(x)):
        t = int(found.steps[k])
        assert (decision[t - 1 :, k] == decision[-1, k]).all()
        assert t == 1 or decision[t - 2, k] != decision[-1, k]
    assert found.steps.max() > 1
    assert found.mean == found.steps.mean()
    assert found.median == np.median(found.steps)
    assert found.percentile(90) == np.percentile(found.steps, 90)
    output = np.sort(snn.run(x, 5).output, axis=1)
    np.testing.assert_allclose(found.margin[4], output[:, -1] - output[:, -2], atol=1e-12)
    assert "11 samples" in str(found)


def test_stopping_early():
    decision = np.array([[0, 1], [1, 1], [1, 2], [1, 2]])
    margin = np.array([[0.5, 0.1], [0.2, 0.4], [0.9, 0.0], [0.9, 0.1]])
    found = Decisions(np.array([2, 3]), decision, margin, None)
    for level, least, steps, chosen, accuracy in (
        (0.3, 1, [1, 2], [0, 1], 0.0),
        (0.45, 1, [1, 4], [0, 2], 0.5),
        (0.3, 2, [3, 2], [1, 1], 0.5),
        (9.0, 1, [4, 4], [1, 2], 1.0),
    ):
        stopped = found.stopped(level, least)
        np.testing.assert_array_equal(stopped[0], steps)
        np.testing.assert_array_equal(stopped[1], chosen)
        assert stopped[2] == accuracy
    labelled = Decisions(found.steps, decision, margin, np.array([0, 0]))
    assert labelled.stopped(0.3)[2] == 0.5
    with pytest.raises(ValueError, match="margin must be >= 0"):
        found.stopped(-1.0)
    with pytest.raises(ValueError, match="least"):
        found.stopped(1.0, 5)


def curve(values, ann=0.9):
    n = len(values)
    return AccuracyCurve(2 ** np.arange(n), np.array(values), None, None, None, ann, 100)


def test_steps_to_a_target_and_factors():
    soft, hard = curve([0.5, 0.895, 0.88, 0.9, 0.9]), curve([0.1, 0.3, 0.5, 0.88, 0.9])
    both = Comparison({"soft": soft, "hard": hard, "bad": curve([0.1] * 5)})
    assert soft.steps_to(0.89) == 8  # it was there after 2 steps, but did not stay
    assert both.steps_to(1.0) == {"soft": 8, "hard": 16, "bad": math.inf}
    assert both.factor("hard", "soft", 1.0) == 2
    assert both.factor("bad", "soft", 1.0) == math.inf
    assert math.isnan(both.factor("hard", "bad", 1.0))
    with pytest.raises(ValueError, match="name must be one of soft, hard, bad"):
        both.factor("hard", "softer", 1.0)
    with pytest.raises(ValueError, match="must know the ANN's accuracy"):
        Comparison({"a": curve([0.5], None)}).steps_to(1.0)


def test_soft_reset_needs_fewer_steps_than_hard():
    x = inputs(40)
    soft, ann = pair(x, v_init=0.0)
    hard, _ = pair(x, reset="zero", v_init=0.0)
    steps = [1, 2, 4, 8, 16, 32, 64, 128]
    found = compare({"subtract": soft, "zero": hard}, x, None, steps, ann=ann, energy_samples=0)
    assert found.factor("zero", "subtract", 10.0) >= 2
    table = str(found).splitlines()
    assert table[0].split() == ["T", "subtract", "zero"]
    assert len(table) == 2 + len(steps)
    assert found.to_dict()["zero"]["steps"] == steps
    assert json.loads(found.to_json()) == found.to_dict()
    own = compare({"a": (soft, {"coding": "poisson", "seed": 4})}, x, None, [4], ann=ann)
    alone = accuracy_curve(soft, x, None, [4], ann=ann, coding="poisson", seed=4)
    assert own["a"].to_dict() == alone.to_dict()


BAD_CURVES = [
    ({"steps": []}, ValueError, "steps must be one integer"),
    ({"steps": [4, 4]}, ValueError, "steps must be one integer, or several in ascending order"),
    ({"steps": 0}, ValueError, "steps must be >= 1"),
    ({"steps": [1.5]}, TypeError, "steps must be an integer"),
    ({"labels": None}, ValueError, "labels must be given if there is no ann"),
    ({"labels": [0]}, ValueError, "one entry for each of 3"),
    ({"delay": -1}, ValueError, "delay must be >= 0"),
    ({"energy_samples": -1}, ValueError, "energy_samples must be >= 0"),
    ({"rerun": lambda t: None}, TypeError, r"rerun\(2\) must be a SpikingModel"),
    ({"snn": 1}, TypeError, "snn must be a SpikingModel"),
]


@pytest.mark.parametrize(("change", "error", "message"), BAD_CURVES)
def test_bad_curves(change, error, message):
    x = inputs(3)
    arguments = {"snn": pair(x)[0], "x": x, "labels": [0, 1, 2], "steps": [2], **change}
    with pytest.raises(error, match=message):
        accuracy_curve(**arguments)


@pytest.mark.parametrize("models", [{}, [1], {"a": 3}])
def test_bad_models(models):
    with pytest.raises(TypeError, match="models"):
        compare(models, inputs(1), [0], 2)


def test_pictures():
    x = inputs(4)
    snn, ann = pair(x)
    found = report(snn, ann, x, 4)
    figure = found.plot()
    errors = [bar.get_width() for bar in figure.axes[0].patches]
    assert errors == pytest.approx([100 * layer.error for layer in found.layers])
    names = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert names == [layer.name for layer in found.layers]
    one = accuracy_curve(snn, x, None, 4, ann=ann)
    (line,) = one.plot().lines
    np.testing.assert_allclose(line.get_ydata(), 100 * one.agreement)
    both = Comparison({"a": one, "b": curve([0.1, 0.2])})
    assert [t.get_text() for t in both.plot().get_legend().get_texts()] == ["a", "b"]
    ax = plot.coding_tradeoff({"a": one}, against="energy")
    np.testing.assert_allclose(ax.lines[0].get_xdata(), one.energy_nj)
    with pytest.raises(ValueError, match="energy_samples > 0"):
        plot.coding_tradeoff({"b": curve([0.1])})
    with pytest.raises(ValueError, match="against must be"):
        plot.coding_tradeoff({"a": one}, against="time")
    times = steps_to_decision(snn, x, 6)
    (line,) = times.plot().lines
    np.testing.assert_allclose(np.sort(times.steps), line.get_xdata()[1:])
    assert times.to_dict()["steps"] == times.steps.tolist()
    with pytest.raises(TypeError, match="decisions must be Decisions"):
        plot.response_times({"a": 3})
    with pytest.raises(TypeError, match="curves must be accuracy curves"):
        plot.accuracy_curve({"a": 3})
    plt.close("all")


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
