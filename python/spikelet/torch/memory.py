"""Memory of the core's results, and of tensors that PyTorch frees."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Sequence
from typing import Any

import numpy as np
import torch

from spikelet import _core
from spikelet._util.checks import integer

NUMPY: dict[torch.dtype, np.dtype[Any]] = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
}


def array_of(shape: Sequence[int], dtype: torch.dtype) -> np.ndarray[Any, Any]:
    """Return an uninitialized array, whose memory comes from the pool if it is large."""
    return _core.pooled(shape, NUMPY[dtype])


def empty(shape: Sequence[int], dtype: torch.dtype, order: Sequence[int] = ()) -> torch.Tensor:
    """Return an uninitialized dense tensor, contiguous or with dimensions in this order, from slowest to fastest.

    Of any size, it is an array of numpy to PyTorch and never a view, so what may be done with it does not depend on its
    size. The memory of a large one comes from the pool.
    """
    array = array_of([shape[d] for d in order] if order else shape, dtype)
    if order:
        back: list[int] = sorted(range(len(order)), key=lambda d: order[d])
        array = array.transpose(back)
    return torch.from_numpy(array)


def pool_limit() -> int:
    """Return how many bytes of idle memory are kept for the next step; by default 1 GiB."""
    return _core.pool_limit()


def set_pool_limit(n_bytes: int) -> None:
    """Limit the idle memory that is kept for the next step.

    It bounds the core's pool and, with glibc, the freed memory at the end of the heap, where PyTorch's tensors lie; freed
    memory below a tensor that still lives is kept as well. Above the limit, memory is returned to the system at once.

    Parameters
    ----------
    n_bytes : int >= 0
        0 keeps nothing; each large result then causes page faults, which take several times as long as its computation.

    Notes
    -----
    Importing `spikelet.torch` applies the default limit to the whole process. glibc stays unchanged if the environment
    configures its memory (``MALLOC_TRIM_THRESHOLD_``, ``MALLOC_MMAP_THRESHOLD_`` or ``GLIBC_TUNABLES``). Freed memory
    that the heap holds is returned to the system by each call.
    """
    limit = integer("set_pool_limit", "n_bytes", n_bytes, 0)
    _core.set_pool_limit(limit)
    if not _is_configured() and _keep_on_heap(limit):
        ctypes.CDLL(None).malloc_trim(0)


def keep_freed_memory() -> bool:
    """Make the C library keep all freed memory in the process, above `pool_limit` too.

    glibc returns large freed blocks to the system, and each training step has to fault their pages in again. Call this
    before a training whose steps free more than `pool_limit` bytes of tensors, if memory is plentiful. It affects the
    whole process.

    Returns
    -------
    bool
        False if the C library is not glibc, and nothing was changed.
    """
    return _keep_on_heap(_MOST)


_MOST = 2**31 - 1  # an int of C
_USUAL = 128 << 10  # glibc's own thresholds
_VARIABLES = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_", "GLIBC_TUNABLES")


def _keep_on_heap(n_bytes: int) -> bool:
    """Let glibc keep that much free memory at the end of its heap, and put blocks up to that size there."""
    if not sys.platform.startswith("linux"):
        return False
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is None:
        return False
    m_trim_threshold, m_mmap_threshold = -1, -3
    limit = min(max(n_bytes, _USUAL), _MOST)
    # Old releases allow at most 32 MiB for the second.
    largest = mallopt(m_mmap_threshold, min(limit, 1 << 30)) or mallopt(m_mmap_threshold, 32 << 20)
    return bool(largest and mallopt(m_trim_threshold, limit))


def _is_configured() -> bool:
    """Return whether the environment says what glibc does with freed memory."""
    return any(name in os.environ for name in _VARIABLES)


if not _is_configured():
    _keep_on_heap(_core.pool_limit())
