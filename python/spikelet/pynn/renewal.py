"""Sources whose intervals are drawn one after the other: gamma processes, and Poisson processes with dead time.

Each cell has a random stream of its own, from which its spike times follow, as real numbers, whatever the lengths of the
runs. A time between two steps counts as the later step. The first interval begins at `start`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
from pyNN import errors
from pyNN.standardmodels import build_translations, cells
from scipy import special

from spikelet.pynn.native import Cells, Translated, native_errors
from spikelet.pynn.simulator import State
from spikelet.pynn.sources import HeldParameters, non_negative
from spikelet.sources import SpikeSource

__all__ = ["SpikeSourceGamma", "SpikeSourceInhGamma", "SpikeSourcePoissonRefractory"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

_AHEAD = 1000.0  # ms drawn at once, at least
_BLOCK = 64  # intervals drawn at once


class _Renewal(HeldParameters):
    """Renewal processes: the core gets their spikes of some time ahead."""

    kind = ""

    def __init__(self, state: State, size: int, parameters: Mapping[str, Any], label: str) -> None:
        super().__init__(state, size, parameters, label, SpikeSource([], np.empty(0, np.int64)))
        self._begin()

    def intervals(self, cell: int, random: np.random.Generator, n: int) -> Floats:
        """Draw intervals of a cell [ms]; inf: no further spike."""
        raise NotImplementedError

    def following(self, cell: int, random: np.random.Generator, last: float) -> Floats:
        """Return the spike times of a cell [ms] that follow its last one: at least one, or inf."""
        return last + np.cumsum(self.intervals(cell, random, _BLOCK))

    def _begin(self) -> None:
        """Begin new processes at the start of a segment."""
        state, n = self.state, self.size
        key = [state.network.seed, 0x72656E6577, self.population.index, state.segment_counter]
        self._random = [np.random.default_rng([*key, i]) for i in range(n)]
        self._times: list[Floats] = [np.empty(0) for _ in range(n)]  # those drawn
        self._last = np.maximum(self.parameters["start"], state.t)
        self._known = state.t  # up to this time [ms] the core has all spikes

    def restart(self) -> None:
        """Begin anew at time 0."""
        self._begin()

    def about_to_change(self, indices: Ints) -> None:
        """Forget what was drawn for later times: the interval of the present begins anew."""
        now = self.state.t
        for i in indices:
            self._times[i] = np.empty(0)
            self._last[i] = now
        self._known = now

    def advance(self, start: int, stop: int) -> None:
        """Prepare the steps from `start` up to `stop`, counted from the last reset."""
        state = self.state
        if state.ms(stop) <= self._known:
            return
        self._known = max(state.ms(stop), state.ms(start) + _AHEAD)
        begin = np.maximum(self._last, self.parameters["start"])
        end = self.parameters["start"] + self.parameters["duration"]
        for i in range(self.size):
            times, last = [self._times[i]], begin[i]
            while last <= min(self._known, end[i]):
                more = self.following(i, self._random[i], last)
                times.append(more[np.isfinite(more)])
                last = more[-1]
            self._times[i], self._last[i] = np.concatenate(times), last
        ids = np.repeat(np.arange(self.size), [len(t) for t in self._times])
        times_ = np.concatenate(self._times)
        stamps = np.where(times_ <= end[ids], state.steps_up(np.minimum(times_, 1e12)), -1)
        keep = np.flatnonzero(stamps > start)
        order = keep[np.lexsort((ids[keep], stamps[keep]))]
        with native_errors():
            self.population.set(times=state.network_ms(stamps[order]), ids=ids[order], snap=True)
        for i in range(self.size):
            self._times[i] = self._times[i][self._times[i] > state.ms(start)]


class _DeadTime(_Renewal):
    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters in the form in which they are kept, or raise InvalidParameterValueError."""
        found = non_negative("SpikeSourcePoissonRefractory", parameters)
        if (found["rate"] * found["tau_refrac"] >= 1000.0).any():
            msg = "SpikeSourcePoissonRefractory: tau_refrac must be shorter than the mean interval, 1000 / rate"
            raise errors.InvalidParameterValueError(msg)
        return found

    def intervals(self, cell: int, random: np.random.Generator, n: int) -> Floats:
        """Draw intervals of a cell [ms]."""
        rate, dead = self.parameters["rate"][cell], self.parameters["tau_refrac"][cell]
        if rate == 0:
            return np.full(1, np.inf)
        drawn: Floats = dead + random.standard_exponential(n) * (1000.0 / rate - dead)
        return drawn


