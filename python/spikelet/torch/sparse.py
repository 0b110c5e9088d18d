"""Linear and convolutional layers whose cost grows with the number of active inputs."""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from spikelet._util.checks import fail, integer, number
from spikelet.torch import sparse_ops
from spikelet.torch.conventions import HALVES, RASTERS, single

__all__ = ["SpikeConv2d", "SpikeLinear", "spike_conv2d", "spike_linear"]

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
            return sparse_ops.spike_linear(x, weight, bias, limit).to(kind)
        rows = x.flatten(0, -2) if x.dim() > 1 else x[None]
        y = sparse_ops.spike_linear(rows, weight, bias, limit)
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
    where: str,
    kernel: Sequence[int],
    outputs: int,
    stride: Any,
    padding: Any,
    dilation: Any,
    groups: int,
) -> sparse_ops.Geometry:
    groups = integer(where, "groups", groups, 1)
    if outputs % groups:
        fail(where, "groups", groups, f"must divide the {outputs} output channels of weight")
    stride, dilation = _pair(where, "stride", stride, 1), _pair(where, "dilation", dilation, 1)
    if padding == "same":
        if stride != (1, 1):
            fail(where, "padding", padding, f"needs a stride of 1 instead of {stride}")
        height, width = (d * (n - 1) for d, n in zip(dilation, kernel, strict=True))
        sides = (height // 2, height - height // 2, width // 2, width - width // 2)
    else:
        if isinstance(padding, str) and padding != "valid":
            fail(where, "padding", padding, "must be 'valid', 'same' or numbers")
        height, width = (0, 0) if padding == "valid" else _pair(where, "padding", padding, 0)
        sides = (height, height, width, width)
    return sparse_ops.Geometry(stride, sides, dilation, groups)


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
    geometry = _geometry(where, kernel, outputs, *given)
    if x.dim() < 3 or x.shape[-3] != channels * geometry.groups:
        rule = f"must have shape (..., {channels * geometry.groups}, height, width)"
        fail(where, "x", tuple(x.shape), rule, got="shape")
    for k, axis in ((0, "height"), (1, "width")):
        reach = geometry.dilation[k] * (kernel[k] - 1) + 1
        if x.shape[k - 2] + sum(geometry.padding[2 * k : 2 * k + 2]) < reach:
            rule = f"must have a padded {axis} of at least {reach}, that of the kernel"
            fail(where, "x", tuple(x.shape), rule, got="shape")
    if limit is None:
        limit = CONV_LIMIT * _share(outputs // geometry.groups)
    images = x if x.dim() == 4 else x.flatten(0, -4) if x.dim() > 3 else x[None]
    with torch.autocast("cpu", enabled=False) if torch.is_autocast_enabled("cpu") else _AS_IT_IS:
        y = sparse_ops.spike_conv2d(images, weight, bias, geometry, limit).to(kind)
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
