from __future__ import annotations

import subprocess
import sys

import pytest

import spikelet as sl
from spikelet.cli.main import main


def test_version_and_info(capsys):
    with pytest.raises(SystemExit) as stop:
        main(["--version"])
    assert stop.value.code == 0
    assert capsys.readouterr().out == f"spikelet {sl.__version__}\n"
    assert main(["info"]) == 0
    info = capsys.readouterr().out
    for part in (sl.__version__, sl.simd_level(), *sl.available_simd_levels(), "threads"):
        assert part in info


def test_the_command_line_imports_nothing_heavy():
    heavy = {"matplotlib", "rich", "sklearn", "scipy", "spikelet.cli.demo", "spikelet.cli.bench"}
    code = f"import sys, spikelet.cli.main; sys.exit(bool({heavy} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
