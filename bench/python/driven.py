"""A recurrent network whose synapses are counted but have no effect, to measure what they cost.

The firing rate of a network usually depends on its synapses, so size, in-degree or delay cannot be
changed alone. Here each event of a neuron's own Poisson train lifts it over the threshold. The
recurrent weights are so small that they are lost in the rounding of every potential. They go to the
other receptor, whose current practically never decays, so it counts the arrived events exactly.

Run as a program, this measures one point and prints one line of JSON; a billion synapses are

    python bench/python/driven.py --neurons 1000000 --indegree 1000 --rate 3 --shortest 1 --longest 16 --windows 1 --threads 2

Times of runs with one thread are CPU times.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import MISSING, dataclass, fields
from statistics import median
from typing import Any

import numpy as np
from measure import clock, peak_rss_mb
from models import DT

import spikelet as sl

WEIGHT = -(2.0**-60)  # pA: a power of two, so that float32 sums are exact up to 2^24 events
MOST_EVENTS = 2**24
REFRACTORY = 1.0  # ms, ten time constants of the drive's current: an event causes one spike
NEURON = sl.LIF(t_ref=REFRACTORY, tau_syn_ex=0.1, tau_syn_in=1e15)
DRIVE = 1e5  # pA: with a time constant of 0.1 ms, it raises V_m by 25 mV in the first step
WARM_UP = 50.0  # ms, in addition to the longest delay


@dataclass(frozen=True, kw_only=True)
class Point:
    """Parameters of a network; times are in ms and rates in Hz."""

    neurons: int
    indegree: int
    """Average in-degree; the out-degree of each neuron is exactly this."""
    rate: float
    """Rate of each neuron's drive; the neuron misses the events of its refractory period."""
    shortest: int = 15
    """Shortest delay in steps; delays are uniform between the shortest and the longest."""
    longest: int = 15
    """Longest delay in steps."""
    threads: int = 1
    model_ms: float = 1000.0
    """Simulated length of a timed window."""
    windows: int = 3
    seed: int = 1
    dtype: str = "float32"
    weights: str = "float"
    """How weights are stored: "float" or "int16"."""


def network(point: Point) -> tuple[sl.Network, sl.Population, sl.SpikeRecorder]:
    """Return the network without synapses, its neurons, and a recorder of all spikes."""
    dtype: Any = point.dtype
    net = sl.Network(dt=DT, seed=point.seed, threads=point.threads, dtype=dtype)
    neurons = net.population(point.neurons, NEURON)
    net.inject(neurons, sl.PoissonInput(rate=point.rate, weight=DRIVE))
    return net, neurons, net.record(neurons, "spikes")


def connect(net: sl.Network, neurons: sl.Population, point: Point) -> sl.Projection:
    """Connect the neurons; synapses are drawn during layout, without a table of them.

    The weights are drawn from a distribution although all are equal, so that each synapse stores
    its own: a constant weight would be stored only once per cache line.
    """
    low, high = point.shortest * DT, point.longest * DT
    # Half a step more at both ends makes all delays equally frequent.
    spread = sl.Uniform(low - DT / 2, high + DT / 2, clip=(low, high))
    return net.connect(
        neurons,
        neurons,
        sl.FixedOutdegree(point.indegree),
        weight=sl.Normal(WEIGHT, 0.0),
        delay=spread if low < high else low,
        weight_dtype=point.weights,
    )


class Timer:
    """Run a network, as `network` returns it, and time it."""

    def __init__(
        self, net: sl.Network, neurons: sl.Population, recorder: sl.SpikeRecorder, point: Point
    ) -> None:
        self.net, self.neurons, self.recorder, self.point = net, neurons, recorder, point
        self.clock = clock(point.threads)
        self.walls: list[float] = []
        self.spikes = self.events = 0

    def window(self) -> None:
        """Run one timed window, then count the spikes and the arrived events."""
        self.recorder.clear()
        self.neurons.I_syn_in[:] = 0.0
        start = self.clock()
        self.net.run(self.point.model_ms)
        self.walls.append(self.clock() - start)
        self.spikes += len(self.recorder.times)
        self.events += round(np.sum(self.neurons.I_syn_in[:], dtype=np.float64) / WEIGHT)


def run(**settings: Any) -> dict[str, Any]:
    """Run a network, a `Point`, without its synapses and with them, in turn; return the JSON record.

    Raises
    ------
    RuntimeError
        If the synapses changed the spikes.
    """
    point = Point(**settings)
    if point.indegree * point.rate * point.model_ms * 1e-3 > MOST_EVENTS / 2:
        raise ValueError("too many events per neuron to count them exactly: reduce the model time")
    idle, full = (Timer(*network(point), point) for _ in range(2))
    now = clock(point.threads)
    start = now()
    projection = connect(full.net, full.neurons, point)
    drawn = now()
    full.net.prepare()
    built, build_peak = now(), peak_rss_mb()
    for timer in (idle, full):  # until events arrive at the rate at which they are sent
        timer.net.run(WARM_UP + round(point.longest * DT, 6))
    for _ in range(point.windows):
        for timer in (idle, full):
            timer.window()
    if full.spikes != idle.spikes:
        raise RuntimeError(f"synapses changed the spikes: {full.spikes}, {idle.spikes} without")

    wall, idle_wall = median(full.walls), median(idle.walls)
    synapses, spikes, events = len(projection), full.spikes, full.events / point.windows
    return vars(point) | {
        "synapses": synapses,
        "draw_s": drawn - start,
        "build_s": built - start,
        "ns_per_synapse_built": (built - start) * 1e9 / synapses,
        "bytes_per_synapse": full.net.engine.sim.synapse_bytes() / synapses,
        "idle_wall_s": idle_wall,
        "wall_s": wall,
        "spikes": spikes,
        "rate_hz": spikes / point.neurons / (point.windows * point.model_ms * 1e-3),
        "events": full.events,
        "ns_per_neuron_step": idle_wall * 1e9 / (point.neurons * round(point.model_ms / DT)),
        "ns_per_event": (wall - idle_wall) * 1e9 / events if events else None,
        "ns_per_event_all": wall * 1e9 / events if events else None,
        "build_peak_rss_mb": build_peak,
        "peak_rss_mb": peak_rss_mb(),
        "versions": {"spikelet": sl.__version__, "simd": sl.simd_level()},
    }


def parser(kind: type, description: str | None) -> argparse.ArgumentParser:
    """Return a parser with an option for each field of a dataclass."""
    found = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    types = {"int": int, "float": float, "str": str}
    for f in fields(kind):
        needed = f.default is MISSING
        default = None if needed else f.default
        found.add_argument(f"--{f.name}", type=types[str(f.type)], required=needed, default=default)
    return found


if __name__ == "__main__":
    print(json.dumps(run(**vars(parser(Point, __doc__).parse_args()))))
