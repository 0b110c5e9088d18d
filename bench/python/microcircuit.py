"""The cortical microcircuit as a benchmark: the task of a run and its result."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Any

import numpy as np
from measure import peak_rss_mb

if TYPE_CHECKING:
    from numpy.typing import NDArray


@dataclass(frozen=True)
class Task:
    """The task of one run."""

    circuit: dict[str, Any]
    """The network as plain numbers, from `describe`."""
    presim: float
    """Model time before the timed part [ms]."""
    duration: float
    """Model time of the timed part [ms]."""
    threads: int
    seed: int
    dtype: str
    weights: str
    """How spikelet stores weights: "float", or "int16" and one synaptic current."""


@dataclass(frozen=True)
class Simulated:
    """The result of a simulator."""

    build_s: float
    """Creating, wiring and laying out the network in memory."""
    wall_s: float
    """The simulation loop after `presim`, spikes recorded."""
    peak_rss_mb: float
    neurons: int
    synapses: int
    spikes: dict[str, tuple[NDArray[np.float64], NDArray[np.int64]]]
    """By population: times [ms] and ids, counted from 0, of the spikes after `presim`."""
    versions: dict[str, str]


def describe(scale: float, K_scale: float, external: str, dt: float) -> dict[str, Any]:
    """Return the network as plain numbers, for simulators that run without spikelet."""
    from spikelet.models.microcircuit import (  # noqa: PLC0415
        DELAY_SD,
        DELAY_SPREADS,
        DELAYS,
        FULL_RATES,
        NEURON,
        POPULATIONS,
        V_M,
        WEIGHT_SD,
        WEIGHT_SPREADS,
        parameters,
    )

    given = parameters(scale, K_scale, input=external)
    names = ("tau_m", "C_m", "E_L", "V_th", "V_reset", "t_ref", "tau_syn_ex", "tau_syn_in")
    return {
        "scale": scale,
        "K_scale": K_scale,
        "input": external,
        "dt": dt,
        "populations": list(POPULATIONS),
        "full_rates": FULL_RATES,
        "neuron": {name: getattr(NEURON, name) for name in names},
        "sizes": given.sizes.tolist(),
        "synapses": given.synapses.tolist(),
        "weights": given.weights.tolist(),
        "weight_sd": WEIGHT_SD,
        "weight_spreads": WEIGHT_SPREADS,
        "delays": DELAYS.tolist(),
        "delay_sd": DELAY_SD,
        "delay_spreads": DELAY_SPREADS,
        "external_rates": given.external_rates.tolist(),
        "external_weight": given.external_weight,
        "currents": given.currents.tolist(),
        "V_m": [values.tolist() for values in V_M["optimized"]],
    }


def record(
    simulate: Callable[[Task], Simulated], *, circuit: str, spikes: str, **how: Any
) -> dict[str, Any]:
    """Run the network that a JSON file describes, write its spikes to a file (.npz), and return the JSON record."""
    task = Task(json.loads(Path(circuit).read_text()), **how)
    done = simulate(task)
    arrays = {}
    for name, (times, ids) in done.spikes.items():
        arrays[f"{name}_times"], arrays[f"{name}_ids"] = times, ids
    np.savez(spikes, **arrays)
    count = sum(len(times) for times, _ in done.spikes.values())
    events = count * done.synapses / done.neurons
    return vars(done) | {
        "rtf": done.wall_s / (task.duration * 1e-3),
        "spikes": count,
        "events": events,
        "ns_per_event": done.wall_s * 1e9 / events if events else None,
    }


def simulate_on_spikelet(task: Task) -> Simulated:
    """Build the network in spikelet, run it and return the measurements."""
    import spikelet as sl  # noqa: PLC0415

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


def simulate_on_nest(task: Task) -> Simulated:
    """Build the network in NEST, run it and return the measurements."""
    import nest  # noqa: PLC0415
    from nest_kernel import set_up, timed  # noqa: PLC0415

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


on_spikelet = partial(record, simulate_on_spikelet)
on_nest = partial(record, simulate_on_nest)
