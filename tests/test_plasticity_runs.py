"""Every rule of plasticity: the same bits however it is run, read, stored and reset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl

from .conftest import make, spawn
from .plasticity_reference import simulate
from .plasticity_zoo import LAYOUTS, Zoo, build, digest, rules
from .test_plasticity_rules import COINCIDENCES, DEPENDENCES, PAIRINGS, STEPS, Bench, draw

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
    assert len(zoo.net.projections) == len(rules()) == 26
    for p, a, b in zip(zoo.net.projections, start, end, strict=False):
        moved = np.mean(a != b)
        assert (moved == 0.0) if isinstance(p.plasticity, sl.TsodyksMarkram) else (moved > 0.3), p
    assert len({float(x) for x in end[26:]} - {0.0}) == 2


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_threads_do_not_matter(layout: str, dtype: str) -> None:
    base = digest(build(layout, dtype=dtype))
    for threads in (1, 2, 3, 7):
        assert digest(build(layout, dtype=dtype, threads=threads)) == base, threads


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_cuts_and_readings_do_not_matter(layout: str, dtype: str) -> None:
    base = digest(build(layout, dtype=dtype))
    rng = np.random.default_rng(1)
    for count in (1, 5, 60):
        cuts = np.unique([0, 600, *rng.integers(0, 600, count), *([49, 100, 200] * (count > 1))])
        pieces = (np.diff(cuts) * 0.1).tolist()
        for threads in (1, 3):
            zoo = build(layout, dtype=dtype, threads=threads)
            assert digest(zoo, pieces, look=True) == base, (count, threads)


def test_simd_levels_do_not_matter() -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})\n"
        "import spikelet as sl\nfrom plasticity_zoo import LAYOUTS, build, digest\n"
        "print(sl.simd_level())\n"
        "for layout in LAYOUTS:\n"
        "    for dtype in ('float32', 'float64'):\n"
        "        print(layout, dtype, digest(build(layout, dtype=dtype, threads=2)))\n"
    )
    levels = sl.available_simd_levels()
    printed = {level: spawn(code, SPIKELET_SIMD=level).split("\n", 1) for level in levels}
    for level, (name, digests) in printed.items():
        assert name == level
        assert digests == printed["baseline"][1]
    assert len(printed["baseline"][1].splitlines()) == 6
    assert digest(build("dense")) in printed["baseline"][1]


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
def test_a_loaded_network_goes_on_alike(layout: str, dtype: str, at: float, tmp_path: Path) -> None:
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


def test_a_silent_projection_stays_as_it_is() -> None:
    net = make()
    pre, post = net.population(5, sl.PoissonSource(0.0)), net.population(7, sl.LIF(I_e=900.0))
    made = [net.connect(pre, post, sl.AllToAll(), weight=20.0, plasticity=r) for r in rules()]
    net.run(50.0)
    for p in made:
        np.testing.assert_array_equal(p.weights, np.full(35, 20.0))
