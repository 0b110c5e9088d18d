"""Linear regressions: estimates of a mean input from the input so far, and corrections of weights."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from spikelet._util.checks import fail
from spikelet.conversion.layerwise.activity import Floats
from spikelet.conversion.layerwise.site import Site
from spikelet.layers import Conv2d, Layer, Linear

__all__ = ["Estimate", "Regression", "estimate"]

_RIDGE = 1e-3  # penalty, relative to the variance of the means, or to the mean square of the inputs
_LEAST = 0.05  # explained share of the variance below which it counts as this
_TINY = 1e-12
_LARGEST = 1e18  # mean inputs whose squares float32 can add up
_FEATURES = 2048  # layers with more inputs are not fitted: there are too few samples
_ROWS_EACH = 32  # input vectors for each feature that is fitted
_INPUTS = 1 << 25  # mean inputs that are held, of fewer samples if they are large,
_FEWEST = 32  # but not of fewer than these
_VALUES = 1 << 24  # limit of unfolded input values at once


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
    center = means.mean((0, 2), dtype=np.float64)
    centered = (means - center[:, None]).astype(np.float32)
    variance = np.square(centered).mean((0, 2), dtype=np.float64)
    sums = np.zeros(means.shape, np.float32)
    slope, offset = np.zeros((steps, channels)), np.zeros((steps, channels))
    progress = np.cumsum(sizes)
    for t in range(steps):
        sums += np.float32(sizes[t]) * currents[t]
        middle = sums.mean((0, 2), dtype=np.float64)
        apart = sums - middle.astype(np.float32)[:, None]
        spread = np.square(apart).mean((0, 2), dtype=np.float64)
        together = (apart * centered).mean((0, 2), dtype=np.float64)
        # The penalty makes the slope 0 where no input has arrived yet.
        least = together / (spread + _RIDGE * variance * progress[t] ** 2 + _TINY)
        explained = np.clip(least * together / (variance + _TINY), _LEAST, 1)
        slope[t] = least * explained**-unbiased
        offset[t] = center - slope[t] * middle
    return Estimate(slope, offset)


@dataclass(frozen=True)
class Regression:
    """Moments of the linear layers that feed a site: of their inputs in the spiking network, and with what is missing.

    With the old weights, the means of the spiking network give potentials that differ from the ANN's: this is missing.

    Parameters
    ----------
    layers : mapping of str to Layer
        The layers of a sum, a convolution and a shortcut, by name.
    sources : sequence of str
        Names of their inputs.
    gram : array, [F, F]
        Products of the features, which are the inputs of all layers, one after the other, and a 1; added up over positions.
    mixed : array, [F, channels]
        Products of the features with what is missing.
    half : (array, array)
        Both for the first half of the samples.
    """

    layers: Mapping[str, Any]
    sources: Sequence[str]
    gram: Floats
    mixed: Floats
    half: tuple[Floats, Floats]

    @classmethod
    def of(cls, site: Site) -> Regression | None:
        """Return the moments at a site; None if its layers cannot be fitted."""
        names = [n for n in site.linear if _of_one_group(site.graph[n].layer)]
        layers: list[Any] = [site.graph[n].layer for n in names]
        sources = [site.graph[n].inputs[0] for n in names]
        twice = len(set(names)) < len(names)  # a layer that is added to itself
        total = sum(map(_features, layers)) + 1
        if not names or twice or total > _FEATURES + 1 or site.exact:
            return None
        values = sum(math.prod(site.shapes[n]) for n in sources)
        samples = min(site.count, max(_FEWEST, _INPUTS // values))
        place = site.place(samples, -(-_ROWS_EACH * total // samples))
        missing = site.potentials(place) - site.mean_current(place)
        channels, positions = missing.shape[1:]
        inputs = [site.means(n, place) for n in sources]
        gram, mixed = np.zeros((total, total)), np.zeros((total, channels))
        half = np.zeros_like(gram), np.zeros_like(mixed)
        batch = max(1, _VALUES // (positions * total))
        for first in range(0, len(missing), batch):
            part = slice(first, first + batch)
            wanted = np.moveaxis(missing[part], 1, -1).reshape(-1, channels)
            columns = [
                _unfold(layer, x[part], place.positions)
                for layer, x in zip(layers, inputs, strict=True)
            ]
            # Sums in float32 would depend on the size of a batch.
            rows = np.concatenate([*columns, np.ones((len(wanted), 1))], axis=1, dtype=np.float64)
            gram += rows.T @ rows
            mixed += rows.T @ wanted
            some = slice(max(0, len(missing) // 2 - first) * positions)
            half[0][:] += rows[some].T @ rows[some]
            half[1][:] += rows[some].T @ wanted[some]
        return cls(dict(zip(names, layers, strict=True)), sources, gram, mixed, half)

    def corrected(self) -> dict[str, Layer]:
        """Return the layers with the ridge regression of what is missing added to their weights, jointly for all of them."""
        return self.changed(_solved(self.gram, self.mixed), self.layers)

    def confirmed(self) -> dict[str, Layer]:
        """Return the layers with so much of the correction as the fit to each half of the samples explains in the other."""
        halves = [self.half, (self.gram - self.half[0], self.mixed - self.half[1])]
        found, most = 0.0, 0.0
        for fitted, (gram, mixed) in zip(halves, halves[::-1], strict=True):
            by = _solved(*fitted)
            found += float((by * mixed).sum())
            most += float((by * (gram @ by)).sum())
        share = min(max(found / most, 0.0), 1.0) if most > 0 else 0.0
        return self.changed(share * _solved(self.gram, self.mixed), self.layers)

    def changed(self, by: Floats, layers: Mapping[str, Any]) -> dict[str, Layer]:
        """Return the layers with weights, and a common bias, changed by an amount, [F, channels]."""
        result: dict[str, Layer] = {}
        first = 0
        for name, layer in layers.items():
            size = _features(layer)
            weight = layer.weight + by[first : first + size].T.reshape(layer.weight.shape)
            bias = np.zeros(len(weight)) if layer.bias is None else layer.bias
            result[name] = layer.replace(weight=weight, bias=bias if result else bias + by[-1])
            first += size
        return result


def _solved(gram: Floats, mixed: Floats) -> Floats:
    total = len(gram)
    scale = np.trace(gram) / total
    ridge = np.full(total, _RIDGE * scale)
    ridge[-1] = 1e-6 * scale
    return np.linalg.solve(gram + np.diag(ridge), mixed)


def _of_one_group(layer: Layer) -> bool:
    return isinstance(layer, Linear) or (isinstance(layer, Conv2d) and layer.groups == 1)


def _features(layer: Conv2d | Linear) -> int:
    return math.prod(layer.weight.shape[1:])


def _unfold(layer: Conv2d | Linear, x: Floats, positions: NDArray[np.int64] | None) -> Floats:
    """Return the inputs of output positions, [samples x positions, inputs x kernel]."""
    if isinstance(layer, Linear):
        return x.reshape(len(x), -1)
    top, bottom, left, right = layer.padding
    (sy, sx), (dy, dx) = layer.stride, layer.dilation
    kh, kw = layer.weight.shape[2:]
    padded = np.pad(x, ((0, 0), (0, 0), (top, bottom), (left, right)))
    windows = sliding_window_view(padded, (dy * (kh - 1) + 1, dx * (kw - 1) + 1), axis=(2, 3))
    windows = windows[:, :, ::sy, ::sx, ::dy, ::dx].transpose(0, 2, 3, 1, 4, 5)
    if positions is not None:
        rows, columns = np.unravel_index(positions, windows.shape[1:3])
        windows = windows[:, rows, columns]
    return np.ascontiguousarray(windows).reshape(-1, _features(layer))
