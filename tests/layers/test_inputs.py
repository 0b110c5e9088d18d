"""Inputs of a run: by order and by name, as constants, sequences and spikes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.inputs import arrays_of, present
from spikelet.layers.spiking_model import SpikingModel

REAL = np.dtype(np.float32)


def model(**options: Any) -> SpikingModel:
    """Return a model with an image, a vector and two outputs."""
    rng = np.random.default_rng(3)
    graph = Graph(
        [
            ("conv", L.Conv2d(rng.normal(0, 0.4, (4, 2, 3, 3)), padding=1), "image"),
            ("spikes", L.IF(0.5, v_init=0.25, amplitude=0.5), "conv"),
            ("flat", L.Flatten(), "spikes"),
            ("first", L.Linear(rng.normal(0, 0.2, (3, 80))), "flat"),
            ("second", L.Linear(rng.normal(0, 0.5, (3, 6))), "vector"),
            ("sum", L.Add(), ("first", "second")),
            ("out", L.IF(0.3), "sum"),
        ],
        inputs=("image", "vector"),
        outputs=("out", "first"),
    )
    return SpikingModel(graph, threads=1, **options)


RNG = np.random.default_rng(1)
IMAGE, VECTOR = RNG.random((5, 2, 4, 5)), RNG.random((5, 6))


def test_two_inputs_are_the_sum_of_their_paths() -> None:
    """Each path alone gives the input of the neurons; a plain loop over steps gives their spikes."""
    both = model(dtype="float64")
    result = both.run((IMAGE, VECTOR), steps=12)
    assert list(result.outputs) == ["out", "first"]
    assert result.output[0] is result.outputs["out"]
    assert set(result.operations) == {"image", "vector", *(n.name for n in both.graph)} - {"flat"}
    path = SpikingModel(both.graph.upto("first"), dtype="float64", threads=1)
    current = path.run(IMAGE, steps=12, record="first.value")
    np.testing.assert_array_equal(current.output, result.outputs["first"])
    weight = both.graph["second"].layer.weight  # type: ignore[attr-defined]  # a Linear
    v, sent = np.zeros((5, 3)), np.zeros((5, 3))
    for now in current["first.value"]:
        v += now + VECTOR @ weight.T
        sent += v >= 0.3
        v -= 0.3 * (v >= 0.3)
    np.testing.assert_allclose(result.outputs["out"], sent / 12, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
def test_a_mapping_and_any_mixture_of_kinds(dtype: Any) -> None:
    own = model(dtype=dtype)
    wanted = own.run((IMAGE, VECTOR), steps=6)
    named = own.run({"vector": VECTOR, "image": IMAGE}, steps=6)
    held = own.run([np.stack([IMAGE] * 6), np.stack([VECTOR] * 6)])
    for name in wanted.outputs:
        np.testing.assert_array_equal(named.outputs[name], wanted.outputs[name])
        np.testing.assert_allclose(held.outputs[name], wanted.outputs[name], atol=1e-4)
    spikes = (np.stack([IMAGE] * 6) > 0.5).astype(np.int8)
    mixed = own.run((spikes, np.stack([VECTOR] * 6)))
    analog = own.run((spikes.astype(float) + 1e-12, np.stack([VECTOR] * 6)))
    np.testing.assert_allclose(mixed.output[1], analog.output[1], atol=1e-4)
    assert mixed.operations["image"].spikes == spikes.sum() / 5
    assert mixed.operations["conv"].additions > 0 == mixed.operations["conv"].products
    assert mixed.operations["second"].products > 0


def test_codings_of_two_inputs_are_independent() -> None:
    own = SpikingModel(
        Graph(
            [("left", L.Affine([1.0]), "a"), ("right", L.Affine([1.0]), "b")],
            inputs=("a", "b"),
            outputs=("left", "right"),
        ),
        threads=1,
    )
    x = np.full((1, 1, 8, 8), 0.5)
    records = ["left.value", "right.value"]
    result = own.run((x, x), steps=20, coding="poisson", seed=4, record=records)
    left, right = (result[name] for name in records)
    assert 0.4 < (left != right).mean() < 0.6
    alone = SpikingModel(own.graph.upto("left"), threads=1)
    single = alone.run(x, steps=20, coding="poisson", seed=4, record="left.value")
    np.testing.assert_array_equal(single["left.value"], left)


@pytest.mark.parametrize("shape", [(7,), (3, 5), (2, 3, 4), (2, 3, 4, 5), (2, 2, 2, 2, 3)])
def test_samples_of_any_rank(shape: tuple[int, ...]) -> None:
    """Neurons of channels, and all elements in PyTorch's order behind them."""
    rng = np.random.default_rng(0)
    size = int(np.prod(shape))
    scale, weight = rng.normal(1, 0.5, shape[0]), rng.normal(0, 1, (3, size))
    own = SpikingModel(
        [
            ("scale", L.Affine(scale), "input"),
            ("n", L.IF(0.5, v_init=rng.random(shape)), "scale"),
            ("flat", L.Flatten(), "n"),
            ("out", L.Linear(weight), "flat"),
        ],
        dtype="float64",
        threads=1,
    )
    x = rng.random((4, *shape))
    result = own.run(x, steps=9, record=["n.spikes", "scale.value"])
    assert result["n.spikes"].shape == (9, 4, *shape)
    by_channel = scale.reshape(-1, *[1] * (len(shape) - 1))
    np.testing.assert_allclose(result["scale.value"][3], x * by_channel)
    mean = result["n.spikes"].mean(axis=0).reshape(4, -1)
    np.testing.assert_allclose(result.output, mean @ weight.T, atol=1e-12)
    assert 0.1 < mean.mean() < 1.9


