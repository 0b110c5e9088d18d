"""The benchmark of a linear layer and LIF neurons runs, leaves out what is missing, and asserts no time."""

from __future__ import annotations

import importlib
import sys
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytest.importorskip("resource")

FOLDER = Path(__file__).parents[2] / "bench" / "python"


@pytest.fixture
def script(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(FOLDER)
    return importlib.import_module("open_neuromorphic")


def test_it_tabulates_what_is_there(
    script: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def worker(_: Namespace, program: str, form: str, **change: Any) -> dict[str, Any]:
        if program != "spikelet" or "save" in change:
            return {"missing": f"no {program}"}
        fast = form == "sparse"
        cpu = {"sparse": 0.02, "sparse, bytes": 0.03}.get(form, 0.05)
        return {"forward": 0.01, "backward": 0.02, "total": 0.03 if fast else 0.02, "cpu": cpu}

    monkeypatch.setattr(script, "worker", worker)
    command = ["--sizes", "32", "--input", "spikes", "--programs", "spikelet", "spyx"]
    monkeypatch.setattr(sys, "argv", ["open_neuromorphic.py", *command])
    script.main()
    out, err = capsys.readouterr()
    assert "not checked against spikelet: {'missing'" in out
    assert [line for line in out.splitlines() if line.startswith("| 32 |")][:3] == [
        "| 32 | spikelet | sparse | 10 | 20 | 30 | 20 | 1.0 |",
        "| 32 | spikelet | sparse, bytes | 10 | 20 | 20 | 30 | 1.5 |",
        "| 32 | spikelet | dense | 10 | 20 | 20 | 50 | 2.5 |",
    ]
    assert "| 32 | spyx | scan | missing: no spyx |" in out
    assert "program='spyx', form='scan'), run 1: missing: no spyx" in err


@pytest.mark.parametrize("given", ["spikes", "normal"])
def test_the_forms_of_spikelet_compute_the_same(script: Any, tmp_path: Path, given: str) -> None:
    torch = pytest.importorskip("torch")
    before = torch.get_num_threads()
    found = []
    forms = [f for f in script.FORMS["spikelet"] if given == "spikes" or "bytes" not in f]
    for form in forms:
        file = tmp_path / f"{form.replace(', ', '-')}.npz"
        args = Namespace(
            program="spikelet", form=form, input=given, density=0.1, threads=1, seconds=0.0,
            steps=20, neurons=64, save=file,
        )  # fmt: skip
        record = script.measure(args)
        assert 0 < record["forward"] < record["total"]
        assert record["cpu"] > 0
        found.append(np.load(file))
    torch.set_num_threads(before)
    dense, sparse = found[:2]
    for key in ("spikes", "by_weight"):
        np.testing.assert_array_equal(found[-1][key], sparse[key])
    assert dense["spikes"].shape == (20, 16, 64)
    assert dense["spikes"].sum() > 0
    assert np.mean(dense["spikes"] == sparse["spikes"]) > 0.999
    np.testing.assert_allclose(sparse["by_weight"], dense["by_weight"], atol=1e-2)
