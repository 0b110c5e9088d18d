"""Readouts and losses: against numbers by hand, and their gradients against finite differences."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

import spikelet.torch as st
from spikelet.torch import losses

pytestmark = pytest.mark.usefixtures("one_thread")


@pytest.fixture
def spikes():
    rng = np.random.default_rng(0)
    s = torch.from_numpy((rng.random((9, 4, 5)) < 0.2).astype(np.float64))
    s[:, 0, 0] = 0  # a silent neuron
    s[0, 1, 1] = 1
    return s


LABELS = torch.tensor([0, 1, 2, 4])


def test_rate_and_membrane(spikes):
    np.testing.assert_array_equal(losses.rate(spikes), spikes.numpy().mean(0))
    for how, expected in (("max", "max"), ("mean", "mean")):
        np.testing.assert_array_equal(
            losses.membrane(spikes, how), getattr(spikes.numpy(), expected)(0)
        )
    np.testing.assert_array_equal(losses.membrane(spikes, "last"), spikes[-1])


def test_first_spike_time_is_the_time(spikes):
    s = spikes.numpy()
    expected = np.where(s.any(0), s.argmax(0), len(s))
    np.testing.assert_array_equal(losses.first_spike_time(spikes), expected)


def test_first_spike_time_has_the_gradient_that_is_documented():
    s = torch.tensor([0, 0, 1, 0, 0, 1, 0], dtype=torch.float64)
    s = s.reshape(7, 1, 1).requires_grad_()
    losses.first_spike_time(s).sum().backward()
    np.testing.assert_array_equal(s.grad[:, 0, 0], [-2, -1, -3, 0, 0, 0, 0])
    silent = torch.zeros(4, 1, 1, requires_grad=True)
    losses.first_spike_time(silent).sum().backward()
    np.testing.assert_array_equal(silent.grad[:, 0, 0], [-4, -3, -2, -1])


@pytest.mark.parametrize(
    "loss",
    [
        losses.rate_cross_entropy,
        losses.rate_mse,
        losses.latency_cross_entropy,
        losses.membrane_cross_entropy,
        lambda s, _: losses.rate_bounds(s, 0.3, 0.4),
        lambda s, _: losses.rate_bounds(s, 0.3, 0.4, norm="l1"),
    ],
)
def test_gradients(loss):
    x = torch.rand(6, 4, 5, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    assert torch.autograd.gradcheck(lambda s: loss(s, LABELS), x.requires_grad_())


def test_cross_entropies_by_hand(spikes):
    def cross_entropy(scores):
        p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
        return -np.log(p[np.arange(4), LABELS.numpy()]).mean()

    s = spikes.numpy()
    time = losses.first_spike_time(spikes).numpy()
    for found, scores in (
        (losses.rate_cross_entropy(spikes, LABELS), s.sum(0)),
        (losses.rate_cross_entropy(spikes, LABELS, scale=3.0), 3 * s.mean(0)),
        (losses.membrane_cross_entropy(spikes, LABELS), s.max(0)),
        (losses.membrane_cross_entropy(spikes, LABELS, how="last"), s[-1]),
        (losses.latency_cross_entropy(spikes, LABELS), -time),
        (losses.latency_cross_entropy(spikes, LABELS, tau=4.0), -time / 4),
    ):
        assert float(found) == pytest.approx(cross_entropy(scores), rel=1e-12)


def test_rate_mse_by_hand(spikes):
    wanted = np.full((4, 5), 0.05)
    wanted[np.arange(4), LABELS.numpy()] = 0.8
    expected = ((spikes.numpy().mean(0) - wanted) ** 2).mean()
    found = losses.rate_mse(spikes, LABELS, correct=0.8, incorrect=0.05)
    assert float(found) == pytest.approx(expected, rel=1e-12)


def test_rate_bounds_by_hand():
    s = torch.zeros(10, 2, 3)
    s[:2, :, 1] = 1  # rates 0, 0.2 and 0.8
    s[:8, :, 2] = 1
    assert float(losses.rate_bounds(s, 0.1, 0.5, norm="l1")) == pytest.approx((0.1 + 0.3) / 3)
    assert float(losses.rate_bounds(s, 0.1, 0.5)) == pytest.approx((0.01 + 0.09) / 3)
    assert float(losses.rate_bounds(s, 0.0, 0.9)) == 0


@pytest.mark.parametrize("loss", ["rate_cross_entropy", "rate_mse", "latency_cross_entropy"])
def test_training_by_each_loss_reduces_it(loss):
    """The gradient arrives at the weights through the surrogate."""
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 12), st.LIF(tau_m=4.0, gain=1.0, steps=8),
                          nn.Linear(12, 3), st.LIF(tau_m=4.0, gain=1.0))  # fmt: skip
    x, y = torch.rand(30, 5), torch.arange(30) % 3
    x[torch.arange(30), y] += 1.5
    optimizer = torch.optim.Adam(model.parameters(), lr=0.02)
    values = []
    for _ in range(30):
        optimizer.zero_grad()
        value = getattr(losses, loss)(model(x), y)
        value.backward()
        optimizer.step()
        values.append(value.item())
    assert values[-1] < 0.6 * values[0]


def test_rate_bounds_wake_a_silent_layer():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(5, 12), st.LIF(tau_m=4.0, gain=1.0, steps=8))
    with torch.no_grad():
        model[0].bias -= 2.0
    x = torch.rand(20, 5)
    assert model(x).sum() == 0
    optimizer = torch.optim.Adam(model.parameters(), lr=0.1)
    for _ in range(60):
        optimizer.zero_grad()
        losses.rate_bounds(model(x), 0.1, 0.9, norm="l1").backward()
        optimizer.step()
    assert losses.rate(model(x)).mean() > 0.08


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda s: losses.rate(s.numpy()), TypeError, "rate: spikes must be a dense tensor"),
        (lambda s: losses.rate(s[:, 0]), ValueError, r"spikes must have the shape \[T, B, ...\]"),
        (lambda s: losses.rate_mse(s, [0, 1]), TypeError, "rate_mse: labels must be an int64 tensor"),
        (lambda s: losses.rate_mse(s, LABELS.float()), TypeError, "must be an int64 tensor, got torch.float"),
        (lambda s: losses.rate(s.to_sparse()), TypeError, "spikes must be a dense tensor"),
        (lambda s: losses.rate(s[:, 0, 0]), ValueError, r"spikes must have the shape \[T, B, ...\]"),
        (lambda s: losses.rate(s[:0]), ValueError, r"shape \[T, B, ...\], got shape \(0, 4, 5\)"),
        (lambda s: losses.membrane(s, "min"), ValueError, 'how must be "max", "mean" or "last"'),
        (lambda s: losses.rate_mse(s[..., None], LABELS), ValueError, r"\[T, B, classes\]"),
        (lambda s: losses.rate_mse(s, LABELS[:3]), ValueError, r"labels must have the shape \(4,\)"),
        (lambda s: losses.rate_mse(s, LABELS, correct=2.0), ValueError, "correct must be in"),
        (lambda s: losses.rate_cross_entropy(s, LABELS, scale=0.0), ValueError, "scale must be"),
        (lambda s: losses.latency_cross_entropy(s, LABELS, tau=-1), ValueError, "tau must be"),
        (lambda s: losses.rate_bounds(s, 0.5, 0.4), ValueError, "low must be at most high = 0.4"),
        (lambda s: losses.rate_bounds(s, norm="l3"), ValueError, 'norm must be "l1" or "l2"'),
    ],
)  # fmt: skip
def test_bad_input(spikes, call, error, message):
    with pytest.raises(error, match=message):
        call(spikes)


@pytest.mark.parametrize("bad", [4, -1, -100])
@pytest.mark.parametrize(
    "name", ["rate_cross_entropy", "rate_mse", "membrane_cross_entropy", "latency_cross_entropy"]
)
def test_labels_must_be_classes(name, bad):
    loss, labels = getattr(losses, name), torch.tensor([0, bad])
    spikes = (torch.rand(5, 2, 4) < 0.5).float()
    if bad == -100 and name != "rate_mse":  # PyTorch's mark of samples to leave out
        assert torch.equal(loss(spikes, labels), loss(spikes[:, :1], labels[:1]))
        return
    with pytest.raises(
        ValueError, match=rf"{name}: labels must be class numbers 0 .. 3.*got {bad}"
    ):
        loss(spikes, labels)
