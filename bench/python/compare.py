"""Run the same network on spikelet, NEST and Brian2 and print one table with their ratios.

Each run is a process of its own, in the interpreter that has the simulator. Runs of different
simulators alternate, so that a disturbance of the machine hits all of them. Before any ratio the
program checks that all simulators show the same activity.

    python bench/python/compare.py --model cuba --threads 1 2 --brian2-python ~/brian/bin/python
"""

from __future__ import annotations

import argparse
from dataclasses import dataclass, replace
from itertools import product
from math import sqrt
from pathlib import Path
from statistics import fmean

from models import DT, MODELS

from spikelet.cli import bench_harness as harness
from spikelet.cli.bench_harness import Record, middle

WORKER = Path(__file__).with_name("worker.py")
SIMULATORS = {
    "spikelet": ("spikelet", "on_spikelet.run"),
    "equations": ("spikelet", "on_spikelet.of_text"),
    "nest": ("nest", "on_nest.run"),
    "brian2": ("brian2", "on_brian2.standalone"),
}
"""The package that each simulator needs, and the function that runs it."""

STATISTICS = {"rate_hz": "rate", "cv": "CV", "weight_mean": "mean weight", "weight_sd": "SD of weights"}  # fmt: skip
"""The compared statistics: the key in a record and its name; weights only if they change."""

SPREADS = 3.0
"""Means may differ by this many standard deviations between seeds."""


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    model: str
    threads: int
    simulator: str
    dtype: str


Results = dict[Case, list[Record]]


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = harness.parser(__doc__, "spikelet", "nest", "brian2", runs=3, seed=1)
    add = parser.add_argument
    add("--model", nargs="+", choices=MODELS, default=["cuba"],
        help="a plastic model also runs its static counterpart (default: cuba)")  # fmt: skip
    add("--simulators", nargs="+", choices=SIMULATORS, default=["spikelet", "nest", "brian2"],
        help="equations: spikelet, with all neurons from text (default: spikelet nest brian2)")  # fmt: skip
    add("--threads", type=int, nargs="+", default=[1])
    add("--dtype", nargs="+", choices=["float32", "float64"], default=["float32"],
        help="data type of spikelet; NEST and Brian2 compute in float64")  # fmt: skip
    add("--model-time", type=float, metavar="MS", help="simulated time (default: the model's)")
    add("--scale", type=float, default=1.0, help="factor on the number of neurons")
    args = parser.parse_args()
    statics = [static for name in args.model if (static := MODELS[name].static)]
    args.model = list(dict.fromkeys(statics + args.model))
    return args


def cases(args: argparse.Namespace) -> list[Case]:
    """Return the rows of the table; spikelet comes first, as the others refer to it."""
    variants = [
        (simulator, dtype)
        for simulator, (package, _) in SIMULATORS.items()
        if simulator in args.simulators
        for dtype in (args.dtype if package == "spikelet" else ["float64"])
    ]
    return [
        Case(model, threads, *variant)
        for model, threads, variant in product(args.model, args.threads, variants)
    ]


def seed_spread(groups: list[list[float]]) -> float | None:
    """Return the standard deviation from seed to seed, pooled over simulators.

    None if no simulator ran with two seeds.
    """
    freedom = sum(len(group) - 1 for group in groups)
    if freedom == 0:
        return None
    return sqrt(sum((x - fmean(group)) ** 2 for group in groups for x in group) / freedom)


def differences(runs: list[Record], reference: list[Record], peers: list[list[Record]]) -> str:
    """State whether the statistics of `runs` are those of `reference` within the spread of seeds.

    `peers` are the runs of all simulators, which give the spread.
    """
    if runs is reference:
        return "reference"
    found = []
    for key, name in STATISTICS.items():
        values, expected, *groups = (
            [run[key] for run in group if run[key] is not None]
            for group in (runs, reference, *peers)
        )
        if not values and not expected:
            continue
        if not values or not expected:
            found.append(f"{name} undefined in one of the two")
            continue
        spread = seed_spread([group for group in groups if group])
        if spread is None:
            return "not checked: one seed"
        change = fmean(values) - fmean(expected)
        if abs(change) > SPREADS * spread:
            relative = f"{change / fmean(expected):+.1%}" if fmean(expected) else f"{change:+.3g}"
            found.append(f"{name} {relative}")
    return "NO: " + ", ".join(found) if found else "yes"


def judge(results: Results) -> dict[Case, str]:
    """Return the verdict of `differences` for each case that has runs."""
    done = {case: runs for case, runs in results.items() if "rate_hz" in runs[0]}
    verdicts = {}
    for case, runs in done.items():
        rivals = [c for c in done if (c.model, c.threads) == (case.model, case.threads)]
        verdicts[case] = differences(runs, done[rivals[0]], [done[c] for c in rivals])
    return verdicts


