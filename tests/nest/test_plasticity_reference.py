"""The reference that the rules of plasticity are tested against is what NEST's synapses do, spike by spike.

Trains are random, dense enough for ties, and some spikes of the source come twice.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.nest.reference import Floats, Ints, Plastic, Stdp, nest
from tests.nest.test_plasticity import NEAREST, pair, power_law, triplet
from tests.support.plasticity_reference import depression_and_facilitation, simulate

import spikelet as sl

STEPS, DT = 300, 0.1


def sent_by_nest(p: Plastic, w: float, pre: Ints, post: Ints, delay: int) -> Floats:
    """Return the weights that a synapse between two parrots sends."""
    nest.ResetKernel()
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=DT, min_delay=DT, max_delay=10.0)
    times = [{"spike_times": ((stamps - 1) * DT).round(6)} for stamps in (pre, post)]
    generators = nest.Create("spike_generator", 2, params=times)
    parrots = nest.Create("parrot_neuron", 2, params=p.neuron)
    nest.Connect(generators, parrots, "one_to_one", {"weight": 1.0, "delay": DT})
    recorder = nest.Create("weight_recorder")
    nest.CopyModel(p.model, "recorded", {**p.params, "weight_recorder": recorder})
    # A parrot does not repeat what it gets at its second receptor.
    spec = {"synapse_model": "recorded", "weight": w, "delay": delay * DT, "receptor_type": 1}
    nest.Connect(parrots[0], parrots[1], "one_to_one", spec)
    nest.Simulate(STEPS * DT + 1.0)
    order = np.argsort(recorder.events["times"], kind="stable")
    return np.asarray(recorder.events["weights"])[order]


def draw(case: int) -> tuple[np.random.Generator, Stdp, Ints, Ints, int]:
    """Draw parameters, trains and a delay in steps."""
    rng = np.random.default_rng([case, 6])
    tau_plus, tau_minus = (float(x) for x in rng.uniform(2.0, 30.0, 2))
    stdp = Stdp(
        tau_plus, tau_minus, float(rng.uniform(0.01, 0.3)), float(rng.uniform(0.5, 1.5)), w_max=3.0
    )
    pre = np.sort(rng.integers(3, STEPS, rng.integers(1, 40)))
    post = np.unique(rng.integers(3, STEPS, rng.integers(1, 40)))
    return rng, stdp, pre, post, int(rng.integers(1, 30))


def check(p: Plastic, w: float, pre: Ints, post: Ints, delay: int) -> None:
    """Compare what is sent."""
    expected = sent_by_nest(p, w, pre, post, delay)
    history = simulate(p.rule, w, pre.tolist(), post.tolist(), delay)
    np.testing.assert_allclose(history.sent, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("case", range(12))
def test_rules_over_all_pairs(case: int) -> None:
    rng, stdp, pre, post, delay = draw(case)
    mu = (float(rng.uniform(0.2, 1.5)), float(rng.uniform(0.2, 1.5)))
    rules = [pair(stdp), pair(stdp, mu=(1.0, 1.0)), pair(stdp, mu=mu), power_law(stdp)]
    for p in [*rules, triplet(stdp)]:
        check(p, 1.2, pre, post, delay)


@pytest.mark.parametrize("case", range(12))
@pytest.mark.parametrize("pairing", NEAREST)
def test_rules_over_nearest_pairs(pairing: str, case: int) -> None:
    """NEST pairs early posts with a pre spike at 0 that never was: here a pre spike comes first."""
    rng, stdp, pre, post, delay = draw(case + 20)
    mu = (float(rng.uniform(0.2, 1.5)), float(rng.uniform(0.2, 1.5)))
    pre = np.append(2, pre)
    for exponents in (None, (1.0, 1.0), mu):
        check(pair(stdp, pairing, mu=exponents), 1.2, pre, post, delay)


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("case", range(6))
def test_inhibitory_plasticity(case: int, sign: float) -> None:
    _, stdp, pre, post, delay = draw(case + 40)
    numbers: dict[str, Any] = {"tau": stdp.tau_plus, "eta": 0.3, "alpha": 2.0 * stdp.alpha}
    rule = sl.InhibitorySTDP(**numbers, w_max=3.0, coincidence="ignore")
    params = {**numbers, "Wmax": 3.0 * sign, "weight": sign}  # must be of one sign, by default too
    p = Plastic("vogels_sprekeler_synapse", params, {"tau_minus": stdp.tau_plus}, rule)
    check(p, 1.2 * sign, pre, post, delay)


@pytest.mark.parametrize("tau_fac", [0.0, 20.0])
@pytest.mark.parametrize("case", range(6))
def test_short_term_plasticity(case: int, tau_fac: float) -> None:
    rng, _, pre, post, delay = draw(case + 60)
    u, tau_rec, tau_psc = (float(rng.uniform(*r)) for r in ((0.1, 0.9), (5.0, 50.0), (1.0, 4.0)))
    numbers = {"U": u, "tau_rec": tau_rec, "tau_fac": tau_fac}
    for model, rule, more in (
        ("tsodyks_synapse", sl.TsodyksMarkram(**numbers, tau_psc=tau_psc), {"tau_psc": tau_psc}),
        ("tsodyks2_synapse", sl.TsodyksMarkram(**numbers), {"u": u}),
    ):
        expected = sent_by_nest(Plastic(model, numbers | more, {}, rule), 1.2, pre, post, delay)
        factors = np.array(depression_and_facilitation(rule, pre.tolist()))
        np.testing.assert_allclose(1.2 * factors, expected, rtol=1e-12)
