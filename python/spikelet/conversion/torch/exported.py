"""Programs of torch.export: they call ATen's operators, some of which take other arguments than PyTorch's functions."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import torch
from torch import nn

from spikelet.conversion.building import Call, Data
from spikelet.conversion.torch.operators import OPERATORS

__all__ = ["ATEN", "unguarded"]

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


_INTERPOLATIONS = {"nearest1d": "nearest", "nearest2d": "nearest", "nearest3d": "nearest",
                   "nearest_exact1d": "nearest-exact", "nearest_exact2d": "nearest-exact",
                   "nearest_exact3d": "nearest-exact", "linear1d": "linear", "bilinear2d": "bilinear",
                   "trilinear3d": "trilinear", "bicubic2d": "bicubic"}  # fmt: skip
ATEN: dict[str, Handler] = {
    **{name: _norm(name) for name in ("batch_norm", "instance_norm")},
    **dict.fromkeys((f"adaptive_max_pool{n}d" for n in (1, 2, 3)), _adaptive_max_pool),
    "col2im": OPERATORS["fold"],
    **{f"upsample_{kind}": _upsample(mode) for kind, mode in _INTERPOLATIONS.items()},
}
