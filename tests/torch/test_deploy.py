"""Trained networks in both engines: the same spikes, one for one; what cannot be the same is refused."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
import torch
from tests.support.torch_deployed import dense, on_a_grid, raster, spikes_of, train_a_little
from torch import nn
from torch.nn.utils import prune

import spikelet as sl
import spikelet.torch as st
from spikelet.torch import OverTime, to_network, to_spiking_model

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS = 64


def picture(reset="subtract"):
    torch.manual_seed(0)
    return nn.Sequential(
        OverTime(nn.Conv2d(2, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6)),
        st.LIF(tau_m=4.0, gain=1.0, v_threshold=0.5, reset=reset),
        OverTime(nn.Conv2d(6, 8, 3, stride=1), nn.MaxPool2d(2)),
        st.LIF(tau_m=4.0, gain=1.0, v_threshold=0.25, reset=reset),
        OverTime(nn.AvgPool2d(2)),
        nn.Flatten(2),
        nn.Linear(8 * 4, 10),
        st.LIF(decay=0.5, v_threshold=0.125, reset=reset),
    )


def compare(found: sl.SpikingResult, wanted: dict[str, np.ndarray]) -> int:
    """Compare all spikes; return their number."""
    total = 0
    for name, expected in wanted.items():
        np.testing.assert_array_equal(found[name], expected, err_msg=name)
        assert 0.01 < expected.mean() < 0.9  # it says something
        total += int(expected.sum())
    return total


@pytest.mark.parametrize("reset", ["subtract", "zero"])
@pytest.mark.parametrize("trained", [False, True])
def test_dense_is_exact_in_float32_on_a_grid(reset, trained):
    model = train_a_little(dense(reset), (20,)) if trained else dense(reset)
    on_a_grid(model)
    x = raster(8, 20)
    wanted = spikes_of(model, x)
    result = to_spiking_model(model, (20,)).run(x, record=list(wanted))
    assert compare(result, wanted) > 1000
    np.testing.assert_allclose(result.output, list(wanted.values())[-1].mean(0), rtol=1e-6)


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_dense_is_equal_in_float64(reset):
    model = train_a_little(dense(reset), (20,)).double()
    x = raster(8, 20)
    wanted = spikes_of(model, x)
    deployed = to_spiking_model(model, (20,), dtype="float64")
    assert compare(deployed.run(x, record=list(wanted)), wanted) > 1000


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_pictures_are_equal(reset):
    """Convolution, BatchNorm, both pools: in float64 as they are, and in float32 on a grid."""
    model = train_a_little(picture(reset), (2, 12, 12)).double()
    x = raster(4, 2, 12, 12)
    wanted = spikes_of(model, x)
    for fold_norms in (True, False):
        deployed = to_spiking_model(model, (2, 12, 12), dtype="float64", fold_norms=fold_norms)
        assert compare(deployed.run(x, record=list(wanted)), wanted) > 1000
        kinds = {type(n.layer) for n in deployed.graph}
        assert (sl.layers.Affine in kinds) != fold_norms
    norm = model[0].layer[1]  # a factor and a shift on a grid as well
    norm.running_var[:], norm.running_mean[:], norm.eps = 0.25, 0.125, 0.0
    on_a_grid(model.float())
    wanted = spikes_of(model, x)
    deployed = to_spiking_model(model, (2, 12, 12))
    assert compare(deployed.run(x, record=list(wanted)), wanted) > 1000


def test_sparse_layers_are_read_as_dense_ones():
    torch.manual_seed(0)
    model = nn.Sequential(
        st.SpikeConv2d(2, 4, 3, stride=2, padding=1), OverTime(nn.BatchNorm2d(4)), st.LIF(gain=1.0),
        nn.Flatten(2), st.SpikeLinear(64, 10), st.LIF(v_threshold=0.2, gain=1.0),
    )  # fmt: skip
    model = train_a_little(model, (2, 8, 8)).double()
    x = raster(4, 2, 8, 8)
    wanted = spikes_of(model, x)
    deployed = to_spiking_model(model, (2, 8, 8), dtype="float64")
    assert [n.name for n in deployed.graph] == ["0", "2", "3", "4", "5"]
    assert compare(deployed.run(x, record=list(wanted)), wanted) > 500
    assert type(model[0]) is st.SpikeConv2d
    network = to_network(model[4:], 64)
    inner = wanted["2"][:, 0].reshape(STEPS, 64)
    np.testing.assert_array_equal(network.run(inner.astype(np.uint8))[0], wanted["5"][:, 0])


def test_constant_input_and_readout_of_potentials():
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 4, 3), st.LIF(tau_m=4.0, v_threshold=0.1, steps=12),
        OverTime(nn.MaxPool2d(2), nn.Flatten()), nn.Linear(36, 5), st.LI(tau_m=6.0),
    ).double()  # fmt: skip
    x = np.random.default_rng(0).random((3, 1, 8, 8))
    wanted = spikes_of(model, x)
    with torch.no_grad():
        v = model(torch.from_numpy(x)).numpy()
    result = to_spiking_model(model, (1, 8, 8), dtype="float64").run(x, 12, record=["1", "v"])
    assert compare(result, wanted) > 100
    np.testing.assert_allclose(result.v, v, rtol=1e-12, atol=1e-14)


def test_the_output_of_a_readout_is_its_mean_potential(tmp_path):
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(6, 9), st.LIF(), nn.Linear(9, 3), st.LI()).double()
    x = (torch.rand(12, 4, 6) < 0.5).double()
    v = model(x).detach().numpy()
    snn = to_spiking_model(model, (6,), dtype="float64")
    np.testing.assert_allclose(snn.run(x.numpy()).output, v.mean(0), rtol=1e-12)
    np.testing.assert_allclose(snn.run(x.numpy(), delay=5).output, v[5:].mean(0), rtol=1e-12)
    ended = snn.run(x.numpy(), until=0.02)
    assert (ended.steps < 12).any()
    for b, steps in enumerate(ended.steps):
        np.testing.assert_allclose(ended.output[b], v[:steps, b].mean(0), rtol=1e-12)
    snn.save(tmp_path / "net.spk")
    loaded = sl.SpikingModel.load(tmp_path / "net.spk")
    np.testing.assert_array_equal(loaded.run(x.numpy()).output, snn.run(x.numpy()).output)


def test_thresholds_of_channels_and_learned():
    torch.manual_seed(0)
    model = nn.Sequential(
        OverTime(nn.Conv2d(1, 3, 3)), st.IF(learn_threshold=True, shape=(3, 1, 1)),
        nn.Flatten(2), nn.Linear(48, 8), st.LIF(learn_tau=True, learn_threshold=True),
        nn.Linear(8, 4), st.LIF(learn_threshold=True, shape=(4,), tau_m=5.0),
    ).double()  # fmt: skip
    with torch.no_grad():
        model[1].threshold.copy_(torch.tensor([0.1, 0.2, 0.3]).reshape(3, 1, 1))
        model[4].threshold.fill_(0.05)
        model[4].leak.fill_(1.2)
        model[6].threshold.copy_(torch.tensor([0.01, 0.02, 0.03, 0.04]))
    x = raster(2, 1, 6, 6)
    wanted = spikes_of(model, x)
    result = to_spiking_model(model, (1, 6, 6), dtype="float64").run(x, record=list(wanted))
    for name, expected in wanted.items():
        np.testing.assert_array_equal(result[name], expected)
        assert expected.any()


@pytest.mark.parametrize(
    ("neuron", "options"),
    [
        (st.LIF, {"convention": "snntorch", "beta": 0.75, "reset": "zero", "reset_delay": False}),
        (st.LIF, {"convention": "snntorch", "beta": 0.75}),
        (st.LIF, {"convention": "snntorch", "beta": 0.75, "reset": "zero"}),
        (st.IF, {"convention": "snntorch"}),
        (st.LIF, {"convention": "spikingjelly", "tau": 2.0}),
        (st.LIF, {"convention": "spikingjelly", "tau": 4.0, "v_reset": None}),
        (st.LIF, {"convention": "spikingjelly", "tau": 4.0, "decay_input": False}),
        (st.IF, {"convention": "spikingjelly", "v_reset": None}),
        (st.IF, {"convention": "snntorch", "reset": "zero", "reset_delay": False}),
    ],
)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_conventions(neuron, options, dtype):
    """On a grid: potentials meet the threshold exactly, where > and >= differ."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(20, 30), neuron(v_threshold=0.125, **options))
    on_a_grid(model, bits=3)
    model.to(getattr(torch, dtype))
    x = raster(8, 20)
    wanted = spikes_of(model, x)
    result = to_spiking_model(model, (20,), dtype=dtype).run(x, record=list(wanted))
    assert compare(result, wanted) > 1000


