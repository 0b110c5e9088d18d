"""Write trained spiking modules as ONNX files: read as graphs of layers, and written from these."""

from __future__ import annotations

import os
from typing import Any, Literal, TypeAlias

import numpy as np
import torch
from torch import nn
from torch.overrides import TorchFunctionMode

from spikelet._util.checks import fail
from spikelet._util.extras import needs
from spikelet._util.files import path_of, replaced
from spikelet.conversion.building import ERRORS, refuse
from spikelet.conversion.torch.copies import copy_of
from spikelet.torch.deploy import array, read
from spikelet.torch.modules import Neuron
from spikelet.torch.norms import TEBN
from spikelet.torch.psn import PSN, SlidingPSN

OverTime: TypeAlias = Literal["mean", "sum", "steps"]

_WHERE = "to_onnx"
_MOST_BYTES = (1 << 31) - (1 << 20)  # of a file of ONNX that is in one part


def to_onnx(module: nn.Module, path: str | os.PathLike[str], example: torch.Tensor) -> None:
    """Write a trained spiking module as an ONNX file, which any runtime of ONNX runs with the same spikes up to rounding.

    The model takes ``x`` and returns ``y``, for any number of samples and, unless the module has parameters of single steps
    (`PSN`, `TEBN`, ``steps=T``), of steps. Neurons are a Scan over time, whose body is one step; other layers are operators of
    ONNX's opset 18. Modules are written as in eval mode: dropout disappears, and delays are whole steps.

    Parameters
    ----------
    module : nn.Module
        What `to_spiking_model` takes, and also analog activations of each step, a `forward` that ends with the mean or sum
        over time, and `PSN`, `SlidingPSN` and `TEBN` in a Sequential. It is not modified.
    path : path-like
        File to write, or to replace as a whole.
    example : Tensor, [T, B, ...] (or [B, ...], if the module holds its input)
        An input, which gives the number of dimensions, the sizes of a sample, and the type: float32 or float64.

    Raises
    ------
    ValueError
        If a module cannot be written, which the message names; or its parameters have another type than `example`.
    TypeError
        If `module` or `example` is of another type.
    ModuleNotFoundError
        If onnx is missing: ``pip install 'spikelet[onnx]'``.

    Notes
    -----
    A runtime may add the products of a layer in another order, so that a potential that meets its threshold within rounding
    may fall on the other side. With weights on a binary grid, and in nearly all other places, spikes are equal.

    Examples
    --------
    >>> import tempfile, onnx.reference, torch, spikelet.torch as st
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), st.LIF(), torch.nn.Linear(8, 2), st.LI())
    >>> x = (torch.rand(20, 3, 4) < 0.3).float()
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     st.to_onnx(net, f"{folder}/net.onnx", x)
    ...     y = onnx.reference.ReferenceEvaluator(f"{folder}/net.onnx").run(None, {"x": x.numpy()})[0]
    >>> bool(abs(y - net(x).detach().numpy()).max() < 1e-5)
    True
    """
    with needs(_WHERE, "onnx"):
        import onnx.compose  # noqa: F401, PLC0415  # an extra

    target = path_of(_WHERE, path)
    if not isinstance(module, nn.Module):
        fail(_WHERE, "module", type(module).__name__, "must be a torch.nn.Module", error=TypeError)
    if not isinstance(example, torch.Tensor):
        fail(_WHERE, "example", type(example).__name__, "must be a torch.Tensor", error=TypeError)
    if example.dtype not in (torch.float32, torch.float64):
        rule = "must be float32 or float64; convert module and example with .float()"
        fail(_WHERE, "example", str(example.dtype), rule, got="dtype", error=TypeError)
    if example.ndim < 2 or example.numel() == 0:
        rule = "must be [T, B, ...] with at least one step and sample"
        fail(_WHERE, "example", tuple(example.shape), rule, got="shape")
    for name, p in (*module.named_parameters(), *module.named_buffers()):
        if p.is_floating_point() and p.dtype != example.dtype and p.ndim > 0:
            rule = f"must have the type of example, {example.dtype}: convert one of them with .to()"
            fail(_WHERE, name, str(p.dtype), rule, got="dtype")
    size = sum(t.nbytes for t in (*module.parameters(), *module.buffers()))
    if size > _MOST_BYTES:
        what = f"has parameters of {size} bytes, more than an ONNX file holds"
        refuse(f"{_WHERE}: module", what, "write it in parts")
    x, models = example, list[Any]()
    before = twin = copy_of(module).cpu().eval()
    real = np.dtype(str(example.dtype).removeprefix("torch."))
    for part in parts_of(twin):
        x = _run(before, x) if models else x
        before = part
        if isinstance(part, OVER_STEPS):
            models.append(over_steps(part, list(x.shape), real))
        else:
            models.append(_model(part, x, real))
    with replaced(target) as file:
        file.write(chained(models).SerializeToString())


