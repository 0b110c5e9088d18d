"""Compare each layer with ONNX Runtime, on random samples."""

from __future__ import annotations

import dataclasses
import itertools
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
    results : tuple of Data or arrays
    """

    operation: Operation
    operands: tuple[Any, ...]
    results: tuple[Any, ...]

    @property
    def sources(self) -> set[str]:
        """Layers and inputs whose values are compared."""
        return {x.source for x in (*self.operands, *self.results) if isinstance(x, Data)}


def wrong_operation(
    graph: Graph,
    inputs: Mapping[str, Shape],
    batch: int,
    checked: Sequence[Checked],
    names: Mapping[str, str],
    runtime: Runtime,
) -> Operation | None:
    """Return the first operation whose layers give other values than ONNX Runtime, or None.

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
    names : mapping of str to str
        New names of layers.
    runtime : Runtime
    """
    known = {*graph.inputs, *(node.name for node in graph)}
    wrong = [c for c in (_in_graph(c, names, known) for c in checked) if c is not None]
    for dtype in ("float32", "float64"):
        wrong = list(_wrong(graph, inputs, batch, wrong, runtime, dtype))
    return wrong[0].operation if wrong else None


def _in_graph(c: Checked, names: Mapping[str, str], known: set[str]) -> Checked | None:
    """Return it with the results that are in the graph; None if there are none, or if it leaves out an operand.

    A Where whose condition always holds takes one operand, and nothing else may need the other.
    """

    def renamed(x: Any) -> Any:
        return dataclasses.replace(x, source=names.get(x.source, x.source)) if isinstance(x, Data) else x  # fmt: skip

    def is_known(x: Any) -> bool:
        return isinstance(x, Data) and x.source in known

    operands = tuple(map(renamed, c.operands))
    results = tuple(itertools.takewhile(is_known, map(renamed, c.results)))
    left_out = any(isinstance(x, Data) and not is_known(x) for x in operands)
    return c._replace(operands=operands, results=results) if results and not left_out else None


def _wrong(
    graph: Graph,
    inputs: Mapping[str, Shape],
    batch: int,
    checked: Sequence[Checked],
    runtime: Runtime,
    dtype: Any,
) -> Iterator[Checked]:
    """Yield the operations whose layers give other values in a precision."""
    if not checked:
        return
    shapes = graph.shapes(inputs)
    rng = np.random.default_rng(1)
    x = {name: rng.standard_normal((batch, *shapes[name])).astype(dtype) for name in graph.inputs}
    model = SpikingModel(graph, dtype=dtype)
    given: Any = x if len(x) > 1 else next(iter(x.values()))
    for part, names in _parts(checked, lambda name: batch * math.prod(shapes[name])):
        layers = sorted(names - set(graph.inputs))
        result = model.run(given, steps=1, record=[f"{n}.mean" for n in layers])
        values = {**x, **{n: result[f"{n}.mean"] for n in layers}}
        yield from (c for c in part if not _agrees(c, values, runtime, dtype))


def _parts(
    checked: Sequence[Checked], size: Callable[[str], int]
) -> Iterator[tuple[list[Checked], set[str]]]:
    """Yield operations whose values fit into memory together, with the sources of these."""
    part: list[Checked] = []
    names: set[str] = set()
    for c in checked:
        if part and sum(map(size, names | c.sources)) > _HELD:
            yield part, names
            part, names = [], set()
        part.append(c)
        names |= c.sources
    yield part, names


def _agrees(c: Checked, values: Mapping[str, NDArray[Any]], runtime: Runtime, dtype: Any) -> bool:
    def tensor(x: Any) -> Any:
        if isinstance(x, Data):
            return np.ascontiguousarray(x.layout.tensor(values[x.source]))
        is_float = isinstance(x, np.ndarray) and x.dtype in (np.float32, np.float64)
        return x.astype(dtype, copy=False) if is_float else x

    try:
        expected = runtime.values(c.operation, list(map(tensor, c.operands)))
    except (*ERRORS, NotImplementedError):
        return bool(dtype == "float32")  # it is not implemented, or in single precision only
    return all(_equal(tensor(a), b) for a, b in zip(c.results, expected, strict=False))


def _equal(a: NDArray[Any], b: Any) -> bool:
    b = np.asarray(b)
    if a.size != b.size or a.squeeze().shape != b.squeeze().shape:
        return False
    a, b = a.squeeze(), b.squeeze()
    with np.errstate(all="ignore"):
        finite = np.isfinite(b)
        most = np.abs(b[finite]).max(initial=0)
        return bool((np.abs(a[finite] - b[finite]) <= _TOLERANCE * most + 1e-6).all())
