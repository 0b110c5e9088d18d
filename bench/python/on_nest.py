"""Run a benchmark model on NEST."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING

import nest
import numpy as np
from measure import Run, peak_rss_mb
from models import DT

if TYPE_CHECKING:
    from measure import DType
    from models import Model

NEURONS = {"current": "iaf_psc_exp", "conductance": "iaf_cond_exp", "delta": "iaf_psc_delta"}


def simulate(model: Model, *, duration: float, seed: int, threads: int, dtype: DType) -> Run:
    """Build `model`, run it for `duration` ms and return what was measured."""
    if dtype != "float64":
        raise ValueError("NEST computes in float64")
    nest.verbosity = nest.VerbosityLevel.ERROR
    nest.set(resolution=DT, rng_seed=seed, local_num_threads=threads)

    start = perf_counter()
    cells = nest.Create(NEURONS[model.synapse], model.size, params=model.neuron)
    for name, values in model.initial_state(seed).items():
        setattr(cells, name, values)
    for path in model.pathways():
        nest.Connect(
            cells[path.first : path.first + path.size],
            cells,
            {"rule": "pairwise_bernoulli", "p": path.probability}
            if model.rule == "pairwise"
            else {"rule": "fixed_indegree", "indegree": path.indegree},
            {"weight": path.weight, "delay": model.delay},
        )
    synapses = nest.num_connections
    # A shorter delay to or from a device would shorten the interval between communications; the
    # price is that the drive begins one delay later than elsewhere.
    if model.drive_rate:
        drive = nest.Create("poisson_generator", params={"rate": model.drive_rate})
        nest.Connect(drive, cells, syn_spec={"weight": model.drive_weight, "delay": model.delay})
    recorder = nest.Create("spike_recorder")
    nest.Connect(cells, recorder, syn_spec={"delay": model.delay})
    nest.Prepare()
    build = perf_counter() - start

    start = perf_counter()
    nest.Run(duration)
    wall = perf_counter() - start
    peak = peak_rss_mb()
    nest.Cleanup()
    events = recorder.events
    return Run(
        build_s=build,
        compile_s=0.0,
        wall_s=wall,
        peak_rss_mb=peak,
        synapses=synapses,
        times=np.asarray(events["times"], np.float64),
        ids=np.asarray(events["senders"], np.int64) - cells[0].global_id,
        versions={"nest": nest.__version__},
    )
