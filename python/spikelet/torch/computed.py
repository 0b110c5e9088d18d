"""Tensors of a module that PyTorch's hooks compute before each call: pruned or normalized weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch.nn.utils.prune import BasePruningMethod
from torch.nn.utils.spectral_norm import SpectralNorm
from torch.nn.utils.weight_norm import WeightNorm

if TYPE_CHECKING:
    from collections.abc import Iterator

    from torch import nn

_KINDS = (BasePruningMethod, SpectralNorm, WeightNorm)


def _hooks(module: nn.Module) -> Iterator[BasePruningMethod | SpectralNorm | WeightNorm]:
    # PyTorch has no public list of them; a module holds them by number.
    for held in vars(module).values():
        if isinstance(held, dict):
            for hook in held.values():
                if isinstance(hook, _KINDS):
                    yield hook


def is_computed(module: nn.Module) -> bool:
    """Return whether a hook computes a tensor of this module, not counting those inside."""
    return any(True for _ in _hooks(module))


def recompute(module: nn.Module) -> None:
    """Compute such tensors of this module now: after a step of the optimizer they are those of the last call."""
    for hook in _hooks(module):
        with torch.enable_grad():
            hook(module, None)
