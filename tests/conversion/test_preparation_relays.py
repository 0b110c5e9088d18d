"""Relays behind graded units and sums."""

from __future__ import annotations

import numpy as np
import pytest

import spikelet as sl
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation import add_relays, relay_sums
from spikelet.layers import (
    Activation,
    Add,
    AvgPool2d,
    Concat,
    Conv2d,
    Flatten,
    LayerNorm,
    Linear,
    Multiply,
    Permute,
    PredictiveActivation,
    ReLU,
)
from spikelet.layers.graph import Graph

RNG = np.random.default_rng(6)


def with_relays(graph: Graph) -> Graph:
    return run_passes("relays", graph, add_relays)


def block() -> Graph:
    """Return a gate and a norm, with layers behind them."""
    return Graph(
        [
            ("first", Linear(RNG.normal(0, 0.5, (16, 8))), "input"),
            ("relu", ReLU(), "first"),
            ("norm", LayerNorm((0,)), "relu"),
            ("a", Linear(RNG.normal(0, 0.3, (16, 16))), "norm"),
            ("gate", Activation("sigmoid"), "a"),
            ("b", Linear(RNG.normal(0, 0.3, (16, 16))), "norm"),
            ("product", Multiply(), ("gate", "b")),
            ("out", Linear(RNG.normal(0, 0.3, (4, 16))), "product"),
        ]
    )


def test_layers_behind_graded_units_get_one_relay_each_source() -> None:
    graph = with_relays(block())
    relays = [n for n in graph if n.name.endswith(".relay")]
    assert [(n.name, n.inputs) for n in relays] == [
        ("norm.relay", ("norm",)),
        ("product.relay", ("product",)),
    ]
    assert graph["a"].inputs == graph["b"].inputs == ("norm.relay",)
    assert graph["out"].inputs == ("product.relay",)
    assert graph["first"].inputs == ("input",)
    assert [n.name for n in with_relays(graph)] == [n.name for n in graph]


def test_sums_that_weights_take_get_one_relay_for_all_that_take_them() -> None:
    w = np.ones((3, 3, 1, 1))
    graph = Graph(
        [
            ("a", Conv2d(w), "input"),
            ("b", Conv2d(w), "a"),
            ("relu", ReLU(), "b"),
            ("c", Conv2d(w), "relu"),
            ("add", Add(), ("c", "a")),
            ("pool", AvgPool2d(2), "add"),
            ("flat", Flatten(), "pool"),
            ("out", Linear(np.ones((2, 3))), "flat"),
            ("first", Conv2d(w), "relu"),
            ("both", Concat(0), ("first", "relu")),
            ("last", Conv2d(np.ones((3, 6, 1, 1))), "both"),
        ],
        outputs=["out", "last"],
    )
    made = run_passes("relays", graph, relay_sums)
    assert {n.name: n.inputs for n in made} == {
        "a": ("input",), "a.relay": ("a",), "b": ("a.relay",), "relu": ("b",), "c": ("relu",),
        "add": ("c", "a.relay"), "pool": ("add",), "flat": ("pool",), "flat.relay": ("flat",),
        "out": ("flat.relay",), "first": ("relu",), "first.relay": ("first",),
        "both": ("first.relay", "relu"), "last": ("both",),
    }  # fmt: skip


def test_moved_values_are_values_of_their_unit() -> None:
    graph = with_relays(
        Graph(
            [
                ("relu", ReLU(), "input"),
                ("norm", LayerNorm((1,)), "relu"),
                ("moved", Permute((1, 0)), "norm"),
                ("conv", sl.layers.Conv1d(RNG.normal(size=(3, 4, 1))), "moved"),
            ]
        )
    )
    assert graph["conv"].inputs == ("moved.relay",)


@pytest.mark.parametrize("neuron", ["predictive", "multi"])
def test_relays_add_where_values_multiply(neuron: str) -> None:
    x = RNG.normal(size=(300, 8)).astype(np.float32)
    new = RNG.normal(size=(100, 8)).astype(np.float32)
    macs, errors = {}, {}
    for relays in (False, True):
        snn = sl.convert(
            block(), x, steps=16, neuron=neuron, method=sl.conversion.Fitted(relays=relays)
        )
        wanted = snn.ann.run(new, steps=1).output
        errors[relays] = np.abs(snn.run(new).output - wanted).mean() / wanted.std()
        report = sl.energy.measure(snn, new, ann=snn.ann, multiply_sizes=False)
        macs[relays] = {n: report.snn[n].effective_macs for n in ("a", "b", "out")}
        acs = [report.snn[n].effective_acs for n in ("a", "b", "out")]
        assert all(acs) == relays
        assert isinstance(snn.graph["norm"].layer, LayerNorm)
        assert relays == any(
            isinstance(n.layer, PredictiveActivation) and n.name == "norm.relay" for n in snn.graph
        )
    assert not any(macs[True].values())
    assert all(macs[False].values())
    assert errors[False] < errors[True] < 0.05