class Skips(nn.Module):
    """A residual network as people write them: skips around layers, and of spikes."""

    def __init__(self):
        super().__init__()
        self.first = nn.Sequential(nn.Linear(20, 30), st.LIF(decay=0.5, v_threshold=0.25))
        self.body = nn.Sequential(nn.Linear(30, 30), st.LIF(decay=0.5, v_threshold=0.25))
        self.second = nn.Linear(30, 30)
        self.short = nn.Linear(20, 30, bias=False)
        self.last = st.IF(v_threshold=0.25)

    def forward(self, x):
        y = self.first(x)
        y = y + self.body(y)  # counts 0, 1, 2
        return self.last(self.second(y) + self.short(x))


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_residual_networks(dtype, tmp_path):
    torch.manual_seed(0)
    model = on_a_grid(Skips()).to(getattr(torch, dtype))
    x = raster(8, 20)
    wanted = spikes_of(model, x)
    snn = to_spiking_model(model, (20,), dtype=dtype)
    result = snn.run(x, record=list(wanted))
    assert compare(result, wanted) > 1000
    snn.save(tmp_path / "m.spk")
    for again in (sl.SpikingModel.load(tmp_path / "m.spk"), pickle.loads(pickle.dumps(snn))):
        np.testing.assert_array_equal(again.run(x).spikes, result.spikes)


