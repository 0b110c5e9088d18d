"""Operators that move values: whatever a framework calls them, they are found from where they put each value."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias, TypeVar

import numpy as np
from numpy.typing import NDArray

from spikelet._util.checks import named
from spikelet.conversion.building import MIXES_STEPS, STEPS, Call, Data, Layout, Merged
from spikelet.layers import (
    Affine,
    Concat,
    Expand,
    Pad,
    Permute,
    Reshape,
    Shape,
    Slice,
    Take,
)

Ints: TypeAlias = NDArray[np.int64]
Operand: TypeAlias = "Data | NDArray[Any]"
_Operand = TypeVar("_Operand", Data, NDArray[Any])


def moved(c: Call, x: _Operand, function: Callable[[Any], Any]) -> _Operand:
    """Convert any operator that moves, repeats or leaves out values, or adds zeros.

    Parameters
    ----------
    c : Call
    x : Data or array
        The operator is applied to a constant as it is.
    function : callable
        The operator itself. It gets an integer array of the shape of the tensor, with a different number > 0 in each
        place, and returns these numbers where the operator puts them, and 0 for zeros that it adds.
    """
    if not isinstance(x, Data):
        return np.asarray(function(np.asarray(x)))
    shape = c.shape(x)
    size = math.prod(shape)
    numbers = x.layout.tensor(np.arange(1, c.batch * size + 1).reshape(c.batch, *shape))
    places, axis, merged = _of_one_sample(
        c, x, np.asarray(function(numbers)).astype(np.int64), size
    )
    return dataclasses.replace(_gather(c, x, places), axis=axis, merged=merged)


def _of_one_sample(c: Call, x: Data, out: Ints, size: int) -> tuple[Ints, int, Merged]:
    """Return the places in one sample that a result takes (-1: zero), and where its batch is."""
    found = _apart(c, x, out, size)
    if found is None and x.merged == "steps":
        c.refuse(
            f"takes a tensor of shape {c.tensor(x)} to {out.shape} and mixes steps or samples",
            MIXES_STEPS,
        )
    if found is None:
        c.refuse(
            f"takes a tensor of shape {c.tensor(x)} to {out.shape} and mixes the samples of a batch",
            "keep the samples of a batch separate: the first dimension of the input is the batch",
        )
    return found


def _apart(c: Call, x: Data, out: Ints, size: int) -> tuple[Ints, int, Merged] | None:
    if c.builder.over_time and out.ndim > 2 and out.shape[:2] == (STEPS, c.batch // STEPS):
        places = _same_places(Layout(0, "steps").samples(out, c.batch), size)
        if places is not None:
            return places, 0, "steps"
    candidates = sorted(range(out.ndim), key=lambda j: (out.shape[j] != c.batch, j != x.axis, j))
    orders: tuple[Merged, ...] = ("blocks", "turns")
    for merged, j in itertools.product(orders, candidates):
        n = out.shape[j]
        if n == 0 or n % c.batch:
            continue
        places = _same_places(Layout(j, merged).samples(out, c.batch), size)
        if places is None:
            continue
        if n == c.batch and places.ndim > 1:
            return places.squeeze(j), j, ""
        return places, j, merged
    return None


def _same_places(apart: Ints, size: int) -> Ints | None:
    """Return the places that each of the samples [batch, ...] takes in itself, if they are the same."""
    first = apart[0]
    samples = np.arange(len(apart)).reshape(-1, *[1] * first.ndim)
    expected = np.where(first > 0, first[None] + size * samples, 0)
    inside = (first <= size).all() and (expected == np.maximum(apart, 0)).all()
    return np.maximum(first, 0) - 1 if inside else None


def _gather(c: Call, x: Data, places: Ints) -> Data:
    """Add the simplest layers that take these places of a sample; -1 is zero."""
    shape, n = c.shape(x), math.prod(c.shape(x))
    if places.size == 0:
        c.refuse("has no values", "leave it out")
    if places.size == n and (places.ravel() == np.arange(n)).all():
        return c.reshaped(x, places.shape)
    zero = places < 0
    if zero.any():
        return _padded(c, x, places, zero)
    grown = [d for d, k in enumerate(places.shape) if k > 1 and (places == places.take([0], d)).all()]  # fmt: skip
    if grown:
        one = places[tuple(slice(0, 1) if d in grown else slice(None) for d in range(places.ndim))]
        return c.add(Expand(places.shape), _gather(c.inner("one"), x, one))
    grid = _grid(places, shape)
    if grid is not None:
        return _selected(c, x, grid, places.shape)
    order = _order(places, shape)
    if order is not None:
        return c.add(Permute(order), x)
    flat = c.inner("flat").reshaped(x, (n,))
    taken = c.inner("taken").add(Take(places.ravel(), axis=0), flat)
    return c.reshaped(taken, places.shape)


def _padded(c: Call, x: Data, places: Ints, zero: NDArray[np.bool_]) -> Data:
    inside = [np.flatnonzero(~zero.all(axis=tuple(e for e in range(zero.ndim) if e != d)))
              for d in range(zero.ndim)]  # fmt: skip
    if all(len(i) for i in inside):
        low = [int(i[0]) for i in inside]
        high = [int(i[-1]) + 1 for i in inside]
        part = tuple(slice(a, b) for a, b in zip(low, high, strict=True))
        if not zero[part].any():
            after = tuple(n - b for n, b in zip(places.shape, high, strict=True))
            return c.add(Pad(tuple(low), after), _gather(c.inner("part"), x, places[part]))
    n = math.prod(c.shape(x))
    flat = c.inner("flat").reshaped(x, (n,))
    longer = c.inner("zero").add(Pad((0,), (1,)), flat)
    indices = np.where(zero, n, places).ravel()
    return c.reshaped(c.inner("taken").add(Take(indices, axis=0), longer), places.shape)


def _order(places: Ints, shape: Shape) -> tuple[int, ...] | None:
    """Return the permutation of axes that gives these places, or None."""
    if sorted(places.shape) != sorted(shape):
        return None
    strides = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    free = [d for d, n in enumerate(shape) if n == 1]
    order = []
    for d, n in enumerate(places.shape):
        if n == 1:
            order.append(free.pop())
            continue
        step = int(places.take(1, d).flat[0] - places.flat[0])
        order += [e for e, s in enumerate(strides) if s == step and shape[e] == n]
    if sorted(order) != list(range(len(shape))):
        return None
    numbers = np.arange(math.prod(shape)).reshape(shape)
    return tuple(order) if (numbers.transpose(order) == places).all() else None


def _grid(places: Ints, shape: Shape) -> list[Ints] | None:
    """Return the indices along each axis whose combinations give these places in order, or None."""

    def gives(grid: list[Ints]) -> bool:
        if math.prod(map(len, grid)) != places.size:
            return False
        found = np.ravel_multi_index(np.ix_(*grid), shape)
        return bool((found.ravel() == places.ravel()).all())

    coordinates = np.unravel_index(places, shape)
    if places.ndim == len(shape):
        grid = [
            np.moveaxis(k, d, 0).reshape(k.shape[d], -1)[:, 0] for d, k in enumerate(coordinates)
        ]
        if gives(grid):
            return grid
    grid = []
    for k in coordinates:
        values, first = np.unique(k.ravel(), return_index=True)
        grid.append(values[np.argsort(first)])
    return grid if gives(grid) else None


def _selected(c: Call, x: Data, grid: Sequence[Ints], shape: Shape) -> Data:
    """Select indices along each axis: at equal distances by a slice, others one by one."""
    before = c.shape(x)
    steps = [int(i[1] - i[0]) if len(i) > 1 else 1 for i in grid]
    even = [s > 0 and (np.diff(i) == s).all() for i, s in zip(grid, steps, strict=True)]
    starts = tuple(int(i[0]) if e else 0 for i, e in zip(grid, even, strict=True))
    stops = tuple(int(i[-1]) + 1 if e else n for i, e, n in zip(grid, even, before, strict=True))
    layers: list[Any] = []
    if any(e and len(i) != n for i, e, n in zip(grid, even, before, strict=True)):
        strides = tuple(s if e else 1 for s, e in zip(steps, even, strict=True))
        layers.append(Slice(starts, stops, strides))
    layers += [Take(i, axis=d) for d, (i, e) in enumerate(zip(grid, even, strict=True)) if not e]
    if tuple(map(len, grid)) != shape:
        layers.append(Reshape(shape))
    for k, layer in enumerate(layers, 1):
        x = (c if k == len(layers) else c.inner(f"part{k}")).add(layer, x)
    return x


def reshape(c: Call, x: _Operand, shape: Sequence[int]) -> _Operand:
    """Reshape a tensor; one size may be -1."""
    return moved(c, x, lambda a: a.reshape(tuple(shape)))


def swapped(c: Call, x: _Operand) -> _Operand:
    """Swap the last two axes of a tensor."""
    last: int = len(c.tensor(x)) - 1
    return permute(c, x, [*range(last - 1), last, last - 1])


def permute(c: Call, x: _Operand, axes: Sequence[int]) -> _Operand:
    """Permute the axes of a tensor, the batch among them."""
    if not isinstance(x, Data):
        return np.transpose(x, axes)
    order = [int(d) % len(axes) for d in axes]
    axis = order.index(x.axis)
    if x.merged == "steps":
        if order[:2] != [0, 1]:
            c.refuse_batch(0)
        order = [d - 2 for d in order[2:]]
    elif not x.merged:
        order = [d - (d > x.axis) for d in order if d != x.axis]
    if order != sorted(order):
        x = c.add(Permute(tuple(order)), x)
    return Data(x.source, axis, x.merged)


def sample_of(c: Call, constant: NDArray[Any], like: Data) -> NDArray[np.float64]:
    """Return the part of one sample of a constant tensor that has its batch where `like` has it.

    The batch may be missing or 1, and must be equal for all samples.
    """
    array = np.asarray(constant, dtype=np.float64)
    axis = like.axis
    if like.merged == "steps" and array.shape[:2] == (1, 1):
        return np.asarray(array[0, 0])
    if like.merged == "steps":
        array = np.broadcast_to(array, (*c.tensor(like)[:2], *array.shape[2:]))
    elif array.shape[axis] == 1:
        return array if like.merged else array.squeeze(axis)
    n = array.shape[axis]
    if like.merged != "steps" and (n % c.batch or (n != c.batch and not like.merged)):
        c.refuse(
            f"takes a constant of shape {array.shape} for data of shape {c.tensor(like)}",
            "a constant must be the same for each sample",
        )
    apart = like.layout.samples(array, c.batch)
    if not (apart == apart[:1]).all():
        c.refuse(
            "takes a constant with different values for each sample",
            "a constant must be the same for each sample",
        )
    return np.array(apart[0])


def concat(c: Call, xs: Sequence[Operand], axis: int) -> Data:
    """Concatenate tensors along an axis; some may be constants, such as the class token of a vision transformer."""
    like = next(x for x in xs if isinstance(x, Data))
    along = c.axis(like, axis)
    xs = [x for x in xs if isinstance(x, Data) or np.size(x)]  # empty ones are allowed
    same = [x for x in xs if isinstance(x, Data) and x.layout != like.layout]
    if same:
        c.refuse("concatenates tensors with the batch in different places", "put the batch first")
    parts = []
    for k, x in enumerate(xs):
        if isinstance(x, Data):
            parts.append(x)
            continue
        sample = sample_of(c, x, like)
        target = list(c.shape(like))
        target[along] = sample.shape[along]
        parts.append(c.inner(f"constant{k}").constant(np.broadcast_to(sample, target), like))
    return parts[0] if len(parts) == 1 else c.add(Concat(axis=along), *parts)


def stack(c: Call, xs: Sequence[Any], axis: int) -> Data:
    """Stack tensors of the same shape along a new axis."""
    like = next(x for x in xs if isinstance(x, Data))
    axis %= len(c.tensor(like)) + 1
    parts = [
        moved(c.inner(f"part{k}"), x, lambda a: np.expand_dims(a, axis)) for k, x in enumerate(xs)
    ]
    return concat(c, parts, axis)


def split(c: Call, x: Data, sizes: Sequence[int], axis: int) -> tuple[Data, ...]:
    """Split a tensor into parts of given sizes along an axis."""
    ends = np.cumsum(sizes)

    def part(begin: int, end: int) -> Callable[[Ints], Any]:
        return lambda a: a.take(np.arange(begin, end), axis)

    return tuple(
        moved(c.inner(str(k)), x, part(e - n, e))
        for k, (n, e) in enumerate(zip(sizes, ends, strict=True))
    )


LOWEST = (
    -1e9
)  # stands for -inf: no other value is below it, and its exp is 0 beside any other score


def pad(
    c: Call,
    x: Data,
    before: Sequence[int],
    after: Sequence[int],
    mode: str = "constant",
    value: float = 0.0,
) -> Data:
    """Pad a tensor; one size an axis of the tensor, and negative sizes crop.

    `mode` is "constant", "edge", "reflect" or "wrap", as in numpy. An infinite value becomes `LOWEST` or its opposite.
    """
    crop = tuple(
        slice(max(-a, 0), n - max(-b, 0))
        for a, b, n in zip(before, after, c.tensor(x), strict=True)
    )
    widths = [(max(a, 0), max(b, 0)) for a, b in zip(before, after, strict=True)]
    found = moved(c, x, lambda a: np.pad(a[crop], widths, mode))  # type: ignore[call-overload]  # one of numpy's modes
    if mode == "constant" and value and any(map(sum, widths)):
        outside = np.full(c.tensor(found), min(max(float(value), LOWEST), -LOWEST))
        inside = zip(outside.shape, widths, strict=True)
        outside[tuple(slice(a, n - b) for n, (a, b) in inside)] = 0
        with named(c.where):
            layer = Affine(1.0, sample_of(c, outside, found))
        return c.inner("filled").add(layer, found)
    return found
