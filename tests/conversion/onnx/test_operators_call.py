"""Operands: data, constants, and what is omitted."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.onnx_models import model, node

from spikelet.conversion.building import Builder, Data
from spikelet.conversion.onnx.model import Operation
from spikelet.conversion.onnx.operators import OnnxCall
from spikelet.conversion.onnx.runtime import Runtime

X = Data("input")
MADE = node("HardSigmoid", "x", "y", alpha=0.5)


def call(*operands: Any) -> OnnxCall:
    where = (Builder({"input": (3,)}), "here", "layer", (2, 3), 2)
    attributes = {"min": 0.5, "axes": [2, 3]}
    runtime = Runtime(model([MADE]))
    return OnnxCall(*where, Operation(MADE), operands, attributes, [(2, 3)], runtime)


def test_constants_are_read_and_may_be_omitted() -> None:
    c = call(X, np.array([[1, 2]]), None, np.float32([0.25]))
    assert c.x is X
    assert c.integers(1, "axes") == [1, 2]
    assert [c.at(k) for k in (2, 9)] == [None, None]
    assert (c.integers(2, "sizes"), c.number(9, "max")) == (None, None)
    assert c.number(3, "min") == 0.25


def test_older_versions_give_them_as_attributes() -> None:
    c = call(X)
    assert (c.integers(1, "axes"), c.number(1, "min")) == ([2, 3], 0.5)


def test_parts_have_operands_and_attributes_of_their_own() -> None:
    part = call(X, 3).part("inner", X, alpha=2.0)
    assert (part.name, part.operands, part.attributes) == ("layer.inner", (X,), {"alpha": 2.0})


def test_onnx_runtime_evaluates_a_call() -> None:
    (found,) = call(X).evaluate(np.float32([[-1, 0, 1]]))
    np.testing.assert_array_equal(found, [[0, 0.5, 1]])


def test_data_in_place_of_constants_are_refused() -> None:
    with pytest.raises(ValueError, match="here: has axes that depend on the input; export the mod"):
        call(X, X).integers(1, "axes")
    with pytest.raises(ValueError, match="takes a constant as an operand"):
        _ = call(np.ones(3)).x
