"""What `write_nir` keeps in the metadata of a graph, because the format has no place for it.

The graph has ``{"spikelet": {"dt", "mode", "version"}}``: the step, and how steps are made, that give the written model's
spikes. A node has ``{"spikelet": {"reset": "subtract", "subtract": thresholds, "spikes": "at", "v_init": potentials}}``, each
only if needed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from spikelet._util.checks import choice, fail, numbers, require, scalar
from spikelet.io.nir.equations import Floats, Mode
from spikelet.io.nir.flat import FlatGraph

__all__ = ["KEY", "Kept", "kept"]

KEY = "spikelet"


@dataclass(frozen=True)
class Kept:
    """What the metadata says.

    Attributes
    ----------
    dt : float, optional
    mode : "exact" or "euler", optional
    subtract : mapping of str to array, or None
        Nodes that are reset by subtraction. They spike at this threshold, and it is subtracted; None: they spike above that
        of the graph.
    at : mapping of str to array
        Thresholds of the nodes that spike at the threshold of the graph, because it was written for a reader that does.
    v_init : mapping of str to array
        Initial potentials.
    """

    dt: float | None = None
    mode: Mode | None = None
    subtract: Mapping[str, Floats | None] = field(default_factory=dict)
    at: Mapping[str, Floats] = field(default_factory=dict)
    v_init: Mapping[str, Floats] = field(default_factory=dict)


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
    subtract: dict[str, Floats | None] = {}
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
            threshold = own.get("subtract")
            subtract[name] = None if threshold is None else _array(at, "subtract", threshold, shape)
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
