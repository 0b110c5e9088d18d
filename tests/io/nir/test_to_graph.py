from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from tests.support.nir_reference import reference

import spikelet as sl
import spikelet.io
from spikelet.io.nir.flat import flatten
from spikelet.io.nir.to_graph import closing_edges
from spikelet.layers import Neuron
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
    assert "unused" in model.to_spiking_model(dt=1e-3).graph
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
    with pytest.raises(
        ValueError, match=r"write_nir: .*input_shape must have a shape for each of a, b"
    ):
        sl.io.write_nir(model, input_shape=(2,))
    assert set(sl.io.write_nir(model, input_shape=[(2,), (4,)]).nodes) == set(written.nodes)


def recurrent(*, bias: float = 0.0) -> Any:
    weights = nir.Affine(RNG.normal(size=(4, 4)), bias * np.ones(4))
    nodes = {
        "in": nir.Input(np.array([4])),
        "lif": lif(4),
        "w": weights,
        "out": nir.Output(np.array([4])),
    }
    edges = [("in", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "out")]
    return sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))


def cuba(kind: str) -> Any:
    limits = {"v_threshold": 0.1 * ONES} if kind == "CubaLIF" else {}
    return getattr(nir, kind)(
        tau_syn=0.005 * ONES, tau_mem=0.01 * ONES, r=ONES, v_leak=0.05 * ONES, **limits
    )


ONES, TWO = np.ones(4), np.ones(2)
RECURRENT = {
    "cycle": recurrent,
    "bias": lambda: recurrent(bias=0.1),
    "cuba": lambda: chain(nir.Linear(RNG.normal(size=(4, 4))), cuba("CubaLIF"), nir.Linear(RNG.normal(size=(4, 4))), cuba("CubaLI")),
    "delay": lambda: chain(nir.Delay(np.array([0.0, 0.001, 0.005, 0.002])), lif(4)),
    "potential": lambda: chain(nir.LI(0.002 * ONES, 3 * ONES, 0 * ONES), lif(4)),
    "taus": lambda: chain(lif(4, tau=np.array([0.01, 0.02, 0.03, 0.04]))),
    "threshold": lambda: chain(lif(4, leak=0.9)),
    "negative r": lambda: chain(lif(4, r=-0.1, leak=0.9)),
    "scale": lambda: chain(nir.Scale(1 + np.arange(4.0)), lif(4)),
    "flatten": lambda: chain(nir.Input(np.array([2, 2, 2])), nir.Flatten({"input": None}, 1), lif((2, 4))),
    "batched": lambda: chain(nir.Linear(np.ones((2, 2, 2))), lif((2, 2))),
    "leak, subtracted": lambda: dense(leak=0.05),
}  # fmt: skip


@pytest.mark.parametrize("name", RECURRENT)
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_models_step_as_the_slow_reference(name: str, dtype: Any) -> None:
    model = RECURRENT[name]()
    reset: Any = "subtract" if "subtracted" in name else "value"
    (shape,) = model.inputs.values()
    x = (RNG.random((25, 2, *shape)) < 0.6).astype(float)
    layered = model.to_spiking_model(dt=1e-3, reset=reset, dtype=dtype)
    graph = model.graph
    expected = reference(graph, dict.fromkeys(model.inputs, x), 1e-3, "exact", reset)
    last = layered.graph.output
    what = "spikes" if isinstance(last.layer, Neuron) else "value"
    found = layered.run(x, record=f"{last.name}.{what}")[f"{last.name}.{what}"]
    (wanted,) = expected.values()
    np.testing.assert_allclose(found, wanted, atol=1e-9 if dtype == "float64" else 1e-5)
    assert wanted.any()


def test_a_cycle_gets_a_delay_behind_its_neurons() -> None:
    """Before the first step neurons have sent nothing, and the weights behind them their bias."""
    graph = recurrent(bias=0.2).to_spiking_model(dt=1e-3).graph
    assert [(n.name, n.inputs) for n in graph] == [
        ("lif.back", ("lif",)),
        ("w", ("lif.back",)),
        ("lif.sum", ("in", "w")),
        ("lif", ("lif.sum",)),
    ]
    assert graph["lif.back"].layer.steps == 1


def test_delays_are_rounded_to_steps() -> None:
    model = chain(nir.Delay(np.array([0.0, 0.14, 0.16, 0.25, 0.35])))
    layer = model.to_spiking_model(dt=0.1).graph.output.layer
    np.testing.assert_array_equal(layer.steps, [0, 1, 2, 2, 3])
    with pytest.raises(ValueError, match=r"node 'delay' \(Delay\): Delay: delay must be at most"):
        model.to_spiking_model(dt=1e-12)


def test_a_step_too_long_for_euler_is_warned_of() -> None:
    node = nir.CubaLI(tau_syn=0.4 * TWO, tau_mem=1.0 * TWO, r=TWO, v_leak=0 * TWO)
    with pytest.warns(
        UserWarning, match=r"node 'cubali' \(CubaLI\): dt = 0.9 is not below 2 tau_syn"
    ):
        chain(node).to_spiking_model(dt=0.9, mode="euler")
    chain(node).to_spiking_model(dt=0.9, mode="exact")


def test_what_has_no_layer_is_refused_by_name() -> None:
    above = chain(lif(2, reset=0.9))
    rule = (
        r"^NirModel.to_spiking_model: node 'lif' \(LIF\): LIF: v_reset must lie below the threshold"
    )
    with pytest.raises(ValueError, match=rule):
        above.to_spiking_model(dt=1e-3)
    with pytest.raises(ValueError, match="dt must be finite and > 0"):
        recurrent().to_spiking_model(dt=-1)


def closing(*edges: tuple[str, str], delays: Any = ()) -> set[tuple[str, str]]:
    """Make nodes by their first letter: i Input, o Output, n neuron, d Delay, else Scale."""
    one = np.ones(1)
    makes = {
        "i": lambda: nir.Input(np.array([1])),
        "o": lambda: nir.Output(np.array([1])),
        "n": lambda: nir.LIF(one, one, one, one),
        "d": lambda: nir.Delay(one),
    }
    names = dict.fromkeys(name for edge in edges for name in edge)
    nodes = {name: makes.get(name[0], lambda: nir.Scale(one))() for name in names}
    graph = nir.NIRGraph(nodes, list(edges), type_check=False)
    return closing_edges(flatten(graph, "g"), [(a, b) for a, b in edges if b not in delays])


def test_the_edge_that_leads_back_closes_the_cycle() -> None:
    assert closing(("i", "z"), ("z", "n1"), ("n1", "a"), ("a", "o")) == set()
    assert closing(("w", "n1"), ("n1", "w"), ("i", "n1"), ("n1", "o")) == {("w", "n1")}
    assert closing(("i", "n1"), ("n1", "n1"), ("n1", "o")) == {("n1", "n1")}
    edges = [("i", "n1"), ("n1", "d"), ("d", "w"), ("w", "n1"), ("n1", "o")]
    assert closing(*edges, delays={"d"}) == set()
    assert closing(*edges) == {("w", "n1")}
    long = [("i", "n1"), ("n1", "a"), ("a", "n2"), ("n2", "b"), ("b", "n1"), ("n2", "o")]
    assert closing(*long) == {("b", "n1")}


def test_long_chains_need_no_stack() -> None:
    names = ["i", *(f"n{k}" for k in range(3000)), "o"]
    assert closing(*itertools.pairwise(names)) == set()
