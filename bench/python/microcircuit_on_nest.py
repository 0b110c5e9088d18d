"""Run the cortical microcircuit on NEST."""

from __future__ import annotations

from functools import partial
from time import perf_counter
from typing import TYPE_CHECKING

import nest
import numpy as np
from microcircuit import Simulated, record
from nest_kernel import set_up, timed

if TYPE_CHECKING:
    from microcircuit import Task


def simulate(task: Task) -> Simulated:
    """Build the network, run it and return the measurements."""
    if task.dtype != "float64":
        raise ValueError("NEST computes in float64")
    circuit = task.circuit
    names, dt = circuit["populations"], circuit["dt"]
    set_up(dt, task.seed, task.threads)

    start = perf_counter()
    cells = []
    for i, size in enumerate(circuit["sizes"]):
        population = nest.Create(
            "iaf_psc_exp", size, params=circuit["neuron"] | {"I_e": circuit["currents"][i]}
        )
        population.V_m = nest.random.normal(circuit["V_m"][0][i], circuit["V_m"][1][i])
        cells.append(population)
    for j, name in enumerate(names):
        # NEST counts the synapses of a model and thread with 27 bits, too few for all of them.
        nest.CopyModel("static_synapse", f"from_{name}")
        mean = circuit["delays"][j]
        delay = nest.math.redraw(
            nest.random.normal(mean, mean * circuit["delay_sd"]),
            min=dt,
            max=mean * (1 + circuit["delay_spreads"] * circuit["delay_sd"]),
        )
        for i in range(len(names)):
            total, weight = circuit["synapses"][i][j], circuit["weights"][i][j]
            if total == 0:
                continue
            sd = abs(weight) * circuit["weight_sd"]
            reach = circuit["weight_spreads"] * sd
            nest.Connect(
                cells[j],
                cells[i],
                {"rule": "fixed_total_number", "N": total},
                {
                    "synapse_model": f"from_{name}",
                    "weight": nest.math.redraw(
                        nest.random.normal(weight, sd), min=weight - reach, max=weight + reach
                    ),
                    "delay": delay,
                },
            )
    synapses = nest.num_connections
    recorders = []
    for i, population in enumerate(cells):
        if circuit["external_rates"][i] > 0:
            drive = nest.Create("poisson_generator", params={"rate": circuit["external_rates"][i]})
            spec = {"weight": circuit["external_weight"], "delay": max(circuit["delays"])}
            nest.Connect(drive, population, syn_spec=spec)
        recorder = nest.Create("spike_recorder", params={"start": task.presim})
        nest.Connect(population, recorder)
        recorders.append(recorder)
    nest.Prepare()
    build = perf_counter() - start

    wall, peak = timed(task.duration, task.presim)
    spikes = {}
    for name, population, recorder in zip(names, cells, recorders, strict=True):
        events = recorder.events
        ids = np.asarray(events["senders"], np.int64) - population[0].global_id
        spikes[name] = np.asarray(events["times"], np.float64), ids
    return Simulated(
        build_s=build,
        wall_s=wall,
        peak_rss_mb=peak,
        neurons=sum(circuit["sizes"]),
        synapses=synapses,
        spikes=spikes,
        versions={"nest": nest.__version__},
    )


run = partial(record, simulate)
