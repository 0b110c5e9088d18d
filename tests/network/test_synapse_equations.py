"""Plasticity rules from text: against the built-in ones, against a slow reference, and what they refuse."""

from __future__ import annotations

import copy
import dataclasses
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.linalg import expm
from tests.conftest import make, spawn
from tests.support.plasticity_bench import (
    COND,
    FRACTIONS,
    LAYOUTS,
    STEPS,
    WIDE,
    Bench,
    draw,
    emit,
    force,
    trains,
)
from tests.support.plasticity_zoo import text_rules

import spikelet as sl
from spikelet.network.synapse_rule import SynapseRule

PAIR = "dx/dt = -x/tau_plus; dy/dt = -y/tau_minus"
PLUS, MINUS = "clip(w + {}, w_min, w_max)", "clip(w - {}, w_min, w_max)"
FAR, NEAR = "((w_max - w)/(w_max - w_min))", "((w - w_min)/(w_max - w_min))"
# Name of a rule: equations, then the weight and traces at a spike of the source, and of the target.
TEXTS = {
    "additive": (PAIR, MINUS.format("A_minus*y"), "x += 1", PLUS.format("A_plus*x"), "y += 1"),
    "nearest": (PAIR, MINUS.format("A_minus*y"), "x = 1", PLUS.format("A_plus*x"), "y = 1"),
    "multiplicative": (PAIR, MINUS.format(f"A_minus*y*{NEAR}"), "x += 1", PLUS.format(f"A_plus*x*{FAR}"), "y += 1"),
    "power": (PAIR, MINUS.format(f"A_minus*y*{NEAR}**mu_minus"), "x += 1", PLUS.format(f"A_plus*x*{FAR}**mu_plus"), "y += 1"),
    "power_law": (PAIR, "max(w - A_minus*y*w, w_min)", "x += 1", "max(w + A_plus*x*w**mu_plus, w_min)", "y += 1"),
    "triplet": (
        PAIR + "; dx2/dt = -x2/tau_plus_triplet; dy2/dt = -y2/tau_minus_triplet",
        MINUS.format("y*(A_minus + A_minus_triplet*x2)"), "x += 1; x2 += 1",
        PLUS.format("x*(A_plus + A_plus_triplet*y2)"), "y += 1; y2 += 1",
    ),
    "inhibitory": (
        "dx/dt = -x/tau; dy/dt = -y/tau", "sign*max(min(sign*w + eta*y, w_max) - eta*alpha, 0)", "x += 1",
        "sign*clip(sign*w + eta*x, 0, w_max)", "y += 1",
    ),
    "diehl_cook": (
        "dx/dt = -x/tau_pre; dy/dt = -y/tau_post_1; dz/dt = -z/tau_post_2",
        MINUS.format("eta_pre*y"), "x = 1", PLUS.format("eta_post*x*z"), "y = 1; z = 1",
    ),
}  # fmt: skip


def from_text(rule: Any, name: str = "additive", sign: float = 1.0) -> Any:
    """Return a built-in rule as text."""
    fields = {f.name: getattr(rule, f.name) for f in dataclasses.fields(rule)} | {"sg": sign}
    values = {k: x for k, x in fields.items() if isinstance(x, float) and k != "axonal_fraction"}
    text, down, source, up, target = (part.replace("sign", "sg") for part in TEXTS[name])
    made = sl.SynapseEquations(
        text,
        on_pre=f"w = {down}; {source}",
        on_post=f"w = {up}; {target}",
        parameters={k: (x, "ms") if k.startswith("tau") else x for k, x in values.items()},
        axonal_fraction=rule.axonal_fraction,
    )
    return made()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize("programs", [True, False])
