"""SpikingJelly: its recipes for networks of ReLUs, on the networks of networks.py."""

from __future__ import annotations

from time import process_time
from typing import TYPE_CHECKING, Any

import conversion_on_spikingjelly as ours
import numpy as np
import torch
from networks_plain import plain
from networks_task import cumulative, decide
from spikingjelly.activation_based import functional

if TYPE_CHECKING:
    from conversion import Prepared
    from networks_task import NetworkTask


def convert(task: NetworkTask, method: str, count: int | None = None) -> torch.nn.Module:
    """Return the network that a recipe converts with the calibration samples."""
    torch.set_num_threads(task.threads)
    images = torch.from_numpy(np.array(task.calibration[:count]))
    return ours.converted(plain(task.net), method, images, task.calibration_batch)


def accuracy(task: NetworkTask) -> dict[str, Any]:
    """Return the network's decisions after each number of steps, for both read-outs."""
    began = process_time()
    net = convert(task, task.method)
    spent = process_time() - began
    trial = torch.from_numpy(np.array(task.calibration[: 2 * task.batch]))
    delays = ours.delays_of(net, [trial], task.steps)

    @torch.inference_mode()
    def outputs(x: torch.Tensor) -> np.ndarray:
        functional.reset_net(net)
        return torch.stack([net(x) for _ in range(max(task.steps))]).numpy()

    tuned = best_delays(task, outputs(trial), trial)
    found = cumulative(task, outputs, {"delayed": delays, "tuned": tuned})
    return found | {
        "delays": {"delayed": delays, "tuned": tuned},
        "conversion_s": spent,
        "versions": ours.versions(),
    }


def best_delays(task: NetworkTask, outputs: np.ndarray, samples: torch.Tensor) -> dict[int, int]:
    """Return, for each T, how many first steps to leave out to agree best with the ANN.

    The recipes leave this number to the user; here calibration samples choose it.
    """
    with torch.inference_mode():
        wanted = task.network.decisions(task.net(samples).numpy())
    best = {}
    for steps in task.steps:
        error = [
            np.mean(np.abs(decide(task, outputs[begin:steps].mean(0)) - wanted) > task.network.same)
            for begin in range(steps)
        ]
        best[steps] = int(np.argmin(error))
    return best


def settings(task: NetworkTask) -> list[dict[str, Any]]:
    """Return the settings to try for speed."""
    return ours.settings(task.batches())


def prepare(task: NetworkTask, setting: dict[str, Any]) -> Prepared:
    """Return the function that classifies a batch, and the batches."""
    net = convert(task, task.method, count=10)
    classify = ours.classifier(net, setting, task.steps[0])
    return classify, task.split(setting["batch"], channels_last=setting["channels_last"])


versions = ours.versions
