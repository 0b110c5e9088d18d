"""One network shared by several processes: check that results are the same, and measure the cost.

    python bench/python/ranks.py --ranks 1 2 --check 3 4 --runs 3 --json ranks.json

The network is Brunel's, with and without STDP (models.py). Strong scaling runs the whole network on
each number of ranks; weak scaling runs a part that grows with the ranks. A plain process with as many
threads serves for comparison. Spikes and weights must be the same bits for all numbers of ranks and
threads; otherwise the program stops and reports the difference. Needs mpi4py and an MPI.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from models import DT

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record, middle

WORKER = Path(__file__).with_name("worker.py")

ENVIRONMENT = {
    # Settings of Open MPI: allow root, allow more ranks than cores, do not bind ranks (this would
    # keep threads on one core), and yield instead of spinning, as other programs may need the cores.
    "OMPI_ALLOW_RUN_AS_ROOT": "1",
    "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1",
    "PRTE_MCA_rmaps_default_mapping_policy": ":oversubscribe",
    "PRTE_MCA_hwloc_default_binding_policy": "none",
    "OMPI_MCA_rmaps_base_oversubscribe": "1",
    "OMPI_MCA_mpi_yield_when_idle": "1",
    "OMPI_MCA_hwloc_base_binding_policy": "none",
}


@dataclass(frozen=True)
class Case:
    """One row of the table; 0 ranks stand for a process without mpiexec."""

    scaling: str
    ranks: int
    threads: int
    scale: float


def find_mpiexec() -> str | None:
    """Return the mpiexec next to this interpreter, or that of the system."""
    beside = Path(sys.executable).with_name("mpiexec")
    return str(beside) if beside.exists() else shutil.which("mpiexec")


def cases(args: argparse.Namespace) -> list[Case]:
    """Return the measured cases, starting with the plain process, with which the others are compared."""
    most = max(args.ranks)
    strong = [Case("strong", 0, t, args.scale) for t in sorted({1, *args.ranks})]
    strong += [Case("strong", m, 1, args.scale) for m in sorted(args.ranks)]
    weak = [Case("weak", m, 1, args.scale * m / most) for m in sorted(args.ranks) if m < most]
    return strong + weak


def column(
    key: str, form: str, pick: Any = max, over: Any = median, *, shared: bool = False
) -> harness.Column:
    """Return a column with the median over runs of the largest value of any rank; `shared` figures need several."""

    def show(case: Case, runs: list[Record]) -> str:
        if shared and case.ranks < 2:
            return ""
        return format(over(pick(run[key]) for run in runs), form)

    return show


def table(results: dict[Case, list[Record]]) -> str:
    """Return one model as a Markdown table."""
    plain = middle(next(iter(results.values())), "wall_s")

    def speed(case: Case, runs: list[Record]) -> str:
        return f"{plain / middle(runs, 'wall_s'):.2f}" if case.scaling == "strong" else ""

    columns: dict[str, harness.Column] = {
        "ranks x threads": lambda case, _: f"{case.ranks or 'plain'} x {case.threads}",
        "neurons": "neurons .0f",
        "synapses": "synapses .3g",
        "build s": column("build_s", ".2f"),
        "s per simulated s": "wall_s .3f",
        "(least)": lambda _, runs: f"({min(run['least_s'] for run in runs):.3f})",
        "speed": speed,
        "bytes sent": column("bytes_sent", ".0f", shared=True),
        "received": column("bytes_received", ".0f", shared=True),
        "us per exchange": column("us_an_exchange", ".0f", shared=True),
        "least us": column("us_an_exchange_least", ".0f", min, min, shared=True),
        "share": column("share", ".0%", shared=True),
        "synapses MB per rank": column("synapse_mb", ".1f"),
        "peak RSS MB per rank": column("peak_rss_mb", ".0f"),
        "empty process": column("empty_rss_mb", ".0f"),
    }
    shown = {case: runs for case, runs in results.items() if case.scaling != "only checked"}
    return harness.table(shown, ("scaling",), columns)


def run_all(model: str, args: argparse.Namespace) -> dict[Case, list[Record]]:
    """Run all cases in turn, with the same seed, and compare their results.

    Raises
    ------
    SystemExit
        If a run fails or gives different bits.
    """
    digests: dict[float, str] = {}

    def once(case: Case, _: int) -> Record:
        settings = {"name": model, "scale": case.scale, "seed": args.seed, "threads": case.threads,
                    "windows": args.windows, "window": args.window}  # fmt: skip
        command = [args.mpiexec, "-n", str(case.ranks)] if case.ranks else []
        command += [sys.executable, str(WORKER), "ranks_worker.run", json.dumps(settings)]
        record = harness.run(command, case.threads, limit=600, environment=ENVIRONMENT)
        if "wall_s" not in record:
            raise SystemExit(f"{model}, {case}: {record}")
        if record["ranks"] != max(case.ranks, 1):
            raise SystemExit(f"{case}: {record['ranks']} ranks; is mpiexec that of mpi4py's MPI?")
        if digests.setdefault(case.scale, record["digest"]) != record["digest"]:
            raise SystemExit(f"{model}, {case}: spikes or weights differ from those before")
        return record

    found = harness.take_turns(cases(args), range(args.runs), once, "{wall_s:.3f} s")
    checked = [Case("only checked", m, 1, args.scale) for m in args.check]
    return found | harness.take_turns(checked, [1], once, "the same bits")


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, runs=3)
    add = parser.add_argument
    add("--models", nargs="+", default=["brunel", "plastic_brunel"])
    add("--ranks", type=int, nargs="+", default=[1, 2], help="ranks to measure (default: 1 2)")
    add("--check", type=int, nargs="*", default=[3, 4],
        help="numbers of ranks to check only, e.g. more than there are cores (default: 3 4)")  # fmt: skip
    add("--scale", type=float, default=1.0, help="factor on the number of neurons (default: 1)")
    add("--windows", type=int, default=15, help="timed windows per run (default: 15)")
    add("--window", type=float, default=60.0, metavar="MS", help="time per window (default: 60)")
    add("--seed", type=int, default=1)
    add("--mpiexec", default=find_mpiexec(), help="mpiexec of the MPI that mpi4py was built for")
    add("--quick", action="store_true", help="use tiny networks and one run, as a smoke test")
    args: argparse.Namespace = parser.parse_args()
    if args.mpiexec is None:
        parser.error("no mpiexec found: give its path with --mpiexec")
    if args.quick:
        args.runs, args.windows, args.window, args.scale, args.check = 1, 2, 15.0, 0.02, []
        args.ranks, args.models = [2], args.models[-1:]
    return args


def main() -> None:
    args, origin = arguments(), harness.about()
    results = {model: run_all(model, args) for model in args.models}
    texts = [f"dt {DT} ms; {args.runs} runs in turn; medians of the largest values of any rank"]
    for model, of_cases in results.items():
        checked = ", ".join(str(case.ranks or "plain") for case in of_cases)
        same = f"The same bits on {checked} ranks: spikes and learned weights."
        texts.append(f"### {model}\n\n{same}\n\n{table(of_cases)}")
    written = [
        {"model": model, **vars(case), "runs": group}
        for model, of_cases in results.items()
        for case, group in of_cases.items()
    ]
    runs = [run for case in written for run in case["runs"]]
    harness.show(args, origin, runs, texts, cases=written)


if __name__ == "__main__":
    main()
