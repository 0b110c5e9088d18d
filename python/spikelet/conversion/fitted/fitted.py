r"""The default method: fit the neurons layer by layer.

For each layer in order, on the activity of the preceding spiking layers, at some positions of some samples:

1. linear regression gives an estimate of a neuron's mean input from its input so far: :math:`\hat z = A_{t,c} S + B_{t,c}`;
2. the amplitude of each channel is such that a neuron reaches the greatest activation of the calibration, with some room, or
   further, see `chosen_reach`;
3. neurons of a ReLU are shifted so that their mean output is correct on average.

Spikes are binary, and their sizes fall from step to step, see `spikelet.conversion.fitted.schedule`. Each unit is a pair: at step t
its ON neuron spikes if that brings the sum of the sizes it has sent, times the amplitude, closer to :math:`\max(0, \hat z)`, its OFF
neuron if taking back does. With one neuron a unit ("alternating"), every second step takes back. Instead of a ReLU, pairs can
follow another activation: SiLU, GELU, hardswish, ELU, PReLU, tanh, sigmoid and their kin; OFF spikes make negative outputs
possible. No labels or gradients are needed.

Inputs that are coded as spikes arrive evenly, not by size, and alternating signs take back too late in a few steps or a deep
network. The spikes of such networks have equal sizes: a neuron follows a rising share of its estimate. Neurons of other kinds can
be fitted too. For both, ridge regression corrects the weights, so that the means of the spiking network give the potentials of
the ANN, and amplitudes or thresholds are chosen from a few candidates by the squared error of the neurons' own mean output.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from spikelet._util.described import Described
from spikelet.conversion.fitted.regression import Estimate, Regression, estimate
from spikelet.conversion.fitted.schedule import LEVEL_RATIO, Schedule, schedule
from spikelet.conversion.layerwise.activity import Floats
from spikelet.conversion.layerwise.site import Method, Place, Site
from spikelet.conversion.neurons import NEURONS, PREDICTIVE, can_spike, usable
from spikelet.layers import (
    Activation,
    Layer,
    Neuron,
    PredictiveActivation,
    PredictiveIF,
    PredictivePair,
)
from spikelet.layers.spiking_model import SpikingModel

_FOLLOWING = ("predictive", "multi")  # kinds that follow other activations than ReLU, too
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
_REACHES = tuple(1.5**k for k in range(6))  # candidates: how far pairs reach
# Price of a reach e times as far, relative to the mean square of the layer's output, by steps: sizes of long runs are small enough.
_PRICES = ((16, 2e-4), (32, 2e-5))
_EACH = 4  # of so many samples, one is enough to choose the reach

_Run: TypeAlias = Callable[[Neuron], Floats]
"""Return the mean output of neurons, [n, C, P]."""
_Make: TypeAlias = Callable[[Floats, Floats], Neuron]
"""Make neurons from their greatest mean output, or how far they reach beyond it, and the excess of their mean output, by channel."""


@dataclass(frozen=True, kw_only=True, repr=False, eq=False)
class Fitted(Described, Method):
    """Neurons with the least error of their own mean output; see `spikelet.conversion.fitted`.

    Parameters
    ----------
    relays : bool
        Forward the values of graded units (layer norm, attention, gates) as spikes, by pairs of neurons before each
        layer with weights, which then adds instead of multiplying. This costs some precision and saves most of a
        transformer's products.
    """

    relays: bool = False

    name = "fitted"
    kinds = (*PREDICTIVE, *NEURONS)

    def usual(self, *, few_steps: bool) -> tuple[str, ...]:
        """Return "predictive": very few steps leave no time to wait for an estimate, so "soft" is tried, too."""
        return ("predictive", "soft") if few_steps else ("predictive",)

    def needs_all_steps(self, neuron: str) -> bool:
        """Return whether neurons follow an estimate."""
        return neuron in (*PREDICTIVE, "multi")

    def accepts(self, layer: Layer, neuron: str) -> bool:
        """Return whether these neurons can take the place of a layer."""
        return can_spike(layer) if neuron in _FOLLOWING else super().accepts(layer, neuron)

    def fit(self, site: Site) -> Mapping[str, Layer]:
        """Return the neuron, and the layers whose weights were corrected."""
        place = _place(site)
        plan = _schedule(site)
        if plan is None:
            return _fit_even(site, place)
        return {site.name: _fit_sized(site, place, plan)}


def _place(site: Site) -> Place:
    points = min(_POINTS, max(1, _VALUES // (site.steps * site.shape[0])))
    positions = math.prod(site.shape[1:])
    samples = min(site.count, max(_SAMPLES, -(-points // positions)), points)
    return site.place(samples, max(1, -(-points // samples)))


def _schedule(site: Site) -> Schedule | None:
    """Return the sizes of spikes by step, or None if all are equal."""
    alternates = site.neuron == "alternating"
    if site.coded or not (alternates or site.neuron in _FOLLOWING):
        return None
    if alternates and site.steps < _FEWEST:
        return None
    plan = schedule(site.steps, site.last, site.neuron)
    return None if alternates and plan.wait < _LEAST_WAIT else plan


def _fit_sized(site: Site, place: Place, plan: Schedule) -> Neuron:
    currents, target = site.currents(place), site.target(place)
    known = estimate(currents, site.potentials(place), plan.sizes, _UNBIASED, site.name)
    sized = _Sized(site, plan, known)
    run = response(currents, site.threads)
    if site.neuron == "alternating":
        return _chosen(sized.alternating, np.ones(site.shape[0]), (1.0,), run, target)
    follows = isinstance(site.layer, Activation)
    make = sized.following if follows else sized.pairs
    further = chosen_reach(make, currents, target, site.threads)
    if follows:
        return make(further, np.zeros(site.shape[0]))
    return _chosen(make, further, (1.0,), run, target)


def _fit_even(site: Site, place: Place) -> Mapping[str, Layer]:
    target = site.target(place)
    fitted = Regression.of(site)
    changes = fitted.corrected() if fitted else {}
    currents = site.currents(place, changes)
    make = _shifted(site)
    if site.neuron in PREDICTIVE:
        even = np.ones(site.steps)
        make = _even(site, estimate(currents, site.potentials(place), even, name=site.name))
    rows = np.moveaxis(target, 1, 0).reshape(target.shape[1], -1)
    greatest = usable(np.quantile(rows, 0.9999, axis=1))

    def within(greatest: Floats, shift: Floats) -> Neuron:
        return make(site.limited(greatest), shift)

    neuron = _chosen(within, greatest, _SHARES, response(currents, site.threads), target)
    return {**changes, site.name: neuron}


def response(currents: Floats, threads: int) -> _Run:
    """Return a function that computes the mean output of neurons with these inputs, [T, n, C, P]."""

    def run(neuron: Neuron) -> Floats:
        return np.asarray(SpikingModel([neuron], threads=threads).run(currents).output)

    return run


def _chosen(
    make: _Make, greatest: Floats, shares: tuple[float, ...], run: _Run, target: Floats
) -> Neuron:
    """Return the neurons with the least error of the mean output, shifted so that it is correct in the mean."""
    none = np.zeros(len(greatest))
    best, shift, least = greatest.copy(), none.copy(), np.full(len(greatest), np.inf)
    for share in shares:
        given = run(make(greatest * share, none))
        excess = _excess(given, target)
        error = np.square(given - target).mean((0, 2), dtype=np.float64)
        better = error < least
        best[better], least[better] = greatest[better] * share, error[better]
        shift[better] = excess[better]
    for _ in range(_SHIFTS - 1):
        shift = shift + _excess(run(make(best, shift)), target)
    return make(best, shift)


def _excess(given: Floats, target: Floats) -> Floats:
    """Return by how much active neurons exceed their target on average; a step towards it."""
    active = np.maximum(((given > 0) | (target > 0)).mean((0, 2)), 0.1)
    return np.asarray(0.8 * (given - target).mean((0, 2), dtype=np.float64) / active)


def chosen_reach(make: _Make, currents: Floats, target: Floats, threads: int) -> Floats:
    """Return by which factor the pairs of each channel should reach further than the greatest activation, [C].

    A pair spikes while its input is still an estimate. Later sizes have to take back what was wrong, and these do not
    suffice where a layer amplifies what the neurons before it have not sent yet: a depthwise convolution whose weights
    cancel, for example. Larger amplitudes do, without waiting. They cost precision: of the last steps, and of the
    estimates of the layers behind. So each channel gets the amplitude with the least squared error of its mean output,
    plus a small price.
    """
    channels = target.shape[1]
    run, target = response(currents[:, ::_EACH], threads), target[::_EACH]
    scale = float(np.square(target).mean(dtype=np.float64))
    steps, prices = zip(*_PRICES, strict=True)
    price = math.exp(np.interp(len(currents), steps, np.log(prices)))
    best, least = np.ones(channels), np.full(channels, np.inf)
    for factor in _REACHES:
        given = run(make(np.full(channels, factor), np.zeros(channels)))
        error = np.square(given - target).mean((0, 2), dtype=np.float64)
        error += price * scale * math.log(factor)
        best[error < least] = factor
        least = np.minimum(error, least)
    return best


class _Sized:
    """Makes neurons whose spikes have a size by step, and which reach further than they must by given factors, [C]."""

    def __init__(self, site: Site, plan: Schedule, known: Estimate) -> None:
        self.site, self.plan, self.known = site, plan, known
        pairs = site.neuron != "alternating"
        self.near = float(np.interp(plan.steps, (16, 32), _NEAR)) if pairs else _NEAR_ALTERNATING
        self.greatest = _greatest(site, plan.room if pairs else 1.0)
        self.upper = None if site.upper is None else np.asarray(site.upper, np.float64)

    def pairs(self, further: Floats, shift: Floats) -> Neuron:
        """Return pairs of an ON and an OFF neuron."""
        scale = self.plan.steps / self._amplitude(further)
        shape, upper = self.known.slope.shape, self.upper
        return PredictivePair(
            further * self.greatest,
            pace=scale * self.known.slope,
            offset=scale * (self.known.offset - shift),
            ceiling=None if upper is None else np.broadcast_to(scale * upper, shape),
            **self._of_pairs(further),
        )

    def following(self, further: Floats, _shift: Floats) -> Neuron:
        """Return pairs that follow the activation of the site."""
        amplitude = self._amplitude(further)
        return PredictiveActivation(
            amplitude,
            pace=self.known.slope,
            offset=self.known.offset,
            activation=self.site.layer,
            scale=self.plan.steps / amplitude,
            **self._of_pairs(further),
        )

    def _of_pairs(self, further: Floats) -> dict[str, Any]:
        return {
            "amplitude": self._amplitude(further),
            "limit": self.plan.limit(self.site.depth, self.near, further),
            "sizes": self.plan.sizes,
            "levels": self.plan.levels,
            "level_ratio": LEVEL_RATIO,
        }

    def alternating(self, further: Floats, shift: Floats) -> Neuron:
        """Return neurons whose spikes alternate in sign from step to step."""
        depth, amplitude = self.site.depth, self._amplitude(further)
        scale = self.plan.steps / amplitude
        up = self.plan.sizes[:, None] > 0
        offset = scale * (self.known.offset - shift)
        near = self.plan.near(depth, self.near)
        limit = near + np.where(up, -offset, offset)
        top = np.inf if self.upper is None else scale * self.upper
        return PredictiveIF(
            further * self.greatest,
            amplitude=amplitude,
            pace=scale * self.known.slope,
            limit=np.where(self.plan.open(depth), limit, np.inf),
            sizes=self.plan.sizes,
            ceiling=np.broadcast_to(np.where(up, top - near, -near), limit.shape),
        )

    def _amplitude(self, further: Floats) -> Floats:
        return further * self.greatest / self.plan.reach(self.site.depth)


def _greatest(site: Site, room: float) -> Floats:
    """Return the greatest activation of each channel, or its greatest magnitude, with some room."""
    if not isinstance(site.layer, Activation):
        return usable(site.layer.of(room * site.greatest[None, :, None])[0, :, 0])
    most, least = np.zeros(site.shape[0]), np.zeros(site.shape[0])
    for part in site.parts():
        values = site.target(part)
        most = np.maximum(most, values.max((0, 2)))
        least = np.minimum(least, values.min((0, 2)))
    return usable((room * np.maximum(most, -least)).astype(np.float32))


def _even(site: Site, known: Estimate) -> _Make:
    """Make neurons whose spikes have equal sizes, and which follow a rising share of the estimate."""
    steps = site.steps
    first, end = round(_LAG * site.depth), steps - round(_LAG * (site.last - site.depth))
    if end - first < max(1, steps // 2):  # more layers than steps
        first, end = 0, steps
    t = np.arange(steps)
    progress = np.clip((t + 1 - first) / (end - first), 0, 1)
    needed = 1 - 0.5 * t / max(steps - 1, 1)
    ahead = np.where((t >= first) & (t < end), needed, np.inf)

    def make(greatest: Floats, shift: Floats) -> Neuron:
        # In units of spikes of value `size`: a mean of `greatest` is a spike at every step of the window.
        size = greatest * steps / (end - first)
        scale = progress[:, None] * (steps / size)
        limit = ahead[:, None] + scale * (shift - known.offset)
        return PredictiveIF(greatest, amplitude=size, pace=scale * known.slope, limit=limit)

    return make


def _shifted(site: Site) -> _Make:
    """Make neurons of another kind, whose initial potential corrects the mean output."""

    def make(threshold: Floats, shift: Floats) -> Neuron:
        layer = NEURONS[site.neuron](threshold)
        return layer.replace(v_init=layer.v_init - site.steps * shift)

    return make
