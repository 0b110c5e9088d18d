"""Recordings to fit, and what candidates answer to the same currents."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from spikelet._util.checks import Float, fail, numbers, own, require, scalar
from spikelet._util.described import Described
from spikelet.spikes.spikes import Spikes, as_spikes
from spikelet.spikes.trains import by_element


@dataclass(frozen=True, eq=False)
class Responses:
    """Responses of candidates, the input of losses and summaries.

    Parameters
    ----------
    spikes : Spikes
        Spikes, whose elements have the shape (sweeps, candidates).
    duration : float
        Length of each sweep [ms].
    dt : float
        Interval of the samples [ms].
    V_m : array, [samples, sweeps, candidates], optional
        Membrane potential [mV]; sample k is at the time ``(k + 1) dt``.
    """

    spikes: Spikes
    duration: float
    dt: float
    V_m: npt.NDArray[Any] | None = None

    def times(self) -> Float:
        """Return spike times [ms], [spikes, sweeps, candidates], ascending; the rest of each column is infinite."""
        shape = self.spikes.shape
        columns, width = self.spikes.columns(), int(np.prod(shape))
        times, ends = by_element(self.spikes.times, columns, width)
        counts = np.diff(ends, prepend=0)
        places = np.arange(len(times)) - np.repeat(ends - counts, counts)
        found = np.full((counts.max(initial=0), width), np.inf)
        found[places, np.repeat(np.arange(width), counts)] = times
        return found.reshape(-1, *shape)


@dataclass(frozen=True, eq=False)
class Recording(Described):
    """Measured responses of one cell to one or several currents, or of several cells of a network.

    All sweeps have one length and one sampling interval. Fits of a model need `current`; fits of a network do not use
    it, and their sweeps are the recorded neurons.

    Parameters
    ----------
    current : array-like, [T] or [T, sweeps], optional
        Injected current [pA]. Row k acts from ``k dt`` to ``(k + 1) dt``.
    V_m : array-like, [T] or [T, sweeps], optional
        Membrane potential [mV]. Row k is at the time ``(k + 1) dt``.
    spikes : Spikes, array-like, or sequence of array-like, optional
        Spikes, whose elements are the sweeps, the times of one sweep [ms], or those of each sweep. `detect_spikes` finds
        them in V_m.
    dt : float
        Sampling interval [ms].
    duration : float, optional
        Length of the sweeps [ms]; needed only if there are neither currents nor potentials.

    Raises
    ------
    ValueError
        If sweeps differ in number or length, if values are not finite, if a spike lies outside of the sweeps, or if there
        is neither V_m nor spikes.
    """

    current: Any = None
    V_m: Any = None
    spikes: Any = None
    dt: float = 0.1
    duration: Any = None

    def __post_init__(self) -> None:
        if self.V_m is None and self.spikes is None:
            fail("Recording", "V_m and spikes", None, "must not both be missing")
        object.__setattr__(self, "dt", scalar("Recording", "dt", self.dt, "> 0", "ms"))
        shapes = {}
        for name, unit in (("current", "pA"), ("V_m", "mV")):
            if getattr(self, name) is not None:
                array = _series(name, getattr(self, name), unit)
                shapes[name] = array.shape
                object.__setattr__(self, name, own(array))
        if len(set(shapes.values())) > 1:
            fail(
                "Recording",
                "current and V_m",
                tuple(shapes.values()),
                "must have one shape, [T, sweeps]",
                got="shapes",
            )
        shape = next(iter(shapes.values()), None)
        if shape is not None:
            object.__setattr__(self, "duration", shape[0] * self.dt)
        elif self.duration is None:
            fail("Recording", "duration", None, "must be given with spikes alone [ms]")
        else:
            duration = scalar("Recording", "duration", self.duration, "> 0", "ms")
            object.__setattr__(self, "duration", duration)
        object.__setattr__(self, "spikes", self._spikes(shape))

    def _spikes(self, shape: tuple[int, ...] | None) -> Spikes | None:
        if self.spikes is None:
            return None
        given = as_spikes(self.spikes)
        if given is None:
            each = list(self.spikes)
            given = Spikes.from_trains([each] if all(np.ndim(x) == 0 for x in each) else each)
        trains = given.trains()
        if shape is not None and len(trains) != shape[1]:
            rule = f"must be those of {shape[1]} sweeps, as current and V_m"
            fail("Recording", "spikes", len(trains), rule, got="sweeps")
        outside = given.times[(given.times <= 0) | (given.times > self.duration * (1 + 1e-9))]
        if len(outside):
            rule = f"must lie after 0 and up to {self.duration:g} ms, the length of the sweeps"
            fail("Recording", "spikes", float(outside[0]), rule)
        return Spikes.from_trains(trains, len(trains), start=0.0, stop=float(self.duration))

    @property
    def sweeps(self) -> int:
        """Number of sweeps."""
        for array in (self.current, self.V_m):
            if array is not None:
                return int(array.shape[1])
        return int(self.spikes.n)

    @property
    def responses(self) -> Responses:
        """The recording in the form of the responses of one candidate."""
        spikes = self.spikes or Spikes([], [], self.sweeps, stop=self.duration)
        shaped = Spikes(spikes.times, spikes.ids, shape=(self.sweeps, 1), stop=self.duration)
        V_m = None if self.V_m is None else self.V_m[:, :, None]
        return Responses(shaped, float(self.duration), self.dt, V_m)


def detect_spikes(V_m: npt.ArrayLike, dt: float, threshold: float = 0.0) -> Spikes:
    """Return the spikes of recorded potentials: the first sample of each that is at or above a threshold.

    Parameters
    ----------
    V_m : array-like, [T] or [T, sweeps]
        Membrane potential [mV]. Row k is at the time ``(k + 1) dt``.
    dt : float
        Sampling interval [ms].
    threshold : float
        Threshold [mV].

    Returns
    -------
    Spikes
        Its elements are the sweeps.
    """
    array = _series("V_m", V_m, "mV")
    step = scalar("detect_spikes", "dt", dt, "> 0", "ms")
    above = array >= scalar("detect_spikes", "threshold", threshold, "finite", "mV")
    row, sweep = np.nonzero(above[1:] & ~above[:-1])
    length = len(array) * step
    return Spikes((row + 2) * step, sweep, array.shape[1], stop=length)


def _series(name: str, given: Any, unit: str) -> Float:
    """Return checked samples, [T, sweeps]."""
    lengths = (
        {len(one) for one in given if hasattr(one, "__len__")}
        if isinstance(given, (list, tuple))
        else set()
    )
    if len(lengths) > 1:
        rule = "must have sweeps of one length, [T, sweeps]: cut them to the shortest"
        fail("Recording", name, sorted(lengths), rule, got="lengths")
    array = numbers("Recording", name, given, unit, 2)
    if array.ndim == 0 or array.size == 0:
        fail("Recording", name, array.shape, "must be [T] or [T, sweeps], not empty", got="shape")
    require("Recording", name, array, "finite")
    return array.reshape(len(array), -1)
