"""Constructors of descriptions, and what they say of a misspelt argument."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet._util.described import suggestion


def test_the_nearest_name_is_suggested() -> None:
    names = ["tau_m", "tau_syn_ex", "V_th"]
    assert suggestion("tau_mem", names) == "; did you mean 'tau_m'?"
    assert suggestion("v_th", names) == "; did you mean 'V_th'?"
    assert suggestion("colour", names) == ""


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


def test_copies_and_pickles_are_made_as_ever() -> None:
    model = sl.LIF(I_e=[1.0, 2.0])
    for other in (copy.copy(model), copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(other.I_e, [1.0, 2.0])
