r"""The default method: fit the neurons layer by layer.

For each layer in order, on the activity of the preceding spiking layers, at some positions of some samples:

1. linear regression gives an estimate of a neuron's mean input from its input so far: :math:`\hat z = A_{t,c} S + B_{t,c}`;
2. the amplitude of each channel is such that a neuron reaches the greatest activation, or further, see
   `spikelet.conversion.fitted.reach`;
3. the neurons are shifted so that their mean output is correct on average.

Spikes are binary, and their sizes fall from step to step, see `spikelet.conversion.fitted.schedule`. Each unit is a pair: at step t
its ON neuron spikes if that brings the sum of the sizes it has sent, times the amplitude, closer to :math:`\max(0, \hat z)`, its OFF
neuron if taking back does. With one neuron a unit ("alternating"), every second step takes back. No labels or gradients are
needed.

Inputs that are coded as spikes arrive evenly, not by size, and alternating signs take back too late in a few steps or a deep
network. The spikes of such networks have equal sizes: a neuron follows a rising share of its estimate. Neurons of other kinds can
be fitted too. For both, ridge regression corrects the weights, so that the means of the spiking network give the potentials of
the ANN, and amplitudes or thresholds are chosen from a few candidates by the squared error of the neurons' own mean output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from spikelet.conversion.activations import can_spike
from spikelet.conversion.fitted.estimation import Estimate, estimate
from spikelet.conversion.fitted.following import fit_following
from spikelet.conversion.fitted.reach import chosen_reach, response
from spikelet.conversion.fitted.schedule import LEVEL_RATIO, Schedule, schedule
from spikelet.conversion.fitted.weight_correction import correct_weights
from spikelet.conversion.layerwise.calibration import Floats
from spikelet.conversion.layerwise.method import Method
from spikelet.conversion.layerwise.site import Place, Site
from spikelet.conversion.neurons import NEURONS
from spikelet.conversion.thresholds import usable
from spikelet.layers import Activation, Layer, Neuron, PredictiveIF, ReLU

__all__ = ["PREDICTIVE", "Fitted"]

PREDICTIVE = ("predictive", "alternating")
"""Neurons that follow an estimate of their mean input."""

_SAMPLES = 128  # at which a layer is fitted
_POINTS = 2048  # samples times positions
_VALUES = 1 << 25  # currents at most; fewer positions in wide layers
_UNBIASED = 0.5  # see `estimate`
# Distance from the estimate at which a neuron spikes, in sizes of a spike: of pairs in 16 and 32 steps; of neurons that can
# take back at every second step only.
_NEAR = (0.5, 0.6)
_NEAR_ALTERNATING = 0.3
_FEWEST = 8  # steps in which sizes that alternate in sign fall
_LEAST_WAIT = 0.4  # steps from layer to layer below which equal sizes err less than these
_SHARES = tuple(np.geomspace(0.3, 1.1, 8))  # candidates: greatest output by greatest activation
_SHIFTS = 2  # corrections of the mean
_LAG = 0.2  # steps by which a layer of equal sizes begins and ends later than the one before


@dataclass(frozen=True)
class Fitted(Method):
    """Neurons with the least error of their own mean output.

    Parameters
    ----------
    neuron : str
        "predictive", "alternating", or a key of `NEURONS`.
    """

    neuron: str

    def accepts(self, layer: Layer) -> bool:
        """Return whether these neurons can take the place of a layer: predictive ones also follow other activations."""
        return (
            can_spike(layer) if self.neuron in ("predictive", "multi") else super().accepts(layer)
        )

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron, and the layers whose weights were corrected."""
        if site.kind != "neuron":
            return {}
        plan = self._schedule(site)
        if plan is None:
            return self._fit_even(site)
        return {site.name: self._fit_sized(site, plan)}

    def _fit_sized(self, site: Site, plan: Schedule) -> Neuron:
        place = _place(site)
        pairs = self.neuron != "alternating"
        near = float(np.interp(plan.steps, (16, 32), _NEAR)) if pairs else _NEAR_ALTERNATING
        if isinstance(site.layer, Activation):
            return fit_following(site, place, plan, near, _UNBIASED)
        currents, target = site.currents(place), site.target(place)
        known = estimate(currents, site.potentials(place), plan.sizes, _UNBIASED, site.name)
        greatest = _greatest(site, plan.room if pairs else 1.0)
        sized = _Sized(plan, site.depth, near, known, greatest, _upper(site.layer))
        make = sized.pairs if pairs else sized.alternating
        further = np.ones(len(greatest))
        if pairs:
            further = chosen_reach(sized.pairs, currents, target, site.threads)
        return _chosen(make, further, (1.0,), response(currents, site.threads), target)

    def _fit_even(self, site: Site) -> Mapping[str, Layer]:
        place = _place(site)
        target = site.target(place)
        changes = correct_weights(site)
        currents = site.currents(place, changes)
        make: _Make
        if self.neuron in PREDICTIVE:
            even = np.ones(site.steps)
            make = _Even(site, estimate(currents, site.potentials(place), even, name=site.name))
        else:
            make = _shifted(self.neuron, site.steps)
        greatest, limited = _quantile(target), _within(make, site)
        neuron = _chosen(limited, greatest, _SHARES, response(currents, site.threads), target)
        return {**changes, site.name: neuron}

    def _schedule(self, site: Site) -> Schedule | None:
        """Return the sizes of spikes by step, or None if all are equal."""
        if self.neuron in ("predictive", "multi") and not site.coded:
            return schedule(site.steps, site.last, self.neuron)
        if self.neuron == "alternating" and not site.coded and site.steps >= _FEWEST:
            plan = schedule(site.steps, site.last, self.neuron)
            return plan if plan.wait >= _LEAST_WAIT else None
        return None


