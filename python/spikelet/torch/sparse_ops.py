"""Sparse linear layers and convolutions in the compiled core, as functions that autograd can differentiate.

Each takes the sparse or the dense path; the choice depends only on the input, and the backward pass takes the same path.
The input has the type of the weights, or is uint8: the core reads bytes, and PyTorch's dense products a temporary copy.
Where a call is watched, and for second derivatives, dense products are PyTorch's own.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet import _core
from spikelet.torch.memory import empty
from spikelet.torch.watched import is_watched

__all__ = ["Geometry", "spike_conv2d", "spike_linear"]

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
        return _Linear.apply(x, weight, bias, density_limit)
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
    def backward(ctx: Any, by_y: Tensor) -> tuple[Optional, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, _ = ctx.needs_input_grad
        by_weight = sums = None
        if torch.is_grad_enabled() or is_watched(by_y):
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


# ---- convolution ----


class Geometry(NamedTuple):
    """How the kernel of a convolution moves over an image."""

    stride: tuple[int, int]
    padding: tuple[int, int, int, int]  # top, bottom, left, right
    dilation: tuple[int, int]
    groups: int

    @property
    def corner(self) -> tuple[int, int]:
        """Padding above and on the left."""
        return self.padding[0], self.padding[2]

    @property
    def is_even(self) -> bool:
        """Whether opposite sides have the same padding, which PyTorch can apply itself."""
        top, bottom, left, right = self.padding
        return top == bottom and left == right

    def padded(self, x: Tensor) -> tuple[Tensor, tuple[int, int]]:
        """Return an image, and the padding that remains to be applied."""
        if self.is_even:
            return x, self.corner
        top, bottom, left, right = self.padding
        return F.pad(x, (left, right, top, bottom)), (0, 0)


def spike_conv2d(
    x: Tensor, weight: Tensor, bias: Optional, geometry: Geometry, density_limit: float
) -> Tensor:
    """Return the convolution of images [N, channels, height, width]."""
    if is_watched(x, weight, bias):
        x, both = geometry.padded(x.to(weight.dtype))
        return F.conv2d(x, weight, bias, geometry.stride, both, geometry.dilation, geometry.groups)
    given = (x, weight, bias, geometry, density_limit)
    if torch.is_grad_enabled():
        return _Conv.apply(*given)
    return _conv(*given)[0]


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Optional, geometry: Geometry, limit: float
    ) -> Tensor:
        y, ctx.sparse = _conv(x, weight, bias, geometry, limit)
        ctx.geometry = geometry
        ctx.save_for_backward(x, weight)
        return y

    @staticmethod
    def backward(ctx: Any, by_y: Tensor) -> tuple[Optional, ...]:
        x, weight = ctx.saved_tensors
        of_x, of_weight, of_bias, *_ = wanted = ctx.needs_input_grad[:3]
        if torch.is_grad_enabled() or is_watched(by_y):
            found = _dense_backward(by_y, x.to(by_y.dtype), weight, ctx.geometry, wanted)
            return *found, None, None
        by_y = by_y.contiguous(memory_format=_LAST)
        by_x = by_weight = sums = None
        if of_x:
            by_x = _conv_input(by_y, weight, x.shape, ctx.geometry)
            if x.is_contiguous():
                # In the format of x: PyTorch's pools copy tensors of their own size otherwise.
                by_x = by_x.contiguous()
        if of_weight:
            by_weight = _conv_weight(by_y, x, weight, ctx.geometry, ctx.sparse)
        if of_bias:
            sums = _column_sums(by_y.permute(0, 2, 3, 1).flatten(0, 2))
        return by_x, by_weight, sums, None, None


def _conv(
    x: Tensor, weight: Tensor, bias: Optional, geometry: Geometry, density_limit: float
) -> tuple[Tensor, bool]:
    """Return the result, and whether it took the sparse path."""
    stride, padding, dilation, groups = geometry
    reach = [d * (n - 1) + 1 for d, n in zip(dilation, weight.shape[2:], strict=True)]
    whole = [n + sum(padding[2 * k : 2 * k + 2]) for k, n in enumerate(x.shape[2:])]
    sizes = [(n - r) // s + 1 for n, r, s in zip(whole, reach, stride, strict=True)]
    sparse = x.numel() > 0 and weight.numel() > 0
    if sparse:
        places = _line(weight.shape[0] // groups)
        for k in (0, 1):
            kernel = dilation[k] * weight.shape[2 + k]
            places *= x.shape[2 + k] + sizes[k] + padding[2 * k] + kernel
        array, last = _input(x)
        active, finite = _core.activity(array, torch.get_num_threads())
        sparse = places < _PLACES and finite and active <= density_limit * x.numel()
    if not sparse:
        x, both = geometry.padded(x.to(weight.dtype))
        x = x.contiguous(memory_format=_LAST)
        y = F.conv2d(x, weight, bias, stride, both, dilation, groups)
        return y.contiguous(memory_format=_LAST), False
    y = empty((x.shape[0], weight.shape[0], *sizes), weight.dtype, _ROWS)
    bias = None if bias is None else bias.contiguous()
    _core.sparse_conv(
        array, _view(weight.contiguous()), _view(bias), _pixels(y), last, groups, stride,
        geometry.corner, dilation, torch.get_num_threads(),
    )  # fmt: skip
    return y, True


def _pixels(x: Tensor) -> Any:
    """Return a view of a channels_last tensor as an array [image, row, column, channel]."""
    return _view(x.permute(0, 2, 3, 1))


def _input(x: Tensor) -> tuple[Any, bool]:
    """Return the input as an array, and whether its channels are last; copied only if it has neither layout."""
    if not x.is_contiguous() and x.is_contiguous(memory_format=_LAST):
        return _pixels(x), True
    return _view(x.contiguous()), False


def _conv_weight(
    by_y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, sparse: bool
) -> Tensor:
    """Return the gradient of the weights."""
    if not sparse:
        masks = (False, True, False)
        _, dense, _ = _dense_backward(by_y, x.to(by_y.dtype), weight, geometry, masks)
        assert dense is not None, "it is wanted"
        return dense.contiguous()
    by_weight = by_y.new_empty(weight.shape)
    array, last = _input(x)
    _core.sparse_conv_weight(
        array, _pixels(by_y), _view(by_weight), last, geometry.groups, geometry.stride,
        geometry.corner, geometry.dilation, torch.get_num_threads(),
    )  # fmt: skip
    return by_weight


def _conv_input(by_y: Tensor, weight: Tensor, size: torch.Size, geometry: Geometry) -> Tensor:
    """Return the gradient of an input of this size: a dense product, since inactive inputs have a gradient too.

    The core computes it with fewer multiplications than the sum that defines it if that is faster, PyTorch otherwise.
    """
    if geometry.groups == 1 and geometry.dilation == (1, 1) and by_y.dtype == torch.float32:
        by_x = empty(size, by_y.dtype, _ROWS)
        arrays = _pixels(by_y), _view(weight.contiguous()), _pixels(by_x)
        if _core.conv_input(*arrays, geometry.stride, geometry.corner, torch.get_num_threads()):
            return by_x
    like = torch.empty(size, dtype=by_y.dtype)  # only its shape matters
    dense, _, _ = _dense_backward(by_y, like, weight, geometry, (True, False, False))
    assert dense is not None, "it is wanted"
    return dense.contiguous(memory_format=_LAST)


def _dense_backward(
    by_y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, masks: Sequence[bool]
) -> tuple[Optional, Optional, Optional]:
    """Return the gradients of x, weight and bias that are wanted, by PyTorch."""
    stride, (top, _, left, _), dilation, groups = geometry
    height, width = x.shape[2:]
    x, both = geometry.padded(x)
    by_x, by_weight, by_bias = torch.ops.aten.convolution_backward(
        by_y, x.contiguous(memory_format=_LAST), weight, [len(weight)], stride, both, dilation,
        False, [0, 0], groups, masks,
    )  # fmt: skip
    if masks[0] and not geometry.is_even:
        by_x = by_x[..., top : top + height, left : left + width]
    return by_x, by_weight, by_bias
