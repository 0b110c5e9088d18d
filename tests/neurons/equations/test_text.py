from __future__ import annotations

import ast
import contextlib
import threading
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.marked import raises_at

from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import (
    DEEPEST,
    LONGEST_NAME,
    MOST_STATEMENTS,
    MOST_TOKENS,
    Statement,
    read_expression,
    read_statements,
)


def statements(text: str) -> list[Statement]:
    return read_statements(Source("M", "equations", text))


def expression(text: str):  # type: ignore[no-untyped-def]
    return read_expression(Source("M", "threshold", text))


def summary(text: str) -> list[tuple[str, str, str | None, str | None, list[str]]]:
    def shown(tree) -> str | None:  # type: ignore[no-untyped-def]
        return None if tree is None else ast.unparse(tree.root)

    return [
        (
            ast.unparse(s.target.root),
            s.operator,
            shown(s.value),
            shown(s.unit),
            [f for f, _ in s.flags],
        )
        for s in statements(text)
    ]


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("x = 1", [("x", "=", "1", None, [])]),
        ("x = 1; y += x;;", [("x", "=", "1", None, []), ("y", "+=", "x", None, [])]),
        ("# nothing\n\nx = 1 # (one\n", [("x", "=", "1", None, [])]),
        ("", []),
        (" ; # \n", []),
        ("C*dV/dt = -V : volt (unless refractory)", [("C * dV / dt", "=", "-V", "volt", ["unless refractory"])]),
        ("dV/dt = -V (unless  refractory)", [("dV / dt", "=", "-V", None, ["unless refractory"])]),
        ("dV/dt = f (V) : 1", [("dV / dt", "=", "f(V)", "1", [])]),
        ("tau : second (constant, shared)", [("tau", ":", None, "second", ["constant", "shared"])]),
        ("I : amp/metre**2", [("I", ":", None, "amp / metre ** 2", [])]),
        ("x = (1 +\n     2)*3\ny = 1", [("x", "=", "(1 + 2) * 3", None, []), ("y", "=", "1", None, [])]),
        ("x = 1 + \\\n  2", [("x", "=", "1 + 2", None, [])]),
        ("x = 1 +\n  2\n  *3\ny =\n 4 # four", [("x", "=", "1 + 2 * 3", None, []), ("y", "=", "4", None, [])]),
        ("x = 1 if a\nelse 2\n\n - b", [("x", "=", "1 if a else 2 - b", None, [])]),
        ("x = 1\n- y = 2", [("x", "=", "1", None, []), ("-y", "=", "2", None, [])]),
        ("x = (1 + # (one\n 2)", [("x", "=", "1 + 2", None, [])]),
        ("x = a if b < 1 else (not c)", [("x", "=", "a if b < 1 else not c", None, [])]),
        ("x = (a and b)", [("x", "=", "a and b", None, [])]),
        ("x = f((a) , b)", [("x", "=", "f(a, b)", None, [])]),
        ("x = a <= b : 1 (event-driven)", [("x", "=", "a <= b", "1", ["event-driven"])]),
        ("v = 1e-3*.5e+2*3.", [("v", "=", "0.001 * 50.0 * 3.0", None, [])]),
        ("x = True", [("x", "=", "True", None, [])]),
    ],
)  # fmt: skip
def test_statements(text: str, parts: object) -> None:
    assert summary(text) == parts


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x = 3§^2", "'^' is not a power; write '**'"), ("x = 3 §= 4", "one assignment"),
        ("x = (y §= 4)", "'=' is an assignment; write '==' to compare"), ("§x == 3", "'==' compares, '=' assigns"),
        ("x = §(3 + 4\ny = 2", "'(' is never closed"), ("x = exp§(3", "'(' is never closed"), ("x = 3§)", "')' closes nothing"),
        ("x = §(3; y = 2", "'(' is never closed"), ("x = 3 §4", "expected an operator between '3' and '4'"),
        ("x = y §z", "expected an operator between 'y' and 'z'"), ("x = (3) §y", "expected an operator between ')' and 'y'"),
        ("x = 3 §(y)", "expected an operator before '('"), ("x = 2§mV", "write a product with '*': 2*mV"),
        ("x = 3 §*", "expected a value after '*'"), ("x = §* 3", "expected a value before '*'"), ("x = 3 * §/ 4", "expected a value after '*', found '/'"),
        ("x = 3 §*\ny = 2", "expected a value after '*'"), ("x §=\ny = 2", "expected a value after '='"), ("x = §()", "expected a value in the brackets"),
        ("x = f(3, §)", "expected a value after ','"), ("x = f(3, §, 4)", "expected a value after ','"),
        ("x = f(§*y)", "expected a value before '*'"), ("x = f(§**y)", "expected a value before '**'"),
        ("x = f(y §= 3)", "'=' is an assignment"), ("x = §(1, 2)", "',' is allowed only between arguments of a function"),
        ("x = 1§, 2", "',' is allowed only between arguments of a function"), ("x §=", "expected an expression"), ("§= 3", "expected a statement"),
        ("§x", "expected a statement"), ("§x + 3", "expected a statement"), ("§exp(x)", "expected a statement"),
        ("x = §'a'", "strings are not allowed"), ('x = §"a"', "strings are not allowed"), ("x§' = 3", "a derivative is written dX/dt"),
        ("x = y§.real", "names have no attributes"), ("x = y§[0]", "variables have no index"), ("x = §[k]", "variables have no index"),
        ("x = §{}", "unexpected '{'"), ("x = §lambda: 3", "'lambda' is a keyword of Python"), ("x = (y §:= 3)", "':=' is not supported"),
        ("x = f(y §for y in z)", "'for' is a keyword of Python"), ("§import os", "'import' is a keyword of Python"), ("x = y §is z", "'is' is a keyword"),
        ("x = y §in z", "'in' is a keyword"), ("x = §None", "'None' is a keyword"), ("x = §await y", "'await' is a keyword"), ("x = §yield", "'yield' is a keyword"),
        ("x = y §// 2", "floor(a/b)"), ("x = y §& z", "write 'and'"), ("x = y §&& z", "write 'and'"), ("x = y §|| z", "write 'or'"), ("x = §!y", "write 'not'"),
        ("x = y §<> z", "write '!='"), ("x = §~y", "write 'not'"), ("x = y §@ z", "unexpected '@'"), ("x §**= 2", "'**=' is not an assignment"),
        ("x = y §-> z", "unexpected '->'"), ("x = y §<< z", "unexpected '<<'"), ("x = §λ", "names have the letters a to z"), ("x = y §− z", "write '-'"),
        ("x = y§\x00", "unexpected '\\x00'"), ("x = y§²", "'**2'"), ("x = y §≥ 3", "write '>='"), ("x = 3 : mV§/", "expected a value after '/'"),
        ("x = 3 §:", "expected a unit after ':'"), ("x = 3 : mV §: ms", "at most one unit"), ("§: mV", "expected an expression"),
        ("x = §1e999", "this number is too large"), ("x = y §not z", "expected an operator between"), ("x = y and §not", "expected a value after 'not'"),
        ("x = y §if", "expected a value after 'if'"),
        ("x = y if z §else", "expected a value after 'else'"), ("x = §if y else z", "expected a value before 'if'"),
        ("x = (f)§(3)", "expected an operator before '('"), ("x = §007", "this is not an expression"),
        ("x = 3; y §z = 2", "expected an operator between 'y' and 'z'"),
    ],
)  # fmt: skip
def test_what_is_no_statement(text: str, message: str) -> None:
    raises_at(text, message, statements)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("V_m §= 3", "'=' is an assignment; write '==' to compare"),
        ("V_m §+= 3", "'+=' is an assignment"),
        ("V_m > 3§; w < 2", "expected one expression, found ';'"),
        ("V_m > 3 §: mV", "expected one expression, found ':'"),
        ("V_m > §(3", "'(' is never closed"),
        ("§", "expected an expression"),
    ],
)
def test_what_is_no_expression(text: str, message: str) -> None:
    raises_at(text, message, expression)


