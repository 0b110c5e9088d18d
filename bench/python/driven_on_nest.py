"""Measure on NEST the network of driven.py, whose synapses are counted but have no effect.

    python bench/python/driven_on_nest.py --neurons 100000 --indegree 100 --rate 16 --model-ms 100 \
        --shortest 1 --longest 16

The cost of an event is the wall time with synapses minus that without, divided by the spikes times the
in-degree; with one thread it is CPU time. It prints one line of JSON.
"""

from __future__ import annotations

import argparse
import json
from time import perf_counter
from typing import Any

import nest
from measure import clock
from nest_kernel import set_up, timed

DT = 0.1
WARM_UP = 50.0  # ms
# As in driven.py: each event of a neuron's own drive causes a spike.
NEURON = {"t_ref": 1.0, "tau_syn_ex": 0.1, "tau_syn_in": 2.0}
DRIVE, WEIGHT = 1e5, -(2.0**-60)  # pA


def run(args: argparse.Namespace, indegree: int) -> dict[str, Any]:
    """Build and run the network with some in-degree, 0 for none."""
    nest.ResetKernel()
    set_up(DT, args.seed, args.threads)
    start = perf_counter()
    cells = nest.Create("iaf_psc_exp", args.neurons, params=NEURON)
    drive = nest.Create("poisson_generator", params={"rate": args.rate})
    slowest = args.longest * DT
    nest.Connect(drive, cells, syn_spec={"weight": DRIVE, "delay": slowest})
    recorder = nest.Create("spike_recorder", params={"start": WARM_UP})
    nest.Connect(cells, recorder, syn_spec={"delay": slowest})
    devices = nest.num_connections
    if indegree:
        low, high = args.shortest - 0.5, args.longest + 0.5
        delay = nest.math.redraw(
            nest.random.uniform(low * DT, high * DT), min=args.shortest * DT, max=high * DT
        )
        nest.Connect(
            cells,
            cells,
            {"rule": "fixed_outdegree", "outdegree": indegree},
            {
                "weight": nest.random.normal(WEIGHT, abs(WEIGHT) / 10),
                "delay": delay if args.shortest < args.longest else slowest,
            },
        )
    synapses = nest.num_connections - devices
    nest.Prepare()
    built = perf_counter() - start
    wall, peak = timed(args.model_ms, WARM_UP, now=clock(args.threads))
    spikes = int(recorder.n_events)
    return {"wall_s": wall, "build_s": built, "spikes": spikes, "synapses": synapses, "mb": peak}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--neurons", type=int, required=True)
    add("--indegree", type=int, required=True)
    add("--rate", type=float, required=True, help="of each neuron, in Hz")
    add("--shortest", type=int, default=15, help="delay, in steps")
    add("--longest", type=int, default=15, help="delay, in steps")
    add("--threads", type=int, default=1)
    add("--model-ms", type=float, default=100.0)
    add("--seed", type=int, default=1)
    args = parser.parse_args()
    idle, full = run(args, 0), run(args, args.indegree)
    events = full["spikes"] * args.indegree
    steps = args.model_ms / DT
    record = {
        "neurons": args.neurons,
        "synapses": full["synapses"],
        "threads": args.threads,
        "build_s": full["build_s"],
        "wall_s": full["wall_s"],
        "idle_wall_s": idle["wall_s"],
        "rate_hz": full["spikes"] / args.neurons / args.model_ms * 1e3,
        "ns_per_event": (full["wall_s"] - idle["wall_s"]) * 1e9 / events,
        "ns_per_neuron_step": idle["wall_s"] * 1e9 / (args.neurons * steps),
        "peak_rss_mb": full["mb"],
        "version": f"NEST {nest.__version__}",
    }
    print(json.dumps(record))


if __name__ == "__main__":
    main()
