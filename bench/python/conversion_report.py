"""Compare spikes one by one, and tabulate accuracies and speeds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from conversion import LTB_UPDATES, SHARED

from spikelet.cli.bench_harness import Record, markdown, middle, spread, why

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from compare_conversion import Case

READOUTS = {"plain": "all steps", "delayed": "automatic delay"}

NAMES = {
    "max": "RateCoding, maximum, scalar",
    "percentile": "RateCoding, 99.9 %, scalar (RobustNorm)",
    "max-channels": "RateCoding, maximum, by channel, half threshold",
    "percentile-channels": "RateCoding, 99.9 %, by channel, half threshold",
    **{k: f"LocalThresholdBalancing, {n} batches of 128" for k, n in LTB_UPDATES.items()},
    "trained": "the ANN",
    "folded": "the ANN, BatchNorm folded",
    SHARED: "99.9 %, by channel, half threshold",
}
"""Descriptions of the methods in tables."""

SPEED_HEADER = (
    "threads", "T", "program", "network", "runs", "images/s (min..max)", "spikelet / it",
    "best setting", "peak RSS MB",
)  # fmt: skip


def called(method: str) -> str:
    """Return the description of ``method[:neuron[:dtype]]`` for a table."""
    first, *more = method.split(":")
    return ", ".join([NAMES.get(first, first), *filter(None, more)])


def differing(ours: Path, theirs: Path) -> dict[str, Any]:
    """Return, by layer, how many spikes of two files of ``[T, N, ...]`` arrays are not in both."""
    layers = {}
    with np.load(ours) as a, np.load(theirs) as b:
        if set(a.files) != set(b.files):
            msg = f"layers differ: {sorted(set(a.files) ^ set(b.files))}"
            raise ValueError(msg)
        for name in a.files:
            if a[name].shape != b[name].shape:
                msg = f"layer {name}: shapes differ: {a[name].shape} and {b[name].shape}"
                raise ValueError(msg)
            layers[name] = {
                "spikes": [
                    int(np.sum(a[name], dtype=np.int64)),
                    int(np.sum(b[name], dtype=np.int64)),
                ],
                "differing": int(np.count_nonzero(a[name] != b[name])),
            }
    return {"layers": layers}


def equality(found: dict[str, Record], images: int, steps: int) -> str:
    """State whether the spikes of other programs are those of spikelet."""
    what = f"{images} images, {steps} steps, float64, the same thresholds"
    lines = [f"Spikes compared with those of spikelet; {what}:"]
    for program, record in found.items():
        if "layers" not in record:
            lines.append(f"* {program}: NOT CHECKED, {why(record)}")
            continue
        layers = record["layers"]
        differ = sum(layer["differing"] for layer in layers.values())
        total = sum(layer["spikes"][0] for layer in layers.values())
        counts = sum(layer["spikes"][0] != layer["spikes"][1] for layer in layers.values())
        first = next((name for name, layer in layers.items() if layer["differing"]), None)
        verdict = "all equal" if not differ else f"{differ} DIFFER, the first in {first}"
        lines.append(
            f"* {program}: {total} spikes in {len(layers)} layers, {verdict}; "
            f"layers whose counts differ: {counts}"
        )
    return "\n".join(lines)


def rows(found: dict[Case, Record]) -> Iterable[tuple[Case, str, Record]]:
    """Yield each case with each of its readouts."""
    for case, record in found.items():
        for readout in READOUTS:
            if readout == "plain" or record.get(readout):
                yield case, readout, record


def percent(record: Record, readout: str, steps: int) -> float | None:
    """Return the accuracy at T; keys are strings after JSON."""
    right = record.get(readout, {}).get(str(steps))
    return None if right is None else 100.0 * float(right) / record["images"]


def accuracies(found: dict[Case, Record], steps: list[int]) -> str:
    """Return a Markdown table of accuracies in per cent, by method and number of steps."""
    head = ["program", "method", "read-out", "images", *(f"T = {t}" for t in steps)]
    lines = []
    for case, readout, record in rows(found):
        names = [case.program, called(case.method), READOUTS[readout]]
        if case.program == "torch":
            names[2] = "-"
        if "plain" not in record:
            lines.append([*names, why(record)])
            continue
        values = [percent(record, readout, t) for t in steps]
        cells = ["-" if v is None else f"{v:.2f}" for v in values]
        lines.append([*names, str(record["images"]), *cells])
    return markdown(head, lines)


def best_peer(found: dict[Case, Record], steps: list[int]) -> str:
    """State, for each method of spikelet, where it is behind the best recipe of SpikingJelly."""
    lines = []
    for case, record in found.items():
        if case.program != "spikelet" or "plain" not in record:
            continue
        behind, compared = [], 0
        for t in steps:
            rivals = [
                value
                for other, readout, result in rows(found)
                if other.program == "spikingjelly"
                and (value := percent(result, readout, t)) is not None
            ]
            own = percent(record, "plain", t)
            if rivals and own is not None:
                compared += 1
                if own < max(rivals):
                    behind.append(f"T = {t} ({own - max(rivals):+.2f})")
        if compared:
            verdict = f"BEHIND at {', '.join(behind)}" if behind else "nowhere behind"
            lines.append(
                f"* spikelet, {called(case.method)}: {verdict} the best of "
                "SpikingJelly's recipes and readouts at the same T"
            )
    return "\n".join(lines) or "Nothing of SpikingJelly to compare accuracies with"


def speeds(results: dict[Case, list[Record]]) -> str:
    """Return a Markdown table of images per second, as medians over runs.

    Each row is compared with the first row of spikelet that has the same number of threads and
    steps. The ANN has no steps and is not compared.
    """
    base: dict[tuple[int, int], float] = {}
    lines = []
    for case, runs in results.items():
        steps = "-" if case.program == "torch" else str(case.steps)
        names = [str(case.threads), steps, case.program, called(case.method)]
        value = middle(runs, "images_per_s")
        if value is None:
            lines.append([*names, why(runs[0])])
            continue
        if case.program == "spikelet":
            base.setdefault((case.threads, case.steps), value)
        ours = None if case.program == "torch" else base.get((case.threads, case.steps))
        setting = ", ".join(f"{k} {v}" for k, v in runs[0]["setting"].items())
        rss = middle(runs, "peak_rss_mb")
        lines.append(
            [
                *names,
                str(len(runs)),
                spread("images_per_s")(case, runs),
                f"{ours / value:.2f}" if ours else "-",
                setting or "-",
                f"{rss:.0f}",
            ]
        )
    return markdown(SPEED_HEADER, lines)
