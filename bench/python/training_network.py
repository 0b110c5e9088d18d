"""The spiking convolutional network for MNIST that is trained for an epoch, and its training.

It is the network of ``examples/train_mnist.py``: two convolutions and a dense layer, each with
BatchNorm and neurons, and a dense layer whose output is averaged over all steps. The image is the
input of every step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn.functional import cross_entropy
from training import mnist

if TYPE_CHECKING:
    from pathlib import Path

    from training import Task

Fire = Callable[[torch.Tensor], torch.Tensor]
"""A function from the input of neurons over all steps, ``[T, B, *]``, to their spikes."""

Cell = Callable[[torch.Tensor, Any], tuple[torch.Tensor, Any]]
"""A function from a step's input and the state to spikes and new state; at first, it is None."""


def layers(width: int = 24) -> tuple[nn.Sequential, ...]:
    """Return the layers before the first, second and third neurons, and the last layer."""
    return (
        nn.Sequential(
            nn.Conv2d(1, width, 5, padding=2, bias=False), nn.BatchNorm2d(width), nn.MaxPool2d(2)
        ),
        nn.Sequential(
            nn.Conv2d(width, 2 * width, 5, stride=2, padding=2, bias=False),
            nn.BatchNorm2d(2 * width),
        ),
        nn.Sequential(
            nn.Flatten(), nn.Linear(2 * width * 49, 128, bias=False), nn.BatchNorm1d(128)
        ),
        nn.Sequential(nn.Linear(128, 10)),
    )


class Network(nn.Module):
    """The layers with weights; all neurons are the same."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second, self.third, self.last = layers()

    def by_layer(
        self, images: torch.Tensor, steps: int, fire: Fire, hold: Fire | None = None
    ) -> torch.Tensor:
        """Return the logits, ``[B, 10]``, computed layer by layer.

        Layers process all steps as one batch. The first layer, whose input is constant, and the
        last, whose output is averaged, process one step. `hold` is `fire` for a constant input.
        """
        current = self.first(images)
        spikes = hold(current) if hold else fire(current.expand(steps, *current.shape))
        for layer in (self.second, self.third):
            spikes = fire(layer(spikes.flatten(0, 1)).unflatten(0, (steps, -1)))
        return self.last(spikes.mean(0))

    def by_step(self, images: torch.Tensor, steps: int, cell: Cell) -> torch.Tensor:
        """Return the same, computed step by step; BatchNorm sees one step at a time."""
        states: list[Any] = [None, None, None]
        total = torch.zeros(())
        for _ in range(steps):
            spikes = images
            for k, layer in enumerate((self.first, self.second, self.third)):
                spikes, states[k] = cell(layer(spikes), states[k])
            total = total + self.last(spikes)
        return total / steps


def batches(
    folder: Path, which: str, size: int, count: int | None = None
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Yield the first images and labels, in the order of the file."""
    images, labels = (torch.from_numpy(array[:count]) for array in mnist(folder, which))
    yield from zip(images.split(size), labels.split(size), strict=True)


def epoch(adapter: Any, task: Task, folder: Path, images: int, test_images: int) -> dict[str, Any]:
    """Train for one epoch on the first images, then count correctly classified test images."""
    torch.manual_seed(task.seed)
    net = Network()
    run = adapter.network(task, net)
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    # Warm up buffers and libraries before the timed part, without changing weights.
    warm = next(batches(folder, "train", task.batch))
    cross_entropy(run(warm[0]), warm[1]).backward()
    losses, seen = [], 0
    start, began = perf_counter(), process_time()
    for x, labels in batches(folder, "train", task.batch, images):
        optimizer.zero_grad()
        loss = cross_entropy(run(x), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        seen += len(x)
    wall, cpu = perf_counter() - start, process_time() - began
    net.eval()
    with torch.no_grad():
        right = sum(
            int((run(x).argmax(1) == labels).sum())
            for x, labels in batches(folder, "test", task.batch, test_images)
        )
    return {
        "wall_s": wall,
        "images_per_s": seen / wall,
        "images_per_cpu_s": seen / cpu,
        "images": seen,
        "losses": [losses[0], losses[-1]],
        "right": right,
        "test_images": test_images,
    }
