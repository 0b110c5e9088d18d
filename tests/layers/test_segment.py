"""Networks in parts: the same bits as at once, whatever is kept between the parts."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from tests.support.layers_zoo import DEEP, WIDE, deep_graph, wide_graph

from spikelet import layers as L
from spikelet.layers.graph import Graph
from spikelet.layers.segment import Segment, Stored
from spikelet.layers.spiking_model import SpikingModel
from spikelet.layers.to_core import Source

STEPS = 9


def chained(graph: Graph, x: Any, dtype: Any) -> dict[str, Any]:
    """Run from one layer of neurons to the next, and keep the last layer's mean."""
    kept: dict[str, Any] = {"input": x}
    for node in graph:
        last = node.name == graph.output.name
        if not isinstance(node.layer, (L.Neuron, L.ReLU)) and not last:
            continue
        part = graph.between(kept, [node.name])
        sources = {name: Stored.of(kept[name]) for name in part.inputs}
        what = "packed" if isinstance(node.layer, L.Neuron) and not last else "mean"
        segment = Segment(part, sources, [(node.name, what)], STEPS, dtype=dtype)
        kept[node.name] = segment.run(kept, threads=1)[node.name, what]
    return kept


@pytest.mark.parametrize("dtype", ["float32", "float64", "int16"])
@pytest.mark.parametrize(("make", "shape"), [(wide_graph, WIDE), (deep_graph, DEEP)])
def test_parts_give_the_bits_of_the_whole(make: Any, shape: Any, dtype: Any) -> None:
    graph = make(STEPS) if make is wide_graph else make()
    x = np.random.default_rng(2).random((3, *shape)).astype(np.float32)
    model = SpikingModel(graph, dtype=dtype, threads=1)
    whole = model.run(x, steps=STEPS, record=[f"{n}.{w}" for n in model.neurons for w in ("spikes", "mean", "value")])  # fmt: skip
    kept = chained(graph, x, dtype)
    np.testing.assert_array_equal(kept[graph.output.name], whole.output)
    real: Any = "float64" if dtype == "float64" else "float32"
    for name in model.neurons:
        packed = kept[name]
        if name == graph.output.name:
            continue
        np.testing.assert_array_equal(packed.raster(), whole[f"{name}.spikes"])
        np.testing.assert_array_equal(packed.mean(real), whole[f"{name}.mean"])
        np.testing.assert_array_equal(packed.values(real), whole[f"{name}.value"])
        source = packed.stored.source
        planes = 2 * source.levels if source.is_signed else 1
        c, h, w = source.extent
        assert packed.nbytes == 3 * planes * STEPS * h * w * (-(-c // 16) * 16 // 8)
    assert whole[f"{model.neurons[0]}.spikes"].any()


def test_spikes_are_sliced() -> None:
    graph = Graph([("n", L.IF(0.3, amplitude=[1.0, 2.0]), "input")])
    x = np.random.default_rng(0).random((7, 2, 3), dtype=np.float32)
    segment = Segment(graph, {"input": Stored.of(x)}, [("n", "packed"), ("n", "mean")], STEPS)
    found = segment.run({"input": x}, threads=2)
    packed, mean = found["n", "packed"], found["n", "mean"]
    assert (len(packed), packed.shape, packed.steps) == (7, (2, 3), STEPS)
    np.testing.assert_array_equal(packed[2:5].mean(), mean[2:5])
    assert packed[2:5].bits.base is not None
    np.testing.assert_array_equal(packed[np.array([6, 0])].mean(), mean[[6, 0]])


def test_forms_of_layers() -> None:
    graph = Graph(
        [
            ("c", L.Linear(np.ones((3, 2))), "a"),
            ("n", L.IF(), "c"),
            ("fc", L.Linear(np.ones((2, 3))), "n"),
            ("both", L.Add(), ("fc", "b")),
            ("flat", L.Affine([1.0, 2.0]), "b"),
        ],
        inputs=("a", "b"),
        outputs=("both", "flat"),
    )
    sources = {"a": Stored((2,)), "b": Stored((2,), Source("sequence"))}
    segment = Segment(graph, sources, [("n", "packed"), ("c", "constant"), ("b", "mean")], 4)
    forms = {name: segment.form(name) for name in ("a", "b", "c", "n", "fc", "both")}
    assert forms == {
        "a": "constant", "b": "sequence", "c": "constant", "n": "spikes", "fc": "current", "both": "current",
    }  # fmt: skip
    b = np.random.default_rng(0).random((4, 5, 2), dtype=np.float32)
    found = segment.run({"a": np.ones((5, 2), np.float32), "b": b}, threads=1)
    np.testing.assert_array_equal(found["c", "constant"], np.full((5, 3), 2.0))
    np.testing.assert_allclose(found["b", "mean"], b.mean(axis=0), rtol=1e-6)


def test_graphs_between_layers() -> None:
    graph = deep_graph()
    neurons = [n.name for n in graph if isinstance(n.layer, L.Neuron)]
    part = graph.between([neurons[0]], [neurons[1]])
    assert part.inputs == (neurons[0],)
    assert part.outputs == (neurons[1],)
    with pytest.raises(ValueError, match="sources must include 'input', on which n1 depend"):
        graph.between(["n2"], ["n1"])
    for wanted in ("input", "n1", "n99"):
        with pytest.raises(ValueError, match="wanted must be names of layers that are not sources"):
            graph.between(["n1"], [wanted])


def test_a_run_can_be_stopped() -> None:
    graph = Graph([("n", L.IF(0.3), "input")])
    x = np.ones((40, 2), np.float32)
    segment = Segment(graph, {"input": Stored.of(x)}, [("n", "mean")], STEPS)
    done: list[int] = []
    with pytest.raises(KeyboardInterrupt):
        segment.run({"input": x}, 1, lambda n: done.append(n) or n < 3)  # type: ignore[func-returns-value]
    assert done[-1] == 3


X = np.ones((2, 2), np.float32)


@pytest.mark.parametrize(
    ("sources", "wanted", "values", "message"),
    [
        ({"input": Stored((2,))}, [("n", "mode")], {}, "Segment: wanted must be"),
        ({"input": Stored((2,))}, [("m", "mean")], {}, "Segment: wanted must be names of layers"),
        ({"input": Stored((2,))}, [("n", "constant")], {}, "must not change from step to step"),
        ({"input": Stored((2,))}, [("input", "packed")], {}, "node 0 must send spikes, so that they can be recorded"),
        ({"input": Stored((2,))}, [], {"input": X[:, :1]}, r"must have the shape \(N, 2\)|shape"),
        ({"input": Stored((2,), Source("packed"))}, [], {"input": X}, "must be packed"),
        ({"input": Stored((2,), Source("sequence"))}, [], {"input": X[None]}, "must have the shape"),
    ],
)  # fmt: skip
def test_bad_segments(sources: Any, wanted: Any, values: Any, message: str) -> None:
    graph = Graph([("n", L.IF(), "input")])
    with pytest.raises(ValueError, match=message):
        Segment(graph, sources, wanted, 3).run(values, 1)


def test_spikes_of_other_steps_or_samples_are_refused() -> None:
    graph = Graph([("n", L.IF(), "input")])
    packed = Segment(graph, {"input": Stored.of(X)}, [("n", "packed")], 3).run({"input": X}, 1)["n", "packed"]  # fmt: skip
    other = Segment(graph, {"input": packed.stored}, [("n", "mean")], 4)
    with pytest.raises(
        ValueError, match=r"must have 4 steps and samples \(2,\), got steps and shape"
    ):
        other.run({"input": packed}, 1)
    two = Graph([("s", L.Add(), ("a", "b"))], inputs=("a", "b"))
    segment = Segment(two, {"a": packed.stored, "b": Stored((2,))}, [("s", "mean")], 3)
    with pytest.raises(ValueError, match="must have equal numbers of samples"):
        segment.run({"a": packed, "b": X[:1]}, 1)
    np.testing.assert_array_equal(segment.run({"a": packed, "b": X}, 1)["s", "mean"], packed.mean() + 1)  # fmt: skip
