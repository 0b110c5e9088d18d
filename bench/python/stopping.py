r"""Stop samples when their decision is sure: accuracy, steps, energy and time of networks that others trained.

Three quarters of the calibration images fit the network; the limits are chosen on the others. Test images decide nothing.
Energy is the arithmetic of `spikelet.energy`, relative to the ANN that skips zeros, on the first 100 test images.

    python bench/python/stopping.py --models FOLDER --json bench/results/stopping.json
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from networks import NETWORKS, trial

import spikelet as sl
from spikelet.cli import bench_harness as harness

if TYPE_CHECKING:
    from collections.abc import Callable

HEADER = (
    "network", "T", "accuracy", "energy", "loss allowed", "steps, mean", "accuracy, stopped", "energy, stopped",
    "time, stopped / all steps",
)  # fmt: skip
COUNTED = 100  # images whose operations are counted
RUNS = 3  # timed runs, of which the median counts


def seconds(run: Callable[[], Any]) -> float:
    """Return the median time of a few runs."""
    times = []
    for _ in range(RUNS):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def rows(args: argparse.Namespace, name: str) -> list[list[str]]:
    """Return the rows of a network: the ANN, and one for each T and loss."""
    tried = trial(name, args.models, args.images)
    cut = 3 * len(tried.calibration) // 4
    fitting, held = tried.calibration[:cut], tried.calibration[cut:]
    few = tried.x[:COUNTED]
    found = [[name, "ANN", tried.accuracy(), "1"]]
    for steps in args.steps:
        snn = sl.convert(
            tried.ann, fitting, steps=steps, neuron=args.neuron, dtype=args.dtype, threads=args.threads
        )  # fmt: skip
        whole = tried.accuracy(snn.run(tried.x).output)
        cost = sl.energy.measure(snn, few, ann=snn.ann).ratio
        full = seconds(lambda: snn.run(few))  # noqa: B023  # called at once
        for loss in args.loss:
            stop = snn.stopping(held, loss=loss)
            result = snn.run(tried.x, until=stop)
            less = sl.energy.measure(snn, few, ann=snn.ann, until=stop).ratio
            taken = seconds(lambda: snn.run(few, until=stop))  # noqa: B023  # called at once
            found.append(
                [name, str(steps), whole, f"{cost:.2f}", f"{loss:g}", f"{np.mean(result.steps):.2f}",
                 tried.accuracy(result.output), f"{less:.2f}", f"{taken / full:.2f}"]
            )  # fmt: skip
            print("  ".join(found[-1]), flush=True)
    return found


def main() -> None:
    """Measure, print and store the table."""
    parser = harness.parser(__doc__)
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--networks", nargs="+", choices=NETWORKS, metavar="NAME",
        default=["resnet20-akamaster", "resnet20"])  # fmt: skip
    add("--steps", type=int, nargs="+", default=[10, 12], metavar="T", help="default: 10 12")
    add("--loss", type=float, nargs="+", default=[0.5, 2.0], metavar="POINTS",
        help="percent of the decisions that may change (default: 0.5 2)")  # fmt: skip
    add("--images", type=int, default=10000, help="test images (default: 10000)")
    add("--neuron", help="see sl.convert (default: binary spikes)")
    add("--dtype", default="int16")
    add("--threads", type=int, default=1)
    args, origin = parser.parse_args(), harness.about()
    torch.set_num_threads(args.threads)
    lines = [line for name in args.networks for line in rows(args, name)]
    harness.show(args, origin, [], {"stopped": harness.markdown(HEADER, lines)}, rows=lines)


if __name__ == "__main__":
    main()
