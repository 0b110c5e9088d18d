"""Run the same network on spikelet, NEST and Brian2 and print one table with their ratios.

Each run is a process of its own, in the interpreter that has the simulator. Runs of different
simulators alternate, so that a disturbance of the machine hits all of them. Before any ratio the
program checks that all simulators show the same activity.

    python bench/python/compare.py --model cuba --threads 1 2 --brian2-python ~/brian/bin/python
"""

from __future__ import annotations

import argparse
import json
import sys
from itertools import product
from pathlib import Path

from models import DT, MODELS
from processes import Record, busy, headline, machine, run
from report import Case, costs, judge, speedups, summarise, table
from worker import PACKAGES

WORKER = Path(__file__).with_name("worker.py")


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--model", nargs="+", choices=MODELS, default=["cuba"],
        help="a plastic model also runs its static counterpart (default: cuba)")  # fmt: skip
    add("--simulators", nargs="+", choices=PACKAGES, default=["spikelet", "nest", "brian2"],
        help="equations: spikelet, with all neurons from text; brian2_runtime: Brian2 without standalone mode "
        "(default: spikelet nest brian2)")  # fmt: skip
    add("--threads", type=int, nargs="+", default=[1])
    add("--dtype", nargs="+", choices=["float32", "float64"], default=["float32"],
        help="data type of spikelet; NEST and Brian2 compute in float64")  # fmt: skip
    add("--runs", type=int, default=3, help="runs with different seeds (default: 3)")
    add("--seed", type=int, default=1, help="seed of the first run (default: 1)")
    add("--model-time", type=float, metavar="MS", help="simulated time (default: the model's)")
    add("--scale", type=float, default=1.0, help="factor on the number of neurons")
    for name in ("spikelet", "nest", "brian2"):
        add(f"--{name}-python", default=sys.executable, metavar="PATH",
            help=f"interpreter that can import {name} (default: this one)")  # fmt: skip
    add("--json", type=Path, metavar="PATH", help="write all runs and the machine to this file")
    args = parser.parse_args()
    if args.runs < 1 or min(args.threads) < 1 or args.scale <= 0:
        parser.error("--runs, --threads and --scale must be positive")
    if args.model_time is not None and args.model_time <= 0:
        parser.error("--model-time must be positive")
    statics = [static for name in args.model if (static := MODELS[name].static)]
    args.model = list(dict.fromkeys(statics + args.model))
    return args


def cases(args: argparse.Namespace) -> list[Case]:
    """Return the rows of the table; spikelet comes first, as the others refer to it."""
    variants = [
        (simulator, dtype)
        for simulator, package in PACKAGES.items()
        if simulator in args.simulators
        for dtype in (args.dtype if package == "spikelet" else ["float64"])
    ]
    return [
        Case(model, threads, *variant)
        for model, threads, variant in product(args.model, args.threads, variants)
    ]


def run_once(case: Case, seed: int, args: argparse.Namespace) -> Record:
    """Run one case in its own process and return what it printed."""
    python = getattr(args, f"{PACKAGES[case.simulator]}_python")
    settings = {
        "dtype": case.dtype,
        "threads": case.threads,
        "seed": seed,
        "model-time": args.model_time or MODELS[case.model].duration,
        "scale": args.scale,
    }
    command = [python, str(WORKER), case.simulator, case.model]
    command += [f"--{name}={value}" for name, value in settings.items()]
    record = run(command, case.threads)
    return record | {"seed": seed} if "wall_s" in record else record


def run_all(args: argparse.Namespace) -> dict[Case, list[Record]]:
    """Run all cases with all seeds, simulators in turn; a case that fails is not repeated."""
    results: dict[Case, list[Record]] = {case: [] for case in cases(args)}
    for seed in range(args.seed, args.seed + args.runs):
        for case, runs in results.items():
            if runs and "wall_s" not in runs[-1]:
                continue
            record = run_once(case, seed, args)
            if "wall_s" in record:
                runs.append(record)
                text = f"{record['wall_s']:.3f} s, {record['rate_hz']:.2f} Hz"
            else:
                runs[:] = [record]
                text = next(f"{key}: {value}" for key, value in record.items())
            row = f"{case.model} {case.simulator} {case.dtype} threads {case.threads} seed {seed}"
            print(f"{row}: {text}", file=sys.stderr, flush=True)
    return results


def main() -> None:
    args = arguments()
    host = machine()
    results = run_all(args)
    verdicts = judge(results)

    versions: dict[str, dict[str, str]] = {}
    for case, runs in results.items():
        versions.setdefault(case.simulator, {}).update(runs[0].get("versions", {}))
    print(headline(host))
    for simulator, found in versions.items():
        print(f"{simulator}: {', '.join(f'{k} {v}' for k, v in found.items()) or 'did not run'}")
    times = {m: args.model_time or MODELS[m].duration for m in args.model}
    print(f"dt {DT} ms; scale {args.scale:g}; "
          + "; ".join(f"{m} {t / 1e3:g} s" for m, t in times.items())
          + f"; seeds {args.seed} to {args.seed + args.runs - 1}; medians")  # fmt: skip
    if warning := busy(run for runs in results.values() for run in runs):
        print(warning)
    print(f"\n{summarise(verdicts)}\n\n{table(results, verdicts)}")
    if any(MODELS[case.model].static for case in results):
        print(f"\n{costs(results, {model.name: model.static for model in MODELS.values()})}")
    if gains := speedups(results):
        print(f"\n{gains}")

    if args.json:
        record = {
            "machine": host,
            "arguments": {
                k: v for k, v in vars(args).items() if not k.endswith(("python", "json"))
            },
            "check": summarise(verdicts),
            "cases": [
                vars(case) | {"same_activity": verdicts.get(case), "runs": runs}
                for case, runs in results.items()
            ],
        }
        args.json.write_text(json.dumps(record, indent=1) + "\n")


if __name__ == "__main__":
    main()
