"""Tables of types."""

from __future__ import annotations

from pathlib import Path

import pytest

from spikelet.io.sonata.type_tables import number, read_types


def put(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_rows_by_number(tmp_path: Path) -> None:
    text = 'edge_type_id  syn_weight population "a b"\n100 1.5 p NULL\n7 NULL  p "x y"\n100 2 q 3\n'
    found = read_types(put(tmp_path / "t.csv", text), "edge", "p")
    assert found == {
        100: {"edge_type_id": "100", "syn_weight": "1.5", "population": "p"},
        7: {"edge_type_id": "7", "population": "p", "a b": "x y"},
    }
    assert number("w", found[100], "syn_weight") == 1.5
    assert number("w", found[7], "syn_weight") is None


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", "must be a table"),
        ("a b\n1 2\n", "edge_type_id must be one of the columns"),
        ("edge_type_id\n-1\n", "edge_type_id must be an integer >= 0, got '-1'"),
        ("edge_type_id\n1.5\n", "edge_type_id must be an integer >= 0"),
        ("edge_type_id\n1\n1\n", "edge_type_id must not occur twice, got '1'"),
        ("edge_type_id a\n1 2 3 4\n1\n", r"edge_type_id must|must be a table"),
    ],
)
def test_what_is_no_table(tmp_path: Path, text: str, rule: str) -> None:
    with pytest.raises(ValueError, match=rf"read_sonata: .*t.csv: ({rule})"):
        read_types(put(tmp_path / "t.csv", text), "edge", "p")


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        read_types(tmp_path / "none.csv", "edge", "p")


@pytest.mark.parametrize("text", ["x", "nan", "inf", "1e999"])
def test_numbers(text: str) -> None:
    with pytest.raises(ValueError, match=f"w: delay must be a finite number, got '{text}'"):
        number("w", {"delay": text}, "delay")
