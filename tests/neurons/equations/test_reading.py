from __future__ import annotations

import pytest
from tests.support.marked import raises_at

from spikelet.neurons.equations.expression import FALSE, TRUE, Expr, Name, Number, to_text
from spikelet.neurons.equations.reading import (
    FUNCTIONS,
    MAGNITUDE,
    Draws,
    Scope,
    to_expression,
)
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import read_expression

SCOPE = Scope(
    {
        n: Name(n)
        for n in ("V_m", "V_th", "x", "y", "t", "t", "weight", MAGNITUDE, "not_refractory")
    },
    refused={"xi": "is noise"},
    hints={"hinted": "; as told"},
)


def meaning(text: str, scope: Scope = SCOPE) -> Expr:
    return to_expression(read_expression(Source("M", "equations", text)), scope)


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("5*ms", "5"), ("V_m - 13*mV", "V_m - 13"), ("2*nA", "2000"), ("0.5*V_m/us", "0.5*V_m/0.001"), ("arcsin(x)", "asin(x)"),
        ("max(x, y, 1)", "max(max(x, y), 1)"), ("mod(x, 2)", "x % 2"), ("log10(x)", "log(x)/2.302585092994046"), ("abs(weight)", MAGNITUDE),
        ("abs(-weight)", "abs(-weight)"), ("x if not_refractory else y", "where(not_refractory, x, y)"), ("where(x < y, 1, 2)", "where(x < y, 1, 2)"),
        ("x < y <= 3", "x < y and y <= 3"), ("x > 1 and y > 1 and x != y", "1 < x and 1 < y and x != y"), ("int(x < y)", "int(x < y)"),
    ],
)  # fmt: skip
def test_meanings(text: str, means: str) -> None:
    assert to_text(meaning(text)) == means


def test_truth_values() -> None:
    assert meaning("True") is TRUE
    assert meaning("False or not True") is FALSE


def test_each_occurrence_of_a_random_number_is_a_stream() -> None:
    scope = Scope({}, draws=Draws())
    expr = meaning("rand() - rand()*randn()", scope)
    streams = {(n.op, n.args[0].value) for n in (expr.args[0], *expr.args[1].args)}  # type: ignore[attr-defined]
    assert streams == {("rand", 0.0), ("rand", 1.0), ("randn", 2.0)}
    assert scope.draws is not None
    assert scope.draws.count == 3


def test_a_name_that_is_known_hides_a_unit() -> None:
    assert meaning("ms*2", Scope({"ms": Name("ms")})) is Name("ms") * 2
    assert meaning("ms*2", Scope({})) is Number(2.0)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x + §V_n", "unknown name 'V_n'; did you mean 'V_m'?"), ("§v_TH", "did you mean 'V_th'?"), ("§qqq", "unknown name 'qqq'; for a number, add parameters={\"qqq\": ...}\n"), ("§xi + 1", "'xi' is noise"),
        ("§hinted", "unknown name 'hinted'; as told"), ("§e**x", "write exp(1)"), ("§i/x", "one value for each neuron"), ("§exp", "'exp' is a function; write exp(...)"),
        ("§foo(x)", "unknown function 'foo'"), ("§stimulus(t)", "for values over time use net.inject"), ("§tanhh(x)", "did you mean 'tanh'?"), ("§x(y)", "'x' is not a function; write a product with '*': x*(...)"),
        ("§exp(x, y)", "exp() takes 1 argument, got 2"), ("§exp()", "exp() takes 1 argument, got 0"), ("§min(x)", "min() takes 2 or more arguments, got 1"),
        ("§clip(x, y)", "clip() takes 3 arguments, got 2"), ("§rand(3)", "rand() takes 0 arguments, got 1"), ("§rand()", "drawn in every step"),
        ("1 + (§x < y)", "'x < y' is a truth value where a number is needed"), ("§x and y", "'x' is a number where a truth value is needed"),
        ("not §x", "is a number where a truth value is needed"), ("x < y or §y", "'y' is a number"), ("where(§x, 1, 2)", "'x' is a number"), ("where(x < y, §x < y, 2)", "'x < y' is a truth value"),
        ("1 if §x else 2", "'x' is a number"), ("exp(§x < y)", "'x < y' is a truth value"), ("x == (§y < 3)", "'y < 3' is a truth value"),
        ("-§not_refractory", "is a truth value"), ("§True + 1", "is a truth value"), ("max(x, §x < y, y)", "is a truth value"),
    ],
)  # fmt: skip
def test_what_has_no_meaning(text: str, message: str) -> None:
    raises_at(text, message, meaning)


def test_functions_are_all_usable() -> None:
    for name, (takes, _) in FUNCTIONS.items():
        args = [{"b": "x < y"}.get(kind, "x") for kind in takes.rstrip("+")]
        assert not meaning(f"{name}({', '.join(args)})", Scope(SCOPE.names, draws=Draws())).boolean


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x/§0", "this divides by zero"), ("x/(§1 - 1)", "this divides by zero"), ("x % §0", "this divides by zero"), ("§9**9**9", "'9**9**9' is not a finite number"),
        ("x*§0**-1", "'0**-1' is not a finite number"), ("§(-1)**0.5", "is not a finite number"),
    ],
)  # fmt: skip
def test_operations_without_a_value(text: str, message: str) -> None:
    raises_at(text, message, meaning)


@pytest.mark.parametrize("text", ["2**0.5", "x**-1", "rand()**2", "(-2)**3", "0**0", "0/x"])
def test_operations_with_a_value(text: str) -> None:
    meaning(text, Scope(SCOPE.names, draws=Draws()))
