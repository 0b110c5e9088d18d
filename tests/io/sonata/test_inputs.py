"""Inputs: spikes of virtual nodes in several layouts, and current clamps."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.support.sonata_files import TABLE, cell, config, nodes, spike_file

from spikelet.io.sonata.config import read_config
from spikelet.io.sonata.inputs import read_clamps, read_spikes
from spikelet.io.sonata.node_sets import NodeSets
from spikelet.io.sonata.nodes import read_nodes

SPIKES = {"input_type": "spikes", "module": "h5", "input_file": "$BASE/s.h5", "node_set": "v"}
CLAMP = {
    "input_type": "current_clamp",
    "module": "IClamp",
    "node_set": "a",
    "amp": 10.0,
    "delay": 1.0,
    "duration": 3.0,
}
TIMES, IDS = np.array([5.0, 1.0, 3.0]), np.array([2, 0, 1])


def inputs(folder: Path, which: Any = read_spikes, **given: Any) -> Any:
    cell(folder)
    parts = [
        nodes(folder, "a", [100] * 3, TABLE + "100 point_neuron nest:iaf_psc_exp cell.json e\n"),
        nodes(folder, "v", [100] * 3, "node_type_id model_type\n100 virtual\n"),
    ]
    found = read_config(config(folder, parts, inputs=given), None)
    of = read_nodes(found)
    return which(found, of, NodeSets({"some": {"population": "v", "node_id": [1, 2]}}, of, "f"))


@pytest.mark.parametrize(
    "layout",
    [
        {"gids": IDS, "timestamps": TIMES},
        {"node_ids": IDS, "timestamps": TIMES},
        {
            "v": {"node_ids": IDS, "timestamps": TIMES},
            "other": {"node_ids": [9], "timestamps": [1.0]},
        },
    ],
    ids=["gids", "node_ids", "populations"],
)
def test_layouts_of_spikes(tmp_path: Path, layout: Any) -> None:
    spike_file(tmp_path / "s.h5", layout)
    found = inputs(tmp_path, x=SPIKES)["v"]
    assert found.times.tolist() == [1.0, 3.0, 5.0]
    assert found.rows.tolist() == [0, 1, 2]


def test_inputs_of_one_population_are_merged(tmp_path: Path) -> None:
    spike_file(tmp_path / "s.h5", {"gids": IDS, "timestamps": TIMES})
    found = inputs(tmp_path, x=SPIKES, y={**SPIKES, "node_set": "some"})["v"]
    assert list(zip(found.times.tolist(), found.rows.tolist(), strict=True)) == [
        (1.0, 0),
        (3.0, 1),
        (3.0, 1),
        (5.0, 2),
        (5.0, 2),
    ]


@pytest.mark.parametrize("separator", [" ", ",", ";"])
def test_spikes_in_a_table(tmp_path: Path, separator: str) -> None:
    rows = [("timestamps", "population", "node_ids"), (2.5, "v", 1), (1.5, "z", 9), (1.0, "v", 0)]
    (tmp_path / "s.csv").write_text("\n".join(separator.join(map(str, row)) for row in rows))
    found = inputs(tmp_path, x={**SPIKES, "module": "csv", "input_file": "$BASE/s.csv"})["v"]
    assert (found.times.tolist(), found.rows.tolist()) == ([1.0, 2.5], [0, 1])


@pytest.mark.parametrize(
    ("layout", "change", "text"),
    [
        ({"gids": IDS}, {}, "s.h5: /spikes: timestamps must be a dataset"),
        ({"timestamps": TIMES}, {}, "s.h5: /spikes: node_ids must be a dataset"),
        ({"gids": IDS, "timestamps": TIMES[:2]}, {}, "timestamps: length must be 3, got 2"),
        (
            {"gids": IDS + 1, "timestamps": TIMES},
            {},
            "s.h5: spikes of v: node id must be nodes of 'v', 0 to 2, got 3",
        ),
        ({"gids": IDS, "timestamps": -TIMES}, {}, "timestamps: time must be finite and >= 0 ms"),
        ({"gids": IDS, "timestamps": TIMES * np.nan}, {}, "timestamps: time must be finite"),
        ({"gids": IDS + 0.5, "timestamps": TIMES}, {}, "gids: type must be integers"),
        (
            {"v": {}, "gids": IDS},
            {},
            "content must hold groups, one for each population, or datasets",
        ),
        ({"w": {}}, {}, "groups must have a group for the population 'v', got 'w'"),
        ({}, {"module": "nwb"}, 'inputs.x: module must be "h5", "sonata" or "csv", got \'nwb\''),
        (
            {},
            {"input_type": "voltage_clamp"},
            'inputs.x: input_type must be "spikes" or "current_clamp"',
        ),
        ({}, {"node_set": "z"}, "inputs.x: node set must be one of some, a, v"),
        (
            {"gids": [], "timestamps": []},
            {"node_set": "a"},
            "must name virtual nodes, but a has nodes of iaf_psc_exp",
        ),
        ({}, {"input_file": None}, "inputs.x: input_file must be the path of a file"),
    ],
)
def test_what_is_wrong(tmp_path: Path, layout: Any, change: Any, text: str) -> None:
    spike_file(tmp_path / "s.h5", layout)
    with pytest.raises(ValueError, match=f"^read_sonata: .*{text}"):
        inputs(tmp_path, x={**SPIKES, **change})


def test_units(tmp_path: Path) -> None:
    spike_file(tmp_path / "s.h5", {"gids": IDS, "timestamps": TIMES})
    for unit, good in (("ms", True), ("s", False), (3, False)):
        with h5py.File(tmp_path / "s.h5", "r+") as file:
            file["spikes/timestamps"].attrs["units"] = unit
        if good:
            assert len(inputs(tmp_path, x=SPIKES)["v"].times) == 3
            continue
        with pytest.raises(ValueError, match='timestamps: units must be "ms"'):
            inputs(tmp_path, x=SPIKES)


@pytest.mark.parametrize(
    "text", ["", "a b\n1 2\n", "timestamps node_ids\n1.0 x\n", "timestamps node_ids\nx 1\n"]
)
def test_tables_that_are_none(tmp_path: Path, text: str) -> None:
    (tmp_path / "s.csv").write_text(text)
    with pytest.raises(ValueError, match=r"^read_sonata: .*s.csv: "):
        inputs(tmp_path, x={**SPIKES, "module": "csv", "input_file": "$BASE/s.csv"})


def test_clamps(tmp_path: Path) -> None:
    (found,) = inputs(tmp_path, read_clamps, x=CLAMP, off={**CLAMP, "enabled": False})
    assert (found.population, found.amplitude, found.start, found.stop) == ("a", 10.0, 1.0, 4.0)
    assert found.rows.tolist() == [0, 1, 2]
    (every,) = inputs(tmp_path, read_clamps, x={**CLAMP, "node_set": "all"})
    assert (every.population, every.rows.tolist()) == (found.population, [0, 1, 2])


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"amp": "1"}, "amp must be a finite number"),
        ({"amp": None}, "amp must be a finite number"),
        ({"duration": -1.0}, "delay and duration must be >= 0 ms"),
        ({"node_set": "v"}, "node_set must name neurons, but these nodes are virtual"),
        (
            {"input_file": "x.csv"},
            "input_file must not be given: spikelet reads amp, delay and duration",
        ),
    ],
)
def test_clamps_that_are_wrong(tmp_path: Path, change: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^read_sonata: .*inputs.x: {text}"):
        inputs(tmp_path, read_clamps, x={**CLAMP, **change})
