"""Metadata that `write_nir` adds to a graph: properties for which the format has no place.

The graph has ``{"spikelet": {"dt", "mode", "version"}}``: the step, and how steps are made, that give the written model's
spikes. A node has ``{"spikelet": {"reset": "subtract", "subtract": thresholds, "spikes": "at", "v_init": potentials}}``, each
only if needed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet._util.checks import choice, fail, numbers, require, scalar
from spikelet.io.nir.equations import Floats, Mode
from spikelet.io.nir.flat import FlatGraph

__all__ = ["KEY", "Kept", "kept"]

KEY = "spikelet"


@dataclass(frozen=True)
class Kept:
    """The metadata of a graph and its nodes.

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

    dt: float | None
    mode: Mode | None
    subtract: dict[str, Floats | None]
    at: dict[str, Floats]
    v_init: dict[str, Floats]


def kept(graph: Any, flat: FlatGraph) -> Kept:
    """Return what the metadata of a graph says, after checks.

    Raises
    ------
    ValueError
        If a value breaks its rule.
    """
    where = f"{flat.where}: metadata of the graph"
    whole = _own(where, graph.metadata or {})
    dt, mode = whole.get("dt"), whole.get("mode")
    if dt is not None:
        dt = scalar(where, "dt", dt, "finite and > 0")
    if mode is not None:
        choice(where, "mode", mode, "exact", "euler")
    found = Kept(dt, mode, {}, {}, {})
    for name, node in flat.nodes.items():
        at = f"{flat.where}: metadata of node '{name}'"
        own = _own(at, node.metadata)
        if "reset" in own:
            choice(at, "reset", own["reset"], "subtract")
            given = own.get("subtract")
            found.subtract[name] = (
                None if given is None else _array(at, "subtract", given, node.takes)
            )
        if "spikes" in own:
            choice(at, "spikes", own["spikes"], "at")
            if "v_threshold" not in node.values:
                fail(at, "spikes", own["spikes"], "must belong to a neuron with a threshold")
            found.at[name] = _array(at, "v_threshold", node.values["v_threshold"], node.takes)
        if "v_init" in own:
            found.v_init[name] = _array(at, "v_init", own["v_init"], node.takes)
    return found


def _own(where: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    found = metadata.get(KEY, {})
    if not isinstance(found, Mapping):
        fail(where, KEY, found, "must be a group")
    return found


def _array(where: str, argument: str, value: Any, shape: tuple[int, ...]) -> Floats:
    array = numbers(where, argument, value, dimensions=max(len(shape), 1))
    require(where, argument, array.ravel(), "finite")
    if array.ndim and array.shape != shape:
        fail(where, argument, array.shape, f"must be {shape}, that of the population", got="shape")
    return np.array(np.broadcast_to(array, shape))