class SpikeSourcePoissonRefractory(Translated, cells.SpikeSourcePoissonRefractory):
    __doc__ = cells.SpikeSourcePoissonRefractory.__doc__

    translations = build_translations(
        ("rate", "rate"), ("tau_refrac", "tau_refrac"), ("start", "start"), ("duration", "duration")
    )

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _DeadTime(state, size, parameters, label)


class _Gamma(_Renewal):
    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters in the form in which they are kept, or raise InvalidParameterValueError."""
        return non_negative("SpikeSourceGamma", parameters, positive=("alpha",))

    def intervals(self, cell: int, random: np.random.Generator, n: int) -> Floats:
        """Draw intervals of a cell [ms]."""
        beta = self.parameters["beta"][cell]
        if beta == 0:
            return np.full(1, np.inf)
        drawn: Floats = random.standard_gamma(self.parameters["alpha"][cell], n) * (1000.0 / beta)
        return drawn


class SpikeSourceGamma(Translated, cells.SpikeSourceGamma):
    __doc__ = cells.SpikeSourceGamma.__doc__

    translations = build_translations(
        ("alpha", "alpha"), ("beta", "beta"), ("start", "start"), ("duration", "duration")
    )

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _Gamma(state, size, parameters, label)


class _InhGamma(_Renewal):
    """Gamma processes whose parameters change: candidates at the largest rate are thinned by the hazard."""

    def checked(self, parameters: dict[str, Any]) -> dict[str, Any]:
        """Return parameters in the form in which they are kept, or raise InvalidParameterValueError."""
        where, arrays = "SpikeSourceInhGamma", ("a", "b", "tbins")
        for row in zip(*(parameters[name] for name in arrays), strict=True):
            a, b, t = (np.asarray(each.value, dtype=np.float64) for each in row)
            alike = len(a) == len(b) == len(t) > 0
            finite = all(np.isfinite(each).all() for each in (a, b, t))
            if not (
                alike and finite and (a >= 1).all() and (b > 0).all() and (np.diff(t) > 0).all()
            ):
                rule = "must have one value for each bin, with a >= 1, b > 0 s and increasing tbins"
                msg = f"{where}: a, b and tbins {rule}; got a={a}, b={b}, tbins={t}"
                raise errors.InvalidParameterValueError(msg)
        rest = {name: value for name, value in parameters.items() if name not in arrays}
        return {**{name: parameters[name] for name in arrays}, **non_negative(where, rest)}

    def _of(self, name: str, cell: int) -> Floats:
        return np.asarray(self.parameters[name][cell].value, dtype=np.float64)

    def following(self, cell: int, random: np.random.Generator, last: float) -> Floats:
        """Return the spike time of a cell [ms] that follows its last one."""
        a, b, bins = self._of("a", cell), 1000.0 * self._of("b", cell), self._of("tbins", cell)
        most, t = float((1.0 / b).max()), last
        while True:
            t += random.standard_exponential() / most
            k = int(np.searchsorted(bins, t, side="right")) - 1
            if k >= 0 and random.random() * most < _hazard(a[k], b[k], t - last):
                return np.array([t])


def _hazard(shape: float, scale: float, age: float) -> float:
    """Return the hazard of a gamma distribution."""
    x = age / scale
    survives = float(special.gammaincc(shape, x))
    if survives < 1e-280:
        return 1.0 / scale  # the limit
    density = np.exp((shape - 1) * np.log(x) - x - special.gammaln(shape)) / scale
    return float(density / survives)


class SpikeSourceInhGamma(Translated, cells.SpikeSourceInhGamma):
    __doc__ = cells.SpikeSourceInhGamma.__doc__

    translations = build_translations(
        ("a", "a"), ("b", "b"), ("tbins", "tbins"), ("start", "start"), ("duration", "duration")
    )

    def build(self, state: State, size: int, parameters: dict[str, Any], label: str) -> Cells:
        """Add cells to the network, given native parameters."""
        return _InhGamma(state, size, parameters, label)
