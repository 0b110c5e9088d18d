"""Write trained spiking modules as ONNX files."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import torch
from torch import nn

from spikelet._util.checks import fail
from spikelet._util.extras import needs
from spikelet._util.files import path_of, replaced
from spikelet.conversion.building import ERRORS, refuse
from spikelet.conversion.torch.copies import copy_of
from spikelet.torch.attention import PotentialShortcut, SpikeAttention
from spikelet.torch.blocks import SEWBlock
from spikelet.torch.deploy import read
from spikelet.torch.modules import Neuron
from spikelet.torch.quantised import plain
from spikelet.torch.time import OverTime

__all__ = ["to_onnx"]

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
    twin = plain(copy_of(module)).cpu().eval()  # with the values of quantized weights
    expected = _run(twin, example)
    held = {m.steps for m in twin.modules() if isinstance(m, Neuron) and m.steps is not None}
    steps = held.pop() if held else None
    lead = (len(example),) if held or steps is not None else tuple(example.shape[:2])
    shape = tuple(example.shape[len(lead) :])
    per_step = tuple(expected.shape[:2]) == (lead if steps is None else (steps, *lead))
    real = np.dtype(str(example.dtype).removeprefix("torch."))
    options = {"steps": steps, "over_time": "steps" if per_step else "mean", "means": False}
    options |= {"where": _WHERE, "sequence": steps is None, "names": (["x"], ["y"])}

    def written(*, with_time: bool) -> Any:
        """Return the model; a forward of its own must then give what the module gives for a part of the example."""
        graph = read(twin, shape, own=True, analog=True, with_time=with_time)
        if _has_own_forward(twin):
            part = example[:2] if steps is not None else example[:4, :2]
            double = onnx_model(graph, shape, real=np.dtype(np.float64), **options)
            _compare(double, copy_of(twin).double(), part.detach().cpu().double())
        return onnx_model(graph, shape, real=real, **options)

    try:
        made = written(with_time=False)
    except ValueError as error:  # its code may name dimensions of [T, B, ...]
        if not _has_own_forward(twin):
            raise
        try:
            made = written(with_time=True)
        except ValueError:
            raise error from None
    with replaced(target) as file:
        file.write(made.SerializeToString())


_KNOWN = (nn.Sequential, OverTime, SEWBlock, SpikeAttention, PotentialShortcut)


def _has_own_forward(module: nn.Module) -> bool:
    """Return whether a module, or one in it, joins others in a forward that is not one of this package."""
    return any(
        type(m) not in _KNOWN and any(isinstance(n, Neuron) for n in m.modules() if n is not m)
        for m in module.modules()
    )


def _compare(model: Any, module: nn.Module, x: torch.Tensor) -> None:
    """Refuse a module with a forward of its own that gives other values than its operators."""
    from onnx.reference import ReferenceEvaluator  # noqa: PLC0415  # needs an extra

    expected = _run(module, x).numpy()
    (found,) = ReferenceEvaluator(model).run(None, {"x": x.numpy()})
    if found.shape != expected.shape or not np.allclose(found, expected, rtol=1e-6, atol=1e-6):
        what = "treats time in a way that its operators do not show"
        hint = (
            "do not mix time steps: read out over time outside of it, or as the mean of all steps"
        )
        refuse(f"{_WHERE}: {type(module).__name__}", what, hint)


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
