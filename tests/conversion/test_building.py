"""Graphs that readers of ANNs build layer by layer."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layers_reference import activations

from spikelet import layers as L
from spikelet.conversion.building import Builder, Call, Data, differing, hint_for, input_shape

RNG = np.random.default_rng(1)


def call(builder: Builder, *result: int, batch: int = 2) -> Call:
    return Call(builder, "layer 'op' (Op)", "op", (batch, *result), batch)


def test_names_are_made_unique_and_shapes_follow() -> None:
    builder = Builder((3, 8, 6))
    names = [builder.add("here", "pool", L.AvgPool2d(2), source) for source in ("input", "pool")]
    assert names == ["pool", "pool_1"]
    assert builder.shapes == {"input": (3, 8, 6), "pool": (3, 4, 3), "pool_1": (3, 2, 1)}
    assert builder.unique("") == "layer"
    with pytest.raises(ValueError, match=r"^here: AvgPool2d 'big': input size must be at least 3"):
        builder.add("here", "big", L.AvgPool2d(3), "pool_1")


def test_only_what_leads_to_the_output_is_in_the_graph() -> None:
    builder = Builder((3,))
    builder.add("here", "a", L.ReLU(), "input")
    builder.add("here", "unused", L.ReLU(), "a")
    builder.add("here", "b", L.ReLU(), "a")
    assert [node.name for node in builder.graph("here", "b")] == ["a", "b"]
    with pytest.raises(ValueError, match="output must come from at least one layer"):
        builder.graph("here", "input")


def test_constants_are_scales_and_shifts_of_channels() -> None:
    builder = Builder((2, 4, 3))
    scale = np.array([2.0, -1.0]).reshape(1, 2, 1, 1)
    name = builder.scaled("here", "affine", "input", scale, np.float64(0.5))
    layer: Any = builder.graph("here", name)[name].layer
    np.testing.assert_array_equal(layer.scale, [2.0, -1.0])
    np.testing.assert_array_equal(layer.shift, [0.5, 0.5])
    with pytest.raises(ValueError, match=r"takes a constant of shape \(4, 3\) .*for each channel"):
        builder.per_channel("here", "input", np.arange(12.0).reshape(4, 3))
    with pytest.raises(ValueError, match=r"takes a constant of shape \(5,\)"):
        builder.per_channel("here", "input", np.ones(5))


@pytest.mark.parametrize("keepdim", [True, False])
def test_global_mean(keepdim: bool) -> None:
    builder = Builder((2, 4, 3))
    name = builder.global_mean("here", "mean", "input", keepdim=keepdim)
    x = RNG.normal(size=(5, 2, 4, 3))
    found = activations(builder.graph("here", name), x)[name]
    np.testing.assert_allclose(found, x.mean((2, 3), keepdims=keepdim), rtol=1e-12)


def test_picked_pixels_and_channels() -> None:
    builder = Builder((2, 5, 4))
    name = builder.picked("here", "p", "input", stride=(2, 1), padding=(0, 0, 1, 0), before=1)
    x = RNG.normal(size=(3, 2, 5, 4))
    wanted = np.pad(x, ((0, 0), (1, 0), (0, 0), (1, 0)))[:, :, ::2]
    np.testing.assert_array_equal(activations(builder.graph("here", name), x)[name], wanted)
    with pytest.raises(ValueError, match=r"samples must be \(channels, height, width\)"):
        Builder((7,)).picked("here", "p", "input")


def test_operators_reshape_upsample_and_check() -> None:
    builder = Builder((2, 4, 3))
    x = Data("input")
    assert call(builder, 2, 4, 3).reshaped(x) == x
    flat = call(builder, 24).reshaped(x)
    assert builder.shapes[flat.name] == (24,)
    view = call(builder, 8, 3).reshaped(x)
    with pytest.raises(ValueError, match=r"reshapes samples to \(8, 3\).*only be flattened"):
        view.name  # noqa: B018  # the property raises
    with pytest.raises(ValueError, match="the first dimension must remain the batch"):
        Call(builder, "op", "op", (4, 12), 2).reshaped(x)
    up = call(builder, 2, 8, 9).upsampled(x)
    assert builder.shapes[up.name] == (2, 8, 9)
    with pytest.raises(ValueError, match="the factor must be an integer"):
        call(builder, 2, 6, 3).upsampled(x)
    call(builder, 2, 8, 9).check(up)
    with pytest.raises(ValueError, match=r"gives shape \(2, 1\), but its layers give \(2, 2, 8, 9"):
        call(builder, 1).check(up)
    with pytest.raises(ValueError, match="takes a constant as an operand"):
        call(builder, 1).operands(x, 3.0)


def test_the_first_layer_that_differs_is_named() -> None:
    builder = Builder((3,))
    weight = RNG.normal(size=(4, 3))
    for name, layer in (("fc", L.Linear(weight)), ("relu", L.ReLU())):
        builder.add("here", name, layer, "input" if name == "fc" else "fc")
    graph = builder.graph("here", "relu")
    x = RNG.normal(size=(6, 3))
    wanted = {"fc": x @ weight.T, "relu": np.maximum(x @ weight.T, 0)}
    assert differing(graph, x, wanted, 1e-9) is None
    assert differing(graph, x, {"relu": wanted["relu"] + 0.1}, 1e-9) == "relu"
    assert differing(graph, x, {**wanted, "fc": wanted["fc"][:, :3]}, 1e-9) == "fc"


def test_hints_say_what_to_do_instead() -> None:
    assert "ReLU" in hint_for("Sigmoid")
    assert "recurrent" in hint_for("LSTM")
    assert hint_for("batch_matmul.default") == hint_for("something else")
    assert hint_for("scaled_dot_product_attention") == hint_for("MatMul")


def test_example_shapes() -> None:
    assert input_shape("read", [3, np.int64(8)]) == (3, 8)
    for shape, error in (
        ((3, 0), ValueError),
        ((), ValueError),
        (3, TypeError),
        ((2.5,), TypeError),
    ):
        with pytest.raises(error, match=r"^read: example_shape"):
            input_shape("read", shape)  # type: ignore[arg-type]
