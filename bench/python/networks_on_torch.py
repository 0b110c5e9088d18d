"""PyTorch: the ANNs themselves."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch

if TYPE_CHECKING:
    from networks_worker import NetworkTask, Prepared


def accuracy(task: NetworkTask) -> dict[str, Any]:
    """Return the ANN's decisions."""
    torch.set_num_threads(task.threads)
    with torch.inference_mode():
        outputs = torch.cat([task.net(x) for x in task.split(task.batch)]).numpy()
    found = np.asarray(task.network.decisions(outputs)).tolist()
    return {"plain": {str(t): found for t in task.steps}, "versions": versions()}


def settings(task: NetworkTask) -> list[dict[str, Any]]:
    """Return the settings to try for speed."""
    return [{"batch": b, "channels_last": last} for b in task.batches() for last in (False, True)]


def prepare(task: NetworkTask, setting: dict[str, Any]) -> Prepared:
    """Return the function that classifies a batch, and the batches."""
    torch.set_num_threads(task.threads)
    net = task.net
    if setting["channels_last"]:
        net = net.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def classify(x: torch.Tensor) -> torch.Tensor:
        return net(x)

    return classify, task.split(setting["batch"], channels_last=setting["channels_last"])


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"torch": torch.__version__}
