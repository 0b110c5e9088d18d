"""Windows of plasticity rules, against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet import plot

pytest.importorskip("matplotlib")


def window(rule, **how):
    ax = plot.stdp_window(rule, **how)
    before, after = ax.lines[0], ax.lines[1]
    lags = np.concatenate([before.get_xdata(), after.get_xdata()])
    return lags, np.concatenate([before.get_ydata(), after.get_ydata()])


def pair_rule(lags, delay, plus, minus, tau_plus, tau_minus):
    at = lags + delay  # the delay is dendritic: the target's spike arrives later
    return np.where(at >= 0, plus * np.exp(-at / tau_plus), -minus * np.exp(at / tau_minus))


@pytest.mark.parametrize("delay", [0.1, 5.0])
def test_stdp(delay):
    rule = sl.STDP(A_plus=0.02, A_minus=0.01, tau_plus=10.0, tau_minus=30.0)
    lags, change = window(rule, delay=delay)
    assert lags.tolist() == [*range(-100, 0), *range(1, 101)]
    np.testing.assert_allclose(change, pair_rule(lags, delay, 0.02, 0.01, 10.0, 30.0), atol=1e-12)


def test_the_weight_before_matters_to_rules_that_depend_on_it():
    rule = sl.STDP(dependence="multiplicative", A_plus=0.1, A_minus=0.1, w_max=2.0)
    lags, change = window(rule, weight=0.5, lags=[-10.0, 10.0])
    expected = pair_rule(lags, 0.1, 0.1 * 0.75, 0.1 * 0.25, 20.0, 20.0)
    np.testing.assert_allclose(change, expected, atol=1e-12)


def test_inhibitory_stdp_is_symmetric():
    lags, change = window(sl.InhibitorySTDP(eta=0.01, alpha=0.2))
    np.testing.assert_allclose(change, 0.01 * (np.exp(-abs(lags + 0.1) / 20.0) - 0.2), atol=1e-12)


def test_the_window_of_a_reward_is_the_eligibility():
    lags, change = window(sl.RewardSTDP(), lags=[-40.0, -5.0, 5.0, 40.0])
    np.testing.assert_allclose(change, pair_rule(lags, 0.1, 0.01, 0.0105, 20, 20), rtol=2e-3)


def test_at_lag_0_is_a_dot_and_a_label_is_shown_once():
    ax = plot.stdp_window(sl.STDP(), [-1.0, 0.0, 1.0], label="rule", color="C2")
    assert ax.lines[2].get_xdata().tolist() == [0.0]
    assert ax.lines[2].get_marker() == "o"
    assert ax.get_legend_handles_labels()[1] == ["rule"]


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"rule": sl.TsodyksMarkram()}, ValueError, "must change the weight"),
        ({"rule": "STDP"}, TypeError, "rule must be a plasticity rule"),
        ({"rule": sl.STDP(), "lags": [0.05]}, ValueError, "must be multiples of dt = 0.1 ms, got 0.05"),
        ({"rule": sl.STDP(), "lags": []}, ValueError, "lags must have a time"),
        ({"rule": sl.STDP(), "dt": 0.0}, ValueError, "dt must be"),
    ],
)  # fmt: skip
def test_wrong_arguments_are_named(arguments, error, message):
    with pytest.raises(error, match=message):
        plot.stdp_window(**arguments)
