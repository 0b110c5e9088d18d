"""spikelet: fused over time, in the convention of each library."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import torch
from training import NETWORK_NEURON, TIMED

import spikelet as sl
import spikelet.torch as st

if TYPE_CHECKING:
    from training import Layer, Task
    from training_network import Network


def lif(convention: str, x: torch.Tensor, **parameters: Any) -> Any:
    """Return spikes and final potential."""
    if "recurrent" in parameters:
        weight = parameters.pop("recurrent")
        node = st.RecurrentLIF(len(weight), convention=convention, return_v=True, **parameters)
        del node.recurrent  # weights of its own
        node.recurrent = weight
        return node(x)
    if "boost" in parameters:
        convention, parameters = "spikelet", adaptive(**parameters)
    return st.lif(x, convention=convention, return_v=True, **parameters)


def adaptive(
    *, tau_mem_inv: float, tau_syn_inv: float, v_leak: float, adapt_decay: float, dt: float,
    **general: Any,
) -> dict[str, Any]:  # fmt: skip
    """Return Norse's neuron with an adaptive threshold."""
    assert v_leak == 0.0
    gain = dt * tau_mem_inv
    taus = {"tau_syn": -1 / math.log(1 - dt * tau_syn_inv), "tau_adapt": -1 / math.log(adapt_decay)}
    change = {"decay": 1 - gain, "gain": gain, "reset": "zero", "detach_reset": False, "dt": 1.0}
    return general | taus | change


def layer(task: Task) -> Layer:
    """Return the layer to time; both methods are fused.

    "checkpoint" keeps only the input for the backward pass; "fused" does so only if it must.
    """
    options = TIMED[task.convention]
    again = True if task.method == "checkpoint" else None
    return lambda x: st.lif(x, convention=task.convention, checkpoint=again, **options)


def network(task: Task, net: Network) -> Layer:
    """Return the function from images to logits; "sparse" has layers for spikes."""
    options = {"convention": "snntorch", **NETWORK_NEURON}
    if task.method == "sparse":
        dense = net.second[0]
        net.second[0] = st.SpikeConv2d(
            dense.in_channels, dense.out_channels, 5, stride=2, padding=2, bias=False
        )
        net.second[0].load_state_dict(dense.state_dict())
        dense = net.third[1]
        net.third[1] = st.SpikeLinear(dense.in_features, dense.out_features, bias=False)
        net.third[1].load_state_dict(dense.state_dict())
    net.to(memory_format=torch.channels_last)

    def fire(x: torch.Tensor) -> torch.Tensor:
        return st.lif(x, **options)

    def hold(x: torch.Tensor) -> torch.Tensor:
        return st.lif(x, steps=task.steps, **options)

    return lambda images: net.by_layer(images, task.steps, fire, hold)


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikelet": sl.__version__, "simd": sl.simd_level(), "torch": torch.__version__}
