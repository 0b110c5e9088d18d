"""Learn the same images with a Diehl & Cook network on spikelet and BindsNET and print one table.

Each run is a process of its own, in the interpreter that has the simulator. Runs of different
simulators alternate, so that a disturbance of the machine hits all of them.

    python bench/python/compare_diehl_cook.py --mnist MNIST/raw --bindsnet-python ENV/bin/python
"""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from statistics import median

from diehl_cook import PROTOCOLS

from spikelet.cli.bench_harness import Record, about, busy, headline, run

WORKER = Path(__file__).with_name("diehl_cook_worker.py")
SIMULATORS = ("spikelet", "bindsnet")

INPUT_TOLERANCE = 0.1
"""Input spikes may differ by this fraction: the images are the same, and so are the rates."""
ORDER = 10.0
"""Excitatory spikes may differ by this factor: the neurons are not the same."""

HEADER = (
    "protocol", "neurons", "threads", "simulator", "runs", "steps/image", "build s",
    "ms/image (min..max)", "images/s", "us/step", "time / spikelet", "input spikes/image",
    "exc. spikes/image", "same order", "peak RSS MB",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    protocol: str
    neurons: int
    threads: int
    simulator: str


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--mnist", type=Path, required=True, metavar="PATH",
        help="folder with train-images-idx3-ubyte, plain or gzipped")  # fmt: skip
    add("--protocol", nargs="+", choices=PROTOCOLS, default=["published"])
    add("--neurons", type=int, nargs="+", default=[400], help="neurons per layer (default: 400)")
    add("--simulators", nargs="+", choices=SIMULATORS, default=SIMULATORS)
    add("--threads", type=int, nargs="+", default=[1])
    add("--images", type=int, default=30, help="timed images (default: 30)")
    add("--warm-up", type=int, default=5, help="warm-up images before them (default: 5)")
    add("--runs", type=int, default=3, help="runs with different seeds (default: 3)")
    add("--seed", type=int, default=1, help="seed of the first run (default: 1)")
    for name in SIMULATORS:
        add(f"--{name}-python", default=sys.executable, metavar="PATH",
            help=f"interpreter that can import {name} (default: this one)")  # fmt: skip
    add("--json", type=Path, metavar="PATH", help="write all runs and the machine to this file")
    args = parser.parse_args()
    if min(args.runs, args.images, *args.threads, *args.neurons) < 1 or args.warm_up < 0:
        parser.error("--runs, --images, --threads and --neurons must be positive")
    return args


def run_all(args: argparse.Namespace) -> dict[Case, list[Record]]:
    """Run all cases with all seeds, simulators in turn; a case that fails is not repeated."""
    simulators = [name for name in SIMULATORS if name in args.simulators]
    rows = product(args.protocol, args.neurons, args.threads, simulators)
    results: dict[Case, list[Record]] = {Case(*row): [] for row in rows}
    for seed in range(args.seed, args.seed + args.runs):
        for case, runs in results.items():
            if runs and "wall_s" not in runs[-1]:
                continue
            settings = {
                "mnist": args.mnist,
                "neurons": case.neurons,
                "threads": case.threads,
                "warm-up": args.warm_up,
                "images": args.images,
                "seed": seed,
            }
            command = [getattr(args, f"{case.simulator}_python"), str(WORKER)]
            command += [case.simulator, case.protocol]
            command += [f"--{name}={value}" for name, value in settings.items()]
            record = run(command, case.threads)
            if "wall_s" in record:
                runs.append(record | {"seed": seed})
                text = f"{record['ms_per_image']:.1f} ms/image"
            else:
                runs[:] = [record]
                text = next(f"{key}: {value}" for key, value in record.items())
            row = f"{case.protocol} {case.simulator} {case.neurons} neurons threads {case.threads}"
            print(f"{row} seed {seed}: {text}", file=sys.stderr, flush=True)
    return results


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


def middle(runs: list[Record], key: str) -> float:
    """Return the median over the runs."""
    return float(median(run[key] for run in runs))


def table(results: dict[Case, list[Record]]) -> str:
    """Return the comparison as one Markdown table, all figures medians over the runs."""
    references: dict[tuple[str, int, int], list[Record]] = {}
    lines: list[tuple[str, ...]] = [HEADER, ("---",) * len(HEADER)]
    for case, runs in results.items():
        names = (case.protocol, str(case.neurons), str(case.threads), case.simulator)
        if "wall_s" not in runs[0]:
            why = next(f"{key}: {text}" for key, text in runs[0].items())
            lines.append((*names, why.replace("|", "/"), *[""] * (len(HEADER) - len(names) - 1)))
            continue
        group = (case.protocol, case.neurons, case.threads)
        if case.simulator == "spikelet":
            references[group] = runs
        reference = references.get(group, [])
        time = middle(runs, "ms_per_image")
        low, high = (f(run["ms_per_image"] for run in runs) for f in (min, max))
        lines.append(
            (
                *names,
                str(len(runs)),
                f"{middle(runs, 'steps_per_image'):.0f}",
                f"{middle(runs, 'build_s'):.2f}",
                f"{time:.4g} ({low:.4g}..{high:.4g})",
                f"{middle(runs, 'images_per_s'):.3g}",
                f"{middle(runs, 'us_per_step'):.4g}",
                f"{time / middle(reference, 'ms_per_image'):.2f}" if reference else "-",
                f"{middle(runs, 'input_spikes_per_image'):.0f}",
                f"{middle(runs, 'exc_spikes_per_image'):.1f}",
                verdict(runs, reference),
                f"{middle(runs, 'peak_rss_mb'):.0f}",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def main() -> None:
    args = arguments()
    host = about()
    results = run_all(args)

    versions: dict[str, dict[str, str]] = {}
    for case, runs in results.items():
        versions.setdefault(case.simulator, {}).update(runs[0].get("versions", {}))
    print(headline(host))
    for simulator, found in versions.items():
        print(f"{simulator}: {', '.join(f'{k} {v}' for k, v in found.items()) or 'did not run'}")
    print(f"{args.images} images after {args.warm_up}; "
          f"seeds {args.seed} to {args.seed + args.runs - 1}; medians")  # fmt: skip
    if warning := busy(run for runs in results.values() for run in runs):
        print(warning)
    print(f"\n{table(results)}")

    if args.json:
        record = {
            **host,
            "arguments": {
                k: v for k, v in vars(args).items() if not k.endswith(("python", "json", "mnist"))
            },
            "cases": [vars(case) | {"runs": runs} for case, runs in results.items()],
        }
        args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
