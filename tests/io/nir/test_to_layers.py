from __future__ import annotations

from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")

import spikelet as sl
import spikelet.io
from spikelet.layers.graph import Graph

RNG = np.random.default_rng(11)


def chain(*nodes: Any) -> Any:
    return sl.io.read_nir(nir.NIRGraph.from_list(*nodes, type_check=False))


def lif(shape: Any, *, leak: float = 0.0, r: Any = 1.0, reset: float = 0.0, tau: Any = 0.01, low: float = 0.2) -> Any:  # fmt: skip
    ones = np.ones(shape)
    return nir.LIF(tau * ones, r * ones, leak * ones, RNG.uniform(low, 0.6, shape), reset * ones)


def convolutional() -> Any:
    return chain(
        nir.Input(np.array([2, 9, 9])),
        nir.Conv2d(
            (9, 9), RNG.normal(size=(4, 1, 3, 3)), 1, (1, 1), 1, 2, RNG.normal(size=4) * 0.1
        ),
        lif((4, 9, 9)),
        nir.SumPool2d(np.array([2, 2]), np.array([2, 2]), np.array([0, 0])),
        nir.Scale(np.array([0.5, 1.0, 1.5, 2.0])[:, None, None] * np.ones((4, 4, 4))),
        nir.IF(80 * np.ones((4, 4, 4)), RNG.uniform(0.3, 0.6, (4, 4, 4))),
        nir.AvgPool2d(np.array([2, 2]), np.array([2, 2]), np.array([1, 1])),
        nir.Flatten({"input": None}, 0),
        nir.Linear(RNG.normal(size=(6, 36))),
        lif(6, r=5.0),
    )


def dense(**changes: Any) -> Any:
    return chain(
        nir.Affine(RNG.normal(size=(8, 5)), np.full(8, 0.1)), lif(8, **changes),
        nir.Linear(RNG.normal(size=(3, 8))), nir.Threshold(np.array([0.1, 0.2, 0.3])),
    )  # fmt: skip


def sequential() -> Any:
    return chain(
        nir.Input(np.array([2, 20])),
        nir.Conv1d(20, RNG.normal(size=(6, 1, 4)), 2, 3, 2, 2, RNG.normal(size=6) * 0.1),
        lif((6, 10)),
        nir.Conv1d(10, RNG.normal(size=(3, 6, 4)), 1, "same", 1, 1, np.zeros(3)),
        lif((3, 10)),
        nir.Flatten({"input": None}, 0),
        nir.Linear(RNG.normal(size=(4, 30))),
        lif(4),
    )


CASES: dict[str, tuple[Any, dict[str, Any]]] = {
    "convolutional": (convolutional(), {}),
    "euler": (convolutional(), {"mode": "euler"}),
    "sequences": (sequential(), {}),
    "leak and reset": (dense(leak=-0.1, reset=-0.3), {}),
    "r of each": (dense(r=RNG.uniform(0.5, 2, 8)), {}),
    "subtract": (dense(), {"reset": "subtract"}),
    "potential": (chain(nir.Linear(RNG.normal(size=(4, 5))), nir.LI(*np.array([[0.01], [2.0], [0.0]]) * np.ones(4))), {}),
}  # fmt: skip


@pytest.mark.parametrize("name", CASES)
def test_layers_send_the_spikes_of_the_graph(name: str) -> None:
    model, options = CASES[name]
    shape = next(iter(model.inputs.values()))
    x = (RNG.random((25, 3, *shape)) < 0.4).astype(float)
    layered = model.to_spiking_model(dt=1e-3, **options)
    assert layered.dtype == "float64"
    spiking = [n for n in layered.neurons if model.nodes[n] != "LI"]
    result = model.run(x, dt=1e-3, record=spiking, **options)
    if name == "potential":
        np.testing.assert_allclose(layered.run(x, record="v").v, result.output, rtol=0, atol=1e-12)
        return
    found = layered.run(x, record=spiking)
    for node in spiking:
        assert result.record[node].any(), node
        np.testing.assert_array_equal(found[node], result.record[node], err_msg=node)


def test_sums_of_edges_become_layers() -> None:
    nodes = {
        "in": nir.Input(np.array([5])), "a": nir.Linear(RNG.normal(size=(5, 5))), "s": nir.Scale(0.5 * np.ones(5)),
        "lif": lif(5), "out": nir.Output(np.array([5])), "unused": nir.LI(*np.ones((3, 5))),
    }  # fmt: skip
    edges = [("in", "a"), ("in", "s"), ("a", "lif"), ("s", "lif"), ("in", "lif"), ("lif", "out")]
    model = sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))
    with pytest.raises(ValueError, match=r"node 'unused' \(LI\): v_leak or r is not that of all"):
        model.to_spiking_model(dt=1e-3)
    del nodes["unused"]
    model = sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))
    layered = model.to_spiking_model(dt=1e-3)
    assert "lif.sum" in layered.graph
    x = RNG.random((20, 2, 5))
    np.testing.assert_array_equal(layered.run(x).spikes, model.run(x, dt=1e-3).output)


