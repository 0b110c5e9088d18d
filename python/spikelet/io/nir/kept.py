"""What `write_nir` keeps in the metadata of a graph, because the format has no place for it.

The graph has ``{"spikelet": {"dt", "mode", "version"}}``: the step, and how steps are made, that give the written model's
spikes. A node has ``{"spikelet": {"reset": "subtract", "subtract": thresholds, "spikes": "at", "v_init": potentials}}``, each
only if needed.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import choice, fail, numbers, require, scalar
from spikelet.io.nir.cells import Mode
from spikelet.io.nir.flat import FlatGraph

__all__ = ["KEY", "Floats", "Kept", "Resets", "kept"]

KEY = "spikelet"
Floats: TypeAlias = NDArray[np.float64]


@dataclass(frozen=True)
class Resets:
    """Which spikes subtract the threshold, and which neurons spike at it.

    Attributes
    ----------
    subtract : bool or collection of str
        Whether all spikes do, or the nodes whose spikes do.
    at : mapping of str to array
        Thresholds of the nodes that spike at their threshold; others spike above it, as the standard says.
    """

    subtract: bool | Collection[str]
    at: Mapping[str, Floats] = field(default_factory=dict)

    def of(self, name: str) -> tuple[bool, Floats | None]:
        """Return whether spikes of a node subtract the threshold, and the threshold at which they are sent, if there is one."""
        chosen = self.subtract
        return chosen if isinstance(chosen, bool) else name in chosen, self.at.get(name)


@dataclass(frozen=True)
class Kept:
    """What the metadata says.

    Attributes
    ----------
    dt : float, optional
    mode : "exact" or "euler", optional
    subtract : mapping of str to array
        Thresholds of the nodes that are reset by subtraction: they spike at the threshold, and it is subtracted.
    at : mapping of str to array
        Thresholds of the nodes that spike at the threshold of the graph, because it was written for a reader that does.
    v_init : mapping of str to array
        Initial potentials.
    """

    dt: float | None = None
    mode: Mode | None = None
    subtract: Mapping[str, Floats] = field(default_factory=dict)
    at: Mapping[str, Floats] = field(default_factory=dict)
    v_init: Mapping[str, Floats] = field(default_factory=dict)

    def resets(self, given: bool | None) -> Resets:
        """Return which spikes subtract: all or none if that is given, else as the metadata says."""
        if given is None:
            return Resets(self.subtract.keys(), {**self.at, **self.subtract})
        return Resets(given, self.at)


def kept(graph: Any, flat: FlatGraph) -> Kept:
    """Return what the metadata of a graph says, after checks.

    Raises
    ------
    ValueError
        If a value breaks its rule.
    """
    where = f"{flat.where}: metadata of the graph"
    whole = _own(where, graph)
    dt = whole.get("dt")
    mode = whole.get("mode")
    if dt is not None:
        dt = scalar(where, "dt", dt, "finite and > 0")
    if mode is not None:
        choice(where, "mode", mode, "exact", "euler")
    subtract: dict[str, Floats] = {}
    spikes: dict[str, Floats] = {}
    first: dict[str, Floats] = {}
    for name, node in _nodes(graph, "", flat):
        at = f"{flat.where}: metadata of node '{name}'"
        own = _own(at, node)
        if not own:
            continue
        shape = flat.nodes[name].takes
        if "reset" in own:
            choice(at, "reset", own["reset"], "subtract")
            threshold = own.get("subtract", getattr(node, "v_threshold", None))
            subtract[name] = _array(at, "subtract", threshold, shape)
        if "spikes" in own:
            choice(at, "spikes", own["spikes"], "at")
            threshold = getattr(node, "v_threshold", None)
            if threshold is None:
                fail(at, "spikes", own["spikes"], "must belong to a neuron with a threshold")
            spikes[name] = _array(at, "v_threshold", threshold, shape)
        if "v_init" in own:
            first[name] = _array(at, "v_init", own["v_init"], shape)
    return Kept(dt, mode, subtract, spikes, first)


def _own(where: str, node: Any) -> Mapping[str, Any]:
    found = (node.metadata or {}).get(KEY, {})
    if not isinstance(found, Mapping):
        fail(where, KEY, found, "must be a group")
    return found


def _nodes(graph: Any, prefix: str, flat: FlatGraph) -> Iterator[tuple[str, Any]]:
    for name, node in graph.nodes.items():
        path = f"{prefix}{name}"
        if path in flat.nodes:
            yield path, node
        elif hasattr(node, "nodes"):
            yield from _nodes(node, f"{path}/", flat)


def _array(where: str, argument: str, value: Any, shape: tuple[int, ...]) -> Floats:
    array = numbers(where, argument, value, dimensions=max(len(shape), 1))
    require(where, argument, array.ravel(), "finite")
    if array.ndim and array.shape != shape:
        fail(where, argument, array.shape, f"must be {shape}, that of the population", got="shape")
    return np.array(np.broadcast_to(array, shape))
