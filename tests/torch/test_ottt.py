"""OTTT against autograd through the sums that its derivation starts from."""

from __future__ import annotations

import copy
import gc
import weakref
from typing import Any

import pytest
import torch
from tests.support.torch_reference import spike
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils import parametrize, prune

import spikelet.torch as st

F64 = torch.float64


def dense() -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(6, 9), st.LIF(tau_m=8.0), nn.Linear(9, 7), st.LIF(tau_m=3.0, gain=1.3),
        nn.Linear(7, 3), st.LI(tau_m=5.0),
    ).double()  # fmt: skip


def online(net: nn.Sequential, x: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the outputs; gradients of the cross entropy of each step are added up."""
    trainer, outputs = st.OTTT(net), []
    trainer.reset()
    for x_t in x:
        y = trainer.step(x_t)
        trainer.learn(y.softmax(1) - F.one_hot(labels, y.shape[1]))
        outputs.append(y)
    return outputs


def reference(net: nn.Sequential, x: Tensor, labels: Tensor) -> list[Tensor]:
    """Return the gradients of sums over all earlier steps, whose spikes are given; only spikes of the step itself vary."""
    layers, neurons = list(net)[::2], list(net)[1::2]
    with torch.no_grad():
        given = [x]
        for layer, neuron in zip(layers, neurons, strict=True):
            given.append(neuron(layer(given[-1])))
    assert all(0.02 < s.mean() < 0.9 for s in given[:-1])
    loss = torch.zeros((), dtype=F64)
    for t in range(len(x)):
        now = x[t]
        for k, (layer, neuron) in enumerate(zip(layers, neurons, strict=True)):
            decay, gain = float(neuron.decay), float(neuron.gain)
            u = gain * layer(now)
            for past in range(t):
                u = u + decay ** (t - past) * gain * layer(given[k][past])
                if not isinstance(neuron, st.LI):
                    u = u - decay ** (t - past) * given[k + 1][past]
            now = u if isinstance(neuron, st.LI) else spike(u - 1.0, False, "atan", 2.0)
        loss = loss + F.cross_entropy(now, labels, reduction="sum")
    return list(torch.autograd.grad(loss, list(net.parameters())))


def test_gradients_are_those_derived() -> None:
    torch.manual_seed(0)
    net = dense()
    x, labels = (torch.rand(15, 5, 6) < 0.4).double(), torch.arange(5) % 3
    with torch.no_grad():
        for layer in list(net)[::2]:
            layer.weight.mul_(2).add_(0.1)
    wanted = reference(net, x, labels)
    online(net, x, labels)
    for parameter, gradient in zip(net.parameters(), wanted, strict=True):
        assert gradient.abs().max() > 1e-3
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-9, atol=1e-9)


def test_one_layer_is_exact() -> None:
    """Without layers below, resets aside, the gradient is all of that of backpropagation through time."""
    torch.manual_seed(1)
    net = nn.Sequential(nn.Linear(6, 3), st.LIF(tau_m=8.0)).double()
    x, by = (torch.rand(20, 4, 6) < 0.4).double(), torch.randn(20, 4, 3, dtype=F64)
    full = torch.autograd.grad((net(x) * by).sum(), list(net.parameters()))
    trainer = st.OTTT(net)
    for x_t, error in zip(x, by, strict=True):
        trainer.step(x_t)
        trainer.learn(error)
    for parameter, gradient in zip(net.parameters(), full, strict=True):
        torch.testing.assert_close(parameter.grad, gradient, rtol=1e-9, atol=1e-9)


def test_an_input_may_be_filled_again() -> None:
    """The traces keep their own copy of it."""
    torch.manual_seed(6)
    x, labels = (torch.rand(10, 5, 6) < 0.4).double(), torch.arange(5) % 3
    net = dense()
    twin = copy.deepcopy(net)
    online(net, x, labels)
    buffer = torch.empty_like(x[0])
    online(twin, (buffer.copy_(x_t) for x_t in x), labels)  # type: ignore[arg-type]
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        assert torch.equal(p.grad, q.grad)


def test_quantized_networks() -> None:
    """The gradient goes straight through to the weights before rounding, and to biases."""
    torch.manual_seed(5)
    small = st.quantize(dense(), 4)
    plain = dense()
    with torch.no_grad():
        for k in (0, 2, 4):
            plain[k].weight.copy_(small[k].weight)
            plain[k].bias.copy_(small[k].bias)
    x, labels = (torch.rand(15, 5, 6) < 0.6).double(), torch.arange(5) % 3
    for a, b in zip(online(small, x, labels), online(plain, x, labels), strict=True):
        torch.testing.assert_close(a, b)
    for k in (0, 2, 4):
        for name in ("weight", "bias"):
            given = getattr(small[k].parametrizations, name).original.grad
            torch.testing.assert_close(given, getattr(plain[k], name).grad)
            assert given.any()


def test_steps_are_those_of_the_network() -> None:
    torch.manual_seed(2)
    net = nn.Sequential(
        st.SpikeConv2d(1, 4, 3, padding=1), st.LIF(tau_m=4.0), st.OverTime(nn.AvgPool2d(2)),
        nn.Sequential(nn.Flatten(2), nn.Linear(64, 3)),
    )  # fmt: skip
    x, labels = (torch.rand(10, 5, 1, 8, 8) < 0.5).float(), torch.arange(5) % 3
    outputs = online(net, x, labels)
    torch.testing.assert_close(torch.stack(outputs), net(x), rtol=1e-6, atol=1e-6)
    assert all(p.grad is not None and p.grad.abs().max() > 0 for p in net.parameters())


class _Kept:
    def __init__(self, tensor: Tensor) -> None:
        self.tensor = tensor


@pytest.mark.parametrize("every", [1, 10**9])
def test_memory_does_not_depend_on_the_number_of_steps(every: int) -> None:
    """Neither with a `learn` after each step nor without: graphs of earlier steps are gone."""
    torch.manual_seed(3)
    net = dense()

    def living(steps: int) -> tuple[int, int]:
        kept: weakref.WeakSet[_Kept] = weakref.WeakSet()

        def pack(tensor: Tensor) -> _Kept:
            held = _Kept(tensor.detach())  # an output itself would hold its own graph
            kept.add(held)
            return held

        trainer, most = st.OTTT(net), 0
        with torch.autograd.graph.saved_tensors_hooks(pack, lambda held: held.tensor):
            for t in range(steps):
                y = trainer.step((torch.rand(5, 6) < 0.4).double())
                most = max(most, sum(held.tensor.nbytes for held in kept))
                if t % every == every - 1:
                    trainer.learn(y)
        gc.collect()
        tensors = [t for t in gc.get_objects() if type(t) in (Tensor, nn.Parameter)]
        # Compilers leave garbage of numbers behind, which goes little by little.
        return most, sum(t.nbytes for t in tensors if t.dtype == F64 and t.ndim > 0)

    living(10)
    found = {living(steps) for steps in (10, 50, 150)}
    assert len(found) == 1
    assert min(found)[0] > 0


def test_it_learns() -> None:
    """Which of three inputs spikes most, with an update at each step."""
    torch.manual_seed(4)
    net = nn.Sequential(nn.Linear(6, 40), st.LIF(), nn.Linear(40, 3), st.LI())
    trainer, labels = st.OTTT(net), torch.arange(30) % 3
    optimizer = torch.optim.Adam(net.parameters(), 0.002)
    for _ in range(12):
        x = (torch.rand(30, 30, 6) < 0.1 + 0.5 * F.one_hot(labels, 3).repeat(1, 2)).float()
        trainer.reset()
        for x_t in x:
            y = trainer.step(x_t)
            optimizer.zero_grad()
            trainer.learn((y.softmax(1) - F.one_hot(labels, 3)) / 30)
            optimizer.step()
    assert (net(x)[-1].argmax(1) == labels).float().mean() > 0.9


@pytest.mark.parametrize(
    ("model", "error", "message"),
    [
        (nn.Linear(3, 2), TypeError, "must be a torch.nn.Sequential"),
        (nn.Sequential(), ValueError, "must have layers"),
        (nn.Sequential(nn.Linear(3, 2), nn.ReLU()), ValueError, "module '1' must be a linear layer"),
        (nn.Sequential(nn.Linear(3, 2), st.ALIF()), ValueError, "module '1' must be LIF, IF or LI"),
        (nn.Sequential(st.LIF(reset="zero")), ValueError, "module '0' must be LIF, IF or LI"),
        (nn.Sequential(st.LIF(learn_tau=True)), ValueError, "one fixed decay"),
        (nn.Sequential(st.OverTime(nn.BatchNorm1d(3))), ValueError, "BatchNorm1d"),
    ],
)  # fmt: skip
def test_models_that_traces_do_not_fit(model: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        st.OTTT(model)


def test_bad_calls_change_nothing() -> None:
    torch.manual_seed(7)
    net = nn.Sequential(nn.Linear(3, 2), st.LIF(), nn.Linear(2, 2), st.LI())
    with torch.no_grad():
        net[0].weight.abs_().mul_(2)
    twin = copy.deepcopy(net)
    x, error = 3 * torch.rand(3, 4, 3), torch.rand(4, 2)
    trainer, fresh = st.OTTT(net), st.OTTT(twin)
    with pytest.raises(ValueError, match="call step before each learn"):
        trainer.learn(torch.rand(4, 2))
    for x_t in x:
        with pytest.raises(
            (RuntimeError, ValueError), match=r"cannot be multiplied|must have the shape"
        ):
            trainer.step(torch.rand(4, 5))
        assert torch.equal(trainer.step(x_t), fresh.step(x_t))
        with pytest.raises(ValueError, match=r"OTTT.step: x must have the shape \(4, 3\)"):
            trainer.step(torch.rand(5, 3))
        with pytest.raises(TypeError, match=r"must be a tensor \[B, ...\] of one step"):
            trainer.step(torch.rand(3))
        with pytest.raises(ValueError, match=r"OTTT.learn: error must be a tensor \[4, 2\]"):
            trainer.learn(torch.rand(4, 3))
        with pytest.raises(TypeError, match=r"OTTT.learn: error must be a tensor \[4, 2\]"):
            trainer.learn([1])  # type: ignore[arg-type]
        trainer.learn(error)
        fresh.learn(error)
    for p, q in zip(net.parameters(), twin.parameters(), strict=True):
        assert p.grad.any()
        assert torch.equal(p.grad, q.grad)


def test_copies_go_on() -> None:
    """Also of a trainer whose last step was not learned from."""
    trainer = st.OTTT(nn.Sequential(nn.Linear(3, 2), st.LIF()))
    x = 3 * torch.rand(2, 4, 3)
    trainer.step(x[0])
    twin = copy.deepcopy(trainer)
    with pytest.raises(ValueError, match="call step before each learn"):
        twin.learn(torch.rand(4, 2))
    assert torch.equal(twin.step(x[1]), trainer.step(x[1]))
    for each in (twin, trainer):
        each.learn(torch.ones(4, 2))
    assert torch.equal(twin.model[0].weight.grad, trainer.model[0].weight.grad)


class _Square(nn.Module):
    def forward(self, bias: Tensor) -> Tensor:
        return bias.square()

    def right_inverse(self, bias: Tensor) -> Tensor:
        return bias.abs().sqrt()


@pytest.mark.parametrize("how", ["pruned", "parametrised"])
def test_biases_that_are_computed(how: str) -> None:
    """The gradient of what a bias is computed from is that of the bias, times its derivative."""
    x, labels = (torch.rand(12, 5, 6) < 0.5).double(), torch.arange(5) % 3
    torch.manual_seed(0)
    net = dense()
    with torch.no_grad():
        net[0].bias.abs_()
    computed = copy.deepcopy(net)
    if how == "pruned":
        prune.custom_from_mask(computed[0], "bias", torch.ones(9))
    else:
        parametrize.register_parametrization(computed[0], "bias", _Square())
    online(net, x, labels)
    online(computed, x, labels)
    wanted = net[0].bias.grad
    if how == "pruned":
        found = computed[0].bias_orig.grad
    else:
        original = computed[0].parametrizations.bias.original
        found, wanted = original.grad, 2 * original.detach() * wanted
    assert wanted.any()
    torch.testing.assert_close(found, wanted, rtol=1e-9, atol=1e-12)
