"""Linear layers in the core's terms: a row for each class."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers.base import Floats, Layer, Shape
from spikelet.layers.convolution import Conv1d, Conv2d, Conv3d, Convolution, TransposedConvolution
from spikelet.layers.delay import Delay, DelayedLinear
from spikelet.layers.linear import Add, Affine, Concat, Constant, Linear
from spikelet.layers.movement import Flatten, Movement, Reshape, Slice, Spread, Upsample
from spikelet.layers.pools import (
    AdaptiveAvgPool1d,
    AdaptiveAvgPool2d,
    AdaptiveAvgPool3d,
    MeanPool,
    Pool,
    Windows,
)
from spikelet.layers.resize import Resize
from spikelet.layers.views import Extent, Rows, View, Views, extent_of

__all__ = ["ROWS", "dense_operations", "scaled"]

_NONE = np.zeros(0)
_CONVOLUTIONS = {1: Conv1d, 2: Conv2d, 3: Conv3d}
_MOST_COLUMNS = 4  # of a moved input, for each that a linear layer reads


def _given(values: Any) -> Any:
    return _NONE if values is None else values


def _linear(views: Views, layer: Linear, shape: Shape, view: View) -> View:
    """Add a fully connected layer: a convolution whose kernel covers its input. It reads a moved input where it lies."""
    weight = layer.weight
    uses: NDArray[np.uint32] | None = None
    part = view.parts[0] if len(view.parts) == 1 else None
    if view.index is not None and part is not None:
        size = math.prod(views.extents[part])
        if size <= _MOST_COLUMNS * view.index.size:
            moved = np.zeros((len(weight), size))
            there = view.index.ravel() >= 0
            read = view.index.ravel()[there]
            np.add.at(moved.T, read, weight.T[there])
            # A zero column is no operation, and the sum of two columns is two.
            uses = np.bincount(read, minlength=size).astype(np.uint32)
            weight, view = moved, View((size,), (part,))
    if uses is not None and (uses == 1).all():
        uses = None
    from_, (c, h, w) = views.in_order(view)
    weight = weight.reshape(-1, c, 1, h, w)
    return _conv(views, from_, extent_of(shape), shape, weight, layer.bias, (1, h, w), uses=uses)


def _conv(
    views: Views,
    from_: int,
    extent: Extent,
    shape: Shape,
    weight: Floats,
    bias: Floats | None,
    stride: Sequence[int],
    dilation: Sequence[int] = (1, 1, 1),
    padding: Sequence[int] = (0, 0, 0),
    groups: int = 1,
    **options: Any,
) -> View:
    """Add a convolution along three axes."""
    number = views.core.conv(
        from_, extent, weight, _given(bias), stride, dilation, padding, groups, **options
    )
    return views.add(number, extent, shape)


def _delayed(views: Views, layer: DelayedLinear, shape: Shape, view: View) -> View:
    """Add a fully connected layer whose synapses have delays."""
    (from_, _), extent = views.in_order(view), extent_of(shape)
    delay, bias = layer.delay.astype(np.uint32), _given(layer.bias)
    return views.add(views.core.delayed(from_, extent, layer.weight, delay, bias), extent, shape)


def _convolution(views: Views, layer: Convolution, shape: Shape, view: View) -> View:
    """Add a convolution; one that sees single pixels takes them in any arrangement."""
    lead = (1,) * (3 - layer.axes)
    single = (
        math.prod(layer.weight.shape[2:]) == 1
        and set(layer.stride) == {1}
        and not any(layer.padding)
    )
    if single:
        from_, given = views.by_channel(view)
        extent, depths = (shape[0], *given[1:]), (1, 1)
    else:
        from_, extent = views.shaped(view), extent_of(shape)
        depths = (view.shape[1], shape[1]) if layer.axes == 3 else (1, 1)
    out, per_group, *kernel = layer.weight.shape
    return _conv(
        views,
        from_,
        extent,
        shape,
        layer.weight.reshape(out, per_group, *lead, *kernel),
        layer.bias,
        (*lead, *layer.stride),
        (*lead, *layer.dilation),
        (*(0,) * len(lead), *layer.padding[::2]),
        layer.groups,
        in_depth=depths[0],
        out_depth=depths[1],
    )


def _transposed(views: Views, layer: TransposedConvolution, shape: Shape, view: View) -> View:
    """Add a transposed convolution: a convolution of its input with zeros between the values."""
    spread = Spread((1, *layer.stride))
    view = views.moved(view, spread.moved)
    padding, starts, stops = [], [], []
    for axis in range(layer.axes):
        reach = layer.dilation[axis] * (layer.weight.shape[2 + axis] - 1)
        before, after = (reach - p for p in layer.padding[2 * axis : 2 * axis + 2])
        after += layer.output_padding[axis]
        padding += [max(before, 0), max(after, 0)]
        starts.append(max(-before, 0))
        stops.append(view.shape[1 + axis] - max(-after, 0))
    if any(starts) or tuple(stops) != view.shape[1:]:
        view = views.moved(view, Slice((None, *starts), (None, *stops)).moved)
    flipped = _CONVOLUTIONS[layer.axes](
        layer.kernel(), layer.bias, 1, tuple(padding), layer.dilation, layer.groups
    )
    return _convolution(views, flipped, shape, view)


def dense_operations(layer: Layer, shapes: Sequence[Shape]) -> int | None:
    """Return the operations of a step whose inputs are all active, or None if they are those of the core's nodes.

    The node of a linear layer may read more than the layer does (`_linear`), that of a transposed convolution has zeros
    between its inputs (`_transposed`).
    """
    if isinstance(layer, (DelayedLinear, Linear)):
        return int(layer.weight.size)
    if not isinstance(layer, TransposedConvolution):
        return None
    found: int = len(layer.weight) * layer.weight.shape[1]
    outputs = layer.output_shape(shapes)[1:]
    for axis, (n, out) in enumerate(zip(shapes[0][1:], outputs, strict=True)):
        taps = layer.dilation[axis] * np.arange(layer.weight.shape[2 + axis])
        reached = layer.stride[axis] * np.arange(n)[:, None] + taps - layer.padding[2 * axis]
        found *= int(np.count_nonzero((reached >= 0) & (reached < out)))
    return found


def _pool(views: Views, layer: Pool, shape: Shape, view: View) -> View:
    """Add a pool. One of a volume has two nodes: over (y, x), and then over z, whose rows are H apart."""
    core, extent, lead = views.core, extent_of(shape), 3 - layer.axes
    depths, rows, columns = [Windows([0], [1])] * lead + layer.windows(view.shape)
    by: list[list[int]] = []  # divisors, of means
    if isinstance(layer, (MeanPool, AdaptiveAvgPool1d, AdaptiveAvgPool2d, AdaptiveAvgPool3d)):
        by = [[1]] * lead + layer.divisors(view.shape)

    def add(from_: int, to: Extent, rows: Windows, columns: Windows, by: list[list[int]]) -> int:
        made: int
        if by:
            made = core.average(from_, to, (*rows, by[0]), (*columns, by[1]))
        else:
            counts = getattr(layer, "of", None) == "counts"
            made = core.maximum(from_, to, (*rows, []), (*columns, []), of_counts=counts)
        return made

    number = views.shaped(view)
    if layer.axes < 3:
        return views.add(add(number, extent, rows, columns, by[1:]), extent, shape)
    depth, height, width, high = *view.shape[1:3], shape[3], shape[2]
    begin, end = ([z * height + k for z in range(depth) for k in ks] for ks in rows[:2])
    between = (shape[0], depth * high, width)
    own = [by[1] * depth, by[2]] if by else []
    number = add(number, between, Windows(begin, end, rows.step), columns, own)
    views.add(number, between, between)
    begin = [b * high + y for b in depths.begin for y in range(high)]
    end = [(e - 1) * high + y + 1 for e in depths.end for y in range(high)]
    kept = Windows(list(range(width)), list(range(1, width + 1)))
    own = [[d for d in by[0] for _ in range(high)], [1] * width] if by else []
    windows = Windows(begin, end, depths.step * high)
    return views.add(add(number, extent, windows, kept, own), extent, shape)


def _resize(views: Views, layer: Resize, shape: Shape, view: View) -> View:
    """Add an interpolation: a movement, or weights between pixels."""
    maps = layer.maps(view.shape)
    if layer.mode == "nearest":
        places = np.ix_(np.arange(shape[0]), *(index[:, 0] for index, _ in maps))
        return views.moved(view, lambda a, _: a[places])
    axes = len(maps)
    from_: NDArray[Any] = np.zeros((), np.int64)
    weight: NDArray[Any] = np.ones(())
    for axis, (index, factors) in enumerate(maps):
        # [outputs of each axis ..., taps of each axis ...]
        grid = [1] * (2 * axes)
        grid[axis], grid[axes + axis] = index.shape
        from_ = from_ * view.shape[1 + axis] + index.reshape(grid)
        weight = weight * factors.reshape(grid)
    pixels = math.prod(shape[1:])
    from_, weight = from_.reshape(pixels, -1), weight.reshape(pixels, -1)
    used = weight != 0
    begin = np.concatenate([[0], np.cumsum(used.sum(1))])
    begin = begin.astype(np.uint32)
    from_, extent = from_[used].astype(np.uint32), extent_of(shape)
    number = views.core.mix(views.shaped(view), extent, begin, from_, weight[used])
    return views.add(number, extent, shape)


def _placed(order: NDArray[Any], values: Floats, extent: Extent) -> Floats:
    """Return values where an index puts them: one for each channel, if its pixels agree."""
    placed = np.empty(order.size)
    placed[order.ravel()] = values.ravel()
    channels = placed.reshape(extent[0], -1)
    return channels[:, 0].copy() if (channels == channels[:, :1]).all() else placed


def _affine(views: Views, layer: Affine, shape: Shape, view: View) -> View:
    return scaled(views, view, *layer.over(shape))


def scaled(views: Views, view: View, scale: Floats, shift: Floats | None = None) -> View:
    """Add ``scale x + shift``, by channel where that is enough; scale and shift broadcast to the shape of the view."""
    shape = view.shape
    given = [scale] if shift is None else [scale, shift]
    index = views.order(view)
    if index is not None:
        from_, extent = view.parts[0], views.extents[view.parts[0]]
        wide = [_placed(index, np.broadcast_to(a, shape), extent) for a in given]
    elif all(a.ndim == 0 or math.prod(a.shape[1:]) == 1 for a in given):
        from_, extent = views.by_channel(view)
        wide = [np.broadcast_to(np.ravel(a), (shape[0],)) for a in given]
    else:
        from_, extent = views.in_order(view)
        wide = [np.broadcast_to(a, shape).ravel() for a in given]
    number = views.core.affine(from_, extent, *wide, *[_NONE] * (2 - len(wide)))
    return views.add(number, extent, shape, index)


def _sum(views: Views, _layer: Add, shape: Shape, *inputs: View) -> View:
    parts = [view.parts[0] for view in inputs if len(view.parts) == 1]
    index = views.order(inputs[0])
    if index is not None and all(
        view.shape == shape
        and len(view.parts) == 1
        and view.index is not None
        and views.extents[view.parts[0]] == views.extents[parts[0]]
        and np.array_equal(view.index, index)
        for view in inputs
    ):
        extent = views.extents[parts[0]]
        return views.add(views.core.add(parts, extent), extent, shape, index)
    wide = [
        view if view.shape == shape else views.moved(view, lambda a, _: np.broadcast_to(a, shape))
        for view in inputs
    ]
    extents = {views.extents[view.node] if view.node is not None else None for view in wide}
    common = next(iter(extents))
    extent = common if len(extents) == 1 and common is not None else extent_of(shape)
    from_ = [views.shaped(view, extent) for view in wide]
    return views.add(views.core.add(from_, extent), extent, shape)


def _delay(views: Views, layer: Delay, shape: Shape, *inputs: View) -> View:
    """Add a delay; one in a cycle has no input yet."""
    sources, extent, index = [], extent_of(shape), None
    if inputs and np.ndim(layer.steps):
        sources = [views.shaped(inputs[0], extent)]
    elif inputs:
        source, extent, index = views.alike(inputs[0])
        sources = [source]
    steps = np.ravel(layer.steps).astype(np.uint32)
    return views.add(views.core.delay(sources, extent, steps), extent, shape, index)


def _upsample(views: Views, layer: Upsample, shape: Shape, view: View) -> View:
    if len(shape) != 3 or view.value is not None:
        return _movement(views, layer, shape, view)
    extent = extent_of(shape)
    number = views.core.upsample(views.shaped(view), extent, *layer.scale_factor)
    return views.add(number, extent, shape)


def _movement(views: Views, layer: Movement, _shape: Shape, view: View) -> View:
    return views.moved(view, layer.moved)


def _reshape(views: Views, _layer: Movement, shape: Shape, view: View) -> View:
    return views.reshaped(view, shape)


def _concat(views: Views, layer: Concat, shape: Shape, *inputs: View) -> View:
    return views.joined(inputs, layer.axis % len(shape), shape)


def _constant(_views: Views, layer: Constant, shape: Shape) -> View:
    return View(shape, value=layer.value)


ROWS: Rows = {
    Add: _sum,
    Affine: _affine,
    Concat: _concat,
    Constant: _constant,
    Convolution: _convolution,
    Delay: _delay,
    DelayedLinear: _delayed,
    Flatten: _reshape,
    Linear: _linear,
    Movement: _movement,
    Pool: _pool,
    Reshape: _reshape,
    Resize: _resize,
    TransposedConvolution: _transposed,
    Upsample: _upsample,
}
