"""snnTorch: the same network with a `Leaky` neuron for each ReLU; it has no converter."""

from __future__ import annotations

from importlib.metadata import version
from time import process_time
from typing import TYPE_CHECKING, Any

import numpy as np
import snntorch as snn
import torch
from networks_plain import plain, relus
from networks_worker import cumulative
from torch import nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

if TYPE_CHECKING:
    from networks_worker import NetworkTask, Prepared

PERCENTILE = 99.9
"""The percentile of a channel's activations that gives its threshold."""

LEAST_THRESHOLD = 1e-3
"""Threshold of a channel that is silent on all calibration images."""


class Neuron(nn.Module):
    """An IF neuron with reset by subtraction that starts at half of its threshold."""

    def __init__(self, threshold: torch.Tensor) -> None:
        super().__init__()
        self.leaky = snn.Leaky(
            beta=torch.ones(()), threshold=threshold, reset_mechanism="subtract",
            graded_spikes_factor=threshold,
        )  # fmt: skip
        self.potential: torch.Tensor | None = None

    def forward(self, current: torch.Tensor) -> torch.Tensor:
        """Return the spikes of a step, each scaled by its neuron's threshold."""
        if self.potential is None:
            self.potential = torch.zeros_like(current) + self.leaky.threshold / 2
        spikes, self.potential = self.leaky(current, self.potential)
        return spikes


def convert(task: NetworkTask, count: int | None = None) -> nn.Module:
    """Return the network of neurons with a percentile of each channel's activations as threshold."""
    torch.set_num_threads(task.threads)
    net = _folded(plain(task.net))
    found: dict[str, torch.Tensor] = {}
    hooks = [
        module.register_forward_hook(lambda _m, _i, out, path=path: found.update({path: out}))
        for path, module in relus(net)
    ]
    greatest: dict[str, torch.Tensor] = {}
    with torch.inference_mode():
        parts = task.split(task.calibration_batch, of=task.calibration[:count])
        for part in parts:
            net(part)
            for path, out in found.items():
                channels = out.movedim(1, 0).flatten(1)
                value = torch.quantile(channels, PERCENTILE / 100, dim=1) / len(parts)
                greatest[path] = greatest.get(path, torch.zeros(())) + value
    for hook in hooks:
        hook.remove()
    for path, threshold in greatest.items():
        shape = (-1, *[1] * (found[path].ndim - 2))
        parent, _, name = path.rpartition(".")
        neuron = Neuron(threshold.clamp(min=LEAST_THRESHOLD).reshape(shape))
        setattr(net.get_submodule(parent), name, neuron)
    return net


def _folded(net: nn.Module) -> nn.Module:
    """Fold each BatchNorm into the convolution that it follows."""
    graph = torch.fx.symbolic_trace(net)
    modules = dict(graph.named_modules())
    for node in list(graph.graph.nodes):
        source = node.args[0] if node.args else None
        if isinstance(modules.get(node.target), nn.BatchNorm2d) and isinstance(
            modules.get(getattr(source, "target", None)), nn.Conv2d
        ):
            conv = modules[source.target]
            parent, _, name = source.target.rpartition(".")
            setattr(
                graph.get_submodule(parent), name, fuse_conv_bn_eval(conv, modules[node.target])
            )
            node.replace_all_uses_with(source)
            graph.graph.erase_node(node)
    graph.recompile()
    return graph.eval()


def reset(net: nn.Module) -> None:
    """Forget all potentials."""
    for module in net.modules():
        if isinstance(module, Neuron):
            module.potential = None


def accuracy(task: NetworkTask) -> dict[str, Any]:
    """Return the network's decisions after each number of steps."""
    began = process_time()
    net = convert(task)
    spent = process_time() - began

    @torch.inference_mode()
    def outputs(x: torch.Tensor) -> np.ndarray:
        reset(net)
        return torch.stack([net(x) for _ in range(max(task.steps))]).numpy()

    return cumulative(task, outputs) | {"conversion_s": spent, "versions": versions()}


def settings(task: NetworkTask) -> list[dict[str, Any]]:
    """Return the settings to try for speed."""
    return [{"batch": b, "channels_last": last} for b in task.batches() for last in (False, True)]


def prepare(task: NetworkTask, setting: dict[str, Any]) -> Prepared:
    """Return the function that classifies a batch, and the batches."""
    net, steps = convert(task, count=10), task.steps[0]
    if setting["channels_last"]:
        net = net.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def classify(x: torch.Tensor) -> torch.Tensor:
        reset(net)
        total = net(x)
        for _ in range(1, steps):
            total = total + net(x)
        return total

    return classify, task.split(setting["batch"], channels_last=setting["channels_last"])


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"snntorch": version("snntorch"), "torch": torch.__version__}
