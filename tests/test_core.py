"""The compiled core documents itself: docstrings, named arguments, enums that refuse unknown names."""

from __future__ import annotations

import ast
import dataclasses
import enum
import inspect
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet
from spikelet import _core

CALLABLES = {
    name: value
    for name, value in vars(_core).items()
    if not name.startswith("_") and callable(value)
}
ENUMS = {
    name: value
    for name, value in CALLABLES.items()
    if isinstance(value, type) and issubclass(value, enum.Enum)
}
CLASSES = {
    name: value
    for name, value in CALLABLES.items()
    if isinstance(value, type) and name not in ENUMS
}


def functions() -> dict[str, Any]:
    """Return all functions and methods by their full names."""
    found = {name: f for name, f in CALLABLES.items() if not isinstance(f, type)}
    for name, cls in CLASSES.items():
        for method, value in vars(cls).items():
            if callable(value) and (method in ("__init__", "__len__") or method[0] != "_"):
                found[f"{name}.{method}"] = value
    return found


FUNCTIONS = functions()


def test_what_is_checked_here() -> None:
    assert len(ENUMS) == 17
    assert len(CLASSES) == 21
    assert len(FUNCTIONS) > 150


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_have_docstrings_and_named_arguments(name: str) -> None:
    # pybind11 writes the signature first (numbered where there are overloads); the rest is ours.
    paragraphs = re.split(r"\n\n+", inspect.getdoc(FUNCTIONS[name]) or "")
    signatures = [p for p in paragraphs if re.match(r"(\d+\. )?\w+\(.*\) -> ", p)]
    assert signatures
    assert [p for p in paragraphs if p not in signatures]
    for signature in signatures:
        assert not re.search(r"\barg\d", signature)


@pytest.mark.parametrize("name", [*CLASSES, *ENUMS])
def test_classes_have_docstrings(name: str) -> None:
    doc = inspect.getdoc(CALLABLES[name]) or ""
    assert doc
    assert doc != inspect.getdoc(enum.IntEnum)


@pytest.mark.parametrize("name", CLASSES)
def test_properties_have_docstrings(name: str) -> None:
    for value in vars(CLASSES[name]).values():
        assert not isinstance(value, property) or value.__doc__


def test_the_stub_says_types() -> None:
    """`Any` stands only for values of several types by name: of the plastic state, and of the nodes of an engine."""
    stub = Path(spikelet.__file__).with_name("_core.pyi").read_text(encoding="utf-8")
    tree = ast.parse(stub)
    lines = {n.lineno for n in ast.walk(tree) if isinstance(n, ast.Name) and n.id == "Any"}
    source = [stub.splitlines()[n - 1] for n in sorted(lines)]
    assert [s for s in source if "plastic_state" not in s and "def describe(self)" not in s] == []


@pytest.mark.parametrize("name", ENUMS)
def test_the_stub_lists_the_members_of_enums(name: str) -> None:
    stub = ast.parse(Path(spikelet.__file__).with_name("_core.pyi").read_text(encoding="utf-8"))
    (described,) = (n for n in stub.body if isinstance(n, ast.ClassDef) and n.name == name)
    members = {
        line.targets[0].id: ast.literal_eval(line.value)
        for line in described.body
        if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
    }
    assert members == {member.name: int(member) for member in ENUMS[name]}


def simulator() -> _core.Simulator64:
    return _core.Simulator64(dt=0.1, seed=1, threads=1, adapt=False)


def rule(kind: Any) -> _core.ConnectionRule:
    return _core.ConnectionRule(kind, p=0.5, number=0, self_connections=True, multapses=True)


def values(kind: Any = "normal", limit: Any = "none") -> _core.ValueSpec:
    return _core.ValueSpec(kind=kind, a=0.0, b=1.0, limit=limit, low=0.0, high=0.0)


def plasticity(pairing: Any = "all_to_all", rule: str = "STDP.additive", **other: float) -> Any:
    names = ("tau_plus", "tau_minus", "A_plus", "A_minus", "w_min", "w_max")
    parameters = {name: 1.0 for name in names if name not in other} | other
    return _core.Plasticity(
        rule=rule, parameters=parameters, pairing=pairing, tie_potentiates=True, axonal_fraction=0.0
    )


def engine(form: Any = "constant", what: Any = "value") -> Any:
    graph = _core.LayerGraph()
    graph.input((1, 1, 1), form, np.ones(1), is_signed=False, differential=False, levels=1)
    graph.relu(0, (1, 1, 1), np.zeros(0), levels=0)
    return _core.LayerEngine32(graph, whole=False, records=[(1, what)], sizes=[])


TAKERS = {
    "ConnectionKind": rule,
    "ValueKind": values,
    "ValueLimit": lambda limit: values(limit=limit),
    "Pairing": plasticity,
    "RegulationKind": _core.Regulation,
    "RecorderKind": lambda kind: simulator().clear_recorder(kind=kind, recorder=0),
    "InputForm": engine,
    "Quantity": lambda what: engine(what=what),
}


@pytest.mark.parametrize("name", TAKERS)
@pytest.mark.parametrize("given", ["unknown", "", 99, None, 1.0])
def test_unknown_members_are_refused(name: str, given: Any) -> None:
    names = ", ".join(ENUMS[name].__members__)
    message = f"{name} must be one of {names}, got {given!r}"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        TAKERS[name](given)


@pytest.mark.parametrize("name", [name for name in TAKERS if name != "RecorderKind"])
def test_members_and_their_names_are_taken(name: str) -> None:
    for member in ENUMS[name]:
        if name != "Quantity" or member.name == "value":  # a ReLU has no spikes
            TAKERS[name](member)
            TAKERS[name](member.name)


