from __future__ import annotations

import math
from typing import Any

import pytest
from tests.support.marked import raises_at

import spikelet as sl
from spikelet.neurons.equations.expression import ZERO, Expr, Name, Number, to_text
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.read_model import read_model

TEXT = """
dV_m/dt = (E_L - V_m)/tau
dw/dt = -w/tau_w + d
dI_syn/dt = -I_syn/tau
ds/dt = 0
d = 2*V_m*k
fixed = 2*tau
noisy = rand()
late = t > 3
random = 2*xi + 1
"""
PARAMETERS = {"E_L": (-70.0, "mV"), "tau": (5.0, "ms"), "tau_w": 7.0, "k": 1.0, "b": (3.0, "pA")}


def read(**changes: Any) -> Model:
    return read_model(
        TEXT, **{"name": "M", "parameters": PARAMETERS, "threshold": "V_m > -50*mV", **changes}
    )


def texts(assigned: Any) -> list[tuple[str, str]]:
    return [(a.variable, to_text(a.expr)) for a in assigned]


# --- Threshold and reset ---


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("V_m > -50", "-50 < V_m"), ("not_refractory and V_m >= E_L", "not_refractory and E_L <= V_m"), ("rand() < k*dt", "rand() < k*dt"),
        ("late and d > 3", "3 < t and 3 < d"), ("V_m > 1 or not w < 3", "1 < V_m or not w < 3"), ("True", "0 == 0"), ("V_m >\n 3", "3 < V_m"),
    ],
)  # fmt: skip
def test_thresholds(text: str, condition: str) -> None:
    found = read(threshold=text).threshold
    assert isinstance(found, Expr)
    assert to_text(found) == condition


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("§V_m - 3", "the threshold 'V_m - 3' is a number; compare it: V_m >= V_th"), ("V_m §= 3", "write '==' to compare"), ("V_m > §xi", "'xi' is noise"), ("V_m > §random", "'random' has noise in it, which is allowed only in a differential equation"),
        ("§weight > 3", "'weight' is allowed only in `receptors`"), ("V_m > §tau", "'V_m' is in mV, but 'tau' is in ms"), ("§", "expected an expression"),
        ("V_m > 3§; s = 3", "expected one expression"), ("V_m > §v_th", "unknown name 'v_th'"),
    ],
)  # fmt: skip
def test_bad_thresholds(text: str, message: str) -> None:
    raises_at(text, message, lambda t: read(threshold=t))


def test_resets() -> None:
    text = "V_m = E_L; w += b\n w -= 2*w # twice\ns *= 0.5\nI_syn /= 1 + exp(k)\ns = rand()"
    assert texts(read(reset=text).reset) == [
        ("V_m", "E_L"), ("w", "w + b"), ("w", "w - 2*w"), ("s", "s*0.5"), ("I_syn", "I_syn/(1 + exp(k))"), ("s", "rand()"),
    ]  # fmt: skip
    assert read(reset="").reset == ()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("V_m = E_L; §q = 3", "'q' has no equation; a state without dynamics is dq/dt = 0"), ("§V = E_L", "'V' has no equation"), ("§v_m = 3", "did you mean 'V_m'?"),
        ("§k = 3", "'k' is a parameter, and parameters do not change in a step; make it a state: dk/dt = 0"), ("§d = 3", "'d' is not a state, so it cannot be changed; states are V_m, w"),
        ("§late = 3", "is not a state"), ("§t = 3", "is not a state"), ("§dV_m/dt = 3", "the left side is the name of a state, not 'dV_m/dt'"), ("§V_m : mV", "an assignment without unit"),
        ("§V_m = 3 : mV", "an assignment without unit"), ("V_m = 3 (§unless refractory)", "a reset has no flags"), ("s = §w > 3", "is a truth value"), ("V_m = §tau", "'tau' is in ms, but has to be in mV"),
        ("V_m *= §tau", "'tau' is in ms, but has to be a number without a unit"), ("V_m = §xi", "'xi' is noise"), ("V_m = §random", "'random' has noise in it"), ("w = §weight", "allowed only in `receptors`"), ("§V_m == 3", "'==' compares"),
        ("V_m = §V", "unknown name 'V'"), ("§V_m", "expected a statement"),
    ],
)  # fmt: skip
def test_bad_resets(text: str, message: str) -> None:
    raises_at(text, message, lambda t: read(reset=t))


