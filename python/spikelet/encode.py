"""Encoders: turn numbers into spike trains.

Every encoder is called ``encoder(x, steps, *, seed=0, as_events=False, ...)``:

x : array-like of any shape, values in [0, 1] (``delta``: a time series ``[T, ...]`` of any finite values).
steps : int, at least 1, the number of steps T (``delta``: the length of the series, may be left out).
seed : int in [0, 2**64). Random encoders (``rate``, ``poisson``, ``population`` with ``code="rate"``) draw the spike of
    flat element e at step t from (seed, e, t) alone: the same at every SIMD level, and a longer train begins with
    the shorter one. The other encoders accept a seed, to be called alike, and do not use it.
as_events : bool. If true, the result is an `Events` (a list of spikes) instead of an array.

The result is a raster, a uint8 array ``[T, *x.shape]`` of 0 and 1; ``delta`` and ``population`` add a last axis. Row k is
step k; its spikes have the stamp k + 1, as in ``sl.RasterSource``. Arguments are checked before any work:
TypeError for what is not a number, ValueError for one outside its limits, both with function, name and value.
"""

from __future__ import annotations

import math
import numbers
import operator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _core

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = [
    "Events",
    "burst",
    "delta",
    "latency",
    "phase",
    "poisson",
    "population",
    "rate",
    "receptive_fields",
]


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Spikes as a list, for ``sl.SpikeSource(times=ev.times_ms(dt), ids=ev.ids)`` and ``sl.decode``.

    Parameters
    ----------
    times : int64 array ``[n_spikes]``
        Step stamps in [1, steps]; a spike in row k of the raster has the stamp k + 1.
    ids : int64 array ``[n_spikes]``
        Flat (C order) index of the element that spiked. Encoders sort by time, then id.
    steps : int
        Number of steps T.
    shape : tuple of int
        Shape of one step; the raster is ``[steps, *shape]``.
    """

    times: NDArray[np.int64]
    ids: NDArray[np.int64]
    steps: int
    shape: tuple[int, ...]

    def __post_init__(self) -> None:
        limits = {"times": (1, self.steps), "ids": (0, math.prod(self.shape) - 1)}
        for name, (low, high) in limits.items():
            values = np.asarray(getattr(self, name))
            if values.size and values.dtype.kind not in "iu":
                raise TypeError(f"Events: {name} must be integers, got dtype {values.dtype}")
            _check(f"Events: {name}", values, lambda v, a=low, b=high: (v >= a) & (v <= b), f"[{low}, {high}]")
            object.__setattr__(self, name, values.astype(np.int64, copy=False))
        if self.times.ndim != 1 or self.times.shape != self.ids.shape:
            shapes = f"{self.times.shape} and {self.ids.shape}"
            raise ValueError(f"Events: times and ids must be 1-d and of one length, got shapes {shapes}")

    def __len__(self) -> int:
        return len(self.times)

    @classmethod
    def from_raster(cls, raster: ArrayLike) -> Events:
        """List the non-zero elements of a raster ``[T, ...]``."""
        array = np.asarray(raster)
        if array.ndim == 0 or len(array) == 0:
            raise ValueError(f"Events.from_raster: raster must be [T, ...] with T >= 1, got shape {array.shape}")
        flat = array if array.dtype == np.uint8 else (array != 0).view(np.uint8)
        return cls(*_core.encode_spike_list(flat, len(array)), len(array), array.shape[1:])

    def to_raster(self) -> NDArray[np.uint8]:
        """Return the raster, uint8 ``[steps, *shape]``; a repeated event gives one spike."""
        raster = np.zeros((self.steps, math.prod(self.shape)), np.uint8)
        raster[self.times - 1, self.ids] = 1
        return raster.reshape(self.steps, *self.shape)

    def times_ms(self, dt: float) -> NDArray[np.float64]:
        """Return the stamps in ms, for a step of `dt` ms."""
        return self.times * _real("Events.times_ms: dt", dt, "> 0")


Spikes: TypeAlias = NDArray[np.uint8] | Events


def rate(
    x: ArrayLike, steps: SupportsIndex, *, max_prob: float = 1.0, seed: int = 0, as_events: bool = False
) -> Spikes:
    """Rate code: a spike at each step with probability ``x * max_prob``, independently (Bernoulli).

    Parameters
    ----------
    x, steps, seed, as_events
        As in every encoder, see `spikelet.encode`. x = 0 never spikes; x = 1 spikes with probability `max_prob`.
    max_prob : float in [0, 1]
        Probability of a spike a step at x = 1; with 1.0 it spikes at every step.

    Notes
    -----
    Costs ``steps * max_prob * x`` spikes on average. Preserves the value in the mean, with standard error
    ``sqrt(p * (1 - p) / steps)``, ``p = x * max_prob``; carries nothing in the timing.

    References
    ----------
    Guo, Fouda, Eltawil, Salama, Neural coding in spiking neural networks, Front. Neurosci. 15:638474 (2021).
    """
    values, n_steps, key = _common("rate", x, steps, seed)
    return _bernoulli(values * _real("encode.rate: max_prob", max_prob, "in [0, 1]"), n_steps, key, as_events)


def poisson(
    x: ArrayLike,
    steps: SupportsIndex,
    *,
    max_rate: float = 63.75,
    dt: float = 0.5,
    seed: int = 0,
    as_events: bool = False,
) -> Spikes:
    """Poisson process of rate ``x * max_rate``, on a grid of `dt`: at most one spike a step.

    A step has a spike with probability ``1 - exp(-x * max_rate * dt / 1000)``, that of one or more events.

    Parameters
    ----------
    x, steps, seed, as_events
        As in every encoder, see `spikelet.encode`.
    max_rate : float >= 0
        Rate at x = 1 [Hz]. The default is Diehl and Cook's, pixel / 4.
    dt : float > 0
        Length of a step [ms].

    Notes
    -----
    Costs ``steps`` times that probability, close to ``x * max_rate * steps * dt / 1000`` spikes while the rate is far
    below one a step. Preserves the value in the rate; the number n of spikes varies by about ``sqrt(n)``.

    References
    ----------
    Diehl, Cook, Unsupervised learning of digit recognition using STDP, Front. Comput. Neurosci. 9:99 (2015).
    """
    values, n_steps, key = _common("poisson", x, steps, seed)
    mean = _real("encode.poisson: max_rate", max_rate, ">= 0") * _real("encode.poisson: dt", dt, "> 0") * 1e-3
    return _bernoulli(-np.expm1(-mean * values), n_steps, key, as_events)


def latency(
    x: ArrayLike,
    steps: SupportsIndex,
    *,
    code: Literal["linear", "log"] = "linear",
    tau: float | None = None,
    threshold: float = 0.0,
    seed: int = 0,
    as_events: bool = False,
) -> Spikes:
    """Time to first spike: one spike, the earlier the stronger.

    With ``last = steps - 1``, the spike is in the row nearest to ``last * (1 - x)`` ("linear") or to
    ``-tau * log(x + (1 - x) * exp(-last / tau))`` ("log"); both fall from `last` at x = 0 to 0 at x = 1.

    Parameters
    ----------
    x, steps, seed, as_events
        As in every encoder, see `spikelet.encode`.
    code : "linear" or "log"
        "log" resolves ratios of x, and approaches "linear" as `tau` grows.
    tau : float > 0, optional
        Time constant of "log" [steps]; default ``last / 5``.
    threshold : float in [0, 1]
        x at or below it stays silent; with 0.0 only x = 0 does.

    Notes
    -----
    Costs 1 spike for x > threshold. Preserves the order of the values, and with "linear" the value to within
    ``0.5 / last``: ``x = 1 - sl.decode.first_spike(raster) / last``.

    References
    ----------
    Thorpe, Delorme, Van Rullen, Spike-based strategies for rapid processing, Neural Networks 14:715 (2001).
    """
    values, n_steps, _ = _common("latency", x, steps, seed)
    _choice("encode.latency: code", code, ("linear", "log"))
    constant = max(n_steps - 1, 1) / 5 if tau is None else _real("encode.latency: tau", tau, "> 0")
    limit = _real("encode.latency: threshold", threshold, "in [0, 1]")
    raster = _core.encode_latency(values, n_steps, constant if code == "log" else math.inf, limit)
    return _shaped(raster, values.shape, as_events)


def phase(
    x: ArrayLike, steps: SupportsIndex, *, bits: SupportsIndex = 8, seed: int = 0, as_events: bool = False
) -> Spikes:
    """Weighted phase code: the bits of ``floor(x * 2**bits)``, most significant first, over and over.

    A spike in row k has the weight ``2**-(1 + k % bits)``. x = 1 spikes at every step. Grey levels i / 255 with
    8 bits give the bits of i. A last period that `steps` cuts short has only its first bits.

    Parameters
    ----------
    x, steps, seed, as_events
        As in every encoder, see `spikelet.encode`.
    bits : int in [1, 32]
        Bits of a period, one a step.

    Notes
    -----
    Costs the number of set bits in each period, `bits` / 2 for uniform x. Preserves the value to within
    ``2**-bits``, in one period, if the receiver weights spikes by their phase.

    References
    ----------
    Kim, Kim, Huh, Lee, Choi, Deep neural networks with weighted spikes, Neurocomputing 311:373 (2018).
    """
    values, n_steps, _ = _common("phase", x, steps, seed)
    raster = _core.encode_phase(values, n_steps, _integer("encode.phase: bits", bits, 1, 32))
    return _shaped(raster, values.shape, as_events)
