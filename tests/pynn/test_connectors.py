from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from pyNN import errors
from pyNN.connectors import MapConnector
from pyNN.core import IndexBasedExpression
from pyNN.space import Grid2D

sys.path.insert(0, str(Path(__file__).parent))
import connection_cases


@pytest.fixture(scope="module")
def nest(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Any]:
    """Results of pyNN.nest, from a process of its own."""
    if importlib.util.find_spec("nest") is None:
        pytest.skip("NEST is not installed")
    folder = tmp_path_factory.mktemp("nest")
    command = [sys.executable, connection_cases.__file__, "results.pickle"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=120)
    return dict(pickle.loads((folder / "results.pickle").read_bytes()))


def test_seeds_give_the_connections_of_nest(sim: Any, nest: Mapping[str, Any]) -> None:
    ours = connection_cases.connections(sim)
    assert set(ours) == set(nest["connections"])
    for name, theirs in nest["connections"].items():
        assert ours[name].shape == theirs.shape, name
        np.testing.assert_allclose(ours[name], theirs, rtol=1e-9, err_msg=name)
    assert sum(map(len, ours.values())) > 10_000


def test_plastic_synapses_are_those_of_nest(sim: Any, nest: Mapping[str, Any]) -> None:
    ours, theirs = connection_cases.learning(sim), nest["learning"]
    assert np.array_equal(ours["spikes"].round(6), theirs["spikes"].round(6))
    assert np.abs(ours["gsyn"] - theirs["gsyn"]).max() < 1e-10
    for name in connection_cases.DEPENDENCES:
        np.testing.assert_allclose(ours[name], theirs[name], rtol=1e-10)
        assert np.abs(ours[name] - 0.002).max() > 1e-4  # they learned


def test_a_network_of_a_user_of_pynn_has_the_spikes_of_nest(
    sim: Any, nest: Mapping[str, Any]
) -> None:
    ours, theirs = connection_cases.cuba(sim, threads=1), nest["cuba"]
    assert sorted(ours["pairs"]) == sorted(theirs["pairs"])
    assert sum(map(len, theirs["spikes"])) > 500
    for mine, other in zip(ours["spikes"], theirs["spikes"], strict=True):
        assert np.array_equal(mine, other)


def _pairs(projection: Any) -> list[tuple[int, int]]:
    return [(i, j) for i, j, _ in projection.get("weight", "list")]


def _cells(sim: Any, n: int = 6) -> Any:
    return sim.Population(n, sim.IF_curr_exp(), label=f"{n} cells")


NAMES = ["all", "probability", "pre", "post", "total"]


def _native(sim: Any, name: str, rng: Any, **more: Any) -> Any:
    return {
        "all": lambda: sim.AllToAllConnector(**more),
        "probability": lambda: sim.FixedProbabilityConnector(0.5, rng=rng, **more),
        "pre": lambda: sim.FixedNumberPreConnector(3, rng=rng, **more),
        "post": lambda: sim.FixedNumberPostConnector(3, rng=rng, **more),
        "total": lambda: sim.FixedTotalNumberConnector(20, rng=rng, **more),
    }[name]()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", [None, 5])
def test_spikelet_draws_connections_itself(sim: Any, name: str, seed: int | None) -> None:
    cells = _cells(sim, 9)
    lists = []
    for _ in range(2):
        rng = sim.NativeRNG(seed)
        synapse = sim.StaticSynapse(
            weight=sim.RandomDistribution("uniform", (0.1, 0.2), rng=rng), delay=1.0
        )
        connector = _native(sim, name, rng, allow_self_connections=False)
        projection = sim.Projection(cells, cells, connector, synapse)
        pairs = np.array(_pairs(projection))
        assert (pairs[:, 0] != pairs[:, 1]).all()
        counts = {
            "all": len(pairs) == 72,
            "probability": 10 < len(pairs) < 62,
            "pre": (np.bincount(pairs[:, 1]) == 3).all(),
            "post": (np.bincount(pairs[:, 0]) == 3).all(),
            "total": len(pairs) == 20,
        }
        assert counts[name]
        weights = np.array(projection.get("weight", "list", with_address=False))
        assert weights.min() >= 0.1
        assert weights.max() < 0.2
        lists.append(projection.get("weight", "list"))
    assert (lists[0] == lists[1]) == (seed is not None)


