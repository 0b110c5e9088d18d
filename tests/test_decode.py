from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

import spikelet as sl
from spikelet import decode, encode

rasters = hnp.arrays(np.uint8, hnp.array_shapes(min_dims=1, max_dims=3), elements=st.integers(0, 1))


@given(rasters)
@settings(max_examples=50, deadline=None)
def test_raster_and_events_agree(raster):
    events = sl.Spikes.from_raster(raster)
    for decoder in (
        decode.count,
        decode.first_spike,
        lambda s: decode.first_spike(s, silent=-1),
        lambda s: decode.rate(s, 0.5),
    ):
        a, b = decoder(raster), decoder(events)
        assert a.shape == b.shape == raster.shape[1:]
        assert a.dtype == b.dtype
        np.testing.assert_array_equal(a, b)


@given(rasters)
@settings(max_examples=50, deadline=None)
def test_first_spike(raster):
    first = decode.first_spike(raster, silent=len(raster))
    flat = raster.reshape(len(raster), -1)
    expected = [next((t for t, s in enumerate(train) if s), len(train)) for train in flat.T]
    np.testing.assert_array_equal(first.reshape(-1), expected)


def test_silent_is_nan_by_default():
    assert np.isnan(decode.first_spike([[0], [0]])).all()


@pytest.mark.parametrize("dtype", [bool, np.uint8, np.int32, np.float32])
def test_count_takes_any_dtype(dtype):
    raster = np.array([[1, 0], [1, 1]], dtype)
    assert decode.count(raster).dtype == np.int64
    np.testing.assert_array_equal(decode.count(raster), [2, 1])


def test_counts_do_not_overflow():
    assert decode.count(np.full((1000, 1), 255, np.uint8)) == 255_000


def test_elements_may_hold_counts_and_events_repeat():
    np.testing.assert_array_equal(decode.count([[2, 0], [1, 3]]), [3, 3])
    events = sl.Spikes([2, 2, 1], [0, 0, 1], stop=3, dt=1.0, shape=(2,))
    np.testing.assert_array_equal(decode.count(events), [2, 1])
    np.testing.assert_array_equal(decode.first_spike(events), [1, 0])


def test_rate_is_in_hz():
    np.testing.assert_allclose(decode.rate([[1, 0], [0, 0], [1, 0], [0, 0]], dt=0.5), [1000, 0])


def test_codes_can_be_decoded():
    x = np.random.default_rng(0).random((4, 25))
    first = decode.first_spike(encode.latency(x, 101))
    assert abs(1 - first / 100 - x).max() <= 0.005 + 1e-12
    rate = decode.rate(encode.poisson(x, 20_000, dt=0.1, max_rate=100.0), dt=0.1)
    assert abs(rate - 100 * x).max() < 5 * np.sqrt(100 / 2)  # 2 s: 200 spikes at most
    assert abs(decode.count(encode.burst(x, 40)) - 5 * x).max() < 1


def test_population_code_can_be_decoded():
    x = np.linspace(0.1, 0.9, 41)
    centers, _ = encode.receptive_fields(10)
    raster = encode.population(x, 2000, n=10, code="rate")
    for activity in (raster, sl.Spikes.from_raster(raster), decode.count(raster)):
        value = decode.population_vector(activity, centers)
        assert value.shape == x.shape
        assert abs(value - x).max() < 0.02


def test_population_vector_of_directions():
    angles = np.arange(8) * np.pi / 4
    units = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    tuning = 1 + np.cos(angles - np.array([[0.3], [2.0]]))
    vectors = decode.population_vector(tuning, units)
    assert vectors.shape == (2, 2)
    np.testing.assert_allclose(np.arctan2(vectors[:, 1], vectors[:, 0]), [0.3, 2.0])


def test_population_vector_weights_and_silence():
    assert decode.population_vector([1, 3], [0.0, 1.0]) == 0.75
    mean = decode.population_vector([[1.0, 1.0], [0.0, 0.0]], [2.0, 4.0])
    np.testing.assert_array_equal(mean, [3.0, np.nan])
    assert decode.population_vector(np.array([1, 1], np.uint8), [2.0, 4.0]) == 3.0
    assert np.isnan(decode.population_vector(np.zeros((2, 3)), np.ones((3, 2)))).all()


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: decode.count(3), ValueError, r"decode\.count: spikes must be \[T, ...\]"),
        (lambda: decode.count(np.zeros((0, 3))), ValueError, r"count: spikes must be \[T, ...\]"),
        (
            lambda: decode.count([[1, -1]]),
            ValueError,
            r"count: spikes must be whole numbers >= 0, got -1 at index \(0, 1\)",
        ),
        (lambda: decode.first_spike([0.5]), ValueError, "first_spike: spikes .* got 0.5"),
        (lambda: decode.rate([np.nan], 1.0), ValueError, "rate: spikes .* got nan"),
        (lambda: decode.count(["a"]), TypeError, "count: spikes must hold real numbers"),
        (lambda: decode.rate([1], 0), ValueError, "decode.rate: dt must be > 0, got 0"),
        (lambda: decode.rate([1]), TypeError, "decode.rate: dt must be given with a raster"),
        (lambda: decode.rate([1], "a"), TypeError, "decode.rate: dt"),
        (
            lambda: decode.rate(sl.Spikes([1.0], [0])),
            ValueError,
            r"decode.rate: spikes must have a known end, as sl.Spikes\(times, ids, stop=...\)",
        ),
        (
            lambda: decode.rate(sl.Spikes([1.0], [0], stop=5.0), 1.0),
            ValueError,
            "decode.rate: dt is only for spikes on a grid",
        ),
        (
            lambda: decode.population_vector([1.0, 2.0], [1.0, 2.0, 3.0]),
            ValueError,
            r"preferred must be \[n\] or \[n, d\].*\(2,\).*\(3,\)",
        ),
        (lambda: decode.population_vector(1.0, 1.0), ValueError, "preferred must be"),
        (lambda: decode.population_vector([-1.0], [1.0]), ValueError, "activity must be finite"),
        (lambda: decode.population_vector([np.nan], [1.0]), ValueError, "activity must be finite"),
        (lambda: decode.population_vector([1.0], [np.inf]), ValueError, "preferred must be finite"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()