def test_several_inputs_and_outputs_make_a_round_trip() -> None:
    graph = Graph(
        [
            ("left", sl.layers.Linear(RNG.normal(size=(3, 2))), "a"),
            ("right", sl.layers.Linear(RNG.normal(size=(3, 4))), "b"),
            ("sum", sl.layers.Add(), ("left", "right")),
            ("spikes", sl.layers.IF(0.5, "zero"), "sum"),
            ("rest", sl.layers.Linear(RNG.normal(size=(2, 3))), "spikes"),
        ],
        inputs=("a", "b"),
        outputs=("rest", "spikes"),
    )
    model = sl.SpikingModel(graph, dtype="float64")
    written = sl.io.write_nir(model)
    again = sl.io.read_nir(written).to_spiking_model(dt=1e-4, dtype="float64")
    assert again.graph.inputs == ("a", "b")
    assert again.graph.outputs == ("rest", "spikes")
    x = RNG.random((12, 5, 2)), RNG.random((12, 5, 4))
    one, other = model.run(x), again.run(x)
    for name in graph.outputs:
        np.testing.assert_allclose(other.outputs[name], one.outputs[name], atol=1e-12)
    assert one.outputs["spikes"].mean() > 0.1
    with pytest.raises(ValueError, match="write_nir: input_shape must be a shape for each of a, b"):
        sl.io.write_nir(model, input_shape=(2,))
    assert set(sl.io.write_nir(model, input_shape=[(2,), (4,)]).nodes) == set(written.nodes)


def cycle() -> Any:
    nodes = {"in": nir.Input(np.array([2])), "lif": lif(2), "out": nir.Output(np.array([2]))}
    edges = [("in", "lif"), ("lif", "lif"), ("lif", "out")]
    return sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))


TWO = np.ones(2)
REFUSED = {
    "cycle": (cycle, "nodes lif depend on each other; use to_network"),
    "cuba": (lambda: chain(nir.CubaLIF(*np.full((5, 2), 0.1))), r"node 'cubalif' \(CubaLIF\): neuron has a synaptic current"),
    "delay": (lambda: chain(nir.Delay(0.005 * TWO), lif(2)), r"node 'delay' \(Delay\): delay is 5 steps"),
    "potential": (lambda: chain(nir.LI(0.1 * TWO, TWO, 0 * TWO), lif(2)), r"node 'li' \(LI\): the output leads to 'lif'"),
    "taus": (lambda: chain(lif(2, tau=np.array([0.01, 0.02]))), "the decay of a step differs between neurons"),
    "threshold": (lambda: chain(lif(2, leak=0.9)), "v_threshold is not above v_leak"),
    "negative r": (lambda: chain(lif(2, r=-1.0)), "r is not positive"),
    "scale": (lambda: chain(nir.Scale(np.arange(8.0).reshape(2, 2, 2)), lif((2, 2, 2))), "scale differs within a channel"),
    "flatten": (lambda: chain(nir.Input(np.array([2, 2, 2])), nir.Flatten({"input": None}, 1), lif((2, 4))), r"output shape is \(2, 4\)"),
    "batched": (lambda: chain(nir.Linear(np.ones((2, 2, 2))), lif((2, 2))), "weight has the shape"),
    "reset": (lambda: chain(lif(2, reset=0.9)), r"node 'lif' \(LIF\): LIF: v_reset must lie below the threshold"),
    "nothing": (lambda: chain(nir.Input(np.array([2])), nir.Output(np.array([2]))), "there is nothing to run"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_has_no_layer_is_refused_by_name(name: str) -> None:
    make, rule = REFUSED[name]
    with pytest.raises(ValueError, match=f"^NirModel.to_spiking_model: .*{rule}"):
        make().to_spiking_model(dt=1e-3)


def test_subtraction_needs_a_leak_to_zero() -> None:
    with pytest.raises(ValueError, match="v_leak is not 0"):
        dense(leak=0.05).to_spiking_model(dt=1e-3, reset="subtract")
    with pytest.raises(ValueError, match="dt must be finite and > 0"):
        cycle().to_spiking_model(dt=-1)
