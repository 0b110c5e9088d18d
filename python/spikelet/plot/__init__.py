"""Plots of spikes, potentials, weights, models and trainings, with matplotlib.

Each function draws on the given Axes or Figure, or on a new one, and returns it; titles, limits and saving are left to
matplotlib. Colours of text and lines follow its style, so ``plt.style.use("dark_background")`` works. Needs
``pip install 'spikelet[plot]'``.
"""

from __future__ import annotations

from spikelet._util.spelling import offer
from spikelet.plot.fit import fit
from spikelet.plot.graph import network
from spikelet.plot.layers import bars, layer_rates, results
from spikelet.plot.live import live
from spikelet.plot.neurons import fi_curve, psp
from spikelet.plot.phase import phase_plane
from spikelet.plot.spikes import activity, raster, raster_and_rates, rate_histogram
from spikelet.plot.statistics import correlation_distribution, rate_distribution
from spikelet.plot.stdp import stdp_window
from spikelet.plot.synapses import connectivity, synapse_distribution, weight_history
from spikelet.plot.traces import trace
from spikelet.plot.training import training_curves
from spikelet.plot.weights import feature_maps, receptive_fields

__all__ = [
    "activity",
    "bars",
    "connectivity",
    "correlation_distribution",
    "feature_maps",
    "fi_curve",
    "fit",
    "layer_rates",
    "live",
    "network",
    "phase_plane",
    "psp",
    "raster",
    "raster_and_rates",
    "rate_distribution",
    "rate_histogram",
    "receptive_fields",
    "results",
    "stdp_window",
    "synapse_distribution",
    "trace",
    "training_curves",
    "weight_history",
]

offer(__name__, __all__)
