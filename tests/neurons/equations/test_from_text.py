"""What models and rules from text share: descriptions, copies, equality."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

import spikelet as sl

PARAMETERS = {"tau": (10.0, "ms"), "A": 1.0}
KINDS: list[Any] = [
    lambda a: sl.Equations("dV_m/dt = -A*V_m/tau", parameters={**PARAMETERS, "A": a}, name="Leaky"),
    lambda a: sl.SynapseEquations("dx/dt = -x/tau", on_pre="x += A", on_post="w += x", parameters={**PARAMETERS, "A": a}, name="Leaky"),
]  # fmt: skip


@pytest.mark.parametrize("make", KINDS)
def test_copies(make: Any) -> None:
    made = make(1.5)
    assert made == make(1.5)
    assert hash(made) == hash(make(1.5))
    assert made != make(2.5)
    assert made != "Leaky"
    assert (made.name, dict(made.parameters)) == ("Leaky", {"tau": 10.0, "A": 1.5})
    assert made.text.startswith("d")
    assert copy.copy(made) is copy.deepcopy(made) is made
    assert pickle.loads(pickle.dumps(made)) == made
    described = made.to_dict()
    assert json.loads(json.dumps(described)) == described
    assert type(made).from_dict(described) == made
    described["parameters"]["A"] = 7.0
    assert type(made).from_dict(described).parameters["A"] == 7.0
    assert made.parameters["A"] == 1.5


@pytest.mark.parametrize("make", KINDS)
def test_what_files_may_hold(make: Any) -> None:
    made = make(1.0)
    kind, described = type(made), made.to_dict()
    for bad in (described | {"more": 1}, {"text": made.text}, [1], described | {"name": object()}):
        with pytest.raises(ValueError, match=f"{kind.__name__}: arguments must be "):
            kind.from_dict(bad)
    for name, value in (("text", 3), ("name", "1"), ("parameters", [1])):
        with pytest.raises(ValueError, match="must"):
            kind.from_dict(described | {name: value})
    with pytest.raises(AttributeError, match=r"text cannot be set: .*define another"):
        made.text = "x"


def test_kinds_differ() -> None:
    model, rule = (make(1.0) for make in KINDS)
    assert model != rule
    with pytest.raises(ValueError, match="Equations: arguments must be text, threshold"):
        sl.Equations.from_dict(rule.to_dict())
