"""Connection by distance: the pairs that a rule draws, and what weights and delays depend on.

Pairs are compared in blocks of some ten thousand, so that memory follows the synapses. The random number of a pair is a
function of its two elements, whatever the blocks, the threads and the ranks are.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail
from spikelet.network.population import Population
from spikelet.spatial import ByDistance, DistanceDependent, Positions

__all__ = ["at_distance", "distant_pairs"]

Ids: TypeAlias = npt.NDArray[np.uint32]
Floats: TypeAlias = npt.NDArray[np.float64]
Ints: TypeAlias = npt.NDArray[np.int64]

_BLOCK = 1 << 16  # pairs


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
    where: str, rule: DistanceDependent, pre: Population, post: Population, seed: int, number: int
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
    seed, number : int
        Seed of the network, and number of the projection.
    """
    space = _space(where, pre, post)
    if rule.box is not None and len(rule.box[0]) != space.post.dimensions:
        must = f"must have {space.post.dimensions} numbers in each corner, one for each dimension"
        fail(where, "DistanceDependent.box", rule.box, must)
    by_target = rule.indegree is not None
    ends = (post, pre) if by_target else (pre, post)
    fixed = rule.indegree if by_target else rule.outdegree
    kept: list[tuple[Ids, Ids]] = [(np.zeros(0, np.uint32), np.zeros(0, np.uint32))]
    for block, around, near in _candidates(rule, space, *ends):
        i, j = (near, around) if by_target else (around, near)
        distance, steps = space.between(i, j)
        ok = rule.within(distance, steps)
        if pre.index == post.index and not rule.self_connections:
            ok &= i != j
        chance = rule.chances(distance[ok], [step[ok] for step in steps])
        one, other = around[ok], near[ok]
        if fixed is None:
            taken = _core.pair_uniforms(seed, number, one, other) < chance
            found = one[taken], other[taken]
        else:
            found = _fixed(where, rule, fixed, block, (one, other, chance), (seed, number))
        kept.append(found[::-1] if by_target else found)
    pre_ids, post_ids = (np.concatenate(ids) for ids in zip(*kept, strict=True))
    order = np.lexsort((post_ids, pre_ids))
    return pre_ids[order], post_ids[order]


def _fixed(
    where: str,
    rule: DistanceDependent,
    number: int,
    block: Ids,
    candidates: tuple[Ids, Ids, Floats],
    stream: tuple[int, int],
) -> tuple[Ids, Ids]:
    """Return `number` pairs for each element of a block, drawn in proportion to the candidates' weights."""
    one, other, weight = candidates
    positive = weight > 0
    one, other, weight = one[positive], other[positive], weight[positive]
    found, begins, counts = np.unique(
        one, return_index=True, return_counts=True
    )  # they are contiguous
    enough = 1 if rule.multapses else number
    few = np.setdiff1d(block, found[counts >= enough])
    if number and len(few):
        have = int(counts[found == few[0]].sum())
        argument = "indegree" if rule.indegree is not None else "outdegree"
        repeats = "" if rule.multapses else " with multapses=False"
        must = f"cannot be drawn from the {have} candidates of element {int(few[0])}{repeats}"
        fail(where, f"DistanceDependent.{argument}", number, must)
    chosen = []
    for element, begin, count in zip(found, begins, counts, strict=True):
        mine = slice(begin, begin + count)
        if rule.multapses:
            row, draws = np.full(number, element, np.uint32), np.arange(number, dtype=np.uint32)
            total = np.cumsum(weight[mine])
            at = np.searchsorted(
                total, _core.pair_uniforms(*stream, row, draws) * total[-1], "right"
            )
            at = np.minimum(at, count - 1)
        else:  # the greatest of u^(1 / weight): Efraimidis & Spirakis 2006
            u = _core.pair_uniforms(*stream, one[mine], other[mine])
            at = np.argpartition(-np.log(u) / weight[mine], max(number - 1, 0))[:number]
        chosen.append(begin + np.sort(at))
    picked = np.concatenate(chosen) if chosen else np.zeros(0, np.int64)
    return one[picked], other[picked]


def _candidates(
    rule: DistanceDependent, space: _Space, around: Population, near: Population
) -> Iterator[tuple[Ids, Ids, Ids]]:
    """Yield elements of `around`, and pairs of each with those of `near`: all, or with a cutoff those within it."""
    ids, others = (np.asarray(population.ids) for population in (around, near))
    if len(ids) == 0 or len(others) == 0:
        if len(ids):
            yield ids, ids[:0], others
        return
    wraps = np.array(space.post.periodic)
    box = np.where(wraps, space.post.extent, 0.0) if wraps.any() else None
    reach = rule.cutoff
    if reach is None or (box is not None and (2 * reach >= box[wraps]).any()):
        rows = max(1, _BLOCK // len(others))
        for begin in range(0, len(ids), rows):
            block = ids[begin : begin + rows]
            yield block, np.repeat(block, len(others)), np.tile(others, len(block))
        return
    from scipy.spatial import cKDTree  # noqa: PLC0415  # scipy is slow to import

    at, there = (_wrapped(p.space.coordinates[p.ids], box) for p in (around, near) if p.space)
    tree = cKDTree(there, boxsize=box)
    reach *= 1 + 2e-9  # what is just beyond is left out later
    sample = tree.query_ball_point(at[:: max(1, len(at) // 64)], reach, return_length=True)
    rows = max(1, int(_BLOCK / (1 + sample.mean())))
    for begin in range(0, len(ids), rows):
        block = ids[begin : begin + rows]
        blocks = cKDTree(at[begin : begin + rows], boxsize=box)
        found = blocks.sparse_distance_matrix(tree, reach, output_type="ndarray")
        order = np.lexsort((found["j"], found["i"]))
        yield block, block[found["i"][order]], others[found["j"][order]]


def _wrapped(x: Floats, box: Floats | None) -> Floats:
    """Return coordinates in [0, size) where space is periodic."""
    if box is None:
        return x
    size = np.where(box > 0, box, 1.0)
    wrapped = np.mod(x, size)
    return np.where(box > 0, np.where(wrapped >= size, 0.0, wrapped), x)
