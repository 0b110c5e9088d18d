"""Show what a plastic synapse costs for each rule, pairing and kind of delays.

    python bench/python/plastic_paths.py --runs 3
    python bench/python/plastic_paths.py --paths "power" "reward" --dtype float64

The network is random, with a drive that makes each neuron spike at a given rate whatever its
synapses do: their weights are far too small to matter, so that all paths have the same spikes. An
event is a spike of a source at one of its synapses. Its cost is the time of the network minus that
of the network without synapses, divided by the events: the update of the weight, its delivery, and
the share of the targets' spikes. The first row has static synapses of the same number. Paths take
turns in each run; the times of one thread are CPU times; the table shows medians and extremes over the runs.
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from typing import Any

import numpy as np
from driven import DRIVE, NEURON
from measure import clock
from models import DT

import spikelet as sl
from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

W_MAX = 1e-6  # pA: a thousand of them at once do not change the time of any spike
ONE_DELAY = 1.5  # ms
MIXED = sl.Uniform(DT / 2, 1.6 + DT / 2, clip=(DT, 1.6))  # ms: 1 to 16 steps, equally frequent
PAIRINGS = ("all_to_all", "nearest_symmetric", "nearest_pre_centered", "nearest_restricted")
BOUNDS = {"w_min": 0.0, "w_max": W_MAX}
STEP = 0.01 * W_MAX
DEPENDENCES: dict[str, dict[str, Any]] = {
    "additive": {},
    "multiplicative": {},
    "power": {"mu_plus": 0.4, "mu_minus": 0.4},
    # A_plus w^mu is a hundredth of w at half of W_MAX, as A_minus w is.
    "power_law": {
        "mu_plus": 0.4,
        "A_plus": 0.01 * (W_MAX / 2) ** 0.6,
        "A_minus": 0.01,
        "w_max": 1.0,
    },
}


@dataclass(frozen=True, eq=False)
class Path:
    """One kind of plastic synapses."""

    synapses: str
    rule: Any
    delay: Any

    def __str__(self) -> str:
        return self.synapses


def paths() -> list[Path]:
    """Return all paths; static synapses come first."""
    rules: dict[str, Any] = {"static": None}
    for dependence, pairing in product(DEPENDENCES, PAIRINGS):
        given = {"A_plus": STEP, "A_minus": STEP, **BOUNDS, **DEPENDENCES[dependence]}
        rules[f"STDP {dependence}, {pairing}"] = sl.STDP(
            pairing=pairing, dependence=dependence, **given
        )
    rules["TripletSTDP"] = sl.TripletSTDP(
        A_plus=STEP, A_minus=STEP, A_plus_triplet=STEP, A_minus_triplet=STEP, **BOUNDS
    )
    rules["InhibitorySTDP"] = sl.InhibitorySTDP(eta=STEP, alpha=0.4, w_max=W_MAX)
    rules["DiehlCookSTDP"] = sl.DiehlCookSTDP(eta_pre=STEP, eta_post=STEP, **BOUNDS)
    rules["RewardSTDP"] = sl.RewardSTDP(
        A_plus=STEP, A_minus=STEP, tau_c=500.0, tau_n=100.0, **BOUNDS
    )
    rules["TsodyksMarkram"] = sl.TsodyksMarkram(U=0.5, tau_rec=200.0, tau_fac=50.0)
    return [
        Path(f"{name}, {kind}", rule, delay)
        for name, rule in rules.items()
        for kind, delay in (("one delay", ONE_DELAY), ("mixed delays", MIXED))
    ]


def network(args: argparse.Namespace) -> tuple[sl.Network, sl.Population, sl.SpikeRecorder]:
    """Return the network without synapses, its neurons, and a recorder of all spikes."""
    net = sl.Network(dt=DT, seed=args.seed, threads=args.threads, dtype=args.dtype)
    neurons = net.population(args.neurons, NEURON)
    net.inject(neurons, sl.PoissonInput(rate=args.rate, weight=DRIVE))
    return net, neurons, net.record(neurons, "spikes")


def measure(path: Path | None, args: argparse.Namespace) -> dict[str, Any]:
    """Build and run one network; return its wall time, its spikes and a name of the layout."""
    net, neurons, recorder = network(args)
    layout = ""
    if path is not None:
        inhibitory = isinstance(path.rule, sl.InhibitorySTDP)
        low, high = (-0.9 * W_MAX, -0.1 * W_MAX) if inhibitory else (0.1 * W_MAX, 0.9 * W_MAX)
        projection = net.connect(
            neurons,
            neurons,
            sl.FixedIndegree(args.indegree),
            weight=sl.Uniform(low, high),
            delay=path.delay,
            plasticity=path.rule,
        )
        if isinstance(path.rule, sl.RewardSTDP):
            times = np.arange(10.0, args.warm_up + args.model_ms, 100.0)
            projection.schedule_reward(times, np.resize([0.5, -0.3], len(times)))
        net.prepare()
        layout = repr(projection)
    net.run(args.warm_up)
    recorder.clear()
    now = clock(args.threads)
    start = now()
    net.run(args.model_ms)
    wall = now() - start
    return {"wall_s": wall, "spikes": len(recorder.times), "layout": layout}


def main() -> None:
    """Measure the chosen paths and print a table."""
    parser = harness.parser(__doc__, runs=1, zero=["warm_up"])
    add = parser.add_argument
    add("--paths", nargs="*", default=[""], help="only those with one of these")
    add("--neurons", type=int, default=10_000)
    add("--indegree", type=int, default=1000)
    add("--rate", type=float, default=10.0, help="of each neuron, in Hz")
    add("--warm-up", type=float, default=300.0, help="in ms")
    add("--model-ms", type=float, default=500.0, help="the time measured")
    add("--threads", type=int, default=1)
    add("--dtype", default="float32")
    add("--seed", type=int, default=1)
    args, origin = parser.parse_args(), harness.about()
    idle: dict[int, Record] = {}

    def once(path: Path, run: int) -> Record:
        if run not in idle:
            idle[run] = measure(None, args)
        record = measure(path, args)
        if record["spikes"] != idle[run]["spikes"]:
            raise RuntimeError(f"{path}: synapses changed the spikes")
        added = record["wall_s"] - idle[run]["wall_s"]
        return record | {"ns_per_event": added * 1e9 / (record["spikes"] * args.indegree)}

    chosen = [path for path in paths() if any(text in str(path) for text in args.paths)]
    results = harness.take_turns(chosen, range(args.runs), once, "{ns_per_event:.2f} ns")
    settings = (
        f"{args.neurons} neurons of in-degree {args.indegree} at {args.rate:g} Hz, {args.dtype}"
    )
    columns = {"ns/event": "ns_per_event .2f", "(min..max)": harness.spread("ns_per_event")}
    texts = [settings, harness.table(results, ["synapses"], columns)]
    harness.show(args, origin, [], texts, paths={str(path): of for path, of in results.items()})


if __name__ == "__main__":
    main()
