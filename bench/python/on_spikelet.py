"""Run a benchmark model on spikelet."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np
import texts
from measure import Run, peak_rss_mb, record
from models import DT, SAMPLED

import spikelet as sl

if TYPE_CHECKING:
    from measure import DType
    from models import Model, Plasticity

KERNELS = {"current": sl.LIF, "conductance": sl.LIFCond, "delta": sl.LIFDelta}


def kernel(model: Model) -> sl.neurons.NeuronModel:
    """Return the neuron of a network: a kernel of the core where there is one, else text."""
    if model.cell == "hodgkin_huxley":
        return texts.neuron(model)
    return KERNELS[model.synapse](**model.neuron)


def build(
    model: Model, neuron: sl.neurons.NeuronModel, *, seed: int, threads: int, dtype: DType
) -> tuple[sl.Network, list[sl.Projection], dict[int, sl.SpikeRecorder]]:
    """Return the network after layout, its projections, and its recorders by first neuron."""
    net = sl.Network(dt=DT, seed=seed, threads=threads, dtype=dtype)
    sizes = {path.first: path.size for path in model.pathways()}
    populations = {first: net.population(size, neuron) for first, size in sizes.items()}
    for name, values in model.initial_state(seed).items():
        for first, population in populations.items():
            getattr(population, name)[:] = values[first : first + len(population)]
    projections = [
        net.connect(
            populations[path.first],
            target,
            sl.FixedProbability(path.probability)
            if model.rule == "pairwise"
            else sl.FixedIndegree(path.indegree),
            weight=path.weight,
            delay=model.delay,
            plasticity=_stdp(path.plasticity) if path.plasticity else None,
        )
        for path in model.pathways()
        for first, target in populations.items()
        if path.first_target <= first < path.first_target + path.targets
    ]
    if model.drive_rate:
        for population in populations.values():
            drive = sl.PoissonInput(rate=model.drive_rate, weight=model.drive_weight)
            net.inject(population, drive)
    recorders = {first: net.record(pop, "spikes") for first, pop in populations.items()}
    net.prepare()
    return net, projections, recorders


def simulate(
    model: Model, *, duration: float, seed: int, threads: int, dtype: DType, text: bool = False
) -> Run:
    """Build `model`, run it for `duration` ms and return the measurements; with `text`, its neurons are made from text."""
    start = perf_counter()
    neuron = texts.neuron(model) if text else kernel(model)
    compiled = perf_counter() - start
    start = perf_counter()
    net, projections, recorders = build(model, neuron, seed=seed, threads=threads, dtype=dtype)
    built = perf_counter() - start

    start = perf_counter()
    net.run(duration)
    wall = perf_counter() - start
    peak = peak_rss_mb()
    return Run(
        build_s=built,
        compile_s=compiled,
        wall_s=wall,
        peak_rss_mb=peak,
        synapses=sum(len(projection) for projection in projections),
        times=np.concatenate([rec.times for rec in recorders.values()]),
        ids=np.concatenate([rec.ids.astype(np.int64) + first for first, rec in recorders.items()]),
        versions={"spikelet": sl.__version__, "simd": sl.simd_level()},
        weights=np.concatenate(
            [
                projection.weights[projection.post_ids % SAMPLED == 0].astype(np.float64)
                for projection in projections
                if projection.plasticity is not None
            ]
            or [np.empty(0)]
        ),
    )


def _stdp(rule: Plasticity) -> sl.STDP:
    """Return spikelet's rule, with NEST's treatment of ties."""
    return sl.STDP(
        tau_plus=rule.tau_plus,
        tau_minus=rule.tau_minus,
        A_plus=rule.A_plus,
        A_minus=rule.A_minus,
        w_max=rule.w_max,
        coincidence="ignore",
    )


run = partial(record, simulate)
of_text = partial(record, partial(simulate, text=True))
