"""A small convolutional network with ReLUs, and inputs for it."""

from __future__ import annotations

from typing import Any

import numpy as np

from spikelet import layers


def network(seed: int = 0) -> list[Any]:
    rng = np.random.default_rng(seed)

    def w(*shape: int) -> Any:
        return rng.normal(0, np.sqrt(2 / np.prod(shape[1:])), shape)

    return [
        layers.Conv2d(w(12, 3, 3, 3), rng.normal(0, 0.1, 12), padding=1), layers.ReLU(),
        layers.Conv2d(w(16, 12, 3, 3), padding=1, stride=2), layers.ReLU(upper=2.0),
        layers.MaxPool2d(2), layers.Flatten(), layers.Linear(w(30, 16 * 4)), layers.ReLU(),
        layers.Linear(w(10, 30)),
    ]  # fmt: skip


def images(n: int, seed: int = 1) -> Any:
    return np.random.default_rng(seed).normal(0, 1, (n, 3, 8, 8)).astype(np.float32)
