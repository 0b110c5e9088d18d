"""Statistics of many runs of the microcircuit: tables and a picture of candidates against the spread of seeds."""

from __future__ import annotations

import json
from itertools import combinations, permutations
from statistics import fmean, geometric_mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
from microcircuit_report import DISTRIBUTIONS, activity
from scipy.stats import ks_2samp

from spikelet.cli.bench_harness import busy, markdown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Samples = Mapping[str, NDArray[np.float64]]
    """Values over neurons or pairs by "distribution population", such as "rate L4E"."""
    Pair = tuple[tuple[str, int], tuple[str, int]]

UNITS = {"rate": "rate [Hz]", "CV": "CV of intervals", "correlation": "correlation"}


def load(folder: Path, case: str, seed: int, neurons: int) -> Samples:
    """Return the samples of a run, from a file beside it once they are known."""
    spikes = folder / f"{case}-{seed}.npz"
    known = folder / f"{case}-{seed}.samples{neurons}.npz"
    if not known.exists():
        record = json.loads(spikes.with_suffix(".json").read_text())
        start = record["presim"]
        found = activity(spikes, record["circuit"], start, start + record["duration"], neurons)
        arrays = {
            f"{kind} {population}": values
            for kind, by_population in found["samples"].items()
            for population, values in by_population.items()
        }
        np.savez(known, **arrays)
    with np.load(known) as arrays:
        return dict(arrays)


class Distances:
    """Kolmogorov-Smirnov distances between runs, each computed once."""

    def __init__(self, runs: Mapping[tuple[str, int], Samples]) -> None:
        self._runs = runs
        self._known: dict[tuple[Pair, str], float] = {}

    def between(self, pairs: Sequence[Pair], key: str) -> list[float]:
        """Return the distance of each pair of runs in a distribution of a population."""
        for a, b in pairs:
            if ((a, b), key) not in self._known:
                first, second = self._runs[a][key], self._runs[b][key]
                found = ks_2samp(first, second, method="asymp").statistic
                self._known[(a, b), key] = float(found)
        return [self._known[pair, key] for pair in pairs]


def seeds_of(case: str, seeds: Sequence[int]) -> list[Pair]:
    """Return all pairs of runs of a case."""
    return [((case, i), (case, j)) for i, j in combinations(seeds, 2)]


def across(reference: str, case: str, seeds: Sequence[int]) -> list[Pair]:
    """Return all pairs of two cases with different seeds, so that the network differs as between seeds."""
    return [((reference, i), (case, j)) for i, j in permutations(seeds, 2)]


def ratio(
    found: Distances, reference: str, case: str, seeds: Sequence[int], keys: Sequence[str]
) -> float:
    """Return the distance of a case from the reference in units of that between seeds.

    Both are means over pairs of runs; the ratio is the geometric mean over populations.
    """
    return geometric_mean(
        fmean(found.between(across(reference, case, seeds), key))
        / fmean(found.between(seeds_of(reference, seeds), key))
        for key in keys
    )


def jackknife(estimate: Callable[[Sequence[int]], float], seeds: Sequence[int]) -> float:
    """Return the standard error of an estimate from all seeds but one."""
    without = [estimate([s for s in seeds if s != left_out]) for left_out in seeds]
    n = len(seeds)
    return float(np.sqrt((n - 1) / n * sum((x - fmean(without)) ** 2 for x in without)))


def means_table(
    runs: Mapping[tuple[str, int], Samples],
    cases: Sequence[str],
    seeds: Sequence[int],
    populations: Sequence[str],
) -> str:
    """Return a Markdown table of means and their standard deviations over seeds."""
    columns = [(kind, case) for kind in DISTRIBUTIONS for case in cases]
    head = ("population", *(f"{kind}, {case}" for kind, case in columns))
    lines = []
    for population in populations:
        line = [population]
        for kind, case in columns:
            values = [float(runs[case, s][f"{kind} {population}"].mean()) for s in seeds]
            digits = {"rate": 3, "CV": 4, "correlation": 5}[kind]
            line.append(f"{fmean(values):.{digits}f} ± {stdev(values):.{digits}f}")
        lines.append(line)
    return markdown(head, lines)


