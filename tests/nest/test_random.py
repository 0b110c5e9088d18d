"""The command that compares random networks with NEST finds what differs, and nothing else."""

from __future__ import annotations

import re
import sys
from dataclasses import replace

import pytest
import tests.nest.__main__ as command
from tests.nest.reference import Description, Result, run_spikelet
from tests.support.hours import compare_for


def broken(d: Description) -> Result:
    """Run a network with slightly stronger synapses between its neurons."""
    source, excitatory, inhibitory = d.synapses
    stronger = replace(excitatory, weight=1.05 * excitatory.weight)
    return run_spikelet(replace(d, synapses=[source, stronger, inhibitory]))


def run() -> int:
    return compare_for("tests.nest", None, command.check)


def test_a_difference_is_found_and_minimised(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["tests.nest", "--minutes", "0", "--first", "3"])
    monkeypatch.setattr(command, "KINDS", [("exp", ""), ("exp", "both")])
    assert run() == 0
    assert "cases 3 to 3: {'equal': 2}" in capsys.readouterr().out
    monkeypatch.setattr(command, "KINDS", [("exp", "")])
    monkeypatch.setattr(command, "run_spikelet", broken)
    assert run() == 1
    printed = capsys.readouterr().out
    assert "--- case 3, exp, plastic: none" in printed
    found = re.search(r"in (\d+) steps with \[(\d+), (\d+), (\d+)\] synapses: .*differs", printed)
    assert found is not None
    d = command.draw("exp", 3)
    steps, *sizes = map(int, found.groups())
    assert 0 < steps < d.steps / 2
    assert sum(sizes) < 0.8 * sum(len(s.pre) for s in d.synapses)
