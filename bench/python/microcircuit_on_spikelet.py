"""Run the cortical microcircuit on spikelet."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

from measure import peak_rss_mb
from microcircuit import Simulated, record

import spikelet as sl

if TYPE_CHECKING:
    from microcircuit import Task


def simulate(task: Task) -> Simulated:
    """Build the network, run it and return the measurements."""
    circuit = task.circuit
    build = sl.models.microcircuit

    start = perf_counter()
    model = build(
        circuit["scale"],
        circuit["K_scale"],
        seed=task.seed,
        threads=task.threads,
        dtype=task.dtype,
        dt=circuit["dt"],
        input=circuit["input"],
        weight_dtype=task.weights,
        one_current=task.weights == "int16",
    )
    recorders = model.record()
    model.network.prepare()
    build_s = perf_counter() - start

    model.run(task.presim)
    model.record()  # drops the spikes so far
    start = perf_counter()
    model.run(task.duration)
    wall = perf_counter() - start
    peak = peak_rss_mb()
    return Simulated(
        build_s=build_s,
        wall_s=wall,
        peak_rss_mb=peak,
        neurons=sum(population.size for population in model.populations.values()),
        synapses=sum(len(projection) for projection in model.projections.values()),
        spikes={name: (recorder.times, recorder.ids) for name, recorder in recorders.items()},
        versions={"spikelet": sl.__version__, "simd": sl.simd_level()},
    )


run = partial(record, simulate)