_Make: TypeAlias = Callable[[Floats, Floats], Neuron]
"""Make neurons from their greatest mean output, or how far they reach beyond it, and the excess of their mean output, by channel."""


def _chosen(
    make: _Make,
    greatest: Floats,
    shares: tuple[float, ...],
    response: Callable[[Neuron], Floats],
    target: Floats,
) -> Neuron:
    """Return the neurons with the least error of the mean output, shifted so that it is correct in the mean."""
    none = np.zeros(len(greatest))
    best, shift, least = greatest.copy(), none.copy(), np.full(len(greatest), np.inf)
    for share in shares:
        given = response(make(greatest * share, none))
        excess = _excess(given, target)
        error = np.square(given - target).mean((0, 2), dtype=np.float64)
        better = error < least
        best[better], least[better] = greatest[better] * share, error[better]
        shift[better] = excess[better]
    for _ in range(_SHIFTS - 1):
        shift = shift + _excess(response(make(best, shift)), target)
    return make(best, shift)


def _excess(given: Floats, target: Floats) -> Floats:
    """Return by how much active neurons exceed their target on average; a step towards it."""
    active = np.maximum(((given > 0) | (target > 0)).mean((0, 2)), 0.1)
    return np.asarray(0.8 * (given - target).mean((0, 2), dtype=np.float64) / active)


