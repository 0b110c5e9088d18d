"""Poisson processes: a source, and an input that needs no source population."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.advice import advise
from spikelet._util.checks import fail, has_units, listed, numbers, numbers_that, own, require
from spikelet._util.described import Described
from spikelet.sources.rates import ChangingRate
from spikelet.sources.window import check_window

Numbers = npt.NDArray[np.float64]

_MOST_EVENTS = 2**18  # in a step; random streams hold no more draws
_MOST_SPIKES = 2**10  # in a step; each is delivered and recorded


def check_events(where: str, rate: Numbers, dt: float, *, as_spikes: bool = False) -> None:
    """Check that rates [Hz] bring no more events, or spikes, into a step [ms] than can be drawn."""
    most, what = (_MOST_SPIKES, "spikes") if as_spikes else (_MOST_EVENTS, "events")
    if rate.size == 1 and float(rate.reshape(1)[0]) * (dt * 1e-3) <= most:
        return
    bad = rate * (dt * 1e-3) > most
    if bad.any():
        rule = f"must be at most {most / (dt * 1e-3):.4g} Hz, {most} {what} in a step of {dt:g} ms"
        more = "; a PoissonInput can have a higher rate" if as_spikes else ""
        fail(where, "rate", float(rate[bad][0]), rule + more)


def _advise_rate(where: str, rate: npt.NDArray[np.float64]) -> None:
    """Warn about rates that are plausible in kHz only."""
    most = float(rate.max(initial=0.0) if rate.ndim else rate)
    if 0 < most < 0.1:
        problem = f"Hz is one event in {1 / most:.3g} s"
        advise(where, "rate", most, problem, f"did you mean {1000 * most:g} Hz ({most:g} kHz)?")


@dataclass(frozen=True, eq=False)
class PoissonSource(Described):
    """A source that fires an independent Poisson process for each element.

    Parameters
    ----------
    rate : float or array-like, [n]
        Rate of each element [Hz]. `population.rate = ...` changes it between runs.
    start, stop : float, optional
        Times [ms], multiples of dt, in the network's time: the spikes are those of ``start < time <= stop``; by default from now on,
        without an end.

    Notes
    -----
    Counts follow the exact Poisson distribution: two events in one step are two spikes.
    """

    rate: Any = field(metadata={"unit": "Hz"})
    start: float | None = None
    stop: float | None = None

    def __post_init__(self) -> None:
        if isinstance(self.rate, ChangingRate):
            rule = "must be numbers; use a rate that changes with time directly as the model of a population"
            fail("PoissonSource", "rate", self.rate, rule, error=TypeError)
        rate = numbers("PoissonSource", "rate", self.rate, "Hz")
        require("PoissonSource", "rate", rate, ">= 0")
        _advise_rate("PoissonSource", rate)
        object.__setattr__(self, "rate", own(rate) if rate.ndim else float(rate))
        check_window("PoissonSource", self)


@dataclass(frozen=True, eq=False)
class PoissonInput(Described):
    """An independent Poisson process of synaptic events for each neuron, without stored synapses.

    Parameters
    ----------
    rate : float or array-like, [n], SinusoidalPoisson or InhomogeneousPoisson
        Total rate of events that reach a neuron [Hz], or how it changes with time.
    weight : float or array-like, [n]
        Weight of an event in the unit of the model's synapses: pA (LIF, LIFAlpha, IF), mV (LIFDelta), nS (LIFCond).
        Its sign picks the receptor.
    receptor : str, optional
        Name of the receptor, as in `Network.connect`. It is needed for neurons with several receptors that are not called
        "ex" and "in".
    start, stop : float, optional
        Times [ms], multiples of dt, in the network's time: events arrive at times of ``start < time <= stop``; by default from now on,
        without an end.
    """

    rate: Any
    weight: Any
    receptor: str | None = None
    start: float | None = None
    stop: float | None = None

    def __post_init__(self) -> None:
        if self.receptor is not None and not isinstance(self.receptor, str):
            fail(
                "PoissonInput",
                "receptor",
                self.receptor,
                "must be the name of a receptor",
                error=TypeError,
            )
        if not isinstance(self.rate, ChangingRate):
            rate = numbers_that("PoissonInput", "rate", self.rate, ">= 0", "Hz")
            _advise_rate("PoissonInput", rate)
            object.__setattr__(self, "rate", own(rate))
        weight = self.weight if type(self.weight) is float else listed(self.weight)
        # The unit of a quantity depends on the target.
        if type(weight) is float or not has_units(weight):
            weight = self.weight_in("")
        object.__setattr__(self, "weight", tuple(weight) if isinstance(weight, list) else weight)
        check_window("PoissonInput", self)

    def weight_in(self, unit: str) -> npt.NDArray[np.float64]:
        """Return the weight as plain numbers in a unit."""
        weight = numbers_that("PoissonInput", "weight", self.weight, "finite", unit)
        return np.asarray(own(weight))
