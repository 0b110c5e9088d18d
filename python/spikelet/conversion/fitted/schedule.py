r"""Sizes of spikes by step, and when the layers of a network begin to spike.

Spikes are binary, but the steps of a run have sizes :math:`w_t` that all neurons know. The sizes fall geometrically, so that a
run codes a number in as many steps as it has digits. What was sent can be taken back, by the OFF neuron of a pair or, if the
signs of the sizes alternate, at the next odd step. No layer has to wait until its input is known for certain, then, as long as
later sizes add up to more than a possible correction: the redundant digits of on-line arithmetic (Ercegovac 1984). The first of n
layers begins at once, the last one after a share of the steps: a geometric code that begins later is the same code, scaled.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from spikelet.conversion.layerwise.activity import Floats

LEVEL_RATIO = 0.5**0.5
"""Ratio of the sizes among which a neuron chooses at a step: every second one is a power of two."""

_STEPS = 32
_ROOM = 1.2  # by which pairs reach above the greatest activation of the calibration
_ROOMY = 14  # steps from which on they do
_SMALLEST = 0.0015  # size at which a layer stops, relative to that of its first spike
_LAST = 2  # steps at the end at which a neuron spikes from half of the size on: they round to the nearest
_RATIO = 0.75  # of successive sizes of pairs, in 32 steps
_FALL = 0.1  # by how much it falls with each halving of the number of steps
_LEAST_RATIO = 0.55  # sizes that fall faster cannot make up for a missing spike
_RATIO_ALTERNATING = 0.7  # of the magnitudes of successive sizes whose sign alternates, in 32 steps
_RISE = 0.05  # by how much it rises with each halving of the number of steps
_SIZES = 8  # of the spikes of a step, where a neuron chooses among several
_RATIO_OF_LARGEST = 0.25  # of the largest sizes of successive steps, then
# Size of steps at which no layer spikes any more, relative to the first: 0 is no size.
_NONE = 1e-30
_LEAST_SIZE = 1e-20  # of the first spike of the last layer, relative to that of the first: smaller ones leave float32
_WAITING = 1.0  # most steps by which a layer begins later than the one before, in 32 steps
_SHARE = 0.4  # of the steps, after which the last layer of pairs begins at the latest, in 32 steps or more
_LONGEST_SHARE = 0.5  # the same, in 16 steps or fewer, and where signs alternate


@dataclass(frozen=True)
class Schedule:
    """Sizes of spikes by step.

    Parameters
    ----------
    sizes : array, [T]
        Their mean is 1.
    ratio : float
        Of the magnitudes of successive sizes.
    wait : float
        Number of steps by which a layer begins later than the one before.
    length : int
        Most steps in which a layer spikes.
    levels : int
        Number of sizes among which a neuron chooses at a step: `sizes` are the largest ones.

    Notes
    -----
    Channels that reach `further` than their greatest activation, by a factor, are as precise as others if they go on for longer.
    """

    sizes: Floats
    ratio: float
    wait: float
    length: int
    levels: int = 1

    @property
    def steps(self) -> int:
        """Number of steps T."""
        return len(self.sizes)

    def first(self, depth: int) -> int:
        """Return the first step of a layer with so many spiking layers before it."""
        return int(self.wait * depth)

    def end(self, depth: int, further: Floats | float = 1.0) -> NDArray[np.int64]:
        """Return the step at which this layer stops, [C] or a scalar."""
        longer = np.ceil(-np.log(further) / math.log(self.ratio)).astype(np.int64)
        return np.minimum(self.first(depth) + self.length + longer, self.steps)

    def open(self, depth: int, further: Floats | float = 1.0) -> NDArray[np.bool_]:
        """Return whether this layer may spike at each step, [T, C] or [T, 1]."""
        t = np.arange(self.steps)[:, None]
        return np.asarray((t >= self.first(depth)) & (t < self.end(depth, further)))

    def near(self, depth: int, share: float, further: Floats | float = 1.0) -> Floats:
        """Return the distance from its estimate at which a neuron spikes, in sizes of a spike `share`, [T, C] or [T, 1]."""
        t = np.arange(self.steps)[:, None]
        shares = np.where(t < self.end(depth, further) - _LAST, share, 0.5)
        return np.asarray(shares * np.abs(self.sizes)[:, None])

    def limit(self, depth: int, share: float, further: Floats) -> Floats:
        """Return the same, but infinite where a neuron may not spike, [T, C]."""
        return np.where(self.open(depth, further), self.near(depth, share, further), np.inf)

    @property
    def room(self) -> float:
        """Share of the greatest activation of the calibration that pairs of neurons reach: new inputs exceed it."""
        return _ROOM if self.steps >= _ROOMY or self.levels > 1 else 1.0

    def reach(self, depth: int) -> float:
        """Return the mean output, in amplitudes, of a neuron of this layer that spikes at all steps of positive size."""
        own = self.sizes[self.first(depth) : int(self.end(depth))]
        return float(np.maximum(own, 0).sum()) / self.steps


def schedule(steps: int, last: int, neuron: str = "predictive") -> Schedule:
    """Return the schedule of a network.

    Parameters
    ----------
    steps : int
        Number of steps T.
    last : int
        Number of spiking layers before the last one.
    neuron : str
        "predictive"; "alternating", whose sizes are negative at odd steps; or "multi", which choose among several sizes.
    """
    alternates, several = neuron == "alternating", neuron == "multi"
    halvings = math.log2(_STEPS / steps)
    least = _SHARE if neuron == "predictive" else _LONGEST_SHARE
    share = float(np.interp(halvings, (0, 1), (least, _LONGEST_SHARE)))
    # In longer runs, sizes shrink more slowly per step, except those of several sizes.
    longest = _WAITING if several else _WAITING * max(1.0, steps / _STEPS)
    wait = min(longest, share * steps / max(last, 1))
    if several:
        ratio = max(_RATIO_OF_LARGEST, _LEAST_SIZE ** (1 / max(wait * last, 1)))
    else:
        ratio = _ratio(halvings, alternates=alternates)
    sizes = np.maximum(ratio ** np.arange(steps, dtype=np.float64), _NONE)
    if alternates:
        sizes[1::2] *= -1
    length = math.ceil(math.log(_SMALLEST) / math.log(ratio))
    return Schedule(sizes / sizes.mean(), ratio, wait, length, _SIZES if several else 1)


def _ratio(halvings: float, *, alternates: bool) -> float:
    """Return the ratio of successive magnitudes: long runs use their steps for more redundancy, not for smaller sizes."""
    first = _RATIO_ALTERNATING if alternates else _RATIO
    if halvings <= 0:
        return float(first**2**halvings)
    return first + _RISE * halvings if alternates else max(first - _FALL * halvings, _LEAST_RATIO)
