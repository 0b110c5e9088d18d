"""The spiking convolutional network for MNIST that is trained for an epoch, and its training.

As ``examples/train_mnist.py`` has it: convolution, pool, neurons; convolution, pool, neurons; a
dense layer, whose mean over all steps is read. An image is the input current of all steps.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from training import mnist

if TYPE_CHECKING:
    from pathlib import Path

    from training import Task

Fire = Callable[[torch.Tensor], torch.Tensor]
"""Returns the spikes of neurons over all steps, ``[T, B, *]``, of their input."""

Cell = Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]]
"""Returns the spikes and the state of neurons after a step; the state before the first is None."""


class Network(nn.Module):
    """What has weights. All neurons are the same."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Sequential(nn.Conv2d(1, 32, 5), nn.MaxPool2d(2))
        self.second = nn.Sequential(nn.Conv2d(32, 64, 5), nn.MaxPool2d(2))
        self.last = nn.Sequential(nn.Flatten(), nn.Linear(1024, 10))

    def by_layer(self, images: torch.Tensor, steps: int, fire: Fire) -> torch.Tensor:
        """Return the logits, ``[B, 10]``, layer after layer.

        The second layer sees all steps as one batch; the first, whose input does not change, and
        the last, whose mean is read, see one.
        """
        current = self.first(images)
        spikes = fire(current.expand(steps, *current.shape))
        current = self.second(spikes.flatten(0, 1)).unflatten(0, (steps, -1))
        return self.last(fire(current).mean(0))

    def by_step(self, images: torch.Tensor, steps: int, cell: Cell) -> torch.Tensor:
        """Return the same, step after step."""
        first = second = None
        total = torch.zeros(())
        for _ in range(steps):
            spikes, first = cell(self.first(images), first)
            spikes, second = cell(self.second(spikes), second)
            total = total + self.last(spikes)
        return total / steps


def batches(
    folder: Path, which: str, size: int, count: int | None = None
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the first images and labels, in the order in which they are stored."""
    images, labels = (torch.from_numpy(array[:count]) for array in mnist(folder, which))
    yield from zip(images.split(size), labels.split(size), strict=True)


def epoch(adapter: Any, task: Task, folder: Path, images: int, test_images: int) -> dict[str, Any]:
    """Train on the first images once, and count the test images that are right then."""
    torch.manual_seed(task.seed)
    net = Network()
    run = adapter.network(task, net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    # Buffers and libraries are there before the clock starts; weights are as before.
    warm = next(batches(folder, "train", task.batch))
    cross_entropy(run(warm[0]), warm[1]).backward()
    losses, seen = [], 0
    start = perf_counter()
    for x, labels in batches(folder, "train", task.batch, images):
        optimizer.zero_grad()
        loss = cross_entropy(run(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seen += len(x)
    wall = perf_counter() - start
    with torch.no_grad():
        right = sum(
            int((run(x).argmax(1) == labels).sum())
            for x, labels in batches(folder, "test", task.batch, test_images)
        )
    return {
        "wall_s": wall,
        "images_per_s": seen / wall,
        "images": seen,
        "losses": [losses[0], losses[-1]],
        "right": right,
        "test_images": test_images,
    }
