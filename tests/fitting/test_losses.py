"""Losses against slow formulas, spike by spike."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.fitting import (
    AlignedError,
    Coincidence,
    ISIHistogram,
    MeanSquaredError,
    RateError,
    Recording,
    Responses,
    VanRossum,
)

DURATION, DT = 100.0, 0.5
SPIKING = [AlignedError(), VanRossum(), Coincidence(), RateError(), ISIHistogram()]


def train(rng, most=12):
    """Return distinct times on the grid."""
    return np.sort(rng.choice(np.arange(1, 201), rng.integers(2, most), replace=False)) * DT


@pytest.fixture
def case():
    """A recording of two sweeps, and three candidates, the last of which is the recording."""
    rng = np.random.default_rng(3)
    own = [train(rng) for _ in range(2)]
    V_m = rng.normal(-60.0, 3.0, (200, 2))
    recording = Recording(V_m=V_m, spikes=own, dt=DT)
    trains = [[train(rng), train(rng), own[0]], [np.zeros(0), train(rng), own[1]]]
    flat = [one for sweep in trains for one in sweep]
    spikes = sl.Spikes.from_trains(flat, shape=(2, 3), stop=DURATION)
    traces = np.concatenate([rng.normal(-60.0, 3.0, (200, 2, 2)), V_m[:, :, None]], axis=2)
    return recording, Responses(spikes, DURATION, DT, traces), own, trains


@pytest.mark.parametrize("loss", [MeanSquaredError(), *SPIKING], ids=lambda x: type(x).__name__)
def test_the_recording_has_no_loss(case, loss):
    found = loss(case[1], case[0])
    assert found.shape == (3,)
    assert found[2] == pytest.approx(0.0, abs=1e-12)
    assert (found[:2] > 0.01).all()


def test_mean_squared_error(case):
    recording, responses, *_ = case
    expected = ((responses.V_m - recording.V_m[:, :, None]) ** 2).mean((0, 1))
    np.testing.assert_allclose(MeanSquaredError()(responses, recording), expected)


def test_van_rossum_is_the_integral(case):
    recording, responses, own, trains = case
    tau, t = 10.0, np.arange(0.0, 300.0, 0.01)
    kernel = lambda times: sum((t >= s) * np.exp(-np.maximum(t - s, 0) / tau) for s in times)
    expected = [
        np.mean(
            [((kernel(trains[s][c]) - kernel(own[s])) ** 2).sum() * 0.01 / tau for s in range(2)]
        )
        for c in range(3)
    ]
    np.testing.assert_allclose(VanRossum(tau)(responses, recording), expected, rtol=5e-3, atol=1e-9)


def test_a_spike_more_adds_a_half():
    recording = Recording(spikes=[[50.0]], duration=DURATION)
    two = sl.Spikes([50.0, 90.0], [0, 0], shape=(1, 1), stop=DURATION)
    assert VanRossum(1.0)(Responses(two, DURATION, DT), recording) == pytest.approx([0.5])


def test_coincidence_is_one_minus_gamma(case):
    recording, responses, own, trains = case
    delta, expected = 2.0, []
    for c in range(3):
        each = []
        for s in range(2):
            model, data = trains[s][c], own[s]
            hits = sum(np.any(np.abs(model - t) <= delta) for t in data)
            nu = len(model) / DURATION
            gamma = (min(hits, len(model)) - 2 * nu * delta * len(data)) / (
                0.5 * (len(data) + len(model))
            )
            each.append(1 - gamma / (1 - 2 * nu * delta))
        expected.append(np.mean(each))
    np.testing.assert_allclose(Coincidence(delta)(responses, recording), expected, atol=1e-12)


def test_chance_explains_very_fast_candidates():
    recording = Recording(spikes=[[50.0]], duration=DURATION)
    fast = sl.Spikes(np.arange(1, 101.0), np.zeros(100, int), shape=(1, 1), stop=DURATION)
    assert Coincidence(4.0)(Responses(fast, DURATION, DT), recording) == [1.0]


def test_rates(case):
    recording, responses, own, trains = case
    rates = np.array([[10.0 * len(one) for one in sweep] for sweep in trains])
    expected = ((rates - 10.0 * np.array([[len(one)] for one in own])) ** 2).mean(0)
    np.testing.assert_allclose(RateError()(responses, recording), expected)


def test_intervals(case):
    recording, responses, own, trains = case
    edges = np.append(np.arange(0.0, 50.0, 10.0), [50.0, np.inf])
    shares = []
    for pooled in [own, *zip(*trains, strict=True)]:
        counts = np.histogram(np.concatenate([np.diff(one) for one in pooled]), edges)[0]
        shares.append(counts / counts.sum())
    expected = [0.5 * np.abs(one - shares[0]).sum() for one in shares[1:]]
    np.testing.assert_allclose(ISIHistogram(10.0, 50.0)(responses, recording), expected)


def test_a_candidate_without_intervals_is_worst():
    recording = Recording(spikes=[[10.0, 20.0]], duration=DURATION)
    one = sl.Spikes([10.0], [0], shape=(1, 1), stop=DURATION)
    assert ISIHistogram()(Responses(one, DURATION, DT), recording) == [1.0]


def aligned(recording, responses, own, trains, timing, clip):
    """Return the aligned error of each candidate, sample by sample."""
    rows, losses = round(DURATION / DT), []
    for c in range(3):
        times = total = 0.0
        for s in range(2):
            n = len(own[s])
            found = [*trains[s][c], *[DURATION] * (n + 1)]
            times += sum((found[k] - own[s][k]) ** 2 for k in range(n))
            begins, others = [0.0, *own[s]], [0.0, *found]
            for row in range(rows):
                k = int((own[s] <= (row + 1) * DT + 1e-9).sum())
                place = round(others[k] / DT) + row - round(begins[k] / DT)
                last = rows - 1 if others[k + 1] == DURATION else round(others[k + 1] / DT) - 2
                V = responses.V_m[min(place, max(last, 0)), s, c]
                total += min(abs(V - recording.V_m[row, s]), clip) ** 2
        losses.append(timing * times / sum(map(len, own)) + total / (2 * rows))
    return losses


def test_aligned_error(case):
    expected = aligned(*case, timing=0.2, clip=5.0)
    np.testing.assert_allclose(AlignedError(0.2, 5.0)(case[1], case[0]), expected)


def test_aligned_error_changes_little_with_a_small_shift():
    """One spike 1 ms late costs far less than all samples that follow it."""
    t = np.arange(1, 201) * DT
    V_m = lambda at: np.where(t < at, -70 + 20 * t / at, -70 + 20 * (1 - np.exp(-(t - at) / 20)))
    recording = Recording(V_m=V_m(40.0), spikes=[[40.0]], dt=DT)
    spikes = sl.Spikes([41.0], [0], shape=(1, 1), stop=DURATION)
    late = Responses(spikes, DURATION, DT, V_m(41.0)[:, None, None])
    assert MeanSquaredError()(late, recording) > 5 * AlignedError(0.0)(late, recording)
    assert AlignedError(0.3)(late, recording) - AlignedError(0.0)(late, recording) == pytest.approx(
        [0.3]
    )


def test_aligned_error_of_spikes_alone():
    recording = Recording(spikes=[[10.0, 30.0]], duration=DURATION)
    one = sl.Spikes([13.0], [0], shape=(1, 1), stop=DURATION)
    found = AlignedError(1.0)(Responses(one, DURATION, DT), recording)
    assert found == pytest.approx([(3.0**2 + 70.0**2) / 2])


@pytest.mark.parametrize("loss", SPIKING, ids=lambda x: type(x).__name__)
def test_silence(loss):
    """Neither a silent candidate nor silent sweeps make a loss that is not finite."""
    recording = Recording(spikes=[[], [10.0, 20.0]], duration=DURATION)
    silent = Responses(sl.Spikes([], [], shape=(2, 3), stop=DURATION), DURATION, DT)
    assert np.isfinite(loss(silent, recording)).all()


@pytest.mark.parametrize(
    ("loss", "recording", "text"),
    [
        (MeanSquaredError(), Recording(spikes=[[1.0]], duration=5.0), "must have V_m"),
        (VanRossum(), Recording(V_m=[0.0]), "must have spikes"),
        (RateError(), Recording(V_m=[0.0]), "must have spikes"),
        (Coincidence(), Recording(spikes=[[]], duration=5.0), "at least one spike"),
        (ISIHistogram(), Recording(spikes=[[1.0], [2.0]], duration=5.0), "two spikes in a sweep"),
    ],
    ids=lambda x: type(x).__name__,
)
def test_recordings_that_lack_what_is_compared(loss, recording, text):
    with pytest.raises(ValueError, match=text):
        loss.check(recording)


@pytest.mark.parametrize("make", [VanRossum, Coincidence, ISIHistogram])
def test_bad_parameters(make):
    with pytest.raises(ValueError, match=r"must be > 0, got -1"):
        make(-1.0)


def test_potentials_that_were_not_recorded():
    silent = Responses(sl.Spikes([], [], shape=(1, 1)), 1.0, DT)
    with pytest.raises(ValueError, match="must have V_m: record it"):
        MeanSquaredError()(silent, Recording(V_m=[0.0, 0.0], dt=DT))
