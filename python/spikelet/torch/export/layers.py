"""Layers without a state in ONNX, by the class of the module: each writes itself for a tensor of known rank."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from torch import nn

from spikelet.conversion.building import refuse
from spikelet.torch.blocks import DropoutOverTime
from spikelet.torch.delay import Delay
from spikelet.torch.export.writer import Writer, array_of
from spikelet.torch.norms import TEBN
from spikelet.torch.pool import MaxPool2d
from spikelet.torch.psn import PSN, MaskedPSN, SlidingPSN
from spikelet.torch.sparse import SpikeConv2d, SpikeLinear

__all__ = ["LAYERS", "merged"]

Layer: TypeAlias = Callable[[Writer, str, Any, str, int], tuple[str, int]]
"""From the writer, where it is for error messages, the module, its input and the rank of that, to output and rank."""


def merged(writer: Writer, x: str, body: Callable[[str], str]) -> str:
    """Apply layers to all steps at once: [T, B, ...] as [T * B, ...]."""
    flat = writer.add("Concat", writer.ints(-1), writer.sizes(x, 2), axis=0)
    y = body(writer.add("Reshape", x, flat))
    back = writer.add("Concat", writer.sizes(x, 0, 2), writer.sizes(y, 1), axis=0)
    return writer.add("Reshape", y, back)


def _linear(writer: Writer, _where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    y = writer.add("MatMul", x, writer.constant(array_of(module.weight).T, "weight"))
    if module.bias is not None:
        y = writer.add("Add", y, writer.constant(array_of(module.bias), "bias"))
    return y, rank


def _convolution(writer: Writer, where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    axes = module.weight.ndim - 2
    if rank != axes + 2:
        refuse(
            where, f"takes a tensor of {rank} dimensions", "put it into OverTime for [T, B, ...]"
        )
    if getattr(module, "padding_mode", "zeros") != "zeros":
        refuse(where, f"has padding_mode={module.padding_mode!r}", "use zeros")
    inputs = [x, writer.constant(array_of(module.weight), "weight")]
    if module.bias is not None:
        inputs.append(writer.constant(array_of(module.bias), "bias"))
    y = writer.add(
        "Conv", *inputs, strides=_each(module.stride, axes), dilations=_each(module.dilation, axes),
        group=module.groups, pads=_padding(module, axes),
    )  # fmt: skip
    return y, rank


def _padding(module: Any, axes: int) -> list[int]:
    """Return the zeros before and after each axis."""
    if module.padding == "valid":
        return [0] * 2 * axes
    if module.padding != "same":
        return _each(module.padding, axes) * 2
    dilation = _each(module.dilation, axes)
    whole = [d * (k - 1) for d, k in zip(dilation, module.weight.shape[2:], strict=True)]
    before = [n // 2 for n in whole]
    return [*before, *(n - b for n, b in zip(whole, before, strict=True))]


def _each(value: Any, axes: int) -> list[int]:
    return [int(value)] * axes if isinstance(value, int) else [int(v) for v in value]


def _sparse_convolution(
    writer: Writer, where: str, module: Any, x: str, rank: int
) -> tuple[str, int]:
    if rank == 5:
        return merged(writer, x, lambda y: _convolution(writer, where, module, y, 4)[0]), rank
    return _convolution(writer, where, module, x, rank)


def _batch_norm(writer: Writer, where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    if module.running_mean is None:
        refuse(where, "has no running statistics", "make it with track_running_stats=True")
    mean, variance = array_of(module.running_mean), array_of(module.running_var)
    scale = 1 / np.sqrt(variance.astype(np.float64) + module.eps)
    scale = scale if module.weight is None else scale * array_of(module.weight)
    shift = (0 if module.bias is None else array_of(module.bias)) - mean * scale
    shape = (-1, *[1] * (rank - 2))
    y = writer.add("Mul", x, writer.constant(np.reshape(scale, shape), "scale"))
    return writer.add("Add", y, writer.constant(np.reshape(shift, shape), "shift")), rank


def _group_norm(writer: Writer, _where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    """Write each group as one channel, whose statistics are its own, and then the factors of the channels."""
    shape = writer.add("Concat", writer.sizes(x, 0, 1), writer.ints(module.num_groups, -1), axis=0)
    unit = [writer.constant(np.full(module.num_groups, value)) for value in (1.0, 0.0)]
    grouped = writer.add("Reshape", x, shape)
    y = writer.add("InstanceNormalization", grouped, *unit, epsilon=module.eps)
    y = writer.add("Reshape", y, writer.add("Shape", x))
    if module.weight is None:
        return y, rank
    each = (-1, *[1] * (rank - 2))
    y = writer.add("Mul", y, writer.constant(array_of(module.weight).reshape(each), "weight"))
    return writer.add("Add", y, writer.constant(array_of(module.bias).reshape(each), "bias")), rank


def _layer_norm(writer: Writer, _where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    size = module.normalized_shape
    weight = np.ones(size) if module.weight is None else array_of(module.weight)
    inputs = [x, writer.constant(weight, "weight")]
    if module.bias is not None:
        inputs.append(writer.constant(array_of(module.bias), "bias"))
    y = writer.add("LayerNormalization", *inputs, axis=-len(size), epsilon=module.eps)
    return y, rank


def _pool(writer: Writer, where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    if getattr(module, "divisor_override", None) is not None:
        refuse(where, f"has divisor_override={module.divisor_override}", "use None")
    axes = rank - 2
    kernel = _each(module.kernel_size, axes)
    stride = kernel if module.stride is None else _each(module.stride, axes)
    options: dict[str, Any] = {
        "kernel_shape": kernel, "strides": stride, "pads": _each(module.padding, axes) * 2, "ceil_mode": int(module.ceil_mode),
    }  # fmt: skip
    if isinstance(module, nn.MaxPool1d | nn.MaxPool2d | nn.MaxPool3d):
        return writer.add("MaxPool", x, dilations=_each(module.dilation, axes), **options), rank
    return writer.add(
        "AveragePool", x, count_include_pad=int(module.count_include_pad), **options
    ), rank


def _pool_over_time(writer: Writer, where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    if rank == 5:
        return merged(writer, x, lambda y: _pool(writer, where, module, y, 4)[0]), rank
    return _pool(writer, where, module, x, rank)


def _adaptive_pool(writer: Writer, where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    size = module.output_size
    if any(n != 1 for n in ([size] if size is None or isinstance(size, int) else size)):
        refuse(
            where,
            f"has output_size={module.output_size}",
            "use output_size=1, or a pool of fixed windows",
        )
    return writer.add("GlobalAveragePool", x), rank


def _flatten(writer: Writer, where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    first, last = module.start_dim % rank, module.end_dim % rank
    if first == 0 or last != rank - 1:
        refuse(where, f"is {module}", "flatten whole samples: nn.Flatten(2) of [T, B, ...]")
    shape = writer.add("Concat", writer.sizes(x, 0, first), writer.ints(-1), axis=0)
    return writer.add("Reshape", x, shape), first + 1


def _same(_writer: Writer, _where: str, _module: Any, x: str, rank: int) -> tuple[str, int]:
    return x, rank


def _delay(writer: Writer, _where: str, module: Delay, x: str, rank: int) -> tuple[str, int]:
    """Write a convolution over time, whose kernel has a weight at the delay of each synapse."""
    delay = array_of(module.rounded())
    weight, longest = array_of(module.weight), int(delay.max(initial=0))
    kernel = np.zeros((*weight.shape, longest + 1), weight.dtype)
    out, from_ = np.indices(weight.shape)
    kernel[out, from_, longest - delay] = weight  # the last tap has no delay
    inputs = [writer.add("Transpose", x, perm=[1, 2, 0]), writer.constant(kernel, "delayed")]
    if module.bias is not None:
        inputs.append(writer.constant(array_of(module.bias), "bias"))
    y = writer.add("Conv", *inputs, pads=[longest, 0])
    return writer.add("Transpose", y, perm=[2, 0, 1]), rank


def _tebn(writer: Writer, where: str, module: TEBN, x: str, rank: int) -> tuple[str, int]:
    norm = module.norm.layer
    y = merged(writer, x, lambda z: _batch_norm(writer, where, norm, z, rank - 1)[0])
    scale = array_of(module.scale).reshape(-1, *[1] * (rank - 1))
    return writer.add("Mul", y, writer.constant(scale, "scale")), rank


def _parallel(writer: Writer, _where: str, module: PSN, x: str, rank: int) -> tuple[str, int]:
    """Write neurons whose steps are one product."""
    flat = writer.add("Reshape", x, writer.ints(module.steps, -1))
    h = writer.add("MatMul", writer.constant(array_of(module.matrix()), "weight"), flat)
    h = writer.add("Add", h, writer.constant(array_of(module.bias).reshape(-1, 1), "bias"))
    return _at_least_0(writer, h, x), rank


def _sliding(writer: Writer, _where: str, module: SlidingPSN, x: str, rank: int) -> tuple[str, int]:
    """Write neurons that convolve their input over time."""
    shape = writer.add("Concat", writer.sizes(x, 0, 1), writer.ints(1, -1), axis=0)
    series = writer.add("Transpose", writer.add("Reshape", x, shape), perm=[2, 1, 0])
    kernel = array_of(module.weight)[::-1].reshape(1, 1, -1)
    bias = array_of(module.bias).reshape(1)
    inputs = [series, writer.constant(kernel, "weight"), writer.constant(bias, "bias")]
    h = writer.add("Conv", *inputs, pads=[module.order - 1, 0])
    return _at_least_0(writer, writer.add("Transpose", h, perm=[2, 1, 0]), x), rank


def _at_least_0(writer: Writer, h: str, x: str) -> str:
    """Return the name of 1 where h has reached 0, in the shape of x."""
    crossed = writer.add("GreaterOrEqual", h, writer.constant(0.0, "zero"))
    return writer.add(
        "Reshape", writer.add("Cast", crossed, to=writer.element), writer.add("Shape", x)
    )


def _function(operator: str, **attributes: Any) -> Layer:
    def write(writer: Writer, _where: str, _module: Any, x: str, rank: int) -> tuple[str, int]:
        return writer.add(operator, x, **attributes), rank

    return write


def _softmax(writer: Writer, where: str, module: Any, x: str, rank: int) -> tuple[str, int]:
    if module.dim is None:
        refuse(where, "has no dim", "give it one")
    operator = "LogSoftmax" if isinstance(module, nn.LogSoftmax) else "Softmax"
    return writer.add(operator, x, axis=module.dim % rank), rank


LAYERS: dict[type[nn.Module], Layer] = {
    nn.Linear: _linear,
    SpikeLinear: _linear,
    **dict.fromkeys((nn.Conv1d, nn.Conv2d, nn.Conv3d), _convolution),
    SpikeConv2d: _sparse_convolution,
    **dict.fromkeys((nn.BatchNorm1d, nn.BatchNorm2d, nn.BatchNorm3d, nn.SyncBatchNorm), _batch_norm),
    **dict.fromkeys(
        (nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d), _pool
    ),
    MaxPool2d: _pool_over_time,
    **dict.fromkeys((nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d), _adaptive_pool),
    **dict.fromkeys(
        (nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d, nn.AlphaDropout, DropoutOverTime), _same
    ),
    nn.GroupNorm: _group_norm,
    nn.LayerNorm: _layer_norm,
    nn.Flatten: _flatten,
    Delay: _delay,
    TEBN: _tebn,
    **dict.fromkeys((PSN, MaskedPSN), _parallel),
    SlidingPSN: _sliding,
    nn.ReLU: _function("Relu"),
    nn.Sigmoid: _function("Sigmoid"),
    nn.Tanh: _function("Tanh"),
    **dict.fromkeys((nn.Softmax, nn.LogSoftmax), _softmax),
}  # fmt: skip
