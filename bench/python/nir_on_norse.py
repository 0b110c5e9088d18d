"""NIR in Norse."""

from __future__ import annotations

import nir
import torch
from nir_exchange import Exported, Tensor, by_sample, flattens, larger, quiet, stepped
from norse.torch import (
    LIFBoxCell,
    LIFBoxParameters,
    LIFCell,
    LIFParameters,
    SequentialState,
    from_nir,
)
from norse.torch.functional.iaf import IAFParameters
from norse.torch.module.iaf import IAFCell
from norse.torch.utils.export_nir import to_nir
from torch import nn

__all__ = ["READERS", "WRITERS"]


def read(path: str, x: Tensor) -> Tensor:
    """Read with norse.torch.from_nir, which flattens the batch too (import_nir.py): then sample by sample."""

    def make() -> nn.Module:
        return from_nir(nir.read(path), ignore_warnings=True)

    with quiet():
        return by_sample(make, x) if flattens(nir.read(path)) else stepped(make(), x)


def leaky() -> Exported:
    """LIFBoxCell; the writer multiplies time constants by dt, so that the step is dt^2."""

    def neurons(n: int) -> LIFBoxCell:
        parameters = LIFBoxParameters(
            tau_mem_inv=torch.full((n,), 200.0),
            v_leak=torch.zeros(n),
            v_th=torch.full((n,), 0.3),
        )
        return LIFBoxCell(parameters)

    return _written(SequentialState(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10)))


def integrating() -> Exported:
    """IAFCell, which adds its input without dt: the writer's r = 1 fits a step of 1."""
    net = SequentialState(
        nn.Linear(20, 40),
        IAFCell(IAFParameters(v_th=torch.full((40,), 1.0))),
        nn.Linear(40, 10),
        IAFCell(IAFParameters(v_th=torch.full((10,), 1.0))),
    )
    made = _written(net)
    return Exported(made.graph, made.spikes, {"dt": 1.0, "mode": "euler"})


def synaptic() -> Exported:
    """LIFCell, whose input the writer leaves without its factor tau_syn / dt."""

    def neurons(n: int) -> LIFCell:
        ones = torch.ones(n)
        return LIFCell(
            LIFParameters(
                tau_syn_inv=500 * ones,
                tau_mem_inv=250 * ones,
                v_leak=0 * ones,
                v_th=0.3 * ones,
                v_reset=0 * ones,
            )
        )

    return _written(SequentialState(nn.Linear(20, 40), neurons(40), nn.Linear(40, 10), neurons(10)))


def synaptic_repaired() -> Exported:
    """LIFCell, with that factor put in by hand."""
    made = synaptic()
    for node in made.graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            node.w_in = node.tau_syn / made.options["dt"]
    return made


def _written(net: nn.Module) -> Exported:
    larger(net)
    with quiet():
        graph = to_nir(net, torch.zeros(20))
    return Exported(graph, lambda x: stepped(net, x), {"dt": 1e-6, "mode": "euler"})


READERS = {"norse": read}
WRITERS = (leaky, integrating, synaptic, synaptic_repaired)
