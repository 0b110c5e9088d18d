"""What layers without neurons compute at each step, as functions of PyTorch, through which gradients pass.

The table has a row for each layer class: its function, and which of its arrays are trained.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, TypeAlias

import numpy as np
import torch
from torch.nn import functional as F  # PyTorch's customary name

from spikelet import layers
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.movement import Movement
from spikelet.layers.pools import MeanPool, Pool, axis_matrices, window_places

__all__ = ["JOINS", "Row", "aligned", "increments", "is_maximum", "row_of"]

# Takes the module with the parameters of the layer, the layer, and samples [N, ...].
Function: TypeAlias = Callable[[Any, Any, torch.Tensor], torch.Tensor]


class Row(NamedTuple):
    """How PyTorch computes a layer.

    Parameters
    ----------
    function : callable
    trained : tuple of str
        Names of its arrays that are parameters of the module.
    """

    function: Function
    trained: tuple[str, ...] = ()


def row_of(layer: layers.Layer) -> Row | None:
    """Return the row of a layer, or None if no function acts on each of its steps by itself."""
    if isinstance(layer, layers.Reduce) and layer.function not in ("mean", "sum"):
        return None
    return next((ROWS[kind] for kind in type(layer).__mro__ if kind in ROWS), None)


def aligned(p: torch.Tensor, dimensions: int) -> torch.Tensor:
    """Return numbers of channels, or of a whole sample with as many dimensions, as they broadcast to samples."""
    return p.reshape(-1, *[1] * (dimensions - 1)) if p.ndim == 1 else p


def increments(pool: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the increment of the greatest count so far at each step of [T, B, ...]."""
    counts = pool(x.cumsum(0))
    return torch.cat((counts[:1], counts.diff(dim=0)))


def is_maximum(layer: layers.Layer) -> bool:
    """Return whether a layer takes the maximum of counts."""
    return isinstance(layer, Pool) and getattr(layer, "of", None) == "counts"


# --- layers that join several inputs, [T, B, ...] -----------------------------------------------------


