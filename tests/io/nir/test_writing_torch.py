"""Networks of `spikelet.torch` as NIR graphs: the spikes of the module, in float32 as they are and on a grid exactly."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")
nir = pytest.importorskip("nir")

from tests.support.nir_models import quietly
from tests.support.torch_deployed import on_a_grid
from torch import nn

import spikelet as sl
import spikelet.torch as st

pytestmark = pytest.mark.usefixtures("one_thread")

STEPS, BATCH = 32, 3
SYNAPSE = {"decay": 0.75, "tau_syn": float(1 / np.log(2))}  # of decay 1/2


def larger(module):
    with torch.no_grad():
        for name, p in module.named_parameters():
            if name.endswith(("weight", "bias", "recurrent")):
                p.mul_(8)
    return on_a_grid(module)


def compare(module, shape, *, atol=0.0, **options):
    """Compare the output of each step with that of the graph; return the graph."""
    x = (torch.rand(STEPS, BATCH, *shape, generator=torch.Generator().manual_seed(0)) < 0.4).float()
    dtype = "float64" if next(module.parameters()).dtype == torch.float64 else "float32"
    with torch.no_grad():
        wanted = module(x.to(next(module.parameters()).dtype)).numpy()
    graph = quietly(module, input_shape=shape, **options)
    found = sl.io.read_nir(graph).run(x.numpy(), dtype=dtype).output
    np.testing.assert_allclose(found, wanted, rtol=0, atol=atol)
    assert np.abs(wanted).mean() > 0.005
    return graph


def pair(first, second):
    torch.manual_seed(0)
    return larger(nn.Sequential(nn.Linear(12, 16), first, nn.Linear(16, 8, bias=False), second))


@pytest.mark.parametrize("mode", ["exact", "euler"])
@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_neurons_of_spikelet(reset, mode):
    compare(
        pair(st.LIF(decay=0.75, reset=reset), st.IF(v_threshold=0.75, reset=reset)),
        (12,),
        mode=mode,
    )
    compare(
        pair(
            st.LIF(decay=0.5, gain=0.25, reset=reset),
            st.LIF(decay=0.875, gain="normalized", v_threshold=0.25, reset=reset),
        ),
        (12,),
        mode=mode,
    )


@pytest.mark.parametrize(
    "options",
    [
        {"convention": "snntorch", "beta": 0.75, "reset": "zero", "reset_delay": False},
        {"convention": "spikingjelly", "tau": 2.0},
        {"convention": "spikingjelly", "tau": 4.0, "decay_input": False, "v_reset": None},
        {"convention": "spikingjelly", "tau": 2.0, "v_reset": -0.25},
        {"convention": "spikingjelly", "tau": None},
        {"convention": "norse", "tau_mem_inv": 250.0, "tau_syn_inv": 500.0, "v_leak": 0.125},
    ],
)
def test_neurons_of_each_convention(options):
    kind = st.IF if options.get("tau", 0) is None else st.LIF
    if kind is st.IF:
        options = {"convention": "spikingjelly"}
    graph = compare(
        pair(kind(v_threshold=0.5, **options), kind(v_threshold=0.25, **options)), (12,)
    )
    assert type(graph.nodes["1"]).__name__ == (
        "CubaLIF" if options["convention"] == "norse" else kind.__name__
    )


@pytest.mark.parametrize("reset", ["zero", "subtract"])
def test_synapses_and_recurrence(reset):
    compare(pair(st.CubaLIF(reset=reset, **SYNAPSE), st.CubaLIF(reset=reset, **SYNAPSE)), (12,))
    recurrent = compare(
        pair(
            st.RecurrentLIF(16, decay=0.75, reset=reset),
            st.RecurrentCubaLIF(8, reset=reset, **SYNAPSE),
        ),
        (12,),
    )
    assert {("1", "1_recurrent"), ("1_recurrent", "1")} <= set(recurrent.edges)
    assert recurrent.metadata["spikelet"]["mode"] == "euler"


def test_readouts_send_their_potential():
    graph = compare(pair(st.LIF(decay=0.75), st.LI(decay=0.75)), (12,), atol=1e-5)
    assert type(graph.nodes["3"]).__name__ == "LI"
    compare(pair(st.LIF(decay=0.75), st.LI(decay=1.0)), (12,), atol=1e-4)


def test_neurons_that_are_never_reset():
    graph = compare(pair(st.LIF(decay=0.5, reset="none"), st.LI(decay=0.5)), (12,), atol=1e-5)
    assert {type(n).__name__ for n in graph.nodes.values()} >= {"LI", "Threshold"}


def test_parameters_for_each_neuron():
    tau = nn.Parameter(torch.rand(16) * 5 + 2)
    threshold = nn.Parameter(torch.rand(16) + 0.5)
    net = pair(
        st.LIF(tau_m=tau, v_threshold=threshold),
        st.LIF(decay=0.5, learn_tau=True, learn_threshold=True),
    ).double()
    graph = compare(net, (12,))
    np.testing.assert_allclose(
        graph.nodes["1"].tau, net[1].tensors.tau_m.detach().numpy() * 1e-3, rtol=1e-13
    )
    assert len(set(graph.nodes["1"].v_threshold.tolist())) > 1


def images():
    torch.manual_seed(0)
    return nn.Sequential(
        st.OverTime(nn.Conv2d(2, 4, 3, padding=1, bias=False), nn.BatchNorm2d(4)),
        st.LIF(tau_m=nn.Parameter(torch.full((4, 1, 1), 4.0)), v_threshold=0.5),
        st.OverTime(nn.AvgPool2d(2), nn.Dropout2d(0.5), nn.Conv2d(4, 4, 3, groups=2)),
        st.IF(v_threshold=0.5),
        nn.Flatten(2),
        nn.Sequential(nn.Linear(16, 6), st.LIF(decay=0.5, v_threshold=0.25)),
    )


def test_images():
    net = images().double()
    net(torch.rand(8, 4, 2, 8, 8).double())  # statistics of BatchNorm
    graph = compare(net.eval(), (2, 8, 8))
    kinds = [type(n).__name__ for n in graph.nodes.values()]
    assert (kinds.count("Conv2d"), kinds.count("AvgPool2d"), kinds.count("Flatten")) == (2, 1, 1)
    assert graph.nodes["1"].tau.shape == (4, 8, 8)


def test_sequences():
    torch.manual_seed(0)
    net = nn.Sequential(
        st.OverTime(nn.Conv1d(2, 4, 3, padding="same"), nn.BatchNorm1d(4)),
        st.LIF(tau_m=nn.Parameter(torch.rand(4, 1) + 4), v_threshold=0.5),
        st.OverTime(nn.AvgPool1d(2), nn.Conv1d(4, 6, 3, stride=2, dilation=1, groups=2)),
        st.IF(v_threshold=0.25),
        nn.Flatten(2),
        nn.Linear(6 * 3, 5),
        st.LIF(decay=0.5, v_threshold=0.25),
    ).double()
    net(torch.rand(8, 4, 2, 16).double())
    graph = compare(net.eval(), (2, 16))
    convs = [n for n in graph.nodes.values() if isinstance(n, nir.Conv1d)]
    # The pool is a convolution: NIR has none over sequences.
    assert sorted(c.weight.shape for c in convs) == [(4, 1, 2), (4, 2, 3), (6, 2, 3)]
    assert graph.nodes["1"].tau.shape == (4, 16)


def test_modules_are_written_as_in_eval_mode_and_not_modified():
    net = images()
    net(torch.rand(8, 4, 2, 8, 8))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    assert net.training
    graph = quietly(net, input_shape=(2, 8, 8))
    assert net.training
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    again = quietly(net.eval(), input_shape=(2, 8, 8))
    np.testing.assert_array_equal(graph.nodes["0_0"].weight, again.nodes["0_0"].weight)


def test_half_precision_is_written_exactly():
    net = pair(st.LIF(decay=0.75), st.IF()).half()
    graph = quietly(net)
    assert graph.nodes["0"].weight.dtype == np.float32
    np.testing.assert_array_equal(graph.nodes["0"].weight, net[0].weight.detach().float().numpy())


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = st.OverTime(nn.Conv2d(2, 2, 3, padding=1))
        self.neurons = st.LIF(decay=0.75, v_threshold=0.5)

    def forward(self, x):
        return x + self.neurons(self.conv(x))


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.ModuleList([Block(), Block()])
        self.flat, self.last, self.out = (
            nn.Flatten(2),
            nn.Linear(50, 5),
            st.RecurrentLIF(5, decay=0.5),
        )

    def forward(self, x):
        for block in self.blocks:
            x = block(x)
        return self.out(self.last(self.flat(x)))


def test_modules_with_a_forward_of_their_own_are_traced():
    torch.manual_seed(0)
    graph = compare(larger(Net()), (2, 5, 5))
    assert ("input", "blocks_0_conv") in graph.edges


class Mean(nn.Module):
    """A mean over channels and rows."""

    def __init__(self):
        super().__init__()
        self.neurons, self.last = st.LIF(decay=0.5), nn.Linear(4, 4)

    def forward(self, x):
        return self.neurons(self.last(self.neurons(x).mean((2, 3))))


class Back(nn.Module):
    def __init__(self):
        super().__init__()
        self.neurons = st.LIF(decay=0.5)

    def forward(self, x):
        return self.neurons(x).flip(0)


@pytest.mark.parametrize(
    ("module", "shape", "message"),
    [
        (Mean(), (4, 4, 4), r"layer 'mean': \(Reduce\) has no node in NIR"),
        (Back(), (4,), "layer 'flip' .*mixes steps or samples"),
        (nn.Sequential(nn.Linear(4, 4), st.ALIF()), (4,), r"layer '1' \(ALIF\): has an adaptive threshold"),
        (nn.Sequential(st.LIF(convention="snntorch", beta=0.5)), (4,), "is reset in the step after its spike"),
        (nn.Sequential(nn.Linear(4, 4), nn.ReLU(), st.LIF()), (4,), "is an analog activation"),
        (nn.Sequential(st.OverTime(nn.MaxPool2d(2)), st.LIF()), (1, 4, 4), "is max pooling"),
        (nn.Sequential(nn.Linear(4, 4), st.LIF()), (5,), "cannot take samples of shape"),
        (nn.Sequential(st.LIF()), None, "input_shape must be the shape of one sample"),
        (nn.Sequential(nn.Linear(4, 4), st.LIF(tau_m=torch.rand(3) + 1)), (4,), "tau_m must broadcast to the neurons"),
        (nn.Sequential(nn.Linear(4, 4), st.CubaLIF()), (4,), None),
    ],
)  # fmt: skip
def test_what_nir_cannot_hold_is_refused(module, shape, message):
    if message is None:
        with pytest.raises(ValueError, match=r'has a synapse.*mode="euler"'):
            sl.io.write_nir(module, input_shape=shape, mode="exact")
        return
    with pytest.raises(ValueError, match=message):
        sl.io.write_nir(module, input_shape=shape)


def test_several_outputs():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.lif, self.out = st.LIF(), nn.Linear(4, 4)

        def forward(self, x):
            h = self.lif(x)
            return h, self.out(h)

    module = Two()
    x = torch.rand(20, 3, 4, generator=torch.Generator().manual_seed(0)) * 4
    found = sl.io.read_nir(quietly(module, input_shape=(4,))).run(x.numpy(), dtype="float32")
    with torch.no_grad():
        spikes, out = module(x)
    np.testing.assert_array_equal(found.outputs["lif_output"], spikes.numpy())
    np.testing.assert_allclose(found.outputs["out_output"], out.numpy(), atol=1e-6)
    assert spikes.any()


def test_modules_without_values_are_refused():
    with pytest.raises(ValueError, match="meta"):
        sl.io.write_nir(nn.Sequential(nn.Linear(4, 4, device="meta"), st.LIF()))


def test_parameters_that_training_has_lost_are_refused():
    net = nn.Sequential(nn.Linear(4, 4), st.LIF(tau_m=nn.Parameter(torch.ones(4))))
    with torch.no_grad():
        net[1].tensors.tau_m[2] = torch.nan
    with pytest.raises(ValueError, match="LIF: tau_m must be finite and > 0, got nan"):
        sl.io.write_nir(net)
    net[1] = st.LIF(learn_tau=True, shape=(4,))
    with torch.no_grad():
        net[1].leak[2] = torch.nan
    with pytest.raises(
        ValueError, match=r"module '1' \(LIF\): LIF: decay must not contain NaN at index 2"
    ):
        sl.io.write_nir(net)


def test_fine_tuned_models_are_written_as_models():
    model = sl.SpikingModel([sl.layers.Linear(np.eye(3)), sl.layers.IF(1.0, v_init=0.5)])
    graph = quietly(st.from_spiking_model(model), input_shape=(3,))
    assert graph.nodes["if1"].metadata["spikelet"]["v_init"] == 0.5


def test_steps_of_a_convention_are_those_of_the_graph():
    def dt(**options):
        return quietly(nn.Sequential(nn.Linear(3, 3), st.LIF(**options))).metadata["spikelet"]["dt"]

    assert dt(tau_m=10.0, dt=0.5) == 0.5e-3
    assert dt(convention="norse", dt=2e-3) == 2e-3
    assert dt(decay=0.5) == 1e-4
    assert dt(convention="snntorch", beta=0.5, reset="zero", reset_delay=False) == 1e-4
