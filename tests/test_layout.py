"""The tests mirror the sources: each module and each C++ header has a test file of its name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "python" / "spikelet"
TESTS = ROOT / "tests"
CPP = ROOT / "cpp"

# They hold nothing of their own: they import other modules, or run them.
ENTRY_POINTS = {"__init__", "__main__"}
MODULES = [
    path.relative_to(PACKAGE)
    for path in sorted(PACKAGE.rglob("*.py"))
    if path.stem not in ENTRY_POINTS
]

# Headers without "#pragma once" are text that kernel sources include once for each SIMD level: their tests are those of
# the kernel tables, models and rules. level_prelude has only includes and one macro.
HEADERS = sorted(
    path.relative_to(folder).with_suffix("")
    for folder in (CPP / "include" / "spikelet", CPP / "src")
    for path in folder.rglob("*.hpp")
    if "#pragma once" in path.read_text(encoding="utf-8") and path.stem != "level_prelude"
)


@pytest.mark.parametrize("module", MODULES, ids=str)
def test_each_module_has_a_test_file(module: Path) -> None:
    """For a/b.py it is tests/a/test_b.py; further files are called test_b_<aspect>.py."""
    file = TESTS / module.parent / f"test_{module.name}"
    assert file.is_file(), f"{file.relative_to(ROOT)} is missing"
    assert re.search(r"^( *def test_|test_\w+ = )", file.read_text(encoding="utf-8"), re.MULTILINE)


@pytest.mark.parametrize("header", HEADERS, ids=str)
def test_each_header_has_a_test_file(header: Path) -> None:
    """For a/b.hpp it is cpp/tests/a/test_b.cpp."""
    file = CPP / "tests" / header.parent / f"test_{header.name}.cpp"
    assert file.is_file(), f"{file.relative_to(ROOT)} is missing"
    assert "TEST_CASE" in file.read_text(encoding="utf-8")


def test_test_files_lie_where_their_module_does() -> None:
    """In a folder of the package, each test file begins with the name of a module."""
    modules = {(module.parent, module.stem) for module in MODULES}
    folders = {module.parent for module in MODULES} - {Path()}
    stray = [
        path.relative_to(TESTS)
        for folder in folders
        for path in (TESTS / folder).glob("test_*.py")
        if not any(
            parent == folder and f"{path.stem}_".startswith(f"test_{stem}_")
            for parent, stem in modules
        )
    ]
    assert stray == []


def test_helpers_hold_no_tests() -> None:
    """Pytest would not find tests in files of other names."""
    helpers = [path for path in TESTS.rglob("*.py") if not path.name.startswith("test_")]
    assert len(helpers) > 10
    assert [path for path in helpers if "\ndef test_" in path.read_text(encoding="utf-8")] == []