@pytest.mark.parametrize("connect", ["add", "and", "iand"])
@pytest.mark.parametrize("deep", [False, True])
def test_sew_blocks(connect, deep):
    torch.manual_seed(0)

    def part(n_in, n_out):
        return [nn.Linear(n_in, n_out), st.LIF(decay=0.5, v_threshold=0.25)]

    short = nn.Sequential(*part(30, 24)) if deep else None
    body = nn.Sequential(*part(30, 24 if deep else 30))
    blocks = [st.SEWBlock(body, short, connect=connect)]
    if deep:
        blocks.append(st.SEWBlock(nn.Sequential(*part(24, 24)), connect=connect))
    model = nn.Sequential(*part(20, 30), *blocks, *part(24 if deep else 30, 10))
    on_a_grid(model)
    if deep and connect == "and":
        x = np.ones((STEPS, 8, 20), np.uint8)
        with torch.no_grad():
            for m in model.modules():
                if isinstance(m, nn.Linear):
                    m.weight.abs_()
    else:
        x = raster(8, 20)
    wanted = spikes_of(model, x)
    result = to_spiking_model(model, (20,)).run(x, record=list(wanted))
    for name, expected in wanted.items():
        np.testing.assert_array_equal(result[name], expected, err_msg=name)
        assert expected.any()


def test_a_shortcut_of_potentials():
    torch.manual_seed(0)
    body = nn.Sequential(st.LIF(decay=0.5, v_threshold=0.25), nn.Linear(20, 20))
    model = nn.Sequential(nn.Linear(20, 20), st.PotentialShortcut(body), st.IF(v_threshold=0.5))
    on_a_grid(model)
    x = raster(8, 20)
    wanted = spikes_of(model, x)
    assert compare(to_spiking_model(model, (20,)).run(x, record=list(wanted)), wanted) > 500


def test_attention_driven_by_spikes():
    torch.manual_seed(0)
    model = st.models.spikformer(
        classes=5, channels=2, width=16, depth=1, heads=2, neuron=lambda: st.LIF(v_threshold=0.1)
    )
    for m in model.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.uniform_(-0.1, 0.1)
    model = model.double().eval()
    x = torch.from_numpy(raster(2, 2, 16, 16)[:8]).double()
    snn = to_spiking_model(model, (2, 16, 16), dtype="float64")
    last = snn.graph.output.name
    with torch.no_grad():
        expected = model(x).numpy()
    met = [name for name in snn.neurons if name.endswith("meeting")]
    result = snn.run(x.numpy(), record=[f"{last}.value", *met])
    np.testing.assert_allclose(result[f"{last}.value"], expected, rtol=1e-9, atol=1e-9)
    assert all(result[name].any() for name in met)
    assert len(met) == 1
    product = st.models.spikformer(classes=5, channels=2, width=16, depth=1, attention="product")
    for m in product.modules():
        if isinstance(m, nn.BatchNorm2d):
            m.running_mean.uniform_(-0.1, 0.1)
    with pytest.raises(ValueError, match=r"\(MatMul\): multiplies counts of spikes, .*to_onnx"):
        to_spiking_model(product, (2, 16, 16))


