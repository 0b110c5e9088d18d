"""The list of rules: what it has, and what it refuses."""

from __future__ import annotations

import pytest
from tests.conftest import make

import spikelet as sl


def test_subclasses_of_a_rule_are_refused_with_a_way_out() -> None:
    class Mine(sl.STDP):
        pass

    with pytest.raises(TypeError, match=r"^Mine: .*make a function that returns STDP\(\.\.\.\)"):
        Mine(pairing="nonsense")  # type: ignore[arg-type]


def test_unknown_rules_are_refused_with_a_way_out() -> None:
    class Own(sl.plasticity.Plasticity):
        pass

    for kind in (Own, sl.plasticity.Plasticity):
        with pytest.raises(
            TypeError, match=rf"^{kind.__name__}: .*docs/adding_a_plasticity_rule\.md"
        ):
            kind()


def test_two_rules_of_one_name_are_refused() -> None:
    twin = type("TripletSTDP", (sl.plasticity.Plasticity,), {})
    with pytest.raises(TypeError, match=r"^TripletSTDP: .*has this name already; give tests\."):
        twin()


def test_the_core_has_every_rule_in_the_list() -> None:
    """A name in the list that the core lacks is refused by the core, and the error names the call."""
    net = make()
    cells = net.population(2, sl.LIF(), name="E")
    for kind in sl.plasticity.rules().values():
        net.connect(cells, cells, sl.AllToAll(), weight=0.5, delay=1.0, plasticity=kind())
    assert {type(p.plasticity) for p in net.projections} == set(sl.plasticity.rules().values())


def test_errors_of_the_core_name_the_call(monkeypatch: pytest.MonkeyPatch) -> None:
    class Lost(sl.plasticity.Plasticity):
        pass

    monkeypatch.setattr(sl.plasticity, "rules", lambda: {"Lost": Lost})
    net = make()
    cells = net.population(2, sl.LIF(), name="E")
    with pytest.raises(ValueError, match=r"^connect E -> E: no plasticity rule is named 'Lost'"):
        net.connect(cells, cells, sl.AllToAll(), weight=0.5, delay=1.0, plasticity=Lost())
