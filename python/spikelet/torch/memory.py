"""Where results of the core lie, and how the C library is told to keep what PyTorch frees."""

from __future__ import annotations

import ctypes
import math
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from spikelet import _core
from spikelet._util.checks import integer

__all__ = ["keep_freed_memory", "pool_limit", "set_pool_limit"]

# Smaller tensors come from PyTorch: malloc does not return such memory to the system each time.
LEAST_POOLED = 1 << 20

NUMPY: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


def empty(shape: Sequence[int], strides: Sequence[int], dtype: torch.dtype) -> torch.Tensor:
    """Return a dense tensor without values; a large one from the pool."""
    n = math.prod(shape)
    if n * dtype.itemsize < LEAST_POOLED:
        return torch.empty_strided(tuple(shape), tuple(strides), dtype=dtype)
    flat = torch.from_numpy(_core.pooled([n], NUMPY[dtype]))
    return flat.as_strided(tuple(shape), tuple(strides))


def pool_limit() -> int:
    """Return how many bytes of results may lie idle for the next step, by default 1 GiB."""
    return _core.pool_limit()


def set_pool_limit(n_bytes: int) -> None:
    """Limit what lies idle; above it the oldest is returned to the system at once.

    Parameters
    ----------
    n_bytes : int >= 0
        0: nothing is kept. Each large result then costs page faults, several times the time of its computation.
    """
    _core.set_pool_limit(integer("set_pool_limit", "n_bytes", n_bytes, 0))


def keep_freed_memory() -> bool:
    """Tell the C library to keep freed memory in the process, also that of PyTorch's own tensors.

    glibc returns large freed blocks to the system, and each step of a training has to fault their pages in again; on the CPU
    that can be most of its time. Call this once, before the training. It holds for the whole process and is not undone.

    Returns
    -------
    bool
        False where the C library is not glibc: nothing was changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    m_trim_threshold, m_mmap_threshold = -1, -3
    most = 2**31 - 1
    return bool(mallopt(m_mmap_threshold, 1 << 30) and mallopt(m_trim_threshold, most))
