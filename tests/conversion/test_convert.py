"""`sl.convert`: what it makes of an ANN, how close that comes, and what it refuses."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from tests.support.conversions import (
    CNN,
    TEST,
    WANTED,
    V,
    X,
    cnn,
    convert,
    error,
    outputs,
    residual,
    tiny,
)
from torch import nn

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion import METHODS, NEURONS, Coding, Neurons, Percentile

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


def test_the_module_is_not_changed() -> None:
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
def test_every_method_is_close_with_every_neuron(method: str, neuron: str) -> None:
    early, late = (error(convert(method=method, neuron=neuron, steps=steps)) for steps in (6, 96))
    if neuron == "hard":  # what lies above the threshold is lost at each spike, however long
        assert late < 0.5
        return
    assert late < 0.05
    if (method, neuron) == ("fitted", "multi"):  # done after a few steps
        assert early < 1e-3
        return
    assert late < early / 3


@pytest.mark.parametrize("method", [m for m in METHODS if m != "qcfs"])
def test_soft_resets_match_the_ann_in_the_long_run(method: str) -> None:
    soft = convert(method=method, neuron="soft", steps=256)
    assert error(soft) < 0.01
    assert error(convert(method=method, neuron="hard", steps=256)) > 5 * error(soft)


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
    assert convert(method="percentile", neuron=Neurons(delay=3)).delay == 3


def test_another_number_of_steps_moves_the_readout_too() -> None:
    model = convert(method="percentile", steps=10, neuron=Neurons(delay=4))
    np.testing.assert_array_equal(model.run(TEST, 25).output, model.run(TEST, 25, delay=10).output)


def test_only_rates_can_leave_steps_out() -> None:
    given = {"method": "fitted", "steps": 12}
    for options in ({}, {"method": "auto"}):
        found = convert(**{**given, **options}, neuron=Neurons(delay=3))
        assert (found.neuron, found.delay) == ("soft", 3)
        assert error(found) < 0.5
    with pytest.raises(
        ValueError, match=r'delay must be 0 or "auto" with alternating .*"soft" .* got 3'
    ):
        convert(**given, neuron=Neurons("alternating", delay=3))
    smooth = nn.Sequential(nn.Linear(4, 6), nn.SiLU(), nn.Linear(6, 2))
    with pytest.raises(ValueError, match=r"delay must be 0 .* activations other than ReLU"):
        convert(smooth, X.reshape(-1, 4), neuron=Neurons(delay=3))
    model = convert(**given)
    assert model.neuron == "predictive"
    with pytest.raises(
        ValueError, match=r"run: delay must be 0: the spikes of predictive .* got 3"
    ):
        model.run(TEST, delay=3)
    np.testing.assert_array_equal(model.run(TEST, delay=0).output, model.run(TEST).output)


@pytest.mark.parametrize("coding", ["poisson", "latency"])
@pytest.mark.parametrize("method", ["fitted", "calibrated", "rmp"])
def test_coded_inputs_of_one_step(coding: Any, method: str) -> None:
    """A sequence of one step is no constant."""
    model = convert(coding=coding, steps=1, method=method)
    assert model.run(0.9 * TEST, seed=1).output.shape == outputs(CNN, TEST).shape


@pytest.mark.parametrize("coding", ["poisson", "latency"])
def test_other_input_codings(coding: Any) -> None:
    model = convert(coding=coding, steps=64, method="percentile")
    assert model.coding == coding
    assert model.input_scale == pytest.approx(np.abs(X).max())
    result = model.run(TEST * 0.99)
    assert result.operations["input"].spikes > 0
    given = result.output
    assert np.sqrt(np.square(given - outputs(CNN, TEST * 0.99)).mean()) / WANTED.std() < 0.6
    direct = model.run(TEST, coding="direct")
    assert direct.operations["input"].spikes == 0


def test_a_seed_of_coded_inputs() -> None:
    given = {"steps": 8, "method": "rmp"}
    models = [convert(coding=Coding("poisson", seed=seed), **given) for seed in (0, 0, 1)]
    found = [np.concatenate(list(m.thresholds.values())) for m in models]
    assert {m.coding for m in models} == {"poisson"}
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()


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
    (dead(), {"x": V}, ValueError, ("activation of 'n2'", "never spike", "keep=['n2']")),
    ({"0.weight": W1}, {"x": V}, TypeError, ("ann", "dict", "state_dict into its module")),
    (poisoned(np.nan), {}, ValueError, ("'3'", "NaN")),
    (poisoned(np.inf), {}, ValueError, ("'3'", "finite")),
    ([L.Linear(W1), L.Linear(np.ones((1, 4)))], {"x": V}, ValueError, ("ann", "a ReLU", "[]")),
    (3.5, {}, TypeError, ("ann", "float")),
    ("cnn.pt", {}, ValueError, ("ann", ".onnx", "cnn.pt")),
    (CNN, {"method": "best"}, ValueError, ("method", "maxnorm", "'best'")),
    (CNN, {"neuron": "izhikevich"}, ValueError, ("neuron", "soft", "'izhikevich'")),
    (CNN, {"neuron": "predictive", "method": "rmp"}, ValueError, ("method", "fitted", "'rmp'")),
    (CNN, {"keep": ["2", "3"]}, ValueError, ("keep", "2, 4, 8", "'3'")),
    (CNN, {"keep": ["2", "relu9"]}, ValueError, ("layers or modules", "the nearest is", "'relu9'")),
    (CNN, {"keep": [2]}, TypeError, ("keep", "names", "2")),
    (CNN, {"keep": lambda _: True}, ValueError, ("ann", "becomes spiking", "['2', '4', '8']")),
    (CNN, {"method": 3}, TypeError, ("method", "Percentile(99.9)", "3")),
    (CNN, {"neuron": 3}, TypeError, ("neuron", "conversion.Neurons", "3")),
    (CNN, {"neuron": Neurons(delay=16)}, ValueError, ("delay", "<= 15", "16")),
    (CNN, {"steps": 0}, ValueError, ("steps", ">= 1", "0")),
    (CNN, {"steps": 10**9}, ValueError, ("steps", "<= 65536", "1000000000")),
    (CNN, {"steps": 2.5}, TypeError, ("steps", "integer", "2.5")),
    (CNN, {"coding": "ttfs"}, ValueError, ("coding", "latency", "'ttfs'")),
    (CNN, {"dtype": "float16"}, ValueError, ("dtype", "float32", "'float16'")),
    (CNN, {"threads": 0}, ValueError, ("threads", ">= 1", "0")),
]


def test_objects_check_their_options() -> None:
    for make, kind, message in (
        (lambda: Percentile(101.0), ValueError, r"percentile must be in \(0, 100\], got 101"),
        (lambda: Neurons("izhikevich"), ValueError, "Neurons: kind must be .*'izhikevich'"),
        (lambda: Neurons(delay=-1), ValueError, "Neurons: delay must be >= 0, got -1"),
        (lambda: Neurons(delay="late"), TypeError, "Neurons: delay .*integer.*'late'"),  # type: ignore[arg-type]
        (lambda: Coding("ttfs"), ValueError, "Coding: kind must be .*'ttfs'"),  # type: ignore[arg-type]
    ):
        with pytest.raises(kind, match=message):
            make()
    with pytest.raises(TypeError, match=r"convert.* 'percentile'"):
        convert(percentile=90)


@pytest.mark.parametrize(("ann", "options", "kind", "words"), BAD)
def test_bad_input(
    ann: Any, options: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
) -> None:
    with pytest.raises(kind) as caught:
        convert(ann, **options)
    for word in words:
        assert word in str(caught.value)


def test_tensors_are_inputs_with_or_without_a_gradient() -> None:
    x = np.random.default_rng(3).random((40, 6)).astype(np.float32)
    ann = [L.Linear(nn.Parameter(torch.rand(5, 6))), L.ReLU(), L.Linear(np.ones((3, 5)))]
    snn = sl.convert(ann, torch.tensor(x, requires_grad=True), steps=8)
    expected = snn.run(x).output
    np.testing.assert_array_equal(snn.run(torch.tensor(x, requires_grad=True)).output, expected)
    rounded = torch.tensor(x).bfloat16()
    np.testing.assert_array_equal(snn.run(rounded).output, snn.run(rounded.float()).output)
    assert snn.report(torch.tensor(x, requires_grad=True)).facts["agreement"] > 0.5
    with pytest.raises(
        TypeError,
        match=r"convert: calibration must be an array .* got a DataLoader; pass its inputs",
    ):
        sl.convert(ann, torch.utils.data.DataLoader(torch.tensor(x), 8))
    with pytest.raises(TypeError, match=r"ConvertedModel.run: x must be dense"):
        snn.run(torch.tensor(x).to_sparse())


def test_inputs_on_another_scale_are_reported_once() -> None:
    images = np.random.default_rng(3).integers(0, 256, (40, 6)).astype(np.uint8)
    images[0, 0] = 255
    ann = [L.Linear(np.random.default_rng(3).random((5, 6))), L.ReLU(), L.Linear(np.ones((3, 5)))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        snn = sl.convert(ann, images / 255.0, steps=8)
        for fine in (images / 255.0, images / 200.0, images[:1] / 2000.0, images > 99, 0 * images):
            snn.run(fine)
    with pytest.warns(
        UserWarning, match=r"run: x \(uint8\) lies in \[0, 255\], the calibration in \[0, 1\];"
    ) as found:
        [snn.run(images) for _ in range(2)]
    assert len(found) == 1
    assert found[0].filename == __file__
    with pytest.warns(UserWarning, match="convert: calibration holds integers up to 255"):
        bytes_of = sl.convert(ann, images, steps=8)
    with pytest.warns(UserWarning, match=r"x .* lies in \[0, 1\], the calibration in \[0, 255\]"):
        bytes_of.run(images / 255.0)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sl.convert(ann, (images > 99).astype(np.uint8), steps=8).run(images > 99)
        # Counts of spikes are a sequence of a plain model.
        sl.SpikingModel([L.Linear(np.ones((2, 6))), L.IF(1.0)]).run(images[None] % 4)


def clipped(upper: Any, *more: L.Layer) -> tuple[list[L.Layer], Any]:
    """An ANN whose activations often reach their upper limit, and its outputs for `V`."""
    rng = np.random.default_rng(4)
    ann = [L.Linear(rng.normal(size=(6, V.shape[1]))), L.ReLU(upper=upper), *more]
    ann.append(L.Linear(rng.normal(size=(3, 6))))
    return ann, sl.SpikingModel(ann, dtype="float64").run(V, 1).output


@pytest.mark.parametrize("neuron", ["soft", "signed", "multi", "predictive"])
@pytest.mark.parametrize("method", [m for m in METHODS if m not in ("auto", "qcfs", "ltb")])
def test_upper_limits_of_activations_hold(method: str, neuron: str) -> None:
    if neuron == "predictive" and method != "fitted":
        return
    ann, wanted = clipped(np.array([0.1, 0.2, 0.05, 0.3, 0.1, 0.2]))
    assert error(convert(ann, V, method=method, neuron=neuron, steps=128), V, wanted) < 0.02
    ann, wanted = clipped(0.2)
    options = {} if method in ("fitted", "qcfs") else {"per_channel": False}
    model = convert(ann, V, method=METHODS[method](**options), neuron=neuron, steps=128)
    assert error(model, V, wanted) < 0.02


@pytest.mark.parametrize("coding", ["direct", "poisson"])
def test_upper_limits_hold_with_equal_sizes(coding: Any) -> None:
    ann, wanted = clipped(0.2)
    bound = convert(ann, V, method="fitted", neuron="predictive", steps=256, coding=coding)
    assert error(bound, V, wanted) < (0.02 if coding == "direct" else 0.2)


def test_differential_neurons_have_no_upper_limit() -> None:
    ann, _ = clipped(0.1)
    with pytest.warns(UserWarning, match="activations of 'relu1' reach their upper limit") as found:
        sl.convert(ann, V, method="percentile", neuron="differential", steps=8)
    assert found[0].filename == __file__
    deep, _ = clipped(0.1, L.Linear(np.eye(6)), L.ReLU(upper=0.05))
    with pytest.warns(UserWarning, match="'relu1' and 1 more reach") as found:
        sl.convert(deep, V, method="percentile", neuron="differential", steps=8)
    assert len(found) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        sl.convert(clipped(100.0)[0], V, method="percentile", neuron="differential", steps=8)


@pytest.mark.parametrize("coding", ["direct", "poisson"])
@pytest.mark.parametrize(
    ("method", "neuron"), [("fitted", None), ("fitted", "soft"), ("rmp", None)]
)
def test_neurons_directly_behind_neurons(method: str, neuron: str | None, coding: Any) -> None:
    """A second ReLU, as at the end of torchvision's DenseNets, and one that precedes all weights."""
    rng = np.random.default_rng(4)
    for pool in ([], [L.MaxPool2d(2)]):
        ann = [
            L.ReLU(),
            L.Conv2d(rng.normal(size=(4, 3, 3, 3)) / 5, padding=1),
            L.ReLU(),
            *pool,
            L.ReLU(),
            L.AdaptiveAvgPool2d(1),
            L.Flatten(),
            L.Linear(rng.normal(size=(3, 4))),
        ]
        wanted = sl.SpikingModel(ann, dtype="float64").run(X, 1).output
        model = convert(ann, X, method=method, neuron=neuron, steps=64, coding=coding)
        assert error(model, X, wanted) < (0.05 if coding == "direct" else 0.3)
