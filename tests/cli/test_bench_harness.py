"""The frame of all benchmarks."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import dataclass

import pytest

from spikelet.cli import bench_harness as harness


@dataclass(frozen=True)
class Case:
    program: str


def test_a_case_that_fails_is_not_repeated(capsys):
    asked = []

    def once(case, seed):
        asked.append((case.program, seed))
        return {"wall_s": 2.0 * seed} if case.program == "a" else {"missing": "no | b"}

    found = harness.take_turns([Case("a"), Case("b")], (1, 2), once, "{wall_s:.1f} s")
    assert asked == [("a", 1), ("b", 1), ("a", 2)]
    assert "2.0 s" in (said := capsys.readouterr().err)
    assert "missing: no / b" in said
    columns = {"wall s": "wall_s .1f", "all": harness.spread("wall_s"), "more": "nothing .1f"}
    assert harness.table(found, ["program"], columns).splitlines() == [
        "| program | wall s | all | more |",
        "| --- | --- | --- | --- |",
        "| a | 3.0 | 3 (2..4) | - |",
        "| b | missing: no / b |  |  |",
    ]


@pytest.mark.parametrize(("code", "expected"), [
    ("import time; time.sleep(100)", {"failed": "no result in 0.5 s"}),
    ("raise ValueError('why')", {"failed": "ValueError: why"}),
    ("print('{\"missing\": \"x\"}')", {"missing": "x"}),
])  # fmt: skip
def test_runs_without_a_result_say_why(code, expected):
    assert (
        harness.run([sys.executable, "-c", code], limit=0.5 if "sleep" in code else None)
        == expected
    )


def test_an_interpreter_that_does_not_exist_is_missing(tmp_path):
    assert "missing" in harness.run([str(tmp_path / "none"), "x"])


def test_the_file_has_the_origin(tmp_path, capsys):
    parser = harness.parser("What it does.", "nest", runs=2, seed=1)
    args = parser.parse_args(["--json", str(tmp_path / "out.json"), "--runs", "3"])
    origin, record = harness.about(), {"wall_s": 1.0, "versions": {"nest": "3"}, "others_cpu": 0.5}
    harness.show(args, origin, {Case("a"): [record]}, ["the table"])
    out = capsys.readouterr().out
    assert harness.headline(origin) in out
    assert "nest 3\nMACHINE BUSY: other processes used up to 50%" in out
    assert out.endswith("\nthe table\n")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["arguments"] == {"runs": 3, "seed": 1}
    assert written["cases"] == [{"program": "a", "runs": [record]}]
    assert {"spikelet", "date", "command", "machine", "load"} <= set(written)


def test_tables_are_stored_by_name_and_the_command_without_paths_of_the_machine(
    tmp_path, capsys, monkeypatch
):
    path = tmp_path / "out.json"
    monkeypatch.setattr(
        "sys.argv", ["x/speed.py", "--nest-python", str(path), "--json", "out.json"]
    )
    args = harness.parser("").parse_args(["--json", str(path)])
    text = harness.markdown(["network", "s"], [["a", "1"], ["c"]]) + "\n\nnote"
    harness.show(args, harness.about(), [], {"times": text, "said": "no table"})
    written = json.loads(path.read_text())
    assert written["command"] == ["speed.py", "--nest-python", "PATH", "--json", "out.json"]
    assert set(written["tables"]) == {"times"}
    assert written["tables"]["times"] == {
        "columns": ["network", "s"],
        "rows": [["a", "1"], ["c", ""]],
    }


@pytest.mark.parametrize(("given", "says"), [
    (["--runs", "0"], "--runs must be positive, got 0"),
    (["--threads", "2", "-1"], "--threads must be positive, got -1"),
    (["--warm-up", "-2"], "--warm-up must be at least 0, got -2"),
    (["--warm-up", "0", "--seed", "0"], None),
    (["--limit", "1e-3"], None),
])  # fmt: skip
def test_numbers_are_positive(given, says, capsys):
    parser = harness.parser("", runs=2, seed=1, zero=["warm_up"])
    parser.add_argument("--threads", type=int, nargs="+", default=[1])
    parser.add_argument("--warm-up", type=float, default=0.0)
    parser.add_argument("--limit", type=float)
    if says is None:
        assert parser.parse_args(given).warm_up == 0
        return
    with pytest.raises(SystemExit):
        parser.parse_args(given)
    assert says in capsys.readouterr().err


def test_good_records_are_kept(tmp_path):
    path, asked = tmp_path / "new" / "a.json", []

    def once(record):
        return lambda: asked.append(record) or record

    for record in ({"missing": "x"}, {"wall_s": 1}, {"wall_s": 2}):
        found = harness.keep(path, once(record), lambda record: "wall_s" in record)
    assert found == {"wall_s": 1}
    assert len(asked) == 2
    assert harness.keep(None, once({"wall_s": 3}), bool) == {"wall_s": 3}


def test_programs_share_the_first_interpreter_that_is_given() -> None:
    args = argparse.Namespace(a_python=None, b_python="/b", c_python=sys.executable)
    harness.share_interpreter(args, "a", "b", "c")
    assert vars(args) == {"a_python": "/b", "b_python": "/b", "c_python": sys.executable}
    harness.share_interpreter(nothing := argparse.Namespace(a_python=None), "a")
    assert nothing.a_python == sys.executable
