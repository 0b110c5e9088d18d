"""The values of one operation, by ONNX Runtime, and the shapes of its results, by ONNX's shape inference."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from spikelet._util.extras import extra
from spikelet.conversion.building import ERRORS
from spikelet.conversion.onnx.model import OLDEST, READER, version_of
from spikelet.conversion.onnx.operation import Operation
from spikelet.layers import Shape

__all__ = ["Program", "Runtime", "Tensor"]

Program: TypeAlias = Callable[[Sequence[Any]], list[Any]]

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
        self._engine = extra("onnxruntime", READER, "onnx")
        errors = vars(self._engine.capi.onnxruntime_pybind11_state).values()
        self._errors = tuple(e for e in errors if isinstance(e, type) and issubclass(e, Exception))
        self.version = version_of(model)
        self._domains = [o for o in model.opset_import if o.domain not in ("", "ai.onnx")]
        self._options = self._engine.SessionOptions()
        self._options.intra_op_num_threads = 1  # most operations are small: no pool of threads for each
        self._options.log_severity_level = 4  # errors are raised; nothing is printed
        level = self._engine.GraphOptimizationLevel
        self._options.graph_optimization_level = level.ORT_DISABLE_ALL

    def _schema(self, operation: Operation, version: int) -> Any | None:
        """Return the definition of an operator, or None if it is not one of ONNX's."""
        try:
            return self.onnx.defs.get_schema(operation.kind, version, operation.domain)
        except self.onnx.defs.SchemaError:
            return None

    def shapes(self, operation: Operation, operands: Sequence[Any]) -> dict[str, Tensor]:
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
            return {}
        types, data = {}, {}
        depends = any(isinstance(value, Tensor) for value in operands)
        for name, value in zip(operation.inputs, operands, strict=True):
            if isinstance(value, np.ndarray):
                kind = onnx.helper.np_dtype_to_tensor_dtype(value.dtype)
                if depends and value.dtype.kind in "fV":  # data are in single precision
                    kind = onnx.TensorProto.FLOAT
                types[name] = onnx.helper.make_tensor_type_proto(kind, value.shape)
                if value.size <= _SHORT:
                    data[name] = onnx.numpy_helper.from_array(value, name)
            elif isinstance(value, Tensor):
                types[name] = onnx.helper.make_tensor_type_proto(value.kind, value.shape)
        opsets = [onnx.helper.make_opsetid("", version), *self._domains]
        failures = (onnx.shape_inference.InferenceError, onnx.checker.ValidationError)
        try:
            found = onnx.shape_inference.infer_node_outputs(
                schema, operation.node, types, data, opset_imports=opsets
            )
        except (*ERRORS, *failures) as error:
            raise ValueError(str(error)) from None
        return {name: self._tensor(kind.tensor_type) for name, kind in found.items()}

    def _tensor(self, tensor: Any) -> Tensor:
        t, dims = self.onnx.TensorProto, tensor.shape.dim
        kind = t.FLOAT if tensor.elem_type in (t.DOUBLE, t.FLOAT16, t.BFLOAT16) else tensor.elem_type  # fmt: skip
        if not tensor.HasField("shape") or not all(d.HasField("dim_value") for d in dims):
            return Tensor(None, kind)
        return Tensor(tuple(d.dim_value for d in dims), kind)

    def values(self, operation: Operation, operands: Sequence[Any]) -> list[Any]:
        """Return the outputs.

        Parameters
        ----------
        operation : Operation
        operands : sequence of arrays, or None for an omitted operand
        """
        return self.program(operation, operands)(operands)

    def program(self, operation: Operation, operands: Sequence[Any]) -> Program:
        """Return a function of operands, of the types of these, that returns the outputs.

        What ONNX Runtime has no kernel for, as some operators in double precision, onnx's reference implementation runs.
        """
        model = self._model(operation, _named(operation, operands))
        session: Any = None
        try:
            session = self._engine.InferenceSession(
                model.SerializeToString(), self._options, providers=["CPUExecutionProvider"]
            )
        except self._errors:
            pass

        def run(operands: Sequence[Any]) -> list[Any]:
            feeds = _named(operation, operands)
            if session is not None:
                try:
                    return session.run(None, feeds)  # type: ignore[no-any-return]  # has no types
                except (*self._errors, *ERRORS):  # such as bfloat16, which it takes in another way
                    pass
            from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # only where it is used

            with np.errstate(all="ignore"):  # values that are not finite are reported later
                found: list[Any] = ReferenceEvaluator(model).run(None, feeds)
            return found

        return run

    def _model(self, operation: Operation, feeds: Mapping[str, Any]) -> Any:
        """Return a model of one operation."""
        helper = self.onnx.helper
        kind_of = helper.np_dtype_to_tensor_dtype
        inputs = [helper.make_tensor_value_info(n, kind_of(v.dtype), None) for n, v in feeds.items()]
        outputs = [self.onnx.ValueInfoProto(name=n) for n in operation.outputs if n]
        schema = self._schema(operation, self.version)
        own = self.version if schema is None or operation.domain else schema.since_version
        opsets = [helper.make_opsetid("", max(own, OLDEST)), *self._domains]
        graph = helper.make_graph([operation.node], "one", inputs, outputs)
        return helper.make_model(graph, opset_imports=opsets, ir_version=_FORMAT)


def _named(operation: Operation, operands: Sequence[Any]) -> dict[str, Any]:
    """Return the operands by name, as far as they are given."""
    names = zip(operation.inputs, operands, strict=True)
    return {n: np.asarray(value) for n, value in names if n and value is not None}
