"""Statistics of the microcircuit's runs, distances between runs, and tables and a picture of them."""

from __future__ import annotations

import hashlib
import json
from itertools import combinations, permutations, product
from statistics import fmean, geometric_mean, stdev
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import ks_2samp

from spikelet import statistics
from spikelet.cli.bench_harness import Record, busy, markdown, middle, spread, table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from numpy.typing import NDArray

    Samples = Mapping[str, NDArray[np.float64]]
    """Values over neurons or pairs by "distribution population", such as "rate L4E"."""
    Run = tuple[str, int]
    """A case and a seed."""
    Pair = tuple[Run, Run]

DISTRIBUTIONS = ("rate", "CV", "correlation")
UNITS = {"rate": "rate [Hz]", "CV": "CV of intervals", "correlation": "correlation"}
FACTOR = 1.5
"""Largest allowed ratio of another simulator's distance from spikelet to the distance between two
seeds of spikelet, as the geometric mean over populations. The ratio of a single population means
little, because the populations of a seed differ from those of another seed together."""


def activity(
    path: Path, circuit: Mapping[str, Any], start: float, stop: float, neurons: int
) -> dict[str, Any]:
    """Return the statistics of a run by population, and its samples by "distribution population".

    Parameters
    ----------
    path : Path
        The file that the worker wrote.
    circuit : dict
        Description of the network.
    start, stop : float
        The timed interval [ms].
    neurons : int
        Neurons per population for correlations.
    """
    digest = hashlib.sha256()
    means: dict[str, dict[str, float | None]] = {"rates": {}, "cvs": {}, "synchrony": {}}
    samples: dict[str, Any] = {}
    with np.load(path) as arrays:
        for name, size in zip(circuit["populations"], circuit["sizes"], strict=True):
            times, ids = arrays[f"{name}_times"], arrays[f"{name}_ids"]
            digest.update(np.rint(times / circuit["dt"]).astype(np.int64).tobytes())
            digest.update(ids.astype(np.int64).tobytes())
            spikes = statistics.Spikes(times, ids, size)
            rates, cvs = (f(spikes, start, stop) for f in (statistics.rates, statistics.cvs))
            cvs = cvs[np.isfinite(cvs)]
            found = statistics.correlations(spikes, start, stop, neurons=neurons)
            for kind, values in zip(DISTRIBUTIONS, (rates, cvs, found), strict=True):
                samples[f"{kind} {name}"] = values
            means["rates"][name] = float(rates.mean())
            means["cvs"][name] = float(cvs.mean()) if cvs.size else None
            means["synchrony"][name] = (
                statistics.synchrony(spikes, start, stop) if len(ids) else None
            )
    return means | {"digest": digest.hexdigest(), "samples": samples}


def load(folder: Path, case: str, seed: int, neurons: int) -> Samples:
    """Return the samples of a run, from a file beside it once they are known."""
    spikes = folder / f"{case}-{seed}.npz"
    known = folder / f"{case}-{seed}.samples{neurons}.npz"
    if not known.exists():
        record = json.loads(spikes.with_suffix(".json").read_text())
        start = record["presim"]
        found = activity(spikes, record["circuit"], start, start + record["duration"], neurons)
        np.savez(known, **found["samples"])
    with np.load(known) as arrays:
        return dict(arrays)


class Distances:
    """Kolmogorov-Smirnov distances between runs, as in van Albada et al. (2018), each computed once.

    `groups` has the pairs to compare: "seeds" of the first case, and of it and each other case with different seeds, so that
    the network differs as between seeds; with `same_seeds`, with all seeds.
    """

    def __init__(
        self, runs: Mapping[Run, Samples], cases: Sequence[str], seeds: Sequence[int], *, same_seeds: bool = False
    ) -> None:  # fmt: skip
        self._runs, self._cases = runs, cases
        self._known: dict[tuple[Pair, str], float] = {}
        self.groups = self.groups_of(seeds, same_seeds=same_seeds)

    def groups_of(self, seeds: Sequence[int], *, same_seeds: bool = False) -> dict[str, list[Pair]]:
        """Return the pairs of runs with some seeds."""
        reference, *others = self._cases
        found = {"seeds": [((reference, i), (reference, j)) for i, j in combinations(seeds, 2)]}
        each = list(product(seeds, repeat=2) if same_seeds else permutations(seeds, 2))
        return found | {case: [((reference, i), (case, j)) for i, j in each] for case in others}

    def between(self, pairs: Sequence[Pair], key: str) -> list[float]:
        """Return the distance of each pair of runs that both have values in a distribution of a population."""
        found = []
        for pair in pairs:
            first, second = (self._runs[run][key] for run in pair)
            if len(first) and len(second):
                if (pair, key) not in self._known:
                    distance = ks_2samp(first, second, method="asymp").statistic
                    self._known[pair, key] = float(distance)
                found.append(self._known[pair, key])
        return found

    def ratio(self, case: str, keys: Sequence[str], seeds: Sequence[int] | None = None) -> float:
        """Return the distance of a case from the reference in units of that between seeds.

        Both are means over pairs of runs; the ratio is the geometric mean over populations.
        """
        groups = self.groups if seeds is None else self.groups_of(seeds)
        return geometric_mean(
            fmean(self.between(groups[case], key)) / fmean(self.between(groups["seeds"], key))
            for key in keys
        )


