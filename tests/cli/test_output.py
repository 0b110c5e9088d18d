"""What the commands print."""

from __future__ import annotations

import json
import sys

import numpy as np
import pytest

from spikelet.cli import output


def test_json_has_null_for_what_is_no_number(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"a": float("nan"), "b": np.float32(0.5), "c": np.arange(2)})
    assert json.loads(capsys.readouterr().out) == {"a": None, "b": 0.5, "c": [0, 1]}


@pytest.mark.parametrize("as_json", [False, True])
def test_json_replaces_text(as_json: bool, capsys: pytest.CaptureFixture[str]) -> None:
    with output.instead_of_text(as_json) as answer:
        print("text")
        print("progress", file=sys.stderr)
        answer["x"] = 1
    out, err = capsys.readouterr()
    assert err == "progress\n"
    assert (json.loads(out) == {"x": 1}) if as_json else (out == "text\n")


def test_an_error_prints_no_json(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(ValueError, match="wrong"), output.instead_of_text(True):
        raise ValueError("wrong")
    assert capsys.readouterr().out == ""


def test_progress_is_for_terminals(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("rich")
    assert not output.shows_progress()
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    assert output.shows_progress()
