"""Convert what a PyTorch module does to its input to a graph of layers, and compare both."""

from __future__ import annotations

import contextlib
import functools
import inspect
import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Literal, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikelet._util.checks import fail, known, shown
from spikelet.conversion.building import (
    STEPS,
    Builder,
    Call,
    Data,
    Layout,
    Merged,
    UnsupportedError,
    check_output,
    hint_for,
    refuse,
)
from spikelet.conversion.passes import run_passes
from spikelet.conversion.recognition import recognize
from spikelet.conversion.torch.check import differing
from spikelet.conversion.torch.copies import READER, batch_of, copied, is_layer
from spikelet.conversion.torch.movements import MOVEMENTS, moved_by
from spikelet.conversion.torch.operators import (
    ELEMENTWISE,
    MODULES,
    OPERATORS,
    Handler,
    array,
    by_name,
)
from spikelet.conversion.torch.tracing import (
    PRECISION,
    Recorder,
    Step,
    Value,
    leaves,
    mapped,
    outputs_of,
)
from spikelet.layers import Shape
from spikelet.layers.graph import INPUT, Graph


class ForeignStep:
    """A function of the arrays of one sample that runs a step of a module.

    Parameters
    ----------
    step : Step
    operands : sequence of Value
        In the order of the arrays.
    layouts : sequence of Layout
        Where each has its batch.
    k : int
        The result to return, of several.
    batch : int
        Number of samples of the recorded run. The step runs with as many copies of a sample, because it may hold numbers
        that depend on it.
    """

    def __init__(
        self,
        step: Step,
        operands: Sequence[Value],
        layouts: Sequence[Layout],
        k: int,
        batch: int,
    ) -> None:
        self._step, self._operands, self._layouts = step, tuple(operands), tuple(layouts)
        self._k, self._batch = k, batch
        result: torch.Tensor = list(leaves(step.result))[k].tensor
        first = [layout.samples(v.tensor.numpy(), batch)[0] for v, layout in
                 zip(self._operands, self._layouts, strict=True)]  # fmt: skip
        self.layout = self._place(result.numpy(), self._run(first))
        self.shape = self.layout.samples(result.numpy(), batch).shape[1:]

    def _place(self, result: NDArray[Any], alone: NDArray[Any]) -> Layout:
        """Return where the result has its batch: that of the recorded run, and of one of copies of the first sample."""
        orders: tuple[Merged, ...] = ("blocks", "turns")
        for merged, axis in itertools.product(orders, range(result.ndim)):
            if result.shape[axis] % self._batch == 0:
                alike = result.shape[axis] == self._batch and result.ndim > 1
                layout = Layout(axis, "" if alike else merged)
                one, first = (layout.samples(a, self._batch)[0] for a in (alone, result))
                if np.allclose(one, first, equal_nan=True):
                    return layout
        msg = "mixes the samples of a batch"
        raise ValueError(f"{self._step.where}: {msg}; keep the samples of a batch separate")

    def _run(self, arrays: Sequence[NDArray[Any]]) -> NDArray[Any]:
        tensors: dict[Value, torch.Tensor] = {}
        for value, layout, a in zip(self._operands, self._layouts, arrays, strict=True):
            copies = layout.tensor(np.repeat(np.asarray(a)[None], self._batch, 0))
            tensors[value] = torch.from_numpy(np.ascontiguousarray(copies)).to(value.tensor.dtype)
        args, kwargs = mapped(
            lambda a: tensors[a] if isinstance(a, Value) else a,
            (self._step.args, self._step.kwargs),
        )
        with torch.no_grad():
            found = list(leaves(self._step.function(*args, **kwargs)))[self._k]
        return np.asarray(torch.as_tensor(found).numpy())

    def __call__(self, *arrays: NDArray[Any]) -> NDArray[np.float64]:
        """Return the result for one sample."""
        return np.asarray(self.layout.samples(self._run(arrays), self._batch)[0], np.float64)


BATCH = 2
_TOLERANCE = 1e-6
_MANY = 1 << 20  # activations of the recorded run, of all layers
_WAY_OUT = 'or keep it analog, run by PyTorch: keep=["{}"]'


