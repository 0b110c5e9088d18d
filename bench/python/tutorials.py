r"""Train the networks of snnTorch's and SpikingJelly's tutorials: whole iterations, script by script.

Each program runs in a process of its own, in the interpreter that has it, with the same first weights, images and number of
iterations. First, the loss and the gradients of the first iteration must agree: within rounding of float64 with
SpikingJelly's, of float32 with snnTorch's. FORMS lists the ways to run a network: "script" as the tutorial has it, and
"by layer", with channels last and freed memory kept by the process, which is the best that PyTorch's operations allow.
spikelet's is ported as docs/from_snntorch_and_spikingjelly.md says. MNIST takes the place of Fashion-MNIST, and drawn
events of moving spots that of recorded gestures.

    python bench/python/tutorials.py --peers-python ENV/bin/python --mnist MNIST/raw
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from tutorials_cases import CASES, FORMS, Case

from spikelet import datasets
from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record

WORKER = Path(__file__).with_name("worker.py")
TOLERANCE = {"spikingjelly": 1e-9, "snntorch": 1e-5}
"""Largest relative error of the loss and of each gradient, by its norm."""


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, "peers", runs=2)
    add = parser.add_argument
    add("--cases", nargs="+", choices=CASES, default=list(CASES), metavar="NAME",
        help="any of " + "; ".join(CASES))  # fmt: skip
    add("--mnist", type=Path, required=True, metavar="FOLDER", help="folder of MNIST's IDX files")
    add("--iterations", type=int, default=8, help="timed iterations of a run (default: 8)")
    add("--threads", type=int, default=1)
    add("--limit", type=float, default=600.0, help="longest time of a run [s] (default: 600)")
    args = parser.parse_args()
    try:
        datasets.mnist(args.mnist, "test", 1)
    except (FileNotFoundError, ValueError) as error:
        parser.error(f"--mnist: {error}")
    return args


def work(
    args: argparse.Namespace, folder: Path, case: Case, program: str, form: str, **settings: Any
) -> Record:
    """Run a worker and return its record."""
    python = sys.executable if program == "spikelet" else args.peers_python
    values = {"program": program, "case": case.name, "form": form, "folder": folder,
              "iterations": args.iterations, "threads": args.threads} | settings  # fmt: skip
    return harness.call(
        python, WORKER, "tutorials_worker.run", values, threads=args.threads, limit=args.limit
    )


def check(args: argparse.Namespace, folder: Path, case: Case) -> str:
    """Compare the loss and gradients of spikelet's first iteration with those of the case's library."""
    found = {}
    for program in ("spikelet", case.library):
        for form in FORMS[program]:
            file = folder / f"{program}-{form.replace(' ', '-')}.npz"
            record = work(args, folder, case, program, form, save=file)
            if "loss" not in record:
                return f"not compared, {program}: {record}"
            with np.load(file) as stored:
                found[program, form] = [np.array(stored[name]) for name in stored.files]
    ours = found.pop(("spikelet", FORMS["spikelet"][0]))
    worst = 0.0
    for theirs in found.values():
        assert len(ours) == len(theirs)
        for a, b in zip(ours, theirs, strict=True):
            apart = np.linalg.norm(a - b)
            worst = max(worst, float(apart / np.linalg.norm(b)) if apart > 0 else 0.0)
    if worst > TOLERANCE[case.library]:
        raise SystemExit(f"{case.name}: {worst:.1e} apart from {case.library}")
    return f"loss and {len(ours) - 1} gradients within {worst:.1e}"


def row(head: list[str], records: list[Record], threads: int, ours: float | None) -> list[str]:
    """Return the row of a table."""
    taken = time_of(records, threads)
    if taken is None:
        return [*head, harness.why(records[-1])]
    return [*head, f"{1e3 * taken:.4g}", f"{taken / ours:.2f}" if ours else "-"]


def time_of(records: list[Record], threads: int) -> float | None:
    """Return the median seconds of an iteration: of CPU with one thread, which others hardly disturb."""
    clock = "cpu" if threads == 1 else "wall"
    return median(s for r in records for s in r[clock]) if "cpu" in records[-1] else None


def main() -> None:
    args = arguments()
    origin = harness.about()
    everything: list[dict[str, Any]] = []
    rows = []
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        images, labels = datasets.mnist(args.mnist, "train", 12_800)
        np.savez(folder / "mnist_train.npz", images=images, labels=labels)
        for key in args.cases:
            case = CASES[key]
            print(f"* {case.name}: {check(args, folder, case)}", flush=True)
            forms = [
                (program, form) for program in ("spikelet", case.library) for form in FORMS[program]
            ]

            def once(which: tuple[str, str], _: int, case: Case = case) -> Record:
                return work(args, folder, case, *which)

            found = harness.take_turns(forms, range(1, args.runs + 1), once, "timed", good="cpu")
            ours = time_of(found[forms[0]], args.threads)
            rows += [
                row([case.name, ", ".join(which)], records, args.threads, ours)
                for which, records in found.items()
            ]
            everything += [
                {"case": key, "program": program, "form": form, "runs": records}
                for (program, form), records in found.items()
            ]
    header = ("network", "program", "iteration [ms]", "/ spikelet")
    runs = [run for part in everything for run in part["runs"]]
    harness.show(args, origin, runs, [harness.markdown(header, rows)], cases=everything)


if __name__ == "__main__":
    main()
