"""Texts that run as built-in rules, and others that nearly do; tests/network/test_synapse_equations.py compares results."""

from __future__ import annotations

from typing import Any

import pytest
from tests.conftest import make

import spikelet as sl

TAUS = {"tau": (20.0, "ms"), "slow": (100.0, "ms"), "A": 0.5, "B": 0.25, "top": 100.0}
PAIR = "dx/dt = -x/tau; dy/dt = -y/tau"
TRIPLET = PAIR + "; dx2/dt = -x2/slow; dy2/dt = -y2/slow"
PRE, POST = "w = clip(w - A*y, 0, top); x += 1", "w = clip(w + B*x, 0, top); y += 1"


@pytest.mark.parametrize(
    ("name", "text", "on_pre", "on_post"),
    [
        ("STDP.additive", PAIR, PRE, POST),
        ("STDP.additive", PAIR, "x = 1 + x; w = min(max(-A*y + w, 0), top)", POST),
        ("STDP.additive", PAIR, PRE.replace("x += 1", "x = 1"), POST.replace("y += 1", "y = 1")),
        ("STDP.additive.signed", PAIR, PRE.replace("-", "+"), POST),
        ("TripletSTDP", TRIPLET, "w = clip(w - y*(A + B*x2), 0, top); x += 1; x2 += 1", "w = clip(w + x*(A + B*y2), 0, top); y += 1; y2 += 1"),
        ("TripletSTDP", PAIR + "; dy2/dt = -y2/slow", PRE, "w = clip(w + A*y2*x, 0, top); y += 1; y2 += 1"),
        (None, PAIR, PRE.replace("+= 1", "+= 2"), POST),
        (None, PAIR, PRE.replace("+= 1", "= 1"), POST),
        (None, PAIR, PRE, POST.replace("B*x", "B*x*w")),
        (None, PAIR, PRE, POST.replace("B*x", "B*x + 1")),
        (None, PAIR, PRE, POST.replace("B*x", "B*x*rand()")),
        (None, PAIR, PRE, POST.replace("top", "2*top")),
        (None, PAIR, PRE, "w += B*x; y += 1"),
        (None, PAIR, PRE + "; transmit = 2*w", POST),
        (None, PAIR, PRE, POST + "; x = 0"),
        (None, PAIR.replace("-y", "1-y"), PRE, POST),
        (None, PAIR + "; dw/dt = -w/slow", PRE, POST),
        (None, PAIR + "; dz/dt = -z/slow", PRE + "; z += 1", POST),
        (None, TRIPLET, "w = clip(w - y*(A + B*x), 0, top); x += 1; x2 += 1", "w = clip(w + x*(A + B*y2), 0, top); y += 1; y2 += 1"),
        (None, PAIR, "w = clip(w - A*y, w/2, top); x += 1", POST),
    ],
)  # fmt: skip
def test_what_is_recognized(name: str | None, text: str, on_pre: str, on_post: str) -> None:
    rule = sl.SynapseEquations(text, on_pre=on_pre, on_post=on_post, parameters=TAUS)()
    found: Any = rule.built_in
    assert (rule.core_name if found else None) == name
    net = make()
    source, target = net.population(2, sl.PoissonSource(100.0)), net.population(2, sl.LIF())
    p = net.connect(source, target, sl.AllToAll(), weight=50.0, plasticity=rule)
    assert set(p.traces) == set(rule.equations.variables)
    storage = net.engine.sim.describe_storage(p.index)
    assert ("programs" in storage) == (found is None)


def test_what_values_decide() -> None:
    """Bounds stay if a built-in rule checks them; arrays need programs."""
    rule = sl.SynapseEquations(PAIR, on_pre=PRE, on_post=POST, parameters=TAUS)
    assert rule().bounds == (0.0, 100.0)
    for other in ({"A": [0.5, 0.25, 0.5, 0.25]}, {"top": -1.0}):
        assert rule(**other).built_in is None
    net = make()
    source, target = net.population(2, sl.PoissonSource(100.0)), net.population(2, sl.LIF())
    with pytest.raises(
        ValueError, match=r"weight must lie in \[w_min, w_max\] = \[0, 100\].* got 200"
    ):
        net.connect(source, target, sl.AllToAll(), weight=200.0, plasticity=rule)
    p = net.connect(source, target, sl.AllToAll(), weight=50.0, plasticity=rule)
    p.plasticity = rule(A=0.0)
    with pytest.raises(ValueError, match="must keep whether an amplitude is negative"):
        p.plasticity = rule(A=-1.0)
    with pytest.raises(
        ValueError, match=r"plasticity.top must stay 100.0: only amplitudes can change"
    ):
        p.plasticity = rule(top=50.0)
