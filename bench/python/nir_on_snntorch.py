"""NIR in snnTorch."""

from __future__ import annotations

import copy

import nir
import snntorch as snn
import torch
from nir_exchange import Exported, Tensor, by_sample, flattens, larger, quiet, stepped
from snntorch import utils
from snntorch.export_nir import export_to_nir
from snntorch.import_nir import import_from_nir
from torch import nn

__all__ = ["READERS", "WRITERS"]


def read(path: str, x: Tensor) -> Tensor:
    """Read with snntorch.import_nir, which flattens the batch too (import_nir.py): then sample by sample."""

    def make() -> nn.Module:
        return import_from_nir(nir.read(path))

    with quiet():
        return by_sample(make, x) if flattens(nir.read(path)) else stepped(make(), x)


_SNNTORCH = {"reset_mechanism": "zero", "reset_delay": False, "init_hidden": True}


def leaky() -> Exported:
    """Leaky neurons, reset to zero in the step of the spike."""

    def neurons(n: int) -> nn.Module:
        return snn.Leaky(beta=0.8 * torch.ones(n), threshold=torch.ones(n), **_SNNTORCH)

    return _written(nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10)))


def synaptic() -> Exported:
    """Synaptic neurons, reset to zero in the step of the spike."""

    def neurons(n: int) -> nn.Module:
        ones = torch.ones(n)
        return snn.Synaptic(alpha=0.5 * ones, beta=0.75 * ones, threshold=ones, **_SNNTORCH)

    return _written(nn.Sequential(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10)))


def recurrent() -> Exported:
    """RLeaky neurons, reset to zero in the step of the spike."""
    hidden = snn.RLeaky(beta=0.75, linear_features=30, all_to_all=True, **_SNNTORCH)
    last = snn.Leaky(beta=0.5 * torch.ones(10), threshold=torch.ones(10), **_SNNTORCH)
    return _written(nn.Sequential(nn.Linear(20, 30), hidden, nn.Linear(30, 10), last))


def _written(net: nn.Module) -> Exported:
    larger(net)
    with quiet():
        graph = export_to_nir(net, torch.zeros(1, 20), ignore_dims=[0])

    def spikes(x: Tensor) -> Tensor:
        utils.reset(net)
        return torch.stack([net(step) for step in x])

    return Exported(graph, spikes, {"dt": 1e-4, "mode": "euler"})


def round_trip() -> Exported:
    """Return its own RLeaky network, as it reads that back: the input passes the recurrent weights."""
    made = recurrent()
    with quiet():
        net = import_from_nir(copy.deepcopy(made.graph))
    return Exported(made.graph, lambda x: stepped(net, x), made.options)


READERS = {"snntorch": read}
WRITERS = (leaky, synaptic, recurrent, round_trip)
