"""Read an ONNX model as a graph of layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.checks import fail, shown
from spikelet._util.extras import extra
from spikelet.conversion.building import Builder, Data, input_shape, refuse
from spikelet.conversion.onnx.model import READER, loaded
from spikelet.conversion.onnx.operation import operations
from spikelet.conversion.onnx.node_reader import NodeReader
from spikelet.layers import Shape
from spikelet.layers.graph import INPUT, Graph

__all__ = ["read_onnx"]

_DAMAGED = (ArithmeticError, AssertionError, AttributeError, LookupError, RuntimeError)
_MIXED = ", which is the batch"  # is said of operators that work along the batch
_BATCH = 2  # samples of a batch whose size is left open; two show where they are mixed


def read_onnx(
    model: Any,
    example_shape: Any = None,
    *,
    outputs: Iterable[str] | None = None,
    fixed: Mapping[str, ArrayLike] | None = None,
    analog: Iterable[str] = (),
) -> tuple[Graph, Any]:
    """Read an ONNX model.

    The table of operators is in the documentation of conversion. Operators of any version are read; Identity, Cast between
    floating-point types and Dropout are removed. Constant subexpressions are evaluated, and so are branches whose
    condition does not depend on the values of the input.

    Each layer is then compared with ONNX's reference implementation on a random sample.

    Parameters
    ----------
    model : path or onnx.ModelProto
        A model whose inputs are batches of samples: the first dimension is the batch.
    example_shape : tuple of int, or a sequence or mapping of these, optional
        Shape of one sample, without the batch; one for each input. Required if the model leaves it open. A shape with
        all dimensions of the input means that the model takes one sample, without a batch.
    outputs : iterable of str, optional
        Tensors at which to cut the model: they become the outputs. By default the model's own.
    fixed : mapping of str to array-like, optional
        Values of inputs that are not data, such as a sampling rate.
    analog : iterable of str
        Names of nodes without layers, which ONNX's reference implementation runs.

    Returns
    -------
    Graph, tuple of int
        The layers, named like the nodes, and the shape of one sample (a tuple of shapes if there are several inputs).

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
    onnx = extra("onnx", READER, "onnx")
    proto = loaded(model)
    try:
        reading = _Reading(onnx, proto, example_shape, outputs, fixed or {}, tuple(analog))
        graph = reading.graph()
    except _DAMAGED as error:
        text = f"{type(error).__name__}: {error}"
        raise ValueError(f"{READER}: the model cannot be read ({text})") from error
    shapes = tuple(reading.shapes.values())
    return graph, shapes if len(shapes) > 1 else shapes[0]


