"""Calibration of bias and initial potential, layer by layer (Li et al., ICML 2021: light and advanced)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from spikelet.conversion.layerwise.method import Method
from spikelet.conversion.layerwise.site import Site
from spikelet.conversion.thresholds import Thresholds
from spikelet.layers import Layer

__all__ = ["Calibrated"]


@dataclass(frozen=True)
class Calibrated(Method):
    """Neurons whose initial potentials correct the mean outputs to those of the ANN.

    A constant bias b adds b T to the potential over a run of T steps. It goes into the initial potential, as does the
    correction of each single neuron, so the weights do not change.

    Parameters
    ----------
    start : Thresholds
        Method that makes the neurons that are corrected.
    """

    start: Thresholds

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron."""
        if site.kind != "neuron":
            return {}
        neuron = self.start.neuron(site)
        for by_position in (False, True):
            missing = np.zeros((site.shape[0], math.prod(site.shape[1:])))
            for place in site.parts():
                given = site.mean_output(neuron, place)
                missing += (site.target(place) - given).sum(0, dtype=np.float64)
            missing /= site.count
            if not by_position:
                missing = np.broadcast_to(missing.mean(1, keepdims=True), missing.shape)
            start = np.asarray(neuron.v_init)
            start = start.reshape(site.shape[0], -1) if start.ndim else start
            v_init = np.broadcast_to(start + site.steps * missing, missing.shape)
            neuron = neuron.replace(v_init=v_init.reshape(site.shape))
        return {site.name: neuron}
