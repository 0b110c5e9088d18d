"""PyTorch's operators with weights: convolutions, linear layers, normalisation and attention."""

# ruff: noqa: ARG001  # arguments are PyTorch's, some of which change nothing in inference

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import (
    arithmetic,
    attention,
    convolution,
    movement,
    normalisation,
)

__all__ = ["WEIGHTS", "array"]

Handler: TypeAlias = Callable[..., Any]


def array(value: Any) -> Any:
    """Return a tensor or a number in float64 (a boolean one as it is), and data or None as they are."""
    if value is None or isinstance(value, Data):
        return value
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu()
        return value.numpy() if value.dtype == torch.bool else value.double().numpy()
    return np.asarray(value, dtype=np.float64)


def _constant(c: Call, name: str, value: Any) -> NDArray[np.float64] | None:
    if isinstance(value, Data):
        c.refuse(f"has a {name} that depends on the input", "it must be constant")
    found: NDArray[np.float64] | None = array(value)
    return found


# --- convolutions and linear layers --------------------------------------------------------------


def _linear(c: Call, x: Any, weight: Any, bias: Any = None) -> Data:
    if isinstance(weight, Data):
        n = len(c.tensor(weight))
        swapped = movement.permute(c.inner("transposed"), weight, [*range(n - 2), n - 1, n - 2])
        product = arithmetic.matmul(c if bias is None else c.inner("product"), array(x), swapped)
        return product if bias is None else arithmetic.add(c, product, array(bias))
    return convolution.linear(c, c.one(x), array(weight), _constant(c, "bias", bias))


def _conv(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any = None,
    stride: Any = 1,
    padding: Any = 0,
    dilation: Any = 1,
    groups: int = 1,
) -> Data:
    kernel = _constant(c, "weight", weight)
    assert kernel is not None
    n = kernel.ndim - 2
    if padding == "valid":
        padding = 0
    elif padding == "same":  # for strides of 1 only, where it is the same for inputs of any size
        ones = (1,) * n
        padding = convolution.same(ones, kernel.shape[2:], ones, convolution.per_axis(dilation, n))
    return convolution.conv(
        c, x, kernel, _constant(c, "bias", bias), stride, padding, dilation, groups
    )


def _spike_conv2d(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any,
    stride: Any,
    margins: Any,
    dilation: Any,
    groups: int,
    limit: float,
) -> tuple[Data, None]:
    """Convert the operator of `spikelet.torch.SpikeConv2d`, which computes the same, sparsely."""
    padding = [margins[:2], margins[2:]]
    return _conv(c, x, weight, bias, stride, padding, dilation, groups), None


def _spike_linear(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any,
    limit: float,
) -> tuple[Data, None]:
    """Convert the operator of `spikelet.torch.SpikeLinear`."""
    return _linear(c, x, weight, bias), None


def _conv_transpose(
    c: Call, x: Data, weight: Any, bias: Any = None, *how: Any, **more: Any
) -> Data:
    kernel, offset = _constant(c, "weight", weight), _constant(c, "bias", bias)
    return convolution.conv_transpose(c, x, kernel, offset, *how, **more)


def _fold(
    c: Call,
    x: Data,
    output_size: Any,
    kernel_size: Any,
    dilation: Any = 1,
    padding: Any = 0,
    stride: Any = 1,
) -> Data:
    return convolution.fold(c, x, output_size, kernel_size, stride, padding, dilation)


def _addmm(c: Call, bias: Any, x: Any, y: Any, *, beta: float = 1, alpha: float = 1) -> Data:
    product = arithmetic.matmul(c.inner("product"), array(x), array(y))
    if alpha != 1:
        product = arithmetic.multiply(c.inner("scaled"), product, float(alpha))
    if isinstance(bias, Data) and beta != 1:
        bias = arithmetic.multiply(c.inner("bias"), bias, float(beta))
    elif not isinstance(bias, Data):
        bias = array(bias) * beta
    return arithmetic.add(c, product, bias)


# --- normalisation -------------------------------------------------------------------------------


