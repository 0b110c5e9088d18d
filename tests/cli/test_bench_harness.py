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
    harness.show(args, origin, [record], ["the table"], cases=[record])
    out = capsys.readouterr().out
    assert harness.headline(origin) in out
    assert "nest 3\nMACHINE BUSY: other processes used up to 50%" in out
    assert out.endswith("\nthe table\n")
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["arguments"] == {"runs": 3, "seed": 1}
    assert written["cases"] == [record]
    assert {"spikelet", "date", "command", "machine", "load"} <= set(written)


def test_the_table_goes_between_the_comments(tmp_path):
    page = tmp_path / "page.md"
    begin, end = harness.place_of("a table")
    page.write_text(f"before\n{begin}\nold\n{end}\nafter\n")
    for text in ("new", "newer"):
        harness.put(page, "a table", text)
        assert page.read_text() == f"before\n{begin}\n{text}\n{end}\nafter\n"
    assert harness.has_place(page, "a table")
    assert not harness.has_place(page, "another")
    page.write_text(f"{end}\n{begin}\n")
    assert not harness.has_place(page, "a table")


def test_programs_share_the_first_interpreter_that_is_given() -> None:
    args = argparse.Namespace(a_python=None, b_python="/b", c_python=sys.executable)
    harness.share_interpreter(args, "a", "b", "c")
    assert vars(args) == {"a_python": "/b", "b_python": "/b", "c_python": sys.executable}
    harness.share_interpreter(nothing := argparse.Namespace(a_python=None), "a")
    assert nothing.a_python == sys.executable
