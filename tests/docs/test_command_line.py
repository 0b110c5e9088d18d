"""The commands of docs/command_line.md run, in order, and return 0."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import numpy as np
import pytest

import spikelet as sl
from spikelet.cli.main import commands, main
from spikelet.datasets import digits

pytest.importorskip("onnx")
pytest.importorskip("matplotlib")
pytest.importorskip("pandas")
pytest.importorskip("plotly")

from tests.support.onnx_models import model, node  # it needs onnx

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "command_line.md").read_text(encoding="utf-8")
COMMANDS = [
    line
    for block in re.findall(r"^```console\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    for line in block.splitlines()
    if line.startswith("spikelet ")
]
SWEEP = 'function = "twice.py:twice"\nexecutor = "serial"\n[grid]\nx = [1, 2, 3]\n'


def files(folder: Path) -> None:
    """Write the files that the commands of the page take."""
    onnx = pytest.importorskip("onnx")
    random = np.random.default_rng(0)
    weights = {"w1": random.normal(size=(16, 64)), "w2": random.normal(size=(10, 16))}
    nodes = [
        node("Flatten", "x", "flat"),
        node("Gemm", "flat w1", "h", transB=1),
        node("Relu", "h", "r"),
        node("Gemm", "r w2", "y", transB=1),
    ]
    ann = model(nodes, ("batch", 1, 8, 8), **{k: w.astype(np.float32) for k, w in weights.items()})
    onnx.save(ann, folder / "model.onnx")
    x, y = digits("test", 100)
    np.savez(folder / "test.npz", images=x, labels=y)
    np.save(folder / "images.npy", x)
    np.save(folder / "labels.npy", y)
    net = sl.Network()
    net.record(net.population(20, sl.LIF(I_e=450.0)), "spikes")
    net.run(50.0)
    net.save(folder / "run.npz", recorders=True)
    (folder / "twice.py").write_text("def twice(x, seed):\n    return {'y': 2 * x}\n")
    (folder / "sweep.toml").write_text(SWEEP)


def test_the_commands_of_the_page_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    files(tmp_path)
    assert len(COMMANDS) >= 10
    for line in COMMANDS:
        if line == "spikelet run sweep.toml --resume":  # continue what the line before finished
            assert (tmp_path / "sweep-runs").is_dir()
        assert main(shlex.split(line)[1:]) == 0, line
        out, err = capsys.readouterr()
        assert err == "", line
        if "--json" in line:
            json.loads(out)
    made = {"digits.png", "net.spk", "my_network", "sweep-runs"}
    made |= {"run.html", "net.html", "again.html", "sweep.html"}
    assert made <= {path.name for path in tmp_path.iterdir()}


def test_the_page_has_all_commands() -> None:
    for name in commands.commands:
        assert f"| [`{name}`](#" in PAGE
        assert re.search(rf"^spikelet {name}\b", PAGE, re.MULTILINE)
