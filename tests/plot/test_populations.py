"""What the plots of spikes take."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.plot.populations import interval, named_spikes

A, B = (sl.Spikes([1.0, 5.0], [0, 1], stop=10.0, name=name) for name in "AB")


@pytest.mark.parametrize(
    ("given", "names"),
    [(A, ["A"]), ([A, B], ["A", "B"]), ((A, A), ["A", "A"]), ({"x": B}, ["x"])],
)
def test_names_of_one_or_several(given, names):
    assert [one.name for one in named_spikes("f", "spikes", given)] == names


@pytest.mark.parametrize(("given", "named"), [([], r"spikes must be a recorder"), ({}, "spikes must be"), ([A, 3], r"spikes\[1\] must be"),
                                              ({"q": 1}, r"spikes\['q'\] must be")])  # fmt: skip
def test_what_is_no_spikes_is_named(given, named):
    with pytest.raises(TypeError, match=f"f: {named}"):
        named_spikes("f", "spikes", given)


def test_interval_reaches_from_the_first_start_to_the_last_stop():
    late = sl.Spikes([30.0], [0], start=20.0, name="late")
    found = named_spikes("f", "spikes", [A, late])
    assert interval("f", found, None, None) == (0.0, 30.0)
    assert interval("f", found, 2.0, 4.0) == (2.0, 4.0)
    with pytest.raises(ValueError, match="stop must be after start = 40 ms"):
        interval("f", found, 40.0, None)
    assert np.isfinite(interval("f", named_spikes("f", "spikes", B), None, None)).all()


def test_before_the_first_run_there_is_nothing_to_draw():
    net = sl.Network()
    spikes = net.record(net.population(3, sl.LIF()), "spikes")
    for draw in (sl.plot.raster_and_rates, sl.plot.rate_distribution, sl.plot.activity):
        with pytest.raises(ValueError, match=r"spikes must have been observed for some time: run"):
            draw({"A": spikes})
    assert len(sl.plot.raster(spikes).collections) == 1
