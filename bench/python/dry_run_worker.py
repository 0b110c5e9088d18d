"""Run one rank of a network of many ranks without the others, to measure its memory and time.

The messages of the other ranks are copies of this one's, with their spikes moved to the elements
that those ranks own. So this process has the synapses, row tables, spikes and events that it would
have among M ranks, but never waits. NEST has such a mode (Kunkel & Schenck 2017, "The NEST dry-run
mode"). It covers neither communication between machines nor differences between ranks.

As in driven.py, synapses are counted but change no spike. Times are CPU times: the process never
waits, and other programs on a busy machine disturb CPU times less. Prints one line of JSON;
dry_run.py starts this program.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median
from time import perf_counter, process_time
from typing import Any

import numpy as np
from driven import DRIVE, MOST_EVENTS, NEURON, WEIGHT, parser
from measure import peak_rss_mb
from models import DT

import spikelet as sl
from spikelet import ranks

BLOCK = 64  # elements: a rank owns whole blocks


@dataclass(frozen=True, kw_only=True)
class Point:
    """One rank of a network; times are in ms and rates in Hz."""

    ranks: int
    neurons: int
    """Neurons of each rank, a multiple of 64."""
    indegree: int
    rate: float = 8.0
    """Rate of each neuron's drive, as in driven.py."""
    delay: int = 15
    """Delay in steps, at most 32; also the steps between exchanges."""
    model_ms: float = 150.0
    """Simulated length of a timed window, a whole number of exchanges."""
    windows: int = 5
    seed: int = 1
    plastic: int = 0
    """1 gives the synapses STDP, which changes no weight."""


class Copies:
    """A communicator for rank 0 of many; the messages of the others are made from its own.

    Parameters
    ----------
    point : Point
        The network: which elements the other ranks own, and how many steps a message covers.
    """

    rank = 0

    def __init__(self, point: Point) -> None:
        self.size = point.ranks
        self.seconds = self.cpu_seconds = 0.0  # spent here, not a cost of the simulation
        self._header = 2 + point.delay  # words: spikes, stop, spikes of each step
        self._moved = np.arange(point.ranks, dtype=np.uint32)[:, None] * np.uint32(point.neurons)
        self._room = 0

    def Allgather(self, own: Any, everyone: Any) -> None:  # the names are mpi4py's
        """Copy the message and move its spikes."""
        start, cpu = perf_counter(), process_time()
        message = np.frombuffer(own, np.uint32)
        messages = np.frombuffer(everyone, np.uint32).reshape(self.size, -1)
        messages[:] = message
        self._room = len(message) - self._header
        sent = self._header + min(int(message[0]), self._room)
        messages[:, self._header : sent] += self._moved
        self.seconds += perf_counter() - start
        self.cpu_seconds += process_time() - cpu

    def Allgatherv(self, own: Any, everyone: Any) -> None:
        """Copy the part that did not fit into the first message."""
        start, cpu = perf_counter(), process_time()
        rest = np.frombuffer(own, np.uint32)
        np.frombuffer(everyone[0], np.uint32).reshape(self.size, -1)[:] = rest + self._moved
        self.seconds += perf_counter() - start
        self.cpu_seconds += process_time() - cpu

    def Allreduce(self, own: Any, least: Any, operation: object) -> None:  # noqa: ARG002
        """Return the value itself, as all ranks have the same."""
        least[:] = own

    def Dup(self) -> Copies:
        """Return this communicator: no other messages can interfere."""
        return self


class DryRanks(ranks.Ranks):
    """Ranks that do not communicate: what is read from the network is this rank's part."""

    minimum = None

    def gather(self, what: str, value: Any) -> list[Any]:  # noqa: ARG002
        """Return this rank's value for every rank."""
        return [value] * self.size

    def concatenate(self, what: str, begin: int, values: Any) -> Any:  # noqa: ARG002
        """Return this rank's part."""
        return values


def resident_mb() -> float:
    """Return the resident memory of this process, in MB (10^6 bytes); nan where /proc is missing."""
    status = Path("/proc/self/status")
    found = re.search(r"VmRSS:\s+(\d+) kB", status.read_text()) if status.exists() else None
    return int(found[1]) * 1024 / 1e6 if found else float("nan")


class Timer:
    """Run a network and split its time."""

    def __init__(self, net: sl.Network, comm: Copies, point: Point) -> None:
        self.net, self.comm, self.point = net, comm, point
        self.run: list[float] = []
        self.exchange: list[float] = []

    def window(self) -> None:
        """Run one timed window."""
        before, copied, copying = self.net.exchanges, self.comm.seconds, self.comm.cpu_seconds
        start = process_time()
        self.net.run(self.point.model_ms)
        self.run.append(process_time() - start - (self.comm.cpu_seconds - copying))
        # Wall time: it is short, and the minimum over windows is used.
        exchange = self.net.exchanges.seconds - before.seconds
        self.exchange.append(exchange - (self.comm.seconds - copied))


