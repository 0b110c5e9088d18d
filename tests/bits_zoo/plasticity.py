"""Plasticity rules in every layout of their synapses, and what is done with plastic projections."""

from __future__ import annotations

import dataclasses
import itertools
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

import spikelet as sl

from .cases import DTYPES, Case, active

PAIRINGS = ("all_to_all", "nearest_symmetric", "nearest_pre_centered", "nearest_restricted")
DEPENDENCES: tuple[dict[str, Any], ...] = (
    {"dependence": "additive"},
    {"dependence": "multiplicative"},
    {"dependence": "power", "mu_plus": 0.4, "mu_minus": 1.3},
    {"dependence": "power_law", "mu_plus": 0.4, "A_minus": 0.05},
)
BOUNDS = {"w_min": 1.0, "w_max": 40.0}
FRAMES = tuple(itertools.product(("potentiate", "ignore"), (0.0, 0.4, 1.0)))


def rules() -> Iterator[tuple[str, Any]]:
    """Yield every rule by name, with both treatments of ties and three axonal fractions."""
    for coincidence, axonal in FRAMES:
        frame: dict[str, Any] = {"coincidence": coincidence, "axonal_fraction": axonal}
        where = f"{coincidence} axonal {axonal:g}"
        for pairing, dependence in itertools.product(PAIRINGS, DEPENDENCES):
            given = {"A_plus": 1.0, "A_minus": 1.2, **BOUNDS, **frame, **dependence}
            rule = sl.STDP(pairing=pairing, **given)
            yield f"STDP {pairing} {dependence['dependence']} {where}", rule
        yield (
            f"TripletSTDP {where}",
            sl.TripletSTDP(
                A_plus=0.5, A_minus=0.6, A_plus_triplet=0.3, A_minus_triplet=0.2, **BOUNDS, **frame
            ),
        )
        yield (
            f"InhibitorySTDP {where}",
            sl.InhibitorySTDP(eta=1.0, alpha=1.5, w_max=40.0, **frame),
        )
        yield (
            f"DiehlCookSTDP {where}",
            sl.DiehlCookSTDP(eta_pre=0.5, eta_post=2.0, **BOUNDS, **frame),
        )
        for tau_n in (None, 20.0):
            yield (
                f"RewardSTDP tau_n {tau_n} {where}",
                sl.RewardSTDP(
                    A_plus=0.06, A_minus=0.05, tau_c=100.0, tau_n=tau_n, b=0.1, **BOUNDS, **frame
                ),
            )
    for tau_fac, tau_psc in ((0.0, None), (30.0, None), (0.0, 3.0), (30.0, 3.0)):
        yield (
            f"TsodyksMarkram tau_fac {tau_fac:g} tau_psc {tau_psc}",
            sl.TsodyksMarkram(U=0.4, tau_rec=60.0, tau_fac=tau_fac, tau_psc=tau_psc),
        )


def cases() -> Iterator[Case]:
    """Yield the cases."""
    for (name, rule), dtype in itertools.product(tuple(rules()), DTYPES):
        yield Case(f"plasticity {name} {dtype}", lambda t, r=rule, d=dtype: run(t, r, d))
    for dtype in DTYPES:
        for name, made in {
            "regulation": _regulation,
            "cuts, reads and checkpoints": _cuts,
            "resets": _resets,
            "epochs": _epochs,
            "wide blocks": _wide,
            "both signs": _signs,
            "LIFDelta and LIFCond": _models,
        }.items():
            yield Case(f"plasticity {name} {dtype}", lambda t, m=made, d=dtype: m(t, d))


def build(threads: int, dtype: str, *, seed: int = 8) -> Any:
    """Make a network of busy neurons and sources, without synapses."""
    net = sl.Network(dt=0.1, seed=seed, threads=threads, dtype=dtype)
    cells = net.population(70, sl.LIF(t_ref=1.0, I_e=200.0))
    sources = net.population(40, sl.PoissonSource(np.linspace(10.0, 150.0, 40)))
    net.inject(cells, sl.PoissonInput(rate=3000.0, weight=60.0))
    return net, cells, sources


def connect(net: Any, rule: Any, *, seed: int = 2) -> list[Any]:
    """Add a projection in each layout: all pairs with one delay, some with one, some with many."""
    cells, sources = net.populations[:2]
    weight = sl.Uniform(-38.0, -2.0) if isinstance(rule, sl.InhibitorySTDP) else sl.Uniform(2.0, 38)
    rng = np.random.default_rng(seed)
    steps = rng.integers(1, 40, 402)
    pairs = rng.integers(0, 40, 400), rng.integers(0, 70, 400)
    return [
        net.connect(pre, cells, rule_, weight=weight, delay=delay, plasticity=rule)
        for pre, rule_, delay in (
            (sources[:16], sl.AllToAll(), steps[0] * 0.1),
            (cells, sl.FixedProbability(0.1), steps[1] * 0.1),
            (sources, pairs, steps[2:] * 0.1),
        )
    ]


