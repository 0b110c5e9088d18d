"""Tables of what each program makes of the networks of others."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from networks_worker import LTB_UPDATES

from spikelet.cli.bench_harness import Record, markdown, middle, spread, why

if TYPE_CHECKING:
    from collections.abc import Iterable


NAMES = {
    "percentile-channels": "RateCoding, 99.9 %, by channel, half threshold",
    "ltb": f"LocalThresholdBalancing, {LTB_UPDATES} batches of 128",
}
"""Descriptions of SpikingJelly's recipes."""

READOUTS = {
    "plain": "all steps",
    "delayed": "automatic delay",
    "tuned": "delay chosen on calibration images",
}

SAME_HEADER = ("network", "T", "samples", "spikelet", "the best other", "which")
SPEED_HEADER = ("network", "program", "T", "samples/s (min..max)", "spikelet / it", "best setting")


@dataclass(frozen=True)
class Cell:
    """How good a network is at one T, on the samples that all programs saw."""

    right: float
    """Accuracy in per cent; or the median error in cents, where less is better."""
    agreement: float
    """Same decisions as the ANN in per cent; or the median difference from it in cents."""
    samples: int
    pitch: bool

    def __str__(self) -> str:
        if self.pitch:
            return f"{self.right:.2f} cents ({self.agreement:.2f})"
        return f"{self.right:.2f} % ({self.agreement:.1f})"

    @property
    def rank(self) -> tuple[float, float]:
        """Greater is better: agreement with the ANN, then accuracy."""
        sign = -1 if self.pitch else 1
        return sign * self.agreement, sign * self.right


@dataclass(frozen=True)
class Row:
    """A run of a network in a program, with one read-out."""

    network: str
    program: str
    method: str
    readout: str
    record: Record
    ann: Record
    """The run of the ANN."""

    def cell(self, steps: int, count: int) -> Cell:
        """Return how good the run is at T, on the first `count` samples."""
        found = np.asarray(self.record[self.readout][str(steps)][:count])
        ann = np.asarray(self.ann["plain"][str(steps)][:count])
        labels = np.asarray(self.ann["labels"][:count])
        pitch = self.ann["outputs"] == "pitch"
        if pitch:
            right, same = (np.median(np.abs(found - other)) for other in (labels, ann))
        else:
            right, same = (100 * np.mean(found == other) for other in (labels, ann))
        return Cell(float(right), float(same), count, pitch)


def rows(records: Iterable[tuple[str, str, str, Record]], anns: dict[str, Record]) -> list[Row]:
    """Return a row for each read-out of each run; runs are (network, program, method, record)."""
    return [
        Row(network, program, method, readout, record, anns[network])
        for network, program, method, record in records
        for readout in READOUTS
        if readout in record and network in anns
    ]


def accuracies(found: list[Row], anns: dict[str, Record], steps: list[int]) -> str:
    """Return a Markdown table: accuracy, and in brackets the agreement with the ANN."""
    head = ["network", "program", "method", "read-out", "samples", *(f"T = {t}" for t in steps), "conversion, CPU s"]  # fmt: skip
    lines = []
    for network, ann in anns.items():
        of = [row for row in found if row.network == network]
        full = len(ann["labels"])
        own = Row(network, "torch", "", "plain", ann, ann)
        cells = [str(own.cell(t, full)).partition(" (")[0] for t in steps]
        lines.append([network, "PyTorch", "the ANN", "-", str(full), *cells, "-"])
        for row in of:
            count = min(full, row.record["images"])
            names = [network, row.program, called(row.program, row.method), READOUTS[row.readout]]
            seconds = f"{row.record['conversion_s']:.0f}"
            cells = [str(row.cell(t, count)) for t in steps]
            lines.append([*names, str(count), *cells, seconds])
    return markdown(head, lines)


def called(program: str, method: str) -> str:
    """Return the description of a program's ``method[:dtype]`` for a table."""
    first, *more = method.split(":")
    return ", ".join([first if program == "spikelet" else NAMES.get(first, first), *more])


def same_samples(found: list[Row], steps: list[int]) -> str:
    """Compare spikelet with the best of all others for each network and T, on the samples that both ran."""
    lines = []
    for network in dict.fromkeys(row.network for row in found):
        ours = [r for r in found if r.network == network and r.program == "spikelet"]
        others = [r for r in found if r.network == network and r.program != "spikelet"]
        for t in steps if ours and others else []:
            count = min(r.record["images"] for r in ours + others)
            own = max(ours, key=lambda r: r.cell(t, count).rank)
            best = max(others, key=lambda r: r.cell(t, count).rank)
            which = f"{best.program}, {called(best.program, best.method)}, {READOUTS[best.readout]}"
            cells = (str(own.cell(t, count)), str(best.cell(t, count)))
            lines.append([network, str(t), str(count), *cells, which])
    return markdown(SAME_HEADER, lines)


def speeds(found: dict[tuple[str, str, str], list[Record]], steps: int) -> str:
    """Return a Markdown table of samples per second, as medians over runs; ratios are to the first method of spikelet."""
    lines = []
    base: dict[str, float] = {}
    for (network, program, _), runs in found.items():
        value = middle(runs, "images_per_s")
        if program == "spikelet" and value is not None:
            base.setdefault(network, value)
    for (network, program, method), runs in found.items():
        title = f"{program}{', ' + called(program, method) if program == 'spikelet' else ''}"
        value = middle(runs, "images_per_s")
        t = "-" if method == "ann" else str(steps)
        if value is None:
            lines.append([network, title, t, why(runs[0])])
            continue
        ratio = f"{base[network] / value:.2f}" if network in base else "-"
        setting = ", ".join(f"{k} {v}" for k, v in runs[0]["setting"].items())
        shown = spread("images_per_s")(None, runs)
        lines.append([network, title, t, shown, ratio, setting or "-"])
    return markdown(SPEED_HEADER, lines)
