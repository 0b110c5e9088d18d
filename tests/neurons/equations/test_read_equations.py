from __future__ import annotations

from typing import Any

import pytest
from tests.support.marked import raises_at

from spikelet.neurons.equations.expression import to_text
from spikelet.neurons.equations.model import Model
from spikelet.neurons.equations.read_equations import MOST_STATES, ordered
from spikelet.neurons.equations.read_model import read_model

PARAMETERS = {
    "tau": (5.0, "ms"), "C": (200.0, "pF"), "g": (10.0, "nS"), "E": (-70.0, "mV"), "k": 1.0, "p": (1.0, "1"), "sigma": (2.0, "mV/sqrt(ms)"),
}  # fmt: skip


def read(text: str, **changes: Any) -> Model:
    return read_model(text, **{"name": "M", "parameters": PARAMETERS, **changes})


@pytest.mark.parametrize(
    ("left", "rhs"),
    [
        ("dx/dt", "-x"), ("tau*dx/dt", "-x/tau"), ("dx/dt*tau", "-x/tau"), ("tau*(dx/dt)", "-x/tau"), ("(tau + 1)*dx/dt", "-x/(tau + 1)"),
        ("C/g*dx/dt", "-x/(C/g)"), ("-tau*dx/dt", "x/tau"), ("2*tau*dx/dt", "-x/(2*tau)"), ("both*dx/dt", "-x/both"), ("dt*dx/dt", "-x/dt"),
    ],
)  # fmt: skip
def test_left_sides(left: str, rhs: str) -> None:
    model = read(f"both = tau*k\n{left} = -x")
    assert to_text(model.equations[0].rhs) == rhs


def test_states_may_have_any_name() -> None:
    text = "dd/dt = -d\ndt_1/dt = 1\ndV/dt = d\ndm/dt = m\ndE_/dt = 1"
    assert read(text).states == ("d", "t_1", "V", "m", "E_")


def test_definitions_are_in_order_of_use() -> None:
    model = read("a = b + x\nb = c*2\nc = 3\ndx/dt = -a")
    assert [d.name for d in model.definitions] == ["c", "b", "a"]
    assert to_text(model.expand(model.equations[0].rhs)) == "-(6 + x)"
    assert to_text(model.equations[0].rhs) == "-a"


def test_truth_values_and_noise_have_no_value_of_their_own() -> None:
    model = read(
        "on = t > 5*ms\nnoise = sigma*xi + x\ndx/dt = (noise if on else 0)/tau\ndy/dt = int(on)"
    )
    assert model.definitions == ()
    assert to_text(model.equations[0].rhs) == "where(5 < t, x, 0)/tau"
    assert {n: to_text(e) for n, e in model.equations[0].noise.items()} == {
        "xi": "where(5 < t, sigma, 0)/tau"
    }


def test_noise() -> None:
    model = read("dx/dt = -x/tau + 2*xi - xi_2*(x + 1) + xi\ndy/dt = xi_2")
    assert [{n: to_text(e) for n, e in q.noise.items()} for q in model.equations] == [
        {"xi": "3", "xi_2": "-(x + 1)"}, {"xi_2": "1"},
    ]  # fmt: skip
    assert [to_text(q.rhs) for q in model.equations] == ["-x/tau", "0"]


def test_random_numbers_are_numbered_through_all_parts() -> None:
    model = read(
        "r = rand()\ndx/dt = r + randn() - r",
        threshold="rand() < x",
        reset="x = randn()",
        initial={"x": "rand()"},
    )
    assert model.draws == 4


def test_flags_and_units() -> None:
    text = "a = 3 : 1 (shared)\non = t > 3 : boolean\ndx/dt = a if on else 0"
    assert read(text).states == ("x",)
    model = read(
        "dx/dt = -x/tau : mV (unless refractory)\ndy/dt = x*g/tau : pA\ndz/dt = 0 : 1\ndV_m/dt = 0\nq = g*x\nr = k\nu = 1/tau : Hz"
    )
    assert [(e.held, e.unit) for e in model.equations] == [
        (True, "mV"),
        (False, "pA"),
        (False, "1"),
        (False, "mV"),
    ]
    assert {d.name: d.unit for d in model.definitions} == {"q": "pA", "r": None, "u": "1/ms"}


def test_units_of_parameters_may_be_in_the_text() -> None:
    model = read("dx/dt = -x/tau\nk : siemens (constant)\ntau : second\np: 1")
    assert model.parameters["k"].unit == "nS"
    assert model.parameters["tau"].unit == "ms"
    assert model.parameters["p"].unit == ""


