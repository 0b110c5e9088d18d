"""Methods that choose thresholds of channels or layers, from activity in the ANN or in the spiking network."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from spikelet._util.checks import fail
from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.layerwise.method import Method
from spikelet.conversion.layerwise.site import Site
from spikelet.layers import Layer, Neuron, ReLU

__all__ = [
    "GreatestInput",
    "LocalBalance",
    "Make",
    "Thresholds",
    "UpperLimits",
    "balanced",
    "greatest",
    "iterated",
    "least_error",
    "percentile",
    "usable",
]

_SAMPLES = 20_000  # values of a channel, if all would take too long

Make: TypeAlias = Callable[[Any], Neuron]
"""Takes thresholds, one number or one for each channel, and returns neurons."""


def usable(thresholds: Floats) -> Floats:
    """Return positive thresholds: channels that no input activated get a thousandth of the largest threshold."""
    most = float(thresholds.max())
    least = 1e-3 * most if most > 0 else 1.0
    return np.where(thresholds > 0, thresholds.astype(np.float64), least)


def _rows(values: Floats, per_channel: bool) -> Iterator[Floats]:
    """Yield the values [N, C, P] of each channel, or all of them, as a vector."""
    if per_channel:
        for channel in range(values.shape[1]):
            yield values[:, channel].ravel()
    else:
        yield np.moveaxis(values, 1, 0).ravel()


@dataclass(frozen=True)
class Thresholds(Method):
    """Neurons with a threshold that depends on activity in the ANN.

    Parameters
    ----------
    make : callable
        Takes thresholds and returns neurons.
    choose : callable
        Takes a vector, the activations of a channel or of a layer, and returns their threshold.
    per_channel : bool
        One threshold for each channel, or one for each layer.
    by_potential : bool
        Choose by the inputs of the neurons instead of their activations.
    """

    make: Make
    choose: Callable[[Floats], float]
    per_channel: bool = field(default=True, kw_only=True)
    by_potential: bool = field(default=False, kw_only=True)

    spiking = False

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron."""
        return {site.name: self.neuron(site)} if site.kind == "neuron" else {}

    def neuron(self, site: Site) -> Neuron:
        """Return the spiking neuron of a site."""
        thresholds = self.thresholds(site)
        return self.make(thresholds if self.per_channel else float(thresholds[0]))

    def thresholds(self, site: Site) -> Floats:
        """Return the thresholds, [channels] or [1]."""
        values = site.potentials() if self.by_potential else site.target()
        chosen = np.array([float(self.choose(row)) for row in _rows(values, self.per_channel)])
        return usable(site.limited(chosen) if self.by_potential else chosen)


def greatest(activations: Floats) -> float:
    """Return the largest activation (Diehl et al., IJCNN 2015)."""
    return float(activations.max())


def percentile(share: float) -> Callable[[Floats], float]:
    """Return a function that takes a percentile, in (0, 100], of activations (Rueckauer et al., Front. Neurosci. 2017)."""
    return lambda activations: float(np.percentile(activations, share))


def least_error(levels: int) -> Callable[[Floats], float]:
    """Return a function that takes activations a >= 0 and returns the limit that rounds them with the least squared error.

    With the limit L, an activation becomes ``round(a levels / L) L / levels``, in [0, L] (Li et al., ICML 2021).
    """

    def choose(activations: Floats) -> float:
        z = _sampled(activations).astype(np.float32)
        most = z.max()
        best, least = most, np.inf
        for share in np.linspace(0.05, 1.0, 58, dtype=np.float32):
            limit = np.maximum(most * share, np.float32(1e-30))
            kept = np.minimum(np.rint(z * (levels / limit)), levels) * (limit / levels)
            error = np.square(kept - z).mean()
            if error < least:
                best, least = limit, error
        return float(best)

    return choose


