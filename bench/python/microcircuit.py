"""The cortical microcircuit as a benchmark: the task of a run and its result."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

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
