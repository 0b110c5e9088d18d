"""PyNN scripts whose results are the same on every simulator; with a file name as its argument it runs on pyNN.nest."""

from __future__ import annotations

import pickle
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
from pyNN.random import NumpyRNG, RandomDistribution

DEPENDENCES = {
    "additive": ("AdditiveWeightDependence", {}),
    "multiplicative": ("MultiplicativeWeightDependence", {}),
    "mixed": ("AdditivePotentiationMultiplicativeDepression", {}),
    "power": (
        "GutigWeightDependence",
        {"mu_plus": 0.5, "mu_minus": 0.5},
    ),  # pyNN.nest has no others
}


def connections(sim: Any, **setup: Any) -> dict[str, Any]:
    """Return sorted lists of weights and delays of many projections, drawn from one generator."""
    sim.setup(timestep=0.1, min_delay=0.1, **setup)
    rng = NumpyRNG(seed=1)
    exc, inh = (sim.Population(n, sim.IF_curr_exp(), label=f"{n} cells") for n in (30, 10))
    ends = [
        (exc, exc, 0.0162),
        (exc, inh, 0.0162),
        (inh, exc + inh, -0.09),
        (exc[5:20], exc[10:], 0.1),
    ]
    kinds = {
        "probability": sim.FixedProbabilityConnector(0.1, rng=rng),
        "others": sim.AllToAllConnector(allow_self_connections=False),
        "one": sim.OneToOneConnector(),
        "pre": sim.FixedNumberPreConnector(5, rng=rng),
        "post": sim.FixedNumberPostConnector(5, rng=rng, with_replacement=True),
        "distance": sim.DistanceDependentProbabilityConnector(
            "0.5*exp(-d/10)", rng=rng, allow_self_connections=False
        ),
        "total": sim.FixedTotalNumberConnector(33, rng=rng),
        "random number": sim.FixedNumberPreConnector(
            RandomDistribution("uniform_int", (1, 4), rng=rng), rng=rng
        ),
    }
    found = {}
    for k, (pre, post, w) in enumerate(ends):
        receptor = "excitatory" if w > 0 else "inhibitory"
        limits = (0.0, w) if w > 0 else (w, 0.0)
        random = RandomDistribution("normal_clipped", (w, 0.5 * abs(w), *limits), rng=rng)
        synapses = {
            "fixed": sim.StaticSynapse(weight=w, delay=1.5),
            "far": sim.StaticSynapse(weight=random, delay="0.5+0.01*d"),
            "random": sim.StaticSynapse(
                weight=w, delay=RandomDistribution("uniform", (0.5, 2.0), rng=rng)
            ),
        }
        for name, connector in kinds.items():
            for what, synapse in synapses.items():
                projection = sim.Projection(pre, post, connector, synapse, receptor_type=receptor)
                found[f"{k} {name} {what}"] = projection.get(["weight", "delay"], "list")
        projection.set(weight=RandomDistribution("uniform", sorted((0.0, w)), rng=rng))
        found[f"{k} set"] = projection.get(["weight", "delay"], "list")
    return {name: np.array(sorted(rows), dtype=float) for name, rows in found.items()}


def _on_time(times: Any) -> Any:
    """Return times on the grid that pyNN.nest does not move by a step: it subtracts the shortest delay, 0.1 ms."""
    rounded = np.unique(np.round(times, 1))
    return rounded[rounded - 0.1 <= np.round(rounded - 0.1, 1)]


