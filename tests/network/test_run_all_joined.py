"""Small networks of an ensemble, which `run_all` may run as one: nothing of that shows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import train

import spikelet as sl

Drawn = tuple[sl.Network, list[sl.Population], list[Any], list[Any]]


def drawn(kind: int, seed: int) -> Drawn:
    """Return a network with random contents: `kind` draws what is alike in an ensemble, `seed` what is not."""
    alike, own = np.random.default_rng(kind), np.random.default_rng([kind, seed])
    net = sl.Network(dt=0.1, seed=seed, threads=1, dtype=("float32", "float64")[kind % 2])
    populations: list[sl.Population] = []
    for k in range(int(alike.integers(1, 4))):
        model = (sl.LIF, sl.IF, sl.LIFOneCurrent, sl.LIFAlpha, sl.LIFCond, sl.LIFDelta)[
            alike.integers(6)
        ]
        n = int(own.integers(1, 150)) if alike.random() < 0.5 else 70 + k
        parameters: dict[str, Any] = {}
        if alike.random() < 0.5:
            parameters["V_th"] = own.uniform(-56.0, -54.0, n)
        elif alike.random() < 0.5:
            parameters["t_ref"] = float(own.integers(1, 30)) / 10
        if alike.random() < 0.3:
            parameters |= {"theta_plus": 0.5, "tau_theta": 40.0}
        if alike.random() < 0.3:
            parameters["E_L"] = -64.0 - own.random()
            parameters["V_reset"] = parameters["E_L"]
        populations.append(net.population(n, model(**parameters), name=f"P{k}"))
    sources: list[Any] = []
    if alike.random() < 0.7:
        rates = own.uniform(0.0, 50.0, 30) if alike.random() < 0.5 else 20.0
        sources.append(net.population(30, sl.PoissonSource(rate=rates), name="noise"))
    if alike.random() < 0.7:
        times, senders = np.sort(own.integers(0, 900, 200)) / 10, own.integers(0, 10, 200)
        sources.append(net.population(10, sl.SpikeSource(times, senders), name="given"))
    projections: list[Any] = []
    for _ in range(int(alike.integers(1, 5))):
        pre = (populations + sources)[alike.integers(len(populations) + len(sources))]
        post = populations[alike.integers(len(populations))]
        rule: Any = (sl.FixedProbability(0.05), sl.FixedOutdegree(10), sl.FixedIndegree(5))[
            alike.integers(3)
        ]
        strength = 0.1 if type(post.model) is sl.LIFDelta else 2.0 if type(post.model) is sl.LIFCond else 40.0  # fmt: skip
        weight: Any = sl.Normal(strength, strength / 10) if alike.random() < 0.5 else strength * own.uniform(0.5, 1.0)  # fmt: skip
        delay: Any = sl.Uniform(0.1, 2.0) if alike.random() < 0.5 else float(alike.integers(1, 20)) / 10  # fmt: skip
        projections.append(net.connect(pre, post, rule, weight=weight, delay=delay))
    for population in populations:
        small = type(population.model) in (sl.LIFDelta, sl.LIFCond)
        weight = 0.4 if small else 60.0
        for what in alike.permutation(5)[: alike.integers(1, 4)]:
            target: Any = population if alike.random() < 0.6 else population[: max(len(population) // 2, 1)]  # fmt: skip
            kinds: list[Any] = [
                lambda w: sl.PoissonInput(rate=8000.0 * own.uniform(0.9, 1.1), weight=w),
                lambda w, t=target: sl.PoissonInput(rate=own.uniform(0, 9e3, len(t)), weight=w),
                lambda _: sl.NoiseInput(mean=own.uniform(100, 300), std=100.0, every=0.5),
                lambda _: sl.StepCurrent([5.0, 30.0, 50.0], own.uniform(0, 500, 3)),
                lambda _: sl.CurrentInput(own.uniform(0, 500, 300)),
            ]
            net.inject(target, kinds[what](weight))
    recorders: list[Any] = []
    for population in populations:
        recorders.append(net.record(population, "spikes"))
        if alike.random() < 0.5:
            recorders.append(net.record(population[::3], "spikes", start=12.0, stop=60.0))
        if alike.random() < 0.5:
            when: Any = "before_reset" if alike.random() < 0.3 else "after_reset"
            recorders.append(net.record(population[: 1 + seed % 3], "V_m", every=0.7, when=when))
    recorders += [net.record(each, "spikes") for each in sources]
    return net, populations, projections, recorders


def same(found: Drawn, expected: Drawn) -> Iterator[bool]:
    """Yield whether two networks are in the same state and have recorded the same."""
    yield found[0].t == expected[0].t
    for a, b in zip(found[3], expected[3], strict=True):
        if isinstance(a, sl.SpikeRecorder):
            yield train(a) == train(b)
        else:
            yield np.array_equal(a.times, b.times) and np.array_equal(a.values, b.values)
    for p, q in zip(found[1], expected[1], strict=True):
        yield np.array_equal(p.V_m[:], q.V_m[:])


@pytest.mark.parametrize("kind", range(24))
def test_an_ensemble_has_the_results_of_its_networks(kind: int) -> None:
    found = [drawn(kind, seed) for seed in range(10)]
    expected = [drawn(kind, seed) for seed in range(10)]
    nets = [net for net, *_ in found]
    joined = False
    for duration in (120.0, 0.5, 41.3, 3.0, 20.0):  # joined, by itself, joined, and on
        sl.run_all(nets, duration, threads=1)
        for net, *_ in expected:
            net.run(duration)
        assert all(all(same(a, b)) for a, b in zip(found, expected, strict=True))
        joined |= all(net.engine.sim.layouts == 0 for net in nets)
    assert joined
    assert sum(len(r) for *_, rs in found for r in rs if isinstance(r, sl.SpikeRecorder)) > 100
    found[3][0].run(3.0)  # spikes that are on their way arrive
    expected[3][0].run(3.0)
    assert all(same(found[3], expected[3]))
    for (net, _, projections, _), (twin, _, twins, _) in zip(found, expected, strict=True):
        for p, q in zip(projections, twins, strict=True):
            np.testing.assert_array_equal(p.weights, q.weights)
        net.reset()
        twin.reset()
    sl.run_all(nets, 50.0, threads=2)
    for net, *_ in expected:
        net.run(50.0)
    assert all(all(same(a, b)) for a, b in zip(found, expected, strict=True))


def test_networks_that_differ_run_side_by_side() -> None:
    """Only some can be joined: others differ in kind, clock, precision, or learn."""

    def make() -> list[Drawn]:
        all_ = [drawn(kind, seed) for seed in range(8) for kind in (3, 8, 3)]
        all_[4][0].run(1.0)
        net, populations, *_ = all_[9]
        net.connect(populations[0], populations[0], sl.FixedOutdegree(3), weight=0.5, delay=1.0, plasticity=sl.STDP())  # fmt: skip
        return all_

    found, expected = make(), make()
    sl.run_all([net for net, *_ in found], 60.0, threads=1)
    for net, *_ in expected:
        net.run(60.0)
    assert all(all(same(a, b)) for a, b in zip(found, expected, strict=True))


def test_parameters_weights_and_inputs_change_between_runs(tmp_path: Path) -> None:
    def make() -> list[Drawn]:
        return [drawn(5, seed) for seed in range(8)]

    def change(all_: list[Drawn]) -> None:
        for k, (net, populations, projections, _) in enumerate(all_):
            populations[0].V_th = -54.0 - 0.1 * k
            populations[0].V_m = np.linspace(-65.0, -60.0, len(populations[0]))
            projections[0].weights = 0.5 * projections[0].weights
            net.inject(populations[0], sl.PoissonInput(rate=3000.0, weight=0.1))

    found, expected = make(), make()
    for _ in range(3):
        sl.run_all([net for net, *_ in found], 45.0, threads=1)
        for net, *_ in expected:
            net.run(45.0)
        change(found)
        change(expected)
    assert all(all(same(a, b)) for a, b in zip(found, expected, strict=True))
    for k, (net, *_) in enumerate(found):
        net.save(tmp_path / f"{k}.npz")
    copies = [sl.Network.load(tmp_path / f"{k}.npz") for k in range(len(found))]
    sl.run_all(copies, 45.0, threads=1)
    for (net, populations, *_), copy in zip(expected, copies, strict=True):
        net.run(45.0)
        twins = {p.name: p for p in copy.populations}
        for p in populations:
            np.testing.assert_array_equal(p.V_m[:], twins[p.name].V_m[:])


def test_a_run_of_no_steps() -> None:
    """Spikes at time 0 come with the first step, not before."""
    nets, recorders = [], []
    for seed in range(8):
        net = sl.Network(dt=0.1, seed=seed, threads=1)
        spikes = net.population(5, sl.SpikeSource([0.0, 1.0], [0, 1]))
        recorders.append(net.record(spikes, "spikes"))
        sl.run_all([net], 60.0, threads=1)
        net.reset()
        nets.append(net)
    sl.run_all(nets, 0.0, threads=1)
    assert not any(len(recorder) for recorder in recorders)
    sl.run_all(nets, 60.0, threads=1)
    assert all(train(recorder) == [(0, 0), (10, 1)] for recorder in recorders)


def test_projections_of_different_ages_after_a_reset() -> None:
    def make(seed: int) -> tuple[sl.Network, sl.Population]:
        net = sl.Network(dt=0.1, seed=seed, threads=1)
        a, b, c = (net.population(60, sl.LIF()) for _ in range(3))
        net.inject(a, sl.PoissonInput(rate=9000.0, weight=60.0))
        net.inject(b, sl.PoissonInput(rate=9000.0, weight=60.0))
        net.connect(b, c, sl.AllToAll(), weight=sl.Normal(-20.0, 7.0))
        net.run(1.0)
        net.connect(a, c, sl.AllToAll(), weight=sl.Normal(-20.0, 7.0))
        net.run(1.0)
        net.reset()
        return net, c

    found, expected = [make(seed) for seed in range(8)], [make(seed) for seed in range(8)]
    sl.run_all([net for net, _ in found], 60.0, threads=1)
    for (_, c), (net, twin) in zip(found, expected, strict=True):
        net.run(60.0)
        np.testing.assert_array_equal(c.V_m[:], twin.V_m[:])