def _model(module: nn.Module, example: torch.Tensor, real: np.dtype[Any]) -> Any:
    """Return the ONNX model of a module whose steps are independent but for the states of neurons."""
    from spikelet.conversion.to_onnx.walk import onnx_model  # noqa: PLC0415  # needs an extra

    held = next((m.steps for m in module.modules() if isinstance(m, Neuron) and m.steps), None)
    shape = tuple(example.shape[1 if held else 2 :])
    bare = _WithoutReadout(module)
    _run(bare, example)
    try:
        graph = read(module if bare.over_time == "steps" else bare, shape, analog=True)
    except ValueError as error:  # it names the reader
        raise ValueError(f"{_WHERE}: {str(error).partition(': ')[2]}") from error
    how: dict[str, Any] = {"steps": held, "sequence": held is None, "over_time": bare.over_time}
    names = (["x"], ["y"])
    return onnx_model(graph, shape, where=_WHERE, real=real, means=False, names=names, **how)


class _WithoutReadout(nn.Module):
    """A module without the mean, or the sum, over time, with which its forward may end."""

    def __init__(self, module: nn.Module) -> None:
        super().__init__()
        self.module = module
        self.over_time: OverTime = "steps"

    def forward(self, x: torch.Tensor) -> Any:
        held = (m.steps for m in self.module.modules() if isinstance(m, Neuron) and m.steps)
        readout = _Readout(next(held, len(x)))
        with readout:
            y = self.module(x)
        if y is not readout.given:
            return self.module(x) if readout.calls else y
        if readout.calls > 1:
            what = "reads out over time more than once"
            refuse(f"{_WHERE}: {type(self.module).__name__}", what, "do so outside of the module")
        self.over_time = readout.name
        return y


class _Readout(TorchFunctionMode):
    """Leaves out means and sums over time, the first dimension of [T, B, ...]."""

    def __init__(self, steps: int) -> None:
        super().__init__()
        self.steps, self.calls = steps, 0
        self.given: Any = None
        self.name: OverTime = "steps"

    def __torch_function__(
        self, function: Any, types: Any, args: Any = (), kwargs: Any = None
    ) -> Any:
        name: Any = getattr(function, "__name__", "")
        if name in ("mean", "sum") and len(args) <= 2:
            options = {**dict(zip(("x", "dim"), args, strict=False)), **(kwargs or {})}
            x, axes = options.pop("x", None), options.pop("dim", None)
            of_time = axes in (0, (0,), [0]) and not options.get("keepdim")
            if of_time and x is not None and x.ndim > 1 and len(x) == self.steps:
                self.given, self.name, self.calls = x, name, self.calls + 1
                return x
        return function(*args, **(kwargs or {}))


