"""Traces of recorded states."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")


def test_trace_draws_a_line_for_each_element(ran):
    ax = plot.trace(ran[1], color="C3")
    assert [line.get_color() for line in ax.lines] == ["C3", "C3"]
    for line, values in zip(ax.lines, ran[1].values.T, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), ran[1].times)
        np.testing.assert_array_equal(line.get_ydata(), values)
    assert ax.get_ylabel() == "V_m (mV)"


def test_trace_takes_state_recorders_only(ran):
    with pytest.raises(TypeError, match="must be the recorder of one state, got"):
        plot.trace(ran[0])


def test_spikes_are_marks_above_and_the_threshold_is_a_line(ran):
    spikes, v_m = ran
    ax = plot.trace(v_m, spikes=spikes, threshold=True)
    first, second, level, *marks = ax.lines
    assert set(level.get_ydata()) == {-55.0}
    for element, (line, mark) in enumerate(zip((first, second), marks, strict=True)):
        np.testing.assert_array_equal(mark.get_xdata(), spikes.times[spikes.ids == element])
        assert mark.get_color() == line.get_color()
    assert set(plot.trace(v_m, threshold=-50.0).lines[-1].get_ydata()) == {-50.0}


def test_the_threshold_must_be_one(ran):
    net = sl.Network()
    cells = net.population(2, sl.LIF(V_th=[-50.0, -45.0]))
    v_m = net.record(cells, "V_m")
    net.run(1.0)
    with pytest.raises(ValueError, match="threshold must be a number"):
        plot.trace(v_m, threshold=True)
    with pytest.raises(TypeError, match="spikes must be a SpikeRecorder"):
        plot.trace(v_m, spikes=3)


def test_trace_takes_recordings(ran):
    copied = pickle.loads(pickle.dumps(ran[1]))
    ax = plot.trace(copied)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), ran[1].values[:, 0])
    assert ax.get_ylabel() == "V_m (mV)"


def marked(recorder: Any, spikes: Any) -> list[list[float]]:
    """Return the times that are marked above each trace."""
    lines = plot.trace(recorder, spikes=spikes).lines
    return [list(line.get_xdata()) for line in lines[len(lines) // 2 :]]


def test_marks_are_those_of_the_traces_where_ids_count_within_unions():
    net = sl.Network(threads=1)
    E = net.population(4, sl.LIF(I_e=[400.0, 450.0, 500.0, 550.0]), name="E")
    I = net.population(3, sl.LIF(I_e=[600.0, 650.0, 700.0]), name="I")
    of_E, of_I, of_both = (
        net.record(E, "spikes"),
        net.record(I, "spikes"),
        net.record(E + I, "spikes"),
    )
    of_part = net.record((E + I)[[1, 5]], "spikes")
    v_I, v_E, v_part = (net.record(t, "V_m") for t in (I[[2, 1]], E[1:2], (E + I)[[3, 1, 5]]))
    net.run(60.0)
    times = [list(of_both.times[of_both.ids == k]) for k in range(7)]
    assert len({tuple(train) for train in times}) == 7
    assert marked(v_I, of_both) == marked(v_I, of_I) == [times[6], times[5]]
    assert marked(v_E, of_both) == marked(v_E, of_E) == marked(v_E, of_part) == [times[1]]
    assert marked(v_part, of_both) == [times[3], times[1], times[5]]
    assert marked(v_part, of_part) == [[], times[1], times[5]]
    with pytest.raises(ValueError, match="spikes must be those of I, whose traces these are"):
        plot.trace(v_I, spikes=of_E)
    for recorder, spikes in ((v_I, of_both.spikes), (pickle.loads(pickle.dumps(v_part)), of_E)):
        with pytest.raises(ValueError, match="of a union, give the recorder"):
            plot.trace(recorder, spikes=spikes)
    assert marked(pickle.loads(pickle.dumps(v_I)), of_I.spikes) == [times[6], times[5]]
