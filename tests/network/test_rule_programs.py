"""Who keeps the variables of a rule, which decides what a synapse costs."""

from __future__ import annotations

from typing import Any

import pytest

from spikelet.network.rule_programs import compile_rule
from spikelet.network.rule_text import read_rule

SYNAPSE, SOURCE, TARGET, NOBODY = range(4)
PAIR = "dx/dt = -x/tau; dy/dt = -y/tau"


@pytest.mark.parametrize(
    ("text", "events", "varied", "keepers"),
    [
        (PAIR, ("w -= y; x += 1", "w += x; y += 1", None), (), {"x": SOURCE, "y": TARGET}),
        (PAIR, ("w -= y; x += A", "w += x; y += 1", None), ("A",), {"x": SYNAPSE, "y": TARGET}),
        (PAIR, ("w -= y; x += rand()", "w += x; y += 1", None), (), {"x": SYNAPSE, "y": TARGET}),
        (PAIR, ("x += 1", "w += x; y += 1; x = 0", None), (), {"x": SYNAPSE, "y": TARGET}),
        (PAIR, ("w -= y; x += 1", "y += 1", "x = 0; w += signal"), (), {"x": SYNAPSE, "y": TARGET, "signal": NOBODY}),
        ("dx/dt = -x/tau; dy/dt = (x - y)/tau", ("x += 1", "w += y", None), (), {"x": SOURCE, "y": SOURCE}),
        ("dx/dt = -x/tau; dy/dt = (1 - y)/tau", ("w -= y", "w += x; x += 1; y += 1", None), (), {"x": TARGET, "y": SYNAPSE}),
        (PAIR, ("x += 1; transmit = w*V_m_post", "w += x; y += 1", None), (), {"x": SOURCE, "y": TARGET, "transmit": NOBODY, "V_m_post": NOBODY}),
    ],
)  # fmt: skip
def test_keepers(text: str, events: Any, varied: tuple[str, ...], keepers: dict[str, int]) -> None:
    rule = read_rule("Rule", text, events, {"tau": (10.0, "ms"), "A": 1.0}, None, ())
    assert compile_rule(rule, varied).keepers == {"w": SYNAPSE, **keepers}
