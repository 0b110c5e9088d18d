"""The report of a converted model: what each layer keeps of its ANN."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from spikelet._util.tables import percent, share
from spikelet.plot.figures import BLUE, GREY, RED
from spikelet.plot.report.page import Page, Table, target

__all__ = ["save"]


def save(compared: Any, path: Any, title: str | None) -> Path:
    """Write the report of a comparison; see `spikelet.conversion.ConversionReport.save`."""
    file = target("ConversionReport.save", path, title)
    build(compared, title or "Converted network").write(file)
    return file


def build(compared: Any, title: str) -> Page:
    """Return the report."""
    page = Page(title)
    layers = list(compared.layers)
    gone = [layer.name for layer in layers if layer.vanishing]
    page.keys(
        {
            "accuracy": percent(compared.accuracy) or None,
            "accuracy of the ANN": percent(compared.ann_accuracy) or None,
            "same decision as the ANN": None if math.isnan(compared.agreement) else share(compared.agreement),
            "steps T": compared.steps,
            "readout from step": compared.delay or None,
            "samples": compared.samples,
            "layers of neurons": len(layers),
            "neurons": sum(layer.neurons for layer in layers),
            "layers where spikes vanish": len(gone),
        }
    )  # fmt: skip
    if gone:
        names = ", ".join(gone)
        page.note(f"Less than half of the ANN's activity, or of its active neurons, is left in {names}.")  # fmt: skip
    if compared.outputs:
        page.heading("Outputs")
        rows = [[name, 100 * error] for name, error in compared.outputs.items()]
        page.table(Table(["output", "error (% of the ANN's deviation)"], rows))
    if not layers:
        return page
    page.heading(
        "Layers", "The first layer is on top. Red: spikes vanish. Hover over a bar for its value."
    )
    page.plots(*_figures(layers))
    rows = []
    for layer in layers:
        low, mean, high = layer.threshold or (None, None, None)
        shares = [None if x is None else 100 * x for x in (layer.silent, layer.silenced, layer.saturated)]  # fmt: skip
        rows.append(
            [layer.name, layer.kind, layer.neurons, 100 * layer.error, layer.mean_error, 100 * layer.activity, layer.rate,
             *shares, low, mean, high]
        )  # fmt: skip
    columns = [
        "layer", "kind", "neurons", "error (%)", "mean error", "activity (%)", "spikes per step", "silent (%)", "silenced (%)",
        "saturated (%)", "least threshold", "mean threshold", "largest threshold",
    ]  # fmt: skip
    marked = frozenset(k for k, layer in enumerate(layers) if layer.vanishing)
    page.table(Table(columns, rows, marked))
    page.note(
        "Error: RMS of the difference of mean outputs, SNN minus ANN, over the RMS of the ANN. Activity: mean output over that "
        "of the ANN. Silent neurons spiked in no sample; silenced ones did not although those of the ANN were active; "
        "saturated ones spiked at every step."
    )
    return page


def _figures(layers: list[Any]) -> list[tuple[str, list[Any], dict[str, Any]]]:
    names = [layer.name for layer in layers]
    shades = [RED if layer.vanishing else BLUE for layer in layers]

    def bars(values: list[float | None], shade: Any, name: str = "") -> dict[str, Any]:
        return {
            "type": "bar", "orientation": "h", "x": values, "y": names, "marker": {"color": shade}, "name": name,
            "hovertemplate": "%{y}: %{x:.4g}<extra>" + name + "</extra>",
        }  # fmt: skip

    def layout(x: str, **own: Any) -> dict[str, Any]:
        return {
            "height": 130 + 22 * len(names), "xaxis": {"title": {"text": x}, "rangemode": "tozero"},
            "yaxis": {"autorange": "reversed", "type": "category", "showgrid": False, "dtick": 1}, "bargap": 0.25, **own,
        }  # fmt: skip

    both = {"showlegend": True, "margin": {"l": 64, "r": 16, "t": 64, "b": 48}}
    silenced, saturated = (
        [None if (v := getattr(layer, name)) is None else 100 * v for layer in layers]
        for name in ("silenced", "saturated")
    )
    return [
        ("Error", [bars([100 * layer.error for layer in layers], shades)], layout("% of the RMS of the ANN")),
        ("Activity", [bars([100 * layer.activity for layer in layers], shades)], layout("% of that of the ANN")),
        ("Rate", [bars([layer.rate for layer in layers], shades)], layout("spikes per neuron and step")),
        ("Neurons", [bars(silenced, RED, "silenced"), bars(saturated, GREY, "saturated")], layout("% of neurons", **both)),
    ]  # fmt: skip
