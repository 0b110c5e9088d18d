from __future__ import annotations

from typing import Any

import numpy as np
import pytest

nir = pytest.importorskip("nir")

from tests.support.nir_graphs import inputs_of, random_graph

import spikelet as sl
import spikelet.io

RNG = np.random.default_rng(2)
STEPS = 12


def same(model: Any, x: dict[str, Any], **options: Any) -> int:
    """Compare all neurons of a network with the run of the graph; return the number of spikes."""
    net = model.to_network(dt=1e-3, **options)
    names = list(net.populations)
    expected = model.run({k: v[:, None] for k, v in x.items()}, dt=1e-3, record=names, **options)
    spikes = 0
    for _ in range(2):  # each run begins at rest
        found = net.run({k: v.reshape(len(v), -1) for k, v in x.items()})
        for name in names:
            want = expected.record[name].reshape(len(found[name]), -1)
            np.testing.assert_allclose(found[name], want, atol=1e-9, err_msg=name)
            spikes += int(found[name].sum()) if model.nodes[name].endswith("IF") else 0
    return spikes


@pytest.mark.parametrize("block", range(6))
def test_networks_of_random_graphs_send_their_spikes(block: int) -> None:
    """With delays of each synapse, nested and recurrent; convolutions and pooling become synapses."""
    made, spikes = 0, 0
    for seed in range(block * 10, block * 10 + 10):
        model = sl.io.read_nir(random_graph(seed))
        x = {
            k: (v[:, 0] > 0.5).astype(float)
            for k, v in inputs_of(model.graph, seed, STEPS, 1).items()
        }
        mode = "euler" if seed % 4 == 0 else "exact"
        try:
            spikes += same(model, x, mode=mode, reset="value" if seed % 3 else "subtract")
            made += 1
        except ValueError as error:
            assert "sends its potential" in str(error) or "takes fewer steps" in str(error)  # noqa: PT017
    assert made >= 3
    assert spikes > 10


def recurrent(n: int = 6, bias: float = 0.05) -> Any:
    ones = np.ones(n)
    cuba = nir.CubaLIF(
        0.004 * ones, 0.008 * ones, 3 * ones, 0.02 * ones, RNG.uniform(0.1, 0.3, n), w_in=2 * ones
    )
    nodes = {
        "in": nir.Input(np.array([4])), "fc": nir.Affine(RNG.normal(size=(n, 4)), bias * ones), "lif": cuba,
        "w": nir.Affine(RNG.normal(size=(n, n)), bias * ones), "out": nir.Output(np.array([n])),
    }  # fmt: skip
    edges = [("in", "fc"), ("fc", "lif"), ("lif", "w"), ("w", "lif"), ("lif", "out")]
    return sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))


@pytest.mark.parametrize("mode", ["exact", "euler"])
@pytest.mark.parametrize("reset", ["value", "subtract"])
def test_a_recurrent_population(mode: str, reset: str) -> None:
    x = (RNG.random((200, 4)) < 0.3).astype(float)
    assert same(recurrent(), {"in": x}, mode=mode, reset=reset) > 50


def test_one_input_needs_no_name_and_the_unit_may_be_ms() -> None:
    model = recurrent()
    x = (RNG.random((50, 4)) < 0.3).astype(float)
    net = model.to_network(dt=1e-3)
    assert net.network.dt == 1.0
    assert net.bias is not None
    graph = model.graph
    for name in ("tau_mem", "tau_syn"):
        setattr(graph.nodes["lif"], name, getattr(graph.nodes["lif"], name) * 1e3)
    other = sl.io.read_nir(graph).to_network(dt=1.0, unit="ms")
    assert other.network.dt == 1.0
    np.testing.assert_array_equal(net.run(x)["lif"], other.run(x)["lif"])


def test_the_network_can_be_changed() -> None:
    model, x = recurrent(bias=0.0), np.zeros((60, 4))
    net, driven = model.to_network(dt=1e-3), model.to_network(dt=1e-3)
    noise = sl.PoissonInput(rate=2000.0, weight=2.0, receptor="in")
    driven.network.inject(driven.populations["lif"], noise)
    assert driven.run(x)["lif"].sum() > net.run(x)["lif"].sum()