def jackknife(estimate: Callable[[Sequence[int]], float], seeds: Sequence[int]) -> float:
    """Return the standard error of an estimate from all seeds but one."""
    without = [estimate([s for s in seeds if s != left_out]) for left_out in seeds]
    n = len(seeds)
    return float(np.sqrt((n - 1) / n * sum((x - fmean(without)) ** 2 for x in without)))


def costs(results: Mapping[Any, list[Record]]) -> str:
    """Return a Markdown table of times and memory; all figures are medians over the runs."""
    done = {
        c: runs for c, runs in results.items() if c.simulator == "spikelet" and "rtf" in runs[0]
    }
    base = {case.threads: middle(runs, "rtf") for case, runs in reversed(done.items())}
    digests = {case: [run["digest"] for run in runs] for case, runs in done.items()}
    first = {case.dtype: digests[case] for case in reversed(done)}

    def same(case: Any, _: list[Record]) -> str:
        if case not in done:
            return "-"
        mine, theirs = digests[case], first[case.dtype]
        return "reference" if mine is theirs else "yes" if mine == theirs else "NO"

    def ratio(case: Any, runs: list[Record]) -> str:
        ours = base.get(case.threads)
        return f"{middle(runs, 'rtf') / ours:.2f}" if ours else "-"

    columns = {
        "runs": lambda _, runs: str(len(runs)),
        "build s": "build_s .2f",
        "wall s (min..max)": spread("wall_s"),
        "real-time factor": "rtf .3g",
        "RTF / spikelet": ratio,
        "same spikes": same,
        "syn. events": lambda _, runs: f"{middle(runs, 'events') / 1e6:.1f} M",
        "ns/event": "ns_per_event .2f",
        "peak RSS MB": "peak_rss_mb .0f",
    }
    return table(results, ("threads", "simulator", "dtype", "level", "weights"), columns)


def rates(results: Mapping[Any, list[Record]], circuit: Mapping[str, Any]) -> str:
    """Return a Markdown table of rates, CVs and synchrony, as means over the seeds."""
    kinds = distinct(results)
    header = ["population", "published rate Hz"]
    for what in ("rate Hz", "CV ISI", "synchrony"):
        header += [f"{what}, {case}" for case in kinds]
    lines = []
    for name in circuit["populations"]:
        line = [name, f"{circuit['full_rates'][name]:.3f}"]
        for key in ("rates", "cvs", "synchrony"):
            for runs in kinds.values():
                known = [run[key][name] for run in runs if run[key][name] is not None]
                line.append(f"{fmean(known):.3f}" if known else "-")
        lines.append(line)
    return markdown(header, lines)


def distances(found: Distances, populations: Sequence[str]) -> str:
    """Return a Markdown table of distances, as means and standard deviations over pairs of runs."""
    columns = list(product(DISTRIBUTIONS, found.groups))
    lines = []
    for population in populations:
        line = [population]
        for kind, name in columns:
            values = found.between(found.groups[name], f"{kind} {population}")
            about = f" ± {stdev(values):.4f}" if len(values) > 1 else ""
            line.append(f"{fmean(values):.4f}{about}" if values else "-")
        lines.append(line)
    return markdown(("population", *(f"{kind}, {name}" for kind, name in columns)), lines)


def verdict(found: Distances, populations: Sequence[str]) -> str:
    """State whether other simulators are about as far from spikelet as its seeds are from each other."""
    seeds, *others = found.groups
    keys = {kind: [f"{kind} {population}" for population in populations] for kind in DISTRIBUTIONS}

    def silent(name: str) -> list[str]:
        return [key for each in keys.values() for key in each if not found.between(found.groups[name], key)]  # fmt: skip

    if not others:
        return "Activity NOT COMPARED: there is nothing to compare with"
    if silent(seeds):
        return "Activity NOT CHECKED: it takes two seeds (--runs) with spikes in all populations"
    lines = []
    for name in others:
        if few := silent(name):
            return f"Activity NOT CHECKED: {name} has too few spikes: {few[0]}"
        ratios = {kind: found.ratio(name, keys[kind]) for kind in DISTRIBUTIONS}
        means = ", ".join(f"{kind} x {ratio:.2f}" for kind, ratio in ratios.items())
        far = [kind for kind, ratio in ratios.items() if ratio > FACTOR]
        head = (
            f"ACTIVITY DIFFERS: {name}: {', '.join(far)};" if far else f"Activity agrees: {name}:"
        )
        lines.append(f"{head} mean distances divided by those of seeds: {means}")
    return "\n".join(lines)


