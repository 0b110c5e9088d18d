"""Which rates have an upstroke: bounds of how they grow, against values far out."""

from __future__ import annotations

import math

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.expressions import NAMES, Tree, expr_of, trees, value_of

import spikelet as sl
from spikelet.neurons.equations.growth import at_most_linear
from spikelet.neurons.equations.read_model import read_model

PARAMETERS = {"g": (1.0, "", ">= 0"), "c": (1.0, "", "> 0"), "p": (0.5, "", "in [0, 1]"), "E": 0.0}
FAR = 1e40  # beyond nearly all numbers in a tree, such as exp(exp(4)) = 5e23
SLACK = (
    1e20  # the slope may differ between the two places, where a term cancels or a bound is passed
)

cases = pytest.mark.parametrize(
    ("rate", "tame"),
    [
        ("-V", True),
        ("V/c + V/E", True),
        ("(E - V)/(1 + g*exp(-V))", True),
        ("(E - V)/(1 + E*exp(-V))", False),  # the sign of E is unknown
        ("(E - V)/(g + exp(-V))", False),  # the divisor may be as small as it likes
        ("(E - V)/(c + exp(-V))", False),
        ("p*V/(2 - p*sin(V))", True),
        ("V/(1 - p*tanh(V))", False),  # p may be 1
        ("tanh(V)*V", True),
        ("tanh(V)*V*V", False),
        ("V*clip(V, 0, 1)", True),
        ("V if V > 0 else -2*V", True),
        ("V*V if V > 0 else 0", False),
        ("abs(V)", True),
        ("exp(-abs(V))*V", True),
        ("exp(V)", False),
        ("exprel(-abs(V))*V", True),
        ("V/(0.5 - exprel(-1 - abs(V)))", False),  # exprel(-1) is 0.63, not exp(-1) = 0.37
        ("-V + exp(min(V, 3))", False),  # as nothing bounds it below
        ("V**2", False),
        ("V*V - V*V", False),  # it is 0, but bounds do not see that
    ],
)


@cases
def test_a_rate_is_at_most_linear_or_may_be_an_upstroke(rate: str, tame: bool) -> None:
    model = read_model(f"dV/dt = {rate}", parameters=PARAMETERS)
    (equation,) = model.equations
    assert at_most_linear(equation.rhs, "V", model.parameters) is tame


@settings(max_examples=1000, deadline=None)  # 200 find a function that calls all rates tame
@given(trees(numeric=("add", "sub", *["mul"] * 4, "div", "neg", "abs", "min", "max", "select", "tanh", "sin", "exp")), st.tuples(*[st.sampled_from([-3.0, -0.5, 0.25, 2.0])] * 2))  # fmt: skip
def test_no_rate_that_is_called_tame_grows_faster(tree: Tree, others: tuple[float, float]) -> None:
    assume(at_most_linear(expr_of(tree), "x", {}))
    for sign in (-1, 1):
        try:
            near, far = (
                abs(complex(value_of(tree, dict(zip(NAMES, (sign * x, *others), strict=True)))))
                for x in (FAR, FAR * FAR)
            )
        except (ArithmeticError, ValueError):  # a division by 0, exp of a large number
            continue
        if math.isnan(near) or math.isnan(far):  # the difference of two powers that overflow
            continue
        assert far <= SLACK * FAR * max(near, 1.0)  # a square grows by FAR * FAR


def test_a_gate_between_0_and_1_lets_the_potential_pass_the_threshold() -> None:
    """A spike at what was integrated, as where the rate is linear: the gate makes no upstroke."""
    values = []
    for gate in ("1/(1 + g*exp(-0.06*V_m)/3.57)", "0.2"):
        kind = sl.Equations(
            f"gate = {gate}; dV_m/dt = 15 - gate*V_m/20",
            threshold="V_m >= 10",
            reset="V_m = 0",
            parameters=PARAMETERS,
        )
        net = sl.Network(dt=1.0, dtype="float64", threads=1)
        cell = net.population(1, kind())
        peaks = net.record(cell, "V_m", when="before_reset")
        net.run(3.0)
        values.append(peaks.values[:, 0])
    assert (values[0] > 12.0).all()
    assert (values[1] > 12.0).all()
