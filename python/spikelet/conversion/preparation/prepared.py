"""The ANN of a conversion: read, with BatchNorm folded, and which of its neurons stay analog."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

from spikelet._util.checks import fail
from spikelet.conversion.activations import can_spike
from spikelet.conversion.folding import fold
from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.layerwise.pools import pool_parts
from spikelet.conversion.load import read
from spikelet.conversion.preparation.relays import with_relays
from spikelet.conversion.preparation.simplify import simplify
from spikelet.conversion.recognition import recognize
from spikelet.layers import Graded
from spikelet.layers.graph import Graph

__all__ = ["kept_neurons", "prepared"]

Inputs = tuple[Floats, ...] | Mapping[str, Floats]


def prepared(
    ann: Any, inputs: Inputs, analog: Collection[str], *, relays: bool = False, **how: Any
) -> Graph:
    """Return the graph to convert: activations recognised, simplified, BatchNorm folded, parts of concatenations pooled.

    Parameters
    ----------
    ann
        As for `spikelet.conversion.load.read`.
    inputs : tuple or mapping of array, [N, ...]
    analog : collection of str
        Names of layers that may stay in their own framework.
    relays : bool
        Insert relays behind graded units.
    **how
        `outputs` and `fixed` of `read`.

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
        graph = read(ann, shapes, analog=analog, **how)
    except ValueError as error:
        known = "(height, width, channels)" in str(error)
        if not known and len(first) == 3 and first[2] in (1, 3, 4) and first[0] not in (1, 3, 4):
            hint = "the calibration seems to have its channels last; pass x.transpose(0, 3, 1, 2)"
            raise ValueError(f"{error}; {hint}") from None
        raise
    graph = pool_parts(fold(simplify(recognize(graph), shapes)))
    return with_relays(graph) if relays else graph


def kept_neurons(
    where: str,
    graph: Graph,
    keep: Iterable[str] | Callable[[str], bool],
    analog: Collection[str],
) -> frozenset[str]:
    """Return the names of the neurons that stay analog; there must be others, unless all layers are graded.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    graph : Graph
    keep, analog
        As for `convert`; names of other layers in `analog` concern the reader.
    """
    names = [n.name for n in graph if can_spike(n.layer)]
    if callable(keep):
        kept = {n for n in names if keep(n)}
    else:
        kept = {keep} if isinstance(keep, str) else set(keep)
        for name in kept:
            if name not in names:
                fail(where, "keep", name, f"must be one of the neurons {', '.join(names)}")
    kept |= set(names).intersection(analog)
    if set(names) - kept:
        return frozenset(kept)
    graded = [n.name for n in graph if isinstance(n.layer, Graded)]
    if names or not graded:
        rule = "must have a ReLU or another activation that becomes spiking"
        fail(where, "ann", names, rule, got="only the activations")
    return frozenset()
