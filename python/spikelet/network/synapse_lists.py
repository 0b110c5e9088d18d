"""The synapses that `Network.connect` makes: drawn by the core, or found here as lists of sources and targets.

Lists are for what the core does not draw itself: matrices, ids, distances, unions, and parameters by synapse.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core, rules
from spikelet._util.checks import fail, ids, named
from spikelet._util.values import by_position
from spikelet.network.base import NetworkBase
from spikelet.network.distance import distant_pairs
from spikelet.network.population import Population
from spikelet.plasticity import Plasticity
from spikelet.rules import AllToAll, Distribution, Rule
from spikelet.spatial import DistanceDependent

Ids: TypeAlias = npt.NDArray[np.uint32]
Ints: TypeAlias = npt.NDArray[np.int64]

_DRAWN = 1 << 23  # the streams of parameters by synapse begin here


class Block(NamedTuple):
    """The synapses between two populations, or parts of them."""

    pre: Population
    post: Population
    ids: tuple[Ids, Ids] | None
    """Sources and targets within the whole populations; None if the core draws them."""
    which: Any = slice(None)
    """Their places among all new synapses."""

    @property
    def where(self) -> str:
        """Name of the call in errors."""
        return f"connect {self.pre.name} -> {self.post.name}"

    def own(self, values: Any) -> Any:
        """Select the values of this block from those of all new synapses."""
        one = isinstance(values, Distribution) or len(values) == 1
        return values if one else values[self.which]

    def add_to(
        self,
        net: NetworkBase,
        rule: Any,
        weights: Any,
        delays: Any,
        receptor: int,
        plasticity: _core.Plasticity | None,
        int16: float | None,
    ) -> int:
        """Add the synapses to the core, and return the number of the projection.

        Parameters
        ----------
        net : NetworkBase
            The network.
        rule : Rule
            The rule, if the core draws the synapses.
        weights, delays : array or Distribution
            One value, or one for each synapse; delays are in steps, or in ms if the core draws the synapses.
        receptor : int
            Number of the receptor.
        plasticity : core.Plasticity or None
            The plasticity rule.
        int16 : float or None
            The largest weight of 16 bits.
        """
        sim, pre, post = net.engine.sim, self.pre, self.post
        weights, delays = self.own(weights), self.own(delays)
        how = receptor, plasticity
        with named(self.where):
            if self.ids is not None:
                weights = weights.astype(net.dtype, copy=False)
                listed = pre.index, post.index, pre.size, *self.ids
                return sim.connect_lists(*listed, weights, delays, *how, None, int16)
            ends = pre.index, post.index, pre.size, post.size, _part_ids(pre), _part_ids(post)
            values = _core_spec(weights), _core_spec(delays)
            return sim.connect(*ends, rule.to_core(), *values, *how, int16)


class NewSynapses(NamedTuple):
    """Synapses to add as one or several blocks, and the order of the values that a user gives for them."""

    where: str
    pre: Population
    post: Population
    rule: Any
    number: int
    """Number of the projection whose random streams they use."""
    plasticity: Plasticity | None
    blocks: list[Block]
    size: int | None = None
    """Number of synapses; None if the core draws them."""
    places: tuple[Ints, Ints] | None = None
    """Sources and targets of all synapses within unions."""
    order: Ints | None = None
    """Positions of the synapses among those given."""

    @property
    def matrix(self) -> tuple[int, int] | None:
        """Shape of a matrix that has a value for each pair, ``[len(pre), len(post)]``, if the rule takes one."""
        return (len(self.pre), len(self.post)) if isinstance(self.rule, AllToAll) else None

    def items(self) -> Iterator[Any]:
        """Yield indices that, one after the other, take the values of the synapses from such a matrix.

        Rows are the elements of pre and columns those of post, in the order of a part, such as ``E[[7, 2]]``. Synapses
        are in canonical order, by ids, and without those of an element with itself if the rule excludes them.
        """
        if self.places is not None:
            yield self.places
            return
        found = [np.asarray(end.ids) for end in (self.pre, self.post)]
        if any((end[1:] < end[:-1]).any() for end in found):
            order = [np.argsort(end) for end in found]
            found = [end[at] for end, at in zip(found, order, strict=True)]
            yield np.ix_(*order)
        if self.pre.index == self.post.index and not self.rule.self_connections:
            yield found[0][:, None] != found[1]


def _part_ids(population: Population) -> Ids | None:
    """Return the ids of a part of a population, or None for a whole one."""
    return None if population.whole else population.ids


def _core_spec(values: Any) -> _core.ValueSpec:
    """Return the core's description of a distribution or of numbers."""
    return values.to_core() if isinstance(values, Distribution) else _core.ValueSpec(values)


def row_lengths(row: npt.NDArray[np.uint64]) -> Ints:
    """Return the numbers of synapses of all sources, given where their rows begin."""
    offsets: Ints = row.astype(np.int64)
    return offsets[1:] - offsets[:-1]


