from __future__ import annotations

import copy
import gc
import math
import os
import pickle
import re
import sys
import threading

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from tests.support.expressions import NAMES, Tree, expr_of, trees, value_of

from spikelet import _core
from spikelet.neurons.equations.evaluate import evaluate
from spikelet.neurons.equations.expression import (
    FALSE,
    ONE,
    OPERATIONS,
    TRUE,
    ZERO,
    Call,
    Name,
    Number,
    call,
    count,
    names,
    nodes,
    substitute,
    to_text,
)
from spikelet.neurons.equations.reading import Scope, to_expression
from spikelet.neurons.equations.source import Source
from spikelet.neurons.equations.text import read_expression

x, y, z = (Name(n) for n in NAMES)
finite = st.floats(-100, 100).filter(lambda v: v != 0)


def parsed(text: str):
    return to_expression(
        read_expression(Source("test", "equations", text)), Scope({n: Name(n) for n in NAMES})
    )


def test_equal_expressions_are_one_object() -> None:
    assert x + y * 2 is x + y * 2.0
    assert x + y is not y + x
    assert Number(0.0) is not Number(-0.0)
    assert Number(math.nan) is Number(math.nan)
    assert {x * y: 1}[x * y] == 1


def test_nothing_keeps_expressions_that_nobody_holds() -> None:
    kept = len(gc.get_objects())
    for k in range(1000):
        call("exp", x * (k + 0.5))
    gc.collect()
    assert len(gc.get_objects()) < kept + 100


def test_expressions_cannot_be_changed() -> None:
    with pytest.raises(AttributeError, match="cannot be changed: op"):
        (x + y).op = "sub"  # type: ignore[attr-defined]


def test_copies_and_pickles_are_the_same_object() -> None:
    expr = call("select", call("lt", x, 3), x / y, Call("rand", (ZERO,)))
    assert copy.copy(expr) is copy.deepcopy(expr) is pickle.loads(pickle.dumps(expr)) is expr


