"""Files of ONNX: names, shapes, precision and bad arguments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers as L
from spikelet.layers.graph import Graph

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")

RNG = np.random.default_rng(0)


def test_a_converted_network_needs_no_arguments(tmp_path: Path) -> None:
    ann = [L.Linear(RNG.normal(size=(12, 6))), L.ReLU(), L.Linear(RNG.normal(size=(4, 12)))]
    x = RNG.random((40, 6)).astype(np.float32)
    for neuron in ("predictive", "soft", "hard"):
        snn = sl.convert(ann, x, steps=8, neuron=neuron, threads=1)
        sl.io.write_onnx(snn, tmp_path / "snn.onnx")
        session = ort.InferenceSession(str(tmp_path / "snn.onnx"))
        (found,) = session.run(None, {session.get_inputs()[0].name: x[:7]})
        np.testing.assert_allclose(found, snn.run(x[:7]).output, atol=1e-5)


def test_several_inputs_and_outputs(tmp_path: Path) -> None:
    graph = Graph(
        [
            ("a", L.Linear(RNG.normal(size=(5, 4))), "left"),
            ("b", L.Linear(RNG.normal(size=(5, 3))), "right"),
            ("sum", L.Add(), ("a", "b")),
            ("one", L.Constant(np.arange(5.0)), ()),
            ("out", L.Multiply(), ("sum", "one")),
        ],
        inputs=("left", "right"),
        outputs=("out", "one"),
    )
    given = {"left": RNG.random((3, 4)), "right": RNG.random((3, 3))}
    sl.io.write_onnx(graph, tmp_path / "g.onnx", input_shape=[(4,), (3,)])
    session = ort.InferenceSession(str(tmp_path / "g.onnx"))
    found = session.run(None, {k: v.astype(np.float32) for k, v in given.items()})
    assert [o.name for o in session.get_outputs()] == ["out", "one"]
    for array, wanted in zip(found, sl.SpikingModel(graph).run(given, 1).output, strict=True):
        np.testing.assert_allclose(array, wanted, rtol=1e-5)


def test_sizes_are_declared(tmp_path: Path) -> None:
    def declared(model: Any, **options: Any) -> list[Any]:
        sl.io.write_onnx(model, tmp_path / "m.onnx", input_shape=(3,), **options)
        graph = onnx.load(tmp_path / "m.onnx").graph
        ends = (graph.input[0], graph.output[0])
        return [[d.dim_param or d.dim_value for d in e.type.tensor_type.shape.dim] for e in ends]

    weight = RNG.normal(size=(2, 3))
    assert declared(Graph([L.Linear(weight)])) == [["B", 3], ["B", 2]]
    snn = sl.SpikingModel([L.Linear(weight), L.IF()])
    assert declared(snn) == [["T", "B", 3], ["B", 2]]
    assert declared(snn, steps=4) == [["B", 3], ["B", 2]]


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        ("model", {}, TypeError, "model must be a SpikingModel or a Graph, got 'str'"),
        (Graph([L.IF()]), {}, ValueError, "input_shape must be the shape of one sample"),
        (Graph([L.IF()]), {"input_shape": (3,), "steps": 0}, ValueError, "steps must be >= 1"),
        (Graph([L.IF()]), {"input_shape": (3,), "dtype": "int16"}, ValueError, "dtype must be"),
        (Graph([L.Linear(np.eye(2))]), {"input_shape": (3,)}, ValueError, "input shape must be"),
    ],
)
def test_bad_arguments(
    model: Any, options: dict[str, Any], error: Any, message: str, tmp_path: Path
) -> None:
    with pytest.raises(error, match=message):
        sl.io.write_onnx(model, tmp_path / "m.onnx", **options)
    assert not list(tmp_path.iterdir())
