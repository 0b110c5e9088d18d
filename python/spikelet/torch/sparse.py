"""Linear and convolutional layers whose cost grows with the number of active inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet import _core
from spikelet._util.checks import fail, integer, number
from spikelet.torch.conventions import HALVES, RASTERS, single
from spikelet.torch.memory import empty
from spikelet.torch.watched import is_watched

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


def linear(x: Tensor, weight: Tensor, bias: Optional, density_limit: float) -> Tensor:
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
    padding: tuple[int, int]  # above and below, on the left and the right
    dilation: tuple[int, int]
    groups: int


def conv2d(
    x: Tensor, weight: Tensor, bias: Optional, geometry: Geometry, density_limit: float
) -> Tensor:
    """Return the convolution of images [N, channels, height, width]."""
    if is_watched(x, weight, bias):
        return F.conv2d(x.to(weight.dtype), weight, bias, *geometry)
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
    parts = zip(x.shape[2:], padding, reach, stride, strict=True)
    sizes = [(n + 2 * p - r) // s + 1 for n, p, r, s in parts]
    sparse = x.numel() > 0 and weight.numel() > 0
    if sparse:
        places = _line(weight.shape[0] // groups)
        for k in (0, 1):
            kernel = dilation[k] * weight.shape[2 + k]
            places *= x.shape[2 + k] + sizes[k] + padding[k] + kernel
        array, last = _input(x)
        active, finite = _core.activity(array, torch.get_num_threads())
        sparse = places < _PLACES and finite and active <= density_limit * x.numel()
    if not sparse:
        x = x.to(weight.dtype).contiguous(memory_format=_LAST)
        y = F.conv2d(x, weight, bias, *geometry)
        return y.contiguous(memory_format=_LAST), False
    y = empty((x.shape[0], weight.shape[0], *sizes), weight.dtype, _ROWS)
    bias = None if bias is None else bias.contiguous()
    _core.sparse_conv(
        array, _view(weight.contiguous()), _view(bias), _pixels(y), last, groups, stride,
        padding, dilation, torch.get_num_threads(),
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
        geometry.padding, geometry.dilation, torch.get_num_threads(),
    )  # fmt: skip
    return by_weight


def _conv_input(by_y: Tensor, weight: Tensor, size: torch.Size, geometry: Geometry) -> Tensor:
    """Return the gradient of an input of this size: a dense product, since inactive inputs have a gradient too.

    The core computes it with fewer multiplications than the sum that defines it if that is faster, PyTorch otherwise.
    """
    if geometry.groups == 1 and geometry.dilation == (1, 1) and by_y.dtype == torch.float32:
        by_x = empty(size, by_y.dtype, _ROWS)
        arrays = _pixels(by_y), _view(weight.contiguous()), _pixels(by_x)
        if _core.conv_input(*arrays, geometry.stride, geometry.padding, torch.get_num_threads()):
            return by_x
    like = torch.empty(size, dtype=by_y.dtype)  # only its shape matters
    dense, _, _ = _dense_backward(by_y, like, weight, geometry, (True, False, False))
    assert dense is not None, "it is wanted"
    return dense.contiguous(memory_format=_LAST)


def _dense_backward(
    by_y: Tensor, x: Tensor, weight: Tensor, geometry: Geometry, masks: Sequence[bool]
) -> tuple[Optional, Optional, Optional]:
    """Return the gradients of x, weight and bias that are wanted, by PyTorch."""
    stride, padding, dilation, groups = geometry
    found: tuple[Optional, Optional, Optional] = torch.ops.aten.convolution_backward(
        by_y, x.contiguous(memory_format=_LAST), weight, [len(weight)], stride, padding, dilation,
        False, [0, 0], groups, masks,
    )  # fmt: skip
    return found


# Fraction of active inputs above which PyTorch is faster, measured with forward passes and weight gradients on one
# thread of an AVX-512 machine (Zen 4) with PyTorch 2.13.
LINEAR_LIMIT = 0.35
CONV_LIMIT = 0.35
_REALS = (torch.float32, torch.float64, *HALVES)
# Number of products of weights and inputs below which spike lists cost more than they save.
LEAST_WORK = 1 << 21
_AS_IT_IS = contextlib.nullcontext()


def _limit(where: str, value: float | None) -> float | None:
    """Check a density limit."""
    if value is None:
        return None
    limit = float(number(where, "density_limit", value))
    if not 0 <= limit <= 1:
        fail(where, "density_limit", limit, "must lie in 0 .. 1")
    return limit


def _tensors(
    where: str, x: Any, weight: Any, bias: Any, dimensions: int
) -> tuple[Tensor, Tensor, Tensor | None, torch.dtype]:
    """Return the tensors in the type of the computation, checked, and the type of the result."""
    given = [("x", x), ("weight", weight)] + ([] if bias is None else [("bias", bias)])
    for name, value in given:
        kinds = "float32, float64, bfloat16 or float16" + (", uint8 or bool" if name == "x" else "")
        if not isinstance(value, Tensor):
            raise TypeError(f"{where}: {name} must be a torch.Tensor, got {type(value).__name__}")
        if value.dtype not in (*_REALS, *(RASTERS if name == "x" else ())):
            raise TypeError(f"{where}: {name} must be {kinds}, got {value.dtype}")
        if value.device.type != "cpu":
            rule = "must be on the CPU; torch.nn's layer has the same parameters, on any device"
            fail(where, name, str(value.device), rule, got="device")
        if value.layout != torch.strided:
            fail(where, name, str(value.layout), "must be a strided (dense) tensor", got="layout")
    if weight.dim() != dimensions:
        rule = f"must have {dimensions} dimensions"
        fail(where, "weight", tuple(weight.shape), rule, got="shape")
    if bias is not None and bias.shape != weight.shape[:1]:
        rule = f"must have shape ({weight.shape[0]},)"
        fail(where, "bias", tuple(bias.shape), rule, got="shape")
    raster = x.dtype in RASTERS
    result = weight.dtype if raster else x.dtype
    mixed = torch.is_autocast_enabled("cpu")
    if mixed or any(value.dtype in HALVES for _, value in given):
        if mixed and result != torch.float64:
            result = torch.get_autocast_dtype("cpu")
        x, weight = single(x), single(weight)
        bias = None if bias is None else single(bias)
    kind, owner = (weight.dtype, "weight") if raster else (x.dtype, "x")
    for name, value in (("weight", weight), ("bias", bias)):
        if value is not None and value.dtype != kind:
            rule = f"must have the type of {owner}, {kind}"
            raise TypeError(f"{where}: {name} {rule}, got {value.dtype}")
    return x.view(torch.uint8) if x.dtype == torch.bool else x, weight, bias, result


def _share(outputs: int) -> float:
    """Return the fraction of useful outputs in the blocks of 16 that are computed at once."""
    return outputs / (-(-outputs // 16) * 16) if outputs else 0.0


def spike_linear(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    *,
    density_limit: float | None = None,
) -> Tensor:
    """Apply a linear layer to sparse inputs, like `torch.nn.functional.linear`.

    The forward pass and the weight gradient cost work for active inputs only; the input gradient, which inactive
    inputs have too, is PyTorch's matrix product. Results are bit-identical for any number of threads and any SIMD
    level; `torch.get_num_threads()` threads are used.

    Parameters
    ----------
    x : Tensor of shape (..., in_features)
        Spikes, or any other values; float32 or float64, on the CPU. bfloat16 and float16, and all types under autocast, are
        computed in float32. uint8 and bool, as encoders return spikes, are read as they are: no copy in another type is
        made for the sparse path or kept for the backward pass.
    weight : Tensor of shape (out_features, in_features)
        Weights, of the type of `x` unless one of them is bfloat16 or float16.
    bias : Tensor of shape (out_features,), optional
        Added to each output.
    density_limit : float, optional
        Fraction of active inputs, in 0 .. 1, above which PyTorch's dense product is used, with the same results within
        rounding; by default wherever that is faster, including small layers. Input with infinity or NaN always takes the
        dense path.

    Returns
    -------
    Tensor of shape (..., out_features)
        The outputs, of the type of `x` (of `weight` for uint8 and bool), under autocast of its type as those of `torch.nn.Linear`; differentiable twice.

    Raises
    ------
    TypeError
        If an argument is not a tensor of floating-point numbers (`x`: or of uint8 or bool), or types differ.
    ValueError
        If shapes do not fit, a tensor is not on the CPU, or `density_limit` is outside 0 .. 1.
    """
    return _spike_linear("spike_linear", x, weight, bias, _limit("spike_linear", density_limit))


def _spike_linear(
    where: str, x: Tensor, weight: Tensor, bias: Tensor | None, limit: float | None
) -> Tensor:
    x, weight, bias, kind = _tensors(where, x, weight, bias, 2)
    outputs, inputs = weight.shape
    if x.dim() < 1 or x.shape[-1] != inputs:
        fail(where, "x", tuple(x.shape), f"must have shape (..., {inputs})", got="shape")
    with torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else _AS_IT_IS:
        if limit is None and x.numel() * outputs < LEAST_WORK:
            return F.linear(x.to(weight.dtype), weight, bias).to(kind)
        if limit is None:
            limit = LINEAR_LIMIT * _share(outputs)
        if x.dim() == 2:
            return linear(x, weight, bias, limit).to(kind)
        rows = x.flatten(0, -2) if x.dim() > 1 else x[None]
        y = linear(rows, weight, bias, limit)
        return y.view(*x.shape[:-1], outputs).to(kind)


def _pair(where: str, name: str, value: Any, low: int) -> tuple[int, int]:
    """Return one number for the height and one for the width."""
    values = (value, value) if not isinstance(value, Sequence) else tuple(value)
    if isinstance(value, Sequence) and len(values) == 1:
        values *= 2
    if len(values) != 2:
        fail(where, name, value, "must be a number, or one for height and one for width")
    height, width = (integer(where, name, n, low, 2**31 - 1) for n in values)
    return height, width


def _geometry(
    where: str, kernel: Sequence[int], outputs: int, given: tuple[Any, Any, Any, Any]
) -> tuple[Geometry, list[int]]:
    """Return the geometry, and the zeros to add on the left, right, top and bottom before."""
    stride, padding, dilation, groups = given
    groups = integer(where, "groups", groups, 1)
    if outputs % groups:
        fail(where, "groups", groups, f"must divide the {outputs} output channels of weight")
    stride, dilation = _pair(where, "stride", stride, 1), _pair(where, "dilation", dilation, 1)
    sides = [0, 0, 0, 0]
    if padding == "same":
        if stride != (1, 1):
            fail(where, "padding", padding, f"needs a stride of 1 instead of {stride}")
        totals = [d * (n - 1) for d, n in zip(dilation, kernel, strict=True)]
        padding = tuple(n // 2 for n in totals)
        if any(n % 2 for n in totals):
            sides = [side for n in reversed(totals) for side in (n // 2, n - n // 2)]
            padding = 0, 0
    elif isinstance(padding, str) and padding != "valid":
        fail(where, "padding", padding, "must be 'valid', 'same' or numbers")
    else:
        padding = (0, 0) if padding == "valid" else _pair(where, "padding", padding, 0)
    return Geometry(stride, padding, dilation, groups), sides


def spike_conv2d(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    stride: int | Sequence[int] = 1,
    padding: str | int | Sequence[int] = 0,
    dilation: int | Sequence[int] = 1,
    groups: int = 1,
    *,
    density_limit: float | None = None,
) -> Tensor:
    """Convolve sparse inputs, like `torch.nn.functional.conv2d`.

    Cost, gradients and reproducibility are those of `spike_linear`.

    Parameters
    ----------
    x : Tensor of shape (..., in_channels, height, width)
        Spikes, or any other values, of the types that `spike_linear` takes, on the CPU. Leading dimensions, such as steps and samples, are
        folded. Contiguous and channels_last tensors are read in place.
    weight : Tensor of shape (out_channels, in_channels / groups, kernel_height, kernel_width)
        Weights, of the type of `x`.
    bias : Tensor of shape (out_channels,), optional
        Added to each output.
    stride, dilation : int or pair of int
        Distance between outputs, and between taps of the kernel.
    padding : int, pair of int, "valid" or "same"
        Padding with zeros on each side.
    groups : int
        Number of groups of channels.
    density_limit : float, optional
        Fraction of active inputs, in 0 .. 1, above which PyTorch's dense convolution is used, with the same results
        within rounding; by default wherever that is faster. Input with infinity or NaN always takes the dense path.

    Returns
    -------
    Tensor of shape (..., out_channels, out_height, out_width)
        The outputs in channels_last memory format, differentiable twice.

    Raises
    ------
    TypeError
        If an argument is not a tensor of floating-point numbers (`x`: or of uint8 or bool), types differ, or a number is
        not an integer.
    ValueError
        If shapes do not fit, a tensor is not on the CPU, or a number is out of its range.
    """
    given = (stride, padding, dilation, groups)
    limit = _limit("spike_conv2d", density_limit)
    return _spike_conv2d("spike_conv2d", x, weight, bias, given, limit)


def _spike_conv2d(
    where: str,
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    given: tuple[Any, Any, Any, Any],
    limit: float | None,
) -> Tensor:
    x, weight, bias, kind = _tensors(where, x, weight, bias, 4)
    outputs, channels, *kernel = weight.shape
    if min(kernel) < 1:
        rule = "must have a kernel of at least 1 x 1"
        fail(where, "weight", tuple(weight.shape), rule, got="shape")
    geometry, sides = _geometry(where, kernel, outputs, given)
    if x.dim() < 3 or x.shape[-3] != channels * geometry.groups:
        rule = f"must have shape (..., {channels * geometry.groups}, height, width)"
        fail(where, "x", tuple(x.shape), rule, got="shape")
    images = x if x.dim() == 4 else x.flatten(0, -4) if x.dim() > 3 else x[None]
    images = F.pad(images, sides) if any(sides) else images
    for k, axis in ((0, "height"), (1, "width")):
        reach = geometry.dilation[k] * (kernel[k] - 1) + 1
        if images.shape[k - 2] + 2 * geometry.padding[k] < reach:
            rule = f"must have a padded {axis} of at least {reach}, that of the kernel"
            fail(where, "x", tuple(x.shape), rule, got="shape")
    if limit is None:
        limit = CONV_LIMIT * _share(outputs // geometry.groups)
    with torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else _AS_IT_IS:
        y = conv2d(images, weight, bias, geometry, limit).to(kind)
    return y if x.dim() == 4 else y.unflatten(0, x.shape[:-3]) if x.dim() > 3 else y[0]


class SpikeLinear(nn.Linear):
    """`torch.nn.Linear` for spikes: it has the same parameters and state, but computes active inputs only.

    Parameters
    ----------
    in_features, out_features : int
        Sizes of the last axis of the input and the output.
    bias : bool
        Whether the layer has a bias.
    device, dtype
        Device (the CPU) and type (float32 or float64) of the parameters.
    density_limit : float, optional
        See `spike_linear`.

    See Also
    --------
    spike_linear : Computation and errors.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        bias: bool = True,
        device: Any = None,
        dtype: Any = None,
        *,
        density_limit: float | None = None,
    ) -> None:
        self.density_limit = _limit("SpikeLinear", density_limit)
        super().__init__(in_features, out_features, bias, device, dtype)

    def forward(self, input: Tensor) -> Tensor:  # noqa: A002  PyTorch's name
        """Return the outputs (..., out_features) of inputs (..., in_features)."""
        return _spike_linear("SpikeLinear", input, self.weight, self.bias, self.density_limit)


