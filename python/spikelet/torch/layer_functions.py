"""What layers without neurons compute at each step, as functions of PyTorch, through which gradients pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from torch.nn import functional as F  # PyTorch's customary name

from spikelet import layers
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.movement import Movement
from spikelet.layers.pools import MeanPool, Pool

__all__ = ["aligned", "concatenated", "function_of", "increments", "is_maximum", "total"]

# Takes the module with the parameters of the layer, the layer, and samples [N, ...].
Function: TypeAlias = Callable[[Any, Any, torch.Tensor], torch.Tensor]

_CONV = {1: F.conv1d, 2: F.conv2d, 3: F.conv3d}
_TRANSPOSED = {1: F.conv_transpose1d, 2: F.conv_transpose2d, 3: F.conv_transpose3d}
_MAXIMUM = {1: F.max_pool1d, 2: F.max_pool2d, 3: F.max_pool3d}
_ADAPTIVE_MEAN = {1: F.adaptive_avg_pool1d, 2: F.adaptive_avg_pool2d, 3: F.adaptive_avg_pool3d}
_ADAPTIVE_MAXIMUM = {
    1: F.adaptive_max_pool1d,
    2: F.adaptive_max_pool2d,
    3: F.adaptive_max_pool3d,
}


def aligned(p: torch.Tensor, dimensions: int) -> torch.Tensor:
    """Return numbers of channels, or of a whole sample with as many dimensions, as they broadcast to samples."""
    return p.reshape(-1, *[1] * (dimensions - 1)) if p.ndim == 1 else p


def total(xs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the sum of [T, B, ...], whose samples broadcast as in numpy."""
    rank = max(x.ndim for x in xs)
    shaped = [x.reshape(*x.shape[:2], *[1] * (rank - x.ndim), *x.shape[2:]) for x in xs]
    return sum(shaped[1:], shaped[0])


def concatenated(xs: Sequence[torch.Tensor], axis: int) -> torch.Tensor:
    """Concatenate [T, B, ...] along an axis of samples; some are the same at each step, or for each sample."""
    steps, samples = (max(x.shape[d] for x in xs) for d in (0, 1))
    full = [x.expand(steps, samples, *x.shape[2:]) for x in xs]
    return torch.cat(full, axis + 2 if axis >= 0 else axis)


