"""Compare the activity of the simulators, then tabulate their medians."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import sqrt
from statistics import fmean, median, stdev
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from processes import Record

STATISTICS = {
    "rate_hz": "rate",
    "cv": "CV",
    "weight_mean": "mean weight",
    "weight_sd": "SD of weights",
}
"""The compared statistics: the key in a record and its name; weights only if they change."""

SPREADS = 3.0
"""Means may differ by this many standard deviations between seeds."""

HEADER = (
    "model", "threads", "simulator", "dtype", "runs", "build s", "compile s",
    "sim wall s (min..max)", "wall / spikelet", "rate Hz", "CV ISI", "same activity",
    "syn. events", "ns/event", "peak RSS MB",
)  # fmt: skip

COST_HEADER = (
    "model", "threads", "simulator", "dtype", "static wall s", "plastic wall s",
    "cost of plasticity", "static rate Hz", "plastic rate Hz",
    "mean weight (SD of seeds)", "SD of weights (SD of seeds)",
)  # fmt: skip

SPEEDUP_HEADER = (
    "model", "simulator", "dtype", "threads", "sim wall s", "fewest threads", "their wall s",
    "speed-up (min..max by seed)",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    model: str
    threads: int
    simulator: str
    dtype: str


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

    Parameters
    ----------
    runs, reference : list of dict
        The runs to judge and the runs to compare them with, one for each seed.
    peers : list of list of dict
        The runs of all simulators, which give the spread.
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


def judge(results: dict[Case, list[Record]]) -> dict[Case, str]:
    """Return the verdict of `differences` for each case that has runs."""
    done = {case: runs for case, runs in results.items() if "rate_hz" in runs[0]}
    verdicts = {}
    for case, runs in done.items():
        rivals = [c for c in done if (c.model, c.threads) == (case.model, case.threads)]
        verdicts[case] = differences(runs, done[rivals[0]], [done[c] for c in rivals])
    return verdicts


def summarise(verdicts: dict[Case, str]) -> str:
    """Return one sentence about the check that precedes the comparison of speed."""
    wrong = [
        f"  {c.model}, {c.threads} threads, {c.simulator} {c.dtype}: {verdict}"
        for c, verdict in verdicts.items()
        if verdict.startswith("NO")
    ]
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


def table(results: dict[Case, list[Record]], verdicts: dict[Case, str]) -> str:
    """Return the comparison as one Markdown table; all figures are medians over the runs."""
    walls: dict[tuple[str, int], float] = {}
    lines: list[tuple[str, ...]] = [HEADER]
    for case, runs in results.items():
        names = (case.model, str(case.threads), case.simulator, case.dtype)
        if case not in verdicts:
            why = next(f"{key}: {text}" for key, text in runs[0].items())
            lines.append((*names, why.replace("|", "/"), *[""] * (len(HEADER) - len(names) - 1)))
            continue
        wall = _middle(runs, "wall_s")
        if case.simulator == "spikelet":
            walls.setdefault((case.model, case.threads), wall)
        base = walls.get((case.model, case.threads))
        low, high = (f(run["wall_s"] for run in runs) for f in (min, max))
        events = _middle(runs, "events")
        lines.append(
            (
                *names,
                str(len(runs)),
                f"{_middle(runs, 'build_s'):.2f}",
                f"{_middle(runs, 'compile_s'):.1f}",
                f"{wall:.4g} ({low:.4g}..{high:.4g})",
                f"{wall / base:.2f}" if base else "-",
                f"{_middle(runs, 'rate_hz'):.3f}",
                _optional(runs, "cv", ".3f"),
                verdicts[case],
                f"{events / 1e6:.1f} M",
                _optional(runs, "ns_per_event", ".2f"),
                f"{_middle(runs, 'peak_rss_mb'):.0f}",
            )
        )
    lines.insert(1, ("---",) * len(HEADER))
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def costs(results: dict[Case, list[Record]], statics: dict[str, str | None]) -> str:
    """Return a Markdown table of the cost of plasticity: the same network with and without it.

    Parameters
    ----------
    results : dict
        All runs.
    statics : dict of str to str or None
        For each model, the name of the same network without plasticity.
    """
    lines: list[tuple[str, ...]] = [COST_HEADER, ("---",) * len(COST_HEADER)]
    for case, runs in results.items():
        static = results.get(replace(case, model=statics[case.model] or ""), [{}])
        if "wall_s" not in runs[0] or "wall_s" not in static[0]:
            continue
        plastic_wall, static_wall = (_middle(group, "wall_s") for group in (runs, static))
        lines.append(
            (
                case.model,
                str(case.threads),
                case.simulator,
                case.dtype,
                f"{static_wall:.4g}",
                f"{plastic_wall:.4g}",
                f"{plastic_wall / static_wall:.2f}",
                f"{_middle(static, 'rate_hz'):.2f}",
                f"{_middle(runs, 'rate_hz'):.2f}",
                _spread(runs, "weight_mean"),
                _spread(runs, "weight_sd"),
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def speedups(results: dict[Case, list[Record]]) -> str:
    """Return a Markdown table of the speed-up over the fewest threads, or "" if there is none."""
    lines: list[tuple[str, ...]] = [SPEEDUP_HEADER, ("---",) * len(SPEEDUP_HEADER)]
    fewest: dict[Case, tuple[int, list[Record]]] = {}
    for case, runs in sorted(results.items(), key=lambda item: item[0].threads):
        if "wall_s" not in runs[0]:
            continue
        threads, base = fewest.setdefault(replace(case, threads=0), (case.threads, runs))
        if threads == case.threads:
            continue
        wall, base_wall = (_middle(group, "wall_s") for group in (runs, base))
        by_seed = {run["seed"]: run["wall_s"] for run in base}
        ratios = [by_seed[r["seed"]] / r["wall_s"] for r in runs if r["seed"] in by_seed]
        lines.append(
            (
                case.model,
                case.simulator,
                case.dtype,
                str(case.threads),
                f"{wall:.4g}",
                str(threads),
                f"{base_wall:.4g}",
                f"{base_wall / wall:.2f} ({min(ratios):.2f}..{max(ratios):.2f})",
            )
        )
    return "\n".join(f"| {' | '.join(line)} |" for line in lines) if len(lines) > 2 else ""


def _spread(runs: list[Record], key: str) -> str:
    """Return the mean over seeds and, with several seeds, the standard deviation."""
    values = [run[key] for run in runs if run[key] is not None]
    if not values:
        return "-"
    return f"{fmean(values):.6f}" + (f" ± {stdev(values):.6f}" if len(values) > 1 else "")


def _middle(runs: list[Record], key: str) -> float:
    return float(median(run[key] for run in runs))


def _optional(runs: list[Record], key: str, form: str) -> str:
    values = [run[key] for run in runs if run[key] is not None]
    return format(median(values), form) if values else "-"
