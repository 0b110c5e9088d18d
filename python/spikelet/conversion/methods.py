"""Conversion methods: thresholds from activity in the ANN or in the spiking network, and all methods by name."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from spikelet._util.checks import fail, number
from spikelet._util.described import Described
from spikelet.conversion.fitted.fitted import Fitted
from spikelet.conversion.layerwise.activity import Floats
from spikelet.conversion.layerwise.site import Method, Site
from spikelet.conversion.neurons import usable
from spikelet.layers import Layer, Neuron, ReLU

__all__ = [
    "LTB",
    "METHODS",
    "RMP",
    "Calibrated",
    "Fitted",
    "LeastError",
    "MaxNorm",
    "Percentile",
    "QCFSMethod",
    "ThresholdIteration",
]

_SAMPLES = 20_000  # values of a channel, if all would take too long
_UPDATES = 1000  # of a balanced threshold


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class _Thresholds(Described, Method):
    """Neurons with a threshold that depends on the activity of their channel or their layer in the ANN."""

    per_channel: bool = True

    spiking = False
    by_potential: ClassVar[bool] = False
    """Whether the inputs of the neurons decide, not their activations."""

    def threshold(self, values: Floats, steps: int) -> float:
        """Return the threshold for activations or potentials, [n], and a number of steps."""
        raise NotImplementedError

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron."""
        return {site.name: self.neuron(site)}

    def neuron(self, site: Site) -> Neuron:
        """Return the spiking neuron of a site."""
        return site.made(usable(self.chosen(site)), per_channel=self.per_channel)

    def chosen(self, site: Site) -> Floats:
        """Return the thresholds, [C] or [1]; channels that were never active may have 0."""
        values = np.moveaxis(site.potentials() if self.by_potential else site.target(), 1, 0)
        rows = values if self.per_channel else values[None]
        found = np.array([float(self.threshold(row.ravel(), site.steps)) for row in rows])
        return site.limited(found) if self.by_potential else found  # activations keep their limit


class MaxNorm(_Thresholds):
    """Thresholds at the largest activation (Diehl et al., IJCNN 2015).

    Parameters
    ----------
    per_channel : bool
        One threshold for each channel, or one for each layer.
    """

    name = "maxnorm"

    def threshold(self, values: Floats, steps: int) -> float:  # noqa: ARG002
        """Return the largest activation."""
        return float(values.max())


@dataclass(frozen=True, repr=False, eq=False)
class Percentile(_Thresholds):
    """Thresholds at a percentile of the activations (Rueckauer et al., Front. Neurosci. 2017).

    Parameters
    ----------
    percentile : float
        In (0, 100].
    per_channel : bool
        One threshold for each channel, or one for each layer.
    """

    percentile: float = 99.9

    name = "percentile"

    def __post_init__(self) -> None:
        share = float(number("Percentile", "percentile", self.percentile))
        if not 0 < share <= 100:
            fail("Percentile", "percentile", self.percentile, "must be in (0, 100]")

    def threshold(self, values: Floats, steps: int) -> float:  # noqa: ARG002
        """Return the percentile."""
        return float(np.percentile(values, float(self.percentile)))


