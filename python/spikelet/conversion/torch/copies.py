"""Copies of modules, also of those whose weights a hook computes."""

from __future__ import annotations

import copy
from typing import Any, TypeVar

import torch
from torch import nn

__all__ = ["copy_of"]

_Module = TypeVar("_Module", bound=nn.Module)


def copy_of(module: _Module) -> _Module:
    """Return a deep copy of a module, whose weights may be pruned or normalised by a hook.

    Such a weight is not a leaf of the graph, and PyTorch copies only leaves; the hook of the copy computes it before each
    forward pass.
    """
    memo: dict[int, Any] = {
        id(tensor): tensor.detach().clone()
        for m in module.modules()
        for tensor in vars(m).values()
        if isinstance(tensor, torch.Tensor) and not tensor.is_leaf
    }
    return copy.deepcopy(module, memo)