@dataclass(frozen=True)
class _Sized:
    """Makes neurons whose spikes have a size by step."""

    plan: Schedule
    depth: int
    near: float
    known: Estimate
    greatest: Floats
    upper: Floats | None

    def pairs(self, further: Floats, shift: Floats | float = 0.0) -> Neuron:
        """Return pairs of an ON and an OFF neuron that reach further than the greatest output by these factors."""
        amplitude, scale = self._scale(further)
        shape = self.known.slope.shape
        most = None if self.upper is None else np.broadcast_to(scale * self.upper, shape)
        return PredictiveIF(
            further * self.greatest,
            code="signed",
            levels=self.plan.levels,
            level_ratio=LEVEL_RATIO,
            amplitude=amplitude,
            pace=scale * self.known.slope,
            offset=scale * (self.known.offset - shift),
            limit=self.plan.limit(self.depth, self.near, further),
            sizes=self.plan.sizes,
            ceiling=most,
        )

    def alternating(self, further: Floats, shift: Floats | float = 0.0) -> Neuron:
        """Return neurons whose spikes alternate in sign from step to step."""
        amplitude, scale = self._scale(further)
        up = self.plan.sizes[:, None] > 0
        offset = scale * (self.known.offset - shift)
        near = self.plan.near(self.depth, self.near)
        limit = near + np.where(up, -offset, offset)
        top = np.inf if self.upper is None else scale * self.upper
        return PredictiveIF(
            further * self.greatest,
            amplitude=amplitude,
            pace=scale * self.known.slope,
            limit=np.where(self.plan.open(self.depth), limit, np.inf),
            sizes=self.plan.sizes,
            ceiling=np.broadcast_to(np.where(up, top - near, -near), limit.shape),
        )

    def _scale(self, further: Floats) -> tuple[Floats, Floats]:
        """Return the amplitudes, and the sum of sizes that makes a mean output of 1."""
        amplitude = further * self.greatest / self.plan.reach(self.depth)
        return amplitude, self.plan.steps / amplitude


class _Even:
    """Makes neurons whose spikes have equal sizes, and which follow a rising share of the estimate."""

    def __init__(self, site: Site, known: Estimate) -> None:
        self.known, self.steps = known, site.steps
        self.first = round(_LAG * site.depth)
        self.end = site.steps - round(_LAG * (site.last - site.depth))
        if self.end - self.first < max(1, site.steps // 2):  # more layers than steps
            self.first, self.end = 0, site.steps

    def __call__(self, greatest: Floats, shift: Floats) -> Neuron:
        # In units of spikes of value `size`: a mean of `greatest` is a spike at every step of the window.
        t = np.arange(self.steps)
        window = self.end - self.first
        size = greatest * self.steps / window
        progress = np.clip((t + 1 - self.first) / window, 0, 1)
        needed = 1 - 0.5 * t / max(self.steps - 1, 1)
        ahead = np.where((t >= self.first) & (t < self.end), needed, np.inf)
        scale = progress[:, None] * (self.steps / size)
        limit = ahead[:, None] + scale * (shift - self.known.offset)
        return PredictiveIF(greatest, amplitude=size, pace=scale * self.known.slope, limit=limit)


def _shifted(neuron: str, steps: int) -> _Make:
    def make(threshold: Floats, shift: Floats) -> Neuron:
        layer = NEURONS[neuron](threshold)
        return layer.replace(v_init=layer.v_init - steps * shift)

    return make


def _within(make: _Make, site: Site) -> _Make:
    """Return `make` for neurons whose greatest mean output is at most the upper limit of their ReLU."""
    return lambda greatest, shift: make(site.limited(greatest), shift)


def _place(site: Site) -> Place:
    points = min(_POINTS, max(1, _VALUES // (site.steps * site.shape[0])))
    positions = math.prod(site.shape[1:])
    samples = min(site.count, max(_SAMPLES, -(-points // positions)), points)
    return site.place(samples, max(1, -(-points // samples)))


def _greatest(site: Site, room: float) -> Floats:
    assert isinstance(site.layer, ReLU)
    return usable(site.layer.of(room * site.greatest[None, :, None])[0, :, 0])


def _quantile(target: Floats) -> Floats:
    rows = np.moveaxis(target, 1, 0).reshape(target.shape[1], -1)
    return usable(np.quantile(rows, 0.9999, axis=1))


def _upper(layer: Layer) -> Floats | None:
    upper = layer.upper if isinstance(layer, ReLU) else None
    return None if upper is None else np.asarray(upper, np.float64)
