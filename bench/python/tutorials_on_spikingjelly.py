"""SpikingJelly's examples, as they are written and layer by layer."""

from __future__ import annotations

from copy import deepcopy
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from spikingjelly.activation_based import encoding, functional, layer, neuron, surrogate
from torch import nn
from torch.nn import functional as F

if TYPE_CHECKING:
    from tutorials_cases import Case
    from tutorials_worker import Loss


def layers(case: Case) -> nn.Sequential:
    """Return the network of `lif_fc_mnist`, `conv_fashion_mnist` or `classify_dvsg`."""
    atan, c = surrogate.ATan(), case.channels
    if case.net == "linear":
        lif = neuron.LIFNode(tau=2.0, surrogate_function=atan)
        return nn.Sequential(layer.Flatten(), layer.Linear(784, 10, bias=False), lif)

    def block(inputs: int, node: nn.Module) -> list[nn.Module]:
        conv = layer.Conv2d(inputs, c, kernel_size=3, padding=1, bias=False)
        return [conv, layer.BatchNorm2d(c), deepcopy(node), layer.MaxPool2d(2, 2)]

    if case.net == "csnn":
        node: nn.Module = neuron.IFNode(surrogate_function=atan)
        return nn.Sequential(
            *block(1, node), *block(c, node), layer.Flatten(),
            layer.Linear(c * 7 * 7, c * 4 * 4, bias=False), deepcopy(node),
            layer.Linear(c * 4 * 4, 10, bias=False), deepcopy(node),
        )  # fmt: skip
    node = neuron.LIFNode(surrogate_function=atan, detach_reset=True)
    parts = [part for k in range(5) for part in block(c if k else 2, node)]
    left = (case.size // 32) ** 2
    return nn.Sequential(
        *parts, layer.Flatten(), layer.Dropout(0.5), layer.Linear(c * left, 512), deepcopy(node),
        layer.Dropout(0.5), layer.Linear(512, 110), deepcopy(node), layer.VotingLayer(10),
    )  # fmt: skip


def network(case: Case, form: str) -> tuple[nn.Module, Loss, Any]:
    """Return the network, its loss of a batch, and the optimizer."""
    net = layers(case)
    encoder = encoding.PoissonEncoder()
    if case.net != "linear" or form == "by layer":
        functional.set_step_mode(net, "m")
    if form == "by layer":
        net.to(memory_format=torch.channels_last)

    def loss(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        functional.reset_net(net)
        if case.net == "linear" and form == "script":
            rate: Any = 0.0
            for t in range(case.steps):
                rate += net(encoder(x) if x.ndim == 4 else x[t])
            rate = rate / case.steps
        elif case.net == "linear":
            given = encoder(x.expand(case.steps, *x.shape)) if x.ndim == 4 else x
            rate = net(given).mean(0)
        elif case.net == "csnn" and form == "script":
            rate = net(x.expand(case.steps, *x.shape)).mean(0)
        elif case.net == "csnn":  # the first layers compute one step, as their input is constant
            current = net[1](net[0](x[None]))
            rate = net[2:](current.expand(case.steps, *current.shape[1:])).mean(0)
        else:
            rate = net(x).mean(0)
        return F.mse_loss(rate, F.one_hot(labels, rate.shape[1]).to(rate.dtype))

    if case.net == "linear":
        return net, loss, torch.optim.Adam(net.parameters(), lr=1e-3)
    return net, loss, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikingjelly": version("spikingjelly"), "torch": torch.__version__}
