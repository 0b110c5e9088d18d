"""Run a PyTorch module once, and record what it does to its input."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import torch
import torch.nn.functional as F
from torch import nn
from torch.overrides import TorchFunctionMode

from spikelet.conversion.building import ERRORS, ONE_SAMPLE, hint_for, refuse
from spikelet.conversion.torch.copies import READER, class_of, is_layer

PRECISION = torch.float64  # of all tensors that depend on the input
# What makes Python's numbers of a tensor: control flow that depends on the input.
_LEAVING = frozenset({"__bool__", "__int__", "__float__", "__index__", "__complex__", "__array__", "__contains__", "item",
                      "tolist", "numpy", "nonzero", "is_nonzero", "equal", "allclose"})  # fmt: skip
# Tensors that depend on shapes alone.
_OF_SHAPES = frozenset({"zeros_like", "ones_like", "empty_like", "full_like", "new_zeros", "new_ones", "new_full",
                        "new_empty", "new_tensor"})  # fmt: skip
# The engine has its own precision.
_CASTS = frozenset(
    {"float", "double", "half", "bfloat16", "to", "to_copy", "type", "type_as", "cpu", "cuda"}
)
# For finite inputs, these return constants. Decompositions guard softmax and log-sum-exp with them.
_OF_INFINITE = frozenset({"isinf", "isnan", "isfinite", "isposinf", "isneginf"})
_SCALING = frozenset({"mul", "multiply", "rmul", "neg", "negative", "abs", "absolute"})
_DIVIDING = frozenset({"div", "divide", "true_divide", "truediv"})
_INVERTING = frozenset({"rdiv", "rtruediv", "reciprocal", "rsqrt", "log", "log2", "log10", "log1p"})
# Operators that look up rows of a table; the indices come as floating-point numbers, as all inputs of a converted model do.
_LOOKUPS = frozenset({"embedding", "embedding_bag", "embedding_bag_forward_only"})
_WHOLE = 1e-3  # how far the mean of a constant input may be from its index
# Uninitialised memory, which later operators overwrite: traced as zeros, which are the same for all samples.
_UNSET = frozenset({"empty", "empty_like", "empty_strided", "empty_permuted", "new_empty", "new_empty_strided"})  # fmt: skip


# --- nested arguments, and names of operators ------------------------------------------------------


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return nested arguments with a function applied to each that is not a container."""
    if isinstance(tree, torch.Size):
        return tree
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a named tuple
        return type(tree)(*(mapped(function, v) for v in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)([mapped(function, v) for v in tree])
    if isinstance(tree, dict):
        return {k: mapped(function, v) for k, v in tree.items()}
    if isinstance(tree, slice):
        return slice(*(mapped(function, v) for v in (tree.start, tree.stop, tree.step)))
    return function(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """Return what is in nested arguments."""
    found: list[Any] = []
    mapped(found.append, tree)
    return iter(found)


def kind_of(function: Any) -> str:
    """Return the name of an operator: "relu" for torch.relu, F.relu_ and Tensor.relu_."""
    if name_of(function) == "__get__":  # an attribute of a tensor
        return str(function.__self__.__name__)
    return name_of(function).strip("_")


def name_of(function: Any) -> str:
    """Return the name of an operator, of any overload: "relu_" for Tensor.relu_ and aten.relu_.default."""
    function = getattr(function, "overloadpacket", function)
    name: str = getattr(function, "__name__", type(function).__name__)
    return name


def is_in_place(function: Any) -> bool:
    """Return whether an operator changes its first argument: Tensor.relu_, and ``x[0] = y``."""
    name = name_of(function)
    return kind_of(function) == "setitem" or (name.endswith("_") and not name.endswith("__"))


# --- the record ----------------------------------------------------------------------------------


@dataclass(eq=False)
class Value:
    """A tensor that depends on the input.

    Parameters
    ----------
    tensor : torch.Tensor
        For the batch that the module was run with.
    step : Step, optional
        The operator that made it; None for an input.
    narrow : torch.Tensor, optional
        The constant, of lower precision, that the operator wrote to.
    """

    tensor: torch.Tensor
    step: Step | None = None
    narrow: torch.Tensor | None = None  # what the module has in its place

    def __post_init__(self) -> None:
        self._version = _version(self.tensor)
        self.shape = tuple(self.tensor.shape)

    @property
    def is_intact(self) -> bool:
        """Whether no operator has changed the tensor in place since."""
        return _version(self.tensor) == self._version


def _version(tensor: torch.Tensor) -> int:
    return 0 if tensor.is_inference() else tensor._version  # there is no public name


@dataclass(eq=False)
class Step:
    """One operator of a run.

    Parameters
    ----------
    where : str
        The layer, for error messages.
    name : str
        Name of the layer.
    kind : str
        The operator: its name without underscores, the same for a function, a method and an operator in place.
    function : callable
    args, kwargs
        Its arguments, with a `Value` in place of each tensor that depends on the input.
    inside : nn.Module
        The module that ran it.
    is_whole : bool
        Whether the operator is this module as a whole.
    """

    where: str
    name: str
    kind: str
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    inside: nn.Module
    is_whole: bool = False
    result: Any = None  # with Values in place of tensors

    @property
    def operands(self) -> list[Value]:
        """The arguments that depend on the input."""
        return [v for v in leaves((self.args, self.kwargs)) if isinstance(v, Value)]


class Recorder(TorchFunctionMode):  # type: ignore[misc]  # torch is not type-checked
    """Records the operators that PyTorch runs on tensors that depend on the input.

    These run in double precision. Everything else is Python as ever: loops and branches follow the shapes of this run, and
    constants are computed as PyTorch computes them, in their own precision: its rounding decides in
    ``(torch.ones(9) * 0.7).floor()``. A branch on the values of a tensor is refused.

    Parameters
    ----------
    module : nn.Module
        A copy of its own, to which hooks are added.
    whole : collection of types
        Classes of modules that are one operator, whatever is in them.
    run : callable, optional
        Runs one: ``run(module, forward, x)``.

    Attributes
    ----------
    indices : Indices
        How recorded steps look up rows, also when they run later.
    """

    def __init__(
        self,
        module: nn.Module,
        whole: Collection[Any] = (),
        run: Callable[..., Any] | None = None,
    ) -> None:
        super().__init__()
        self.indices = Indices()
        self.module = module
        self.steps: list[Step] = []
        self._paused = False
        self._known: dict[int, Value] = {}  # by the ids of tensors, which values keep alive
        self._inside: list[tuple[str, nn.Module]] = []
        self._refusal: ValueError | None = None
        for name, m in module.named_modules():
            # Weights that are computed, and modules that compare precisions themselves.
            ours = type(m).__module__.startswith("spikelet.")
            hooked = any(isinstance(v, torch.Tensor) for v in vars(m).values())
            computed = ours or hooked or nn.utils.parametrize.is_parametrized(m)
            if computed or type(m) in whole or isinstance(m, nn.RNNBase | nn.RNNCellBase):
                m.double()
            if type(m) in whole:
                forward = m.forward if run is None else functools.partial(run, m, m.forward)
                m.forward = functools.partial(self._run_whole, m, forward)
            m.register_forward_pre_hook(functools.partial(self._enter, name), prepend=True)
            m.register_forward_hook(self._leave)

    def _enter(self, name: str, module: nn.Module, given: Any) -> None:
        del given
        self._inside.append((name, module))

    def _leave(self, *_: Any) -> None:
        self._inside.pop()

    def run(self, inputs: Sequence[torch.Tensor] | Mapping[str, torch.Tensor]) -> Any:
        """Run the module, and return its output, with values in place of tensors that depend on the input."""
        given = list(inputs.values() if isinstance(inputs, Mapping) else inputs)
        self.steps, self._known, self._inside, self._refusal = [], {}, [], None
        self.inputs = [self._value(x) for x in given]
        try:
            with self:
                found = (
                    self.module(**inputs) if isinstance(inputs, Mapping) else self.module(*inputs)
                )
        except (*ERRORS, NotImplementedError) as error:
            if self._refusal is not None:
                raise self._refusal from None
            shapes = ", ".join(str(tuple(x.shape[1:])) for x in given)
            self._refuse_module(
                f"cannot be run with samples of shape {shapes} ({error})",
                ONE_SAMPLE,
            )
        if self._refusal is not None:  # the module has caught it
            raise self._refusal
        return found

    def value(self, tensor: Any) -> Value | None:
        """Return the value of a tensor, or None if it does not depend on the input."""
        return self._known.get(id(tensor)) if isinstance(tensor, torch.Tensor) else None

    def _value(self, tensor: torch.Tensor, step: Step | None = None) -> Value:
        value = self._known[id(tensor)] = Value(tensor, step)
        return value

    def _refuse(self, where: str, what: str, hint: str) -> NoReturn:
        try:
            refuse(where, what, hint)
        except ValueError as error:
            self._refusal = self._refusal or error
            raise

    def _refuse_module(self, what: str, hint: str) -> NoReturn:
        path, module = self._inside[-1] if self._inside else ("", self.module)
        name = f"module '{path}' ({class_of(module)})" if path else class_of(module)
        self._refuse(f"{READER}: {name}", what, hint)

    def _labels(self, kind: str) -> tuple[str, str]:
        """Return the layer for error messages, and its name: that of the module, or of the function in it."""
        path, module = self._inside[-1] if self._inside else ("", self.module)
        called = kind
        if is_layer(module) or self._paused:
            name, called = path or kind, class_of(module)
        else:
            name = f"{path}.{kind}" if path else kind
        return f"{READER}: layer '{name}' ({called})", name

    def __torch_function__(
        self,
        func: Any,
        types: Any,
        args: Any = (),
        kwargs: Any = None,
    ) -> Any:
        """Run an operator, and record it if it depends on the input."""
        del types
        kwargs = kwargs or {}
        operands = [v for v in map(self.value, leaves((args, kwargs))) if v is not None]
        kind = kind_of(func)
        given = (*args, *kwargs.values())  # torch.relu(input=x)
        if kind in _UNSET:
            func, operands = _zeroed(func), []
        if self._paused or not operands or _is_constant(func, kind, given, self.value):
            return func(*args, **kwargs)
        if kind == "is_all_true":  # torch.distributions checks its arguments
            return torch.tensor(True)
        if name_of(func) in _LEAVING:
            self._refuse_module(
                f"cannot be traced because its control flow depends on its input (`{func.__name__}` of a tensor)",
                "replace `if`, loops and numbers made of tensors by operators on tensors; their shapes may be used",
            )
        compared = self.value(given[0]) is not None and not given[0].is_floating_point()
        if kind in _CASTS and args and not compared and self._keeps(kind, args, kwargs):
            return args[0]
        if kind in _LOOKUPS:
            func = _lookup(func, kind, self._labels(kind)[0], self.indices)
        return self._record(func, kind, args, kwargs)

    def _run_whole(self, module: nn.Module, forward: Any, *args: Any, **kwargs: Any) -> Any:
        """Run a module as one operator, unless it is part of a constant."""
        if self._paused or not any(self.value(v) for v in leaves((args, kwargs))):
            return forward(*args, **kwargs)
        self._paused = True
        try:
            return self._record(forward, type(module).__name__, args, kwargs, whole=True)
        finally:
            self._paused = False

    def _keeps(self, kind: str, args: Any, kwargs: Any) -> bool:
        """Return whether a cast of the input keeps its values, but for their precision."""
        wanted = [a.dtype if isinstance(a, torch.Tensor) else a
                  for a in (*args[1:], *kwargs.values())]  # fmt: skip
        dtypes = [d for d in wanted if isinstance(d, torch.dtype)]
        if kind == "type" and not wanted:
            return False
        if any(not d.is_floating_point for d in dtypes):
            where, _ = self._labels(kind)
            self._refuse(where, f"casts to {dtypes[0]}", hint_for("round"))
        return True

    def _record(
        self, function: Any, kind: str, args: Any, kwargs: Any, *, whole: bool = False
    ) -> Any:
        """Run an operator and record it as a step, unless its result is no tensor."""
        where, name = self._labels(kind)
        if kwargs.get("out") is not None:
            self._refuse(where, "writes to out=", "use the result that it returns")
        in_place = is_in_place(function)
        written: Any = args[0] if in_place else None
        given = mapped(lambda a: self.value(a) or a, (tuple(args), dict(kwargs)))
        if in_place and not isinstance(given[0][0], Value):  # a constant that is about to change
            given = ((written.clone(), *given[0][1:]), given[1])
        args, kwargs = mapped(self._operand, (tuple(args), dict(kwargs)))
        try:
            found = function(*args, **kwargs)
        except (*ERRORS, NotImplementedError) as error:
            self._refuse_shapes(where, kind, given, error)
        found = args[0] if kind == "setitem" else mapped(_widened, found)
        if kind in _OF_SHAPES or not any(isinstance(t, torch.Tensor) for t in leaves(found)):
            return found
        inside = self._inside[-1][1] if self._inside else self.module
        step = Step(where, name, kind, function, given[0], given[1], inside, whole)
        step.result = mapped(
            lambda t: self._value(t, step) if isinstance(t, torch.Tensor) else t, found
        )
        self.steps.append(step)
        if written is not None and written is not args[0]:
            # The module goes on with its own tensor, of lower precision, which it may have viewed elsewhere.
            step.result.narrow = written
            self._known[id(written)] = step.result
            if written.shape == found.shape:
                written.copy_(found)
            found = written
        return None if kind == "setitem" else found

    def _operand(self, a: Any) -> Any:
        """Return an argument of an operator in the precision of the inputs."""
        value = self.value(a)
        return _widened(a) if value is None else value.tensor

    def _refuse_shapes(self, where: str, kind: str, given: Any, error: Exception) -> NoReturn:
        if self._refusal is not None:
            raise self._refusal from None
        values = [v for v in leaves(given) if isinstance(v, Value)]
        shapes = ", ".join(str(v.shape[1:]) for v in values)
        hint = hint_for(kind)
        if hint == hint_for(""):
            sizes = ", ".join(str(v.shape[1:]) for v in self.inputs)
            hint = f"{ONE_SAMPLE}; got {sizes}"
            first = self.inputs[0].shape[1:]
            if len(first) == 3 and first[-1] in (1, 3, 4) and first[0] not in (1, 3, 4):
                hint += ", which looks like (height, width, channels): PyTorch takes (channels, height, width)"  # fmt: skip
        self._refuse(where, f"cannot take samples of shape {shapes} ({error})", hint)


@dataclass
class Indices:
    """Decides whether any number is an index, because random numbers stand for indices; otherwise others are refused."""

    any_number: bool = False


def _lookup(
    function: Callable[..., Any], kind: str, where: str, indices: Indices
) -> Callable[..., Any]:
    """Return a function that looks up rows of a table by whole floating-point numbers."""
    place = 0 if function in (F.embedding, F.embedding_bag) else 1  # ATen takes the table first

    def looked_up(*args: Any, **kwargs: Any) -> Any:
        given = list(args)
        x, last = given[place], len(given[1 - place]) - 1
        index = x.round() if x.is_floating_point() else x
        if indices.any_number:
            index = index.clamp(0, last)
        elif x.is_floating_point():
            wrong = ((index - x).abs() > _WHOLE) | (index < 0) | (index > last)
            if bool(wrong.any()):
                rule = f"must be whole numbers from 0 to {last}"
                raise ValueError(f"{where}: x {rule}, got {x[wrong][0]:g}")
        given[place] = index.long()
        return function(*given, **kwargs)

    looked_up.__name__ = kind
    return looked_up


def _widened(a: Any) -> Any:
    """Return a tensor of real numbers in double precision, and others as they are."""
    return a.to(PRECISION) if isinstance(a, torch.Tensor) and a.is_floating_point() else a


def _zeroed(function: Callable[..., Any]) -> Callable[..., Any]:
    def zeros(*args: Any, **kwargs: Any) -> Any:
        return function(*args, **kwargs).zero_()

    zeros.__name__ = name_of(function)
    return zeros


def _is_constant(function: Any, kind: str, args: Any, value: Callable[[Any], Value | None]) -> bool:
    """Return whether the result of an operator is the same for any finite input."""
    if kind in _OF_INFINITE:
        return not _may_overflow(value(args[0]))
    if kind == "copy" and not name_of(function).endswith(
        "_"
    ):  # of a constant, into the shape of what depends on the input
        return len(args) > 1 and value(args[1]) is None
    infinite = [a for a in args[1:] if isinstance(a, (int, float)) and math.isinf(a)]
    return kind in ("eq", "ne") and bool(infinite) and not _may_overflow(value(args[0]))


def _may_overflow(value: Value | None) -> bool:
    """Return whether a value is a quotient or a logarithm, which may be infinite for finite inputs."""
    step = None if value is None else value.step
    while step is not None and step.kind in _SCALING and len(step.operands) == 1:
        step = step.operands[0].step
    if step is None or step.kind in _DIVIDING:
        return step is not None and isinstance(step.args[1], Value)
    return step.kind in _INVERTING


def outputs_of(found: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Return what a module returns, with its name: the key of a dict or the field of a class; None is left out."""
    if found is None:
        return
    if isinstance(found, Mapping):
        items = list(found.items())
    elif dataclasses.is_dataclass(found) and not isinstance(found, type):
        items = [(f.name, getattr(found, f.name)) for f in dataclasses.fields(found)]
    elif isinstance(found, tuple) and hasattr(found, "_fields"):
        items = list(zip(found._fields, found, strict=True))
    elif isinstance(found, (list, tuple)):
        items = [("", item) for item in found]
    else:
        yield name, found
        return
    for key, item in items:
        inner = f"{name}.{key}" if name and key != "" else f"{name}{key}"
        yield from outputs_of(item, inner)