def _batch_norm(
    c: Call,
    x: Data,
    running_mean: Any,
    running_var: Any,
    weight: Any = None,
    bias: Any = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Data:
    if training or running_mean is None or running_var is None:
        c.refuse(
            "has no running statistics: it normalises each batch by itself",
            "train with track_running_stats=True",
        )
    mean, variance = array(running_mean), array(running_var)
    return normalisation.batch_norm(c, x, mean, variance, array(weight), array(bias), eps)


def _instance_norm(
    c: Call,
    x: Data,
    running_mean: Any = None,
    running_var: Any = None,
    weight: Any = None,
    bias: Any = None,
    use_input_stats: bool = True,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Data:
    if not use_input_stats:
        return _batch_norm(c, x, running_mean, running_var, weight, bias, False, momentum, eps)
    return normalisation.instance_norm(c, x, array(weight), array(bias), eps)


def _group_norm(
    c: Call,
    x: Data,
    num_groups: int,
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
) -> Data:
    return normalisation.group_norm(c, x, num_groups, array(weight), array(bias), eps)


def _last(c: Call, x: Data, shape: Sequence[int]) -> list[int]:
    n = len(c.tensor(x))
    return list(range(n - len(shape), n))


def _layer_norm(
    c: Call,
    x: Data,
    normalized_shape: Sequence[int],
    weight: Any = None,
    bias: Any = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
) -> Data:
    axes = _last(c, x, normalized_shape)
    return normalisation.layer_norm(c, x, axes, array(weight), array(bias), eps)


def _rms_norm(
    c: Call,
    x: Data,
    normalized_shape: Sequence[int],
    weight: Any = None,
    eps: float | None = None,
) -> Data:
    return normalisation.rms_norm(c, x, _last(c, x, normalized_shape), array(weight), eps)


def _normalize(
    c: Call, x: Data, p: float = 2.0, dim: Any = 1, eps: float = 1e-12, out: Any = None
) -> Data:
    del out
    axes = [dim] if isinstance(dim, int) else list(dim)
    return normalisation.l2_normalise(c, x, axes, p, eps)


# --- attention -----------------------------------------------------------------------------------


def _scaled_dot_product(
    c: Call,
    query: Any,
    key: Any,
    value: Any,
    attn_mask: Any = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Data:
    if dropout_p:
        c.refuse("drops attention weights at random", "pass dropout_p=0.0 in eval mode")
    if enable_gqa:
        c.refuse("groups queries", "repeat keys and values for each head")
    q, k, v = (array(x) for x in (query, key, value))
    return attention.scaled_dot_product(c, q, k, v, array(attn_mask), is_causal, scale)


def _multi_head_attention(
    c: Call,
    query: Data,
    key: Data,
    value: Data,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Any,
    in_proj_bias: Any,
    bias_k: Any,
    bias_v: Any,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Any,
    out_proj_bias: Any,
    training: bool = True,
    key_padding_mask: Any = None,
    need_weights: bool = True,
    attn_mask: Any = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Any = None,
    k_proj_weight: Any = None,
    v_proj_weight: Any = None,
    static_k: Any = None,
    static_v: Any = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Data, ...]:
    if training and dropout_p:
        c.refuse("drops attention weights at random", "call module.eval() first")
    unusual = (bias_k, bias_v, static_k, static_v)
    if add_zero_attn or any(v is not None for v in unusual):
        c.refuse("has additional keys", "use no bias_kv or zero_attn")
    if isinstance(key_padding_mask, Data):
        c.refuse("has a padding mask that depends on the input", "use attn_mask, or a constant")
    width = embed_dim_to_check
    if use_separate_proj_weight:
        weights = tuple(array(w) for w in (q_proj_weight, k_proj_weight, v_proj_weight))
    else:
        weights = tuple(array(in_proj_weight).reshape(3, width, -1))
    biases = (None,) * 3 if in_proj_bias is None else tuple(array(in_proj_bias).reshape(3, width))
    given = attention.Projections(weights, biases, array(out_proj_weight), array(out_proj_bias))
    mask = array(attn_mask)
    if mask is not None and not isinstance(mask, Data) and mask.dtype == bool:
        mask = ~mask  # here True leaves out
    causal = is_causal and mask is None
    if key_padding_mask is not None:
        if isinstance(mask, Data):
            c.refuse("adds a padding mask to a mask that depends on the input", "add them yourself")
        mask = attention.with_padding(mask, array(key_padding_mask), num_heads)
    q, k, v = (array(x) for x in (query, key, value))
    found, attended = attention.multi_head(
        c, q, k, v, num_heads, given, mask, causal, average_attn_weights
    )
    return (found, attended) if need_weights else (found,)


WEIGHTS: dict[str, Handler] = {
    "linear": _linear,
    **dict.fromkeys(("conv1d", "conv2d", "conv3d"), _conv),
    "spike_conv2d": _spike_conv2d,
    "spike_linear": _spike_linear,
    **dict.fromkeys(("conv_transpose1d", "conv_transpose2d", "conv_transpose3d"), _conv_transpose),
    "fold": _fold,
    **dict.fromkeys(("addmm", "baddbmm"), _addmm),
    "batch_norm": _batch_norm,
    "instance_norm": _instance_norm,
    "group_norm": _group_norm,
    "layer_norm": _layer_norm,
    "rms_norm": _rms_norm,
    "local_response_norm": normalisation.local_response_norm,
    "normalize": _normalize,
    "scaled_dot_product_attention": _scaled_dot_product,
    "multi_head_attention_forward": _multi_head_attention,
}
