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
import json
import sys
import tempfile
from collections.abc import Callable, Iterable
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
    READOUT_METHODS,
    READOUTS,
    TOLERANCE,
)

from spikelet import datasets
from spikelet.cli.bench_harness import Record, about, busy, headline, run

WORKER = Path(__file__).with_name("training_worker.py")
PROGRAMS = ("spikelet", "reference", *LIBRARIES)
PARTS = ("equality", "layer", "readouts", "memory", "epoch")


@dataclass(frozen=True)
class Case:
    """A row of a table."""

    program: str
    convention: str
    method: str
    threads: int
    readout: str = "dense"

    def __str__(self) -> str:
        what = "" if self.readout == "dense" else f", {self.readout}"
        return f"{self.convention}: {self.program} {self.method}{what}, threads {self.threads}"


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
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
    add("--runs", type=int, default=3, help="timed runs (default: 3)")
    add("--seconds", type=float, default=3.0, help="timed seconds of each run (default: 3)")
    add("--limit", type=float, default=600.0,
        help="longest time of a run in seconds, including compilation (default: 600)")  # fmt: skip
    add("--mnist", type=Path, metavar="FOLDER", help="folder of MNIST's IDX files, for the epoch")
    add("--images", type=int, default=60_000, help="training images (default: 60000)")
    add("--test-images", type=int, default=10_000, help="test images (default: 10000)")
    add("--epoch-runs", type=int, default=1, help="timed epochs (default: 1)")
    add("--peers-python", metavar="PATH", help="interpreter that can import all libraries")
    for name in PROGRAMS:
        add(f"--{name}-python", metavar="PATH",
            help=f"interpreter that can import {name}")  # fmt: skip
    add("--json", type=Path, metavar="PATH", help="write all runs and the machine to this file")
    args = parser.parse_args()
    least = (*args.threads, args.steps, args.batch, args.neurons, args.equal_batch,
             args.equal_neurons, args.runs, args.seconds, args.limit, args.images,
             args.test_images, args.epoch_runs)  # fmt: skip
    if min(least) <= 0:
        parser.error("numbers must be positive")
    if "epoch" in args.parts and args.mnist is None:
        parser.error("the epoch needs --mnist; to skip it, leave it out of --parts")
    if "epoch" in args.parts:
        try:
            datasets.mnist(args.mnist, "test", 1)
        except (FileNotFoundError, ValueError) as error:
            parser.error(f"--mnist: {error}")
    args.spikelet_python = args.spikelet_python or sys.executable
    args.reference_python = args.reference_python or args.spikelet_python
    for name in LIBRARIES:
        key = f"{name}_python"
        setattr(args, key, getattr(args, key) or args.peers_python or sys.executable)
    return args


def work(args: argparse.Namespace, folder: Path, case: Case, what: str, **settings: Any) -> Record:
    """Run a worker and return what it printed."""
    values = {
        "convention": case.convention, "method": case.method, "threads": case.threads,
        "steps": args.steps, "batch": args.batch, "neurons": args.neurons, "dtype": "float32",
        "seconds": args.seconds, "folder": folder, "readout": case.readout,
    }  # fmt: skip
    command = [getattr(args, f"{case.program}_python"), str(WORKER), case.program, what]
    for name, value in (values | settings).items():
        command.append(f"--{name.replace('_', '-')}={value}")
    # Runs share compiled code with each other, but not with an earlier comparison.
    caches = {"TORCHINDUCTOR_CACHE_DIR": str(folder / "compiled")}
    return run(command, case.threads, limit=args.limit, environment=caches)


def say(case: Case, record: Record, text: Callable[[Record], str]) -> None:
    """Report the outcome of a run on stderr."""
    why = next((f"{k}: {record[k]}" for k in ("missing", "failed") if k in record), None)
    print(f"{case}: {why or text(record)}", file=sys.stderr, flush=True)


def check(args: argparse.Namespace, folder: Path) -> list[Record]:
    """Return the pairwise differences between each library, the reference and spikelet."""
    found = []
    for dtype, convention in product(TOLERANCE, args.libraries):
        here = folder / f"{convention}-{dtype}"
        here.mkdir()
        records = {}
        for program in ("spikelet", "reference", convention):
            case = Case(program, convention, f"check in {dtype}", 1)
            records[program] = work(args, here, case, "check", dtype=dtype,
                                    batch=args.equal_batch, neurons=args.equal_neurons)  # fmt: skip
            say(case, records[program], lambda record: f"failures: {record['failures'] or 'none'}")
        for ours, theirs in (
            ("reference", convention), ("spikelet", "reference"), ("spikelet", convention)
        ):  # fmt: skip
            record: Record = {
                "dtype": dtype, "convention": convention, "pair": f"{ours} = {theirs}"
            }  # fmt: skip
            gone = [records[p] for p in (ours, theirs) if "failures" not in records[p]]
            if gone:
                record |= gone[0]
            else:
                files = [here / f"{program}.npz" for program in (ours, theirs)]
                record |= report.differences(*files, dtype)
                for program in (ours, theirs):
                    record |= {f"failures of {program}": records[program]["failures"]}
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