def reward(net: Any) -> None:
    """Set and schedule rewards, at time 0."""
    for p in net.projections:
        if isinstance(p.plasticity, sl.RewardSTDP):
            p.reward = 0.5
            p.schedule_reward([4.9, 20.0, 35.3], [-0.5, 0.8, 0.3])


def run(threads: int, rule: Any, dtype: str, *, seed: int = 8) -> Iterator[Any]:
    """Run a network whose spikes depend on the rule's weights in all layouts."""
    net, cells, _ = build(threads, dtype, seed=seed)
    projections = connect(net, rule)
    reward(net)
    spikes = net.record(cells, "spikes")
    v = net.record(cells[::7], "V_m", every=0.5)
    samples = [net.record(p, "weights", every=7.5) for p in projections]
    before = [p.weights for p in projections]
    net.run(40.0)
    yield from (active(spikes.times, 100), spikes.ids, v.values)
    yield from (recorder.values for recorder in samples)
    for p, w in zip(projections, before, strict=True):
        learned = not isinstance(rule, sl.TsodyksMarkram)
        yield active(p.weights != w) if learned else p.weights
        yield from (p.weights, p.delays, p.pre_ids, p.post_ids)
        if isinstance(rule, sl.RewardSTDP):
            yield p.reward


def some_rules() -> list[Any]:
    """Return one rule of each kind of store and kernel."""
    additive = sl.STDP(A_plus=1.0, A_minus=1.2, **BOUNDS)
    return [
        additive,
        dataclasses.replace(additive, dependence="multiplicative", axonal_fraction=0.4),
        dataclasses.replace(additive, pairing="nearest_restricted", coincidence="ignore"),
        dataclasses.replace(additive, pairing="nearest_pre_centered"),
        sl.TripletSTDP(A_plus=0.5, A_minus=0.6, A_plus_triplet=0.3, A_minus_triplet=0.2, **BOUNDS),
        sl.DiehlCookSTDP(eta_pre=0.5, eta_post=2.0, **BOUNDS),
        sl.InhibitorySTDP(eta=1.0, alpha=1.5, w_max=40.0),
        sl.RewardSTDP(A_plus=0.06, A_minus=0.05, tau_c=100.0, tau_n=20.0, b=0.1, **BOUNDS),
        sl.TsodyksMarkram(U=0.4, tau_rec=60.0, tau_fac=30.0, tau_psc=3.0),
    ]


def _all(threads: int, dtype: str) -> tuple[Any, Any, Any]:
    net, cells, _ = build(threads, dtype)
    for k, rule in enumerate(some_rules()):
        connect(net, rule, seed=k)
    reward(net)
    return net, net.record(cells, "spikes"), net.record(net.projections[0], "weights", every=9.0)


def _weights(net: Any) -> list[Any]:
    return [p.weights for p in net.projections]


def _regulation(threads: int, dtype: str) -> Iterator[Any]:
    net, spikes, samples = _all(threads, dtype)
    for k, p in enumerate(net.projections[:-3]):  # Tsodyks-Markram weights stay
        how = (
            sl.WeightNormalization(total=60.0, every=5.0),
            sl.SynapticScaling(rate=20.0, strength=0.3, every=7.5),
        )[k % 2]
        net.regulate(p, how)
    net.run(20.0)
    for p in net.projections[:3]:
        p.normalize(75.0)
    for p in net.projections[:6]:
        p.plasticity = dataclasses.replace(p.plasticity, A_plus=0.3, A_minus=2.0)
    net.projections[0].weights = np.clip(net.projections[0].weights + 1, 1, 40)
    net.run(20.0)
    yield from (active(spikes.times, 100), spikes.ids, active(samples.values), *_weights(net))


def _cuts(threads: int, dtype: str) -> Iterator[Any]:
    """Run in one piece, in pieces with reads between, and through a checkpoint: all the same bits."""
    net, spikes, samples = _all(threads, dtype)
    net.run(30.0)
    whole = [spikes.times, spikes.ids, samples.values, *_weights(net)]
    yield active(whole[0], 100)
    yield from whole

    net, spikes, samples = _all(threads, dtype)
    for piece in (0.1, 0.2, 8.7, 1.0, 15.0, 5.0):
        net.run(piece)
        _ = (_weights(net), spikes.times, samples.values)
    _same("in pieces", whole, [spikes.times, spikes.ids, samples.values, *_weights(net)])

    net = _all(threads, dtype)[0]
    net.run(17.3)
    with tempfile.TemporaryDirectory() as folder:
        net.save(Path(folder) / "middle.npz", recorders=True)
        loaded = sl.Network.load(Path(folder) / "middle.npz", threads=threads)
    loaded.run(12.7)
    spikes, samples = loaded.recorders
    again = [spikes.times, spikes.ids, samples.values, *_weights(loaded)]
    _same("through a checkpoint", whole, again)