def test_a_residual_network_of_images():
    torch.manual_seed(0)
    model = st.models.sew_resnet18(classes=10, channels=2, width=8)
    train_a_little(model, (2, 16, 16))
    x = raster(2, 2, 16, 16)[:8]
    with torch.no_grad():
        expected = model.double()(torch.from_numpy(x).double())
    result = to_spiking_model(model, (2, 16, 16), dtype="float64")
    last = result.graph.output.name
    found = result.run(x, record=f"{last}.value")[f"{last}.value"]
    np.testing.assert_allclose(found, expected.numpy(), rtol=1e-6, atol=1e-9)
    assert expected.std() > 0


def test_a_reset_a_step_later_keeps_potentials_too():
    model = nn.Sequential(
        nn.Linear(20, 30), st.LIF(convention="snntorch", beta=0.75, return_v=False)
    )
    torch.manual_seed(0)
    on_a_grid(model, bits=3)
    x = raster(4, 20)
    with torch.no_grad():
        run = model[1].run(model[0](torch.from_numpy(x).float()))
    result = to_spiking_model(model, (20,)).run(x, record="v")
    np.testing.assert_array_equal(result.v[-1], run.v.numpy())
    assert (result.v > 1).any()  # not yet reset


# --- refusals ----------------------------------------------------------------------------------

with torch.random.fork_rng():
    torch.manual_seed(0)
    LINEAR = nn.Linear(4, 4)  # with some weights, neurons never spike


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = st.IF()

    def forward(self, x):
        return self.inner(x) + x


class Backwards(Own):
    def forward(self, x):
        return self.inner(x.flip(0))


class Mean(Own):
    def forward(self, x):
        return self.inner(x).mean(0) if x.ndim == 3 else self.inner(x)


class Product(Own):
    def forward(self, x):
        return self.inner(x) * x


class Scaled(nn.Linear):
    def forward(self, x):
        return 2 * super().forward(x)


class Late(st.LIF):
    def forward(self, x):
        return super().forward(x).roll(1, 0)


def test_layers_with_a_forward_of_their_own_are_traced():
    model = nn.Sequential(Scaled(4, 4), st.IF()).double()
    layer = to_spiking_model(model, (4,), dtype="float64").graph.nodes[0].layer
    np.testing.assert_allclose(layer.weight, 2 * model[0].weight.detach())


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([LINEAR, Late()], r"module '1' \(Late\): has its own forward"),
        ([nn.Flatten(3), LINEAR], r"layer '0' \(Flatten\): cannot take samples of shape"),
        ([LINEAR, nn.ReLU(), LINEAR, st.IF()], r"module '1' \(ReLU\): is an analog activation"),
        (
            [LINEAR, st.MaskedPSN(5, 2)],
            r"module '1' \(MaskedPSN\): .* one step after another; use LIF and tdBN",
        ),
        (
            [LINEAR, st.SlidingPSN(3)],
            r"module '1' \(SlidingPSN\): has parameters for each step, or uses",
        ),
        ([LINEAR, st.TEBN(4, 5)], r"module '1' \(TEBN\): has parameters for each step"),
        (
            [LINEAR, st.IF(convention="snntorch", reset_delay=False)],
            "with reset_delay=False, where",
        ),
        ([LINEAR, st.LIF(v_threshold=torch.zeros(4))], "threshold must be finite and > 0"),
        ([LINEAR, st.IF(), nn.Softmax(-1)], r"module '2' \(Softmax\): is a softmax of each step"),
        (
            [LINEAR, Backwards()],
            r"layer '1.flip' \(flip\): .* mixes steps or samples; keep the steps separate",
        ),
        (
            [LINEAR, Mean()],
            r"layer '1.mean' \(mean\): works along dimension 0, which is time; .*outside",
        ),
        (
            [LINEAR, Product()],
            r"module '1.mul' \(Multiply\): multiplies values that are not all spikes",
        ),
        (
            [LINEAR, st.SEWBlock(nn.Sequential(LINEAR, st.IF()), connect="and")],
            r"module '1.mul' \(Multiply\): .* SEWBlock",
        ),
        (
            [LINEAR, OverTime(nn.GELU()), st.IF()],
            r"module '1' \(Activation\): is an analog activation of each step",
        ),
        ([LINEAR, OverTime(nn.BatchNorm1d(4)), st.IF()], "has never been trained"),
        ([nn.Linear(5, 4), st.IF()], "cannot take samples of shape"),
    ],
)
def test_unsupported_modules_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        to_spiking_model(nn.Sequential(*parts), (4,))


def test_dropout_over_time_leaves_nothing_out():
    net = dense()
    net[2] = st.DropoutOverTime(0.5)
    x = raster(5, 20)
    same = spikes_of(net.eval(), x)
    for mode in (True, False):
        for model in (to_spiking_model(net.train(mode), (20,)), to_network(net, 20)):
            assert model is not None
    found = to_spiking_model(net.train(), (20,)).run(x).spikes
    np.testing.assert_array_equal(found, list(same.values())[-1])
    assert found.any()


