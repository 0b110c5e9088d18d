"""What a run returns."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

import spikelet as sl
from spikelet.layers.spiking_result import Operations


def result(**outputs: np.ndarray) -> sl.SpikingResult:
    work = {"fc": Operations(1.5, 20.0, 0.0, 80.0)}
    return sl.SpikingResult(outputs, None, None, {"fc.v": np.zeros((5, 2, 3))}, work, 5)


def test_the_output_is_an_array_or_one_for_each() -> None:
    a, b = np.zeros((2, 3)), np.ones((2, 4))
    assert result(a=a).output is a
    assert result(a=a, b=b).output == (a, b)


def test_records_are_read_by_name() -> None:
    found = result(a=np.zeros((2, 3)))
    assert found["fc.v"].shape == (5, 2, 3)
    with pytest.raises(KeyError, match=r"SpikingResult: 'fc' was not recorded; recorded: fc\.v\""):
        found["fc"]
    with pytest.raises(KeyError, match=r"'a' was not recorded; .*; the output is outputs\['a'\]"):
        found["a"]


def test_the_table_has_shapes_and_operations() -> None:
    text = result(a=np.zeros((2, 3)))._repr_html_()
    for cell in ("SpikingResult, T = 5", "(2, 3)", "(5, 2, 3)", "1.5", "20"):
        assert f">{cell}<" in text
    assert "80" not in text  # dense operations


def test_it_can_be_sent() -> None:
    found = pickle.loads(pickle.dumps(result(a=np.ones((2, 3)))))
    np.testing.assert_array_equal(found.output, np.ones((2, 3)))
    assert found.operations["fc"].additions == 20
