r"""Train spiking neurons with spikelet, SpikingJelly, snnTorch and Norse: times and memory.

Each run has its own process, in the interpreter that has the program. First, the spikes, final
potentials and gradients of each library must equal those of the plain loops in
tests/support/torch_reference.py, and these must equal spikelet's in the convention of that library.
Then a layer of neurons runs forward and backward, both as each library implements it and compiled
with torch.compile, and a small convolutional network is trained for an epoch.

    python bench/python/compare_training.py --peers-python ENV/bin/python --threads 1 2 \
        --mnist MNIST/raw --json result.json
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import training_report as report
from training import (
    LIBRARIES,
    METHODS,
    NETWORK_BATCH,
    NETWORK_METHODS,
    NETWORK_STEPS,
    TOLERANCE,
)

from spikelet import datasets
from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")
PROGRAMS = ("spikelet", "reference", *LIBRARIES)
PARTS = ("equality", "layer", "memory", "epoch")


@dataclass(frozen=True)
class Case:
    """A row of a table."""

    program: str
    convention: str
    method: str
    threads: int

    def __str__(self) -> str:
        return f"{self.convention}: {self.program} {self.method}, threads {self.threads}"


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, *PROGRAMS, runs=3)
    parser.set_defaults(**{f"{name}_python": None for name in PROGRAMS})
    add = parser.add_argument
    add("--parts", nargs="+", choices=PARTS, default=PARTS)
    add("--libraries", nargs="+", choices=LIBRARIES, default=LIBRARIES)
    add("--methods", nargs="+", metavar="NAME",
        help="ways to run the layer (default: all of " +
        "; ".join(f"{p}: {', '.join(m)}" for p, m in METHODS.items()) + ")")  # fmt: skip
    add("--threads", type=int, nargs="+", default=[1])
    add("--steps", type=int, default=100)
    add("--batch", type=int, default=128)
    add("--neurons", type=int, default=512)
    add("--equal-batch", type=int, default=8, help="batch of the equality check (default: 8)")
    add("--equal-neurons", type=int, default=67, help="neurons of that check (default: 67)")
    add("--seconds", type=float, default=3.0, help="timed seconds of each run (default: 3)")
    add("--limit", type=float, default=600.0,
        help="longest time of a run in seconds, including compilation (default: 600)")  # fmt: skip
    add("--mnist", type=Path, metavar="FOLDER", help="folder of MNIST's IDX files, for the epoch")
    add("--images", type=int, default=60_000, help="training images (default: 60000)")
    add("--test-images", type=int, default=10_000, help="test images (default: 10000)")
    add("--epoch-runs", type=int, default=1, help="timed epochs (default: 1)")
    add("--peers-python", metavar="PATH", help="interpreter that can import all libraries")
    args = parser.parse_args()
    if "epoch" in args.parts and args.mnist is None:
        parser.error("the epoch needs --mnist; to skip it, leave it out of --parts")
    if "epoch" in args.parts:
        try:
            datasets.mnist(args.mnist, "test", 1)
        except (FileNotFoundError, ValueError) as error:
            parser.error(f"--mnist: {error}")
    harness.share_interpreter(args, "spikelet", "reference")
    harness.share_interpreter(args, *LIBRARIES, given=args.peers_python)
    return args


def work(args: argparse.Namespace, folder: Path, case: Case, what: str, **settings: Any) -> Record:
    """Run a worker and return its record."""
    values = {
        "program": case.program, "what": what, "convention": case.convention, "method": case.method,
        "threads": case.threads, "steps": args.steps, "batch": args.batch, "neurons": args.neurons,
        "seconds": args.seconds, "folder": folder,
    }  # fmt: skip
    # Runs share compiled code with each other, but not with an earlier comparison.
    caches = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
    python, settings = getattr(args, f"{case.program}_python"), values | settings
    return harness.call(
        python, WORKER, "training_worker.run", settings,
        threads=case.threads, limit=None if what == "epoch" else args.limit, environment=caches,
    )  # fmt: skip


def check(args: argparse.Namespace, folder: Path) -> list[Record]:
    """Return the pairwise differences between each library, the reference and spikelet."""
    found = []
    sizes = {"batch": args.equal_batch, "neurons": args.equal_neurons}
    for convention in args.libraries:
        here = folder / convention
        here.mkdir()
        cases = [
            Case(program, convention, "check", 1)
            for program in ("spikelet", "reference", convention)
        ]
        done = harness.take_turns(
            cases, [1], lambda case, _, here=here: work(args, here, case, "check", **sizes),
            "failures: {failures}", good="failures",
        )  # fmt: skip
        records = {case.program: record for case, (record,) in done.items()}
        for dtype, (ours, theirs) in product(
            TOLERANCE,
            [("reference", convention), ("spikelet", "reference"), ("spikelet", convention)],
        ):
            record: Record = {
                "dtype": dtype, "convention": convention, "pair": f"{ours} = {theirs}"
            }  # fmt: skip
            gone = [records[p] for p in (ours, theirs) if "failures" not in records[p]]
            if gone:
                record |= gone[0]
            else:
                files = [here / f"{program}-{dtype}.npz" for program in (ours, theirs)]
                record |= report.differences(*files, dtype)
                for program in (ours, theirs):
                    record |= {f"failures of {program}": records[program]["failures"][dtype]}
                record["versions"] = records[ours]["versions"] | records[theirs]["versions"]
            found.append(record)
    return found


def layer_cases(args: argparse.Namespace, threads: Iterable[int]) -> list[Case]:
    """Return the rows of the layer tables."""

    def methods(program: str) -> list[str]:
        return [m for m in METHODS[program] if not args.methods or m in args.methods]

    return [
        Case(program, library, method, count)
        for count in threads
        for library in args.libraries
        for program in ("spikelet", library)
        for method in methods(program)
    ]


def write_mnist(args: argparse.Namespace, folder: Path) -> None:
    """Write the images in a format that all programs can read."""
    for which, count in (("train", args.images), ("test", args.test_images)):
        images, labels = datasets.mnist(args.mnist, which, count)
        np.savez(folder / f"mnist_{which}.npz", images=images, labels=labels)


def epochs(args: argparse.Namespace, folder: Path) -> dict[Case, list[Record]]:
    """Return the training runs."""
    write_mnist(args, folder)
    cases = [
        Case(program, "snntorch", method, threads)
        for threads in args.threads
        for program, methods in NETWORK_METHODS.items()
        for method in methods
    ]
    options = {"steps": NETWORK_STEPS, "batch": NETWORK_BATCH, "images": args.images,
               "test_images": args.test_images}  # fmt: skip
    return harness.take_turns(
        cases, range(1, args.epoch_runs + 1), lambda case, _: work(args, folder, case, "epoch", **options),
        "{images_per_s:.4g} images/s", good="images_per_s",
    )  # fmt: skip


def main() -> None:
    args = arguments()
    origin = harness.about()
    equal: list[Record] = []
    found: dict[str, report.Results] = {part: {} for part in PARTS[1:]}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)

        def turns(
            what: str, cases: Iterable[Case], runs: int, text: str, good: str
        ) -> report.Results:
            return harness.take_turns(
                cases,
                range(1, runs + 1),
                lambda case, _: work(args, folder, case, what),
                text,
                good=good,
            )

        if "equality" in args.parts:
            equal = check(args, folder)
        if "layer" in args.parts:
            text = "{wall_s:.5f} s, first two {first_s:.1f} s"
            cases = layer_cases(args, args.threads)
            found["layer"] = turns("time", cases, args.runs, text, "wall_s")
        if "memory" in args.parts:
            cases = layer_cases(args, args.threads[:1])
            found["memory"] = turns("memory", cases, 1, "{peak_mb:.1f} MB", "peak_mb")
        if "epoch" in args.parts:
            found["epoch"] = epochs(args, folder)

    texts = {"equality": report.equality(equal)} if equal else {}
    if layer := found["layer"]:
        texts["shape"] = f"{args.steps} steps, batch {args.batch}, {args.neurons} neurons, float32"
        texts |= {"layer": report.layer(layer), "best": report.best_peer(layer)}
    for part in ("memory", "epoch"):
        if found[part]:
            texts[part] = getattr(report, part)(found[part])
    runs = [run for results in found.values() for records in results.values() for run in records]
    harness.show(
        args, origin, [*equal, *runs], texts, equality=equal,
        **{
            part: [vars(case) | {"runs": records} for case, records in results.items()]
            for part, results in found.items()
        },
    )  # fmt: skip


if __name__ == "__main__":
    main()
