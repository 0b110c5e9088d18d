"""Conversion of PyTorch's operators with weights to layers."""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data, hint_for
from spikelet.conversion.folding import batch_norm
from spikelet.layers import Conv2d, Linear

__all__ = [
    "array",
    "conv2d",
    "conv2d_module",
    "linear",
    "linear_module",
    "maybe",
    "normalise",
    "normalise_module",
    "pair",
]


def array(value: Any) -> NDArray[np.float64]:
    """Return a tensor or a number in float64."""
    value = value.detach().cpu() if isinstance(value, torch.Tensor) else value
    return np.asarray(torch.as_tensor(value, dtype=torch.float64).numpy())


def maybe(value: Any) -> NDArray[np.float64] | None:
    """Return an array, or None for None."""
    return None if value is None else array(value)


def pair(value: Any) -> tuple[int, int]:
    """Return a vertical and a horizontal value, from one value or two."""
    return (value, value) if isinstance(value, int) else (value[0], value[-1])


def linear(c: Call, x: Data, weight: Any, bias: Any = None) -> Data:
    """Convert F.linear."""
    if isinstance(weight, Data):
        c.refuse("multiplies two activations", hint_for("matmul"))
    with named(c.where):
        layer = Linear(array(weight), maybe(bias))
    return c.add(layer, x)


def conv2d(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Data:
    """Convert F.conv2d."""
    if isinstance(weight, Data):
        c.refuse("multiplies two activations", hint_for("matmul"))
    if padding == "valid":
        padding = 0
    elif padding == "same":  # as in PyTorch: an odd pixel goes to the right or the bottom
        total = [d * (k - 1) for d, k in zip(pair(dilation), tuple(weight.shape[2:]), strict=True)]
        v, h = total
        padding = (v // 2, v - v // 2, h // 2, h - h // 2)
    else:
        padding = pair(padding)
    with named(c.where):
        layer = Conv2d(array(weight), maybe(bias), pair(stride), padding, pair(dilation), groups)
    return c.add(layer, x)


def normalise(
    c: Call,
    x: Data,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,  # noqa: ARG001
    eps: float = 1e-5,
) -> Data:
    """Convert F.batch_norm."""
    if training or running_mean is None or running_var is None:
        c.refuse(
            "has no running statistics: it normalises each batch by itself",
            "train with track_running_stats=True",
        )
    with named(c.where):
        layer = batch_norm(maybe(weight), maybe(bias), array(running_mean), array(running_var), eps)
    return c.add(layer, x)


def linear_module(c: Call, m: Any, x: Data) -> Data:
    """Convert nn.Linear."""
    return linear(c, x, m.weight, m.bias)


def conv2d_module(c: Call, m: Any, x: Data) -> Data:
    """Convert nn.Conv2d."""
    if m.padding_mode != "zeros":
        c.refuse(
            f"pads with padding_mode={m.padding_mode!r}", "only padding with zeros is supported"
        )
    return conv2d(c, x, m.weight, m.bias, m.stride, m.padding, m.dilation, m.groups)


def normalise_module(c: Call, m: Any, x: Data) -> Data:
    """Convert nn.BatchNorm1d and nn.BatchNorm2d."""
    mean, var = m.running_mean, m.running_var
    if mean is not None and not m.num_batches_tracked and not mean.any() and (var == 1).all():
        c.refuse(
            "has never been trained: its running mean is 0 and its running variance 1",
            "train the module, or load a trained state_dict, before converting it",
        )
    return normalise(c, x, mean, var, m.weight, m.bias, eps=m.eps)
