"""Walk through the operations of an ONNX model: evaluate constants, and convert the rest to layers."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from spikelet.conversion.onnx.check import Checked, wrong_layer
from spikelet.conversion.onnx.fused import unfused
from spikelet.conversion.onnx.guarded import guarded
from spikelet.conversion.onnx.model import READER
from spikelet.conversion.onnx.operation import Input, Operation, operations
from spikelet.conversion.onnx.operators import OPERATORS
from spikelet.conversion.onnx.quantised import QUANTISED
from spikelet.conversion.onnx.reference import Reference, Tensor
from spikelet.conversion.onnx.upgrade import VERSION, upgraded
from spikelet.conversion.operators import foreign
from spikelet.layers import Shape
from spikelet.layers.graph import Graph

__all__ = ["Walk"]

_MOST = 2**28  # values of a tensor of a batch
_MOST_CONSTANTS = 2**29  # values of all constants that are evaluated
_LOOPS = frozenset({"Loop", "Scan", "If", "SequenceMap"})
_HANDLERS = {**OPERATORS, **QUANTISED}
# Operators whose result may be larger than their operands.
_GROWING = frozenset({"Expand", "Tile", "ConstantOfShape", "Range", "Pad", "OneHot", "Resize",
                      "RandomNormal", "RandomUniform", "CenterCropPad", "Einsum", "EyeLike"})  # fmt: skip


_UNKNOWN = Tensor(None, 0)


@dataclass(frozen=True)
class _Blocked:
    """A value that is not available, with the error that says why."""

    cause: ValueError


class Walk:
    """The values of a model: constants as arrays, and what depends on the input as data.

    Parameters
    ----------
    onnx : module
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
        onnx: Any,
        model: Any,
        builder: Builder,
        batch: int,
        data: Mapping[str, Data],
        fixed: Mapping[str, NDArray[Any]],
        analog: Sequence[str],
    ) -> None:
        self._onnx, self._builder, self._batch = onnx, builder, batch
        self._graph, self._analog, self._inputs = model.graph, set(analog), set(data)
        domains = {o.domain: o.version for o in model.opset_import}
        self._version = max(domains.pop("", 1), domains.pop("ai.onnx", 1))
        self._reference = Reference(onnx, max(self._version, VERSION), domains)
        self._values: dict[str, Any] = {**fixed, **data}
        # The inputs on which each value depends.
        self._roots = {name: frozenset([x.source]) for name, x in data.items()}
        self._kinds: dict[str, int] = {}  # types of data
        for i in model.graph.input:
            kind = i.type.tensor_type.elem_type
            numbers = onnx.TensorProto
            if kind not in (numbers.DOUBLE, numbers.FLOAT16, numbers.BFLOAT16):
                self._kinds[i.name] = kind
        self._makers: dict[str, Operation] = {}  # of each value, the operation that makes it
        self._checked: list[Checked] = []
        self._named: set[str] = set()  # nodes and layers that `keep` may name
        self._frontier: dict[str, None] = {}
        self._wanted: set[str] = set()
        self._left = _MOST_CONSTANTS

    def graph(self, outputs: Sequence[str]) -> Graph:
        """Return the graph that leads to these tensors, after comparing it with ONNX."""
        self._wanted = set(outputs)
        found = operations(self._onnx, self._graph.node)
        self._initialise(found)
        self._steps(found, outputs)
        several = len(outputs) > 1
        roots = {root for name in outputs for root in self._roots.get(name, ())}
        self._builder.inputs = tuple(name for name in self._builder.inputs if name in roots)
        sources = [self._output(name, several=several) for name in outputs]
        graph = self._builder.graph(READER, sources, outputs if several else ())
        self._named.update(n.name for n in graph)
        for name in sorted(self._analog):
            known(READER, "keep", name, sorted(self._named), "nodes")
        checked = [c.renamed(self._builder.final) for c in self._checked]
        inputs = {name: self._builder.shapes[name] for name in graph.inputs}
        wrong = wrong_layer(graph, inputs, self._batch, checked, self._reference)
        if wrong is not None:
            refuse(
                f"{READER}: {wrong.operation.label}",
                "differs from ONNX's reference implementation",
                "please report it, with the model; until then, cut the model before this node: "
                f"outputs={[i for i in wrong.operation.inputs if isinstance(i, str) and i]}",
            )
        return graph

    def _initialise(self, found: Sequence[Operation]) -> None:
        """Read the constants that some operation uses."""
        used = {name for operation in found for name in operation.used}
        to_array = self._onnx.numpy_helper.to_array
        for i in self._graph.initializer:
            if i.name in used:
                self._values.setdefault(i.name, to_array(i))
        for i in self._graph.sparse_initializer:
            if i.values.name in used:
                self._values[i.values.name] = self._dense(i)

    def _dense(self, sparse: Any) -> NDArray[Any]:
        shape = tuple(sparse.dims)
        if math.prod(shape) > _MOST:
            fail(READER, f"tensor '{sparse.values.name}'", math.prod(shape), f"must have at most {_MOST} values")  # fmt: skip
        values = self._onnx.numpy_helper.to_array(sparse.values)
        places = self._onnx.numpy_helper.to_array(sparse.indices)
        array = np.zeros(shape, values.dtype)
        if places.ndim == 1:
            array.reshape(-1)[places] = values
        else:
            array[tuple(places.T)] = values
        return array

    def _steps(self, found: Iterable[Operation], outputs: Iterable[str]) -> None:
        """Take the operations that lead to the outputs, in order."""
        found = list(found)
        needed = set(outputs)
        kept = []
        for operation in reversed(found):
            if needed.intersection(operation.made):
                needed.update(operation.used)
                kept.append(operation)
        for operation in reversed(kept):
            self._makers.update(dict.fromkeys(operation.outputs, operation))
            self._step(operation)

    def _step(self, operation: Operation) -> None:
        values = [self._value(i) for i in operation.inputs]
        roots: frozenset[str] = frozenset().union(
            *(self._roots.get(name, ()) for name in operation.used)
        )
        self._roots.update(dict.fromkeys(operation.outputs, roots))
        blocked = next((v for v in values if isinstance(v, _Blocked)), None)
        divided = []
        if operation.kind == "Where" and blocked is not None:
            divided = guarded(operation, self._makers, self._is_zero)
        try:
            for part in divided:
                self._take(part, [self._value(i) for i in part.inputs])
            if divided:
                return
            if blocked is not None:
                raise blocked.cause
            if operation.kind == "If":
                self._branch(operation, values[0])
                return
            versions = (
                upgraded(operation, self._version, self._shape_of)
                if not operation.domain
                else unfused(operation, self._rank)
            )
            for part in versions:
                self._take(part, [self._value(i) for i in part.inputs])
        except ValueError as error:
            for name in operation.outputs:
                self._values[name] = _Blocked(error)
            for name in operation.used:
                if isinstance(self._values.get(name), Data) and name not in self._inputs:
                    self._frontier[name] = None

    def _value(self, given: Input) -> Any:
        if isinstance(given, np.ndarray):
            return given
        if not given:
            return None
        if given not in self._values:
            fail(READER, "model", given, "must define each tensor before it is used", got="tensor")
        return self._values[given]

    def _is_zero(self, given: Input) -> bool:
        value = self._value(given)
        return isinstance(value, np.ndarray) and not value.any()

    def _shape_of(self, given: Input) -> Shape:
        return self._shape(self._value(given))

    def _rank(self, given: Input) -> int:
        return len(self._shape_of(given))

    def _shape(self, value: Any) -> Shape:
        if isinstance(value, Data):
            return self._tensor(value)
        return tuple(np.shape(value))

    def _tensor(self, x: Data) -> Shape:
        return Call(self._builder, "", "", (), self._batch).tensor(x)

    def _branch(self, operation: Operation, condition: Any) -> None:
        """Take the branch of a condition that is known."""
        if isinstance(condition, Data):
            refuse(
                self._where(operation),
                "branches on values of the input",
                "export the model without branches" + self._way_out(operation),
            )
        graph = operation.attributes[
            "then_branch" if bool(np.ravel(condition)[0]) else "else_branch"
        ]
        inner = [o.name for o in graph.output]
        for i in graph.initializer:
            self._values[i.name] = self._onnx.numpy_helper.to_array(i)
        found = operations(self._onnx, graph.node)
        made = {name for part in found for name in part.made}
        self._steps(found, [*inner, *(made & self._wanted)])
        for name, source in zip(operation.outputs, inner, strict=True):
            self._values[name] = self._values[source]
            self._roots[name] = self._roots.get(source, frozenset())

    def _where(self, operation: Operation) -> str:
        return f"{READER}: {operation.label}"

    def _way_out(self, operation: Operation) -> str:
        return (
            f', or pass keep=["{operation.name}"] to let ONNX compute it' if operation.name else ""
        )

    def _take(self, operation: Operation, values: list[Any]) -> None:
        """Evaluate an operation, or convert it to layers."""
        depends = any(isinstance(v, Data) for v in values)
        if depends and operation.kind in ("Shape", "Size") and not operation.domain:
            shape = np.array(self._shape(values[0]), np.int64)
            a = operation.attributes
            found = shape[a.get("start", 0) : a.get("end")]
            if operation.kind == "Size":
                found = np.array(math.prod(shape.tolist()), np.int64)
            self._values[operation.outputs[0]] = found
            return
        if operation.kind in _LOOPS:
            refuse(
                self._where(operation),
                "is control flow",
                "export the model without loops and branches",
            )
        given = [
            Tensor(self._tensor(v), self._kind(i)) if isinstance(v, Data) else v
            for i, v in zip(operation.inputs, values, strict=True)
        ]
        try:
            shapes = self._reference.shapes(operation, given)
        except ValueError as error:
            refuse(
                self._where(operation),
                f"cannot take tensors of shape {[self._shape(v) for v in values if v is not None]} "
                f"({' '.join(str(error).split())})",
                ONE_SAMPLE,
            )
        self._kinds.update((name, tensor.kind) for name, tensor in shapes.items())
        for name, tensor in shapes.items():
            size = math.prod(tensor.shape or ())
            if size > _MOST:
                fail(READER, f"tensor '{name}'", size, f"must have at most {_MOST} values")
        if depends:
            self._convert(operation, values, shapes)
        else:
            self._evaluate(operation, values, shapes)

    def _kind(self, name: Input) -> int:
        number: int = self._onnx.TensorProto.FLOAT
        return self._kinds.get(name, number) if isinstance(name, str) else number

    def _evaluate(
        self, operation: Operation, values: list[Any], shapes: Mapping[str, Tensor]
    ) -> None:
        """Compute a constant."""
        known = [shapes.get(name, _UNKNOWN).shape for name in operation.outputs if name]
        if None in known and operation.kind in _GROWING:
            refuse(self._where(operation), "gives a constant of unknown size", "fold it before")
        self._left -= sum(math.prod(s) for s in known if s is not None)
        if self._left < 0:
            fail(READER, "model", operation.label, f"must compute constants of at most {_MOST_CONSTANTS} values in all")  # fmt: skip
        try:
            found = self._reference.values(operation, values)
        except ERRORS as error:
            refuse(
                self._where(operation),
                f"cannot be evaluated ({type(error).__name__}: {' '.join(str(error).split())})",
                "is the model valid? Simplify it before",
            )
        names = [name for name in operation.outputs if name]
        self._values.update(zip(names, found, strict=True))

    def _convert(
        self, operation: Operation, values: list[Any], shapes: Mapping[str, Tensor]
    ) -> None:
        where = self._where(operation)
        shape = shapes.get(operation.outputs[0], _UNKNOWN).shape
        name = operation.name.strip("/") or operation.kind.lower()
        self._named.update(n for n in (operation.name, name) if n)
        call = Call(self._builder, where, name, shape or (), self._batch)
        operands = [_single(v) for v in values]
        stays = operation.name in self._analog or name in self._analog
        handler = None if operation.domain else _HANDLERS.get(operation.kind)
        try:
            if stays:
                found: Any = self._foreign(call, operation, operands, shapes)
            elif shape is not None and 0 in shape:
                found = np.zeros(shape, np.float32)
            elif handler is None:
                what = f"of the domain {operation.domain} " if operation.domain else ""
                refuse(
                    where,
                    f"{what}cannot be converted",
                    hint_for(operation.kind) + self._way_out(operation),
                )
            else:
                found, operands = self._handled(handler, call, operation, operands)
        except UnsupportedError as error:
            raise ValueError(f"{error}{'' if stays else self._way_out(operation)}") from None
        except ERRORS as error:
            if isinstance(error, ValueError) and str(error).startswith(READER):
                raise
            refuse(
                where,
                f"cannot be read ({type(error).__name__}: {' '.join(str(error).split())})",
                "please report it, with the model" + self._way_out(operation),
            )
        results = found if isinstance(found, tuple) else (found,)
        if shape is not None and isinstance(results[0], Data):
            call.check(results[0])
        for k, output in enumerate(operation.outputs):
            if k < len(results):
                self._values[output] = results[k]
            elif output:
                self._values[output] = _Blocked(
                    ValueError(
                        f"{where}: its output '{output}' is not available; only the first is read"
                    )
                )
        if operation.kind not in QUANTISED:
            self._checked.append(Checked(operation, tuple(operands), results))

    def _handled(
        self, handler: Any, call: Call, operation: Operation, operands: list[Any]
    ) -> tuple[Any, list[Any]]:
        """Call a handler; what works along the batch of 1 takes tensors as wholes."""
        try:
            return handler(call, operation.attributes, operands), operands
        except ValueError:
            if self._batch > 1:
                raise
            whole = [
                call.reshaped(x, call.tensor(x), x.axis, merged="blocks")
                if isinstance(x, Data)
                else x
                for x in operands
            ]
            try:
                return handler(call, operation.attributes, whole), whole
            except ValueError:
                pass
            raise

    def _foreign(
        self, call: Call, operation: Operation, operands: list[Any], shapes: Mapping[str, Tensor]
    ) -> tuple[Data, ...]:
        """Let the reference implementation compute each output of an operation, sample by sample."""
        places = [k for k, v in enumerate(operands) if isinstance(v, Data)]
        layouts = [operands[k] for k in places]
        dtype = self._onnx.helper.tensor_dtype_to_np_dtype
        kinds = [dtype(self._kind(operation.inputs[k])) for k in places]
        found = []
        for n, name in enumerate(o for o in operation.outputs if o):
            shape = shapes.get(name, _UNKNOWN).shape
            # With a batch of 1, the whole tensor belongs to the sample.
            whole = self._batch == 1 and shape is not None and shape[:1] != (1,)
            if not shape or not (whole or shape[0] == self._batch):
                call.refuse(
                    f"gives an output of shape {shape}",
                    "only an operation with the batch first can be computed by ONNX",
                )

            def run(*arrays: NDArray[Any], n: int = n, whole: bool = whole) -> Any:
                values = list(operands)
                for k, x, kind, array in zip(places, layouts, kinds, arrays, strict=True):
                    tensor = x.layout.tensor(array[None])
                    values[k] = tensor.astype(kind)
                result = np.asarray(self._reference.values(operation, values)[n], np.float32)
                return result if whole else result[0]

            inner = call if n == 0 else call.inner(str(n))
            layout = Layout(0, "blocks" if whole else "")
            extent = shape if whole else shape[1:] or (1,)
            found.append(foreign.foreign(inner, layouts, run, extent, layout))
        return tuple(found)

    def _output(self, name: str, *, several: bool) -> str:
        value = self._values.get(name)
        if isinstance(value, _Blocked):
            text = str(value.cause)
            if self._frontier:
                names = list(self._frontier)
                shown = ", ".join(f"'{n}'" for n in names[:8]) + (", ..." if len(names) > 8 else "")
                text += f"; or stop before it: outputs=[{shown}]"
            raise ValueError(text) from None  # noqa: TRY004  # not of a wrong type
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
