"""What several files of the project repeat is the same everywhere."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import spikelet as sl

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def test_the_version_is_the_same_everywhere() -> None:
    version = PROJECT["project"]["version"]
    assert sl.__version__ == version
    citation = re.search(
        r"^version: (.+)$", (ROOT / "CITATION.cff").read_text("utf-8"), re.MULTILINE
    )
    assert citation[1] == version
    newest = re.search(r"^## (\d\S+)", (ROOT / "CHANGELOG.md").read_text("utf-8"), re.MULTILINE)
    assert newest[1] == version


def test_all_pythons_are_tested_and_get_wheels() -> None:
    classifier = re.compile(r"Programming Language :: Python :: (3\.\d+)")
    classifiers = PROJECT["project"]["classifiers"]
    pythons = [match[1] for c in classifiers if (match := classifier.fullmatch(c))]
    assert pythons[0] == PROJECT["project"]["requires-python"].removeprefix(">=")
    sessions = re.search(
        r"^PYTHONS = \[(.+)\]$", (ROOT / "noxfile.py").read_text("utf-8"), re.MULTILINE
    )
    assert re.findall(r"[\d.]+", sessions[1]) == pythons
    wheels = PROJECT["tool"]["cibuildwheel"]["build"]
    assert wheels == [f"cp{python.replace('.', '')}-*" for python in pythons]
    workflow = (ROOT / ".github" / "workflows" / "ci.yml").read_text("utf-8")
    assert set(re.findall(r'os: \S+, cxx: \S+, python: "([\d.]+)"', workflow)) == set(pythons)
