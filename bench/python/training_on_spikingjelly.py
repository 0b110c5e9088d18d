"""SpikingJelly: its multi-step neurons, plain or compiled with torch.compile."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from spikingjelly.activation_based import functional, neuron, surrogate
from training import TIMED

if TYPE_CHECKING:
    from training import Layer, Task

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


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikingjelly": version("spikingjelly"), "torch": torch.__version__}
