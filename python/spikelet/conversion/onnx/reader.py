"""Read an ONNX model as a graph of layers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import fail, known, shown
from spikelet._util.extras import extra
from spikelet.conversion.building import (
    ERRORS,
    ONE_SAMPLE,
    Builder,
    Call,
    Data,
    Layout,
    UnsupportedError,
    check_output,
    hint_for,
    input_shapes,
    refuse,
)
from spikelet.conversion.onnx.model import READER, Operation, loaded
from spikelet.conversion.onnx.operators import OPERATORS, OnnxCall
from spikelet.conversion.onnx.optimized import FUSED, QUANTIZED
from spikelet.conversion.onnx.runtime import Checked, Runtime, Tensor, wrong_operation
from spikelet.layers import Shape
from spikelet.layers.graph import INPUT, Graph

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
        nodes = _NodeReader(model, Builder(shapes), batch, data, constants, keep)
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


_MOST = 2**28  # values of a tensor of a batch
_MOST_CONSTANTS = 2**29  # values of all constants that are evaluated
_LOOPS = frozenset({"Loop", "Scan", "SequenceMap"})
_HANDLERS = {"": OPERATORS | QUANTIZED, "com.microsoft": FUSED}
# Operators whose result may be larger than their operands.
_GROWING = "Expand Tile ConstantOfShape Range Pad OneHot Resize RandomNormal RandomUniform CenterCropPad Einsum EyeLike"


@dataclass(frozen=True)
class _Blocked:
    """A value that is not available, with the error that says why."""

    cause: ValueError


class _NodeReader:
    """The values of a model: constants as arrays, and what depends on the input as data.

    Parameters
    ----------
    model : onnx.ModelProto
    builder : Builder
    batch : int
        Number of samples in a batch.
    data : mapping of str to Data
        The inputs.
    fixed : mapping of str to array
        Inputs that are constants.
    keep : collection of str
        Names of nodes that become foreign layers.
    """

    def __init__(
        self,
        model: Any,
        builder: Builder,
        batch: int,
        data: Mapping[str, Data],
        fixed: Mapping[str, NDArray[Any]],
        keep: Collection[str],
    ) -> None:
        self._graph, self._builder, self._batch = model.graph, builder, batch
        self._keep, self._inputs = set(keep), data
        self._runtime = Runtime(model)
        self._values: dict[str, Any] = {**fixed, **data}
        types = {i.name: i.type.tensor_type for i in model.graph.input}
        self._kinds = {name: self._runtime.tensor(t).kind for name, t in types.items()}
        self._makers: dict[str, Operation] = {}  # of each value, the operation that makes it
        self._needed: set[str] = set()  # values that lead to the outputs
        self._checked: list[Checked] = []
        self._named: set[str] = set()  # nodes and layers that `keep` may name
        self._frontier: dict[str, None] = {}  # data at which a model may be cut instead
        self._left = _MOST_CONSTANTS

    def graph(self, outputs: Sequence[str]) -> Graph:
        """Return the graph that leads to these tensors, after comparing it with ONNX Runtime."""
        self._needed = set(outputs)
        self._read(self._graph, outputs)
        builder, several = self._builder, len(outputs) > 1
        used = {x.source for name, x in self._inputs.items() if name in self._needed}
        builder.inputs = tuple(name for name in builder.inputs if name in used)
        sources = [self._output(name, several=several) for name in outputs]
        graph = builder.graph(READER, sources)
        self._named.update(n.name for n in graph)
        for name in sorted(self._keep):
            known(READER, "keep", name, sorted(self._named), "nodes")
        shapes = graph.shapes({name: builder.shapes[name] for name in graph.inputs})
        checked = [c for c in (c.within(shapes) for c in self._checked) if c.results]
        wrong = wrong_operation(graph, shapes, self._batch, checked, self._runtime)
        if wrong is not None:
            refuse(
                wrong.where,
                "differs from ONNX Runtime",
                "please report it, with the model; until then, cut the model before this node: "
                f"outputs={[i for i in wrong.inputs if i]}",
            )
        return builder.graph(READER, sources, outputs) if several else graph

    def _read(self, graph: Any, outputs: Sequence[str]) -> None:
        """Read the nodes of a graph that lead to these outputs, in order, and the constants that they use."""
        needed, kept = set(outputs), []
        for node in map(Operation, reversed(graph.node)):
            if needed.intersection(node.made):
                needed.update(node.used)
                kept.append(node)
        self._needed |= needed
        to_array = extra("onnx.numpy_helper", READER, "onnx").to_array
        constants = {i.name: to_array(i) for i in graph.initializer if i.name in needed}
        self._values = constants | self._values
        for node in reversed(kept):
            self._makers.update(dict.fromkeys(node.outputs, node))
            try:
                for part in self._safe_division(node) or [node]:
                    self._read_node(part)
            except ValueError as error:
                self._values.update(dict.fromkeys(node.outputs, _Blocked(error)))
                for name in node.used:
                    if isinstance(self._values.get(name), Data) and name not in self._inputs:
                        self._frontier[name] = None

    def _value(self, name: str) -> Any:
        if not name:
            return None
        if name not in self._values:
            fail(READER, "model", name, "must define each tensor before it is used", got="tensor")
        return self._values[name]

    def _is_zero(self, name: str) -> bool:
        value = self._value(name)
        return isinstance(value, np.ndarray) and not value.any()

    def _safe_division(self, choice: Operation) -> list[Operation]:
        """Return operations for a ``Where(d == 0, 0, n / d)``: n (d / (d d + tiny)); none for another choice.

        TensorFlow's `div_no_nan` is exported so; no layer computes the comparison.
        """
        if choice.kind != "Where" or not isinstance(self._value(choice.inputs[0]), _Blocked):
            return []
        condition, otherwise, quotient = choice.inputs
        comparison, division = self._makers[condition], self._makers.get(quotient)
        if comparison.kind != "Equal" or division is None or division.kind != "Div":
            return []
        n, d = division.inputs
        is_guarded = d in comparison.inputs and any(map(self._is_zero, comparison.inputs))
        if not is_guarded or not self._is_zero(otherwise):
            return []
        square, bounded, inverse, tiny = (f"{choice.outputs[0]}%{k}" for k in range(4))
        self._values[tiny] = np.array(np.finfo(np.float32).tiny, np.float32)
        node = extra("onnx.helper", READER, "onnx").make_node
        steps = [
            node("Mul", [d, d], [square], choice.name),
            node("Add", [square, tiny], [bounded], choice.name),
            node("Div", [d, bounded], [inverse], choice.name),
            node("Mul", [n, inverse], choice.outputs, choice.name),
        ]
        return [Operation(step, choice.label) for step in steps]

    def _way_out(self, node: Operation) -> str:
        return f', or pass keep=["{node.name}"] to let ONNX compute it' if node.name else ""

    def _branch(self, node: Operation, condition: Any) -> None:
        """Take the branch of a condition that is known."""
        if isinstance(condition, Data):
            hint = f"export the model without branches{self._way_out(node)}"
            refuse(node.where, "branches on values of the input", hint)
        branch = "then_branch" if bool(np.ravel(condition)[0]) else "else_branch"
        graph = node.attributes[branch]
        inner = [o.name for o in graph.output]
        made = {name for part in map(Operation, graph.node) for name in part.made}
        self._read(graph, [*inner, *(made & self._needed)])
        for name, source in zip(node.outputs, inner, strict=True):
            self._values[name] = self._values[source]

    def _read_node(self, node: Operation) -> None:
        """Evaluate an operation, or convert it to layers."""
        values = [self._value(name) for name in node.inputs]
        for value in values:
            if isinstance(value, _Blocked):
                raise value.cause
        if node.kind == "If":
            self._branch(node, values[0])
            return
        if node.kind in _LOOPS:
            refuse(node.where, "is control flow", "export the model without loops and branches")
        tensor_shape = Call(self._builder, "", "", (), self._batch).tensor
        given = [
            Tensor(tensor_shape(v), self._kinds[name]) if isinstance(v, Data) else v
            for name, v in zip(node.inputs, values, strict=True)
        ]
        try:
            results = self._runtime.results(node, given)
        except ValueError as error:
            taken = [v.shape for v in given if v is not None]
            refuse(node.where, f"cannot take tensors of shape {taken} ({_line(error)})", ONE_SAMPLE)
        for name, tensor in zip(node.outputs, results, strict=True):
            size = math.prod(tensor.shape or ())
            if size > _MOST:
                fail(READER, f"tensor '{name}'", size, f"must have at most {_MOST} values")
        if any(isinstance(v, Data) for v in values):
            self._convert(node, values, results)
        else:
            self._evaluate(node, values, results)

    def _evaluate(self, node: Operation, values: list[Any], results: Sequence[Tensor]) -> None:
        """Compute a constant."""
        if node.kind in _GROWING.split() and any(tensor.shape is None for tensor in results):
            refuse(node.where, "gives a constant of unknown size", "fold it before")
        self._left -= sum(math.prod(tensor.shape) for tensor in results if tensor.shape is not None)
        if self._left < 0:
            rule = f"must compute constants of at most {_MOST_CONSTANTS} values in all"
            fail(READER, "model", node.label, rule)
        try:
            found = self._runtime.values(node, values)
        except (*ERRORS, MemoryError) as error:
            what = f"cannot be evaluated ({type(error).__name__}: {_line(error)})"
            refuse(node.where, what, "is the model valid? Simplify it before")
        self._values.update(zip(node.outputs, found, strict=True))

    def _convert(self, node: Operation, values: list[Any], results: Sequence[Tensor]) -> None:
        """Convert an operation to layers."""
        shapes, operands = [tensor.shape for tensor in results], tuple(map(_single, values))
        name = node.name.strip("/") or node.kind.lower()
        self._named.update(n for n in (node.name, name) if n)
        about = (self._builder, node.where, name, shapes[0] or (), self._batch)
        call = OnnxCall(*about, node, operands, node.attributes, shapes, self._runtime)
        stays = bool(self._keep & {node.name, name})
        way_out = "" if stays else self._way_out(node)
        try:
            call, found = (call, self._foreign(call)) if stays else self._layers(call)
        except UnsupportedError as error:
            raise ValueError(f"{error}{way_out}") from None
        except ERRORS as error:
            if isinstance(error, ValueError) and str(error).startswith(READER):
                raise
            what = f"cannot be read ({type(error).__name__}: {_line(error)})"
            refuse(node.where, what, f"please report it, with the model{way_out}")
        if shapes[0] is not None and isinstance(found[0], Data):
            call.check(found[0])
        for k, output in enumerate(node.outputs):
            value = found[k] if k < len(found) else None
            if value is None:
                missing = f"{node.where}: its output '{output}' is not available; only the first is"
                value = _Blocked(ValueError(missing))
            self._values[output], self._kinds[output] = value, results[k].kind
        if node.kind not in QUANTIZED:
            self._checked.append(Checked(node, call.operands, found))

    def _layers(self, call: OnnxCall) -> tuple[OnnxCall, tuple[Any, ...]]:
        """Return the results of an operation, and the call that gave them."""
        operation, shape = call.operation, call.results[0]
        if shape is not None and 0 in shape:
            return call, (np.zeros(shape, np.float32),)
        handler = _HANDLERS.get(operation.domain, {}).get(operation.kind)
        if handler is None:
            what = f"of the domain {operation.domain} " if operation.domain else ""
            call.refuse(f"{what}cannot be converted", hint_for(operation.kind))
        try:
            found = handler(call)
        except ValueError as error:
            if self._batch > 1:
                raise
            # What works along the batch of 1 takes tensors as wholes.
            whole = list(call.operands)
            for k, x in enumerate(whole):
                if isinstance(x, Data):
                    whole[k] = call.reshaped(x, call.tensor(x), x.axis, merged="blocks")
            call = dataclasses.replace(call, operands=tuple(whole))
            try:
                found = handler(call)
            except ValueError:
                raise error from None
        return call, found if isinstance(found, tuple) else (found,)

    def _foreign(self, call: OnnxCall) -> tuple[Data | None, ...]:
        """Let ONNX Runtime compute each output of an operation, sample by sample."""
        dtype_of = extra("onnx.helper", READER, "onnx").tensor_dtype_to_np_dtype
        data = {k: x for k, x in enumerate(call.operands) if isinstance(x, Data)}
        kinds = {k: dtype_of(self._kinds[call.operation.inputs[k]]) for k in data}
        found: list[Data | None] = []
        for n, shape in enumerate(call.results):
            if not call.operation.outputs[n]:
                found.append(None)
                continue
            # With a batch of 1, the whole tensor belongs to the sample.
            whole = self._batch == 1 and shape is not None and shape[:1] != (1,)
            if not shape or not (whole or shape[0] == self._batch):
                hint = "only an operation with the batch first can be computed by ONNX"
                call.refuse(f"gives an output of shape {shape}", hint)

            def run(*arrays: NDArray[Any], n: int = n, whole: bool = whole) -> Any:
                values = list(call.operands)
                for (k, x), array in zip(data.items(), arrays, strict=True):
                    values[k] = x.layout.tensor(array[None]).astype(kinds[k])
                result = np.asarray(call.evaluate(*values)[n], np.float32)
                return result if whole else result[0]

            inner = call if n == 0 else call.inner(str(n))
            layout = Layout(0, "blocks" if whole else "")
            extent = shape if whole else shape[1:] or (1,)
            found.append(inner.foreign(list(data.values()), run, extent, layout))
        return tuple(found)

    def _output(self, name: str, *, several: bool) -> str:
        value = self._values.get(name)
        if isinstance(value, _Blocked):
            names = list(self._frontier)
            shown = ", ".join(f"'{n}'" for n in names[:8]) + (", ..." if len(names) > 8 else "")
            hint = f"; or stop before it: outputs=[{shown}]" if names else ""
            raise ValueError(f"{value.cause}{hint}") from None  # noqa: TRY004  # not of a wrong type
        if not isinstance(value, Data):
            hint = "; leave it out with outputs=[...]" if several else ""
            fail(READER, "output", name, f"must depend on the input{hint}")
        check_output(READER, name, value)
        return value.source


def _line(error: Exception) -> str:
    return " ".join(str(error).split())


def _single(value: Any) -> Any:
    """Return a constant as float32 if it is of another floating-point type: the engine has its own precision."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fV":
        return value.astype(np.float32, copy=False)
    return value
