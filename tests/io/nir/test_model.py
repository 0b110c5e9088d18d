from __future__ import annotations

import copy
import os
import pickle
import threading
from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from tests.support.nir_graphs import inputs_of, random_graph
from tests.support.nir_reference import reference

import spikelet as sl
import spikelet.io

RNG = np.random.default_rng(5)


def lif(n: int, tau: float = 0.01, threshold: float = 0.3) -> Any:
    ones = np.ones(n)
    return nir.LIF(tau=tau * ones, r=ones, v_leak=0 * ones, v_threshold=threshold * ones)


def chain(*nodes: Any) -> Any:
    return sl.io.read_nir(nir.NIRGraph.from_list(*nodes, type_check=False))


def recurrent(bias: float = 0.0) -> Any:
    weights = nir.Affine(np.array([[0.0, 0.4], [0.4, 0.0]]), bias * np.ones(2))
    nodes = {
        "in": nir.Input(np.array([2])),
        "lif": lif(2),
        "w": weights,
        "out": nir.Output(np.array([2])),
    }
    edges = [("in", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "out")]
    return sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))


SMALL = chain(nir.Affine(RNG.normal(size=(4, 3)), np.full(4, 0.2)), lif(4))
X = RNG.random((30, 2, 3)) * 2


def test_a_lif_follows_the_closed_form() -> None:
    model = chain(lif(1, tau=2.5e-3, threshold=9.0))
    v = model.run(np.full((1000, 1), 0.7), dt=1e-4, record="lif.v").record["lif.v"]
    closed = 0.7 * -np.expm1(-1e-4 * np.arange(1, 1001) / 2.5e-3)
    np.testing.assert_allclose(v[:, 0], closed, rtol=0, atol=1e-12)


def test_exact_potentials_do_not_depend_on_the_step() -> None:
    ones = np.ones(1)
    model = chain(nir.CubaLI(0.005 * ones, 0.005 * ones, 2 * ones, 0.1 * ones))
    coarse = model.run(np.full((20, 1), 0.6), dt=1e-3).output
    fine = model.run(np.full((200, 1), 0.6), dt=1e-4).output
    np.testing.assert_allclose(fine[9::10], coarse, rtol=0, atol=1e-13)


def test_input_has_a_batch_axis_or_none() -> None:
    both = SMALL.run(X, dt=1e-3, record=["lif", "lif.v"])
    one = SMALL.run(X[:, 1], dt=1e-3, record=["lif", "lif.v"])
    assert both.output.shape == (30, 2, 4)
    assert one.output.shape == (30, 4)
    assert both.output.any()
    np.testing.assert_array_equal(one.output, both.output[:, 1])
    np.testing.assert_array_equal(one.record["lif.v"], both.record["lif.v"][:, 1])
    np.testing.assert_array_equal(both.record["lif"], both.output)


def test_each_run_begins_at_rest_and_the_model_does_not_change() -> None:
    first = SMALL.run(X, dt=1e-3)
    np.testing.assert_array_equal(SMALL.run(X, dt=1e-3).output, first.output)


def test_results_copy_and_pickle() -> None:
    result = SMALL.run(X, dt=1e-3, record={"lif": "lif"})
    with pytest.raises(TypeError):
        result.outputs["output"] = X  # type: ignore[index]  # a read-only mapping
    for other in (copy.deepcopy(result), pickle.loads(pickle.dumps(result))):
        np.testing.assert_array_equal(other.output, result.output)
        np.testing.assert_array_equal(other.record["lif"], result.record["lif"])


@pytest.mark.parametrize("how", ["pickle", "copy", "deepcopy", "graph"])
def test_copies_give_the_same_bits(how: str) -> None:
    ways: dict[str, Any] = {
        "pickle": lambda m: pickle.loads(pickle.dumps(m)),
        "copy": copy.copy,
        "deepcopy": copy.deepcopy,
        "graph": lambda m: sl.io.read_nir(m.graph),
    }
    other = ways[how](SMALL)
    np.testing.assert_array_equal(other.run(X, dt=1e-3).output, SMALL.run(X, dt=1e-3).output)
    assert repr(other) == repr(SMALL)


def test_the_graph_is_a_copy_in_both_directions() -> None:
    graph = nir.NIRGraph.from_list(lif(2))
    model = sl.io.read_nir(graph)
    before = model.run(np.ones((20, 2)), dt=1e-3).output
    graph.nodes["lif"].tau[:] = 99.0
    model.graph.nodes["lif"].tau[:] = 99.0
    np.testing.assert_array_equal(model.run(np.ones((20, 2)), dt=1e-3).output, before)
    changed = model.graph
    changed.nodes["lif"].tau[:] = 99.0
    assert not sl.io.read_nir(changed).run(np.ones((20, 2)), dt=1e-3).output.any()


