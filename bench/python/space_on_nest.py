"""Build the layers of space.py on NEST, and print what connecting took.

python bench/python/space_on_nest.py --neurons 20000 --scale 0.05 --cutoff 0.1
"""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

import nest
from nest_kernel import set_up
from space_cases import measure, places


def build(args: argparse.Namespace, how: dict[str, Any], seed: int) -> tuple[float, int]:
    """Return the time [s] for connecting a layer, and its number of synapses."""
    nest.ResetKernel()
    set_up(0.1, seed + 1, args.threads)
    spread = nest.spatial.free(places(args, seed).tolist(), extent=[2.0, 2.0])
    cells = nest.Create("iaf_psc_exp", args.neurons, positions=spread)
    distance = nest.spatial.distance
    rule: dict[str, Any] = {"rule": "pairwise_bernoulli"}
    if how:
        rule = {
            "rule": "fixed_indegree",
            "indegree": how["indegree"],
            "allow_multapses": how["multapses"],
        }
    rule["p"] = nest.spatial_distributions.gaussian(distance, std=args.scale)
    if args.cutoff is not None:
        rule["mask"] = {"circular": {"radius": args.cutoff}}
    start = perf_counter()
    nest.Connect(cells, cells, rule, {"weight": 1.0, "delay": 0.2 + 2.0 * distance})
    return perf_counter() - start, int(nest.num_connections)


if __name__ == "__main__":
    measure(__doc__, build)
