"""Build and run one billion static synapses on one machine, and print what it took.

    python bench/python/billion.py --threads 2

The network is that of driven.py: FixedOutdegree, one weight per synapse, delays uniform over 1 to 16
steps. With fewer --synapses it has fewer neurons of the same in-degree. One billion synapses need
some 15 GB of memory.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from driven import Point, measure

from spikelet.cli.bench_harness import about, headline


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--synapses", type=float, default=1e9, help="total number (default: 1e9)")
    add("--indegree", type=int, default=1000, help="synapses per neuron (default: 1000)")
    add("--rate", type=float, default=3.0, help="firing rate of each neuron, in Hz (default: 3)")
    add("--delays", type=int, default=16, help="longest delay, in steps (default: 16)")
    add("--threads", type=int, default=os.cpu_count() or 1)
    add("--model-time", type=float, default=1000.0, metavar="MS", help="timed model time")
    add("--seed", type=int, default=1)
    add("--json", type=Path, metavar="PATH", help="write the figures and the machine to this file")
    args = parser.parse_args()
    if args.synapses < args.indegree or min(args.indegree, args.delays, args.threads) < 1:
        parser.error("--synapses, --indegree, --delays and --threads must be positive")
    return args


def main() -> None:
    args = arguments()
    host = about()
    record = measure(
        Point(
            neurons=round(args.synapses / args.indegree),
            indegree=args.indegree,
            rate=args.rate,
            shortest=1,
            longest=args.delays,
            threads=args.threads,
            model_ms=args.model_time,
            windows=1,
            seed=args.seed,
        ),
        tell=True,
    )
    print(headline(host))
    print(", ".join(f"{k} {v}" for k, v in record["versions"].items()))
    rows = {
        "neurons": f"{record['neurons']}",
        "synapses": f"{record['synapses']}",
        "threads": f"{record['threads']}",
        "build s": f"{record['build_s']:.2f} ({record['draw_s']:.2f} of it drawing)",
        "bytes/synapse": f"{record['bytes_per_synapse']:.2f}",
        "peak RSS MB, building": f"{record['build_peak_rss_mb']:.0f}",
        "peak RSS MB, total": f"{record['peak_rss_mb']:.0f}",
        f"sim s for {record['model_ms']:g} ms": f"{record['wall_s']:.3f}",
        "without synapses": f"{record['idle_wall_s']:.3f}",
        "rate Hz": f"{record['rate_hz']:.3f}",
        "events that arrived": f"{record['events']}",
    }
    if record["events"]:
        rows["ns/event, all work"] = f"{record['ns_per_event_all']:.3f}"
        rows["ns/event, without the neurons"] = f"{record['ns_per_event']:.3f}"
    print("\n| what | value |\n| --- | --- |")
    for name, value in rows.items():
        print(f"| {name} | {value} |")
    if args.json:
        args.json.write_text(json.dumps({**host} | record, indent=1) + "\n")


if __name__ == "__main__":
    main()
