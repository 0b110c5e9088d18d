"""Estimates of a mean input from the input so far, by linear regression."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from spikelet._util.checks import fail
from spikelet.conversion.layerwise.calibration import Floats

__all__ = ["Estimate", "estimate"]

_RIDGE = 1e-3  # penalty, relative to the variance of the means
_LEAST = 0.05  # explained share of the variance below which it counts as this
_TINY = 1e-12
_LARGEST = 1e18  # mean inputs whose squares float32 can add up


@dataclass(frozen=True)
class Estimate:
    """At step t, a neuron whose weighted input adds up to S expects the mean input ``slope[t] * S + offset[t]``.

    Parameters
    ----------
    slope, offset : array, [T, channels]
    """

    slope: Floats
    offset: Floats


def estimate(
    currents: Floats, means: Floats, sizes: Floats, unbiased: float = 0.0, name: str = "a layer"
) -> Estimate:
    """Return the estimate of the least squared error on calibration inputs.

    Parameters
    ----------
    currents : array, [T, n, channels, positions]
    means : array, [n, channels, positions]
        Mean inputs in the ANN.
    sizes : array, [T]
        Weights of the steps, with the mean 1.
    unbiased : float
        0: of the least squared error, which lies too close to the mean of the channel where little is known. 1: right on
        average for each mean input, and so less accurate.
    name : str
        Of the neurons, for errors.

    Raises
    ------
    ValueError
        If mean inputs are so large that their squares overflow.
    """
    largest = float(np.abs(means).max(initial=0.0))
    if largest > _LARGEST:
        rule = f"must lie within +-{_LARGEST:g} for all calibration inputs: do these hold outliers, or marks of missing values?"
        fail("convert", f"the input of '{name}'", largest, rule)
    steps, _, channels = currents.shape[:3]
    centre = means.mean((0, 2), dtype=np.float64)
    centred = (means - centre[:, None]).astype(np.float32)
    variance = np.square(centred).mean((0, 2), dtype=np.float64)
    sums = np.zeros(means.shape, np.float32)
    slope, offset = np.zeros((steps, channels)), np.zeros((steps, channels))
    progress = np.cumsum(sizes)
    for t in range(steps):
        sums += np.float32(sizes[t]) * currents[t]
        middle = sums.mean((0, 2), dtype=np.float64)
        apart = sums - middle.astype(np.float32)[:, None]
        spread = np.square(apart).mean((0, 2), dtype=np.float64)
        together = (apart * centred).mean((0, 2), dtype=np.float64)
        # The penalty makes the slope 0 where no input has arrived yet.
        least = together / (spread + _RIDGE * variance * progress[t] ** 2 + _TINY)
        explained = np.clip(least * together / (variance + _TINY), _LEAST, 1)
        slope[t] = least * explained**-unbiased
        offset[t] = centre - slope[t] * middle
    return Estimate(slope, offset)
