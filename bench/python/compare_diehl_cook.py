"""Learn the same images with a Diehl & Cook network on spikelet and BindsNET and print one table.

Each run is a process of its own, in the interpreter that has the simulator. Runs of different
simulators alternate, so that a disturbance of the machine hits all of them.

    python bench/python/compare_diehl_cook.py --mnist MNIST/raw --bindsnet-python ENV/bin/python
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from itertools import product
from pathlib import Path

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record, middle

WORKER = Path(__file__).with_name("worker.py")
SIMULATORS = ("spikelet", "bindsnet")

INPUT_TOLERANCE = 0.1
"""Input spikes may differ by this fraction: the images are the same, and so are the rates."""
ORDER = 10.0
"""Excitatory spikes may differ by this factor: the neurons are not the same."""


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    neurons: int
    threads: int
    simulator: str


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, *SIMULATORS, runs=3, seed=1, zero=["warm_up"])
    add = parser.add_argument
    add("--mnist", type=Path, required=True, metavar="PATH",
        help="folder with train-images-idx3-ubyte, plain or gzipped")  # fmt: skip
    add("--neurons", type=int, nargs="+", default=[400], help="neurons per layer (default: 400)")
    add("--simulators", nargs="+", choices=SIMULATORS, default=SIMULATORS)
    add("--threads", type=int, nargs="+", default=[1])
    add("--images", type=int, default=30, help="timed images (default: 30)")
    add("--warm-up", type=int, default=5, help="warm-up images before them (default: 5)")
    args: argparse.Namespace = parser.parse_args()
    return args


def verdict(runs: list[Record], reference: list[Record]) -> str:
    """State whether both simulated the same steps, with the same input and similar activity."""
    if not reference:
        return "nothing to compare with"
    if runs is reference:
        return "reference"
    found = []
    steps, inputs, spikes = (
        middle(runs, key) / (middle(reference, key) or float("nan"))
        for key in ("steps_per_image", "input_spikes_per_image", "exc_spikes_per_image")
    )
    if steps != 1.0:
        found.append(f"steps {steps - 1:+.1%}")
    if not abs(inputs - 1) <= INPUT_TOLERANCE:
        found.append(f"input {inputs - 1:+.1%}")
    if not 1 / ORDER <= spikes <= ORDER:
        found.append(f"exc. spikes x {spikes:.2g}")
    return "NO: " + ", ".join(found) if found else "yes"


def table(results: dict[Case, list[Record]]) -> str:
    """Return the comparison as one Markdown table."""

    def ours(case: Case) -> list[Record]:
        found = results.get(Case(case.neurons, case.threads, "spikelet"), [{}])
        return found if "wall_s" in found[0] else []

    def ratio(case: Case, runs: list[Record]) -> str:
        base = middle(ours(case), "ms_per_image")
        return f"{middle(runs, 'ms_per_image') / base:.2f}" if base else "-"

    columns = {
        "runs": lambda _, runs: str(len(runs)),
        "steps/image": "steps_per_image .0f",
        "build s": "build_s .2f",
        "ms/image (min..max)": harness.spread("ms_per_image"),
        "images/s": "images_per_s .3g",
        "us/step": "us_per_step .4g",
        "time / spikelet": ratio,
        "input spikes/image": "input_spikes_per_image .0f",
        "exc. spikes/image": "exc_spikes_per_image .1f",
        "same order": lambda case, runs: verdict(runs, ours(case)),
        "peak RSS MB": "peak_rss_mb .0f",
    }
    return harness.table(results, ("neurons", "threads", "simulator"), columns)


def main() -> None:
    args, origin = arguments(), harness.about()

    def once(case: Case, seed: int) -> Record:
        settings = {"neurons": case.neurons, "threads": case.threads, "seed": seed,
                    "mnist": args.mnist, "images": args.images, "warm_up": args.warm_up}  # fmt: skip
        python = getattr(args, f"{case.simulator}_python")
        function = f"diehl_cook.on_{case.simulator}"
        return harness.call(python, WORKER, function, settings, threads=case.threads)

    simulators = [name for name in SIMULATORS if name in args.simulators]
    cases = [Case(*row) for row in product(args.neurons, args.threads, simulators)]
    seeds = range(args.seed, args.seed + args.runs)
    results = harness.take_turns(cases, seeds, once, "{ms_per_image:.1f} ms/image")
    settings = (
        f"{args.images} images after {args.warm_up}; seeds {args.seed} to {seeds[-1]}; medians"
    )
    harness.show(args, origin, results, [settings, table(results)])


if __name__ == "__main__":
    main()
