"""snnTorch's tutorials, as they are written and layer by layer."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import snntorch as snn
import torch
from snntorch import functional as SF
from snntorch import surrogate
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from tutorials_cases import Case
    from tutorials_worker import Loss


class Net(nn.Module):
    """Layers with weights, each followed by `Leaky` neurons."""

    def __init__(self, layers: list[nn.Module], **leaky: Any) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)
        self.neurons = nn.ModuleList(snn.Leaky(**leaky) for _ in layers)

    def by_step(self, x: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return spikes and potentials of the last neurons, ``[T, B, n]``, step by step."""
        mems = [neuron.reset_mem() for neuron in self.neurons]
        spikes, potentials = [], []
        for _ in range(steps):
            now = x
            for k, (layer, neuron) in enumerate(zip(self.layers, self.neurons, strict=True)):
                now, mems[k] = neuron(layer(now), mems[k])
            spikes.append(now)
            potentials.append(mems[-1])
        return torch.stack(spikes), torch.stack(potentials)

    def by_layer(self, x: torch.Tensor, steps: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the same; a layer takes all steps as one batch, and the first, whose input is constant, one step."""
        for k, (layer, neuron) in enumerate(zip(self.layers, self.neurons, strict=True)):
            current = layer(x)
            parts = current.expand(steps, *current.shape) if k == 0 else current.unflatten(0, (steps, -1))  # fmt: skip
            mem, spikes, potentials = neuron.reset_mem(), [], []
            for part in parts:
                spk, mem = neuron(part, mem)
                spikes.append(spk)
                potentials.append(mem)
            x = torch.cat(spikes)
        return x.unflatten(0, (steps, -1)), torch.stack(potentials)


def network(case: Case, form: str) -> tuple[nn.Module, Loss, Any]:
    """Return the network, its loss of a batch, and the optimizer."""
    if case.net == "dense":
        layers: list[nn.Module] = [
            nn.Sequential(nn.Flatten(), nn.Linear(784, case.channels)), nn.Linear(case.channels, 10)
        ]  # fmt: skip
        net, rate = Net(layers, beta=0.95), 5e-4
    elif case.net == "population":
        layers = [nn.Sequential(nn.Flatten(), nn.Linear(784, 128)), nn.Linear(128, 500)]
        net, rate = Net(layers, beta=0.9, spike_grad=surrogate.fast_sigmoid()), 2e-3
    else:
        layers = [
            nn.Sequential(nn.Conv2d(1, 12, 5), nn.MaxPool2d(2)),
            nn.Sequential(nn.Conv2d(12, 64, 5), nn.MaxPool2d(2)),
            nn.Sequential(nn.Flatten(), nn.Linear(64 * 4 * 4, 10)),
        ]
        net, rate = Net(layers, beta=0.5, spike_grad=surrogate.fast_sigmoid(slope=25)), 1e-2
        if form == "by layer":
            net.to(memory_format=torch.channels_last)
    rates = {
        "conv": SF.ce_rate_loss(),
        "population": SF.mse_count_loss(
            correct_rate=1.0, incorrect_rate=0.0, population_code=True, num_classes=10
        ),
    }

    def loss(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        spikes, potentials = getattr(net, "by_step" if form == "script" else "by_layer")(x, case.steps)  # fmt: skip
        if case.net != "dense":
            return rates[case.net](spikes, labels)  # type: ignore[no-any-return]  # snnTorch has no types
        if form == "by layer":
            same = labels.repeat(case.steps)
            return F.cross_entropy(potentials.flatten(0, 1), same) * case.steps
        total = torch.zeros(1)
        for step in range(case.steps):
            total += F.cross_entropy(potentials[step], labels)
        return total[0]

    return net, loss, torch.optim.Adam(net.parameters(), lr=rate, betas=(0.9, 0.999))


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"snntorch": version("snntorch"), "torch": torch.__version__}
