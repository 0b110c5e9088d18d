r"""Convert a ResNet-20 with spikelet and SpikingJelly: accuracy at each T, and images per second.

Each run has its own process, in the interpreter that has the program. First, with the same
thresholds and in float64, spikelet must emit the same spikes as SpikingJelly and snnTorch.
conversion.py describes the files that the folder must hold.

    python bench/python/compare_conversion.py --files FOLDER --images 2000 \
        --spikingjelly-python ENV/bin/python --snntorch-python ENV/bin/python
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any, TypeVar

from conversion import RECIPES, SHARED
from conversion_report import accuracies, best_peer, differing, equality, speeds

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")
PROGRAMS = ("spikelet", "spikingjelly", "snntorch", "torch")
FILES = ("resnet20_cifar10.npz", "cifar10_test.npz", "cifar10_calibration.npz")
PARTS = ("equality", "accuracy", "speed")
CaseT = TypeVar("CaseT")


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
    """Return integers from ``4,8,16``, in order."""
    return sorted({int(part) for part in text.split(",")})


def parser(
    description: str | None, steps: str, images: str, seconds: float, programs: Sequence[str] = PROGRAMS,
    **more: Any,
) -> Any:  # fmt: skip
    """Return a parser with the options that comparisons of conversions share."""
    found = harness.parser(description, *programs, runs=3, **more)
    found.set_defaults(**{f"{name}_python": None for name in programs[1:]})
    add = found.add_argument
    add("--steps", type=numbers, default=numbers(steps), metavar="T,T,...",
        help=f"numbers of steps (default: {steps})")  # fmt: skip
    add("--programs", nargs="+", choices=programs, default=programs)
    add("--recipes", nargs="+", choices=RECIPES, default=RECIPES, help="recipes of SpikingJelly")
    text = f"timed seconds of each run (default: {seconds:g})"
    add("--seconds", type=float, default=seconds, help=text)
    add(
        "--speed-images",
        type=int,
        default=200 if images == "images" else 100,
        help=f"timed {images}",
    )
    return found


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    found = parser(__doc__, "4,8,16,32,64,128", "images", 2.0)
    add = found.add_argument
    add("--files", type=Path, required=True, metavar="FOLDER", help=f"has {', '.join(FILES)}")
    add("--images", type=int, default=10_000, help="test images for accuracy (default: 10000)")
    add("--threads", type=int, nargs="+", default=[1])
    add("--parts", nargs="+", choices=PARTS, default=PARTS)
    add("--methods", nargs="+", default=[SHARED, "fitted"], metavar="NAME",
        help=f"method[:neuron[:dtype]] of spikelet.convert, or {SHARED} as the method "
        f"(default: {SHARED} fitted)")  # fmt: skip
    add("--equal-images", type=int, default=4, help="images whose spikes must be equal")
    add("--equal-steps", type=int, default=32, help="steps in which they must be equal")
    args: argparse.Namespace = found.parse_args()
    least = (args.images, args.runs, args.seconds, args.speed_images, args.equal_images,
             args.equal_steps, *args.threads, *args.steps)  # fmt: skip
    if min(least) <= 0:
        found.error("numbers must be positive")
    if missing := [name for name in FILES if not (args.files / name).is_file()]:
        found.error(f"--files {args.files}: there is no {missing[0]}")
    harness.share_interpreter(args, *PROGRAMS[1:])
    return args


def work(args: argparse.Namespace, case: Case, what: str, **settings: Any) -> Record:
    """Run a worker and return its record."""
    values = {"program": case.program, "what": what, "files": args.files, "method": case.method,
              "threads": case.threads, "images": args.images, "dtype": "float32",
              "steps": [case.steps] if case.steps else args.steps}  # fmt: skip
    python = getattr(args, f"{case.program}_python")
    settings = values | settings
    return harness.call(python, WORKER, "conversion_worker.run", settings, threads=case.threads)


def check(args: argparse.Namespace, folder: Path, thresholds: Path) -> dict[str, Record]:
    """Return, for each other program, how its spikes differ from spikelet's."""
    programs = [p for p in ("spikelet", "spikingjelly", "snntorch") if p in args.programs]
    found = harness.take_turns(
        [Case(program, SHARED, 1, args.equal_steps) for program in programs], [1],
        lambda case, _: work(args, case, "spikes", images=args.equal_images, dtype="float64",
                             thresholds=thresholds, out=folder / f"{case.program}.npz"),
        "spikes recorded", good="versions",
    )  # fmt: skip
    files = {case.program: folder / f"{case.program}.npz" for case in found}
    return {
        case.program: record
        | (differing(files["spikelet"], files[case.program]) if "versions" in record else {})
        for case, (record,) in found.items()
        if case.program != "spikelet"
    }


