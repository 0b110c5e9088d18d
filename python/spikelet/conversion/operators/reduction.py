"""Means, sums, maxima and norms along axes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, pooling
from spikelet.conversion.operators.activation import activation
from spikelet.conversion.operators.affine import affine
from spikelet.layers import Reduce

__all__ = ["reduce"]

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
    spatial = list(range(2, len(tensor)))
    pools = how in ("mean", "max") and not x.axis and x.merged != "steps"
    if axes == spatial and 1 <= len(spatial) <= 3 and pools:
        pool = pooling.global_avg_pool if how == "mean" else pooling.global_max_pool
        if keepdims:
            return pool(c, x)
        flat = (c.shape(x)[0],) if not x.merged else c.shape(x)[:2]
        return c.reshaped(pool(c.inner("pool"), x), flat)
    inside = tuple(c.axis(x, d) for d in axes)
    found = c.add(Reduce(how, inside, keepdims), x)  # type: ignore[arg-type]  # one of _PLAIN
    if keepdims:
        return found
    if len(inside) == len(c.shape(x)):  # the tensor is [batch], a sample one number
        return Data(found.source, 0, "blocks")
    return replace(found, axis=x.axis - sum(d < x.axis for d in axes))
