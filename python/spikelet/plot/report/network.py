"""The report of a network: what it is, and what its recorders hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from spikelet import statistics
from spikelet.network.contents import NetworkContents
from spikelet.network.receptors import receptor_unit
from spikelet.network.recorders import SpikeRecorder, StateRecorder, WeightRecorder
from spikelet.neurons import NeuronModel
from spikelet.plot.figures import GRAY
from spikelet.plot.graph import MOST_SYNAPSES, draw
from spikelet.plot.populations import Named
from spikelet.plot.report.page import Page, Table, axes, color, target
from spikelet.plot.report.raster import add_raster
from spikelet.plot.statistics import rate_edges

_SAMPLES = 2_000  # of a trace
_TRACES = 8  # of a recorder
_BINS = 40


def report(net: NetworkContents, path: Any, title: str | None) -> Path:
    """Write the report of a network; see `Network.report`."""
    file = target("report", path, title)
    net.engine.require_idle()
    page = build(net, title or "Network")
    with net.ranks.all_or_none(f"writing {file}"):
        if net.ranks.rank == 0:
            page.write(file)
    return file


def build(net: NetworkContents, title: str) -> Page:
    """Return the report; with several ranks it is collective."""
    recorders = [r for r in net.recorders if isinstance(r, SpikeRecorder)]
    found = _named(recorders)
    page = Page(title)
    _summary(page, net, found)
    if found and net.t > 0:
        _activity(page, found)
    _structure(page, net)
    for recorder in net.recorders:
        if isinstance(recorder, StateRecorder) and len(recorder):
            _states(page, recorder)
        elif isinstance(recorder, WeightRecorder) and len(recorder):
            _weights(page, recorder)
    return page


def _named(recorders: Sequence[SpikeRecorder]) -> list[Named]:
    """Return the spikes of each recorder, and names that differ."""
    names = unique([recorder.target.name for recorder in recorders])
    return [Named(name, r.spikes) for name, r in zip(names, recorders, strict=True)]


def unique(names: Sequence[str]) -> list[str]:
    """Return names that differ: repeated ones get a number, such as "E (2)", that makes no other name."""
    found: list[str] = []
    taken = set(names)
    for name in names:
        own, k = name, 2
        while own in found or (own != name and own in taken):
            own, k = f"{name} ({k})", k + 1
        found.append(own)
    return found


def _summary(page: Page, net: NetworkContents, found: Sequence[Named]) -> None:
    neurons = sum(p.size for p in net.populations if isinstance(p.model, NeuronModel))
    spikes = sum(len(spikes) for _, spikes in found)
    page.keys(
        {
            "neurons": neurons,
            "synapses": sum(map(len, net.projections)),
            "simulated": f"{net.t:g} ms",
            "time step": f"{net.dt:g} ms",
            "spikes recorded": spikes if found else None,
            "mean rate": f"{_mean_rate(found):.2f} Hz" if found and net.t > 0 else None,
            "random seed": str(net.seed),
            "precision": str(net.dtype),
            "processes": net.ranks.size if net.ranks.size > 1 else None,
        }
    )


def _mean_rate(found: Sequence[Named]) -> float:
    rates = [spikes.rates() for _, spikes in found if spikes.stop and spikes.stop > spikes.start]
    return float(np.concatenate(rates).mean()) if rates and sum(map(len, rates)) else 0.0


def _activity(page: Page, found: Sequence[Named]) -> None:
    page.heading("Activity")
    observed = [one for one in found if one.spikes.stop is not None and one.spikes.stop > one.spikes.start]  # fmt: skip
    if not observed:
        page.note("Nothing has been recorded yet.")
        return
    start = min(spikes.start for _, spikes in observed)
    stop = max(spikes.stop or 0.0 for _, spikes in observed)
    add_raster(page, observed, start, stop)
    rows, rates = [], []
    for name, spikes in observed:
        own = statistics.rates(spikes)
        cvs = statistics.cvs(spikes)
        known = cvs[np.isfinite(cvs)]
        length = (spikes.stop or 0.0) - spikes.start
        rates.append((name, own))
        rows.append(
            [
                name,
                len(spikes.elements),
                len(spikes),
                *map(
                    float, (np.mean(own), np.median(own), np.max(own)) if own.size else [np.nan] * 3
                ),
                float(np.mean(own == 0)) * 100 if own.size else None,
                float(known.mean()) if known.size else None,
                statistics.synchrony(spikes) if length >= 3.0 else None,
            ]
        )
    columns = ["population", "neurons", "spikes", "mean rate (Hz)", "median (Hz)", "highest (Hz)", "silent (%)", "CV of intervals", "synchrony"]  # fmt: skip
    page.table(Table(columns, rows))
    page.note(
        "Synchrony is the variance of the population's spike counts in bins of 3 ms over their mean, 1 for independent "
        "Poisson processes. The CV of intervals is 0 for a clock and 1 for a Poisson process."
    )
    edges = rate_edges([own for _, own in rates], stop - start, _BINS)
    lines = [
        _histogram(name, own, edges, color(k)) for k, (name, own) in enumerate(rates) if own.size
    ]
    page.plots(
        ("Rates of the neurons", lines, axes("rate (Hz)", "share of neurons", legend=len(lines) > 1))
    )  # fmt: skip


def _structure(page: Page, net: NetworkContents) -> None:
    page.heading("Populations")
    rows = [
        [p.name, p.size, type(p.model).__name__, _line(p.model)]
        for p in net.populations
    ]  # fmt: skip
    page.table(Table(["population", "size", "model", "parameters other than defaults"], rows))
    if net.inputs:
        page.heading("Inputs")
        page.table(
            Table(
                ["target", "neurons", "input"],
                [[d.target.name, len(d.target), _line(d.input)] for d in net.inputs],
            )
        )
    if not net.projections:
        return
    page.heading("Projections")
    rows, histograms = [], dict[str, list[Any]]()
    means: list[float | None] = []
    names = unique([f"{p.pre.name} → {p.post.name}" for p in net.projections])
    for k, (name, projection) in enumerate(zip(names, net.projections, strict=True)):
        model = projection.post.model
        unit = receptor_unit(model, projection.receptor) if isinstance(model, NeuronModel) else ""
        plastic = projection.plasticity
        row: list[Any] = [name, len(projection)]
        means.append(None)
        if 0 < len(projection) <= MOST_SYNAPSES:
            weights = np.asarray(projection.weights, np.float64)
            delays = np.asarray(projection.delays)
            means[-1] = float(weights.mean())
            row += [means[-1], float(weights.std()), float(weights.min()), float(weights.max()), unit]  # fmt: skip
            row += [float(delays.min()), float(delays.mean()), float(delays.max())]
            if weights.min() < weights.max():
                edges = np.linspace(weights.min(), weights.max(), _BINS + 1)
                line = _histogram(name, weights, edges, color(k))
                histograms.setdefault(unit, []).append(line)
        else:
            row += [None] * 4 + [unit] + [None] * 3
        rows.append([*row, "" if plastic is None else type(plastic).__name__])
    if 1 < len(net.populations) <= 24:
        size = (8.0, 3.0) if len(net.populations) < 3 else (8.0, 7.0)
        page.picture(lambda figure: draw(net, means, ax=figure.subplots()), size, _alt(net))
    page.table(
        Table(
            ["projection", "synapses", "mean weight", "std", "least", "largest", "unit", "least delay (ms)", "mean delay (ms)", "largest delay (ms)", "plasticity"],
            rows,
        )
    )  # fmt: skip
    if any(len(p) > MOST_SYNAPSES for p in net.projections):
        page.note(f"Weights and delays of more than {MOST_SYNAPSES:,} synapses are not summarised.")
    plots = [
        ("Weights now", lines, axes(f"weight ({unit})" if unit else "weight", "share of synapses", legend=True))
        for unit, lines in histograms.items()
    ]  # fmt: skip
    if plots:
        page.plots(*plots)


def _states(page: Page, recorder: StateRecorder) -> None:
    labels = recorder.labels
    times, values = recorder.times, recorder.values
    ids = labels.columns["id"]
    page.heading(f"{labels.population}: {labels.name}")
    chosen = np.unique(np.linspace(0, values.shape[1] - 1, min(_TRACES, values.shape[1])).round()).astype(int)  # fmt: skip
    if len(chosen) < values.shape[1]:
        page.note(f"{len(chosen)} of {values.shape[1]} recorded elements.")
    _note_thinned(page, len(times))
    lines = []
    for k, column in enumerate(chosen):
        at = _drawn(values[:, column])
        y = values[at, column].astype(np.float64)
        lines.append(
            {
                "type": "scatter", "mode": "lines", "x": times[at].round(6), "y": np.round(y, 4), "name": f"{labels.population} {ids[column]}",
                "line": {"width": 1.2, "color": color(k)},
            }
        )  # fmt: skip
    y_title = f"{labels.name} ({labels.unit})" if labels.unit else labels.name
    page.plots(("", lines, axes("time (ms)", y_title, legend=len(lines) > 1)))


def _weights(page: Page, recorder: WeightRecorder) -> None:
    labels = recorder.labels
    times, values = recorder.times, np.asarray(recorder.values, np.float64)
    if not values.shape[1]:
        return
    ends = recorder.target
    page.heading(f"{ends.pre.name} → {ends.post.name}: weights over time")
    _note_thinned(page, len(times))
    low, high = np.percentile(values, (10, 90), axis=1)

    def line(y: Any, name: str, **own: Any) -> dict[str, Any]:
        at = _drawn(y)
        return {"type": "scatter", "mode": "lines", "x": times[at].round(6), "y": y[at], "name": name, **own}  # fmt: skip

    band = "rgba(128,128,128,0.25)"
    lines = [
        line(low, "10 %", line={"width": 0}, showlegend=False, hoverinfo="skip"),
        line(high, "middle 80 %", fill="tonexty", fillcolor=band, line={"width": 0}),
    ]  # fmt: skip
    chosen = np.unique(np.linspace(0, values.shape[1] - 1, min(_TRACES, values.shape[1])).round())
    for k, column in enumerate(chosen.astype(int)):
        ids = labels.columns
        name = f"{ids['pre'][column]} → {ids['post'][column]}" if "pre" in ids else f"synapse {column}"  # fmt: skip
        lines.append(line(values[:, column], name, line={"width": 1, "color": color(k)}))
    lines.append(line(values.mean(axis=1), "mean", line={"width": 3, "color": GRAY}))
    unit = f"weight ({labels.unit})" if labels.unit else "weight"
    page.plots(("", lines, axes("time (ms)", unit, legend=True)))


def _note_thinned(page: Page, samples: int) -> None:
    every = -(-samples // _SAMPLES)
    if every > 1:
        page.note(
            f"Of each {2 * every} samples, the least and the largest are drawn; the recorder has {samples}."
        )


def _drawn(values: Any) -> Any:
    """Return the places of the samples of a line that are drawn: all, or the extremes of blocks of many."""
    every = -(-len(values) // _SAMPLES)
    return _extremes(values, 2 * every) if every > 1 else np.arange(len(values))


def _extremes(values: Any, block: int) -> Any:
    """Return the places of the least and the largest of each block, in order: what a line over many samples shows.

    The samples after the last whole block are one more.
    """
    whole = len(values) // block * block
    blocks = values[:whole].reshape(-1, block)
    first = np.arange(0, whole, block)
    places = [first + blocks.argmin(axis=1), first + blocks.argmax(axis=1)]
    rest = values[whole:]
    if len(rest):
        places.append([whole + rest.argmin(), whole + rest.argmax()])
    return np.unique(np.concatenate([[0], *places, [len(values) - 1]]))


def _histogram(name: str, values: Any, edges: Any, shade: str) -> dict[str, Any]:
    counts = np.histogram(values, edges)[0] / len(values)
    middles = (edges[1:] + edges[:-1]) / 2
    return {
        "type": "scatter", "mode": "lines", "name": name, "x": middles, "y": counts,
        "line": {"shape": "hvh", "color": shade, "width": 1.6}, "hovertemplate": f"%{{y:.3g}} at %{{x:.4g}}<extra>{name}</extra>",
    }  # fmt: skip


def _alt(net: NetworkContents) -> str:
    names = ", ".join(p.name for p in net.populations)
    arrows = ", ".join(f"{p.pre.name} to {p.post.name}" for p in net.projections[:20])
    return f"Graph of the populations {names}, with projections {arrows}"


def _line(value: Any) -> str:
    text = re.sub(r"array\(([^()]*)\)", r"\1", " ".join(repr(value).split()))
    return text if len(text) <= 300 else f"{text[:297]}..."
