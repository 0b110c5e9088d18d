r"""What spikes cost: loss against energy of networks that others trained, as a table and a picture.

The calibration images choose everything (`spikelet.conversion.frontier`). The table then has the accuracy and the energy of the
points that no other beats on test images, which chose nothing. Energy is the arithmetic of `spikelet.energy`, relative to the ANN
that skips zeros, on the first 100 test images; "multiplied" counts a product, not a shift, for each spike of several sizes.

    python bench/python/frontier.py --models FOLDER --page docs/cost.md --picture docs/images/frontier.png
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networks
import numpy as np
import torch

import spikelet as sl
from spikelet.cli.bench_harness import has_place, place_of, put
from spikelet.conversion import frontier

if TYPE_CHECKING:
    from spikelet.conversion import Table

TABLE = "frontier.py"
HEADER = ("network", "spikes", "steps, mean", "accuracy", "energy", "multiplied", "with memory")
COUNTED = 100  # images whose operations are counted
WORST = 10.0  # points of loss up to which a point is in the table


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--networks", nargs="+", choices=networks.NETWORKS, metavar="NAME",
        default=["resnet20-akamaster", "resnet20"])  # fmt: skip
    add("--steps", type=int, nargs="+", default=[2, 3, 4, 6, 8, 12, 16], metavar="T",
        help="default: 2 3 4 6 8 12 16")  # fmt: skip
    add("--calibration", type=int, default=1500, metavar="N", help="images (default: 1500)")
    add("--images", type=int, default=10000, help="test images (default: 10000)")
    add("--threads", type=int, default=1)
    add(
        "--page",
        type=Path,
        metavar="PATH",
        help="put the table into this page, between the comments that name it",
    )
    add("--picture", type=Path, metavar="PATH", help="draw the frontiers into this file")
    args = parser.parse_args()
    if min(*args.steps, args.images, args.calibration, args.threads) <= 0:
        parser.error("numbers must be positive")
    if args.page and not has_place(args.page, TABLE):
        parser.error(f"--page {args.page}: it must have the lines {' and '.join(place_of(TABLE))}")
    return args


def rows(
    found: Table, name: str, ann: Any, x: np.ndarray[Any, Any], labels: Any
) -> list[list[str]]:
    """Return the rows of a network: the ANN, and the points that no other beats."""

    def right(output: Any) -> str:
        return f"{100 * (output.argmax(1) == labels).mean():.2f} %"

    with torch.no_grad():
        outputs = np.concatenate([ann(part).numpy() for part in torch.from_numpy(x).split(256)])
    lines = [[name, "ANN", "", right(outputs), "1", "", "1"]]
    best = [k for k, row in enumerate(found) if row.get("note") == "best" and row["loss"] <= WORST]
    for k in sorted(best, key=lambda k: found.rows[k]["loss"]):
        snn = found.models[k]
        stop = snn.until
        kind, _, stopped = found.rows[k]["network"].partition(", ")
        title = f"{kind}, T = {snn.steps}{', stopped' if stopped else ''}"
        result = snn.run(x, until=stop)
        costs = [
            sl.energy.measure(snn, x[:COUNTED], ann=snn.ann, until=stop, **how).ratio
            for how in ({"multiply_sizes": False}, {}, {"memory": True})
        ]
        steps = f"{np.mean(result.steps):.2f}"
        lines.append([name, title, steps, right(result.output), *(f"{c:.2f}" for c in costs)])
        print("  ".join(lines[-1]), flush=True)
    return lines


def main() -> None:
    """Measure, print, draw and store."""
    args = arguments()
    torch.set_num_threads(args.threads)
    lines, drawn = [HEADER, ["---"] * len(HEADER)], {}
    for name in args.networks:
        network = networks.NETWORKS[name]
        ann, samples = network.build(args.models), network.samples(args.models)
        order = np.random.default_rng(0).permutation(len(samples.calibration))
        given = samples.calibration[order[: args.calibration]]
        drawn[name] = frontier(ann, given, steps=args.steps, threads=args.threads)
        print(drawn[name], flush=True)
        x, labels = samples.test[: args.images], samples.labels[: args.images]
        lines += rows(drawn[name], name, ann, x, labels)
    text = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    print(text)
    if args.page:
        put(args.page, TABLE, text)
    if args.picture:
        draw(drawn, args.picture)


def draw(found: dict[str, Table], path: Path) -> None:
    """Draw the frontiers side by side."""
    import matplotlib.pyplot as plt  # noqa: PLC0415  # only for the picture

    figure, axes = plt.subplots(
        1, len(found), figsize=(5 * len(found), 4), layout="constrained", squeeze=False
    )
    for ax, (name, each) in zip(axes[0], found.items(), strict=True):
        each.plot(ax=ax)
        ax.set_title(name)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