@pytest.mark.parametrize("name", ["Charge", "Reset", "When", "Surrogate"])
def test_a_packed_cell_with_an_unknown_number_is_refused(name: str) -> None:
    fields = [field for field, _ in _core.cell_fields()]
    cell = [float(default) for _, default in (*_core.cell_fields(), *_core.cell_parameters())]
    cell[fields.index(name.lower())] = 7.0
    x = np.zeros((1, 1))
    message = f"cell: {name.lower()} must be one of {', '.join(ENUMS[name].__members__)}, got 7.0"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _core.train_forward(
            cell=cell, parameters=[None] * 5, x=x, steps=1, constant=False, first=[None] * 3,
            spikes=None, charged=None, v=None, last=[None] * 3, recurrence=None, x_total=None,
            threads=1,
        )  # fmt: skip


def test_rules_and_their_parameters() -> None:
    plasticity()
    plasticity(more=1.0)
    with pytest.raises(ValueError, match=r"rule STDP\.power_law needs the parameter mu"):
        plasticity(rule="STDP.power_law")
    with pytest.raises(ValueError, match=r"Hebb.*STDP\.additive"):
        plasticity(rule="Hebb")


def test_an_incomplete_plastic_state_is_refused() -> None:
    sim = simulator()
    with pytest.raises(ValueError, match="the state needs the entry row_source"):
        sim.set_plastic_state(projection=0, state={})


def test_one_description_of_the_torch_cell() -> None:
    """Python's cell has the fields and defaults of `SPIKELET_CELL_FIELDS`, in any order."""
    pytest.importorskip("torch")
    from spikelet.torch.cell import Cell, packed  # noqa: PLC0415

    described = dict([*_core.cell_fields(), *_core.cell_parameters()])
    fields = {f.name: f.default for f in dataclasses.fields(Cell)}
    assert fields.pop("table") == ()
    assert fields == described
    assert {k: type(v) for k, v in fields.items()} == {k: type(v) for k, v in described.items()}
    assert packed(Cell(table=(1.0, 2.0))) == (*map(float, described.values()), 1.0, 2.0)


def test_calls_of_the_core_check_sizes():
    """Python checks arguments by name; the core must not leave an array whoever calls it."""
    x, huge = np.full(5, 0.5), 2**62
    engine = core_engine()
    sparse = np.ones((1, 2, 3, 3)), np.ones((2, 2, 3, 3)), None, np.zeros((1, 3, 3, 2))
    layout = {
        "channels_last": False,
        "groups": 1,
        "stride": (1, 1),
        "padding": (1, 1),
        "dilation": (1, 1),
    }
    bad = [
        lambda: _core.encode_delta(x, 0, 1.0),
        lambda: _core.encode_delta(x, 3, 1.0),
        lambda: _core.encode_spike_list(np.ones(3, np.uint8), 0),
        lambda: _core.encode_spike_list(np.ones(3, np.uint8), 4),
        lambda: _core.encode_latency(x, 0, 1.0, 0.0),
        lambda: _core.encode_latency(x, 4, np.nan, 0.0),
        lambda: _core.encode_phase(x, 4, 33),
        lambda: _core.encode_burst(x, 4, 3, 1, 2),
        lambda: _core.encode_burst(x, 4, huge, 1, huge),
        lambda: _core.encode_burst(x + 1, 4, 3, 1, 1),
        lambda: _core.pooled([-1], np.dtype("f4")),
        lambda: _core.pooled([2**40, 2**40], np.dtype("f4")),
        lambda: engine.run(np.ones((1, 2, 2), np.float32), 1, 3, 0, 1, None),
        lambda: engine.run(np.ones((1, 2, 2, 2), np.float32), 2, 3, 0, 1, None),
        lambda: engine.run(np.ones((1, 2, 2, 2), np.float32), 1, huge, 0, 1, None),
        lambda: _core.sparse_conv(*sparse, **layout, threads=0),
        lambda: _core.sparse_conv(np.ones((1, 2, 0, 3)), *sparse[1:], **layout, threads=1),
    ]  # fmt: skip
    for call in bad:
        with pytest.raises(ValueError, match=r".+"):
            call()
    for call in (
        lambda: _core.pooled([1], np.dtype("O")),
        lambda: engine.run(np.ones((1, 2, 2, 2)), 1, 3, 0, 1, None),
    ):
        with pytest.raises(TypeError, match=r".+"):
            call()
    for call in (_core.encode_bernoulli, lambda *a: _core.encode_phase(a[0], a[1], 8)):
        assert call(np.zeros(0), huge, 0).size == 0  # once hung
    y = np.zeros((0, 3, 3, 2))
    _core.sparse_conv(
        np.ones((0, 2, 3, 3)), sparse[1], None, y, **layout, threads=1
    )  # once divided by 0


def core_engine():
    graph = _core.LayerGraph()
    graph.input((2, 2, 2), "constant", np.ones(1), is_signed=False, differential=False, levels=1)
    graph.gather([0], (8, 1, 1), np.arange(8))
    return _core.LayerEngine32(graph, whole=False, records=[], sizes=[])


def test_the_environment_is_as_python_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SPIKELET_TEST_A", "é 1")
    monkeypatch.setenv("SPIKELET_TEST_B", "")
    monkeypatch.delenv("SPIKELET_TEST_C", raising=False)
    names = [f"SPIKELET_TEST_{letter}" for letter in "ABC"]
    assert _core.environment(names) == ["é 1", "", None]
    monkeypatch.setenv("SPIKELET_TEST_B", "2")
    monkeypatch.delenv("SPIKELET_TEST_A")
    assert _core.environment(names) == [None, "2", None]
