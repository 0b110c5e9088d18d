r"""Convert a ResNet-20 with spikelet and SpikingJelly: accuracy at each T, and images per second.

Each run has its own process, in the interpreter that has the program. First, with the same
thresholds and in float64, spikelet must emit the same spikes as SpikingJelly and snnTorch.
conversion.py describes the files that the folder must hold.

    python bench/python/compare_conversion.py --files FOLDER --images 2000 \
        --spikingjelly-python ENV/bin/python --snntorch-python ENV/bin/python
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any

from conversion import RECIPES, SHARED
from conversion_report import (
    accuracies,
    best_peer,
    differing,
    equality,
    middle,
    speeds,
)

from spikelet.cli.bench_harness import Record, about, busy, headline, run

WORKER = Path(__file__).with_name("conversion_worker.py")
PROGRAMS = ("spikelet", "spikingjelly", "snntorch", "torch")
FILES = ("resnet20_cifar10.npz", "cifar10_test.npz", "cifar10_calibration.npz")
PARTS = ("equality", "accuracy", "speed")


@dataclass(frozen=True)
class Case:
    """A row of the accuracy table, where steps are 0, or of the speed table."""

    program: str
    method: str
    threads: int
    steps: int = 0

    def __str__(self) -> str:
        text = f"{self.program} {self.method}"
        return f"{text}, T = {self.steps}, threads {self.threads}" if self.steps else text


def numbers(text: str) -> list[int]:
    """Return integers from ``4,8,16``."""
    return [int(part) for part in text.split(",")]


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--files", type=Path, required=True, metavar="FOLDER", help=f"has {', '.join(FILES)}")
    add("--images", type=int, default=10_000, help="test images for accuracy (default: 10000)")
    add("--steps", type=numbers, default=[4, 8, 16, 32, 64, 128], metavar="T,T,...",
        help="numbers of steps (default: 4,8,16,32,64,128)")  # fmt: skip
    add("--threads", type=int, nargs="+", default=[1])
    add("--parts", nargs="+", choices=PARTS, default=PARTS)
    add("--programs", nargs="+", choices=PROGRAMS, default=PROGRAMS)
    add("--methods", nargs="+", default=[SHARED, "fitted"], metavar="NAME",
        help=f"method[:neuron[:dtype]] of spikelet.convert, or {SHARED} as the method "
        f"(default: {SHARED} fitted)")  # fmt: skip
    add("--recipes", nargs="+", choices=RECIPES, default=RECIPES, help="recipes of SpikingJelly")
    add("--runs", type=int, default=3, help="timed runs (default: 3)")
    add("--seconds", type=float, default=2.0, help="timed seconds of each run (default: 2)")
    add("--speed-images", type=int, default=200, help="timed images (default: 200)")
    add("--equal-images", type=int, default=4, help="images whose spikes must be equal")
    add("--equal-steps", type=int, default=32, help="steps in which they must be equal")
    for name in PROGRAMS:
        add(f"--{name}-python", metavar="PATH",
            help=f"interpreter that can import {name}")  # fmt: skip
    add("--json", type=Path, metavar="PATH", help="write all runs and the machine to this file")
    args = parser.parse_args()
    least = (args.images, args.runs, args.seconds, args.speed_images, args.equal_images,
             args.equal_steps, *args.threads, *args.steps)  # fmt: skip
    if min(least) <= 0:
        parser.error("numbers must be positive")
    if missing := [name for name in FILES if not (args.files / name).is_file()]:
        parser.error(f"--files {args.files}: there is no {missing[0]}")
    args.spikelet_python = args.spikelet_python or sys.executable
    peer = args.spikingjelly_python or args.snntorch_python or sys.executable
    for name in PROGRAMS[1:]:
        key = f"{name}_python"
        setattr(args, key, getattr(args, key) or peer)
    args.steps = sorted(set(args.steps))
    return args


def work(args: argparse.Namespace, case: Case, what: str, **settings: Any) -> Record:
    """Run a worker and return what it printed."""
    defaults = {"images": args.images, "dtype": "float32"}
    command = [getattr(args, f"{case.program}_python"), str(WORKER), case.program, what]
    values = {"files": args.files, "method": case.method, "threads": case.threads}
    for name, value in (values | defaults | settings).items():
        command.append(f"--{name}={value}")
    steps = [case.steps] if case.steps else args.steps
    command += ["--steps", *map(str, steps)]
    return run(command, case.threads)


def say(case: Case, record: Record, text: str) -> None:
    """Report the outcome of a run on stderr."""
    why = next((f"{k}: {record[k]}" for k in ("missing", "failed") if k in record), text)
    print(f"{case}: {why}", file=sys.stderr, flush=True)


def check(args: argparse.Namespace, folder: Path, thresholds: Path) -> dict[str, Record]:
    """Return, for each other program, how its spikes differ from spikelet's."""
    found: dict[str, Record] = {}
    ours = folder / "spikelet.npz"
    for program in ("spikelet", "spikingjelly", "snntorch"):
        if program not in args.programs:
            continue
        case = Case(program, SHARED, 1, args.equal_steps)
        out = folder / f"{program}.npz"
        record = work(args, case, "spikes", images=args.equal_images, dtype="float64",
                      thresholds=thresholds, out=out)  # fmt: skip
        say(case, record, "spikes recorded")
        if program != "spikelet":
            found[program] = record | (differing(ours, out) if "versions" in record else {})
    return found


