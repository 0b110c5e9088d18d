"""snnTorch: Leaky, stepped as in its tutorials, plain or compiled with torch.compile."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import snntorch as snn
import torch
from snntorch import surrogate
from training import NETWORK_NEURON, TIMED
from training_on_reference import torch_reference

if TYPE_CHECKING:
    from training import Layer, Task
    from training_network import Network

SURROGATES = {
    "atan": surrogate.atan, "sigmoid": surrogate.sigmoid, "fast_sigmoid": surrogate.fast_sigmoid
}  # fmt: skip


def leaky(dtype: torch.dtype, parameters: dict[str, Any]) -> snn.Leaky:
    """Return the neuron."""
    name, alpha = parameters["surrogate"], parameters["alpha"]
    spike_grad = SURROGATES[name](alpha)
    if dtype == torch.float64:
        # Its own surrogates convert spikes, and so their gradients, to float32.
        def spike_grad(u: torch.Tensor) -> torch.Tensor:
            return torch_reference.spike(u, True, name, alpha)

    return snn.Leaky(
        beta=torch.as_tensor(parameters["beta"], dtype=dtype),
        threshold=torch.as_tensor(parameters["v_threshold"], dtype=dtype),
        spike_grad=spike_grad,
        reset_mechanism=parameters["reset"],
        reset_delay=parameters["reset_delay"],
    )


def lif(convention: str, x: torch.Tensor, **parameters: Any) -> Any:  # noqa: ARG001
    """Return spikes and final potential."""
    node = leaky(x.dtype, parameters)
    if "recurrent" in parameters:
        return recurrent(node, x, parameters["recurrent"])
    mem, spikes = torch.zeros_like(x[0]), []
    for part in x:
        spk, mem = node(part, mem)
        spikes.append(spk)
    return torch.stack(spikes), mem


def recurrent(
    like: snn.Leaky, x: torch.Tensor, weight: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spikes and final potential of recurrently connected neurons."""
    node = snn.RLeaky(
        beta=like.beta, threshold=like.threshold, spike_grad=like.spike_grad,
        reset_mechanism=like.reset_mechanism, reset_delay=like.reset_delay, linear_features=len(weight),
    )  # fmt: skip
    del node.recurrent  # a module with weights of its own
    node.recurrent = lambda spikes: torch.nn.functional.linear(spikes.to(weight.dtype), weight)
    spk, mem, spikes = torch.zeros_like(x[0]), torch.zeros_like(x[0]), []
    for part in x:
        spk, mem = node(part, spk, mem)
        spikes.append(spk)
    return torch.stack(spikes), mem


def layer(task: Task) -> Layer:
    """Return the layer to time: a "loop", all steps "compiled", or a "compiled step"."""
    node = leaky(getattr(torch, task.dtype), TIMED["snntorch"])
    step = torch.compile(node, dynamic=False) if task.method == "compiled step" else node

    def loop(x: torch.Tensor) -> torch.Tensor:
        mem, spikes = torch.zeros_like(x[0]), []
        for part in x:
            spk, mem = step(part, mem)
            spikes.append(spk)
        return torch.stack(spikes)

    return torch.compile(loop, dynamic=False) if task.method == "compiled" else loop


def network(task: Task, net: Network) -> Layer:
    """Return the function from images to logits, "by step" or "by layer"."""
    node = leaky(torch.float32, NETWORK_NEURON)
    if task.method.endswith("channels last"):
        net.to(memory_format=torch.channels_last)

    def cell(x: torch.Tensor, mem: torch.Tensor | None) -> tuple[torch.Tensor, torch.Tensor]:
        return node(x, torch.zeros_like(x) if mem is None else mem)

    def fire(x: torch.Tensor) -> torch.Tensor:
        mem, spikes = None, []
        for part in x:
            sent, mem = cell(part, mem)
            spikes.append(sent)
        return torch.stack(spikes)

    if task.method.startswith("by step"):
        return lambda images: net.by_step(images, task.steps, cell)
    return lambda images: net.by_layer(images, task.steps, fire)


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"snntorch": version("snntorch"), "torch": torch.__version__}
