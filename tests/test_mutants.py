"""The command that measures the power of the tests: what it changes, and which tests it runs."""

from __future__ import annotations

import ast
from pathlib import Path

from tests.mutants import CORE, PACKAGE, ROOT, Mutant, cpp_mutants, drawn, mirror, python_mutants

SOURCE = '''
def rule(x: int = 3) -> float:
    """Return 1 for 2."""
    if x < 0:
        raise ValueError(f"x must be at least {0}")
    return min(x, -x) * 0.5 if x in {1} and True else 0  # é
'''


def test_each_operator_and_number_of_a_rule_is_changed_alone() -> None:
    mutants = list(python_mutants(PACKAGE / "a.py", SOURCE))
    found = {(m.before, m.after) for m in mutants}
    assert {("x < 0", "(x <= 0)"), ("3", "(4)"), ("-x", "(x)"), ("True", "(False)")} <= found
    assert ("min(x, -x) * 0.5", "(min(x, -x) / 0.5)") in found
    assert ("min(x, -x)", "(max(x, -x))") in found
    assert len(mutants) == len(found) + 1  # 0 stands in the condition, and in the result
    for mutant in mutants:
        ast.parse(mutant.applied(SOURCE))


def test_lines_of_c_plus_plus_that_only_declare_or_refuse_are_kept() -> None:
    text = 'template <int N = 1>\nif (a < 2 && b) throw Error("1 < 2");\nx = a * T{1.5};  // + 1\n'
    found = [(m.line, m.before, m.after) for m in cpp_mutants(CORE[0] / "a.hpp", text)]
    assert found == [(3, "*", "/"), (3, "1.5", "1.51")]


def test_a_seed_draws_the_same_mutants_of_files_with_tests() -> None:
    first, second = (drawn(ROOT, 1, 5, cpp=False, only="neurons/") for _ in range(2))
    assert first == second
    for mutant in first:
        assert mutant.applied((ROOT / mutant.path).read_text("utf-8"))
        assert mirror(Path(mutant.path), ROOT)
    assert isinstance(drawn(ROOT, 1, 1, cpp=True, only="lif")[0], Mutant)