def test_native_rules_take_views_and_assemblies(sim: Any) -> None:
    cells, others = _cells(sim, 10), _cells(sim, 4)
    rng = sim.NativeRNG()
    ends = cells[[7, 2, 5]] + others
    for pre, post in ((cells[[7, 2, 5]], others[1:]), (ends, others), (cells, ends)):
        projection = sim.Projection(
            pre,
            post,
            sim.FixedNumberPreConnector(2, rng=rng),
            sim.StaticSynapse(weight=0.1, delay=0.2),
        )
        pairs = np.array(_pairs(projection))
        assert (np.bincount(pairs[:, 1], minlength=post.size) == 2).all()
        assert pairs[:, 0].max() < pre.size
        assert len(projection) == 2 * post.size


@pytest.mark.parametrize("native", [True, False])
def test_indices_count_within_views_and_assemblies(sim: Any, native: bool) -> None:
    sources = sim.Population(4, sim.SpikeSourceArray(spike_times=[[1.0], [], [], []]))
    first, cells = _cells(sim, 3), _cells(sim, 4)
    ends = cells[[1, 3]] + first[1:]  # the later population first
    if native:
        connector = sim.FixedProbabilityConnector(1.0, rng=sim.NativeRNG())
        sim.Projection(sources[1:], ends, connector, sim.StaticSynapse(weight=0.5, delay=1.0))
        projection = sim.Projection(
            sources[:1], ends, connector, sim.StaticSynapse(weight=0.5, delay=1.0)
        )
        assert projection.get("delay", "list") == [(0, j, 1.0) for j in range(4)]
        projection.set(weight=[0.0, 0.5, 0.0, 0.5])
    else:
        sim.Projection(
            sources,
            ends,
            sim.FromListConnector([(0, 1, 0.5, 1.0), (0, 3, 0.5, 1.0), (1, 2, 0.5, 1.0)]),
        )
    for each in (first, cells):
        each.record("v")
    sim.run(5.0)
    moved = [
        np.ptp(x.get_data().segments[0].analogsignals[0].magnitude, axis=0) > 1e-6
        for x in (first, cells)
    ]
    assert [x.tolist() for x in moved] == [[False, False, True], [False, False, False, True]]


def test_an_array_marks_pairs(sim: Any) -> None:
    marks = np.zeros((3, 4), bool)
    marks[[0, 2, 2], [3, 0, 1]] = True
    projection = sim.Projection(_cells(sim, 3), _cells(sim, 4), sim.ArrayConnector(marks))
    assert _pairs(projection) == [(0, 3), (2, 0), (2, 1)]
    with pytest.raises(
        errors.InvalidDimensionsError, match=r"must have the shape \(3, 4\), got \(4, 3\)"
    ):
        sim.Projection(_cells(sim, 3), _cells(sim, 4), sim.ArrayConnector(marks.T))


def test_a_clone_connects_the_same_pairs(sim: Any) -> None:
    cells, others = _cells(sim), _cells(sim)
    model = sim.Projection(cells, others, sim.FixedProbabilityConnector(0.4))
    clone = sim.Projection(cells, others, sim.CloneConnector(model), sim.StaticSynapse(weight=0.3))
    assert _pairs(clone) == _pairs(model)
    with pytest.raises(errors.ConnectionError, match="must be those of the reference projection"):
        sim.Projection(others, cells, sim.CloneConnector(model))


def test_lists_and_files_give_any_parameter(sim: Any, tmp_path: Path) -> None:
    cells = _cells(sim)
    rows = [(3, 0, 0.2, 0.5, 0.3), (0, 1, 0.1, 0.7, 0.6), (3, 0, 0.4, 0.5, 0.9)]
    connector = sim.FromListConnector(rows, column_names=["weight", "delay", "U"])
    synapse = sim.TsodyksMarkramSynapse(tau_rec=50.0)
    projection = sim.Projection(cells, cells, connector, synapse)
    expected = [rows[1], rows[0], rows[2]]
    assert projection.get(["weight", "delay", "U"], "list") == expected
    file = str(tmp_path / "connections.txt")
    projection.save(["weight", "delay", "U"], file)
    again = sim.Projection(cells, cells, sim.FromFileConnector(file), synapse)
    assert again.get(["weight", "delay", "U"], "list") == expected
    empty = sim.Projection(cells, cells, sim.FromListConnector([]))
    assert (len(empty), empty.get("weight", "list")) == (0, [])
    sim.run(1.0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([(6, 0, 0.1, 1.0)], "source index out of range: must be an integer from 0 to 5, got 6"),
        ([(0, 6, 0.1, 1.0)], "target index out of range"),
        ([(-1, 0, 0.1, 1.0)], "source index out of range"),
        ([(0, 1.5, 0.1, 1.0)], "target index out of range"),
        ([(0, 1, 0.1, 0.05)], "delays must be at least the time step, 0.1 ms, got 0.05 ms"),
        ([(0, 1, np.nan, 1.0)], "weight must be finite"),
    ],
)
def test_bad_lists_are_refused(sim: Any, rows: list[Any], message: str) -> None:
    cells = _cells(sim)
    with pytest.raises(errors.ConnectionError, match=message):
        sim.Projection(cells, cells, sim.FromListConnector(rows))
    assert sim.simulator.state.projections == []


