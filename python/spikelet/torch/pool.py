"""Max pools of spikes and potentials over all steps, with gradients that remember a byte for each maximum."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet import _core
from spikelet.torch.watched import is_watched

_LAST = torch.channels_last
_MOST = 127  # places of a window


def _pixels(x: Tensor) -> Any:
    return x.detach().resolve_neg().permute(0, 2, 3, 1).numpy()


def _maxima(x: Tensor, window: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Return the maxima of windows, and their places."""
    shape = (*x.shape[:2], x.shape[2] // window[0], x.shape[3] // window[1])
    y = torch.empty(shape, dtype=x.dtype, memory_format=_LAST)
    place = torch.empty(shape, dtype=torch.uint8, memory_format=_LAST)
    _core.max_pool(_pixels(x), _pixels(y), _pixels(place), window, torch.get_num_threads())
    return y, place


class _Maxima(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, window: tuple[int, int]) -> Tensor:
        y, place = _maxima(x, window)
        ctx.window, ctx.shape = window, x.shape
        ctx.save_for_backward(place)
        return y

    @staticmethod
    def backward(ctx: Any, by_y: Tensor) -> tuple[Tensor, None]:
        (place,) = ctx.saved_tensors
        if torch.is_grad_enabled() or is_watched(by_y):
            (a, b), (height, width) = ctx.window, ctx.shape[2:]
            inside = torch.arange(a)[:, None, None] * b + torch.arange(b)
            spread = by_y[..., None, :, None] * (place[..., None, :, None] == inside)
            rows, columns = place.shape[2] * a, place.shape[3] * b
            by_x = spread.reshape(*place.shape[:2], rows, columns)
            return F.pad(by_x, (0, width - columns, 0, height - rows)), None
        by_x = torch.empty(ctx.shape, dtype=by_y.dtype, memory_format=_LAST)
        by_y, place = (_pixels(t.contiguous(memory_format=_LAST)) for t in (by_y, place))
        _core.max_pool_spread(by_y, place, _pixels(by_x), ctx.window, torch.get_num_threads())
        return by_x, None


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
            and not is_watched(x)
            and x.is_contiguous(memory_format=_LAST)
        )
        return _Maxima.apply(x, window) if ours else super().forward(x)
