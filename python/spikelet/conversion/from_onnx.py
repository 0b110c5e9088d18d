"""Read an ONNX model as a graph of layers."""

from __future__ import annotations

import math
import os
from collections.abc import Iterable
from typing import Any

import numpy as np

from spikelet._util.checks import fail
from spikelet._util.extras import extra
from spikelet.conversion.building import (
    ERRORS,
    Builder,
    Call,
    Data,
    hint_for,
    input_shape,
    refuse,
)
from spikelet.conversion.checking import differing
from spikelet.conversion.onnx_operators import CONTROL, OPERATORS, READERS, SOFTMAX
from spikelet.conversion.onnx_reference import evaluated
from spikelet.layers import Shape
from spikelet.layers.graph import INPUT, Graph

__all__ = ["read_onnx"]

_READER = "read_onnx"
_TOLERANCE = 1e-4  # ONNX computes in float32
_LEAST_OPSET = 7  # the reference implementation has few older operators
_SOFTMAX_OF_ONE_AXIS = 13
_MOST = 2**28  # values of a tensor, of one or two samples
_DAMAGED = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError)


def read_onnx(model: Any, example_shape: Iterable[int] | None = None) -> tuple[Graph, Shape]:
    """Read an ONNX model.

    The supported operators are Conv, Gemm, MatMul, BatchNormalization (as `Affine`; `fold` puts it into the weights),
    Relu, Clip from 0, MaxPool, AveragePool, GlobalAveragePool, GlobalMaxPool, ReduceMean and ReduceMax over height and
    width, Flatten, Reshape, Squeeze, Add, Sub, Sum, Mul, Div and Neg (of data with data, or with constants channel by
    channel), Concat of channels, Resize and Upsample to nearest pixels, and Pad with zeros. Identity, Cast and Dropout
    are removed, and so is a Softmax as the very last operator, which does not change the order of the outputs. Constant
    subexpressions are evaluated.

    Each layer is then compared with ONNX's reference implementation on random samples.

    Parameters
    ----------
    model : path or onnx.ModelProto
        A model with one input, batch first, and one output.
    example_shape : tuple of int, optional
        Shape of one sample, without the batch; required if the model leaves it open.

    Returns
    -------
    Graph, tuple of int
        The layers, named like the nodes, and the shape of one sample.

    Raises
    ------
    TypeError
        If `model` is neither a path nor an ONNX model.
    ValueError
        If the model is not valid, a node cannot be converted, or weights are not finite; the message names the node and
        says what to do.
    FileNotFoundError
        If the file does not exist.
    ImportError
        If onnx is not installed.
    """
    onnx = extra("onnx", "read_onnx", "onnx")
    inliner = extra("onnx.inliner", "read_onnx", "onnx")
    protobuf = extra("google.protobuf.message", "read_onnx", "onnx")
    if isinstance(model, str | os.PathLike):
        try:
            model = onnx.load(model)
        except (*ERRORS, protobuf.DecodeError, onnx.checker.ValidationError) as error:
            msg = f"{_READER}: '{os.fspath(model)}' is not an ONNX model ({error})"
            raise ValueError(msg) from None
    if not isinstance(model, onnx.ModelProto):
        msg = f"{_READER}: model must be a path or an onnx.ModelProto, got {type(model).__name__}"
        raise TypeError(msg)
    try:
        onnx.checker.check_model(model)
    except (*ERRORS, onnx.checker.ValidationError) as error:
        raise ValueError(f"{_READER}: the model is not valid: {error}") from None
    if model.functions:
        model = inliner.inline_local_functions(model)
    _check_sizes(model)
    try:
        reader = _Reader(onnx, model, example_shape)
        return reader.graph(), reader.shape
    except _DAMAGED as error:
        text = f"{type(error).__name__}: {error}"
        raise ValueError(f"{_READER}: the model cannot be read ({text})") from error


