"""Losses: how far the responses of candidates are from a recording.

A loss is called as ``loss(responses, recording)`` and returns an array, [candidates]; less is better. A function of one's
own may call these, as in ``lambda r, d: sl.fitting.MeanSquaredError()(r, d) + 50 * sl.fitting.Coincidence()(r, d)``.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any

import numpy as np

from spikelet._util.checks import Float, fail, scalar
from spikelet._util.described import Described
from spikelet.fitting.recording import Recording, Responses

_ROWS = 256  # samples compared at once, so that differences stay in the cache


class Loss(Described, ABC):
    """Base of the losses."""

    needs: str = ""
    """Required part of a recording: "V_m", "spikes" or neither."""

    def __post_init__(self) -> None:
        for f in fields(self):  # type: ignore[arg-type]  # of dataclasses only
            rule = ">= 0" if f.metadata.get("zero") else "> 0"
            unit = f.metadata.get("unit", "")
            value = scalar(type(self).__name__, f.name, getattr(self, f.name), rule, unit)
            object.__setattr__(self, f.name, value)

    @abstractmethod
    def __call__(self, responses: Responses, recording: Recording) -> Float:
        """Return the loss of each candidate, [candidates]."""

    def check(self, recording: Recording) -> None:
        """Check that a recording has what the loss compares.

        Raises
        ------
        ValueError
            If it has not.
        """
        if self.needs and getattr(recording, self.needs) is None:
            fail(type(self).__name__, "data", None, f"must have {self.needs}", got=self.needs)


@dataclass(frozen=True, eq=False)
class MeanSquaredError(Loss):
    """Mean squared difference of V_m [mV^2], sample by sample.

    A spike that comes a little early costs as much as a missing one. For traces with spikes, `AlignedError` finds the
    parameters far more often.
    """

    needs = "V_m"

    def __call__(self, responses: Responses, recording: Recording) -> Float:
        """Return the loss of each candidate, [candidates]."""
        V_m = _potentials(responses)
        total = np.zeros(V_m.shape[2])
        for k in range(0, len(V_m), _ROWS):
            difference = V_m[k : k + _ROWS] - recording.V_m[k : k + _ROWS, :, None]
            total += np.einsum("tsc,tsc->c", difference, difference)
        return np.asarray(total / recording.V_m.size)


@dataclass(frozen=True, eq=False)
class AlignedError(Loss):
    r"""Squared differences of spike times, and of V_m between spikes that are aligned; a smooth loss.

    The k-th spike of a candidate is compared with the k-th recorded one: :math:`\text{timing} (t_k - \hat t_k)^2`, where
    missing spikes are at the end of the sweep. V_m is compared at equal times since the last spike, as long as the candidate's
    interval lasts, then with its last value before the next spike. Without V_m in the recording only times count; without
    spikes, only V_m.

    A shift of one spike therefore does not make all later samples wrong: the loss changes continuously with the
    parameters, and search finds its minimum where `MeanSquaredError` has many.

    Parameters
    ----------
    timing : float
        Weight of the mean squared difference of times [mV^2/ms^2].
    clip : float
        Largest difference of V_m that counts [mV], so that upstrokes do not outweigh all else.
    """

    timing: float = field(default=0.1, metadata={"zero": True})
    clip: float = 20.0

    def __call__(self, responses: Responses, recording: Recording) -> Float:
        """Return the loss of each candidate, [candidates]."""
        recorded = recording.responses.times()[:, :, 0]
        found = _rows(responses.times(), len(recorded) + 1)
        total = np.zeros(found.shape[2])
        if recorded.size:
            ends = [
                np.minimum(times, recording.duration)
                for times in (recorded[:, :, None], found[:-1])
            ]
            total += (
                self.timing * ((ends[1] - ends[0]) ** 2).sum((0, 1)) / np.isfinite(recorded).sum()
            )
        if recording.V_m is not None:
            for sweep in range(recording.sweeps):
                total += self._potential(responses, recording, recorded, found, sweep)
        return total

    def _potential(
        self, responses: Responses, recording: Recording, recorded: Float, found: Float, sweep: int
    ) -> Float:
        """Return the part of the loss that V_m of one sweep contributes."""
        V_m, dt = _potentials(responses)[:, sweep], recording.dt
        rows, own = len(V_m), recorded[np.isfinite(recorded[:, sweep]), sweep]
        begin = np.concatenate([[0], np.rint(own / dt).astype(np.int64)])
        ends = np.rint(np.minimum(found[: len(own) + 1, sweep], recording.duration) / dt).astype(
            np.int64
        )
        begins = np.concatenate([np.zeros_like(ends[:1]), ends[:-1]])
        # The sample before a spike; behind the last there is none, so that the end of the sweep is its own sample.
        last = np.where(ends == rows, rows - 1, np.maximum(ends - 2, 0))
        interval = np.searchsorted(begin[1:], np.arange(1, rows + 1), side="right")
        total = np.zeros(V_m.shape[1])
        for k in range(0, rows, _ROWS):
            which = interval[k : k + _ROWS]
            since = np.arange(k, k + len(which)) - begin[which]
            places = np.minimum(begins[which] + since[:, None], last[which])
            difference = (
                np.take_along_axis(V_m, places, 0) - recording.V_m[k : k + _ROWS, sweep, None]
            )
            np.clip(difference, -self.clip, self.clip, out=difference)
            total += np.einsum("tc,tc->c", difference, difference)
        return np.asarray(total / recording.V_m.size)


@dataclass(frozen=True, eq=False)
class VanRossum(Loss):
    r"""Mean over sweeps of the squared distance of van Rossum, with exponential kernels, exact.

    :math:`D^2 = \frac{1}{\tau} \int (f - g)^2 dt`; a spike more or less adds 1/2.

    Parameters
    ----------
    tau : float
        Time constant of the kernel [ms].

    Notes
    -----
    van Rossum, Neural Computation 13 (2001); Houghton & Kreuz, Network 23 (2012), for sums in linear time.
    """

    tau: float = 10.0
    needs = "spikes"

    def __call__(self, responses: Responses, recording: Recording) -> Float:
        """Return the loss of each candidate, [candidates]."""
        found, recorded = responses.times(), recording.responses.times()
        recorded = np.broadcast_to(recorded, (len(recorded), *found.shape[1:]))
        times = np.concatenate([found, recorded])
        sign = np.concatenate([np.ones_like(found), -np.ones_like(recorded)])
        sign[np.isinf(times)] = 0.0
        order = np.argsort(times, 0, kind="stable")
        sign = np.take_along_axis(sign, order, 0)
        times = np.minimum(np.take_along_axis(times, order, 0), recording.duration)
        total, trace = (sign**2).sum(0), np.zeros(found.shape[1:])
        for k in range(1, len(times)):
            trace = (trace + sign[k - 1]) * np.exp((times[k - 1] - times[k]) / self.tau)
            total += 2 * sign[k] * trace
        return 0.5 * np.asarray(total.mean(0))


@dataclass(frozen=True, eq=False)
class Coincidence(Loss):
    r"""1 - Gamma, the coincidence factor of spike trains, as a mean over the sweeps that have recorded spikes.

    .. math::

        \Gamma = \frac{N_{coinc} - 2 \nu \Delta N_{data}}{(N_{data} + N_{model}) / 2} \frac{1}{1 - 2 \nu \Delta}

    nu is the candidate's rate. Gamma is 1 for equal trains, and 0 for chance; candidates so fast that chance explains all
    (``2 nu delta >= 1``) count as chance.

    Parameters
    ----------
    delta : float
        Largest difference of coincident spikes [ms].

    Notes
    -----
    Kistler, Gerstner & van Hemmen, Neural Computation 9 (1997); Jolivet et al., J. Neurosci. Methods 169 (2008).
    """

    delta: float = 4.0
    needs = "spikes"

    def __call__(self, responses: Responses, recording: Recording) -> Float:
        """Return the loss of each candidate, [candidates]."""
        found, recorded = responses.times(), recording.responses.times()[:, :, 0]
        total, active = np.zeros(found.shape[2]), 0
        for sweep in range(recording.sweeps):
            own = recorded[np.isfinite(recorded[:, sweep]), sweep]
            if len(own) == 0:
                continue
            active += 1
            times = found[:, sweep]
            near = [(np.abs(times - t) <= self.delta + 1e-9).any(0) for t in own]
            model = np.isfinite(times).sum(0)
            # A spike coincides once at most.
            coincident = np.minimum(np.sum(near, 0), model)
            chance = np.minimum(2 * self.delta * model / recording.duration, 1.0)
            above = coincident - chance * len(own)
            scale = np.maximum((1 - chance) * (len(own) + model) / 2, 1e-300)
            total += 1 - np.where(chance < 1, above / scale, 0.0)
        return total / active

    def check(self, recording: Recording) -> None:
        """Check that a recording has spikes.

        Raises
        ------
        ValueError
            If it has none.
        """
        super().check(recording)
        if len(recording.spikes) == 0:
            fail("Coincidence", "data", 0, "must have at least one spike", got="spikes")


@dataclass(frozen=True, eq=False)
class RateError(Loss):
    """Mean over sweeps of the squared difference of rates [Hz^2]."""

    needs = "spikes"

    def __call__(self, responses: Responses, recording: Recording) -> Float:
        """Return the loss of each candidate, [candidates]."""
        counts = responses.spikes.counts().reshape(responses.spikes.shape)
        difference = (counts - recording.spikes.counts()[:, None]) * (1e3 / recording.duration)
        return np.asarray((difference**2).mean(0))


@dataclass(frozen=True, eq=False)
class ISIHistogram(Loss):
    """Half the summed differences of the shares of intervals between spikes in bins, over all sweeps, 0 to 1.

    A candidate without intervals has the loss 1.

    Parameters
    ----------
    width : float
        Width of a bin [ms].
    longest : float
        Longer intervals share the last bin [ms].
    """

    width: float = 5.0
    longest: float = 500.0
    needs = "spikes"

    def __call__(self, responses: Responses, recording: Recording) -> Float:
        """Return the loss of each candidate, [candidates]."""
        shares = [self._shares(times) for times in (responses.times(), recording.responses.times())]
        loss = 0.5 * np.abs(shares[0] - shares[1]).sum(0)
        return np.where(shares[0].sum(0) > 0, loss, 1.0)

    def _shares(self, times: Float) -> Float:
        """Return the fraction of intervals in each bin, [bins, candidates]."""
        candidates = times.shape[2]
        with np.errstate(invalid="ignore"):  # of two missing spikes
            intervals = np.diff(times, axis=0)
        which = np.nonzero(np.isfinite(intervals))
        bins = int(self.longest / self.width) + 1
        place = np.minimum((intervals[which] / self.width).astype(np.int64), bins - 1)
        counts = np.bincount(place * candidates + which[2], minlength=bins * candidates)
        counts = counts.reshape(bins, candidates)
        return np.asarray(counts / np.maximum(counts.sum(0), 1))

    def check(self, recording: Recording) -> None:
        """Check that a recording has intervals.

        Raises
        ------
        ValueError
            If no sweep has two spikes.
        """
        super().check(recording)
        most = int(recording.spikes.counts().max(initial=0))
        if most < 2:
            fail("ISIHistogram", "data", most, "must have two spikes in a sweep", got="spikes")


def _potentials(responses: Responses) -> Any:
    if responses.V_m is None:
        fail("loss", "responses", None, "must have V_m: record it in the network", got="V_m")
    return responses.V_m


def _rows(times: Float, rows: int) -> Float:
    """Return the first rows of spike times; missing ones are infinite."""
    found = np.full((rows, *times.shape[1:]), np.inf)
    found[: len(times)] = times[:rows]
    return found
