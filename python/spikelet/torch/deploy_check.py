"""Compare a deployed network with the module that it was made from, step by step."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikelet.conversion.building import ERRORS, refuse
from spikelet.conversion.torch.copies import copy_of
from spikelet.layers import Shape
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["compare"]

STEPS, BATCH = 8, 2
_TOLERANCE = 1e-9
_FACTORS = tuple(2.0**k for k in range(11))
_HINT = (
    "do not mix time steps: build it from nn.Sequential and OverTime, flatten by nn.Flatten(2), "
    "and read out over time outside of it"
)


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
    twin = copy_of(module).double().eval()
    model = SpikingModel(graph, dtype="float64", threads=1)
    last = f"{graph.output.name}.{what}"
    # Weights of a network that is not trained may be so small that only larger inputs reach its output.
    for factor in _FACTORS:
        expected = _outputs(who, twin, factor * x, shape)
        found = model.run(factor * x.numpy(), record=last)[last]
        if found.shape != expected.shape or not np.allclose(
            found, expected, rtol=_TOLERANCE, atol=_TOLERANCE
        ):
            refuse(who, "treats time in a way that its operators do not show", _HINT)
        if (expected[:, 0] != expected[:, 1]).any():
            return
    does = "sends no spikes" if what == "spikes" and not expected.any() else "returns the same"
    refuse(
        who,
        f"{does} for random inputs, so the comparison shows nothing",
        "train it first, with weights that let spikes reach the output, or build it from nn.Sequential",
    )


def _outputs(who: str, module: nn.Module, x: torch.Tensor, shape: Shape) -> NDArray[np.float64]:
    """Return what a module returns for each step, or refuse it."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            expected = module(x.clone())  # a layer may work in place
    except ERRORS as error:
        refuse(who, f"cannot be run on [T, B, {', '.join(map(str, shape))}] ({error})", _HINT)
    if not isinstance(expected, torch.Tensor) or expected.shape[:2] != (STEPS, BATCH):
        got = (
            tuple(expected.shape) if isinstance(expected, torch.Tensor) else type(expected).__name__
        )
        refuse(who, f"must return [T, B, ...], one value for each step, and returns {got}", _HINT)
    outputs: NDArray[np.float64] = expected.numpy()
    return outputs
