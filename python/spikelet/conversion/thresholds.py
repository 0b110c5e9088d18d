"""Thresholds of channels or layers, from activity on calibration inputs in the ANN or the spiking network."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from spikelet.conversion.calibration import Calibration, Floats
from spikelet.layers import Layer, ReLU

__all__ = ["THRESHOLDS", "Options", "by_channel"]

_SAMPLES = 20_000  # values of a channel, if all would take too long


@dataclass(frozen=True)
class Options:
    """Options of the methods that choose thresholds.

    Parameters
    ----------
    per_channel : bool
        One threshold for each channel, or one for each layer.
    percentile : float
        Percentile, in (0, 100].
    make : callable
        Takes thresholds and returns neurons; for methods that run the spiking network.
    """

    per_channel: bool
    percentile: float
    make: Callable[[Any], Layer]


def by_channel(values: Floats, per_channel: bool) -> Floats:
    """Return [channels, values], or [1, values] of all channels."""
    rows = np.moveaxis(values, 1, 0).reshape(values.shape[1], -1)
    return np.asarray(rows if per_channel else rows.reshape(1, -1))


def usable(thresholds: Floats) -> Floats:
    """Return positive thresholds: channels that no input activated get a thousandth of the largest threshold."""
    greatest = float(thresholds.max())
    least = 1e-3 * greatest if greatest > 0 else 1.0
    return np.asarray(np.maximum(thresholds.astype(np.float64), least))


def _sampled(rows: Floats) -> Floats:
    """Return at most `_SAMPLES` evenly spaced values of each row."""
    step = -(-rows.shape[1] // _SAMPLES)
    return rows[:, ::step]


def _of_activations(
    cal: Calibration, options: Options, choose: Callable[[Floats], Floats]
) -> dict[str, Floats]:
    return {
        n: usable(choose(by_channel(cal.activations(n, cal.potentials(n)), options.per_channel)))
        for n in cal.neurons
    }


def maxnorm(cal: Calibration, options: Options) -> dict[str, Floats]:
    """Return the largest activations (Diehl et al., IJCNN 2015)."""
    return _of_activations(cal, options, lambda a: a.max(1))


def percentile(cal: Calibration, options: Options) -> dict[str, Floats]:
    """Return a percentile of the activations (Rueckauer et al., Front. Neurosci. 2017)."""
    return _of_activations(cal, options, lambda a: np.percentile(a, options.percentile, axis=1))


def least_error(cal: Calibration, options: Options) -> dict[str, Floats]:
    """Return the thresholds whose T + 1 levels round the activations with the least squared error (Li et al., ICML 2021)."""
    return _of_activations(cal, options, lambda a: clipped_best(a, cal.steps))


def clipped_best(a: Floats, levels: int) -> Floats:
    """Return the limit L of each row for which ``round(a levels / L) L / levels``, in [0, L], is closest to a >= 0."""
    z = _sampled(a).astype(np.float32)
    greatest = z.max(1, keepdims=True)
    best = greatest[:, 0].copy()
    least = np.full(len(z), np.inf)
    for share in np.linspace(0.05, 1.0, 58, dtype=np.float32):
        limit = np.maximum(greatest * share, 1e-30)
        kept = np.minimum(np.rint(z * (levels / limit)), levels) * (limit / levels)
        error = np.square(kept - z).mean(1)
        better = error < least
        best[better], least[better] = limit[better, 0], error[better]
    return np.asarray(best)


def threshold_iteration(cal: Calibration, options: Options) -> dict[str, Floats]:
    """Return the closed-form optimum for normally distributed potentials, n = T levels (Huang et al., ICML 2025)."""
    result = {}
    for name in cal.neurons:
        z = by_channel(cal.potentials(name), options.per_channel)
        moments = zip(z.mean(1, dtype=np.float64), z.std(1, dtype=np.float64), strict=True)
        result[name] = usable(np.array([_iterate(m, s, cal.steps) for m, s in moments]))
    return result


def _iterate(mu: float, sigma: float, n: int) -> float:
    if sigma <= 0:
        return max(mu, 0.0)
    i = np.arange(1, n + 1)
    threshold = max(mu, 0.0) + 3 * sigma
    for _ in range(200):
        c = (2 * i - 1) * threshold / (2 * n)
        u = (c - mu) / (math.sqrt(2) * sigma)
        erf = np.array([math.erf(v) for v in u])
        s1, s2, s3 = erf.sum(), ((2 * i - 1) / n**2 * erf).sum(), np.exp(-(u**2)).sum()
        if 1 - s2 < 1e-12:
            break
        factor = (mu / threshold) * (1 - s1 / n) / (1 - s2)
        factor += sigma * math.sqrt(2 / math.pi) / threshold * s3 / n / (1 - s2)
        threshold *= factor
        if abs(factor - 1) < 1e-6:
            break
    return max(threshold, 0.0)


def ltb(cal: Calibration, options: Options, iterations: int = 1000) -> dict[str, Floats]:
    """Return locally balanced thresholds (Bu et al., CVPR 2025).

    In forward order, each threshold rises by twice the mean excess of the activations above it, for `iterations` updates;
    the excess does not reach the next layers.
    """
    thresholds: dict[str, Floats] = {}
    changes: dict[str, Layer] = {}
    for n in cal.neurons:
        z = np.sort(
            by_channel(cal.activations(n, cal.potentials(n, changes)), options.per_channel), axis=1
        )
        sums = np.cumsum(z[:, ::-1], axis=1, dtype=np.float64)
        result = np.zeros(len(z))
        for row in range(len(z)):
            threshold = 0.0
            for _ in range(iterations):
                above = z.shape[1] - int(np.searchsorted(z[row], threshold, side="right"))
                if above == 0:
                    break
                excess = sums[row, above - 1] - above * threshold
                threshold += 2 * excess / z.shape[1]
            result[row] = threshold
        thresholds[n] = usable(result)
        changes[n] = ReLU(upper=thresholds[n] if options.per_channel else float(thresholds[n][0]))
    return thresholds


def rmp(cal: Calibration, options: Options) -> dict[str, Floats]:
    """Return the largest input of a step, layer by layer in the spiking network (Sengupta et al. 2019; Han et al. 2020)."""
    thresholds: dict[str, Floats] = {}
    spiking: dict[str, Layer] = {}
    for n in cal.neurons:
        greatest: Floats | None = None
        for _, values in cal.currents(cal.source(n), spiking):
            rows = by_channel(
                np.swapaxes(values, 0, 1).reshape(-1, *values.shape[2:]), options.per_channel
            )
            now = rows.max(1)
            greatest = now if greatest is None else np.maximum(greatest, now)
        assert greatest is not None
        thresholds[n] = usable(np.maximum(greatest, 0))
        spiking[n] = options.make(thresholds[n])
    return thresholds


THRESHOLDS: Mapping[str, Callable[[Calibration, Options], dict[str, Floats]]] = {
    "maxnorm": maxnorm,
    "percentile": percentile,
    "least_error": least_error,
    "threshold_iteration": threshold_iteration,
    "ltb": ltb,
    "rmp": rmp,
}
