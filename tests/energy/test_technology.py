"""The cost of operations and of memory."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.support.layered import inputs, pair

from spikelet.energy import TECHNOLOGIES, Technology, measure
from spikelet.layers import IF, Linear
from spikelet.layers.spiking_model import SpikingModel


def test_memory_traffic():
    model = SpikingModel([Linear(np.ones((2, 3))), IF(1.0), Linear(np.ones((4, 2)))], threads=1)
    own = Technology("own", 1.0, 9.0, 9.0, 16, 32, 16, 32, ((100.0, 1.0), (math.inf, 7.0)))
    found = measure(model, np.ones((1, 3)), 3, technology=own, memory=True).snn
    # 6 weights and 6 activations at each of 3 steps; 12 bytes fit into the small memory.
    assert found["linear0"].memory_pj == 18 * (2 + 2) * 1.0
    spikes = found["if1"].spikes
    assert spikes == 6
    # 2 potentials are read and written at each step; a spike is an address, written and read.
    assert found["if1"].memory_pj == 6 * 8 + spikes * 8
    assert found["linear2"].memory_pj == 24 * (2 + 8) * 1.0
    parts = [getattr(found["linear2"], f"{n}_pj") for n in ("weight", "potential", "activation")]
    assert parts == [24 * 2, 24 * 8, 0]
    assert found["linear2"].compute_pj == 24
    assert found["linear0"].energy_pj == 180 + 72
    large = Technology("large", 1.0, 9.0, 9.0, 16, 32, 16, 32, ((11.0, 1.0), (math.inf, 7.0)))
    found = measure(model, np.ones((1, 3)), 3, technology=large, memory=True).snn
    # 6 weights take 12 bytes, 3 activations 6.
    assert found["linear0"].memory_pj == 18 * (2 * 7.0 + 2 * 1.0)
    without = measure(model, np.ones((1, 3)), 3, technology=own)
    assert without.energy_pj == 180 + 24 + 12  # 6 updates and 6 comparisons


@pytest.mark.parametrize(
    ("name", "add", "mac"),
    [
        ("45nm", 0.9, 4.6),
        ("45nm-fp16", 0.4, 1.5),
        ("45nm-int8", 0.1, 0.3),
        ("45nm-int32", 0.1, 3.2),
    ],
)
def test_presets(name, add, mac):
    x = inputs(2)
    snn, _ = pair(x)
    total = measure(snn, x, 4, technology=name).snn.total
    additions = total.effective_acs + total.membrane_updates + total.comparisons
    additions += total.other_additions
    assert total.compute_pj == pytest.approx(add * additions + mac * total.effective_macs)
    assert TECHNOLOGIES[name].byte_pj(1) < TECHNOLOGIES[name].byte_pj(1 << 30)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"add_pj": 0.0}, "add_pj must be finite and > 0"),
        ({"multiply_pj": math.inf}, "multiply_pj must be finite and > 0"),
        ({"potential_bits": 0}, "potential_bits must be >= 1"),
        ({"memories": ()}, "memories"),
        ({"memories": ((10.0, 1.0),)}, "memories"),
        ({"memories": ((10.0, 1.0), (5.0, 2.0), (math.inf, 3.0))}, "memories"),
        ({"memories": ((math.inf, -1.0),)}, "memories"),
        ({"memories": (3, 4)}, "memories"),
    ],
)
def test_bad_technology(change, message):
    with pytest.raises(ValueError, match=message):
        Technology(**{"name": "own", "add_pj": 1.0, "multiply_pj": 2.0, "scale_pj": 2.0, **change})
