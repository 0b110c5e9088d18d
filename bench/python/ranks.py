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

from models import DT

from spikelet.cli.bench_harness import Record, about, busy, headline, run

WORKER = Path(__file__).with_name("ranks_worker.py")

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

HEADER = (
    "scaling", "ranks x threads", "neurons", "synapses", "build s", "s per simulated s", "(least)",
    "speed", "bytes sent", "received", "us per exchange", "(least)", "share", "synapses MB per rank",
    "peak RSS MB per rank", "(empty)",
)  # fmt: skip


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
    """Return all cases, starting with the plain process, with which the others are compared."""
    most = max(args.ranks)
    strong = [Case("strong", 0, t, args.scale) for t in sorted({1, *args.ranks})]
    strong += [Case("strong", m, 1, args.scale) for m in sorted(args.ranks)]
    weak = [Case("weak", m, 1, args.scale * m / most) for m in sorted(args.ranks) if m < most]
    return strong + weak + [Case("only checked", m, 1, args.scale) for m in args.check]


def figure(runs: list[Record], key: str) -> float:
    """Return the median over runs of the largest value of any rank."""
    return median(max(run[key]) if isinstance(run[key], list) else float(run[key]) for run in runs)


def table(results: dict[Case, list[Record]]) -> str:
    """Return one model as a Markdown table."""
    lines: list[tuple[str, ...]] = [HEADER, ("---",) * len(HEADER)]
    plain = next(iter(results.values()))
    for case, runs in results.items():
        if case.scaling == "only checked":
            continue
        wall, alone = figure(runs, "wall_s"), case.ranks < 2
        lines.append(
            (
                case.scaling,
                f"{case.ranks or 'plain'} x {case.threads}",
                f"{runs[0]['neurons']}",
                f"{runs[0]['synapses']:.3g}",
                f"{figure(runs, 'build_s'):.2f}",
                f"{wall:.3f}",
                f"({min(run['least_s'] for run in runs):.3f})",
                f"{figure(plain, 'wall_s') / wall:.2f}" if case.scaling == "strong" else "",
                "" if alone else f"{figure(runs, 'bytes_sent'):.0f}",
                "" if alone else f"{figure(runs, 'bytes_received'):.0f}",
                "" if alone else f"{figure(runs, 'us_an_exchange'):.0f}",
                "" if alone else f"({min(min(r['us_an_exchange_least']) for r in runs):.0f})",
                "" if alone else f"{figure(runs, 'share'):.0%}",
                f"{figure(runs, 'synapse_mb'):.1f}",
                f"{figure(runs, 'peak_rss_mb'):.0f}",
                f"({figure(runs, 'empty_rss_mb'):.0f})",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def run_all(model: str, args: argparse.Namespace) -> dict[Case, list[Record]]:
    """Run all cases in turn, with the same seed, and compare their results.

    Raises
    ------
    SystemExit
        If a run fails or gives different bits.
    """
    results: dict[Case, list[Record]] = {case: [] for case in cases(args)}
    digests: dict[float, str] = {}
    for number in range(args.runs):
        for case, runs in results.items():
            if number > 0 and case.scaling == "only checked":
                continue
            command = [] if case.ranks == 0 else [args.mpiexec, "-n", str(case.ranks)]
            command += [sys.executable, str(WORKER), model, f"--threads={case.threads}"]
            command += [f"--seed={args.seed}", f"--scale={case.scale}"]
            command += [f"--windows={args.windows}", f"--window={args.window}"]
            record = run(command, case.threads, limit=600, environment=ENVIRONMENT)
            if "wall_s" not in record:
                raise SystemExit(f"{model}, {case}: {record}")
            if record["ranks"] != max(case.ranks, 1):
                raise SystemExit(
                    f"{case}: {record['ranks']} ranks; is mpiexec that of mpi4py's MPI?"
                )
            if digests.setdefault(case.scale, record["digest"]) != record["digest"]:
                raise SystemExit(f"{model}, {case}: spikes or weights differ from those before")
            runs.append(record)
            print(f"{model} {case}: {record['wall_s']:.3f} s", file=sys.stderr, flush=True)
    return results


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", nargs="+", default=["brunel", "plastic_brunel"])
    add("--ranks", type=int, nargs="+", default=[1, 2], help="ranks to measure (default: 1 2)")
    add("--check", type=int, nargs="*", default=[3, 4],
        help="numbers of ranks to check only, e.g. more than there are cores (default: 3 4)")  # fmt: skip
    add("--scale", type=float, default=1.0, help="factor on the number of neurons (default: 1)")
    add("--runs", type=int, default=3, help="runs of each case, in turn (default: 3)")
    add("--windows", type=int, default=15, help="timed windows per run (default: 15)")
    add("--window", type=float, default=60.0, metavar="MS", help="time per window (default: 60)")
    add("--seed", type=int, default=1)
    add("--mpiexec", default=find_mpiexec(), help="mpiexec of the MPI that mpi4py was built for")
    add("--quick", action="store_true", help="use tiny networks and one run, as a smoke test")
    add("--json", type=Path, metavar="PATH", help="write all runs and the machine to this file")
    args = parser.parse_args()
    if min(args.ranks + args.check + [args.runs, args.windows]) < 1 or args.scale <= 0:
        parser.error("--ranks, --check, --runs, --windows and --scale must be positive")
    if args.mpiexec is None:
        parser.error("no mpiexec found: give its path with --mpiexec")
    if args.quick:
        args.runs, args.windows, args.window, args.scale, args.check = 1, 2, 15.0, 0.02, []
        args.ranks, args.models = [2], args.models[-1:]
    return args


def main() -> None:
    args = arguments()
    host = about()
    results = {model: run_all(model, args) for model in args.models}
    runs = [r for cases in results.values() for group in cases.values() for r in group]
    print(headline(host))
    print(", ".join(f"{k} {v}" for k, v in runs[0]["versions"].items()))
    print(f"dt {DT} ms; {args.runs} runs in turn; medians of the largest values of any rank")
    if warning := busy(runs):
        print(warning)
    for model, of_cases in results.items():
        checked = ", ".join(str(case.ranks or "plain") for case in of_cases)
        print(f"\n### {model}\n\nThe same bits on {checked} ranks: spikes and learned weights.\n")
        print(table(of_cases))
    if args.json:
        written = [
            {"model": model, **vars(case), "runs": group}
            for model, of_cases in results.items()
            for case, group in of_cases.items()
        ]
        args.json.write_text(json.dumps({**host, "cases": written}, indent=1) + "\n")


if __name__ == "__main__":
    main()
