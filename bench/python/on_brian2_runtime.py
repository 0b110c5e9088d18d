"""Run a benchmark model on Brian2 as scripts do by default: compiled by Cython, and looped over in Python."""

from __future__ import annotations

import tempfile
from time import perf_counter
from typing import TYPE_CHECKING

import brian2 as b2
from brian2 import ms
from measure import peak_rss_mb
from on_brian2 import build

if TYPE_CHECKING:
    from measure import DType, Run
    from models import Model


def simulate(model: Model, *, duration: float, seed: int, threads: int, dtype: DType) -> Run:
    """Build `model`, run it for `duration` ms and return the measurements."""
    if dtype != "float64":
        raise ValueError("this benchmark runs Brian2 with its default data type, float64")
    if threads > 1:
        raise ValueError("Brian2 has threads in standalone mode only")
    with tempfile.TemporaryDirectory(prefix="bench-brian2-") as folder:
        b2.prefs.codegen.target = "cython"
        b2.prefs.codegen.runtime.cython.cache_dir = folder  # nothing is compiled beforehand
        start = perf_counter()
        parts = build(model, seed)
        built = perf_counter() - start
        start = perf_counter()
        parts.network.run(0 * ms)
        compiled = perf_counter() - start
        start = perf_counter()
        parts.network.run(duration * ms)
        wall = perf_counter() - start
        return parts.run(build_s=built, compile_s=compiled, wall_s=wall, peak_rss_mb=peak_rss_mb())
