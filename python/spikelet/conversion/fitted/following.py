r"""Neurons that follow an activation other than a ReLU: SiLU, GELU, hardswish, ELU, PReLU, tanh, sigmoid and their kin.

A pair of neurons estimates its mean input, as for a ReLU, and spikes if that brings the sum of the sizes it has sent, times the
amplitude, closer to f of the estimate. OFF spikes make negative outputs possible. The amplitude of each channel is such that
the pair reaches the greatest and the least activation of the calibration, with some room for those of other samples, or further,
see `spikelet.conversion.fitted.reach`.
"""

from __future__ import annotations

import numpy as np

from spikelet.conversion.fitted.estimation import estimate
from spikelet.conversion.fitted.reach import chosen_reach
from spikelet.conversion.fitted.schedule import LEVEL_RATIO, Schedule
from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.layerwise.site import Place, Site
from spikelet.conversion.thresholds import usable
from spikelet.layers import Activation, PredictiveIF

__all__ = ["fit_following"]


def fit_following(
    site: Site, place: Place, plan: Schedule, near: float, unbiased: float
) -> PredictiveIF:
    """Return neurons that follow the activation of a site.

    Parameters
    ----------
    site : Site
        Its layer is an `Activation`.
    place : Place
        Where the neurons are fitted.
    plan : Schedule
    near : float
        Distance from its estimate at which a neuron spikes, in sizes of a spike.
    unbiased : float
        As for `estimate`.
    """
    currents = site.currents(place)
    known = estimate(currents, site.potentials(place), plan.sizes, unbiased, site.name)
    greatest = _greatest(site, plan.room)
    layer = site.layer
    assert isinstance(layer, Activation)

    def make(further: Floats) -> PredictiveIF:
        amplitude = further * greatest / plan.reach(site.depth)
        return PredictiveIF(
            amplitude,
            code="signed",
            levels=plan.levels,
            level_ratio=LEVEL_RATIO,
            amplitude=amplitude,
            pace=known.slope,
            offset=known.offset,
            limit=plan.limit(site.depth, near, further),
            sizes=plan.sizes,
            activation=layer,
            scale=plan.steps / amplitude,
        )

    return make(chosen_reach(make, currents, site.target(place), site.threads))


def _greatest(site: Site, room: float) -> Floats:
    """Return the greatest magnitude of each channel's activation, with some room."""
    most, least = np.zeros(site.shape[0]), np.zeros(site.shape[0])
    for part in site.parts():
        values = site.target(part)
        most = np.maximum(most, values.max((0, 2)))
        least = np.minimum(least, values.min((0, 2)))
    return usable((room * np.maximum(most, -least)).astype(np.float32))