def summarize(verdicts: dict[Case, str]) -> str:
    """Return one sentence about the check that precedes the comparison of speed."""
    wrong = [f"  {case}: {verdict}" for case, verdict in verdicts.items() if verdict[:2] == "NO"]
    if wrong:
        head = "ACTIVITY DIFFERS: these rows did not simulate the same thing; do not trust their ratios"
        return "\n".join([head, *wrong])
    if any(verdict.startswith("not checked") for verdict in verdicts.values()):
        return "Activity NOT CHECKED: it takes two seeds (--runs) to know their spread"
    if "yes" not in verdicts.values():
        return "Activity NOT CHECKED: there is nothing to compare with"
    return (
        "Activity agrees: all rates, CVs and plastic weights lie within "
        f"{SPREADS:g} standard deviations of a seed"
    )


def times(results: Results, verdicts: dict[Case, str]) -> str:
    """Return the comparison as one Markdown table."""
    walls = {
        (case.model, case.threads): middle(runs, "wall_s")
        for case, runs in reversed(results.items())
        if case.simulator == "spikelet"
    }

    def ratio(case: Case, runs: list[Record]) -> str:
        ours = walls.get((case.model, case.threads))
        return f"{middle(runs, 'wall_s') / ours:.2f}" if ours else "-"

    columns = {
        "runs": lambda _, runs: str(len(runs)),
        "build s": "build_s .2f",
        "compile s": "compile_s .1f",
        "sim wall s (min..max)": harness.spread("wall_s"),
        "wall / spikelet": ratio,
        "rate Hz": "rate_hz .3f",
        "CV ISI": "cv .3f",
        "same activity": lambda case, _: verdicts[case],
        "syn. events": lambda _, runs: f"{middle(runs, 'events') / 1e6:.1f} M",
        "ns/event": "ns_per_event .2f",
        "peak RSS MB": "peak_rss_mb .0f",
    }
    return harness.table(results, ("model", "threads", "simulator", "dtype"), columns)


def speedups(results: Results) -> str:
    """Return a Markdown table of the speed-up over the fewest threads."""
    lines = []
    fewest: dict[Case, tuple[int, list[Record]]] = {}
    for case, runs in sorted(results.items(), key=lambda item: item[0].threads):
        if "wall_s" not in runs[0]:
            continue
        threads, base = fewest.setdefault(replace(case, threads=0), (case.threads, runs))
        if threads == case.threads:
            continue
        wall, alone = (middle(group, "wall_s") for group in (runs, base))
        ratios = [a["wall_s"] / b["wall_s"] for a, b in zip(base, runs, strict=False)]
        gain = f"{alone / wall:.2f} ({min(ratios):.2f}..{max(ratios):.2f})"
        lines.append(
            [case.model, case.simulator, case.dtype, str(case.threads), f"{wall:.4g}", str(threads), f"{alone:.4g}", gain]
        )  # fmt: skip
    header = ("model", "simulator", "dtype", "threads", "sim wall s", "fewest threads", "their wall s",
              "speed-up (min..max by seed)")  # fmt: skip
    return harness.markdown(header, lines)


def main() -> None:
    args, origin = arguments(), harness.about()
    durations = {name: args.model_time or MODELS[name].duration for name in args.model}

    def once(case: Case, seed: int) -> Record:
        package, function = SIMULATORS[case.simulator]
        settings = {"name": case.model, "dtype": case.dtype, "threads": case.threads, "seed": seed,
                    "duration": durations[case.model], "scale": args.scale}  # fmt: skip
        python = getattr(args, f"{package}_python")
        return harness.call(python, WORKER, function, settings, threads=case.threads)

    seeds = range(args.seed, args.seed + args.runs)
    results = harness.take_turns(cases(args), seeds, once, "{wall_s:.3f} s, {rate_hz:.2f} Hz")
    verdicts = judge(results)
    simulated = "; ".join(f"{name} {t / 1e3:g} s" for name, t in durations.items())
    settings = (
        f"dt {DT} ms; scale {args.scale:g}; {simulated}; seeds {args.seed} to {seeds[-1]}; medians"
    )
    texts = {"settings": settings, "check": summarize(verdicts), "times": times(results, verdicts)}
    if len(args.threads) > 1:
        texts["speed-up"] = speedups(results)
    harness.show(
        args, origin, (run for runs in results.values() for run in runs), texts,
        cases=[vars(c) | {"same_activity": verdicts.get(c), "runs": runs} for c, runs in results.items()],
    )  # fmt: skip


if __name__ == "__main__":
    main()