def shifts_table(
    runs: Mapping[tuple[str, int], Samples],
    cases: Sequence[str],
    seeds: Sequence[int],
    populations: Sequence[str],
) -> str:
    """Return a Markdown table of relative differences from the reference with the same seed.

    Both runs have the same synapses and the same Poisson events, so the difference is smaller than between seeds;
    beside it is its standard error.
    """
    reference, *others = cases
    columns = [(kind, case) for kind in DISTRIBUTIONS for case in others]
    head = ("population", *(f"{kind} %, {case}" for kind, case in columns))
    lines = []
    for population in populations:
        line = [population]
        for kind, case in columns:
            key = f"{kind} {population}"
            base = [float(runs[reference, s][key].mean()) for s in seeds]
            moved = [float(runs[case, s][key].mean()) - b for s, b in zip(seeds, base, strict=True)]
            scale = 100 / fmean(base)
            error = stdev(moved) / len(seeds) ** 0.5
            line.append(f"{scale * fmean(moved):+.2f} ± {abs(scale) * error:.2f}")
        lines.append(line)
    return markdown(head, lines)


def distances_table(
    found: Distances, cases: Sequence[str], seeds: Sequence[int], populations: Sequence[str]
) -> str:
    """Return a Markdown table of distances, as means and standard deviations over pairs of runs."""
    reference, *others = cases
    columns = [
        (kind, name, pairs)
        for kind in DISTRIBUTIONS
        for name, pairs in (
            ("seeds", seeds_of(reference, seeds)),
            *((case, across(reference, case, seeds)) for case in others),
        )
    ]
    head = ("population", *(f"{kind}, {name}" for kind, name, _ in columns))
    lines = []
    for population in populations:
        line = [population]
        for kind, _, pairs in columns:
            values = found.between(pairs, f"{kind} {population}")
            line.append(f"{fmean(values):.4f} ± {stdev(values):.4f}")
        lines.append(line)
    return markdown(head, lines)


