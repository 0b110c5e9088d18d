"""Programs of torch.export: they call ATen's operators, some of which take other arguments than PyTorch's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import nn

from spikelet.conversion.building import Call, Data
from spikelet.conversion.operators import activation as act
from spikelet.conversion.operators import normalisation
from spikelet.conversion.torch.operators import OPERATORS
from spikelet.conversion.torch.weights import array

__all__ = ["ATEN", "batch_of", "unguarded"]

Handler: TypeAlias = Callable[..., Any]

_GUARDS = ("_guards_fn", "aten._assert_tensor_metadata.default")


def unguarded(module: nn.Module) -> nn.Module:
    """Remove the checks of an exported program from a module, in place, and return it.

    They insist on the precision and the batch of the example with which it was exported.
    """
    for m in module.modules():
        if not isinstance(m, torch.fx.GraphModule):
            continue
        if hasattr(m, "validate_inputs"):
            m.validate_inputs = False
        guards = [node for node in m.graph.nodes if str(node.target) in _GUARDS]
        for node in guards:
            m.graph.erase_node(node)
        if guards:
            m.recompile()
    return module


def batch_of(module: nn.Module) -> int | None:
    """Return the number of samples for which a program was exported, or None if it takes any.

    Decomposed operators have it in their shapes.
    """
    if not isinstance(module, torch.fx.GraphModule):
        return None
    for node in module.graph.nodes:
        example = node.meta.get("val") if node.op == "placeholder" else None
        if isinstance(example, torch.Tensor) and example.ndim:
            return example.shape[0] if isinstance(example.shape[0], int) else None
    return None


# --- operators under the names and with the arguments of ATen --------------------------------------


def _norm(name: str) -> Handler:
    """Return the handler of a norm, whose weight and bias come before the statistics."""

    def handler(c: Call, x: Data, weight: Any, bias: Any, mean: Any, var: Any, *how: Any) -> Data:
        training, momentum, eps, *_ = how  # and whether cuDNN may be used
        found: Data = OPERATORS[name](c, x, mean, var, weight, bias, training, momentum, eps)
        return found

    return handler


def _adaptive_max_pool(c: Call, x: Data, output_size: Any) -> tuple[Data, None]:
    return OPERATORS["adaptive_max_pool2d"](c, x, output_size), None


_ALIGNED = ("linear", "bilinear", "bicubic", "trilinear")


def _upsample(mode: str) -> Handler:
    def handler(c: Call, x: Data, size: Any, *more: Any) -> Data:
        corners, factors = {}, more
        if mode in _ALIGNED:
            corners, factors = {"align_corners": bool(more[0])}, more[1:]
        if len(factors) == 1 and isinstance(
            factors[0], (list, tuple)
        ):  # .vec; else one for each axis
            factors = tuple(factors[0])
        given = factors and None not in factors
        how = {"scale_factor": tuple(factors)} if given else {"size": size}
        found: Data = OPERATORS["interpolate"](c, x, mode=mode, **how, **corners)
        return found

    return handler


# --- core operators, which remain after `run_decompositions` ----------------------------------------


def _convolution(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any,
    stride: Any,
    padding: Any,
    dilation: Any,
    transposed: bool,
    output_padding: Any,
    groups: int,
) -> Data:
    n = len(weight.shape) - 2
    if not transposed:
        found: Data = OPERATORS[f"conv{n}d"](c, x, weight, bias, stride, padding, dilation, groups)
    else:
        how = (stride, padding, output_padding, groups, dilation)
        found = OPERATORS[f"conv_transpose{n}d"](c, x, weight, bias, *how)
    return found


def _trained_batch_norm(
    c: Call, x: Data, weight: Any, bias: Any, mean: Any, var: Any, momentum: float, eps: float
) -> tuple[Data, None, None]:
    found = OPERATORS["batch_norm"](c, x, mean, var, weight, bias, False, momentum, eps)
    return found, None, None


def _batch_norm(c: Call, x: Data, weight: Any, bias: Any, *how: Any) -> tuple[Data, None, None]:
    """Convert a batch norm by stored statistics or those of its input: of an instance norm, whose samples join the channels."""
    *stored, training, momentum, eps = how
    if stored and not training:
        mean, var = stored
        return _trained_batch_norm(c, x, weight, bias, mean, var, momentum, eps)
    n = len(c.tensor(x))
    joined = x.axis == 1 and x.merged  # a batch of 1 remains in front
    if not joined and c.batch > 1:  # refuses
        OPERATORS["batch_norm"](c, x, None, None, weight, bias, True, momentum, eps)
    axes = [0, *range(2, n)] if joined else [*range(2, n)]
    if weight is None and bias is None:
        return normalisation.layer_norm(c, x, axes, eps=eps), None, None
    found = normalisation.layer_norm(c.inner("normalised"), x, axes, eps=eps)
    inner = (-1, *[1] * (n - 2))
    for operator, name, p in (("mul", "scaled", weight), ("add", "shifted", bias)):
        if p is not None:
            found = OPERATORS[operator](c.inner(name), found, array(p).reshape(inner))
    return found, None, None


def _layer_norm(c: Call, *args: Any) -> tuple[Data, None, None]:
    return OPERATORS["layer_norm"](c, *args), None, None


def _group_norm(
    c: Call,
    x: Data,
    weight: Any,
    bias: Any,
    samples: int,
    channels: int,
    positions: int,
    groups: int,
    eps: float,
) -> tuple[Data, None, None]:
    del samples, channels, positions
    return OPERATORS["group_norm"](c, x, groups, weight, bias, eps), None, None


def _dropout(c: Call, x: Data, p: float, train: bool | None = True) -> tuple[Data, None]:
    return OPERATORS["dropout"](c, x, p, bool(train)), None


def _rrelu(c: Call, x: Data, noise: Any, *how: Any) -> tuple[Data, None]:
    del noise
    return OPERATORS["rrelu"](c, x, *how), None


def _elu(
    c: Call, x: Data, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0
) -> Data:
    """Convert ELU, SELU and CELU: scale * alpha * (exp(input_scale * x) - 1) below 0, scale * x above."""
    if input_scale == 1:
        which = ("elu", alpha) if scale == 1 else ("selu", alpha, scale)
        return act.activation(c, x, *which)
    if abs(alpha * input_scale - 1) > 1e-6 or scale != 1:
        c.refuse(
            f"is an ELU with input_scale={input_scale:g}",
            "use torch.nn.ELU, torch.nn.SELU or torch.nn.CELU",
        )
    return act.activation(c, x, "celu", alpha)


_INTERPOLATIONS = {"nearest1d": "nearest", "nearest2d": "nearest", "nearest3d": "nearest",
                   "nearest_exact1d": "nearest-exact", "nearest_exact2d": "nearest-exact",
                   "nearest_exact3d": "nearest-exact", "linear1d": "linear", "bilinear2d": "bilinear",
                   "trilinear3d": "trilinear", "bicubic2d": "bicubic"}  # fmt: skip
ATEN: dict[str, Handler] = {
    **{name: _norm(name) for name in ("batch_norm", "instance_norm")},
    **dict.fromkeys((f"adaptive_max_pool{n}d" for n in (1, 2, 3)), _adaptive_max_pool),
    "col2im": OPERATORS["fold"],
    "convolution": _convolution,
    "native_batch_norm_legit_no_training": _trained_batch_norm,
    **dict.fromkeys(("native_batch_norm_legit", "native_batch_norm_legit_functional"), _batch_norm),
    "native_layer_norm": _layer_norm,
    "native_group_norm": _group_norm,
    "native_dropout": _dropout,
    "rrelu_with_noise_functional": _rrelu,
    "elu": _elu,
    **{f"upsample_{kind}": _upsample(mode) for kind, mode in _INTERPOLATIONS.items()},
}