def _check_sizes(model: Any) -> None:
    """Check the shapes that follow from the model alone: a short file may ask for any amount of memory."""
    inference = extra("onnx.shape_inference", "read_onnx", "onnx")
    try:
        graph = inference.infer_shapes(model, data_prop=True).graph
    except (*ERRORS, inference.InferenceError):  # what is wrong is reported where it is read
        graph = model.graph
    for value in (*graph.value_info, *graph.input, *graph.output):
        size = math.prod(max(d.dim_value, 1) for d in value.type.tensor_type.shape.dim)
        if size > _MOST:
            fail(_READER, f"tensor '{value.name}'", size, f"must have at most {_MOST} values")


class _Reader:
    """Runs each node, and converts it to a layer."""

    def __init__(self, onnx: Any, model: Any, example_shape: Iterable[int] | None) -> None:
        self._onnx, self._model = onnx, model
        self.opset = max(
            (o.version for o in model.opset_import if o.domain in ("", "ai.onnx")), default=1
        )
        nodes = model.graph.node
        constants = {i.name for i in model.graph.initializer}
        constants |= {i.values.name for i in model.graph.sparse_initializer}
        inputs = [i for i in model.graph.input if i.name not in constants]
        outputs = [o.name for o in model.graph.output]
        if len(inputs) != 1:
            names = [i.name for i in inputs]
            fail(_READER, "model", names, "must have one input", got="inputs")
        if len(outputs) != 1:
            fail(_READER, "model", outputs, "must have one output", got="outputs")
        self.input, self.output = inputs[0].name, outputs[0]
        self.batch, self.shape = self._shape(inputs[0], example_shape)
        self.builder = Builder(self.shape)
        self.layers = {self.input: Data(INPUT)}
        self.expected: dict[str, Any] = {}
        needed: set[str] = {self.output}
        self._nodes: list[Any] = []
        for node in reversed(nodes):
            if needed.intersection(node.output):
                needed.update(node.input)
                self._nodes.insert(0, node)
        dependent = {self.input}  # values that depend on the input
        for node in self._nodes:
            if dependent.intersection(node.input) and node.op_type not in READERS:
                dependent.update(node.output)
                self._check(node)
        size = math.prod((self.batch, *self.shape))
        if size > _MOST:
            fail(_READER, "input", size, f"must have at most {_MOST} values", got="number")
        self.x = np.random.default_rng(1).standard_normal((self.batch, *self.shape))
        self.x = self.x.astype(np.float32)
        self.values = self._run()
        for node in self._nodes:
            if dependent.intersection(node.output):
                self._convert(node)

    def _shape(self, given: Any, example_shape: Iterable[int] | None) -> tuple[int, Shape]:
        dims = [
            d.dim_value if d.HasField("dim_value") else 0 for d in given.type.tensor_type.shape.dim
        ]
        where = f"{_READER}: input '{given.name}'"
        if given.type.tensor_type.elem_type != self._onnx.TensorProto.FLOAT:
            refuse(where, "is not of type float", "export the model in float32")
        if len(dims) < 2:
            refuse(where, f"has shape {tuple(dims)}", "the first dimension must be the batch")
        shape = tuple(dims[1:])
        if example_shape is None:
            if 0 in shape:
                refuse(where, f"leaves its shape open, {shape}", "pass example_shape")
        else:
            example = input_shape(_READER, example_shape)
            same = len(example) == len(shape) and all(
                n in (0, e) for n, e in zip(shape, example, strict=True)
            )
            if not same:
                fail(
                    _READER,
                    "example_shape",
                    example,
                    f"must be {shape}, the input shape of the model",
                )
            shape = example
        return dims[0] or 2, shape

    def _where(self, node: Any) -> str:
        return f"{_READER}: node '{node.name or node.output[0]}' ({node.op_type})"

    def _check(self, node: Any) -> None:
        where = self._where(node)
        if node.op_type in CONTROL:
            refuse(where, "is control flow", "export the model without branches and loops")
        if node.domain not in ("", "ai.onnx"):
            refuse(where, f"belongs to the domain {node.domain}", hint_for(node.op_type))
        if node.op_type == "BatchNormalization" and self.opset < 14 and any(node.output[1:]):
            refuse(where, "is in training mode", "export the model in eval mode")
        if any(a.name == "spatial" and a.i == 0 for a in node.attribute):
            refuse(where, "has statistics for each pixel", "train BatchNorm of channels")
        if node.op_type in SOFTMAX:
            if self.output not in node.output:
                refuse(
                    where,
                    "is not the last operator",
                    "only a softmax of the output can be removed, which does not change the order",
                )
        elif node.op_type not in OPERATORS:
            refuse(where, "cannot be converted", hint_for(node.op_type))

    def _run(self) -> dict[str, Any]:
        """Evaluate all nodes with ONNX's reference implementation."""
        names = [name for node in self._nodes for name in node.output if name]
        twin = self._onnx.ModelProto()
        twin.CopyFrom(self._model)
        del twin.graph.output[:], twin.graph.node[:]
        twin.graph.node.extend(self._nodes)
        twin.graph.output.extend(self._onnx.ValueInfoProto(name=name) for name in names)
        try:
            found = evaluated(twin, self.opset, {self.input: self.x})
        except ERRORS as error:
            refuse(
                _READER,
                f"cannot be run for samples of shape {self.shape} ({error})",
                self._upgrade
                if self.opset < _LEAST_OPSET
                else "example_shape must be the shape of one sample, without the batch",
            )
        values = dict(zip(names, found, strict=True))
        for i in self._model.graph.initializer:
            values[i.name] = self._onnx.numpy_helper.to_array(i)
        return values

    @property
    def _upgrade(self) -> str:
        return (
            f"the model has operators of version {self.opset}: upgrade it with "
            "onnx.version_converter.convert_version(model, 17)"
        )

    def _convert(self, node: Any) -> None:
        where = self._where(node)
        name = node.name.strip("/") or node.op_type.lower()
        attributes = {a.name: self._onnx.helper.get_attribute_value(a) for a in node.attribute}
        operands: list[Any] = [
            None if not i else self.layers[i] if i in self.layers else self.values[i]
            for i in node.input
        ]
        result = self.values[node.output[0]]
        call = Call(self.builder, where, name, tuple(result.shape), self.batch)
        if node.op_type in SOFTMAX:
            found: Data = self._without_softmax(call, attributes, operands[0])
        else:
            try:
                found = OPERATORS[node.op_type](call, attributes, operands)
            except ValueError:
                raise
            except ERRORS as error:
                refuse(where, f"cannot be read ({type(error).__name__}: {error})", self._upgrade)
        call.check(found)
        self.layers[node.output[0]] = found
        if found.view is None:
            self.expected.setdefault(found.name, result)

    def _without_softmax(self, call: Call, attributes: dict[str, Any], x: Any) -> Data:
        """Remove a softmax over the channels, or over whole samples."""
        dimensions = len(call.result)
        whole = self.opset < _SOFTMAX_OF_ONE_AXIS  # it flattens the dimensions from the axis on
        axis = attributes.get("axis", 1 if whole else -1) % dimensions
        if axis != 1:
            call.refuse(
                f"is over dimension {axis} of {dimensions}",
                "only a softmax over the channels can be removed, which does not change their order",
            )
        return call.operands(x)[0]

    def graph(self) -> Graph:
        """Return the graph, after comparing it with ONNX."""
        if self.output not in self.layers:
            fail(_READER, "output", self.output, "must depend on the input")
        graph = self.builder.graph(_READER, self.layers[self.output].name)
        wrong = differing(graph, self.x, self.expected, _TOLERANCE)
        if wrong is not None:
            refuse(
                f"{_READER}: layer '{wrong}'",
                "gives other values than ONNX's reference implementation",
                self._upgrade
                if self.opset < _LEAST_OPSET
                else "this is a bug in spikelet, please report it",
            )
        return graph
