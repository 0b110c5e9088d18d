"""Recognize activations that an ANN writes as several operators: ``x * sigmoid(x)``, ``where(x > 0, x, slope * x)``.

Readers translate each operator by itself. Products would then be graded, whereas neurons follow an activation, and no layer
compares. Here a part of the graph that computes a known function of one node is found by its values.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import field
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import hint_for, refuse
from spikelet.conversion.passes import MutableGraph
from spikelet.layers import (
    Activation,
    Add,
    Affine,
    Divide,
    Graded,
    Layer,
    Maximum,
    Minimum,
    Multiply,
    ReLU,
    Shape,
)
from spikelet.layers.graph import Node

Floats = NDArray[np.float64]
Found = tuple[Any, ...]  # the name of a function, and its parameters

_NEAR = 12.0  # functions bend within this distance of 0
_TINY, _FAR = np.geomspace(1e-12, 5e-3, 20), np.geomspace(12.5, 1e30, 160)
_HALVINGS = 80  # of an interval in which a comparison changes
_FARTHEST = 8  # operators from the first to the last one
_CONSTANTS = 1 << 14  # that differ; more would take long
_TOLERANCE = (
    1e-6  # relative, at least to values near 0: constants may have been in single precision
)
_GUARD = -2.0  # lower bounds below this guard against rare values
_KNOWN = (("silu",), ("hardswish",), ("gelu",), ("gelu_tanh",), ("mish",), ("silu", 1.702))


class Elementwise(Graded):
    """An operator on each value that no layer computes, such as a comparison: it must be a part of a known activation.

    Parameters
    ----------
    function : callable
        Of arrays, as in numpy.
    operands : tuple
        Its arguments: constants, and None in place of each input.
    where, kind : str
        The layer and the operator, for error messages.
    """

    inputs: ClassVar[int | None] = None
    fewest: ClassVar[int] = 1

    function: Callable[..., Any]
    operands: tuple[Any, ...] = field(default=(None,))
    where: str = ""
    kind: str = ""

    @property
    def constants(self) -> list[Floats]:
        """The constant operands."""
        return [a for a in self.operands if a is not None]

    def _shape(self, where: str, shapes: list[Shape]) -> Shape:  # noqa: ARG002
        return np.broadcast_shapes(*shapes, *(a.shape for a in self.constants))


def clip_layers(low: float | None, high: float | None) -> list[tuple[str, Layer]]:
    """Return the layers that clip to bounds, of which either may be missing, with a suffix for the name of each.

    They are a ReLU between shifts, or a clip if a bound is far below 0. A bound such as -20 guards against rare values. A
    neuron for x + 20 would have to resolve x in steps of a value that never comes near 0.
    """
    if low is None:  # min(x, h) = h - relu(h - x)
        return [("below", Affine(-1.0, high)), ("relu", ReLU()), ("", Affine(-1.0, high))]
    if low == 0:
        return [("", ReLU(high))]
    if low < _GUARD:
        return [("", Activation("clip", low, high))]
    bounded = ReLU(None if high is None else high - low)
    return [("above", Affine(1.0, -low)), ("relu", bounded), ("", Affine(1.0, low))]


def recognize(work: MutableGraph) -> None:
    """Replace each part that computes a known function of one node by that function; layers keep their names.

    Raises
    ------
    ValueError
        If a comparison is not a part of a known activation; the message names it.
    """
    nodes = work.nodes
    made: dict[str, list[Node]] = {}
    instead: dict[str, str] = {}  # nodes that return their input
    needed = set(work.outputs)
    for node in reversed(nodes.values()):
        if node.name not in needed:
            continue
        found = _function(nodes, node)
        if found is None:
            needed.update(node.inputs)
            continue
        source, function = found
        needed.add(source)
        if function[0] == "identity" and node.name not in work.outputs:
            instead[node.name] = source
        made[node.name] = _nodes(node.name, source, *function)
    work.update([n for node in nodes.values() for n in made.get(node.name, [node])], instead)
    for node in work.nodes.values():
        if isinstance(node.layer, Elementwise):
            refuse(node.layer.where, "cannot be converted", hint_for(node.layer.kind))


def _nodes(name: str, source: str, function: str, *parameters: Any) -> list[Node]:
    if function == "clip":
        layers = clip_layers(*parameters)
    else:
        alike = function == "identity"
        layers = [("", Affine(1.0) if alike else Activation(function, *parameters))]
    nodes = []
    for suffix, layer in layers:
        nodes.append(Node(f"{name}.{suffix}" if suffix else name, layer, (source,)))
        source = nodes[-1].name
    return nodes


# --- the part of a graph that may be an activation ------------------------------------------------

_OF_INPUTS: dict[type, Callable[..., Any]] = {
    Add: lambda *x: sum(a.astype(np.float64) for a in x),
    Multiply: np.multiply,
    Divide: np.divide,
    Maximum: np.maximum,
    Minimum: np.minimum,
}
_OF_EACH_VALUE = (*_OF_INPUTS, Affine, ReLU, Activation, Elementwise)
_TELLING = (Multiply, Divide, Maximum, Minimum, Elementwise)
_LAST = (Add, Affine, *_TELLING)


def _function(nodes: dict[str, Node], last: Node) -> tuple[str, Found] | None:
    """Return the node of which another one is a known function, and this function."""
    if not isinstance(last.layer, _LAST) or not any(
        isinstance(nodes[name].layer, _TELLING)
        for name in (last.name, *_before(nodes, last))
        if name in nodes
    ):
        return None
    for source in _before(nodes, last):
        part = _between(nodes, source, last)
        found = None if part is None else _known(_Formula(source, part))
        if found is not None:
            return source, found
    return None


def _before(nodes: dict[str, Node], last: Node) -> Iterator[str]:
    """Yield the names of the nodes before one, the nearest first, as far as they are functions of each value."""
    seen: dict[str, None] = {}
    level = dict.fromkeys(last.inputs)
    for _ in range(_FARTHEST):
        yield from level
        seen.update(level)
        inner = (
            nodes[n] for n in level if n in nodes and isinstance(nodes[n].layer, _OF_EACH_VALUE)
        )
        level = dict.fromkeys(i for n in inner for i in n.inputs if i not in seen)


def _between(nodes: dict[str, Node], source: str, last: Node) -> list[Node] | None:
    """Return the nodes from one to the last one, in order; None if they depend on another one."""
    found: dict[str, Node] = {}

    def visit(name: str, left: int) -> bool:
        if name == source or name in found:
            return True
        node = nodes.get(name)
        if node is None or not left or not isinstance(node.layer, _OF_EACH_VALUE):
            return False
        if not all(visit(i, left - 1) for i in node.inputs):
            return False
        found[name] = node
        return True

    return list(found.values()) if visit(last.name, _FARTHEST) else None


class _Formula:
    """A function of each value of a node, computed by the nodes behind it.

    Constants that are the same along an axis have length 1 there.

    Attributes
    ----------
    shape : tuple of int
        Shape of all constants together, with as many axes as a sample.
    numbers : list of float
        The numbers among the constants, and their reciprocals.
    compares : bool
    """

    def __init__(self, source: str, nodes: Sequence[Node]) -> None:
        every = [a for node in nodes for a in _constants(node.layer)]
        self.rank = max((a.ndim for a in every), default=1) or 1
        self._source, self._nodes = source, nodes
        self._constants = {n.name: [_narrow(a) for a in self._over(n.layer)] for n in nodes}
        given = [a for node in nodes for a in self._constants[node.name]]
        self.shape = np.broadcast_shapes((1,) * self.rank, *(a.shape for a in given))
        single = dict.fromkeys(float(a.flat[0]) for a in given if a.size == 1)
        self.numbers = list(dict.fromkeys([*single, *(1 / a for a in single if a)]))
        self.compares = any(isinstance(node.layer, Elementwise) for node in nodes)

    def of(self, x: Floats) -> Floats:
        """Return the values for inputs [n, ...], broadcast over the constants."""
        y = self._values(x)[self._nodes[-1].name].astype(np.float64)
        return np.array(np.broadcast_to(y, np.broadcast_shapes(x.shape, y.shape)))

    def jumps(self, x: Floats) -> Floats:
        """Return inputs [m, ...] on both sides of each change of a comparison between ascending inputs [n, ...]."""
        x = np.broadcast_to(x, (len(x), *self.shape))
        low: list[Floats] = []
        high: list[Floats] = []
        which: list[int] = []
        for k, y in enumerate(self._compared(x)):
            changes = y[1:] != y[:-1]
            place = np.argsort(~changes, axis=0, kind="stable")[
                : int(changes.sum(axis=0).max(initial=0))
            ]
            low.append(np.take_along_axis(x[:-1], place, 0))
            high.append(np.take_along_axis(x[1:], place, 0))
            which += [k] * len(place)
        a, b = np.concatenate(low), np.concatenate(high)
        if not len(a):
            return a
        rows = (np.array(which), np.arange(len(a)))
        before = np.stack(self._compared(a))[rows]
        for _ in range(_HALVINGS):
            middle = a + (b - a) / 2
            same = np.stack(self._compared(middle))[rows] == before
            a, b = np.where(same, middle, a), np.where(same, b, middle)
        return np.concatenate([a, b])

    def _compared(self, x: Floats) -> list[Any]:
        """Return the results of the comparisons."""
        values = self._values(x)
        found = [values[n.name] for n in self._nodes if isinstance(n.layer, Elementwise)]
        compared = [y for y in found if y.dtype == bool or np.isin(y, (-1, 0, 1)).all()]
        return [np.broadcast_to(y.astype(np.float64), x.shape) for y in compared]

    def _values(self, x: Floats) -> dict[str, Floats]:
        values = {self._source: x}
        with np.errstate(all="ignore"):  # inputs reach far
            for node in self._nodes:
                given = [values[i] for i in node.inputs]
                values[node.name] = _value(node.layer, given, self._constants[node.name])
        return values

    def _over(self, layer: Layer) -> list[Floats]:
        """Return the constants of a layer in a shape that broadcasts to samples."""
        ones = (1,) * (self.rank - 1)
        by_channel = not isinstance(layer, Elementwise)
        return [
            a.reshape(-1, *ones) if by_channel and a.ndim == 1 else a for a in _constants(layer)
        ]


def _value(layer: Layer, x: list[Floats], constants: list[Floats]) -> Floats:
    """Return the values of a layer for those of its inputs."""
    if isinstance(layer, Elementwise):
        given, fixed = iter(x), iter(constants)
        operands = (next(given if a is None else fixed) for a in layer.operands)
        return np.asarray(layer.function(*operands))
    if isinstance(layer, Affine):
        return np.asarray(x[0] * constants[0] + sum(constants[1:]))
    if isinstance(layer, ReLU | Activation):
        wide = np.broadcast_shapes(x[0].shape, *((1, *np.shape(a)) for a in constants))
        return layer.of(np.broadcast_to(x[0], wide).astype(np.float64))
    return np.asarray(_OF_INPUTS[type(layer)](*x))


def _constants(layer: Layer) -> list[Floats]:
    match layer:
        case Elementwise():
            return layer.constants
        case Affine(scale=scale, shift=shift):
            return [scale] if shift is None else [scale, shift]
        case ReLU(upper=upper):
            return [] if upper is None else [np.asarray(upper)]
        case Activation():
            return [a for a in layer.parameters() if a.size]
    return []


def _narrow(constant: Floats) -> Floats:
    """Return a constant with length 1 along the axes where it is the same."""
    for axis in range(constant.ndim):
        first = constant.take([0], axis)
        if (constant == first).all():
            constant = first
    return constant


# --- the known function with its values -----------------------------------------------------------


def _known(formula: _Formula) -> Found | None:
    """Return the name and the parameters of the known function with the values of a formula."""
    if np.prod(formula.shape) > _CONSTANTS:
        return None
    numbers = [v for v in formula.numbers if np.isfinite(v)] if formula.compares else []
    has_infinite = formula.compares and len(numbers) < len(formula.numbers)
    x = _grid(numbers).reshape(-1, *[1] * formula.rank)
    slope = -formula.of(np.full_like(x[:1], -1.0))[0]
    y = formula.of(x)
    candidates = (
        _comparing(slope, numbers) if formula.compares else iter((*_KNOWN, ("leaky_relu", slope)))
    )
    best, found = np.inf, None
    for function, *parameters in candidates:
        miss = _miss(x, y, _values(function, parameters, x), has_infinite)
        if miss < best:
            best, found = miss, (function, *parameters)
    if found is None or best > 1:
        return None
    function, *parameters = found
    if formula.compares:
        x = formula.jumps(x)
        if _miss(x, formula.of(x), _values(function, parameters, x), has_infinite) > 1:
            return None
    if function != "leaky_relu":
        return found
    if slope.size not in (1, slope.shape[0]) or np.allclose(slope, 1):
        return None  # a slope for each pixel, or a sum of parts that is the input
    return function, float(slope.flat[0]) if slope.size == 1 else slope.ravel()


def _grid(numbers: Sequence[float]) -> Floats:
    """Return ascending inputs: near 0 and far, at a formula's constants, just beside them, and at pairwise sums and products."""
    half = np.concatenate([_TINY, np.linspace(0.01, _NEAR, 600), _FAR])
    known = [
        *numbers,
        *(f for a, b in itertools.combinations(numbers, 2) for f in (a * b, a + b, a - b)),
    ]
    at = np.array([v for v in known if np.isfinite(v)], dtype=np.float64)
    beside = np.concatenate([at, at * (1 - 1e-9), at * (1 + 1e-9)])
    return np.unique(np.concatenate([-half, [0.0], half, beside, -beside]))


