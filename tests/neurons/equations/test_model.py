from __future__ import annotations

import copy
import dataclasses
import pickle

import pytest
from tests.support.published_equations import ADEX, COBAHH

from spikelet.neurons.equations.expression import Name, count, to_text
from spikelet.neurons.equations.read_model import read_model


def test_definitions_are_replaced_on_demand() -> None:
    model = read_model("a = x + 1\nb = a*a\ndx/dt = -b\ndy/dt = x")
    rhs = model.equations[0].rhs
    assert to_text(rhs) == "-b"
    assert to_text(model.expand(rhs)) == "-((x + 1)*(x + 1))"
    assert model.expand(model.equations[1].rhs) is Name("x")
    assert model.expanded["b"].args[0] is model.expanded["b"].args[1]
    assert count(model.expanded["b"]) == 2


@pytest.mark.parametrize("arguments", [ADEX, COBAHH], ids=["AdEx", "COBAHH"])
def test_a_model_is_plain_data(arguments: dict[str, object]) -> None:
    given = dict(arguments)
    model = read_model(given.pop("text"), **given)  # type: ignore[arg-type]
    for twin in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert twin == model
        assert twin.expanded == model.expanded
    with pytest.raises(dataclasses.FrozenInstanceError):
        model.name = "other"  # type: ignore[misc]


def test_places_mark_what_is_wrong_later() -> None:
    model = read_model("\n  dx/dt = 1\n  dy/dt = x**2\n", name="M")
    assert str(model.equations[1].place.error("is not linear")).splitlines() == [
        "M: is not linear", "  line 2, column 1:  dy/dt = x**2", "                     ^",
    ]  # fmt: skip
