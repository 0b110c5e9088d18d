"""Read an ONNX model as a graph of layers."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from spikelet._util.checks import fail, shown
from spikelet._util.extras import extra
from spikelet.conversion.building import Builder, Data, input_shapes, refuse
from spikelet.conversion.onnx.model import READER, loaded
from spikelet.conversion.onnx.node_reader import NodeReader
from spikelet.conversion.onnx.operation import Operation
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
    keep: Iterable[str] = (),
) -> tuple[Graph, Any]:
    """Read an ONNX model.

    The table of operators is in the documentation of conversion. Operators of any version are read; Identity, Cast between
    floating-point types and Dropout are removed. Constant subexpressions are evaluated, and so are branches whose
    condition does not depend on the values of the input.

    Each layer is then compared with ONNX Runtime on random samples.

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
    keep : iterable of str
        Names of nodes without layers, which ONNX Runtime runs.

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
        If onnx or onnxruntime is not installed.
    """
    proto = loaded(model)
    try:
        return _read(proto, example_shape, outputs, fixed or {}, tuple(keep))
    except _DAMAGED as error:
        text = f"{type(error).__name__}: {error}"
        raise ValueError(f"{READER}: the model cannot be read ({text})") from error


class _Input(NamedTuple):
    """An input of a model.

    Parameters
    ----------
    shape : tuple of int
        Of one sample.
    batch : int, optional
        Number of samples, 0 if it is left open; None for an input that is one sample, without a batch.
    """

    shape: Shape
    batch: int | None


def _read(
    model: Any,
    example_shape: Any,
    outputs: Iterable[str] | None,
    fixed: Mapping[str, ArrayLike],
    keep: Collection[str],
) -> tuple[Graph, Any]:
    weights = {i.name for i in model.graph.initializer}
    given = {i.name: i for i in model.graph.input if i.name not in weights}
    constants = {}
    for name, value in fixed.items():
        if name not in given:
            fail(READER, "fixed", name, f"must name inputs: {', '.join(given)}")
        constants[name] = _constant(given.pop(name), value)
    if not given:
        fail(READER, "model", 0, "must have an input", got="number of inputs")
    wanted = _outputs(model, outputs)
    examples = _examples(example_shape, list(given))
    inputs = {name: _input(i, examples.get(name)) for name, i in given.items()}

    def graph(batch: int) -> tuple[Graph, Any]:
        data, shapes = {}, {}
        for name, (shape, size) in inputs.items():
            source = name if len(inputs) > 1 else INPUT
            data[name] = Data(source, 0, "" if size in (0, batch) else "blocks")
            # Several batches lie side by side.
            shapes[source] = shape if size in (None, 0, batch) else (size // batch, *shape)
        nodes = NodeReader(model, Builder(shapes), batch, data, constants, keep)
        found = nodes.graph(wanted)
        used = [shape for source, shape in shapes.items() if source in found.inputs]
        return found, tuple(used) if len(used) > 1 else used[0]

    if any(i.batch is None for i in inputs.values()):
        return graph(1)
    batch = math.gcd(*(i.batch or 0 for i in inputs.values()))
    if batch:
        return graph(batch)
    try:
        return graph(_BATCH)
    except ValueError as error:
        if _MIXED in str(error):
            raise
        try:  # exporters put a batch of one into constants, although they leave it open
            return graph(1)
        except ValueError:
            raise error from None


def _constant(given: Any, value: ArrayLike) -> Any:
    """Return the value of an input that is not data, in the type of this input."""
    helper = extra("onnx.helper", READER, "onnx")
    return np.asarray(value, helper.tensor_dtype_to_np_dtype(given.type.tensor_type.elem_type))


def _outputs(model: Any, outputs: Iterable[str] | None) -> list[str]:
    """Return the tensors that are wanted."""
    if outputs is None:
        return [o.name for o in model.graph.output]
    names = [outputs] if isinstance(outputs, str) else list(outputs)
    made = [name for node in map(Operation, model.graph.node) for name in node.made]
    for name in names:
        if name not in made:
            near = [m for m in made if name in m][:5] or made[-5:]
            fail(READER, "outputs", name, f"must name tensors of the model, as {', '.join(near)}")
    if not names:
        fail(READER, "outputs", names, "must name at least one tensor")
    return list(dict.fromkeys(names))


def _input(given: Any, example: Shape | None) -> _Input:
    """Return what is known of an input; the example completes its shape."""
    tensor = given.type.tensor_type
    t = extra("onnx", READER, "onnx").TensorProto
    where = f"{READER}: input '{given.name}'"
    if tensor.elem_type in (t.STRING, t.BOOL, t.COMPLEX64, t.COMPLEX128, t.UNDEFINED):
        refuse(where, "does not hold numbers", "pass its value as fixed={name: value}")
    dims = [max(0, d.dim_value) for d in tensor.shape.dim]
    if not tensor.HasField("shape"):
        if example is None:
            refuse(where, "leaves its shape open", "pass example_shape")
        dims = [0] * (len(example) + 1)
    has_batch = example is None or not _fits(example, dims) or (len(dims) > 1 and dims[0] < 2)
    if has_batch and len(dims) < 2:
        refuse(
            where,
            f"has shape {tuple(dims)}, without a batch",
            "pass all its dimensions as example_shape, or its value as fixed={name: value}",
        )
    sample = dims[1:] if has_batch else dims
    shape = tuple(d or None for d in sample)
    if example is None and 0 in sample:
        refuse(where, f"leaves its shape open, {shape}", "pass example_shape")
    if example is not None and not _fits(example, sample):
        fail(where, "example_shape", example, f"must be {shape}, the shape of a sample")
    return _Input(example or tuple(sample), dims[0] if has_batch else None)


def _fits(example: Shape, dims: Collection[int]) -> bool:
    """Return whether a shape has these dimensions; 0 stands for any."""
    return len(example) == len(dims) and all(
        d in (0, n) for n, d in zip(example, dims, strict=True)
    )


def _examples(given: Any, names: list[str]) -> dict[str, Shape]:
    """Return the example shapes by name of the input."""
    if given is None:
        return {}
    shapes = input_shapes(READER, given)
    if not isinstance(shapes, dict):
        several = shapes if isinstance(shapes[0], tuple) else (shapes,)
        if len(several) != len(names):
            rule = (
                f"must hold a shape for each input, {', '.join(names)}; inputs that are not data, such as a sampling "
                "rate, are given by fixed={name: value}"
            )
            fail(READER, "example_shape", shown(given), rule)
        shapes = dict(zip(names, several, strict=True))
    for name in shapes:
        if name not in names:
            fail(READER, "example_shape", name, f"must name inputs: {', '.join(names)}")
    return shapes
