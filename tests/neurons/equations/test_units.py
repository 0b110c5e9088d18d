from __future__ import annotations

import itertools
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.marked import raises_at

from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import read_expression
from spikelet.neurons.equations.units import (
    MS,
    NUMBER,
    Dimension,
    check_units,
    in_expressions,
    over,
    read_unit,
    times,
    unit_text,
)


def unit(text: str):  # type: ignore[no-untyped-def]
    return read_unit(read_expression(Source("M", "unit", text)))


SI = {
    "f": 1e-15,
    "p": 1e-12,
    "n": 1e-9,
    "u": 1e-6,
    "m": 1e-3,
    "": 1.0,
    "k": 1e3,
    "M": 1e6,
    "G": 1e9,
}
BASE = {"V": 1e-3, "s": 1e-3, "A": 1e-12, "F": 1e-12, "S": 1e-9, "Ohm": 1e9, "Hz": 1e3}
"""What the unit of the base system is in SI units: mV, ms, pA, pF, nS, GOhm, kHz."""
WORDS = {
    "V": "volt",
    "s": "second",
    "A": "amp",
    "F": "farad",
    "S": "siemens",
    "Ohm": "ohm",
    "Hz": "hertz",
}
NAMED = {"V": "mV", "s": "ms", "A": "pA", "F": "pF", "S": "nS", "Ohm": "GOhm", "Hz": "1/ms"}


@pytest.mark.parametrize("symbol", BASE)
@pytest.mark.parametrize("prefix", SI)
def test_units_and_prefixes(prefix: str, symbol: str) -> None:
    for name in (prefix + symbol, prefix + WORDS[symbol]):
        assert unit(name).to_base(1.0) == pytest.approx(SI[prefix] / BASE[symbol], rel=1e-15)
        assert unit_text(unit(name).dimension) == NAMED[symbol]


@pytest.mark.parametrize(
    ("text", "base", "factor"),
    [
        ("1", "1", 1.0), ("nS/mV", "nS/mV", 1.0), ("mV**2", "mV**2", 1.0), ("1/ms", "1/ms", 1.0), ("pA*ms", "pA*ms", 1.0),
        ("mV/ms", "mV/ms", 1.0), ("V/s", "mV/ms", 1.0), ("uF/nS", "ms", 1e6), ("nA/mV", "nS", 1e3), ("ms**-1", "1/ms", 1.0),
        ("S/cm**2", "nS/um**2", 10.0), ("uF/cm2", "pF/um**2", 0.01), ("mM", "mM", 1.0), ("uM", "mM", 1e-3), ("(mV*nS)/pA", "1", 1.0),
        ("kelvin", "K", 1.0), ("mV/ms**0.5", "mV/ms**0.5", 1.0), ("mV/sqrt(ms)", "mV/ms**0.5", 1.0), ("V*s**-0.5", "mV/ms**0.5", 10**1.5), ("pC", "pA*ms", 1e3), ("mV*ms*pA*um", None, 1.0), ("1/(mV*ms)", None, 1.0), ("mS/cm**2", "nS/um**2", 0.01),
    ],
)  # fmt: skip
def test_compound_units(text: str, base: str | None, factor: float) -> None:
    found = unit(text)
    assert found.to_base(1.0) == factor
    shown = unit_text(found.dimension)
    assert base in (shown, None) or unit(base).dimension == unit(shown).dimension  # type: ignore[arg-type]
    assert unit(shown).dimension == found.dimension
    assert unit(shown).power == 0


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(-6, 6), min_size=6, max_size=6))
def test_the_unit_of_any_dimension_can_be_read(powers: list[int]) -> None:
    dimension = tuple(Fraction(p, 2) for p in powers)
    assert unit(unit_text(dimension)).dimension == dimension
    assert unit(unit_text(dimension)).power == 0


def test_a_conversion_rounds_once() -> None:
    assert unit("nF").to_base(0.281) == 281.0
    assert unit("us").to_base(0.3) == 0.3 / 1000
    assert unit("Hz").to_base(20.0) == 0.02
    assert unit("GOhm").to_base(0.1) == 0.1
    assert unit("MOhm").to_base(70.0) == 0.07


def test_the_base_system_needs_no_factors() -> None:
    values = {n: unit(n).dimension for n in ("mV", "ms", "pA", "pF", "nS", "GOhm")}
    assert times(values["nS"], values["mV"]) == values["pA"]
    assert over(times(values["pF"], values["mV"]), values["ms"]) == values["pA"]
    assert times(values["GOhm"], values["pA"]) == values["mV"]
    assert times(values["GOhm"], values["pF"]) == values["ms"]
    assert times(None, MS) is over(MS, None) is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("§mVV", "unknown unit 'mVV'"), ("§mv", "unknown unit 'mv'; did you mean 'mV'?"), ("§PA", "did you mean 'pA'?"), ("§2*mV", "no number but 1"),
        ("§mV + ms", "a product, quotient or power"), ("§mV**0.3", "an integer or a half"), ("§mV**99", "an integer or a half, from -9 to 9"), ("§3", "no number but 1"),
        ("§exp(mV)", ""), ("§-mV", ""), ("§mV**mV", "an integer"), ("ms if §1 < 2 else mV", "a product, quotient or power"), ("§True", ""), ("mV**§9**9", "power of a unit"),
    ],
)  # fmt: skip
def test_what_is_no_unit(text: str, message: str) -> None:
    raises_at(text, message, unit)


