"""Trained networks as event-driven networks."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.support.torch_deployed import dense, on_a_grid, raster, spikes_of, train_a_little
from torch import nn

import spikelet as sl
import spikelet.torch as st
from spikelet.torch import to_network

STEPS = 64


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """Small tensors gain nothing from threads, and lose much where others compute."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


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
