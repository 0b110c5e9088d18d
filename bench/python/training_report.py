"""Compare the results of programs one by one, and tabulate times and memory."""

from __future__ import annotations

from statistics import median
from typing import TYPE_CHECKING, Any

import numpy as np
from training import TOLERANCE

from spikelet.cli.bench_harness import Record, markdown, middle, spread, why

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from compare_training import Case

ELEMENTWISE = ("/last v", "/by x")
"""Endings of results that are not sums over neurons and steps."""

Results = dict["Case", list["Record"]]

LAYER_HEADER = (
    "threads", "neuron of", "program", "method", "runs", "forward ms", "backward ms",
    "both ms (min..max)", "it / spikelet", "same spikes", "first two s",
)  # fmt: skip
MEMORY_HEADER = ("neuron of", "program", "method", "extra MB", "in inputs", "it / spikelet")
EPOCH_HEADER = (
    "threads", "program", "method", "runs", "images/s (min..max)", "spikelet / it",
    "images a CPU second", "first and last loss", "test accuracy",
)  # fmt: skip


def differences(ours: Path, theirs: Path, dtype: str) -> dict[str, Any]:
    """Return the differences between the ``check/what`` results of two files, and those too large."""
    far, error, spikes = [], 0.0, 0
    with np.load(ours) as a, np.load(theirs) as b:
        names = [name for name in a.files if name in b.files]
        for name in names:
            if a[name].shape != b[name].shape:
                raise ValueError(f"{name}: shapes differ: {a[name].shape} and {b[name].shape}")
            if name.endswith("/spikes"):
                wrong = int(np.count_nonzero(a[name] != b[name]))
                spikes += int(np.count_nonzero(b[name]))
                if wrong:
                    far.append(f"{name}: {wrong} differ")
                continue
            x, y = (stored[name].astype(np.float64) for stored in (a, b))
            size = np.abs(y) if name.endswith(ELEMENTWISE) else np.max(np.abs(y))
            apart = float(np.max(np.abs(x - y) / (1 + size)))
            error = max(error, apart)
            if not apart <= TOLERANCE[dtype]:
                far.append(f"{name}: {apart:.2g}")
        missing = sorted({n.split("/")[0] for n in set(a.files) ^ set(b.files)})
    count = sum(name.endswith("/spikes") for name in names)
    return {
        "checks": count, "spikes": spikes, "error": error, "far": far, "missing": missing
    }  # fmt: skip


def equality(found: list[Record]) -> str:
    """State whether the programs compute the same."""
    lines = []
    for record in found:
        head = f"* {record['dtype']}, neurons of {record['convention']}, {record['pair']}: "
        if "checks" not in record:
            lines.append(f"{head}NOT CHECKED, {why(record)}")
            continue
        if record["far"]:
            verdict = f"{len(record['far'])} RESULTS DIFFER, the first {record['far'][0]}"
        else:
            verdict = f"{record['spikes']} spikes identical, all else within {record['error']:.1e}"
        if record["missing"]:
            verdict += f"; NOT IN BOTH: {'; '.join(record['missing'])}"
        lines.append(f"{head}{record['checks']} kinds, {verdict}")
    return "\n".join(lines)


def layer(results: Results) -> str:
    """Return a Markdown table of the times of a layer, as medians over runs."""
    lines = []
    for case, runs in results.items():
        names = [str(case.threads), case.convention, case.program, case.method]
        wall = middle(runs, "wall_s")
        if wall is None:
            lines.append([*names, why(runs[0])])
            continue
        ours = fastest(results, case, ours=True)
        forward, backward = (f"{1e3 * runs_of(runs, k):.2f}" for k in ("forward_s", "backward_s"))
        same = "-"
        if ours:
            same = "yes" if ours[1][0]["spikes"] == runs[0]["spikes"] else "NO"
        lines.append(
            [
                *names,
                str(len(runs)),
                forward,
                backward,
                spread("wall_s", 1e3)(case, runs),
                f"{wall / runs_of(ours[1], 'wall_s'):.2f}" if ours else "-",
                same,
                f"{runs[0]['first_s']:.1f}",
            ]
        )
    return markdown(LAYER_HEADER, lines)


def best_peer(results: Results) -> str:
    """State how much faster spikelet is than the fastest equivalent method of each library."""
    lines = []
    for case, runs in results.items():
        if case.program != "spikelet" or fastest(results, case, ours=True) != (case, runs):
            continue
        peer = fastest(results, case, ours=False)
        ours = middle(runs, "wall_s")
        if peer is None or ours is None:
            continue
        ratio = runs_of(peer[1], "wall_s") / ours
        lines.append(
            f"* threads {case.threads}, neuron of {case.convention}: {ratio:.2f} times as fast as "
            f"{peer[0].program} {peer[0].method}, the fastest"
        )
    return "\n".join(lines) or "No library to compare times with"


def memory(found: Results) -> str:
    """Return a Markdown table of the memory of a pass."""
    lines = []
    base: dict[str, float] = {}
    for case, (record,) in found.items():
        names = [case.convention, case.program, case.method]
        if "peak_mb" not in record:
            lines.append([*names, why(record)])
            continue
        peak = record["peak_mb"]
        if case.program == "spikelet":
            base.setdefault(case.convention, peak)
        ours = base.get(case.convention)
        ratio = f"{peak / ours:.2f}" if ours else "-"
        lines.append([*names, f"{peak:.1f}", f"{peak / record['x_mb']:.2f}", ratio])
    return markdown(MEMORY_HEADER, lines)


def epoch(results: Results) -> str:
    """Return a Markdown table of images per second in training."""
    lines = []
    base: dict[int, float] = {}
    for case, runs in results.items():
        names = [str(case.threads), case.program, case.method]
        value = middle(runs, "images_per_s")
        if value is None:
            lines.append([*names, why(runs[0])])
            continue
        if case.program == "spikelet":
            base.setdefault(case.threads, value)
        ours, first = base.get(case.threads), runs[0]
        lines.append(
            [
                *names,
                str(len(runs)),
                spread("images_per_s")(case, runs),
                f"{ours / value:.2f}" if ours else "-",
                f"{median([run['images_per_cpu_s'] for run in runs]):.4g}",
                ", ".join(f"{loss:.4f}" for loss in first["losses"]),
                f"{100 * first['right'] / first['test_images']:.2f} %",
            ]
        )
    return markdown(EPOCH_HEADER, lines)


def fastest(results: Results, case: Case, *, ours: bool) -> tuple[Case, list[Record]] | None:
    """Return the fastest case of spikelet, or of the others, with the same neuron and threads."""

    def candidates() -> Iterator[tuple[float, Case, list[Record]]]:
        for other, runs in results.items():
            wall = middle(runs, "wall_s")
            same = (other.convention, other.threads) == (case.convention, case.threads)
            same &= (other.program == "spikelet") == ours
            if wall is not None and same:
                yield wall, other, runs

    found = min(candidates(), key=lambda row: row[0], default=None)
    return found and found[1:]


def runs_of(runs: list[Record], key: str) -> float:
    """Return the median of a figure that all runs have."""
    return float(median(run[key] for run in runs))
