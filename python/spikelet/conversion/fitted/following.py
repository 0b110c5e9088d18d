r"""Neurons that follow an activation other than a ReLU: SiLU, GELU, hardswish, ELU, PReLU, tanh, sigmoid and their kin.

A pair of neurons estimates its mean input, as for a ReLU, and spikes if that brings the sum of the sizes it has sent, times the
amplitude, closer to f of the estimate. OFF spikes make negative outputs possible. The amplitude of each channel is such that
the pair reaches the greatest and the least activation of the calibration, with some room for those of other samples.
"""

from __future__ import annotations

import numpy as np

from spikelet.conversion.fitted.estimation import estimate
from spikelet.conversion.fitted.schedule import Schedule
from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.layerwise.site import Place, Site
from spikelet.conversion.thresholds import usable
from spikelet.layers import Activation, PredictiveIF

__all__ = ["fit_following"]


def fit_following(
    site: Site, place: Place, plan: Schedule, near: Floats, unbiased: float
) -> PredictiveIF:
    """Return neurons that follow the activation of a site.

    Parameters
    ----------
    site : Site
        Its layer is an `Activation`.
    place : Place
        Where the neurons are fitted.
    plan : Schedule
    near : array, [T, 1]
        Distance at which a neuron spikes, in the units of sizes.
    unbiased : float
        As for `estimate`.
    """
    currents = site.currents(place)
    known = estimate(currents, site.potentials(place), plan.sizes, unbiased)
    amplitude = _amplitude(site, plan)
    assert isinstance(site.layer, Activation)
    return PredictiveIF(
        amplitude,
        code="signed",
        amplitude=amplitude,
        pace=known.slope,
        offset=known.offset,
        limit=np.broadcast_to(np.where(plan.open(site.depth), near, np.inf), known.slope.shape),
        sizes=plan.sizes,
        activation=site.layer,
        scale=plan.steps / amplitude,
    )


def _amplitude(site: Site, plan: Schedule) -> Floats:
    """Return the amplitudes with which neurons reach the greatest and the least activation of each channel."""
    most, least = np.zeros(site.shape[0]), np.zeros(site.shape[0])
    for part in site.parts():
        values = site.target(part)
        most = np.maximum(most, values.max((0, 2)))
        least = np.minimum(least, values.min((0, 2)))
    reach = plan.room * np.maximum(most, -least) / plan.reach(site.depth)
    return usable(reach.astype(np.float32))