def build(
    point: Point, *, synapses: bool, real: bool = False
) -> tuple[sl.Network, sl.Population, Copies]:
    """Return a network after layout, its neurons, and the stand-in for ranks that are not real."""
    comm = Copies(point)
    among = DryRanks(comm) if point.ranks > 1 else None
    net = sl.Network(dt=DT, seed=point.seed, threads=1, comm="world" if real else among)
    neurons = net.population(point.ranks * point.neurons, NEURON)
    net.inject(neurons, sl.PoissonInput(rate=point.rate, weight=DRIVE))
    if synapses:
        # A distribution gives each synapse its own weight, although all are equal: a constant would
        # be stored only once per cache line. STDP needs weights of at least 0.
        net.connect(
            neurons,
            neurons,
            sl.FixedIndegree(point.indegree),
            weight=sl.Normal(-WEIGHT if point.plastic else WEIGHT, 0.0),
            delay=point.delay * DT,
            receptor="inhibitory",
            plasticity=sl.STDP(A_plus=0.0, A_minus=0.0, w_max=-WEIGHT) if point.plastic else None,
        )
    net.prepare()
    return net, neurons, comm


def run(*, real: bool = False, **settings: Any) -> dict[str, Any]:
    """Return the JSON record of one rank of a `Point`; with `real`, mpiexec has started the other ranks as well.

    Raises
    ------
    RuntimeError
        If the number of spikes or events is wrong.
    """
    point = Point(**settings)
    empty = resident_mb()
    # Without synapses, intervals have other lengths and there is nothing to exchange.
    idle, _, idle_comm = build(replace(point, ranks=1), synapses=False)
    neurons_mb = resident_mb() - empty
    start = process_time()
    net, neurons, comm = build(point, synapses=True, real=real)
    build_s = process_time() - start
    built, build_peak = resident_mb(), peak_rss_mb()
    alone = point.ranks == 1
    full, without = Timer(net, comm, point), Timer(idle, idle_comm, point)
    for timer in (full, without):  # until the event rate is steady and buffers have grown
        timer.net.run(point.model_ms)
    neurons.I_syn_in[:] = 0.0
    before, steps = net.exchanges, round(point.model_ms / DT)
    for _ in range(point.windows):
        full.window()
        without.window()
    arrived = neurons.I_syn_in[:][: point.neurons]  # at the first rank, even if all are real
    events = round(abs(np.sum(arrived, dtype=np.float64) / WEIGHT)) / point.windows
    after = net.exchanges
    exchanges = max((after.number - before.number) / point.windows, 1)
    spikes = (after.spikes - before.spikes) / point.windows
    if alone:
        spikes = events / point.indegree
    elif abs(events / (point.indegree * spikes / point.ranks) - 1) > 0.1:
        raise RuntimeError(f"{events:.0f} events of {spikes:.0f} spikes in a window")
    exchange = 0.0 if alone else min(full.exchange)
    neurons_s, run_s = median(without.run), median(full.run)
    synapses, size = point.neurons * point.indegree, net.engine.sim.synapse_bytes()
    return vars(point) | {
        "network": point.ranks * point.neurons,
        "delay_ms": round(point.delay * DT, 6),
        "synapses": synapses,
        "build_s": build_s,
        "empty_mb": empty,
        "neurons_mb": neurons_mb,
        "built_mb": built - empty - neurons_mb,
        "ran_mb": (rss := resident_mb()) - built,
        "rss_mb": rss,
        "build_peak_mb": build_peak,
        "peak_mb": peak_rss_mb(),
        "synapse_bytes": size,
        "synapse_mb": size / 1e6,
        "bytes_per_synapse": size / synapses,
        "steps": steps,
        "spikes_a_step": spikes / steps,
        "events_a_step": events / steps,
        "exchanges": exchanges,
        "bytes_sent": (after.bytes_sent - before.bytes_sent) / point.windows / exchanges,
        "bytes_received": (after.bytes_received - before.bytes_received) / point.windows / exchanges,
        "us_neurons": neurons_s / steps * 1e6,
        "us_exchange": exchange / steps * 1e6,
        "us_spikes": (run_s - exchange - neurons_s) / steps * 1e6,
        "us_step": run_s / steps * 1e6,
        "ns_per_spike": (run_s - exchange - neurons_s) / spikes * 1e9,
        "ns_per_event": (run_s - exchange - neurons_s) / events * 1e9,
        "us_run": [t / steps * 1e6 for t in full.run],
        "versions": {"spikelet": sl.__version__, "simd": sl.simd_level()},
    }  # fmt: skip


def main() -> None:
    options = parser(Point, __doc__)
    options.add_argument("--real", action="store_true", help="run among real ranks, under mpiexec")
    args = vars(options.parse_args())
    point = Point(**{name: value for name, value in args.items() if name != "real"})
    if point.neurons % BLOCK or point.neurons < BLOCK:
        options.error(f"--neurons must be a multiple of {BLOCK}")
    if round(point.model_ms / DT) % point.delay or not 1 <= point.delay <= 32:
        options.error("--delay must be 1 to 32 steps, and --model_ms a whole number of delays")
    if point.indegree * point.rate * point.model_ms * point.windows * 1e-3 > MOST_EVENTS / 2:
        options.error("too many events per neuron to count them exactly: reduce --model_ms")
    if args["real"] and ranks.ranks_of("world").size != point.ranks:
        options.error("--real needs --ranks ranks under mpiexec")
    record = run(**args)
    if not args["real"] or ranks.ranks_of("world").rank == 0:
        print(json.dumps(record))


if __name__ == "__main__":
    main()
