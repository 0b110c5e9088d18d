"""Run single operations in ONNX Runtime, infer the shapes of their results, and compare layers with them."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikelet._util.extras import extra
from spikelet.conversion.building import ERRORS, Data
from spikelet.conversion.onnx.model import OLDEST, READER, Operation, version_of
from spikelet.layers import Shape
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

_SHORT = 64  # values of a constant that may determine a shape
# Before version 22, the shape inference of these counts windows that begin in the padding behind the image.
_POOLS = frozenset({"MaxPool", "AveragePool", "LpPool"})
_FORMAT = 10  # version of the file format; ONNX Runtime may be older than onnx


class Tensor(NamedTuple):
    """Shape, None if it is not known, and type of a tensor."""

    shape: Shape | None
    kind: int


class Runtime:
    """Evaluates operations of a model, and infers their shapes.

    Parameters
    ----------
    model : onnx.ModelProto
    """

    def __init__(self, model: Any) -> None:
        self.onnx = extra("onnx", READER, "onnx")
        self.float: int = self.onnx.TensorProto.FLOAT
        self.version = version_of(model)
        self._domains = [o for o in model.opset_import if o.domain not in ("", "ai.onnx")]

    def _schema(self, operation: Operation, version: int) -> Any | None:
        """Return the definition of an operator, or None if it is not one of ONNX's."""
        try:
            return self.onnx.defs.get_schema(operation.kind, version, operation.domain)
        except self.onnx.defs.SchemaError:
            return None

    def results(self, operation: Operation, operands: Sequence[Any]) -> list[Tensor]:
        """Return the shape and type of each output, as far as they are known.

        Parameters
        ----------
        operation : Operation
        operands : sequence of Tensor or array
            Or None for an omitted operand.

        Raises
        ------
        ValueError
            If the operation cannot take these operands.
        """
        onnx = self.onnx
        newest = onnx.defs.onnx_opset_version()
        version = newest if operation.kind in _POOLS else min(self.version, newest)
        schema = self._schema(operation, version)
        if schema is None or not schema.has_type_and_shape_inference_function:
            kinds = [x.kind for x in operands if isinstance(x, Tensor)]
            return [Tensor(None, kinds[0] if kinds else self.float)] * len(operation.outputs)
        types, data = {}, {}
        for name, value in zip(operation.inputs, operands, strict=True):
            if isinstance(value, np.ndarray) and value.size <= _SHORT:
                data[name] = onnx.numpy_helper.from_array(value, name)
            if value is not None:
                kind = value.kind if isinstance(value, Tensor) else self._kind(value)
                types[name] = onnx.helper.make_tensor_type_proto(kind, value.shape)
        opsets = [onnx.helper.make_opsetid("", version), *self._domains]
        failures = (onnx.shape_inference.InferenceError, onnx.checker.ValidationError)
        try:
            found = onnx.shape_inference.infer_node_outputs(
                schema, operation.node, types, data, opset_imports=opsets
            )
        except (*ERRORS, *failures) as error:
            raise ValueError(str(error)) from None
        tensors = {name: self.tensor(kind.tensor_type) for name, kind in found.items()}
        return [tensors.get(name, Tensor(None, self.float)) for name in operation.outputs]

    def tensor(self, given: Any) -> Tensor:
        """Return shape and type of a tensor; data are in single precision."""
        t, dims = self.onnx.TensorProto, given.shape.dim
        is_known = given.HasField("shape") and all(d.HasField("dim_value") for d in dims)
        is_float = given.elem_type in (t.DOUBLE, t.FLOAT16, t.BFLOAT16)
        shape = tuple(d.dim_value for d in dims) if is_known else None
        return Tensor(shape, self.float if is_float else given.elem_type)

    def _kind(self, array: NDArray[Any]) -> int:
        if array.dtype.kind in "fV":
            return self.float
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(array.dtype))

    def values(self, operation: Operation, operands: Sequence[Any]) -> list[Any]:
        """Return the outputs, also those that are omitted.

        What ONNX Runtime has no kernel for, as some operators in double precision, onnx's reference implementation runs.

        Parameters
        ----------
        operation : Operation
        operands : sequence of arrays, or None for an omitted operand
        """
        if operation.kind == "Constant" and "value" in operation.attributes:  # may be large
            return [self.onnx.numpy_helper.to_array(operation.attributes["value"])]
        names = zip(operation.inputs, operands, strict=True)
        feeds = {name: np.asarray(x) for name, x in names if name and x is not None}
        model = self._model(operation, feeds)
        try:
            found: list[Any] = _session(model.SerializeToString()).run(None, feeds)
        except _failures():
            evaluator = extra("onnx.reference", READER, "onnx").ReferenceEvaluator
            with np.errstate(all="ignore"):  # values that are not finite are reported later
                found = evaluator(model).run(None, feeds)
        return found

    def _model(self, operation: Operation, feeds: Mapping[str, Any]) -> Any:
        """Return a model of one operation."""
        helper = self.onnx.helper
        kinds = {n: helper.np_dtype_to_tensor_dtype(x.dtype) for n, x in feeds.items()}
        inputs = [helper.make_tensor_value_info(n, kind, None) for n, kind in kinds.items()]
        node = self.onnx.NodeProto()
        node.CopyFrom(operation.node)
        # Some kernels of ONNX Runtime write to outputs that are omitted, at an address of 0.
        node.output[:] = [name or f"%{k}" for k, name in enumerate(operation.outputs)]
        outputs = [self.onnx.ValueInfoProto(name=name) for name in node.output]
        schema = self._schema(operation, self.version)
        own = self.version if schema is None or operation.domain else schema.since_version
        opsets = [helper.make_opsetid("", max(own, OLDEST)), *self._domains]
        graph = helper.make_graph([node], "one", inputs, outputs)
        return helper.make_model(graph, opset_imports=opsets, ir_version=_FORMAT)


@functools.lru_cache(maxsize=8)
def _session(model: bytes) -> Any:
    """Return a session that runs a model; a node that stays in ONNX runs for each sample."""
    engine = extra("onnxruntime", READER, "onnx")
    options = engine.SessionOptions()
    options.intra_op_num_threads = 1  # most operations are small: no pool of threads for each
    options.log_severity_level = 4  # errors are raised; nothing is printed
    options.graph_optimization_level = engine.GraphOptimizationLevel.ORT_DISABLE_ALL
    return engine.InferenceSession(model, options, providers=["CPUExecutionProvider"])


@functools.cache
def _failures() -> tuple[Any, ...]:
    """Return the exceptions of ONNX Runtime, which have no common base, and those of what calls it."""
    found = vars(extra("onnxruntime.capi.onnxruntime_pybind11_state", READER, "onnx")).values()
    return (*(e for e in found if isinstance(e, type) and issubclass(e, Exception)), *ERRORS)


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
