"""A small ANN of plain layers with random weights, and inputs for it."""

from __future__ import annotations

import numpy as np

from spikelet.layers import Linear, ReLU

RNG = np.random.default_rng(4)
ANN = [
    Linear(RNG.normal(0, 0.4, (24, 12)), RNG.normal(0, 0.1, 24)),
    ReLU(),
    Linear(RNG.normal(0, 0.4, (24, 24))),
    ReLU(),
    Linear(RNG.normal(0, 0.4, (5, 24))),
]
X = RNG.random((400, 12)).astype(np.float32)
NEW = RNG.random((200, 12)).astype(np.float32)
