"""The values of one operation, by ONNX Runtime, and the shapes of its results, by ONNX's shape inference."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikelet._util.extras import extra
from spikelet.conversion.building import ERRORS
from spikelet.conversion.onnx.model import OLDEST, READER, version_of
from spikelet.conversion.onnx.operation import Operation
from spikelet.layers import Shape

__all__ = ["Runtime", "Tensor"]

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
