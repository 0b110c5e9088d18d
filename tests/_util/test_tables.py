"""Text tables and numbers of reports."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np
import pytest

from spikelet._util import tables


def test_columns_are_aligned() -> None:
    text = tables.table(["name", "T"], [["conv", "1024"], ["a long name", ""]])
    assert text.splitlines() == [
        "name            T",
        "-----------  ----",
        "conv         1024",
        "a long name",
    ]


def test_rows_of_another_length_are_refused() -> None:
    with pytest.raises(ValueError, match=r"zip\(\)"):
        tables.table(["a", "b"], [["1"]])


@pytest.mark.parametrize(
    ("x", "text"),
    [
        (None, ""), (math.nan, ""), (0.0, "0"), (0.001234, "0.00123"), (12.34, "12.3"),
        (99.96, "100"), (123.4, "123"), (9999.0, "9999"), (10_000, "10k"), (123_456, "123k"),
        (9_999_999, "10000k"), (1.5e7, "15M"), (-2.345e10, "-23.4G"), (4.2e13, "42000G"),
    ],
)  # fmt: skip
def test_value(x: float | None, text: str) -> None:
    assert tables.value(x) == text


def test_shares_and_accuracies() -> None:
    assert [tables.share(x) for x in (None, math.nan, 0.1234, 1.0)] == ["", "", "12.3%", "100.0%"]
    assert [tables.percent(x) for x in (None, 0.88624)] == ["", "88.62%"]


def test_plain_is_what_json_can_represent() -> None:
    report = {
        1: np.float32(0.5), "a": np.arange(3), "b": (np.inf, [math.nan, None]), "c": {"d": np.bool_(True)},
    }  # fmt: skip
    found = tables.plain(report)
    assert found == {"1": 0.5, "a": [0, 1, 2], "b": [None, [None, None]], "c": {"d": True}}
    assert type(found["1"]) is float
    json.dumps(found, allow_nan=False)


def test_to_json_writes_the_file_that_it_returns(tmp_path: Path) -> None:
    path = tmp_path / "report.json"
    text = tables.to_json({"ü": 1.5}, path)
    assert json.loads(text) == json.loads(path.read_text(encoding="utf-8")) == {"ü": 1.5}
    assert tables.to_json({"ü": 1.5}, None) == text
    with pytest.raises(ValueError, match="JSON"):
        tables.to_json({"a": math.nan}, None)
