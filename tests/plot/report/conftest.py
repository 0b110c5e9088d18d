"""Networks to report, and a browser."""

from __future__ import annotations

import pytest
from tests.plot.report.browser import Browser, why_not

import spikelet as sl

pytest.importorskip("matplotlib")
pytest.importorskip("plotly")


@pytest.fixture(scope="package")
def net() -> sl.Network:
    """Return a network that has run, with recorders of all kinds."""
    net = sl.Network(dt=0.1, seed=3, threads=1)
    lif = sl.LIF(tau_m=20.0, C_m=200.0, E_L=-60.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0)
    E, I = net.population(80, lif, name="E <x>"), net.population(20, lif, name="I")
    for target in (E, I):
        net.inject(target, sl.PoissonInput(rate=2000.0, weight=40.0))
        net.connect(I, target, sl.FixedProbability(0.3), weight=-90.0, delay=1.5)
    rule = sl.STDP(A_plus=1.0, A_minus=1.0, w_max=40.0)
    EI = net.connect(E, I, sl.FixedProbability(0.3), weight=sl.Uniform(10.0, 30.0), plasticity=rule)
    net.record(E, "spikes")
    net.record(I[5:15], "spikes")
    net.record(E[:12], "V_m")
    net.record(EI, "weights", every=20.0)
    net.run(400.0)
    return net


@pytest.fixture(scope="package")
def browser():
    reason = why_not()
    if reason:
        pytest.skip(reason)
    with Browser() as opened:
        yield opened
