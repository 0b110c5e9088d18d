"""Tables of results: columns, rows, text, JSON and data frames."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from spikelet._util.results import Table

TABLE = Table(
    [
        {"steps": 4, "accuracy": 0.5, "error": math.nan, "unknown": None, "note": ""},
        {"steps": 8, "accuracy": None, "error": 0.25, "unknown": None, "note": "chosen"},
    ],
    {"samples": 10, "ann_accuracy": 0.75, "delay": None, "max_loss": 1.0},
    models=["a", "b"],
)


def test_columns_and_rows() -> None:
    assert TABLE.columns == ["steps", "accuracy", "error", "note"]
    assert (len(TABLE), list(TABLE)) == (2, list(TABLE.rows))
    np.testing.assert_array_equal(TABLE["steps"], [4, 8])
    np.testing.assert_array_equal(TABLE["accuracy"], [0.5, np.nan])
    assert TABLE["note"].tolist() == ["", "chosen"]
    assert TABLE.row(8) is TABLE.rows[1]
    with pytest.raises(KeyError, match="'spikes' is not one of the columns steps, accuracy"):
        TABLE["spikes"]
    with pytest.raises(KeyError, match="5 is not one of the rows 4, 8"):
        TABLE.row(5)


def test_text() -> None:
    lines = str(TABLE).splitlines()
    assert lines[0] == "samples 10, ANN accuracy 75.00%, max loss 1"
    assert lines[1].split() == ["steps", "accuracy", "error"]
    assert lines[3].split() == ["4", "50.00%"]
    assert lines[4].split() == ["8", "25.0%", "<-", "chosen"]
    assert "<td" in TABLE._repr_html_()
    assert str(Table([], {"samples": 3})) == "samples 3"


def test_json_and_frame(tmp_path) -> None:
    written = json.loads(TABLE.to_json(tmp_path / "table.json"))
    assert written == json.loads((tmp_path / "table.json").read_text()) == TABLE.to_dict()
    assert written["rows"][0]["error"] is None
    assert (written["samples"], written["delay"]) == (10, None)
    pytest.importorskip("pandas")
    frame = TABLE.to_frame()
    assert frame["steps"].tolist() == [4, 8]
    assert frame.attrs["ann_accuracy"] == 0.75


def test_tables_are_joined() -> None:
    both = Table.joined({"one": TABLE, "two": TABLE})
    assert both["model"].tolist() == ["one", "one", "two", "two"]
    assert both.models == ["a", "b", "a", "b"]
    assert both.facts == TABLE.facts
    longer = Table.joined([TABLE, TABLE])
    assert longer["steps"].tolist() == [4, 8, 4, 8]
    for wrong in ([], {"a": 3}):
        with pytest.raises(TypeError, match="tables must be tables, or a dict of them"):
            Table.joined(wrong)


def test_the_chosen_model() -> None:
    assert Table(TABLE.rows, models=["a", "b"], chosen=1).model == "b"
    with pytest.raises(ValueError, match=r"no row is, got limits \{'max_loss': 1\.0\}"):
        _ = TABLE.model
