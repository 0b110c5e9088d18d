"""Connection by distance."""

from __future__ import annotations

import resource
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import make, spawn

import spikelet as sl
from spikelet.network.distance import limits

RNG = np.random.default_rng(5)
PLACES = RNG.uniform(-0.5, 0.5, (300, 2))


def layer(
    periodic: Any = False, *, seed: int = 3, threads: int = 1, n: int = 300
) -> tuple[sl.Network, sl.Population]:
    net = make(seed=seed, threads=threads)
    return net, net.population(
        n, sl.LIF(), name="L", positions=sl.Positions(PLACES[:n], 1.0, periodic)
    )


def distances(p: sl.Projection, periodic: bool) -> Any:
    step = PLACES[p.post_ids] - PLACES[p.pre_ids]
    if periodic:
        step -= np.rint(step)
    return np.hypot(*step.T)


def pairs(p: Any) -> list[tuple[int, int]]:
    return list(zip(p.pre_ids.tolist(), p.post_ids.tolist(), strict=True))


@pytest.mark.parametrize("periodic", [False, True])
def test_the_share_of_connected_pairs_follows_the_profile(periodic: bool) -> None:
    net, cells = layer(periodic)
    found = np.zeros(10)
    edges = np.linspace(0.0, 0.5, 11)
    for _ in range(20):
        p = net.connect(cells, cells, sl.DistanceDependent("exponential", scale=0.2, factor=0.8))
        found += np.histogram(distances(p, periodic), edges)[0]
    step = PLACES[:, None] - PLACES
    if periodic:
        step -= np.rint(step)
    every = np.hypot(step[..., 0], step[..., 1]).ravel()
    inside = every[every < 0.5]
    expected = np.histogram(inside, edges, weights=20 * 0.8 * np.exp(-inside / 0.2))[0]
    assert (np.abs(found - expected) < 5 * np.sqrt(expected)).all()


@pytest.mark.parametrize("periodic", [False, True, (True, False)])
def test_a_cutoff_only_leaves_pairs_out(periodic: Any) -> None:
    """Only neighbours are compared then; the pairs keep their random numbers."""
    found = []
    for rule in (
        sl.DistanceDependent("gaussian", scale=0.1, cutoff=0.2),
        sl.DistanceDependent("exp(-0.5*(d/0.1)**2) if d <= 0.2 else 0"),
    ):
        net, cells = layer(periodic)
        found.append(pairs(net.connect(cells, cells, rule)))
    assert found[0] == found[1]
    assert len(found[0]) > 1000


@pytest.mark.parametrize("periodic", [False, True])
def test_a_cutoff_of_one_spacing_connects_all_neighbors_on_a_grid(periodic: bool) -> None:
    net = make()
    grid = sl.Grid((20, 20), extent=1.0, periodic=periodic)
    cells = net.population(400, sl.LIF(), positions=grid)
    p = net.connect(cells, cells, sl.DistanceDependent(cutoff=0.05, self_connections=False))
    assert len(p) == 4 * 400 - (0 if periodic else 4 * 20)