def take_turns(
    cases: Iterable[Case], runs: int, once: Callable[[Case], Record], text: Callable[[Record], str]
) -> dict[Case, list[Record]]:
    """Run all cases in turn, repeatedly; a case that fails is not repeated."""
    results: dict[Case, list[Record]] = {case: [] for case in cases}
    for _ in range(runs):
        for case, done in results.items():
            if done and "wall_s" not in done[-1]:
                continue
            record = once(case)
            say(case, record, text)
            done[:] = [*done, record] if "wall_s" in record else [record]
    return results


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
    args = argparse.Namespace(**vars(args) | {"limit": None})
    return take_turns(
        cases, args.epoch_runs, lambda case: work(args, folder, case, "epoch", **options),
        lambda record: f"{record['images_per_s']:.4g} images/s",
    )  # fmt: skip


def main() -> None:
    args = arguments()
    host = about()
    equal: list[Record] = []
    layer: dict[Case, list[Record]] = {}
    floor: dict[int, Record] = {}
    readouts: dict[Case, list[Record]] = {}
    memory: dict[Case, list[Record]] = {}
    epoch: dict[Case, list[Record]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        if "equality" in args.parts:
            equal = check(args, folder)
        if "layer" in args.parts:
            layer = take_turns(
                layer_cases(args, args.threads), args.runs,
                lambda case: work(args, folder, case, "time"),
                lambda record: f"{1e3 * record['wall_s']:.2f} ms, first two {record['first_s']:.1f} s",
            )  # fmt: skip
            for threads in args.threads:
                case = Case("spikelet", args.libraries[0], "floor", threads)
                floor[threads] = work(args, folder, case, "floor")
                say(case, floor[threads], lambda record: str(record["floor_s"]))
        if "readouts" in args.parts:
            cases = [
                Case(program, "spikingjelly", method, threads, readout)
                for threads in args.threads
                for readout in READOUTS
                for program, methods in READOUT_METHODS.items()
                for method in methods
            ]
            readouts = take_turns(
                cases, args.runs, lambda case: work(args, folder, case, "time"),
                lambda record: f"{1e3 * record['wall_s']:.2f} ms",
            )  # fmt: skip
        if "memory" in args.parts:
            for case in layer_cases(args, args.threads[:1]):
                memory[case] = [work(args, folder, case, "memory")]
                say(case, memory[case][0], lambda record: f"{record['peak_mb']:.1f} MB")
        if "epoch" in args.parts:
            epoch = epochs(args, folder)

    runs = [
        r
        for found in (layer, readouts, memory, epoch)
        for records in found.values()
        for r in records
    ]
    versions: dict[str, str] = {}
    for record in [*equal, *floor.values(), *runs]:
        versions |= record.get("versions", {})
    print(headline(host))
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    if warning := busy([*floor.values(), *runs]):
        print(warning)
    if equal:
        print(f"\n{report.equality(equal)}")
    if layer:
        shape = f"{args.steps} steps, batch {args.batch}, {args.neurons} neurons"
        print(f"\n{shape}, float32\n\n{report.layer(layer)}\n\n{report.best_peer(layer)}")
        print(f"\n{report.floors(layer, floor)}")
    if readouts:
        print(f"\n{report.readouts(readouts)}")
    if memory:
        print(f"\n{report.memory(memory)}")
    if epoch:
        print(f"\n{report.epoch(epoch)}")

    if args.json:
        cells = {
            **host,
            "versions": versions,
            "arguments": {
                k: v for k, v in vars(args).items() if not k.endswith(("python", "json", "mnist"))
            },
            "equality": equal,
            "floor": floor,
            **{
                part: [vars(case) | {"runs": records} for case, records in found.items()]
                for part, found in (
                    ("layer", layer),
                    ("readouts", readouts),
                    ("memory", memory),
                    ("epoch", epoch),
                )
            },
        }
        args.json.write_text(json.dumps(cells, indent=1) + "\n")


if __name__ == "__main__":
    main()
