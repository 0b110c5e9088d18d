"""How many threads a run uses by default."""

from __future__ import annotations

import os
from collections.abc import Callable

__all__ = ["default_threads"]


def default_threads(share: Callable[[set[int]], int] = len) -> int:
    """Return the number of cores this process may use, or OMP_NUM_THREADS if that is less.

    Parameters
    ----------
    share : callable
        Takes the cores of this process and returns how many of them it should use: fewer where ranks share a machine.
    """
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0]
    if hasattr(os, "sched_getaffinity"):
        own = os.sched_getaffinity(0)
    else:
        own = set(range(os.cpu_count() or 1))
    cores = share(own)
    return min(int(limit), cores) if limit.isdigit() and int(limit) > 0 else cores
