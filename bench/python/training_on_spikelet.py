"""spikelet: fused over time, in the convention of each library."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from training import TIMED

import spikelet as sl
import spikelet.torch as st

if TYPE_CHECKING:
    from training import Layer, Task
    from training_network import Network


def lif(convention: str, x: torch.Tensor, **parameters: Any) -> Any:
    """Return spikes and last potential."""
    return function()(x, convention=convention, return_v=True, **parameters)


def function() -> Any:
    """Return ``spikelet.torch.lif``, if this spikelet has it."""
    found = getattr(st, "lif", None)
    if found is None:
        raise ImportError(f"spikelet {sl.__version__} has no torch.lif()")
    return found


def layer(task: Task) -> Layer:
    """Return the layer that is timed; the method is ``fused[:checkpoint]``."""
    run, options = function(), dict(TIMED[task.convention])
    if every := task.method.partition(":")[2]:
        options["checkpoint"] = int(every)
    return lambda x: run(x, convention=task.convention, **options)


def network(task: Task, net: Network) -> Layer:
    """Return what gives the logits of images; the method is "by layer"."""
    run, options = function(), TIMED["snntorch"]

    def fire(x: torch.Tensor) -> torch.Tensor:
        return run(x, convention="snntorch", **options)

    return lambda images: net.by_layer(images, task.steps, fire)


def versions() -> dict[str, str]:
    """Return what ran."""
    return {"spikelet": sl.__version__, "simd": sl.simd_level(), "torch": torch.__version__}
