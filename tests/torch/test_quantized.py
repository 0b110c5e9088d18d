"""Weights of a few bits: their grids by hand, their gradients, and the same spikes in the integer engine and in C."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.support.c_programs import same_bits
from tests.support.torch_deployed import raster, spikes_of, train_a_little
from torch import nn
from torch.nn.utils import prune

import spikelet as sl
import spikelet.torch as st
from spikelet.io.c.plan import Plan
from spikelet.layers.to_core import Source

NEURONS = {
    "leaky": {"tau_m": 5.0, "v_threshold": 0.5},
    "zero": {"tau_m": 5.0, "reset": "zero", "v_threshold": 0.5},
    "gain": {"decay": 0.75, "gain": 1.7, "v_threshold": 0.9},
    "without a leak": {"decay": 1.0, "gain": 1.0},
}


def images(**neuron: Any) -> nn.Sequential:
    torch.manual_seed(0)
    net = nn.Sequential(
        st.SpikeConv2d(1, 8, 3, padding=1), st.OverTime(nn.BatchNorm2d(8)), st.LIF(**neuron),
        st.OverTime(nn.AvgPool2d(2)),
        nn.Sequential(st.OverTime(nn.Conv2d(8, 12, 3, bias=False)), st.tdBN(12)), st.LIF(**neuron),
        nn.Flatten(2), st.SpikeLinear(48, 10), st.LIF(**neuron),
    )  # fmt: skip
    with torch.no_grad():
        net[7].weight.mul_(6)  # so that all layers spike
    return net


def whole(model: sl.SpikingModel, shape: Any) -> list[bool]:
    """Return of each layer of neurons whether its inputs are integers."""
    plan = Plan(model.graph, shape, [Source("spikes")], whole=model.dtype == "int16")
    names = model.neurons
    return [item.whole for item in plan.items if set(item.names) & set(names)]


@pytest.mark.parametrize("bits", [2, 4, 8])
def test_weights_are_the_closest_of_a_grid(bits: int) -> None:
    torch.manual_seed(1)
    layer = nn.Linear(30, 7).double()
    with torch.no_grad():
        layer.weight.mul_(torch.logspace(-3, 3, 7)[:, None])
        layer.weight[2] = 0
    small = st.quantize(layer, bits)
    most = 2 ** (bits - 1) - 1
    rows = (layer.weight, small.weight, small.bias, layer.bias)
    for w, q, b, given in zip(*(p.detach() for p in rows), strict=True):
        errors = {}
        for e in range(-40, 30):
            grid = (w / 2.0**e).round().clamp(-most, most) * 2.0**e
            errors[e] = float((grid - w).square().sum())
        assert float((q - w).square().sum()) <= min(errors.values())
        e = max(e for e in range(-80, 30) if torch.equal((q / 2.0**e).round() * 2.0**e, q))
        assert not q.any() or (q / 2.0**e).abs().max() <= most
        assert abs(float(b - given)) <= 2.0 ** (e - 9) or not q.any()
        assert torch.equal(small.weight, small.weight)
    assert not small.weight[2].any()


def test_gradients_go_straight_through() -> None:
    net = train_a_little(images(tau_m=5.0, v_threshold=0.5), (1, 8, 8))
    small = st.quantize(net.double(), 4)
    twin = copy.deepcopy(small)
    x = torch.from_numpy(raster(16, 1, 8, 8)).double()
    layer, values = small[0], small[0].weight.detach()
    y = small(x)
    (y - 0.3).square().sum().backward()
    given = layer.parametrizations.weight.original
    held = nn.Conv2d(1, 8, 3, padding=1).double()
    with torch.no_grad():
        held.weight.copy_(values)
        held.bias.copy_(layer.bias)
    by_hand = nn.Sequential(st.OverTime(held), *list(small)[1:])
    (by_hand(x) - 0.3).square().sum().backward()
    torch.testing.assert_close(given.grad, held.weight.grad)
    assert all(p.grad is not None and p.grad.any() for p in small.parameters())
    # A copy is a network of its own, whose bias follows its own weights.
    with torch.no_grad():
        twin[0].parametrizations.weight.original.mul_(64)
    assert torch.equal(layer.weight, values)
    assert not torch.equal(twin[0].bias, layer.bias)


@pytest.mark.parametrize("neuron", NEURONS.values(), ids=NEURONS.keys())
@pytest.mark.parametrize("bits", [4, 8])
def test_the_integer_engine_sends_the_same_spikes(bits: int, neuron: dict[str, Any]) -> None:
    net = train_a_little(images(**neuron), (1, 8, 8))
    small = train_a_little(st.quantize(net, bits), (1, 8, 8))
    x = raster(16, 1, 8, 8)
    wanted = spikes_of(small, x)
    assert all(0.005 < s.mean() < 0.95 for s in wanted.values())
    for dtype in ("int16", "float32"):
        model = st.to_spiking_model(small, (1, 8, 8), dtype=dtype)
        assert whole(model, (1, 8, 8)) == 3 * [dtype == "int16"]
        result = model.run(x, record=True)
        for name in model.neurons:
            assert np.array_equal(result[f"{name}.spikes"], wanted[name]), (dtype, name)
    state = copy.deepcopy(small.state_dict())
    fresh = st.quantize(net, bits)
    fresh.load_state_dict(state)
    with torch.no_grad():
        assert torch.equal(fresh(torch.from_numpy(x).float()), small(torch.from_numpy(x).float()))


def test_layers_with_delays() -> None:
    torch.manual_seed(2)
    net = nn.Sequential(st.Delay(20, 30, 7), st.LIF(), st.Delay(30, 5, 3), st.LIF()).eval()
    with torch.no_grad():
        net[0].weight.mul_(4)
        net[2].weight.mul_(20)
    small = st.quantize(net, 3)
    assert len(small[0].weight.unique()) < len(net[0].weight.unique())
    x = raster(20)
    model = st.to_spiking_model(small, (20,), dtype="int16")
    assert np.array_equal(
        model.run(x[:, None]).spikes, small(torch.from_numpy(x[:, None]).float()).detach().numpy()
    )
    found = st.to_network(small, 20).run(x)
    wanted = spikes_of(small, x[:, None])
    for spikes, name in zip(found, ("1", "3"), strict=True):
        assert spikes.any()
        assert np.array_equal(spikes, wanted[name][:, 0])


@pytest.mark.parametrize("reset", ["subtract", "zero"])
def test_programs_in_c_send_the_same_spikes(tmp_path: Path, reset: str) -> None:
    net = train_a_little(images(tau_m=5.0, reset=reset, v_threshold=0.5), (1, 8, 8))
    model = st.to_spiking_model(st.quantize(net, 4), (1, 8, 8), dtype="int16")
    same_bits(tmp_path, model, raster(3, 1, 8, 8).astype(np.float32), form="spikes")
    assert "int16_t" in (tmp_path / "network_weights.h").read_text()


RESIDUAL = {
    "spikes": lambda: st.SEWBlock(nn.Sequential(nn.Linear(30, 30), st.LIF())),
    "potentials": lambda: st.PotentialShortcut(nn.Sequential(st.LIF(), nn.Linear(30, 30))),
}


@pytest.mark.parametrize("make", RESIDUAL.values(), ids=RESIDUAL.keys())
@pytest.mark.parametrize("convention", [{}, {"convention": "snntorch", "beta": 0.9}])
def test_residual_networks_in_integers_and_in_onnx(
    make: Any, convention: dict[str, Any], tmp_path: Path
) -> None:
    reference = pytest.importorskip("onnx.reference")
    torch.manual_seed(3)
    net = nn.Sequential(
        nn.Linear(20, 30), st.LIF(**convention), make(), st.LIF(**convention), nn.Linear(30, 5), st.LIF(**convention)
    )  # fmt: skip
    with torch.no_grad():
        net[0].weight.mul_(4)
        net[4].weight.mul_(8)
    small = st.quantize(net, 4)
    x = torch.from_numpy(raster(6, 20)).float()
    wanted = small(x).detach().numpy()
    assert 0.05 < wanted.mean() < 0.95
    model = st.to_spiking_model(small, (20,), dtype="int16")
    assert np.array_equal(model.run(x.numpy()).spikes, wanted)
    st.to_onnx(small, tmp_path / "small.onnx", x)
    evaluator = reference.ReferenceEvaluator(str(tmp_path / "small.onnx"))
    assert np.array_equal(evaluator.run(None, {"x": x.numpy()})[0], wanted)


def test_weights_that_are_on_no_grid_stay_what_they_are_before_leaky_neurons() -> None:
    net = train_a_little(images(tau_m=5.0), (1, 8, 8))
    model = st.to_spiking_model(net, (1, 8, 8), dtype="int16")
    assert whole(model, (1, 8, 8)) == [False] * 3
    single = st.to_spiking_model(net, (1, 8, 8), dtype="float32")
    x = raster(4, 1, 8, 8)
    assert np.array_equal(model.run(x).spikes, single.run(x).spikes)


def test_sums_that_16_bits_do_not_hold_are_computed_in_float32() -> None:
    weight = np.full((3, 600), 127 / 64)
    for used, integers in ((200, True), (600, False)):
        layers = [sl.layers.Linear(weight[:, :used]), sl.layers.LIF(90.0, decay=0.5)]
        model = sl.SpikingModel(layers, dtype="int16")
        x = np.random.default_rng(0).random((20, 2, used)) < 0.5
        assert whole(model, (used,)) == [integers]
        single = sl.SpikingModel(layers, dtype="float32")
        assert np.array_equal(model.run(x).spikes, single.run(x).spikes)
        assert model.run(x).spikes.any()


def test_norms_are_folded() -> None:
    net = train_a_little(images(tau_m=5.0), (1, 8, 8)).double()
    small = st.quantize(net, 16)
    x = torch.from_numpy(raster(4, 1, 8, 8)).double()
    torch.testing.assert_close(
        small[:2](x), net[:2](x), rtol=0, atol=2e-4 * float(net[:2](x).detach().abs().max())
    )
    assert not any(isinstance(m, nn.BatchNorm2d) for m in small.modules())
    assert any(isinstance(m, nn.BatchNorm2d) for m in net.modules())
    assert st.quantize(nn.Sequential(nn.Linear(3, 2), nn.BatchNorm1d(2)), 8)[0].bias is not None


def test_norms_without_parameters_are_folded() -> None:
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(6, 4), nn.BatchNorm1d(4, affine=False)).double()
    net(3 + torch.rand(20, 6).double())
    x = torch.rand(5, 6).double()
    torch.testing.assert_close(st.quantize(net.eval(), 16)(x), net(x), rtol=0, atol=1e-3)


def shared() -> nn.Sequential:
    layer = nn.Linear(3, 3)
    return nn.Sequential(layer, nn.BatchNorm1d(3), st.LIF(), layer)


def with_nan(name: str) -> nn.Sequential:
    net = nn.Sequential(nn.Linear(3, 2), st.LIF())
    with torch.no_grad():
        getattr(net[0], name)[0] = float("nan")
    return net


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_half_precision_holds_weights_of_eight_bits(dtype: torch.dtype) -> None:
    torch.manual_seed(0)
    layer = st.quantize(nn.Linear(30, 20), bits=8)
    wanted = layer.weight.detach()
    layer.parametrizations.weight.original.data = wanted.clone()  # on the grid before it is rounded
    low = copy.deepcopy(layer).to(dtype)
    assert low.weight.dtype == dtype
    torch.testing.assert_close(low.weight.float(), wanted, rtol=0, atol=0)
    assert low(torch.rand(2, 30, dtype=dtype)).isfinite().all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: st.quantize(3), TypeError, "model must be a torch.nn.Module"),
        (lambda: st.quantize(nn.Linear(3, 2), 1), ValueError, "bits must be >= 2 and <= 16"),
        (lambda: st.quantize(st.LIF()), ValueError, "must have linear layers or convolutions"),
        (lambda: st.quantize(st.quantize(nn.Linear(3, 2))), ValueError, "must have plain parameters"),
        (
            lambda: st.quantize(nn.Sequential(nn.Linear(3, 2), st.LIF(), nn.BatchNorm1d(2))),
            ValueError,
            "module '2' must directly follow a linear layer",
        ),
        (lambda: st.quantize(shared()), ValueError, "module '0' must stand in one place only"),
        (lambda: st.quantize(nn.Linear(3, 2).half()), TypeError, "weight must be float32 or .* with .float"),
        (lambda: st.quantize(prune.l1_unstructured(nn.Linear(3, 2), "weight", 0.5)), ValueError, "end pruning with"),
        (lambda: st.quantize(with_nan("weight")), ValueError, "module '0', weight must be finite"),
        (lambda: st.quantize(with_nan("bias")), ValueError, "module '0', bias must be finite"),
    ],
)  # fmt: skip
def test_bad_input(call: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        call()