def learning(sim: Any, **setup: Any) -> dict[str, Any]:
    """Return the weights that STDP leaves, and what short-term plasticity does to conductances."""
    sim.setup(timestep=0.1, min_delay=0.1, **setup)
    rng = np.random.default_rng(3)
    trains = [_on_time(rng.uniform(5.0, 400.0, 40)) for _ in range(8)]
    pre = sim.Population(8, sim.SpikeSourceArray(spike_times=[[*train, 600.0] for train in trains]))
    driver = sim.Population(
        4, sim.SpikeSourceArray(spike_times=[_on_time(train + 0.7) for train in trains[:4]])
    )
    post = sim.Population(4, sim.IF_curr_exp(tau_refrac=2.0, tau_syn_E=0.5))
    sim.Projection(
        driver,
        post,
        sim.OneToOneConnector(),
        sim.StaticSynapse(weight=25.0, delay=0.3),
        receptor_type="excitatory",
    )
    projections = {}
    for name, (kind, more) in DEPENDENCES.items():
        rule = sim.STDPMechanism(
            sim.SpikePairRule(tau_plus=15.0, tau_minus=25.0, A_plus=0.02, A_minus=0.018),
            getattr(sim, kind)(w_min=0.0, w_max=0.004, **more),
            weight=0.002,
            delay=1.3,
        )
        projections[name] = sim.Projection(
            pre, post, sim.AllToAllConnector(), rule, receptor_type="excitatory"
        )
    cells = sim.Population(3, sim.IF_cond_exp(e_rev_I=-75, tau_syn_I=[1.2, 6.7, 4.3]))
    for place, U, tau_rec, tau_facil in ((0, 0.5, 800.0, 0.0), (1, 0.04, 100.0, 1000.0)):
        synapse = sim.TsodyksMarkramSynapse(
            U=U, tau_rec=tau_rec, tau_facil=tau_facil, weight=0.01, delay=0.5
        )
        sim.Projection(
            pre[place : place + 1],
            cells,
            sim.AllToAllConnector(),
            synapse,
            receptor_type="inhibitory",
        )
    cells.record("gsyn_inh")
    post.record("spikes")
    sim.run(610.0)
    found = {name: np.array(p.get("weight", "array")) for name, p in projections.items()}
    found["gsyn"] = np.asarray(cells.get_data().segments[0].analogsignals[0].magnitude)[1:]
    found["spikes"] = np.concatenate(
        [np.asarray(t) for t in post.get_data().segments[0].spiketrains]
    )
    return found


def cuba(sim: Any, **setup: Any) -> dict[str, Any]:
    """Return the spikes and the number of synapses of a network as a user of PyNN writes it."""
    sim.setup(timestep=0.1, min_delay=1.5, max_delay=1.5, **setup)
    cell = sim.IF_curr_exp(
        tau_m=20.0, cm=0.2, v_rest=-49.0, v_thresh=-50.0, v_reset=-60.0, tau_refrac=5.0, tau_syn_E=5.0, tau_syn_I=10.0
    )  # fmt: skip
    rng = NumpyRNG(seed=1)
    exc = sim.Population(320, cell, label="E")
    inh = sim.Population(80, cell, label="I")
    for population in (exc, inh):
        population.initialize(v=RandomDistribution("uniform", (-60.0, -50.0), rng=rng))
    stdp = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(
            tau_plus=20.0, tau_minus=20.0, A_plus=0.01, A_minus=0.0105
        ),
        weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=0.0324),
        weight=RandomDistribution("normal", (0.0162, 0.0016), rng=rng),
        delay=1.5,
    )
    connector = sim.FixedProbabilityConnector(0.2, rng=rng)
    plastic = sim.Projection(exc, exc, connector, stdp, receptor_type="excitatory")
    fixed = sim.StaticSynapse(weight=0.0162, delay=1.5)
    sim.Projection(exc, inh, connector, fixed, receptor_type="excitatory")
    for post in (exc, inh):
        synapse = sim.StaticSynapse(weight=-0.09, delay=1.5)
        sim.Projection(inh, post, connector, synapse, receptor_type="inhibitory")
    exc.record("spikes")
    inh.record("spikes")
    sim.run(300.0)
    trains = [p.get_data("spikes").segments[0].spiketrains for p in (exc, inh)]
    spikes = [np.asarray(train).round(6) for each in trains for train in each]
    return {"spikes": spikes, "pairs": [row[:2] for row in plastic.get("weight", format="list")]}


if __name__ == "__main__":
    warnings.simplefilter("ignore")
    import pyNN.nest

    exact = {"spike_precision": "on_grid"}
    cases = (connections, learning, cuba)
    results = {case.__name__: case(pyNN.nest, **exact) for case in cases}
    Path(sys.argv[1]).write_bytes(pickle.dumps(results))
