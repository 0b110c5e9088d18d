"""Max pools of spikes and potentials over all steps, with gradients that remember a byte for each maximum."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from spikelet import _core
from spikelet.torch.ops import has_tangent, is_watched
from spikelet.torch.transforms import Dims, folded, is_transformed, of_batches, unfolded

__all__ = ["MaxPool2d"]

_LAST = torch.channels_last
_MOST = 127  # places of a window


def _pixels(x: Tensor) -> Any:
    return x.detach().resolve_neg().permute(0, 2, 3, 1).numpy()


def _shape(shape: torch.Size, window: tuple[int, int]) -> tuple[int, ...]:
    return *shape[:2], shape[2] // window[0], shape[3] // window[1]


def _maxima(x: Tensor, window: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the maxima of windows, and their places."""
    shape = _shape(x.shape, window)
    y = torch.empty(shape, dtype=x.dtype, memory_format=_LAST)
    place = torch.empty(shape, dtype=torch.uint8, memory_format=_LAST)
    _core.max_pool(_pixels(x), _pixels(y), _pixels(place), window, torch.get_num_threads())
    return y, place


def _spread(by_y: Tensor, place: Tensor, window: tuple[int, int], shape: torch.Size) -> Tensor:
    """Return values at the places of maxima, and 0 elsewhere."""
    by_x = torch.empty(shape, dtype=by_y.dtype, memory_format=_LAST)
    by_y, place = (t.contiguous(memory_format=_LAST) for t in (by_y, place))
    _core.max_pool_spread(
        _pixels(by_y), _pixels(place), _pixels(by_x), window, torch.get_num_threads()
    )
    return by_x


class _Maxima(torch.autograd.Function):
    """Maxima of windows."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, window: tuple[int, int]) -> Tensor:
        y, place = _maxima(x, window)
        ctx.window, ctx.shape = window, x.shape
        ctx.save_for_backward(place)
        return y

    @staticmethod
    @of_batches
    def backward(ctx: Any, by_y: Tensor) -> tuple[Tensor, None]:
        (place,) = ctx.saved_tensors
        if torch.is_grad_enabled() or is_transformed():
            return _Spread.apply(by_y, place, ctx.window, ctx.shape), None
        return _spread(by_y, place, ctx.window, ctx.shape), None


class _TransformedMaxima(torch.autograd.Function):
    """`_Maxima` for `torch.func`, which requires a context apart from `forward`; that costs more."""

    @staticmethod
    def forward(x: Tensor, window: tuple[int, int]) -> tuple[Tensor, Tensor]:
        return _maxima(x, window)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
        x, ctx.window = inputs
        ctx.shape, place = x.shape, output[1]
        ctx.mark_non_differentiable(place)
        ctx.save_for_backward(place)

    @staticmethod
    @of_batches
    def backward(ctx: Any, by_y: Tensor, _: Any) -> tuple[Tensor, None]:
        (place,) = ctx.saved_tensors
        return _Spread.apply(by_y, place, ctx.window, ctx.shape), None


class _Spread(torch.autograd.Function):
    """Values at the places of maxima, and 0 elsewhere."""

    @staticmethod
    def forward(by_y: Tensor, place: Tensor, window: tuple[int, int], shape: torch.Size) -> Tensor:
        return _spread(by_y, place, window, shape)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        _, place, ctx.window, ctx.shape = inputs
        ctx.save_for_backward(place)

    @staticmethod
    def vmap(info: Any, in_dims: Dims, *given: Any) -> tuple[Tensor, int]:
        """Return the values of each element, from one call, as more images."""
        size = info.batch_size
        by_y, place = (
            folded(t, dim, size, 0) for t, dim in zip(given[:2], in_dims[:2], strict=True)
        )
        shape = (max(size, 1) * given[3][0], *given[3][1:])  # as `folded` has it
        return unfolded(_Spread.apply(by_y, place, given[2], shape), size, 0), 0

    @staticmethod
    @of_batches
    def backward(ctx: Any, by: Tensor) -> tuple[Any, ...]:
        (place,) = ctx.saved_tensors
        return _Take.apply(by, place, ctx.window), None, None, None


class _Take(torch.autograd.Function):
    """Values from the places of maxima."""

    @staticmethod
    def forward(x: Tensor, place: Tensor, window: tuple[int, int]) -> Tensor:
        y = torch.empty(place.shape, dtype=x.dtype, memory_format=_LAST)
        x, place = (t.contiguous(memory_format=_LAST) for t in (x, place))
        _core.max_pool_take(_pixels(x), _pixels(place), _pixels(y), window, torch.get_num_threads())
        return y

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        del output
        x, place, ctx.window = inputs
        ctx.shape = x.shape
        ctx.save_for_backward(place)

    @staticmethod
    def vmap(info: Any, in_dims: Dims, *given: Any) -> tuple[Tensor, int]:
        """Return the values of each element, from one call, as more images."""
        size = info.batch_size
        x, place = (folded(t, dim, size, 0) for t, dim in zip(given[:2], in_dims[:2], strict=True))
        return unfolded(_Take.apply(x, place, given[2]), size, 0), 0

    @staticmethod
    @of_batches
    def backward(ctx: Any, by: Tensor) -> tuple[Any, ...]:
        (place,) = ctx.saved_tensors
        return _Spread.apply(by, place, ctx.window, ctx.shape), None, None


def _pair(value: Any) -> tuple[int, int]:
    values = (value,) if isinstance(value, int) else tuple(value)
    return values * 2 if len(values) == 1 else values


class MaxPool2d(nn.MaxPool2d):
    """`torch.nn.MaxPool2d` for all steps: the same results, with less memory and time after sparse convolutions.

    Windows that do not overlap, the default, are compared in the core if the channels come last in memory, as
    `SpikeConv2d` and the neurons after it return them. One byte is kept for the position of each maximum; PyTorch keeps
    eight. PyTorch computes all other pools.

    Parameters
    ----------
    *args, **kwargs
        Arguments of `torch.nn.MaxPool2d`.

    Examples
    --------
    >>> import torch
    >>> import spikelet.torch as st
    >>> st.MaxPool2d(2)(torch.zeros(5, 8, 16, 28, 28)).shape
    torch.Size([5, 8, 16, 14, 14])
    """

    def forward(self, input: Tensor) -> Any:  # noqa: A002  PyTorch's name
        """Return the maxima (..., channels, out_height, out_width) of (..., channels, height, width)."""
        x = input.flatten(0, -4) if input.dim() > 4 else input
        y = self._maxima(x)
        if input.dim() <= 4:
            return y
        if self.return_indices:
            return tuple(part.unflatten(0, input.shape[:-3]) for part in y)
        return y.unflatten(0, input.shape[:-3])

    def _maxima(self, x: Tensor) -> Any:
        window = _pair(self.kernel_size)
        ours = (
            x.dim() == 4
            and x.device.type == "cpu"
            and x.dtype in (torch.float32, torch.float64)
            and window == _pair(self.stride)
            and _pair(self.padding) == (0, 0)
            and _pair(self.dilation) == (1, 1)
            and not self.ceil_mode
            and not self.return_indices
            and 0 < window[0] * window[1] <= _MOST
            and min(x.shape) > 0
            and x.shape[2] >= window[0]
            and x.shape[3] >= window[1]
            and not is_watched([x])
            and not has_tangent([x])
            and x.is_contiguous(memory_format=_LAST)
        )
        if not ours:
            return super().forward(x)
        return (
            _TransformedMaxima.apply(x, window)[0] if is_transformed() else _Maxima.apply(x, window)
        )
