"""Trace a PyTorch module, and convert the trace to a graph of layers."""

from __future__ import annotations

import copy
import inspect
import operator
from typing import Any

import torch
from torch import fx, nn

from spikelet._util.checks import fail
from spikelet.conversion.building import ERRORS, Builder, Call, Data, differing, hint_for, refuse
from spikelet.conversion.torch_operators import (
    CASTS,
    FUNCTIONS,
    METHODS,
    MODULES,
    READERS,
    SOFTMAX,
)
from spikelet.layers import Shape
from spikelet.layers.graph import INPUT, Graph

__all__ = ["convert"]

READER = "read_torch"
BATCH = 2
_HOOKS = ("_forward_hooks", "_forward_pre_hooks", "_backward_hooks", "_backward_pre_hooks")


def handler_of(module: nn.Module) -> Any:
    """Return the function that converts a module, or None; a subclass with its own forward has none."""
    kind: Any = type(module)
    for cls in kind.__mro__:
        if cls in MODULES and kind.forward is cls.forward:
            return MODULES[cls]
    return None


class _Tracer(fx.Tracer):  # type: ignore[misc]  # torch is not type-checked
    """A tracer that knows the current module, for error messages."""

    def __init__(self) -> None:
        super().__init__()
        self.inside: list[tuple[str, nn.Module]] = []

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        known = handler_of(m) is not None
        return known or bool(super().is_leaf_module(m, module_qualified_name))

    def call_module(self, m: nn.Module, *args: Any) -> Any:
        self.inside.append((self.path_of_module(m), m))
        result = super().call_module(m, *args)
        self.inside.pop()
        return result


def _copied(module: nn.Module) -> nn.Module:
    """Return a copy in eval mode, on the CPU."""
    while type(module).__name__ in ("DataParallel", "DistributedDataParallel", "OptimizedModule"):
        module = getattr(module, "_orig_mod", None) or module.module
    for name, p in (*module.named_parameters(), *module.named_buffers()):
        if isinstance(p, nn.parameter.UninitializedTensorMixin):
            refuse(f"{READER}: '{name}'", "has no shape yet", "run the module once first")
    try:
        twin = copy.deepcopy(module)
    except (*ERRORS, fx.proxy.TraceError) as error:
        refuse(
            f"{READER}: {type(module).__name__}",
            f"cannot be copied ({error})",
            "make parameters that hooks compute plain: torch.nn.utils.remove_weight_norm",
        )
    return twin.cpu().eval().requires_grad_(False)


def _trace(module: nn.Module) -> fx.Graph:
    parameters = list(inspect.signature(module.forward).parameters.values())
    several = [
        p.name
        for p in parameters
        if p.kind is p.VAR_POSITIONAL or (p.default is p.empty and p.kind is not p.VAR_KEYWORD)
    ]
    if len(several) != 1 or parameters[0].kind is parameters[0].VAR_POSITIONAL:
        where = f"{READER}: {type(module).__name__}"
        fail(where, "forward", several, "must take one input", got="inputs")
    tracer = _Tracer()
    defaults = {p.name: p.default for p in parameters if p.default is not p.empty}
    try:
        return tracer.trace(module, concrete_args=defaults or None)
    except (*ERRORS, fx.proxy.TraceError) as error:
        path, culprit = tracer.inside[-1] if tracer.inside else ("", module)
        refuse(
            f"{READER}: module '{path}' ({type(culprit).__name__})"
            if path
            else f"{READER}: {type(culprit).__name__}",
            f"cannot be traced because its control flow depends on its input ({error})",
            "replace `if`, loops and int() of tensors or their shapes by plain operators, "
            "or export the module to ONNX and read that",
        )


def _named(node: fx.Node) -> tuple[str, str]:
    """Return a name for the layer, and the name of its operator."""
    if node.op == "call_module":
        return str(node.target), ""
    target = node.target if isinstance(node.target, str) else node.target.__name__
    target = target.strip("_")
    stack = list((node.meta.get("nn_module_stack") or {}).values())
    path = stack[-1][0] if stack else ""
    return (f"{path}.{target}" if path else target), target


