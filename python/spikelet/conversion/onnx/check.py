"""Compare each layer with ONNX Runtime, on random samples."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.building import ERRORS, Data
from spikelet.conversion.onnx.operation import Operation
from spikelet.conversion.onnx.runtime import Runtime
from spikelet.layers import Shape
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["Checked", "wrong_operation"]

_TOLERANCE = 1e-3  # relative to the largest value; both compute in float32 at first
_HELD = 1 << 26  # values that are recorded at a time


class Checked(NamedTuple):
    """An operation that was converted.

    Parameters
    ----------
    operation : Operation
    operands : tuple
        Data, arrays, or None for an omitted operand.
    results : tuple
        Data, or anything else, which is not compared.
    """

    operation: Operation
    operands: tuple[Any, ...]
    results: tuple[Any, ...]

    def within(self, nodes: Mapping[str, Any]) -> Checked:
        """Return it with the results that are among the nodes of a graph: () without any, or if an operand is not.

        A Where whose condition always holds takes one operand, and nothing else may need the other.
        """
        operands = {x.source for x in self.operands if isinstance(x, Data)}
        is_known = [isinstance(y, Data) and y.source in nodes for y in self.results]
        found = tuple(y if k else None for y, k in zip(self.results, is_known, strict=True))
        return self._replace(results=found if any(is_known) and operands <= nodes.keys() else ())

    @property
    def sources(self) -> set[str]:
        """Layers and inputs whose values are compared."""
        return {x.source for x in (*self.operands, *self.results) if isinstance(x, Data)}


def wrong_operation(
    graph: Graph,
    shapes: Mapping[str, Shape],
    batch: int,
    checked: Sequence[Checked],
    runtime: Runtime,
) -> Operation | None:
    """Return the first operation whose layers give other values than ONNX Runtime, or None.

    Each is evaluated on the values of the layers before it. Both compute in single precision, and what differs then in double
    precision: the norm of values that hardly vary about a large mean has no correct digits in single precision.

    Parameters
    ----------
    graph : Graph
    shapes : mapping of str to tuple of int
        Shape of one sample of each input and layer.
    batch : int
        Number of samples.
    checked : sequence of Checked
        Their operands and results are in the graph.
    runtime : Runtime
    """
    wrong = list(checked)
    for dtype in ("float32", "float64"):
        if not wrong:
            return None
        todo, wrong = wrong, []
        rng = np.random.default_rng(1)
        x = {n: rng.standard_normal((batch, *shapes[n])).astype(dtype) for n in graph.inputs}
        model = SpikingModel(graph, dtype=dtype)
        for part in _parts(todo, lambda name: batch * math.prod(shapes[name])):
            layers = sorted({name for c in part for name in c.sources} - set(x))
            result = model.run(x, steps=1, record=[f"{n}.mean" for n in layers])
            values = {**x, **{n: result[f"{n}.mean"] for n in layers}}
            wrong += [c for c in part if not _agrees(c, values, runtime, dtype)]
    return wrong[0].operation if wrong else None


def _parts(todo: Sequence[Checked], size: Callable[[str], int]) -> Iterator[list[Checked]]:
    """Yield operations whose values fit into memory together."""
    part: list[Checked] = []
    names: set[str] = set()
    for c in todo:
        if part and sum(map(size, names | c.sources)) > _HELD:
            yield part
            part, names = [], set()
        part.append(c)
        names |= c.sources
    if part:
        yield part


def _agrees(c: Checked, values: Mapping[str, NDArray[Any]], runtime: Runtime, dtype: Any) -> bool:
    def tensor(x: Any) -> Any:
        if isinstance(x, Data):
            return np.ascontiguousarray(x.layout.tensor(values[x.source]))
        is_float = isinstance(x, np.ndarray) and x.dtype in (np.float32, np.float64)
        return x.astype(dtype, copy=False) if is_float else x

    try:
        expected = runtime.values(c.operation, list(map(tensor, c.operands)))
    except (*ERRORS, MemoryError):
        return bool(dtype == "float32")  # it is not implemented, or in single precision only
    pairs = zip(c.results, expected, strict=False)
    return all(_equal(tensor(y), found) for y, found in pairs if y is not None)


def _equal(a: NDArray[Any], b: Any) -> bool:
    a, b = a.squeeze(), np.squeeze(b)
    if a.shape != b.shape:
        return False
    with np.errstate(all="ignore"):
        finite = np.isfinite(b)
        most = np.abs(b[finite]).max(initial=0)
        return bool((np.abs(a[finite] - b[finite]) <= _TOLERANCE * most + 1e-6).all())
