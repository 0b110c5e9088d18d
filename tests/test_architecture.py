"""The layout of the Python package: no import circles, no access to another module's private names, a short top level."""

from __future__ import annotations

import ast
import graphlib
from collections.abc import Iterator
from pathlib import Path

import pytest

import spikelet as sl

ROOT = Path(sl.__file__).parent
MODULES = {
    ".".join(("spikelet", *path.relative_to(ROOT).with_suffix("").parts)): path
    for path in sorted(ROOT.rglob("*.py"))
}
# Public in spite of their names: methods of named tuples, and a function of the standard library.
PUBLIC = {"_asdict", "_replace", "_fields", "_make", "_exit"}
INTERNAL = {"_core", "_util"}  # private to the package, not to a module


def is_private(name: str) -> bool:
    return name.startswith("_") and not name.endswith("__")


def defined(tree: ast.Module) -> set[str]:
    """Return all names that a module defines, attributes of its own objects included."""
    names = set()
    for node in ast.walk(tree):
        match node:
            case (
                ast.FunctionDef(name=name)
                | ast.AsyncFunctionDef(name=name)
                | ast.ClassDef(name=name)
            ):
                names.add(name)
            case ast.Name(id=name, ctx=ast.Store()):
                names.add(name)
            case ast.Attribute(value=ast.Name(id="self" | "cls"), attr=name, ctx=ast.Store()):
                names.add(name)
    return names


def trespasses(source: str) -> Iterator[str]:
    """Yield each use of a private name that belongs to another module."""
    tree = ast.parse(source)
    own = defined(tree) | PUBLIC
    for node in ast.walk(tree):
        match node:
            case ast.Attribute(value=ast.Name(id="self" | "cls")):
                continue
            case ast.Attribute(value=ast.Call(func=ast.Name(id="super"))):
                continue
            case ast.Attribute(attr=name) if is_private(name) and name not in own:
                yield f"line {node.lineno}: {ast.unparse(node)}"
            case ast.ImportFrom(module=module, names=names):
                for alias in names:
                    internal = module == "spikelet" and alias.name in INTERNAL
                    if is_private(alias.name) and not internal:
                        yield f"line {node.lineno}: from {module} import {alias.name}"


@pytest.mark.parametrize("name", MODULES)
def test_private_names_stay_in_their_module(name: str) -> None:
    assert list(trespasses(MODULES[name].read_text(encoding="utf-8"))) == []


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("def f(net): return net._sim.now", "line 1: net._sim"),
        ("def f(p): p.network._step = 1", "line 1: p.network._step"),
        ("def f(): return make()._x", "line 1: make()._x"),
        (
            "from spikelet.encode import rate, _choice",
            "line 1: from spikelet.encode import _choice",
        ),
        ("from spikelet import _private", "line 1: from spikelet import _private"),
    ],
)
def test_a_use_of_a_foreign_private_name_is_found(source: str, found: str) -> None:
    assert list(trespasses(source)) == [found]


@pytest.mark.parametrize(
    "source",
    [
        "from spikelet import _core\nfrom spikelet._core import __version__",
        "class A:\n    def f(self): return self._inherited + super()._inherited",
        "class A:\n    def __init__(self): self._x = 1\ndef f(a): return a._x",
        "def f(row): return row._asdict(), row.__dict__",
    ],
)
def test_own_private_names_are_allowed(source: str) -> None:
    assert list(trespasses(source)) == []


def imports(package: str, tree: ast.Module, modules: set[str]) -> set[str]:
    """Return the modules that a module imports, wherever in it the import stands."""
    found = set()
    for node in ast.walk(tree):
        match node:
            case ast.Import(names=names):
                found |= {alias.name for alias in names}
            case ast.ImportFrom(module=module, names=names, level=level):
                parents = package.split(".")
                above = parents[: len(parents) - level + 1] if level else []
                base = ".".join([*above, *([module] if module else [])])
                for alias in names:
                    inner = f"{base}.{alias.name}"
                    found.add(inner if inner in modules else base)
    return found & modules


def order(trees: dict[str, ast.Module]) -> list[str]:
    """Return modules in an order in which each comes after those that it imports.

    Facades (``__init__``) are left out: they import their own modules and are imported as names of packages.

    Raises
    ------
    graphlib.CycleError
        If there is a circle.
    """
    graph = {
        name: imports(name.rpartition(".")[0], tree, set(trees)) for name, tree in trees.items()
    }
    return list(graphlib.TopologicalSorter(graph).static_order())


def test_no_import_circle() -> None:
    trees = {
        name: ast.parse(path.read_text(encoding="utf-8"))
        for name, path in MODULES.items()
        if path.name != "__init__.py"
    }
    assert len(order(trees)) == len(trees) > 100


@pytest.mark.parametrize(
    "statement",
    [
        "from spikelet.b import x",
        "from .b import x",
        "from spikelet import b",
        "def f():\n    import spikelet.b",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from spikelet.b import x",
    ],
)
def test_a_circle_is_found(statement: str) -> None:
    trees = {"spikelet.a": statement, "spikelet.b": "from spikelet.a import f"}
    with pytest.raises(graphlib.CycleError):
        order({name: ast.parse(source) for name, source in trees.items()})


def test_the_top_level_is_short() -> None:
    entries = [path.name for path in ROOT.iterdir() if path.name != "__pycache__"]
    assert len(entries) <= 34, sorted(entries)
