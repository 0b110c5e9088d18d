"""Edges: types, groups, values of single edges, blocks, several kinds of synapses and of neurons."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.support.sonata_files import TABLE, cell, config, edges, nodes

import spikelet as sl
from spikelet.io.sonata import hdf5

STATIC = "edge_type_id model_template syn_weight delay nsyns\n100 static_synapse 2.0 1.5 NULL\n"
ROW = "100 point_neuron nest:iaf_psc_exp cell.json e\n"


@pytest.fixture(autouse=True)
def _cells(tmp_path: Path) -> None:
    cell(tmp_path)


def read(
    folder: Path,
    pre: Any,
    post: Any,
    rows: str = STATIC,
    types: Any = 100,
    *,
    cells: str = ROW,
    kinds: Any = None,
    **more: Any,
) -> Any:
    """Read edges among 10 cells."""
    kinds = [100] * 10 if kinds is None else kinds
    parts = [nodes(folder, "a", kinds, TABLE + cells)]
    found = edges(folder, ("a", "a"), pre, post, rows, types, **more)
    return sl.io.read_sonata(config(folder, parts, [found]), threads=1)


def listed(*projections: sl.Projection) -> list[tuple[int, int, float, float]]:
    """Return sources, targets, weights and delays."""
    found = []
    for p in projections:
        columns = p.pre_ids.tolist(), p.post_ids.tolist(), p.weights.tolist(), p.delays.tolist()
        found += list(zip(*columns, strict=True))
    return found


def test_values_of_types(tmp_path: Path) -> None:
    found = read(tmp_path, [1, 0, 1], [2, 3, 0])
    (p,) = found.projections["a_to_a"]
    assert listed(p) == [(0, 3, 2.0, 1.5), (1, 0, 2.0, 1.5), (1, 2, 2.0, 1.5)]
    assert p.plasticity is None


def test_values_of_edges_and_types(tmp_path: Path) -> None:
    rows = STATIC + "101 static_synapse 3.0 NULL 2\n102 NULL NULL NULL NULL\n"
    own = {"delay": [0.5, 1.0], "nsyns": [4, 5]}
    ids = {"edge_group_id": [0, 1, 1, 0], "edge_group_index": [0, 1, 0, 0]}
    found = read(
        tmp_path,
        [0, 1, 2, 3],
        [5, 5, 5, 5],
        rows,
        [100, 101, 102, 101],
        **ids,
        **{"0": {}, "1": own},
    )
    (p,) = found.projections["a_to_a"]
    assert listed(p) == [(0, 5, 2.0, 1.5), (1, 5, 15.0, 1.0), (2, 5, 4.0, 0.5), (3, 5, 6.0, 1.0)]


@pytest.mark.parametrize("block", [1, 7, 64, 1000])
def test_blocks_do_not_matter(tmp_path: Path, block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hdf5, "BLOCK", block)
    rng = np.random.default_rng(2)
    n = 150
    pre, post, order = rng.integers(0, 10, n), rng.integers(0, 10, n), rng.permutation(n)
    weight, delay = rng.normal(size=n), rng.integers(1, 30, n) * 0.1
    own = {"syn_weight": weight, "delay": delay}
    found = read(tmp_path, pre, post, edge_group_index=order, **{"0": own})
    (p,) = found.projections["a_to_a"]
    expected = sorted(
        zip(
            pre.tolist(),
            post.tolist(),
            range(n),
            weight[order].tolist(),
            delay[order].tolist(),
            strict=True,
        )
    )
    assert [(a, b, w) for a, b, w, _ in listed(p)] == [(a, b, w) for a, b, _, w, _ in expected]
    np.testing.assert_allclose(p.delays, [d for *_, d in expected], rtol=1e-12)


def test_a_file_is_never_in_memory_as_a_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What numpy holds at a time is a few blocks, however many edges there are."""
    monkeypatch.setattr(hdf5, "BLOCK", 1000)
    n = 200_000
    own = {"syn_weight": np.linspace(1.0, 2.0, n), "delay": np.full(n, 1.5)}
    parts = [nodes(tmp_path, "a", [100] * 10, TABLE + ROW)]
    found = edges(tmp_path, ("a", "a"), np.arange(n) % 10, np.arange(n) % 7, STATIC, **{"0": own})
    path = config(tmp_path, parts, [found])
    sl.io.read_sonata(path, threads=1)  # imports
    del own
    tracemalloc.start()
    try:
        found = sl.io.read_sonata(path, threads=1)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    (p,) = found.projections["a_to_a"]  # type: ignore[attr-defined]
    assert len(p) == n
    assert peak < 8 * n  # less than one column


