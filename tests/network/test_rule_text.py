"""Texts of plasticity rules that are wrong: messages say what, and where."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import spikelet as sl

_OK: dict[str, Any] = {"on_pre": "x += 1", "parameters": {"tau": (10.0, "ms")}}


@pytest.mark.parametrize(
    ("text", "given", "message"),
    [
        ("dx/dt = -x/tua", {}, r"unknown name 'tua'; did you mean 'tau'\?\n  line 1, column 12:"),
        ("dx/dt = -x**2/tau", {}, "dx/dt must be linear in the variables"),
        ("dx/dt = y/tau\ndy/dt = -x/tau", {}, "may not act on each other between spikes: x -> y -> x"),
        ("dx/dt = -x/tau + xi", {}, "equations of synapses have no noise"),
        ("dx/dt = -x/tau + t", {}, "must be linear in the variables, with coefficients of param"),
        ("dx/dt = x/tau", {}, r"effect of x on dx/dt must be <= 0: a variable may not grow .* got 0.1"),
        ("dx/dt = -x/tau", {"parameters": {"tau": 0.0}}, "must be finite, .* is a time constant zero"),
        ("dx/dt = -x/tau\ndz/dt = -z/tau", {}, r"'z' is always 0: neither on_pre nor on_post(.|\n)*line 2"),
        ("dtransmit/dt = 0", {}, "'transmit' is what a spike transmits; on_pre sets it"),
        ("dx/dt = -x/tau", {"on_pre": None}, "on_pre, .*nothing happens|on_pre or on_post must be given"),
        ("dx/dt = -x/tau", {"on_pre": "x += t"}, r"unknown name 't'; rules know no time(.|\n)*on_pre, line 1, column 6"),
        ("a = t; dx/dt = -x/tau", {"on_pre": "x += a"}, "this depends on t, which rules do not know"),
        ("dx/dt = -x/tau", {"on_pre": "x += weight"}, "'weight' is called w in rules"),
        ("dx/dt = -x/tau", {"on_post": "x = 0; transmit = 0"}, "on_pre sets what a spike transmits"),
        ("dx/dt = -x/tau", {"on_pre": "z += 1"}, "'z' has no equation; .* dz/dt = 0"),
        ("dx/dt = -x/tau", {"on_pre": "x += 1 +"}, r"expected a value after '\+'\n  on_pre, line 1, column 8"),
        ("dx/dt = -x/tau : mV", {"on_pre": "x += tau"}, "units do not fit: 'tau' is in ms, but has to be in mV"),
        ("dx/dt = -x/tau", {"parameters": {"tau": 1.0, "w": 1.0}}, "must have other names.* got 'w'"),
        ("dx/dt = -x/tau", {"initial": {"z": 1.0}}, r"initial must name variables \(x\), got 'z'"),
        ("dx/dt = -x/tau", {"initial": {"w": 1.0}}, "weights begin as connect says"),
        ("dx/dt = -x/tau", {"initial": {"x": np.inf}}, "initial x must be finite"),
        ("dx/dt = -x/tau", {"axonal_fraction": 1.5}, r"axonal_fraction must be in \[0, 1\], got 1.5"),
        ("dx/dt = -x/tau", {"on_pre": 3}, "on_pre must be text, got 3"),
        ("dx/dt = -x/tau", {"on_pre": "x += V_m_post"}, "axonal_fraction must be 1.0 for a rule that reads V_m_post: .* got 0.0"),
        ("dx/dt = -x/tau", {"on_post": "x += V_m_post"}, r"'V_m_post'; only on_pre reads states of the target\n  on_post, line 1"),
        ("dx/dt = -x/tau", {"on_pre": "x += V_m_pre"}, "'V_m_pre'; rules cannot read states of the source"),
        ("dx/dt = -x/tau", {"on_pre": "x += signal"}, "'signal'; on_signal reads it, and nothing else does"),
        ("dx/dt = -x/tau", {"on_signal": "x += rand()"}, "on_signal draws no numbers"),
        ("dsignal/dt = 0", {}, "'signal' is the value of a signal; on_signal reads it"),
    ],
)  # fmt: skip
def test_bad_texts(text: str, given: dict[str, Any], message: str) -> None:
    with pytest.raises((ValueError, TypeError), match=message):
        sl.SynapseEquations(text, **{**_OK, **given})
