"""Convolutions, pools and interpolation of sequences, images and volumes, and linear layers."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import layers
from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import movement
from spikelet.conversion.operators.activation import activation, affine
from spikelet.layers import Layer, Linear, Permute, Resize, Upsample

Array: TypeAlias = NDArray[Any]
_MODES = {"reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def per_axis(value: Any, n: int) -> tuple[int, ...]:
    """Return one integer an axis, from one for all or one for each."""
    values = [int(v) for v in np.ravel(value)]
    return tuple(values * n if len(values) == 1 else values)


def sides(value: Any, n: int) -> list[tuple[int, int]]:
    """Return padding before and after each axis, from one number, one an axis, or pairs."""
    if np.ndim(value) == 2:
        return [(int(a), int(b)) for a, b in value]
    return [(p, p) for p in per_axis(value, n)]


def halves(total: int, *, late: bool = True) -> tuple[int, int]:
    """Share padding between both sides of an axis; an odd value goes to the end, or else to the beginning."""
    small = total // 2
    return (small, total - small) if late else (total - small, small)


def same(
    size: Sequence[int],
    kernel: Sequence[int],
    stride: Sequence[int],
    dilation: Sequence[int],
    *,
    late: bool = True,
) -> list[tuple[int, int]]:
    """Return the padding that leaves as many windows as there are strides in each axis, rounded up; `late` as in `halves`."""
    return [
        halves(max((-(-m // s) - 1) * s + d * (k - 1) + 1 - m, 0), late=late)
        for m, k, s, d in zip(size, kernel, stride, dilation, strict=True)
    ]


def conv(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
    mode: str = "zeros",
) -> Data:
    """Convolve sequences, images or volumes, [batch, channels, ...].

    Parameters
    ----------
    weight : array, [out, in / groups, kernel ...]
    bias : array, [out], optional
    stride, dilation : int or one an axis
    padding : int, one an axis, pairs (before, after), "valid", or, for strides of 1, "same"
    groups : int
    mode : "zeros", "reflect", "replicate" or "circular"
        What is padded, as in PyTorch.
    """
    weight, bias = _weights(c, weight, bias)
    n = weight.ndim - 2
    if padding == "same":  # the same for inputs of any size
        ones = (1,) * n
        padding = same(ones, weight.shape[2:], ones, per_axis(dilation, n))
    pads = sides(0 if isinstance(padding, str) else padding, n)
    if mode != "zeros" and any(map(any, pads)):
        before, after = ([0, 0, *side] for side in zip(*pads, strict=True))
        x = movement.pad(c.inner("pad"), x, before, after, _MODES[mode])
        pads = [(0, 0)] * n

    how = {"stride": stride, "dilation": dilation}
    return _applied(c, x, "Conv", weight, bias, groups, pads, **how)


def conv_transpose(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    output_padding: Any = 0,
    groups: int = 1,
    dilation: Any = 1,
) -> Data:
    """Apply a transposed convolution; weight is [in, out / groups, kernel ...]."""
    weight, bias = _weights(c, weight, bias)
    pads = sides(padding, weight.ndim - 2)
    how = {"stride": stride, "output_padding": output_padding, "dilation": dilation}
    return _applied(c, x, "ConvTranspose", weight, bias, groups, pads, **how)


def fold(
    c: Call, x: Data, size: Any, kernel: Any, stride: Any = 1, padding: Any = 0, dilation: Any = 1
) -> Data:
    """Add up overlapping windows [batch, channels * kernel, windows], the adjoint of cutting them out."""
    shape, window = per_axis(size, 2), per_axis(kernel, 2)
    steps, pads, gaps = (per_axis(v, 2) for v in (stride, padding, dilation))
    counts = [
        (n + 2 * p - d * (k - 1) - 1) // s + 1
        for n, k, s, p, d in zip(shape, window, steps, pads, gaps, strict=True)
    ]
    area = math.prod(window)
    channels = c.shape(c.batch_first(x))[0] // area
    # Outputs that no window reaches are at the end.
    spare = [
        n - ((m - 1) * s - 2 * p + d * (k - 1) + 1)
        for n, m, k, s, p, d in zip(shape, counts, window, steps, pads, gaps, strict=True)
    ]
    ones = np.tile(np.eye(area).reshape(area, 1, *window), (channels, 1, 1, 1))
    apart = c.inner("windows").reshaped(x, (channels * area, *counts))
    return conv_transpose(c, apart, ones, None, steps, pads, spare, channels, gaps)


def _weights(c: Call, weight: Any, bias: Any) -> tuple[Array, Array | None]:
    for name, value in (("weight", weight), ("bias", bias)):
        if isinstance(value, Data):
            c.refuse(
                f"has a {name} that depends on the input",
                "it must be constant: use a product or a matrix product of two activations",
            )
    weight = np.asarray(weight, dtype=np.float64)
    return weight, None if bias is None else np.asarray(bias, dtype=np.float64)


def _applied(
    c: Call,
    x: Data,
    kind: str,
    weight: Array,
    bias: Array | None,
    groups: int,
    pads: Sequence[tuple[int, int]],
    **how: Any,
) -> Data:
    """Add a convolution; `how` are its parameters that are one number, or one for each axis."""
    n = weight.ndim - 2
    axes = {name: per_axis(value, n) for name, value in how.items()}

    def make(ones: tuple[int, ...]) -> Layer:
        kernel, margins, wide = weight, tuple(p for side in pads for p in side), axes
        if ones:
            kernel, margins = np.expand_dims(weight, 2), (0, 0, *margins)
            wide = {k: (int(k != "output_padding"), *v) for k, v in axes.items()}
        made: Layer = getattr(layers, f"{kind}{kernel.ndim - 2}d")(
            kernel, bias, padding=margins, groups=groups, **wide
        )
        return made

    return _over_images(c, x, n, "convolves", make)


def _over_images(
    c: Call, x: Data, n: int, verb: str, make: Callable[[tuple[int, ...]], Layer]
) -> Data:
    """Add a layer of windows along the n last axes of [batch, channels, ...].

    A sample of k images is a volume of depth k, on which the windows work slice by slice: ``make(ones)`` then gets (1,), the
    size of a window along the depth, and otherwise ().
    """
    if not 1 <= n <= 3 or len(c.tensor(x)) != n + 2 or x.axis:
        c.refuse(
            f"{verb} a tensor of shape {c.tensor(x)}, along {n} dimensions",
            "the input must be [batch, channels, ...], with one to three dimensions after the channels",
        )
    if x.merged and n == 3:
        c.refuse(f"{verb} several volumes a sample", "merge the batch with images at most")
    with named(c.where):
        made = make((1,) if x.merged else ())
    if not x.merged:
        return c.add(made, x)
    order = Permute((1, 0, *range(2, n + 2)))
    return c.add(order, c.inner("volume").add(made, c.inner("stacked").add(order, x)))


def linear(c: Call, x: Data, weight: Any, bias: Any = None) -> Data:
    """Apply a matrix [out, in] to the last axis of a tensor.

    On samples of several axes it is a convolution with a kernel of 1, behind a permutation that puts channels first.
    """
    weight, bias = _weights(c, weight, bias)
    shape = c.shape(x)
    last = len(c.tensor(x)) - 1
    c.axis(x, last)  # must not be the batch
    n = len(shape)
    with named(c.where):
        if n == 1:
            return c.add(Linear(weight, bias), x)
        spatial = n - 1 if n <= 4 else 1
        layer = getattr(layers, f"Conv{spatial}d")(
            weight.reshape(*weight.shape, *[1] * spatial), bias
        )
    front = c.inner("channels").add(Permute((n - 1, *range(n - 1))), x)
    if n > 4:
        front = c.inner("positions").reshaped(front, (shape[-1], math.prod(shape[:-1])))
    found = c.inner("linear").add(layer, front)
    found = c.inner("apart").reshaped(found, (len(weight), *shape[:-1]))
    return c.add(Permute((*range(1, n), 0)), found)


def pool(
    c: Call,
    x: Data,
    kernel: Any,
    stride: Any = None,
    padding: Any = 0,
    dilation: Any = 1,
    ceil_mode: bool = False,
    *,
    kind: str,
    **how: Any,
) -> Data:
    """Take the maximum ("MaxPool") or the mean ("AvgPool") of each window; `how` are other parameters of the layer."""
    n = len(c.tensor(x)) - 2

    def make(ones: tuple[int, ...]) -> Layer:
        size = per_axis(kernel, n)
        made: Layer = getattr(layers, f"{kind}{n + len(ones)}d")(
            ones + size,
            ones + (size if stride in (None, [], ()) else per_axis(stride, n)),
            (0, 0) * len(ones) + tuple(p for side in sides(padding, n) for p in side),
            ceil_mode,
            dilation=ones + per_axis(dilation, n),
            **how,
        )
        return made

    return _over_images(c, x, n, "pools", make)


def adaptive_pool(c: Call, x: Data, size: Any = 1, *, kind: str) -> Data:
    """Take the maximum ("MaxPool") or the mean ("AvgPool") of a given number of windows; by default, of everything."""
    n = len(c.tensor(x)) - 2
    wanted = list(size) if isinstance(size, (tuple, list)) else [size] * n

    def make(ones: tuple[int, ...]) -> Layer:
        target = (m if w is None else int(w) for m, w in zip(c.tensor(x)[2:], wanted, strict=True))
        several = c.shape(x)[: len(ones)]  # k images keep their number
        made: Layer = getattr(layers, f"Adaptive{kind}{n + len(ones)}d")((*several, *target))
        return made

    return _over_images(c, x, n, "pools", make)


def lp_pool(
    c: Call, x: Data, p: float, kernel: Any, stride: Any = None, ceil_mode: bool = False
) -> Data:
    """Take the p-norm of each window: the root of the sum of powers."""
    size = per_axis(kernel, len(c.tensor(x)) - 2)
    power: Sequence[Any] = ("square",) if p == 2 else ("pow", float(p))
    root: Sequence[Any] = ("sqrt",) if p == 2 else ("pow", 1 / float(p))
    raised = x if p == 1 else activation(c.inner("power"), x, *power)
    mean = pool(c.inner("average"), raised, size, stride, ceil_mode=ceil_mode, kind="AvgPool")
    total = affine(c.inner("sum"), mean, float(math.prod(size)))
    return total if p == 1 else activation(c, total, *root)


def resize(
    c: Call,
    x: Data,
    size: Sequence[int],
    mode: str = "nearest",
    coordinates: str = "half_pixel",
    rounding: str = "floor",
    scale: Sequence[float] | None = None,
    cubic: float = -0.75,
    exclude_outside: bool = False,
) -> Data:
    """Resize [batch, channels, ...] by interpolation; the arguments are those of `layers.Resize`.

    Nearest neighbours at an integer factor are repeated pixels, an `Upsample`.
    """
    c.batch_first(x)
    given: tuple[int, ...] = c.shape(x)[1:]
    target = tuple(int(n) for n in size)
    if mode == "nearest" and all(m % n == 0 for n, m in zip(given, target, strict=True)):
        factors = tuple(m // n for n, m in zip(given, target, strict=True))
        exact = scale is None or tuple(scale) == factors
        # With these, each new pixel copies the pixel in which it lies.
        copies = coordinates == "asymmetric" and rounding == "floor"
        copies |= coordinates in ("half_pixel", "pytorch_half_pixel") and rounding.startswith("round_")  # fmt: skip
        if exact and copies:
            return c.put(x, Upsample, factors)
    options: dict[str, Any] = {"mode": mode, "coordinates": coordinates, "rounding": rounding}
    by = None if scale is None else tuple(float(s) for s in scale)
    return c.put(
        x, Resize, target, **options, cubic=cubic, exclude_outside=exclude_outside, scale=by
    )
