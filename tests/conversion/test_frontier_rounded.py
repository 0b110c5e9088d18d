"""The ANN in 8-bit integers."""

from __future__ import annotations

import numpy as np

import spikelet as sl
from spikelet.conversion.frontier import rounded
from spikelet.layers import Conv2d, ConvTranspose2d, Flatten, Linear, ReLU

RNG = np.random.default_rng(1)


def test_weights_and_activations_take_256_values() -> None:
    ann = sl.SpikingModel(
        [
            Conv2d(RNG.normal(0, 1, (6, 2, 3, 3)), padding=1),
            ReLU(),
            ConvTranspose2d(RNG.normal(0, 1, (6, 4, 2, 2))),
            ReLU(6.0),
            Flatten(),
            Linear(RNG.normal(0, 1, (3, 4 * 36))),
        ]
    )
    x = RNG.normal(0, 1, (20, 2, 5, 5)).astype(np.float32)
    other = rounded(ann, x)
    for node in other.graph:
        layer = node.layer
        if isinstance(layer, Conv2d | Linear):
            rows = layer.weight.reshape(len(layer.weight), -1)
        elif isinstance(layer, ConvTranspose2d):
            rows = np.moveaxis(layer.weight, 1, 0).reshape(4, -1)
        else:
            continue
        steps = rows / (np.abs(rows).max(1, keepdims=True) / 127)
        np.testing.assert_allclose(steps, np.rint(steps), atol=1e-4)
        assert np.abs(np.rint(steps)).max() == 127
    names = [n.name for n in other.graph if isinstance(n.layer, ReLU)]
    result = other.run(x, steps=1, record=[f"{name}.mean" for name in names])
    for name in names:
        values = result[f"{name}.mean"]
        assert 100 < len(np.unique(values)) <= 256
    wanted = ann.run(x, steps=1).output
    assert 0 < np.abs(result.output - wanted).max() < 0.05 * np.abs(wanted).max()