def test_pruned_weights():
    net = dense()
    prune.l1_unstructured(net[0], "weight", 0.5)
    prune.random_structured(net[4], "weight", 0.2, dim=0)
    x = raster(5, 20)
    with torch.no_grad():
        net[0].weight_orig.mul_(
            2.0
        )  # as an optimizer: the mask is applied at the next forward pass
    model, network = to_spiking_model(net, (20,)), to_network(net, 20)
    same = list(spikes_of(net.eval(), x).values())[-1]
    np.testing.assert_array_equal(model.run(x).spikes, same)
    np.testing.assert_array_equal(network.run(x[:, 0])[-1], same[:, 0])
    assert same.any()


def test_not_a_module():
    for make, shape in ((to_spiking_model, (4,)), (to_network, 4)):
        with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, got list"):
            make([LINEAR], shape)
    with pytest.raises(TypeError, match="input_size must be an integer"):
        to_network(nn.Sequential(LINEAR, st.IF()), (4,))


@pytest.mark.parametrize(
    "shape", [(4,), (4, 4), (4, 1, 1), (4, 1, 4), (4, 4, 4), (1, 1, 1), (1, 4, 1, 4)]
)
def test_thresholds_broadcast_as_in_pytorch(shape):
    """From the last dimension: four of them are those of columns, though there are as many channels."""
    torch.manual_seed(0)
    convolution = OverTime(nn.Conv2d(2, 4, 3, padding=1))
    neurons = st.LIF(v_threshold=0.1 + torch.rand(shape), reset="zero")
    net = nn.Sequential(convolution, neurons).double()
    x = raster(3, 2, 4, 4).astype(np.float64)
    wanted = net(torch.from_numpy(x)).detach().numpy()
    found = to_spiking_model(net, (2, 4, 4), dtype="float64").run(x).spikes
    assert 0.05 < wanted.mean() < 0.95
    np.testing.assert_array_equal(found, wanted)


def test_thresholds_of_channels_of_a_series():
    torch.manual_seed(0)
    neurons = st.LIF(v_threshold=torch.tensor([[0.1], [0.4], [0.8]]))
    net = nn.Sequential(OverTime(nn.Conv1d(2, 3, 3, padding=1)), neurons).double()
    x = raster(3, 2, 5).astype(np.float64)
    model = to_spiking_model(net, (2, 5), dtype="float64")
    wanted = net(torch.from_numpy(x)).detach().numpy()
    assert wanted.any()
    np.testing.assert_array_equal(model.run(x).spikes, wanted)


# --- a forward that names dimensions of [T, B, ...] ------------------------------------------------

IMAGE = (2, 8, 8)


def _conv(inputs: int, outputs: int) -> nn.Sequential:
    layers = OverTime(nn.Conv2d(inputs, outputs, 3, padding=1), nn.BatchNorm2d(outputs))
    return nn.Sequential(layers, st.LIF(tau_m=3.0))


class Skip(nn.Module):
    """A small U-Net: half of the pixels and back, beside the input."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.Sequential(OverTime(nn.Conv2d(2, 4, 3, 2, 1)), st.LIF(tau_m=3.0))
        self.up = nn.Sequential(OverTime(nn.ConvTranspose2d(4, 4, 2, 2)), st.IF(v_threshold=0.6))
        self.out = nn.Sequential(OverTime(nn.Conv2d(6, 3, 1)), st.LIF())

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.out(torch.cat([self.up(self.down(x)), x], 2))
        return y


class Dense(nn.Module):
    """As DenseNet: each layer sees those before it. The readout is a potential."""

    def __init__(self) -> None:
        super().__init__()
        self.parts = nn.ModuleList([_conv(2, 3), _conv(5, 3)])
        self.weigh, self.out = nn.Linear(8, 5), st.LI()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for part in self.parts:
            x = torch.cat([x, part(x)], dim=2)
        y: torch.Tensor = self.out(self.weigh(x.mean((-2, -1))))
        return y


class Folded(nn.Module):
    """Folds time into the batch by hand, and adds two halves of the channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lif = nn.Conv2d(2, 8, 3, padding=1), st.LIF(tau_m=3.0)
        self.flat, self.weigh, self.out = nn.Flatten(2), nn.Linear(256, 5), st.LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.lif(self.conv(x.flatten(0, 1)).unflatten(0, x.shape[:2]))
        y: torch.Tensor = self.out(self.weigh(self.flat(h[:, :, :4] + h[:, :, 4:])))
        return y


