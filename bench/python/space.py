"""Connect a layer of neurons at random places in a unit square by distance, and print what building took.

    python bench/python/space.py --neurons 20000 --scale 0.05 --cutoff 0.1

Delays depend on the distance, too. space_on_nest.py builds the same layers on NEST.
"""

from __future__ import annotations

import argparse
from time import perf_counter
from typing import Any

from space_cases import measure, places

import spikelet as sl


def build(args: argparse.Namespace, how: dict[str, Any], seed: int) -> tuple[float, int]:
    """Return the time [s] for connecting and laying out a layer, and its number of synapses."""
    net = sl.Network(dt=0.1, seed=seed, threads=args.threads)
    cells = net.population(args.neurons, sl.LIF(), positions=places(args, seed))
    start = perf_counter()
    rule = sl.DistanceDependent("gaussian", scale=args.scale, cutoff=args.cutoff, **how)
    projection = net.connect(cells, cells, rule, weight=1.0, delay=sl.ByDistance("0.2 + 2*d"))
    net.prepare()
    return perf_counter() - start, len(projection)


if __name__ == "__main__":
    measure(__doc__, build)
