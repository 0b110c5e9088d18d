"""Trained networks in both engines: the same spikes, one for one; what cannot be the same is refused."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import spikelet as sl
import spikelet.torch as st
from spikelet.torch import OverTime, losses, to_network, to_spiking_model

STEPS = 64


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors gain nothing from threads, and lose much where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def on_a_grid(module: nn.Module, bits: int = 6) -> nn.Module:
    """Round weights to multiples of 2^-bits: their sums are exact in float32."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_((p * 2**bits).round() / 2**bits)
    return module.eval()


def raster(*shape: int, rate: float = 0.3, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((STEPS, *shape)) < rate).astype(np.uint8)


def spikes_of(model: nn.Sequential, x) -> dict[str, np.ndarray]:
    """Spikes of all neurons of a module, by name, [T, B, ...]."""
    found = {}
    handles = [
        m.register_forward_hook(lambda _m, _i, y, name=name: found.update({name: y.numpy()}))
        for name, m in model.named_modules()
        if isinstance(m, st.Neuron) and not isinstance(m, st.LI)
    ]
    dtype = next(model.parameters()).dtype
    with torch.no_grad():
        model(torch.as_tensor(x).to(dtype))
    for handle in handles:
        handle.remove()
    return found


def dense(reset="subtract", **neuron):
    torch.manual_seed(0)
    options = {"reset": reset} | neuron
    return nn.Sequential(
        nn.Linear(20, 40), st.LIF(tau_m=5.0, gain=1.0, **options), nn.Dropout(0.5),
        nn.Sequential(nn.Linear(40, 30, bias=False), st.IF(v_threshold=0.75, **options)),
        nn.Linear(30, 10), st.LIF(decay=0.75, gain=2.0, v_threshold=0.5, **options),
    )  # fmt: skip


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


def train_a_little(model, shape):
    """A few steps: weights that are no longer random, running statistics of BatchNorm."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    labels = torch.arange(16) % 10
    model.train()
    for seed in range(3):
        optimizer.zero_grad()
        x = torch.from_numpy(raster(16, *shape, seed=seed)[:12]).float()
        losses.rate_cross_entropy(model(x), labels).backward()
        optimizer.step()
    return model.eval()


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


class Own(nn.Module):
    def __init__(self):
        super().__init__()
        self.inner = st.IF()

    def forward(self, x):
        return self.inner(x) + x


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
        ([LINEAR, st.LI(), LINEAR, st.IF()], r"module '1' \(LI\): passes its potential"),
        ([nn.Flatten(3), LINEAR], "flatten whole samples"),
        ([LINEAR, nn.ReLU(), LINEAR, st.IF()], r"module '1' \(ReLU\): is an analog activation"),
        ([LINEAR, nn.Sequential(st.LIF(reset="none"))], r"module '1.0' \(LIF\): has reset='none'"),
        ([LINEAR, st.ALIF()], r"module '1' \(ALIF\): is a neuron that the engine does not have"),
        ([LINEAR, st.CubaLIF()], r"module '1' \(CubaLIF\): is a neuron that"),
        ([LINEAR, st.RecurrentLIF(4)], "RecurrentLIF by `to_network`"),
        ([LINEAR, st.LIF(convention="norse")], "is a neuron that"),
        ([LINEAR, st.LIF(convention="snntorch", beta=0.5)], "in the step after its spike"),
        ([LINEAR, st.IF(convention="snntorch", reset_delay=False)], "with reset='subtract'"),
        ([LINEAR, st.IF(convention="spikingjelly", v_reset=0.5)], "leaks to 0.5"),
        ([LINEAR, st.LIF(tau_m=torch.arange(1.0, 5.0))], "has a decay for each neuron"),
        ([LINEAR, st.LIF(v_threshold=torch.zeros(4))], "threshold must be finite and > 0"),
        ([LINEAR, st.IF(), nn.Softmax(-1)], "module '2': is a softmax"),
        ([LINEAR, Own()], r"module '1' \(Own\): has neurons in its own forward"),
        ([LINEAR, OverTime(nn.GELU()), st.IF()], r"layer '1' \(GELU\): cannot be converted"),
        ([LINEAR, OverTime(nn.BatchNorm1d(4)), st.IF()], "has never been trained"),
        ([nn.Linear(5, 4), st.IF()], "cannot take samples of shape"),
    ],
)
def test_refuses_what_it_cannot_do(parts, message):
    with pytest.raises(ValueError, match=message):
        to_spiking_model(nn.Sequential(*parts), (4,))


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        ([LINEAR, st.IF(), LINEAR], "layer '2': is the last layer and does not spike"),
        ([LINEAR, st.LI()], "layer '1': is the last layer and does not spike"),
        ([st.IF(), LINEAR], r"layer '0' \(IF\): must be Linear"),
        ([LINEAR, st.LIF(decay=0.0)], "layer '1': decay must be > 0"),
    ],
)
def test_network_refuses_what_it_cannot_do(parts, message):
    with pytest.raises(ValueError, match=message):
        to_network(nn.Sequential(*parts), 4)


def test_not_a_module():
    for make, shape in ((to_spiking_model, (4,)), (to_network, 4)):
        with pytest.raises(TypeError, match=r"module must be a torch.nn.Module, got list"):
            make([LINEAR], shape)
    with pytest.raises(TypeError, match="input_size must be an integer"):
        to_network(nn.Sequential(LINEAR, st.IF()), (4,))


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
    snn = sl.convert(model, images[:200], method="percentile", neuron=neuron, steps=8, delay=0,
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
    snn = sl.convert(model, images[:200], method="percentile", neuron="soft", steps=2, delay=0)
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
        (sl.layers.ReLU(), r"layer 'relu1' \(ReLU\): waits for the mean"),
        (sl.layers.IF(code="signed"), r"layer 'if1' \(IF\): has a schedule, or signed spikes"),
        (sl.layers.IF(1.0, "zero", 0.5), "only v_reset=0.0 can be trained"),
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