def _run(module: nn.Module, example: torch.Tensor) -> torch.Tensor:
    """Return what a module returns for the example."""
    try:
        with torch.no_grad(), torch.random.fork_rng(devices=[]):
            result = module(example.detach().cpu().clone())  # a layer may work in place
    except ERRORS as error:
        what = f"cannot be run on the example ({error})"
        refuse(f"{_WHERE}: module", what, "pass an input that it takes")
    if not isinstance(result, torch.Tensor):
        refuse(f"{_WHERE}: module", f"returns a {type(result).__name__}", "return a single tensor")
    return result


OVER_STEPS = (PSN, SlidingPSN, TEBN)


def parts_of(module: nn.Module) -> list[nn.Module]:
    """Return the parts of a sequence: each module that uses several steps by itself, and all others between them."""
    if type(module) is not nn.Sequential:
        return [module]
    parts: list[nn.Module] = []
    for name, child in module.named_modules(remove_duplicate=False):
        if not name or "." in name:
            continue
        if isinstance(child, OVER_STEPS):
            parts.append(child)
            continue
        if not parts or isinstance(parts[-1], OVER_STEPS):
            parts.append(nn.Sequential())
        parts[-1].add_module(name, child)
    return parts


def over_steps(module: Any, sizes: list[int], real: np.dtype[Any]) -> Any:
    """Return the ONNX model of such a module, from x to y of the same sizes: [T, B, ...]."""
    from spikelet.conversion.to_onnx.builder import Arithmetic, Builder  # noqa: PLC0415  # an extra

    b = Builder(real)
    o = Arithmetic(b)
    if isinstance(module, TEBN):
        norm, each = module.norm.layer, (-1, *[1] * (len(sizes) - 3))
        scale = 1 / np.sqrt(array(norm.running_var) + norm.eps)
        scale = scale if norm.weight is None else scale * array(norm.weight)
        bias = 0.0 if norm.bias is None else array(norm.bias)
        shift = bias - array(norm.running_mean) * scale
        y = o.Add(o.Mul("x", scale.reshape(each)), shift.reshape(each))
        y = o.Mul(y, array(module.scale).reshape(-1, *[1] * (len(sizes) - 1)))
    else:
        y = b.crossed(_potentials(b, o, module), b.constant(0.0))
    b.add("Reshape", y, b.add("Shape", "x"), outputs=["y"])
    ends = [b.info(name, ["T", "B", *sizes[2:]]) for name in ("x", "y")]
    return b.model(b.graph("steps", ends[:1], ends[1:]), _WHERE)


def _potentials(b: Any, o: Any, module: Any) -> str:
    """Return the weighted sums of the steps that a parallel neuron sees, less its threshold."""
    if isinstance(module, PSN):
        flat = b.add("Reshape", "x", b.ints(module.steps, -1))
        y: str = o.Add(o.MatMul(array(module.matrix()), flat), array(module.bias).reshape(-1, 1))
        return y
    steps = b.add("Slice", b.add("Shape", "x"), b.ints(0), b.ints(1))
    series = b.add("Reshape", "x", b.add("Concat", steps, b.ints(1, -1), axis=0))
    series = o.Transpose(series, perm=[2, 1, 0])
    kernel, bias = array(module.weight)[::-1].reshape(1, 1, -1), array(module.bias).reshape(1)
    y = o.Transpose(o.Conv(series, kernel, bias, pads=[module.order - 1, 0]), perm=[2, 1, 0])
    return str(y)


def chained(models: list[Any]) -> Any:
    """Return models from x to y, one after the other, as one."""
    from onnx import compose  # noqa: PLC0415  # an extra

    whole, *others = models
    for k, model in enumerate(others):
        ends = [(whole.graph.output[0].name, f"part{k}x")]
        whole = compose.merge_models(whole, compose.add_prefix(model, f"part{k}"), io_map=ends)
    last = whole.graph.output[0].name
    for node in whole.graph.node:
        node.output[:] = ["y" if name == last else name for name in node.output]
    whole.graph.output[0].name = "y"
    return whole
