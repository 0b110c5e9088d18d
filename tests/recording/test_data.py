"""Recorders as data: pickled, copied, and as plain arrays."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from tests.conftest import busy_network, make

import spikelet as sl


@pytest.mark.parametrize(
    "take", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x))], ids=["deepcopy", "pickle"]
)
def test_data_have_the_properties_of_the_recorder(take: Any) -> None:
    net, cells, whole, plastic = busy_network()
    part = net.record(cells[[7, 3]], "spikes")
    v, w = net.record(cells[:5], "V_m", every=1.0), net.record(plastic, "weights", every=20.0)
    net.run(60.0)
    for recorder in (whole, part):
        data = take(recorder)
        for name in ("times", "ids"):
            np.testing.assert_array_equal(getattr(data, name), getattr(recorder, name))
        np.testing.assert_array_equal(data.counts(10.0, 50.0), recorder.counts(10.0, 50.0))
        np.testing.assert_array_equal(sl.statistics.rates(data), recorder.rates())
        assert len(data) == len(recorder) == len(recorder.times)
    for samples in (v, w):
        data = take(samples)
        np.testing.assert_array_equal(data.times, samples.times)
        np.testing.assert_array_equal(data.values, samples.values)
        np.testing.assert_array_equal(data.between(20.0, 40.0)[1], samples.between(20.0, 40.0)[1])
    before = len(take(whole))
    data = take(whole)
    net.run(20.0)
    assert len(data) == before < len(whole)
    assert repr(take(v)) == "SampleData(neurons.V_m: 80)" or "V_m" in repr(take(v))


def test_plain_arrays() -> None:
    net = make()
    cells = net.population(3, sl.LIF(I_e=900.0))
    spikes, v = net.record(cells[1:], "spikes"), net.record(cells, "V_m")
    both = net.record(cells, ["V_m", "theta"])
    net.run(30.0)
    found = spikes.to_dict()
    assert found["elements"].tolist() == [1, 2]
    np.testing.assert_array_equal(found["ids"], spikes.ids)
    np.testing.assert_array_equal(v.to_dict()["values"], v.values)
    assert list(both.to_dict()) == ["times", "V_m", "theta"]
    with pytest.raises(ValueError, match="read-only"):
        pickle.loads(pickle.dumps(v))._stamps()[0] = 3


def test_arrays_of_a_recorder_are_its_properties() -> None:
    """numpy would make an array of one object, without a dimension."""
    net = make()
    cells = net.population(3, sl.LIF())
    both = cells[:1] + cells[1:]
    spikes = [net.record(cells, "spikes"), net.record(both, "spikes")]
    samples = [net.record(cells, "V_m"), net.record(both, "V_m")]
    net.run(1.0)
    for recorder in (*spikes, *map(copy.deepcopy, spikes)):
        with pytest.raises(TypeError, match=r"use recorder\.times and recorder\.ids"):
            np.asarray(recorder)
    for recorder in (*samples, *map(copy.deepcopy, samples)):
        for call in (np.asarray, np.mean, np.diff):
            with pytest.raises(TypeError, match=r"use recorder\.values"):
                call(recorder)
