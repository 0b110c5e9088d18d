"""Traces of recorded states."""

from __future__ import annotations

import numpy as np
import pytest

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
