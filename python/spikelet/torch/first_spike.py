"""Count the spikes of neurons that fire at most once, so that training can make them fewer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikelet._util.checks import fail
from spikelet.conversion.first_spike_torch import FirstSpike
from spikelet.torch.arguments import require_kind

__all__ = ["FirstSpike", "count_spikes"]


def count_spikes(model: nn.Module, *inputs: Any) -> tuple[Any, Tensor]:
    """Run a network, and count the spikes of its `FirstSpike` neurons.

    Parameters
    ----------
    model : nn.Module
    *inputs
        As for the model.

    Returns
    -------
    output
        The model's output.
    spikes : tensor, a scalar
        Mean number of spikes per neuron, from 0 to 1; add it to the loss with a factor to make the network sparse. A
        neuron that fires k steps before the end of its window counts as k / (k + 1) for the gradient.
    """
    require_kind("count_spikes", "model", model, nn.Module, "a torch.nn.Module")
    sent: list[Tensor] = []
    neurons = 0

    def count(module: FirstSpike, _inputs: Any, y: Tensor) -> None:
        nonlocal neurons
        with torch.no_grad():
            size = module.size(y)
            k = y / size
            spikes = torch.count_nonzero(k)
            slope = (k + 1).square_().mul_(size).reciprocal_()
        smooth = (y * slope).sum()
        sent.append(smooth + (spikes - smooth).detach())
        neurons += y.numel()

    hooks = [m.register_forward_hook(count) for m in model.modules() if isinstance(m, FirstSpike)]
    try:
        output = model(*inputs)
    finally:
        for hook in hooks:
            hook.remove()
    if not sent:
        fail("count_spikes", "model", type(model).__name__, "must have FirstSpike neurons that run")
    return output, torch.stack(sent).sum() / neurons