def test_threads_share_a_model() -> None:
    expected = SMALL.run(X, dt=1e-3).output
    found: list[Any] = [None] * 6

    def work(k: int) -> None:
        found[k] = SMALL.run(X, dt=1e-3).output

    workers = [threading.Thread(target=work, args=(k,)) for k in range(6)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    for output in found:
        np.testing.assert_array_equal(output, expected)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork")
def test_it_runs_after_a_fork() -> None:
    expected = SMALL.run(X, dt=1e-3).output
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        same = np.array_equal(SMALL.run(X, dt=1e-3).output, expected)
        os.write(writer, b"1" if same else b"0")
        os._exit(0)
    os.waitpid(child, 0)
    assert os.read(reader, 1) == b"1"
    os.close(reader)
    os.close(writer)


def test_a_spike_comes_back_one_step_later() -> None:
    x = np.zeros((5, 2))
    x[0, 0] = 10.0
    ones = np.ones(2)
    model = recurrent()
    out = model.run(x * ones, dt=1e-3, record=["w", "lif.v"])
    np.testing.assert_array_equal(out.output[0], [1, 0])
    np.testing.assert_array_equal(out.record["w"][0], [0, 0.4])
    drive = 0.4 * -np.expm1(-0.1)
    np.testing.assert_allclose(out.record["lif.v"][:2, 1], [0, drive], rtol=1e-14)


def test_before_the_first_step_a_bias_was_there() -> None:
    """As in snnTorch, where the recurrent layer of no spikes is its bias."""
    model = recurrent(bias=0.2)
    v = model.run(np.zeros((1, 2)), dt=1e-3, record="lif.v").record["lif.v"]
    np.testing.assert_allclose(v[0], 0.2 * -np.expm1(-0.1) * np.ones(2), rtol=1e-14)


def test_several_inputs_and_outputs() -> None:
    nodes = {
        "a": nir.Input(np.array([2])), "b": nir.Input(np.array([2])), "li": nir.LI(np.ones(2), np.ones(2), np.zeros(2)),
        "x": nir.Output(np.array([2])), "y": nir.Output(np.array([2])),
    }  # fmt: skip
    edges = [("a", "li"), ("b", "li"), ("li", "x"), ("b", "y")]
    model = sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))
    a, b = RNG.random((2, 6, 2))
    both = model.run({"a": a, "b": b}, dt=0.1)
    np.testing.assert_array_equal(both.outputs["y"], b)
    alone = model.run({"a": a + b}, dt=0.1)
    np.testing.assert_allclose(alone.outputs["x"], both.outputs["x"], rtol=1e-14)
    with pytest.raises(ValueError, match="there is no single output; use outputs"):
        _ = both.output
    with pytest.raises(
        ValueError, match="x must be a dict with arrays for a, b, as the graph has 2"
    ):
        model.run(a, dt=0.1)
    with pytest.raises(ValueError, match="must have the same number of steps and samples"):
        model.run({"a": a, "b": b[:3]}, dt=0.1)


def test_a_neuron_above_its_threshold_needs_no_input() -> None:
    one = np.ones(1)
    model = chain(nir.LIF(0.01 * one, one, 1.2 * one, one))
    spikes = model.run(steps=100, dt=1e-3).output
    assert spikes.sum() == 5  # ln(1.2 / 0.2) tau = 17.9 ms, 18 steps
    assert spikes.shape == (100, 1)


def test_a_graph_of_a_cycle_needs_no_input() -> None:
    one = np.ones(1)
    nodes = {"lif": nir.LIF(0.01 * one, one, 1.2 * one, one), "out": nir.Output(np.array([1]))}
    graph = nir.NIRGraph(nodes, [("lif", "lif"), ("lif", "out")], type_check=False)
    model = sl.io.read_nir(graph)
    assert not model.inputs
    spikes = model.run(steps=100, dt=1e-3).output
    expected = reference(graph, {"none": np.zeros((100, 1, 1))}, 1e-3, "exact", "value")["out"][
        :, 0
    ]
    np.testing.assert_array_equal(spikes, expected)
    assert spikes.sum() == 5
    first = model.run(steps=40, dt=1e-3)
    second = model.run(steps=60, dt=1e-3, state=first.state)
    np.testing.assert_array_equal(np.concatenate([first.output, second.output]), spikes)


def test_a_pulse_of_area_one_acts_alike_for_all_steps() -> None:
    """The trap of the standard's two_lif_neurons.nir: spikes of height 1 act in proportion to dt."""
    one = np.ones(1)
    model = chain(lif(1, threshold=0.05), nir.Linear(np.eye(1)), nir.LI(0.5 * one, one, 0 * one))
    ends = {}
    for dt in (1e-3, 1e-4):
        x = np.zeros((round(0.1 / dt), 1))
        x[: round(1e-3 / dt)] = 1.0
        for height in (1.0, 1 / dt):
            ends[dt, height * dt < 1] = model.run(x, dt=dt, spike_height=height).output[-1, 0]
    assert ends[1e-3, True] / ends[1e-4, True] > 9
    assert 0.98 < ends[1e-3, False] / ends[1e-4, False] < 1.02


