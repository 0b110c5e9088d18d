"""The default number of threads."""

from __future__ import annotations

import os
from collections.abc import Callable

from spikelet import _core

_LIMIT = ("OMP_NUM_THREADS",)


def default_threads(share: Callable[[set[int]], int] = len) -> int:
    """Return the number of cores that this process may use, or OMP_NUM_THREADS if that is smaller.

    Parameters
    ----------
    share : callable
        Takes the set of cores and returns how many of them to use: fewer where several ranks share a machine.
    """
    limit = (_core.environment(_LIMIT)[0] or "").split(",")[0]
    if hasattr(os, "sched_getaffinity"):
        own = os.sched_getaffinity(0)
    else:
        own = set(range(os.cpu_count() or 1))
    cores = share(own)
    return min(int(limit), cores) if limit.isdigit() and int(limit) > 0 else cores
