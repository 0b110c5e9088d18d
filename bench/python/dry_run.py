"""Measure with a single process what one rank of a network of 1 to 1024 ranks costs.

    python bench/python/dry_run.py --json dry_run.json
    python bench/python/scaling_model.py dry_run.json

Rank 0 is real: its neurons, synapses and tables, and its look-up of the spikes of all ranks. The
spikes of the other ranks are copies of its own; see dry_run_worker.py. Each point has its own
process.
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict, replace
from pathlib import Path

from dry_run_worker import DT, Point

from spikelet.cli.bench_harness import Record, about, busy, headline, run

WORKER = Path(__file__).with_name("dry_run_worker.py")

HEADER = (
    "ranks", "neurons per rank", "in-degree", "delay ms", "neurons of the network",
    "build CPU s", "build peak MB", "RSS MB", "neurons", "synapses and tables", "in the run",
    "bytes per synapse", "step us", "neurons", "look-up and delivery", "merge", "ns per spike",
    "ns per event", "bytes received per exchange",
)  # fmt: skip


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


def row(record: Record) -> tuple[str, ...]:
    """Return the cells of one point."""
    spikes, events = record["spikes_a_step"], record["events_a_step"]
    work = record["us_spikes"]
    return (
        f"{record['ranks']}",
        f"{record['neurons']}",
        f"{record['indegree']}",
        f"{record['delay'] * DT:g}",
        f"{record['ranks'] * record['neurons']:.3g}",
        f"{record['build_s']:.2f}",
        f"{record['build_peak_mb']:.0f}",
        f"{record['empty_mb'] + record['neurons_mb'] + record['built_mb'] + record['ran_mb']:.0f}",
        f"{record['neurons_mb']:.1f}",
        f"{record['synapse_bytes'] / 1e6:.1f}",
        f"{record['ran_mb']:.1f}",
        f"{record['synapse_bytes'] / record['synapses']:.1f}",
        f"{record['us_neurons'] + work + record['us_exchange']:.1f}",
        f"{record['us_neurons']:.1f}",
        f"{work:.1f}",
        f"{record['us_exchange']:.1f}",
        f"{work * 1e3 / spikes:.1f}",
        f"{work * 1e3 / events:.2f}",
        f"{record['bytes_received']:.0f}",
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="use tiny networks, as a smoke test")
    parser.add_argument(
        "--json", type=Path, metavar="PATH", help="write all points and the machine to this file"
    )
    args = parser.parse_args()
    host, groups = about(), points(quick=args.quick)
    results: list[list[Record]] = []
    for group in groups:
        results.append([])
        for point in group:
            command = [sys.executable, str(WORKER)]
            command += [f"--{name}={value}" for name, value in asdict(point).items()]
            record = run(command, 1)
            results[-1].append(asdict(point) | record)
            text = f"{record['build_s']:.2f} s" if "build_s" in record else str(record)
            print(f"{point}: {text}", file=sys.stderr, flush=True)
    done = [[r for r in group if "build_s" in r] for group in results]
    print(headline(host))
    versions = next((r["versions"] for group in done for r in group), {})
    print(", ".join(f"{k} {v}" for k, v in versions.items()) or "nothing ran")
    print(f"one thread, dt {DT} ms, {groups[0][0].rate:g} Hz; CPU time, medians of the windows")
    if warning := busy(r for group in done for r in group):
        print(warning)
    for name, group in zip(("for the fit", "for the check"), done, strict=True):
        print(f"\n### {name}\n\n| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
        for record in group:
            print(f"| {' | '.join(row(record))} |")
    if args.json:
        written = {**host, "fit": results[0], "check": results[1]}
        args.json.write_text(json.dumps(written, indent=1) + "\n")


if __name__ == "__main__":
    main()
