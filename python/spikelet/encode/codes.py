"""Codes: rate, Poisson, latency, phase, burst, delta and population; the common arguments stand in `spikelet.encode`."""

from __future__ import annotations

import math
from typing import Literal, SupportsIndex, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import _core
from spikelet._util.checks import (
    check_all,
    choice,
    fail,
    integer,
    real_array,
    scalar,
    series,
)
from spikelet._util.grid import to_ms
from spikelet._util.memory import require_memory
from spikelet._util.spelling import spelled
from spikelet.spikes import Spikes

Raster: TypeAlias = NDArray[np.uint8]

_MAX_SEED = 2**64 - 1


@spelled
def rate(
    x: ArrayLike,
    steps: SupportsIndex,
    *,
    max_prob: float = 1.0,
    seed: int = 0,
    as_events: bool = False,
) -> Raster | Spikes:
    """Encode x as a rate: a spike at each step with probability ``p = x * max_prob`` (Bernoulli).

    Parameters
    ----------
    x, steps, seed, as_events : see `spikelet.encode`
    max_prob : float in [0, 1]
        Probability of a spike per step at x = 1. With 1.0, x = 1 spikes at every step.

    Notes
    -----
    The code costs ``steps * p`` spikes on average. It preserves x in the mean, with the standard error
    ``sqrt(p * (1 - p) / steps)``; the timing carries no information.
    Source: Guo et al., Neural coding in spiking neural networks, Front. Neurosci. 15:638474 (2021).
    """
    values, n_steps, key = _arguments("rate", x, steps, seed)
    p = values * scalar("encode.rate", "max_prob", max_prob, "in [0, 1]")
    return _bernoulli("encode.rate", p, n_steps, key, as_events)


@spelled
def poisson(
    x: ArrayLike,
    steps: SupportsIndex,
    *,
    max_rate: float = 63.75,
    dt: float = 0.5,
    seed: int = 0,
    as_events: bool = False,
) -> Raster | Spikes:
    """Encode x as a Poisson process of rate ``x * max_rate`` on a grid, with at most one spike per step.

    The probability of a spike, ``p = 1 - exp(-x * max_rate * dt / 1000)``, is that of at least one event in a
    step.

    Parameters
    ----------
    x, steps, seed, as_events : see `spikelet.encode`
    max_rate : float >= 0
        Rate at x = 1 [Hz]; by default a quarter of a grey level of 255, as in the source.
    dt : float > 0
        Length of a time step [ms].

    Notes
    -----
    The code costs ``steps * p`` spikes on average, just below ``x * max_rate * steps * dt / 1000`` at low
    rates. It preserves x in the number n of spikes, to within about ``sqrt(n)``; the timing carries no
    information.
    Source: Diehl and Cook, Unsupervised learning of digit recognition using spike-timing-dependent
    plasticity, Front. Comput. Neurosci. 9:99 (2015).
    """
    values, n_steps, key = _arguments("poisson", x, steps, seed)
    hertz = scalar("encode.poisson", "max_rate", max_rate, ">= 0", "Hz")
    step = scalar("encode.poisson", "dt", dt, "> 0", "ms")
    p = -np.expm1(-values * hertz * (step / 1000))
    return _bernoulli("encode.poisson", p, n_steps, key, as_events, step)


