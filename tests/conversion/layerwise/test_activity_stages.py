"""The order of a conversion: where methods decide, what is stored and until when."""

from __future__ import annotations

from tests.support.conversions import branched

from spikelet import layers as L
from spikelet.conversion.layerwise.activity import Stages, plan, sources_of
from spikelet.conversion.passes import run_passes
from spikelet.conversion.preparation import pool_parts
from spikelet.layers.graph import Graph

NEURONS = frozenset({"r1", "rl", "rr", "r3", "r4"})


def planned(spiking: frozenset[str] = NEURONS, coded: frozenset[str] = frozenset()) -> Stages:
    return plan(run_passes("test", branched(), pool_parts), spiking, coded)


def test_neurons_are_numbered_in_order() -> None:
    stages = planned()
    assert list(stages.depths.items()) == [("r1", 0), ("rl", 1), ("rr", 1), ("r3", 2), ("r4", 3)]
    assert list(stages.seeds.items()) == [("r1", 0), ("rl", 1), ("rr", 2), ("r3", 3), ("r4", 4)]


def test_a_pool_that_alone_uses_a_neuron_is_stored_instead() -> None:
    stages = planned()
    assert stages.stored == {"input": "input", "r1": "p1", "rl": "p2.0", "rr": "p2.1", "r3": "r3", "r4": "r4"}  # fmt: skip
    graph, stored = run_passes("test", branched(), pool_parts), stages.stored.values()
    assert sources_of(graph, "rr", stored) == ["p1"]
    assert set(sources_of(graph, "r3", stored)) == {"p2.0", "p2.1"}


def test_values_are_needed_until_their_last_use() -> None:
    last = {"input": "r1", "p1": "rr", "p2.0": "r3", "p2.1": "r3", "r3": "r4"}
    assert planned().until == last


def test_a_neuron_that_stays_analog_is_stored_as_a_constant() -> None:
    stages = planned(NEURONS - {"r3"})
    assert "r3" not in stages.depths
    assert stages.seeds["r4"] == 4
    assert {"r3", "c4"} <= stages.constant
    assert "r3" in stages.stored
    assert stages.depths["r4"] == 2


def test_what_is_before_all_spikes_is_exact() -> None:
    assert planned().exact == {"input", "c1"}
    analog = planned(NEURONS - {"r1"})
    assert {"input", "c1", "r1", "p1", "left", "right"} == analog.exact
    assert "r1" not in analog.depths
    assert planned(coded=frozenset({"input"})).exact == set()


def test_graded_layers_and_outputs_count_in_the_seeds() -> None:
    """Positions that are drawn are those of earlier versions."""
    graph = Graph(
        [
            ("a", L.Linear([[1.0, 2.0]]), "input"),
            ("r", L.ReLU(), "a"),
            ("b", L.Linear([[1.0]]), "r"),
            ("gate", L.Activation("sigmoid"), "b"),
            ("scaled", L.Multiply(), ("r", "gate")),
            ("tanh", L.Activation("tanh"), "scaled"),
            ("last", L.ReLU(), "tanh"),
        ],
        outputs=["tanh", "b", "last"],
    )
    stages = plan(graph, frozenset({"r", "last"}), frozenset())
    assert stages.seeds == {"r": 0, "last": 4}  # behind "b", "gate" and "tanh"
