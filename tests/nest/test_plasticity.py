"""Rules of plasticity in recurrent networks: spikes and weights are those of NEST's synapses.

NEST's weights are those of the last pre spike. In the last step all plastic sources spike, so nothing is missing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.nest.networks import draw
from tests.nest.reference import (
    Description,
    Plastic,
    Result,
    Stdp,
    Synapses,
    assert_same_spikes,
    run_nest,
    run_spikelet,
)

import spikelet as sl

MODELS = ("exp", "alpha", "delta")
WHERE = ("source", "recurrent", "both")
NEAREST = {
    "nearest_symmetric": "stdp_nn_symm_synapse",
    "nearest_pre_centered": "stdp_nn_pre_centered_synapse",
    "nearest_restricted": "stdp_nn_restr_synapse",
}
IGNORE: dict[str, Any] = {"coincidence": "ignore"}


def pair(s: Stdp, pairing: str = "all_to_all", *, mu: tuple[float, float] | None = None) -> Plastic:
    """Return an STDP with the exponents of the weight, or an additive one."""
    a = s.lambda_ * s.w_max
    kwargs: dict[str, Any] = {"dependence": "additive"}
    if mu == (1.0, 1.0):
        kwargs = {"dependence": "multiplicative"}
    elif mu is not None:
        kwargs = {"dependence": "power", "mu_plus": mu[0], "mu_minus": mu[1]}
    rule = sl.STDP(
        tau_plus=s.tau_plus, tau_minus=s.tau_minus, A_plus=a, A_minus=s.alpha * a,
        w_max=s.w_max, pairing=pairing, **kwargs, **IGNORE,
    )  # type: ignore[arg-type]  # bounds and options of one dict  # fmt: skip
    params = {"tau_plus": s.tau_plus, "lambda": s.lambda_, "alpha": s.alpha, "Wmax": s.w_max}
    params |= dict(zip(("mu_plus", "mu_minus"), mu or (0.0, 0.0), strict=True))
    model = NEAREST.get(pairing, "stdp_synapse")
    return Plastic(model, params, {"tau_minus": s.tau_minus}, rule)


def power_law(s: Stdp) -> Plastic:
    """Return an STDP after a power of the weight."""
    mu, a_plus = 0.4, s.lambda_ * s.w_max**0.6
    alpha = 1.5 * s.lambda_ / a_plus
    rule = sl.STDP(
        tau_plus=s.tau_plus, tau_minus=s.tau_minus, A_plus=a_plus, A_minus=alpha * a_plus,
        dependence="power_law", mu_plus=mu, **IGNORE,
    )  # fmt: skip
    params = {"tau_plus": s.tau_plus, "lambda": a_plus, "alpha": alpha, "mu": mu}
    return Plastic("stdp_pl_synapse_hom", params, {"tau_minus": s.tau_minus}, rule)


def triplet(s: Stdp) -> Plastic:
    """Return a triplet rule."""
    a = s.lambda_ * s.w_max
    amplitudes = (0.6 * a, 0.8 * a, 0.5 * a, 0.3 * a)
    params = dict(
        zip(("Aplus", "Aminus", "Aplus_triplet", "Aminus_triplet"), amplitudes, strict=True)
    )
    params |= {"tau_plus": s.tau_plus, "tau_plus_triplet": 70.0, "Wmax": s.w_max}
    rule = sl.TripletSTDP(
        tau_plus=s.tau_plus, tau_minus=s.tau_minus, tau_plus_triplet=70.0, tau_minus_triplet=50.0,
        A_plus=amplitudes[0], A_minus=amplitudes[1], A_plus_triplet=amplitudes[2],
        A_minus_triplet=amplitudes[3], w_max=s.w_max, **IGNORE,
    )  # fmt: skip
    neuron = {"tau_minus": s.tau_minus, "tau_minus_triplet": 50.0}
    return Plastic("stdp_triplet_synapse", params, neuron, rule)


RULES: dict[str, Callable[[Stdp], Plastic]] = {
    "multiplicative": lambda s: pair(s, mu=(1.0, 1.0)),
    "power": lambda s: pair(s, mu=(0.4, 1.3)),
    "power_law": power_law,
    "triplet": triplet,
}


def prepare(d: Description) -> None:
    """Let all neurons and all sources spike in the last step."""
    d.params["t_ref"] = 0.0
    late = d.steps if d.model == "delta" else d.steps - 1  # when the input arrives
    kick = d.n_sources
    everyone = np.arange(d.n)
    strength = np.full(d.n, 1e3 if d.model == "delta" else 1e9)
    pre = np.full(d.n, kick)
    d.synapses.append(Synapses(pre, everyone, strength, np.full(d.n, d.dt), from_source=True))
    quiet = d.source_steps != d.steps
    steps = np.concatenate([d.source_steps[quiet], np.full(d.n_sources, d.steps), [late - 1]])
    ids = np.concatenate([d.source_ids[quiet], np.arange(d.n_sources), [kick]])
    order = np.lexsort((ids, steps))
    d.source_steps, d.source_ids = steps[order], ids[order]
    d.n_sources += 1


def start_together(d: Description) -> None:
    """Let all neurons spike in the first step, which is before any post spike reaches a synapse."""
    d.v_init = np.full(d.n, float(np.max(d.params["V_th"])) + 40.0)


def compare(d: Description, *, moved: bool = True) -> None:
    """Run both and compare spikes and weights."""
    expected, got = run_nest(d), run_spikelet(d)
    check_expected(d, expected)
    assert_same_spikes(got, expected, d.dt)
    plastic = [s for s in d.synapses if s.stdp is not None]
    assert len(plastic) == len(expected.weights) == len(got.weights) > 0
    for s, ours, theirs in zip(plastic, got.weights, expected.weights, strict=True):
        for key in ("pre", "post", "delay_steps"):
            np.testing.assert_array_equal(getattr(ours, key), getattr(theirs, key))
        scale = np.abs(theirs.weight).max()
        changed = np.abs(np.sort(theirs.weight) - np.sort(s.weight)).mean()
        assert (changed > 0.003 * scale) == moved
        np.testing.assert_allclose(ours.weight, theirs.weight, rtol=0, atol=1e-9 * scale)


def check_expected(d: Description, expected: Result) -> None:
    """NEST's run shows what it should."""
    assert len(expected.spikes) > 3e-3 * d.n * d.duration, "the case would show little"
    assert (expected.spikes[:, 0] == d.steps).sum() == d.n, "all spike in the last step"