@spelled
def latency(
    x: ArrayLike,
    steps: SupportsIndex,
    *,
    code: Literal["linear", "log"] = "linear",
    tau: float | None = None,
    threshold: float = 0.0,
    seed: int = 0,
    as_events: bool = False,
) -> Raster | Spikes:
    """Encode x as the time to the first spike: one spike, earlier for a larger x.

    With ``last = steps - 1`` the spike is in row ``last * (1 - x)`` ("linear"), rounded, or
    ``-tau * log(x + (1 - x) * exp(-last / tau))`` ("log"): from `last` near x = 0 to 0 at x = 1.

    Parameters
    ----------
    x, steps, seed, as_events : see `spikelet.encode`
    code : "linear" or "log"
        "log" resolves the ratios of small x; it approaches "linear" as `tau` grows.
    tau : float > 0, optional
        Time constant of "log" [steps]; by default ``last / 5``.
    threshold : float in [0, 1]
        x at or below the threshold is silent; 0.0 silences only x = 0.

    Notes
    -----
    The code costs 1 spike for x > threshold. It preserves the order of values; "linear" also preserves the
    values to within ``0.5 / last``: ``x = 1 - sl.decode.first_spike(raster) / last``.
    Source: Thorpe et al., Spike-based strategies for rapid processing, Neural Networks 14:715
    (2001).
    """
    values, n_steps, _ = _arguments("latency", x, steps, seed)
    choice("encode.latency", "code", code, "linear", "log")
    if tau is not None and code != "log":
        fail("encode.latency", "tau", tau, 'needs code="log": code="linear" has no time constant')
    if tau is None:
        tau = max(n_steps - 1, 1) / 5
    constant = scalar("encode.latency", "tau", tau, "> 0") if code == "log" else math.inf
    limit = scalar("encode.latency", "threshold", threshold, "in [0, 1]")
    _require_raster("encode.latency", n_steps, values.shape)
    raster = _core.encode_latency(values, n_steps, constant, limit)
    return _shaped(raster, values.shape, as_events)


@spelled
def phase(
    x: ArrayLike, steps: SupportsIndex, *, bits: int = 8, seed: int = 0, as_events: bool = False
) -> Raster | Spikes:
    """Encode x in weighted phases: the bits of ``floor(x * 2**bits)``, most significant first, repeated.

    A spike in row k has the weight ``2**-(1 + k % bits)``; x = 1 spikes at every step. Grey levels i / 255
    with 8 bits give the bits of i. A period that `steps` truncates has only its first bits.

    Parameters
    ----------
    x, steps, seed, as_events : see `spikelet.encode`
    bits : int in [1, 32]
        Number of steps in a period.

    Notes
    -----
    The code costs one spike per set bit, on average ``bits / 2`` per period for uniform x. It preserves x to
    within ``2**-bits`` in each period, for a receiver that weights spikes by their phase.
    Source: Kim et al., Deep neural networks with weighted spikes, Neurocomputing 311:373 (2018).
    """
    values, n_steps, _ = _arguments("phase", x, steps, seed)
    width = integer("encode.phase", "bits", bits, 1, 32)
    _require_raster("encode.phase", n_steps, values.shape)
    raster = _core.encode_phase(values, n_steps, width)
    return _shaped(raster, values.shape, as_events)


