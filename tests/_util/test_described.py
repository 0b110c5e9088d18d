"""Constructors of descriptions, and what they say of a misspelt argument."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import spikelet as sl


@pytest.mark.parametrize(
    ("kind", "given", "near"),
    [
        (sl.LIF, "tau_mem", "tau_m"),
        (sl.LIFCond, "E_exc", "E_ex"),
        (sl.STDP, "Aplus", "A_plus"),
        (sl.FixedIndegree, "number_", "number"),
        (sl.Normal, "sdt", "std"),
        (sl.DistanceDependent, "cut_off", "cutoff"),
    ],
    ids=lambda x: x if isinstance(x, str) else x.__name__,
)
def test_a_misspelt_parameter_names_the_nearest_and_all(kind: Any, given: str, near: str) -> None:
    with pytest.raises(TypeError) as raised:
        kind(**{given: 1.0})
    text = str(raised.value)
    assert text.startswith(f"{kind.__name__} has no parameter '{given}'; did you mean '{near}'?")
    assert "there are: " in text


def test_a_parameter_given_by_position_is_to_be_named() -> None:
    with pytest.raises(
        TypeError, match=r"^LIF takes no positional arguments; .* such as E_L=..., got 20.0$"
    ):
        sl.LIF(20.0)  # type: ignore[misc]
    with pytest.raises(
        TypeError,
        match=r"^Normal takes only mean, std as positional arguments; .* clip=..., got 3.0$",
    ):
        sl.Normal(1.0, 2.0, 3.0)  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"^AllToAll takes no positional arguments; .* got 0\.1"):
        sl.AllToAll(0.1)  # type: ignore[misc]


@pytest.mark.parametrize("name", ["V_m", "I_syn_ex", "theta"])
def test_a_state_is_set_on_the_population(name: str) -> None:
    with pytest.raises(TypeError, match=f"^LIF has no parameter '{name}': .* cells.{name} = "):
        sl.LIF(**{name: 1.0})


def test_layers_are_described_too() -> None:
    with pytest.raises(
        TypeError, match=r"^IF has no parameter 'treshold'; did you mean 'threshold'"
    ):
        sl.layers.IF(treshold=1.0)  # type: ignore[call-arg]
    assert pickle.loads(pickle.dumps(sl.layers.IF(2.0))).threshold == 2.0


def test_copies_and_pickles_are_made_as_ever() -> None:
    model = sl.LIF(I_e=[1.0, 2.0])
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.I_e, [1.0, 2.0])
