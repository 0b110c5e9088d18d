"""Decoders: convert spike trains to numbers.

Spikes are a raster ``[T, ...]`` (row k is step k; elements may be spike counts), `spikelet.Spikes`
or a recorder of them.
Wrong arguments raise TypeError or ValueError, which names the function, the argument, the value and the rule.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet._util.checks import check_all, fail, real_array, scalar, series
from spikelet._util.spelling import offer, spelled
from spikelet.spikes.binning import bin_of
from spikelet.spikes.spikes import Spikes, as_spikes

__all__ = ["count", "first_spike", "population_vector", "rate"]

offer(__name__, __all__)


@spelled
def count(spikes: ArrayLike | Spikes) -> NDArray[np.int64]:
    """Count the spikes of each element.

    Parameters
    ----------
    spikes : array-like ``[T, ...]`` of whole numbers >= 0, or Spikes

    Returns
    -------
    int64 array ``[...]``
    """
    return _count("decode.count", spikes)


@spelled
def first_spike(spikes: ArrayLike | Spikes, *, silent: float = math.nan) -> NDArray[np.float64]:
    """Return the step of the first spike of each element.

    Parameters
    ----------
    spikes : array-like ``[T, ...]`` of whole numbers >= 0, or Spikes
    silent : float
        Result for an element without spikes, such as NaN or T.

    Returns
    -------
    float64 array ``[...]``
        Index of the row, 0 to T - 1; the time stamp is one more.
    """
    found = as_spikes(spikes)
    if found is not None:
        if found.dt is None:
            fail("decode.first_spike", "dt of the spikes", None, "must be known, to count steps")
        first = np.full(math.prod(found.shape), float(silent))
        elements, index = np.unique(found.columns(), return_index=True)  # they are in order of time
        first[elements] = bin_of(found.times[index], found.start, found.dt)
        return first.reshape(found.shape)
    fired = _raster("decode.first_spike", spikes) != 0
    return np.where(fired.any(axis=0), fired.argmax(axis=0), float(silent))


@spelled
def rate(spikes: ArrayLike | Spikes, dt: float | None = None) -> NDArray[np.float64]:
    """Return the mean rate of each element over all T steps [Hz].

    Parameters
    ----------
    spikes : array-like ``[T, ...]`` of whole numbers >= 0, or Spikes
    dt : float > 0, optional
        Length of a time step [ms]; by default that of Spikes. It must be given with a raster.

    Returns
    -------
    float64 array ``[...]``
    """
    found = as_spikes(spikes)
    if found is not None and dt is None:
        if found.stop is None:
            rule = "must have a known end, as sl.Spikes(times, ids, stop=...) gives it"
            fail("decode.rate", "spikes", found, rule)
        return found.rates().reshape(found.shape)
    if found is not None and found.dt is None:
        rule = "is only for spikes on a grid, whose steps it makes longer or shorter; leave it out"
        fail("decode.rate", "dt", dt, rule)
    if dt is None:
        rule = "must be given with a raster: the length of a step [ms]"
        fail("decode.rate", "dt", dt, rule, error=TypeError)
    seconds = scalar("decode.rate", "dt", dt, "> 0", "ms") / 1000
    counts = _count("decode.rate", spikes)
    steps = len(np.asarray(spikes)) if found is None else found.steps
    return counts / (steps * seconds)


@spelled
def population_vector(activity: ArrayLike | Spikes, preferred: ArrayLike) -> NDArray[np.float64]:
    """Return the mean of the preferred values of neurons, weighted by their activity.

    Parameters
    ----------
    activity : Spikes, raster ``[T, ..., n]`` or activities ``[..., n]``, all >= 0
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
    if as_spikes(activity) is not None:
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


def _count(name: str, spikes: ArrayLike | Spikes) -> NDArray[np.int64]:
    found = as_spikes(spikes)
    if found is not None:
        return found.counts().reshape(found.shape)
    return np.asarray(_raster(name, spikes).sum(axis=0, dtype=np.int64))
