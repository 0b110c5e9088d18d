r"""Stop samples when their decision is sure: accuracy, steps, energy and time of networks that others trained.

Three quarters of the calibration images fit the network; the limits are chosen on the others. Test images decide nothing.
Energy is the arithmetic of `spikelet.energy`, relative to the ANN that skips zeros, on the first 100 test images.

    python bench/python/stopping.py --models FOLDER --page docs/conversion_energy.md
"""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networks
import numpy as np
import torch

import spikelet as sl
from spikelet.cli.bench_harness import has_place, place_of, put

if TYPE_CHECKING:
    from collections.abc import Callable

TABLE = "stopping.py"
HEADER = (
    "network", "T", "accuracy", "energy", "loss allowed", "steps, mean", "accuracy, stopped", "energy, stopped",
    "time, stopped / all steps",
)  # fmt: skip
COUNTED = 100  # images whose operations are counted
RUNS = 3  # timed runs, of which the median counts


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--networks", nargs="+", choices=networks.NETWORKS, metavar="NAME",
        default=["resnet20-akamaster", "resnet20"])  # fmt: skip
    add("--steps", type=int, nargs="+", default=[10, 12], metavar="T", help="default: 10 12")
    add("--loss", type=float, nargs="+", default=[0.5, 2.0], metavar="POINTS",
        help="percent of the decisions that may change (default: 0.5 2)")  # fmt: skip
    add("--images", type=int, default=10000, help="test images (default: 10000)")
    add("--neuron", help="see sl.convert (default: binary spikes)")
    add("--dtype", default="int16")
    add("--threads", type=int, default=1)
    add(
        "--page",
        type=Path,
        metavar="PATH",
        help="put the table into this page, between the comments that name it",
    )
    args = parser.parse_args()
    if min(*args.steps, args.images, args.threads) <= 0:
        parser.error("numbers must be positive")
    if args.page and not has_place(args.page, TABLE):
        parser.error(f"--page {args.page}: it must have the lines {' and '.join(place_of(TABLE))}")
    return args


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
    network = networks.NETWORKS[name]
    ann, samples = network.build(args.models), network.samples(args.models)
    order = np.random.default_rng(0).permutation(len(samples.calibration))
    cut = 3 * len(order) // 4
    fitting, held = samples.calibration[order[:cut]], samples.calibration[order[cut:]]
    x, labels = samples.test[: args.images], samples.labels[: args.images]
    with torch.no_grad():
        outputs = np.concatenate([ann(part).numpy() for part in torch.from_numpy(x).split(256)])

    def right(output: Any) -> str:
        return f"{100 * (output.argmax(1) == labels).mean():.2f} %"

    found = [[name, "ANN", right(outputs), "1", *[""] * (len(HEADER) - 4)]]
    for steps in args.steps:
        snn = sl.convert(
            ann, fitting, steps=steps, neuron=args.neuron, dtype=args.dtype, threads=args.threads
        )
        whole = right(snn.run(x).output)
        cost = sl.energy.measure(snn, x[:COUNTED], ann=snn.ann).ratio
        full = seconds(lambda: snn.run(x[:COUNTED]))  # noqa: B023  # called at once
        for loss in args.loss:
            stop = snn.stopping(held, loss=loss)
            result = snn.run(x, until=stop)
            less = sl.energy.measure(snn, x[:COUNTED], ann=snn.ann, until=stop).ratio
            taken = seconds(lambda: snn.run(x[:COUNTED], until=stop))  # noqa: B023  # called at once
            found.append(
                [name, str(steps), whole, f"{cost:.2f}", f"{loss:g}", f"{np.mean(result.steps):.2f}",
                 right(result.output), f"{less:.2f}", f"{taken / full:.2f}"]
            )  # fmt: skip
            print("  ".join(found[-1]), flush=True)
    return found


def main() -> None:
    """Measure, print and store the table."""
    args = arguments()
    torch.set_num_threads(args.threads)
    lines = [HEADER, ["---"] * len(HEADER)]
    for name in args.networks:
        lines += rows(args, name)
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    print(text)
    if args.page:
        put(args.page, TABLE, text)


if __name__ == "__main__":
    main()
