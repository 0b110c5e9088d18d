"""Decoders: convert spike trains to numbers.

Spikes are a raster ``[T, ...]`` (row k is step k; elements may be spike counts) or `spikelet.encode.Events`.
Wrong arguments raise TypeError or ValueError, which names the function, the argument, the value and the rule.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import check_all, real_array, scalar, series
from spikelet.encode import Events

__all__ = ["count", "first_spike", "population_vector", "rate"]


def count(spikes: ArrayLike | Events) -> NDArray[np.int64]:
    """Count the spikes of each element.

    Parameters
    ----------
    spikes : array-like ``[T, ...]`` of whole numbers >= 0, or Events

    Returns
    -------
    int64 array ``[...]``
    """
    return _count("decode.count", spikes)


def first_spike(spikes: ArrayLike | Events, *, silent: float = math.nan) -> NDArray[np.float64]:
    """Return the step of the first spike of each element.

    Parameters
    ----------
    spikes : array-like ``[T, ...]`` of whole numbers >= 0, or Events
    silent : float
        Result for an element without spikes, such as NaN or T.

    Returns
    -------
    float64 array ``[...]``
        Index of the row, 0 to T - 1; the time stamp is one more.
    """
    if isinstance(spikes, Events):
        first = np.full(math.prod(spikes.shape), np.inf)
        np.minimum.at(first, spikes.ids, spikes.times - 1)
        first = first.reshape(spikes.shape)
        return np.where(np.isinf(first), float(silent), first)
    fired = _raster("decode.first_spike", spikes) != 0
    return np.where(fired.any(axis=0), fired.argmax(axis=0), float(silent))


def rate(spikes: ArrayLike | Events, dt: float) -> NDArray[np.float64]:
    """Return the mean rate of each element over all T steps [Hz].

    Parameters
    ----------
    spikes : array-like ``[T, ...]`` of whole numbers >= 0, or Events
    dt : float > 0
        Length of a time step [ms].

    Returns
    -------
    float64 array ``[...]``
    """
    seconds = scalar("decode.rate", "dt", dt, "> 0", "ms") / 1000
    counts = _count("decode.rate", spikes)
    steps = spikes.steps if isinstance(spikes, Events) else len(np.asarray(spikes))
    return counts / (steps * seconds)


def population_vector(activity: ArrayLike | Events, preferred: ArrayLike) -> NDArray[np.float64]:
    """Return the mean of the preferred values of neurons, weighted by their activity.

    Parameters
    ----------
    activity : Events, raster ``[T, ..., n]`` or activities ``[..., n]``, all >= 0
        Arrays of uint8 or bool with two or more axes are rasters, like those of `spikelet.encode`, whose
        spikes are counted first; all other arrays are activities (counts, rates, ...).
    preferred : array-like ``[n]`` or ``[n, d]``
        Preferred value of each neuron (``sl.encode.receptive_fields(n)[0]`` for the population code), or
        preferred vectors; use unit vectors ``[n, 2]`` for angles.

    Returns
    -------
    float64 array ``[...]`` or ``[..., d]``
        NaN if all neurons are silent.

    Notes
    -----
    Source: Georgopoulos et al., Neuronal population coding of movement direction, Science 233:1416
    (1986).
    """
    name = "decode.population_vector"
    if isinstance(activity, Events):
        weights: NDArray[Any] = count(activity)
    else:
        weights = real_array(name, "activity", activity)
        if weights.dtype in (np.uint8, np.bool_) and weights.ndim > 1:
            weights = _count(name, weights)
        inside = (weights >= 0) & (weights < np.inf)
        check_all(name, "activity", weights, inside, "must be finite and >= 0")
    values = real_array(name, "preferred", preferred).astype(np.float64)
    check_all(name, "preferred", values, np.isfinite(values), "must be finite")
    if values.ndim not in (1, 2) or weights.shape[-1:] != values.shape[:1]:
        shapes = f"activity [..., n] of shape {weights.shape} and preferred of {values.shape}"
        raise ValueError(f"{name}: preferred must be [n] or [n, d], got {shapes}")
    total = weights.sum(axis=-1, dtype=np.float64)
    if values.ndim == 2:
        total = total[..., np.newaxis]
    with np.errstate(invalid="ignore"):  # 0 / 0: all silent
        return np.asarray((weights @ values) / total, np.float64)


def _raster(name: str, spikes: ArrayLike) -> NDArray[Any]:
    raster = series(name, "spikes", spikes)
    if raster.dtype.kind in "if":  # NaN and infinity are not whole numbers either
        whole = (raster >= 0) & (np.isfinite(raster)) & (raster == np.floor(raster))
        check_all(name, "spikes", raster, whole, "must be whole numbers >= 0")
    return raster


def _count(name: str, spikes: ArrayLike | Events) -> NDArray[np.int64]:
    if isinstance(spikes, Events):
        return np.bincount(spikes.ids, minlength=math.prod(spikes.shape)).reshape(spikes.shape)
    return np.asarray(_raster(name, spikes).sum(axis=0, dtype=np.int64))
