"""Fine-tune networks whose neurons fire at most once."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F  # PyTorch's customary name

from spikelet._util.checks import fail, integer
from spikelet.conversion.building import ERRORS
from spikelet.conversion.first_spike import thresholds
from spikelet.conversion.first_spike_torch import FirstSpike
from spikelet.conversion.neurons import usable
from spikelet.conversion.torch.copies import copy_of
from spikelet.torch.arguments import require_kind

__all__ = ["FirstSpike", "count_spikes", "to_first_spike"]

_RELUS = frozenset(
    {nn.ReLU, nn.ReLU6, F.relu, F.relu6, torch.relu, torch.relu_, F.relu_, "relu", "relu_"}
)


class _Placing(fx.Interpreter):
    """Runs a network, and puts neurons in the place of its ReLUs, each with the thresholds that fit its input."""

    def __init__(self, traced: fx.GraphModule, steps: int) -> None:
        super().__init__(traced)
        self.steps = steps
        self.made: dict[fx.Node, FirstSpike] = {}

    def run_node(self, n: fx.Node) -> Any:
        y = super().run_node(n)
        kind = type(self.module.get_submodule(n.target)) if n.op == "call_module" else n.target
        if kind not in _RELUS:
            return y
        rows = y.movedim(1, 0).flatten(1).cpu().numpy()
        theta = usable(thresholds(rows, rows, self.steps))
        self.made[n] = FirstSpike(self.steps, torch.as_tensor(theta)).to(y)
        return self.made[n](y)


def to_first_spike(model: nn.Module, images: Any, *, steps: int) -> fx.GraphModule:
    """Return a copy in which neurons that fire at most once replace each ReLU, to be fine-tuned.

    Layer by layer, the threshold of each channel is the one whose rounded outputs have the least squared error.
    ``sl.convert(copy, images, steps=steps, neuron="first_spike")`` keeps the thresholds and weights that training found.

    Parameters
    ----------
    model : nn.Module
        A trained network with ReLUs or ReLU6, as modules or functions. It is not modified.
    images : tensor or array, [B, ...]
        Some hundred samples, preprocessed for the model.
    steps : int, 2 to 256
        Length of the window T.

    Returns
    -------
    torch.fx.GraphModule
        In eval mode, in which BatchNorm keeps its statistics: leave it so while you train.

    Raises
    ------
    TypeError, ValueError
        If `model` is not a module or has no ReLU, `torch.fx` cannot trace it, or `steps` is out of range.
    """
    where = "to_first_spike"
    require_kind(where, "model", model, nn.Module, "a torch.nn.Module")
    integer(where, "steps", steps, 2, 256)
    try:
        traced = fx.symbolic_trace(copy_of(model).eval())
    except ERRORS as error:
        rule = f"must be a module that torch.fx can trace ({error}); or put FirstSpike modules into it yourself"
        fail(where, "model", type(model).__name__, rule)
    placing = _Placing(traced, steps)
    with torch.no_grad():
        placing.run(torch.as_tensor(images))
    if not placing.made:
        fail(where, "model", type(model).__name__, "must have ReLUs, as modules or functions")
    for node, neurons in placing.made.items():
        is_new = node.op != "call_module" or isinstance(
            traced.get_submodule(node.target), FirstSpike
        )
        name = f"{node.name}_neurons" if is_new else node.target
        traced.add_submodule(name, neurons)
        with traced.graph.inserting_after(node):
            placed = traced.graph.call_module(name, (node.all_input_nodes[0],))
        node.replace_all_uses_with(placed)
        traced.graph.erase_node(node)
    traced.recompile()
    return traced


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
