"""The order in which nodes are computed, and the edges that carry the value of the step before."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

from spikelet.io.nir.flat import FlatGraph

__all__ = ["Component", "Order", "order_of"]

Key = TypeVar("Key", int, str)


@dataclass(frozen=True)
class Component:
    """Nodes that depend on each other, in the order of a step; a single node if it has no loop."""

    nodes: tuple[str, ...]
    loops: bool


@dataclass(frozen=True)
class Order:
    """Components, each after those that it depends on, and the edges that close a cycle."""

    components: tuple[Component, ...]
    closing: frozenset[tuple[str, str]]


def order_of(flat: FlatGraph, delays: Collection[str]) -> Order:
    """Return the order of a graph.

    A depth-first search from the inputs, in the order of their names and along the edges in the order of the file, finds
    the edges that lead back to a node of the path so far: they close a cycle.

    Parameters
    ----------
    flat : FlatGraph
    delays : collection of str
        `Delay` nodes of at least one step, whose output does not depend on the input of the same step.
    """
    within = [(a, b) for a, b in flat.edges if b not in delays]
    starts = [flat.inputs[name] for name in sorted(flat.inputs)]
    closing = _closing(flat, within, starts)
    now: dict[str, list[str]] = {name: [] for name in flat.nodes}
    for before, after in within:
        if (before, after) not in closing:
            now[after].append(before)
    # Nodes of a name's rank come first among those that could: the order does not depend on that of the file.
    ranks = {name: k for k, name in enumerate(_sorted(now))}
    members: dict[int, list[str]] = defaultdict(list)
    labels = _strong(flat)
    for name in sorted(flat.nodes, key=ranks.__getitem__):
        members[labels[name]].append(name)
    needs: dict[int, list[int]] = {label: [] for label in members}
    for before, after in flat.edges:
        if labels[before] != labels[after]:
            needs[labels[after]].append(labels[before])
    looped = {a for a, b in flat.edges if a == b}
    components = tuple(
        Component(tuple(members[label]), len(members[label]) > 1 or members[label][0] in looped)
        for label in _sorted(needs)
    )
    return Order(components, frozenset(closing))


def _sorted(needs: Mapping[Key, list[Key]]) -> list[Key]:
    return list(graphlib.TopologicalSorter({k: needs[k] for k in sorted(needs)}).static_order())


def _closing(
    flat: FlatGraph, edges: list[tuple[str, str]], starts: list[str]
) -> set[tuple[str, str]]:
    targets: dict[str, list[str]] = defaultdict(list)
    for before, after in edges:
        targets[before].append(after)
    found: set[tuple[str, str]] = set()
    done: set[str] = set()
    for start in (*starts, *sorted(flat.nodes)):
        if start in done:
            continue
        path, on_path = [(start, iter(targets[start]))], {start}
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif following in on_path:
                found.add((name, following))
            elif following not in done:
                path.append((following, iter(targets[following])))
                on_path.add(following)
    return found


def _strong(flat: FlatGraph) -> dict[str, int]:
    """Return the strongly connected component of each node."""
    from scipy.sparse import coo_array  # noqa: PLC0415
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    names = sorted(flat.nodes)
    index = {name: k for k, name in enumerate(names)}
    pairs = np.array([(index[a], index[b]) for a, b in flat.edges], np.int32).reshape(-1, 2)
    matrix = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), (len(names),) * 2)
    _, labels = connected_components(matrix, connection="strong")
    return dict(zip(names, labels.tolist(), strict=True))
