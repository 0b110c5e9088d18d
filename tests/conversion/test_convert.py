"""`sl.convert`: what it makes of an ANN, how close that comes, and what it refuses."""

from __future__ import annotations

import copy
import itertools
import re
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from scipy import stats
from tests.support.ann_zoo import trained
from torch import nn

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion import METHODS, NEURONS, QCFS
from spikelet.layers.spiking_model import SpikingModel

torch.set_num_threads(1)

RNG = np.random.default_rng(0)
X = RNG.random((40, 3, 8, 8)).astype(np.float32)
TEST = RNG.random((16, 3, 8, 8)).astype(np.float32)


def cnn() -> nn.Sequential:
    return trained(
        nn.Sequential(
            nn.Conv2d(3, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.Conv2d(8, 12, 3, stride=2, padding=1),
            nn.ReLU(),
            nn.AvgPool2d(2),
            nn.Flatten(),
            nn.Linear(48, 20),
            nn.ReLU(),
            nn.Linear(20, 6),
        )
    )


def outputs(module: nn.Module, x: Any) -> Any:
    with torch.no_grad():
        return copy.deepcopy(module).eval()(torch.tensor(x)).numpy()


CNN = cnn()
WANTED = outputs(CNN, TEST)


def convert(ann: Any = CNN, x: Any = X, **options: Any) -> Any:
    return sl.convert(ann, x, **{"steps": 16, "threads": 1, **options})


def error(model: Any, x: Any = TEST, wanted: Any = WANTED) -> float:
    """Root mean square of what is wrong, over the spread of what is right."""
    given = model.run(x).output
    return float(np.sqrt(np.square(given - wanted).mean()) / wanted.std())


# One ANN in four ways


def as_onnx(module: nn.Sequential) -> onnx.ModelProto:
    c1, bn, _, c2, *_, fc1, _, fc2 = module

    def node(kind: str, inputs: str, output: str, **attributes: Any) -> Any:
        return helper.make_node(kind, inputs.split(), [output], name=f"/{output}", **attributes)

    given = {
        "w1": c1.weight, "b1": c1.bias, "g": bn.weight, "b": bn.bias, "m": bn.running_mean,
        "v": bn.running_var, "w2": c2.weight, "b2": c2.bias, "w3": fc1.weight, "b3": fc1.bias,
        "w4": fc2.weight, "b4": fc2.bias,
    }  # fmt: skip
    nodes = [
        node("Conv", "x w1 b1", "a", kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        node("BatchNormalization", "a g b m v", "c", epsilon=1e-5),
        node("Relu", "c", "d"),
        node("Conv", "d w2 b2", "e", kernel_shape=[3, 3], pads=[1, 1, 1, 1], strides=[2, 2]),
        node("Relu", "e", "f"),
        node("AveragePool", "f", "p", kernel_shape=[2, 2], strides=[2, 2]),
        node("Flatten", "p", "h"),
        node("Gemm", "h w3 b3", "i", transB=1),
        node("Relu", "i", "j"),
        node("Gemm", "j w4 b4", "y", transB=1),
    ]
    graph = helper.make_graph(
        nodes,
        "ann",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["batch", 3, 8, 8])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 6])],
        [numpy_helper.from_array(t.detach().numpy(), k) for k, t in given.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def as_layers(module: nn.Sequential) -> list[Any]:
    c1, bn, _, c2, *_, fc1, _, fc2 = module

    def values(t: Any) -> Any:
        return t.detach().double().numpy()

    scale = values(bn.weight) / np.sqrt(values(bn.running_var) + bn.eps)
    shift = values(bn.bias) - values(bn.running_mean) * scale
    return [
        L.Conv2d(values(c1.weight), values(c1.bias), padding=1),
        L.Affine(scale, shift),
        L.ReLU(),
        L.Conv2d(values(c2.weight), values(c2.bias), stride=2, padding=1),
        L.ReLU(),
        L.AvgPool2d(2),
        L.Flatten(),
        L.Linear(values(fc1.weight), values(fc1.bias)),
        L.ReLU(),
        L.Linear(values(fc2.weight), values(fc2.bias)),
    ]


@pytest.mark.parametrize("method", ["fitted", "percentile"])
def test_the_same_model_from_torch_onnx_and_layers(method: str, tmp_path: Path) -> None:
    path = tmp_path / "cnn.onnx"
    proto = as_onnx(CNN)
    onnx.save(proto, path)
    models = [convert(ann, method=method) for ann in (CNN, proto, path, str(path), as_layers(CNN))]
    base = models[0]
    np.testing.assert_allclose(base.ann.run(TEST, 1).output, WANTED, rtol=1e-4, atol=1e-5)
    for model in models[1:]:
        assert model.delay == base.delay
        kinds = [type(n.layer) for n in model.graph]
        assert kinds == [type(n.layer) for n in base.graph]
        for one, other in zip(base.thresholds.values(), model.thresholds.values(), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4)
        np.testing.assert_allclose(model.run(TEST).output, base.run(TEST).output, atol=0.05)


def test_the_module_stays_as_it_is() -> None:
    module = cnn().train()
    module[4].eval()
    module[0].weight.requires_grad_(False)
    handle = module[2].register_forward_hook(lambda *_: None)
    before = {k: v.clone() for k, v in module.state_dict().items()}
    drawn = torch.random.get_rng_state()
    convert(module, steps=4)
    assert torch.equal(torch.random.get_rng_state(), drawn)
    assert [m.training for m in module] == [k != 4 for k in range(len(module))]
    assert list(module[2]._forward_hooks) == [handle.id]
    assert [p.requires_grad for p in module.parameters()][:2] == [False, True]
    assert all(p.grad is None for p in module.parameters())
    for name, value in module.state_dict().items():
        assert torch.equal(value, before[name]), name


# How close it comes


def pairs() -> list[tuple[str, str]]:
    """All methods and neurons that go together."""
    given = [(m, n) for m in METHODS if m != "qcfs" for n in NEURONS]
    return [("fitted", "predictive"), *given]


@pytest.mark.parametrize(("method", "neuron"), pairs())
def test_every_method_comes_close_with_every_neuron(method: str, neuron: str) -> None:
    early, late = (error(convert(method=method, neuron=neuron, steps=steps)) for steps in (6, 96))
    if neuron == "hard":  # what lies above the threshold is lost at each spike, however long
        assert late < 0.5
        return
    assert late < 0.05
    assert late < early / 3


@pytest.mark.parametrize("method", [m for m in METHODS if m != "qcfs"])
def test_soft_resets_meet_the_ann_in_the_long_run(method: str) -> None:
    soft = convert(method=method, neuron="soft", steps=256)
    assert error(soft) < 0.01
    assert error(convert(method=method, neuron="hard", steps=256)) > 5 * error(soft)


def residual() -> list[Any]:
    """Ten layers with weights as training could leave them."""
    rng = np.random.default_rng(4)

    def conv(cin: int, cout: int, gain: float) -> L.Conv2d:
        w = rng.normal(size=(cout, cin, 3, 3)) * gain * np.sqrt(2 / (9 * cin))
        return L.Conv2d(w, rng.normal(size=cout) * 0.1, padding=1)

    layers: list[Any] = [("c", conv(3, 12, 1.0), "input"), ("r", L.ReLU(), "c")]
    before = "r"
    for k in range(5):
        layers += [
            (f"a{k}", conv(12, 12, 1.0), before),
            (f"ra{k}", L.ReLU(), f"a{k}"),
            (f"b{k}", conv(12, 12, 0.6), f"ra{k}"),
            (f"s{k}", L.Add(), (f"b{k}", before)),
            (f"rb{k}", L.ReLU(), f"s{k}"),
        ]
        before = f"rb{k}"
    return [
        *layers,
        ("mean", L.AdaptiveAvgPool2d(1), before),
        ("flat", L.Flatten(), "mean"),
        ("out", L.Linear(rng.normal(size=(6, 12)) / 3), "flat"),
    ]


def test_what_is_fitted_is_best_in_a_deep_network() -> None:
    ann = residual()
    wanted = SpikingModel(ann, dtype="float64", threads=1).run(TEST, 1).output
    wrong = {
        method: error(convert(ann, method=method, steps=16), TEST, wanted)
        for method in ("fitted", "percentile", "maxnorm", "least_error")
    }
    assert wrong["fitted"] < 0.7 * min(wrong.values(), key=lambda e: (e == wrong["fitted"], e))
    # Spikes are binary, all of them.
    model = convert(ann, steps=16)
    spikes = model.run(TEST[:2], record=model.neurons)
    assert all(set(np.unique(spikes[n])) == {0, 1} for n in model.neurons)


@pytest.mark.parametrize("method", ["fitted", "percentile"])
def test_spikes_of_several_sizes_are_better_in_few_steps(method: str) -> None:
    soft, multi = (
        error(convert(method=method, neuron=neuron, steps=8)) for neuron in ("soft", "multi")
    )
    assert multi < 0.9 * soft


# Thresholds, against plain numpy

W1 = np.array([[1.0, -0.5, 0.25], [0.5, 1.0, -1.0], [-0.25, 0.75, 0.5], [-1.0, -1.0, -1.0]])
B1 = np.array([0.05, -0.1, 0.0, -0.5])  # the last one never spikes
W2 = np.array([[0.7, -0.3, 0.2, 0.1], [-0.4, 0.9, 0.3, 0.1]])
B2 = np.array([0.1, 0.02])
V = RNG.random((300, 3)).astype(np.float32)


def tiny() -> list[Any]:
    return [
        ("l1", L.Linear(W1, B1), "input"),
        ("n1", L.ReLU(), "l1"),
        ("l2", L.Linear(W2, B2), "n1"),
        ("n2", L.ReLU(), "l2"),
        ("l3", L.Linear(np.ones((1, 2))), "n2"),
    ]


Z1 = V @ W1.T + B1
Z2 = np.maximum(Z1, 0) @ W2.T + B2


def thresholds(method: str, **options: Any) -> tuple[Any, Any]:
    found = convert(tiny(), V, method=method, **{"steps": 8, **options}).thresholds
    return found["n1"], found["n2"]


def usable(t: Any) -> Any:
    """A channel that never spikes gets a thousandth of the greatest."""
    return np.maximum(t, 1e-3 * np.max(t))


def test_maxnorm() -> None:
    n1, n2 = thresholds("maxnorm")
    np.testing.assert_allclose(n1, usable(np.maximum(Z1, 0).max(0)), rtol=1e-5)
    np.testing.assert_allclose(n2, Z2.max(0), rtol=1e-5)
    n1, n2 = thresholds("maxnorm", per_channel=False)
    assert (n1, n2) == (pytest.approx(Z1.max()), pytest.approx(Z2.max()))


def test_percentile() -> None:
    n1, n2 = thresholds("percentile", percentile=90)
    np.testing.assert_allclose(n1, usable(np.percentile(np.maximum(Z1, 0), 90, 0)), rtol=1e-5)
    np.testing.assert_allclose(n2, np.percentile(np.maximum(Z2, 0), 90, 0), rtol=1e-5)
    n1, _ = thresholds("percentile", percentile=50, per_channel=False)
    assert n1 == pytest.approx(np.median(np.maximum(Z1, 0)), rel=1e-5)
    np.testing.assert_array_equal(
        thresholds("percentile", percentile=100)[1], thresholds("maxnorm")[1]
    )


def rounding(z: Any, limit: float, levels: int) -> float:
    """Mean squared error of an activation that has so many levels."""
    kept = np.minimum(np.rint(np.maximum(z, 0) * levels / limit), levels) * limit / levels
    return float(np.square(kept - np.maximum(z, 0)).mean())


def test_least_error() -> None:
    for z, found in zip((Z1[:, :3], Z2), thresholds("least_error", steps=4), strict=True):
        for channel in range(z.shape[1]):
            column = z[:, channel]
            grid = np.linspace(0.1, 1.1, 1000) * column.max()
            best = min(rounding(column, limit, 4) for limit in grid)
            assert rounding(column, found[channel], 4) <= 1.1 * best
            assert rounding(column, found[channel], 4) < rounding(column, column.max(), 4)


def test_threshold_iteration() -> None:
    """For normally distributed potentials, no other threshold rounds with less error."""
    for z, found in zip((Z1[:, :3], Z2), thresholds("threshold_iteration", steps=4), strict=True):
        for channel in range(z.shape[1]):
            column = z[:, channel]
            grid = stats.norm(column.mean(), column.std()).ppf((np.arange(200_000) + 0.5) / 2e5)
            best = rounding(grid, found[channel], 4)
            for factor in (0.8, 0.95, 1.05, 1.25):
                assert best < rounding(grid, factor * found[channel], 4)


def test_local_threshold_balancing() -> None:
    def climb(z: Any) -> Any:
        t = np.zeros(z.shape[1])
        for _ in range(1000):
            t = t + 2 * np.maximum(np.maximum(z, 0) - t, 0).mean(0)
        return usable(t)

    n1, n2 = thresholds("ltb")
    first = climb(Z1)
    np.testing.assert_allclose(n1, first, rtol=1e-4)
    # What lies above a threshold does not reach the next layer.
    z2 = np.minimum(np.maximum(Z1, 0), first) @ W2.T + B2
    np.testing.assert_allclose(n2, climb(z2), rtol=1e-4)


def test_balancing_by_running() -> None:
    n1, n2 = thresholds("rmp")
    first = usable(np.maximum(Z1, 0).max(0))
    np.testing.assert_allclose(n1, first, rtol=1e-5)
    v = np.tile(first / 2, (len(V), 1))
    greatest = np.zeros(2)
    for _ in range(8):
        v = v + Z1
        spike = v >= first
        v = v - first * spike
        greatest = np.maximum(greatest, (spike * first @ W2.T + B2).max(0))
    np.testing.assert_allclose(n2, greatest, rtol=1e-4)
    assert (n2 > Z2.max(0)).all()


def test_calibration_makes_means_right() -> None:
    wanted = np.maximum(Z2, 0).mean(0)
    wrong = {}
    for method in ("least_error", "calibrated"):
        model = convert(tiny(), V, method=method, steps=4, delay=0)
        wrong[method] = np.abs(model.run(V, record="n2.mean")["n2.mean"].mean(0) - wanted)
    assert (wrong["calibrated"] < 0.3 * wrong["least_error"]).any()
    assert wrong["calibrated"].max() < 0.02


# Neurons


def layers_of(neuron: str, **options: Any) -> list[Any]:
    model = convert(neuron=neuron, method="percentile", **options)
    return [model.graph[n].layer for n in model.neurons]


def test_neurons_are_what_their_names_say() -> None:
    for layer in layers_of("soft"):
        assert (layer.reset, layer.code, layer.levels) == ("subtract", "binary", 1)
        np.testing.assert_array_equal(layer.v_init, np.asarray(layer.threshold) / 2)
        np.testing.assert_array_equal(layer.amplitude, layer.threshold)
    for layer in layers_of("hard", per_channel=False):
        assert (layer.reset, layer.v_reset, layer.v_init) == ("zero", 0.0, 0.0)
        assert np.ndim(layer.threshold) == 0
    assert {layer.code for layer in layers_of("signed")} == {"signed"}
    assert {layer.code for layer in layers_of("differential")} == {"differential"}
    for layer in layers_of("multi"):
        assert (layer.code, layer.levels) == ("signed", 4)
        np.testing.assert_allclose(layer.v_init, np.asarray(layer.threshold) / 16)
    predictive = convert(steps=11)
    assert predictive.neuron == "predictive"
    assert all(isinstance(predictive.graph[n].layer, L.PredictiveIF) for n in predictive.neurons)
    assert {predictive.graph[n].layer.steps for n in predictive.neurons} == {11}


def test_starting_half_way_rounds_to_the_nearest() -> None:
    ann = [("l", L.Linear(np.eye(3)), "input"), ("n", L.ReLU(), "l"), L.Linear(np.eye(3))]
    model = convert(ann, V, method="maxnorm", steps=8, dtype="float64", delay=0)
    t = model.thresholds["n"]
    out = model.run(V).output
    np.testing.assert_allclose(out, np.minimum(np.floor(V * 8 / t + 0.5), 8) * t / 8, atol=1e-9)
    assert np.abs(out - V).max() <= t.max() / 16 + 1e-9


# Hybrids, readout, coding


def test_neurons_that_are_kept_stay_analog() -> None:
    names = list(convert(method="maxnorm").neurons)
    assert len(names) == 3
    one = convert(method="maxnorm", keep=names[1])
    assert list(one.neurons) == [names[0], names[2]]
    assert isinstance(one.graph[names[1]].layer, L.ReLU)
    several = convert(keep=[names[0], names[2]])
    assert list(several.neurons) == [names[1]]
    called = convert(keep=lambda name: name != names[2])
    assert list(called.neurons) == [names[2]]
    x = TEST
    # What is before the first spiking layer is exact.
    np.testing.assert_allclose(
        called.run(x, record=f"{names[1]}.mean")[f"{names[1]}.mean"],
        called.ann.run(x, 1, record=f"{names[1]}.mean")[f"{names[1]}.mean"],
        rtol=1e-5,
    )
    assert error(called) < error(convert(method="maxnorm"))


def test_the_readout_begins_where_it_is_closest() -> None:
    model = convert(residual(), method="percentile", neuron="soft", steps=10)
    wanted = model.ann.run(X, 1).output
    wrong = [float(np.square(model.run(X, delay=d).output - wanted).mean()) for d in range(10)]
    assert model.delay == int(np.argmin(wrong))
    assert model.delay > 0
    np.testing.assert_array_equal(
        model.run(TEST).output, model.run(TEST, 10, delay=model.delay).output
    )
    assert convert(method="percentile", delay=3).delay == 3


def test_another_number_of_steps_moves_the_readout_too() -> None:
    model = convert(method="percentile", steps=10, delay=4)
    np.testing.assert_array_equal(model.run(TEST, 25).output, model.run(TEST, 25, delay=10).output)


@pytest.mark.parametrize("coding", ["poisson", "latency"])
def test_other_codes_of_the_input(coding: Any) -> None:
    model = convert(coding=coding, steps=64, method="percentile")
    assert model.coding == coding
    assert model.input_scale == pytest.approx(np.abs(X).max())
    result = model.run(TEST * 0.99)
    assert result.operations["input"].spikes > 0
    given = result.output
    assert np.sqrt(np.square(given - outputs(CNN, TEST * 0.99)).mean()) / WANTED.std() < 0.6
    direct = model.run(TEST, coding="direct")
    assert direct.operations["input"].spikes == 0


# QCFS


def quantised(levels: int, *widths: int) -> nn.Sequential:
    modules: list[nn.Module] = []
    for a, b in itertools.pairwise(widths[:-1]):
        modules += [nn.Linear(a, b), QCFS(levels, 1.0)]
    module = trained(nn.Sequential(*modules, nn.Linear(*widths[-2:])))
    generator = torch.Generator().manual_seed(2)
    with torch.no_grad():
        for m in module:
            if hasattr(m, "upper"):
                m.upper.uniform_(0.5, 1.5, generator=generator)
    return module


def test_a_quantised_ann_is_met_exactly_by_as_many_steps() -> None:
    """With even input: one layer of neurons, that sees the picture itself."""
    module = quantised(8, 3, 30, 4)
    wanted = outputs(module, V)
    model = convert(module, V, method="qcfs", steps=8, delay=0)
    (name,) = model.neurons
    layer = model.graph[name].layer
    upper = module[1].upper.item()
    assert layer.threshold == pytest.approx(upper)
    assert layer.v_init == pytest.approx(upper / 2)
    np.testing.assert_allclose(model.ann.run(V, 1).output, wanted, rtol=0, atol=1e-5)
    np.testing.assert_allclose(model.run(V).output, wanted, rtol=0, atol=1e-5)


def test_a_deep_quantised_ann_is_met_in_the_long_run() -> None:
    module = quantised(16, 3, 30, 20, 4)
    wanted = outputs(module, V)
    wrong = [
        error(convert(module, V, method="qcfs", steps=steps, delay=0), V, wanted)
        for steps in (4, 16)
    ]
    assert wrong[1] < 0.2
    assert wrong[1] < wrong[0]


def test_qcfs_is_refused_where_the_ann_has_relu() -> None:
    with pytest.raises(ValueError, match=r"activation of '2' must be QCFS .* got 'ReLU'"):
        convert(method="qcfs")


def test_a_limit_that_training_has_made_negative_is_named() -> None:
    module = quantised(8, 3, 5, 4)
    with torch.no_grad():
        module[1].upper.fill_(-0.5)
    with pytest.raises(ValueError, match=r"layer '1' .*upper must be finite and > 0, got -0\.5"):
        convert(module, V, method="qcfs")


# Reproducible


@pytest.mark.parametrize("method", ["fitted", "rmp", "calibrated"])
def test_the_same_pictures_make_the_same_model(method: str) -> None:
    models = [convert(method=method, threads=threads) for threads in (1, 1, 2)]
    for model in models[1:]:
        assert model.delay == models[0].delay
        for one, other in zip(models[0].graph, model.graph, strict=True):
            for field in vars(one.layer):
                np.testing.assert_array_equal(
                    getattr(one.layer, field), getattr(other.layer, field), err_msg=field
                )
        np.testing.assert_array_equal(model.run(TEST).output, models[0].run(TEST).output)


# Bad input


def poisoned(value: float) -> nn.Sequential:
    module = cnn()
    with torch.no_grad():
        module[3].weight[1, 2, 0, 0] = value
    return module


def dead() -> list[Any]:
    layers = tiny()
    layers[2] = ("l2", L.Linear(-np.abs(W2)), "n1")
    return layers


NAN = np.full_like(X, np.nan)
BAD: list[tuple[Any, dict[str, Any], type[Exception], tuple[str, ...]]] = [
    (CNN, {"x": NAN}, ValueError, ("calibration", "finite", "nan")),
    (CNN, {"x": X * np.inf}, ValueError, ("calibration", "finite")),
    (CNN, {"x": X[:0]}, ValueError, ("calibration", "not empty", "(0, 3, 8, 8)")),
    (CNN, {"x": np.ones(3)}, ValueError, ("calibration", "[N, ...]", "(3,)")),
    (CNN, {"x": np.full_like(X, 0.5)}, ValueError, ("calibration", "constant", "0.5")),
    (CNN, {"x": "pictures"}, TypeError, ("calibration", "numbers")),
    (CNN, {"x": X[:, :2]}, ValueError, ("layer '0'", "(2, 8, 8)")),
    (as_layers(CNN), {"x": X[:, :2]}, ValueError, ("Conv2d 'conv2d0'", "channels", "got 2")),
    (CNN, {"x": X[:, :, :5]}, ValueError, ("layer '7'", "shape")),
    (dead(), {"x": V}, ValueError, ("activation of 'n2'", "never spike")),
    (poisoned(np.nan), {}, ValueError, ("'3'", "NaN")),
    (poisoned(np.inf), {}, ValueError, ("'3'", "finite")),
    ([L.Linear(W1), L.Linear(np.ones((1, 4)))], {"x": V}, ValueError, ("ann", "a ReLU", "[]")),
    (3.5, {}, TypeError, ("ann", "float")),
    ("cnn.pt", {}, ValueError, ("ann", ".onnx", "cnn.pt")),
    (nn.Sequential(nn.Conv2d(3, 2, 3), nn.GELU()), {}, ValueError, ("'1'", "GELU")),
    (CNN, {"method": "best"}, ValueError, ("method", "maxnorm", "'best'")),
    (CNN, {"neuron": "izhikevich"}, ValueError, ("neuron", "soft", "'izhikevich'")),
    (CNN, {"neuron": "predictive", "method": "rmp"}, ValueError, ("method", "fitted", "'rmp'")),
    (CNN, {"keep": ["2", "relu9"]}, ValueError, ("keep", "2, 4, 8", "'relu9'")),
    (CNN, {"keep": lambda _: True}, ValueError, ("ann", "becomes spiking", "['2', '4', '8']")),
    (CNN, {"percentile": 0}, ValueError, ("percentile", "(0, 100]", "0")),
    (CNN, {"percentile": 101.0}, ValueError, ("percentile", "(0, 100]", "101")),
    (CNN, {"percentile": "most"}, TypeError, ("percentile", "'most'")),
    (CNN, {"delay": 16}, ValueError, ("delay", "<= 15", "16")),
    (CNN, {"delay": -1}, ValueError, ("delay", ">= 0", "-1")),
    (CNN, {"delay": "late"}, TypeError, ("delay", "integer", "'late'")),
    (CNN, {"steps": 0}, ValueError, ("steps", ">= 1", "0")),
    (CNN, {"steps": 2.5}, TypeError, ("steps", "integer", "2.5")),
    (CNN, {"coding": "ttfs"}, ValueError, ("coding", "latency", "'ttfs'")),
    (CNN, {"dtype": "float16"}, ValueError, ("dtype", "float32", "'float16'")),
    (CNN, {"threads": 0}, ValueError, ("threads", ">= 1", "0")),
]


@pytest.mark.parametrize(("ann", "options", "kind", "words"), BAD)
def test_bad_input(
    ann: Any, options: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        convert(ann, **options)
    for word in words:
        assert word in str(caught.value)


def test_predictive_neurons_hold_for_their_steps_alone() -> None:
    model = convert(steps=8, neuron="predictive")
    with pytest.raises(ValueError, match=re.escape("ConvertedModel.run: steps must be 8")):
        model.run(TEST, 9)
