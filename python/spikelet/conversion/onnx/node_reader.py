"""Read the nodes of an ONNX model: evaluate constants, and convert the rest to layers."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import fail, known
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
    refuse,
)
from spikelet.conversion.onnx.call import OnnxCall
from spikelet.conversion.onnx.check import Checked, wrong_operation
from spikelet.conversion.onnx.fused import FUSED
from spikelet.conversion.onnx.model import READER
from spikelet.conversion.onnx.operation import Operation, operation, operations
from spikelet.conversion.onnx.operators import OPERATORS
from spikelet.conversion.onnx.quantized import QUANTIZED
from spikelet.conversion.onnx.runtime import Runtime, Tensor
from spikelet.conversion.operators import foreign
from spikelet.layers import Shape
from spikelet.layers.graph import Graph

__all__ = ["NodeReader"]

_MOST = 2**28  # values of a tensor of a batch
_MOST_CONSTANTS = 2**29  # values of all constants that are evaluated
_LOOPS = frozenset({"Loop", "Scan", "SequenceMap"})
_HANDLERS = {"": OPERATORS | QUANTIZED, "com.microsoft": FUSED}
# Operators whose result may be larger than their operands.
_GROWING = frozenset({"Expand", "Tile", "ConstantOfShape", "Range", "Pad", "OneHot", "Resize",
                      "RandomNormal", "RandomUniform", "CenterCropPad", "Einsum", "EyeLike"})  # fmt: skip
_TINY = np.array(np.finfo(np.float32).tiny, np.float32)


@dataclass(frozen=True)
class _Blocked:
    """A value that is not available, with the error that says why."""

    cause: ValueError


class NodeReader:
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
    analog : sequence of str
        Names of nodes that become foreign layers.
    """

    def __init__(
        self,
        model: Any,
        builder: Builder,
        batch: int,
        data: Mapping[str, Data],
        fixed: Mapping[str, NDArray[Any]],
        analog: Sequence[str],
    ) -> None:
        self._graph, self._builder, self._batch = model.graph, builder, batch
        self._runtime = Runtime(model)
        self._onnx = self._runtime.onnx
        self._analog, self._inputs = set(analog), data
        self._values: dict[str, Any] = {**fixed, **data}
        t = self._onnx.TensorProto
        kinds = {i.name: i.type.tensor_type.elem_type for i in model.graph.input}
        precisions = (t.DOUBLE, t.FLOAT16, t.BFLOAT16)  # data are in single precision
        self._kinds = {name: t.FLOAT if k in precisions else k for name, k in kinds.items()}
        self._makers: dict[str, Operation] = {}  # of each value, the operation that makes it
        self._needed: set[str] = set()  # values that lead to the outputs
        self._checked: list[Checked] = []
        self._named: set[str] = set()  # nodes and layers that `analog` may name
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
        graph = builder.graph(READER, sources, outputs if several else ())
        self._named.update(n.name for n in graph)
        for name in sorted(self._analog):
            known(READER, "analog", name, sorted(self._named), "nodes")
        inputs = {name: builder.shapes[name] for name in graph.inputs}
        wrong = wrong_operation(
            graph, inputs, self._batch, self._checked, builder.final, self._runtime
        )
        if wrong is not None:
            refuse(
                f"{READER}: {wrong.label}",
                "differs from ONNX Runtime",
                "please report it, with the model; until then, cut the model before this node: "
                f"outputs={[i for i in wrong.inputs if i]}",
            )
        return graph

    def _read(self, graph: Any, outputs: Sequence[str]) -> None:
        """Read the nodes of a graph that lead to these outputs, in order, and the constants that they use."""
        needed, kept = set(outputs), []
        for node in reversed(operations(graph.node)):
            if needed.intersection(node.made):
                needed.update(node.used)
                kept.append(node)
        self._needed |= needed
        for tensor in graph.initializer:
            if tensor.name in needed:
                self._values.setdefault(tensor.name, self._onnx.numpy_helper.to_array(tensor))
        for sparse in graph.sparse_initializer:
            if sparse.values.name in needed:
                self._values[sparse.values.name] = self._dense(sparse)
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

    def _dense(self, sparse: Any) -> NDArray[Any]:
        size = math.prod(sparse.dims)
        if size > _MOST:
            fail(READER, f"tensor '{sparse.values.name}'", size, f"must have at most {_MOST} values")
        values, places = map(self._onnx.numpy_helper.to_array, (sparse.values, sparse.indices))
        array = np.zeros(tuple(sparse.dims), values.dtype)
        array[np.unravel_index(places, array.shape) if places.ndim == 1 else tuple(places.T)] = values
        return array

    def _value(self, name: str) -> Any:
        if not name:
            return None
        if name not in self._values:
            fail(READER, "model", name, "must define each tensor before it is used", got="tensor")
        return self._values[name]

    def _safe_division(self, choice: Operation) -> list[Operation]:
        """Return operations for a ``Where(d == 0, 0, n / d)``: n (d / (d d + tiny)); none for another choice.

        TensorFlow's `div_no_nan` is exported so; no layer computes the comparison.
        """
        names = choice.inputs
        if choice.kind != "Where" or not isinstance(self._value(names[0]), _Blocked):
            return []
        comparison, division = self._makers.get(names[0]), self._makers.get(names[2])
        if comparison is None or division is None:
            return []
        compared, n, d = comparison.inputs, *division.inputs[:2], *[""] * (2 - len(division.inputs))
        if (comparison.kind, division.kind) != ("Equal", "Div") or d not in compared:
            return []
        if not self._is_zero(names[1]) or not any(map(self._is_zero, compared)):
            return []
        square, bounded, inverse, tiny = (f"{choice.outputs[0]}%{k}" for k in range(4))
        self._values[tiny] = _TINY
        steps = (("Mul", (d, d), square), ("Add", (square, tiny), bounded),
                 ("Div", (d, bounded), inverse), ("Mul", (n, inverse), choice.outputs[0]))  # fmt: skip
        make = self._onnx.helper.make_node
        name = choice.node.name
        return [operation(make(kind, of, [to], name), choice.label) for kind, of, to in steps]

    def _is_zero(self, name: str) -> bool:
        value = self._value(name)
        return isinstance(value, np.ndarray) and not value.any()

    def _tensor(self, x: Data) -> Shape:
        return Call(self._builder, "", "", (), self._batch).tensor(x)

    def _way_out(self, node: Operation) -> str:
        name = node.node.name
        return f', or pass analog=["{name}"] to let ONNX compute it' if name else ""

    def _refuse(self, node: Operation, what: str, hint: str) -> NoReturn:
        refuse(f"{READER}: {node.label}", what, hint)

    def _branch(self, node: Operation, condition: Any) -> None:
        """Take the branch of a condition that is known."""
        if isinstance(condition, Data):
            hint = f"export the model without branches{self._way_out(node)}"
            self._refuse(node, "branches on values of the input", hint)
        branch = "then_branch" if bool(np.ravel(condition)[0]) else "else_branch"
        graph = node.attributes[branch]
        inner = [o.name for o in graph.output]
        made = {name for part in operations(graph.node) for name in part.made}
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
            self._refuse(node, "is control flow", "export the model without loops and branches")
        given = [
            Tensor(self._tensor(v), self._kind(name)) if isinstance(v, Data) else v
            for name, v in zip(node.inputs, values, strict=True)
        ]
        try:
            shapes = self._runtime.shapes(node, given)
        except ValueError as error:
            taken = [tuple(v.shape) for v in given if v is not None]
            what = f"cannot take tensors of shape {taken} ({' '.join(str(error).split())})"
            self._refuse(node, what, ONE_SAMPLE)
        for name, tensor in shapes.items():
            self._kinds[name] = tensor.kind
            size = math.prod(tensor.shape or ())
            if size > _MOST:
                fail(READER, f"tensor '{name}'", size, f"must have at most {_MOST} values")
        if any(isinstance(v, Data) for v in values):
            self._convert(node, values, shapes)
        else:
            self._evaluate(node, values, shapes)

    def _kind(self, name: str) -> int:
        return self._kinds.get(name, self._onnx.TensorProto.FLOAT)  # type: ignore[no-any-return]  # has no types

    def _evaluate(self, node: Operation, values: list[Any], shapes: Mapping[str, Tensor]) -> None:
        """Compute a constant."""
        names = [name for name in node.outputs if name]
        sizes = [shapes[name].shape if name in shapes else None for name in names]
        if None in sizes and node.kind in _GROWING:
            self._refuse(node, "gives a constant of unknown size", "fold it before")
        self._left -= sum(math.prod(s) for s in sizes if s is not None)
        if self._left < 0:
            fail(READER, "model", node.label, f"must compute constants of at most {_MOST_CONSTANTS} values in all")  # fmt: skip
        try:
            found = self._runtime.values(node, values)
        except ERRORS as error:
            what = f"cannot be evaluated ({type(error).__name__}: {' '.join(str(error).split())})"
            self._refuse(node, what, "is the model valid? Simplify it before")
        self._values.update(zip(names, found, strict=True))

    def _convert(self, node: Operation, values: list[Any], shapes: Mapping[str, Tensor]) -> None:
        """Convert an operation to layers."""
        results = [shapes[name].shape if name in shapes else None for name in node.outputs]
        name = node.node.name.strip("/") or node.kind.lower()
        self._named.update(n for n in (node.node.name, name) if n)
        call = OnnxCall(
            self._builder, f"{READER}: {node.label}", name, results[0] or (), self._batch,
            operands=tuple(map(_single, values)), attributes=node.attributes,
            results=[r or () for r in results], version=self._runtime.version,
            evaluate=lambda arrays: self._runtime.values(node, arrays),
        )  # fmt: skip
        stays = bool(self._analog & {node.node.name, name})
        way_out = "" if stays else self._way_out(node)
        try:
            found, operands = self._layers(call, node, results, stays=stays)
        except UnsupportedError as error:
            raise ValueError(f"{error}{way_out}") from None
        except ERRORS as error:
            if isinstance(error, ValueError) and str(error).startswith(READER):
                raise
            what = f"cannot be read ({type(error).__name__}: {' '.join(str(error).split())})"
            self._refuse(node, what, f"please report it, with the model{way_out}")
        if results[0] is not None and isinstance(found[0], Data):
            call.check(found[0])
        for k, output in enumerate(node.outputs):
            value = found[k] if k < len(found) else None
            if value is None:
                msg = f"{call.where}: its output '{output}' is not available; only the first is read"
                value = _Blocked(ValueError(msg))
            self._values[output] = value
        if node.kind not in QUANTIZED:
            self._checked.append(Checked(node, operands, found))

    def _layers(
        self, call: OnnxCall, node: Operation, results: Sequence[Shape | None], *, stays: bool
    ) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
        """Return the results of an operation, and its operands as they were taken."""
        if stays:
            return self._foreign(call, node), call.operands
        if results[0] is not None and 0 in results[0]:
            return (np.zeros(results[0], np.float32),), call.operands
        handler = _HANDLERS.get(node.domain, {}).get(node.kind)
        if handler is None:
            what = f"of the domain {node.domain} " if node.domain else ""
            call.refuse(f"{what}cannot be converted", hint_for(node.kind))
        try:
            found = handler(call)
        except ValueError as error:
            if self._batch > 1:
                raise
            # What works along the batch of 1 takes tensors as wholes.
            whole = tuple(
                call.reshaped(x, call.tensor(x), x.axis, merged="blocks") if isinstance(x, Data) else x
                for x in call.operands
            )  # fmt: skip
            call = dataclasses.replace(call, operands=whole)
            try:
                found = handler(call)
            except ValueError:
                raise error from None
        return found if isinstance(found, tuple) else (found,), call.operands

    def _foreign(self, call: OnnxCall, node: Operation) -> tuple[Data, ...]:
        """Let ONNX Runtime compute each output of an operation, sample by sample."""
        places = [k for k, v in enumerate(call.operands) if isinstance(v, Data)]
        layouts = [call.operands[k] for k in places]
        dtype = self._onnx.helper.tensor_dtype_to_np_dtype
        kinds = [dtype(self._kind(node.inputs[k])) for k in places]
        typed = list(call.operands)
        for k, kind in zip(places, kinds, strict=True):
            typed[k] = np.zeros(0, kind)
        program = self._runtime.program(node, typed)
        found = []
        for n, shape in enumerate(s for s, name in zip(call.results, node.outputs, strict=True) if name):  # fmt: skip
            # With a batch of 1, the whole tensor belongs to the sample.
            whole = self._batch == 1 and shape[:1] != (1,)
            if not shape or not (whole or shape[0] == self._batch):
                hint = "only an operation with the batch first can be computed by ONNX"
                call.refuse(f"gives an output of shape {shape}", hint)

            def run(*arrays: NDArray[Any], n: int = n, whole: bool = whole) -> Any:
                values = list(call.operands)
                for k, x, kind, array in zip(places, layouts, kinds, arrays, strict=True):
                    values[k] = x.layout.tensor(array[None]).astype(kind)
                result = np.asarray(program(values)[n], np.float32)
                return result if whole else result[0]

            inner = call if n == 0 else call.inner(str(n))
            layout = Layout(0, "blocks" if whole else "")
            extent = shape if whole else shape[1:] or (1,)
            found.append(foreign.foreign(inner, layouts, run, extent, layout))
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


def _single(value: Any) -> Any:
    """Return a constant as float32 if it is of another floating-point type: the engine has its own precision."""
    if isinstance(value, np.ndarray) and value.dtype.kind in "fV":
        return value.astype(np.float32, copy=False)
    return value
