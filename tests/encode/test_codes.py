from __future__ import annotations

import hashlib
from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import stats
from tests.conftest import at_each_level

import spikelet as sl
from spikelet import encode

ENCODERS = {
    "rate": encode.rate,
    "poisson": partial(encode.poisson, max_rate=800.0),
    "latency": encode.latency,
    "latency log": partial(encode.latency, code="log", threshold=0.1),
    "phase": encode.phase,
    "burst": encode.burst,
    "population": encode.population,
    "population rate": partial(encode.population, code="rate"),
}
SHAPES = [(), (0,), (3, 0), (1,), (63,), (64,), (65,), (2, 3, 5)]


@pytest.fixture(params=ENCODERS)
def encoder(request):
    return ENCODERS[request.param]


def values(shape, seed=0):
    return np.random.default_rng(seed).random(shape)


# What all encoders promise


@pytest.mark.parametrize("shape", SHAPES)
def test_raster_has_the_shape_of_x_behind_time(encoder, shape):
    raster = encoder(values(shape), 17)
    extra = (8,) if getattr(encoder, "func", encoder) is encode.population else ()
    assert raster.dtype == np.uint8
    assert raster.shape == (17, *shape, *extra)
    assert raster.max(initial=0) <= 1


@pytest.mark.parametrize("shape", SHAPES)
def test_events_are_the_spikes_of_the_raster(encoder, shape):
    raster = encoder(values(shape), 17, seed=5)
    events = encoder(values(shape), 17, seed=5, as_events=True)
    rows, ids = np.nonzero(raster.reshape(17, -1))
    assert isinstance(events, sl.Spikes)
    np.testing.assert_array_equal(events.times, (rows + 1) * events.dt)
    np.testing.assert_array_equal(events.ids, ids)
    assert events.shape == raster.shape[1:]
    assert (events.steps, events.stop) == (17, 17 * events.dt)
    np.testing.assert_array_equal(events.raster(), raster)


def test_kinds_of_input(encoder):
    x = values((6, 4)).astype(np.float32)
    expected = encoder(x.astype(float), 9)
    for same in (x, x.tolist(), np.asfortranarray(x), np.repeat(x, 2, axis=1)[:, ::2]):
        np.testing.assert_array_equal(encoder(same, np.int64(9)), expected)
    np.testing.assert_array_equal(encoder([True, False], 9), encoder([1, 0], 9))


def test_tensors_of_a_training(encoder):
    """Tensors that require a gradient, or are bfloat16, raised errors of PyTorch."""
    torch = pytest.importorskip("torch")
    x = torch.tensor([0.0, 0.25, 0.75, 1.0])
    expected = encoder(x.numpy(), 9)
    for same in (x.clone().requires_grad_(), x.bfloat16(), torch.nn.Parameter(x.half())):
        np.testing.assert_array_equal(encoder(same, 9), expected)
    with pytest.raises(TypeError, match="must be dense"):
        encoder(x.to_sparse(), 9)


def test_zero_is_silent(encoder):
    if getattr(encoder, "func", encoder) is not encode.population:
        assert not encoder(np.zeros(70), 50).any()


def test_same_at_every_simd_level():
    found = at_each_level(
        "import hashlib, numpy as np;"
        "x = np.random.default_rng(0).random(200);"
        "r = sl.encode.rate(x, 300, seed=9), sl.encode.poisson(x, 300, seed=9);"
        "print(hashlib.sha256(b''.join(a.tobytes() for a in r)).hexdigest())"
    )
    x = values(200)
    here = encode.rate(x, 300, seed=9), encode.poisson(x, 300, seed=9)
    expected = hashlib.sha256(b"".join(a.tobytes() for a in here)).hexdigest()
    assert found.strip() == expected


# Random codes


def test_rate_of_0_and_1_is_certain():
    raster = encode.rate([0.0, 1.0, 0.0], 2000)
    np.testing.assert_array_equal(raster.sum(axis=0), [0, 2000, 0])
    assert not encode.rate(np.ones(5), 100, max_prob=0.0).any()


