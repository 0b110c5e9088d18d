"""The report of a training: its curves and epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.tables import percent
from spikelet.report.page import Page, Table, target

__all__ = ["save"]

_BLUE, _RED, _GREY = "#3b7dc4", "#d1583f", "#8a8a8a"


def save(history: Sequence[Any], path: Any, title: str | None) -> Path:
    """Write the report of a training; see `spikelet.torch.History.report`."""
    where = "History.report"
    if title is not None and not isinstance(title, str):
        fail(where, "title", title, "must be a string", error=TypeError)
    if not history:
        fail(where, "history", 0, "must have an epoch", got="epochs")
    file = target(where, path)
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

    def layout(y: str, *, legend: bool = False) -> dict[str, Any]:
        return {
            "height": 320, "xaxis": {"title": {"text": "epoch"}}, "yaxis": {"title": {"text": y}}, "showlegend": legend,
            "margin": {"l": 64, "r": 16, "t": 64 if legend else 36, "b": 48},
        }  # fmt: skip

    accuracies = [line("training", [100 * e.accuracy for e in history], _BLUE)]
    if tested:
        values = [None if e.test_accuracy is None else 100 * e.test_accuracy for e in history]
        accuracies.append(line("test", values, _RED))
    page.plots(
        ("Loss", [line("loss", [e.loss for e in history], _BLUE)], layout("loss")),
        ("Accuracy", accuracies, layout("accuracy (%)", legend=bool(tested))),
        ("Spikes", [line("spikes", [e.spikes for e in history], _GREY)], layout("spikes per neuron and sample")),
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
