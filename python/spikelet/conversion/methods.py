"""All methods by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from spikelet.conversion.calibrated import Calibrated
from spikelet.conversion.fitted.fitted import Fitted
from spikelet.conversion.layerwise.method import Method
from spikelet.conversion.neurons import NEURONS
from spikelet.conversion.thresholds import (
    GreatestInput,
    LocalBalance,
    Thresholds,
    UpperLimits,
    balanced,
    greatest,
    iterated,
    least_error,
    percentile,
)

__all__ = ["METHODS", "Options", "make"]


@dataclass(frozen=True)
class Options:
    """Options of the methods.

    Parameters
    ----------
    neuron : str
        Kind of the neurons: "predictive", or a key of `NEURONS`.
    steps : int
        Number of steps T.
    per_channel : bool
        One threshold for each channel, or one for each layer.
    percentile : float
        Percentile, in (0, 100].
    """

    neuron: str
    steps: int
    per_channel: bool = True
    percentile: float = 99.9

    def thresholds(self, choose: Callable[..., float], *, by_potential: bool = False) -> Thresholds:
        """Return a method that chooses thresholds by a function of the activations or potentials."""
        make = NEURONS[self.neuron]
        return Thresholds(make, choose, per_channel=self.per_channel, by_potential=by_potential)


_MAKERS: Mapping[str, Callable[[Options], Method]] = {
    "fitted": lambda o: Fitted(o.neuron),
    "maxnorm": lambda o: o.thresholds(greatest),
    "percentile": lambda o: o.thresholds(percentile(o.percentile)),
    "least_error": lambda o: o.thresholds(least_error(o.steps)),
    "threshold_iteration": lambda o: o.thresholds(iterated(o.steps), by_potential=True),
    "ltb": lambda o: LocalBalance(NEURONS[o.neuron], balanced, per_channel=o.per_channel),
    "rmp": lambda o: GreatestInput(NEURONS[o.neuron], per_channel=o.per_channel),
    "calibrated": lambda o: Calibrated(o.thresholds(least_error(o.steps))),
    "qcfs": lambda o: UpperLimits(NEURONS[o.neuron]),
}

METHODS = tuple(_MAKERS)


def make(name: str, options: Options) -> Method:
    """Return a new method object for one conversion."""
    return _MAKERS[name](options)
