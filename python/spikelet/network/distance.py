"""Connection by distance: the pairs that a rule draws, and what weights and delays depend on.

Pairs are compared in blocks, so that memory follows the synapses. The random number of a pair is a
function of its two elements, whatever the blocks, the threads and the ranks are.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail
from spikelet.network.population import Population
from spikelet.spatial import ByDistance, DistanceDependent, Positions

Ids: TypeAlias = npt.NDArray[np.uint32]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

_BLOCK = 1 << 16  # pairs
_ROUNDING = 1e-9  # of a limit


class _Space(NamedTuple):
    """Where the ends of a projection are."""

    pre: Positions
    post: Positions

    def between(self, pre: npt.NDArray[Any], post: npt.NDArray[Any]) -> tuple[Floats, list[Floats]]:
        """Return the distances of pairs of elements, and their displacements by dimension."""
        steps = []
        for k in range(self.post.dimensions):
            step = self.post.coordinates[post, k] - self.pre.coordinates[pre, k]
            if self.post.periodic[k]:
                size = self.post.extent[k]
                step -= size * np.rint(step / size)
            steps.append(step)
        square = steps[0] * steps[0]
        for step in steps[1:]:
            square += step * step
        return np.sqrt(square), steps


def _space(where: str, pre: Population, post: Population) -> _Space:
    """Return the positions of both ends, after a check that they lie in one space."""
    for population in (pre, post):
        if population.space is None:
            rule = "must have positions: net.population(n, model, positions=...)"
            fail(where, "population", population.name, rule)
    a, b = pre.space, post.space
    assert a is not None
    assert b is not None
    same = a.dimensions == b.dimensions and a.periodic == b.periodic
    if not (same and (not any(a.periodic) or np.array_equal(a.extent, b.extent))):
        spaces = [(s.dimensions, s.periodic, s.extent) for s in (a, b)]
        rule = "must have as many dimensions on both sides and, where they are periodic, the same extents"
        fail(where, "positions", spaces, rule)
    return _Space(a, b)


def at_distance(
    where: str,
    argument: str,
    how: ByDistance,
    pre: Population,
    post: Population,
    ids: tuple[Ids, Ids],
) -> Floats:
    """Return the values of synapses between given elements.

    Parameters
    ----------
    where, argument : str
        Name the call in errors.
    how : ByDistance
        The value.
    pre, post : Population
        The ends.
    ids : (array, array)
        Elements of the whole populations.
    """
    space = _space(where, pre, post)
    values = np.empty(len(ids[0]))
    for begin in range(0, len(values), _BLOCK):
        block = slice(begin, begin + _BLOCK)
        distance, steps = space.between(ids[0][block], ids[1][block])
        values[block] = how.of(distance, steps)
    bad = ~np.isfinite(values)
    if bad.any():
        at = int(np.flatnonzero(bad)[0])
        there = float(space.between(ids[0][at : at + 1], ids[1][at : at + 1])[0][0])
        fail(where, argument, float(values[at]), f"must be finite, also at distance {there:g}")
    return values


def distant_pairs(
    where: str,
    rule: DistanceDependent,
    pre: Population,
    post: Population,
    stream: tuple[int, int],
    threads: int,
) -> tuple[Ids, Ids]:
    """Return the sources and targets of the pairs that a rule connects, in canonical order.

    Parameters
    ----------
    where : str
        Names the call in errors.
    rule : DistanceDependent
        The rule.
    pre, post : Population
        The ends.
    stream : (int, int)
        Seed of the network, and number of the projection.
    threads : int
        Number of threads.
    """
    space = _space(where, pre, post)
    if rule.box is not None and len(rule.box[0]) != space.post.dimensions:
        must = f"must have {space.post.dimensions} numbers in each corner, one for each dimension"
        fail(where, "DistanceDependent.box", rule.box, must)
    by_target = rule.indegree is not None
    around, near = (post, pre) if by_target else (pre, post)
    degree = rule.indegree if by_target else rule.outdegree
    search = _search(rule, space, around, near)
    ids = np.asarray(around.ids)
    kept: list[tuple[Ids, Ids]] = [(np.zeros(0, np.uint32), np.zeros(0, np.uint32))]
    directed = isinstance(rule.profile, str) and rule.scale is None
    begin, rows = 0, max(1, min(64, _BLOCK // (1 + len(near))))
    while begin < len(ids):
        end = min(begin + rows, len(ids))
        one, other, distance, steps = search.of(begin, end, directed, threads)
        chance = rule.chances(distance, steps)
        if degree is None:
            first, second = _core.draw_by_chance(*stream, one, other, chance, threads)
        else:
            first, second, few = _core.draw_degrees(
                *stream, ids[begin:end], one, other, chance, degree, rule.multapses, threads
            )
            if few is not None:
                _refuse(where, rule, degree, *few)
        kept.append((second, first) if by_target else (first, second))
        fitting = _BLOCK * (end - begin) // (1 + len(one))
        begin, rows = end, max(1, min(fitting, 8 * rows))
    pre_ids, post_ids = (np.concatenate(ids) for ids in zip(*kept, strict=True))
    repeats = degree is not None and rule.multapses
    if by_target or repeats or not (_ascending(pre) and _ascending(post)):
        pairs = np.sort(pre_ids.astype(np.uint64) << 32 | post_ids)
        pre_ids, post_ids = (pairs >> 32).astype(np.uint32), pairs.astype(np.uint32)
    return pre_ids, post_ids


class Limits(NamedTuple):
    """Which pairs may be connected at all: distances, and displacements by dimension, if they matter."""

    inner: float
    outer: float
    low: Floats
    high: Floats


def limits(rule: DistanceDependent) -> Limits:
    """Return the limits of a rule; on a grid, they are often distances of many pairs, but for rounding."""
    outer = min(math.inf if rule.cutoff is None else rule.cutoff, _reach(rule))
    low, high = np.zeros((2, 0)) if rule.box is None else np.array(rule.box)
    slack = _ROUNDING * np.maximum(abs(low), abs(high))
    inner = rule.inner * (1 - _ROUNDING)
    return Limits(inner, outer * (1 + _ROUNDING), low - slack, high + slack)


def _reach(rule: DistanceDependent) -> float:
    """Return a distance beyond which a profile is 0, or below any random number of a pair."""
    if rule.scale is None or rule.factor <= 0:
        return math.inf
    if rule.profile == "linear":
        return rule.scale
    if rule.indegree is not None or rule.outdegree is not None:
        return math.inf
    x = max(0.0, math.log(rule.factor / _core.least_uniform))
    return rule.scale * (math.sqrt(2 * x) if rule.profile == "gaussian" else x)


def _search(
    rule: DistanceDependent, space: _Space, around: Population, near: Population
) -> _core.NearPairs:
    """Return the search for pairs within the limits of a rule."""
    assert around.space is not None
    assert near.space is not None
    wraps = np.array(space.post.periodic)
    return _core.NearPairs(
        around_ids=around.ids, around=around.space.coordinates[around.ids].T,
        near_ids=near.ids, near=near.space.coordinates[near.ids].T,
        extent=np.where(wraps, space.post.extent, 0.0) if wraps.any() else np.zeros(len(wraps)),
        same=rule.self_connections or around.index != near.index,
        inward=rule.indegree is not None, **limits(rule)._asdict(),
    )  # fmt: skip


def _ascending(population: Population) -> bool:
    return population.whole or bool((population.ids[1:] > population.ids[:-1]).all())


def _refuse(
    where: str, rule: DistanceDependent, degree: int, element: int, candidates: int
) -> NoReturn:
    argument = "outdegree" if rule.indegree is None else "indegree"
    repeats = "" if rule.multapses else " with multapses=False"
    must = f"cannot be drawn from the {candidates} candidates of element {element}{repeats}"
    fail(where, f"DistanceDependent.{argument}", degree, must)