def _total(_step: Any, _layer: Any, xs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the sum of inputs whose samples broadcast as in numpy."""
    rank = max(x.ndim for x in xs)
    shaped = [x.reshape(*x.shape[:2], *[1] * (rank - x.ndim), *x.shape[2:]) for x in xs]
    return sum(shaped[1:], shaped[0])


def _joined(_step: Any, layer: Any, xs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Concatenate along an axis of samples; some inputs are the same at each step, or for each sample."""
    steps, samples = (max(x.shape[d] for x in xs) for d in (0, 1))
    full = [x.expand(steps, samples, *x.shape[2:]) for x in xs]
    return torch.cat(full, layer.axis + 2 if layer.axis >= 0 else layer.axis)


JOINS: dict[type[layers.Layer], Row] = {
    layers.Add: Row(_total),
    layers.Concat: Row(_joined),
    layers.Constant: Row(lambda step, _layer, _xs: step.value[None, None], ("value",)),
}


# --- layers of one input, [N, ...] --------------------------------------------------------------------


def _affine(step: Any, _layer: Any, x: torch.Tensor) -> torch.Tensor:
    y = x * aligned(step.scale, x.ndim - 1)
    return y if step.shift is None else y + aligned(step.shift, x.ndim - 1)


def _of_axes(name: str, axes: int) -> Any:
    """Return the function of PyTorch for sequences, images or volumes."""
    return getattr(F, f"{name}{axes}d")


def _conv(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    before, after = layer.padding[::2], layer.padding[1::2]
    padding: Any = before
    if before != after:  # F.pad begins with the last axis
        sides = reversed(list(zip(before, after, strict=True)))
        x, padding = F.pad(x, [n for side in sides for n in side]), 0
    options = (layer.stride, padding, layer.dilation, layer.groups)
    y: torch.Tensor = _of_axes("conv", layer.axes)(x, step.weight, step.bias, *options)
    return y


def _transposed(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    options = (layer.stride, 0, layer.output_padding, layer.groups, layer.dilation)
    conv = _of_axes("conv_transpose", layer.axes)
    y: torch.Tensor = conv(x, step.weight, step.bias, *options)
    for d in range(layer.axes):
        before, after = layer.padding[2 * d : 2 * d + 2]
        y = y.narrow(d + 2, before, y.shape[d + 2] - before - after)
    return y


def _along(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Multiply each spatial axis by the matrix of a mean pool or an interpolation."""
    for d, matrix in enumerate(axis_matrices(layer, tuple(x.shape[1:])), 2):
        weights = torch.from_numpy(matrix).to(x)
        x = (x.movedim(d, -1) @ weights.T).movedim(-1, d)
    return x


def _has_plain_padding(layer: Any) -> bool:
    """Return whether PyTorch's pools take the padding of a layer: equal sides, at most half a window."""
    pairs = zip(layer.padding, layer.kernel_size, strict=False)
    return len(layer.padding) == layer.axes and all(2 * p <= k for p, k in pairs)


def _mean(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    override = layer.divisor_override
    plain = set(layer.dilation) == {1} and _has_plain_padding(layer)
    if not plain or (override is not None and layer.axes == 1):
        return _along(step, layer, x)
    windows = (layer.kernel_size, layer.stride, layer.padding)
    how = (layer.ceil_mode, layer.count_include_pad, *([] if layer.axes == 1 else [override]))
    y: torch.Tensor = _of_axes("avg_pool", layer.axes)(x, *windows, *how)
    return y


def _maximum(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    if _has_plain_padding(layer):
        windows = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        pool = _of_axes("max_pool", layer.axes)
        y: torch.Tensor = pool(x, *windows, ceil_mode=layer.ceil_mode)
        return y
    for d, places in enumerate(window_places(layer, tuple(x.shape[1:])), 2):
        index = torch.from_numpy(places).to(x.device)
        x = x.index_select(d, index.flatten()).unflatten(d, index.shape).max(d + 1).values
    return x


def _adaptive(name: str) -> Row:
    def pool(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
        given = zip(x.shape[2:], layer.output_size, strict=True)
        sizes = tuple(n if size is None else size for n, size in given)
        y: torch.Tensor = _of_axes(name, layer.axes)(x, sizes)
        return y

    return Row(pool)


def _reduce(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    axes = tuple(d + 1 for d in layer.over(tuple(x.shape[1:])))
    reduced = x.mean if layer.function == "mean" else x.sum
    y = reduced(axes, keepdim=layer.keepdims)
    return y if y.ndim > 1 else y[:, None]


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


_WEIGHTS = ("weight", "bias")
ROWS: dict[type[layers.Layer], Row] = {
    layers.Linear: Row(lambda step, _layer, x: F.linear(x, step.weight, step.bias), _WEIGHTS),
    layers.Affine: Row(_affine, ("scale", "shift")),
    Convolution: Row(_conv, _WEIGHTS),
    TransposedConvolution: Row(_transposed, _WEIGHTS),
    MeanPool: Row(_mean),
    **dict.fromkeys((layers.MaxPool1d, layers.MaxPool2d, layers.MaxPool3d), Row(_maximum)),
    **dict.fromkeys(
        (layers.AdaptiveAvgPool1d, layers.AdaptiveAvgPool2d, layers.AdaptiveAvgPool3d),
        _adaptive("adaptive_avg_pool"),
    ),
    **dict.fromkeys(
        (layers.AdaptiveMaxPool1d, layers.AdaptiveMaxPool2d, layers.AdaptiveMaxPool3d),
        _adaptive("adaptive_max_pool"),
    ),
    layers.Reduce: Row(_reduce),
    layers.Resize: Row(_along),
    layers.Upsample: Row(_upsample),
    layers.Flatten: Row(lambda _step, _layer, x: x.flatten(1)),
    layers.Reshape: Row(lambda _step, layer, x: x.reshape(len(x), *layer.shape)),
    layers.Permute: Row(lambda _step, layer, x: x.permute(0, *(a + 1 for a in layer.axes))),
    Movement: Row(_moved),
}