def test_a_model_without_units_is_not_checked() -> None:
    text = "dV_m/dt = V_m - tanh(V_m) - w + sin(t)\ndw/dt = exp(-t)*V_m"
    assert [e.unit for e in read(text, parameters={"k": 2.0}).equations] == [None, None]
    with pytest.raises(ValueError, match="units do not fit: tanh"):
        read(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("dx/dt = §V", "unknown name 'V'"), ("dx/dt = 1\n§dx/dt = 2", "'x' has two equations; the first is in line 1"), ("a = 1\n§a = 2\ndx/dt = 0", "two equations"),
        ("dx/dt = 1\n§x = 2", "two equations"), ("§tau = 3\ndx/dt = 0", "'tau' is a parameter, so it cannot have an equation"), ("§dtau/dt = 3", "'tau' is a parameter"),
        ("§a = b\nb = c\nc = a\ndx/dt = a", "definitions form a cycle: a -> b -> c -> a"),
        ("§a = a + 1\ndx/dt = a", "cycle: a -> a"), ("§t = 3\ndx/dt = 0", "'t' is the time"), ("§dt/dt = 1", "'t' is the time"), ("§ddt/dt = 1", "the time step"),
        ("§pi = 3\ndx/dt = 0", "a constant"), ("§xi_3 = 3\ndx/dt = 0", "white noise"), ("§dxi/dt = 3", "white noise"), ("§exp = 3\ndx/dt = 0", "'exp' is a function"),
        ("§weight = 3\ndx/dt = 0", "the weight of events"), ("§not_refractory = 3\ndx/dt = 0", "a truth value"), ("§dmin/dt = 0", "'min' is a function"),
        ("§dx/dt += 3", "'+=' is allowed only in `reset`"), ("§x : mV\ndy/dt = 0", "'x' has a unit but no value"), ("§exp(x) = 3", "the left side must be a name, dX/dt"),
        ("§x + 1 = 3", "the left side must be a name"), ("§tau*x = 3", "the left side must be a name") , ("§x/dt = 3", "expected dX/dt on the left side, found x/dt"), ("dx/§dT = 3", "with respect to time"),
        ("§d2x/dt2 = 3", "two equations of first order"), ("§d/dt = 3", "expected dX/dt"), ("§x*2/dt = 3", "the left side must be a name"),
        ("§C + 1*dx/dt = 3", "the left side must be a name"), ("§x*dx/dt = 3", "the factor of dx/dt must be an expression of parameters, but depends on 'x'"),
        ("§t*dx/dt = 3", "depends on 't'"), ("r = rand()\n§r*dx/dt = 3", "random numbers"), ("§rand()*dx/dt = 3", "this value does not change"), ("a = xi\n§a*dx/dt = 3", "has noise in it"), ("a = x\n§a*dx/dt = 3", "depends on 'x'"),
        ("dx/dt = §xi**2", "white noise must be a term"), ("dx/dt = exp(k*§xi)", "must be a term"), ("dx/dt = §xi*xi_2", "must be a term"), ("dx/dt = 1 if §xi > 0 else 2", "must be a term"),
        ("dx/dt = x/§xi", "must be a term"), ("dx/dt = §weight", "'weight' is allowed only in `receptors`"), ("a = §weight\ndx/dt = a", "allowed only in `receptors`"),
        ("dx/dt = §1 > 2", "is a truth value where a number is needed"), ("(§tau > 3)*dx/dt = 1", "is a truth value"),
        ("dx/dt = 0 (§unless refractry)", "unknown flag 'unless refractry'; there is (unless refractory)"), ("dx/dt = 0 : 1 (unless refractory, §shared)", "unknown flag 'shared'"),
        ("a = 3 : 1 (§constant)\ndx/dt = a", "'constant' is no flag of a definition"), ("tau : second (§linked)\ndx/dt = 0", "unknown flag 'linked'"),
        ("dx = 3\ndy/dt = §x", "unknown name 'x'; 'dx = ...' is a definition, a derivative is dx/dt"),
        ("dx/dt = 0 : §mVV", "unknown unit 'mVV'"), ("§tau : mV\ndx/dt = 0", "'tau' is in mV, but `parameters` has it in ms"), ("§q = g*E : mV\ndx/dt = q", "'q' is in pA, but is declared to be in mV"),
        ("dV_m/dt = §g*(V_m - E)", "the right side of dV_m/dt is in pA, but has to be in mV/ms"), ("C*dV_m/dt = §V_m/tau", "is in mV/ms, but has to be in pA"),
        ("q = 3*mV\ndx/dt = q + §g", "'q' is in mV, but 'g' is in nS"), ("dV_m/dt = §g*xi", "the right side of dV_m/dt is in") , ("dV_m/dt = V_m/tau + §g*xi", "'V_m/tau' is in mV/ms, but 'g*xi' is in"),
    ],
)  # fmt: skip
def test_what_is_wrong_is_marked(text: str, message: str) -> None:
    raises_at(text, message, read)


def test_units_that_nobody_gave_are_named() -> None:
    text = "tau*dV_m/dt = E - V_m + §g_ex*(E - V_m)\ndg_ex/dt = -g_ex/tau"
    raises_at(text, "g_ex is taken to be in nS, unless its equation says otherwise (: unit)", read)
    read(text.replace("§", "") + " : 1")
    raises_at("dg_ex/dt = §E/tau", "in nS/ms; g_ex is taken to be in nS, unless", read)


def test_noise_has_the_unit_of_a_root_of_a_rate() -> None:
    read("dV_m/dt = -V_m/tau + sigma*xi")


def test_models_without_states_and_with_too_many() -> None:
    for text in ("", "a = 1", "# dx/dt = 1"):
        with pytest.raises(ValueError, match="M: equations must have a state"):
            read(text)
    many = "\n".join(f"dx{k}/dt = 0" for k in range(MOST_STATES))
    assert len(read(many).states) == MOST_STATES
    with pytest.raises(ValueError, match="may have at most 64 states, got 65"):
        read(f"{many}\ndy/dt = 0")


def test_order() -> None:
    assert ordered({"a": ["b", "c"], "b": ["c"], "c": []}) == ["c", "b", "a"]
    assert ordered({"a": ["b"], "b": ["c"], "c": ["b"]}) == "b -> c -> b"
    chain = {str(k): [str(k + 1)] for k in range(5000)} | {"5000": []}
    assert ordered(chain)[0] == "5000"