def test_units_within_expressions_are_no_names_of_variables() -> None:
    for name in ("mV", "uV", "ms", "us", "nS", "uS", "mS", "pA", "nA", "uA", "pF", "nF", "uF", "Hz", "kHz", "MOhm", "GOhm",
                 "Mohm", "volt", "amp", "siemens", "farad", "second", "msecond", "mM", "um", "cm2"):  # fmt: skip
        assert in_expressions(name) == unit(name)
    for name in ("V", "m", "s", "A", "F", "S", "M", "h", "Gs", "km", "ps", "1", "K", "mol", "C"):
        assert in_expressions(name) is None


# --- Equations ---

UNITS: dict[str, Dimension | None] = {
    **{name: unit(text).dimension for name, text in {"V": "mV", "E": "mV", "D": "mV", "g": "nS", "C": "pF", "tau": "ms", "t": "ms",
                                                     "I": "pA", "h": "1", "r": "1/ms", "a": "nS/mV"}.items()},
    "u": None, "v": None,
}  # fmt: skip


def checked(text: str) -> Dimension | None:
    return check_units(read_expression(Source("M", "equations", text)), UNITS)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("g*(V - E)", "pA"), ("-g*(V - E) + g*D*exp((V - E)/D) - I", "pA"), ("I/C", "mV/ms"), ("(V - E)/tau", "mV/ms"),
        ("a*(V - E)*(V - D)", "pA"), ("V**2", "mV**2"), ("sqrt(V**2)", "mV"), ("V**-1", "1/mV"), ("(V*D)**0.5", "mV"), ("h**3.7", "1"), ("u**2", None),
        ("V - 13", "mV"), ("13 + V", "mV"), ("V - 13*mV", "mV"), ("5*mV", "mV"), ("3", None), ("3*V", None), ("V/3", None), ("1/tau", None),
        ("1/(1 + exp(-h))", None), ("0.32*mV**-1*4*mV/exprel((13*mV - V + E)/(4*mV))/ms", "1/ms"), ("u*V", None), ("u + V", "mV"),
        ("min(V, E, 3)", "mV"), ("clip(V, E, u)", "mV"), ("where(V > E, g, u)", "nS"), ("g if V > 3 else 2*g", "nS"), ("abs(V)", "mV"), ("floor(V)", "mV"),
        ("int(V > E)*I", "pA"), ("sign(V)", "1"), ("V % D", "mV"), ("mod(V, D)", "mV"), ("rand()*V", None), ("V + rand()", "mV"), ("-V", "mV"),
        ("exp(3)*V", "mV"), ("exp(V/10)", "1"), ("exp(2*V/D)", "1"), ("log(u)", "1"), ("V > E", None), ("not V > E", None), ("r*tau", "1"), ("h**h", "1"),
        ("V**u", None), ("2**h", None), ("cos(2*3.14*t/tau)", "1"), ("I*3 + V", "mV"), ("1*V + I", "pA"),
    ],
)  # fmt: skip
def test_units_of_expressions(text: str, found: str | None) -> None:
    assert checked(text) == (None if found is None else unit(found).dimension)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("V + §g", "'V' is in mV, but 'g' is in nS"), ("V - §13*ms", "'V' is in mV, but '13*ms' is in ms"), ("g*(V - §tau)", "'V' is in mV, but 'tau' is in ms"),
        ("exp(§V)", "exp() takes a number without a unit, but 'V' is in mV"), ("exp(§(V - E)/tau)", "in mV/ms"),
        ("V > §I", "'V' is in mV, but 'I' is in pA"), ("V < 3 + E < §I", "'V' is in mV"), ("min(V, 3, §I)", "'V' is in mV, but 'I' is in pA"),
        ("where(V > E, g, §V)", "'g' is in nS, but 'V' is in mV"), ("g if V > E else §V", "'g' is in nS"), ("V % §tau", "'tau' is in ms"),
        ("2**§V", "an exponent has no unit, but 'V' is in mV"), ("V + §exp(h)", "'V' is in mV, but 'exp(h)' is a number without a unit"),
        ("clip(V, §I, 3)", "'I' is in pA"), ("u*(V + §I)", "'I' is in pA"), ("V + 3 + u + §I", "'V + 3 + u' is in mV, but 'I' is in pA"),
        ("log1p(§tau)", "log1p()"), ("not V > §I and h < 1", "'I' is in pA"), ("sqrt(V**2 + §I)", "'V**2' is in mV**2, but 'I' is in pA"),
    ],
)  # fmt: skip
def test_units_that_do_not_fit(text: str, message: str) -> None:
    raises_at(text, message, checked)


@pytest.mark.parametrize(
    "text",
    [
        "u + v",
        "exp(u)",
        "u*V + v*I",
        "exp(2*V)",
        "0.04*V**2 + 5*V + 140 - u + I*1",
        "u > v",
        "2*V + I/3",
    ],
)
def test_what_is_unknown_gives_no_false_alarm(text: str) -> None:
    checked(text)


def test_consistent_expressions_pass() -> None:
    """Sums and quotients of whatever has one dimension."""
    like = {
        "V": ["V", "E", "D", "3", "u", "I/g", "abs(V)", "max(E, 2)"],
        "I": ["I", "g*V", "a*V*E", "C*V/tau", "v", "-I", "I % 3"],
    }
    for terms in like.values():
        for a, b in itertools.product(terms, terms):
            for text in (f"{a} + {b}", f"min({a}, {b})", f"{a} < {b}", f"exp(({a})/({b}))"):
                checked(text)
    assert checked("V/E") == NUMBER
