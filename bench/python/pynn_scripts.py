"""A PyNN user's scripts on pyNN.nest and on spikelet.pynn: seconds of one core to build, run and read.

    python bench/python/pynn_scripts.py [--neurons 5000] [--runs 3]

needs NEST beside PyNN. Each run has a process of its own; they alternate, and the median counts.
"""

from __future__ import annotations

import importlib
import itertools
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

from spikelet.cli import bench_harness as harness

WORKER = Path(__file__).with_name("worker.py")
SIMULATORS = ("pyNN.nest", "spikelet.pynn")
CASES = ("CUBA", "FixedProbability", "FixedNumberPre", "DistanceDependent")


def cuba(sim: Any, clock: Callable[[], None]) -> int:
    """Build, run and read 4000 neurons with STDP; return the number of spikes of excitatory ones."""
    random = importlib.import_module("pyNN.random")
    rng = random.NumpyRNG(seed=1)
    options = {"spike_precision": "on_grid"} if sim.__name__ == "pyNN.nest" else {}
    sim.setup(timestep=0.1, min_delay=1.5, max_delay=1.5, threads=1, **options)
    cell = sim.IF_curr_exp(
        tau_m=20.0, cm=0.2, v_rest=-49.0, v_thresh=-50.0, v_reset=-60.0, tau_refrac=5.0, tau_syn_E=5.0, tau_syn_I=10.0
    )  # fmt: skip
    exc, inh = sim.Population(3200, cell, label="E"), sim.Population(800, cell, label="I")
    for population in (exc, inh):
        population.initialize(v=random.RandomDistribution("uniform", (-60.0, -50.0), rng=rng))
    stdp = sim.STDPMechanism(
        timing_dependence=sim.SpikePairRule(
            tau_plus=20.0, tau_minus=20.0, A_plus=0.01, A_minus=0.0105
        ),
        weight_dependence=sim.AdditiveWeightDependence(w_min=0.0, w_max=0.0324),
        weight=random.RandomDistribution("normal", (0.0162, 0.0016), rng=rng),
        delay=1.5,
    )
    connector = sim.FixedProbabilityConnector(0.02, rng=rng)
    plastic = sim.Projection(exc, exc, connector, stdp, receptor_type="excitatory")
    fixed = sim.StaticSynapse(weight=0.0162, delay=1.5)
    sim.Projection(exc, inh, connector, fixed, receptor_type="excitatory")
    for post in (exc, inh):
        synapse = sim.StaticSynapse(weight=-0.09, delay=1.5)
        sim.Projection(inh, post, connector, synapse, receptor_type="inhibitory")
    exc.record("spikes")
    inh.record("spikes")
    sim.run(0.1)  # what is made at the first step belongs to building
    clock()
    sim.run(999.9)
    clock()
    trains = exc.get_data("spikes").segments[0].spiketrains
    plastic.get("weight", format="list")
    clock()
    return sum(len(train) for train in trains)


def connect(sim: Any, n: int, kind: str) -> int:
    """Connect n neurons with themselves; return the number of synapses."""
    random = importlib.import_module("pyNN.random")
    sim.setup(timestep=0.1, min_delay=0.1, threads=1)
    cells = sim.Population(n, sim.IF_curr_exp())
    rng = random.NumpyRNG(1)
    weight = random.RandomDistribution("uniform", (0.0, 1.0), rng=random.NumpyRNG(2))
    how = {
        "FixedProbability": (sim.FixedProbabilityConnector(0.1, rng=rng), weight),
        "FixedNumberPre": (sim.FixedNumberPreConnector(n // 10, rng=rng), 0.1),
        "DistanceDependent": (sim.DistanceDependentProbabilityConnector("0.3*exp(-d/500)", rng=rng), 0.1),
    }  # fmt: skip
    connector, value = how[kind]
    projection = sim.Projection(cells, cells, connector, sim.StaticSynapse(weight=value, delay=1.0))
    sim.run(0.1)
    return len(projection)


def run(simulator: str, case: str, neurons: int) -> dict[str, Any]:
    """Run one case in this process, and return what it took."""
    warnings.simplefilter("ignore")
    sim = importlib.import_module(simulator)
    times = [time.process_time()]

    def clock() -> None:
        times.append(time.process_time())

    if case == "CUBA":
        count = cuba(sim, clock)
    else:
        count = connect(sim, neurons, case)
        clock()
    taken = [b - a for a, b in itertools.pairwise(times)]
    return {"count": count, **dict(zip(("build", "run", "read"), taken, strict=False))}


def main() -> None:
    """Print a table."""
    parser = harness.parser(__doc__, runs=3)
    parser.add_argument("--neurons", type=int, default=5000)
    args, origin = parser.parse_args(), harness.about()

    def once(which: tuple[str, str], _: int) -> dict[str, Any]:
        case, simulator = which
        settings = {"simulator": simulator, "case": case, "neurons": args.neurons}
        return harness.call(sys.executable, WORKER, "pynn_scripts.run", settings)

    cases = itertools.product(CASES, SIMULATORS)
    results = harness.take_turns(cases, range(args.runs), once, "{build:.2f} s", good="build")
    rows = []
    for case, part in itertools.product(CASES, ("build", "run", "read")):
        both = [results[case, simulator] for simulator in SIMULATORS]
        nest, ours = (harness.middle(runs, part) for runs in both)
        if nest is None or ours is None:
            continue
        counts = sorted({run["count"] for runs in both for run in runs})
        number = " or ".join(map(str, counts))
        rows.append([f"{case}, {part}", f"{nest:.2f}", f"{ours:.2f}", f"{nest / ours:.0f}", number])
    table = harness.markdown(("", "pyNN.nest s", "spikelet.pynn s", "ratio", "count"), rows)
    harness.show(args, origin, results, [table])


if __name__ == "__main__":
    main()
