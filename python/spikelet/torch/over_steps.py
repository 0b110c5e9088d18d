"""Modules that use several steps at once, which no layer does, as parts of an ONNX model."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from onnx import compose
from torch import nn

from spikelet.conversion.to_onnx.builder import Arithmetic, Builder
from spikelet.torch.norms import TEBN
from spikelet.torch.psn import PSN, SlidingPSN

__all__ = ["OVER_STEPS", "chained", "over_steps", "parts_of"]

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


def over_steps(module: Any, sizes: list[int], real: np.dtype[Any], where: str) -> Any:
    """Return the ONNX model of such a module, from x to y of the same sizes: [T, B, ...]."""
    b = Builder(real)
    o = Arithmetic(b)
    if isinstance(module, TEBN):
        norm, each = module.norm.layer, (-1, *[1] * (len(sizes) - 3))
        scale = 1 / np.sqrt(_array(norm.running_var) + norm.eps)
        scale = scale if norm.weight is None else scale * _array(norm.weight)
        bias = 0.0 if norm.bias is None else _array(norm.bias)
        shift = bias - _array(norm.running_mean) * scale
        y = o.Add(o.Mul("x", scale.reshape(each)), shift.reshape(each))
        y = o.Mul(y, _array(module.scale).reshape(-1, *[1] * (len(sizes) - 1)))
    else:
        y = b.crossed(_potentials(b, module), b.constant(0.0))
    b.add("Reshape", y, b.add("Shape", "x"), outputs=["y"])
    ends = [b.info(name, ["T", "B", *sizes[2:]]) for name in ("x", "y")]
    return b.model(b.graph("steps", ends[:1], ends[1:]), where)


def _potentials(b: Builder, module: Any) -> str:
    """Return the weighted sums of the steps that a parallel neuron sees, less its threshold."""
    o = Arithmetic(b)
    if isinstance(module, PSN):
        flat = b.add("Reshape", "x", b.ints(module.steps, -1))
        return o.Add(o.MatMul(_array(module.matrix()), flat), _array(module.bias).reshape(-1, 1))
    steps = b.add("Slice", b.add("Shape", "x"), b.ints(0), b.ints(1))
    series = b.add("Reshape", "x", b.add("Concat", steps, b.ints(1, -1), axis=0))
    series = o.Transpose(series, perm=[2, 1, 0])
    kernel, bias = _array(module.weight)[::-1].reshape(1, 1, -1), _array(module.bias).reshape(1)
    return o.Transpose(o.Conv(series, kernel, bias, pads=[module.order - 1, 0]), perm=[2, 1, 0])


def _array(tensor: Any) -> NDArray[Any]:
    array: NDArray[Any] = tensor.detach().cpu().double().numpy()
    return array


def chained(models: list[Any]) -> Any:
    """Return models from x to y, one after the other, as one."""
    whole, *others = models
    for k, model in enumerate(others):
        last = whole.graph.output[0].name
        prefix = f"part{k}"
        part = compose.add_prefix(model, prefix)
        whole = compose.merge_models(whole, part, io_map=[(last, f"{prefix}x")])
    last = whole.graph.output[0].name
    for node in whole.graph.node:
        node.output[:] = ["y" if name == last else name for name in node.output]
    whole.graph.output[0].name = "y"
    return whole
