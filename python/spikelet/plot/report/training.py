"""The report of a training: its curves and epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.tables import percent
from spikelet.plot.figures import BLUE, GRAY, RED
from spikelet.plot.report.page import Page, Table, axes, target

__all__ = ["save"]


def save(history: Sequence[Any], path: Any, title: str | None) -> Path:
    """Write the report of a training; see `spikelet.torch.History.report`."""
    where = "History.report"
    if not history:
        fail(where, "history", 0, "must have an epoch", got="epochs")
    file = target(where, path, title)
    build(history, title or "Training").write(file)
    return file


def build(history: Sequence[Any], title: str) -> Page:
    """Return the report."""
    page = Page(title)
    last = history[-1]
    tested = [e for e in history if e.test_accuracy is not None]
    best = max(tested, key=lambda e: e.test_accuracy, default=None)
    page.keys(
        {
            "epochs": len(history),
            "loss": last.loss,
            "training accuracy": percent(last.accuracy),
            "test accuracy": percent(last.test_accuracy) or None,
            "best test accuracy": None if best is None else f"{percent(best.test_accuracy)} (epoch {best.epoch})",
            "spikes per neuron and sample": last.spikes,
            "time": f"{sum(e.seconds for e in history):.4g} s",
            "time of an epoch": f"{sum(e.seconds for e in history) / len(history):.4g} s",
        }
    )  # fmt: skip
    page.heading("Curves")
    epochs = [e.epoch for e in history]

    def line(name: str, values: list[Any], shade: str) -> dict[str, Any]:
        return {
            "type": "scatter", "mode": "lines+markers", "name": name, "x": epochs, "y": values,
            "line": {"color": shade, "width": 2}, "marker": {"size": 5},
            "hovertemplate": f"epoch %{{x}}: %{{y:.5g}}<extra>{name}</extra>",
        }  # fmt: skip

    accuracies = [line("training", [100 * e.accuracy for e in history], BLUE)]
    if tested:
        values = [None if e.test_accuracy is None else 100 * e.test_accuracy for e in history]
        accuracies.append(line("test", values, RED))
    page.plots(
        ("Loss", [line("loss", [e.loss for e in history], BLUE)], axes("epoch", "loss")),
        ("Accuracy", accuracies, axes("epoch", "accuracy (%)", legend=bool(tested))),
        ("Spikes", [line("spikes", [e.spikes for e in history], GRAY)], axes("epoch", "spikes per neuron and sample")),
    )  # fmt: skip
    page.heading("Epochs")
    rows = [
        [
            e.epoch, e.loss, 100 * e.accuracy, None if e.test_accuracy is None else 100 * e.test_accuracy, e.spikes, e.seconds,
        ]
        for e in history
    ]  # fmt: skip
    columns = ["epoch", "loss", "training accuracy (%)", "test accuracy (%)", "spikes per neuron and sample", "seconds"]  # fmt: skip
    page.table(Table(columns, rows))
    return page