def test_a_list_names_parameters_that_the_synapse_has(sim: Any) -> None:
    cells = _cells(sim)
    connector = sim.FromListConnector([(0, 0, 0.1)], column_names=["U"])
    with pytest.raises(
        ValueError, match="U is not a valid parameter for StaticSynapse, which has weight, delay"
    ):
        sim.Projection(cells, cells, connector)


def test_no_pair_is_connected_both_ways(sim: Any) -> None:
    cells = _cells(sim, 20)
    connector = sim.FixedProbabilityConnector(0.9, allow_self_connections="NoMutual")
    pairs = set(_pairs(sim.Projection(cells, cells, connector)))
    assert len(pairs) > 100
    assert not any((j, i) in pairs for i, j in pairs)
    with pytest.raises(NotImplementedError, match="within one Population"):
        sim.Projection(cells, _cells(sim), connector)


def test_totals_without_replacement_are_different_pairs_of_different_cells(sim: Any) -> None:
    cells = _cells(sim, 8)
    how = {"with_replacement": False, "allow_self_connections": False}
    pairs = _pairs(sim.Projection(cells, cells, sim.FixedTotalNumberConnector(56, **how)))
    assert len(set(pairs)) == 56
    assert all(i != j for i, j in pairs)
    with pytest.raises(errors.ConnectionError, match="n = 57 is more than the 56 possible pairs"):
        sim.Projection(cells, cells, sim.FixedTotalNumberConnector(57, **how))


def test_a_small_world_is_a_ring_with_shortcuts(sim: Any) -> None:
    cells = _cells(sim, 40)
    ring = sim.Projection(
        cells, cells, sim.SmallWorldConnector(2.5, 0.0, allow_self_connections=False)
    )
    assert {abs(i - j) for i, j in _pairs(ring)} == {1, 2}
    connector = sim.SmallWorldConnector(2.5, 0.3, allow_self_connections=False)
    world = sim.Projection(cells, cells, connector)
    far = [abs(i - j) > 2 for i, j in _pairs(world)]
    assert len(world) == len(ring)
    assert 0.15 < np.mean(far) < 0.45
    few = sim.SmallWorldConnector(2.5, 0.0, n_connections=1)
    counts = np.bincount([i for i, _ in _pairs(sim.Projection(cells, cells, few))])
    assert (counts == 1).all()


class _Nearer(IndexBasedExpression):  # type: ignore[misc]
    def __call__(self, i: Any, j: Any) -> Any:
        return np.where(np.abs(i - j) < 2, 1.0, 0.0) * (self.projection.shape[0] > 0)


def test_probabilities_follow_from_indices_and_displacements(sim: Any) -> None:
    cells = _cells(sim)
    near = sim.Projection(cells, cells, sim.IndexBasedProbabilityConnector(_Nearer()))
    assert {i - j for i, j in _pairs(near)} == {-1, 0, 1}
    ahead = sim.DisplacementDependentProbabilityConnector(lambda d: (d[0] > 0) * (d[0] < 3) * 1.0)
    assert {j - i for i, j in _pairs(sim.Projection(cells, cells, ahead))} == {1, 2}


class _Chain(MapConnector):  # type: ignore[misc]
    """A connector of a user, in terms of PyNN's base class."""

    parameter_names = ()

    def connect(self, projection: Any) -> None:
        self._standard_connect(
            projection, lambda mask=None: (np.array([max(0, j - 1)]) for j in range(6))
        )


