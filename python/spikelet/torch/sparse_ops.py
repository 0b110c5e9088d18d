"""Sparse linear layers and convolutions in the compiled core, as functions that autograd can differentiate.

Each takes the sparse or the dense path; the choice depends only on the input, and the backward pass takes the same path.
The input has the type of the weights, or is uint8: the core reads bytes, and PyTorch's dense products a temporary copy.
Where a call is watched, and for second derivatives, dense products are PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet import _core
from spikelet.torch.memory import empty
from spikelet.torch.watched import is_watched, of_batches

__all__ = ["spike_conv2d", "spike_linear"]

Optional: TypeAlias = Tensor | None

_LAST = torch.channels_last
_ROWS = (0, 2, 3, 1)  # its dimensions, from slowest to fastest
# Positions of outputs and weights are 32-bit numbers in the core.
_PLACES = 2**31


def _line(n: int) -> int:
    """Round the number of outputs up to a multiple of 16, which are computed at once."""
    return -(-n // 16) * 16


def _is_sparse(x: Tensor, limit: float) -> bool:
    """Return whether few enough inputs are active; PyTorch handles input that is not finite."""
    active, finite = _core.activity(_view(x), torch.get_num_threads())
    return finite and active <= limit * x.numel()


def _view(tensor: Tensor | None) -> Any:
    """Return a view of a tensor as a numpy array."""
    return None if tensor is None else tensor.detach().resolve_neg().numpy()


def _column_sums(x: Tensor) -> Tensor:
    sums = x.new_zeros(x.shape[1])
    if x.numel() > 0:
        _core.column_sums(_view(x.contiguous()), _view(sums), torch.get_num_threads())
    return sums


# ---- linear ----


def spike_linear(x: Tensor, weight: Tensor, bias: Optional, density_limit: float) -> Tensor:
    """Return x [N, inputs] times the weights [outputs, inputs]."""
    if is_watched(x, weight, bias):
        return F.linear(x.to(weight.dtype), weight, bias)
    if torch.is_grad_enabled():
        return _Linear.apply(x, weight, bias, density_limit)  # type: ignore[no-any-return]  # autograd has no types
    return _linear(x, weight, bias, density_limit)[0]


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Optional, density_limit: float
    ) -> Tensor:
        y, ctx.sparse = _linear(x, weight, bias, density_limit)
        ctx.save_for_backward(x, weight)
        return y

    @staticmethod
    @of_batches
    def backward(ctx: Any, by_y: Tensor) -> tuple[Optional, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, _ = ctx.needs_input_grad
        by_weight = sums = None
        if torch.is_grad_enabled():
            by_weight = by_y.t().mm(x.to(by_y.dtype)) if of_weight else None
            sums = by_y.sum(0) if of_bias else None
        else:
            by_weight = _linear_weight(x, by_y, ctx.sparse) if of_weight else None
            sums = _column_sums(by_y) if of_bias else None
        return by_y.mm(weight) if of_x else None, by_weight, sums, None


def _linear(x: Tensor, weight: Tensor, bias: Optional, density_limit: float) -> tuple[Tensor, bool]:
    """Return the result, and whether it took the sparse path."""
    x, weight = x.contiguous(), weight.contiguous()
    shape = (x.shape[0], weight.shape[0])
    places = weight.shape[1] * _line(weight.shape[0])
    sparse = x.numel() > 0 and min(shape) > 0 and places < _PLACES and _is_sparse(x, density_limit)
    if not sparse:
        return F.linear(x.to(weight.dtype), weight, bias), False
    bias = None if bias is None else bias.contiguous()
    y = empty(shape, weight.dtype)
    _core.sparse_linear(_view(x), _view(weight), _view(bias), _view(y), torch.get_num_threads())
    return y, True


def _linear_weight(x: Tensor, by_y: Tensor, sparse: bool) -> Tensor:
    if not sparse:
        return by_y.t().mm(x.to(by_y.dtype))
    x, by_y = x.contiguous(), by_y.contiguous()
    by_weight = by_y.new_empty(by_y.shape[1], x.shape[1])
    _core.sparse_linear_weight(_view(x), _view(by_y), _view(by_weight), torch.get_num_threads())
    return by_weight


# ---- convolution: padding is (top, bottom, left, right) ----


def spike_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Optional,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    density_limit: float,
) -> Tensor:
    """Return the convolution of images [N, channels, height, width]."""
    if is_watched(x, weight, bias):
        x, both = x.to(weight.dtype), [padding[0], padding[2]]
        if padding[0] != padding[1] or padding[2] != padding[3]:
            (x, _), both = _margin(x, padding), [0, 0]
        return F.conv2d(x, weight, bias, stride, both, dilation, groups)
    given = (x, weight, bias, stride, padding, dilation, groups, density_limit)
    if torch.is_grad_enabled():
        return _Conv.apply(*given)  # type: ignore[no-any-return]  # autograd has no types
    return _conv(*given)[0]


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Optional, *given: Any) -> Tensor:
        y, ctx.sparse = _conv(x, weight, bias, *given)
        *ctx.geometry, _ = given
        ctx.save_for_backward(x, weight)
        return y

    @staticmethod
    @of_batches
    def backward(ctx: Any, by_y: Tensor) -> tuple[Optional, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, *_ = ctx.needs_input_grad
        if torch.is_grad_enabled():
            stride, padding, dilation, groups = ctx.geometry
            x, inner = _margin(x.to(by_y.dtype), padding)
            masks = (of_x, of_weight, of_bias)
            by_x, by_weight, sums = torch.ops.aten.convolution_backward(
                by_y,
                x,
                weight,
                [len(weight)],
                stride,
                [0, 0],
                dilation,
                False,
                [0, 0],
                groups,
                masks,
            )
            return by_x[inner] if of_x else None, by_weight, sums, *[None] * 5
        by_y = by_y.contiguous(memory_format=_LAST)
        rows = by_y.permute(0, 2, 3, 1).flatten(0, 2)
        by_x = _conv_input(by_y, weight, x.shape, *ctx.geometry) if of_x else None
        if by_x is not None and x.is_contiguous():
            # In the format of x: PyTorch's pools copy tensors of their own size otherwise.
            by_x = by_x.contiguous()
        by_weight = (
            _conv_weight(x, by_y, ctx.sparse, weight.shape, *ctx.geometry) if of_weight else None
        )
        return by_x, by_weight, _column_sums(rows) if of_bias else None, *[None] * 5


def _out_shape(
    x: Tensor,
    weight: Tensor,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
) -> tuple[Any, ...]:
    height, width = (
        (
            x.shape[2 + k]
            + padding[2 * k]
            + padding[2 * k + 1]
            - dilation[k] * (weight.shape[2 + k] - 1)
            - 1
        )
        // stride[k]
        + 1
        for k in (0, 1)
    )
    return x.shape[0], weight.shape[0], height, width


def _pixels(x: Tensor) -> Any:
    """Return a view of a channels_last tensor as an array [image, row, column, channel]."""
    return _view(x.permute(0, 2, 3, 1))


def _input(x: Tensor) -> tuple[Any, bool]:
    """Return the input as an array, and whether its channels are last; copied only if it has neither layout."""
    if not x.is_contiguous() and x.is_contiguous(memory_format=_LAST):
        return _pixels(x), True
    return _view(x.contiguous()), False


def _padded(x: Tensor, padding: Sequence[int]) -> tuple[Tensor, list[int]]:
    """Return the input for PyTorch in its fastest format, and the symmetric padding that PyTorch must apply."""
    top, bottom, left, right = padding
    if (top, left) == (bottom, right):
        return x.contiguous(memory_format=_LAST), [top, left]
    return F.pad(x, (left, right, top, bottom)).contiguous(memory_format=_LAST), [0, 0]


def _margin(x: Tensor, padding: Sequence[int]) -> tuple[Tensor, tuple[Any, ...]]:
    """Return the padded input, and where in it the input is."""
    top, bottom, left, right = padding
    rows, columns = (slice(low, low + n) for low, n in zip((top, left), x.shape[-2:], strict=True))
    return F.pad(x, (left, right, top, bottom)), (..., rows, columns)


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    density_limit: float,
) -> tuple[Tensor, bool]:
    shape = _out_shape(x, weight, stride, padding, dilation)
    sparse = x.numel() > 0 and weight.numel() > 0
    if sparse:
        places = _line(weight.shape[0] // groups)
        for k in (0, 1):
            places *= (
                x.shape[2 + k] + shape[2 + k] + padding[2 * k] + dilation[k] * weight.shape[2 + k]
            )
        array, last = _input(x)
        active, finite = _core.activity(array, torch.get_num_threads())
        sparse = places < _PLACES and finite and active <= density_limit * x.numel()
    if not sparse:
        x, both = _padded(x.to(weight.dtype), padding)
        y = F.conv2d(x, weight, bias, stride, both, dilation, groups)
        return y.contiguous(memory_format=_LAST), False
    y = empty(shape, weight.dtype, _ROWS)
    _core.sparse_conv(
        array,
        _view(weight.contiguous()),
        None if bias is None else _view(bias.contiguous()),
        _pixels(y),
        last,
        groups,
        (stride[0], stride[1]),
        (padding[0], padding[2]),
        (dilation[0], dilation[1]),
        torch.get_num_threads(),
    )
    return y, True


def _conv_weight(
    x: Tensor,
    by_y: Tensor,
    sparse: bool,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    if not sparse:
        x, both = _padded(x.to(by_y.dtype), padding)
        grad = torch.nn.grad.conv2d_weight(x, list(size), by_y, stride, both, dilation, groups)
        return grad.contiguous()
    grad = by_y.new_empty(*size)
    array, last = _input(x)
    _core.sparse_conv_weight(
        array,
        _pixels(by_y.contiguous(memory_format=_LAST)),
        _view(grad),
        last,
        groups,
        (stride[0], stride[1]),
        (padding[0], padding[2]),
        (dilation[0], dilation[1]),
        torch.get_num_threads(),
    )
    return grad


def _conv_input(
    by_y: Tensor,
    weight: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Return the gradient of an input of this size: a dense product, since inactive inputs have a gradient too.

    The core computes it with fewer multiplications than the sum that defines it if that is faster, PyTorch otherwise.
    """
    n, channels, height, width = size
    top, bottom, left, right = padding
    by_y = by_y.contiguous(memory_format=_LAST)
    if groups == 1 and tuple(dilation) == (1, 1) and by_y.dtype == torch.float32:
        grad = empty(size, by_y.dtype, _ROWS)
        if _core.conv_input(
            _pixels(by_y),
            _view(weight.contiguous()),
            _pixels(grad),
            (stride[0], stride[1]),
            (top, left),
            torch.get_num_threads(),
        ):
            return grad
    even = (top, left) == (bottom, right)
    both = [top, left] if even else [0, 0]
    if not even:
        height, width = height + top + bottom, width + left + right
    # Only the shape and format of this tensor matter; channels_last is fastest.
    like = torch.empty((n, channels, height, width), dtype=by_y.dtype, memory_format=_LAST)
    masks = (True, False, False)
    grad, _, _ = torch.ops.aten.convolution_backward(
        by_y, like, weight, None, stride, both, dilation, False, [0, 0], groups, masks
    )
    inner = grad if even else grad[:, :, top : height - bottom, left : width - right]
    return inner.contiguous(memory_format=_LAST)