def accuracy_cases(args: argparse.Namespace) -> list[Case]:
    """Return the rows of the accuracy table."""
    methods = {"torch": ["trained"], "spikingjelly": args.recipes, "spikelet": args.methods}
    return [
        Case(program, method, max(args.threads))
        for program, names in methods.items()
        if program in args.programs
        for method in names
    ]


def speed_cases(args: argparse.Namespace) -> list[Case]:
    """Return the rows of the speed table; a row of the ANN has one step."""
    methods = {"spikelet": args.methods, "spikingjelly": [SHARED], "snntorch": [SHARED]}
    cases = [
        Case(program, method, threads, steps)
        for threads, steps in product(args.threads, args.steps)
        for program, names in methods.items()
        if program in args.programs
        for method in names
    ]
    if "torch" in args.programs:
        cases += [Case("torch", m, t, 1) for t in args.threads for m in ("trained", "folded")]
    return cases


def tune_and_time(
    cases: Iterable[CaseT], runs: int, once: Callable[[CaseT, dict[str, Any] | None], Record]
) -> dict[CaseT, list[Record]]:
    """Find the best setting of each case in a run of its own, then time all cases in turn."""
    text = "best setting {setting}, {images_per_s:.4g}/s"
    results = harness.take_turns(
        cases, [0], lambda case, _: once(case, None), text, good="setting"
    )  # fmt: skip
    best = {case: run for case, (run,) in results.items() if "setting" in run}
    timed = harness.take_turns(
        best, range(1, runs + 1), lambda case, _: once(case, best[case]["setting"]),
        "{images_per_s:.4g}/s", good="images_per_s",
    )  # fmt: skip
    return results | {
        case: [run | {"tried": best[case]["tried"]} for run in records]
        for case, records in timed.items()
    }


def main() -> None:
    args = arguments()
    origin = harness.about()
    equal: dict[str, Record] = {}
    accuracy: dict[Case, Record] = {}
    speed: dict[Case, list[Record]] = {}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        thresholds = folder / "thresholds.npz"
        record = work(args, Case("spikelet", SHARED, 1, 1), "thresholds", images=1, out=thresholds)
        if not thresholds.exists():
            sys.exit(f"compare_conversion.py: error: spikelet found no thresholds: {record}")
        if "equality" in args.parts:
            equal = check(args, folder, thresholds)
        if "accuracy" in args.parts:
            found = harness.take_turns(
                accuracy_cases(args), [1],
                lambda case, _: work(args, case, "accuracy", thresholds=thresholds),
                "right by T: {plain} of {images}", good="plain",
            )  # fmt: skip
            accuracy = {case: record for case, (record,) in found.items()}
        if "speed" in args.parts:

            def once(case: Case, setting: dict[str, Any] | None) -> Record:
                # spikelet has one setting; the others try several, for half of the time each
                tuning = 0.0 if case.program == "spikelet" else args.seconds / 2
                return work(args, case, "speed", images=args.speed_images, thresholds=thresholds,
                            setting=setting, seconds=args.seconds if setting is not None else tuning)  # fmt: skip

            speed = tune_and_time(speed_cases(args), args.runs, once)

    texts = []
    if equal:
        texts.append(equality(equal, args.equal_images, args.equal_steps))
    if accuracy:
        texts += [accuracies(accuracy, args.steps), best_peer(accuracy, args.steps)]
    if speed:
        texts.append(speeds(speed))
    runs = [run for records in speed.values() for run in records]
    harness.show(
        args, origin, [record, *equal.values(), *accuracy.values(), *runs], texts, equality=equal,
        accuracy=[vars(case) | found for case, found in accuracy.items()],
        speed=[vars(case) | {"images_per_s": harness.middle(records, "images_per_s"), "runs": records}
               for case, records in speed.items()],
    )  # fmt: skip


if __name__ == "__main__":
    main()
