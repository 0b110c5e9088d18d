"""Set up NEST's kernel, and time a run of it: what all benchmarks on NEST share."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import nest
from measure import peak_rss_mb

if TYPE_CHECKING:
    from collections.abc import Callable


def set_up(dt: float, seed: int, threads: int) -> None:
    """Give an empty kernel its step [ms], seed and number of threads, and silence it."""
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=dt, rng_seed=seed, local_num_threads=threads)


def timed(
    duration: float, warm_up: float = 0.0, *, now: Callable[[], float] = perf_counter
) -> tuple[float, float]:
    """Run a prepared network, and clean up.

    Parameters
    ----------
    duration : float
        Model time of the timed part [ms].
    warm_up : float
        Model time before it [ms].
    now : callable
        The clock [s].

    Returns
    -------
    wall_s : float
        Wall time of the timed part [s].
    peak_rss_mb : float
        Largest resident memory so far [MB].
    """
    if warm_up:
        nest.Run(warm_up)
    start = now()
    nest.Run(duration)
    wall = now() - start
    peak = peak_rss_mb()
    nest.Cleanup()
    return wall, peak