def test_threads_make_one_object() -> None:
    found: list[list[int]] = []
    kept = []

    def build() -> None:
        mine = [call("exp", x * k + y) for k in range(2000)]
        kept.append(mine)
        found.append([id(e) for e in mine])

    threads = [threading.Thread(target=build) for _ in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert len(found) == 4
    assert all(ids == found[0] for ids in found)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_fork_while_a_thread_makes_expressions() -> None:
    stop = threading.Event()

    def build() -> None:
        while not stop.is_set():
            for k in range(100):
                call("exp", x * k)

    worker = threading.Thread(target=build)
    worker.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                call("log", x + 1)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        worker.join()


@pytest.mark.parametrize(
    ("text", "simple"),
    [
        ("x + 0", "x"), ("0 + x", "x"), ("x - 0", "x"), ("0 - x", "-x"), ("x*1", "x"), ("1*x", "x"), ("x*-1", "-x"),
        ("x/1", "x"), ("x/-1", "-x"), ("-(-x)", "x"), ("x + -y", "x - y"), ("x - -y", "x + y"), ("(-x)*(-y)", "x*y"),
        ("(-x)/(-y)", "x/y"), ("x**1", "x"), ("x**0", "1"), ("1**x", "1"), ("2*3 + 1/4", "6.25"), ("10**-2", "0.01"),
        ("2**0.5", "2**0.5"), ("x*0", "x*0"), ("exp(0)", "exp(0)"), ("not not (x < y)", "x < y"),
        ("x > y", "y < x"), ("x >= y", "y <= x"), ("1 < 2", "0 == 0"), ("2 <= 1", "0 != 0"), ("sqrt(4)", "2"),
        ("x if 1 < 2 else y", "x"), ("x if 1 > 2 else y", "y"), ("x if y < 1 else x", "x"), ("int(3 > 2)", "1"),
        ("x < 1 and 1 < 2", "x < 1"), ("x < 1 or 1 < 2", "0 == 0"), ("x < 1 and 2 < 1", "0 != 0"), ("1e308*10", "1e+308*10"),
        ("x < y < 3", "x < y and y < 3"), ("-x**2", "-x**2"), ("(-x)**2", "(-x)**2"),
        ("x**y**z", "x**y**z"), ("(x**y)**z", "(x**y)**z"), ("x - (y - z)", "x - (y - z)"), ("x/(y*z)", "x/(y*z)"),
        ("x % y % z", "x % y % z"), ("floor(-0.5)", "-1"), ("+x", "x"), ("min(x, y, 3)", "min(min(x, y), 3)"),
        ("clip(x, 0, 1)", "min(max(x, 0), 1)"), ("int(x)", "where(x < 0, ceil(x), floor(x))"),
    ],
)  # fmt: skip
def test_simplified(text: str, simple: str) -> None:
    assert to_text(parsed(text)) == simple


WITH_TEXT = tuple(op for op, kind in OPERATIONS.items() if kind.endswith(">n") and "rand" not in op)


@settings(max_examples=200, deadline=None)
@given(trees(numeric=WITH_TEXT))
def test_text_of_an_expression_gives_it_back(tree: Tree) -> None:
    expr = expr_of(tree)
    try:
        again = parsed(to_text(expr))
    except ValueError as error:  # users may not write x/0 or 9**9**9
        if re.search("this divides by zero|is not a finite number", str(error)):
            return
        raise
    assert again is expr


def test_what_has_no_finite_value_stays() -> None:
    for op, a, b in (("div", 1, 0), ("pow", 9, 387420489), ("mod", 1, 0)):
        expr = call(op, a, b)
        assert isinstance(expr, Call)
        assert [x.value for x in expr.args] == [a, b]  # type: ignore[attr-defined]


@settings(max_examples=200, deadline=None)
@given(trees(), st.tuples(finite, finite, finite))
def test_simplification_changes_no_bit(tree: Tree, values: tuple[float, float, float]) -> None:
    known = dict(zip(NAMES, values, strict=True))
    try:
        expected = value_of(tree, known)
    except (ArithmeticError, ValueError):  # zero has a sign, which decides between two infinities
        assume(False)
    assert float(evaluate(expr_of(tree), known)) == expected or math.isnan(expected)


@settings(max_examples=100, deadline=None)
@given(trees(), trees(depth=2))
def test_substitution_is_that_of_the_tree(tree: Tree, inner: Tree) -> None:
    def replaced(t: Tree) -> Tree:
        if t[0] == "name":
            return inner if t[1] == "x" else t
        return (t[0], *(replaced(a) if isinstance(a, tuple) else a for a in t[1:]))

    assert substitute(expr_of(tree), {"x": expr_of(inner)}) is expr_of(replaced(tree))


def test_substitution_replaces_all_names_at_once() -> None:
    assert substitute(x - y, {"x": y, "y": x}) is y - x
    assert substitute(x * 1.5, {"y": ZERO}) is x * 1.5
    assert substitute(x + y, {"y": ZERO}) is x


def test_names_and_counts() -> None:
    shared = call("exp", x)
    assert names(shared + y * shared) == {"x", "y"}
    assert names(ONE) == frozenset()
    assert count(shared + y * shared) == 3
    assert count(x, y) == 0
    order = nodes(shared + y * shared)
    assert all(order.index(a) < order.index(n) for n in order for a in n.args)


def test_truth_values() -> None:
    assert call("lt", x, y).boolean
    assert Name("not_refractory").boolean
    assert not call("to_number", TRUE).boolean
    assert call("not", TRUE) is FALSE
    for bad in [
        ("add", TRUE, x),
        ("and", x, TRUE),
        ("select", x, x, x),
        ("select", TRUE, FALSE, x),
    ]:
        with pytest.raises(TypeError, match=bad[0]):
            call(*bad)
    with pytest.raises(TypeError, match="sqrt takes n"):
        call("sqrt", x, x)


def test_operations_are_opcodes_of_the_core() -> None:
    if hasattr(_core, "opcodes"):
        known = {name.lower() for name in _core.opcodes()}
        assert set(OPERATIONS) - {"rand", "randn"} <= known


def test_depth_is_limited_by_memory_only() -> None:
    deep = x
    for _ in range(20 * sys.getrecursionlimit()):
        deep = call("sin", deep)
    assert count(deep) == 20 * sys.getrecursionlimit()
    assert substitute(deep, {"x": y}).names == {"y"}
    assert evaluate(deep, {"x": 0.0}) == 0
    assert to_text(deep).endswith(") ...")


def test_shared_parts_are_not_written_out_without_limit() -> None:
    doubled = x
    for _ in range(200):
        doubled = doubled * doubled
    assert count(doubled) == 200
    assert len(to_text(doubled)) < 300_000
