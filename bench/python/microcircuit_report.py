"""Statistics of the microcircuit's runs, distances between runs, and tables of both."""

from __future__ import annotations

import hashlib
from itertools import combinations, product
from statistics import fmean, geometric_mean
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.stats import ks_2samp

from spikelet import statistics
from spikelet.cli.bench_harness import Record, markdown, middle, spread, table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


DISTRIBUTIONS = ("rate", "CV", "correlation")
FACTOR = 1.5
"""Largest allowed ratio of another simulator's distance from spikelet to the distance between two
seeds of spikelet, as the geometric mean over populations. The ratio of a single population means
little, because the populations of a seed differ from those of another seed together."""


def activity(
    path: Path, circuit: Mapping[str, Any], start: float, stop: float, neurons: int
) -> dict[str, Any]:
    """Return the statistics of a run by population.

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
    samples: dict[str, dict[str, Any]] = {name: {} for name in DISTRIBUTIONS}
    with np.load(path) as arrays:
        for name, size in zip(circuit["populations"], circuit["sizes"], strict=True):
            times, ids = arrays[f"{name}_times"], arrays[f"{name}_ids"]
            digest.update(np.rint(times / circuit["dt"]).astype(np.int64).tobytes())
            digest.update(ids.astype(np.int64).tobytes())
            spikes = statistics.Spikes(times, ids, size)
            rates, cvs = (f(spikes, start, stop) for f in (statistics.rates, statistics.cvs))
            cvs = cvs[np.isfinite(cvs)]
            samples["rate"][name], samples["CV"][name] = rates, cvs
            samples["correlation"][name] = statistics.correlations(
                spikes, start, stop, neurons=neurons
            )
            means["rates"][name] = float(rates.mean())
            means["cvs"][name] = float(cvs.mean()) if cvs.size else None
            means["synchrony"][name] = (
                statistics.synchrony(spikes, start, stop) if len(ids) else None
            )
    return means | {"digest": digest.hexdigest(), "samples": samples}


def pairwise(results: Mapping[Any, list[Record]]) -> dict[str, dict[str, dict[str, list[float]]]]:
    """Return the Kolmogorov-Smirnov distances between runs, as in van Albada et al. (2018).

    Returns
    -------
    dict
        By "seeds" (of the first case with runs) and the name of each case with other spikes, then
        by distribution and population: one distance for each pair of runs.
    """
    distinct = _distinct(results)
    if not distinct:
        return {}
    (_, reference), *others = distinct.items()
    groups = {"seeds": list(combinations(reference, 2))}
    groups |= {name: list(product(reference, runs)) for name, runs in others}
    return {
        name: {
            kind: {
                population: _distances(pairs, kind, population)
                for population in reference[0]["samples"][kind]
            }
            for kind in DISTRIBUTIONS
        }
        for name, pairs in groups.items()
    }


def _distances(pairs: list[tuple[Record, Record]], kind: str, population: str) -> list[float]:
    """Return the distances between pairs of runs, without pairs in which a run has no value."""
    found = []
    for pair in pairs:
        a, b = (run["samples"][kind][population] for run in pair)
        if len(a) and len(b):
            found.append(float(ks_2samp(a, b, method="asymp").statistic))
    return found


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
    distinct = _distinct(results)
    header = ["population", "published rate Hz"]
    for what in ("rate Hz", "CV ISI", "synchrony"):
        header += [f"{what}, {case}" for case in distinct]
    lines = []
    for name in circuit["populations"]:
        line = [name, f"{circuit['full_rates'][name]:.3f}"]
        for key in ("rates", "cvs", "synchrony"):
            for runs in distinct.values():
                known = [run[key][name] for run in runs if run[key][name] is not None]
                line.append(f"{fmean(known):.3f}" if known else "-")
        lines.append(line)
    return markdown(header, lines)


def distances(found: Mapping[str, Any], circuit: Mapping[str, Any]) -> str:
    """Return a Markdown table of the mean distances that `pairwise` found."""
    columns = list(product(DISTRIBUTIONS, found))
    header = ["population", *(f"{kind}, {name}" for kind, name in columns)]
    lines = []
    for population in circuit["populations"]:
        line = [population]
        for kind, name in columns:
            values = found[name][kind][population]
            line.append(f"{fmean(values):.4f}" if values else "-")
        lines.append(line)
    return markdown(header, lines)


def verdict(found: Mapping[str, Any]) -> str:
    """State whether other simulators are about as far from spikelet as its seeds are from each other."""
    seeds, others = found.get("seeds", {}), [name for name in found if name != "seeds"]
    if not others:
        return "Activity NOT COMPARED: there is nothing to compare with"
    if not all(values for kind in seeds.values() for values in kind.values()):
        return "Activity NOT CHECKED: it takes two seeds (--runs) with spikes in all populations"
    lines = []
    for name in others:
        means, far = [], []
        for kind in DISTRIBUTIONS:
            ratios = []
            for population, natural in seeds[kind].items():
                values = found[name][kind][population]
                if not values:
                    return f"Activity NOT CHECKED: {name} has too few spikes in {population}"
                ratios.append(fmean(values) / fmean(natural))
            means.append(f"{kind} x {geometric_mean(ratios):.2f}")
            if geometric_mean(ratios) > FACTOR:
                far.append(kind)
        text = f"mean distances divided by those of seeds: {', '.join(means)}"
        if far:
            lines.append(f"ACTIVITY DIFFERS: {name}: {', '.join(far)}; {text}")
        else:
            lines.append(f"Activity agrees: {name}: {text}")
    return "\n".join(lines)


def _distinct(results: Mapping[Any, list[Record]]) -> dict[str, list[Record]]:
    """Return the cases whose spikes differ from those of all cases before them."""
    found: dict[str, list[Record]] = {}
    seen: set[str] = set()
    for case, runs in results.items():
        if "digest" in runs[0] and not {run["digest"] for run in runs} <= seen:
            found[str(case)] = runs
            seen |= {run["digest"] for run in runs}
    return found