def test_records_name_nodes_and_quantities() -> None:
    one = np.ones(2)
    cuba = nir.CubaLIF(0.01 * one, 0.01 * one, one, 0 * one, 0.2 * one)
    nodes = {
        "in": nir.Input(np.array([2])), "a.v": cuba,
        "n": nir.NIRGraph.from_list(lif(2)), "out": nir.Output(np.array([2])),
    }  # fmt: skip
    edges = [("in", "a.v"), ("a.v", "n"), ("n", "out")]
    model = sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))
    asked = ["a.v", "a.v.v", "a.v.i", "n", "n/lif.v"]
    found = model.run(np.ones((9, 2)), dt=1e-2, record=asked).record
    assert list(found) == asked
    assert (found["a.v.i"] != found["a.v.v"]).any()
    assert found["a.v"].max() == 1.0
    assert found["n/lif.v"].shape == (9, 2)
    single = model.run(np.ones((9, 2)), dt=1e-2, record="a.v.i").record
    assert list(single) == ["a.v.i"]


def test_delays_are_continued_too() -> None:
    model = chain(nir.Delay(np.array([2e-3, 5e-3, 0.0])))
    x = RNG.random((12, 3))
    whole = model.run(x, dt=1e-3)
    first = model.run(x[:4], dt=1e-3)
    state = pickle.loads(pickle.dumps(first.state))
    second = model.run(x[4:], dt=1e-3, state=state)
    np.testing.assert_array_equal(np.concatenate([first.output, second.output]), whole.output)
    np.testing.assert_array_equal(whole.output[5:, 1], x[:-5, 1])


@pytest.mark.parametrize(
    ("options", "rule"),
    [
        ({"dt": 0.0}, "dt must be finite and > 0"),
        ({"dt": np.nan}, "dt must not contain NaN"),
        ({"mode": "rk4"}, 'mode must be "exact" or "euler"'),
        ({"reset": "zero"}, 'reset must be "value" or "subtract"'),
        ({"dtype": "float16"}, 'dtype must be "float64" or "float32"'),
        ({"threads": 0}, "threads must be >= 1"),
        ({"spike_height": np.inf}, "spike_height must be finite"),
        ({"record": "lof"}, "record must name a node; did you mean 'lif'.*got 'lof'"),
        ({"record": "lif.i"}, "record must name one of out, v of a LIF"),
        ({"record": ("lif", "w")}, "record must name a node|must name one of"),
        ({"x": np.ones((30, 2, 4))}, r"x must be \[T, B, 3\] or \[T, 3\].*shape \(30, 2, 4\)"),
        ({"x": np.ones(3)}, r"x must be \[T, B, 3\]"),
        ({"x": np.ones((0, 3))}, "at least one step"),
        ({"x": np.full((2, 3), np.inf)}, "x must be finite, got inf"),
        ({"x": {"inn": X}}, "x must have the names input, got 'inn'"),
        ({"x": {}}, "must hold at least one input"),
        ({"x": None, "steps": 0}, "steps must be >= 1"),
        ({"steps": 5}, "steps must be left out where there is an input"),
        ({"x": np.full((2, 3), 1e39), "dtype": "float32"}, "within the range of float32"),
    ],
)  # fmt: skip
def test_arguments_are_checked(options: Any, rule: str) -> None:
    given = {"x": X, "dt": 1e-3, **options}
    with pytest.raises(ValueError, match=f"^NirModel.run: .*{rule}"):
        SMALL.run(given.pop("x"), **given)


def test_arguments_of_another_type_are_refused() -> None:
    with pytest.raises(TypeError, match="x must be an array of numbers"):
        SMALL.run("abc", dt=1e-3)
    with pytest.raises(TypeError, match="x must be given, or steps for a run without input"):
        SMALL.run(dt=1e-3)
    with pytest.raises(TypeError, match="record must hold names of nodes, got True"):
        SMALL.run(X, dt=1e-3, record=True)
    with pytest.raises(TypeError, match="record must hold names"):
        SMALL.run(X, dt=1e-3, record=[3])
    with pytest.raises(TypeError, match="state must be the state of a result"):
        SMALL.run(X, dt=1e-3, state=3)


def test_states_are_checked() -> None:
    state = SMALL.run(X, dt=1e-3).state
    rule = "must be that of a run with the same options, dtype and number of samples"
    for options in ({"dt": 1e-4}, {"mode": "euler"}, {"reset": "subtract"}, {"dtype": "float32"}):
        with pytest.raises(ValueError, match=f"^NirModel.run: state {rule}"):
            SMALL.run(X, state=state, **{"dt": 1e-3, **options})
    with pytest.raises(ValueError, match=rule):
        SMALL.run(np.ones((3, 3, 3)), dt=1e-3, state=state)
    with pytest.raises(ValueError, match="state must have the inputs of this graph"):
        recurrent().run(np.ones((3, 2, 2)), dt=1e-3, state=state)


def test_what_cannot_be_set() -> None:
    with pytest.raises(AttributeError, match="take its graph, change that"):
        SMALL.graph = None
    with pytest.raises(TypeError, match="does not support item assignment"):
        SMALL.nodes["lif"] = "IF"


def test_random_graphs_are_described() -> None:
    model = sl.io.read_nir(random_graph(3))
    assert set(inputs_of(model.graph, 3, 2, 1)) == set(model.inputs)
    assert f"{len(model.nodes)} nodes" in repr(model)
