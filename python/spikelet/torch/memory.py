"""Memory of the core's results, and of tensors that PyTorch frees."""

from __future__ import annotations

import ctypes
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from spikelet import _core
from spikelet._util.checks import integer

__all__ = ["keep_freed_memory", "pool_limit", "set_pool_limit"]

NUMPY: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


def empty(shape: Sequence[int], dtype: torch.dtype, order: Sequence[int] = ()) -> torch.Tensor:
    """Return an uninitialised dense tensor, contiguous or with dimensions in this order, from slowest to fastest.

    Of any size, it is an array of numpy to PyTorch and never a view, so what may be done with it does not depend on its
    size. The memory of a large one comes from the pool.
    """
    array = _core.pooled([shape[d] for d in order] if order else list(shape), NUMPY[dtype])
    if order:
        back: list[int] = sorted(range(len(order)), key=lambda d: order[d])
        array = array.transpose(back)
    return torch.from_numpy(array)


def pool_limit() -> int:
    """Return how many bytes of idle results the pool may keep for the next step; by default 1 GiB."""
    return _core.pool_limit()


def set_pool_limit(n_bytes: int) -> None:
    """Limit the idle memory of the pool; above the limit, the oldest is returned to the system at once.

    Parameters
    ----------
    n_bytes : int >= 0
        0 keeps nothing; each large result then causes page faults, which take several times as long as its computation.
    """
    _core.set_pool_limit(integer("set_pool_limit", "n_bytes", n_bytes, 0))


def keep_freed_memory() -> bool:
    """Make the C library keep freed memory in the process, including that of PyTorch's own tensors.

    glibc returns large freed blocks to the system, and each training step has to fault their pages in again, which can
    take most of the time on a CPU. Call this once before training. It affects the whole process and cannot be undone.

    Returns
    -------
    bool
        False if the C library is not glibc, and nothing was changed.
    """
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    m_trim_threshold, m_mmap_threshold = -1, -3
    most = 2**31 - 1
    return bool(mallopt(m_mmap_threshold, 1 << 30) and mallopt(m_trim_threshold, most))