class _Reading:
    """What is read of a model: its inputs, outputs and shapes."""

    def __init__(
        self,
        onnx: Any,
        model: Any,
        example_shape: Any,
        outputs: Iterable[str] | None,
        fixed: Mapping[str, ArrayLike],
        analog: Sequence[str],
    ) -> None:
        self._onnx, self._model, self._analog = onnx, model, analog
        known = {i.name for i in model.graph.initializer}
        known |= {i.values.name for i in model.graph.sparse_initializer}
        inputs = {i.name: i for i in model.graph.input if i.name not in known}
        self._fixed = {}
        for name, value in fixed.items():
            if name not in inputs:
                fail(READER, "fixed", name, f"must name inputs: {', '.join(inputs)}")
            self._fixed[name] = self._value(inputs.pop(name), value)
        if not inputs:
            fail(READER, "model", 0, "must have an input", got="number of inputs")
        self._wanted = self._outputs(outputs)
        examples = _examples(example_shape, list(inputs))
        self._sizes = {name: self._input(i, examples.get(name)) for name, i in inputs.items()}
        self._plain = {n: self._is_whole(inputs[n], examples.get(n)) for n in inputs}
        self.shapes: dict[str, Shape] = {}

    def _value(self, given: Any, value: ArrayLike) -> Any:
        kind = self._onnx.helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type)
        return np.asarray(value, kind)

    def _outputs(self, outputs: Iterable[str] | None) -> list[str]:
        """Return the tensors that are wanted."""
        if outputs is None:
            return [o.name for o in self._model.graph.output]
        names = [outputs] if isinstance(outputs, str) else list(outputs)
        found = operations(self._model.graph.node)
        made = [name for operation in found for name in operation.made]
        for name in names:
            if name not in made:
                near = [m for m in made if name in m][:5] or made[-5:]
                fail(
                    READER, "outputs", name, f"must name tensors of the model, as {', '.join(near)}"
                )
        if not names:
            fail(READER, "outputs", names, "must name at least one tensor")
        return list(dict.fromkeys(names))

    def _input(self, given: Any, example: Shape | None) -> Shape:
        """Return the shape of an input, with 0 for a batch that is left open."""
        tensor = given.type.tensor_type
        where = f"{READER}: input '{given.name}'"
        if not given.type.HasField("tensor_type") or tensor.elem_type in self._no_numbers():
            refuse(where, "does not hold numbers", "pass its value as fixed={name: value}")
        dims = [max(0, d.dim_value) for d in tensor.shape.dim]
        if not tensor.HasField("shape"):
            if example is None:
                refuse(where, "leaves its shape open", "pass example_shape")
            dims = [0] * (len(example) + 1)
        if self._is_whole(given, example):
            return _completed(where, dims, example or ())
        if len(dims) < 2:
            refuse(
                where,
                f"has shape {tuple(dims)}, without a batch",
                "pass all its dimensions as example_shape, or its value as fixed={name: value}",
            )
        if example is None:
            if 0 in dims[1:]:
                shape = tuple(d or None for d in dims[1:])
                refuse(where, f"leaves its shape open, {shape}", "pass example_shape")
            return tuple(dims)
        return (dims[0], *_completed(where, dims[1:], example))

    def _no_numbers(self) -> set[int]:
        t = self._onnx.TensorProto
        return {t.STRING, t.BOOL, t.COMPLEX64, t.COMPLEX128, t.UNDEFINED}

    def _is_whole(self, given: Any, example: Shape | None) -> bool:
        """Return whether one sample is all of an input, which has no batch."""
        dims = given.type.tensor_type.shape.dim
        return (
            example is not None
            and given.type.tensor_type.HasField("shape")
            and len(example) == len(dims)
            and all(d.dim_value in (0, n) for d, n in zip(dims, example, strict=True))
            and (len(dims) < 2 or dims[0].dim_value > 1)
        )

    def graph(self) -> Graph:
        """Return the graph, after comparing it with ONNX."""
        batches = {s[0] for n, s in self._sizes.items() if not self._plain[n]}
        fixed = batches - {0}
        if any(self._plain.values()):
            return self._graph(1)
        if len(fixed) > 1:
            return self._graph(math.gcd(*fixed))
        if fixed:
            return self._graph(fixed.pop())
        try:
            return self._graph(_BATCH)
        except ValueError as error:
            if _MIXED in str(error):
                raise
            try:  # exporters put a batch of one into constants, although they leave it open
                return self._graph(1)
            except ValueError:
                raise error from None

    def _graph(self, batch: int) -> Graph:
        one = len(self._sizes) == 1
        shapes, data = {}, {}
        for name, size in self._sizes.items():
            merged = self._plain[name] or size[0] not in (0, batch)
            shapes[name] = size if self._plain[name] else size[1:]
            if merged and not self._plain[name]:  # several batches side by side
                shapes[name] = (size[0] // batch, *size[1:])
            data[name] = Data(INPUT if one else name, 0, "blocks" if merged else "")
        builder = Builder({data[n].source: s for n, s in shapes.items()})
        nodes = NodeReader(self._model, builder, batch, data, self._fixed, self._analog)
        graph = nodes.graph(self._wanted)
        self.shapes = {n: s for n, s in shapes.items() if data[n].source in graph.inputs}
        return graph


def _completed(where: str, dims: Sequence[int], example: Shape) -> Shape:
    if len(dims) != len(example) or any(
        n not in (0, e) for n, e in zip(dims, example, strict=True)
    ):
        shape = tuple(d or None for d in dims)
        fail(where, "example_shape", example, f"must be {shape}, the shape of a sample")
    return example


def _examples(given: Any, names: list[str]) -> dict[str, Shape]:
    """Return the example shapes by name of the input."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        for name in given:
            if name not in names:
                fail(READER, "example_shape", name, f"must name inputs: {', '.join(names)}")
        shapes = dict(given)
    elif len(names) == 1:
        one = list(given) if isinstance(given, Iterable) else given
        nested = isinstance(one, list) and len(one) == 1 and isinstance(one[0], Sequence)
        shapes = {names[0]: one[0] if nested else one}
    else:
        if not isinstance(given, Sequence) or len(given) != len(names):
            rule = (
                f"must hold a shape for each input, {', '.join(names)}; inputs that are not data, such as a sampling "
                "rate, are given by fixed={name: value}"
            )
            fail(READER, "example_shape", shown(given), rule)
        shapes = dict(zip(names, given, strict=True))
    return {n: input_shape(READER, s) for n, s in shapes.items()}
