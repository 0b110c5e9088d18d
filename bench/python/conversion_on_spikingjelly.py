"""SpikingJelly: its recipes for networks of ReLUs, and the networks they make."""

from __future__ import annotations

import contextlib
import itertools
import os
import warnings
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from conversion import LTB_UPDATES, NEURONS, readouts
from conversion_on_torch import BATCHES, batches, fold, trained
from spikingjelly.activation_based import functional, neuron
from spikingjelly.activation_based.ann2snn import (
    FXConverter,
    LocalThresholdBalancingRecipe,
    RateCodingRecipe,
    estimate_delay_start,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from conversion import Prepared, Task


def convert(task: Task, method: str, images: torch.Tensor) -> torch.nn.Module:
    """Return the network that a recipe converts."""
    torch.set_num_threads(task.threads)
    return converted(trained(task.parameters()), method, images)


def converted(
    net: torch.nn.Module, method: str, images: torch.Tensor, most: int = 128
) -> torch.nn.Module:
    """Return what a recipe makes of a network with images in batches of `most` at most, without its progress output."""
    if method in LTB_UPDATES:
        recipe = LocalThresholdBalancingRecipe(
            shuffled(images, min(128, most), LTB_UPDATES[method])
        )
    else:
        mode = "Max" if method.startswith("max") else "99.9%"
        channels = method.endswith("channels")
        recipe = RateCodingRecipe(
            list(images.split(min(100, most))), mode, channel_wise=channels,
            half_threshold=channels, pre_spike_maxpool=channels,
        )  # fmt: skip
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):  # noqa: PTH123
        return FXConverter(recipe).convert(net).eval()


def shuffled(images: torch.Tensor, size: int, count: int) -> Iterator[torch.Tensor]:
    """Yield `count` batches, in shuffled rounds over all images."""
    size = min(size, len(images))
    order = torch.Generator().manual_seed(1)
    rounds = (torch.randperm(len(images), generator=order) for _ in itertools.count())
    parts = (part for indices in rounds for part in indices.split(size) if len(part) == size)
    for part in itertools.islice(parts, count):
        yield images[part]


def accuracy(task: Task) -> dict[str, Any]:
    """Return how many images are classified correctly after each number of steps, for both readouts."""
    images = torch.from_numpy(task.calibration())
    net = convert(task, task.method, images)
    first = [images[:100]]
    delays = delays_of(net, first, task.steps)
    outputs = []
    with torch.inference_mode():
        for x in batches(task, 50):
            functional.reset_net(net)
            outputs.append(torch.stack([net(x) for _ in range(max(task.steps))]).numpy())
    found = readouts(np.concatenate(outputs, 1), task.labels, task.steps, delays)
    return found | {"versions": versions()}


def delays_of(
    net: torch.nn.Module, samples: list[torch.Tensor], steps: Iterable[int]
) -> dict[int, int]:
    """Return SpikingJelly's own estimate of how many first steps to leave out, for each T."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it warns and returns no delay if T is too small
        return {t: estimate_delay_start(net, samples, "cpu", t) for t in steps}


def shared(task: Task) -> torch.nn.Module:
    """Return the network with the task's thresholds per channel, starting at half of them."""
    images = torch.from_numpy(task.images[:1])  # these thresholds are not kept
    net = convert(task, "percentile-channels", images)
    # The converter folds in float32, which would change the spikes of a float64 network.
    parameters, dtype = task.parameters(), getattr(torch, task.dtype)
    reference = dict(fold(trained(parameters).to(dtype), parameters).named_parameters())
    net = net.to(dtype)
    for name, value in net.named_parameters():
        value.data = reference[name].data
    for name, prefix in zip(NEURONS, neurons(net), strict=True):
        threshold = torch.from_numpy(task.thresholds[name])
        for part, scale in (("scaler0", 1 / threshold), ("scaler1", threshold)):
            scaler = net.get_submodule(f"{prefix}.{part}")
            assert scaler.scale.shape == scale.shape
            scaler.scale = scale.to(scaler.scale.dtype)
    return net


def neurons(net: torch.nn.Module) -> list[str]:
    """Return the path of each ReLU's replacement, in the order of evaluation."""
    paths = [str(node.target) for node in net.graph.nodes if node.op == "call_module"]
    found = [p for p in paths if isinstance(net.get_submodule(p), neuron.BaseNode)]
    return [path.rpartition(".")[0] for path in found]


def spikes(task: Task) -> dict[str, np.ndarray]:
    """Return all spikes by layer, ``[T, N, channels, height, width]``."""
    net = shared(task)
    seen: dict[str, list[torch.Tensor]] = {name: [] for name in NEURONS}
    for name, prefix in zip(NEURONS, neurons(net), strict=True):
        module = net.get_submodule(f"{prefix}.if_node")
        module.register_forward_hook(lambda _m, _i, out, to=seen[name]: to.append(out))
    (x,) = batches(task, len(task.images))
    with torch.inference_mode():
        functional.reset_net(net)
        for _ in range(task.steps[0]):
            net(x)
    return {name: torch.stack(out).to(torch.int8).numpy() for name, out in seen.items()}


def settings(sizes: Iterable[int] = BATCHES) -> list[dict[str, Any]]:
    """Return the settings to try for speed, for batches of these sizes."""
    return [
        {"batch": batch, "channels_last": last, "multi_step": multi}
        for batch in sizes
        for last in (False, True)
        for multi in (False, True)
    ]


def prepare(task: Task, setting: dict[str, Any]) -> Prepared:
    """Return the function that classifies a batch, and the batches."""
    classify = classifier(shared(task), setting, task.steps[0])
    return classify, list(batches(task, setting["batch"], channels_last=setting["channels_last"]))


def classifier(
    net: torch.nn.Module, setting: dict[str, Any], steps: int
) -> Callable[[torch.Tensor], torch.Tensor]:
    """Return the function that sums a network's outputs over the steps, with a setting."""
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

    return classify


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikingjelly": version("spikingjelly"), "torch": torch.__version__}
