"""Every rule of plasticity: the same bits however it is run, read, stored and reset."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import at_each_level, make, to_steps
from tests.support.plasticity_bench import (
    COINCIDENCES,
    DEPENDENCES,
    PAIRINGS,
    STEPS,
    Bench,
    draw,
    emit,
    force,
)
from tests.support.plasticity_reference import simulate
from tests.support.plasticity_zoo import LAYOUTS, Zoo, build, digest, rules, text_rules

import spikelet as sl

DTYPES = ("float32", "float64")


def assert_equal(a: list[Any], b: list[Any]) -> None:
    """Compare all there is of two networks, bit by bit."""
    assert len(a) == len(b)
    for k, (x, y) in enumerate(zip(a, b, strict=True)):
        np.testing.assert_array_equal(y, x, err_msg=f"number {k}")


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_zoo_is_lively(layout: str) -> None:
    zoo = build(layout)
    start = zoo.look()
    zoo.net.run(60.0)
    end = zoo.look()
    assert len(zoo.net.projections) == len(rules()) >= 26
    for p, a, b in zip(zoo.net.projections, start, end, strict=False):
        moved = np.mean(a != b)
        assert (moved == 0.0) if isinstance(p.plasticity, sl.TsodyksMarkram) else (moved > 0.3), p
    assert len({float(x) for x in end[len(rules()) :]} - {0.0}) == 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_threads_do_not_matter(layout: str, dtype: str) -> None:
    base = digest(build(layout, dtype=dtype))
    for threads in (1, 2, 3, 7):
        assert digest(build(layout, dtype=dtype, threads=threads)) == base, threads


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_splitting_a_run_and_reading_change_nothing(layout: str, dtype: str) -> None:
    base = digest(build(layout, dtype=dtype))
    rng = np.random.default_rng(1)
    for count in (1, 5, 60):
        cuts = np.unique([0, 600, *rng.integers(0, 600, count), *([49, 100, 200] * (count > 1))])
        pieces = (np.diff(cuts) * 0.1).tolist()
        for threads in (1, 3):
            zoo = build(layout, dtype=dtype, threads=threads)
            assert digest(zoo, pieces, look=True) == base, (count, threads)


def test_simd_levels_do_not_matter() -> None:
    found = at_each_level(
        "from tests.support.plasticity_zoo import LAYOUTS, build, digest\n"
        "for layout in LAYOUTS:\n"
        "    for dtype in ('float32', 'float64'):\n"
        "        print(layout, dtype, digest(build(layout, dtype=dtype, threads=2)))\n"
    )
    assert len(found.splitlines()) == 6
    assert digest(build("dense")) in found


def go_on(net: sl.Network) -> list[Any]:
    """Record, run, and return all there is."""
    cells = net.populations[0]
    zoo = Zoo(net, net.record(cells, "spikes"), net.record(cells, "V_m", every=1.0))
    net.run(40.0)
    assert len(zoo.spikes.times) > 100
    return zoo.result()


@pytest.mark.parametrize("at", [0.0, 0.1, 4.9, 20.0, 27.7])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_loaded_network_continues_alike(
    layout: str, dtype: str, at: float, tmp_path: Path
) -> None:
    """Spikes are in flight, rewards are ahead."""
    zoo = build(layout, dtype=dtype)
    zoo.net.run(at)
    zoo.net.save(tmp_path / "net")
    loaded = sl.Network.load(tmp_path / "net", threads=2)
    before = zoo.look()
    assert_equal(before, Zoo(loaded, None, None).look())
    for p, q in zip(zoo.net.projections, loaded.projections, strict=True):
        assert q.plasticity == p.plasticity
    assert_equal(go_on(zoo.net), go_on(loaded))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reset_goes_back_to_the_start(layout: str) -> None:
    zoo = build(layout)
    start = [p.weights for p in zoo.net.projections]
    zoo.net.run(51.7)
    first = zoo.result()
    zoo.net.reset()
    assert_equal(start, [p.weights for p in zoo.net.projections])
    zoo.conduct()
    zoo.net.run(51.7)
    assert_equal(first, zoo.result())


_AT_TIME_0: dict[str, Callable[[sl.Network, Any, float], Any]] = {
    "reset": lambda net, _p, _w: net.reset(),
    "run, reset": lambda net, _p, _w: (net.run(5.0), net.reset()),
    "run, reset with weights": lambda net, _p, _w: (net.run(5.0), net.reset(keep_weights=True)),
    "weights": lambda net, p, w: (net.prepare(), setattr(p, "weights", w)),
    "run(0), weights": lambda net, p, w: (net.run(0.0), setattr(p, "weights", w)),
    "normalize": lambda net, p, w: (net.prepare(), p.normalize(w * len(p) / 3)),
    "plasticity": lambda net, p, _w: (net.prepare(), setattr(p, "plasticity", p.plasticity)),
}


@pytest.mark.parametrize("dense", [True, False])
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("change", _AT_TIME_0)
@pytest.mark.parametrize("delay", [1.0, "mixed"])
@pytest.mark.parametrize(
    "rule",
    [sl.STDP(w_max=100.0), sl.STDP(w_max=100.0, axonal_fraction=1.0), sl.STDP(w_max=100.0, dependence="multiplicative"),
     sl.STDP(w_max=100.0, pairing="nearest_restricted"), sl.TripletSTDP(w_max=100.0), sl.InhibitorySTDP(w_max=100.0),
     sl.DiehlCookSTDP(w_max=100.0), sl.RewardSTDP(w_max=100.0)],
    ids=lambda rule: f"{type(rule).__name__}",
)  # fmt: skip
def test_spikes_at_time_0_survive_changes_at_time_0(
    rule: Any, delay: Any, change: str, dtype: str, *, dense: bool
) -> None:
    """They enter when the first step runs: a store that was brought up to time 0 dropped them."""

    def run(make: Callable[[sl.Network, Any, float], Any] | None) -> list[Any]:
        net = sl.Network(dt=0.1, dtype=dtype, threads=1)  # type: ignore[arg-type]
        pre = net.population(3, sl.SpikeSource([0.0, 0.0, 3.0], [0, 2, 0]))
        post = net.population(3, sl.LIF())
        pairs = sl.AllToAll() if dense else ([0, 1, 2], [0, 1, 2])
        n = 9 if dense else 3
        delays = np.linspace(0.5, 1.5, n) if delay == "mixed" else delay
        p = net.connect(pre, post, pairs, weight=50.0, delay=delays, plasticity=rule)
        current = net.record(post, "I_syn_ex")
        if make is not None:
            make(net, p, 50.0)
        net.run(6.0)
        return [current.values, p.weights, *(v for _, v in sorted(p.traces.items()))]

    expected = run(None)
    assert expected[0].max() > 40.0
    if change != "run, reset with weights":  # the run changed them
        assert_equal(expected, run(_AT_TIME_0[change]))
    else:
        assert run(_AT_TIME_0[change])[0].max() > 40.0


@pytest.mark.parametrize("layout", LAYOUTS)
def test_reset_keeps_weights_as_they_are_now(layout: str) -> None:
    zoo = build(layout)
    zoo.net.run(31.7)
    now = [p.weights for p in zoo.net.projections]
    zoo.net.reset(keep_weights=True)
    assert_equal(now, [p.weights for p in zoo.net.projections])
    zoo.conduct()
    other = build(layout)
    for p, weights in zip(other.net.projections, now, strict=True):
        p.weights = weights
    for z in (zoo, other):
        z.net.run(20.0)
    assert_equal(other.result(), zoo.result())


class Actor:
    """Acts on a zoo at random; `looks` are what must not matter."""

    def __init__(self, seed: int, layout: str, threads: int) -> None:
        self.rng = np.random.default_rng(seed)
        self.net = build(layout, dtype=DTYPES[seed % 2], threads=threads).net
        self.free = list(range(2, 16))  # of the pair rules, those that nothing regulates

    def pick(self, *kinds: Any) -> Any:
        """Pick a projection whose rule is of some kind."""
        fit = [p for p in self.net.projections if isinstance(p.plasticity, kinds)]
        return fit[self.rng.integers(0, len(fit))]

    def run(self, pieces: int) -> None:
        steps = int(self.rng.integers(0, 150))
        for piece in np.diff([0, *np.linspace(0, steps, pieces + 1).astype(int)]):
            self.net.run(piece * 0.1)

    def write(self, _: int) -> None:
        p = self.pick(object)
        p.weights = p.weights * 0.9 + np.sign(p.weights)

    def normalize(self, _: int) -> None:
        self.pick(sl.STDP, sl.TripletSTDP, sl.DiehlCookSTDP).normalize(self.rng.uniform(20, 200))

    def reward(self, _: int) -> None:
        p = self.pick(sl.RewardSTDP)
        p.reward = self.rng.normal()
        later = self.net.t + 0.1 * self.rng.choice(np.arange(1, 400), 5, replace=False)
        p.schedule_reward(np.round(np.sort(later), 1), self.rng.normal(0.0, 1.0, 5))

    def regulate(self, _: int) -> None:
        if self.free:
            p = self.net.projections[self.free.pop(self.rng.integers(0, len(self.free)))]
            every = round(0.1 * int(self.rng.integers(20, 300)), 1)
            self.net.regulate(p, sl.WeightNormalization(total=70.0, every=every))

    def reset(self, _: int) -> None:
        if self.rng.random() < 0.4:
            self.net.reset(keep_weights=bool(self.rng.random() < 0.5))

    def look(self, rng: np.random.Generator, path: Path) -> None:
        """Read, record, save, or go on with a loaded copy."""
        kind = rng.integers(0, 4)
        if kind == 0:
            _ = Zoo(self.net, None, None).look(), [repr(p) for p in self.net.projections]
        elif kind == 1:
            for p in self.net.projections[:: int(rng.integers(1, 9))]:
                self.net.record(p, "weights", every=0.9)
        else:
            self.net.save(path)
            if kind == 3:
                self.net = sl.Network.load(path, threads=int(rng.integers(1, 4)))


@pytest.mark.filterwarnings("ignore:.*more than the bounds of the weights allow")
@pytest.mark.parametrize("seed", range(int(os.environ.get("SPIKELET_FUZZ", "12"))))
def test_reading_and_saving_change_no_bit(seed: int, tmp_path: Path) -> None:
    layout = LAYOUTS[seed % 3]
    plain, other = Actor(seed, layout, 1), Actor(seed, layout, 1 + seed % 4)
    rng, looks = np.random.default_rng([seed, 1]), np.random.default_rng([seed, 2])
    actions = ["run", "run", "run", "write", "normalize", "reward", "regulate", "reset"]
    for name in rng.choice(actions, int(rng.integers(5, 20))):
        getattr(plain, name)(1)
        getattr(other, name)(int(looks.integers(1, 6)))
        if looks.random() < 0.6:
            other.look(looks, tmp_path / "net.npz")
    assert_equal(go_on(plain.net), go_on(other.net))


# One projection


NAMES = [
    *[(name, {"pairing": pairing}) for name in DEPENDENCES for pairing in PAIRINGS],
    *[(name, {}) for name in ("triplet", "inhibitory", "diehl_cook")],
]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "options"), NAMES)
def test_float32_is_close(name: str, options: dict[str, str], layout: str) -> None:
    rng = np.random.default_rng(31)
    for coincidence in COINCIDENCES:
        rule, weight = draw(rng, name, coincidence=coincidence, axonal_fraction=0.4, **options)
        bench = Bench(make(dtype="float32"), rng, layout, rule, weight)
        histories = bench.simulate()
        bench.net.run(STEPS * 0.1)
        assert bench.p.weights.dtype == np.float32
        expected = [h.at(STEPS) for h in histories]
        np.testing.assert_allclose(bench.p.weights, expected, rtol=1e-4, atol=1e-4)
        assert np.abs(bench.p.weights - bench.start).max() > 0.1 * np.abs(bench.start).max()


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "options"), NAMES)
def test_writing_what_was_read_changes_nothing(
    name: str, options: dict[str, str], layout: str
) -> None:
    rng = np.random.default_rng(32)
    for coincidence in COINCIDENCES:
        rule, weight = draw(rng, name, coincidence=coincidence, axonal_fraction=0.4, **options)
        bench = Bench(make(), rng, layout, rule, weight)
        histories = bench.simulate()
        for _ in range(10):
            bench.net.run(STEPS * 0.01)
            bench.p.weights = bench.p.weights
        expected = [h.at(STEPS) for h in histories]
        np.testing.assert_allclose(bench.p.weights, expected, rtol=1e-10)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(("name", "options"), NAMES)
def test_a_written_weight_is_changed_from_there(
    name: str, options: dict[str, str], layout: str
) -> None:
    """The spikes before keep acting on what comes; the reference starts over with them and one weight."""
    rng = np.random.default_rng(33)
    rule, (low, _) = draw(rng, name, coincidence="potentiate", **options)
    bench = Bench(make(), rng, layout, rule, (low, low + 0.3))
    cut, value = 90, low + 0.35
    bench.net.run(cut * 0.1)
    bench.p.weights = value
    np.testing.assert_array_equal(bench.p.weights, np.full(len(bench), value))
    bench.net.run((STEPS - cut) * 0.1)
    expected = [
        simulate(rule, value, bench.pres[i], bench.posts[j], int(d), since=cut).at(STEPS)
        for i, j, d in zip(bench.pre, bench.post, bench.delay, strict=True)
    ]
    np.testing.assert_allclose(bench.p.weights, expected, rtol=1e-12)


@pytest.mark.parametrize("longest", [9, 1500])
@pytest.mark.parametrize(("name", "options"), NAMES)
def test_long_silence_of_a_source_loses_no_pair(
    name: str, options: dict[str, str], longest: int
) -> None:
    """The targets spike so often meanwhile that their history has to be cut."""
    steps, rng = 6000, np.random.default_rng(34)
    pres = [np.array(s) for s in ([3, 5990], [5995], [40, 41, 3100], [2900], [10, 5000])]
    posts = [np.arange(2 + k, steps, 9 + k) for k in range(3)] + [np.array([9, 5000])]
    rule, (low, _) = draw(rng, name, axonal_fraction=0.4, **options)
    for delay in (longest, rng.integers(1, longest + 1, 20)):
        net = make()
        p = net.connect(
            emit(net, pres), force(net, posts, steps), sl.AllToAll(), weight=low + 0.3,
            delay=np.multiply(delay, 0.1), plasticity=rule,
        )  # fmt: skip
        histories = [
            simulate(rule, low + 0.3, pres[i], posts[j], int(d))
            for i, j, d in zip(p.pre_ids, p.post_ids, to_steps(p.delays), strict=True)
        ]
        for now in (4000, 5997, steps):
            net.run(now * 0.1 - net.t)
            np.testing.assert_allclose(p.weights, [h.at(now) for h in histories], rtol=1e-9)
        assert np.ptp(p.weights) > 1e-3


def test_a_silent_projection_does_not_change() -> None:
    net = make()
    pre, post = net.population(5, sl.PoissonSource(0.0)), net.population(7, sl.LIF(I_e=900.0))
    made = [
        net.connect(pre, post, sl.AllToAll(), weight=20.0, plasticity=rule)
        for rule in rules()
        if rule not in text_rules()[1:]  # which learn from spikes of targets alone
    ]
    net.run(50.0)
    for p in made:
        np.testing.assert_array_equal(p.weights, np.full(35, 20.0))
