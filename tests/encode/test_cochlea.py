"""Sound as spikes."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import signal

import spikelet as sl
from spikelet.encode.cochlea import _gammatone

RATE = 16_000.0


def tone(frequency, seconds=0.2, rate=RATE):
    return np.sin(2 * np.pi * frequency * np.arange(int(seconds * rate)) / rate)


def test_frequencies_are_equally_far_apart_in_erb():
    f = sl.encode.erb_frequencies(20, 100, 4000)
    assert f[0] == pytest.approx(100, rel=1e-14)
    assert f[-1] == pytest.approx(4000, rel=1e-14)
    cams = 21.4 * np.log10(4.37e-3 * f + 1)  # the number of ERBs below a frequency
    np.testing.assert_allclose(np.diff(cams), np.diff(cams)[0], rtol=1e-4)
    assert sl.encode.erb_frequencies(1, 300, 400).tolist() == [300]


@pytest.mark.parametrize("center", [200.0, 1000.0, 5000.0])
def test_filters_are_slaneys(center):
    """SciPy's filter is Slaney's as a single one of order 8."""
    at = np.linspace(50, 7000, 300)
    _, ours = signal.sosfreqz(_gammatone(center, RATE), at, fs=RATE)
    _, theirs = signal.freqz(*signal.gammatone(center, "iir", fs=RATE), at, fs=RATE)
    # SciPy scales the gain at the centre to 1, too, from a formula that is exact to 1e-4.
    np.testing.assert_allclose(np.abs(ours), np.abs(theirs), rtol=2e-3, atol=1e-4)
    _, gain = signal.sosfreqz(_gammatone(center, RATE), [center], fs=RATE)
    assert abs(gain[0]) == pytest.approx(1, rel=1e-9)


@pytest.mark.parametrize("frequency", [300, 1000, 3000])
def test_a_tone_excites_its_channel(frequency):
    raster = sl.encode.cochlea(tone(frequency), RATE, channels=30)
    assert raster.shape == (200, 30, 2)
    assert raster.dtype == np.uint8
    level = raster.astype(int).sum(0) @ [1, -1]  # what has risen and not fallen
    centers = sl.encode.erb_frequencies(30, 100, 6400)
    assert abs(int(level.argmax()) - int(np.abs(centers - frequency).argmin())) <= 1


def test_spikes_follow_the_levels():
    """ON when the sound begins, OFF when it ends, and as many of both after silence."""
    sound = np.concatenate([np.zeros(1600), tone(1000), np.zeros(8000)])
    raster = sl.encode.cochlea(sound, RATE, channels=16)
    assert raster[:99].sum() == 0
    on, off = raster.sum((0, 1))
    assert on > 50
    assert abs(int(on) - int(off)) <= 16
    assert raster[100:130, :, 0].sum() > 5 * raster[100:130, :, 1].sum()
    assert raster[350:, :, 0].sum() == 0


def test_silence_has_no_spikes():
    assert sl.encode.cochlea(np.zeros(1600), RATE).sum() == 0
    assert sl.encode.cochlea(np.full(1600, 128, np.uint8), RATE).sum() == 0


def test_types_and_loudness_do_not_matter():
    wave = np.round(tone(440) * 2**14).astype(np.int16)
    expected = sl.encode.cochlea(wave, RATE, channels=8)
    np.testing.assert_array_equal(
        sl.encode.cochlea(wave.astype(np.int32), RATE, channels=8), expected
    )
    np.testing.assert_array_equal(sl.encode.cochlea(wave / 2**20, RATE, channels=8), expected)
    plain = sl.encode.cochlea(wave, RATE, channels=8, normalize=False)
    np.testing.assert_array_equal(
        sl.encode.cochlea(wave / 2**15, RATE, channels=8, normalize=False), plain
    )
    assert plain.sum() < expected.sum()


def test_steps():
    rate = 44_100
    for dt, n in ((1.0, 100), (0.5, 200), (3.0, 33), (1000 / rate, 4410)):
        assert len(sl.encode.cochlea(tone(1000, 0.1, rate), rate, dt=dt, channels=4)) == n
    early = sl.encode.cochlea(tone(1000, 0.05), RATE, channels=4)
    np.testing.assert_array_equal(sl.encode.cochlea(tone(1000, 0.1), RATE, channels=4)[:50], early)


def test_as_spikes():
    raster = sl.encode.cochlea(tone(500), RATE, channels=8, dt=0.5)
    spikes = sl.encode.cochlea(tone(500), RATE, channels=8, dt=0.5, as_events=True)
    assert isinstance(spikes, sl.Spikes)
    assert spikes.shape == (8, 2)
    assert spikes.dt == 0.5
    assert spikes.stop == 200
    np.testing.assert_array_equal(spikes.raster(), raster)


def test_spikes_drive_a_network():
    spikes = sl.encode.cochlea(tone(700), RATE, channels=8, as_events=True)
    net = sl.Network(dt=1.0, seed=1)
    heard = net.population(spikes.n, sl.SpikeSource(spikes), name="cochlea")
    cells = net.population(8, sl.LIF(), name="cells")
    net.connect(heard, cells, sl.AllToAll(), weight=300.0, delay=1.0)
    recorder = net.record(cells, "spikes")
    net.run(200)
    assert len(recorder.spikes) > 0


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        (
            {"wave": np.zeros((9, 2))},
            ValueError,
            r"wave must be \[samples\]; of several channels, choose or average",
        ),
        (
            {"wave": np.zeros(15)},
            ValueError,
            "wave must be at least one step of 1 ms long, got samples: 15",
        ),
        ({"wave": np.full(99, np.nan)}, ValueError, "wave must be finite"),
        ({"wave": ["a"]}, TypeError, "wave must hold real numbers"),
        ({"rate": 0}, ValueError, "rate must be finite and > 0|rate must be > 0"),
        ({"channels": 0}, ValueError, "channels must be >= 1"),
        (
            {"high": 8000.0},
            ValueError,
            "high must lie between low, 100, and half of the rate, 8000 Hz",
        ),
        ({"low": 7000.0}, ValueError, "high must lie between low"),
        ({"dt": 0.05}, ValueError, "dt must hold at least one sample, 0.0625 ms"),
        ({"tau": -1}, ValueError, "tau must be >= 0"),
        ({"exponent": 2}, ValueError, r"exponent must be in \[0, 1\]"),
        ({"threshold": 0}, ValueError, "encode.cochlea: threshold must be > 0"),
    ],
    ids=range(12),
)
def test_bad_arguments(arguments, error, message):
    with pytest.raises(error, match=message):
        sl.encode.cochlea(**({"wave": np.zeros(1600), "rate": RATE} | arguments))
    with pytest.raises(ValueError, match="high must be above low, 100 Hz"):
        sl.encode.erb_frequencies(3, 100, 100)
