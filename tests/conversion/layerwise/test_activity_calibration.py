"""What a conversion works on."""

from __future__ import annotations

import numpy as np
from tests.support.conversions import V, tiny

from spikelet.conversion.layerwise.activity import Calibration
from spikelet.layers.graph import Graph


def test_a_part_has_the_same_samples_of_everything() -> None:
    coded = {"input": np.arange(4 * V.size).reshape(4, *V.shape)}
    cal = Calibration(Graph(tiny()), {"input": V}, 4, 1, coded=coded)
    assert cal.count == len(V)
    assert cal.shapes == {"input": (3,), "l1": (4,), "n1": (4,), "l2": (2,), "n2": (2,), "l3": (1,)}
    chosen = np.arange(len(V)) % 7 == 2
    part = cal.part(chosen)
    np.testing.assert_array_equal(part.inputs["input"], V[chosen])
    np.testing.assert_array_equal(part.coded["input"], coded["input"][:, chosen])
    assert (part.count, part.steps) == (chosen.sum(), 4)
