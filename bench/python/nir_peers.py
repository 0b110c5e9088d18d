"""The other libraries' own readers and writers of NIR, one module's worth of calls each.

Each reader takes the path of a file and an input [T, B, ...], and returns spikes [T, B, ...]; each writer takes a network of its
library and returns a NIR graph.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable
from importlib.metadata import version

import nir
import torch
from torch import nn

__all__ = ["READERS", "versions"]

Tensor = torch.Tensor


def _stepped(net: nn.Module, x: Tensor) -> Tensor:
    """Step a network that takes and returns its state."""
    state, out = None, []
    for step in x:
        y, state = net(step, state)
        out.append(y)
    return torch.stack(out)


def _by_sample(make: Callable[[], nn.Module], x: Tensor) -> Tensor:
    """Run sample by sample, without a dimension for them."""
    return torch.stack([_stepped(make(), x[:, b]) for b in range(x.shape[1])], 1)


def _flattens(graph: nir.NIRGraph) -> bool:
    return any(isinstance(node, nir.Flatten) for node in graph.nodes.values())


@contextlib.contextmanager
def _quiet():
    with contextlib.redirect_stdout(io.StringIO()):
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)


def snntorch(path: str, x: Tensor) -> Tensor:
    """Read with snntorch.import_nir, which flattens the batch too (import_nir.py): then sample by sample."""
    from snntorch.import_nir import import_from_nir

    def make() -> nn.Module:
        return import_from_nir(nir.read(path))

    with _quiet():
        return _by_sample(make, x) if _flattens(nir.read(path)) else _stepped(make(), x)


def spikingjelly(path: str, x: Tensor) -> Tensor:
    """Read with spikingjelly.activation_based.nir_exchange."""
    from spikingjelly.activation_based.nir_exchange import import_from_nir

    with _quiet():
        return _stepped(import_from_nir(path), x)


def norse(path: str, x: Tensor) -> Tensor:
    """Read with norse.torch.from_nir, which flattens the batch too (import_nir.py): then sample by sample."""
    from norse.torch import from_nir

    def make() -> nn.Module:
        return from_nir(nir.read(path), ignore_warnings=True)

    with _quiet():
        return _by_sample(make, x) if _flattens(nir.read(path)) else _stepped(make(), x)


def sinabs(path: str, x: Tensor) -> Tensor:
    """Read with sinabs.nir.from_nir; one spike per step, where sinabs counts how often the threshold fits."""
    from sinabs.activation import SingleSpike
    from sinabs.layers import StatefulLayer
    from sinabs.nir import from_nir

    steps, batch = x.shape[:2]
    with _quiet():
        net = from_nir(nir.read(path), batch_size=batch)
        for module in net.modules():
            if isinstance(module, StatefulLayer):
                module.spike_fn = SingleSpike
        y = net(x.transpose(0, 1).flatten(0, 1))
    y = y[0] if isinstance(y, tuple) else y
    return y.unflatten(0, (batch, steps)).transpose(0, 1)


READERS = {"snntorch": snntorch, "spikingjelly": spikingjelly, "norse": norse, "sinabs": sinabs}


def versions() -> str:
    """Return the versions of all libraries."""
    names = ("snntorch", "spikingjelly", "norse", "sinabs", "nir", "nirtorch", "torch")
    return ", ".join(f"{name} {version(name)}" for name in names)
