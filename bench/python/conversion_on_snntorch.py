"""The folded network with snnTorch's neurons, stepped as in its tutorials: it has no converter."""

from __future__ import annotations

from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import snntorch as snn
import torch
from conversion import NEURONS
from conversion_on_torch import BATCHES, batches, build
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Callable

    from conversion import Prepared, Task
    from conversion_on_torch import ResNet20
    from numpy.typing import NDArray


class Net(nn.Module):
    """The layers of the ANN with `snn.Leaky` as an IF neuron with soft reset for each ReLU."""

    def __init__(self, ann: ResNet20, thresholds: dict[str, NDArray[Any]]) -> None:
        super().__init__()
        self.ann = ann
        dtype = ann.fc.weight.dtype
        self.neurons = nn.ModuleDict()
        for name in NEURONS:
            threshold = torch.from_numpy(thresholds[name]).to(dtype)[:, None, None]
            self.neurons[name.replace(".", "/")] = snn.Leaky(
                beta=torch.ones((), dtype=dtype),
                threshold=threshold,
                reset_mechanism="subtract",
                graded_spikes_factor=threshold,
            )
        self.seen: Callable[[str, torch.Tensor], None] | None = None

    def fire(
        self, name: str, current: torch.Tensor, potentials: dict[str, torch.Tensor]
    ) -> torch.Tensor:
        """Return the spikes of a layer, each scaled by its neuron's threshold."""
        leaky = self.neurons[name.replace(".", "/")]
        if name not in potentials:
            potentials[name] = torch.zeros_like(current) + leaky.threshold / 2
        spikes, potentials[name] = leaky(current, potentials[name])
        if self.seen is not None:
            self.seen(name, spikes)
        return spikes

    def forward(self, x: torch.Tensor, steps: int) -> torch.Tensor:
        """Return the sum of the outputs over all steps."""
        potentials: dict[str, torch.Tensor] = {}
        total = 0.0
        for _ in range(steps):
            spikes = self.fire("relu1", self.ann.conv1(x), potentials)
            for k, block in enumerate(self.ann.blocks):
                inner = self.fire(f"blocks.{k}.relu1", block.conv1(spikes), potentials)
                current = block.conv2(inner) + block.down(spikes)
                spikes = self.fire(f"blocks.{k}.relu2", current, potentials)
            total = total + self.ann.fc(self.ann.flatten(self.ann.pool(spikes)))
        return total


def spikes(task: Task) -> dict[str, NDArray[Any]]:
    """Return all spikes by layer, ``[T, N, channels, height, width]``."""
    net = Net(build(task, fold_norm=True), task.thresholds)
    found: dict[str, list[torch.Tensor]] = {name: [] for name in NEURONS}
    net.seen = lambda name, out: found[name].append(out != 0)
    (x,) = batches(task, len(task.images))
    with torch.inference_mode():
        net(x, task.steps[0])
    return {name: torch.stack(out).to(torch.int8).numpy() for name, out in found.items()}


def settings() -> list[dict[str, Any]]:
    """Return the settings to try for speed."""
    return [{"batch": b, "channels_last": last} for b in BATCHES for last in (False, True)]


def prepare(task: Task, setting: dict[str, Any]) -> Prepared:
    """Return the function that classifies a batch, and the batches."""
    net = Net(build(task, fold_norm=True), task.thresholds)
    last, steps = setting["channels_last"], task.steps[0]
    if last:
        net.ann = net.ann.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def classify(x: torch.Tensor) -> torch.Tensor:
        return net(x, steps)

    return classify, list(batches(task, setting["batch"], channels_last=last))


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"snntorch": version("snntorch"), "torch": torch.__version__}