def _miss(x: Floats, y: Floats, values: Floats, has_infinite: bool) -> float:
    """Return by how much a function misses the values y of a formula, as a multiple of the tolerance."""
    if not y.size:
        return 0.0
    # A formula may overflow far away where the function does not, unless infinity is one of its values.
    overflown = ~np.isfinite(y) & (np.abs(x) > _NEAR) & (not has_infinite)
    near = np.abs(np.where(np.isfinite(y) & (np.abs(x) <= _NEAR), y, 0))
    size = min(1.0, float(near.max()) or 1.0)
    with np.errstate(over="ignore", invalid="ignore"):
        # The identity is what a guard against small values leaves: an absolute bound would lose the guard.
        bound = _TOLERANCE * np.maximum(np.abs(values), 0 if values is x else size)
        miss = np.abs(y - values) / np.maximum(bound, np.finfo(float).tiny)
    return float(np.where(overflown, 0, np.nan_to_num(miss, nan=np.inf)).max())


def _comparing(slope: Floats, numbers: list[float]) -> Iterator[Found]:
    """Yield functions that comparisons may be part of, with parameters among the numbers of the formula."""
    positive = [v for v in numbers if v > 0] or [1.0]
    pairs = list(itertools.product(numbers, numbers))
    bounds = dict.fromkeys((0.0, *numbers))
    yield ("identity",)
    yield from (("clip", low, None) for low in bounds)
    yield from (("clip", None, high) for high in bounds)
    yield from (
        ("clip", low, high) for low, high in itertools.product(bounds, bounds) if low < high
    )
    yield "leaky_relu", slope
    for name in ("celu", "elu", "softshrink", "hardshrink"):
        yield from ((name, alpha) for alpha in dict.fromkeys((1.0, *positive)))
    yield from (("softplus", b, t) for b in dict.fromkeys((1.0, *positive)) for t in positive)
    yield from (("threshold", *pair) for pair in pairs)
    yield from (("selu", *pair) for pair in pairs)


def _values(function: str, parameters: Sequence[Any], x: Floats) -> Floats:
    match function:
        case "identity":
            return x
        case "clip":
            low, high = parameters
            return np.clip(x, -np.inf if low is None else low, np.inf if high is None else high)
        case "leaky_relu":
            with np.errstate(over="ignore", invalid="ignore"):
                return np.where(x > 0, x, x * parameters[0])
    found = Activation(function, *parameters).of(x.reshape(1, 1, -1))
    return np.asarray(found).reshape(x.shape)
