"""Texts of synapses: a kind that does not exist, and what kinds have in common."""

from __future__ import annotations

import pytest

from spikelet.neurons.synapses import synapses_of

KINDS = ("cond_exp", "cond_alpha", "psc_exp", "psc_alpha", "delta")


@pytest.mark.parametrize("kind", KINDS)
def test_every_state_has_an_equation_and_every_receptor_acts_on_a_state(kind: str) -> None:
    s = synapses_of("X", kind)  # type: ignore[arg-type]
    states = {line.split("/dt")[0][1:] for line in s.equations.split("\n") if line}
    assert len(states) == {"exp": 2, "alpha": 4, "delta": 0}[kind.rpartition("_")[2]]
    acted_on = {effect.split(" ")[0] for effect in s.receptors.values()}
    assert acted_on <= states | {"V_m"}
    assert list(s.receptors) == (["ex"] if kind == "delta" else ["ex", "in"])


def test_conductances_act_on_the_potential_that_is_named() -> None:
    assert synapses_of("X", "cond_exp", "V").current == "+ g_ex*(E_ex - V) + g_in*(E_in - V)"


def test_steps_of_a_potential_that_is_not_held_are_never_lost() -> None:
    assert synapses_of("X", "delta", held=False).receptors == {"ex": "V_m += weight"}


def test_unknown_kind() -> None:
    with pytest.raises(ValueError, match=r'X: synapses must be "cond_exp", .*, got \'exp\''):
        synapses_of("X", "exp")  # type: ignore[arg-type]
