"""Measure with a single process what one rank of a network of 1 to 1024 ranks costs.

    python bench/python/dry_run.py --json dry_run.json
    python bench/python/scaling_model.py dry_run.json

Rank 0 is real: its neurons, synapses and tables, and its look-up of the spikes of all ranks. The
spikes of the other ranks are copies of its own; see dry_run_worker.py. Each point has its own
process.
"""

from __future__ import annotations

import sys
from dataclasses import asdict, replace
from pathlib import Path

from dry_run_worker import DT, Point

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")

COLUMNS: dict[str, harness.Column] = {
    "ranks": "ranks .0f", "neurons per rank": "neurons .0f", "in-degree": "indegree .0f", "delay ms": "delay_ms g",
    "neurons of the network": "network .3g", "build CPU s": "build_s .2f", "build peak MB": "build_peak_mb .0f",
    "RSS MB": "rss_mb .0f", "of neurons": "neurons_mb .1f", "of synapses and tables": "synapse_mb .1f",
    "in the run": "ran_mb .1f", "bytes per synapse": "bytes_per_synapse .1f", "step us": "us_step .1f",
    "neurons": "us_neurons .1f", "look-up and delivery": "us_spikes .1f", "merge": "us_exchange .1f",
    "ns per spike": "ns_per_spike .1f", "ns per event": "ns_per_event .2f",
    "bytes received per exchange": "bytes_received .0f",
}  # fmt: skip


def points(*, quick: bool) -> tuple[list[Point], list[Point]]:
    """Return the points to fit the model to, and those to validate it with."""
    if quick:
        few = Point(ranks=2, neurons=256, indegree=20, model_ms=15.0, windows=2)
        return [replace(few, ranks=m) for m in (1, 2, 8)], [replace(few, ranks=4)]
    base = Point(ranks=1, neurons=10_240, indegree=1000)
    fit = [replace(base, ranks=m) for m in (1, 4, 16, 64, 256, 1024)]
    fit += [replace(base, ranks=m, indegree=100) for m in (16, 64, 256, 1024)]
    fit += [replace(base, ranks=m, indegree=10) for m in (64, 1024)]
    fit += [replace(base, ranks=m, neurons=51_200) for m in (4, 64)]
    fit += [replace(base, ranks=m, delay=1) for m in (16, 256)]
    check = [
        replace(base, ranks=512, neurons=20_480, indegree=300),
        replace(base, ranks=128, neurons=30_720),
        replace(base, ranks=100, delay=5),
    ]
    return fit, check


def main() -> None:
    parser = harness.parser(__doc__)
    parser.add_argument("--quick", action="store_true", help="use tiny networks, as a smoke test")
    args, origin = parser.parse_args(), harness.about()
    groups = dict(zip(("fit", "check"), points(quick=args.quick), strict=True))

    def once(point: Point, _: int) -> Record:
        return harness.call(sys.executable, WORKER, "dry_run_worker.run", asdict(point))

    done = {
        name: harness.take_turns(group, [1], once, "{build_s:.2f} s", good="build_s")
        for name, group in groups.items()
    }
    rate = groups["fit"][0].rate
    texts = [f"one thread, dt {DT} ms, {rate:g} Hz; CPU time, medians of the windows"]
    texts += [
        f"### for the {name}\n\n{harness.table(found, (), COLUMNS, good='build_s')}"
        for name, found in done.items()
    ]
    records = {
        name: [asdict(p) | run for p, (run,) in found.items()] for name, found in done.items()
    }
    harness.show(args, origin, [*records["fit"], *records["check"]], texts, **records)


if __name__ == "__main__":
    main()