class LeastError(_Thresholds):
    """Thresholds that round the activations to T levels with the least squared error (Li et al., ICML 2021).

    With the threshold L, an activation a >= 0 becomes ``round(a T / L) L / T``, in [0, L].

    Parameters
    ----------
    per_channel : bool
        One threshold for each channel, or one for each layer.
    """

    name = "least_error"

    def threshold(self, values: Floats, steps: int) -> float:
        """Return the best of 58 thresholds up to the largest activation."""
        z = values[:: -(-len(values) // _SAMPLES)].astype(np.float32)
        most = z.max()
        best, least = most, np.inf
        for share in np.linspace(0.05, 1.0, 58, dtype=np.float32):
            limit = np.maximum(most * share, np.float32(1e-30))
            kept = np.minimum(np.rint(z * (steps / limit)), steps) * (limit / steps)
            error = np.square(kept - z).mean()
            if error < least:
                best, least = limit, error
        return float(best)


class ThresholdIteration(_Thresholds):
    """The best thresholds for normally distributed potentials and T levels, in closed form (Huang et al., ICML 2025).

    Parameters
    ----------
    per_channel : bool
        One threshold for each channel, or one for each layer.
    """

    name = "threshold_iteration"
    by_potential = True

    def threshold(self, values: Floats, steps: int) -> float:
        """Return the fixed point for potentials of this mean and spread."""
        mu, sigma = float(values.mean(dtype=np.float64)), float(values.std(dtype=np.float64))
        if sigma <= 0:
            return max(mu, 0.0)
        i = np.arange(1, steps + 1)
        threshold = max(mu, 0.0) + 3 * sigma
        for _ in range(200):
            c = (2 * i - 1) * threshold / (2 * steps)
            u = (c - mu) / (math.sqrt(2) * sigma)
            erf = np.array([math.erf(v) for v in u])
            s1, s3 = erf.sum(), np.exp(-(u**2)).sum()
            s2 = ((2 * i - 1) / steps**2 * erf).sum()
            if 1 - s2 < 1e-12:
                break
            factor = (mu / threshold) * (1 - s1 / steps) / (1 - s2)
            factor += sigma * math.sqrt(2 / math.pi) / threshold * s3 / steps / (1 - s2)
            threshold *= factor
            if abs(factor - 1) < 1e-6:
                break
        return max(threshold, 0.0)


class LTB(_Thresholds):
    """Local threshold balancing (Bu et al., CVPR 2025).

    A threshold rises by twice the mean excess of the activations above it. This excess does not reach the next layers.

    Parameters
    ----------
    per_channel : bool
        One threshold for each channel, or one for each layer.
    """

    name = "ltb"

    def threshold(self, values: Floats, steps: int) -> float:  # noqa: ARG002
        """Return the threshold after 1000 updates."""
        z = np.sort(values)
        sums = np.cumsum(z[::-1], dtype=np.float64)
        threshold = 0.0
        for _ in range(_UPDATES):
            above = len(z) - int(np.searchsorted(z, threshold, side="right"))
            if above == 0:
                break
            threshold += 2 * (sums[above - 1] - above * threshold) / len(z)
        return threshold

    def in_ann(self, site: Site) -> Layer:
        """Return a ReLU that cuts off the excess."""
        neuron = site.graph[site.name].layer
        assert isinstance(neuron, Neuron)
        return ReLU(upper=neuron.threshold)


class RMP(_Thresholds):
    """Thresholds at the largest input of a step, layer by layer in the spiking network (Sengupta et al. 2019; Han et al. 2020).

    Parameters
    ----------
    per_channel : bool
        One threshold for each channel, or one for each layer.
    """

    name = "rmp"
    spiking = True

    def chosen(self, site: Site) -> Floats:
        """Return the thresholds, [C] or [1]."""
        most = np.full(site.shape[0], -np.inf)
        for place in site.parts(site.steps):
            most = np.maximum(most, site.currents(place).max((0, 1, 3)))
        return site.limited(np.maximum(most if self.per_channel else most.max(keepdims=True), 0))


class Calibrated(LeastError):
    """`LeastError`, with initial potentials that correct the mean outputs to those of the ANN (Li et al., ICML 2021).

    A constant bias b adds b T to the potential over a run of T steps. It goes into the initial potential, as does the
    correction of each single neuron, so the weights do not change.

    Parameters
    ----------
    per_channel : bool
        One threshold for each channel, or one for each layer.
    """

    name = "calibrated"
    spiking = True

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron."""
        neuron = self.neuron(site)
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


@dataclass(frozen=True, repr=False, eq=False)
class QCFSMethod(Described, Method):
    """Thresholds at the upper limits of `spikelet.conversion.QCFS` activations (Bu et al., ICLR 2022)."""

    name = "qcfs"
    spiking = False

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron.

        Raises
        ------
        ValueError
            If the activation has no upper limit.
        """
        if site.upper is None:
            rule = 'must be QCFS for method="qcfs"; train with conversion.QCFS'
            fail("convert", f"activation of '{site.name}'", "ReLU", rule)
        thresholds = usable(np.atleast_1d(site.upper))
        return {site.name: site.made(thresholds, per_channel=len(thresholds) > 1)}


METHODS: Mapping[str, type[Method]] = {
    kind.name: kind
    for kind in (
        Fitted,
        MaxNorm,
        Percentile,
        LeastError,
        ThresholdIteration,
        LTB,
        RMP,
        Calibrated,
        QCFSMethod,
    )
}
