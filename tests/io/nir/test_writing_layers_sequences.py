"""Networks over sequences as NIR graphs."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.graph import Graph, Node

nir = pytest.importorskip("nir")

RNG = np.random.default_rng(5)
X = RNG.normal(size=(40, 2, 28)).astype(np.float32)


def audio() -> list[Any]:
    return [
        L.Conv1d(RNG.normal(size=(4, 2, 5)) / 3, RNG.normal(size=4) / 5, 2, (2, 1)),
        L.ReLU(),
        L.AvgPool1d(2, padding=1),
        L.Conv1d(RNG.normal(size=(6, 2, 2)) / 2, dilation=2, groups=2),
        L.Affine(np.linspace(0.5, 1, 6), np.full(6, 0.1)),
        L.ReLU(),
        L.AdaptiveAvgPool1d(1),
        L.Flatten(),
        L.Linear(RNG.normal(size=(3, 6))),
    ]


@pytest.mark.parametrize("method", ["percentile", "calibrated"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_networks_over_sequences_keep_their_spikes(method: str, dtype: Any, tmp_path: Any) -> None:
    model = sl.convert(
        audio(), X, steps=12, method=method, dtype=dtype, neuron=sl.conversion.Neurons(delay=0)
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = sl.io.write_nir(model, tmp_path / "audio.nir", input_shape=(2, 28))
    kinds = [type(node) for node in graph.nodes.values()]
    assert nir.Conv1d in kinds
    assert nir.Conv2d not in kinds
    assert nir.AvgPool2d not in kinds
    wanted = model.run(X, record=list(model.neurons))
    x = np.broadcast_to(X, (12, *X.shape))
    found = sl.io.read_nir(tmp_path / "audio.nir").run(x, record=list(model.neurons))
    for name in model.neurons:
        assert found.record[name].shape == wanted[name].shape
        np.testing.assert_array_equal(found.record[name] != 0, wanted[name] != 0)
        assert (wanted[name] != 0).any()
    np.testing.assert_allclose(found.output.mean(0), wanted.output, rtol=1e-4, atol=1e-5)


def test_factors_of_points_and_channels_side_by_side() -> None:
    nodes = [
        Node("a", L.Conv1d(np.ones((3, 2, 3)) / 5, None, 1, 1), ("input",)),
        Node("b", L.Affine(RNG.random((3, 6))), ("a",)),
        Node("c", L.Affine(RNG.random((3, 1)) + np.zeros((3, 6)), np.full((3, 6), 0.1)), ("a",)),
        Node("side", L.Concat(-2), ("b", "c")),
        Node("out", L.IF(0.37 + RNG.random((6, 6)), v_init=0.1 * RNG.random((6, 6))), ("side",)),
    ]
    model = sl.SpikingModel(Graph(nodes), dtype="float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = sl.io.write_nir(model, input_shape=(2, 6))
    x = (RNG.random((9, 5, 2, 6)) < 0.5).astype(np.uint8)
    found = sl.io.read_nir(graph).run(x).output
    np.testing.assert_array_equal(found, model.run(x).spikes)
    assert 0.05 < found.mean() < 0.95
    alone = sl.SpikingModel(Graph([*nodes[:2], Node("out", L.IF(0.37), ("b",))]), dtype="float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = sl.io.write_nir(alone, input_shape=(2, 6))
    found = sl.io.read_nir(graph).run(x).output
    np.testing.assert_array_equal(found, alone.run(x).spikes)
    assert found.any()
    along = [*nodes[:3], Node("side", L.Concat(-1), ("b", "c"))]
    with pytest.raises(ValueError, match="layer 'side': concatenates along axis -1"):
        sl.io.write_nir(sl.SpikingModel(Graph(along)), input_shape=(2, 6))


def test_max_pooling_is_refused() -> None:
    with pytest.raises(ValueError, match="max pooling, which NIR does not have"):
        sl.io.write_nir(
            sl.SpikingModel([*audio()[:1], L.MaxPool1d(2), L.IF(1.0)]), input_shape=(2, 28)
        )


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (L.ConvTranspose1d(np.ones((4, 2, 3))), r"\(ConvTranspose1d\) has no node in NIR"),
        (L.Reshape((2, -1)), r"\(Reshape\) has no node in NIR"),
        (L.AdaptiveMaxPool1d(2), r"\(AdaptiveMaxPool1d\) is max pooling, which NIR does not have"),
    ],
)
def test_layers_without_a_node_are_refused_by_name(layer: L.Layer, message: str) -> None:
    model = sl.SpikingModel([*audio()[:1], layer, L.IF(1.0)])
    with pytest.raises(ValueError, match=rf"^write_nir: layer '\w+': {message}"):
        sl.io.write_nir(model, input_shape=(2, 28))


def test_several_inputs() -> None:
    nodes = [
        Node("a", L.Conv1d(np.ones((3, 2, 3)) / 5), ("x",)),
        Node("b", L.Conv1d(np.ones((3, 1, 1)) / 5), ("y",)),
        Node("sum", L.Add(), ("a", "b")),
        Node("out", L.IF(1.0, "zero"), ("sum",)),
    ]
    model = sl.SpikingModel(Graph(nodes, inputs=["x", "y"], outputs=["out"]))
    graph = sl.io.write_nir(model, input_shape=((2, 6), (1, 4)))
    x, y = (RNG.random((9, 5, *shape)) < 0.5 for shape in ((2, 6), (1, 4)))
    given = {"x": x.astype(np.uint8), "y": y.astype(np.uint8)}
    found = sl.io.read_nir(graph).run(given)
    np.testing.assert_array_equal(found.output, model.run(given).spikes)
    assert found.output.any()


def test_a_sequence_beside_a_vector() -> None:
    nodes = [
        Node("a", L.Conv1d(RNG.normal(size=(3, 2, 3)) / 2), ("x",)),
        Node("spikes", L.IF(1.0, "zero"), ("a",)),
        Node("flat", L.Flatten(), ("spikes",)),
        Node("b", L.Linear(RNG.normal(size=(5, 4))), ("y",)),
        Node("more", L.IF(1.0, "zero"), ("b",)),
        Node("both", L.Concat(), ("flat", "more")),
        Node("c", L.Linear(RNG.normal(size=(6, 17))), ("both",)),
        Node("out", L.IF(1.0, "zero"), ("c",)),
    ]
    model = sl.SpikingModel(Graph(nodes, inputs=["x", "y"], outputs=["out"]))
    graph = sl.io.write_nir(model, input_shape=((2, 6), (4,)))
    assert isinstance(graph.nodes["a"], nir.Conv1d)
    x, y = (RNG.random((9, 5, *shape)) < 0.5 for shape in ((2, 6), (4,)))
    given = {"x": x.astype(np.uint8), "y": y.astype(np.uint8)}
    found = sl.io.read_nir(graph).run(given)
    np.testing.assert_array_equal(found.output, model.run(given).spikes)
    assert found.output.any()