def find_each(
    net: NetworkBase,
    pre: Population,
    post: Population,
    rule: Any,
    number: int,
    plasticity: Plasticity | None,
    *,
    by_core: bool,
) -> list[NewSynapses]:
    """Return the synapses of each pair of parts, which do not depend on those of others.

    Parameters
    ----------
    net : NetworkBase
        The network.
    pre, post : Population
        Sources and targets.
    rule : Rule, DistanceDependent, matrix or (pre_ids, post_ids)
        As in `Network.connect`.
    number : int
        Number of the first projection to be made.
    plasticity : Plasticity or None
        The plasticity rule.
    by_core : bool
        True if the core draws the synapses.
    """
    found = []
    for k, (a, b) in enumerate((a, b) for a in pre.parts for b in post.parts):
        where = f"connect {a.name} -> {b.name}"
        if by_core:
            blocks = [Block(a, b, None)]
            found.append(NewSynapses(where, a, b, rule, number + k, plasticity, blocks))
            continue
        sources, targets = _pairs(net, where, a, b, rule, number + k)
        order, learning = None, plasticity
        if plasticity is not None and plasticity.varied:
            order = np.lexsort((targets, sources))
            sources, targets = sources[order], targets[order]
            learning = _by_synapse(where, plasticity, order, net.seed, number + k)
        block = Block(a, b, (sources, targets))
        found.append(
            NewSynapses(where, a, b, rule, number + k, learning, [block], len(sources), order=order)
        )
    return found


def _pairs(
    net: NetworkBase, where: str, pre: Population, post: Population, rule: Any, number: int
) -> tuple[Ids, Ids]:
    """Return sources and targets within the whole populations."""
    if isinstance(rule, DistanceDependent):
        return distant_pairs(where, rule, pre, post, (net.seed, number), net.threads)
    if isinstance(rule, Rule):
        with named(where):
            row, targets = _core.draw_pairs(
                rule.to_core(),
                pre.size,
                post.size,
                _part_ids(pre),
                _part_ids(post),
                pre.index == post.index,
                net.seed,
                number,
                net.threads,
            )
        return np.repeat(np.arange(pre.size, dtype=np.uint32), row_lengths(row)), targets
    given = _given_pairs(where, len(pre), len(post), rule)
    sources, targets = (
        elements if end.whole else end.ids[elements]
        for end, elements in zip((pre, post), given, strict=True)
    )
    return sources, targets


def _by_synapse(where: str, rule: Plasticity, order: Ints, seed: int, number: int) -> Plasticity:
    """Return a rule with a value for each synapse, in canonical order, of each parameter that varies."""
    n = len(order)
    kind, values = type(rule).__name__, {}
    for k, f in enumerate(dataclasses.fields(rule)):
        if f.name not in rule.varied:
            continue
        given = getattr(rule, f.name)
        if isinstance(given, Distribution):
            with named(f"{where}: {kind}.{f.name}"):
                stream = _DRAWN + 16 * number + k
                values[f.name] = _core.draw_values(given.to_core(), seed, stream, n)
        elif len(given) != n:
            must = f"must have one value for each of the {n} synapses"
            fail(where, f"{kind}.{f.name}", len(given), must, got="length")
        else:
            values[f.name] = by_position(given)[order]
    with named(where):
        return dataclasses.replace(rule, **values)


def find_over_all(
    net: NetworkBase,
    pre: Population,
    post: Population,
    rule: Any,
    number: int,
    plasticity: Plasticity | None,
) -> NewSynapses:
    """Return synapses between unions, drawn over all parts at once, in a block for each pair of parts that has some.

    Parameters
    ----------
    net, pre, post, rule, number, plasticity
        As in `find_each`.
    """
    where = f"connect {pre.name} -> {post.name}"
    if isinstance(rule, Rule):
        i, j = _drawn_pairs(net, where, pre, post, rule, number)
    else:
        i, j = (x.astype(np.int64) for x in _given_pairs(where, len(pre), len(post), rule))
    n = len(i)
    begins = [np.array([at.start for at in end.places()]) for end in (pre, post)]
    of = [np.searchsorted(b, at, side="right") - 1 for b, at in zip(begins, (i, j), strict=True)]
    count = len(pre.parts) * len(post.parts)
    number_of_block = of[0] * len(post.parts) + of[1]
    order = np.argsort(number_of_block, kind="stable")
    ends = np.searchsorted(number_of_block[order], np.arange(count + 1))
    blocks = []
    for k in range(count):
        mine = order[ends[k] : ends[k + 1]]
        if len(mine) == 0 and (n or k):
            continue
        a, b = divmod(k, len(post.parts))
        sources = pre.parts[a].ids[i[mine] - begins[0][a]]
        targets = post.parts[b].ids[j[mine] - begins[1][b]]
        blocks.append(Block(pre.parts[a], post.parts[b], (sources, targets), mine))
    return NewSynapses(where, pre, post, rule, number, plasticity, blocks, n, (i, j))