def _inputs_of(module: nn.Module, shapes: Any) -> dict[str, Shape]:
    """Return the names of the inputs, and the shape of one sample of each."""
    parameters = [p for p in inspect.signature(module.forward).parameters.values()
                  if p.kind not in (p.VAR_KEYWORD, p.VAR_POSITIONAL)]  # fmt: skip
    names = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    required = [p.name for p in parameters if p.default is p.empty]
    if isinstance(shapes, Mapping):
        given = dict(shapes)
    elif not shapes or not isinstance(shapes[0], tuple):
        given = {INPUT: shapes}
    else:
        names += [f"input_{k}" for k in range(len(names), len(shapes))]
        given = dict(zip(names, shapes, strict=False))
    several = required if len(given) == 1 and INPUT in given else [n for n in required if n not in given]  # fmt: skip
    if (INPUT in given and len(several) > 1) or (INPUT not in given and several):
        refuse(
            f"{READER}: {type(module).__name__}",
            f"forward takes the inputs {required}, got the shape{'s' * (len(given) > 1)} of {len(given)}",
            "pass example_shape as one shape for each, in this order: ((3, 32, 32), (10,))",
        )
    return given


class _Reader:
    """Converts the steps of a run to layers."""

    def __init__(
        self,
        recorder: Recorder,
        inputs: Mapping[str, Shape],
        handlers: Mapping[str, Handler],
        keep: Collection[str],
        batch: int,
        steps: str,
    ) -> None:
        self._batch = batch
        self.builder = Builder(inputs, over_time=steps != "none")
        self._handlers = handlers
        self._keep = tuple(keep)
        self.data: dict[Value, Any] = {}
        self.expected: dict[str, Any] = {}
        for name, value in zip(inputs, recorder.inputs, strict=True):
            self.data[value] = Data(name, merged="steps" if steps == "given" else "")

    def convert(self, steps: Sequence[Step], wanted: Sequence[Value]) -> None:
        """Convert the steps that lead to these values."""
        parts = [s.name.split(".") for s in steps]
        names = {".".join(part[: k + 1]): None for part in parts for k in range(len(part))}
        for name in self._keep:
            known(READER, "keep", name, names, "layers or modules")
        needed = {v.step for v in wanted}
        for step in reversed(steps):
            if step in needed:
                needed.update(v.step for v in step.operands)
        for step in steps:
            if step in needed:
                self._convert(step)

    def _convert(self, step: Step) -> None:
        results = [v for v in leaves(step.result) if isinstance(v, Value)]
        call = Call(self.builder, step.where, step.name, results[0].shape, self._batch)
        found = self._handled(call, step)
        parts = list(leaves(found))
        # Indices, and what norms keep for their gradient, are not computed.
        parts += [None] * (len(results) - len(parts) if isinstance(found, Data) else 0)
        if len(parts) != len(results):
            call.refuse("has several results", hint_for(step.kind))
        for value, part in zip(results, parts, strict=True):
            self.data[value] = part
            if not isinstance(part, Data):  # a constant, or None: what no layer computes
                continue
            shape = call.tensor(part)
            if shape != value.shape:
                call.refuse(
                    f"gives shape {value.shape}, but its layers give {shape}",
                    "the first dimension must remain the batch",
                )
            if value.is_intact and value.tensor.is_floating_point():
                self.expected[part.source] = part.layout.samples(value.tensor.numpy(), self._batch)

    def _handled(self, call: Call, step: Step) -> Any:
        stays = any(_within(step.name, name) for name in self._keep)
        if stays and step.kind in ELEMENTWISE:
            return self._foreign(call, step)
        try:
            return self._layers(call, step)
        except ValueError as error:
            if stays:
                return self._foreign(call, step)
            if isinstance(error, UnsupportedError):
                raise ValueError(f"{error}; {_WAY_OUT.format(step.name)}") from None  # noqa: TRY004  # a value of the module
            raise

    def _layers(self, call: Call, step: Step) -> Any:
        if step.kind in MOVEMENTS and not step.is_whole:
            return moved_by(call, step, self.data)
        handler = self._handlers.get(step.kind)
        if handler is None:
            call.refuse("cannot be converted", hint_for(step.kind))
        if step.is_whole:
            handler = functools.partial(handler, module=step.inside)
        if step.kind == "batch_norm":
            _require_trained(step.where, step.inside)

        def operand(a: Any) -> Any:
            if not isinstance(a, Value):
                return array(a)
            data = self.data[a]
            if data is None:
                call.refuse("takes the indices of another operator", "use its values only")
            return data

        args, kwargs = mapped(operand, (step.args, step.kwargs))
        if not args:  # torch.relu(input=x)
            first, *others = kwargs.items()
            args, kwargs = (first[1],), dict(others)
        args, named_ones = by_name(step.function, step.kind, args)
        try:
            return handler(call, *args, **named_ones, **kwargs)
        except TypeError as error:
            call.refuse(f"is called with unsupported arguments ({error})", hint_for(step.kind))

    def _foreign(self, call: Call, step: Step) -> Any:
        operands = list(dict.fromkeys(step.operands))
        data = [self.data[v] for v in operands]
        if any(d is None for d in data):
            call.refuse("takes the indices of another operator", "use its values only")
        if any(v.tensor.is_complex() for v in leaves(step.result)):
            call.refuse(
                "gives complex numbers", "compute their real and imaginary parts by real operators"
            )
        found = []
        for k, _ in enumerate(leaves(step.result)):
            function = ForeignStep(step, operands, [d.layout for d in data], k, self._batch)
            part = call if k == 0 else call.inner(str(k))
            found.append(part.foreign(data, function, function.shape, function.layout))
        return found


