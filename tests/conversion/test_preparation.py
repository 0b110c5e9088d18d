"""The graph of a conversion, and the neurons that stay analog."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from tests.support.conversions import IMAGES, branched

import spikelet as sl
from spikelet import layers as L
from spikelet.conversion.preparation import kept_neurons, prepared
from spikelet.layers.graph import Graph


def test_batch_norm_is_folded_and_parts_are_pooled() -> None:
    graph = branched()
    normed = Graph(
        [
            *list(graph)[:-1],
            ("out", graph["out"].layer, "flat"),
            ("bn", L.Affine(np.full(3, 2.0)), "out"),
        ]
    )
    found = [n.name for n in prepared(normed, (IMAGES,))]
    assert "p2.1" in found
    assert not {"both", "out"} <= set(found)


def test_channels_last_are_explained() -> None:
    ann = [L.Conv2d(np.ones((4, 3, 3, 3))), L.ReLU(), L.AdaptiveAvgPool2d(1), L.Flatten()]
    with pytest.raises(ValueError, match=r"channels must be 3, got 8; .* pass x.transpose\(0, 3, 1, 2\)"):  # fmt: skip
        sl.convert(ann, np.random.default_rng(0).random((5, 8, 8, 3)))


def test_kept_neurons() -> None:
    graph = branched()
    assert kept_neurons("t", graph, "r1") == {"r1"}
    assert kept_neurons("t", graph, ["rl", "a.module"]) == {"rl"}
    assert kept_neurons("t", graph, lambda name: name > "r3") == {"r4", "rl", "rr"}
    with pytest.raises(ValueError, match=r"t: keep must be one of the neurons r1, rl, rr, r3, r4, or a layer .* got 'c1'"):  # fmt: skip
        kept_neurons("t", graph, ["c1"])
    with pytest.raises(
        ValueError, match="ann must have a ReLU or another activation that becomes spiking"
    ):
        kept_neurons("t", graph, lambda _: True)


def test_a_misspelt_analog_layer_is_refused() -> None:
    rng = np.random.default_rng(0)
    ann = Graph(
        [
            ("fc1", L.Linear(np.eye(4)), "input"),
            ("act1", L.ReLU(), "fc1"),
            ("fc2", L.Linear(np.eye(4)), "act1"),
        ]
    )
    with pytest.raises(ValueError, match=r"^read: keep must name layers; the nearest is 'act1', got 'act2'$"):  # fmt: skip
        sl.convert(ann, rng.normal(size=(20, 4)), keep=["act2"])


def test_a_network_without_activations_that_spike_is_graded_throughout() -> None:
    rng = np.random.default_rng(0)
    ann = [L.Linear(rng.normal(size=(6, 4))), L.Activation("abs"), L.Linear(rng.normal(size=(2, 6)))]  # fmt: skip
    x = rng.normal(size=(20, 4)).astype(np.float32)
    with pytest.warns(UserWarning, match="convert: no layer spikes: layers such as 'activation1'"):
        model = sl.convert(ann, x, steps=4, threads=1)
    assert model.neurons == ()
    np.testing.assert_allclose(model.run(x).output, model.ann.run(x, 1).output, atol=1e-5)


def two_inputs() -> tuple[Graph, dict[str, Any]]:
    rng = np.random.default_rng(3)
    graph = Graph(
        [
            ("a", L.Linear(rng.normal(size=(8, 5))), "left"),
            ("b", L.Linear(rng.normal(size=(8, 3))), "right"),
            ("sum", L.Add(), ("a", "b")),
            ("r", L.ReLU(), "sum"),
            ("values", L.Linear(rng.normal(size=(2, 8))), "r"),
            ("classes", L.Linear(rng.normal(size=(4, 8))), "r"),
            ("shares", L.Softmax(), "classes"),
        ],
        inputs=("left", "right"),
        outputs=("values", "shares"),
    )
    x = {"left": rng.normal(size=(60, 5)), "right": 10 * rng.normal(size=(60, 3))}
    return graph, {name: v.astype(np.float32) for name, v in x.items()}


def test_several_inputs_and_outputs() -> None:
    graph, x = two_inputs()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = sl.convert(graph, tuple(x.values()), steps=24, threads=1)
        by_name = sl.convert(graph, dict(reversed(x.items())), steps=24, threads=1)
        result, other = model.run(tuple(x.values())), by_name.run(x)
    wanted = model.ann.run(x, 1)
    assert list(result.outputs) == ["values", "shares"]
    for name, output in result.outputs.items():
        np.testing.assert_array_equal(other.outputs[name], output)
        spread = wanted.outputs[name].std()
        assert np.sqrt(np.square(output - wanted.outputs[name]).mean()) < 0.25 * spread
    np.testing.assert_allclose(result.outputs["shares"].sum(1), 1, atol=1e-5)
    assert model.input_shapes == ((5,), (3,))
    with pytest.warns(UserWarning, match=r"x\['right'\] \(float32\) lies in"):
        model.run({**x, "right": x["right"] / 1000})


def test_a_missing_input_is_refused() -> None:
    graph, x = two_inputs()
    with pytest.raises(ValueError, match="must have a shape for each of left, right"):
        sl.convert(graph, x["left"])