def test_kinds_of_synapses_and_of_neurons_are_projections(tmp_path: Path) -> None:
    cell(tmp_path, "alpha.json", tau_minus=12.0)
    (tmp_path / "stdp.json").write_text(
        '{"lambda": 0.1, "Wmax": 50.0, "mu_plus": 0.0, "mu_minus": 0.0}'
    )
    cells = ROW + "101 point_neuron nest:iaf_psc_alpha alpha.json i\n"
    rows = (
        "edge_type_id model_template syn_weight dynamics_params\n100 static_synapse 1.0 NULL\n"
        "101 stdp_synapse 2.0 stdp.json\n102 static_synapse 3.0 NULL\n"
    )
    pre, post, types = [0, 1, 2, 3, 4], [1, 2, 1, 2, 3], [100, 101, 102, 101, 100]
    found = read(tmp_path, pre, post, rows, types, cells=cells, kinds=[100, 101] * 5)
    ps = found.projections["a_to_a"]
    assert len(found.populations["a"]) == 10
    assert found.node_ids["a"].tolist() == [0, 2, 4, 6, 8, 1, 3, 5, 7, 9]
    assert sorted(
        (p.pre.name[-5:], p.post.name[-5:], p.plasticity is None, len(p)) for p in ps
    ) == [
        ("alpha", "c_exp", False, 2),
        ("c_exp", "alpha", True, 3),
    ]
    (plastic,) = [p for p in ps if p.plasticity is not None]
    assert plastic.plasticity.w_max == 50.0
    assert plastic.plasticity.A_plus == 5.0


def test_what_rules_keep_in_neurons(tmp_path: Path) -> None:
    cell(tmp_path, tau_minus=12.0)
    found = read(tmp_path, [0], [1], "edge_type_id model_template\n100 stdp_synapse\n")
    assert found.projections["a_to_a"][0].plasticity.tau_minus == 12.0
    own = {"dynamics_params": {"tau_minus": np.arange(1.0, 11.0)}}
    parts = [nodes(tmp_path, "a", [100] * 10, TABLE + ROW, groups={"0": own})]
    path = config(
        tmp_path,
        parts,
        [edges(tmp_path, ("a", "a"), [0], [1], "edge_type_id model_template\n100 stdp_synapse\n")],
    )
    with pytest.raises(ValueError, match="tau_minus must be the same in all target neurons"):
        sl.io.read_sonata(path)


def test_inhibitory_conductances_are_negative_in_nest(tmp_path: Path) -> None:
    (tmp_path / "cond.json").write_text("{}")
    cells = "100 point_neuron nest:iaf_cond_exp cond.json e\n"
    rows = "edge_type_id model_template syn_weight Wmax\n100 stdp_synapse -2.0 -9.0\n101 static_synapse -1.0 NULL\n"
    found = read(tmp_path, [0, 1], [1, 2], rows, [100, 101], cells=cells)
    plastic, static = found.projections["a_to_a"]
    assert plastic.weights.tolist() == [2.0]
    assert plastic.receptor == 1
    assert plastic.plasticity.w_max == 9.0
    assert static.weights.tolist() == [-1.0]
    with pytest.raises(
        ValueError, match="Wmax must be > 0 for stdp_synapse at synapses with currents"
    ):
        read(tmp_path, [0, 1], [1, 2], rows, [100, 101])


def test_receptors_by_number(tmp_path: Path) -> None:
    (tmp_path / "multi.json").write_text('{"tau_syn": [2.0, 5.0]}')
    cells = "100 point_neuron nest:iaf_psc_exp_multisynapse multi.json e\n"
    rows = "edge_type_id model_template receptor_type\n100 static_synapse 2\n101 static_synapse 3\n"
    found = read(tmp_path, [0], [1], rows, cells=cells)
    assert found.projections["a_to_a"][0].receptor == 1
    with pytest.raises(ValueError, match="receptor_type must be 1 to 2, for syn_1, syn_2, got 3"):
        read(tmp_path, [0], [1], rows, 101, cells=cells)
    with pytest.raises(ValueError, match="receptor_type must be 0: LIF has no ports, got 2"):
        read(tmp_path, [0], [1], rows)


def test_signs_of_instantaneous_synapses(tmp_path: Path) -> None:
    (tmp_path / "in.json").write_text('{"level_of_detail": "instanteneous", "sign": -1}')
    rows = "edge_type_id syn_weight dynamics_params\n100 2.0 in.json\n"
    found = read(tmp_path, [0, 1], [1, 2], rows, **{"0": {"nsyns": [3, 4]}})
    assert found.projections["a_to_a"][0].weights.tolist() == [-6.0, -8.0]


