"""Training that gives the same bits each time."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator

import torch


@contextlib.contextmanager
def repeatable(seed: int) -> Iterator[None]:
    """Draw torch's random numbers from a seed, on one thread, and leave its generator and its threads as they were.

    On one thread sums keep their order; small networks gain nothing from more.

    Parameters
    ----------
    seed : int
        Seed of torch's generator.
    """
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(threads)
