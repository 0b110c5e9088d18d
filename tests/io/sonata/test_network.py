"""Networks from SONATA files: the same spikes as in NEST; runs and the files that they write."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.ranks import launch
from tests.support import sonata_nest
from tests.support.sonata_files import CELL, TABLE, cell, config, edges, nodes, small

import spikelet as sl

REPORT = {"cells": "some", "variable_name": "V_m", "module": "membrane_report", "dt": 0.5}
SETS = {"some": {"population": "cells", "node_id": [1, 4, 19]}}


def read(path: Path, **how: Any) -> Any:
    return sl.io.read_sonata(path, threads=1, **how)


def with_sets(folder: Path, **sections: Any) -> Path:
    (folder / "sets.json").write_text(json.dumps(SETS))
    return small(folder, node_sets_file="sets.json", **sections)


def test_spikes_are_those_of_nest(tmp_path: Path) -> None:
    pytest.importorskip("nest", exc_type=ImportError)
    path = small(tmp_path, run={"tstop": 300.0, "dt": 0.1})
    config_of_nest = json.loads(
        path.read_text()
    )  # NEST knows only $BASE_DIR as a variable for the folder
    config_of_nest["manifest"] = {"$BASE": ".", "$NET": "."}
    nest_path = tmp_path / "nest.json"
    nest_path.write_text(json.dumps(config_of_nest))
    times, ids = sonata_nest.nest_spikes(nest_path, None, "cells")["cells"]
    found = read(path)
    spikes = found.run()["cells"]
    assert len(times) > 200
    np.testing.assert_array_equal(spikes.ids, ids)
    np.testing.assert_allclose(spikes.times, times, rtol=0, atol=1e-9)


def test_what_is_built(tmp_path: Path) -> None:
    found = read(small(tmp_path))
    assert repr(found) == "SonataNetwork(config.json; cells: 20, given: 5)"
    assert [len(p) for p in found.network.populations] == [20, 5]
    assert {k: len(v[0]) for k, v in found.projections.items()} == {
        "cells_to_cells": 200,
        "given_to_cells": 40,
    }
    assert found.populations["cells"].tau_m.max() == 12.0
    assert np.asarray(found.populations["cells"].V_m).tolist() == [-70.0] * 20
    assert found.network.dtype == np.float64
    assert found.tstop == 100.0
    assert found.config["target_simulator"] == "NEST"
    assert list(found.spikes) == ["cells"]
    with pytest.raises(AttributeError, match="populations cannot be set"):
        found.populations = {}


def test_arguments_come_before_the_configuration(tmp_path: Path) -> None:
    path = small(
        tmp_path, run={"tstop": 10.0, "dt": 0.1, "random_seed": 5}, conditions={"v_init": -63.0}
    )
    net = read(path).network
    assert (net.dt, net.seed) == (0.1, 5)
    found = read(path, dt=0.05, seed=3, dtype="float32", v_init=True)
    assert (found.network.dt, found.network.seed, found.network.dtype) == (0.05, 3, np.float32)
    assert np.asarray(found.populations["cells"].V_m).tolist() == [-63.0] * 20


def test_a_run_writes_the_files(tmp_path: Path) -> None:
    found = read(
        with_sets(
            tmp_path,
            reports={"v": REPORT, "late": {**REPORT, "start_time": 40.0, "end_time": 41.0}},
        )
    )
    trace = found.network.record(found.populations["cells"][[1, 4, 19]], "V_m", every=0.5)
    spikes = found.run()["cells"]
    assert found.network.t == 100.0
    with h5py.File(tmp_path / "output" / "out.h5") as file:
        group = file["spikes/cells"]
        assert len(group["timestamps"]) > 30
        np.testing.assert_array_equal(group["timestamps"][:], spikes.times)
        np.testing.assert_array_equal(group["node_ids"][:], spikes.ids)
    with h5py.File(found.reports["v"]) as file:
        data = file["report/cells/data"]
        assert data.shape == (200, 3)
        assert data[0].tolist() == [-70.0] * 3
        np.testing.assert_array_equal(data[1:], trace.values[:199].astype(np.float32))
        assert file["report/cells/mapping/node_ids"][:].tolist() == [1, 4, 19]
        assert file["report/cells/mapping/time"][:].tolist() == [0.0, 100.0, 0.5]
    with h5py.File(found.reports["late"]) as file:
        np.testing.assert_array_equal(
            file["report/cells/data"][:], trace.values[79:81].astype(np.float32)
        )


@pytest.mark.parametrize("block", [7, 100, None])
def test_a_second_run_gives_the_same_files(tmp_path: Path, block: int | None) -> None:
    run = {"tstop": 100.0, "dt": 0.1, **({} if block is None else {"nsteps_block": block})}
    found = read(with_sets(tmp_path, run=run, reports={"v": REPORT}))
    files = [tmp_path / "output" / "out.h5", tmp_path / "output" / "v.h5"]

    def contents() -> list[Any]:
        return [_datasets(path) for path in files]

    seen: list[float] = []
    found.run(progress=seen.append)
    first = contents()
    assert first[0]
    found.populations["cells"].V_m[:] = -60.0
    found.run()
    assert contents() == first
    assert seen == sorted(seen)
    assert seen[-1] == pytest.approx(100.0)


def test_files_are_not_overwritten_if_the_configuration_says_so(tmp_path: Path) -> None:
    output = {"output_dir": "$BASE/output", "overwrite_output_dir": False}
    found = read(small(tmp_path, output=output))
    found.run()
    with pytest.raises(FileExistsError, match="overwrite_output_dir is false"):
        found.run()


def test_a_circuit_alone(tmp_path: Path) -> None:
    path = small(tmp_path, run={}, output={})
    with pytest.raises(ValueError, match=r"config.json: run: dt must be present"):
        read(path)
    found = read(path, dt=0.1)
    with pytest.raises(ValueError, match=r"config.json: run: tstop must be present"):
        found.run()
    found.network.run(10.0)
    assert found.spikes_file is None


def test_current_clamps(tmp_path: Path) -> None:
    clamp = {
        "input_type": "current_clamp",
        "module": "IClamp",
        "node_set": {"node_id": 3, "population": "a"},
        "amp": 100.0,
        "delay": 2.0,
        "duration": 3.0,
    }
    cell(tmp_path)
    parts = [
        nodes(tmp_path, "a", [100] * 5, TABLE + "100 point_neuron nest:iaf_psc_exp cell.json e\n")
    ]
    found = read(config(tmp_path, parts, inputs={"x": clamp}))
    v = found.network.record(found.populations["a"], "V_m")
    found.run()
    net = sl.Network(dtype="float64")
    cells = net.population(5, sl.LIF(**CELL))
    net.inject(cells[3:4], sl.StepCurrent([2.0, 5.0], [100.0, 0.0]))
    w = net.record(cells, "V_m")
    net.run(100.0)
    np.testing.assert_array_equal(v.values, w.values)


def test_ids_and_models_that_are_mixed(tmp_path: Path) -> None:
    """The network does not depend on how nodes are numbered."""
    rng = np.random.default_rng(4)
    cell(tmp_path)
    cell(tmp_path, "alpha.json", I_e=340.0)
    rows = (
        TABLE
        + "100 point_neuron nest:iaf_psc_exp cell.json e\n101 point_neuron nest:iaf_psc_alpha alpha.json i\n"
    )
    types, pre, post = (
        rng.permutation([100, 101] * 5),
        rng.integers(0, 10, 40),
        rng.integers(0, 10, 40),
    )
    ids = rng.permutation(np.arange(100, 110))
    table = "edge_type_id model_template syn_weight\n100 static_synapse 40.0\n"
    trains = []
    for k, (own, first, last) in enumerate(((None, pre, post), (ids, ids[pre], ids[post]))):
        folder = tmp_path / str(k)
        folder.mkdir()
        (folder / "cell.json").write_text((tmp_path / "cell.json").read_text())
        (folder / "alpha.json").write_text((tmp_path / "alpha.json").read_text())
        more = {} if own is None else {"node_id": own}
        parts = [nodes(folder, "a", types, rows, **more)]
        path = config(
            folder,
            parts,
            [edges(folder, ("a", "a"), first, last, table)],
            output={"output_dir": "out", "spikes_sort_order": "id"},
        )
        read(path).run()
        with h5py.File(folder / "out" / "spikes.h5") as file:
            times, who = file["spikes/a/timestamps"][:], file["spikes/a/node_ids"][:].astype(int)
        rank = who if own is None else np.argsort(own)[np.searchsorted(np.sort(own), who)]
        trains.append([sorted(times[rank == j].tolist()) for j in range(10)])
    assert sum(map(len, trains[0])) > 20
    assert trains[0] == trains[1]


def test_what_is_silently_absent_in_the_files_is_said(tmp_path: Path) -> None:
    path = small(tmp_path, inputs={}, node_sets_file="none.json", reports={"v": REPORT})
    with (
        pytest.warns(UserWarning, match="there is no node_sets_file"),
        pytest.warns(
            UserWarning, match="the report 'v' is left out: its node set 'some' is not defined"
        ),
        pytest.warns(
            UserWarning, match="no input drives the virtual nodes of 'given'; they are silent"
        ),
    ):
        found = read(path)
    assert found.reports == {}


@pytest.mark.parametrize(
    ("run", "text"),
    [
        ({"tstart": 5.0}, "tstart must be 0"),
        ({"random_seed": "x"}, "random_seed must be an integer"),
        ({"dt": 0.0}, "dt must be a finite number > 0"),
        ({"dt": "0.1"}, "dt must be a finite number > 0"),
        ({"tstop": None}, "tstop must be a finite number"),
        ({"tstop": 10.05}, "tstop must be a multiple of dt = 0.1 ms"),
    ],
)
def test_runs_that_are_wrong(tmp_path: Path, run: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^read_sonata: .*config.json: run: {text}"):
        read(small(tmp_path, run={"tstop": 10.0, "dt": 0.1, **run}))


def test_ranks_keep_their_own_synapses_and_write_the_same_files(tmp_path: Path) -> None:
    files = []
    for ranks in (0, 2):
        folder = tmp_path / str(ranks)
        folder.mkdir()
        cell(folder)
        n, rng = 150, np.random.default_rng(2)
        parts = [
            nodes(
                folder,
                "cells",
                [100] * n,
                TABLE + "100 point_neuron nest:iaf_psc_exp cell.json e\n",
            )
        ]
        inner = edges(
            folder, ("cells", "cells"), rng.integers(0, n, 2000), rng.integers(0, n, 2000),
            "edge_type_id model_template\n100 static_synapse\n", **{"0": {"syn_weight": rng.normal(20.0, 30.0, 2000)}},
        )  # fmt: skip
        path = config(
            folder, parts, [inner], run={"tstop": 60.0, "dt": 0.1}, output={"output_dir": "out"},
            reports={"v": {**REPORT, "cells": "all"}},
        )  # fmt: skip
        if ranks:
            launch.run(ranks, "small.py", "sonata", str(path))
            own = [int((folder / f"synapses{rank}").read_text()) for rank in range(ranks)]
            assert sum(own) == 2000
            assert max(own) < 2000
        else:
            read(path).run()
        files.append([_datasets(folder / "out" / name) for name in ("spikes.h5", "v.h5")])
    assert len(files[0][0]["spikes/cells/timestamps"]) > 100
    assert files[0] == files[1]


def _datasets(path: Path) -> dict[str, Any]:
    found: dict[str, Any] = {}
    with h5py.File(path) as file:
        file.visititems(
            lambda name, x: (
                found.update({name: x[...].tolist()}) if isinstance(x, h5py.Dataset) else None
            )
        )
    return found
