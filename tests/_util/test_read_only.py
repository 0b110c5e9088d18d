"""Mappings that cannot be changed."""

from __future__ import annotations

import copy
import pickle

import pytest

from spikelet._util.read_only import ReadOnly


def test_it_is_a_mapping_that_refuses_changes() -> None:
    held = ReadOnly({"x": 1, "y": 2})
    assert dict(held) == {"x": 1, "y": 2}
    assert len(held) == 2
    assert "z" not in held
    assert repr(held) == "{'x': 1, 'y': 2}"
    with pytest.raises(TypeError):
        held["x"] = 3  # type: ignore[index]
    given = {"x": 1}
    held = ReadOnly(given)
    given["x"] = 2
    assert held["x"] == 1


def test_copies_are_dictionaries_of_the_callers_own() -> None:
    held = ReadOnly({"x": [1, 2]})
    for own in (copy.copy(held), copy.deepcopy(held), pickle.loads(pickle.dumps(held))):
        assert type(own) is dict
        assert own == {"x": [1, 2]}
