"""The measurements of one run, and the statistics of its spikes."""

from __future__ import annotations

import re
import resource
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter, process_time
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from models import MODELS

if TYPE_CHECKING:
    from collections.abc import Callable

    from numpy.typing import NDArray

DType = Literal["float32", "float64"]


@dataclass(frozen=True)
class Run:
    """The result of one simulation."""

    build_s: float
    """Creating and wiring the network in memory."""
    compile_s: float
    """Code generation and compilation; 0 for a simulator that needs neither."""
    wall_s: float
    """The simulation loop alone."""
    peak_rss_mb: float
    synapses: int
    times: NDArray[np.float64]
    ids: NDArray[np.int64]
    versions: dict[str, str]
    weights: NDArray[np.float64] | None = None
    """Sampled plastic weights at the end, with all pairs of spikes applied."""


def peak_rss_mb(status: str | None = None) -> float:
    """Return the largest resident memory of this process so far, in MB (10^6 bytes).

    Parameters
    ----------
    status : str, optional
        The text of another process's ``/proc/self/status``, to get the value of that process.
    """
    # On Linux, ru_maxrss would start at the size of the process that called exec.
    source = Path("/proc/self/status")
    if status is None and source.exists():
        status = source.read_text()
    if status is not None and (match := re.search(r"VmHWM:\s+(\d+) kB", status)):
        return int(match[1]) * 1024 / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def peak_above(work: Callable[[], object]) -> float:
    """Return the largest rise in resident memory during a piece of work, in MB.

    Where a process cannot reset its peak (anywhere but on Linux), the rise above the earlier peak.
    """
    status, forget = Path("/proc/self/status"), Path("/proc/self/clear_refs")
    before = peak_rss_mb()
    try:
        forget.write_text("5")
    except OSError:
        pass
    else:
        if match := re.search(r"VmRSS:\s+(\d+) kB", status.read_text()):
            before = int(match[1]) * 1024 / 1e6
    work()
    return max(0.0, peak_rss_mb() - before)


def clock(threads: int) -> Callable[[], float]:
    """Return the clock [s] for runs with a number of threads.

    For one thread it counts the CPU time of the process: other programs delay a thread, but hardly change the time that it computes.
    """
    return process_time if threads == 1 else perf_counter


def mean_cv(times: NDArray[np.float64], ids: NDArray[np.int64]) -> float | None:
    """Return the mean coefficient of variation of the inter-spike intervals.

    The mean is over all neurons with at least three spikes; None if there is no such neuron.
    """
    order = np.lexsort((times, ids))
    same_neuron = np.diff(ids[order]) == 0
    intervals = np.diff(times[order])[same_neuron]
    owner = ids[order][1:][same_neuron]
    count = np.bincount(owner)
    kept = count >= 2
    if not kept.any():
        return None
    count = count[kept]
    mean = np.bincount(owner, intervals)[kept] / count
    mean_square = np.bincount(owner, intervals**2)[kept] / count
    return float(np.mean(np.sqrt(np.maximum(mean_square - mean**2, 0.0)) / mean))


def summary(run: Run, neurons: int, duration: float) -> dict[str, Any]:
    """Return the JSON record of a run.

    Synaptic events are spikes times mean out-degree; the Poisson drive is not counted.
    """
    spikes = len(run.times)
    weights = run.weights if run.weights is not None and run.weights.size else None
    events = spikes * run.synapses / neurons
    return {
        "build_s": run.build_s,
        "compile_s": run.compile_s,
        "wall_s": run.wall_s,
        "neurons": neurons,
        "synapses": run.synapses,
        "model_ms": duration,
        "spikes": spikes,
        "rate_hz": spikes / neurons / (duration * 1e-3),
        "cv": mean_cv(run.times, run.ids),
        "events": events,
        "ns_per_event": run.wall_s * 1e9 / events if events else None,
        "weight_mean": None if weights is None else float(np.mean(weights)),
        "weight_sd": None if weights is None else float(np.std(weights)),
        "peak_rss_mb": run.peak_rss_mb,
        "versions": run.versions,
    }


def record(
    simulate: Callable[..., Run], *, name: str, scale: float, duration: float, **how: Any
) -> dict[str, Any]:
    """Run a model of models.py on a simulator, and return the JSON record."""
    model = MODELS[name].scaled(scale)
    return summary(simulate(model, duration=duration, **how), model.size, duration)
