"""Compare a deployed network with the module that it was made from, step by step."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import nn

from spikelet.conversion.building import ERRORS, refuse
from spikelet.layers import Shape
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["compare"]

STEPS, BATCH = 8, 2
_TOLERANCE = 1e-9
_HINT = "keep time apart: build it of nn.Sequential and OverTime, flatten by nn.Flatten(2), and read out over time outside of it"


def compare(
    where: str, module: nn.Module, graph: Graph, shape: Shape, name: str, what: str
) -> None:
    """Refuse a graph that sends other spikes than the module, for random spikes in double precision.

    Parameters
    ----------
    where : str
        What is being built, for error messages.
    module : nn.Module
        From ``[T, B, ...]`` to ``[T, B, ...]``; it is not modified.
    graph : Graph
    shape : tuple of int
        Of one sample at one step.
    name : str
        The module with a forward of its own.
    what : "spikes", "v" or "value"
        What the graph's output layer gives that the module returns.
    """
    who = f"{where}: module '{name}'"
    generator = torch.Generator().manual_seed(1)
    x = torch.rand(STEPS, BATCH, *shape, generator=generator)
    x = (x < torch.linspace(0.1, 0.9, STEPS).reshape(-1, *[1] * (x.ndim - 1))).double()
    twin = copy.deepcopy(module).double().eval()
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            expected = twin(x)
    except ERRORS as error:
        refuse(who, f"cannot be run on [T, B, {', '.join(map(str, shape))}] ({error})", _HINT)
    if not isinstance(expected, torch.Tensor) or expected.shape[:2] != (STEPS, BATCH):
        got = (
            tuple(expected.shape) if isinstance(expected, torch.Tensor) else type(expected).__name__
        )
        refuse(who, f"must return [T, B, ...], one value for each step, and returns {got}", _HINT)
    last = f"{graph.output.name}.{what}"
    model = SpikingModel(graph, dtype="float64", threads=1)
    found = model.run(x.numpy(), record=last)[last]
    if found.shape != tuple(expected.shape) or not np.allclose(
        found, expected.numpy(), rtol=_TOLERANCE, atol=_TOLERANCE
    ):
        refuse(who, "does something to time that its operators do not show", _HINT)
