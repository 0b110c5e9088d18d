"""Recordings: their form, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.fitting import Recording, Responses, detect_spikes


def test_one_sweep_and_several():
    one = Recording(np.zeros(10), np.zeros(10), [[0.5]], dt=0.1)
    assert (one.sweeps, one.duration, one.current.shape) == (1, 1.0, (10, 1))
    three = Recording(V_m=np.zeros((10, 3)), spikes=[[], [0.1, 1.0], []], dt=0.1)
    assert three.sweeps == 3
    np.testing.assert_array_equal(three.spikes.counts(), [0, 2, 0])
    assert Recording(spikes=[[1.0], [2.0]], duration=5.0).sweeps == 2


def test_times_of_one_sweep_need_no_list_around_them():
    times = [5.0, 12.0]
    for given in times, np.array(times), [times], [np.array(times)]:
        found = Recording(np.ones(200), spikes=given)
        assert found.spikes.n == 1
        np.testing.assert_array_equal(found.spikes.times, times)
    assert Recording(np.ones(200), spikes=[]).spikes.n == 1


def test_its_arrays_are_its_own():
    given = np.zeros(10)
    one = Recording(given, given)
    given[:] = 1.0
    assert one.V_m.max() == 0.0


def test_units_are_converted():
    quantities = pytest.importorskip("quantities")
    one = Recording(np.ones(4) * quantities.nA, np.ones(4) * quantities.V, dt=1.0 * quantities.s)
    assert (one.current[0, 0], one.V_m[0, 0], one.dt) == pytest.approx((1000.0, 1000.0, 1000.0))


def test_times_of_responses():
    spikes = sl.Spikes([1.0, 2.0, 3.0, 4.0], [3, 0, 3, 2], shape=(2, 2), stop=5.0)
    inf = np.inf
    expected = [[[2.0, inf], [4.0, 1.0]], [[inf, inf], [inf, 3.0]]]
    np.testing.assert_array_equal(Responses(spikes, 5.0, 0.1).times(), expected)
    silent = Responses(sl.Spikes([], [], shape=(2, 2)), 5.0, 0.1)
    assert silent.times().shape == (0, 2, 2)


def test_spikes_are_detected_at_their_first_sample():
    V_m = np.full((10, 2), -70.0)
    V_m[3:5, 0] = 10.0
    V_m[8, 0] = 0.0
    spikes = detect_spikes(V_m, 0.5)
    np.testing.assert_allclose(spikes.times, [2.0, 4.5])
    np.testing.assert_array_equal(spikes.ids, [0, 0])
    assert spikes.n == 2


BAD = [
    ({}, "V_m and spikes must not both be missing"),
    ({"V_m": np.zeros(5), "current": np.zeros(6)}, "current and V_m must have one shape"),
    ({"V_m": [0.0, np.nan]}, "V_m must not contain NaN at index 1"),
    ({"V_m": [0.0, np.inf]}, "V_m must be finite"),
    ({"V_m": [[0.0, 1.0], [0.0]]}, "V_m must have sweeps of one length"),
    ({"V_m": np.zeros((2, 2, 2))}, "at most 2 dimensions"),
    ({"V_m": []}, "not empty"),
    ({"V_m": np.zeros(5), "dt": 0.0}, "dt must be > 0"),
    ({"spikes": [[1.0]]}, "duration must be given"),
    ({"spikes": [[6.0]], "duration": 5.0}, r"spikes must lie after 0 and up to 5 ms, .* got 6"),
    ({"spikes": [[0.0]], "duration": 5.0}, "spikes must lie after 0"),
    ({"V_m": np.zeros((5, 2)), "spikes": [[0.1]]}, "spikes must be those of 2 sweeps"),
]


@pytest.mark.parametrize(("given", "text"), BAD)
def test_bad_recordings(given, text):
    with pytest.raises(ValueError, match=text):
        Recording(**given)
