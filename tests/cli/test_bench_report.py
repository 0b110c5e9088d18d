"""The output of ``spikelet bench``."""

from __future__ import annotations

import json

import pytest

from spikelet.cli import bench_report


@pytest.mark.parametrize(("key", "factor"), [("rate_hz", 1.3), ("synapses", 1.01)])
def test_differing_results_are_reported_without_a_speed(short, key, factor, tmp_path, capsys):
    path, run = short
    assert run() == 0
    right = capsys.readouterr().out
    reference = json.loads(path.read_text())
    for row in reference["quick"]:
        row[key] *= factor
    path.write_text(json.dumps(reference))
    assert run("--json", str(tmp_path / "out.json")) == 1
    wrong = capsys.readouterr().out
    assert "Results of cuba differ" in wrong
    line, good = (
        next(line for line in text.splitlines() if "CUBA" in line) for text in (wrong, right)
    )
    assert "differ" in line
    assert "0." in good
    assert "0." not in line
    assert set(json.loads((tmp_path / "out.json").read_text())["differ"]) == {"cuba"}


def test_the_table_is_plain_text(short, capsys):
    _, run = short
    assert run() == 0
    text = capsys.readouterr().out
    head, line = (next(t for t in text.splitlines() if t.startswith(s)) for s in ("netw", "CUBA"))
    assert text.isascii()
    assert head.split()[-1] == "ratio"
    assert len(line.split()) == len(bench_report._COLUMNS) + 1  # the name has two words
