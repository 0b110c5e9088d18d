"""What is converted and compared: a ResNet-20, its images, and thresholds that all programs share.

This module needs only NumPy, because every interpreter imports it. The folder of files holds

``resnet20_cifar10.npz``
    The parameters of a ResNet-20 for 32 x 32 images (He et al. 2016, projection shortcuts) by the
    names that PyTorch gives them: ``conv1.weight``, ``bn1.*``, then for the nine blocks
    ``blocks.K.conv1.weight``, ``blocks.K.bn1.*``, ``blocks.K.conv2.weight``, ``blocks.K.bn2.*``
    and, where the shortcut is a projection, ``blocks.K.down.0.weight`` and ``blocks.K.down.1.*``;
    ``fc.weight``, ``fc.bias``; ``mean`` and ``std`` of the three colours.
``cifar10_test.npz``, ``cifar10_calibration.npz``
    ``images``, uint8 ``[N, 32, 32, 3]``, and ``labels``, uint8 ``[N]``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence, Sized
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

Prepared = tuple[Callable[[Any], Any], Sequence[Sized]]
"""The function that classifies a batch of images, and the batches to classify."""

BLOCKS = 9
HALVING = (3, 6)
"""Blocks whose convolutions have stride 2."""

EPS = 1e-5
"""Epsilon of BatchNorm."""

PERCENTILE = 99.9
"""The percentile of a channel's activations that gives the shared thresholds of the timed runs."""

LEAST_THRESHOLD = 1e-3
"""Threshold of a channel that is silent on all calibration images."""

SHARED = "shared-thresholds"
"""The method with the same thresholds for all programs, used to time them."""

RECIPES = ("max", "percentile", "max-channels", "percentile-channels", "ltb", "ltb-long")
"""Recipes of SpikingJelly. Those with thresholds per channel start at half of the threshold, as in
its ImageNet example.

Local threshold balancing moves a threshold by twice the mean excess over it, once per batch, so the
number of batches matters. "ltb" has as many as that example: 50 000 images in batches of 128, here
by repeating the calibration images. "ltb-long" has four times as many.
"""

LTB_UPDATES = {"ltb": -(-50_000 // 128), "ltb-long": 4 * -(-50_000 // 128)}

NEURONS = (
    "relu1",
    *(f"blocks.{k}.relu{i}" for k in range(BLOCKS) for i in (1, 2)),
)
"""Names of the neuron layers, in the order of evaluation."""


@dataclass(frozen=True)
class Task:
    """The task of an adapter."""

    files: Path
    images: NDArray[np.float32]
    """Normalised, ``[N, 3, 32, 32]``."""
    labels: NDArray[np.uint8]
    steps: tuple[int, ...]
    threads: int
    dtype: str = "float32"
    method: str = ""
    thresholds: dict[str, NDArray[np.float64]] = field(default_factory=dict)
    """By layer of neurons, one threshold per channel."""

    def parameters(self) -> dict[str, NDArray[Any]]:
        """Return the parameters of the ANN."""
        return read_parameters(self.files)

    def calibration(self) -> NDArray[np.float32]:
        """Return the calibration images, normalised."""
        return read_images(self.files, "calibration")[0]


def read_parameters(files: Path) -> dict[str, NDArray[Any]]:
    """Return the parameters of the ANN by their PyTorch names."""
    with np.load(files / "resnet20_cifar10.npz") as stored:
        return dict(stored)


def read_images(
    files: Path, which: str, count: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Return the first images of a set, normalised, ``[N, 3, 32, 32]``, and their labels."""
    parameters = read_parameters(files)
    mean, std = (parameters[name].astype(np.float32).reshape(3) for name in ("mean", "std"))
    with np.load(files / f"cifar10_{which}.npz") as stored:
        images, labels = stored["images"][:count], stored["labels"][:count]
    scaled = (images.astype(np.float32) / 255 - mean) / std
    return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2)), labels


def folded(
    parameters: dict[str, NDArray[Any]], convolution: str, norm: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the weight and bias of a convolution with the following BatchNorm folded in."""
    of = {
        name: parameters[f"{norm}.{name}"].astype(np.float64)
        for name in ("weight", "bias", "running_mean", "running_var")
    }
    scale = of["weight"] / np.sqrt(of["running_var"] + EPS)
    weight = parameters[f"{convolution}.weight"].astype(np.float64)
    return weight * scale[:, None, None, None], of["bias"] - of["running_mean"] * scale


def percentiles(activations: NDArray[Any]) -> NDArray[np.float64]:
    """Return the threshold of each channel from activations, ``[N, channels, ...]``."""
    by_channel = activations.swapaxes(0, 1).reshape(activations.shape[1], -1)
    found = np.percentile(by_channel, PERCENTILE, axis=1)
    return np.maximum(found, LEAST_THRESHOLD).astype(np.float64)


def readouts(
    outputs: NDArray[Any], labels: NDArray[Any], steps: tuple[int, ...], delays: dict[int, int]
) -> dict[str, Any]:
    """Return how many images are classified correctly at each T, from ``[T, N, classes]`` outputs.

    The first T steps of a longer run are the same as a run of T steps, so one run gives the
    accuracy for each T. ``delays`` has, for each T, the number of initial steps that the program
    itself would leave out of its sum.
    """
    sums = np.concatenate([np.zeros((1, *outputs.shape[1:])), np.cumsum(outputs, 0, np.float64)])

    def right(begin: int, end: int) -> int:
        return int(np.sum((sums[end] - sums[begin]).argmax(-1) == labels))

    return {
        "plain": {t: right(0, t) for t in steps},
        "delayed": {t: right(delays[t], t) for t in steps if t in delays},
        "delays": delays,
        "curve": [right(0, t + 1) for t in range(len(outputs))],
    }
