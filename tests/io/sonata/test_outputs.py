"""Outputs: what libsonata, an independent reader, sees of our files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.support.sonata_files import TABLE, cell, config, nodes

from spikelet.io.sonata.config import read_config
from spikelet.io.sonata.node_sets import NodeSets
from spikelet.io.sonata.nodes import read_nodes
from spikelet.io.sonata.outputs import Report, read_reports, report_file, spikes_file, write_spikes

TIMES, IDS = np.array([1.0, 2.0, 2.0, 3.5]), np.array([7, 3, 4, 3])


@pytest.mark.parametrize("sorting", ["none", "by_id", "by_time"])
def test_spikes(tmp_path: Path, sorting: str) -> None:
    libsonata = pytest.importorskip("libsonata")
    write_spikes(tmp_path / "s.h5", {"a": (TIMES, IDS), "b": (TIMES[:0], IDS[:0])}, sorting)
    reader = libsonata.SpikeReader(str(tmp_path / "s.h5"))
    assert sorted(reader.get_population_names()) == ["a", "b"]
    found = reader["a"].get()
    expected = (
        sorted(zip(IDS.tolist(), TIMES.tolist(), strict=True))
        if sorting == "by_id"
        else list(zip(IDS.tolist(), TIMES.tolist(), strict=True))
    )
    assert found == expected
    assert reader["a"].sorting == sorting
    assert reader["b"].get() == []


def test_a_report(tmp_path: Path) -> None:
    libsonata = pytest.importorskip("libsonata")
    ids, values = np.array([2, 5, 9]), np.arange(15.0).reshape(5, 3)
    report = Report("r", tmp_path / "r.h5", "V_m", {}, 1.0, 3.5, 0.5)
    with report_file(report, {"a": "mV"}, {"a": ids}) as append:
        append("a", values[:2])
        append("a", values[2:])
        assert not report.path.exists()
    with h5py.File(report.path) as opened:
        assert opened.attrs["magic"] == 0x0A7A
        assert opened["report/a/mapping/index_pointers"][:].tolist() == [0, 1, 2, 3]
    reader = libsonata.SomaReportReader(str(report.path))["a"]  # keeps the file open
    assert reader.times == (1.0, 3.5, 0.5)
    assert (reader.time_units, reader.data_units, reader.sorted) == ("ms", "mV", True)
    found = reader.get()
    assert list(found.ids) == [2, 5, 9]
    np.testing.assert_array_equal(found.data, values)
    np.testing.assert_allclose(found.times, [1.0, 1.5, 2.0, 2.5, 3.0])
    elements = libsonata.ElementReportReader(str(report.path))["a"].get(node_ids=[5])
    np.testing.assert_array_equal(elements.data[:, 0], values[:, 1])


def test_a_report_that_fails_leaves_no_file(tmp_path: Path) -> None:
    report = Report("r", tmp_path / "r.h5", "V_m", {}, 0.0, 1.0, 0.5)
    with pytest.raises(RuntimeError), report_file(report, {}, {}):
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []


def reports(folder: Path, stop: float = 10.0, **given: Any) -> list[Report]:
    cell(folder)
    parts = [
        nodes(folder, "a", [100] * 3, TABLE + "100 point_neuron nest:iaf_psc_exp cell.json e\n"),
        nodes(folder, "v", [100], "node_type_id model_type\n100 virtual\n"),
    ]
    found = read_config(config(folder, parts, reports=given, output={"output_dir": "out"}), None)
    of = read_nodes(found)
    return read_reports(
        found, of, NodeSets({"a1": {"population": "a", "node_id": 1}}, of, "f"), 0.1, stop
    )


def test_what_reports_say(tmp_path: Path) -> None:
    (found,) = reports(
        tmp_path,
        x={"cells": "a1", "variable_name": "v", "dt": 0.5, "start_time": 2.0, "end_time": 99.0},
        y={"enabled": False},
    )
    assert found.path == tmp_path / "out" / "x.h5"
    assert (found.variable, found.start, found.stop, found.every) == ("V_m", 2.0, 10.0, 0.5)
    assert {k: v.tolist() for k, v in found.rows.items()} == {"a": [1]}


@pytest.mark.parametrize("cells", ["all", None, {"population": ["a", "v"]}, ["a", "v"]])
def test_reports_show_neurons_only(tmp_path: Path, cells: Any) -> None:
    named = {} if cells is None else {"cells": cells}
    (found,) = reports(tmp_path, x={"variable_name": "V_m", **named})
    assert {k: v.tolist() for k, v in found.rows.items()} == {"a": [0, 1, 2]}


@pytest.mark.parametrize(
    ("change", "text"),
    [
        (
            {"variable_name": "cai"},
            "variable_name must be a state of iaf_psc_exp in a: V_m, I_syn_ex",
        ),
        ({"variable_name": None}, "variable_name must be the name of a state"),
        ({"cells": "v"}, "variable_name must be a state of virtual in v: none"),
        ({"cells": "z"}, "node set must be one of"),
        ({"module": "extracellular"}, "module must be one of membrane_report, multimeter_report"),
        ({"dt": 0.25}, "dt must be a multiple of 0.1 ms"),
        ({"dt": -1}, "dt must be a finite number > 0"),
        ({"dt": 0.5, "start_time": 0.7}, "start_time must be a multiple of 0.5 ms"),
        ({"start_time": 10.0}, "start_time and end_time must be 0 <= start_time < end_time"),
        ({"file_name": "../x.h5"}, "file must be the name of a file in"),
        ({"file_name": "/tmp/x.h5"}, "file must be the name of a file in"),
    ],
)
def test_reports_that_are_wrong(tmp_path: Path, change: Any, text: str) -> None:
    with pytest.raises(ValueError, match=f"^read_sonata: .*reports.x: {text}"):
        reports(tmp_path, x={"cells": "a", "variable_name": "V_m", **change})


def test_reports_write_to_different_files(tmp_path: Path) -> None:
    one = {"cells": "a", "variable_name": "V_m", "file_name": "x.h5"}
    with pytest.raises(ValueError, match="reports must write to different files"):
        reports(tmp_path, x=one, y=one)


def test_the_file_of_spikes(tmp_path: Path) -> None:
    def of(**output: Any) -> Any:
        path = config(tmp_path, [], **({"output": output} if output else {}))
        return spikes_file(read_config(path, None))

    assert of() is None
    assert of(output_dir="out") == (tmp_path / "out" / "spikes.h5", "by_time")
    assert of(output_dir="out", spikes_file="s.h5", spikes_sort_order="gid") == (
        tmp_path / "out" / "s.h5",
        "by_id",
    )
    for wrong, text in (
        ({"spikes_file": "s.h5"}, "output.output_dir must be given"),
        (
            {"output_dir": "out", "spikes_file": "../s.h5"},
            "output: file must be the name of a file in",
        ),
        ({"output_dir": "out", "spikes_sort_order": "x"}, "spikes_sort_order must be one of"),
    ):
        with pytest.raises(ValueError, match=text):
            of(**wrong)