# --- Refractory period ---


@pytest.mark.parametrize(
    ("given", "period"),
    [
        ("tau", "tau"),
        ("fixed + tau", "2*tau + tau"),
        ("tau - dt", "tau - dt"),
        ("2.2 - dt", "2.2 - dt"),
        (2, "2"),
        (2.5, "2.5"),
        ("2*ms", "2"),
        ("1.5", "1.5"),
        (math.inf, "inf"),
    ],
)
def test_refractory_periods(given: Any, period: str) -> None:
    if given == math.inf:
        with pytest.raises(ValueError, match="M: refractory must be finite"):
            read(refractory=given)
        return
    assert to_text(read(refractory=given).refractory) == period


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("§V_m", "an expression of parameters, but depends on 'V_m'"), ("§d", "depends on 'V_m'"), ("2*§rand()", "this value does not change"), ("§noisy", "depends on random numbers"),
        ("§t", "depends on 't'"), ("§random", "'random' has noise in it"), ("§E_L", "'E_L' is in mV, but has to be in ms"), ("§tau > 3", "is a truth value"),
    ],
)  # fmt: skip
def test_bad_refractory_periods(text: str, message: str) -> None:
    raises_at(text, message, lambda t: read(refractory=t))


@pytest.mark.parametrize(
    ("value", "error"),
    [
        (-1, ValueError),
        (math.nan, ValueError),
        ([1, 2], ValueError),
        (True, TypeError),
        ({}, TypeError),
    ],
)
def test_refractory_periods_that_are_no_time(value: Any, error: type[Exception]) -> None:
    with pytest.raises(error, match="M: refractory must"):
        read(refractory=value)


# --- Receptors ---


def effects(text: str) -> list[tuple[str, str, bool, bool]]:
    (receptor,) = read(receptors={"a": text}).receptors
    return [(e.variable, to_text(e.factor), e.magnitude, e.held) for e in receptor.effects]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("I_syn += weight", [("I_syn", "1", False, False)]), ("I_syn -= weight*k", [("I_syn", "-k", False, False)]), ("s += abs(weight)", [("s", "1", True, False)]),
        ("s += (1 - s)*2*weight/k", [("s", "(1 - s)*2/k", False, False)]), ("V_m += weight (unless refractory)", [("V_m", "1", False, True)]),
        ("w += weight; s += 3*weight", [("w", "1", False, False), ("s", "3", False, False)]), ("s += weight + k*abs(weight)", [("s", "1", False, False), ("s", "k", True, False)]),
        ("s += d*weight", [("s", "d", False, False)]), ("s += weight if V_m > 3 else 0", [("s", "where(3 < V_m, 1, 0)", False, False)]), ("s += -(weight - k*weight)", [("s", "-(1 - k)", False, False)]),
    ],
)  # fmt: skip
def test_effects(text: str, found: list[tuple[str, str, bool, bool]]) -> None:
    assert effects(text) == found


