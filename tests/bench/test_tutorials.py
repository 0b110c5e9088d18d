"""The comparison of the tutorials' networks: what it reports, and that spikelet's networks are trained; no peer, no time."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("resource")


@pytest.fixture
def images(tmp_path: Path) -> Path:
    rng = np.random.default_rng(4)
    np.savez(
        tmp_path / "mnist_train.npz",
        images=rng.random((12, 28, 28), np.float32),
        labels=rng.integers(0, 10, 12, dtype=np.uint8),
    )
    return tmp_path


@pytest.mark.parametrize("net", ["dense", "population", "conv", "linear", "csnn", "gesture"])
def test_ported_networks_are_trained(
    scripts: Any, images: Path, monkeypatch: pytest.MonkeyPatch, net: str
) -> None:
    cases, worker, program = (scripts(f"tutorials_{n}") for n in ("cases", "worker", "on_spikelet"))
    library = "snntorch" if net in ("dense", "population", "conv") else "spikingjelly"
    small = cases.Case("small", net, library, 3, 4, channels=6, size=32 if net == "gesture" else 28)
    monkeypatch.setitem(cases.CASES, "small", small)
    args = argparse.Namespace(
        case="small", form="ported", folder=images, iterations=1, save=images / "first.npz"
    )
    record = worker.measure(program, args)
    assert len(record["cpu"]) == 1
    assert record["cpu"][0] > 0
    try:
        first = worker.check(program, args)
    finally:
        torch.set_default_dtype(torch.float32)
    with np.load(args.save) as stored:
        arrays = [stored[name] for name in stored.files]
    assert np.isfinite(first["loss"])
    assert arrays[0] == pytest.approx(first["loss"])
    assert arrays[0].dtype == (np.float32 if library == "snntorch" else np.float64)
    assert all(np.isfinite(a).all() for a in arrays)
    assert any(np.abs(a).max() > 0 for a in arrays[1:])


def test_frames_are_sparse_and_differ_by_label(scripts: Any, tmp_path: Path) -> None:
    cases = scripts("tutorials_cases")
    case = cases.Case("small", "gesture", "spikingjelly", 4, 6, channels=6, size=32)
    (x, labels), (other, _) = cases.batches(case, tmp_path, 2)
    assert x.shape == (4, 6, 2, 32, 32)
    assert x.dtype == np.float32
    assert 0.01 < (x > 0).mean() < 0.1
    assert set(labels) <= set(range(11))
    assert (x != other).any()


def test_it_compares_and_tabulates(
    scripts: Any,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    script = scripts("tutorials")
    images = np.zeros((2, 28, 28), np.float32), np.zeros(2, np.uint8)
    monkeypatch.setattr(script.datasets, "mnist", lambda *_: images)
    error = 0.0

    def work(_: Any, folder: Path, case: Any, program: str, form: str, **change: Any) -> Any:
        assert (folder / "mnist_train.npz").exists()
        assert case.name == "tutorial 5"
        if "save" in change:
            loss = np.ones(()) * (1.0 if program == "spikelet" else 1.0 + error)
            np.savez(change["save"], loss, np.zeros(3), np.arange(4.0))
            return {"loss": 1.0}
        if form == "by layer":
            return {"failed": "no memory"}
        fast = program == "spikelet"
        cpu = [0.01, 0.03, 0.02] if fast else [0.05]
        return {"cpu": cpu, "wall": [1.0], "versions": {program: "1"}}

    monkeypatch.setattr(script, "work", work)
    command = [
        "tutorials.py",
        "--mnist",
        "x",
        "--cases",
        "tutorial 5",
        "--json",
        str(tmp_path / "j"),
    ]
    monkeypatch.setattr(sys, "argv", command)
    script.main()
    out = capsys.readouterr().out
    assert "* tutorial 5: loss and 2 gradients within 0.0e+00" in out
    assert "| tutorial 5 | spikelet, ported | 20 | 1.00 |" in out
    assert "| tutorial 5 | snntorch, script | 50 | 2.50 |" in out
    assert "| tutorial 5 | snntorch, by layer | failed: no memory |  |" in out
    assert json.loads((tmp_path / "j").read_text())["cases"][0]["program"] == "spikelet"
    error = 1e-3
    with pytest.raises(SystemExit, match=r"1\.0e-03 apart from snntorch"):
        script.main()