def _drawn_pairs(
    net: NetworkBase, where: str, pre: Population, post: Population, rule: Rule, number: int
) -> tuple[Ints, Ints]:
    """Return the pairs of a rule over all parts, by ids within the unions, in canonical order."""
    begins: dict[int, int] = {}
    total = 0
    for part in (*pre.parts, *post.parts):  # populations get numbers one after the other
        if part.index not in begins:
            begins[part.index] = total
            total += part.size
    if total >= 2**32:
        fail(where, "elements", total, "must be fewer than 2^32 in the populations of a union")
    numbers = [
        np.concatenate([np.asarray(part.ids, np.int64) + begins[part.index] for part in end.parts])
        for end in (pre, post)
    ]
    with named(where):
        row, targets = _core.draw_pairs(
            rule.to_core(),
            total,
            total,
            numbers[0].astype(np.uint32),
            numbers[1].astype(np.uint32),
            True,
            net.seed,
            number,
            net.threads,
        )
    sources = np.repeat(np.arange(total), row_lengths(row))
    place = [np.zeros(total, np.int64) for _ in numbers]
    for to, of in zip(place, numbers, strict=True):
        to[of] = np.arange(len(of))
    i, j = place[0][sources], place[1][targets]
    order = np.lexsort((j, i))
    return i[order], j[order]


def _given_pairs(where: str, n_pre: int, n_post: int, rule: Any) -> tuple[Ids, Ids]:
    """Return the sources and targets of a sparse matrix or of explicit ids, within the ends."""
    if hasattr(rule, "tocoo"):
        shape = n_pre, n_post
        if rule.shape != shape:
            turned = rule.shape == shape[::-1]
            transposed = " (transposed? rows are sources: pass matrix.T)" if turned else ""
            must = f"must have the shape {shape}{transposed}"
            fail(where, "matrix", rule.shape, must, got="shape")
        matrix = rule.tocoo()
        return matrix.row.astype(np.uint32), matrix.col.astype(np.uint32)
    if not isinstance(rule, tuple) or len(rule) != 2:
        _refuse(where, rule)
    sources = ids(where, "pre_ids", rule[0], n_pre)
    targets = ids(where, "post_ids", rule[1], n_post)
    if len(sources) != len(targets):
        lengths = len(sources), len(targets)
        fail(where, "pre_ids and post_ids", lengths, "must be equally long", got="lengths")
    return sources, targets


def _refuse(where: str, rule: Any) -> None:
    """Raise TypeError for what is no rule, with what was probably meant."""
    allowed = "must be a connection rule, a sparse matrix or (pre_ids, post_ids)"
    hint = ""
    if isinstance(rule, type) and issubclass(rule, (Rule, DistanceDependent)):
        hint = f"; did you mean sl.{_call(rule)}?"
    elif isinstance(rule, str):
        hint = _of_name(rule, {})
    elif isinstance(rule, dict) and isinstance(rule.get("rule"), str):  # as NEST has them
        hint = _of_name(rule["rule"], rule)
    elif isinstance(rule, (int, float)) and not isinstance(rule, bool):
        kind = rules.FixedProbability if 0 < rule < 1 else rules.FixedIndegree
        hint = f"; did you mean sl.{kind.__name__}({rule})?"
    elif (
        isinstance(rule, list) and rule and all(isinstance(x, tuple) and len(x) == 2 for x in rule)
    ):
        hint = "; of a list of pairs, these are tuple(np.transpose(pairs))"
    elif getattr(rule, "ndim", 0) == 2:
        hint = (
            "; of a dense array, connect the items that are not 0 with scipy.sparse.csr_array(array), or all of them "
            "with sl.AllToAll() and weight=array"
        )
    fail(where, "rule", rule, allowed + hint, error=TypeError)


_NEST_RULES = {"pairwisebernoulli": "fixedprobability"}
_NEST_NUMBERS = ("indegree", "outdegree", "N", "p")


def _of_name(name: str, given: dict[str, Any]) -> str:
    """Return which rule a name means, and the number that a dictionary of NEST's gives it."""
    found = {kind_name.lower(): kind for kind_name, kind in _rules().items()}
    plain = name.replace("_", "").lower()
    kind = found.get(_NEST_RULES.get(plain, plain))
    if kind is None:
        return f"; rules are: {', '.join(_rules())}"
    numbers = [str(given[key]) for key in _NEST_NUMBERS if key in given]
    call = f"{kind.__name__}({numbers[0]})" if numbers else _call(kind)
    return f"; did you mean sl.{call}?"


def _rules() -> dict[str, type]:
    """Return the connection rules by name."""
    every = {name: getattr(rules, name) for name in rules.__all__}
    found = {
        name: kind for name, kind in every.items() if issubclass(kind, Rule) and kind is not Rule
    }
    return {**found, "DistanceDependent": DistanceDependent}


def _call(kind: type) -> str:
    """Return how to make a rule: "FixedIndegree(number)"."""
    needed = [f.name for f in dataclasses.fields(kind) if f.default is dataclasses.MISSING]
    return f"{kind.__name__}({', '.join(needed)})"
