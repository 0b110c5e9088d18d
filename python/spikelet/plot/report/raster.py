"""The interactive raster of a report, and the picture that stands for it without JavaScript."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from spikelet.plot.populations import Named
from spikelet.plot.report.packing import pack
from spikelet.plot.report.page import Page, color, picture
from spikelet.plot.spikes import raster_and_rates
from spikelet.spikes import Spikes

_FINEST = 1e-3  # ms, of spikes that lie on no grid
_DRAWN = 20_000  # spikes of the picture
_MOST = 3_000_000  # spikes that a browser can draw in seconds

_INSIDE = """
<div class="interactive" hidden>
<div class="controls" role="group" aria-label="populations"></div>
<div class="plot" id="{id}"></div>
<output class="neuron">Hover over a spike for its neuron; drag to zoom; double-click for the whole.</output>
<div class="plot rates"></div>
<p class="note span"></p>
<div class="scroll"><table class="view"><thead><tr><th>population</th><th>neurons in view</th><th>spikes in view</th>
<th>rate (Hz)</th></tr></thead><tbody></tbody></table></div>
</div>
"""


def add_raster(page: Page, found: Sequence[Named], start: float, stop: float) -> None:
    """Add a raster of all spikes, with rates below it; of more than 3 million, those of each n-th neuron.

    Parameters
    ----------
    page : Page
        The report.
    found : sequence of Named
        Spikes of each population.
    start, stop : float
        The interval [ms].
    """
    found, each = _thinned(found, _MOST)
    if each > 1:
        page.note(f"The raster has every {each}th neuron; the tables below it are of all.")
    known = {spikes.dt for _, spikes in found}
    dt = known.pop() if len(known) == 1 else None
    step = _FINEST if dt is None else dt
    populations, top = [], 0
    for k, (name, spikes) in enumerate(found):
        rows = len(spikes.elements)
        steps = np.rint((spikes.times - start) / step).astype(np.int64)
        packed = pack(steps, spikes.columns(), max(rows, 1))
        own = {} if spikes.whole else {"elements": spikes.elements.tolist()}
        populations.append(
            {
                "name": name,
                "rows": rows,
                "top": top,
                "spikes": len(spikes),
                "start": spikes.start,
                "stop": stop if spikes.stop is None else spikes.stop,
                "color": color(k),
                "data": page.blob(packed),
                **own,
            }
        )
        top += rows
    alt = "Raster of the spikes of " + ", ".join(name for name, _ in found) + ", with their rates below"  # fmt: skip
    shown, thinned = _thinned(found, _DRAWN)
    drawn = picture(lambda figure: _picture(figure, shown, start, stop), (10.0, 5.5), alt)
    note = f"<figcaption>Every {thinned}th neuron.</figcaption>" if thinned > 1 else ""
    page.special(
        "raster",
        _INSIDE,
        drawn + (f"<noscript>{note}</noscript>" if note else ""),
        dt=step,
        start=start,
        stop=stop,
        populations=populations,
    )


def _thinned(found: Sequence[Named], most: int) -> tuple[list[Named], int]:
    """Return the spikes of each n-th neuron, so that there are about `most` at most, and n."""
    total = sum(len(spikes) for _, spikes in found)
    each = max(1, math.ceil(total / most))
    if each == 1:
        return list(found), 1
    return [Named(name, spikes[spikes.elements[::each]]) for name, spikes in found], each


def _picture(figure: Any, found: Sequence[Named], start: float, stop: float) -> None:
    named: dict[str, Spikes] = dict(found)
    raster_and_rates(named, start, stop, bin_size=max((stop - start) / 200, 1e-3), figure=figure, s=2.0)  # fmt: skip
