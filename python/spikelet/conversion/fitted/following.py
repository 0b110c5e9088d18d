r"""Neurons that follow an activation other than a ReLU: SiLU, GELU, hardswish, ELU, PReLU, tanh, sigmoid and their kin.

A neuron estimates its mean input, as for a ReLU, and spikes if that brings the sum of the sizes it has sent, times the
amplitude, closer to f of the estimate. Sizes alternate in sign, so the mean output may be negative. The amplitude of each
channel is such that the spikes of positive and of negative size reach the greatest and the least activation, with room.
"""

from __future__ import annotations

import numpy as np

from spikelet.conversion.fitted.estimation import Estimate, estimate
from spikelet.conversion.fitted.schedule import Schedule
from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.layerwise.site import Place, Site
from spikelet.conversion.thresholds import usable
from spikelet.layers import Activation, PredictiveIF
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["fit_following"]

_SHIFTS = 2  # corrections of the mean
_ROOM = 1.4  # by which the reach exceeds the greatest value: a large value whose first spike was missed is in reach
_STEPS = 14  # from which on the smallest sizes are small enough for this


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
    target = site.target(place)
    amplitude = _amplitude(site, plan)
    shift = np.zeros(len(amplitude))
    for _ in range(_SHIFTS):
        neuron = _neuron(site, plan, near, known, amplitude, shift)
        given = SpikingModel([neuron], threads=site.threads).run(currents).output
        shift += (np.asarray(given) - target).mean((0, 2), dtype=np.float64)
    return _neuron(site, plan, near, known, amplitude, shift)


def _neuron(
    site: Site,
    plan: Schedule,
    near: Floats,
    known: Estimate,
    amplitude: Floats,
    shift: Floats,
) -> PredictiveIF:
    scale = plan.steps / amplitude
    up = plan.sizes[:, None] > 0
    assert isinstance(site.layer, Activation)
    return PredictiveIF(
        amplitude,
        amplitude=amplitude,
        pace=known.slope,
        offset=known.offset,
        limit=np.where(plan.open(site.depth), near + np.where(up, 1, -1) * scale * shift, np.inf),
        sizes=plan.sizes,
        activation=site.layer,
        scale=scale,
    )


def _amplitude(site: Site, plan: Schedule) -> Floats:
    """Return the amplitudes with which neurons reach the greatest and the least activation of each channel."""
    most, least = np.zeros(site.shape[0]), np.zeros(site.shape[0])
    for part in site.parts():
        values = site.target(part)
        most = np.maximum(most, values.max((0, 2)))
        least = np.minimum(least, values.min((0, 2)))
    reach = np.maximum(
        most / plan.reach(site.depth), -least / plan.reach(site.depth, negative=True)
    )
    room = _ROOM if plan.steps >= _STEPS else 1.0
    return room * usable(reach.astype(np.float32))
