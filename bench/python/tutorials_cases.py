"""The tutorials' networks that tutorials.py trains, and their data.

This module needs only NumPy, because every interpreter imports it. A network's tensors of all programs have the same order
and shapes, and the same first values.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from pathlib import Path

    from numpy.typing import NDArray


@dataclass(frozen=True)
class Case:
    """A tutorial's network and the size of its batches."""

    name: str
    net: str
    library: str
    steps: int
    batch: int
    channels: int = 0
    size: int = 28


CASES = {
    case.name: case
    for case in (
        Case("tutorial 5", "dense", "snntorch", 25, 128, channels=1000),
        Case("tutorial 5, T = 1", "dense", "snntorch", 1, 128, channels=1000),
        Case("population coding, T = 1", "population", "snntorch", 1, 128),
        Case("tutorial 6", "conv", "snntorch", 50, 128),
        Case("tutorial 6, T = 1", "conv", "snntorch", 1, 128),
        Case("lif_fc_mnist", "linear", "spikingjelly", 100, 64),
        Case("lif_fc_mnist, T = 1", "linear", "spikingjelly", 1, 64),
        Case("conv_fashion_mnist", "csnn", "spikingjelly", 4, 128, channels=128),
        Case("conv_fashion_mnist, 32 channels", "csnn", "spikingjelly", 4, 128, channels=32),
        Case("conv_fashion_mnist, 32 channels, T = 1", "csnn", "spikingjelly", 1, 128, channels=32),
        Case("classify_dvsg, 32 channels", "gesture", "spikingjelly", 16, 4, channels=32, size=128),
        Case("classify_dvsg, 32 channels, T = 1", "gesture", "spikingjelly", 1, 4, channels=32,
             size=128),
    )
}  # fmt: skip
"""snnTorch's tutorials 5 and 6 and its tutorial of population coding; SpikingJelly's examples of the same names."""

FORMS = {
    "spikelet": ("ported",),
    "snntorch": ("script", "by layer"),
    "spikingjelly": ("script", "by layer"),
}
"""Ways to run a network: as the tutorial, and as fast as the library can be made to without changing results."""

CLASSES = {"gesture": 11}
"""Number of classes, 10 unless given."""


def batches(case: Case, folder: Path, count: int) -> list[tuple[NDArray[np.float32], NDArray[np.int64]]]:  # fmt: skip
    """Return `count` batches of inputs and labels.

    Images have values from 0 to 1. The frames of "gesture", ``[T, B, 2, size, size]``, count events: 2 % of places have
    some, on two moving spots and elsewhere.
    """
    if case.net != "gesture":
        with np.load(folder / "mnist_train.npz") as stored:
            images, labels = stored["images"], stored["labels"].astype(np.int64)
        images = images.reshape(-1, 1, case.size, case.size).astype(np.float32)
        at = (np.arange(count * case.batch) % len(images)).reshape(count, -1)
        return [(images[k], labels[k]) for k in at]
    rng = np.random.default_rng(3)
    found = []
    for _ in range(count):
        labels = rng.integers(0, CLASSES["gesture"], case.batch)
        mean = np.full((case.steps, case.batch, 2, case.size, case.size), 0.01, np.float32)
        along = np.arange(case.size)
        for t in range(case.steps):
            turn = 2 * np.pi * (t / max(case.steps, 2) + labels / CLASSES["gesture"])
            for sign, polarity in ((1, 0), (-1, 1)):
                x, y = (case.size * (0.5 + sign * 0.3 * f(turn)) for f in (np.cos, np.sin))
                square = (along - y[:, None])[:, :, None] ** 2 + (along - x[:, None])[:, None] ** 2
                mean[t, :, polarity] += 1.5 * np.exp(-square / (0.05 * case.size) ** 2)
        found.append((rng.poisson(mean).astype(np.float32), labels.astype(np.int64)))
    return found
