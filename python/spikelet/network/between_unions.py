"""`Network.connect`, `inject` and `record` for unions: one call over all parts."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core
from spikelet._util.checks import fail, named
from spikelet._util.values import by_position
from spikelet.network.connect import check_call, check_lists, connect
from spikelet.network.contents import NetworkContents
from spikelet.network.groups import (
    ProjectionGroup,
    UnionSpikeRecorder,
    UnionStateRecorder,
)
from spikelet.network.population import Population
from spikelet.network.record import When, make_recorder, record
from spikelet.network.recorders import MultiStateRecorder
from spikelet.network.synapse_lists import Lists, as_lists, given_pairs, row_lengths
from spikelet.network.to_disk import StrPath
from spikelet.network.weight_bits import largest_of
from spikelet.plasticity import Plasticity
from spikelet.rules import AllToAll, Distribution, FixedProbability, OneToOne, Rule
from spikelet.spatial import ByDistance, DistanceDependent

__all__ = ["connect_unions", "record_union"]

Ints: TypeAlias = npt.NDArray[np.int64]
Made: TypeAlias = list[tuple[Population, Population, Any]]


def connect_unions(
    net: NetworkContents,
    pre: Population,
    post: Population,
    rule: Any,
    weight: Any,
    delay: Any,
    receptor: str | None,
    plasticity: Plasticity | None,
    weights: Any = "float",
) -> ProjectionGroup:
    """Connect unions: the rule draws over all parts, and each pair of parts with synapses gets a projection."""
    where = f"connect {pre.name} -> {post.name}"
    pairs = [(a, b) for a in pre.parts for b in post.parts]
    for a, b in pairs:
        largest_of(check_call(net, a, b, receptor, plasticity), weights, plasticity)
    if plasticity is not None and plasticity.varied:
        must = "must be single numbers for a union; connect its parts one by one"
        fail(where, f"{type(plasticity).__name__}.{plasticity.varied[0]}", plasticity, must)
    by_distance = isinstance(weight, ByDistance) or isinstance(delay, ByDistance)
    if isinstance(rule, DistanceDependent) and (rule.indegree, rule.outdegree) != (None, None):
        degrees = rule.indegree, rule.outdegree
        must = "must be None for a union; connect its parts one by one"
        fail(where, "DistanceDependent.indegree and outdegree", degrees, must)
    one_each = not by_distance and np.ndim(weight) == np.ndim(delay) == 0
    drawn = isinstance(weight, Distribution) or isinstance(delay, Distribution)
    if isinstance(rule, (AllToAll, FixedProbability)) and one_each and not drawn:
        made: Made = [
            (a, b, rule) for a, b in pairs
        ]  # they are independent, and the core stores none of them
        one = np.zeros(1, np.uint32)
        checked = [
            (a, b, Lists(one, one, 1.0 if weight is None else weight, delay, None))
            for a, b in pairs
        ]
    else:
        distance = isinstance(rule, DistanceDependent) or by_distance
        made = checked = (
            _by_distance(net, where, pairs, rule, weight, delay)
            if distance
            else _over_all(net, where, pre, post, rule, weight, delay)
        )
    for a, b, lists in checked:  # all of them before the first is added
        check_lists(net, f"connect {a.name} -> {b.name}", b, lists, receptor, plasticity)
    added = [
        connect(net, a, b, how, *_values(how, weight, delay), receptor, plasticity, weights)
        for a, b, how in made
    ]
    return ProjectionGroup(pre, post, added)


def _values(how: Any, weight: Any, delay: Any) -> tuple[Any, Any]:
    return (how.weight, how.delay) if isinstance(how, Lists) else (weight, delay)


def _by_distance(
    net: NetworkContents,
    where: str,
    pairs: list[tuple[Population, Population]],
    rule: Any,
    weight: Any,
    delay: Any,
) -> Made:
    """Return the synapses of each pair of parts, which are independent of those of others."""
    if not isinstance(rule, (AllToAll, FixedProbability, DistanceDependent)):
        must = "must be AllToAll, FixedProbability or DistanceDependent where values depend on distance in a union"
        fail(where, "rule", rule, must)
    first = len(net.contents.projections)
    made: Made = []
    for k, (a, b) in enumerate(pairs):
        lists = as_lists(
            net, f"connect {a.name} -> {b.name}", (a, b), rule, weight, delay, None, first + k
        )
        drawn = _drawn_values(net, lists.weight, lists.delay, len(lists.pre), first + k)
        made.append((a, b, lists._replace(weight=drawn[0], delay=drawn[1])))
    return made


def _over_all(
    net: NetworkContents,
    where: str,
    pre: Population,
    post: Population,
    rule: Any,
    weight: Any,
    delay: Any,
) -> Made:
    """Draw synapses over all parts at once, and return them by pairs of parts."""
    if isinstance(rule, OneToOne) and len(pre) != len(post):
        sizes = len(pre), len(post)
        fail(where, "OneToOne", sizes, "needs populations of the same size", got="sizes")
    if isinstance(rule, Rule):
        i, j = _drawn_pairs(net, where, pre, post, rule)
    else:
        pairs = given_pairs(where, len(pre), len(post), rule, weight)
        i, j, weight = pairs[0].astype(np.int64), pairs[1].astype(np.int64), pairs[2]
    n = len(i)
    weight, delay = _drawn_values(
        net, 1.0 if weight is None else weight, delay, n, len(net.contents.projections)
    )
    grid = (len(pre), len(post)) if isinstance(rule, AllToAll) else None
    weight, delay = (
        _by_synapse(where, name, x, (i, j), grid)
        for name, x in (("weight", weight), ("delay", delay))
    )
    starts, tos = pre.parts, post.parts
    begins = [np.cumsum([0, *map(len, parts)]) for parts in (starts, tos)]
    of = [np.searchsorted(b, ids, side="right") - 1 for b, ids in zip(begins, (i, j), strict=True)]
    block = of[0] * len(tos) + of[1]
    order = np.argsort(block, kind="stable")
    ends = np.searchsorted(block[order], np.arange(len(starts) * len(tos) + 1))
    made: Made = []
    for k in range(len(starts) * len(tos)):
        mine = order[ends[k] : ends[k + 1]]
        if len(mine) == 0 and (n or k):
            continue
        a, b = starts[k // len(tos)], tos[k % len(tos)]
        sources = a.ids[i[mine] - begins[0][k // len(tos)]]
        targets = b.ids[j[mine] - begins[1][k % len(tos)]]
        w, d = (x[mine] if np.ndim(x) else x for x in (weight, delay))
        made.append((a, b, Lists(sources, targets, w, d, None)))
    return made


def _drawn_pairs(
    net: NetworkContents, where: str, pre: Population, post: Population, rule: Rule
) -> tuple[Ints, Ints]:
    """Return the pairs of a rule over all parts, by ids within the unions, in canonical order."""
    begins: dict[int, int] = {}
    total = 0
    for part in (*pre.parts, *post.parts):  # populations get numbers one after the other
        if part.index not in begins:
            begins[part.index] = total
            total += part.size
    numbers = [
        np.concatenate([np.asarray(part.ids, np.int64) + begins[part.index] for part in end.parts])
        for end in (pre, post)
    ]
    if total >= 2**32:
        fail(where, "elements", total, "must be fewer than 2^32 in the populations of a union")
    ids = [x.astype(np.uint32) for x in numbers]
    with named(where):
        row, targets = _core.draw_pairs(
            rule.to_core(),
            total,
            total,
            ids[0],
            ids[1],
            True,
            net.seed,
            len(net.contents.projections),
            net.threads,
        )
    sources = np.repeat(np.arange(total), row_lengths(row))
    place = [np.zeros(total, np.int64) for _ in ids]
    for to, of in zip(place, numbers, strict=True):
        to[of] = np.arange(len(of))
    i, j = place[0][sources], place[1][targets]
    order = np.lexsort((j, i))
    return i[order], j[order]


def _drawn_values(
    net: NetworkContents, weight: Any, delay: Any, n: int, number: int
) -> tuple[Any, Any]:
    """Return weights and delays, drawn where they are distributions."""
    return tuple(  # type: ignore[return-value]  # two of them
        _core.draw_values(x.to_core(), net.seed, 2 * number + k, n)
        if isinstance(x, Distribution)
        else x
        for k, x in enumerate((weight, delay))
    )


def _by_synapse(
    where: str, name: str, value: Any, pairs: tuple[Ints, Ints], grid: tuple[int, int] | None
) -> Any:
    """Return one value, or one for each synapse, whose pair picks an item of a matrix."""
    shape, n = np.shape(value), len(pairs[0])
    if len(shape) == 2 and shape == grid:
        return by_position(value)[pairs]
    if shape not in ((), (n,)):
        must = f"must be one number or one for each of the {n} synapses"
        fail(where, name, shape, must, got="shape")
    return by_position(value) if shape else value


def record_union(
    net: NetworkContents, target: Population, what: Any, when: When, to: StrPath | None
) -> UnionSpikeRecorder | UnionStateRecorder | MultiStateRecorder:
    """Record all parts of a union."""
    names = [what] if isinstance(what, str) else what
    for part in target.parts:  # all of them before the first is added
        for name in names if isinstance(names, (list, tuple)) else ():
            make_recorder(net, part, name, when)
    made: list[Any] = [record(net, part, what, when, to) for part in target.parts]
    if what == "spikes":
        return UnionSpikeRecorder(target, made)
    if isinstance(what, str):
        return UnionStateRecorder(target, made)
    return MultiStateRecorder(
        {
            name: UnionStateRecorder(target, [recorder[name] for recorder in made])
            for name in made[0]
        }
    )
