"""The benchmark of first iterations trains nets that spike at once."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("one_thread")


def test_default_nets_spike_and_learn_at_once(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["x", "--seeds", "0", "--iterations", "25"])
    scripts("first_iterations").main()
    *_, membrane, steps, counts, rates, mean = capsys.readouterr().out.splitlines()
    for row in (membrane, steps, counts, rates, mean):
        _, _, first, accuracy, _ = row.split("|")
        assert float(first) > 0.01
        assert min(map(float, accuracy.split(","))) > 50  # of ten digits
    assert "cross entropy of the mean" in membrane