def test_an_expression_may_have_several_lines() -> None:
    tree = expression("V_m >\n 3 # mV\n and w < 2")
    assert ast.unparse(tree.root) == "V_m > 3 and w < 2"
    assert tree.names()["w"].line == 3


def test_places_and_texts_of_parts() -> None:
    tree = statements("\nx = a*(bb + \n   exp(c1))")[0].value
    assert tree is not None
    assert {n: (p.line, p.column) for n, p in tree.names().items()} == {
        "a": (2, 5), "bb": (2, 8), "c1": (3, 8),
    }  # fmt: skip
    assert tree.text(tree.root) == "a*(bb + exp(c1))"
    order = [ast.unparse(n) for n in tree.nodes()]
    assert order.index("c1") < order.index("exp(c1)") < order.index("bb + exp(c1)") < len(order) - 1


# --- Texts that nobody should be able to hang or crash anything with ---

HOSTILE = {
    "brackets": "x = " + "(" * 10_000 + "1" + ")" * 10_000,
    "few brackets": "x = " + "(" * 900 + "1" + ")" * 900,
    "open brackets": "x = " + "(" * 50_000,
    "calls": "x = " + "exp(" * 400 + "1" + ")" * 400,
    "signs": "x = " + "-" * 1_500 + "1",
    "powers": "x = " + "**".join(["2"] * 500),
    "conditions": "x = " + " ".join(["1 if y < 1 else"] * 250) + " 1",
    "negations": "x = " + "not " * 1_500 + "y",
    "sum": "x = " + "+".join(["1"] * 40_000),
    "digits": "x = " + "9" * 90_000,
    "a name": "x = " + "y" * 90_000,
    "comparisons": "x = " + "<".join(["1"] * 5_000),
    "arguments": "x = max(" + ",".join(["1"] * 5_000) + ")",
    "semicolons": ";" * 90_000 + "x",
    "statements": "x = 1\n" * 16_000,
    "nothing": "\x00" * 90_000,
    "continued": "x = 1" + "\n+ 1" * 20_000,
    "signs at line starts": "x = 1" + "\n+" * 40_000,
    "tabs": "x = 1" + "\t" * 10_000 + "y",
}


