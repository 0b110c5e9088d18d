"""SpikingJelly: its multi-step neurons, plain or compiled with torch.compile."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from training import NETWORK_NEURON, TIMED

if TYPE_CHECKING:
    from training import Layer, Task
    from training_network import Network

SURROGATES = {"atan": surrogate.ATan, "sigmoid": surrogate.Sigmoid}


def common(parameters: dict[str, Any]) -> dict[str, Any]:
    """Remove the common parameters of all neurons; return them under the library's names."""
    return {
        "surrogate_function": SURROGATES[parameters.pop("surrogate")](parameters.pop("alpha")),
        **{key: parameters.pop(key) for key in ("v_threshold", "v_reset", "detach_reset")},
    }


def lif(convention: str, x: torch.Tensor, **parameters: Any) -> Any:  # noqa: ARG001
    """Return spikes and final potential."""
    options = common(parameters) | {"step_mode": "m"}
    tau = parameters["tau"]
    if tau is None:
        node = neuron.IFNode(**options)
    elif isinstance(tau, torch.Tensor):
        node = neuron.ParametricLIFNode(decay_input=parameters["decay_input"], **options)
        del node.w  # it learns w, tau = 1 + exp(-w)
        node.w = -torch.log(tau - 1)
    else:
        node = neuron.LIFNode(**parameters, **options)
    return node(x), node.v


def layer(task: Task) -> Layer:
    """Return the layer to time.

    "multi-step" is LIFNode. Its steps are a custom operation, opaque to torch.compile ("compiled").
    SimpleLIFNode is the same in plain PyTorch, compiled with all its steps ("compiled simple") or
    step by step ("compiled step").
    """
    parameters = dict(TIMED["spikingjelly"])
    options = common(parameters) | parameters
    if task.method in ("multi-step", "compiled"):
        node: Any = neuron.LIFNode(step_mode="m", **options)
        run = torch.compile(node, dynamic=False) if task.method == "compiled" else node
    elif task.method == "compiled simple":
        node = neuron.SimpleLIFNode(step_mode="m", **options)
        run = torch.compile(node, dynamic=False)
    else:
        node = neuron.SimpleLIFNode(step_mode="s", **options)
        step = torch.compile(node, dynamic=False)

        def run(x: torch.Tensor) -> torch.Tensor:
            node.v = torch.zeros_like(x[0])
            return torch.stack([step(part) for part in x])

    def fresh(x: torch.Tensor) -> torch.Tensor:
        functional.reset_net(node)
        return run(x)

    return fresh


class SimpleSoft(neuron.SimpleLIFNode):
    """SimpleLIFNode with the soft reset that it has no setting for: its charge needs a number as `v_reset`."""

    def neuronal_reset(self, spike: torch.Tensor) -> None:
        """Subtract the threshold."""
        self.v = self.v - self.v_threshold * spike.detach()


def network(task: Task, net: Network) -> Layer:
    """Return the function from images to logits, layer by layer.

    The neurons decay as fast as the other programs', but reset within the step of a spike.
    """
    kind, v_reset = (SimpleSoft, 0.0) if "compiled" in task.method else (neuron.LIFNode, None)
    nodes: list[Any] = [
        kind(
            tau=1 / (1 - NETWORK_NEURON["beta"]), decay_input=False, v_reset=v_reset,
            detach_reset=True, surrogate_function=surrogate.ATan(NETWORK_NEURON["alpha"]),
            step_mode="m",
        )
        for _ in range(3)
    ]  # fmt: skip
    runs = [torch.compile(n, dynamic=False) for n in nodes] if "compiled" in task.method else nodes
    if "channels last" in task.method:
        net.to(memory_format=torch.channels_last)

    def logits(images: torch.Tensor) -> torch.Tensor:
        for node in nodes:
            functional.reset_net(node)
        turn = iter(runs)

        def fire(x: torch.Tensor) -> torch.Tensor:
            return next(turn)(x)

        return net.by_layer(images, task.steps, fire)

    return logits


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikingjelly": version("spikingjelly"), "torch": torch.__version__}
