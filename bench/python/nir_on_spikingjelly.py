"""NIR in SpikingJelly."""

from __future__ import annotations

import torch
from nir_exchange import Exported, Tensor, larger, quiet, stepped
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based.nir_exchange import export_to_nir, import_from_nir
from torch import nn

__all__ = ["READERS", "WRITERS"]


def read(path: str, x: Tensor) -> Tensor:
    """Read with spikingjelly.activation_based.nir_exchange."""
    with quiet():
        return stepped(import_from_nir(path), x)


def leaky() -> Exported:
    """LIFNode and IFNode, in one network."""
    net = nn.Sequential(
        nn.Linear(20, 40),
        neuron.LIFNode(tau=4.0, decay_input=False),
        nn.Linear(40, 30),
        neuron.IFNode(),
        nn.Linear(30, 10),
        neuron.LIFNode(tau=2.0),
    )
    return _written(net, torch.zeros(1, 20))


def images() -> Exported:
    """Convolutions, pooling and flattening."""
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        neuron.LIFNode(tau=2.0),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
        neuron.IFNode(v_threshold=0.5),
    )
    return _written(net, torch.zeros(1, 2, 8, 8))


def synaptic() -> Exported:
    """CUBALIFNode."""
    net = nn.Sequential(
        nn.Linear(20, 40),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_reset=0.0),
        nn.Linear(40, 10),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_reset=0.0),
    )
    return _written(net, torch.zeros(1, 20))


def _written(net: nn.Module, example: Tensor) -> Exported:
    larger(net)
    with quiet():
        graph = export_to_nir(net, example)

    def spikes(x: Tensor) -> Tensor:
        functional.reset_net(net)
        return torch.stack([net(step) for step in x])

    return Exported(graph, spikes, {"dt": 1e-4, "mode": "euler"})


READERS = {"spikingjelly": read}
WRITERS = (leaky, images, synaptic)
