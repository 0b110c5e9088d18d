"""The ANN of a conversion: read, with BatchNorm folded, and which of its neurons stay analog."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from spikelet._util.checks import fail
from spikelet.conversion.activations import can_spike
from spikelet.conversion.folding import fold_affine
from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.layerwise.pools import pool_parts
from spikelet.conversion.load import read
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation.relays import add_relays
from spikelet.conversion.preparation.simplify import simplify
from spikelet.conversion.recognition import recognize
from spikelet.layers import Foreign, Graded
from spikelet.layers.graph import Graph

__all__ = ["kept_neurons", "prepared"]

Inputs = tuple[Floats, ...] | Mapping[str, Floats]


def prepared(
    ann: Any, inputs: Inputs, keep: Collection[str] = (), *, relays: bool = False
) -> Graph:
    """Return the graph to convert: activations recognised, simplified, BatchNorm folded, parts of concatenations pooled.

    Parameters
    ----------
    ann
        As for `spikelet.conversion.load.read`.
    inputs : tuple or mapping of array, [N, ...]
    keep : collection of str
        Names of layers that may stay in their own framework.
    relays : bool
        Insert relays behind graded units.

    Raises
    ------
    ValueError
        If the ANN cannot be read; an error about images with channels last says so.
    """
    if isinstance(inputs, Mapping):
        shapes: Any = {name: x.shape[1:] for name, x in inputs.items()}
        first = next(iter(inputs.values())).shape[1:]
    else:
        several = [x.shape[1:] for x in inputs]
        shapes, first = several[0] if len(several) == 1 else several, several[0]
    try:
        graph = read(ann, shapes, keep=keep)
    except ValueError as error:
        known = "(height, width, channels)" in str(error)
        if not known and len(first) == 3 and first[2] in (1, 3, 4) and first[0] not in (1, 3, 4):
            hint = "the calibration seems to have its channels last; pass x.transpose(0, 3, 1, 2)"
            raise ValueError(f"{error}; {hint}") from None
        raise
    passes = [recognize, simplify, fold_affine, pool_parts, *([add_relays] if relays else [])]
    return run_passes("convert", graph, *passes, shapes=graph.shapes(shapes))


def kept_neurons(
    where: str, graph: Graph, keep: Iterable[str] | Callable[[str], bool]
) -> frozenset[str]:
    """Return the names of the neurons that stay analog; there must be others, unless all layers are graded.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    graph : Graph
    keep
        As for `convert`; the reader has checked names that are not those of layers of the graph.
    """
    names = [n.name for n in graph if can_spike(n.layer)]
    if callable(keep):
        kept = {n for n in names if keep(n)}
    else:
        wanted = {keep} if isinstance(keep, str) else set(keep)
        kept = wanted.intersection(names)
        for name in sorted(wanted - kept):
            if name in graph and not isinstance(graph[name].layer, Foreign):
                rule = f"must be one of the neurons {', '.join(names)}, or a layer that does not convert"
                fail(where, "keep", name, rule)
    if set(names) - kept:
        return frozenset(kept)
    graded = [n.name for n in graph if isinstance(n.layer, Graded)]
    if names or not graded:
        rule = "must have a ReLU or another activation that becomes spiking"
        fail(where, "ann", names, rule, got="only the activations")
    return frozenset()
