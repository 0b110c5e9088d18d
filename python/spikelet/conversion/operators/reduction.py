"""Means, sums, maxima and norms along axes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import arithmetic, pooling
from spikelet.conversion.operators.activation import activation
from spikelet.conversion.operators.affine import affine
from spikelet.layers import Reduce

__all__ = ["reduce"]

_PLAIN = ("mean", "sum", "max", "min", "prod", "l1", "l2")


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
        axes = [d for d in range(n) if d != x.axis or x.merged]
    given = sorted({d % n for d in ([axes] if isinstance(axes, int) else axes)})
    if how in _PLAIN:
        return _plain(c, x, how, given, keepdims)
    if how == "sum_square":
        return _plain(c, activation(c.inner("square"), x, "square"), "sum", given, keepdims)
    if how == "log_sum":
        return activation(c, _plain(c.inner("sum"), x, "sum", given, keepdims), "log")
    if how == "log_sum_exp":
        powers = activation(c.inner("exp"), x, "exp")
        return activation(c, _plain(c.inner("sum"), powers, "sum", given, keepdims), "log")
    if how in ("var", "std"):
        mean = _plain(c.inner("average"), x, "mean", given, keepdims=True)
        apart = arithmetic.subtract(c.inner("difference"), x, mean)
        square = activation(c.inner("square"), apart, "square")
        count = 1
        for d in given:
            count *= c.tensor(x)[d]
        if count <= correction:
            c.refuse("is a variance of one value", "reduce more values")
        part = c if how == "var" else c.inner("variance")
        sums = _plain(part.inner("sum"), square, "sum", given, keepdims)
        variance = affine(part, sums, 1 / (count - correction))
        return variance if how == "var" else activation(c, variance, "sqrt")
    c.refuse(f"reduces by {how!r}", "use a sum, a mean, a maximum or a norm")


def _plain(c: Call, x: Data, how: str, axes: list[int], keepdims: bool) -> Data:
    """Reduce by a layer; over all positions of an image by a pool, which adds no products for spikes."""
    tensor = c.tensor(x)
    spatial = list(range(2, len(tensor)))
    if axes == spatial and 1 <= len(spatial) <= 3 and not x.axis and how in ("mean", "max"):
        pool = pooling.global_avg_pool if how == "mean" else pooling.global_max_pool
        if keepdims:
            return pool(c, x)
        flat = (c.shape(x)[0],) if not x.merged else c.shape(x)[:2]
        return c.reshaped(pool(c.inner("pool"), x), flat)
    inside = tuple(c.axis(x, d) for d in axes)
    found = c.add(Reduce(how, inside, keepdims), x)
    if keepdims:
        return found
    if len(inside) == len(c.shape(x)):  # the tensor is [batch], a sample one number
        return Data(found.source, 0, merged=True)
    return replace(found, axis=x.axis - sum(d < x.axis for d in axes))
