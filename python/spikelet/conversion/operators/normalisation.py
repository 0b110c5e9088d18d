"""Normalisation: of channels by constants, of samples by their own mean and variance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from spikelet._util.checks import named
from spikelet.conversion import folding
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, convolution, reduction
from spikelet.conversion.operators.activation import activation, clip
from spikelet.conversion.operators.affine import affine
from spikelet.layers import GroupNorm, LayerNorm, LocalResponseNorm, RMSNorm

__all__ = [
    "batch_norm",
    "cross_map_norm",
    "group_norm",
    "instance_norm",
    "l2_normalise",
    "layer_norm",
    "local_response_norm",
    "rms_norm",
]


def batch_norm(
    c: Call,
    x: Data,
    mean: Any,
    variance: Any,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Data:
    """Normalise the channels of [batch, channels, ...] by constants."""
    if any(isinstance(p, Data) for p in (mean, variance, weight, bias)):
        c.refuse("has parameters that depend on the input", "parameters must be constant")
    with named(c.where):
        layer = folding.batch_norm(weight, bias, mean, variance, float(eps))
    if not x.axis and not x.merged:
        return c.add(layer, x)
    d = c.axis(x, 1)
    inner = (-1, *[1] * (len(c.shape(x)) - d - 1))
    return affine(c, x, layer.scale.reshape(inner), layer.shift.reshape(inner))


def layer_norm(
    c: Call,
    x: Data,
    axes: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
) -> Data:
    """Normalise each sample along axes of the tensor; weight and bias have the shape of these axes."""
    inside = tuple(sorted(c.axis(x, d) for d in axes))
    return c.put(x, LayerNorm, inside, weight, bias, float(eps))


def rms_norm(
    c: Call, x: Data, axes: Sequence[int], weight: Any = None, eps: float | None = None
) -> Data:
    """Divide each sample by the root of its mean square along axes of the tensor."""
    inside = tuple(sorted(c.axis(x, d) for d in axes))
    epsilon = float(np.finfo(np.float64).eps) if eps is None else float(eps)
    return c.put(x, RMSNorm, inside, weight, eps=epsilon)


def group_norm(
    c: Call, x: Data, groups: int, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Data:
    """Normalise groups of channels of [batch, channels, ...]."""
    return c.put(c.batch_first(x), GroupNorm, groups, weight, bias, float(eps))


def instance_norm(
    c: Call, x: Data, weight: Any = None, bias: Any = None, eps: float = 1e-5
) -> Data:
    """Normalise each channel of each sample of [batch, channels, ...]."""
    return group_norm(c, x, c.shape(c.batch_first(x))[0], weight, bias, eps)


def local_response_norm(
    c: Call, x: Data, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Data:
    """Divide by a function of the neighbouring channels (AlexNet)."""
    return c.put(
        c.batch_first(x), LocalResponseNorm, int(size), float(alpha), float(beta), float(k)
    )


def cross_map_norm(
    c: Call, x: Data, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Data:
    """Divide by a function of the neighbouring channels, as `torch.nn.CrossMapLRN2d` does.

    From the channel on at which the window leaves channel 0, PyTorch still counts it: the difference from a local response
    norm. Of an even size, the window has one channel less.
    """
    n = c.shape(c.batch_first(x))[0]
    ahead = (int(size) - 1) // 2 + 1 if size % 2 else int(size) // 2
    channel = np.arange(n)
    near = np.abs(channel[:, None] - channel) < ahead
    near[:, 0] = True
    squares = activation(c.inner("square"), x, "square")
    kernel = near * (alpha / size)
    sums = convolution.conv(c.inner("sum"), squares, kernel[:, :, None, None], np.full(n, float(k)))
    return arithmetic.multiply(c, x, activation(c.inner("power"), sums, "pow", -float(beta)))


def l2_normalise(
    c: Call, x: Data, axes: Sequence[int] | int, p: float = 2.0, eps: float = 1e-12
) -> Data:
    """Divide by the norm along axes of the tensor, which is at least `eps`."""
    if p not in (1, 2):
        c.refuse(f"divides by a norm of order {p:g}", "the order must be 1 or 2")
    how = "l2" if p == 2 else "l1"
    norm = reduction.reduce(c.inner("norm"), x, how, axes, keepdims=True)
    bounded = clip(c.inner("bounded"), norm, eps) if eps else norm
    return arithmetic.divide(c, x, bounded)
