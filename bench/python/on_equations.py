"""Run a benchmark model on spikelet, with its neurons from text."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import on_spikelet
import texts

if TYPE_CHECKING:
    from measure import DType, Run
    from models import Model


def simulate(model: Model, *, duration: float, seed: int, threads: int, dtype: DType) -> Run:
    """Build `model`, run it for `duration` ms and return the measurements."""
    start = perf_counter()
    neuron = texts.neuron(model)
    compiled = perf_counter() - start
    return on_spikelet.measured(
        model, neuron, compiled, duration=duration, seed=seed, threads=threads, dtype=dtype
    )
