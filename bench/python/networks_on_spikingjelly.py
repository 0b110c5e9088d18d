"""SpikingJelly: its recipes for networks of ReLUs, on the networks of networks.py."""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from importlib.metadata import version
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from networks_plain import plain
from networks_worker import LTB_UPDATES, cumulative, decide
from spikingjelly.activation_based import functional
from spikingjelly.activation_based.ann2snn import (
    FXConverter,
    LocalThresholdBalancingRecipe,
    RateCodingRecipe,
    estimate_delay_start,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from networks_worker import NetworkTask, Prepared


def convert(task: NetworkTask, method: str, count: int | None = None) -> torch.nn.Module:
    """Return the network that a recipe converts with the calibration samples."""
    torch.set_num_threads(task.threads)
    images = torch.from_numpy(np.array(task.calibration[:count]))
    most = task.calibration_batch
    if method == "ltb":
        recipe = LocalThresholdBalancingRecipe(shuffled(images, min(128, most), LTB_UPDATES))
    else:
        recipe = RateCodingRecipe(
            list(images.split(most)), "99.9%", channel_wise=True, half_threshold=True, pre_spike_maxpool=True
        )  # fmt: skip
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # noqa: PTH123  # its progress
        return FXConverter(recipe).convert(plain(task.net)).eval()


def shuffled(images: torch.Tensor, size: int, count: int) -> Iterator[torch.Tensor]:
    """Yield `count` batches, in shuffled rounds over all images."""
    size = min(size, len(images))
    order = torch.Generator().manual_seed(1)
    rounds = (torch.randperm(len(images), generator=order) for _ in itertools.count())
    parts = (part for indices in rounds for part in indices.split(size) if len(part) == size)
    for part in itertools.islice(parts, count):
        yield images[part]


def accuracy(task: NetworkTask) -> dict[str, Any]:
    """Return the network's decisions after each number of steps, for both read-outs."""
    began = process_time()
    net = convert(task, task.method)
    spent = process_time() - began
    trial = torch.from_numpy(np.array(task.calibration[: 2 * task.batch]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns and returns no delay if T is too small
        delays = {t: estimate_delay_start(net, [trial], "cpu", t) for t in task.steps}

    @torch.inference_mode()
    def outputs(x: torch.Tensor) -> np.ndarray:
        functional.reset_net(net)
        return torch.stack([net(x) for _ in range(max(task.steps))]).numpy()

    tuned = best_delays(task, outputs(trial), trial)
    found = cumulative(task, outputs, {"delayed": delays, "tuned": tuned})
    return found | {
        "delays": {"delayed": delays, "tuned": tuned},
        "conversion_s": spent,
        "versions": versions(),
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
    names = ("batch", "channels_last", "multi_step")
    tried = itertools.product(task.batches(), (False, True), (False, True))
    return [dict(zip(names, values, strict=True)) for values in tried]


def prepare(task: NetworkTask, setting: dict[str, Any]) -> Prepared:
    """Return the function that sums the outputs of a batch over the steps, and the batches."""
    net, steps = convert(task, task.method, count=10), task.steps[0]
    if setting["channels_last"]:
        net = net.to(memory_format=torch.channels_last)
    if setting["multi_step"]:
        functional.set_step_mode(net, "m")

    @torch.inference_mode()
    def classify(x: torch.Tensor) -> torch.Tensor:
        functional.reset_net(net)
        if setting["multi_step"]:
            return net(x.expand(steps, *x.shape)).sum(0)
        total = net(x)
        for _ in range(1, steps):
            total += net(x)
        return total

    return classify, task.split(setting["batch"], channels_last=setting["channels_last"])


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikingjelly": version("spikingjelly"), "torch": torch.__version__}