def accuracy_cases(args: argparse.Namespace) -> list[Case]:
    """Return the rows of the accuracy table."""
    methods = {"torch": ["trained"], "spikingjelly": args.recipes, "spikelet": args.methods}
    threads = max(args.threads)
    return [
        Case(program, method, threads)
        for program, names in methods.items()
        if program in args.programs
        for method in names
    ]


def speed_cases(args: argparse.Namespace) -> list[Case]:
    """Return the rows of the speed table; a row of the ANN has one step."""
    methods = {"spikelet": args.methods, "spikingjelly": [SHARED], "snntorch": [SHARED]}
    cases = []
    for threads, steps in product(args.threads, args.steps):
        for program, names in methods.items():
            if program in args.programs:
                cases += [Case(program, method, threads, steps) for method in names]
    if "torch" in args.programs:
        cases += [Case("torch", m, t, 1) for t in args.threads for m in ("trained", "folded")]
    return cases


def time_all(args: argparse.Namespace, thresholds: Path) -> dict[Case, list[Record]]:
    """Find the best setting of each case in a run of its own, then time all cases in turn."""
    results: dict[Case, list[Record]] = {}
    tried: dict[Case, Record] = {}
    common = {"images": args.speed_images, "thresholds": thresholds}
    for case in speed_cases(args):
        seconds = 0.0 if case.program == "spikelet" else args.seconds / 2
        tried[case] = work(args, case, "speed", seconds=seconds, **common)
        best = tried[case].get("images_per_s", 0.0)
        say(case, tried[case], f"best setting {tried[case].get('setting')}, {best:.4g} images/s")
        results[case] = [] if "setting" in tried[case] else [tried[case]]
    for _ in range(args.runs):
        for case, runs in results.items():
            if runs and "images_per_s" not in runs[-1]:
                continue
            setting = json.dumps(tried[case]["setting"])
            record = work(args, case, "speed", setting=setting, seconds=args.seconds, **common)
            if "images_per_s" in record:
                runs.append(record | {"tried": tried[case]["tried"]})
            else:
                runs[:] = [record]
            say(case, record, f"{record.get('images_per_s', 0.0):.4g} images/s")
    return results


def measure_accuracy(args: argparse.Namespace, thresholds: Path) -> dict[Case, Record]:
    """Return the accuracies of all cases."""
    found = {}
    for case in accuracy_cases(args):
        found[case] = work(args, case, "accuracy", thresholds=thresholds)
        right, count = found[case].get("plain", {}), found[case].get("images", 1)
        say(case, found[case], ", ".join(f"{t}: {100 * n / count:.2f} %" for t, n in right.items()))
    return found


def main() -> None:
    args = arguments()
    host = about()
    equal: dict[str, Record] = {}
    accuracy: dict[Case, Record] = {}
    speed: dict[Case, list[Record]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        thresholds = folder / "thresholds.npz"
        case = Case("spikelet", SHARED, 1, 1)
        record = work(args, case, "thresholds", images=1, out=thresholds)
        if not thresholds.exists():
            sys.exit(f"compare_conversion.py: error: spikelet found no thresholds: {record}")
        if "equality" in args.parts:
            equal = check(args, folder, thresholds)
        if "accuracy" in args.parts:
            accuracy = measure_accuracy(args, thresholds)
        if "speed" in args.parts:
            speed = time_all(args, thresholds)

    records = [*equal.values(), *accuracy.values(), *(r for runs in speed.values() for r in runs)]
    versions: dict[str, str] = {}
    for found in [record, *records]:
        versions |= found.get("versions", {})
    print(headline(host))
    print(", ".join(f"{name} {version}" for name, version in versions.items()))
    if warning := busy(r for runs in speed.values() for r in runs):
        print(warning)
    if equal:
        print(f"\n{equality(equal, args.equal_images, args.equal_steps)}")
    if accuracy:
        print(f"\n{accuracies(accuracy, args.steps)}\n\n{best_peer(accuracy, args.steps)}")
    if speed:
        print(f"\n{speeds(speed)}")

    if args.json:
        cells = {
            **host,
            "arguments": {
                k: str(v) if isinstance(v, Path) else v
                for k, v in vars(args).items()
                if not k.endswith(("python", "json", "files"))
            },
            "equality": equal,
            "accuracy": [vars(case) | record for case, record in accuracy.items()],
            "speed": [
                vars(case) | {"images_per_s": middle(runs, "images_per_s"), "runs": runs}
                for case, runs in speed.items()
            ],
        }
        args.json.write_text(json.dumps(cells, indent=1) + "\n")


if __name__ == "__main__":
    main()
