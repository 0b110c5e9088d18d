"""Prepare a conversion: check its inputs, read the ANN, simplify it, and name the neurons that stay analog."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import layers
from spikelet._util.advice import warn_caller
from spikelet._util.checks import fail
from spikelet._util.tensors import array_of
from spikelet.conversion.folding import fold_affine
from spikelet.conversion.layerwise.activity import MAX_POOLS, Floats
from spikelet.conversion.load import read
from spikelet.conversion.neurons import can_spike
from spikelet.conversion.passes import MutableGraph, Pass, run_passes
from spikelet.conversion.recognition import recognize
from spikelet.layers import (
    Activation,
    Affine,
    Concat,
    FirstSpike,
    Foreign,
    Graded,
    Layer,
    Linear,
    Movement,
    Permute,
    ReLU,
    Resize,
    Shape,
)
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph, Node
from spikelet.layers.pools import Pool

__all__ = [
    "MAX_POOLS",
    "Range",
    "add_relays",
    "calibration_inputs",
    "kept_neurons",
    "on_another_scale",
    "pool_parts",
    "prepared",
    "range_of",
    "relay_sums",
    "relayed",
    "simplify",
]


def pool_parts(work: MutableGraph) -> None:
    """Move each maximum pool of concatenated channels before the concatenation, exactly.

    Each part must be a neuron, and nothing else may use the parts or their concatenation. The concatenation takes the name
    of the pool, whose parts are called ``"name.0"``, ``"name.1"``, ...
    """
    uses = work.uses()

    def joins_neurons(name: str) -> bool:
        node = work.nodes.get(name)
        if node is None or not isinstance(node.layer, layers.Concat) or node.layer.axis:
            return False
        parts = [work.nodes[n].layer for n in node.inputs if n in work.nodes]
        alone = all(uses[n] == 1 for n in (name, *node.inputs))
        return alone and len(parts) == len(node.inputs) and all(map(can_spike, parts))

    pools = [node for node in work.nodes.values() if isinstance(node.layer, MAX_POOLS)]
    moved = {pool.inputs[0]: pool for pool in pools if joins_neurons(pool.inputs[0])}
    nodes: list[Node] = []
    for node in work.nodes.values():
        if node.name in moved:
            pool = moved[node.name]
            parts = [Node(f"{pool.name}.{k}", pool.layer, (p,)) for k, p in enumerate(node.inputs)]
            nodes += [*parts, Node(pool.name, node.layer, tuple(part.name for part in parts))]
        elif node not in moved.values():
            nodes.append(node)
    work.update(nodes)


def add_relays(work: MutableGraph) -> None:
    """Add a relay before each layer with weights whose input is the values of a graded unit.

    Behind a layer norm, a product or a softmax, a layer with weights multiplies at each step, because its input is values. A
    relay is an activation that changes nothing and becomes pairs of neurons as other activations do: the layer then adds weights
    for spikes.
    """
    nodes: list[Node] = []
    made: dict[str, str] = {}
    for node in work.nodes.values():
        first, *others = node.inputs or ("",)
        if _weighs(node.layer) and _is_graded(work.nodes, first):
            if first not in made:
                made[first] = f"{first}.relay"
                nodes.append(Node(made[first], Activation("clip"), (first,)))
            node = Node(node.name, node.layer, (made[first], *others))  # noqa: PLW2901
        nodes.append(node)
    work.update(nodes)


def relay_sums(work: MutableGraph) -> None:
    """Add a relay behind each sum that meets weights or spikes to join, for neurons that send nothing but spikes.

    Such sums are the linear bottlenecks of MobileNetV2, for one. What else takes the sum gets the relay's spikes, too.
    """
    sums: set[str] = set()
    made: dict[str, str] = {}
    for node in work.nodes.values():
        among = sums.intersection(node.inputs)
        joins = isinstance(node.layer, Concat) and len(among) < len(set(node.inputs))
        if joins or _weighs(node.layer):
            made |= {name: f"{name}.relay" for name in among}
            among = set()
        moves = isinstance(node.layer, Movement | Concat | Pool)
        fires = can_spike(node.layer) or isinstance(node.layer, FirstSpike)
        if not fires and (among or not moves):
            sums.add(node.name)
    work.update(_with_relays(work.nodes, made))


def relayed(graph: Graph, names: Collection[str]) -> Graph:
    """Return a graph with a relay behind each of some layers, for all that take its output."""
    known = {node.name: node for node in graph}
    nodes = _with_relays(known, {name: f"{name}.relay" for name in names})
    return Graph(nodes, inputs=graph.inputs, outputs=graph.outputs)


def _with_relays(nodes: Mapping[str, Node], made: Mapping[str, str]) -> list[Node]:
    found: list[Node] = []
    for node in nodes.values():
        found.append(Node(node.name, node.layer, tuple(made.get(n, n) for n in node.inputs)))
        if node.name in made:
            relay = ReLU() if _is_positive(nodes, node.name) else Activation("clip")
            found.append(Node(made[node.name], relay, (node.name,)))
    return found


def _is_positive(nodes: Mapping[str, Node], name: str) -> bool:
    keeps = Movement, Pool, Resize
    while name in nodes and isinstance(layer := nodes[name].layer, keeps):
        if getattr(layer, "mode", "") == "cubic":  # whose weights may be negative
            return False
        name = nodes[name].inputs[0]
    return name in nodes and isinstance(nodes[name].layer, ReLU)


def _weighs(layer: Layer) -> bool:
    return isinstance(layer, Linear | Convolution | TransposedConvolution)


def _is_graded(nodes: Mapping[str, Node], name: str) -> bool:
    """Return whether values come from a graded unit, moved perhaps."""
    while name in nodes and isinstance(nodes[name].layer, Movement):
        name = nodes[name].inputs[0]
    layer = nodes[name].layer if name in nodes else None
    return isinstance(layer, Graded) and not can_spike(layer)


def simplify(work: MutableGraph) -> None:
    """Simplify the movements of a graph, whose shapes must be known.

    Readers translate each operator by itself: a linear layer of tokens, for one, is a convolution between two `Permute`.
    Here, functions of single values change places with a reordering before them (the function keeps its name, and then
    acts on what the convolution sends, channel by channel), and chains of movements that leave all values where they were
    are dropped. Outputs and layers that are not movements keep their names.
    """
    while _swap_one(work):
        pass
    nodes = work.nodes
    instead: dict[str, str] = {}
    for name, node in nodes.items():
        nodes[name] = Node(name, node.layer, tuple(instead.get(i, i) for i in node.inputs))
        if name not in work.outputs:
            instead[name] = _origin(work, name)
    work.update(nodes.values())


def _swap_one(work: MutableGraph) -> bool:
    """Swap one function with the reordering before it; return whether there was one."""
    uses = work.uses()
    for node in work.nodes.values():
        if len(node.inputs) != 1 or node.name in work.outputs:
            continue
        move = work.nodes.get(node.inputs[0])
        if move is None or uses[move.name] != 1 or not isinstance(move.layer, Movement):
            continue
        layer = node.layer if _single(node.layer) else _before_permute(move.layer, node.layer)
        before = work.shapes[move.inputs[0]]
        if layer is None or not _reorders(move.layer, before, work.shapes[move.name]):
            continue
        # The function takes what the movement took, and the movement the function's result.
        swapped = (Node(node.name, layer, move.inputs), Node(move.name, move.layer, (node.name,)))
        nodes: list[Node] = []
        for other in work.nodes.values():
            if other is move:
                nodes += swapped
            elif other is not node:
                inputs = tuple(move.name if i == node.name else i for i in other.inputs)
                nodes.append(Node(other.name, other.layer, inputs))
        work.shapes[node.name] = before
        work.update(nodes)
        return True
    return False


def _origin(work: MutableGraph, name: str) -> str:
    """Return the farthest node before a chain of movements that gives the same values in the same shape."""
    after, chain, found = work.shapes[name], list[Movement](), name
    while name in work.nodes and isinstance(layer := work.nodes[name].layer, Movement):
        chain.append(layer)
        name = work.nodes[name].inputs[0]
        shape = work.shapes[name]
        if shape == after and np.array_equal(_moved(chain, shape), np.arange(np.prod(shape))):
            found = name
    return found


def _reorders(layer: Movement, before: Shape, after: Shape) -> bool:
    """Return whether a movement keeps every value, once."""
    size = int(np.prod(before))
    return size == np.prod(after) and set(_moved([layer], before)) >= set(range(size))


def _moved(chain: list[Movement], shape: Shape) -> Any:
    """Return where the values of a chain, given from its end to its begin, come from."""
    index = np.arange(np.prod(shape), dtype=np.int64).reshape(shape)
    for layer in reversed(chain):
        index = layer.moved(index, -1)
    return index.ravel()


def _single(layer: Layer) -> bool:
    """Return whether a layer is one function for all values."""
    test = _SINGLE.get(type(layer))
    return test is not None and test(layer)


def _before_permute(move: Layer, layer: Layer) -> Layer | None:
    """Return an affine map that acts on the input of a reordering of axes, if one does the same."""
    if not isinstance(move, Permute) or not isinstance(layer, Affine):
        return None
    back = np.argsort(move.axes)

    def moved(values: Any) -> Any:
        if values is None:
            return None
        if values.size == 1:  # one number for all, not for one channel
            return values.reshape(())
        values = values.reshape(-1, *[1] * (len(back) - 1)) if values.ndim == 1 else values
        values = values.transpose(back)
        return values.ravel() if values.size == len(values) else values

    return Affine(moved(layer.scale), moved(layer.shift))


_SINGLE: dict[type[Layer], Callable[[Any], bool]] = {
    Activation: lambda layer: max(map(len, layer.parameters())) <= 1,
    Affine: lambda layer: layer.scale.ndim == 0 and (layer.shift is None or layer.shift.ndim == 0),
    ReLU: lambda layer: np.ndim(layer.upper) == 0,
}


# Factors between the largest magnitudes, above and below that of the calibration, that are taken for another scale.
_ABOVE, _BELOW = 2.0, 20.0
_SIGNED = 0.1  # of the largest magnitude, which a least value goes below 0 if it says something
_ENOUGH = 64  # values from which a missing sign is not chance

Range: TypeAlias = tuple[float, float]


def range_of(x: NDArray[Any]) -> Range:
    """Return the least and the largest value."""
    return float(x.min()), float(x.max())


def on_another_scale(x: NDArray[Any], calibration: Range) -> bool:
    """Return whether inputs seem to be on another scale than the calibration: of other magnitudes, or of one sign only."""
    low, high = range_of(x)
    largest, usual = max(high, -low), max(calibration[1], -calibration[0])
    if largest == 0:
        return False
    if largest > _ABOVE * usual or largest * _BELOW < usual:
        return True
    unsigned = low >= 0 and x.size >= _ENOUGH
    return (unsigned and calibration[0] < -_SIGNED * usual) or (
        calibration[0] >= 0 and low < -_SIGNED * usual
    )


def calibration_inputs(where: str, calibration: Any) -> tuple[Floats, ...] | dict[str, Floats]:
    """Return one float32 array [N, ...] for each input of the ANN.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    calibration : array-like; for several inputs a tuple of these, or a mapping by name
    """
    if isinstance(calibration, Mapping):
        given = {f"calibration['{name}']": x for name, x in calibration.items()}
    elif isinstance(calibration, tuple):
        given = {f"calibration[{k}]": x for k, x in enumerate(calibration)}
    else:
        given = {"calibration": calibration}
    if not given:
        fail(where, "calibration", calibration, "must hold an array for each input")
    arrays = {name: _array(where, name, x) for name, x in given.items()}
    count = len(next(iter(arrays.values())))
    for name, x in arrays.items():
        if len(x) != count:
            rule = f"must have as many samples as the first input, {count}"
            fail(where, name, len(x), rule, got="samples")
    if isinstance(calibration, Mapping):
        return dict(zip(calibration, arrays.values(), strict=True))
    return tuple(arrays.values())


def _array(where: str, name: str, value: Any) -> Floats:
    x = array_of(where, name, value)
    if x.ndim < 2 or x.size == 0:
        fail(where, name, x.shape, "must be [N, ...] and not empty", got="shape")
    if x.dtype.kind in "iu" and int(x.max()) > 1:
        warn_caller(
            f"{where}: {name} holds integers up to {x.max()}, which the ANN gets as they are; pass inputs "
            "preprocessed as for the ANN, or as floating-point numbers if it was trained on these"
        )
    x = np.ascontiguousarray(x, np.float32)
    if not np.isfinite(x).all():
        fail(where, name, float(x[~np.isfinite(x)][0]), "must be finite")
    if x.min() == x.max():
        fail(where, name, float(x.flat[0]), "must not be constant", got="nothing but")
    return x


Inputs = tuple[Floats, ...] | Mapping[str, Floats]


def prepared(
    ann: Any, inputs: Inputs, keep: Collection[str] = (), relays: Pass | None = None
) -> Graph:
    """Return the graph to convert: activations recognised, simplified, BatchNorm folded, parts of concatenations pooled.

    Parameters
    ----------
    ann
        As for `spikelet.conversion.load.read`.
    inputs : tuple or mapping of array, [N, ...]
    keep : collection of str
        Names of layers that may stay in their own framework.
    relays : callable, optional
        `add_relays` or `relay_sums`, which insert relays.

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
    passes = [recognize, simplify, fold_affine, pool_parts, *([relays] if relays else [])]
    return run_passes("convert", graph, *passes, shapes=graph.shapes(shapes))


def kept_neurons(
    where: str,
    graph: Graph,
    keep: Iterable[str] | Callable[[str], bool],
    made: tuple[type[Layer], ...] = (),
) -> frozenset[str]:
    """Return the names of the neurons that stay analog; there must be others, unless all layers are graded.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    graph : Graph
    keep
        As for `convert`; the reader has checked names that are not those of layers of the graph.
    made : tuple of type
        Neurons that remain as they are, so that a network of these need have no others.
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
    graded = [n.name for n in graph if isinstance(n.layer, (Graded, *made))]
    if names or not graded:
        rule = "must have a ReLU or another activation that becomes spiking"
        fail(where, "ann", names, rule, got="only the activations")
    return frozenset()