def test_threads_parts_and_blocks_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    rule = sl.DistanceDependent("exponential", scale=0.1)
    net, cells = layer(threads=1)
    whole = pairs(net.connect(cells, cells, rule))
    net, cells = layer(threads=3)
    assert pairs(net.connect(cells, cells, rule)) == whole
    monkeypatch.setattr("spikelet.network.distance._BLOCK", 1000)
    net, cells = layer()
    assert pairs(net.connect(cells, cells, rule)) == whole
    net, cells = layer()
    part = net.connect(cells[::-7], cells[100:], rule)
    kept = set(range(300)[::-7])
    assert pairs(part) == [(i, j) for i, j in whole if i in kept and j >= 100]


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("degree", ["indegree", "outdegree"])
def test_blocks_and_threads_do_not_change_fixed_degrees(
    degree: str, multapses: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    how: Any = {degree: 7, "multapses": multapses}
    rule = sl.DistanceDependent("exponential", scale=0.1, **how)
    net, cells = layer()
    whole = pairs(net.connect(cells, cells, rule))
    assert whole == sorted(whole)
    net, cells = layer(threads=3)
    assert pairs(net.connect(cells, cells, rule)) == whole
    monkeypatch.setattr("spikelet.network.distance._BLOCK", 1000)
    net, cells = layer()
    assert pairs(net.connect(cells, cells, rule)) == whole
    # Each row is drawn by itself.
    net, cells = layer()
    part = cells[[250, 3, 77]]
    ends = (cells, part) if degree == "indegree" else (part, cells)
    kept = pairs(net.connect(*ends, rule))
    own = 1 if degree == "indegree" else 0
    assert kept == [p for p in whole if p[own] in {250, 3, 77}]


@pytest.mark.parametrize("dimensions", [1, 2, 3])
@pytest.mark.parametrize("periodic", [False, True])
def test_pairs_within_a_cutoff_are_those_of_a_search_over_all(
    dimensions: int, periodic: bool
) -> None:
    """Clustered points, some outside the box, and cutoffs from a few cells to all."""
    rng = np.random.default_rng(dimensions)
    extent = rng.uniform(0.5, 2.0, dimensions)
    places = [
        rng.choice([-3.0, 0.0, 0.4], (n, 1)) + rng.normal(0.0, 0.3, (n, dimensions))
        for n in (90, 130)
    ]
    step = places[1][None] - places[0][:, None]
    if periodic:
        step -= extent * np.rint(step / extent)
    distance = np.sqrt((step**2).sum(axis=2))
    for cutoff in (0.01, 0.1, 0.3, 0.9, 10.0):
        net = make()
        a, b = (
            net.population(len(x), sl.LIF(), positions=sl.Positions(x, extent, periodic))
            for x in places
        )
        p = net.connect(a, b, sl.DistanceDependent(cutoff=cutoff))
        assert pairs(p) == [tuple(x) for x in np.argwhere(distance <= cutoff).tolist()]


def _inside(rule: sl.DistanceDependent, distance: Any, step: Any) -> Any:
    at = limits(rule)
    ok = (distance >= at.inner) & (distance <= at.outer)
    for least, greatest, x in zip(at.low, at.high, step, strict=False):
        ok &= (x >= least) & (x <= greatest)
    return ok


@pytest.mark.parametrize("periodic", [False, True])
@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_a_tiny_cutoff_connects_points_that_coincide(dimensions: int, periodic: bool) -> None:
    """Also those at the greatest coordinates, where the last cell of the search ends."""
    at = np.random.default_rng(7).integers(0, 5, (200, dimensions)) * 0.1
    net = make()
    cells = net.population(200, sl.LIF(), positions=sl.Positions(at, 1.0, periodic))
    p = net.connect(cells, cells, sl.DistanceDependent(cutoff=1e-20))
    same = (at[:, None] == at).all(axis=-1)
    np.testing.assert_array_equal(np.transpose((p.pre_ids, p.post_ids)), np.argwhere(same))


def test_limits_of_distance_and_displacement() -> None:
    rule = sl.DistanceDependent(cutoff=0.3, inner=0.05, box=((0.0, -0.2), (1.0, 0.0)))
    step = [np.array([0.0, 0.1, 0.0, 0.3]), np.array([0.0, 0.0, -0.25, -0.4])]
    distance = np.hypot(*step)
    assert _inside(rule, distance, step).tolist() == [False, True, False, False]
    np.testing.assert_array_equal(rule.chances(distance, step), np.ones(4))


def test_limits_include_distances_that_equal_them_but_for_rounding() -> None:
    at = np.linspace(-0.475, 0.475, 20)
    step = at[1:] - at[:-1]
    assert (step > 0.05).any()  # rounding: 0.05 in truth
    assert (step < 0.05).any()
    assert _inside(sl.DistanceDependent(cutoff=0.05), step, [step]).all()
    assert _inside(sl.DistanceDependent(inner=0.05), step, [step]).all()
    assert _inside(sl.DistanceDependent(box=(0.05, 0.05)), step, [step]).all()
    assert not _inside(sl.DistanceDependent(cutoff=0.0499999), step, [step]).any()


@pytest.mark.parametrize("profile", ["gaussian", "exponential", "linear"])
@pytest.mark.parametrize("factor", [1.0, 0.01])
def test_beyond_its_reach_a_profile_connects_nothing(profile: str, factor: float) -> None:
    rule = sl.DistanceDependent(profile, scale=0.1, factor=factor)
    reach = limits(rule).outer
    beyond = np.array([reach, 2 * reach])
    least = 0.5 / 2**32  # of the random numbers in (0, 1), which have 32 bits
    assert (rule.chances(beyond, [beyond]) <= least).all()
    near = np.array([0.98 * reach])
    assert rule.chances(near, [near])[0] > least
    # In proportion to weights, even small ones count.
    fixed = sl.DistanceDependent(profile, scale=0.1, factor=factor, indegree=1)
    assert limits(fixed).outer == (reach if profile == "linear" else np.inf)


def test_masks_count_from_source_to_target() -> None:
    net, cells = layer()
    rule = sl.DistanceDependent(box=((0.1, -0.5), (0.3, 0.5)), inner=0.15, self_connections=False)
    p = net.connect(cells, cells, rule)
    step = PLACES[None] - PLACES[:, None]
    near = (step[..., 0] >= 0.1) & (step[..., 0] <= 0.3) & (np.abs(step[..., 1]) <= 0.5)
    expected = np.argwhere(near & (np.hypot(step[..., 0], step[..., 1]) >= 0.15))
    assert pairs(p) == [tuple(x) for x in expected.tolist()]
    p = net.connect(cells, cells, sl.DistanceDependent("1", cutoff=0.2, self_connections=False))
    assert len(p) > 0
    assert (p.pre_ids != p.post_ids).all()


@pytest.mark.parametrize("multapses", [True, False])
@pytest.mark.parametrize("degree", ["indegree", "outdegree"])
def test_fixed_degrees(degree: str, multapses: bool) -> None:
    net, cells = layer(periodic=True)
    rule = sl.DistanceDependent(
        "exponential", scale=0.05, cutoff=0.25, multapses=multapses, **{degree: 12}
    )  # type: ignore[arg-type]
    p = net.connect(cells, cells, rule)
    counts = np.bincount(p.post_ids if degree == "indegree" else p.pre_ids, minlength=300)
    assert (counts == 12).all()
    d = distances(p, periodic=True)
    assert d.max() <= 0.25
    assert d.mean() < 0.11  # of a flat profile: 0.167
    assert (len(set(pairs(p))) == len(p)) == (not multapses)


def test_draws_without_repetition_are_in_proportion() -> None:
    """One of three candidates with weights 1, 2 and 3."""
    net = make(seed=4)
    sources = net.population(3, sl.PoissonSource(1.0), positions=[[1.0], [2.0], [3.0]])
    targets = net.population(6000, sl.LIF(), positions=np.zeros((6000, 1)))
    for multapses in (True, False):
        rule = sl.DistanceDependent("d", indegree=1, multapses=multapses)
        share = np.bincount(net.connect(sources, targets, rule).pre_ids) / 6000
        np.testing.assert_allclose(share, [1 / 6, 2 / 6, 3 / 6], atol=0.03)


def test_weights_and_delays_by_distance() -> None:
    net, cells = layer(periodic=True)
    p = net.connect(
        cells, cells, sl.FixedIndegree(5),
        weight=sl.ByDistance("gaussian", scale=0.2, factor=30.0), delay=sl.ByDistance("0.1 + 2*d"),
    )  # fmt: skip
    d = distances(p, periodic=True)
    np.testing.assert_allclose(p.weights, 30.0 * np.exp(-0.5 * (d / 0.2) ** 2), rtol=1e-12)
    np.testing.assert_allclose(p.delays, np.floor((0.1 + 2 * d) / 0.1 + 0.5) * 0.1, atol=1e-9)
    # The rule draws the pairs that it draws without them.
    other, same = layer(periodic=True)
    assert pairs(other.connect(same, same, sl.FixedIndegree(5))) == pairs(p)


def test_save_and_load_keep_positions(tmp_path: Path) -> None:
    net, cells = layer(periodic=(True, False))
    plain = net.population(5, sl.LIF())
    net.save(tmp_path / "net.npz")
    loaded = sl.Network.load(tmp_path / "net.npz")
    rule = sl.DistanceDependent("gaussian", scale=0.1)
    assert plain.space is loaded.populations[1].space is None
    np.testing.assert_array_equal(loaded.populations[0].positions, cells.positions)
    again = loaded.populations[0]
    assert pairs(loaded.connect(again, again, rule)) == pairs(net.connect(cells, cells, rule))


def test_what_does_not_fit_is_refused_and_changes_nothing() -> None:
    net, cells = layer(periodic=True)
    other = net.population(10, sl.LIF(), name="other")
    line = net.population(3, sl.LIF(), name="line", positions=[0.0, 1.0, 2.0])
    rule = sl.DistanceDependent("gaussian", scale=0.1)
    for call, text in (
        (lambda: net.connect(cells, other, rule), "must have positions"),
        (lambda: net.connect(cells, line, rule), "as many dimensions"),
        (lambda: net.connect(cells, other, sl.AllToAll(), weight=sl.ByDistance("d")), "positions"),
        (lambda: net.connect(cells, cells, sl.DistanceDependent("2 - d")), r"in \[0, 1\]"),
        (lambda: net.connect(cells, cells, rule, weight=sl.ByDistance("1/d")), "weight must be finite"),
        (lambda: net.connect(cells, cells, rule, delay=sl.ByDistance("d")), "delay must lie between"),
        (lambda: net.connect(cells, cells, sl.DistanceDependent(cutoff=1e-6, indegree=2, multapses=False)),
         r"indegree cannot be drawn from the 1 candidates of element 0 with multapses=False"),
        (lambda: net.connect(cells, cells, sl.DistanceDependent(box=(0.0, 1.0))), "must have 2 numbers"),
    ):  # fmt: skip
        with pytest.raises(ValueError, match=text):
            call()
    assert net.projections == ()
    assert len(net.connect(cells[:0], cells, rule)) == len(net.connect(cells, cells[:0], rule)) == 0


MEMORY = """
import resource, sys
import numpy as np
import spikelet as sl
net = sl.Network(seed=1)
cells = net.population(4000, sl.LIF(), positions=sl.Free())
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
p = net.connect(cells, cells, sl.DistanceDependent("gaussian", scale=0.01))
grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024
print(len(p), grown)
"""


@pytest.mark.skipif(not hasattr(resource, "getrusage"), reason="no measure of memory")
def test_no_matrix_of_all_pairs_is_kept() -> None:
    """16 million pairs of 8 bytes would be 128 MB."""
    count, grown = spawn(MEMORY).split()
    assert int(count) > 5000
    assert float(grown) < 60.0


@pytest.mark.parametrize("targets", [10, 3000, 100_000])
def test_blocks_of_pairs_are_small_from_the_first_one(targets: int) -> None:
    """However many targets a source is compared with; a profile of the user needs several arrays of a block's size."""
    sizes = []

    def profile(distance: Any) -> Any:
        sizes.append(len(distance))
        return np.full(len(distance), 1e-3)

    net = make()
    sources, cells = (
        net.population(n, sl.LIF(), positions=sl.Positions(np.linspace(0.0, 1.0, n)))
        for n in (70, targets)
    )
    net.connect(sources, cells, sl.DistanceDependent(profile))
    assert sum(sizes) == 70 * targets
    assert max(sizes) <= max(1 << 16, targets)
