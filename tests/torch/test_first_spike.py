"""Fine-tuning of networks whose neurons fire at most once, and what conversion makes of them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

import spikelet as sl
import spikelet.torch as st
from spikelet.layers.spiking_model import SpikingModel


class Network(nn.Module):
    """Has a ReLU of each kind; one module is used twice."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 8, 3, padding=1, bias=False)
        self.norm = nn.BatchNorm2d(8)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(8, 8, 3, padding=1)
        self.pool = nn.MaxPool2d(2)
        self.conv3 = nn.Conv2d(8, 12, 3)
        self.relu6 = nn.ReLU6()
        self.hidden = nn.Linear(12 * 4, 20)
        self.linear = nn.Linear(20, 5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.relu(self.norm(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x) + x))
        x = self.relu6(20 * self.conv3(x))
        return self.linear(F.relu(self.hidden(x.flatten(1))).relu())


def images(n: int, seed: int = 1) -> torch.Tensor:
    return torch.randn((n, 3, 8, 8), generator=torch.Generator().manual_seed(seed))


def network() -> nn.Module:
    torch.manual_seed(2)
    net = Network()
    net.train()(images(200))
    return net.eval()


def test_each_relu_becomes_neurons_with_thresholds_of_its_channels() -> None:
    net = network()
    found = st.to_first_spike(net, images(100), steps=32)
    neurons = {n: m for n, m in found.named_modules() if isinstance(m, st.FirstSpike)}
    sizes = {name: len(m.threshold) for name, m in neurons.items()}
    assert sizes == {"relu": 8, "relu_1_neurons": 8, "relu6": 12, "relu_2_neurons": 20, "relu_3_neurons": 20}  # fmt: skip
    assert not any(isinstance(m, nn.ReLU) for m in found.modules())
    assert neurons["relu6"].threshold.max().item() == pytest.approx(6.0)
    x = images(50, 2)
    for steps, most in ((32, 0.2), (8, 0.6)):
        given, wanted = st.to_first_spike(net, images(100), steps=steps)(x), net(x)
        error = ((given - wanted).norm() / (wanted - wanted.mean(0)).norm()).item()
        assert most / 10 < error < most
    assert isinstance(net.relu, nn.ReLU)


def test_training_comes_closer_with_fewer_spikes() -> None:
    torch.manual_seed(1)
    ann = nn.Sequential(nn.Linear(2, 30), nn.ReLU(), nn.Linear(30, 30), nn.ReLU(), nn.Linear(30, 1))
    points = 4 * torch.rand(20_000, 2)

    def train(model: nn.Module, rate: float, loss: Callable[[torch.Tensor], torch.Tensor]) -> None:
        optimizer = torch.optim.Adam(model.parameters(), lr=rate)
        for x in points.split(100):
            optimizer.zero_grad()
            loss(x).backward()
            optimizer.step()

    train(ann, 1e-2, lambda x: F.mse_loss(ann(x), (2 * x).sin().prod(1, keepdim=True)))
    ann.requires_grad_(False)
    student = st.to_first_spike(ann, points[:400], steps=4).requires_grad_()

    @torch.no_grad()
    def measured() -> tuple[float, float]:
        y, spikes = st.count_spikes(student, points[:2000])
        return F.mse_loss(y, ann(points[:2000])).item(), spikes.item()

    def loss(x: torch.Tensor) -> torch.Tensor:
        y, spikes = st.count_spikes(student, x)
        return F.mse_loss(y, ann(x)) + 0.1 * spikes

    before = measured()
    train(student, 3e-3, loss)
    after = measured()
    assert after[0] < 0.5 * before[0]
    assert after[1] < 0.9 * before[1]


def test_conversion_keeps_thresholds_and_weights() -> None:
    student = st.to_first_spike(network(), images(100), steps=8)
    neurons = [m for m in student.modules() if isinstance(m, st.FirstSpike)]
    with torch.no_grad():
        for m in neurons:
            m.threshold *= 0.7 + 0.6 * torch.rand_like(m.threshold)
    x = images(300, 2)
    y, spikes = (v.detach().numpy() for v in st.count_spikes(student, x))
    snn: Any = sl.convert(student, images(100), steps=8, neuron="first_spike", dtype="int16")
    assert len(snn.neurons) == len(neurons)
    for name in snn.neurons:
        theta = student.get_submodule(name).threshold.detach()
        np.testing.assert_allclose(snn.graph[name].layer.threshold, theta, rtol=1e-6)
    exact = SpikingModel(snn.graph).run(x.numpy(), 1).output
    assert np.isclose(exact, y, rtol=0, atol=1e-5).mean() > 0.98  # the others round a tie otherwise
    result = snn.run(x.numpy())
    assert np.mean(result.output.argmax(1) == y.argmax(1)) > 0.95
    shapes = snn.graph.shapes((3, 8, 8))
    sent = sum(work.spikes for work in result.operations.values())
    assert sent / sum(np.prod(shapes[name]) for name in snn.neurons) == pytest.approx(spikes, abs=0.002)  # fmt: skip


def test_the_number_of_spikes_has_a_gradient_that_silences_neurons() -> None:
    model = nn.Sequential(st.FirstSpike(4, torch.tensor([1.0, 2.0])))
    x = torch.tensor([[-1.0, 0.2], [0.5, 0.0], [5.0, 2.0]], requires_grad=True)
    y, spikes = st.count_spikes(model, x)
    assert y.tolist() == [[0.0, 0.0], [0.5, 0.0], [1.0, 2.0]]
    assert spikes.item() == pytest.approx(3 / 6)
    spikes.backward()
    assert x.grad is not None
    np.testing.assert_allclose(x.grad, [[0, 2 / 6], [4 / 9 / 6, 2 / 6], [0, 2 / 25 / 6]], rtol=1e-5)


class Branching(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x.relu() if x.sum() > 0 else x


@pytest.mark.parametrize(
    ("model", "steps", "message"),
    [
        (nn.Linear(3, 3), 8, "to_first_spike: model must have ReLUs"),
        (Branching(), 8, "to_first_spike: model must be a module that torch.fx can trace"),
        (nn.ReLU(), 1, "to_first_spike: steps must be >= 2 and <= 256"),
    ],
)
def test_what_cannot_be_fine_tuned_is_refused(model: Any, steps: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        st.to_first_spike(model, torch.rand(4, 3), steps=steps)


def test_a_model_without_such_neurons_has_no_spikes_to_count() -> None:
    with pytest.raises(ValueError, match="count_spikes: model must have FirstSpike neurons"):
        st.count_spikes(nn.ReLU(), torch.rand(4, 3))
