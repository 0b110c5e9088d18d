"""What space.py and space_on_nest.py have in common."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import numpy as np

# Arguments of DistanceDependent: each pair by itself, and fixed in-degrees.
CASES: tuple[dict[str, Any], ...] = (
    {},
    {"indegree": 50, "multapses": False},
    {"indegree": 50, "multapses": True},
)


def arguments(description: str | None) -> argparse.Namespace:
    """Return the arguments of the command line."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--neurons", type=int, default=20000, metavar="N")
    parser.add_argument("--scale", type=float, default=0.05, metavar="S", help="of the gaussian")
    parser.add_argument("--cutoff", type=float, metavar="D", help="default: none")
    parser.add_argument("--threads", type=int, default=2, metavar="N")
    parser.add_argument("--runs", type=int, default=3, metavar="N", help="with a seed each")
    return parser.parse_args()


def places(args: argparse.Namespace, seed: int) -> Any:
    """Return positions, [neurons, 2]."""
    return np.random.default_rng(seed).uniform(0.0, 1.0, (args.neurons, 2))


def measure(
    description: str | None,
    build: Callable[[argparse.Namespace, dict[str, Any], int], tuple[float, int]],
) -> None:
    """Print the median time of each case over seeds; `build` returns seconds and the number of synapses."""
    args = arguments(description)
    cutoff = "no cutoff" if args.cutoff is None else f"cutoff {args.cutoff:g}"
    for how in CASES:
        found = [build(args, how, seed) for seed in range(args.runs)]
        seconds, synapses = float(np.median([s for s, _ in found])), found[0][1]
        rule = ", ".join(f"{k}={v}" for k, v in how.items()) or "each pair by itself"
        print(
            f"{args.neurons} neurons, scale {args.scale:g}, {cutoff}, {rule}: {synapses} synapses in {seconds:.3f} s, "
            f"{seconds * 1e9 / max(synapses, 1):.0f} ns each"
        )
