"""Layers do not change: copies of their parameters, `replace`, `repr`."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from spikelet import layers as L

ONES = np.ones


def test_names_of_arguments_are_fixed() -> None:
    with pytest.raises(TypeError, match="treshold"):
        L.IF(treshold=1.0)
    with pytest.raises(TypeError, match="positional"):
        L.IF(1.0, "zero", 0.0, 0.5)  # type: ignore[call-arg]


def test_layers_keep_copies_that_cannot_be_written() -> None:
    given = np.ones((2, 3))
    layer = L.Linear(given, [1.0, 2.0])
    given[0, 0] = 7.0
    assert layer.weight[0, 0] == 1.0
    with pytest.raises(ValueError, match="read-only"):
        layer.weight[0, 0] = 5.0
    with pytest.raises(ValueError, match="read-only"):
        layer.bias += 1
    with pytest.raises(dataclasses.FrozenInstanceError):
        layer.weight = given
    neuron = L.PredictiveIF(given[0], pace=given, limit=given)
    for name in ("threshold", "pace", "limit"):
        array = getattr(neuron, name)
        assert array is not given
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5.0
    assert given.flags.writeable


def test_replace_checks_again() -> None:
    layer = L.IF(2.0, v_init=1.0)
    other = layer.replace(threshold=[1.0, 2.0])
    assert (layer.threshold, other.v_init) == (2.0, 1.0)
    with pytest.raises(
        ValueError, match=r"IF: threshold must be finite and > 0 at index 0, got -1\.0"
    ):
        layer.replace(threshold=-1.0)


def test_repr_shows_what_is_not_the_default() -> None:
    assert repr(L.Linear(ONES((2, 3)))) == "Linear(weight=2x3 array)"
    assert repr(L.IF(2.0, code="signed")) == "IF(threshold=2.0, code='signed')"
    assert repr(L.LIF([1.0, 2.0], tau_m=5.0)) == "LIF(threshold=2 array, tau_m=5.0)"
