"""Write trained spiking modules as ONNX files."""

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
from spikelet.torch.deploy import read
from spikelet.torch.modules import Neuron

__all__ = ["to_onnx"]

OverTime: TypeAlias = Literal["mean", "sum", "steps"]

_WHERE = "to_onnx"
_MOST_BYTES = (1 << 31) - (1 << 20)  # of a file of ONNX that is in one part


def to_onnx(module: nn.Module, path: str | os.PathLike[str], example: torch.Tensor) -> None:
    """Write a trained spiking module as an ONNX file, which any runtime of ONNX runs with the same spikes up to rounding.

    The graph takes ``x`` and returns ``y``, for any number of samples and, unless the module has parameters of single steps
    (`PSN`, `TEBN`, ``steps=T``), of steps. Neurons of all kinds and conventions are a Scan over time, whose body is one step;
    layers are those of ONNX's opset 17. Modules are written as in eval mode: dropout disappears, and delays are whole steps.

    Parameters
    ----------
    module : nn.Module
        ``nn.Sequential`` of layers and neurons, `OverTime`, `SEWBlock`, `SpikeAttention`, `Delay`; or a module whose forward
        calls such modules, adds or multiplies what they return, and takes means or sums. It is not modified.
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
        from spikelet.conversion.to_onnx.walk import onnx_model  # noqa: PLC0415  # needs an extra

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
    twin = copy_of(module).cpu().eval()
    held = next((m.steps for m in twin.modules() if isinstance(m, Neuron) and m.steps), None)
    shape = tuple(example.shape[1 if held else 2 :])
    bare = _WithoutReadout(twin)
    _run(bare, example)
    if bare.over_time != "steps":
        twin = bare
    try:
        graph = read(twin, shape, analog=True)
    except ValueError as error:  # it names the reader
        raise ValueError(f"{_WHERE}: {str(error).partition(': ')[2]}") from error
    made = onnx_model(
        graph,
        shape,
        where=_WHERE,
        real=np.dtype(str(example.dtype).removeprefix("torch.")),
        sequence=held is None,
        steps=held,
        means=False,
        over_time=bare.over_time,
        names=(["x"], ["y"]),
    )
    with replaced(target) as file:
        file.write(made.SerializeToString())


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
        name = getattr(function, "__name__", "")
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