def distinct(results: Mapping[Any, list[Record]]) -> dict[str, list[Record]]:
    """Return the cases whose spikes differ from those of all cases before them."""
    found: dict[str, list[Record]] = {}
    seen: set[str] = set()
    for case, runs in results.items():
        if "digest" in runs[0] and not {run["digest"] for run in runs} <= seen:
            found[str(case)] = runs
            seen |= {run["digest"] for run in runs}
    return found


def by_population(
    runs: Mapping[Run, Samples], cases: Sequence[str], seeds: Sequence[int], populations: Sequence[str],
    cell: Callable[[Mapping[Run, Samples], str, str, Sequence[int]], str],
) -> str:  # fmt: skip
    """Return a Markdown table of a cell for each population, distribution and case."""
    columns = list(product(DISTRIBUTIONS, cases))
    lines = [
        [name, *(cell(runs, case, f"{kind} {name}", seeds) for kind, case in columns)]
        for name in populations
    ]
    return markdown(("population", *(f"{kind}, {case}" for kind, case in columns)), lines)


def mean(runs: Mapping[Run, Samples], case: str, key: str, seeds: Sequence[int]) -> str:
    """Return the mean and its standard deviation over seeds."""
    values = [float(runs[case, s][key].mean()) for s in seeds]
    digits = {"rate": 3, "CV": 4, "correlation": 5}[key.split(maxsplit=1)[0]]
    return f"{fmean(values):.{digits}f} ± {stdev(values):.{digits}f}"


def shift(runs: Mapping[Run, Samples], case: str, key: str, seeds: Sequence[int]) -> str:
    """Return the difference from the reference with the same seed in per cent, and its standard error.

    Both runs have the same synapses and the same Poisson events, so it is smaller than between seeds.
    """
    reference = next(iter(runs))[0]
    base = [float(runs[reference, s][key].mean()) for s in seeds]
    moved = [float(runs[case, s][key].mean()) - b for s, b in zip(seeds, base, strict=True)]
    scale = 100 / fmean(base)
    error = stdev(moved) / len(seeds) ** 0.5
    return f"{scale * fmean(moved):+.2f} ± {abs(scale) * error:.2f} %"


def times_table(records: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Return a Markdown table of times, as means and standard deviations over seeds."""
    head = ("case", "threads", "runs", "real-time factor", "build s", "ns/event", "peak MB", "others' CPU")  # fmt: skip
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
    lines = []
    for case in cases[1:]:
        line = [case]
        for kind in DISTRIBUTIONS:
            keys = [f"{kind} {population}" for population in populations]

            def estimate(of: Sequence[int], case: str = case, keys: list[str] = keys) -> float:
                return found.ratio(case, keys, of)

            line.append(f"{estimate(seeds):.3f} ± {jackknife(estimate, seeds):.3f}")
        lines.append(line)
    return markdown(("", *DISTRIBUTIONS), lines)


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
    empty = [f"{name} of {case}-{s}" for (case, s), keys in runs.items() for name in keys if not keys[name].size]  # fmt: skip
    if empty:
        what += f" Activity is not compared: too few spikes: {', '.join(empty)}"
        return {"what": what, "times": times}
    populations = first["circuit"]["populations"]
    found = Distances(runs, compared, seeds)
    if figure:
        draw(figure, runs, found, compared, seeds, populations)
    return {
        "what": what,
        "times": times,
        "ratios": ratios_table(found, compared, seeds, populations),
        "distances": distances(found, populations),
        "shifts": by_population(runs, compared[1:], seeds, populations, shift),
        "means": by_population(runs, compared, seeds, populations, mean),
    }


def draw(
    path: Path, runs: Mapping[Run, Samples], found: Distances, cases: Sequence[str], seeds: Sequence[int],
    populations: Sequence[str],
) -> None:  # fmt: skip
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
            spread = found.between(found.groups["seeds"], key)
            axes.bar(x, max(spread) - min(spread), 0.8, min(spread), color="0.85")
            axes.plot([x - 0.4, x + 0.4], [fmean(spread)] * 2, color="0.3")
            for shift, case in enumerate(others):
                values = found.between(found.groups[case], key)
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
