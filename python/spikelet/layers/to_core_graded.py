"""Graded units in the core's terms: a row for each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers.base import Floats, Shape
from spikelet.layers.graded import (
    Activation,
    Divide,
    Graded,
    GroupNorm,
    LayerNorm,
    LocalResponseNorm,
    LogSoftmax,
    MatMul,
    Maximum,
    Minimum,
    Multiply,
    Reduce,
    RMSNorm,
    Softmax,
)
from spikelet.layers.neurons import ReLU
from spikelet.layers.to_core_linear import scaled
from spikelet.layers.views import Extent, Index, Rows, View, Views, extent_of

__all__ = ["ROWS"]

_NONE = np.zeros(0)


def _activation(views: Views, layer: Activation, shape: Shape, view: View) -> View:
    alpha, beta = layer.parameters()
    from_, extent, index = views.each(view, by_channel=max(len(alpha), len(beta)) > 1)
    number = views.core.activation(from_, extent, layer.function, alpha, beta)
    return views.add(number, extent, shape, index)


def _relu(views: Views, layer: ReLU, shape: Shape, view: View) -> View:
    upper = _NONE if layer.upper is None else np.ravel(layer.upper)
    from_, extent, index = views.each(view, by_channel=len(upper) > 1)
    return views.add(views.core.relu(from_, extent, upper, layer.levels), extent, shape, index)


def _softmax(views: Views, layer: Softmax | LogSoftmax, shape: Shape, view: View) -> View:
    from_, extent, along, index = _lying(views, view, (layer.axis % len(shape),))
    number = views.core.softmax(from_, extent, along, isinstance(layer, LogSoftmax))
    return views.add(number, extent, shape, index)


def _group_norm(views: Views, layer: GroupNorm, shape: Shape, view: View) -> View:
    from_, extent = views.in_order(view)
    along = (layer.groups, math.prod(shape) // layer.groups, 1)
    number = views.core.normalise(from_, extent, along, True, layer.eps)
    wide = (-1, *[1] * (len(shape) - 1))
    return _scaled(views, views.add(number, extent, shape), layer.weight, layer.bias, wide)


def _local_response(views: Views, layer: LocalResponseNorm, shape: Shape, view: View) -> View:
    from_, extent = views.in_order(view)
    along = (1, shape[0], math.prod(shape[1:]))
    number = views.core.local_response(
        from_, extent, along, layer.size, layer.alpha, layer.beta, layer.k
    )
    return views.add(number, extent, shape)


def _along(shape: Shape, axes: Sequence[int]) -> tuple[int, int, int]:
    """Return (outer, n, inner) of adjacent axes."""
    first, last = axes[0], axes[-1] + 1
    return math.prod(shape[:first]), math.prod(shape[first:last]), math.prod(shape[last:])


def _together(views: Views, view: View, axes: Sequence[int]) -> tuple[View, list[int] | None]:
    """Return a view whose last axes are these, and the order of its axes; that of adjacent ones is not changed."""
    if list(axes) == list(range(axes[0], axes[0] + len(axes))):
        return view, None
    order = [k for k in range(len(view.shape)) if k not in axes] + list(axes)
    return views.moved(view, lambda a, _: a.transpose(order)), order


def _lying(
    views: Views, view: View, axes: Sequence[int]
) -> tuple[int, Extent, tuple[int, int, int], Index | None]:
    """Return a node, its extent, where the axes lie in it as (outer, n, inner), and the index of the result.

    Reordered values are taken where they lie, if the axes are evenly spaced there: transposed tokens, for one.
    """
    order = views.order(view)
    if order is not None:
        n = math.prod(view.shape[axis] for axis in axes)
        last = range(len(view.shape) - len(axes), len(view.shape))
        groups = np.moveaxis(order, axes, last).reshape(-1, n).astype(np.int64)
        step = int(groups[0, 1] - groups[0, 0]) if n > 1 else 1
        if step > 0 and order.size % (n * step) == 0:
            outer = order.size // (n * step)
            begins = (np.arange(outer)[:, None] * (n * step) + np.arange(step)).ravel()
            if np.array_equal(np.sort(groups[:, 0]), begins) and np.array_equal(
                groups, groups[:, :1] + step * np.arange(n)
            ):
                part = view.parts[0]
                return part, views.extents[part], (outer, n, step), order
    return (*views.in_order(view), _along(view.shape, axes), None)


def _binary(views: Views, layer: Graded, shape: Shape, a: View, b: View) -> View:
    """Add a product of two inputs; with a constant, it is an affine map."""
    if isinstance(layer, Multiply) and a.value is not None:
        a, b = b, a
    factor = None
    if isinstance(layer, (Multiply, Divide)) and b.value is not None and a.value is None:
        factor = b.value if isinstance(layer, Multiply) else _inverse(b.value)
    if factor is not None:
        wide = a
        if a.shape != shape:
            wide = views.moved(a, lambda array, _: np.broadcast_to(array, shape))
        return scaled(views, wide, factor.reshape(*[1] * (len(shape) - factor.ndim), *factor.shape))
    numbers, places, extents = [], [], []
    for view in (a, b):
        from_, extent, index = _placed(views, view, shape)
        numbers.append(from_)
        extents.append(extent)
        places.append(index)
    extent = extent_of(shape)
    plain = [e for e, p in zip(extents, places, strict=True) if p is None]
    if plain and all(e == plain[0] for e in plain):
        extent = plain[0]
    else:
        places = [np.arange(math.prod(shape), dtype=np.uint32) if p is None else p for p in places]
    name = type(layer).__name__.lower()
    given = [_NONE if p is None else p for p in places]
    return views.add(views.core.binary(numbers, extent, name, *given), extent, shape)


def _inverse(value: Floats) -> Floats | None:
    with np.errstate(all="ignore"):
        inverse = 1 / value
    return inverse if np.isfinite(inverse).all() else None


def _placed(
    views: Views, view: View, shape: Shape
) -> tuple[int, Extent, NDArray[np.uint32] | None]:
    """Return a node, its extent and the places of the values in it, or None if they lie in their order."""
    if view.index is not None and len(view.parts) == 1 and view.index.min() >= 0:
        index: NDArray[Any] = view.index
        from_ = view.parts[0]
        extent = views.extents[from_]
    else:
        from_, extent = views.in_order(view)
        if view.shape == shape:
            return from_, extent, None
        index = np.arange(math.prod(view.shape)).reshape(view.shape)
    return from_, extent, np.broadcast_to(index, shape).astype(np.uint32).ravel()


def _matmul(views: Views, _layer: MatMul, shape: Shape, *inputs: View) -> View:
    extent = extent_of(shape)
    matrices = [
        np.broadcast_to(
            np.arange(math.prod(view.shape[:-2]), dtype=np.uint32).reshape(view.shape[:-2]),
            shape[:-2],
        ).ravel()
        for view in inputs
    ]
    sizes = (shape[-2], inputs[0].shape[-1], shape[-1])
    numbers = [views.in_order(view)[0] for view in inputs]
    return views.add(views.core.matmul(numbers, extent, *sizes, *matrices), extent, shape)


def _norm(views: Views, layer: LayerNorm | RMSNorm, shape: Shape, view: View) -> View:
    axes = layer.over(shape)
    together, order = _together(views, view, axes)
    if order is not None:
        done = _norm(views, layer.replace(axes=len(axes)), together.shape, together)
        back = np.argsort(order)
        return views.moved(done, lambda a, _: a.transpose(back))
    from_, extent, along, index = _lying(views, view, axes)
    number = views.core.normalise(from_, extent, along, isinstance(layer, LayerNorm), layer.eps)
    wide = [n if k in axes else 1 for k, n in enumerate(shape)]
    return _scaled(views, views.add(number, extent, shape, index), layer.weight, layer.bias, wide)


def _scaled(views: Views, view: View, weight: Any, bias: Any, shape: Sequence[int]) -> View:
    if weight is None and bias is None:
        return view
    scale = np.ones([1] * len(view.shape)) if weight is None else weight.reshape(shape)
    return scaled(views, view, scale, None if bias is None else bias.reshape(shape))


def _reduce(views: Views, layer: Reduce, shape: Shape, view: View) -> View:
    given = view.shape
    axes = layer.over(given)
    core, extent = views.core, extent_of(shape)
    if not axes:  # the function of single values
        function = {"l1": "abs", "l2": "abs"}.get(layer.function)
        if function is None:
            return views.reshaped(view, shape)
        from_, extent = views.in_order(view)
        return views.add(core.activation(from_, extent, function, _NONE, _NONE), extent, shape)
    if layer.function in ("mean", "sum") and list(axes) == list(range(1, len(given))):
        # A mean pool over all pixels, which the core merges with a convolution behind it.
        from_, (channels, height, width) = views.by_channel(view)
        extent = (channels, 1, 1)
        mean = layer.function == "mean"
        rows, columns = (([0], [n], 1, [n if mean else 1]) for n in (height, width))
        number = core.average(from_, extent, rows, columns)
        return views.add(number, extent, shape)
    view, order = _together(views, view, axes)
    if order is not None:
        axes = tuple(range(len(given) - len(axes), len(given)))
    from_, _ = views.in_order(view)
    number = core.reduce(from_, extent, layer.function, _along(view.shape, axes))
    return views.add(number, extent, shape)


ROWS: Rows = {
    Activation: _activation,
    Divide: _binary,
    GroupNorm: _group_norm,
    LayerNorm: _norm,
    LocalResponseNorm: _local_response,
    LogSoftmax: _softmax,
    MatMul: _matmul,
    Maximum: _binary,
    Minimum: _binary,
    Multiply: _binary,
    RMSNorm: _norm,
    ReLU: _relu,
    Reduce: _reduce,
    Softmax: _softmax,
}