def test_no_edges(tmp_path: Path) -> None:
    assert read(tmp_path, [], []).projections == {"a_to_a": ()}


STDP = "edge_type_id model_template\n100 stdp_synapse\n"


@pytest.mark.parametrize(
    ("rows", "more", "text"),
    [
        (
            STATIC,
            {"target_node_id": [1, 10]},
            "target_node_id: id must be nodes of 'a', 0 to 9, got 10",
        ),
        (
            STATIC,
            {"source_node_id": [-1, 0]},
            "source_node_id: id must be nodes of 'a', 0 to 9, got -1",
        ),
        (STATIC, {"source_node_id": [0.5, 0]}, "source_node_id: type must be integers"),
        (STATIC, {"target_node_id": [1]}, "target_node_id: length must be 2, got 1"),
        (
            STATIC,
            {"edge_type_id": [100, 7]},
            r"edge_type_id: id must be in the table of types \(100\), got 7",
        ),
        (
            STATIC,
            {"edge_group_id": [0, 3]},
            r"edge_group_id: id must be one of the groups \(0\), got 3",
        ),
        (
            STATIC,
            {"edge_group_index": [0, 2], "0": {"syn_weight": [1.0, 2.0]}},
            "edge_group_index: index must be below 2",
        ),
        (
            STATIC,
            {"edge_group_index": [0, -1], "0": {"syn_weight": [1.0, 2.0]}},
            "edge_group_index: index must be below 2",
        ),
        (STATIC, {"0": {"syn_weight": [1.0, np.nan]}}, "weight must be finite"),
        (STATIC, {"0": {"delay": [1.0, -1.0]}}, "delay must lie between dt"),
        (STATIC, {"0": {"syn_weight": ["x", "y"]}}, "syn_weight: type must be numbers"),
        (
            STATIC,
            {"0": {"dynamics_params": {"tau": [1.0, 1.0]}}},
            "dynamics_params must be in the table of types",
        ),
        (
            STATIC,
            {"0": {"model_template": ["x", "y"]}},
            "model_template must be in the table of types",
        ),
        (
            STDP,
            {"0": {"syn_weight": [1.0, 101.0]}},
            r"weight must lie in \[w_min, w_max\] = \[0, 100\]",
        ),
        (
            "edge_type_id weight_function\n100 gauss\n",
            {},
            "type 100: weight_function must be wmax or NULL",
        ),
        ("edge_type_id delay\n100 x\n", {}, "type 100: delay must be a finite number, got 'x'"),
        ("edge_type_id model_template\n100 static_synapz\n", {}, "did you mean 'static_synapse'"),
    ],
)
def test_what_is_wrong(tmp_path: Path, rows: str, more: Any, text: str) -> None:
    changed = {k: np.asarray(v) if not isinstance(v, dict) else v for k, v in more.items()}
    with pytest.raises(
        ValueError, match=rf"^read_sonata: .*a_to_a_edges.h5: /edges/a_to_a.*{text}"
    ):
        read(tmp_path, [0, 1], [1, 2], rows, **changed)


def test_what_is_missing(tmp_path: Path) -> None:
    parts = [nodes(tmp_path, "a", [100] * 3, TABLE + ROW)]
    entry = edges(tmp_path, ("a", "a"), [0, 1], [1, 2], STATIC)
    path = config(tmp_path, parts, [entry])
    for name, text in (
        ("edge_type_id", "edge_type_id must be a dataset"),
        ("edge_group_id", "must both be present"),
    ):
        saved = (tmp_path / "a_to_a_edges.h5").read_bytes()
        with h5py.File(tmp_path / "a_to_a_edges.h5", "r+") as file:
            del file[f"edges/a_to_a/{name}"]
        with pytest.raises(ValueError, match=text):
            sl.io.read_sonata(path)
        (tmp_path / "a_to_a_edges.h5").write_bytes(saved)
    with h5py.File(tmp_path / "a_to_a_edges.h5", "r+") as file:
        file["edges/a_to_a/source_node_id"].attrs["node_population"] = "z"
    with pytest.raises(
        ValueError,
        match=r"source_node_id: node_population must be a population of nodes \(a\), got 'z'",
    ):
        sl.io.read_sonata(path)


def test_virtual_nodes_receive_nothing(tmp_path: Path) -> None:
    parts = [nodes(tmp_path, "a", [100] * 3, "node_type_id model_type\n100 virtual\n")]
    path = config(tmp_path, parts, [edges(tmp_path, ("a", "a"), [0], [1], STATIC)])
    with (
        pytest.warns(UserWarning, match="no input drives the virtual nodes of 'a'"),
        pytest.raises(ValueError, match="target_node_id must be neurons"),
    ):
        sl.io.read_sonata(path)
