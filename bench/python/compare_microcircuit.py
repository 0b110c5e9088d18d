"""Run the cortical microcircuit on spikelet and NEST; print its cost and its activity.

Each run is a process of its own. Runs of different simulators alternate, so that a disturbance of
the machine hits all of them. Full scale takes 15 GB and minutes on NEST.

    python bench/python/compare_microcircuit.py --scale 0.1 --seconds 2 --runs 3
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from microcircuit import describe
from microcircuit_report import (
    DISTRIBUTIONS,
    Distances,
    activity,
    costs,
    distances,
    distinct,
    rates,
    verdict,
)

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")
SIMULATORS = ("spikelet", "nest")
LEVELS = ("best", "baseline", "v3", "v4")


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    threads: int
    simulator: str
    dtype: str
    level: str
    """SIMD level of spikelet; "-" for others."""
    weights: str = "float"
    """How spikelet stores weights."""

    def __str__(self) -> str:
        words = [self.simulator, self.dtype, f"{self.threads} thread" + "s" * (self.threads > 1)]
        words += [] if self.level in ("-", "best") else [self.level]
        return " ".join([*words, "int16"] if self.weights == "int16" else words)


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, *SIMULATORS, runs=3, seed=1, zero=["presim"])
    add = parser.add_argument
    add("--scale", type=float, default=1.0, help="factor on the numbers of neurons (default: 1)")
    add("--K-scale", type=float, help="factor on the numbers of inputs (default: as --scale)")
    add("--input", choices=["poisson", "dc"], default="poisson")
    add("--dt", type=float, default=0.1, metavar="MS", help="time step (default: 0.1)")
    add("--seconds", type=float, default=10.0, help="timed model time (default: 10)")
    add("--presim", type=float, default=500.0, metavar="MS",
        help="model time before the timed run (default: 500)")  # fmt: skip
    add("--simulators", nargs="+", choices=SIMULATORS, default=SIMULATORS)
    add("--threads", type=int, nargs="+", default=[1])
    add("--dtype", nargs="+", choices=["float32", "float64"], default=["float32"],
        help="data type of spikelet (default: float32); NEST computes in float64")  # fmt: skip
    add("--weights", nargs="+", choices=["float", "int16"], default=["float"],
        help="weights of spikelet; with int16, neurons have one synaptic current")  # fmt: skip
    add("--simd", nargs="+", choices=LEVELS, default=["best"], help="SIMD levels of spikelet")
    add("--neurons", type=int, default=200, help="neurons to correlate (default: 200)")
    args: argparse.Namespace = parser.parse_args()
    if args.neurons < 2 or args.seed < 1:
        parser.error("--neurons must be 2 or more, --seed positive")
    args.K_scale = args.scale if args.K_scale is None else args.K_scale
    return args


def cases(args: argparse.Namespace) -> list[Case]:
    """Return the rows of the table."""
    found = []
    for threads, simulator in product(args.threads, SIMULATORS):
        if simulator not in args.simulators:
            continue
        if simulator == "spikelet":
            found += [
                Case(threads, simulator, dtype, level, weights)
                for dtype, level, weights in product(args.dtype, args.simd, args.weights)
            ]
        else:
            found.append(Case(threads, simulator, "float64", "-"))
    return found


def run_all(
    args: argparse.Namespace, circuit: dict[str, Any], folder: Path
) -> dict[Case, list[Record]]:
    """Run all cases with all seeds, in turn, and add the statistics of their activity."""
    description = folder / "circuit.json"
    description.write_text(json.dumps(circuit))

    def once(case: Case, seed: int) -> Record:
        spikes = folder / "spikes.npz"
        settings = {"dtype": case.dtype, "weights": case.weights, "threads": case.threads, "seed": seed,
                    "presim": args.presim, "duration": args.seconds * 1e3, "circuit": description,
                    "spikes": spikes}  # fmt: skip
        record = harness.call(
            getattr(args, f"{case.simulator}_python"), WORKER, f"microcircuit.on_{case.simulator}",
            settings, threads=case.threads,
            environment={"SPIKELET_SIMD": case.level} if case.level in LEVELS[1:] else {},
        )  # fmt: skip
        if "wall_s" not in record:
            return record
        interval = (args.presim, args.presim + args.seconds * 1e3)
        return record | {"seed": seed} | activity(spikes, circuit, *interval, args.neurons)

    seeds = range(args.seed, args.seed + args.runs)
    return harness.take_turns(cases(args), seeds, once, "real-time factor {rtf:.3g}")


def main() -> None:
    args, origin = arguments(), harness.about()
    try:
        circuit = describe(args.scale, args.K_scale, args.input, args.dt)
    except ValueError as error:
        sys.exit(f"compare_microcircuit.py: error: {error}")
    with tempfile.TemporaryDirectory() as folder:
        results = run_all(args, circuit, Path(folder))
    runs = {(case, k): run["samples"] for case, of in distinct(results).items() for k, run in enumerate(of)}  # fmt: skip
    found = Distances(runs, list(distinct(results)), range(args.runs), same_seeds=True)
    populations = circuit["populations"]
    settings = (
        f"scale {args.scale:g}, K_scale {args.K_scale:g}, {args.input} input, dt {args.dt:g} ms: "
        f"{sum(circuit['sizes'])} neurons, {sum(map(sum, circuit['synapses']))} synapses; "
        f"{args.seconds:g} s after {args.presim:g} ms; "
        f"seeds {args.seed} to {args.seed + args.runs - 1}; medians"
    )
    texts = {
        "settings": settings,
        "times": costs(results),
        "rates": rates(results, circuit),
        "what distances are": "Kolmogorov-Smirnov distances between runs: between seeds of the first row, and from it to the other rows",
        "distances": distances(found, populations),
        "verdict": verdict(found, populations),
    }
    harness.show(
        args, origin, (run for runs in results.values() for run in runs),
        texts,
        cases=[
            vars(case) | {"runs": [{k: v for k, v in run.items() if k != "samples"} for run in runs]}
            for case, runs in results.items()
        ],
        distances={name: {f"{kind} {population}": found.between(pairs, f"{kind} {population}")
                          for kind in DISTRIBUTIONS for population in populations}
                   for name, pairs in found.groups.items()},
    )  # fmt: skip


if __name__ == "__main__":
    main()
