"""Modules in ONNX: containers, and modules whose forward is followed."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from onnx import helper
from torch import fx, nn

from spikelet.conversion.building import ERRORS, refuse
from spikelet.torch.attention import PotentialShortcut, SpikeAttention
from spikelet.torch.blocks import SEWBlock
from spikelet.torch.eprop import EProp
from spikelet.torch.event_prop import EventProp
from spikelet.torch.export.layers import LAYERS, merged
from spikelet.torch.export.neurons import neuron
from spikelet.torch.export.writer import Writer
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import Neuron
from spikelet.torch.time import OverTime, layers_over_time

__all__ = ["serialised"]

_WHERE = "to_onnx"
_IN_PLACE = (operator.iadd, operator.isub, operator.imul, operator.itruediv)
_AGAIN = (
    "changes a tensor in place that is read again",
    "write y = y + z instead of y += z, and make layers without inplace=True",
)


def serialised(module: nn.Module, example: torch.Tensor, expected: torch.Tensor) -> bytes:
    """Return a module in eval mode as a model of ONNX, given an input and what the module returns for it."""
    real = np.dtype(np.float64 if example.dtype == torch.float64 else np.float32)
    writer = Writer(real)
    y, rank = _write(writer, module, "", "x", example.ndim)
    if rank != expected.ndim:
        refuse(
            f"{_WHERE}: module",
            "changes the number of dimensions in an unknown way",
            "use nn.Flatten",
        )
    writer.add("Identity", y, outputs=["y"])
    info = helper.make_tensor_value_info
    held = [m.steps for m in module.modules() if isinstance(m, Neuron) and m.steps is not None]
    lead = ["B"] if held else ["T", "B"]
    steps, samples = (held[0], len(example)) if held else example.shape[:2]
    # Without time, [B, ...], if the first two sizes are not those of steps and samples.
    sizes = ["T", "B"] if expected.shape[:2] == (steps, samples) else ["B"]
    ends = [
        info("x", writer.element, [*lead, *example.shape[len(lead) :]]),
        info("y", writer.element, [*sizes, *expected.shape[len(sizes) :]]),
    ]
    graph = writer.graph("spikelet", ends[:1], ends[1:])
    data: bytes = writer.model(graph).SerializeToString()
    return data


def _write(writer: Writer, module: nn.Module, name: str, x: str, rank: int) -> tuple[str, int]:
    """Write a module; return the name of its output, and the number of dimensions."""
    where = (
        f"{_WHERE}: module '{name}' ({type(module).__name__})"
        if name
        else f"{_WHERE}: {type(module).__name__}"
    )
    inside = f"{name}." if name else ""
    if isinstance(module, Neuron):
        return neuron(writer, where, module, x, rank), rank + (module.steps is not None)
    if isinstance(module, EventProp | EProp):
        refuse(
            where,
            "has no steps, or learns while it runs",
            "ONNX has no operator for it: deploy its weights yourself",
        )
    over = layers_over_time(module)
    if over is not None:
        last = [rank - 1]

        def body(flat: str) -> str:
            y, last[0] = _write(writer, over, f"{inside}layer", flat, rank - 1)
            return y

        return merged(writer, x, body), last[0] + 1
    handler = LAYERS.get(type(module))
    if handler is not None:
        return handler(writer, where, module, x, rank)
    if type(module) is nn.Sequential:
        for n, m in module.named_modules(remove_duplicate=False):
            if n and "." not in n:
                x, rank = _write(writer, m, inside + n, x, rank)
        return x, rank
    if type(module) is SEWBlock:
        _refuse_changes(module.body, where)
        y, rank_y = _write(writer, module.body, f"{inside}body", x, rank)
        _refuse_changes(module.shortcut, where)
        other, _ = _write(writer, module.shortcut, f"{inside}shortcut", x, rank)
        if module.connect == "iand":
            y = writer.add("Sub", writer.constant(1.0, "one"), y)
        return writer.add("Add" if module.connect == "add" else "Mul", y, other), rank_y
    if type(module) is PotentialShortcut:
        _refuse_changes(module.body, where)
        y, rank_y = _write(writer, module.body, f"{inside}body", x, rank)
        return writer.add("Add", x, y), rank_y
    if type(module) is SpikeAttention:
        return _attention(writer, module, inside, x), rank
    if isinstance(module, SpikingModule):
        refuse(
            where,
            "runs the layers of a SpikingModel (from_spiking_model), which are not written as ONNX",
            "st.to_spiking_model(module, input_shape) gives a model with the trained values, for its save() or sl.io.write_c; "
            "for ONNX, train a module of torch.nn layers and neurons of spikelet.torch",
        )
    if type(module).__module__.startswith(("torch.nn.", "spikelet.")):
        known = ", ".join(sorted({kind.__name__ for kind in LAYERS}))
        refuse(
            where,
            "cannot be written",
            f"use neurons of spikelet.torch, OverTime, SEWBlock, PotentialShortcut and {known}",
        )
    return _traced(writer, module, where, inside, x, rank)


def _attention(writer: Writer, module: SpikeAttention, inside: str, x: str) -> str:
    """Write attention over the pixels of [T, B, channels, height, width]."""

    def part(name: str) -> str:
        spikes, _ = _write(writer, getattr(module, name), inside + name, x, 5)
        pixels = writer.add("Concat", writer.sizes(spikes, 0, 3), writer.ints(-1), axis=0)
        return writer.add("Reshape", spikes, pixels)

    q, k, v = part("query"), part("key"), part("value")
    if module.kind == "driven":
        both = writer.add("ReduceSum", writer.add("Mul", q, k), writer.ints(3), keepdims=1)
        met, _ = _write(writer, module.meeting, f"{inside}meeting", both, 4)
        y = writer.add("Mul", met, v)
    else:
        shape = writer.add("Shape", v)
        split = [writer.sizes(v, 0, 2), writer.ints(module.heads, -1), writer.sizes(v, 3)]
        heads = writer.add("Concat", *split, axis=0)
        q, k, v = (writer.add("Reshape", each, heads) for each in (q, k, v))
        met = writer.add("MatMul", v, writer.add("Transpose", k, perm=[0, 1, 2, 4, 3]))
        scale = writer.constant(module.scale, "scale")
        met = writer.add("Mul", writer.add("MatMul", met, q), scale)
        met = writer.add("Reshape", met, shape)
        y, _ = _write(writer, module.meeting, f"{inside}meeting", met, 4)
    y = writer.add("Reshape", y, writer.add("Shape", x))
    return _write(writer, module.out, f"{inside}out", y, 5)[0]


class _Value(fx.Proxy):
    """Also records operations in place, which a plain proxy takes for pure ones."""

    def __iadd__(self, other: Any) -> Any:
        return self._in_place(operator.iadd, other)

    def __isub__(self, other: Any) -> Any:
        return self._in_place(operator.isub, other)

    def __imul__(self, other: Any) -> Any:
        return self._in_place(operator.imul, other)

    def __itruediv__(self, other: Any) -> Any:
        return self._in_place(operator.itruediv, other)

    def _in_place(self, function: Callable[[Any, Any], Any], other: Any) -> Any:
        return self.tracer.create_proxy("call_function", function, (self, other), {})


class _OneLevel(fx.Tracer):
    """Records what a forward calls, and does not enter submodules."""

    def proxy(self, node: fx.Node) -> fx.Proxy:
        return _Value(node, self)

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:  # noqa: ARG002  # of the base class
        return True


def _refuse_changes(module: nn.Module, where: str) -> None:
    """Refuse a module that changes its input in place, where that is read again."""
    if _changes(module):
        refuse(where, *_AGAIN)


def _changes(module: nn.Module) -> bool:
    """Return whether a layer with inplace=True reaches the input of a module."""
    if getattr(module, "inplace", False):
        return True
    if isinstance(module, OverTime | nn.Sequential):
        for child in module.children():
            if _changes(child):
                return True
            if not _keeps(child):
                return False
    return False


def _keeps(module: nn.Module) -> bool:
    """Return whether the output of a module may lie in the memory of its input."""
    if isinstance(module, OverTime | nn.Sequential):
        return all(_keeps(child) for child in module.children())
    handler = LAYERS.get(type(module))
    if handler is None:  # a forward that is not known may return its input
        return not isinstance(module, Neuron | SEWBlock | PotentialShortcut | SpikeAttention)
    return getattr(module, "inplace", False) or handler in (LAYERS[nn.Identity], LAYERS[nn.Flatten])


def _changed(node: fx.Node, modules: dict[str, nn.Module]) -> fx.Node | None:
    """Return the node whose tensor a node changes in place."""
    if node.op == "call_module":
        return node.args[0] if _changes(modules[str(node.target)]) else None
    return node.args[0] if node.target in _IN_PLACE else None


def _is_read_again(node: Any, modules: dict[str, nn.Module]) -> bool:
    """Return whether another than the caller may see the tensor of a node, or one in the same memory."""
    while isinstance(node, fx.Node):
        if len(node.users) > 1 or node.op in ("placeholder", "get_attr"):
            return True
        shared = _changed(node, modules) is not None or (
            _keeps(modules[str(node.target)])
            if node.op == "call_module"
            else node.target in ("flatten", torch.flatten)
        )
        if not shared:
            return False
        node = node.args[0]
    return False


def _traced(
    writer: Writer, module: nn.Module, where: str, inside: str, x: str, rank: int
) -> tuple[str, int]:
    """Write a module with a forward of its own."""
    hint = (
        "use nn.Sequential, and in forward only modules, +, -, *, torch.cat, flatten, mean and sum"
    )
    try:
        graph = _OneLevel().trace(module)
    except ERRORS as error:
        refuse(where, f"has a forward that cannot be followed ({error})", hint)
    found: dict[Any, tuple[str, int]] = {}
    modules = dict(module.named_modules(remove_duplicate=False))

    def operand(a: Any) -> Any:
        if isinstance(a, fx.Node):
            return found[a]
        if isinstance(a, bool) or not isinstance(a, int | float):
            refuse(where, f"takes {a!r} as an operand", hint)
        return writer.constant(float(a)), 0

    for node in graph.nodes:
        if node.op in ("call_module", "call_function") and node.args:
            target = _changed(node, modules)
            if target is not None and _is_read_again(target, modules):
                refuse(where, *_AGAIN)
        if node.op == "placeholder":
            if node.args or found:
                refuse(where, "takes several inputs", "give it one")
            found[node] = (x, rank)
        elif node.op == "call_module":
            if len(node.args) != 1 or node.kwargs:
                refuse(where, f"gives '{node.target}' more than one input", hint)
            given, given_rank = operand(node.args[0])
            found[node] = _write(
                writer, modules[node.target], inside + node.target, given, given_rank
            )
        elif node.op == "get_attr":
            value = operator.attrgetter(node.target)(module)
            found[node] = (writer.constant(value.detach().numpy(), "parameter"), value.ndim)
        elif node.op == "output":
            result = node.args[0]
            if not isinstance(result, fx.Node):
                refuse(where, "returns several values", "return one tensor")
            return found[result]
        else:
            what = node.target if isinstance(node.target, str) else node.target.__name__
            write = _FUNCTIONS.get(what)
            if write is None:
                refuse(where, f"calls {what}", hint)
            try:
                found[node] = write(writer, operand, *node.args, **node.kwargs)
            except (TypeError, KeyError) as error:
                refuse(where, f"calls {what} with arguments that are not known ({error})", hint)
    raise AssertionError("a traced graph ends with its output")


def _combined(name: str) -> Callable[..., tuple[str, int]]:
    def write(writer: Writer, operand: Any, a: Any, b: Any) -> tuple[str, int]:
        (x, rank_x), (y, rank_y) = operand(a), operand(b)
        return writer.add(name, x, y), max(rank_x, rank_y)

    return write


def _joined(writer: Writer, operand: Any, tensors: Any, dim: int = 0) -> tuple[str, int]:
    given = [operand(a) for a in tensors]
    rank = given[0][1]
    return writer.add("Concat", *(x for x, _ in given), axis=dim % rank), rank


def _flattened(
    writer: Writer, operand: Any, a: Any, start_dim: int = 0, end_dim: int = -1
) -> tuple[str, int]:
    x, rank = operand(a)
    return LAYERS[nn.Flatten](writer, f"{_WHERE}: flatten", nn.Flatten(start_dim, end_dim), x, rank)


def _reduced(name: str) -> Callable[..., tuple[str, int]]:
    def write(
        writer: Writer, operand: Any, a: Any, dim: Any = None, keepdim: bool = False
    ) -> tuple[str, int]:
        x, rank = operand(a)
        axes = (
            list(range(rank))
            if dim is None
            else [d % rank for d in ([dim] if isinstance(dim, int) else dim)]
        )
        after = rank if keepdim else rank - len(axes)
        if name == "ReduceSum":
            return writer.add(name, x, writer.ints(*axes), keepdims=int(keepdim)), after
        return writer.add(name, x, axes=axes, keepdims=int(keepdim)), after

    return write


_FUNCTIONS: dict[str, Callable[..., tuple[str, int]]] = {
    **dict.fromkeys(("add", "iadd"), _combined("Add")),
    **dict.fromkeys(("sub", "isub"), _combined("Sub")),
    **dict.fromkeys(("mul", "imul"), _combined("Mul")),
    **dict.fromkeys(("truediv", "itruediv", "div"), _combined("Div")),
    **dict.fromkeys(("cat", "concat"), _joined),
    "flatten": _flattened,
    "mean": _reduced("ReduceMean"),
    "sum": _reduced("ReduceSum"),
}
