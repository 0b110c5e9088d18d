"""The networks of ``spikelet bench``, built with the public interface.

Parameters are those of ``bench/python/models.py`` in the repository, which NEST and Brian2 also use, in interpreters
without spikelet; a test asserts that the spikes are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

import spikelet as sl

DT = 0.1  # [ms]
SEED = 1


@dataclass(frozen=True)
class Built:
    """A network ready to run.

    Parameters
    ----------
    network : Network
        The network.
    recorders : list of SpikeRecorder
        Recorders that together cover each neuron once.
    neurons, synapses : int
        Numbers of neurons and synapses.
    """

    network: sl.Network
    recorders: list[sl.SpikeRecorder]
    neurons: int
    synapses: int


@dataclass(frozen=True)
class BenchNetwork:
    """A network to measure.

    Parameters
    ----------
    name, title : str
        Name in the reference, and title in the table.
    duration : float
        Duration of a run [ms].
    build : callable
        Takes the number of threads and returns the built network.
    """

    name: str
    title: str
    duration: float
    build: Callable[[int], Built]


def _cuba(threads: int) -> Built:
    """R. Brette et al., J. Comput. Neurosci. 23:349-398 (2007), benchmark 2."""
    neuron = sl.LIF(
        tau_m=20.0, C_m=200.0, E_L=-49.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0,
        tau_syn_ex=5.0, tau_syn_in=10.0,
    )  # fmt: skip
    return _brette(neuron, 16.2, -90.0, threads)


def _coba(threads: int) -> Built:
    """Benchmark 1 of the same paper, with the resting potential of benchmark 2: activity starts by itself."""
    neuron = sl.LIFCond(
        C_m=200.0, g_L=10.0, E_L=-49.0, E_ex=0.0, E_in=-80.0, V_th=-50.0, V_reset=-60.0, t_ref=5.0,
        tau_syn_ex=5.0, tau_syn_in=10.0,
    )  # fmt: skip
    return _brette(neuron, 6.0, -67.0, threads)


def _brette(
    neuron: sl.LIF | sl.LIFCond, excitatory: float, inhibitory: float, threads: int
) -> Built:
    net = sl.Network(dt=DT, seed=SEED, threads=threads)
    populations = [net.population(3200, neuron), net.population(800, neuron)]
    _scatter(populations, -60.0, -50.0)
    projections = [
        net.connect(pre, post, sl.FixedProbability(0.02), weight=weight, delay=DT)
        for pre, weight in zip(populations, (excitatory, inhibitory), strict=True)
        for post in populations
    ]
    return _ready(net, populations, projections)


def _brunel(threads: int) -> Built:
    """N. Brunel, J. Comput. Neurosci. 8:183-208 (2000): network A with g = 5 and twice the threshold drive."""
    return _brunel_with(None, threads)


def _plastic_brunel(threads: int) -> Built:
    """Build the same network with additive STDP between excitatory neurons; a pair changes a weight by 1 %."""
    stdp = sl.STDP(
        tau_plus=20.0, tau_minus=20.0, A_plus=0.001, A_minus=0.00105, w_max=0.2,
        coincidence="ignore",
    )  # fmt: skip
    return _brunel_with(stdp, threads)


def _brunel_with(stdp: sl.STDP | None, threads: int) -> Built:
    net = sl.Network(dt=DT, seed=SEED, threads=threads)
    neuron = sl.LIFDelta(tau_m=20.0, E_L=0.0, V_th=20.0, V_reset=0.0, t_ref=2.0)
    populations = excitatory, inhibitory = (
        net.population(10_000, neuron),
        net.population(2_500, neuron),
    )
    # Equal initial potentials would synchronise the plastic network.
    _scatter(populations, 0.0, 0.0 if stdp is None else 20.0)
    projections = [
        net.connect(
            pre,
            post,
            sl.FixedIndegree(indegree),
            weight=weight,
            delay=1.5,
            plasticity=stdp if pre is post is excitatory else None,
        )
        for pre, indegree, weight in ((excitatory, 1000, 0.1), (inhibitory, 250, -0.5))
        for post in populations
    ]
    for population in populations:
        net.inject(population, sl.PoissonInput(rate=20_000.0, weight=0.1))
    return _ready(net, populations, projections)


def _microcircuit(threads: int) -> Built:
    """Build a tenth of the cortical microcircuit, with a tenth of the inputs."""
    from spikelet.models import microcircuit  # noqa: PLC0415  # only where it is used

    circuit = microcircuit(scale=0.1, seed=SEED, threads=threads)
    return Built(
        circuit.network,
        list(circuit.record().values()),
        sum(map(len, circuit.populations.values())),
        sum(map(len, circuit.projections.values())),
    )


def _scatter(
    populations: tuple[sl.Population, ...] | list[sl.Population], low: float, high: float
) -> None:
    values = np.random.default_rng(SEED).uniform(low, high, sum(map(len, populations)))
    first = 0
    for population in populations:
        population.V_m = values[first : first + len(population)]
        first += len(population)


def _ready(
    net: sl.Network,
    populations: tuple[sl.Population, ...] | list[sl.Population],
    projections: list[sl.Projection],
) -> Built:
    return Built(
        net,
        [net.record(population, "spikes") for population in populations],
        sum(map(len, populations)),
        sum(map(len, projections)),
    )


NETWORKS = (
    BenchNetwork("cuba", "CUBA 4000", 2000.0, _cuba),
    BenchNetwork("coba", "COBA 4000", 1000.0, _coba),
    BenchNetwork("brunel", "Brunel 12500", 500.0, _brunel),
    BenchNetwork("plastic_brunel", "Brunel plastic", 200.0, _plastic_brunel),
    BenchNetwork("microcircuit", "microcircuit", 1000.0, _microcircuit),
)
"""The networks in the order of the table."""
