r"""What spikes cost: loss against energy of networks that others trained, as a table and a picture.

The calibration images choose everything (`spikelet.conversion.frontier`). The table then has the accuracy and the energy of the
points that no other beats on test images, which chose nothing. Energy is the arithmetic of `spikelet.energy`, relative to the ANN
that skips zeros, on the first 100 test images; "multiplied" counts a product, not a shift, for each spike of several sizes.

    python bench/python/frontier.py --models FOLDER --json bench/results/frontier.json --picture docs/images/frontier.png
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from networks import NETWORKS, Trial, trial

import spikelet as sl
from spikelet.cli import bench_harness as harness
from spikelet.conversion import frontier

if TYPE_CHECKING:
    from spikelet.conversion import Table

HEADER = ("network", "spikes", "steps, mean", "accuracy", "energy", "multiplied", "with memory")
COUNTED = 100  # images whose operations are counted
WORST = 10.0  # points of loss up to which a point is in the table


def rows(found: Table, name: str, tried: Trial) -> list[list[str]]:
    """Return the rows of a network: the ANN, and the points that no other beats."""
    lines = [[name, "ANN", "", tried.accuracy(), "1", "", "1"]]
    best = [k for k, row in enumerate(found) if row.get("note") == "best" and row["loss"] <= WORST]
    for k in sorted(best, key=lambda k: found.rows[k]["loss"]):
        snn = found.models[k]
        stop = snn.until
        kind, _, stopped = found.rows[k]["network"].partition(", ")
        title = f"{kind}, T = {snn.steps}{', stopped' if stopped else ''}"
        result = snn.run(tried.x, until=stop)
        costs = [
            sl.energy.measure(snn, tried.x[:COUNTED], ann=snn.ann, until=stop, **how).ratio
            for how in ({"multiply_sizes": False}, {}, {"memory": True})
        ]
        cells = [f"{np.mean(result.steps):.2f}", tried.accuracy(result.output)]
        lines.append([name, title, *cells, *(f"{c:.2f}" for c in costs)])
        print("  ".join(lines[-1]), flush=True)
    return lines


def main() -> None:
    """Measure, print, draw and store."""
    parser = harness.parser(__doc__)
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    add("--networks", nargs="+", choices=NETWORKS, metavar="NAME",
        default=["resnet20-akamaster", "resnet20"])  # fmt: skip
    add("--steps", type=int, nargs="+", default=[2, 3, 4, 6, 8, 12, 16], metavar="T",
        help="default: 2 3 4 6 8 12 16")  # fmt: skip
    add("--calibration", type=int, default=1500, metavar="N", help="images (default: 1500)")
    add("--images", type=int, default=10000, help="test images (default: 10000)")
    add("--threads", type=int, default=1)
    add("--picture", type=Path, metavar="PATH", help="draw the frontiers into this file")
    args, origin = parser.parse_args(), harness.about()
    torch.set_num_threads(args.threads)
    lines, drawn = [], {}
    for name in args.networks:
        tried = trial(name, args.models, args.images)
        given = tried.calibration[: args.calibration]
        drawn[name] = frontier(tried.ann, given, steps=args.steps, threads=args.threads)
        print(drawn[name], flush=True)
        lines += rows(drawn[name], name, tried)
    if args.picture:
        draw(drawn, args.picture)
    harness.show(args, origin, [], {"points": harness.markdown(HEADER, lines)}, rows=lines)


def draw(found: dict[str, Table], path: Path) -> None:
    """Draw the frontiers side by side."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # only for the picture

    figure = Figure(figsize=(5 * len(found), 4), layout="constrained")
    axes = figure.subplots(1, len(found), squeeze=False)
    for ax, (name, each) in zip(axes[0], found.items(), strict=True):
        each.plot(ax=ax)
        ax.set_title(name)
    figure.savefig(path, dpi=110)


if __name__ == "__main__":
    main()
