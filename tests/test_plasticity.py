"""The list of rules: what it has, and what it refuses."""

from __future__ import annotations

import warnings
from typing import Any

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


@pytest.mark.parametrize(
    ("make", "name", "does"),
    [
        (lambda up, down: sl.STDP(A_plus=up, A_minus=down), "A_minus", "potentiate"),
        (lambda up, down: sl.RewardSTDP(A_plus=up, A_minus=down), "A_minus", "potentiate"),
        (lambda up, down: sl.TripletSTDP(A_plus=up, A_minus=down), "A_minus", "potentiate"),
        (
            lambda up, down: sl.TripletSTDP(A_plus_triplet=up, A_minus_triplet=down),
            "A_minus_triplet",
            "potentiate",
        ),
        (lambda up, down: sl.DiehlCookSTDP(eta_post=up, eta_pre=down), "eta_pre", "potentiate"),
        (lambda up, down: sl.STDP(A_plus=down, A_minus=up), "A_plus", "depress"),
    ],
)
def test_one_negative_amplitude_is_questioned(make: Any, name: str, does: str) -> None:
    """As in a script for Brian2, where the amplitude of depression is negative and added."""
    with pytest.warns(UserWarning, match=f"{name} = -0.12 .*{does}.*did you mean 0.12") as caught:
        make(0.1, -0.12)
    assert len(caught) == 1
    with warnings.catch_warnings():  # as the message says
        warnings.filterwarnings("ignore", f"{str(caught[0].message).partition(' =')[0]}")
        make(0.1, -0.12)
    for pair in ((0.1, 0.12), (-0.1, -0.12), (0.0, -0.12)):
        make(*pair)