def _sampled(values: Floats) -> Floats:
    """Return at most `_SAMPLES` evenly spaced values."""
    return values[:: -(-len(values) // _SAMPLES)]


def iterated(levels: int) -> Callable[[Floats], float]:
    """Return a function that takes normally distributed potentials and returns their best threshold.

    It is the closed-form optimum for n = `levels` levels (Huang et al., ICML 2025).
    """

    def choose(potentials: Floats) -> float:
        mean, spread = potentials.mean(dtype=np.float64), potentials.std(dtype=np.float64)
        return _iterate(float(mean), float(spread), levels)

    return choose


def _iterate(mu: float, sigma: float, n: int) -> float:
    if sigma <= 0:
        return max(mu, 0.0)
    i = np.arange(1, n + 1)
    threshold = max(mu, 0.0) + 3 * sigma
    for _ in range(200):
        c = (2 * i - 1) * threshold / (2 * n)
        u = (c - mu) / (math.sqrt(2) * sigma)
        erf = np.array([math.erf(v) for v in u])
        s1, s2, s3 = erf.sum(), ((2 * i - 1) / n**2 * erf).sum(), np.exp(-(u**2)).sum()
        if 1 - s2 < 1e-12:
            break
        factor = (mu / threshold) * (1 - s1 / n) / (1 - s2)
        factor += sigma * math.sqrt(2 / math.pi) / threshold * s3 / n / (1 - s2)
        threshold *= factor
        if abs(factor - 1) < 1e-6:
            break
    return max(threshold, 0.0)


@dataclass(frozen=True)
class LocalBalance(Thresholds):
    """Locally balanced thresholds: the excess of activations above them does not reach the next layers.

    Parameters
    ----------
    make, choose, per_channel
        As for `Thresholds`.
    """

    def in_ann(self, site: Site) -> Layer:
        """Return a ReLU that cuts off the excess."""
        neuron = site.layer_of(site.name)
        assert isinstance(neuron, Neuron)
        return ReLU(upper=neuron.threshold)


def balanced(activations: Floats, iterations: int = 1000) -> float:
    """Return a locally balanced threshold (Bu et al., CVPR 2025).

    It rises by twice the mean excess of the activations above it, for `iterations` updates.
    """
    z = np.sort(activations)
    sums = np.cumsum(z[::-1], dtype=np.float64)
    threshold = 0.0
    for _ in range(iterations):
        above = len(z) - int(np.searchsorted(z, threshold, side="right"))
        if above == 0:
            break
        threshold += 2 * (sums[above - 1] - above * threshold) / len(z)
    return threshold


@dataclass(frozen=True)
class GreatestInput(Method):
    """The largest input of a step, layer by layer in the spiking network (Sengupta et al. 2019; Han et al. 2020).

    Parameters
    ----------
    make, per_channel
        As for `Thresholds`.
    """

    make: Make
    per_channel: bool = field(default=True, kw_only=True)

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron."""
        if site.kind != "neuron":
            return {}
        most = np.full(site.shape[0], -np.inf)
        for place in site.parts(site.steps):
            most = np.maximum(most, site.currents(place).max((0, 1, 3)))
        chosen = np.maximum(most if self.per_channel else most.max(keepdims=True), 0)
        thresholds = usable(site.limited(chosen))
        return {site.name: self.make(thresholds if self.per_channel else float(thresholds[0]))}


@dataclass(frozen=True)
class UpperLimits(Method):
    """The upper limits of the activations of `spikelet.conversion.QCFS`.

    Parameters
    ----------
    make : callable
        Takes thresholds and returns neurons.
    """

    make: Make

    spiking = False

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron.

        Raises
        ------
        ValueError
            If the activation has no upper limit.
        """
        if site.kind != "neuron":
            return {}
        upper = site.layer.upper  # type: ignore[attr-defined]  # it is a ReLU
        if upper is None:
            rule = 'must be QCFS for method="qcfs"; train with conversion.QCFS'
            fail("convert", f"activation of '{site.name}'", "ReLU", rule)
        thresholds = usable(np.atleast_1d(upper))
        return {site.name: self.make(thresholds if len(thresholds) > 1 else float(thresholds[0]))}
