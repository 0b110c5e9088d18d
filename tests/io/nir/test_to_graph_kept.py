"""What the metadata keeps is the default of a run, and is checked like everything else that a file says."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest

import spikelet as sl
from spikelet import layers

nir = pytest.importorskip("nir")


@pytest.fixture
def graph():
    neurons = layers.LIF([0.5, 1.0], decay=0.75, v_init=[0.25, 0.0])
    model = sl.SpikingModel([layers.Linear([[2.0], [3.0]]), neurons], dtype="float64")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return sl.io.write_nir(model, dt=1e-3, mode="euler")


X = np.ones((20, 1))


def test_runs_do_by_default_what_the_metadata_says(graph):
    model = sl.io.read_nir(graph)
    said = model.run(X)
    assert said.dt == 1e-3
    given = model.run(X, dt=1e-3, mode="euler")
    np.testing.assert_array_equal(said.output, given.output)
    assert (said.output != model.run(X, reset="value").output).any()
    assert (said.output != model.run(X, mode="exact").output).any()
    assert (said.output != model.run(X, dt=5e-4).output).any()


def test_runs_begin_with_the_initial_potentials_and_continue_with_a_state(graph):
    model = sl.io.read_nir(graph)
    whole = model.run(X, record="lif1.v")
    first = model.run(X[:7])
    rest = model.run(X[7:], state=first.state, record="lif1.v")
    np.testing.assert_array_equal(whole.record["lif1.v"][7:], rest.record["lif1.v"])
    # 0.75 v + 0.25 w x, and a spike of the first neuron, which began at 0.25.
    expected = [0.75 * 0.25 + 0.25 * 2 - 0.5, 0.25 * 3]
    np.testing.assert_allclose(whole.record["lif1.v"][0], expected, rtol=1e-15)


def test_what_the_metadata_says_reaches_models_and_copies(graph):
    model = sl.io.read_nir(graph)
    layer = model.to_spiking_model().graph["lif1"].layer
    np.testing.assert_array_equal(layer.threshold, [0.5, 1.0])
    np.testing.assert_array_equal(layer.v_init, [0.25, 0.0])
    assert (layer.reset, layer.decay) == ("subtract", 0.75)
    with pytest.raises(ValueError, match="layer 'lif1': has initial potentials"):
        model.to_network()
    np.testing.assert_array_equal(copy.deepcopy(model).run(X).output, model.run(X).output)


def test_graphs_within_graphs_keep_theirs(graph):
    whole = nir.NIRGraph(
        nodes={
            "input": nir.Input(np.array([1])),
            "inner": graph,
            "output": nir.Output(np.array([2])),
        },
        edges=[("input", "inner"), ("inner", "output")],
        type_check=False,
    )
    model = sl.io.read_nir(whole)
    assert set(model.kept.subtract) == {"inner/lif1"}
    np.testing.assert_array_equal(
        model.run(X, dt=1e-3, mode="euler").output, sl.io.read_nir(graph).run(X).output
    )


def test_graphs_of_others_say_nothing():
    ones = np.ones(1)
    model = sl.io.read_nir(nir.NIRGraph.from_list(nir.IF(r=ones, v_threshold=ones)))
    assert (model.kept.dt, model.kept.mode, dict(model.kept.subtract)) == (None, None, {})
    with pytest.raises(TypeError, match="dt must be given"):
        model.run(X)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"dt": -1.0}, "metadata of the graph: dt must be finite and > 0"),
        ({"dt": np.ones(2)}, "metadata of the graph: dt must be one number"),
        ({"mode": "midpoint"}, 'metadata of the graph: mode must be "exact"'),
        (3, "metadata of the graph: spikelet must be a group"),
    ],
)
def test_bad_metadata_of_a_graph_is_refused(graph, own, message):
    graph.metadata = {"spikelet": own}
    with pytest.raises(ValueError, match=message):
        sl.io.read_nir(graph)


@pytest.mark.parametrize(
    ("own", "message"),
    [
        ({"reset": "none"}, "metadata of node 'lif1': reset must be \"subtract\""),
        (
            {"reset": "subtract", "subtract": np.ones(3)},
            r"subtract must be \(2,\), that of the population",
        ),
        ({"v_init": np.array([np.inf, 0])}, "v_init must be finite"),
        ({"v_init": np.ones((1, 2))}, "v_init must have at most one dimension"),
    ],
)
def test_bad_metadata_of_a_node_is_refused(graph, own, message):
    graph.nodes["lif1"].metadata = {"spikelet": own}
    with pytest.raises(ValueError, match=message):
        sl.io.read_nir(graph)


def test_which_spikes_subtract(graph):
    model = sl.io.read_nir(graph)
    np.testing.assert_array_equal(model.kept.subtract["lif1"], [0.5, 1.0])
    layers_of = {
        how: model.to_spiking_model(reset=how).graph["lif1"].layer
        for how in (None, "value", "subtract")
    }
    assert [(n.reset, n.strict) for n in layers_of.values()] == [
        ("subtract", False),
        ("value", True),
        ("subtract", True),
    ]
    # A threshold that has to be exceeded, and is subtracted, is that of the graph.
    neurons = layers.LIF([0.5, 1.0], decay=0.75, strict=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        strict = sl.io.write_nir(
            sl.SpikingModel([layers.Linear([[2.0], [3.0]]), neurons], dtype="float64")
        )
    layer = sl.io.read_nir(strict).to_spiking_model().graph["lif1"].layer
    assert (layer.reset, layer.strict, layer.threshold.tolist()) == ("subtract", True, [0.5, 1.0])


@pytest.mark.parametrize(
    ("convention", "reset"), [("spikingjelly", "value"), ("sinabs", "subtract")]
)
@pytest.mark.parametrize("given", [False, True])
def test_neurons_written_for_a_reader_that_spikes_at_the_threshold_do_so_here(
    convention, reset, given
):
    """Two inputs of a half reach the threshold of 1 exactly."""
    neurons = layers.IF(1.0, "zero" if reset == "value" else reset)
    model = sl.SpikingModel([layers.Linear([[0.5]]), neurons, layers.Linear([[1.0]]), neurons])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        graph = sl.io.write_nir(model, convention=convention)
    x = np.ones((8, 1, 1))
    read, options = sl.io.read_nir(graph), {"reset": reset} if given else {}
    expected = model.run(x).spikes
    assert expected.sum() == 4
    np.testing.assert_array_equal(read.run(x, **options).output, expected)
    np.testing.assert_array_equal(read.run(x, dtype="float32", **options).output, expected)
    np.testing.assert_array_equal(read.to_spiking_model(**options).run(x).spikes, expected)
    net = read.to_network(**options)
    np.testing.assert_array_equal(
        net.run(x[:, 0].astype(np.uint8))[list(net.recorders)[-1]], expected[:, 0]
    )


def test_spikes_at_a_threshold_need_one(graph):
    graph.nodes["linear0"].metadata = {"spikelet": {"spikes": "at"}}
    with pytest.raises(
        ValueError, match="'linear0': spikes must belong to a neuron with a threshold"
    ):
        sl.io.read_nir(graph)
