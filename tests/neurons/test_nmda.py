"""LIFNMDA against NEST's iaf_bw_2001, with saturation as short-term depression, and scipy at 1e-12."""

from __future__ import annotations

import numpy as np
from scipy import special
from tests.nest import references
from tests.support.neuron_references import Drive, NMDAReference
from tests.support.neuron_runs import assert_defaults, assert_order, values_of

import spikelet as sl


def test_defaults_are_nests() -> None:
    assert_defaults(sl.LIFNMDA(), "iaf_bw_2001", missing={"I_e"})


def test_with_depression_it_is_nests_neuron() -> None:
    """NEST's source computes how much each of its spikes opens; here the synapse does."""
    nest, dt = references.load("iaf_bw_2001"), 0.1
    theirs = references.defaults("iaf_bw_2001")
    alpha, rise, decay = (theirs[name] for name in ("alpha", "tau_rise_NMDA", "tau_decay_NMDA"))
    u, q = 1.0 - np.exp(-alpha * rise), rise / decay
    opening = (alpha * rise) ** q * special.gammainc(1 - q, alpha * rise) * special.gamma(1 - q)

    net = sl.Network(dt=dt, dtype="float64", threads=1)
    neuron = net.population(1, sl.LIFNMDA())
    depression = sl.TsodyksMarkram(U=float(u), tau_rec=decay)
    driven = net.population(
        1, sl.SpikeSource(nest["driven"] * dt, np.zeros(len(nest["driven"]), int))
    )
    net.connect(
        driven, neuron, sl.AllToAll(), weight=25.0 * opening / u, delay=1.0, plasticity=depression, receptor="NMDA"
    )  # fmt: skip
    for receptor, weight, times in (
        ("AMPA", 8.0, [30.0, 60.0]),
        ("GABA", 6.0, [35.0, 60.0, 120.0]),
    ):
        source = net.population(1, sl.SpikeSource(np.array(times) - dt, np.zeros(len(times), int)))
        net.connect(source, neuron, sl.AllToAll(), weight=weight, delay=dt, receptor=receptor)
    states = {name: net.record(neuron, name, every=1.0) for name in neuron.model.states}
    net.run(200.0)
    for name in ("s_AMPA", "s_GABA", "s_NMDA"):
        assert np.abs(states[name].values[:, 0] - nest[name]).max() < 1e-6
    assert np.ptp(nest["V_m"]) > 4.0
    assert np.abs(states["V_m"].values[:, 0] - nest["V_m"]).max() < 2e-3


def test_order() -> None:
    model = sl.LIFNMDA()
    events = [(5.0, 10.0, "NMDA"), (6.0, 5.0, "AMPA"), (12.0, 4.0, "GABA"), (15.0, 20.0, "NMDA")]
    drive = Drive([(2.0, 200.0)], events)
    assert_order(model, NMDAReference(values_of(model)), drive, 30.0, 2)


def test_magnesium_blocks_at_rest() -> None:
    rise = []
    for conc in (1.0, 0.0):
        net = sl.Network(dtype="float64", threads=1)
        neuron = net.population(1, sl.LIFNMDA(conc_Mg2=conc))
        neuron.s_NMDA = 1.0
        net.run(20.0)
        rise.append(float(neuron.V_m[0]) + 70.0)
    assert 0.0 < rise[0] < 0.1 * rise[1]