# --- tests --------------------------------------------------------------------------------------


def drawn(name: str, case: int, where: str) -> Description:
    """Draw a network whose plastic synapses have a rule."""
    d = draw(MODELS[case % 3], case, where)
    for s in d.synapses:
        if isinstance(s.stdp, Stdp):
            s.stdp = RULES[name](s.stdp)
    prepare(d)
    return d


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("name", RULES)
def test_rules_over_all_pairs(name: str, case: int) -> None:
    compare(drawn(name, case + 20, WHERE[(case + case // 3) % 3]))


def drawn_nearest(pairing: str, mu: tuple[float, float] | None, case: int) -> Description:
    """Draw a network whose recurrent synapses have a nearest-neighbour rule."""
    d = draw(MODELS[case % 3], case, "recurrent")
    (s,) = [s for s in d.synapses if s.stdp is not None]
    assert isinstance(s.stdp, Stdp)
    s.stdp = pair(s.stdp, pairing, mu=mu)
    prepare(d)
    start_together(d)
    return d


@pytest.mark.parametrize("case", range(3))
@pytest.mark.parametrize("mu", [None, (1.0, 1.0), (0.4, 1.3)])
@pytest.mark.parametrize("pairing", NEAREST)
def test_rules_over_nearest_pairs(pairing: str, mu: tuple[float, float] | None, case: int) -> None:
    d = drawn_nearest(pairing, mu, case + 40)
    compare(d)


def drawn_inhibitory(case: int, *, both: bool) -> Description:
    """Draw a network whose inhibitory synapses are plastic, and the excitatory ones too."""
    d = draw(MODELS[case % 3], case, "recurrent")
    excitatory, inhibitory = d.synapses[1:]
    assert isinstance(excitatory.stdp, Stdp)
    tau = excitatory.stdp.tau_minus
    size = float(np.abs(inhibitory.weight).mean())
    eta, alpha, w_max = 0.05 * size, 0.8, 1.6 * size
    rule = sl.InhibitorySTDP(tau=tau, eta=eta, alpha=alpha, w_max=w_max, **IGNORE)
    params = {"tau": tau, "eta": eta, "alpha": alpha, "Wmax": -w_max, "weight": -1.0}
    inhibitory.stdp = Plastic("vogels_sprekeler_synapse", params, {"tau_minus": tau}, rule)
    if not both:
        excitatory.stdp = None
    prepare(d)
    return d


@pytest.mark.parametrize("both", [False, True])
@pytest.mark.parametrize("case", range(3))
def test_inhibitory_plasticity(case: int, both: bool) -> None:
    compare(drawn_inhibitory(case + 60, both=both))


def drawn_short_term(name: str, case: int) -> Description:
    """Draw a network whose synapses depress and recover."""
    d = draw(MODELS[case % 3], case, WHERE[case % 3])
    fac = 0.0 if case % 2 else 40.0
    params = {"U": 0.45, "tau_rec": 60.0, "tau_fac": fac}
    rule = sl.TsodyksMarkram(U=0.45, tau_rec=60.0, tau_fac=fac)
    if name == "tsodyks_synapse":
        params["tau_psc"] = 3.0
        rule = sl.TsodyksMarkram(U=0.45, tau_rec=60.0, tau_fac=fac, tau_psc=3.0)
    else:
        params["u"] = 0.45  # NEST starts with 0.5, whatever U is
    for s in d.synapses:
        if s.stdp is not None:
            s.stdp = Plastic(name, params, {}, rule)
            s.weight = s.weight * 2.5
    prepare(d)
    return d


@pytest.mark.parametrize("case", range(6))
@pytest.mark.parametrize("name", ["tsodyks_synapse", "tsodyks2_synapse"])
def test_short_term_plasticity(name: str, case: int) -> None:
    """The weights stay; the spikes are what is compared."""
    compare(drawn_short_term(name, case + 80), moved=False)
