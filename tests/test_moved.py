"""Module paths of 0.1 still import, and warn."""

from __future__ import annotations

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from spikelet._util.moved import MOVED

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize("old", sorted(MOVED))
def test_an_old_path_is_the_new_module_and_warns(old: str) -> None:
    sys.modules.pop(old, None)
    rule = f"{re.escape(old)} .*{re.escape(MOVED[old])}; .* 0.3"
    with pytest.warns(DeprecationWarning, match=rule) as caught:
        module = importlib.import_module(old)
    assert module is importlib.import_module(MOVED[old])
    assert module.__name__ == MOVED[old]
    assert len(caught) == 1


def test_the_warning_names_the_line_that_imports(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text("import sys\nfrom spikelet.recorders import SpikeRecorder\n")
    command = [sys.executable, "-W", "always::DeprecationWarning", script]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stderr
    assert f"{script}:2: DeprecationWarning: spikelet.recorders " in output


def test_importing_spikelet_does_not_warn() -> None:
    command = [sys.executable, "-W", "error", "-c", "import spikelet"]
    subprocess.run(command, check=True)


def test_the_documentation_lists_all_of_them() -> None:
    page = (ROOT / "docs" / "deprecations.md").read_text("utf-8")
    rows = re.findall(r"^\| `(spikelet\.[\w.]+)` \| `(spikelet\.[\w.]+)` \|$", page, re.MULTILINE)
    assert dict(rows) == MOVED
