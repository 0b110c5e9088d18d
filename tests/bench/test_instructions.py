"""The script that compares instruction counts: what it calls a change. It is run by .ci/run."""

from __future__ import annotations

import copy
import importlib.util
import json
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "bench" / "instructions" / "check.py"


@pytest.fixture(scope="module")
def check():
    spec = importlib.util.spec_from_file_location("instruction_check", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


@pytest.fixture
def reference(check):
    return json.loads(check.REFERENCE.read_text())


@pytest.fixture
def counts(check, reference):
    return {
        level: {name: check.Count(**record) for name, record in row.items()}
        for level, row in reference["counts"].items()
    }


def test_the_reference_holds_all_levels(check, reference):
    assert set(reference["counts"]) == set(check.LEVELS)
    first, second = (set(reference["counts"][level]) for level in check.LEVELS)
    assert first == second
    assert len(first) >= 10


def test_nothing_changed(check, reference, counts, capsys):
    assert check.compare(counts, reference, 0.05) == []
    assert capsys.readouterr().out.count(" 1.000 ") == sum(map(len, counts.values()))


@pytest.mark.parametrize(
    ("instructions", "work", "text"),
    [
        (1.04, 1, None),
        (0.96, 1, None),
        (1.06, 1, "6.0% more instructions"),
        (0.94, 1, "6.0% fewer instructions"),
        (1, 1.02, "does different work"),
        (1.06, 0.98, "does different work"),
    ],
)
def test_changes_are_named(check, reference, counts, instructions, work, text):
    then = reference["counts"]["v3"]["draw"]
    counts["v3"]["draw"] = check.Count(
        round(then["instructions"] * instructions), round(then["work"] * work), then["unit"]
    )
    wrong = check.compare(counts, reference, 0.05)
    if text is None:
        assert wrong == []
    else:
        assert len(wrong) == 1
        assert wrong[0].startswith("draw at v3")
        assert text in wrong[0]


def test_new_and_missing_problems_are_named(check, reference, counts):
    counts["v3"]["new"] = counts["v3"].pop("draw")
    wrong = check.compare(counts, reference, 0.05)
    assert sorted(wrong) == [
        "draw at v3 is in the reference but was not counted",
        "new at v3 has no reference",
    ]


def test_counts_that_do_not_repeat_are_named(check, counts):
    again = copy.deepcopy(counts)
    assert check.repeat(counts, again) == []
    draw = counts["v3"]["draw"]
    again["v3"]["draw"] = check.Count(round(draw.instructions * 1.01), draw.work, draw.unit)
    (text,) = check.repeat(counts, again)
    assert text.startswith("draw at v3")


@pytest.mark.parametrize(
    ("key", "value", "reason"),
    [
        ("compiler_version", "99.1.0", "with gcc 99"),
        ("compiler", "clang", "with clang"),
        ("machine", "aarch64", "this is aarch64"),
        ("valgrind", "valgrind-99", None),
    ],
)
def test_other_compilers_are_not_compared(check, key, value, reason):
    then = {"machine": "x86_64", "compiler": "gcc", "compiler_version": "12.4.0"}
    said = check.incomparable(then | {key: value}, then)
    assert (said is None) if reason is None else (reason in said)
