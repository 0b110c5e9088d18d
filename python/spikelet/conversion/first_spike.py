"""Conversion to neurons that fire at most once: their thresholds, and weights that correct what rounding shifts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from spikelet._util.described import Described
from spikelet.conversion.fitted.regression import correct_weights
from spikelet.conversion.layerwise.activity import Calibration, Floats
from spikelet.conversion.layerwise.site import Method, Site
from spikelet.conversion.layerwise.streaming import fit_layers
from spikelet.conversion.neurons import usable
from spikelet.conversion.selection import Progress
from spikelet.layers import FirstSpike, Layer, ReLU
from spikelet.layers.graph import Graph

__all__ = ["FirstSpikes", "with_first_spikes"]

_SHARES = np.linspace(0.1, 1.0, 46)  # candidates: threshold by greatest activation
_VALUES = 8192  # of a channel, from which its threshold is chosen


@dataclass(frozen=True, repr=False, eq=False)
class FirstSpikes(Described, Method):
    """Neurons that fire at most once; see `spikelet.layers.FirstSpike`.

    Layer by layer, ridge regression corrects the weights, so that the potentials are those of the ANN although the layers
    before round, and the threshold of each channel is the one whose rounded outputs have the least squared error.

    Parameters
    ----------
    steps : int
        Length of the windows T.
    """

    steps: int

    name = "first_spike"

    def accepts(self, layer: Layer, neuron: str) -> bool:  # noqa: ARG002  # it makes one kind
        """Return whether a layer is a ReLU."""
        return isinstance(layer, ReLU)

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron, and the layers whose weights were corrected."""
        changes = correct_weights(site)
        rows = np.moveaxis(site.target(), 1, 0).reshape(site.shape[0], -1)
        currents = np.moveaxis(site.mean_current(changes=changes), 1, 0).reshape(rows.shape)
        step = -(-rows.shape[1] // _VALUES)
        thresholds = usable(site.limited(self._thresholds(rows[:, ::step], currents[:, ::step])))
        return {**changes, site.name: FirstSpike(thresholds, self.steps)}

    def _thresholds(self, target: Floats, currents: Floats) -> Floats:
        greatest = target.max(1)
        best, least = greatest.copy(), np.full(len(target), np.inf)
        for share in _SHARES:
            theta = np.maximum(greatest * share, 1e-30)[:, None]
            k = np.clip(np.floor(currents / theta * self.steps + 0.5), 0, self.steps)
            error = np.square(k / self.steps * theta - target).mean(1)
            best[error < least] = (greatest * share)[error < least]
            least = np.minimum(error, least)
        return best


def with_first_spikes(where: str, cal: Calibration, steps: int, progress: Progress) -> Graph:
    """Return the graph of a calibration with neurons that fire once instead of its ReLUs.

    Parameters
    ----------
    where : str
        The calling function, for error messages.
    cal : Calibration
    steps : int
        Length of the windows T.
    progress
        As for `spikelet.convert`.
    """
    names = [n.name for n in cal.graph if isinstance(n.layer, ReLU) and n.name not in cal.kept]

    def watch(name: str) -> None:
        if callable(progress):
            progress(names.index(name), len(names), name)

    changes = fit_layers(where, replace(cal, steps=1), FirstSpikes(steps), watch)
    return cal.graph.replaced(changes)
