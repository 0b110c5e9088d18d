r"""The default method: fit the neurons layer by layer.

For each layer in order, on the activity of the preceding spiking layers:

1. ridge regression corrects the weights, so that the means of the spiking network give the potentials of the ANN;
2. thresholds are chosen from a few candidates by the squared error of the neurons' own mean output;
3. the neurons are shifted so that this output is correct in the mean.

No labels or gradients are needed, and any kind of neuron can be fitted. With binary spikes, deep networks lose most
accuracy to *unevenness*: early input makes a neuron spike too soon, and it cannot take the spike back. The default is
therefore `PredictiveIF`: a neuron of channel c whose input adds up to S by step t estimates its mean input as
:math:`\hat z = A_{t,c} S + B_{t,c}`, by linear regression on the potentials of the ANN, and spikes when the number of spikes
due by now, :math:`P_t \hat z`, exceeds the number sent: by a whole spike at first, by half a spike at the end. The active
windows of successive layers are shifted: a layer ignores the first steps, before activity has reached it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spikelet.conversion.calibration import Floats
from spikelet.conversion.method import Method
from spikelet.conversion.neurons import NEURONS
from spikelet.conversion.site import Site
from spikelet.conversion.thresholds import usable
from spikelet.conversion.weight_correction import correct_weights
from spikelet.layers import Layer, Neuron, PredictiveIF
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["Fitted"]

_LAG = 0.2  # steps by which a layer starts and stops later than the one before
_SHARES = np.geomspace(
    0.3, 1.1, 8
)  # candidates for a threshold, relative to the largest activation
_SHIFTS = 2  # number of corrections of the mean
_VALUES = 4 << 20  # currents that are kept
_TARGETS = 8 << 20  # activations from which the greatest is taken
_FEWEST = 128  # samples, of which only some positions are taken if all would be too many


@dataclass(frozen=True)
class _Window:
    """The steps in which a layer spikes, and its progress at each of them."""

    first: int
    end: int
    steps: int

    @property
    def progress(self) -> Floats:
        t = np.arange(self.steps)
        return np.clip((t + 1 - self.first) / (self.end - self.first), 0, 1)

    @property
    def ahead(self) -> Floats:
        """By how many spikes the estimate must exceed the spikes sent; infinite outside the window."""
        t = np.arange(self.steps)
        needed = 1 - 0.5 * t / max(self.steps - 1, 1)
        return np.where((t >= self.first) & (t < self.end), needed, np.inf)


class Fitted(Method):
    """Corrected weights, and neurons with the least error of their own mean output.

    Parameters
    ----------
    neuron : str
        "predictive", or a key of `NEURONS`.
    """

    def __init__(self, neuron: str) -> None:
        self.neuron = neuron

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron, and the layers whose weights were corrected."""
        if site.kind != "neuron":
            return {}
        changes = correct_weights(site)
        first = round(_LAG * site.depth)
        end = site.steps - round(_LAG * (site.last - site.depth))
        if end - first < max(1, site.steps // 2):  # more layers than steps
            first, end = 0, site.steps
        return {**changes, site.name: self._neuron(site, changes, _Window(first, end, site.steps))}

    def _neuron(self, site: Site, changes: Mapping[str, Layer], window: _Window) -> Neuron:
        samples = min(site.count, max(_FEWEST, _VALUES // (site.steps * math.prod(site.shape))))
        positions = max(1, _VALUES // (site.steps * samples * site.shape[0]))
        place = site.place(samples, positions)
        currents = site.currents(place, changes)
        z, target = site.potentials(place), site.target(place)
        predictive = self.neuron == "predictive"
        make = _predictive(currents, z, window) if predictive else _shifted(self.neuron, site.steps)

        def response(layer: Neuron) -> Floats:
            result = SpikingModel([layer], threads=site.threads).run(currents)
            return np.asarray(result.output)

        many = site.place(positions=max(1, _TARGETS // (site.count * site.shape[0])))
        greatest = usable(np.quantile(_rows(site.target(many)), 0.9999, axis=1))
        best, least = greatest.copy(), np.full(len(greatest), np.inf)
        shift = np.zeros(len(greatest))
        for share in _SHARES:
            error = np.square(response(make(greatest * share, shift)) - target).mean((0, 2))
            better = error < least
            best[better], least[better] = greatest[better] * share, error[better]
        for _ in range(_SHIFTS):
            given = response(make(best, shift))
            active = np.maximum(((given > 0) | (target > 0)).mean((0, 2)), 0.1)
            shift = shift + 0.8 * (given - target).mean((0, 2)) / active
        return make(best, shift)


_Make: TypeAlias = Callable[
    [Floats, Floats], Neuron
]  # from thresholds and the excess of the mean output


def _predictive(currents: Floats, z: Floats, window: _Window) -> _Make:
    slope, offset = _regress(currents, z)

    def make(threshold: Floats, shift: Floats) -> Neuron:
        # In units of spikes of value `size`: a mean of `threshold` is a spike at every step of the window.
        size = threshold * window.steps / (window.end - window.first)
        scale = window.progress[:, None] * (window.steps / size)
        limit = window.ahead[:, None] + scale * (shift - offset)
        return PredictiveIF(threshold, amplitude=size, pace=scale * slope, limit=limit)

    return make


def _shifted(neuron: str, steps: int) -> _Make:
    def make(threshold: Floats, shift: Floats) -> Neuron:
        layer = NEURONS[neuron](threshold)
        return layer.replace(v_init=layer.v_init - steps * shift)

    return make


def _rows(values: Floats) -> Floats:
    return np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)


def _regress(currents: Floats, z: Floats) -> tuple[Floats, Floats]:
    """Return slope and offset, [T, channels], of the regression of z on the sum of the currents so far."""
    steps, n, channels = currents.shape[:3]
    sums = np.zeros((n, channels, int(np.prod(currents.shape[3:]))), np.float32)
    values = z.reshape(sums.shape)
    mean_z = values.mean((0, 2), dtype=np.float64)
    centred = (values - mean_z[:, None]).astype(np.float32)
    var_z = np.square(centred).mean((0, 2), dtype=np.float64)
    slope, offset = np.zeros((steps, channels)), np.zeros((steps, channels))
    for t in range(steps):
        sums += currents[t].reshape(sums.shape)
        mean = sums.mean((0, 2), dtype=np.float64)
        apart = sums - mean.astype(np.float32)[:, None]
        var = np.square(apart).mean((0, 2), dtype=np.float64)
        together = (apart * centred).mean((0, 2), dtype=np.float64)
        # The penalty makes the slope 0 where no input has arrived yet.
        slope[t] = together / (var + 1e-3 * var_z * ((t + 1) / steps) ** 2 + 1e-12)
        offset[t] = mean_z - slope[t] * mean
    return slope, offset
