"""Responses of neuron models, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")


def test_psp_of_lif_has_the_closed_form():
    model = sl.LIF(tau_m=10.0, C_m=250.0, tau_syn_ex=2.0, tau_syn_in=5.0)
    ax = plot.psp(model, weight=50.0, duration=30.0)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["50 pA", "-50 pA"]
    for line, weight, tau in zip(ax.lines, (50.0, -50.0), (2.0, 5.0), strict=True):
        t = line.get_xdata()
        scale = weight / 250.0 * tau * 10.0 / (tau - 10.0)
        np.testing.assert_allclose(line.get_ydata(), scale * (np.exp(-t / tau) - np.exp(-t / 10.0)), atol=1e-9)  # fmt: skip
    assert ax.get_ylabel() == "change of V_m (mV)"
    assert t[0] == pytest.approx(0.0)
    assert t[-1] == pytest.approx(30.0)


def test_psp_of_each_receptor_and_of_another_state():
    model = sl.LIFMultisynapse(tau_syn={"fast": 2.0, "slow": 20.0})
    assert [line.get_label() for line in plot.psp(model).lines] == ["fast", "slow"]
    (line,) = plot.psp(model, receptor="slow").lines
    assert line.get_ydata().max() > 0
    ax = plot.psp(sl.LIF(tau_syn_ex=2.0), weight=30.0, state="I_syn_ex")
    assert ax.get_ylabel() == "change of I_syn_ex (pA)"
    t = ax.lines[0].get_xdata()
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 30.0 * np.exp(-t / 2.0), atol=1e-9)


def test_psp_of_a_model_from_text():
    model = sl.Equations(
        "dv/dt = -v/tau", receptors={"in_": "v += weight"}, parameters={"tau": (5.0, "ms")}
    )
    (line,) = plot.psp(model(), weight=2.0).lines
    np.testing.assert_allclose(line.get_ydata(), 2.0 * np.exp(-line.get_xdata() / 5.0), atol=1e-9)


def test_fi_curve_of_lif_has_the_closed_form():
    model = sl.LIF(tau_m=10.0, C_m=250.0, t_ref=2.0)
    currents = np.array([300.0, 400.0, 600.0, 1000.0])
    ax = plot.fi_curve(model, currents, duration=2000.0)
    (line,) = ax.lines
    np.testing.assert_array_equal(line.get_xdata(), currents)
    rise = currents * 10.0 / 250.0
    with np.errstate(invalid="ignore", divide="ignore"):
        interval = 2.0 + 10.0 * np.log(rise / (rise - 15.0))
    expected = np.where(rise > 15.0, 1e3 / interval, 0.0)
    np.testing.assert_allclose(line.get_ydata(), expected, rtol=0.02)
    assert ax.get_xlabel() == "I_e (pA)"


def test_the_range_of_currents_begins_below_the_rheobase_and_ends_above_it():
    for model in (sl.LIF(), sl.Izhikevich()):
        (line,) = plot.fi_curve(model, duration=300.0).lines
        rates = line.get_ydata()
        assert rates[0] == 0
        assert rates[-1] > 0
        assert np.count_nonzero(rates == 0) > 5


@pytest.mark.parametrize(
    ("draw", "arguments", "error", "message"),
    [
        (plot.psp, {"model": sl.LIF}, TypeError, r"must be a neuron model, such as sl\.LIF\(\); call it"),
        (plot.psp, {"model": sl.LIF(), "receptor": "nmda"}, ValueError, "receptor must name"),
        (plot.psp, {"model": sl.LIF(), "state": "V"}, ValueError, "state must name"),
        (plot.psp, {"model": sl.LIF(I_e=[1.0, 2.0])}, ValueError, "one value of each parameter"),
        (plot.psp, {"model": sl.LIF(), "duration": 0.0}, ValueError, "duration must be"),
        (plot.fi_curve, {"model": sl.Equations("dv/dt = -v/10")()}, ValueError, "must have a parameter for currents"),
        (plot.fi_curve, {"model": sl.LIF(V_th=1e9)}, ValueError, "currents must be given: LIF does not fire"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(draw, arguments, error, message):
    with pytest.raises(error, match=message):
        draw(**arguments)