@spelled
def burst(
    x: ArrayLike,
    steps: SupportsIndex,
    *,
    n_max: int | None = None,
    isi_min: int = 1,
    isi_max: int | None = None,
    seed: int = 0,
    as_events: bool = False,
) -> Raster | Spikes:
    """Encode x as a burst of ``ceil(n_max * x)`` spikes, the first in row 0, with shorter intervals for a larger x.

    The interval is ``ceil(isi_max - (isi_max - isi_min) * x)`` steps.

    Parameters
    ----------
    x, steps, seed, as_events : see `spikelet.encode`
    n_max : int in [1, steps], optional
        Number of spikes at x = 1; by default 5, or `steps` if that is smaller.
    isi_min : int >= 1
        Interval at x = 1 [steps].
    isi_max : int >= isi_min, optional
        Interval as x approaches 0 [steps]. It must satisfy ``(n_max - 1) * isi_max < steps``, so that no spike
        is lost; by default the longest interval that does.

    Notes
    -----
    The code costs ``ceil(n_max * x)`` spikes. It preserves x to within ``1 / n_max`` in the count, and more
    precisely in the interval if there are at least two spikes; bursts of large values end early.
    Source: the formulas of Guo et al., Front. Neurosci. 15:638474 (2021), after Park et al., Fast
    and efficient information transmission with burst spikes in deep spiking neural networks, DAC
    (2019).
    """
    values, n_steps, _ = _arguments("burst", x, steps, seed)
    if n_max is None:
        n_max = min(5, n_steps)
    count = integer("encode.burst", "n_max", n_max, 1, n_steps)
    longest = max((n_steps - 1) // max(count - 1, 1), 1)
    shortest = integer("encode.burst", "isi_min", isi_min, 1, longest)
    if isi_max is not None:
        longest = integer("encode.burst", "isi_max", isi_max, shortest, longest)
    _require_raster("encode.burst", n_steps, values.shape)
    raster = _core.encode_burst(values, n_steps, count, shortest, longest)
    return _shaped(raster, values.shape, as_events)


@spelled
def delta(
    x: ArrayLike,
    steps: SupportsIndex | None = None,
    *,
    threshold: float = 0.1,
    seed: int = 0,
    as_events: bool = False,
) -> Raster | Spikes:
    """Encode a series by its changes (send on delta): ON and OFF spikes when it has changed by `threshold`.

    A reference starts at ``x[0]``; a value that is at least one threshold above (below) it causes an ON (OFF)
    spike and moves the reference up (down) by one threshold. There is at most one spike per step, so a jump
    takes several steps. To allow for rounding, a difference may fall short of the threshold by 1e-6 of it.

    Parameters
    ----------
    x : array-like ``[T, ...]``, finite, in any unit
    steps : int, optional
        Must be T, if given.
    threshold : float > 0
        Change that causes a spike, in the unit of x.
    seed, as_events : see `spikelet.encode`

    Returns
    -------
    uint8 array ``[T, *x.shape[1:], 2]`` or Spikes of shape ``(*x.shape[1:], 2)``
        ON spikes in ``[..., 0]``, OFF spikes in ``[..., 1]``; row 0 has no spikes.

    Notes
    -----
    The code costs about the total variation of x, divided by `threshold`, in spikes; a constant costs none.
    It preserves the series except for its start, ``x[0] + threshold * (on - off).cumsum(0)``, to within
    `threshold` if it changes at most that much per step.
    Source: Miskowicz, Send-on-delta concept, Sensors 6:49 (2006); the reference moves in thresholds
    as in event cameras (Lichtsteiner et al., IEEE J. Solid-State Circuits 43:566, 2008).
    """
    values = series("encode.delta", "x", x).astype(np.float64, copy=False)
    check_all("encode.delta", "x", values, np.isfinite(values), "must be finite")
    length = len(values)
    if steps is not None and integer("encode.delta", "steps", steps, 1) != length:
        fail("encode.delta", "steps", steps, f"must equal the length of x, {length}")
    integer("encode.delta", "seed", seed, 0, _MAX_SEED)
    distance = scalar("encode.delta", "threshold", threshold, "> 0")
    raster = _core.encode_delta(values, length, distance)
    return _shaped(raster, (*values.shape[1:], 2), as_events)


@spelled
def population(
    x: ArrayLike,
    steps: SupportsIndex,
    *,
    n: int = 8,
    code: Literal["latency", "rate"] = "latency",
    beta: float = 1.5,
    threshold: float = 0.1,
    seed: int = 0,
    as_events: bool = False,
) -> Raster | Spikes:
    """Encode each value by `n` neurons with Gaussian receptive fields in [0, 1].

    Neuron i has the activation ``a = exp(-(x - centre_i)**2 / (2 * width**2))``, which is encoded by `latency`
    ("linear") or `rate`; `receptive_fields` returns the centres and the width.

    Parameters
    ----------
    x, steps, seed, as_events : see `spikelet.encode`
    n : int >= 3
        Number of neurons for each value.
    code : "latency" or "rate"
    beta : float > 0
        Sharpness: the width is the distance between centres divided by `beta`.
    threshold : float in [0, 1]
        A neuron whose activation is at or below the threshold is silent.

    Returns
    -------
    uint8 array ``[T, *x.shape, n]`` or Spikes of shape ``(*x.shape, n)``

    Notes
    -----
    With the defaults, the code costs about 2.9 spikes per value ("latency": one for each active neuron) or
    ``1.6 * steps`` ("rate"), for any value including 0. It preserves x more precisely than the distance between
    centres, in the ratio of neighbours, which ``sl.decode.population_vector`` decodes.
    Source: Bohte et al., Error-backpropagation in temporally encoded networks of spiking neurons,
    Neurocomputing 48:17 (2002).
    """
    values, n_steps, key = _arguments("population", x, steps, seed)
    centers, width = receptive_fields(n, beta=beta)
    choice("encode.population", "code", code, "latency", "rate")
    limit = scalar("encode.population", "threshold", threshold, "in [0, 1]")
    activation = np.exp(-0.5 * ((values[..., np.newaxis] - centers) / width) ** 2)
    if code == "rate":
        p = np.where(activation > limit, activation, 0)
        return _bernoulli("encode.population", p, n_steps, key, as_events)
    _require_raster("encode.population", n_steps, activation.shape)
    raster = _core.encode_latency(activation, n_steps, math.inf, limit)
    return _shaped(raster, activation.shape, as_events)


@spelled
def receptive_fields(n: int = 8, *, beta: float = 1.5) -> tuple[NDArray[np.float64], float]:
    """Return the centres, float64 ``[n]``, and the width of the receptive fields of `population`.

    The centres are ``1 / (n - 2)`` apart; the first and the last are half that distance outside [0, 1].
    """
    distance = 1 / (integer("encode.population", "n", n, 3) - 2)
    centers = (np.arange(n, dtype=np.float64) - 0.5) * distance
    return centers, distance / scalar("encode.population", "beta", beta, "> 0")


def _bernoulli(
    where: str,
    p: NDArray[np.float64],
    steps: int,
    seed: int,
    as_events: bool,
    dt: float = 1.0,
) -> Raster | Spikes:
    if as_events:
        require_memory(
            where, (steps * float(p.sum()),), 16, "give fewer steps"
        )  # spikes on average
        stamps, ids = _core.encode_bernoulli_list(p, steps, seed)
        return _spikes(stamps, ids, steps, p.shape, dt)
    _require_raster(where, steps, p.shape, "give fewer steps, or as_events=True")
    return _core.encode_bernoulli(p, steps, seed).reshape(steps, *p.shape)


def _require_raster(
    where: str, steps: int, shape: tuple[int, ...], way_out: str = "give fewer steps"
) -> None:
    require_memory(where, (steps, *shape), 1, way_out)


def _shaped(raster: Raster, shape: tuple[int, ...], as_events: bool) -> Raster | Spikes:
    if as_events:
        return _spikes(*_core.encode_spike_list(raster, len(raster)), len(raster), shape, 1.0)
    return raster.reshape(len(raster), *shape)


def _spikes(
    stamps: NDArray[np.int64], ids: NDArray[np.int64], steps: int, shape: tuple[int, ...], dt: float
) -> Spikes:
    stop = float(to_ms(np.array(steps), dt))
    return Spikes(to_ms(stamps, dt), ids, start=0.0, stop=stop, dt=dt, shape=shape)


def _arguments(
    name: str, x: ArrayLike, steps: SupportsIndex, seed: int
) -> tuple[NDArray[np.float64], int, int]:
    """Check the arguments of every encoder; return x as contiguous float64."""
    where = f"encode.{name}"
    given = real_array(where, "x", x)
    values = given.astype(np.float64, order="C", copy=False)
    if values.size and not (values.min() >= 0 and values.max() <= 1):  # false for NaN
        hint = " (of bytes, x / 255)" if given.dtype == np.uint8 else ""
        check_all(where, "x", values, (values >= 0) & (values <= 1), f"must lie in [0, 1]{hint}")
    return values, integer(where, "steps", steps, 1), integer(where, "seed", seed, 0, _MAX_SEED)
