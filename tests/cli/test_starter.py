"""``spikelet new``: the project runs, and its tests pass, as it is written."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import spikelet as sl
from spikelet.cli.main import main


def test_the_project_runs_and_its_tests_pass(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "my-network"]) == 0
    assert "cd my-network && python my_network.py && python -m pytest" in capsys.readouterr().out
    project = tmp_path / "my-network"
    names = {"my_network.py", "test_my_network.py", "README.md", "pyproject.toml"}
    assert {path.name for path in project.iterdir()} == names
    about = tomllib.loads((project / "pyproject.toml").read_text())["project"]
    assert about["name"] == "my-network"
    assert f"spikelet>={sl.__version__}" in about["dependencies"]
    environment = {
        **os.environ,
        "MPLBACKEND": "Agg",
        "PYTHONPATH": str(Path(sl.__file__).parents[1]),
    }
    for command in (["my_network.py"], ["-m", "pytest", "-q", "-p", "no:cacheprovider"]):
        done = subprocess.run(
            [sys.executable, *command],
            cwd=project,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
    assert "3 passed" in done.stdout
    assert sl.Network.load(project / "my_network.npz").t == 1000.0


@pytest.mark.parametrize(
    ("name", "message"),
    [("class", "NAME must be a name of a Python module"), ("3d", "got '3d'"), ("spikelet", "got 'spikelet'"),
     ("numpy", "must not be the name of a module that exists"), ("random", "got 'random'"),
     ("a/b", "does not exist"), (".", "got 'no module 1'"), ("full", "full exists and is not empty")],
)  # fmt: skip
def test_what_cannot_be_made_is_refused(
    name: str,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = tmp_path / "no module 1"
    here.mkdir()
    monkeypatch.chdir(here)
    (here / "full").mkdir()
    (here / "full" / "mine.txt").write_text("mine")
    assert main(["new", name]) == 2
    assert message in capsys.readouterr().err
    assert [p.name for p in here.iterdir()] == ["full"]
    assert [p.name for p in (here / "full").iterdir()] == ["mine.txt"]
