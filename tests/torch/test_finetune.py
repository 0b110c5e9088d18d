"""Converted networks as modules that can be trained."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from tests.support.torch_deployed import raster
from torch import nn

import spikelet as sl
import spikelet.torch as st
from spikelet import layers as L
from spikelet.layers.graph import Graph, Node
from spikelet.torch import to_spiking_model
from spikelet.torch.finetune import JOINS, increments, row_of

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 64


# --- refusals ----------------------------------------------------------------------------------

LINEAR = nn.Linear(4, 4)

# --- conversion, then training -----------------------------------------------------------------


def ann() -> nn.Sequential:
    """A small CNN for 8x8 digits, with a branch of its own size of everything that is read."""
    torch.manual_seed(0)
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.MaxPool2d(2),
        nn.Conv2d(8, 16, 3, padding="same"), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(),
        nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10),
    )  # fmt: skip


@pytest.fixture(scope="module")
def digits():
    """Images and labels of training and test, and an ANN that has learned them."""
    pytest.importorskip("sklearn")
    (x, y), (x_test, y_test) = (sl.datasets.digits(split) for split in ("train", "test"))
    model = ann()
    optimizer = torch.optim.Adam(model.parameters())
    images, labels = torch.from_numpy(x[:, None]), torch.from_numpy(y.astype(np.int64))
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.02, total_steps=8 * 23)
    for _ in range(8):
        for part in torch.randperm(len(x)).split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images[part]), labels[part]).backward()
            optimizer.step()
            rate.step()
    return images, labels, x_test[:, None], y_test, model.eval()


@pytest.mark.parametrize("neuron", ["soft", "hard"])
def test_converted_network_is_the_same_module(digits, neuron):
    images, _, x, _, model = digits
    snn = sl.convert(model, images[:200], method="percentile", neuron=sl.conversion.Neurons(neuron, delay=0), steps=8,
                     dtype="float64")  # fmt: skip
    module = st.from_spiking_model(snn)
    with torch.no_grad():
        constant = module(torch.from_numpy(x).double().expand(8, *x.shape))
        sequence = module(torch.from_numpy(np.repeat(x[None], 8, 0)).double())
    wanted = snn.run(x, 8, record=snn.graph.output.name)[snn.graph.output.name]
    np.testing.assert_allclose(constant, wanted, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(sequence, constant, rtol=1e-9, atol=1e-9)
    back = to_spiking_model(module, (1, 8, 8), dtype="float64")
    np.testing.assert_array_equal(back.run(x, 8).output, snn.run(x, 8).output)


def test_fine_tuning_makes_few_steps_enough(digits):
    images, labels, x, y, model = digits
    snn = sl.convert(
        model,
        images[:200],
        method="percentile",
        neuron=sl.conversion.Neurons("soft", delay=0),
        steps=2,
    )
    module = st.from_spiking_model(snn)

    def accuracy(model):
        return float((model.run(x, 2).output.argmax(1) == y).mean())

    before = accuracy(to_spiking_model(module, (1, 8, 8)))
    assert before == accuracy(snn)
    optimizer = torch.optim.Adam(module.parameters(), lr=5e-4)
    torch.manual_seed(0)
    for _ in range(2):
        for part in torch.randperm(len(images)).split(64):
            optimizer.zero_grad()
            output = module(images[part].expand(2, *images[part].shape)).mean(0)
            nn.functional.cross_entropy(output, labels[part]).backward()
            optimizer.step()
    after = accuracy(to_spiking_model(module, (1, 8, 8)))
    assert after > before + 0.02
    assert after > 0.9


def test_neurons_that_fire_once_are_fine_tuned_to_fewer_spikes(digits):
    images, _, x, y, model = digits
    how = {"steps": 3, "neuron": "first_spike", "dtype": "int16"}
    snn = sl.convert(model, images[:200], **how)
    module = st.from_spiking_model(snn)

    def check(snn):
        graded = sl.SpikingModel(snn.graph, dtype="float64").run(x, 1).output
        found = module.double()(torch.from_numpy(x).double()).detach()
        module.float()
        np.testing.assert_allclose(found, graded, rtol=1e-5, atol=1e-5)

    def measured(snn):
        result = snn.run(x)
        spikes = sum(work.spikes for work in result.operations.values())
        return (result.output.argmax(1) == y).mean(), spikes

    check(snn)
    before = measured(snn)
    wanted = model(images).detach().softmax(1)
    weights, others = (
        [p for name, p in module.named_parameters() if name.endswith("weight") == is_weight]
        for is_weight in (True, False)
    )
    groups = [{"params": weights, "lr": 1e-3}, {"params": others, "lr": 5e-3}]
    optimizer = torch.optim.Adam(groups)
    rate = torch.optim.lr_scheduler.LinearLR(optimizer, 1.0, 0.05, 300)
    most = 0.8 * st.count_spikes(module, images[:200])[1].item()
    torch.manual_seed(0)
    for part in torch.randint(len(images), (300, 256)):
        optimizer.zero_grad()
        output, spikes = st.count_spikes(module, images[part])
        loss = nn.functional.cross_entropy(output, wanted[part])
        (loss + 20 * (spikes - most).relu()).backward()
        optimizer.step()
        rate.step()
    tuned = sl.convert(module.to_graph(), images[:200], **how)
    check(tuned)
    after = measured(tuned)
    assert after[0] > before[0] - 0.01
    assert after[1] < 0.8 * before[1]
    longer = sl.convert(tuned.graph, images[:200], **{**how, "steps": 6})
    for name in tuned.neurons:
        layer = longer.graph[name].layer
        assert layer.steps == 6
        np.testing.assert_array_equal(layer.threshold, tuned.graph[name].layer.threshold)


def test_all_layers_of_a_graph_are_known():
    L, rng = sl.layers, np.random.default_rng(0)
    graph = [
        ("a", L.Conv2d(rng.normal(size=(4, 2, 3, 3)), padding=(0, 1, 1, 2)), "input"),
        ("b", L.IF(np.full(4, 0.7), amplitude=np.arange(1.0, 5)), "a"),
        ("c", L.Upsample((1, 2)), "b"),
        ("d", L.AvgPool2d((1, 2), padding=(0, 1), stride=1, count_include_pad=False), "c"),
        ("e", L.AvgPool2d((1, 2), stride=1, padding=(0, 1)), "c"),
        ("f", L.Add(), ("d", "e")),
        ("g", L.Concat(), ("f", "d")),
        ("h", L.Affine(rng.normal(size=8), rng.normal(size=8)), "g"),
        ("i", L.LIF(1.5, tau_m=4.0, gain=1.0, v_init=0.3), "h"),
        ("j", L.MaxPool2d(2, ceil_mode=True), "i"),
        ("k", L.AdaptiveAvgPool2d(3), "j"),
        ("l", L.Flatten(), "k"),
        ("m", L.Linear(rng.normal(size=(5, 72))), "l"),
        ("n", L.LIF(1.0, "zero", decay=0.8, gain=0.5), "m"),
    ]
    model = sl.SpikingModel(graph, dtype="float64")
    x = raster(3, 2, 6, 7)
    module = st.from_spiking_model(model)
    result = model.run(x)
    with torch.no_grad():
        np.testing.assert_array_equal(module(torch.from_numpy(x).double()), result.spikes)
    assert 0.05 < result.spikes.mean() < 0.9
    module(torch.from_numpy(x).double()).sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            sl.layers.FirstSpike(1.0, 8, sl.layers.Activation("silu")),
            r"layer 'firstspike1' \(FirstSpike\): has a function; fine-tuning takes neurons in",
        ),
        (sl.layers.ReLU(), r"layer 'relu1' \(ReLU\): waits for the mean"),
        (sl.layers.IF(code="signed"), r"layer 'if1' \(IF\): has signed spikes; convert"),
        (sl.layers.IF(1.0, "value", 0.5), "has another reset, or spikes only above"),
        (sl.layers.IF(1.0, reset_delay=True), "has another reset, or spikes only above"),
        (sl.layers.IF(1.0, "zero", strict=True), "has another reset, or spikes only above"),
        (sl.layers.LIF(decay=[0.1, 0.2, 0.3]), "or a leak for each neuron"),
        (sl.layers.LI(drive=1.0), "has no gain, a drive"),
        (sl.layers.LI(tau_syn=2.0), "has a synaptic current; train the module"),
        (sl.layers.ALIF(), "has a schedule, or further states"),
        (sl.layers.Delay(1), "has delays; train the module"),
        (
            sl.layers.DelayedLinear(np.ones((4, 3)), 1),
            r"layer 'delayedlinear1' \(DelayedLinear\): has delays; train the module",
        ),
    ],
)
def test_fine_tuning_refuses(layer, message):
    with pytest.raises(ValueError, match=message):
        st.from_spiking_model(sl.SpikingModel([sl.layers.Linear(np.eye(3)), layer]))


def test_fine_tuning_needs_a_model():
    with pytest.raises(TypeError, match="model must be a SpikingModel, got Linear"):
        st.from_spiking_model(LINEAR)
    module = st.from_spiking_model(sl.SpikingModel([sl.layers.Linear(np.eye(3)), sl.layers.IF()]))
    with pytest.raises(ValueError, match=r"x must have the shape \[T, B, ...\]"):
        module(torch.zeros(3, 3))


RNG = np.random.default_rng(0)
IMAGES = [("b", L.IF(1.0), "input"), ("c", L.IF(0.5), "input")]


@pytest.mark.parametrize(
    "layer",
    [
        ("d", L.MaxPool2d(2, dilation=2, stride=1, of="steps"), "b"),
        ("d", L.AvgPool2d(2, divisor_override=3), "b"),
        ("d", L.Concat(axis=1), ("b", "c")),
        ("d", L.Concat(axis=-1), ("b", "c")),
        ("d", L.Affine(RNG.normal(size=(6, 6, 6)), RNG.normal(size=(1, 6, 1))), "b"),
        ("d", L.Affine(RNG.normal(size=(1, 1, 6))), "b"),
    ],
    ids=["dilation", "divisor", "rows", "columns", "pixels", "factors of columns"],
)
def test_options_of_layers(layer):
    """A factor for each of six columns was that of one of six channels."""
    x = raster(3, 6, 6, 6)
    images = IMAGES[: 2 if "c" in layer[2] else 1]
    model = sl.SpikingModel([*images, layer, ("e", L.IF(2.0), "d")], dtype="float64")
    wanted = model.run(x).spikes
    assert 0.05 < wanted.mean() < 0.95
    module = st.from_spiking_model(model)
    np.testing.assert_array_equal(module(torch.from_numpy(x).double()).detach(), wanted)


def test_channels_that_were_never_active_train_in_single_precision():
    """Their threshold is next to nothing; the gradient of its logarithm was NaN."""
    layer = L.IF(np.array([1e-30, 0.5]), v_init=np.array([5e-31, 0.25]))
    weight = np.array([[-1.0, -1.0, -1.0], [1.0, 0.5, 0.2]])
    model = sl.SpikingModel([L.Linear(weight), layer])
    module = st.from_spiking_model(model)
    x = torch.from_numpy(raster(2, 3)).float() + 0.1
    module(x).square().sum().backward()
    assert all(p.grad.isfinite().all() for p in module.parameters())
    double = st.from_spiking_model(sl.SpikingModel(model.graph, dtype="float64"))
    double(x.double()).square().sum().backward()
    for p, q in zip(module.parameters(), double.parameters(), strict=True):
        torch.testing.assert_close(p.grad.double(), q.grad, rtol=1e-5, atol=1e-5)
    assert module.steps[1].growth.grad[1] != 0


def test_neurons_that_fire_once_take_no_steps():
    once = L.FirstSpike(0.5, 8)
    module = st.from_spiking_model(sl.SpikingModel([L.AvgPool2d(2), once]))
    with pytest.raises(
        ValueError, match=r"\[B, channels, height, width\], got shape \(1, 4, 6, 6, 6\)"
    ):
        module(torch.rand(1, 4, 6, 6, 6))
    with pytest.raises(ValueError, match=r"model: has neurons that fire once, and others; fine-"):
        st.from_spiking_model(sl.SpikingModel([once, L.Linear(np.eye(3)), L.LI()]))


def test_images_without_steps_are_named():
    module = st.from_spiking_model(sl.SpikingModel([L.AvgPool2d(2), L.IF(0.5)]))
    with pytest.raises(
        ValueError,
        match=r"shape \[T, B, channels, height, width\]; x\.expand\(T, \*x\.shape\) is .*got shape \(4, 6, 6, 6\)",
    ):
        module(torch.rand(4, 6, 6, 6))


@pytest.mark.parametrize("decay", [0.75, 1.0])
def test_the_output_of_neurons_that_do_not_spike_is_their_potential(decay):
    """It was their spikes: 0, with a gradient of 0."""
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(20, 8), st.LIF(), nn.Linear(8, 3), st.LI(decay=decay)).double()
    model = to_spiking_model(net, (20,), dtype="float64")
    x = torch.from_numpy(raster(5, 20)).double()
    module = st.from_spiking_model(model)
    np.testing.assert_allclose(module(x).detach(), net(x).detach(), rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(module(x).mean(0).detach(), model.run(x.numpy()).output, rtol=1e-9)
    for module_, weight in ((net, net[2].weight), (module, module.steps[2].weight)):
        module_(x).square().sum().backward()
        assert weight.grad.any()
    torch.testing.assert_close(module.steps[2].weight.grad, net[2].weight.grad)
    start = L.LIF(1e30, decay=decay, gain=0.5, v_init=0.25)
    model = sl.SpikingModel([L.Linear(RNG.normal(size=(3, 20))), start], dtype="float64")
    module = st.from_spiking_model(model)
    output = to_spiking_model(module, (20,), dtype="float64").run(x.numpy()).output
    np.testing.assert_allclose(output, model.run(x.numpy()).output, rtol=1e-12)
    np.testing.assert_allclose(module(x).mean(0).detach(), output, rtol=1e-9)
    constant = torch.from_numpy(raster(20)[:1]).double()
    y = module(constant.expand(7, 4, 20))
    np.testing.assert_allclose(
        y.mean(0).detach(), model.run(constant.expand(4, 20).numpy(), steps=7).output
    )


def test_a_potential_may_be_an_output_and_feed_other_layers():
    graph = Graph(
        [Node("v", L.LI(decay=0.5, gain=1.0), ("input",)), Node("out", L.IF(1.0), ("v",))],
        outputs=["v", "out"],
    )
    model = sl.SpikingModel(graph)
    x = np.random.default_rng(0).random((7, 3, 4)).astype(np.float32)
    v, spikes = st.from_spiking_model(model)(torch.from_numpy(x))
    result = model.run(x, record=["v", "out"])
    np.testing.assert_allclose(v.detach().numpy(), result["v"], rtol=1e-6)
    np.testing.assert_array_equal(spikes.detach().numpy(), result["out"])


LAYER_RNG = np.random.default_rng(7)
SEQUENCE, IMAGE, VOLUME = (4, 9), (4, 6, 5), (4, 4, 5, 3)


def _weight(*shape: int) -> Any:
    return LAYER_RNG.normal(size=shape)


LAYERS = [
    (L.Conv1d(_weight(6, 2, 3), _weight(6), 2, 1, 2, groups=2), SEQUENCE),
    (L.Conv1d(_weight(3, 4, 3), padding=(0, 2)), SEQUENCE),
    (L.Conv2d(_weight(3, 4, 2, 3), stride=(1, 2), padding=(0, 1, 2, 0)), IMAGE),
    (L.Conv3d(_weight(3, 4, 2, 1, 3), _weight(3), padding=(0, 1, 0, 0, 1, 1)), VOLUME),
    (L.Conv3d(_weight(4, 1, 2, 2, 2), groups=4, stride=(1, 2, 1)), VOLUME),
    (L.ConvTranspose1d(_weight(4, 3, 4), _weight(6), 2, (1, 2), groups=2), SEQUENCE),
    (L.ConvTranspose2d(_weight(4, 2, 3, 3), None, 2, 1, 1, dilation=2), IMAGE),
    (L.ConvTranspose3d(_weight(4, 2, 2, 3, 2), None, (2, 1, 1), (0, 1, 1, 0, 0, 0)), VOLUME),
    (L.AvgPool1d(3, 2, padding=1, count_include_pad=False), SEQUENCE),
    (L.AvgPool1d(2, 3, ceil_mode=True), SEQUENCE),
    (L.AvgPool2d(2, dilation=2, stride=1), IMAGE),
    (L.AvgPool2d(3, 2, padding=(0, 1, 2, 0)), IMAGE),
    (L.AvgPool2d(3, 2, padding=2, count_include_pad=False), IMAGE),
    (L.AvgPool2d((2, 3), divisor_override=5, ceil_mode=True), IMAGE),
    (L.AvgPool3d((2, 1, 2), 1, divisor_override=3), VOLUME),
    (L.MaxPool1d(2, ceil_mode=True), SEQUENCE),
    (L.MaxPool1d(3, 2, padding=(0, 1), of="steps"), SEQUENCE),
    (L.MaxPool2d(3, 2, padding=(2, 0, 1, 1), ceil_mode=True), IMAGE),
    (L.MaxPool3d((1, 2, 2), dilation=(1, 2, 1)), VOLUME),
    (L.AdaptiveAvgPool1d(4), SEQUENCE),
    (L.AdaptiveAvgPool2d((3, None)), IMAGE),
    (L.AdaptiveAvgPool3d(2), VOLUME),
    (L.AdaptiveMaxPool1d(2), SEQUENCE),
    (L.AdaptiveMaxPool2d((None, 2), of="steps"), IMAGE),
    (L.AdaptiveMaxPool3d((2, 2, 1)), VOLUME),
    (L.Reduce("mean", (0, 2)), IMAGE),
    (L.Reduce("sum", 1, keepdims=True), IMAGE),
    (L.Reduce("sum"), (2, 3)),
    (L.Resize((4, 7)), IMAGE),
    (L.Resize((9, 3), "linear"), IMAGE),
    (L.Resize(13, "linear", "align_corners"), SEQUENCE),
    (L.Resize((4, 9, 2), "cubic"), VOLUME),
    (L.Upsample((2, 1, 2)), VOLUME),
    (L.Reshape((-1, 10)), IMAGE),
    (L.Permute((2, 0, 1)), IMAGE),
    (L.Slice((1, None), (None, 1), (1, -2)), IMAGE),
    (L.Pad((0, 1, 2), (1, 0, 2)), IMAGE),
    (L.Pad((0, 1, 2), (0, 3, 1), "reflect"), IMAGE),
    (L.Take([[0, -1], [2, 2]], 1), IMAGE),
    (L.Take(3), SEQUENCE),
    (L.Roll((1, -2)), SEQUENCE),
    (L.Tile((1, 2)), SEQUENCE),
    (L.Expand((2, 4, 9)), SEQUENCE),
]


def _name(value: Any) -> str:
    return type(value).__name__ if isinstance(value, L.Layer) else "x".join(map(str, value))


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=_name)
def test_each_step_is_that_of_the_engine(layer: L.Layer, shape: tuple[int, ...]) -> None:
    """Spikes of two sizes enter, and neurons follow, which shows the step at which values arrive."""
    threshold = 5.31415926 if isinstance(layer, L.Reduce) else 1.31415926
    graph = [
        ("a", L.IF(0.71415926, amplitude=1.5), "input"),
        ("b", layer, "a"),
        ("c", L.IF(threshold), "b"),
    ]
    model = sl.SpikingModel(graph, dtype="float64")
    x = raster(2, *shape)
    wanted = model.run(x).spikes
    assert 0.02 < wanted.mean() < 0.98
    module = st.from_spiking_model(model)
    found = module(torch.from_numpy(x).double())
    np.testing.assert_array_equal(found.detach(), wanted)
    back = module.to_graph()
    np.testing.assert_array_equal(sl.SpikingModel(back, dtype="float64").run(x).spikes, wanted)
    found.sum().backward()
    assert all(p.grad is not None for p in module.parameters())


@pytest.mark.parametrize(("layer", "shape"), LAYERS, ids=_name)
def test_gradients_are_those_of_the_function(layer: L.Layer, shape: tuple[int, ...]) -> None:
    module = st.from_spiking_model(sl.SpikingModel([layer, L.IF()], dtype="float64"))
    function: Any = row_of(layer).function
    x = torch.from_numpy(LAYER_RNG.normal(size=(2, *shape))).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: function(module.steps[0], layer, y), x, atol=1e-6)


def test_samples_of_fewer_dimensions_broadcast_as_in_the_engine() -> None:
    """A vector of each sample is added to its rows, and not to other samples."""
    graph = [
        ("rows", L.Reduce("mean", (0, 1)), "input"),
        ("sum", L.Add(), ("input", "rows")),
        ("out", L.IF(0.91415926), "sum"),
    ]
    model = sl.SpikingModel(graph, dtype="float64")
    x = raster(4, 4, 4, 5)
    wanted = model.run(x).spikes
    assert 0.02 < wanted.mean() < 0.98
    module = st.from_spiking_model(model)
    np.testing.assert_array_equal(module(torch.from_numpy(x).double()).detach(), wanted)
    total = JOINS[L.Add].function
    assert total(None, None, [torch.ones(3, 2, 4, 5), torch.ones(1, 1, 5)]).shape == (3, 2, 4, 5)


def test_constants_are_trained() -> None:
    """A class token comes before the others."""
    graph = [
        ("token", L.Constant(_weight(1, 5)), ()),
        ("all", L.Concat(), ("token", "input")),
        ("out", L.LIF(0.6, decay=0.9, gain=0.5), "all"),
    ]
    model = sl.SpikingModel(graph, dtype="float64")
    x = raster(2, 3, 5)
    module = st.from_spiking_model(model)
    found = module(torch.from_numpy(x).double())
    np.testing.assert_array_equal(found.detach(), model.run(x).spikes)
    found[:, :, 0].sum().backward()
    with torch.no_grad():
        module.steps[0].value += module.steps[0].value.grad
    assert module.steps[0].value.grad.any()
    changed = sl.SpikingModel(module.to_graph(), dtype="float64").run(x).spikes
    np.testing.assert_array_equal(module(torch.from_numpy(x).double()).detach(), changed)


def test_joined_tensors_may_be_the_same_at_each_step() -> None:
    x, y = torch.rand(5, 2, 3), torch.rand(1, 2, 4)
    found = JOINS[L.Concat].function(None, L.Concat(-1), [x, y])
    assert torch.equal(found[3], torch.cat((x[3], y[0]), -1))
    counts = torch.tensor([[[1.0, 0.0]], [[0.0, 1.0]], [[0.0, 1.0]]])
    assert increments(lambda c: c.amax(-1), counts).flatten().tolist() == [1, 0, 1]


@pytest.mark.parametrize("layer", [L.ReLU(), L.Softmax(), L.Reduce("max"), L.Multiply()])
def test_other_functions_wait_for_means(layer: L.Layer) -> None:
    assert row_of(layer) is None
