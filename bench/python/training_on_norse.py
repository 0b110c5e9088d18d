"""Norse: its feed-forward LIF, stepped or integrated, plain or compiled with torch.compile."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import torch
from norse.torch.functional.lif import (
    LIFFeedForwardState,
    LIFParameters,
    lif_feed_forward_integral,
    lif_feed_forward_step,
)
from norse.torch.functional.lsnn import (
    LSNNFeedForwardState,
    LSNNParameters,
    lsnn_feed_forward_step,
)
from norse.torch.module.lif import LIFCell
from training import TIMED

if TYPE_CHECKING:
    from training import Layer, Task

METHODS = {
    "fast_sigmoid": lambda alpha: ("super", alpha),
    "triangle": lambda alpha: ("triangle", alpha),
    "sigmoid": lambda alpha: ("tanh", alpha / 2),
}
"""The library's surrogates that match spikelet's, at alpha 1, 1 and 4."""


def shared(dtype: torch.dtype, parameters: dict[str, Any]) -> dict[str, Any]:
    """Return the parameters that both neurons have."""
    method, alpha = METHODS[parameters["surrogate"]](parameters["alpha"])
    names = {"tau_mem_inv": "tau_mem_inv", "v_leak": "v_leak", "v_threshold": "v_th",
             "v_reset": "v_reset"}  # fmt: skip
    values = {new: torch.as_tensor(parameters[old], dtype=dtype) for old, new in names.items()}
    return values | {"method": method, "alpha": torch.as_tensor(alpha, dtype=dtype)}


def lif(convention: str, x: torch.Tensor, **parameters: Any) -> Any:  # noqa: ARG001
    """Return spikes and final potential."""
    tau = torch.as_tensor(parameters["tau_syn_inv"], dtype=x.dtype)
    if "boost" in parameters:
        return adaptive(x, tau, parameters)
    p = LIFParameters(tau_syn_inv=tau, **shared(x.dtype, parameters))
    state = LIFFeedForwardState(v=p.v_leak + torch.zeros_like(x[0]), i=torch.zeros_like(x[0]))
    spikes, state = lif_feed_forward_integral(x, state, p, parameters["dt"])
    return spikes, state.v


def adaptive(
    x: torch.Tensor, tau_syn_inv: torch.Tensor, parameters: dict[str, Any]
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spikes and final potential of LSNN neurons.

    Here, b is the threshold, which decays before it is compared. The current of a step charges the
    potential in the next step, so one more step is needed, and the first step has no spikes.
    """
    dt, decay = parameters["dt"], parameters["adapt_decay"]
    p = LSNNParameters(
        tau_syn_inv=tau_syn_inv,
        tau_adapt_inv=torch.as_tensor((1 - decay) / dt, dtype=x.dtype),
        beta=torch.as_tensor(parameters["boost"] / decay, dtype=x.dtype),
        **shared(x.dtype, parameters),
    )
    zero = torch.zeros_like(x[0])
    state = LSNNFeedForwardState(v=p.v_leak + zero, i=zero, b=p.v_th + zero)
    spikes = []
    for part in (*x, zero):
        out, state = lsnn_feed_forward_step(part, state, p, dt)
        spikes.append(out)
    return torch.stack(spikes[1:]), state.v


def layer(task: Task) -> Layer:
    """Return the layer to time.

    "loop" is LIFCell, "integral" the function over all steps, "compiled" the same compiled, and
    "compiled step" only its step compiled.
    """
    dtype, options = getattr(torch, task.dtype), TIMED["norse"]
    values, dt = shared(dtype, options), options["dt"]
    p = LIFParameters(tau_syn_inv=torch.as_tensor(options["tau_syn_inv"], dtype=dtype), **values)
    if task.method == "loop":
        cell: Any = LIFCell(p, dt=dt)
    else:
        step = torch.compile(lif_feed_forward_step, dynamic=False)

        def cell(x: torch.Tensor, state: Any) -> Any:
            if state is None:
                zero = torch.zeros_like(x)
                state = LIFFeedForwardState(v=zero + p.v_leak, i=zero)
            return step(x, state, p, dt)

    def loop(x: torch.Tensor) -> torch.Tensor:
        state, spikes = None, []
        for part in x:
            out, state = cell(part, state)
            spikes.append(out)
        return torch.stack(spikes)

    def integral(x: torch.Tensor) -> torch.Tensor:
        zero = torch.zeros_like(x[0])
        state = LIFFeedForwardState(v=zero + p.v_leak, i=zero)
        return lif_feed_forward_integral(x, state, p, dt)[0]

    if task.method == "compiled":
        return torch.compile(integral, dynamic=False)
    return integral if task.method == "integral" else loop


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"norse": version("norse"), "torch": torch.__version__}
