"""NIR in sinabs."""

from __future__ import annotations

import nir
import torch
from nir_exchange import Exported, Tensor, larger, quiet
from sinabs.activation import SingleSpike
from sinabs.layers import IAFSqueeze, LIFSqueeze, StatefulLayer, SumPool2d
from sinabs.nir import from_nir, to_nir
from torch import nn

__all__ = ["READERS", "WRITERS"]


def as_it_reads(path: str, x: Tensor) -> Tensor:
    """Read with sinabs.nir.from_nir, which sends several spikes in a step and clips potentials of IF neurons."""
    return _sinabs(path, x, as_read=True)


def read(path: str, x: Tensor) -> Tensor:
    """Do the same, then set the layers to one spike per step and no lower limit of the potential."""
    return _sinabs(path, x, as_read=False)


def _sinabs(path: str, x: Tensor, *, as_read: bool) -> Tensor:
    steps, batch = x.shape[:2]
    with quiet():
        net = from_nir(nir.read(path), batch_size=batch)
        for module in net.modules():
            if isinstance(module, StatefulLayer) and not as_read:
                module.spike_fn, module.min_v_mem = SingleSpike, None
        y = net(x.transpose(0, 1).flatten(0, 1))
    y = y[0] if isinstance(y, tuple) else y
    return y.unflatten(0, (batch, steps)).transpose(0, 1)


def leaky() -> Exported:
    """LIF layers with a normalised input: exact steps of length 1."""

    def neurons(n: int) -> nn.Module:
        return LIFSqueeze(
            tau_mem=torch.full((n,), 4.0), spike_threshold=torch.full((n,), 0.3), batch_size=4
        )

    net = nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10))
    return _written(net, torch.zeros(4, 20))


def integrating() -> Exported:
    """IAF layers without a lower limit of the potential, and images."""
    net = nn.Sequential(
        nn.Conv2d(2, 4, 3, padding=1),
        IAFSqueeze(batch_size=4, min_v_mem=None),
        SumPool2d(2),
        nn.Flatten(),
        nn.Linear(64, 10),
        IAFSqueeze(batch_size=4, min_v_mem=None),
    )
    return _written(net, torch.zeros(4, 2, 8, 8))


def _written(net: nn.Module, example: Tensor) -> Exported:
    larger(net)
    layers = [m for m in net.modules() if isinstance(m, StatefulLayer)]
    for layer in layers:
        layer.spike_fn = SingleSpike
    with quiet():
        net(example)
        graph = to_nir(net, example)

    def spikes(x: Tensor) -> Tensor:
        for layer in layers:
            layer.reset_states()
        steps, batch = x.shape[:2]
        y = net(x.transpose(0, 1).flatten(0, 1))
        return y.unflatten(0, (batch, steps)).transpose(0, 1)

    return Exported(graph, spikes, {"dt": 1.0, "mode": "exact", "reset": "subtract"})


READERS = {"sinabs": read, "sinabs, as it reads": as_it_reads}
WRITERS = (leaky, integrating)
