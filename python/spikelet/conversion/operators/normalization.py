"""Reductions along axes, and normalization: of channels by constants, of samples by their own mean and variance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from spikelet._util.checks import named
from spikelet.conversion import folding
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, spatial
from spikelet.conversion.operators.activation import activation, affine, clip
from spikelet.layers import GroupNorm, LayerNorm, LocalResponseNorm, Reduce, RMSNorm

_PLAIN = ("mean", "sum", "max", "min", "prod", "l1", "l2")
_COMPOSED = ("sum_square", "log_sum", "log_sum_exp", "var", "std")


def reduce(
    c: Call,
    x: Data,
    how: str,
    axes: Sequence[int] | int | None = None,
    keepdims: bool = False,
    correction: float = 1.0,
) -> Data:
    """Reduce axes of a tensor.

    Parameters
    ----------
    how : str
        "mean", "sum", "max", "min", "prod", "l1", "l2", "sum_square", "log_sum", "log_sum_exp", "var" or "std".
    axes : ints, optional
        By default all but the batch.
    keepdims : bool
        Keep the axes with a size of 1.
    correction : float
        Of "var" and "std": subtracted from the number of values.
    """
    n = len(c.tensor(x))
    if axes is None:
        axes = [d for d in range(n) if d != x.axis or x.merged]  # of ONNX, which has no steps
    given = sorted({d % n for d in ([axes] if isinstance(axes, int) else axes)})
    if how not in (*_PLAIN, *_COMPOSED):
        c.refuse(f"reduces by {how!r}", "use a sum, a mean, a maximum or a norm")
    match how:
        case "sum_square":
            squares = activation(c.inner("square"), x, "square")
            return _plain(c, squares, "sum", given, keepdims)
        case "log_sum":
            return activation(c, _plain(c.inner("sum"), x, "sum", given, keepdims), "log")
        case "log_sum_exp":
            return _log_sum_exp(c, x, given, keepdims)
        case "var":
            return _variance(c, x, given, keepdims, correction)
        case "std":
            variance = _variance(c.inner("variance"), x, given, keepdims, correction)
            return activation(c, variance, "sqrt")
    return _plain(c, x, how, given, keepdims)


def _log_sum_exp(c: Call, x: Data, axes: list[int], keepdims: bool) -> Data:
    greatest = _plain(c.inner("greatest"), x, "max", axes, keepdims=True)
    below = arithmetic.subtract(c.inner("below"), x, greatest)  # exp cannot overflow
    powers = activation(c.inner("exp"), below, "exp")
    logarithm = activation(
        c.inner("log"), _plain(c.inner("sum"), powers, "sum", axes, keepdims), "log"
    )
    if not keepdims:
        greatest = _plain(c.inner("offset"), x, "max", axes, keepdims=False)
    return arithmetic.add(c, logarithm, greatest)


def _variance(c: Call, x: Data, axes: list[int], keepdims: bool, correction: float) -> Data:
    count = math.prod(c.tensor(x)[d] for d in axes)
    if count <= correction:
        c.refuse("is a variance of one value", "reduce more values")
    mean = _plain(c.inner("average"), x, "mean", axes, keepdims=True)
    apart = arithmetic.subtract(c.inner("difference"), x, mean)
    square = activation(c.inner("square"), apart, "square")
    sums = _plain(c.inner("sum"), square, "sum", axes, keepdims)
    return affine(c, sums, 1 / (count - correction))


def _plain(c: Call, x: Data, how: str, axes: list[int], keepdims: bool) -> Data:
    """Reduce by a layer; over all positions of an image by a pool, which adds no products for spikes."""
    tensor = c.tensor(x)
    positions = list(range(2, len(tensor)))
    pools = how in ("mean", "max") and not x.axis and x.merged != "steps"
    if axes == positions and 1 <= len(positions) <= 3 and pools:
        kind = "AvgPool" if how == "mean" else "MaxPool"
        if keepdims:
            return spatial.adaptive_pool(c, x, kind=kind)
        flat = (c.shape(x)[0],) if not x.merged else c.shape(x)[:2]
        return c.reshaped(spatial.adaptive_pool(c.inner("pool"), x, kind=kind), flat)
    inside = tuple(c.axis(x, d) for d in axes)
    found = c.add(Reduce(how, inside, keepdims), x)  # type: ignore[arg-type]  # one of _PLAIN
    if keepdims:
        return found
    if len(inside) == len(c.shape(x)):  # the tensor is [batch], a sample one number
        return Data(found.source, 0, "blocks")
    return replace(found, axis=x.axis - sum(d < x.axis for d in axes))


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
    sums = spatial.conv(c.inner("sum"), squares, kernel[:, :, None, None], np.full(n, float(k)))
    return arithmetic.multiply(c, x, activation(c.inner("power"), sums, "pow", -float(beta)))


def l2_normalize(
    c: Call, x: Data, axes: Sequence[int] | int, p: float = 2.0, eps: float = 1e-12
) -> Data:
    """Divide by the norm along axes of the tensor, which is at least `eps`."""
    if p not in (1, 2):
        c.refuse(f"divides by a norm of order {p:g}", "the order must be 1 or 2")
    how = "l2" if p == 2 else "l1"
    norm = reduce(c.inner("norm"), x, how, axes, keepdims=True)
    bounded = clip(c.inner("bounded"), norm, eps) if eps else norm
    return arithmetic.divide(c, x, bounded)
