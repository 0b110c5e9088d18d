"""Operands: data, constants, and what is omitted."""

from __future__ import annotations

import numpy as np
import pytest

from spikelet.conversion.building import Builder, Call, Data
from spikelet.conversion.onnx.operands import at, constant, data, number, whole

CALL = Call(Builder({"input": (3,)}), "here", "layer", (2, 3), 2)
X = Data("input")


def test_constants_are_read_and_may_be_omitted() -> None:
    xs = (X, np.array([[1, 2]]), None, np.float32([0.5]))
    assert data(CALL, xs) is X
    assert whole(CALL, xs, 1, "axes") == [1, 2]
    assert [at(xs, k) for k in (2, 9)] == [None, None]
    assert (whole(CALL, xs, 2, "axes"), number(CALL, xs, 9, "limits")) == (None, None)
    assert number(CALL, xs, 3, "limits") == 0.5


def test_data_in_place_of_constants_are_refused() -> None:
    with pytest.raises(ValueError, match="here: has axes that depend on the input; export the mod"):
        constant(CALL, (X, X), 1, "axes")
    with pytest.raises(ValueError, match="takes a constant as an operand"):
        data(CALL, (np.ones(3),))
