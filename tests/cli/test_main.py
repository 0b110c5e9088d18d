from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

import spikelet as sl
from spikelet.cli.main import commands, main


def test_version_and_info(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"spikelet {sl.__version__}\n"
    assert main(["info"]) == 0
    info = capsys.readouterr().out
    for part in (sl.__version__, sl.simd_level(), *sl.available_simd_levels(), "threads"):
        assert part in info


def test_the_command_line_imports_nothing_heavy():
    heavy = {"matplotlib", "rich", "sklearn", "scipy", "spikelet.cli.demo", "spikelet.cli.bench"}
    code = f"import sys, spikelet.cli.main; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


NAMES = ("info", "demo", "run", "bench", "convert", "report", "new")


def test_all_commands_have_help_with_examples():
    text = CliRunner().invoke(commands, ["--help"]).output
    for name in NAMES:
        assert f"  {name} " in text
        found = CliRunner().invoke(commands, [name, "-h"], prog_name="spikelet")
        assert found.exit_code == 0
        assert f"    spikelet {name}" in found.output  # an example
    assert set(commands.commands) == set(NAMES)


def test_info_as_json(capsys):
    assert main(["info", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["spikelet"] == sl.__version__
    assert found["simd"] == sl.simd_level()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["Usage: spikelet"]),
        (["inof"], ["No such command 'inof'"]),
        (["demo", "--image", "3"], ["No such option", "--images"]),
        (["bench", "cuba"], ["unexpected extra argument", "cuba", "--networks"]),
        (["convert", "model.onnx"], ["Missing option", "--images"]),
        (["new"], ["Missing argument 'NAME'"]),
    ],
)
def test_wrong_usage_is_explained_and_returns_2(arguments, words, capsys):
    assert main(arguments) == 2
    out, err = capsys.readouterr()
    for word in words:
        assert word in err
    assert out == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_shell_completion(shell):
    environment = {**os.environ, "_SPIKELET_COMPLETE": f"{shell}_source"}
    code = "import sys; from spikelet.cli import main; sys.exit(main())"
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True
    )
    assert "spikelet" in done.stdout
    assert "_SPIKELET_COMPLETE" in done.stdout


def test_a_reader_that_stops_reading_is_no_error():
    code = "import sys; from spikelet.cli import main; sys.exit(main())"
    command = f'{sys.executable} -c "{code}" info | head -c 1'
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert done.stdout == "s"
    assert "Traceback" not in done.stderr
