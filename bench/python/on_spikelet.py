"""Run a benchmark model on spikelet."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
from measure import Run, peak_rss_mb
from models import DT

import spikelet as sl

if TYPE_CHECKING:
    from measure import DType
    from models import Model

NEURONS = {"current": sl.LIF, "conductance": sl.LIFCond, "delta": sl.LIFDelta}


def simulate(model: Model, *, duration: float, seed: int, threads: int, dtype: DType) -> Run:
    """Build `model`, run it for `duration` ms and return what was measured."""
    start = perf_counter()
    net = sl.Network(dt=DT, seed=seed, threads=threads, dtype=dtype)
    neuron = NEURONS[model.synapse](**model.neuron)
    firsts = {path.first: path for path in model.pathways()}
    populations = {first: net.population(path.size, neuron) for first, path in firsts.items()}
    for name, values in model.initial_state(seed).items():
        for first, population in populations.items():
            getattr(population, name)[:] = values[first : first + len(population)]
    projections = [
        net.connect(
            populations[first],
            target,
            sl.FixedProbability(path.probability)
            if model.rule == "pairwise"
            else sl.FixedIndegree(path.indegree),
            weight=path.weight,
            delay=model.delay,
        )
        for first, path in firsts.items()
        for target in populations.values()
    ]
    if model.drive_rate:
        for population in populations.values():
            drive = sl.PoissonInput(rate=model.drive_rate, weight=model.drive_weight)
            net.inject(population, drive)
    recorders = {first: net.record(pop, "spikes") for first, pop in populations.items()}
    net.prepare()
    build = perf_counter() - start

    start = perf_counter()
    net.run(duration)
    wall = perf_counter() - start
    peak = peak_rss_mb()
    return Run(
        build_s=build,
        compile_s=0.0,
        wall_s=wall,
        peak_rss_mb=peak,
        synapses=sum(len(projection) for projection in projections),
        times=np.concatenate([rec.times for rec in recorders.values()]),
        ids=np.concatenate([rec.ids.astype(np.int64) + first for first, rec in recorders.items()]),
        versions={"spikelet": sl.__version__, "simd": sl.simd_level()},
    )
