"""Tensors of which few values are not 0."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor


def random(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=dtype)


def sparse(*shape: int, density: float = 0.1, seed: int = 0, **kinds: Any) -> Tensor:
    """Return values of which few are not 0."""
    values = random(*shape, seed=seed, **kinds)
    chosen = torch.rand(*shape, generator=torch.Generator().manual_seed(seed + 1)) < density
    return values * chosen
