"""The order of a conversion: where methods decide, what is stored and until when."""

from __future__ import annotations

from tests.support.conversions import branched

from spikelet import layers as L
from spikelet.conversion.layerwise.pools import pool_parts
from spikelet.conversion.layerwise.stages import Stages, linear_parts, plan
from spikelet.layers.graph import Graph

NEURONS = frozenset({"r1", "rl", "rr", "r3", "r4"})


def planned(spiking: frozenset[str] = NEURONS, coded: frozenset[str] = frozenset()) -> Stages:
    return plan(pool_parts(branched()), spiking, coded)


def test_sites_are_neurons_and_the_output() -> None:
    stages = planned()
    assert list(stages.sites.items()) == [*((n, "neuron") for n in ("r1", "rl", "rr", "r3", "r4")), ("out", "output")]  # fmt: skip
    assert stages.depths == {"r1": 0, "rl": 1, "rr": 1, "r3": 2, "r4": 3, "out": 4}
    assert stages.entries["r3"] == "sum"
    assert stages.entries["out"] == "out"


def test_a_pool_that_alone_uses_a_neuron_is_stored_instead() -> None:
    stages = planned()
    assert stages.stored == {"input": "input", "r1": "p1", "rl": "p2.0", "rr": "p2.1", "r3": "r3", "r4": "r4"}  # fmt: skip
    assert stages.sources["rr"] == {"p1"}
    assert stages.sources["r3"] == {"p2.0", "p2.1"}


def test_values_are_needed_until_their_last_use() -> None:
    last = {"input": "r1", "p1": "rr", "p2.0": "r3", "p2.1": "r3", "r3": "r4", "r4": "out"}
    assert planned().until == last


def test_a_neuron_that_stays_analog_is_stored_as_a_constant() -> None:
    stages = planned(NEURONS - {"r3"})
    assert stages.sites["r3"] == "graded"
    assert {"r3", "c4"} <= stages.constant
    assert "r3" in stages.stored
    assert stages.depths["r4"] == 2


def test_what_is_before_all_spikes_is_exact() -> None:
    assert planned().exact == {"input", "c1"}
    analog = planned(NEURONS - {"r1"})
    assert {"input", "c1", "r1", "p1", "left", "right"} == analog.exact
    assert "r1" not in analog.sites
    assert planned(coded=frozenset({"input"})).exact == set()


def test_graded_layers_and_their_outputs() -> None:
    graph = Graph(
        [
            ("a", L.Linear([[1.0, 2.0]]), "input"),
            ("r", L.ReLU(), "a"),
            ("b", L.Linear([[1.0]]), "r"),
            ("gate", L.Activation("sigmoid"), "b"),
            ("scaled", L.Multiply(), ("r", "gate")),
            ("tanh", L.Activation("tanh"), "scaled"),
        ],
        outputs=["tanh", "b"],
    )
    stages = plan(graph, frozenset({"r"}), frozenset())
    assert stages.sites == {"r": "neuron", "b": "output", "gate": "graded", "tanh": "output"}
    assert (stages.entries["gate"], stages.entries["tanh"], stages.entries["b"]) == ("b", "scaled", "b")  # fmt: skip


def test_linear_parts_feed_nothing_else() -> None:
    graph = branched()
    assert linear_parts(graph, "sum") == ("c3",)
    assert linear_parts(graph, "out") == ("out",)
    assert linear_parts(graph, "input") == ()
    shared = Graph([*graph.nodes, ("also", L.ReLU(), "c4")], outputs=["out", "also"])
    assert linear_parts(shared, "c4") == ()
