"""``spikelet run`` for programs; what it does with a description is tested with the descriptions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spikelet.cli.main import main

pytest.importorskip("pandas")

FUNCTION = """
def half(x, seed):
    if x == 13:
        raise ValueError("unlucky")
    return {"y": x / 2, "seed_seen": seed % 2}
"""


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "halves.py").write_text(FUNCTION)
    path = tmp_path / "sweep.toml"
    path.write_text(
        'function = "halves.py:half"\nseeds = 1\nexecutor = "serial"\nstore = "store"\n[grid]\nx = [1, 2]\n'
    )
    return path


def test_json_has_all_runs(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", str(sweep), "--dry-run", "--json"]) == 0
    planned = json.loads(capsys.readouterr().out)
    assert [run["parameters"] for run in planned["runs"]] == [{"x": 1}, {"x": 2}]
    assert not Path(planned["store"]).exists()
    assert main(["run", str(sweep), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [run["y"] for run in found["runs"]] == [0.5, 1.0]
    assert found["complete"]
    assert Path(found["store"]).is_dir()


def test_a_failed_run_gives_1(sweep: Path, capsys: pytest.CaptureFixture[str]) -> None:
    sweep.write_text(sweep.read_text().replace("[1, 2]", "[1, 13]"))
    assert main(["run", str(sweep), "--json"]) == 1
    found = json.loads(capsys.readouterr().out)
    assert not found["complete"]
    assert [run["status"] for run in found["runs"]] == ["done", "failed"]
