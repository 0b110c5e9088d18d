"""Encode sound as spikes: a bank of auditory filters, and spikes where the level of a channel crosses a threshold."""

from __future__ import annotations

import math
from typing import Any, SupportsIndex

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import check_all, fail, integer, real_array, scalar
from spikelet._util.spelling import spelled
from spikelet.encode.codes import delta
from spikelet.spikes import Spikes

Floats = NDArray[np.float64]

# The width of a filter of the ear grows with its centre: ERB = 24.7 Hz + centre / 9.26449 (Glasberg & Moore, 1990).
_QUALITY, _NARROWEST = 9.26449, 24.7


@spelled
def erb_frequencies(channels: SupportsIndex, low: float, high: float) -> Floats:
    """Return centre frequencies that are equally far apart on the scale of the ear's filters.

    Parameters
    ----------
    channels : int >= 1
        Their number.
    low, high : float
        The first and the last [Hz]; ``0 < low < high``. One channel is at `low`.

    Returns
    -------
    float64 array ``[channels]``, ascending, [Hz]

    Notes
    -----
    Source: Glasberg and Moore, Derivation of auditory filter shapes from notched-noise data, Hearing Research 47:103
    (1990).
    """
    where = "encode.erb_frequencies"
    n = integer(where, "channels", channels, 1)
    first = scalar(where, "low", low, "> 0", "Hz")
    last = scalar(where, "high", high, "> 0", "Hz")
    if last <= first:
        fail(where, "high", last, f"must be above low, {first:g} Hz")
    offset = _QUALITY * _NARROWEST
    ratio = (last + offset) / (first + offset)
    found = (first + offset) * ratio ** (np.arange(n) / max(n - 1, 1)) - offset
    return np.asarray(found, np.float64)


@spelled
def cochlea(
    wave: ArrayLike,
    rate: float,
    *,
    channels: SupportsIndex = 64,
    low: float = 100.0,
    high: float | None = None,
    dt: float = 1.0,
    tau: float = 5.0,
    exponent: float = 0.3,
    threshold: float = 0.05,
    normalize: bool = True,
    as_events: bool = False,
) -> NDArray[np.uint8] | Spikes:
    """Encode a sound as spikes of the channels of a simple cochlea.

    Gammatone filters, equally far apart on the scale of the ear's, split the sound. Each channel is rectified, smoothed,
    averaged over each step, and compressed, ``level = mean ** exponent``. `delta` encodes the levels: an ON spike where the
    level has risen by `threshold` since the last spike, an OFF spike where it has fallen, from silence on.

    Parameters
    ----------
    wave : array-like ``[samples]``
        The sound: floats, or integers, whose range becomes [-1, 1).
    rate : float > 0
        Samples per second [Hz].
    channels : int >= 1
        Number of filters; see `erb_frequencies`.
    low, high : float
        Centre frequencies of the first and the last filter [Hz]; below half of `rate`. By default, `high` is 8 kHz, or
        0.4 of a `rate` below 20 kHz.
    dt : float > 0
        Length of a step [ms], which must hold at least one sample.
    tau : float >= 0
        Time constant of the smoothing [ms]. Without, low channels spike in phase with the sound.
    exponent : float in [0, 1]
        Compression; the ear's is about 0.3.
    threshold : float > 0
        Change of the level that causes a spike.
    normalize : bool
        Scale the sound to a peak of 1, so that its loudness does not matter; silence remains silence.
    as_events : bool
        Return `Spikes` on the grid dt.

    Returns
    -------
    uint8 array ``[T, channels, 2]`` or Spikes of shape ``(channels, 2)``
        ON spikes in ``[..., 0]``, OFF spikes in ``[..., 1]``; T is the number of whole steps. The last channel has the
        highest frequency.

    Raises
    ------
    ValueError, TypeError
        An argument is outside its limits; the sound is shorter than a step, not finite, or has several channels.

    Notes
    -----
    A channel has at most one ON or OFF spike in a step. The result is a function of its arguments alone; all is computed
    in float64. Sources: Slaney, An efficient implementation of the Patterson-Holdsworth auditory filter bank, Apple
    Technical Report 35 (1993), whose four second-order sections are used; power-law compression after Stevens, On the
    psychophysical law, Psychological Review 64:153 (1957); level crossings after Miskowicz, Sensors 6:49 (2006).
    """
    where = "encode.cochlea"
    frequency = scalar(where, "rate", rate, "> 0", "Hz")
    step = scalar(where, "dt", dt, "> 0", "ms")
    if step * frequency < 1000 * (1 - 1e-9):
        fail(where, "dt", step, f"must hold at least one sample, {1000 / frequency:g} ms")
    smoothing = scalar(where, "tau", tau, ">= 0", "ms")
    power = scalar(where, "exponent", exponent, "in [0, 1]")
    change = scalar(where, "threshold", threshold, "> 0")
    n = integer(where, "channels", channels, 1, 2**20)
    first = scalar(where, "low", low, "> 0", "Hz")
    last = (
        min(8000.0, 0.4 * frequency) if high is None else scalar(where, "high", high, "> 0", "Hz")
    )
    if not first < last < frequency / 2:
        fail(
            where,
            "high",
            last,
            f"must lie between low, {first:g}, and half of the rate, {frequency / 2:g} Hz",
        )
    sound = _sound(where, wave, normalize=normalize)
    edges = _edges(len(sound), step * frequency / 1000)
    if len(edges) < 2:
        fail(
            where,
            "wave",
            len(sound),
            f"must be at least one step of {step:g} ms long",
            got="samples:",
        )
    levels = np.zeros((len(edges), n))  # from silence on
    for k, center in enumerate(erb_frequencies(n, first, last)):
        levels[1:, k] = _level(sound, frequency, float(center), smoothing, edges) ** power
    raster = np.asarray(delta(levels, threshold=change))[1:]
    return Spikes.from_raster(raster, step) if as_events else raster


