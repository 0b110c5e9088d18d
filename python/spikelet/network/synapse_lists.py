"""Synapses as lists, for what the core does not draw itself: matrices, ids, distances, and parameters by synapse."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import numpy.typing as npt

from spikelet import _core, rules
from spikelet._util.checks import fail, ids, named
from spikelet._util.values import by_position
from spikelet.network.base import NetworkBase
from spikelet.network.distance import at_distance, distant_pairs
from spikelet.network.population import Population
from spikelet.plasticity import Plasticity
from spikelet.rules import Distribution, Rule
from spikelet.spatial import ByDistance, DistanceDependent

__all__ = ["Lists", "as_lists", "given_pairs", "needs_lists", "part_ids", "row_lengths"]

Ids: TypeAlias = npt.NDArray[np.uint32]

_DRAWN = 1 << 23  # the streams of parameters by synapse begin here


class Lists(NamedTuple):
    """Synapses, by ids within the whole populations."""

    pre: Ids
    post: Ids
    weight: Any
    delay: Any
    plasticity: Plasticity | None


def needs_lists(rule: Any, weight: Any, delay: Any, plasticity: Plasticity | None) -> bool:
    """Return whether the core cannot draw the synapses itself."""
    if (
        not isinstance(rule, Rule)
        or isinstance(weight, ByDistance)
        or isinstance(delay, ByDistance)
    ):
        return True
    return plasticity is not None and len(plasticity.varied) > 0


def row_lengths(row: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    """Return the numbers of synapses of all sources, given where their rows begin."""
    offsets: npt.NDArray[np.int64] = row.astype(np.int64)
    return offsets[1:] - offsets[:-1]


def part_ids(population: Population) -> Ids | None:
    """Return the ids of a part of a population, or None for a whole one."""
    return None if population.whole else population.ids


def as_lists(
    net: NetworkBase,
    where: str,
    ends: tuple[Population, Population],
    rule: Any,
    weight: Any,
    delay: Any,
    plasticity: Plasticity | None,
    number: int,
) -> Lists:
    """Return the synapses of anything that `Network.connect` takes.

    Parameters
    ----------
    net : NetworkBase
        The network.
    where : str
        Names the call in errors.
    ends : (Population, Population)
        Sources and targets.
    rule, weight, delay, plasticity
        As in `Network.connect`.
    number : int
        Number of the projection to be made.
    """
    pre, post = ends
    if isinstance(rule, Lists):
        pre_ids, post_ids = rule.pre, rule.post
    elif isinstance(rule, DistanceDependent):
        pre_ids, post_ids = distant_pairs(where, rule, pre, post, (net.seed, number), net.threads)
    elif isinstance(rule, Rule):
        with named(where):
            row, post_ids = _core.draw_pairs(
                rule.to_core(), pre.size, post.size, part_ids(pre), part_ids(post),
                pre.index == post.index, net.seed, number, net.threads,
            )  # fmt: skip
        pre_ids = np.repeat(np.arange(pre.size, dtype=np.uint32), row_lengths(row))
    else:
        sources, targets, weight = given_pairs(where, len(pre), len(post), rule, weight)
        pre_ids, post_ids = _ids_of(pre, sources), _ids_of(post, targets)
    if isinstance(weight, ByDistance):
        weight = at_distance(where, "weight", weight, pre, post, (pre_ids, post_ids))
    if isinstance(delay, ByDistance):
        delay = at_distance(where, "delay", delay, pre, post, (pre_ids, post_ids))
    found = Lists(pre_ids, post_ids, 1.0 if weight is None else weight, delay, plasticity)
    return (
        found
        if plasticity is None or not plasticity.varied
        else _by_synapse(where, found, net, number)
    )


def _by_synapse(where: str, lists: Lists, net: NetworkBase, number: int) -> Lists:
    """Return lists in canonical order, with a value for each synapse of each parameter that varies."""
    pre, post, weight, delay, rule = lists
    assert rule is not None
    n = len(pre)
    order = np.lexsort((post, pre))
    kind, values = type(rule).__name__, {}
    for k, f in enumerate(dataclasses.fields(rule)):
        if f.name not in rule.varied:
            continue
        given = getattr(rule, f.name)
        if isinstance(given, Distribution):
            with named(f"{where}: {kind}.{f.name}"):
                stream = _DRAWN + 16 * number + k
                values[f.name] = _core.draw_values(given.to_core(), net.seed, stream, n)
        elif len(given) != n:
            must = f"must have one value for each of the {n} synapses"
            fail(where, f"{kind}.{f.name}", len(given), must, got="length")
        else:
            values[f.name] = by_position(given)[order]
    with named(where):
        rule = dataclasses.replace(rule, **values)

    def moved(value: Any) -> Any:
        if isinstance(value, Distribution) or np.shape(value) != (n,):
            return value
        return by_position(value)[order]

    return Lists(pre[order], post[order], moved(weight), moved(delay), rule)


def given_pairs(
    where: str, n_pre: int, n_post: int, rule: Any, weight: Any
) -> tuple[Ids, Ids, Any]:
    """Return sources, targets and weights of a sparse matrix or of explicit ids, within the ends."""
    if hasattr(rule, "tocoo"):
        if weight is not None:
            not_with = "must not be given with a matrix, whose data are the weights"
            fail(where, "weight", weight, not_with)
        shape = n_pre, n_post
        if rule.shape != shape:
            transposed = (
                " (transposed? rows are sources: pass matrix.T)"
                if rule.shape == shape[::-1]
                else ""
            )
            fail(
                where, "matrix", rule.shape, f"must have the shape {shape}{transposed}", got="shape"
            )
        matrix = rule.tocoo()
        sources, targets = matrix.row.astype(np.uint32), matrix.col.astype(np.uint32)
        return sources, targets, matrix.data
    if not isinstance(rule, tuple) or len(rule) != 2:
        _refuse(where, rule)
    sources = ids(where, "pre_ids", rule[0], n_pre)
    targets = ids(where, "post_ids", rule[1], n_post)
    if len(sources) != len(targets):
        lengths = len(sources), len(targets)
        fail(where, "pre_ids and post_ids", lengths, "must be equally long", got="lengths")
    return sources, targets, weight


def _ids_of(population: Population, elements: Ids) -> Ids:
    """Return the ids of elements of a population or of a part of one."""
    return elements if population.whole else population.ids[elements]


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
