"""AdEx against the LSODAR solution that NEST tests its aeif models with."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.neurons.test_adex import LSODAR

import spikelet as sl

nest = pytest.importorskip("nest", minversion="3.10", reason="the file comes with NEST 3.10")
FILE = Path(nest.__file__).parent / "share/nest/testsuite/pytests/neurons/test_aeif_data_lsodar.dat"


@pytest.mark.skipif(not FILE.is_file(), reason="this NEST was installed without its tests")
def test_adex_against_lsodar() -> None:
    """V within 5e-4 and w within 1e-4: means of relative differences, of V below -25 mV, as in test_aeif_lsodar.py."""
    times, potential, w = np.loadtxt(FILE).T
    with pytest.warns(UserWarning, match="looks like a value in seconds"):
        net = sl.Network(dt=0.0005, dtype="float64", threads=1)
    neuron = net.population(1, sl.AdEx(method="rk4", **LSODAR))
    neuron.w = 5.0
    of_v, of_w = (net.record(neuron, state, every=0.01) for state in ("V_m", "w"))
    net.run(99.9)
    inside = of_v.times < times[-1]
    t, v, ours_w = of_v.times[inside], of_v.values[inside, 0], of_w.values[inside, 0]
    below = v <= -25.0
    difference = np.abs(v / np.interp(t, times, potential) - 1.0)[below]
    assert difference.mean() < 5e-4
    assert np.abs(ours_w / np.interp(t, times, w) - 1.0).mean() < 1e-4
