"""The ANN to be converted, in PyTorch: as trained, or with BatchNorm folded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from conversion import BLOCKS, HALVING, folded
from torch import nn

if TYPE_CHECKING:
    from collections.abc import Iterator

    from conversion import Prepared, Task
    from numpy.typing import NDArray

BATCHES = (4, 10, 50, 100)


class Block(nn.Module):
    """Two convolutions and a shortcut."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.relu1 = nn.ReLU()
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.relu2 = nn.ReLU()
        self.down: nn.Module = nn.Sequential()
        if stride > 1 or inputs != outputs:
            self.down = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the block's activations."""
        inner = self.relu1(self.bn1(self.conv1(x)))
        return self.relu2(self.bn2(self.conv2(inner)) + self.down(x))


class ResNet20(nn.Module):
    """The ANN; its parameters have the names in the file."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU()
        blocks, inputs = [], 16
        for k in range(BLOCKS):
            outputs = 16 << sum(k >= halving for halving in HALVING)
            blocks.append(Block(inputs, outputs, 2 if k in HALVING else 1))
            inputs = outputs
        self.blocks = nn.Sequential(*blocks)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(inputs, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the logits."""
        x = self.blocks(self.relu1(self.bn1(self.conv1(x))))
        return self.fc(self.flatten(self.pool(x)))


def trained(parameters: dict[str, NDArray[Any]]) -> ResNet20:
    """Return the ANN with its parameters."""
    net = ResNet20()
    state = {k: torch.from_numpy(v) for k, v in parameters.items() if k not in ("mean", "std")}
    missing, unknown = net.load_state_dict(state, strict=False)
    missing = [name for name in missing if not name.endswith("num_batches_tracked")]
    if missing or unknown:
        msg = f"parameters do not fit the ResNet-20: missing {missing}, unknown {unknown}"
        raise ValueError(msg)
    return net.eval()


def fold(net: ResNet20, parameters: dict[str, NDArray[Any]]) -> ResNet20:
    """Fold each BatchNorm of the ANN into the convolution before it, in place."""

    def merge(owner: nn.Module, convolution: str, norm: str, path: str) -> None:
        old = owner.get_submodule(convolution)
        weight, bias = folded(parameters, path + convolution, path + norm)
        new = nn.Conv2d(
            old.in_channels, old.out_channels, old.kernel_size, old.stride, old.padding
        ).requires_grad_(False)  # fmt: skip
        dtype = old.weight.dtype
        new.weight.data = torch.from_numpy(weight).to(dtype)
        new.bias.data = torch.from_numpy(bias).to(dtype)
        setattr(owner, convolution, new)
        setattr(owner, norm, nn.Identity())

    merge(net, "conv1", "bn1", "")
    for k, block in enumerate(net.blocks):
        for i in "12":
            merge(block, f"conv{i}", f"bn{i}", f"blocks.{k}.")
        if len(block.down):
            merge(block.down, "0", "1", f"blocks.{k}.down.")
    return net.eval()


def build(task: Task, *, fold_norm: bool) -> ResNet20:
    """Return the ANN of a task in its dtype, and set the number of threads."""
    torch.set_num_threads(task.threads)
    parameters = task.parameters()
    net = trained(parameters).to(getattr(torch, task.dtype))
    return fold(net, parameters) if fold_norm else net


def batches(task: Task, size: int, *, channels_last: bool = False) -> Iterator[torch.Tensor]:
    """Yield the images of a task."""
    memory = torch.channels_last if channels_last else torch.contiguous_format
    for begin in range(0, len(task.images), size):
        part = torch.from_numpy(task.images[begin : begin + size])
        yield part.to(getattr(torch, task.dtype)).contiguous(memory_format=memory)


def accuracy(task: Task) -> dict[str, Any]:
    """Return how many images the ANN classifies correctly."""
    net = build(task, fold_norm=task.method == "folded")
    with torch.inference_mode():
        found = torch.cat([net(x) for x in batches(task, 100)]).argmax(1).numpy()
    right = int(np.sum(found == task.labels))
    return {"plain": dict.fromkeys(task.steps, right), "versions": versions()}


def settings() -> list[dict[str, Any]]:
    """Return the settings to try for speed."""
    return [{"batch": b, "channels_last": last} for b in BATCHES for last in (False, True)]


def prepare(task: Task, setting: dict[str, Any]) -> Prepared:
    """Return the function that classifies a batch, and the batches."""
    last = setting["channels_last"]
    net = build(task, fold_norm=task.method == "folded")
    if last:
        net = net.to(memory_format=torch.channels_last)

    @torch.inference_mode()
    def classify(x: torch.Tensor) -> torch.Tensor:
        return net(x)

    return classify, list(batches(task, setting["batch"], channels_last=last))


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"torch": torch.__version__}
