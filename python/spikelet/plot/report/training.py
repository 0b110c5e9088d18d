"""The report of a training: its curves and epochs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from spikelet._util.checks import fail
from spikelet._util.tables import percent
from spikelet.plot.figures import BLUE, GRAY, RED
from spikelet.plot.report.page import Page, Table, axes, target


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
    accuracies_on = {
        name: [getattr(e, f"{name}_accuracy", None) for e in history]
        for name in ("validation", "test")
    }
    checked = {n: found for n, found in accuracies_on.items() if any(x is not None for x in found)}
    page.keys(
        {
            "epochs": len(history),
            "loss": last.loss,
            "training accuracy": percent(last.accuracy),
            **{f"{name} accuracy": percent(found[-1]) or None for name, found in checked.items()},
            **{f"best {name} accuracy": _best(history, found) for name, found in checked.items()},
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
    percents = {n: [None if x is None else 100 * x for x in found] for n, found in checked.items()}
    for name, values in percents.items():
        accuracies.append(line(name, values, RED if name == "test" else GRAY))
    page.plots(
        ("Loss", [line("loss", [e.loss for e in history], BLUE)], axes("epoch", "loss")),
        ("Accuracy", accuracies, axes("epoch", "accuracy (%)", legend=bool(checked))),
        ("Spikes", [line("spikes", [e.spikes for e in history], GRAY)], axes("epoch", "spikes per neuron and sample")),
    )  # fmt: skip
    page.heading("Epochs")
    columns = {
        "epoch": epochs,
        "loss": [e.loss for e in history],
        "training accuracy (%)": [100 * e.accuracy for e in history],
        **{f"{name} accuracy (%)": values for name, values in percents.items()},
        "spikes per neuron and sample": [e.spikes for e in history],
        "seconds": [e.seconds for e in history],
    }
    page.table(Table(list(columns), list(map(list, zip(*columns.values(), strict=True)))))
    return page


def _best(history: Sequence[Any], accuracies: Sequence[float | None]) -> str:
    """Return the first of the largest accuracies, and its epoch."""
    best = max(range(len(history)), key=lambda k: accuracies[k] or 0.0)
    return f"{percent(accuracies[best])} (epoch {history[best].epoch})"
