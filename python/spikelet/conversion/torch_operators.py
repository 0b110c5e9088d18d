"""Conversion of each module, function and method of PyTorch to layers."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable
from typing import Any, TypeAlias

import torch
import torch.nn.functional as F  # PyTorch's customary name
from torch import nn

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data, hint_for
from spikelet.conversion.qcfs_torch import QCFSActivation
from spikelet.conversion.torch_weights import (
    array,
    conv2d,
    conv2d_module,
    linear,
    linear_module,
    normalise,
    normalise_module,
    pair,
)
from spikelet.layers import AdaptiveAvgPool2d, AvgPool2d, Concat, Flatten, MaxPool2d
from spikelet.layers import ReLU as Rectifier

__all__ = ["CASTS", "FUNCTIONS", "METHODS", "MODULES", "READERS", "SOFTMAX"]


Handler: TypeAlias = Callable[..., Data]


# --- neurons and pools -------------------------------------------------------------------------


def relu(c: Call, x: Data, inplace: bool = False) -> Data:  # noqa: ARG001
    return c.add(Rectifier(), x)


def clamp(c: Call, x: Data, min: Any = None, max: Any = None) -> Data:  # noqa: A002
    if not isinstance(min, int | float) or min != 0 or max not in (None, math.inf):
        c.refuse(f"clips to {min} .. {max}", hint_for("clamp"))
    return relu(c, x)


def _hardtanh(c: Call, m: Any, x: Data) -> Data:
    return clamp(c, x, m.min_val, m.max_val)


def _qcfs(c: Call, m: Any, x: Data) -> Data:
    with named(c.where):
        layer = Rectifier(float(m.upper), m.levels)
    return c.add(layer, x)


def max_pool2d(
    c: Call,
    x: Data,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    return_indices: bool = False,
) -> Data:
    if pair(dilation) != (1, 1) or return_indices:
        c.refuse("is dilated, or returns indices", "use plain max pooling")
    with named(c.where):
        layer = MaxPool2d(
            pair(kernel_size), pair(stride) if stride else None, pair(padding), ceil_mode
        )
    return c.add(layer, x)


def avg_pool2d(
    c: Call,
    x: Data,
    kernel_size: Any,
    stride: Any = None,
    padding: Any = 0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
) -> Data:
    if divisor_override is not None:
        c.refuse(f"has divisor_override={divisor_override}", "scale the next weights")
    with named(c.where):
        layer = AvgPool2d(
            pair(kernel_size),
            pair(stride) if stride else None,
            pair(padding),
            ceil_mode,
            count_include_pad,
        )
    return c.add(layer, x)


def adaptive_avg_pool2d(c: Call, x: Data, output_size: Any) -> Data:  # noqa: ARG001
    return c.add(AdaptiveAvgPool2d(c.result[2:]), x)


def adaptive_max_pool2d(c: Call, x: Data, output_size: Any, return_indices: bool = False) -> Data:  # noqa: ARG001
    before, after = c.shape(x)[1:], c.result[2:]
    if return_indices or any(n % m for n, m in zip(before, after, strict=True)):
        c.refuse(f"has windows of unequal sizes ({before} to {after})", "use MaxPool2d")
    v, h = (n // m for n, m in zip(before, after, strict=True))
    return c.add(MaxPool2d((v, h)), x)


def _spatial(c: Call, x: Data, dim: Any) -> None:
    dims = (dim,) if isinstance(dim, int) else tuple(dim or ())
    n = len(c.shape(x)) + 1
    if n != 4 or sorted(d % n for d in dims) != [2, 3]:
        c.refuse(
            f"reduces dimensions {dim}", "only height and width can be reduced, together, as (2, 3)"
        )


def mean(c: Call, x: Data, dim: Any = None, keepdim: bool = False, **_: Any) -> Data:
    _spatial(c, x, dim)
    return Data(c.builder.global_mean(c.where, c.name, x.name, keepdim=keepdim))


def amax(c: Call, x: Data, dim: Any = (), keepdim: bool = False) -> Data:
    _spatial(c, x, dim)
    whole = MaxPool2d(c.shape(x)[1:])
    if keepdim:
        return c.add(whole, x)
    inner = c.builder.add(c.where, f"{c.name}.pool", whole, x.name)
    return Data(c.builder.add(c.where, c.name, Flatten(), inner))


# --- shapes and sums ---------------------------------------------------------------------------


def keep(c: Call, x: Data, *_: Any, **__: Any) -> Data:  # noqa: ARG001
    return x


def reshape(c: Call, x: Data, *_: Any, **__: Any) -> Data:
    return c.reshaped(x)


def dropout(c: Call, x: Data, p: float = 0.5, training: bool = True, inplace: bool = False) -> Data:  # noqa: ARG001
    if training and p:
        c.refuse("drops values at random in eval mode too", "pass training=self.training")
    return x


def interpolate(
    c: Call,
    x: Data,
    size: Any = None,  # noqa: ARG001
    scale_factor: Any = None,  # noqa: ARG001
    mode: str = "nearest",
    *_: Any,
    **__: Any,
) -> Data:
    if mode not in ("nearest", "nearest-exact"):
        c.refuse(f"interpolates with mode={mode!r}", 'only mode="nearest" is supported')
    return c.upsampled(x)


def concatenate(c: Call, tensors: Any, dim: int = 0) -> Data:
    c.operands(*tensors)
    if dim % len(c.result) != 1:
        c.refuse(f"concatenates along dimension {dim}", "only channels (dim=1) can be concatenated")
    return tensors[0] if len(tensors) == 1 else c.add(Concat(), *tensors)


def add(c: Call, a: Any, b: Any, *, alpha: float = 1, out: Any = None) -> Data:  # noqa: ARG001
    if isinstance(a, Data) and isinstance(b, Data):
        if alpha != 1:
            b = Data(c.builder.scaled(c.where, f"{c.name}.scaled", b.name, alpha))
        return Data(c.builder.total(c.where, c.name, [a.name, b.name]))
    if isinstance(a, Data):
        return Data(c.builder.scaled(c.where, c.name, a.name, 1.0, alpha * array(b)))
    return Data(c.builder.scaled(c.where, c.name, b.name, alpha, array(a)))


def subtract(c: Call, a: Any, b: Any, *, alpha: float = 1) -> Data:
    return add(c, a, b, alpha=-alpha)


def multiply(c: Call, a: Any, b: Any) -> Data:
    if isinstance(a, Data) and isinstance(b, Data):
        c.refuse("multiplies two activations", hint_for("matmul"))
    x, factor = (a, b) if isinstance(a, Data) else (b, a)
    return Data(c.builder.scaled(c.where, c.name, x.name, array(factor)))


def divide(c: Call, a: Any, b: Any, **rounding: Any) -> Data:
    if isinstance(b, Data) or rounding:
        c.refuse("divides by an activation, or rounds", hint_for("matmul"))
    return Data(c.builder.scaled(c.where, c.name, a.name, 1 / array(b)))


def negative(c: Call, a: Data) -> Data:
    return Data(c.builder.scaled(c.where, c.name, a.name, -1.0))


# --- selections --------------------------------------------------------------------------------


def pad(c: Call, x: Data, pad: Any, mode: str = "constant", value: float | None = None) -> Data:
    sides = [*pad, *[0] * (8 - len(pad))]
    left, right, top, bottom, before, after, *batch = sides
    if mode != "constant" or value or any(batch) or min(sides) < 0:
        c.refuse(f"pads {tuple(pad)} with mode={mode!r}", "only padding with zeros is supported")
    if not any(sides):
        return x
    return Data(
        c.builder.picked(
            c.where,
            c.name,
            x.name,
            padding=(top, bottom, left, right),
            before=before,
            after=after,
        )
    )


def _pad(c: Call, m: Any, x: Data) -> Data:
    return pad(c, x, m.padding)


def getitem(c: Call, x: Data, index: Any) -> Data:
    parts = [index] if not isinstance(index, tuple) else list(index)
    whole = slice(None)
    steps = [p.step or 1 if isinstance(p, slice) else 0 for p in [*parts, *[whole] * 4][:4]]
    plain = all(isinstance(p, slice) and (p.start, p.stop) == (None, None) for p in parts)
    if len(parts) > 4 or not plain or steps[:2] != [1, 1] or len(c.shape(x)) != 3:
        c.refuse(f"selects {index}", "only strided pixels can be selected, as x[:, :, ::2, ::2]")
    if steps == [1, 1, 1, 1]:
        return x
    return Data(c.builder.picked(c.where, c.name, x.name, stride=(steps[2], steps[3])))


# --- tables of operators ------------------------------------------------------------------------------


def _with(handler: Handler, *attributes: str) -> Handler:
    def module(c: Call, m: Any, x: Data) -> Data:
        return handler(c, x, *(getattr(m, name) for name in attributes))

    return module


_POOL = ("kernel_size", "stride", "padding")
MODULES: dict[Any, Handler] = {
    nn.Linear: linear_module,
    nn.Conv2d: conv2d_module,
    nn.BatchNorm1d: normalise_module,
    nn.BatchNorm2d: normalise_module,
    nn.ReLU: _with(relu),
    nn.Hardtanh: _hardtanh,
    QCFSActivation: _qcfs,
    nn.MaxPool2d: _with(max_pool2d, *_POOL, "dilation", "ceil_mode", "return_indices"),
    nn.AvgPool2d: _with(avg_pool2d, *_POOL, "ceil_mode", "count_include_pad", "divisor_override"),
    nn.AdaptiveAvgPool2d: _with(adaptive_avg_pool2d, "output_size"),
    nn.AdaptiveMaxPool2d: _with(adaptive_max_pool2d, "output_size", "return_indices"),
    nn.Flatten: _with(reshape),
    nn.Unflatten: _with(reshape),
    nn.Upsample: _with(interpolate, "size", "scale_factor", "mode"),
    nn.UpsamplingNearest2d: _with(interpolate, "size", "scale_factor", "mode"),
    nn.ZeroPad2d: _pad,
    **dict.fromkeys(
        (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.AlphaDropout), _with(keep)
    ),
}
FUNCTIONS: dict[Any, Handler] = {
    F.linear: linear,
    F.conv2d: conv2d,
    F.batch_norm: normalise,
    **dict.fromkeys((F.relu, F.relu_, torch.relu, torch.relu_), relu),
    **dict.fromkeys((torch.clamp, torch.clip), clamp),
    **dict.fromkeys((F.max_pool2d, F.max_pool2d_with_indices, torch.max_pool2d), max_pool2d),
    F.avg_pool2d: avg_pool2d,
    F.adaptive_avg_pool2d: adaptive_avg_pool2d,
    F.adaptive_max_pool2d: adaptive_max_pool2d,
    torch.mean: mean,
    torch.amax: amax,
    **dict.fromkeys((torch.flatten, torch.reshape, torch.squeeze, torch.unsqueeze), reshape),
    **dict.fromkeys((F.dropout, F.dropout2d), dropout),
    **dict.fromkeys((F.interpolate, F.upsample), interpolate),
    **dict.fromkeys((torch.cat, torch.concat, torch.concatenate), concatenate),
    **dict.fromkeys((operator.add, operator.iadd, torch.add), add),
    **dict.fromkeys((operator.sub, operator.isub, torch.sub), subtract),
    **dict.fromkeys((operator.mul, operator.imul, torch.mul), multiply),
    **dict.fromkeys((operator.truediv, operator.itruediv, torch.div), divide),
    **dict.fromkeys((operator.neg, torch.neg), negative),
    operator.getitem: getitem,
    F.pad: pad,
    **dict.fromkeys((torch.clone, torch.detach), keep),
}
METHODS: dict[str, Handler] = {
    **dict.fromkeys(("relu", "relu_"), relu),
    **dict.fromkeys(("clamp", "clamp_", "clip"), clamp),
    "clamp_min": clamp,
    "mean": mean,
    "amax": amax,
    **dict.fromkeys(("flatten", "view", "reshape", "squeeze", "unsqueeze"), reshape),
    **dict.fromkeys(("add", "add_"), add),
    **dict.fromkeys(("sub", "sub_"), subtract),
    **dict.fromkeys(("mul", "mul_"), multiply),
    **dict.fromkeys(("div", "div_"), divide),
    **dict.fromkeys(("contiguous", "clone", "detach"), keep),
}
CASTS = frozenset({"float", "double", "to", "type", "type_as"})  # the engine has its own precision
READERS = frozenset({"size", "dim", "ndimension", "numel"})  # methods that depend on shapes alone
SOFTMAX = frozenset({nn.Softmax, nn.LogSoftmax, F.softmax, F.log_softmax, torch.softmax,
                     torch.log_softmax, "softmax", "log_softmax"})  # fmt: skip