def test_built_in_rules_from_text(
    programs: bool, name: str, layout: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if programs:
        monkeypatch.setattr(SynapseRule, "built_in", None)
    for k in range(6):
        rng = np.random.default_rng([k, *name.encode()])
        more: Any = {"pairing": "nearest_symmetric"} if name == "nearest" else {}
        kind = "additive" if name == "nearest" else name
        rule, weight = draw(rng, kind, axonal_fraction=FRACTIONS[k % 3], **more)
        model: Any = {"model": COND} if k == 5 else {}
        text = from_text(rule, name, np.sign(weight[0]))
        built_in = name in ("additive", "nearest", "triplet") and not programs
        assert (text.built_in is not None) == built_in
        bench = Bench(make(threads=1 + 2 * (k == 1)), rng, layout, rule, weight, text=text, **model)  # fmt: skip
        bench.check([0, *np.sort(rng.integers(1, STEPS, 4)).tolist(), STEPS])


@pytest.mark.parametrize("tau_n", [None, 15.0])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_reward_from_text(layout: str, tau_n: float | None) -> None:
    rule = sl.RewardSTDP(
        A_plus=0.03, A_minus=0.02, tau_c=25.0, tau_n=tau_n, b=0.3, axonal_fraction=0.4, **WIDE
    )
    values = {
        k: getattr(rule, k) for k in ("tau_plus", "tau_minus", "tau_c", "A_plus", "A_minus", "b")
    }
    text = sl.SynapseEquations(
        """
        dx/dt = -x/tau_plus; dy/dt = -y/tau_minus
        dc/dt = -c/tau_c; dn/dt = -n*rate_n
        dm/dt = -m*(1/tau_c + rate_n)  # c times n
        dw/dt = (m - b*c)/(1*ms)
        """,
        on_pre="c -= A_minus*y; m -= A_minus*y*n; x += 1",
        on_post="c += A_plus*x; m += A_plus*x*n; y += 1",
        on_signal="m += c*(signal - n); n = signal",
        parameters={k: (v, "ms") if k[:3] == "tau" else v for k, v in values.items()}
        | {"rate_n": (0.0 if tau_n is None else 1 / tau_n, "1/ms")},
        axonal_fraction=0.4,
    )
    made = []
    for learning in (rule, text):
        rng = np.random.default_rng(7)
        bench = Bench(make(), rng, layout, rule, (3.0, 4.0), text=learning)
        for level in rng.normal(0.5, 1.0, 20):
            bench.net.run(STEPS / 200)
            if learning is rule:
                bench.p.reward = float(level)
            else:
                bench.p.signal(float(level))
        made.append(bench)
    assert np.abs(made[0].p.weights - made[0].start).max() > 0.1
    np.testing.assert_allclose(made[1].p.weights, made[0].p.weights, rtol=1e-12)
    np.testing.assert_allclose(made[1].p.traces["c"], made[0].p.traces["c"], rtol=1e-12, atol=1e-14)


# Against a slow reference ---------------------------------------------------------------------------------------------

CHAIN = sl.SynapseEquations(
    "dc/dt = -c/tau_c; ds/dt = (2*c - s)/tau_s; dr/dt = (1 - r)/tau_r; dw/dt = (w0 - w)/tau_w; dn/dt = 0",
    on_pre="c += 1; w -= eta*s; transmit = w*r; r *= 0.7; n = n + 1 if s > 0.5 else n",
    on_post="w += eta*c*r; c += 0.5*w; n -= 0.25",
    on_signal="w += signal*eta*(c + s); n = 2*n - signal",
    parameters={"tau_c": (12.0, "ms"), "tau_s": (12.0, "ms"), "tau_r": (30.0, "ms"), "tau_w": (200.0, "ms"),
                "w0": 1.0, "eta": 0.05},
    initial={"r": 1.0, "n": 3.0},
)  # fmt: skip


class Slow:
    """One synapse of CHAIN, event by event."""

    def __init__(self, rule: Any, w: float, eta: float) -> None:
        self.rule, self.eta = rule, eta
        self.v = {"c": 0.0, "s": 0.0, "r": 1.0, "w": w, "n": 3.0}
        self.now, self.sent = 0, []  # type: ignore[var-annotated]

    def to(self, step: int) -> None:
        """Move over time, by the matrix exponential of all variables and a constant."""
        p, a = self.rule, np.zeros((5, 5))
        a[0, 0], a[1, :2] = -1 / p.tau_c, (2 / p.tau_s, -1 / p.tau_s)
        a[2, 2], a[2, 4] = -1 / p.tau_r, 1 / p.tau_r
        a[3, 3], a[3, 4] = -1 / p.tau_w, p.w0 / p.tau_w
        x = expm(a * (step - self.now) * 0.1) @ [
            self.v["c"],
            self.v["s"],
            self.v["r"],
            self.v["w"],
            1.0,
        ]
        self.v |= dict(zip("csrw", x[:4].tolist(), strict=True))
        self.now = step

    def on_pre(self) -> None:
        v = self.v
        v["c"] += 1
        v["w"] -= self.eta * v["s"]
        self.sent.append(v["w"] * v["r"])
        v["r"] *= 0.7
        v["n"] += 1 if v["s"] > 0.5 else 0

    def on_post(self) -> None:
        v = self.v
        v["w"] += self.eta * v["c"] * v["r"]
        v["c"] += 0.5 * v["w"]
        v["n"] -= 0.25

    def on_signal(self, signal: float) -> None:
        v = self.v
        v["w"] += signal * self.eta * (v["c"] + v["s"])
        v["n"] = 2 * v["n"] - signal


@pytest.mark.parametrize("varied", [False, True])
@pytest.mark.parametrize("fraction", FRACTIONS)
def test_variables_of_each_synapse(fraction: float, varied: bool) -> None:
    rng = np.random.default_rng([int(10 * fraction), varied])
    whole = CHAIN.to_dict() | {"axonal_fraction": fraction}
    n, steps = 60, rng.integers(1, 40, 60)
    eta: Any = rng.uniform(0.02, 0.1, n) if varied else 0.05
    rule = sl.SynapseEquations.from_dict(whole)(eta=eta)
    net = make()
    pres = [np.sort(rng.integers(0, STEPS, rng.integers(0, 14))) for _ in range(8)]
    posts = [np.unique(rng.integers(1, STEPS, rng.integers(0, 14))) for _ in range(9)]
    source, target = emit(net, pres), force(net, posts, STEPS)
    i, j = rng.integers(0, 8, n), rng.integers(0, 9, n)
    p = net.connect(source, target, (i, j), weight=sl.Uniform(0.5, 1.5), delay=steps * 0.1, plasticity=rule)  # fmt: skip
    arrived = [net.record(target, name) for name in ("I_syn_ex", "I_syn_in")]  # by sign
    start, ids, delays = p.weights, (p.pre_ids, p.post_ids), np.rint(p.delays * 10).astype(int)
    own = np.broadcast_to(np.asarray(p.plasticity.eta), (n,))
    expected: dict[int, list[dict[str, float]]] = {}
    table = np.zeros((STEPS + 41, 9))
    cuts = [0, 37, 90, STEPS]
    for k in range(n):
        slow, d = Slow(rule, float(start[k]), float(own[k])), int(delays[k])
        axonal = int(fraction * d + 0.5)
        at = [(int(s) + axonal, 0, int(s)) for s in pres[ids[0][k]]]
        at += [(int(s) + d - axonal, 1, 0) for s in posts[ids[1][k]]]
        at += [(cut, 2, number) for number, cut in enumerate(cuts)]
        for time, what, stamp in sorted(at):
            slow.to(time)
            if what == 2 and time == 0:
                continue
            if what == 2:
                expected.setdefault(time, []).append(dict(slow.v))
                slow.on_signal(0.3 * stamp)
            else:
                (slow.on_pre if what == 0 else slow.on_post)()
            if what == 0:
                table[stamp + d, ids[1][k]] += slow.sent[-1]
    for number, cut in enumerate(cuts[1:], 1):
        net.run(cut * 0.1 - net.t)
        got = {**p.traces, "w": p.weights}
        for name in "csrwn":
            np.testing.assert_allclose(np.asarray(got[name]), [v[name] for v in expected[cut]], rtol=1e-12, atol=1e-14, err_msg=name)  # fmt: skip
        p.signal(0.3 * number)
    np.testing.assert_allclose(
        sum(r.values for r in arrived), table[1 : STEPS + 1], rtol=1e-12, atol=1e-14
    )


@pytest.mark.parametrize("model", [sl.LIF(t_ref=1.0), sl.LIFCond(), sl.LIFDelta()])
@pytest.mark.parametrize("threads", [1, 3])
def test_states_of_targets(model: Any, threads: int) -> None:
    """The rule of Brader, Senn & Fusi (2007), which asks for the potential and for a trace of the target's spikes."""
    rule = sl.SynapseEquations(
        "dc/dt = -c/tau_c",
        on_pre="w = w + a if V_m_post > theta and c < 2.5 else w - b if V_m_post <= theta and c < 3 else w",
        on_post="c += 1",
        parameters={"tau_c": (60.0, "ms"), "theta": -58.0, "a": 0.25, "b": 0.125},
        axonal_fraction=1.0,
    )
    net = make(threads=threads)
    rng = np.random.default_rng(5)
    cells = net.population(150, model)
    strength = {sl.LIF: 60.0, sl.LIFCond: 2.0, sl.LIFDelta: 0.5}[type(model)]
    net.inject(cells, sl.PoissonInput(rate=4000.0, weight=strength))
    pres = [np.sort(rng.integers(1, 900, 12)) for _ in range(20)]
    delay = rng.integers(1, 40, 500)
    targets = np.array([3, 80, 149]) if threads == 1 else np.arange(150)  # far apart, or all
    pairs = rng.integers(0, 20, 500), rng.choice(targets, 500)
    p = net.connect(
        emit(net, pres), cells, pairs, weight=50.0 + 0 * delay, delay=delay * 0.1, plasticity=rule
    )
    # What was there: the potential of each step, and spikes.
    v, spikes = net.record(cells, "V_m"), net.record(cells, "spikes")
    net.run(100.0)
    early = isinstance(model, sl.LIFDelta)  # spikes arrive before the step that they act in
    expected = []
    for i, j, d in zip(p.pre_ids, p.post_ids, np.rint(p.delays * 10).astype(int), strict=True):
        w, own = 50.0, np.rint(spikes.times[spikes.ids == j] * 10)
        for stamp in pres[i] + d:
            potential = v.values[stamp - 1 - early, j]
            c = np.exp(-(stamp - own[own < stamp]) * 0.1 / 60.0).sum()
            w += (
                0.25
                if potential > -58.0 and c < 2.5
                else -0.125
                if potential <= -58.0 and c < 3
                else 0
            )
        expected.append(w)
    assert np.unique(expected).size > 3
    np.testing.assert_array_equal(p.weights, expected)


def test_short_term_plasticity_from_text() -> None:
    """The rule of Tsodyks, Uziel & Markram (2000), with a U for each synapse, against the built-in one."""
    text = sl.SynapseEquations(
        "du/dt = -u/tau_fac; dx/dt = (1 - x)/tau_rec",
        on_pre="u += U*(1 - u); transmit = w*u*x; x -= u*x",
        parameters={"tau_fac": (30.0, "ms"), "tau_rec": (60.0, "ms"), "U": 0.4},
        initial={"x": 1.0},
    )
    share = np.random.default_rng(3).uniform(0.1, 0.9, 40)
    found = []
    for rule in (sl.TsodyksMarkram(U=share, tau_rec=60.0, tau_fac=30.0), text(U=share)):
        rng = np.random.default_rng(4)
        net = make()
        source, target = (
            emit(net, trains(rng, 8, STEPS, 16)),
            force(net, [np.zeros(0, dtype=int)] * 9, STEPS),
        )
        pairs = rng.integers(0, 8, 40), rng.integers(0, 9, 40)
        p = net.connect(source, target, pairs, weight=rng.uniform(1.0, 2.0, 40), delay=rng.integers(1, 40, 40) * 0.1, plasticity=rule)  # fmt: skip
        arrived = net.record(target, "I_syn_ex")
        net.run(STEPS * 0.1)
        found.append((arrived.values, p.traces["x"], p.traces["u"]))
    assert np.count_nonzero(found[0][0]) > 100
    for mine, other in zip(found[1], found[0], strict=True):
        np.testing.assert_allclose(np.asarray(mine), np.asarray(other), rtol=1e-12, atol=1e-14)


def test_calcium_rule() -> None:
    """The rule of Graupner & Brunel (2012) without its double well, against integration between spikes.

    Calcium decays between spikes, so the times above its thresholds follow from its value after the last spike.
    """
    rule = sl.SynapseEquations(
        """
        dc/dt = -c/tau_Ca
        dpeak/dt = 0  # c after the last spike
        da/dt = -a/tau_Ca  # 1 then
        since = -tau_Ca*log(max(a, 1e-30))
        above_p = min(since, tau_Ca*log(max(peak/theta_p, 1)))
        above_d = min(since, tau_Ca*log(max(peak/theta_d, 1))) - above_p
        high = gamma_p/(gamma_p + gamma_d)
        present = (high + (w - high)*exp(-above_p*(gamma_p + gamma_d)/tau))*exp(-above_d*gamma_d/tau)
        """,
        on_pre="w = present; c += C_pre; peak = c; a = 1",
        on_post="w = present; c += C_post; peak = c; a = 1",
        parameters={
            "tau_Ca": (22.7, "ms"), "tau": (3000.0, "ms"), "C_pre": 0.56, "C_post": 1.24, "theta_d": 1.0,
            "theta_p": 1.3, "gamma_d": 331.9, "gamma_p": 725.1,
        },
        initial={"a": 1.0}, axonal_fraction=1.0,
    )()  # fmt: skip
    rng, net = np.random.default_rng(2), make()
    pres, posts = trains(rng, 10, 3000, 30), trains(rng, 12, 3000, 30, low=1)
    delay = rng.integers(1, 40, 120)
    p = net.connect(emit(net, pres), force(net, posts, 3000), sl.AllToAll(), weight=0.5, delay=delay * 0.1, plasticity=rule)  # fmt: skip
    net.run(300.0)
    expected = []
    for i, j, d in zip(p.pre_ids, p.post_ids, np.rint(p.delays * 10).astype(int), strict=True):
        spikes = [(s + d, 0, rule.C_pre) for s in pres[i]] + [(s, 1, rule.C_post) for s in posts[j]]
        w, c, now = 0.5, 0.0, 0.0
        for step, _, jump in sorted(x for x in spikes if x[0] <= 3000):
            for up, down in ((rule.gamma_p, rule.gamma_d), (0.0, rule.gamma_d)):
                theta = rule.theta_p if up else rule.theta_d
                end = min(step * 0.1, now + rule.tau_Ca * np.log(max(c / theta, 1.0)))
                if end > now:
                    slope = lambda _t, x, up=up, down=down: (up * (1 - x) - down * x) / rule.tau
                    w = solve_ivp(slope, (now, end), [w], rtol=1e-11, atol=1e-12).y[0, -1]
                    c, now = c * np.exp((now - end) / rule.tau_Ca), end
            c, now = c * np.exp((now - step * 0.1) / rule.tau_Ca) + jump, step * 0.1
        expected.append(w)
    assert np.std(expected) > 0.05
    np.testing.assert_allclose(p.weights, expected, rtol=1e-8)


def test_random_release() -> None:
    """Each synapse and spike has a number of its own, also where a source spikes twice at once."""
    rule = sl.SynapseEquations(
        "", on_pre="transmit = w if rand() < p else 0", parameters={"p": 0.3}
    )
    net = make()
    stamps = np.repeat(np.arange(1, 101), 2) * 0.1
    source = net.population(1, sl.SpikeSource(stamps, np.zeros(200, dtype=int)))
    target = force(net, [np.zeros(0, dtype=np.int64)] * 300, 200)
    p = net.connect(source, target, sl.AllToAll(), weight=1.0, delay=0.1, plasticity=rule(p=sl.Uniform(0.0, 1.0)))  # fmt: skip
    got = net.record(target, "I_syn_ex")
    net.run(11.0)
    counts = np.rint(got.values).astype(int)  # [step, synapse], 0 to 2
    chance = np.asarray(p.plasticity.p)
    assert np.abs(counts.sum(0) / 200 - chance).max() < 5 * 0.5 / np.sqrt(200)
    fired = counts[1:101]
    assert abs((fired == 1).mean() - (2 * chance * (1 - chance)).mean()) < 0.02
    assert abs(np.corrcoef(fired[:-1].ravel() - 2 * np.tile(chance, 99), fired[1:].ravel() - 2 * np.tile(chance, 99))[0, 1]) < 0.03  # fmt: skip
    assert (p.weights == 1.0).all()


# The same bits ---------------------------------------------------------------------------------------------------------


def lively(*, threads: int = 1, dtype: str = "float32") -> sl.Network:
    net = sl.Network(dt=0.1, seed=8, threads=threads, dtype=dtype)
    cells = net.population(70, sl.LIF(t_ref=1.0, I_e=200.0))
    sources = net.population(40, sl.PoissonSource(np.linspace(10.0, 150.0, 40)))
    net.inject(cells, sl.PoissonInput(rate=3000.0, weight=60.0))
    rng = np.random.default_rng(2)
    for pre in (sources, cells):
        for rule in (*text_rules(), CHAIN()):
            pairs = rng.integers(0, len(pre), 400), rng.integers(0, 70, 400)
            net.connect(pre, cells, pairs, weight=sl.Uniform(2.0, 38.0), delay=rng.integers(1, 40, 400) * 0.1, plasticity=rule)  # fmt: skip
    return net


def look(net: sl.Network) -> list[bytes]:
    found = [np.asarray(net.populations[0].V_m).tobytes()]
    for p in net.projections:
        found += [p.weights.tobytes(), *(np.asarray(x).tobytes() for x in p.traces.values())]
    return found


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_the_same_bits(dtype: str, tmp_path: Path) -> None:
    base = lively(dtype=dtype)
    base.run(60.0)
    for threads, cuts in ((2, (60.0,)), (3, (0.1, 20.0, 17.3, 22.6)), (7, (31.7, 28.3))):
        net = lively(threads=threads, dtype=dtype)
        for cut in cuts:
            net.run(cut)
            look(net)
        assert look(net) == look(base), threads
    net = lively(dtype=dtype)
    for cut in (10.0, 13.7, 36.3):
        net.save(tmp_path / "net")
        net = sl.Network.load(tmp_path / "net", threads=2)
        net.run(cut)
    assert look(net) == look(base)
    assert [p.plasticity for p in net.projections] == [p.plasticity for p in base.projections]
    base.reset()
    base.run(60.0)
    assert look(base) == look(net)


def test_many_spikes_are_settled() -> None:
    """More than are kept: old ones go into the weights, at a time that depends on partitions."""

    def run(threads: int) -> bytes:
        net = make(threads=threads)
        cells = net.population(130, sl.LIF(t_ref=0.1, I_e=3000.0))
        source = net.population(5, sl.PoissonSource(3.0))
        p = net.connect(source, cells, sl.FixedProbability(0.5), weight=1.0, delay=sl.Uniform(0.1, 3.0), plasticity=CHAIN)  # fmt: skip
        net.run(600.0)
        assert len(net.projections) == 1
        return p.weights.tobytes()

    assert run(1) == run(3)


def test_simd_levels_do_not_matter() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parents[2])!r})\n"
        "import hashlib, spikelet as sl\nfrom tests.network.test_synapse_equations import lively, look\n"
        "for dtype in ('float32', 'float64'):\n"
        "    net = lively(threads=2, dtype=dtype); net.run(40.0)\n"
        "    print(hashlib.sha256(b''.join(look(net))).hexdigest())\n"
    )
    printed = {level: spawn(code, SPIKELET_SIMD=level) for level in sl.available_simd_levels()}
    assert len(set(printed.values())) == 1
    assert len(printed["baseline"].splitlines()) == 2