def test_any_number_of_receptors() -> None:
    names = [f"r{k}" for k in range(9)]
    assert [r.name for r in read(receptors=dict.fromkeys(names, "s += weight")).receptors] == names


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("§I_syn = I_syn + weight", "events are summed first, so their effect is I_syn += factor*weight"), ("§s *= weight", "events are summed first"), ("s += §1", "has a part without weight"),
        ("s += §weight + 1", "'weight + 1' has a part without weight"), ("s += §weight**2", "'weight**2' is not linear in weight"), ("s += §exp(weight)", "is not linear"), ("s += §weight*abs(weight)", "is not linear"),
        ("s += §max(weight, 0)", "is not linear"), ("s += §rand()*weight", "drawn once a step, not for each event"), ("s += §noisy*weight", "not for each event"), ("s += §xi*weight", "'xi' is noise"), ("s += §random*weight", "has noise in it"),
        ("§q += weight", "'q' has no equation"), ("§k += weight", "'k' is a parameter"), ("§d += weight", "is not a state"), ("s += weight (§unless refactory)", "unknown flag"),
        ("§s += weight : mV", "without unit"), ("s += §weight > 3", "is a truth value"), ("s += (V_m + §tau)*weight", "'tau' is in ms"), ("s += §weights", "did you mean 'weight'?"), ("§weight", "expected a statement"),
    ],
)  # fmt: skip
def test_bad_effects(text: str, message: str) -> None:
    raises_at(text, message, effects)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (["s += weight"], TypeError, "receptors must be a dictionary of texts"), ({"a b": "s += weight"}, ValueError, "must have names made of letters"), ({3: "s += weight"}, ValueError, "must have names made of letters"),
        ({"a": ""}, ValueError, "receptor a must have an effect"), ({"a": 3}, TypeError, "receptor a must be text, got 3"), ({"": "s += weight"}, ValueError, "must have names"),
    ],
)  # fmt: skip
def test_receptors_that_are_no_texts(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(receptors=given)


# --- Initial values ---


def test_initial_values() -> None:
    given = {"w": "2*V_m + s", "s": "k*rand()", "V_m": "E_L + 5*randn()", "I_syn": 3}
    initial = read(initial=given).initial
    assert list(initial) == ["V_m", "w", "I_syn", "s"]
    assert {n: to_text(e) for n, e in initial.items()} == {
        "V_m": "E_L + 5*randn()", "w": "2*(E_L + 5*randn()) + k*rand()", "I_syn": "3", "s": "k*rand()",
    }  # fmt: skip
    assert to_text(read(initial={"s": "d/fixed"}).initial["s"]) == "2*E_L*k/(2*tau)"


def test_initial_values_by_default() -> None:
    assert read().initial == {"V_m": Name("E_L"), "w": ZERO, "I_syn": ZERO, "s": ZERO}
    assert read_model("dV_m/dt = 1").initial == {"V_m": ZERO}
    assert read(initial={"V_m": -65.0}).initial["V_m"] is Number(-65.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("§t", "'t' is 0 at the start"), ("1 if §not_refractory else 2", "is not known before the first step"), ("§noisy", "'noisy' depends on t or dt, or on random numbers of a step"),
        ("int(§late)", "depends on t or dt"), ("§dt", "'dt' is not known when initial values are computed"), ("§xi", "'xi' is noise"), ("§random", "has noise in it"), ("§q", "unknown name 'q'"), ("§V_m > 3", "is a truth value"), ("§weight", "allowed only in `receptors`"),
    ],
)  # fmt: skip
def test_bad_initial_values(text: str, message: str) -> None:
    raises_at(text, message, lambda t: read(initial={"s": t}))


def test_initial_values_have_the_unit_of_the_state() -> None:
    raises_at("§tau", "'tau' is in ms, but V_m is in mV", lambda t: read(initial={"V_m": t}))


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        ([3], TypeError, "initial must be a dictionary of values"), ({"Vm": 3}, ValueError, r"must name states \(V_m, w, I_syn, s\); did you mean 'V_m'\?, got 'Vm'"), ({3: 3}, ValueError, "must name states"),
        ({"s": [1, 2]}, ValueError, "initial s must be one number"), ({"s": sl.Uniform(0, 1)}, ValueError, r"initial s .* as in cells\.s = "), ({"s": math.nan}, ValueError, "must not contain NaN"), ({"s": math.inf}, ValueError, "must be finite"), ({"s": None}, TypeError, "must be a number"),
        ({"s": "w", "w": "s"}, ValueError, "initial must not form a cycle, got 'w -> s -> w'"), ({"s": "s"}, ValueError, "cycle"),
    ],
)  # fmt: skip
def test_initial_values_that_are_none(given: Any, error: type[Exception], message: str) -> None:
    with pytest.raises(error, match=message):
        read(initial=given)
