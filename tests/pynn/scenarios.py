"""PyNN's own system scenarios on spikelet: what its authors ask of every simulator.

    python -m tests.pynn.scenarios [ARGUMENTS OF PYTEST]

downloads the sources of PyNN from the package index, puts `spikelet.pynn` in the place of the simulators, runs
``test/system/scenarios`` under pytest and compares the outcome with `EXPECTED`.
"""

from __future__ import annotations

import contextlib
import hashlib
import subprocess
import sys
import tarfile
import tempfile
from importlib.metadata import version
from pathlib import Path

import pytest

SOURCES = {  # sha256 of the source distributions, by version, ascending
    "0.13.0": "da2821e45055a88de6cf34896067eaaebcabbfdfb7883dd147353e7b78617815",
}
EXPECTED = {  # what does not pass, and why
    "test_scenario5.py::test_scenario5": "neurons are points: there is no MultiCompartmentNeuron",
}
FIXTURES = """
import pytest
import spikelet.pynn

def run_with_simulators(*names):
    return pytest.mark.parametrize("sim", [pytest.param(spikelet.pynn, id="spikelet")])
"""


class Outcomes:
    """A plugin of pytest that notes what became of each test."""

    def __init__(self) -> None:
        self.of: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        name = report.nodeid.rpartition("/")[2].partition("[")[0]
        if report.when == "call" or report.outcome != "passed":
            self.of[name] = report.outcome

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        if report.failed:
            self.of[report.nodeid] = "failed"


def sources(folder: Path) -> Path:
    """Download PyNN's sources of the installed version, or else of the newest known one; return the scenarios."""
    wanted = version("pynn")
    if wanted not in SOURCES:
        newest = list(SOURCES)[-1]
        print(f"the scenarios of PyNN {newest}: the hash of {wanted} is not known")
        wanted = newest
    command = ["download", "--quiet", "--no-deps", "--no-binary", "pynn", f"pynn=={wanted}"]
    subprocess.run([sys.executable, "-m", "pip", *command, "--dest", folder], check=True)
    (archive,) = folder.glob("*.tar.gz")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != SOURCES[wanted]:
        sys.exit(f"{archive.name}: sha256 must be {SOURCES[wanted]}, got {found}")
    with tarfile.open(archive) as tar:
        tar.extractall(folder, filter="data")
    return folder / archive.name.removesuffix(".tar.gz") / "test" / "system" / "scenarios"


def run(scenarios: Path, *arguments: str) -> dict[str, str]:
    """Run the scenarios in their folder, and return the outcome of each."""
    (scenarios / "fixtures.py").write_text(FIXTURES)
    (scenarios / "pytest.ini").write_text("[pytest]\n")
    outcomes = Outcomes()
    quiet = ["-q", "-p", "no:cacheprovider", "-p", "no:xdist", "--disable-warnings"]
    with contextlib.chdir(scenarios):
        pytest.main([*quiet, *arguments, "-c", "pytest.ini"], plugins=[outcomes])
    return outcomes.of


def differences(outcomes: dict[str, str]) -> list[str]:
    """Return what is not as `EXPECTED` says."""
    passed = {name for name, outcome in outcomes.items() if outcome == "passed"}
    found = [
        f"{name} {outcome}"
        for name, outcome in outcomes.items()
        if name not in passed | set(EXPECTED)
    ]
    found += [f"{name} passes now: remove it from the list" for name in EXPECTED if name in passed]
    return found + [f"{name} is no longer there" for name in EXPECTED if name not in outcomes]


def main() -> None:
    """Run the scenarios and compare."""
    with tempfile.TemporaryDirectory() as folder:
        outcomes = run(sources(Path(folder)), *sys.argv[1:])
    passed = sum(outcome == "passed" for outcome in outcomes.values())
    print(f"\n{passed} of {len(outcomes)} scenarios of PyNN pass")
    for name, reason in EXPECTED.items():
        print(f"  not {name}: {reason}")
    if "-k" in sys.argv:  # a selection
        return
    if different := differences(outcomes):
        sys.exit("not as expected:\n  " + "\n  ".join(different))


if __name__ == "__main__":
    main()