def test_reset_that_keeps_weights() -> None:
    net = lively()
    net.run(20.0)
    kept = [p.weights for p in net.projections]
    net.reset(keep_weights=True)
    for p, w in zip(net.projections, kept, strict=True):
        np.testing.assert_array_equal(p.weights, w)
        for name, values in p.traces.items():
            first = p.plasticity.equations.to_dict()["initial"].get(name, 0.0)
            assert (np.asarray(values) == first).all(), name


# As a value --------------------------------------------------------------------------------------------------------------


def test_copies_and_changes() -> None:
    rule = from_text(sl.STDP(A_plus=0.02))
    for other in (pickle.loads(pickle.dumps(rule)), copy.deepcopy(rule), dataclasses.replace(rule)):
        assert other == rule
        assert hash(other) == hash(rule)
    assert repr(dataclasses.replace(rule, A_plus=0.5)) == (
        "SynapseEquations(tau_plus=20.0, tau_minus=20.0, A_plus=0.5, A_minus=0.0105, w_min=0.0, w_max=1.0, sg=1.0)"
    )
    assert repr(rule.equations) == "SynapseEquations(SynapseEquations: w, x, y)"
    net = make()
    source, target = net.population(2, sl.PoissonSource(100.0)), net.population(2, sl.LIF())
    p = net.connect(source, target, sl.AllToAll(), weight=0.5, plasticity=rule.equations)
    assert p.plasticity == rule
    net.run(10.0)
    before = p.weights
    p.plasticity = dataclasses.replace(rule, A_minus=0.1, A_plus=0.0)
    np.testing.assert_array_equal(p.weights, before)
    with pytest.raises(ValueError, match=r"plasticity.tau_plus must stay 20.0: only amplitudes"):
        p.plasticity = dataclasses.replace(rule, tau_plus=3.0)
    p.weights = 0.25
    assert (p.weights == 0.25).all()
    p.normalize(1.0)
    np.testing.assert_allclose(p.weights, 0.5)


def test_amplitudes_change_between_runs() -> None:
    rule, weight = draw(np.random.default_rng(3), "additive")
    got = []
    for text in (False, True):
        net = make()
        rng = np.random.default_rng(4)
        bench = Bench(net, rng, "many delays", rule, weight, text=from_text(rule) if text else None)
        net.run(7.7)
        learning: Any = bench.p.plasticity
        bench.p.plasticity = dataclasses.replace(learning, A_plus=0.4, A_minus=0.01)
        net.run(12.3)
        got.append(bench.p.weights)
    np.testing.assert_allclose(got[1], got[0], rtol=1e-12)


def test_window() -> None:
    """The window of a rule that is drawn is that of the built-in one."""
    rule = sl.STDP()
    lines = [
        sl.plot.stdp_window(r, np.arange(-20.0, 21.0), weight=0.5).lines[0].get_ydata()
        for r in (rule, from_text(rule))
    ]
    np.testing.assert_allclose(lines[0], lines[1], rtol=1e-9)
