"""The straight-through estimator: the value of one tensor, the gradient of another."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

__all__ = ["straight_through"]


def straight_through(x: Tensor, value: Tensor) -> Tensor:
    """Return `value`, in memory of its own, whose gradient goes to `x` as it is."""
    result: Tensor = _Through.apply(x, value)
    return result


class _Through(torch.autograd.Function):
    generate_vmap_rule = True

    @staticmethod
    def forward(x: Tensor, value: Tensor) -> Tensor:  # noqa: ARG004
        return value.clone()

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor, Tensor], output: Tensor) -> None:
        """Keep nothing."""

    @staticmethod
    def backward(ctx: Any, by: Tensor) -> tuple[Tensor, None]:  # noqa: ARG004
        return by, None
