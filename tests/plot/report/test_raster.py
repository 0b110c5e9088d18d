"""What the interactive raster gets."""

from __future__ import annotations

import numpy as np
import pytest
from tests.support.packing import unpack

import spikelet as sl
from spikelet.plot.populations import Named
from spikelet.plot.report import raster
from spikelet.plot.report.page import Page
from spikelet.plot.report.raster import add_raster

FINE = sl.Spikes([0.123, 5.0, 9.9996], [0, 1, 1], 3, stop=10.0, name="fine")


class Kept(Page):
    """A page that shows what was added to it."""

    def special(self, kind, inside, picture="", **spec):
        self.kind, self.inside, self.picture_html, self.spec = kind, inside, picture, spec

    def note(self, text):
        self.notes = [*getattr(self, "notes", []), text]

    def blob(self, data):
        self.blobs = [*getattr(self, "blobs", []), data]
        return len(self.blobs) - 1


def added(*found, stop=10.0):
    page = Kept("page")
    add_raster(page, [Named(s.name, s) for s in found], 0.0, stop)
    return page


def test_spikes_off_the_grid_are_kept_to_a_thousandth_of_a_millisecond():
    page = added(FINE)
    assert page.spec["dt"] == 1e-3
    steps, rows = unpack(page.blobs[0], 3)
    np.testing.assert_array_equal(steps, [123, 5000, 10_000])
    np.testing.assert_array_equal(rows, [0, 1, 1])


def test_populations_are_stacked_and_parts_have_their_ids():
    part = sl.Spikes([1.0, 2.0], [7, 3], 10, stop=10.0, dt=0.5, elements=[3, 7], name="part")
    whole = sl.Spikes([0.5], [0], 1, stop=10.0, dt=0.5, name="whole")
    page = added(part, whole)
    first, second = page.spec["populations"]
    assert (first["top"], first["rows"], second["top"], second["rows"]) == (0, 2, 2, 1)
    assert first["elements"] == [3, 7]
    assert "elements" not in second
    assert page.spec["dt"] == 0.5
    steps, rows = unpack(page.blobs[0], 2)
    np.testing.assert_array_equal(steps, [2, 4])
    np.testing.assert_array_equal(rows, [1, 0])


@pytest.mark.parametrize(("count", "thinned"), [(1_000, False), (100_000, True)])
def test_the_picture_says_if_it_leaves_neurons_out(count, thinned):
    rng = np.random.default_rng(0)
    many = sl.Spikes(rng.uniform(0, 10, count), rng.integers(0, 100, count), 100, stop=10.0)
    assert ("Every 5th neuron" in added(many).picture_html) is thinned
    assert 'alt="Raster of the spikes of spikes' in added(many).picture_html


def test_more_spikes_than_a_browser_draws_are_thinned(monkeypatch):
    monkeypatch.setattr(raster, "_MOST", 1000)
    rng = np.random.default_rng(0)
    many = sl.Spikes(rng.uniform(0, 10, 3500), rng.integers(0, 100, 3500), 100, stop=10.0)
    page = added(many)
    (population,) = page.spec["populations"]
    assert population["elements"] == list(range(0, 100, 4))
    assert population["spikes"] == np.isin(many.ids, population["elements"]).sum()
    assert "every 4th neuron" in page.notes[0]


def test_populations_have_the_time_of_their_observation():
    late = sl.Spikes([6.0], [0], 1, start=5.0, stop=9.0, dt=0.5, name="late")
    open_ended = sl.Spikes([6.0], [0], 1, dt=0.5, name="open-ended")
    found = [(p["start"], p["stop"]) for p in added(late, open_ended).spec["populations"]]
    assert found == [(5.0, 9.0), (0.0, 10.0)]
