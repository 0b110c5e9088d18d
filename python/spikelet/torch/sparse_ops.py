"""The operators behind `SpikeLinear` and `SpikeConv2d`, as `torch.compile` and `torch.export` see them.

Each takes the sparse or the dense path; the choice depends only on the input, and the backward pass takes the same path.
The input has the type of the weights, or is uint8: the core reads bytes, and PyTorch's dense products a temporary copy.

`spike_linear` and `spike_conv2d` are the operators or, where only autograd observes the call, functions with the same
results: PyTorch's dispatch through Python takes up to 0.1 ms for each call.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F

from spikelet import _core
from spikelet.torch.memory import empty
from spikelet.torch.ops import has_tangent, is_watched
from spikelet.torch.transforms import has_modes, is_transformed, of_batches

__all__ = ["dense_conv", "spike_conv2d", "spike_conv2d_op", "spike_linear", "spike_linear_op"]

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


def _flag(*, value: bool) -> Tensor:
    return torch.tensor(value)


def _view(tensor: Tensor | None) -> Any:
    """Return a view of a tensor as a numpy array."""
    return None if tensor is None else tensor.detach().resolve_neg().numpy()


def _called(ctx: Any, *pairs: tuple[Any, Any]) -> list[Any]:
    """Return of each function and its operator the one to call: the operator can be differentiated, traced and compiled."""
    direct = getattr(ctx, "is_direct", False) and not torch.is_grad_enabled()
    return [function if direct else op for function, op in pairs]


# ---- linear ----


def _linear(
    x: Tensor, weight: Tensor, bias: Tensor | None, density_limit: float
) -> tuple[Tensor, Tensor]:
    x, weight = x.contiguous(), weight.contiguous()
    shape = (x.shape[0], weight.shape[0])
    places = weight.shape[1] * _line(weight.shape[0])
    sparse = x.numel() > 0 and min(shape) > 0 and places < _PLACES and _is_sparse(x, density_limit)
    if not sparse:
        return F.linear(x.to(weight.dtype), weight, bias), _flag(value=False)
    bias = None if bias is None else bias.contiguous()
    y = empty(shape, weight.dtype)
    _core.sparse_linear(_view(x), _view(weight), _view(bias), _view(y), torch.get_num_threads())
    return y, _flag(value=True)


def _linear_fake(x: Tensor, weight: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return weight.new_empty(x.shape[0], weight.shape[0]), x.new_empty((), dtype=torch.bool)


def _linear_weight(x: Tensor, grad_y: Tensor, sparse: Tensor) -> Tensor:
    if not sparse:
        return grad_y.t().mm(x.to(grad_y.dtype))
    x, grad_y = x.contiguous(), grad_y.contiguous()
    grad = grad_y.new_empty(grad_y.shape[1], x.shape[1])
    _core.sparse_linear_weight(_view(x), _view(grad_y), _view(grad), torch.get_num_threads())
    return grad


def _linear_weight_fake(x: Tensor, grad_y: Tensor, *_: Any) -> Tensor:
    return grad_y.new_empty(grad_y.shape[1], x.shape[1])


def _linear_weight_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    del output
    ctx.save_for_backward(*inputs[:2])


def _linear_weight_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, grad_y = ctx.saved_tensors
    for_x, for_y, _ = ctx.needs_input_grad
    x = x.to(grad.dtype)
    return grad_y.mm(grad) if for_x else None, x.mm(grad.t()) if for_y else None, None


def _column_sums_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    del output
    ctx.rows = len(inputs[0])


def _column_sums_backward(ctx: Any, grad: Tensor) -> Tensor:
    return grad.expand(ctx.rows, -1)


def _column_sums(x: Tensor) -> Tensor:
    sums = x.new_zeros(x.shape[1])
    if x.numel() > 0:
        _core.column_sums(_view(x.contiguous()), _view(sums), torch.get_num_threads())
    return sums


def _column_sums_fake(x: Tensor) -> Tensor:
    return x.new_empty(x.shape[1])


def _linear_save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, _, _ = inputs
    ctx.save_for_backward(x, weight, output[1])


@of_batches
def _linear_backward(ctx: Any, grad_y: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    x, weight, sparse = ctx.saved_tensors
    for_x, for_weight, for_bias, _ = ctx.needs_input_grad
    if is_transformed():
        return (
            grad_y.mm(weight) if for_x else None,
            grad_y.t().mm(x.to(grad_y.dtype)) if for_weight else None,
            grad_y.sum(0) if for_bias else None,
            None,
        )
    by_weight, sums = _called(
        ctx, (_linear_weight, _linear_weight_op), (_column_sums, _column_sums_op)
    )
    return (
        grad_y.mm(weight) if for_x else None,
        by_weight(x, grad_y, sparse) if for_weight else None,
        sums(grad_y) if for_bias else None,
        None,
    )


# ---- convolution: padding is (top, bottom, left, right) ----


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


def dense_conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    """Return what the operator does, by PyTorch alone, for the transforms of `torch.func`."""
    x, _ = _margin(x.to(weight.dtype), padding)
    return F.conv2d(x, weight, bias, stride, 0, dilation, groups)


def _conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
    density_limit: float,
) -> tuple[Tensor, Tensor]:
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
        return y.contiguous(memory_format=_LAST), _flag(value=False)
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
    return y, _flag(value=True)


def _conv_fake(
    x: Tensor, weight: Tensor, _: Tensor | None, *geometry: Any
) -> tuple[Tensor, Tensor]:
    shape = _out_shape(x, weight, *geometry[:3])
    y = torch.empty(shape, dtype=weight.dtype, device=x.device, memory_format=_LAST)
    return y, x.new_empty((), dtype=torch.bool)


def _conv_weight(
    x: Tensor,
    grad_y: Tensor,
    sparse: Tensor,
    size: Sequence[int],
    stride: Sequence[int],
    padding: Sequence[int],
    dilation: Sequence[int],
    groups: int,
) -> Tensor:
    if not sparse:
        x, both = _padded(x.to(grad_y.dtype), padding)
        grad = torch.nn.grad.conv2d_weight(x, list(size), grad_y, stride, both, dilation, groups)
        return grad.contiguous()
    grad = grad_y.new_empty(*size)
    array, last = _input(x)
    _core.sparse_conv_weight(
        array,
        _pixels(grad_y.contiguous(memory_format=_LAST)),
        _view(grad),
        last,
        groups,
        (stride[0], stride[1]),
        (padding[0], padding[2]),
        (dilation[0], dilation[1]),
        torch.get_num_threads(),
    )
    return grad


def _conv_weight_fake(
    x: Tensor, grad_y: Tensor, sparse: Tensor, size: Sequence[int], *_: Any
) -> Tensor:
    del x, sparse
    return grad_y.new_empty(*size)


def _conv_weight_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    del output
    x, grad_y, _, _, *ctx.geometry = inputs
    ctx.save_for_backward(x, grad_y)


def _conv_weight_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    x, grad_y = ctx.saved_tensors
    stride, padding, dilation, groups = ctx.geometry
    for_x, for_y, *_ = ctx.needs_input_grad
    padded, both = _padded(x.to(grad.dtype), padding)
    return (
        _conv_input_op(grad_y, grad, x.shape, *ctx.geometry) if for_x else None,
        F.conv2d(padded, grad, None, stride, both, dilation, groups) if for_y else None,
        *[None] * 6,
    )


def _conv_save(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, Tensor]) -> None:
    x, weight, _, *ctx.geometry, _ = inputs
    ctx.save_for_backward(x, weight, output[1])


def _conv_input(
    grad_y: Tensor,
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
    grad_y = grad_y.contiguous(memory_format=_LAST)
    if groups == 1 and tuple(dilation) == (1, 1) and grad_y.dtype == torch.float32:
        grad = empty(size, grad_y.dtype, _ROWS)
        if _core.conv_input(
            _pixels(grad_y),
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
    like = torch.empty((n, channels, height, width), dtype=grad_y.dtype, memory_format=_LAST)
    masks = (True, False, False)
    grad, _, _ = torch.ops.aten.convolution_backward(
        grad_y, like, weight, None, stride, both, dilation, False, [0, 0], groups, masks
    )
    inner = grad if even else grad[:, :, top : height - bottom, left : width - right]
    return inner.contiguous(memory_format=_LAST)


def _conv_input_fake(grad_y: Tensor, weight: Tensor, size: Sequence[int], *_: Any) -> Tensor:
    del weight
    return torch.empty(size, dtype=grad_y.dtype, device=grad_y.device, memory_format=_LAST)


def _conv_input_save(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    del output
    grad_y, weight, _, *ctx.geometry = inputs
    ctx.save_for_backward(grad_y, weight)


def _conv_input_backward(ctx: Any, grad: Tensor) -> tuple[Tensor | None, ...]:
    grad_y, weight = ctx.saved_tensors
    stride, padding, dilation, groups = ctx.geometry
    for_y, for_weight, *_ = ctx.needs_input_grad
    padded, both = _padded(grad, padding)
    weights = torch.nn.grad.conv2d_weight
    return (
        F.conv2d(padded, weight, None, stride, both, dilation, groups) if for_y else None,
        weights(padded, list(weight.shape), grad_y, stride, both, dilation, groups)
        if for_weight
        else None,
        *[None] * 5,
    )


@of_batches
def _conv_backward(ctx: Any, grad_y: Tensor, _: Any) -> tuple[Tensor | None, ...]:
    x, weight, sparse = ctx.saved_tensors
    for_x, for_weight, for_bias, *_ = ctx.needs_input_grad
    if is_transformed():
        stride, padding, dilation, groups = ctx.geometry
        x, inner = _margin(x.to(grad_y.dtype), padding)
        masks = (bool(for_x), bool(for_weight), bool(for_bias))
        by_x, by_weight, by_bias = torch.ops.aten.convolution_backward(
            grad_y, x, weight, [len(weight)], stride, [0, 0], dilation, False, [0, 0], groups, masks
        )
        return by_x[inner] if for_x else None, by_weight, by_bias, *[None] * 5
    grad_y = grad_y.contiguous(memory_format=_LAST)
    rows = grad_y.permute(0, 2, 3, 1).flatten(0, 2)
    by_input, by_weight, sums = _called(
        ctx,
        (_conv_input, _conv_input_op),
        (_conv_weight, _conv_weight_op),
        (_column_sums, _column_sums_op),
    )
    by_x = by_input(grad_y, weight, x.shape, *ctx.geometry) if for_x else None
    if by_x is not None and x.is_contiguous():
        # In the format of x: PyTorch's pools copy tensors of their own size otherwise.
        by_x = by_x.contiguous()
    return (
        by_x,
        by_weight(x, grad_y, sparse, weight.shape, *ctx.geometry) if for_weight else None,
        sums(rows) if for_bias else None,
        *[None] * 5,
    )


# ---- registration ----


def _operator(name: str, schema: str, compute: Any, fake: Any) -> Any:
    # The schema is explicit because PyTorch 2.4 cannot read postponed annotations.
    op = torch.library.custom_op(f"spikelet::{name}", compute, mutates_args=(), schema=schema)
    op.register_fake(fake)
    return op


_GEOMETRY = "int[] stride, int[] padding, int[] dilation, int groups"
spike_linear_op = _operator(
    "spike_linear",
    "(Tensor x, Tensor weight, Tensor? bias, float density_limit) -> (Tensor, Tensor)",
    _linear,
    _linear_fake,
)
spike_linear_op.register_autograd(_linear_backward, setup_context=_linear_save)
spike_conv2d_op = _operator(
    "spike_conv2d",
    f"(Tensor x, Tensor weight, Tensor? bias, {_GEOMETRY}, float density_limit) -> (Tensor, Tensor)",
    _conv,
    _conv_fake,
)
spike_conv2d_op.register_autograd(_conv_backward, setup_context=_conv_save)
_linear_weight_op = _operator(
    "spike_linear_weight",
    "(Tensor x, Tensor grad_y, Tensor sparse) -> Tensor",
    _linear_weight,
    _linear_weight_fake,
)
_conv_weight_op = _operator(
    "spike_conv2d_weight",
    f"(Tensor x, Tensor grad_y, Tensor sparse, SymInt[] size, {_GEOMETRY}) -> Tensor",
    _conv_weight,
    _conv_weight_fake,
)
_conv_input_op = _operator(
    "spike_conv2d_input",
    f"(Tensor grad_y, Tensor weight, SymInt[] size, {_GEOMETRY}) -> Tensor",
    _conv_input,
    _conv_input_fake,
)
_column_sums_op = _operator("column_sums", "(Tensor x) -> Tensor", _column_sums, _column_sums_fake)
_linear_weight_op.register_autograd(_linear_weight_backward, setup_context=_linear_weight_save)
_conv_weight_op.register_autograd(_conv_weight_backward, setup_context=_conv_weight_save)
_conv_input_op.register_autograd(_conv_input_backward, setup_context=_conv_input_save)
_column_sums_op.register_autograd(_column_sums_backward, setup_context=_column_sums_save)


# ---- without the dispatch of operators ----


class _Linear(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        y, sparse = _linear(*given)
        _linear_save(ctx, given, (y, sparse))
        ctx.is_direct = True
        return y

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        return _linear_backward(ctx, grad_y, None)  # type: ignore[no-any-return]  # autograd has no types


class _Conv(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *given: Any) -> Tensor:
        y, sparse = _conv(*given)
        _conv_save(ctx, given, (y, sparse))
        ctx.is_direct = True
        return y

    @staticmethod
    def backward(ctx: Any, grad_y: Tensor) -> tuple[Tensor | None, ...]:
        return _conv_backward(ctx, grad_y, None)  # type: ignore[no-any-return]  # autograd has no types


def _is_op_needed(*tensors: Tensor | None) -> bool:
    return is_watched(tensors) or has_modes() or has_tangent(tensors)


def spike_linear(x: Tensor, weight: Tensor, bias: Tensor | None, density_limit: float) -> Tensor:
    """Return x [N, inputs] times the weights [outputs, inputs]."""
    if _is_op_needed(x, weight, bias):
        return spike_linear_op(x, weight, bias, density_limit)[0]
    if torch.is_grad_enabled():
        return _Linear.apply(x, weight, bias, density_limit)
    return _linear(x, weight, bias, density_limit)[0]


def spike_conv2d(x: Tensor, weight: Tensor, bias: Tensor | None, *given: Any) -> Tensor:
    """Return the convolution of images [N, channels, height, width]; `given` are the geometry and the density limit."""
    if _is_op_needed(x, weight, bias):
        return spike_conv2d_op(x, weight, bias, *given)[0]
    if torch.is_grad_enabled():
        return _Conv.apply(x, weight, bias, *given)
    return _conv(x, weight, bias, *given)[0]