def _same(how: str, expected: list[Any], found: list[Any]) -> None:
    if not all(np.array_equal(a, b) for a, b in zip(expected, found, strict=True)):
        raise ValueError(f"a run {how} differs from one in one piece")


def _resets(threads: int, dtype: str) -> Iterator[Any]:
    net, spikes, _ = _all(threads, dtype)
    net.run(15.0)
    yield active(spikes.times, 50)
    for options in ({}, {"keep_weights": True}, {"at": 50.0, "keep_weights": True}):
        net.reset(**options)
        net.run(15.0)
        yield from (spikes.times, spikes.ids, net.t, *_weights(net))


def _epochs(threads: int, dtype: str) -> Iterator[Any]:
    """Run past several rescalings of shared traces, with short time constants."""
    net, cells, _ = build(threads, dtype)
    short = {"tau_plus": 0.7, "tau_minus": 1.1}
    rule = sl.STDP(A_plus=1.0, A_minus=1.2, **BOUNDS, **short)
    for made in (rule, dataclasses.replace(rule, pairing="nearest_symmetric")):
        connect(net, made)
    spikes = net.record(cells, "spikes")
    net.run(450.0)
    yield from (active(spikes.times, 100), spikes.ids, *_weights(net))


def _wide(threads: int, dtype: str) -> Iterator[Any]:
    """Learn in dense blocks and rows wider than a block of targets."""
    net = sl.Network(dt=0.5, seed=9, threads=threads, dtype=dtype)
    cells = net.population(650, sl.LIF(t_ref=1.0, I_e=300.0))
    sources = net.population(90, sl.PoissonSource(60.0))
    net.inject(cells, sl.PoissonInput(rate=3000.0, weight=60.0))
    for pairing in ("all_to_all", "nearest_symmetric", "nearest_restricted"):
        for rule in (sl.AllToAll(), sl.FixedIndegree(30)):
            stdp = sl.STDP(A_plus=0.2, A_minus=0.25, w_max=4.0, pairing=pairing)
            net.connect(sources, cells, rule, weight=sl.Uniform(0, 4), delay=1.0, plasticity=stdp)
    spikes = net.record(cells, "spikes")
    net.run(60.0)
    yield from (active(spikes.times, 100), spikes.ids, *_weights(net))


def _signs(threads: int, dtype: str) -> Iterator[Any]:
    """Learn weights that change their sign, and so the receptor; and weights of a given receptor."""
    net, cells, sources = build(threads, dtype)
    rule = sl.STDP(A_plus=3.0, A_minus=3.6, w_min=-20.0, w_max=40.0)
    for options in ({}, {"receptor": "inhibitory"}, {"receptor": "excitatory"}):
        for made, delay in ((sl.AllToAll(), 1.5), (sl.FixedProbability(0.2), sl.Uniform(0.2, 4.0))):
            net.connect(
                sources, cells, made, weight=sl.Uniform(-10.0, 20.0), delay=delay, plasticity=rule,
                **options,
            )  # fmt: skip
    spikes = net.record(cells, "spikes")
    net.run(40.0)
    yield from (active(spikes.times, 100), spikes.ids, *_weights(net))


def _models(threads: int, dtype: str) -> Iterator[Any]:
    for kind, drive, w_max in ((sl.LIFDelta, 1.2, 3.0), (sl.LIFCond, 3.0, 10.0)):
        net = sl.Network(seed=10, threads=threads, dtype=dtype)
        cells = net.population(70, kind(t_ref=1.0))
        sources = net.population(40, sl.PoissonSource(80.0))
        net.inject(cells, sl.PoissonInput(rate=4000.0, weight=drive))
        rule = sl.STDP(A_plus=0.1 * w_max, A_minus=0.1 * w_max, w_max=w_max)
        for made, delay in ((sl.AllToAll(), 1.5), (sl.FixedProbability(0.2), sl.Uniform(0.2, 4.0))):
            net.connect(
                sources, cells, made, weight=sl.Uniform(0, w_max), delay=delay, plasticity=rule
            )
        spikes = net.record(cells, "spikes")
        net.run(30.0)
        yield from (active(spikes.times), spikes.ids, *_weights(net))