def _within(name: str, layer: str) -> bool:
    return name == layer or name.startswith(f"{layer}.")


def _require_trained(where: str, module: nn.Module) -> None:
    if not isinstance(module, nn.BatchNorm1d | nn.BatchNorm2d | nn.BatchNorm3d | nn.SyncBatchNorm):
        return
    mean, variance, count = module.running_mean, module.running_var, module.num_batches_tracked
    if mean is not None and count is not None and not count and not mean.any() and (variance == 1).all():  # fmt: skip
        refuse(
            where,
            "has never been trained: its running mean is 0 and its running variance 1",
            "train the module, or load a trained state_dict, before converting it",
        )


def convert(
    module: nn.Module,
    shapes: Any,
    *,
    keep: Collection[str] = (),
    whole: Mapping[type, Handler] | None = None,
    run: Callable[..., Any] | None = None,
    steps: Literal["none", "held", "given"] = "none",
) -> Graph:
    """Convert a module to a graph of layers; see `read_torch`.

    Parameters
    ----------
    module : nn.Module
    shapes : tuple of int, tuple of these, or mapping of str to tuple of int
    keep : collection of str
    whole : mapping, optional
        Further classes of modules that are one operator, with their handlers.
    run : callable, optional
        Runs a module of these classes: ``run(module, forward, x)``. By default ``forward(x)`` does.
    steps : "none", "held" or "given"
        Whether tensors of the module may be [T, B, ...], and its inputs are, too ("given"). The steps are then independent
        samples for all operators, and what mixes them is refused.
    """
    inputs = _inputs_of(module, shapes)
    special = {**MODULES, **(whole or {})}
    handlers = {**OPERATORS, **{kind.__name__: handler for kind, handler in special.items()}}
    size = (batch_of(module) or BATCH) if steps == "none" else 2 * STEPS
    twin = copied(module)
    if is_layer(twin) or type(twin) in special:  # a single layer
        twin = nn.Sequential(twin)
    generator = torch.Generator().manual_seed(1)
    x, again = (
        {n: torch.randn(size, *s, generator=generator, dtype=PRECISION) for n, s in inputs.items()}
        for _ in range(2)
    )
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        recorder = Recorder(twin, special, run)
        indices = recorder.indices
        indices.any_number = True
        others, batch = _outputs_alone(recorder, again, size, steps)
        found = list(outputs_of(recorder.run(_arguments(x, steps))))
        wanted = [_output(recorder, name, y) for name, y in found]
        if not wanted:
            fail(READER, "output", None, "must be a tensor that depends on the input")
        if len(others) != len(wanted):
            rule = "must be the same for all inputs"
            fail(READER, "outputs", (len(others), len(wanted)), rule, got="numbers")
        reader = _Reader(recorder, inputs, handlers, keep, size, steps)
        reader.convert(recorder.steps, wanted)
        made = [reader.data[v] for v in wanted]
        for (name, y), data in zip(found, made, strict=True):
            if not isinstance(data, Data):
                _refuse_constant(name, y)
            check_output(READER, name, data)
        graph = reader.builder.graph(READER, [d.source for d in made], [name for name, _ in found])
        graph = run_passes(READER, graph, recognize)
        names = reader.builder.final
        expected = {names.get(k, k): v for k, v in reader.expected.items()}
        # Of a large network, one sample has values enough: what mixes samples gives it other ones, too.
        count = size if sum(v.size for v in expected.values()) <= _MANY else 1
        expected = {name: values[:count] for name, values in expected.items()}
        for name, value, other, data in zip(graph.outputs, wanted, others, made, strict=True):
            runs = ((value.tensor, size), (other, batch))
            parts = [data.layout.samples(y.double().numpy(), n)[:count] for y, n in runs]
            expected[name] = np.concatenate(parts)
        del twin, recorder, reader, wanted  # large networks need the memory
        both = {n: torch.cat([x[n][:count], again[n][: min(count, batch)]]).numpy() for n in inputs}
        wrong = differing(graph, both, expected, _TOLERANCE)
    indices.any_number = False
    if wrong is not None and wrong[1] < count:
        refuse(
            f"{READER}: layer '{wrong[0]}'",
            "differs from PyTorch",
            "do not change in place a tensor of which a view is used elsewhere; otherwise please report the module",
        )
    if wrong is not None:
        refuse(
            f"{READER}: {type(module).__name__}",
            "differs from its operators run one by one",
            "remove random operators, code that PyTorch does not see (numpy, torch.jit), and numbers that depend on the "
            "number of steps",
        )
    return graph


