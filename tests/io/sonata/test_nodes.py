"""Nodes: types, groups, attributes of single nodes, models."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.support.sonata_files import TABLE, cell, config, nodes

import spikelet as sl
from spikelet.io.sonata.config import read_config
from spikelet.io.sonata.nodes import Nodes, read_nodes

ROW = "100 point_neuron nest:iaf_psc_exp cell.json e\n"


def read(folder: Path, *entries: Any) -> dict[str, Nodes]:
    return read_nodes(read_config(config(folder, list(entries)), None))


def one(folder: Path, types: Any, rows: str, **more: Any) -> Nodes:
    return read(folder, nodes(folder, "a", types, TABLE + rows, **more))["a"]


@pytest.fixture(autouse=True)
def _cells(tmp_path: Path) -> None:
    cell(tmp_path)
    cell(tmp_path, "b.json", tau_m=20.0, V_m=-60.0, tau_minus=15.0)


def test_types_of_one_model_are_one_part(tmp_path: Path) -> None:
    found = one(tmp_path, [100, 101, 100], ROW + "101 point_process iaf_psc_exp cell.json i\n")
    (part,) = found.parts
    assert part.model.tau_m == 10.0
    assert part.states == {"V_m": -70.0}
    assert found.place() == (None, None)
    assert found.node_ids.tolist() == [0, 1, 2]


def test_parameters_by_type_and_by_node(tmp_path: Path) -> None:
    own = {"dynamics_params": {"tau_m": [1.0, 2.0, 3.0, 4.0]}, "model_type": ["point_neuron"] * 4}
    groups = {"0": own, "node_group_index": np.array([3, 1, 2, 0])}
    found = one(
        tmp_path, [100, 101, 101, 100], ROW + "101 x nest:iaf_psc_exp b.json i\n", groups=groups
    )
    first, second = found.parts
    np.testing.assert_array_equal(first.model.tau_m, [4.0, 1.0])
    np.testing.assert_array_equal(second.model.tau_m, [2.0, 3.0])
    assert second.states == {"V_m": -60.0}
    assert second.plastic == {"tau_minus": 15.0}
    part, local = found.place()
    assert part is not None
    assert local is not None
    assert part.tolist() == [0, 1, 1, 0]
    assert local.tolist() == [0, 0, 1, 1]


def test_models_of_single_nodes_and_libraries(tmp_path: Path) -> None:
    names = ["nest:iaf_psc_exp", "nest:iaf_psc_alpha"]
    own = {"model_template": np.array([1, 0, 1]), "@library": {"model_template": names}}
    found = one(tmp_path, [100, 100, 100], ROW, groups={"0": own})
    assert [(p.template, p.rows.tolist()) for p in found.parts] == [
        ("iaf_psc_alpha", [0, 2]),
        ("iaf_psc_exp", [1]),
    ]


@pytest.mark.parametrize("virtual", [99, 101])
def test_neurons_come_before_sources(tmp_path: Path, virtual: int) -> None:
    rows = f"{virtual} virtual NULL NULL x\n{ROW}"
    found = one(tmp_path, [virtual, 100, virtual], rows)
    assert [(p.template, p.rows.tolist()) for p in found.parts] == [
        ("iaf_psc_exp", [1]),
        ("virtual", [0, 2]),
    ]


def test_ids_that_do_not_count_from_0(tmp_path: Path) -> None:
    found = one(tmp_path, [100] * 3, ROW, node_id=np.array([7, 3, 9]))
    assert found.rows_of("w", "id", np.array([3, 9, 7, 3])).tolist() == [1, 2, 0, 1]
    with pytest.raises(ValueError, match="w: id must be the node_id of a node of 'a', got 4"):
        found.rows_of("w", "id", np.array([3, 4]))
    plain = one(tmp_path, [100] * 3, ROW)
    for bad in (-1, 3):
        with pytest.raises(ValueError, match=f"w: id must be nodes of 'a', 0 to 2, got {bad}"):
            plain.rows_of("w", "id", np.array([bad]))


def test_attributes_choose_nodes(tmp_path: Path) -> None:
    groups = {"0": {"layer": [4, 5, 5], "place": ["x", "y", "x"]}}
    found = one(tmp_path, [100, 101, 100], ROW + "101 virtual NULL NULL i\n", groups=groups)

    def chosen(key: str, *allowed: Any) -> list[int]:
        return np.flatnonzero(found.matches("w", key, list(allowed))).tolist()

    assert chosen("ei", "e") == [0, 2]
    assert chosen("ei", "e", "i") == [0, 1, 2]
    assert chosen("model_type", "virtual") == [1]
    assert chosen("layer", 5) == [1, 2]
    assert chosen("layer", "5") == [1, 2]
    assert chosen("place", "x") == [0, 2]
    assert chosen("node_id", 0, 1, 10**30) == [0, 1]
    assert chosen("node_type_id", 101) == [1]
    assert chosen("population", "a") == [0, 1, 2]
    assert chosen("nothing", 1) == []
    with pytest.raises(ValueError, match="w: node_id must be integers"):
        chosen("node_id", "x")


def test_sources_that_are_no_spikes(tmp_path: Path) -> None:
    (tmp_path / "rate.json").write_text('{"rate": 12.5}')
    found = one(tmp_path, [100], "100 point_process nest:poisson_generator rate.json x\n")
    assert isinstance(found.parts[0].model, sl.PoissonSource)
    assert found.parts[0].model.rate == 12.5
    (tmp_path / "int.json").write_text('{"tau": 0.02, "refrac": 0.003, "type": "NEURON_IntFire1"}')
    found = one(tmp_path, [100], "100 point_process nrn:IntFire1 int.json x\n")
    model = found.parts[0].model
    assert (model.tau_m, model.t_ref, model.V_th, model.E_L) == (20.0, 3.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("types", "rows", "more", "text"),
    [
        ([100, 7], ROW, {}, r": node_type_id must be in the table of types \(100\), got 7"),
        (
            [100],
            "100 biophysical x cell.json e\n",
            {},
            "type 100: model_type must be one of point_neuron",
        ),
        (
            [100],
            "100 point_neuron nrn:Exp cell.json e\n",
            {},
            "model_template must be a model of NEST",
        ),
        (
            [100],
            "100 point_neuron nest:iaf_psc_exq cell.json e\n",
            {},
            "did you mean 'iaf_psc_exp'",
        ),
        (
            [100],
            "100 point_neuron nest:iaf_psc_exp ../cell.json e\n",
            {},
            "must be the name of a file in",
        ),
        ([-1], ROW, {"node_type_id": np.array([-1])}, "node_type_id: value must be >= 0"),
        ([100], ROW, {"node_type_id": np.array([1.5])}, "node_type_id: type must be integers"),
        ([100] * 2, ROW, {"node_id": np.array([1, 1])}, "node_id must be different for each node"),
        ([100] * 2, ROW, {"node_id": np.array([1])}, "node_id: length must be 2, got 1"),
        ([100], ROW, {"groups": {"1": {}}}, "node_group_id must be one of the groups 1, got 0"),
        (
            [100],
            ROW,
            {"0": {}, "1": {}},
            "node_group_id must be present, as there are several groups",
        ),
        (
            [100],
            ROW,
            {"node_group_id": np.zeros(1, int)},
            "node_group_id and node_group_index must both be present",
        ),
        (
            [100] * 2,
            ROW,
            {"groups": {"0": {"dynamics_params": {"tau_m": [1.0]}}}},
            "dynamics_params/tau_m: index must be below 1, its length, got 1",
        ),
        (
            [100],
            ROW,
            {"groups": {"0": {"dynamics_params": {"tau_m": ["x"]}}}},
            "tau_m: type must be numbers",
        ),
        (
            [100],
            ROW,
            {"groups": {"0": {"dynamics_params": {"tau_m": [np.nan]}}}},
            "tau_m must be finite",
        ),
        (
            [100],
            ROW,
            {"groups": {"0": {"dynamics_params": {"tau": [1.0]}}}},
            "iaf_psc_exp: parameter is not a parameter or a state of it; did you mean 'tau_m'",
        ),
    ],
)
def test_what_is_wrong(tmp_path: Path, types: Any, rows: str, more: Any, text: str) -> None:
    entry = nodes(
        tmp_path,
        "a",
        np.abs(types),
        TABLE + rows,
        **{k: v for k, v in more.items() if k != "node_type_id"},
    )
    if "node_type_id" in more:
        with h5py.File(tmp_path / "a_nodes.h5", "r+") as file:
            del file["nodes/a/node_type_id"]
            file["nodes/a/node_type_id"] = more["node_type_id"]
    with pytest.raises(ValueError, match=rf"^read_sonata: .*a_nodes.h5: /nodes/a.*{text}"):
        read(tmp_path, entry)


def test_parameters_that_are_no_numbers(tmp_path: Path) -> None:
    for value, text in (
        (None, "must be a number"),
        ("1", "must be a number"),
        ([1.0], "must be"),
        (True, None),
    ):
        cell(tmp_path, tau_m=value)
        entry = nodes(tmp_path, "a", [100], TABLE + ROW)
        if text is None:
            assert read(tmp_path, entry)["a"].parts[0].model.tau_m == 1.0
            continue
        with pytest.raises(ValueError, match=f"tau_m {text}"):
            read(tmp_path, entry)


def test_populations_are_named_once(tmp_path: Path) -> None:
    entry = nodes(tmp_path, "a", [100], TABLE + ROW)
    with pytest.raises(ValueError, match=r"name must not be in .*a_nodes.h5, too, got 'a'"):
        read(tmp_path, entry, entry)
    with pytest.raises(ValueError, match=r"networks.nodes\[0\]: nodes_file must be the path"):
        read(tmp_path, {})
    with pytest.raises(FileNotFoundError):
        read(tmp_path, {"nodes_file": "none.h5"})