def test_connectors_of_users_work(sim: Any) -> None:
    cells = _cells(sim)
    projection = sim.Projection(
        cells, cells, _Chain(), sim.StaticSynapse(weight=lambda d: 0.1 + d, delay=0.3)
    )
    assert projection.get("weight", "list") == [
        (0, 0, 0.1),
        (0, 1, 1.1),
        *((i, i + 1, 1.1) for i in range(1, 5)),
    ]


def test_connection_sets_are_those_of_csa(sim: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    csa: Any = ModuleType("csa")  # what PyNN uses of it
    csa.arity = lambda cset: cset["arity"]
    csa.cross = _Cross
    monkeypatch.setitem(sys.modules, "csa", csa)
    cells = _cells(sim)
    plain = _connector(sim, {"arity": 0, "pairs": [(4, 1), (0, 5), (9, 0)]})
    assert _pairs(sim.Projection(cells, cells, plain)) == [(0, 5), (4, 1)]
    valued = _connector(sim, {"arity": 2, "pairs": [(4, 1, 0.2, 0.7), (0, 5, 0.1, 0.3)]})
    projection = sim.Projection(cells, cells, valued)
    assert projection.get(["weight", "delay"], "list") == [(0, 5, 0.1, 0.3), (4, 1, 0.2, 0.7)]


class _Cross:
    def __init__(self, rows: Any, columns: Any) -> None:
        self.rows, self.columns = rows, columns

    def __mul__(self, cset: Any) -> Any:
        return (pair for pair in cset["pairs"] if pair[0] in self.rows and pair[1] in self.columns)


def _connector(sim: Any, cset: Any) -> Any:
    connector = sim.CSAConnector.__new__(
        sim.CSAConnector
    )  # PyNN's own __init__ needs csa when PyNN is imported
    sim.Connector.__init__(connector)
    connector.cset = cset
    return connector


def test_progress_is_told_to_the_callback(sim: Any) -> None:
    seen: list[float] = []
    cells = _cells(sim)
    sim.Projection(cells, cells, sim.FixedProbabilityConnector(0.5, callback=seen.append))
    assert seen == sorted(seen)
    assert seen[-1] == 1.0


def test_parts_of_cells_and_unsafe_generators_are_refused(
    sim: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    cells = _cells(sim)
    with pytest.raises(NotImplementedError, match="location_selector must be None"):
        sim.Projection(cells, cells, sim.AllToAllConnector(location_selector="dendrite"))
    n = sim.RandomDistribution("uniform_int", (1, 3))
    native = sim.FixedNumberPreConnector(n, rng=sim.NativeRNG())
    with pytest.raises(NotImplementedError, match="NativeRNG needs n to be a number"):
        sim.Projection(cells, cells, native)
    monkeypatch.setattr(sim.Projection, "num_processes", 2)
    unsafe = sim.FixedProbabilityConnector(0.5, rng=sim.NumpyRNG(1, parallel_safe=False))
    with pytest.raises(NotImplementedError, match="needs parallel_safe=True with several"):
        sim.Projection(cells, cells, unsafe)


@pytest.mark.parametrize("header", ["columns = [open({!r}, 'w')]", "columns", "columns = ['i'"])
def test_the_header_of_a_file_is_not_run(sim: Any, tmp_path: Path, header: str) -> None:
    cells, made = sim.Population(3, sim.IF_curr_exp()), tmp_path / "made"
    file = tmp_path / "connections.txt"
    file.write_text(f"# {header.format(str(made))}\n0 1 0.1 1.0\n")
    with pytest.raises(ValueError, match="its header must be a list of columns"):
        sim.Projection(cells, cells, sim.FromFileConnector(str(file)))
    assert not made.exists()


def test_columns_of_a_list_are_not_evaluated_from_the_distance(sim: Any) -> None:
    """A `Grid2D` of 3 cells has no positions, so a function of the distance must not be asked."""
    sim.setup(timestep=0.1, min_delay=0.1)
    cells = sim.Population(3, sim.IF_curr_exp(), structure=Grid2D())
    synapse = sim.StaticSynapse(weight="0.1*d", delay="0.2 + d")
    rows = [(0, 1, 0.5, 1.0), (2, 0, 0.25, 2.0)]
    listed = sim.FromListConnector(rows)
    projection = sim.Projection(cells, cells, listed, synapse, receptor_type="excitatory")
    assert sorted(projection.get(["weight", "delay"], "list")) == rows