@pytest.mark.parametrize("p", [0.001, 0.25, 0.5 + 2.0**-17, 0.97])
def test_rate_is_binomial(p):
    n, steps = 500, 1000
    counts = encode.rate(np.full(n, p), steps, seed=1).sum(axis=0, dtype=np.int64)
    assert stats.binomtest(int(counts.sum()), n * steps, p).pvalue > 1e-4
    spread = ((counts - steps * p) ** 2 / (steps * p * (1 - p))).sum()
    assert 1e-4 < stats.chi2(n).cdf(spread) < 1 - 1e-4


def test_rate_resolves_far_below_16_bits():
    draws, p = 20_000_000, 4e-6  # 0.26 of 2**-16
    events = encode.rate(np.full(20_000, p), draws // 20_000, seed=2, as_events=True)
    low, high = stats.poisson(draws * p).interval(1 - 1e-4)
    assert low <= len(events) <= high


def test_rate_max_prob_scales():
    raster = encode.rate([1.0], 20_000, max_prob=0.3)
    assert stats.binomtest(int(raster.sum()), 20_000, 0.3).pvalue > 1e-4


@pytest.mark.parametrize("shift", [(1, 0), (0, 1), (0, 4), (0, 32), (0, 64), (8, 0)])
def test_spikes_are_independent(shift):
    raster = encode.rate(np.full(256, 0.5), 400, seed=3).astype(bool)
    a = raster[shift[0] :, shift[1] :]
    b = raster[: 400 - shift[0], : 256 - shift[1]]
    assert stats.binomtest(int((a == b).sum()), a.size, 0.5).pvalue > 1e-4


def test_seed_decides():
    x = values(100)
    a, b = encode.rate(x, 50, seed=1), encode.rate(x, 50, seed=2)
    np.testing.assert_array_equal(a, encode.rate(x, 50, seed=1))
    assert (a != b).any()
    assert (a != encode.rate(x, 50, seed=1 + 2**32)).any()
    encode.rate(x, 50, seed=2**64 - 1)


def test_spike_depends_on_element_and_step_alone():
    x = values(130)
    raster = encode.rate(x, 60, seed=4)
    np.testing.assert_array_equal(raster[:20], encode.rate(x, 20, seed=4))
    np.testing.assert_array_equal(raster[:, :65], encode.rate(x[:65], 60, seed=4))
    np.testing.assert_array_equal(
        raster, encode.rate(x.reshape(13, 10), 60, seed=4).reshape(60, -1)
    )


def test_spikes_of_a_seed_never_change():
    raster = encode.rate(np.full(24, 0.5), 2, seed=1)
    assert ["".join(map(str, row)) for row in raster.tolist()] == [
        "011000101011000110110000",
        "101111100011111011001001",
    ]


def test_more_input_only_adds_spikes():
    x = values(100)
    assert (encode.rate(x, 100) >= encode.rate(x / 2, 100)).all()


def test_poisson_probability_of_a_step():
    max_rate, dt, steps = 500.0, 2.0, 50_000
    spikes = encode.poisson([1.0, 0.5], steps, max_rate=max_rate, dt=dt, seed=6).sum(axis=0)
    for n, x in zip(spikes, (1.0, 0.5), strict=True):
        p = 1 - np.exp(-x * max_rate * dt / 1000)
        assert stats.binomtest(int(n), steps, p).pvalue > 1e-4


def test_poisson_defaults_are_63_75_hz_at_half_a_ms():
    events = encode.poisson(np.ones(100), 20_000, as_events=True)  # 1000 s in all
    expected = 2e6 * (1 - np.exp(-63.75 * 0.5 / 1000))
    assert abs(len(events) - expected) < 4 * np.sqrt(expected)


def test_poisson_without_rate_or_with_a_huge_one():
    assert not encode.poisson([1.0], 100, max_rate=0.0).any()
    assert encode.poisson([1.0], 100, max_rate=1e9).all()


# Deterministic codes, against a few lines of numpy


@given(
    hnp.arrays(float, st.integers(0, 70), elements=st.floats(0, 1)),
    st.integers(1, 300),
    st.sampled_from([0.0, 0.3, 1.0]),
)
@settings(max_examples=60, deadline=None)
def test_latency_linear(x, steps, threshold):
    raster = encode.latency(x, steps, threshold=threshold)
    expected = np.zeros((steps, len(x)))
    on = x > threshold
    expected[np.rint((steps - 1) * (1 - x[on])).astype(int), np.flatnonzero(on)] = 1
    np.testing.assert_array_equal(raster, expected)


@pytest.mark.parametrize(
    ("steps", "tau"), [(1, None), (2, 0.1), (20, None), (100, 1.0), (5000, 1.0)]
)
def test_latency_log(steps, tau):
    x = np.linspace(0.01, 1, 50)
    rows = encode.latency(x, steps, code="log", tau=tau).argmax(axis=0)
    tau = tau or max(steps - 1, 1) / 5
    exact = -tau * np.log(x + (1 - x) * np.exp(-(steps - 1) / tau))
    assert (abs(rows - exact) < 0.5 + 1e-9).all()
    assert (np.diff(rows) <= 0).all()
    assert rows[-1] == 0


def test_latency_log_approaches_linear():
    x = values(200)
    log = encode.latency(x, 30, code="log", tau=1e9)
    np.testing.assert_array_equal(log, encode.latency(x, 30))


@given(
    hnp.arrays(float, st.integers(0, 70), elements=st.floats(0, 1)),
    st.integers(1, 40),
    st.integers(1, 32),
)
@settings(max_examples=60, deadline=None)
def test_phase(x, steps, bits):
    code = np.minimum(np.floor(x * 2.0**bits), 2.0**bits - 1).astype(np.int64)
    shift = bits - 1 - np.arange(steps) % bits
    np.testing.assert_array_equal(encode.phase(x, steps, bits=bits), code >> shift[:, None] & 1)


def test_phase_of_gray_levels_is_their_bits():
    gray = np.arange(256, dtype=np.uint8)
    raster = encode.phase(gray.astype(np.float32) / 255, 16)
    bits = np.unpackbits(gray[:, None], axis=1).T
    np.testing.assert_array_equal(raster, np.concatenate([bits, bits]))


@given(
    hnp.arrays(float, st.integers(0, 20), elements=st.floats(0, 1)),
    st.integers(1, 60),
    st.integers(1, 8),
    st.data(),
)
@settings(max_examples=60, deadline=None)
def test_burst(x, steps, n_max, data):
    n_max = min(n_max, steps)
    fits = max((steps - 1) // max(n_max - 1, 1), 1)
    isi_max = data.draw(st.integers(1, fits))
    isi_min = data.draw(st.integers(1, isi_max))
    raster = encode.burst(x, steps, n_max=n_max, isi_min=isi_min, isi_max=isi_max)
    for i, value in enumerate(x):
        isi = int(np.ceil(isi_max - (isi_max - isi_min) * value))
        rows = isi * np.arange(np.ceil(n_max * value))
        np.testing.assert_array_equal(np.flatnonzero(raster[:, i]), rows)


@pytest.mark.parametrize("steps", [1, 2, 5, 6, 100])
def test_burst_defaults_lose_no_spike(steps):
    x = np.linspace(0, 1, 101)
    counts = encode.burst(x, steps).sum(axis=0)
    np.testing.assert_array_equal(counts, np.ceil(min(5, steps) * x))


@given(
    hnp.arrays(float, hnp.array_shapes(min_dims=1, max_dims=3), elements=st.floats(-3, 3)),
    st.floats(0.05, 2),
)
@settings(max_examples=60, deadline=None)
def test_delta(x, threshold):
    raster = encode.delta(x, threshold=threshold)
    assert raster.shape == (*x.shape, 2)
    level = np.zeros(x.shape[1:])
    for now, spikes in zip(x, raster, strict=True):
        distance = (now - (x[0] + level * threshold)) / threshold
        np.testing.assert_array_equal(spikes[..., 0], distance >= 1 - 1e-6)
        np.testing.assert_array_equal(spikes[..., 1], distance <= -1 + 1e-6)
        level += spikes[..., 0].astype(float) - spikes[..., 1]


def test_delta_rebuilds_a_slow_series():
    x = np.sin(np.linspace(0, 20, 2000))[:, None] * [1.0, 0.5]
    raster = encode.delta(x, 2000, threshold=0.05).astype(int)
    rebuilt = x[0] + 0.05 * (raster[..., 0] - raster[..., 1]).cumsum(axis=0)
    assert abs(rebuilt - x).max() < 0.05 * (1 + 1e-6)
    events = encode.delta(x, threshold=0.05, as_events=True)
    assert events.shape == (2, 2)
    np.testing.assert_array_equal(events.raster(), raster)


def test_delta_counts_exact_steps_of_float32():
    on = encode.delta(np.arange(11, dtype=np.float32) / 10, threshold=0.1)[:, 0]
    np.testing.assert_array_equal(on, [0] + 10 * [1])


def test_population_fields_are_bohtes():
    centers, width = encode.receptive_fields(8)
    np.testing.assert_allclose(centers, (2 * np.arange(1, 9) - 3) / 2 / 6, atol=1e-15)
    assert width == pytest.approx(1 / 1.5 / 6)


def test_population_latency_is_that_of_the_activations():
    x = values((5, 3))
    centers, width = encode.receptive_fields(10, beta=1.2)
    activation = np.exp(-((x[..., None] - centers) ** 2) / (2 * width**2))
    raster = encode.population(x, 30, n=10, beta=1.2, threshold=0.2)
    np.testing.assert_array_equal(raster, encode.latency(activation, 30, threshold=0.2))


def test_population_code_has_the_documented_cost():
    x = values(20_000)
    assert encode.population(x, 10).sum() / len(x) == pytest.approx(2.86, abs=0.03)
    assert encode.population(x, 10, code="rate").sum() / len(x) / 10 == pytest.approx(
        1.62, abs=0.02
    )


def test_population_rate_silences_far_neurons():
    raster = encode.population([0.0], 500, code="rate")
    assert raster[:, 0, :2].any(axis=0).all()
    assert not raster[:, 0, 2:].any()


# Events


def test_the_step_is_one_ms_or_the_encoders_own():
    assert encode.rate([0.5], 9, as_events=True).dt == 1.0
    spikes = encode.poisson([1.0], 40, max_rate=1e9, dt=0.1, as_events=True)
    np.testing.assert_array_equal(spikes.times, np.arange(1, 41) / 10)


def test_network_plays_events_and_raster_alike():
    x, dt = values(70), 0.5
    events = encode.rate(x, 40, seed=1, as_events=True)
    net = sl.Network(dt=dt)
    sources = (
        sl.SpikeSource(events.with_dt(dt)),
        sl.RasterSource(encode.rate(x, 40, seed=1)),
    )
    records = [net.record(net.population(70, source), "spikes") for source in sources]
    net.run(25.0)
    for record in records:
        order = np.lexsort((record.ids, record.times))
        np.testing.assert_array_equal(record.ids[order], events.ids)
        np.testing.assert_array_equal(record.times[order], events.times * dt)


# Bad input


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (
            lambda: encode.rate([[0, 0.5, 1, 1.7]], 9),
            ValueError,
            r"^encode\.rate: x must lie in \[0, 1\], got 1\.7 at index \(0, 3\)$",
        ),
        (
            lambda: encode.latency(np.array([3], np.uint8), 5),
            ValueError,
            r"^encode\.latency: x must lie in \[0, 1\] \(of bytes, x / 255\), got 3\.0 at index \(0,\)$",
        ),
        (lambda: encode.latency(-0.1, 9), ValueError, r"latency: x .* got -0\.1$"),
        (
            lambda: encode.phase([0.5, np.nan], 9),
            ValueError,
            r"phase: x .* got nan at index \(1,\)",
        ),
        (lambda: encode.burst([np.inf], 9), ValueError, "burst: x .* got inf"),
        (lambda: encode.population([2], 9), ValueError, "population: x .* got 2"),
        (lambda: encode.rate([[0.1], [0.1, 0.2]], 9), ValueError, "rate: x must be a rectangular"),
        (lambda: encode.rate(["a"], 9), TypeError, "rate: x must hold real numbers, got dtype <U1"),
        (lambda: encode.rate([1j], 9), TypeError, "rate: x must hold real numbers"),
        (lambda: encode.rate([None], 9), TypeError, "rate: x must hold real numbers"),
        (lambda: encode.rate([0.5], 0), ValueError, "rate: steps must be >= 1, got 0"),
        (
            lambda: encode.poisson([0.5], 2.5),
            TypeError,
            "poisson: steps must be an integer, got 2.5",
        ),
        (lambda: encode.rate([0.5], 9, seed=-1), ValueError, "rate: seed must be >= 0 .* got -1"),
        (lambda: encode.latency([0.5], 9, seed=2**64), ValueError, "latency: seed"),
        (lambda: encode.delta([0.5], seed=0.5), TypeError, "delta: seed"),
        (lambda: encode.rate([0.5], 9, max_prob=1.1), ValueError, "max_prob must be .* got 1.1"),
        (lambda: encode.rate([0.5], 9, max_prob="a"), TypeError, "rate: max_prob"),
        (lambda: encode.rate([0.5], 9, max_prob=[0.5]), ValueError, "max_prob must be one number"),
        (
            lambda: encode.poisson([0.5], 9, max_rate=-1),
            ValueError,
            "max_rate must be >= 0, got -1",
        ),
        (lambda: encode.poisson([0.5], 9, max_rate=np.inf), ValueError, "max_rate .* got inf"),
        (lambda: encode.poisson([0.5], 9, dt=0), ValueError, "dt must be > 0, got 0"),
        (lambda: encode.poisson([0.5], 9, dt=np.nan), ValueError, "dt must not contain NaN"),
        (lambda: encode.latency([0.5], 9, code="Log"), ValueError, "code must be .* got 'Log'"),
        (lambda: encode.latency([0.5], 9, code="log", tau=0), ValueError, "tau must be > 0"),
        (lambda: encode.latency([0.5], 9, tau=3.0), ValueError, 'latency: tau needs code="log"'),
        (lambda: encode.latency([0.5], 9, threshold=-0.1), ValueError, "threshold must be"),
        (
            lambda: encode.phase([0.5], 9, bits=33),
            ValueError,
            "bits must be >= 1 and <= 32, got 33",
        ),
        (lambda: encode.burst([0.5], 9, n_max=10), ValueError, "n_max must be .* <= 9, got 10"),
        (lambda: encode.burst([0.5], 9, isi_min=3), ValueError, "isi_min must be .* <= 2, got 3"),
        (lambda: encode.burst([0.5], 9, isi_max=3), ValueError, "isi_max must be .* <= 2, got 3"),
        (
            lambda: encode.burst([0.5], 99, isi_min=5, isi_max=4),
            ValueError,
            "isi_max must be >= 5 .* got 4",
        ),
        (lambda: encode.delta(0.5), ValueError, r"delta: x must be \[T, ...\]"),
        (lambda: encode.delta([]), ValueError, r"delta: x must be \[T, ...\]"),
        (lambda: encode.delta([0.5, np.nan]), ValueError, "delta: x must be finite, got nan"),
        (
            lambda: encode.delta([0.5, 0.6], 3),
            ValueError,
            "delta: steps must equal the length of x, 2, got 3",
        ),
        (lambda: encode.delta([0.5], threshold=0), ValueError, "delta: threshold must be > 0"),
        (lambda: encode.population([0.5], 9, n=2), ValueError, "population: n must be >= 3, got 2"),
        (lambda: encode.population([0.5], 9, beta=0), ValueError, "population: beta must be > 0"),
        (lambda: encode.population([0.5], 9, code="phase"), ValueError, "population: code"),
    ],
)
def test_refuses(call, error, message):
    with pytest.raises(error, match=message):
        call()


@pytest.mark.parametrize("name", ["rate", "poisson", "latency", "phase", "burst", "population"])
def test_a_raster_larger_than_memory_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=rf"encode\.{name}: the result, .* give fewer steps"):
        getattr(encode, name)(np.zeros(1000), 2**52)
    assert len(encode.rate([0.0], 2**20, as_events=True)) == 0
    with pytest.raises(ValueError, match=r"encode\.rate: the result, .* give fewer steps"):
        encode.rate([0.5], 2**52, as_events=True)
