"""Conversion methods: by name, and the thresholds of each, compared with plain numpy."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats
from tests.support.conversions import B2, W2, Z1, Z2, V, convert, tiny

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion import METHODS, MaxNorm, Neurons, Percentile


@pytest.mark.parametrize("name", METHODS)
def test_methods_by_name(name: str) -> None:
    method = METHODS[name]()
    assert method.name == name
    assert method == METHODS[name]()
    assert method.spiking == (name in ("fitted", "rmp", "calibrated"))
    assert type(method).__name__ in sl.conversion.__all__


def test_options_are_those_of_the_method() -> None:
    assert repr(Percentile(90, per_channel=False)) == "Percentile(per_channel=False, percentile=90)"
    with pytest.raises(TypeError, match="MaxNorm has no parameter 'percentile'"):
        MaxNorm(percentile=90)  # type: ignore[call-arg]  # that is the point
    with pytest.raises(ValueError, match=r"Percentile: percentile must be in \(0, 100\], got 0"):
        Percentile(0)
    with pytest.raises(TypeError, match="'most'"):
        Percentile("most")  # type: ignore[arg-type]  # that is the point


def thresholds(method: Any, **options: Any) -> tuple[Any, Any]:
    found = convert(tiny(), V, method=method, **{"steps": 8, **options}).thresholds
    return found["n1"], found["n2"]


def usable(t: Any) -> Any:
    """A channel that never spikes gets a thousandth of the greatest."""
    return np.where(t > 0, t, 1e-3 * np.max(t))


@pytest.mark.parametrize("method", ["maxnorm", "percentile", "least_error", "calibrated", "fitted"])
@pytest.mark.parametrize("dtype", ["float32", "int16"])
def test_channels_of_any_scale_keep_their_precision(method: str, dtype: str) -> None:
    rng = np.random.default_rng(4)
    first, last = rng.normal(size=(16, 3)), rng.normal(size=(2, 16))
    x = rng.normal(size=(60, 3))
    scale = 2.0 ** np.arange(-16, 16, 2)
    outputs = [
        sl.convert(
            [L.Linear(s[:, None] * first, s / 4), L.ReLU(), L.Linear(last / s)],
            x, steps=16, method=method, dtype=dtype, threads=1,
        ).run(x).output
        for s in (np.ones(16), scale)
    ]  # fmt: skip
    assert np.abs(outputs[1] - outputs[0]).max() < 2e-3 * outputs[0].std()


def test_maxnorm() -> None:
    n1, n2 = thresholds("maxnorm")
    np.testing.assert_allclose(n1, usable(np.maximum(Z1, 0).max(0)), rtol=1e-5)
    np.testing.assert_allclose(n2, Z2.max(0), rtol=1e-5)
    n1, n2 = thresholds(MaxNorm(per_channel=False))
    assert (n1, n2) == (pytest.approx(Z1.max()), pytest.approx(Z2.max()))


def test_percentile() -> None:
    n1, n2 = thresholds(Percentile(90))
    np.testing.assert_allclose(n1, usable(np.percentile(np.maximum(Z1, 0), 90, 0)), rtol=1e-5)
    np.testing.assert_allclose(n2, np.percentile(np.maximum(Z2, 0), 90, 0), rtol=1e-5)
    n1, _ = thresholds(Percentile(50, per_channel=False))
    assert n1 == pytest.approx(np.median(np.maximum(Z1, 0)), rel=1e-5)
    np.testing.assert_array_equal(thresholds(Percentile(100))[1], thresholds("maxnorm")[1])


def rounding(z: Any, limit: float, levels: int) -> float:
    """Mean squared error of an activation that has so many levels."""
    kept = np.minimum(np.rint(np.maximum(z, 0) * levels / limit), levels) * limit / levels
    return float(np.square(kept - np.maximum(z, 0)).mean())


def test_least_error() -> None:
    for z, found in zip((Z1[:, :3], Z2), thresholds("least_error", steps=4), strict=True):
        for channel in range(z.shape[1]):
            column = z[:, channel]
            grid = np.linspace(0.1, 1.1, 1000) * column.max()
            best = min(rounding(column, limit, 4) for limit in grid)
            assert rounding(column, found[channel], 4) <= 1.1 * best
            assert rounding(column, found[channel], 4) < rounding(column, column.max(), 4)


def test_threshold_iteration() -> None:
    """For normally distributed potentials, no other threshold rounds with less error."""
    for z, found in zip((Z1[:, :3], Z2), thresholds("threshold_iteration", steps=4), strict=True):
        for channel in range(z.shape[1]):
            column = z[:, channel]
            grid = stats.norm(column.mean(), column.std()).ppf((np.arange(200_000) + 0.5) / 2e5)
            best = rounding(grid, found[channel], 4)
            for factor in (0.8, 0.95, 1.05, 1.25):
                assert best < rounding(grid, factor * found[channel], 4)


def test_local_threshold_balancing() -> None:
    def climb(z: Any) -> Any:
        t = np.zeros(z.shape[1])
        for _ in range(1000):
            t = t + 2 * np.maximum(np.maximum(z, 0) - t, 0).mean(0)
        return usable(t)

    n1, n2 = thresholds("ltb")
    first = climb(Z1)
    np.testing.assert_allclose(n1, first, rtol=1e-4)
    # What lies above a threshold does not reach the next layer.
    z2 = np.minimum(np.maximum(Z1, 0), first) @ W2.T + B2
    np.testing.assert_allclose(n2, climb(z2), rtol=1e-4)


def test_balancing_by_running() -> None:
    n1, n2 = thresholds("rmp")
    first = usable(np.maximum(Z1, 0).max(0))
    np.testing.assert_allclose(n1, first, rtol=1e-5)
    v = np.tile(first / 2, (len(V), 1))
    greatest = np.zeros(2)
    for _ in range(8):
        v = v + Z1
        spike = v >= first
        v = v - first * spike
        greatest = np.maximum(greatest, (spike * first @ W2.T + B2).max(0))
    np.testing.assert_allclose(n2, greatest, rtol=1e-4)
    assert (n2 > Z2.max(0)).all()


def test_calibration_makes_means_right() -> None:
    wanted = np.maximum(Z2, 0).mean(0)
    wrong = {}
    for method in ("least_error", "calibrated"):
        model = convert(tiny(), V, method=method, steps=4, neuron=Neurons(delay=0))
        wrong[method] = np.abs(model.run(V, record="n2.mean")["n2.mean"].mean(0) - wanted)
    assert (wrong["calibrated"] < 0.3 * wrong["least_error"]).any()
    assert wrong["calibrated"].max() < 0.02
