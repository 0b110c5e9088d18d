"""Divisions that give 0 where the divisor is 0."""

from __future__ import annotations

import numpy as np
import pytest
from onnx import helper
from tests.support.onnx_models import model

from spikelet.conversion.from_onnx import read_onnx
from spikelet.layers.spiking_model import SpikingModel

ZERO = {"zero": np.zeros((), np.float32)}


def guarded(divisor: str = "d", constants: dict[str, np.ndarray] | None = None) -> object:
    """Return a model that divides x by the differences of neighbours, or gives 0 where these are 0."""
    nodes = [
        helper.make_node("Slice", ["x", "first", "last", "axis"], ["left"]),
        helper.make_node("Slice", ["x", "second", "end", "axis"], ["right"]),
        helper.make_node("Sub", ["left", "right"], ["d"]),
        helper.make_node("Equal", ["d", "zero"], ["none"]),
        helper.make_node("Div", ["left", divisor], ["q"]),
        helper.make_node("Where", ["none", "zero", "q"], ["y"]),
    ]
    slices = {"first": [0], "last": [4], "second": [1], "end": [5], "axis": [1]}
    return model(
        nodes, (2, 5), **{k: np.array(v) for k, v in slices.items()}, **(constants or ZERO)
    )


def test_a_division_by_zero_gives_zero() -> None:
    graph, _ = read_onnx(guarded())
    x = np.array([[2, 2, 1, -3, 5], [0, 1e-4, -1e-4, 7, 7]], np.float32)
    d = x[:, :4] - x[:, 1:]
    expected = np.divide(x[:, :4], d, out=np.zeros_like(d), where=d != 0)
    found = SpikingModel(graph).run(x, steps=1).output
    np.testing.assert_allclose(found, expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("divisor", "constants"),
    [("right", ZERO), ("d", {"zero": np.ones((), np.float32)})],
    ids=["another divisor", "another value"],
)
def test_other_choices_are_refused(divisor: str, constants: dict[str, np.ndarray]) -> None:
    with pytest.raises(ValueError, match=r"\(Equal\): cannot be converted"):
        read_onnx(guarded(divisor, constants))
