"""Node sets: rules, sets of sets, populations."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from tests.support.sonata_files import TABLE, cell, config, nodes

from spikelet.io.sonata.config import read_config
from spikelet.io.sonata.node_sets import NodeSets
from spikelet.io.sonata.nodes import read_nodes

ROWS = (
    TABLE
    + "100 point_neuron nest:iaf_psc_exp cell.json e\n101 point_neuron nest:iaf_psc_exp cell.json i\n"
)
SETS = {
    "some": {"population": "a", "node_id": [0, 2]},
    "ex": {"ei": "e"},
    "both": ["some", "b"],
    "none": {"ei": "x"},
    "loop": ["some", "back"],
    "back": ["loop"],
    "bad": 3,
    "deep": {"ei": {"x": 1}},
}


@pytest.fixture
def sets(tmp_path: Path) -> NodeSets:
    cell(tmp_path)
    parts = [nodes(tmp_path, "a", [100, 101, 101], ROWS), nodes(tmp_path, "b", [101, 100], ROWS)]
    return NodeSets(SETS, read_nodes(read_config(config(tmp_path, parts), None)), "sets.json")


@pytest.mark.parametrize(
    ("name", "rows"),
    [
        ("a", {"a": [0, 1, 2]}),
        ("some", {"a": [0, 2]}),
        ("ex", {"a": [0], "b": [1]}),
        ("both", {"a": [0, 2], "b": [0, 1]}),
        ("none", {}),
        ("all", {"a": [0, 1, 2], "b": [0, 1]}),
        ({"population": ["a", "b"], "ei": "i"}, {"a": [1, 2], "b": [0]}),
        (["some", "ex"], {"a": [0, 2], "b": [1]}),
    ],
)
def test_rows(sets: NodeSets, name: Any, rows: Any) -> None:
    assert {k: v.tolist() for k, v in sets.rows("w", name).items()} == rows


def test_sets_of_nothing_are_said(sets: NodeSets) -> None:
    with pytest.warns(UserWarning, match="^w: node set 'none' holds no nodes"):
        assert sets.neurons("w", "none") == {}
    assert {k: v.tolist() for k, v in sets.neurons("w", "some").items()} == {"a": [0, 2]}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("sum", "node set must be one of .*; did you mean 'some'"),
        (None, "node set must be one of"),
        (["all", 3], "node set must be one of"),
        ("loop", r"node set must not contain itself \(sets.json\), got 'loop -> back -> loop'"),
        ("bad", "node set must be rules or a list of names, got 3"),
        ("deep", "node set, ei must be a number, a string or a list of these"),
    ],
)
def test_what_is_no_set(sets: NodeSets, name: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^w: {text}"):
        sets.rows("w", name)
    assert "some" in sets
    assert "sum" not in sets


def test_sets_that_repeat_each_other_take_no_time(sets: NodeSets) -> None:
    """Otherwise this would be 2^60 sets."""
    many = {f"s{k}": [f"s{k + 1}", f"s{k + 1}"] for k in range(60)} | {"s60": ["a"]}
    sets = NodeSets(many, sets._nodes, "f")
    assert sets.rows("w", "s0")["a"].tolist() == [0, 1, 2]