X, STEPS = np.ones((2, 3)), 4
REFUSED: list[tuple[Any, type[Exception], str]] = [
    (X, TypeError, "x must be a tuple or mapping of 2 arrays, for a, b, got 'ndarray'"),
    ((X,), ValueError, "x must be a tuple or mapping of 2 arrays, for a, b, got 1"),
    ((X, X, X), ValueError, "x must be a tuple or mapping of 2 arrays, for a, b, got 3"),
    ({"a": X}, ValueError, r"x must have an array for each of a, b, got \['a'\]"),
    ({"a": X, "c": X}, ValueError, "x must have an array for each of a, b"),
    ((X, [["q"]]), TypeError, r"x\[1\] must be an array of numbers"),
    ((X, X[:1]), ValueError, r"x\['b'\] must have as many samples as 'a', \(2,\), got shape"),
    ((X, X[0]), ValueError, r"x\['b'\] must have the shape \[B, ...\]"),
    ((X, X * np.nan), ValueError, r"x\['b'\] must be finite"),
    ((X, X[:, :0]), ValueError, r"x\['b'\] must have non-empty samples"),
]


@pytest.mark.parametrize(("x", "kind", "message"), REFUSED, ids=range(len(REFUSED)))
def test_bad_inputs(x: Any, kind: type[Exception], message: str) -> None:
    with pytest.raises(kind, match=f"^f: {message}"):
        present("f", arrays_of("f", ("a", "b"), x), STEPS, "direct", 0, REAL, 1.0)


def test_one_input_may_be_any_array_like() -> None:
    given = arrays_of("f", ("input",), [[1, 2], [3, 4]])
    assert given["input"].tolist() == [[1, 2], [3, 4]]
    assert arrays_of("f", ("input",), {"input": X})["input"] is X
    shown = present("f", {"a": np.ones((3, 2, 5), bool)}, None, "direct", 0, REAL, 1.0)
    assert (shown.kinds, shown.count, shown.steps) == (("spikes",), 2, 3)
    assert shown.shapes == ((5,),)
    assert shown.arrays[0].dtype == np.int8


@pytest.mark.parametrize("coding", ["direct", "poisson", "latency"])
def test_images_with_channels_last_in_memory(coding: Any) -> None:
    own = model()
    image = np.ascontiguousarray(IMAGE.transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert not image.flags.c_contiguous
    wanted, found = (
        own.run((x, np.asfortranarray(VECTOR)), steps=20, coding=coding) for x in (IMAGE, image)
    )
    for name in own.graph.outputs:
        np.testing.assert_array_equal(found.outputs[name], wanted.outputs[name])


def test_coded_inputs_beyond_the_scale_are_refused_with_a_way_out() -> None:
    own = SpikingModel([L.Linear(np.eye(2))], input_scale=0.7)
    x = np.array([[0.5, -0.9]])
    rule = r"must lie within the model's input_scale = 0\.7; pass x\.clip\(-scale, scale\)"
    with pytest.raises(ValueError, match=rf"^SpikingModel.run: x {rule} .*, got 0\.9$"):
        own.run(x, 10, coding="latency")
    assert own.run(x.clip(-own.input_scale, own.input_scale), 10, coding="latency").output[0, 1] < 0
    with pytest.raises(ValueError, match=r"^SpikingModel.run: .* GB, .*; give fewer steps"):
        own.run(x.clip(-0.5, 0.5), 10**14, coding="latency")