def cycle(delay: float) -> Any:
    """Two populations that excite each other."""
    n = np.ones(2)
    lif = [nir.LIF(0.01 * n, n, 0 * n, 0.05 * n) for _ in range(2)]
    nodes = {
        "in": nir.Input(np.array([2])), "a": lif[0], "b": lif[1], "ab": nir.Linear(np.eye(2)), "ba": nir.Linear(np.eye(2)),
        "d": nir.Delay(delay * n), "out": nir.Output(np.array([2])),
    }  # fmt: skip
    edges = [
        ("in", "a"),
        ("a", "ab"),
        ("ab", "b"),
        ("b", "ba"),
        ("ba", "d"),
        ("d", "a"),
        ("b", "out"),
    ]
    return sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))


def test_a_cycle_that_is_too_fast_for_synapses_is_refused_and_a_delay_helps() -> None:
    for delay in (0.0, 1e-3):
        with pytest.raises(
            ValueError,
            match=r"^NirModel\.to_network: layer .*takes fewer steps than it has synapses",
        ):
            cycle(delay).to_network(dt=1e-3)
    x = np.zeros((40, 2))
    x[0] = 1
    assert same(cycle(2e-3), {"in": x}) > 10


def test_what_is_no_network_of_spikes_is_refused_by_name() -> None:
    n = np.ones(2)
    li, lif = nir.LI(n, n, 0 * n), nir.LIF(n, n, 0 * n, n)
    graph = nir.NIRGraph.from_list(li, nir.Linear(np.eye(2)), lif)
    with pytest.raises(ValueError, match=r"layer 'li' \(LI\): sends its potential to 'linear'"):
        sl.io.read_nir(graph).to_network(dt=1e-3)
    fast = nir.NIRGraph.from_list(nir.LIF(7e-4 * n, n, 0 * n, n))
    with pytest.raises(
        ValueError, match=r"layer 'lif': has a decay below 0 \(a time constant below dt"
    ):
        sl.io.read_nir(fast).to_network(dt=1e-3, mode="euler")
    sl.io.read_nir(fast).to_network(dt=1e-3)
    with pytest.raises(ValueError, match='unit must be "s" or "ms"'):
        sl.io.read_nir(fast).to_network(dt=1e-3, unit="us")


def test_input_must_be_spikes_of_all_inputs() -> None:
    net = recurrent().to_network(dt=1e-3)
    with pytest.raises(ValueError, match=r"GraphNetwork.run: x must be \[steps, 4\]"):
        net.run(np.zeros((5, 3)))
    with pytest.raises(ValueError, match="raster"):
        net.run(np.full((5, 4), 0.5))
    with pytest.raises(ValueError, match="x must have arrays for in"):
        net.run({"inn": np.zeros((5, 4))})


def test_echoes_and_many_paths() -> None:
    """A filter of a Delay and a Scale has no end of synapses; 2^20 paths through diamonds have one synapse each."""
    n = np.ones(1)
    lif = nir.LIF(0.01 * n, n, 0 * n, 0.02 * n)
    nodes = {
        "in": nir.Input(np.array([1])),
        "s": nir.Scale(0.5 * n),
        "d": nir.Delay(2e-3 * n),
        "lif": lif,
    }
    edges = [("in", "s"), ("s", "d"), ("d", "s"), ("s", "lif")]
    echo = sl.io.read_nir(nir.NIRGraph(nodes, edges, type_check=False))
    out = echo.run(np.eye(7)[:, :1], dt=1e-3, record="s").record["s"]
    np.testing.assert_array_equal(out[:, 0], [0.5, 0, 0.25, 0, 0.125, 0, 0.0625])
    with pytest.raises(ValueError, match=r"cycle .* holds no neuron; its signal never ends"):
        echo.to_network(dt=1e-3)
    nodes, edges, at = {"in": nir.Input(np.array([1])), "lif": lif}, [], "in"
    for k in range(20):
        for way in "ab":
            nodes[f"{way}{k}"] = nir.Scale(0.5 * n)
            edges += [(at, f"{way}{k}"), (f"{way}{k}", f"c{k}")]
        nodes[f"c{k}"] = nir.Scale(n)
        at = f"c{k}"
    model = sl.io.read_nir(nir.NIRGraph(nodes, [*edges, (at, "lif")], type_check=False))
    assert same(model, {"in": np.ones((30, 1))}) > 5
    assert sum(len(p) for p in model.to_network(dt=1e-3).network.projections) == 1
