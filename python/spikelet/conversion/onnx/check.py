"""Compare each layer with ONNX's reference implementation, on random samples."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import ERRORS, Data
from spikelet.conversion.onnx.operation import Operation
from spikelet.conversion.onnx.reference import Reference
from spikelet.layers import Shape
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["Checked", "wrong_layer"]

_TOLERANCE = 1e-3  # relative to the largest value; both compute in float32 at first
_HELD = 1 << 26  # values that are recorded at a time
_SECONDS = 2.0  # that one operation may take in the reference


@dataclass(frozen=True)
class Checked:
    """An operation that was converted.

    Parameters
    ----------
    operation : Operation
    operands : tuple
        Data, arrays, or None for an omitted operand.
    results : tuple of Data or arrays
    """

    operation: Operation
    operands: tuple[Any, ...]
    results: tuple[Any, ...]

    def renamed(self, names: Mapping[str, str]) -> Checked:
        """Return it with other names of layers."""

        def new(x: Any) -> Any:
            return dataclasses.replace(x, source=names.get(x.source, x.source)) if isinstance(x, Data) else x  # fmt: skip

        operands, results = tuple(map(new, self.operands)), tuple(map(new, self.results))
        return dataclasses.replace(self, operands=operands, results=results)

    def known(self, names: set[str]) -> Checked | None:
        """Return it with the results that are in the graph; None if there are none, or if it leaves out an operand.

        A Where whose condition always holds takes one operand, and nothing else may need the other.
        """
        if not all(x.source in names for x in self.operands if isinstance(x, Data)):
            return None
        results = []
        for y in self.results:
            if not isinstance(y, Data) or y.source not in names:
                break
            results.append(y)
        return dataclasses.replace(self, results=tuple(results)) if results else None

    @property
    def sources(self) -> set[str]:
        """Layers and inputs whose values are compared."""
        return {x.source for x in (*self.operands, *self.results) if isinstance(x, Data)}


def wrong_layer(
    graph: Graph,
    inputs: Mapping[str, Shape],
    batch: int,
    checked: Sequence[Checked],
    reference: Reference,
) -> Checked | None:
    """Return the first operation whose layers give other values than ONNX, or None.

    Each is evaluated on the values of the layers before it. Both compute in single precision, and what differs then in double
    precision: the norm of values that hardly vary about a large mean has no correct digits in single precision.

    Parameters
    ----------
    graph : Graph
    inputs : mapping of str to tuple of int
        Shape of one sample of each input.
    batch : int
        Number of samples.
    checked : sequence of Checked
    reference : Reference
    """
    wrong: Sequence[Checked] = checked
    for dtype in ("float32", "float64"):
        wrong = list(_wrong(graph, inputs, batch, wrong, reference, dtype))
    return wrong[0] if wrong else None


def _wrong(
    graph: Graph,
    inputs: Mapping[str, Shape],
    batch: int,
    checked: Sequence[Checked],
    reference: Reference,
    dtype: Any,
) -> Iterator[Checked]:
    """Yield the operations whose layers give other values in a precision."""
    shapes = graph.shapes(inputs)
    known = {*graph.inputs, *(node.name for node in graph)}
    todo = [c for c in (c.known(known) for c in checked) if c is not None]
    rng = np.random.default_rng(1)
    x = {name: rng.standard_normal((batch, *shapes[name])).astype(dtype) for name in graph.inputs}
    model = SpikingModel(graph, dtype=dtype)
    given: Any = x if len(x) > 1 else next(iter(x.values()))
    while todo:
        part, names = _part(todo, shapes, batch)
        todo = todo[len(part) :]
        layers = sorted(names - set(graph.inputs))
        result = model.run(given, steps=1, record=[f"{n}.mean" for n in layers])
        values = {**x, **{n: result[f"{n}.mean"] for n in layers}}
        for c in part:
            if not _agrees(c, values, reference, dtype):
                yield c


def _part(
    todo: Sequence[Checked], shapes: Mapping[str, Shape], batch: int
) -> tuple[list[Checked], set[str]]:
    """Return the operations whose values fit into memory together."""
    names: set[str] = set()
    for k, c in enumerate(todo):
        more = names | c.sources
        if k and sum(batch * math.prod(shapes[n]) for n in more) > _HELD:
            return list(todo[:k]), names
        names = more
    return list(todo), names


def _agrees(
    c: Checked, values: Mapping[str, NDArray[Any]], reference: Reference, dtype: Any
) -> bool:
    operands = [
        x.layout.tensor(values[x.source]) if isinstance(x, Data) else _in_precision(x, dtype)
        for x in c.operands
    ]
    found = [y.layout.tensor(values[y.source]) for y in c.results if isinstance(y, Data)]
    if reference.effort(c.operation, c.operands, found[0].shape) > _SECONDS:
        return True
    try:
        expected = reference.values(c.operation, operands)
    except (*ERRORS, NotImplementedError):
        return bool(dtype == "float32")  # the reference lacks it, or takes single precision only
    return all(_equal(a, b) for a, b in zip(found, expected, strict=False))


def _in_precision(constant: Any, dtype: Any) -> Any:
    """Return a constant in the precision of the data, if it is a floating-point one."""
    is_float = isinstance(constant, np.ndarray) and constant.dtype in (np.float32, np.float64)
    return constant.astype(dtype) if is_float else constant


def _equal(a: NDArray[Any], b: Any) -> bool:
    b = np.asarray(b)
    if a.size != b.size or a.squeeze().shape != b.squeeze().shape:
        return False
    a, b = a.squeeze(), b.squeeze()
    with np.errstate(all="ignore"):
        finite = np.isfinite(b)
        if not finite.any():
            return True
        most = np.abs(b[finite]).max()
        return bool((np.abs(a[finite] - b[finite]) <= _TOLERANCE * most + 1e-6).all())