class Sparse(nn.Module):
    """Sparse layers take [T, B, ...] by themselves; pixels come before channels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.lif, self.pool = (
            st.SpikeConv2d(2, 4, 3, padding=1),
            st.LIF(),
            st.MaxPool2d(2),
        )
        self.block = st.SEWBlock(
            nn.Sequential(st.SpikeLinear(64, 64), st.DropoutOverTime(), st.LIF())
        )
        self.weigh, self.out = st.SpikeLinear(64, 3), st.LIF()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        steps, samples = x.shape[:2]
        h = self.pool(self.lif(self.conv(x))).permute(0, 1, 3, 4, 2).reshape(steps, samples, -1)
        y: torch.Tensor = self.out(self.weigh(self.block(h)))
        return y


def _trained(kind: type[nn.Module]) -> nn.Module:
    torch.manual_seed(1)
    module = kind()
    with torch.no_grad():
        for p in module.parameters():
            if p.ndim > 1:
                p.mul_(2)
    module(torch.from_numpy(raster(2, *IMAGE)).float())  # for BatchNorm
    return module.double().eval()


@pytest.mark.parametrize("kind", [Skip, Dense, Folded, Sparse])
def test_code_sees_the_dimensions_of_training(kind: type[nn.Module]) -> None:
    module = _trained(kind)
    x = raster(3, *IMAGE)
    model = to_spiking_model(module, IMAGE, dtype="float64")
    with torch.no_grad():
        wanted = module(torch.from_numpy(x).double()).numpy()
    what = "v" if kind is Dense else "spikes"
    found = getattr(model.run(x, record=what), what)
    assert 0.01 < np.abs(wanted).mean() < 5
    np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-9)
    last = type(model.graph.output.layer).__name__
    assert last == ("LI" if kind is Dense else "LIF"), "the output is that of the neurons"


def test_names_are_those_of_the_modules() -> None:
    for kind, names in ((Skip, ("down.0", "up.0", "out.0")), (Folded, ("conv", "weigh"))):
        module = _trained(kind)
        layers = {node.name: node.layer for node in to_spiking_model(module, IMAGE).graph}
        for name in names:
            weight = module.get_submodule(name).get_parameter(
                "weight" if kind is Folded else "layer.weight"
            )
            assert layers[name].weight.shape == weight.shape


class Delayed(nn.Module):
    """Reads the step before."""

    def __init__(self) -> None:
        super().__init__()
        self.lif, self.out = nn.Sequential(nn.Linear(10, 20), st.LIF()), nn.Linear(20, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        h = self.lif(x)
        y: torch.Tensor = self.out(torch.cat([h[:1], h[:-1]]))
        return y


def test_code_that_mixes_steps_is_refused() -> None:
    with pytest.raises(ValueError, match="mixes steps or samples; keep the steps separate"):
        to_spiking_model(Delayed(), (10,))


class Counted(nn.Module):
    """Divides by the number of steps."""

    def __init__(self) -> None:
        super().__init__()
        self.weigh, self.out = nn.Linear(10, 3), st.LI()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.out(self.weigh(x) / len(x))
        return y


def test_numbers_that_depend_on_the_steps_are_refused() -> None:
    with pytest.raises(ValueError, match="numbers that depend on the number of steps"):
        to_spiking_model(Counted(), (10,))


def test_networks_that_never_spike_are_read_too() -> None:
    """An untrained network can be deployed."""
    module = _trained(Skip)
    with torch.no_grad():
        module.out[0].layer.weight.zero_()
        module.out[0].layer.bias.zero_()
    assert not to_spiking_model(module, IMAGE).run(raster(3, *IMAGE)).spikes.any()


def test_several_inputs_are_refused_by_the_name_of_the_argument() -> None:
    with pytest.raises(TypeError, match=r"to_spiking_model: input_shape must be an integer"):
        to_spiking_model(Delayed(), ((10,), (6,)))  # type: ignore[arg-type]


def test_the_module_stays_as_it_is() -> None:
    module = _trained(Skip)
    before = {name: value.clone() for name, value in module.state_dict().items()}
    to_spiking_model(module, IMAGE)
    assert not module._forward_hooks
    assert all(torch.equal(value, before[name]) for name, value in module.state_dict().items())


# --- all neurons -------------------------------------------------------------------------------------

_EACH = torch.linspace(2.0, 9.0, 30)
NEURONS = {
    "CubaLIF": lambda: st.CubaLIF(tau_syn=3.0, v_threshold=0.5),
    "CubaLIF, each": lambda: st.CubaLIF(tau_syn=_EACH, tau_m=_EACH + 1, v_threshold=0.5),
    "ALIF": lambda: st.ALIF(tau_adapt=20.0, boost=0.3, v_threshold=0.2),
    "ALIF, to zero": lambda: st.ALIF(boost=_EACH / 9, v_threshold=0.2, reset="value", v_reset=-0.1),
    "norse": lambda: st.LIF(convention="norse", v_threshold=0.1, v_leak=0.05),
    "rest": lambda: st.LIF(convention="spikingjelly", tau=3.0, v_reset=0.05, v_threshold=0.3),
    "rest, undecayed": lambda: st.LIF(
        convention="spikingjelly", tau=3.0, v_reset=-0.2, decay_input=False, v_threshold=0.3
    ),
    "no reset": lambda: st.LIF(reset="none", v_threshold=0.3),
    "each": lambda: st.LIF(tau_m=_EACH, v_threshold=0.3),
    "each, normalized": lambda: st.LIF(tau_m=_EACH, v_threshold=0.05, gain="normalized"),
    "recurrent": lambda: st.RecurrentLIF(30, v_threshold=0.3),
    "recurrent currents": lambda: st.RecurrentCubaLIF(30, v_threshold=0.5),
    "recurrent, adaptive": lambda: st.RecurrentALIF(30, v_threshold=0.3, boost=0.2),
    "potentials between": lambda: nn.Sequential(st.LI(tau_m=5.0), st.LIF(v_threshold=0.5)),
}


@pytest.mark.parametrize("name", NEURONS)
def test_all_neurons_are_layers(name: str) -> None:
    torch.manual_seed(2)
    neurons = NEURONS[name]()
    module = nn.Sequential(nn.Linear(20, 30), neurons, nn.Linear(30, 4), st.LI(tau_m=7.0)).double()
    x = raster(5, 20).astype(np.float64)
    with torch.no_grad():
        inner = module[:2](torch.from_numpy(x)).numpy()
        wanted = module(torch.from_numpy(x)).numpy()
    assert 0.01 < inner.mean() < 0.95
    model = to_spiking_model(module, (20,), dtype="float64")
    last = next(n for n in reversed(model.graph.nodes) if n.name.startswith("1"))
    result = model.run(x, record=[last.name, "3.value"])
    np.testing.assert_array_equal(result[last.name], inner)
    np.testing.assert_allclose(result["3.value"], wanted, rtol=1e-9, atol=1e-12)
    if name.startswith("recurrent"):
        names = [n.name for n in model.graph]
        assert names == ["0", "1.back", "1.recurrent", "1.input", "1", "2", "3"]


# --- a network of events -----------------------------------------------------------------------


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_network_is_equal_in_float64(reset):
    model = train_a_little(dense(reset), (20,)).double()
    network = to_network(model, 20)
    compared = 0
    for seed in range(3):
        x = raster(20, seed=seed)
        found = network.run(x)
        wanted = list(spikes_of(model, x[:, None]).values())
        assert len(found) == len(wanted) == 3
        for f, w in zip(found, wanted, strict=True):
            np.testing.assert_array_equal(f, w[:, 0])
            compared += int(f.sum())
    assert compared > 1000


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_recurrent_network_is_equal(reset):
    torch.manual_seed(0)
    options = {"tau_m": 6.0, "gain": 1.0, "reset": reset}
    model = nn.Sequential(
        nn.Linear(20, 30), st.RecurrentLIF(30, **options),
        nn.Linear(30, 20), st.RecurrentLIF(20, **options, v_threshold=0.5),
    ).double()  # fmt: skip
    network = to_network(model, 20)
    x = raster(20)
    for f, w in zip(network.run(x), spikes_of(model, x[:, None]).values(), strict=True):
        np.testing.assert_array_equal(f, w[:, 0])
        assert f.mean() > 0.02
    # It is the recurrence that does it.
    deaf = nn.Sequential(*model)
    with torch.no_grad():
        deaf[1].recurrent.zero_()
    assert (to_network(deaf, 20).run(x)[0] != network.run(x)[0]).any()


def test_network_is_exact_in_float32_on_a_grid():
    model = on_a_grid(train_a_little(dense(), (20,)))
    model[1] = st.LIF(decay=0.5, gain=1.0)  # exp(-dt / tau_m) must be the module's decay
    network = to_network(model, 20, dt=0.5, dtype="float32", threads=1)
    x = raster(20)
    for f, w in zip(network.run(x), spikes_of(model, x[:, None]).values(), strict=True):
        np.testing.assert_array_equal(f, w[:, 0])


def test_handles_of_a_network():
    model = dense().double()
    deployed = to_network(model, 20, dt=0.1)
    assert isinstance(deployed.network, sl.Network)
    assert [p.size for p in deployed.layers] == [40, 30, 10]
    assert [p.name for p in deployed.layers] == ["1", "3.1", "5"]
    assert [len(p) for p in deployed.projections] == [800, 1200, 300]
    np.testing.assert_array_equal(
        deployed.projections[2].weights.reshape(30, 10), 2.0 * model[4].weight.detach().numpy().T
    )
    x = raster(20)
    first, again = deployed.run(x), deployed.run(x)  # from rest each time
    for a, b in zip(first, again, strict=True):
        np.testing.assert_array_equal(a, b)
    late = deployed.recorders[0].times.min()  # a spike of step t is stamped (t + 2) dt
    assert late == pytest.approx(0.1 * (np.flatnonzero(first[0].any(1))[0] + 2))
    with pytest.raises(ValueError, match=r"x must be \[steps, 20\]"):
        deployed.run(x[:, :5])


# --- refusals ----------------------------------------------------------------------------------

LINEAR = nn.Linear(4, 4)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([LINEAR, st.IF(), nn.Linear(4, 4)], "layer '2': is the last layer and does not spike"),
        ([LINEAR, st.LI()], "layer '1': is the last layer and does not spike"),
        (
            [LINEAR, st.LI(), nn.Linear(4, 4), st.IF()],
            r"layer '1' \(LI\): sends its potential to '2'",
        ),
        (
            [LINEAR, st.ALIF()],
            r"layer '1' \(ALIF\): is neither a linear layer nor a neuron of a Network",
        ),
        (
            [LINEAR, st.LIF(convention="snntorch", beta=0.5)],
            'layer \'1\': is reset in the step after its spike; train with reset="zero" or convention="spikelet"',
        ),
    ],
)
def test_modules_that_a_network_cannot_run_are_refused(parts, message):
    with pytest.raises(ValueError, match=message):
        to_network(nn.Sequential(*parts), 4)


@pytest.mark.parametrize(
    "neurons",
    [
        st.LIF(decay=0.0, v_threshold=0.25),
        st.LIF(decay=0.75, reset="none", v_threshold=0.5),
        st.LIF(convention="spikingjelly", tau=4.0, v_reset=None, decay_input=False),
        st.CubaLIF(decay=0.75, tau_syn=3.0),
        st.RecurrentCubaLIF(16, decay=0.75, tau_syn=3.0),
    ],
)
def test_neurons_of_other_kinds_send_the_same_spikes(neurons):
    torch.manual_seed(1)
    module = nn.Sequential(nn.Linear(20, 16), neurons, nn.Linear(16, 8), st.LIF()).double()
    with torch.no_grad():
        for layer in (module[0], module[2]):
            layer.weight.mul_(6)
    x = raster(20)
    for f, w in zip(
        to_network(module, 20).run(x), spikes_of(module, x[:, None]).values(), strict=True
    ):
        np.testing.assert_array_equal(f, w[:, 0])
        assert w.any()


@pytest.mark.parametrize("per", ["synapse", "axon", "neuron"])
def test_delays_are_deployed_spike_for_spike(per):
    torch.manual_seed(0)
    module = (
        nn.Sequential(
            st.Delay(12, 9, 7, per=per),
            st.LIF(),
            st.Delay(9, 6, 5, per=per, bias=False),
            st.LIF(tau_m=5.0),
        )
        .double()
        .eval()
    )
    with torch.no_grad():
        for layer in (module[0], module[2]):
            layer.weight.mul_(4)
    x = (torch.rand(40, 1, 12) < 0.3).double()
    with torch.no_grad():
        first = module[1](module[0](x))
        second = module(x)
    assert second.sum() > 10
    for dt in (1.0, 0.1):
        found = st.to_network(module, 12, dt).run(x[:, 0].numpy().astype(np.uint8))
        np.testing.assert_array_equal(found[0], first[:, 0].numpy())
        np.testing.assert_array_equal(found[1], second[:, 0].numpy())
    layered = st.to_spiking_model(module, (12,), dtype="float64").run(x.numpy(), record=["1", "3"])
    np.testing.assert_array_equal(layered["1"], first.numpy())
    np.testing.assert_array_equal(layered["3"], second.numpy())
