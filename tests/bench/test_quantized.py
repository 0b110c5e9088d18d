"""The benchmark of quantised training compares networks that learn, and finds the same spikes."""

from __future__ import annotations

import sys
from typing import Any

import pytest

pytest.importorskip("sklearn")
pytest.importorskip("torch")

pytestmark = pytest.mark.usefixtures("one_thread")


def test_the_same_spikes_in_integers(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    command = ["x", "--epochs", "2", "--hidden", "64", "--bits", "4", "--threads", "1"]
    monkeypatch.setattr(sys, "argv", command)
    scripts("quantized").main()
    *_, single, small = capsys.readouterr().out.splitlines()
    assert float(single.split("|")[3]) > 70
    _, _, *shares, different, _, _ = small.split("|")
    rounded, trained, deployed = map(float, shares)
    assert rounded > 50
    assert trained > 70
    assert deployed == trained
    assert int(different) == 0