def _outputs_alone(
    recorder: Recorder, x: Mapping[str, torch.Tensor], size: int, steps: str
) -> tuple[list[torch.Tensor], int]:
    """Return the outputs for other samples than those of the recorded run, and the number of these: one, if it can be alone.

    Nothing that is taken for a constant may depend on the input.
    """

    def run(n: int) -> list[torch.Tensor]:
        found = recorder.run(_arguments({name: v[:n] for name, v in x.items()}, steps))
        return [y.double() for _, y in outputs_of(found) if isinstance(y, torch.Tensor)]

    with contextlib.suppress(ValueError):
        alone = run(1)
        if all(y.ndim and len(y) == 1 for y in alone):
            return alone, 1
    return run(size), size


def _output(recorder: Recorder, name: str, y: Any) -> Value:
    """Return the value of an output."""
    what = f"output '{name}'" if name else "output"
    if not isinstance(y, torch.Tensor):
        msg = f"{READER}: {what} must be a tensor, got {shown(y)}"
        raise TypeError(msg)
    value = recorder.value(y)
    if value is None:
        _refuse_constant(name, y)
    return value


def _refuse_constant(name: str, y: torch.Tensor) -> NoReturn:
    what = f"output '{name}'" if name else "output"
    rule = "must be a tensor that depends on the input"
    fail(READER, what, tuple(y.shape), rule, got="a constant of shape")


def _arguments(x: Mapping[str, torch.Tensor], steps: str) -> Any:
    """Return what to run the module with: copies, as it may change its input in place (``x -= mean``)."""
    given = {name: v.clone() for name, v in x.items()}
    if steps == "given":
        given = {name: v.unflatten(0, (min(len(v), STEPS), -1)) for name, v in given.items()}
    return list(given.values()) if INPUT in given and len(given) == 1 else given