def _sound(where: str, wave: ArrayLike, *, normalize: bool) -> Floats:
    """Return a sound as floating-point numbers."""
    array = real_array(where, "wave", wave)
    if array.ndim != 1:
        rule = "must be [samples]; of several channels, choose or average"
        fail(where, "wave", array.shape, rule, got="shape")
    sound = array.astype(np.float64)
    check_all(where, "wave", sound, np.isfinite(sound), "must be finite")
    if array.dtype.kind in "iu":
        half = (int(np.iinfo(array.dtype).max) + 1) / (2 if array.dtype.kind == "u" else 1)
        sound = sound / half - (
            array.dtype.kind == "u"
        )  # the silence of unsigned samples is in the middle
    peak = float(np.abs(sound).max(initial=0))
    return sound / peak if normalize and peak > 0 else sound


def _edges(samples: int, per_step: float) -> NDArray[np.int64]:
    """Return where steps begin, and where the last whole one ends [samples]."""
    n = math.floor(samples / per_step * (1 + 1e-12))
    edges: NDArray[np.int64] = np.floor(np.arange(n + 1) * per_step * (1 + 1e-12)).astype(np.int64)
    return np.minimum(edges, np.int64(samples))


def _level(
    sound: Floats, rate: float, center: float, tau: float, edges: NDArray[np.int64]
) -> Floats:
    """Return the mean of a channel in each step, rectified and smoothed."""
    from scipy import signal  # noqa: PLC0415  # slow to import

    level = np.maximum(signal.sosfilt(_gammatone(center, rate), sound), 0)
    if tau > 0:
        decay = math.exp(-1000 / (rate * tau))
        level = signal.lfilter([1 - decay], [1, -decay], level)
    sums = np.add.reduceat(level[: edges[-1]], edges[:-1])
    return np.asarray(sums / np.diff(edges))


def _gammatone(center: float, rate: float) -> Floats:
    """Return the four second-order sections of a filter, with a gain of 1 at its centre.

    As one filter of order 8, its poles would coincide to within rounding errors at low frequencies.
    """
    width = 2 * math.pi * 1.019 * (center / _QUALITY + _NARROWEST)
    angle, decay = 2 * math.pi * center / rate, math.exp(-width / rate)
    denominator = [1, -2 * decay * math.cos(angle), decay**2]
    at = np.exp(-1j * angle)
    sections: list[Any] = []
    for root in (3 + 2**1.5, 3 - 2**1.5):
        for sign in (1, -1):
            zero = decay * (math.cos(angle) + sign * math.sqrt(root) * math.sin(angle))
            gain = abs((1 - zero * at) / np.polyval(denominator[::-1], at))
            sections.append([1 / gain, -zero / gain, 0, *denominator])
    return np.array(sections)