@pytest.mark.parametrize("what", HOSTILE)
def test_hostile_texts_are_refused(what: str) -> None:
    with pytest.raises(ValueError, match=r"M: .*\n.*line \d+, column \d+: .*\n +\^$"):
        statements(HOSTILE[what])


def test_the_largest_texts_that_are_read() -> None:
    """They have to fit on the stack of a thread: macOS gives 512 KiB."""
    inside = DEEPEST - 2
    largest = [
        "x = " + "+".join(["1"] * (MOST_TOKENS // 2)),
        "x = " + "(" * inside + "1" + ")" * inside,
        "x = " + "-" * inside + "1",
        "x = " + "exp(" * inside + "1" + ")" * inside,
        "x = " + "**".join(["2"] * inside),
        "x = " + "1 if y < 1 else " * inside + "1",
        "x = " + "<".join(["1"] * (MOST_TOKENS // 2)),
        "x = max(" + ",".join(["1"] * (MOST_TOKENS // 2 - 2)) + ")",
        "\n".join(["x = 1"] * MOST_STATEMENTS),
        "x = " + "a" * LONGEST_NAME,
        "x = " + "+".join(f"(-a**2*b**-{k})" for k in range(1, 150)),
    ]
    read: list[int] = []
    old = threading.stack_size(512 * 1024)
    try:
        worker = threading.Thread(target=lambda: read.extend(len(statements(t)) for t in largest))
        worker.start()
        worker.join()
    finally:
        threading.stack_size(old)
    assert read == [1] * 8 + [MOST_STATEMENTS, 1, 1]


def test_no_number_is_computed() -> None:
    (statement,) = statements("x = 9**9**9**9")
    assert ast.unparse(statement.value.root) == "9 ** 9 ** 9 ** 9"  # type: ignore[union-attr]


def refused_or_read(text: str) -> None:
    for read in (statements, expression):
        with contextlib.suppress(ValueError):
            read(text)


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    refused_or_read(text)


PIECES = st.sampled_from(
    [*"xyVt019.,:;=+-*/%<>()#\n \\^!&|'\"[]{}@~", "dx/dt", " = ", "**", "//", "<=", "==", "+=", "exp(", "max(", " if ",
     " else ", " and ", " or ", "not ", "(unless refractory)", " : mV", "1e5", "0x1F", "1_0", "lambda x: x", "é", "\x00",
     "True", "None", "f''", "...", "->", ":=", "\t", "\r\n", "\x0c", "\u2028"]
)  # fmt: skip


@settings(max_examples=500, deadline=None)
@given(st.lists(PIECES, max_size=25).map("".join))
def test_pieces_of_equations_are_read_or_refused(text: str) -> None:
    refused_or_read(text)


def test_a_parse_that_another_thread_disturbed_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    parse, failures = ast.parse, [SystemError("AST constructor recursion depth mismatch")] * 3

    def disturbed(*args: Any, **options: Any) -> ast.AST:
        if failures:
            raise failures.pop()
        return parse(*args, **options)

    with monkeypatch.context() as patch:
        patch.setattr(ast, "parse", disturbed)
        tree = expression("a + b")
    assert not failures
    assert ast.unparse(tree.root) == "a + b"
