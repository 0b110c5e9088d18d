"""Plots of spikes, potentials, weights and converted models, with matplotlib.

Each function draws on the given Axes, or on new ones, and returns them; titles, limits and saving are left to
matplotlib. Needs ``pip install 'spikelet[plot]'``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from spikelet._util.spelling import missing
from spikelet.plot.layers import (
    accuracy_curve,
    coding_tradeoff,
    conversion_report,
    frontier,
    hybrid_search,
    response_times,
)
from spikelet.plot.spikes import activity, raster
from spikelet.plot.traces import trace
from spikelet.plot.weights import feature_maps, receptive_fields

__all__ = [
    "accuracy_curve",
    "activity",
    "coding_tradeoff",
    "conversion_report",
    "feature_maps",
    "frontier",
    "hybrid_search",
    "raster",
    "receptive_fields",
    "response_times",
    "trace",
]

if not TYPE_CHECKING:  # a type checker knows what there is
    __getattr__ = missing(__name__, __all__)