def increments(pool: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the increment of the greatest count so far at each step of [T, B, ...]."""
    counts = pool(x.cumsum(0))
    return torch.cat((counts[:1], counts.diff(dim=0)))


def is_maximum(layer: layers.Layer) -> bool:
    """Return whether a layer takes the maximum of counts."""
    return isinstance(layer, Pool) and getattr(layer, "of", None) == "counts"


def function_of(layer: layers.Layer) -> Function | None:
    """Return the function of a layer, or None if it has none that acts on each step by itself."""
    for kind, function in _FUNCTIONS.items():
        if isinstance(layer, kind):
            return function
    if isinstance(layer, layers.Reduce) and layer.function in ("mean", "sum"):
        return _reduce
    if isinstance(layer, layers.Resize):
        return _resize
    return None


def _linear(step: Any, _layer: Any, x: torch.Tensor) -> torch.Tensor:
    return F.linear(x, step.weight, step.bias)


def _affine(step: Any, _layer: Any, x: torch.Tensor) -> torch.Tensor:
    y = x * aligned(step.scale, x.ndim - 1)
    return y if step.shift is None else y + aligned(step.shift, x.ndim - 1)


def _padded(x: torch.Tensor, sides: Sequence[Sequence[int]], value: float = 0.0) -> torch.Tensor:
    """Extend the last axes of x before and after; F.pad begins with the last one."""
    return F.pad(x, [n for side in reversed(sides) for n in side], value=value)


def _conv(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    sides = list(zip(layer.padding[::2], layer.padding[1::2], strict=True))
    padding: Any = layer.padding[::2]
    if any(before != after for before, after in sides):
        x, padding = _padded(x, sides), 0
    conv: Any = _CONV[layer.axes]
    y: torch.Tensor = conv(
        x, step.weight, step.bias, layer.stride, padding, layer.dilation, layer.groups
    )
    return y


def _transposed(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    conv: Any = _TRANSPOSED[layer.axes]
    y: torch.Tensor = conv(
        x, step.weight, step.bias, layer.stride, 0, layer.output_padding, layer.groups, layer.dilation
    )  # fmt: skip
    for d in range(layer.axes):
        before, after = layer.padding[2 * d : 2 * d + 2]
        y = y.narrow(d + 2, before, y.shape[d + 2] - before - after)
    return y


def _along(x: torch.Tensor, matrices: Sequence[np.ndarray[Any, Any]]) -> torch.Tensor:
    """Multiply each spatial axis of [N, channels, ...] by a matrix [out, in]."""
    for d, matrix in enumerate(matrices, 2):
        weights = torch.from_numpy(np.ascontiguousarray(matrix)).to(x)
        x = (x.movedim(d, -1) @ weights.T).movedim(-1, d)
    return x


def _mean(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    plain = set(layer.dilation) == {1} and len(layer.padding) == layer.axes
    if plain and all(2 * p <= k for p, k in zip(layer.padding, layer.kernel_size, strict=True)):
        how = (layer.ceil_mode, layer.count_include_pad, layer.divisor_override)
        if layer.axes == 3:
            return F.avg_pool3d(x, layer.kernel_size, layer.stride, layer.padding, *how)
        if layer.axes == 2:
            return F.avg_pool2d(x, layer.kernel_size, layer.stride, layer.padding, *how)
        kernel, stride, padding = (
            (first, *given)
            for first, given in zip(
                (1, 1, 0), (layer.kernel_size, layer.stride, layer.padding), strict=True
            )
        )
        return F.avg_pool2d(x[:, :, None], kernel, stride, padding, *how)[:, :, 0]
    shape = tuple(x.shape[1:])
    matrices = []
    for n, windows, divisors in zip(
        shape[1:], layer.windows(shape), layer.divisors(shape), strict=True
    ):
        matrix = np.zeros((len(divisors), n))
        for row, begin, end, divisor in zip(
            matrix, windows.begin, windows.end, divisors, strict=True
        ):
            row[begin : end : windows.step] = 1 / divisor
        matrices.append(matrix)
    return _along(x, matrices)


def _maximum(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    padding = layer.padding
    if len(padding) == layer.axes and all(
        2 * p <= k for p, k in zip(padding, layer.kernel_size, strict=True)
    ):
        pool: Any = _MAXIMUM[layer.axes]
        y: torch.Tensor = pool(
            x, layer.kernel_size, layer.stride, padding, layer.dilation, ceil_mode=layer.ceil_mode
        )
        return y
    for d, windows in enumerate(layer.windows(tuple(x.shape[1:])), 2):
        places = [range(b, e, windows.step) for b, e in zip(*windows[:2], strict=True)]
        most = max(map(len, places))
        # The last value of a window stands for those that it lacks.
        index = torch.tensor(
            [[p[min(k, len(p) - 1)] for k in range(most)] for p in places], device=x.device
        )
        x = x.index_select(d, index.flatten()).unflatten(d, index.shape).max(d + 1).values
    return x


def _adaptive_mean(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    pool: Any = _ADAPTIVE_MEAN[layer.axes]
    y: torch.Tensor = pool(x, _output_size(layer, x))
    return y


def _adaptive_maximum(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    pool: Any = _ADAPTIVE_MAXIMUM[layer.axes]
    y: torch.Tensor = pool(x, _output_size(layer, x))
    return y


def _output_size(layer: Any, x: torch.Tensor) -> tuple[int, ...]:
    given = zip(x.shape[2:], layer.output_size, strict=True)
    return tuple(n if size is None else size for n, size in given)


def _reduce(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    axes = tuple(d + 1 for d in layer.over(tuple(x.shape[1:])))
    reduced = x.mean if layer.function == "mean" else x.sum
    y = reduced(axes, keepdim=layer.keepdims)
    return y if y.ndim > 1 else y[:, None]


def _resize(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    matrices = []
    for n, (taps, weights) in zip(x.shape[2:], layer.maps(tuple(x.shape[1:])), strict=True):
        matrix = np.zeros((len(taps), n))
        np.add.at(matrix, (np.arange(len(taps))[:, None], taps), weights)
        matrices.append(matrix)
    return _along(x, matrices)


def _upsample(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=tuple(map(float, layer.scale_factor)), mode="nearest")


def _moved(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Take each output from its place in a sample; -1 is the zero that stands after the last value."""
    count = x[:1].numel()
    places = np.arange(count).reshape(x.shape[1:])
    index = np.ascontiguousarray(layer.moved(places, -1))
    flat = x.flatten(1)
    if (index < 0).any():
        flat, index = F.pad(flat, (0, 1)), np.where(index < 0, count, index)
    taken = flat.index_select(1, torch.from_numpy(index.ravel()).to(x.device))
    return taken.unflatten(1, index.shape)


_FUNCTIONS: dict[type[layers.Layer], Function] = {
    layers.Linear: _linear,
    layers.Affine: _affine,
    Convolution: _conv,
    TransposedConvolution: _transposed,
    MeanPool: _mean,
    **dict.fromkeys((layers.MaxPool1d, layers.MaxPool2d, layers.MaxPool3d), _maximum),
    **dict.fromkeys(
        (layers.AdaptiveAvgPool1d, layers.AdaptiveAvgPool2d, layers.AdaptiveAvgPool3d),
        _adaptive_mean,
    ),
    **dict.fromkeys(
        (layers.AdaptiveMaxPool1d, layers.AdaptiveMaxPool2d, layers.AdaptiveMaxPool3d),
        _adaptive_maximum,
    ),
    layers.Upsample: _upsample,
    layers.Flatten: lambda _step, _, x: x.flatten(1),
    layers.Reshape: lambda _step, layer, x: x.reshape(len(x), *layer.shape),
    layers.Permute: lambda _step, layer, x: x.permute(0, *(a + 1 for a in layer.axes)),
    Movement: _moved,
}
