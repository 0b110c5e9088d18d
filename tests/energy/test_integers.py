"""The ANN in 8-bit integers."""

from __future__ import annotations

import numpy as np
from tests.support.layered import inputs, pair

from spikelet.energy.integers import rounded, rounded_inputs
from spikelet.layers import ReLU


def test_weights_have_255_values_a_channel_and_activations_256() -> None:
    x = inputs()
    _, ann = pair(x)
    found = rounded(ann, x)
    for name in ("conv1", "conv3", "fc2"):
        exact, weight = (model.graph[name].layer.weight for model in (ann, found))
        for row, own in zip(exact, weight, strict=True):
            steps = own / (np.abs(row).max() / 127)
            assert np.abs(steps - np.rint(steps)).max() < 1e-9
            assert 0 < np.abs(own - row).max() <= np.abs(row).max() / 254 * (1 + 1e-9)
    for node in found.graph:
        if isinstance(node.layer, ReLU):
            values = found.run(x, 1, record=f"{node.name}.mean")[f"{node.name}.mean"]
            assert 2 < len(np.unique(values)) <= 256
    [values] = rounded_inputs({"x": np.linspace(-1, 3, 5000)}).values()
    assert len(np.unique(values)) <= 257
    assert 0.0 in values
    assert np.abs(values - np.linspace(-1, 3, 5000)).max() <= 4 / 510 * (1 + 1e-9)
