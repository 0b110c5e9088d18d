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
import json
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from driven import DRIVE, NEURON
from measure import clock
from models import DT

import spikelet as sl
from spikelet.cli.bench_harness import about, headline

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


@dataclass(frozen=True)
class Path_:
    """One kind of plastic synapses."""

    name: str
    rule: Any
    delay: Any


def paths() -> list[Path_]:
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
        Path_(f"{name}, {kind}", rule, delay)
        for name, rule in rules.items()
        for kind, delay in (("one delay", ONE_DELAY), ("mixed delays", MIXED))
    ]


def network(args: argparse.Namespace) -> tuple[sl.Network, sl.Population, sl.SpikeRecorder]:
    """Return the network without synapses, its neurons, and a recorder of all spikes."""
    net = sl.Network(dt=DT, seed=args.seed, threads=args.threads, dtype=args.dtype)
    neurons = net.population(args.neurons, NEURON)
    net.inject(neurons, sl.PoissonInput(rate=args.rate, weight=DRIVE))
    return net, neurons, net.record(neurons, "spikes")


def measure(path: Path_ | None, args: argparse.Namespace) -> dict[str, Any]:
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
            projection.schedule_reward(
                np.arange(10.0, args.warm_up + args.model_ms, 100.0),
                np.resize([0.5, -0.3], len(np.arange(10.0, args.warm_up + args.model_ms, 100.0))),
            )
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
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--paths", nargs="*", default=[""], help="only those with one of these")
    parser.add_argument("--neurons", type=int, default=10_000)
    parser.add_argument("--indegree", type=int, default=1000)
    parser.add_argument("--rate", type=float, default=10.0, help="of each neuron, in Hz")
    parser.add_argument("--warm-up", type=float, default=300.0, help="in ms")
    parser.add_argument("--model-ms", type=float, default=500.0, help="the time measured")
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    chosen = [p for p in paths() if any(text in p.name for text in args.paths)]
    records: dict[str, list[dict[str, Any]]] = {p.name: [] for p in chosen}
    for _ in range(args.runs):
        idle = measure(None, args)
        for path in chosen:
            record = measure(path, args)
            if record["spikes"] != idle["spikes"]:
                raise RuntimeError(f"{path.name}: synapses changed the spikes")
            events = record["spikes"] * args.indegree
            record["ns_per_event"] = (record["wall_s"] - idle["wall_s"]) * 1e9 / events
            records[path.name].append(record)
            print(f"{path.name}: {record['ns_per_event']:.2f} ns", file=sys.stderr, flush=True)
    print(headline(about()))
    print(
        f"{args.neurons} neurons of in-degree {args.indegree} at {args.rate:g} Hz, {args.dtype}\n"
    )
    print("| synapses | ns/event | (min..max) |\n|---|---|---|")
    for name, runs in records.items():
        costs = [run["ns_per_event"] for run in runs]
        print(f"| {name} | {median(costs):.2f} | {min(costs):.2f}..{max(costs):.2f} |")
    if args.json is not None:
        args.json.write_text(json.dumps(records, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