class SpikeConv2d(nn.Conv2d):
    """`torch.nn.Conv2d` for spikes: it has the same parameters and state, but computes active inputs only.

    Inputs may have any leading dimensions, e.g. (steps, samples, channels, height, width); outputs are in channels_last
    memory format.

    Parameters
    ----------
    *args, **kwargs
        Arguments of `torch.nn.Conv2d`.
    density_limit : float, optional
        See `spike_conv2d`.

    See Also
    --------
    spike_conv2d : Computation and errors.
    """

    def __init__(self, *args: Any, density_limit: float | None = None, **kwargs: Any) -> None:
        self.density_limit = _limit("SpikeConv2d", density_limit)
        super().__init__(*args, **kwargs)

    def _conv_forward(self, input: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:  # noqa: A002
        x, padding = input, self.padding
        if self.padding_mode != "zeros":
            x = x.to(weight.dtype) if isinstance(x, Tensor) and x.dtype in RASTERS else x
            folded = x.flatten(0, -4) if x.dim() > 4 else x
            folded = F.pad(folded, self._reversed_padding_repeated_twice, mode=self.padding_mode)
            x = folded.unflatten(0, x.shape[:-3]) if x.dim() > 4 else folded
            padding = 0
        given = (self.stride, padding, self.dilation, self.groups)
        return _spike_conv2d("SpikeConv2d", x, weight, bias, given, self.density_limit)