def times_table(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a Markdown table of times, as means and standard deviations over seeds."""
    head = (
        "case",
        "threads",
        "runs",
        "real-time factor",
        "build s",
        "ns/event",
        "peak MB",
        "others' CPU",
    )
    lines = []
    for case, group in records.items():
        threads = sorted({str(record["threads"]) for record in group})
        line = [case, ", ".join(threads), str(len(group))]
        for key, digits in (("rtf", 3), ("build_s", 2), ("ns_per_event", 2), ("peak_rss_mb", 0)):
            values = [record[key] for record in group]
            if None in values:  # no spikes
                line.append("-")
                continue
            spread = f" ± {stdev(values):.{digits}f}" if len(values) > 1 and digits else ""
            line.append(f"{fmean(values):.{digits}f}{spread}")
        line.append(f"{max(record['others_cpu'] for record in group):.0%}")
        lines.append(line)
    return markdown(head, lines)


def ratios_table(
    found: Distances, cases: Sequence[str], seeds: Sequence[int], populations: Sequence[str]
) -> str:
    """Return a Markdown table of distances from the reference in units of that between its seeds."""
    reference, *others = cases
    head, lines = ("", *DISTRIBUTIONS), []
    for case in others:
        line = [case]
        for kind in DISTRIBUTIONS:
            keys = [f"{kind} {population}" for population in populations]

            def estimate(of: Sequence[int], case: str = case, keys: list[str] = keys) -> float:
                return ratio(found, reference, case, of, keys)

            line.append(f"{estimate(seeds):.3f} ± {jackknife(estimate, seeds):.3f}")
        lines.append(line)
    return markdown(head, lines)


def report(
    folder: Path, cases: Sequence[str], most: int, neurons: int, figure: Path | None
) -> dict[str, str]:
    """Return what the runs of a folder show, for the seeds that all cases have.

    Parameters
    ----------
    folder : Path
        Where microcircuit_protocol.py left its runs.
    cases : sequence of str
        The reference, then the candidates.
    most : int
        Largest seed.
    neurons : int
        Neurons of each population to correlate.
    figure : Path, optional
        Draw into this file.

    Returns
    -------
    dict of str
        Texts by name: "what" says what there is, "times" is a table of how long it took; the others are tables of activity.
    """
    every = range(1, most + 1)
    seeds = [s for s in every if all((folder / f"{case}-{s}.npz").exists() for case in cases)]
    if not seeds:
        return {"what": "No seed has been run for all cases."}
    records = {
        case: [json.loads((folder / f"{case}-{s}.json").read_text()) for s in seeds]
        for case in cases
    }
    first = records[cases[0]][0]
    what = (
        f"Scale {first['circuit']['scale']:g}, {first['duration'] * 1e-3:g} s after "
        f"{first['presim']:g} ms, {len(seeds)} seeds."
    )
    times = times_table(records)
    if warning := busy(record for group in records.values() for record in group):
        times += f"\n\n{warning}"
    compared = [case for case in cases if records[case][0]["circuit"] == first["circuit"]]
    if len(seeds) < 3:
        return {"what": f"{what} Activity is compared with three seeds or more.", "times": times}
    runs = {(case, s): load(folder, case, s, neurons) for case in compared for s in seeds}
    empty = [
        f"{name} of {case}-{s}"
        for (case, s), keys in runs.items()
        for name in keys
        if not keys[name].size
    ]
    if empty:
        what += f" Activity is not compared: too few spikes: {', '.join(empty)}"
        return {"what": what, "times": times}
    found, populations = Distances(runs), first["circuit"]["populations"]
    if figure:
        draw(figure, runs, found, compared, seeds, populations)
    return {
        "what": what,
        "times": times,
        "ratios": ratios_table(found, compared, seeds, populations),
        "distances": distances_table(found, compared, seeds, populations),
        "shifts": shifts_table(runs, compared, seeds, populations),
        "means": means_table(runs, compared, seeds, populations),
    }


def draw(
    path: Path,
    runs: Mapping[tuple[str, int], Samples],
    found: Distances,
    cases: Sequence[str],
    seeds: Sequence[int],
    populations: Sequence[str],
) -> None:
    """Draw distributions by population, and below each kind its distances beside the spread of seeds."""
    from matplotlib.figure import Figure  # noqa: PLC0415  # a report without a picture needs none

    reference, *others = cases
    colors = dict(zip(others, ("tab:blue", "tab:orange", "tab:green"), strict=False))
    figure = Figure(figsize=(15, 9), layout="constrained")
    upper, lower = figure.subfigures(2, 1, height_ratios=[1.7, 1])
    panels = upper.subplots(len(DISTRIBUTIONS), len(populations))
    for row, kind in enumerate(DISTRIBUTIONS):
        for column, population in enumerate(populations):
            axes = panels[row, column]
            key = f"{kind} {population}"
            pooled = np.concatenate([runs[reference, s][key] for s in seeds])
            edges = np.linspace(*np.quantile(pooled, [0.002, 0.998]), 41)
            for case in cases:
                each = [np.histogram(runs[case, s][key], edges, density=True)[0] for s in seeds]
                middle = (edges[1:] + edges[:-1]) / 2
                if case == reference:
                    low, high = np.min(each, axis=0), np.max(each, axis=0)
                    axes.fill_between(middle, low, high, color="0.75", label=f"{case}, seeds")
                else:
                    axes.plot(middle, np.mean(each, axis=0), color=colors[case], lw=1, label=case)
            axes.set_yticks([])
            axes.tick_params(labelsize=7)
            axes.set_xlabel(UNITS[kind], fontsize=7)
            if row == 0:
                axes.set_title(population, fontsize=9)
            if row == column == 0:
                axes.legend(fontsize=6, frameon=False)
    for axes, kind in zip(lower.subplots(1, len(DISTRIBUTIONS)), DISTRIBUTIONS, strict=True):
        for x, population in enumerate(populations):
            key = f"{kind} {population}"
            spread = found.between(seeds_of(reference, seeds), key)
            axes.bar(x, max(spread) - min(spread), 0.8, min(spread), color="0.85")
            axes.plot([x - 0.4, x + 0.4], [fmean(spread)] * 2, color="0.3")
            for shift, case in enumerate(others):
                values = found.between(across(reference, case, seeds), key)
                place = x + 0.3 * (shift - (len(others) - 1) / 2)
                axes.errorbar(
                    place, fmean(values),
                    [[fmean(values) - min(values)], [max(values) - fmean(values)]],
                    fmt="o", ms=4, lw=1, color=colors[case], label=case if x == 0 else None,
                )  # fmt: skip
        axes.set_xticks(range(len(populations)), populations, fontsize=8)
        axes.set_ylim(0)
        axes.set_ylabel(f"distance of {kind}s", fontsize=8)
        axes.tick_params(axis="y", labelsize=8)
        axes.legend(
            fontsize=7, frameon=False, title=f"bars: seeds of {reference}", title_fontsize=7
        )
    figure.savefig(path, dpi=110)