class _Reader:
    """Runs each operator of a trace, and converts it to a layer."""

    def __init__(self, module: nn.Module, trace: fx.Graph, x: torch.Tensor) -> None:
        self.module, self.x = module, x
        self.builder = Builder(tuple(x.shape[1:]))
        self.values: dict[fx.Node, Any] = {}  # as PyTorch computes them
        self.layers: dict[fx.Node, Data] = {}
        self.expected: dict[str, Any] = {}  # by the names of layers
        self.casts = False
        nodes = list(trace.nodes)
        self.result = nodes[-1].args[0]
        if not isinstance(self.result, fx.Node):
            msg = (
                f"{READER}: {type(module).__name__}: output must be one tensor, got {self.result!r}"
            )
            raise TypeError(msg)
        self.needed = {self.result}
        for node in reversed(nodes):
            if node in self.needed:
                self.needed.update(node.all_input_nodes)
        for node in nodes:
            if node in self.needed and node.op != "output":
                self._step(node)
        if self.result not in self.layers:
            fail(READER, "output", self.result, "must be a tensor that depends on the input")

    def _step(self, node: fx.Node) -> None:
        if node.op == "placeholder":
            # An argument with a default is a constant.
            if node.args:
                self.values[node] = node.args[0]
            else:
                self.values[node], self.layers[node] = self.x, Data(INPUT)
            return
        if node.op == "get_attr":
            self.values[node] = operator.attrgetter(str(node.target))(self.module)
            return
        depends = any(i in self.layers for i in node.all_input_nodes)
        reads = node.op == "call_method" and node.target in READERS
        reads |= node.op == "call_function" and node.target is getattr
        name, called = _named(node)
        leaf = self.module.get_submodule(node.target) if node.op == "call_module" else None
        called = called or type(leaf).__name__
        where = f"{READER}: layer '{name}' ({called})"
        if depends and node.op == "call_method" and node.target in CASTS:
            self.casts = True
            self.values[node] = self.values[node.all_input_nodes[0]]
            self.layers[node] = self.layers[node.all_input_nodes[0]]
            return
        if depends and not reads:
            handler = self._handler(node, where, called, leaf)
        self.values[node] = self._run(node, where, leaf)
        if depends and not reads:
            if not isinstance(self.values[node], torch.Tensor):
                refuse(where, "does not return one tensor", hint_for(called))
            call = Call(self.builder, where, name, tuple(self.values[node].shape), BATCH)
            self.layers[node] = self._convert(node, call, handler, leaf)
            if self.layers[node].view is None:
                self.expected.setdefault(self.layers[node].name, self.values[node].numpy())

    def _handler(self, node: fx.Node, where: str, called: str, leaf: nn.Module | None) -> Any:
        kind = type(leaf) if leaf is not None else node.target
        if kind in SOFTMAX:
            if node is not self.result:
                refuse(
                    where,
                    "is not the last operator",
                    "only a softmax of the output can be removed, which does not change the order",
                )
            return lambda _call, x, *_, **__: x
        if leaf is not None:
            handler = handler_of(leaf)
        else:
            table: Any = METHODS if node.op == "call_method" else FUNCTIONS
            handler = table.get(node.target)
        if handler is None:
            refuse(where, "cannot be converted", hint_for(called))
        return handler

    def _run(self, node: fx.Node, where: str, leaf: nn.Module | None) -> Any:
        def value(n: fx.Node) -> Any:
            v = self.values[n]
            return v.clone() if n in self.layers else v  # some operators work in place

        args, kwargs = fx.node.map_arg((node.args, node.kwargs), value)
        try:
            if leaf is not None:
                return leaf(*args, **kwargs)
            if node.op == "call_method":
                return getattr(args[0], str(node.target))(*args[1:], **kwargs)
            return node.target(*args, **kwargs)
        except (*ERRORS, fx.proxy.TraceError) as error:
            shapes = [tuple(self.values[n].shape[1:]) for n in node.all_input_nodes
                      if n in self.layers]  # fmt: skip
            refuse(
                where,
                f"cannot take samples of shape {', '.join(map(str, shapes))} ({error})",
                "example_shape must be the shape of one sample, without the batch; got "
                f"{tuple(self.x.shape[1:])}",
            )

    def _convert(self, node: fx.Node, call: Call, handler: Any, leaf: Any) -> Data:
        def operand(n: fx.Node) -> Any:
            return self.layers.get(n, self.values[n])

        args, kwargs = fx.node.map_arg((node.args, dict(node.kwargs)), operand)
        if not args:
            args = (kwargs.pop("tensors", None) or kwargs.pop("input", None),)
        first = args[0]
        try:
            if leaf is not None:
                found: Data = handler(call, leaf, first) if type(leaf) not in SOFTMAX else first
            else:
                found = handler(call, first, *args[1:], **kwargs)
        except TypeError as error:
            refuse(call.where, f"is called with unsupported arguments ({error})", hint_for("call"))
        call.check(found)
        return found


def _output(module: nn.Module, x: torch.Tensor, *, casts: bool) -> torch.Tensor:
    """Return the output of the module itself, including its hooks."""
    twin = _copied(module)
    # A module that casts has its own precision: float64 would not reach the output.
    y = twin.float()(x.float()) if casts else twin.double()(x)
    return y.double()


def convert(module: nn.Module, shape: Shape) -> Graph:
    """Convert a module to a graph of layers; see `read_torch`."""
    twin = _copied(module).double()
    if handler_of(twin) is not None:  # a single layer
        twin = nn.Sequential(twin)
    for m in twin.modules():
        for hooks in _HOOKS:
            getattr(m, hooks, {}).clear()
    x = torch.randn(BATCH, *shape, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        reader = _Reader(twin, _trace(twin), x)
        graph = reader.builder.graph(READER, reader.layers[reader.result].name)
        tolerance = 1e-4 if reader.casts else 1e-6
        wrong = differing(graph, x.numpy(), reader.expected, tolerance)
        if wrong is not None:
            refuse(
                f"{READER}: layer '{wrong}'",
                "gives other values than PyTorch",
                "this is a bug in spikelet, please report it",
            )
        one_by_one = reader.values[reader.result]
        error = (_output(module, x, casts=reader.casts) - one_by_one).abs().max()
    if not error <= tolerance * one_by_one.abs().max():
        refuse(
            f"{READER}: {type(module).__name__}",
            "gives other values than its operators one by one",
            "remove forward hooks and in-place operators (inplace=True) that change the input of other "
            "operators, and random operators",
        )
    return graph
