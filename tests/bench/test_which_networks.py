"""The table of networks says what became of each."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import spikelet as sl

pytest.importorskip("resource")  # the peak memory of a process, not on Windows
torch = pytest.importorskip("torch")


def small(nonlinearity: torch.nn.Module) -> torch.nn.Module:
    torch.manual_seed(2)
    layers = (torch.nn.Linear(6, 8), nonlinearity, torch.nn.Linear(8, 3))
    return torch.nn.Sequential(*layers).eval()


def test_a_converted_network_is_compared_with_its_ann(scripts: Any) -> None:
    zoo, worker, table = scripts("zoo"), scripts("which_networks_worker"), scripts("which_networks")
    x = np.random.default_rng(1).normal(size=(40, 6)).astype(np.float32)
    found = worker.measured(zoo.Subject(small(torch.nn.ReLU()), x[:30], x[30:]), [32, 16])
    assert (found["spiking"], found["parameters"], found["test"]) == (1, 6 * 8 + 8 + 8 * 3 + 3, 10)
    for t in (32, 16):
        at = found["at"][str(t)]
        assert at["agreement"] >= 80
        assert at["error"] < 0.3
        assert 0 < at["spikes_a_neuron"] <= t
    line = table.row("net", "random", found, [32, 16])
    assert len(line) == len(table.header([32, 16]))
    assert line[3] == "-"


def test_a_refusal_is_told(scripts: Any) -> None:
    zoo, worker, table = scripts("zoo"), scripts("which_networks_worker"), scripts("which_networks")
    x = np.random.default_rng(1).normal(size=(8, 5, 6)).astype(np.float32)
    net = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.LSTM(6, 3))
    found = worker.measured(zoo.Subject(net.eval(), x, x), [8])
    assert "LSTM" in found["refused"]
    line = table.row("net", "random", found, [8])
    assert line[2].startswith("**not converted**: ")
    assert len(line) == len(table.header([8]))


def test_what_a_network_has_beside_the_usual_is_named(scripts: Any) -> None:
    nn = torch.nn
    net = nn.Sequential(
        nn.Conv2d(4, 4, 3, groups=2), nn.ReLU6(), nn.Conv2d(4, 4, 3, groups=4), nn.SiLU(), nn.Flatten(), nn.Linear(64, 3)
    )  # fmt: skip
    model = sl.convert(net.eval(), torch.rand(16, 4, 8, 8), steps=8, method="percentile")
    found = scripts("which_networks_worker").operators(model.ann.graph)
    assert found == ["depthwise Conv2d", "grouped Conv2d", "ReLU6", "SiLU"]


def test_an_ann_that_was_misread_fails(scripts: Any) -> None:
    worker, x = scripts("which_networks_worker"), np.ones((4, 6), np.float32)
    net = small(torch.nn.ReLU())
    right = net(torch.from_numpy(x)).detach().numpy()
    assert worker.difference(net, x, [right]) == 0
    assert worker.difference(net, x, [right + 1]) > worker.SAME


def test_random_networks_get_sane_scales_and_different_decisions(scripts: Any) -> None:
    zoo = scripts("zoo")
    torch.manual_seed(1)
    images = torch.randn(64, 3, 8, 8)
    for norm in (torch.nn.BatchNorm2d(8), torch.nn.Identity()):
        net = torch.nn.Sequential(
            torch.nn.Conv2d(3, 8, 3), norm, torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(288, 4)
        )  # fmt: skip
        outputs = zoo.fitted_to(net, images)(images)
        assert outputs.mean(0).abs().max() < 1e-4
        assert torch.allclose(outputs.std(0), torch.ones(4), atol=1e-3)
        assert len(set(outputs.argmax(1).tolist())) == 4


def test_kept_results_are_used_and_missing_ones_not_kept(
    scripts: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    table = scripts("which_networks")
    arguments = ["x", f"--models={tmp_path}", f"--keep={tmp_path / 'kept'}"]
    monkeypatch.setattr(sys, "argv", arguments)
    args = table.arguments()
    answers = iter([{"missing": "no package"}, {"refused": "why"}, {"failed": "no result in 1 s"}])
    monkeypatch.setattr(table.harness, "call", lambda *_a, **_k: next(answers))
    assert table.tried(args, "a/b") == {"missing": "no package"}
    assert table.tried(args, "a/b") == {"refused": "why"}
    assert table.tried(args, "a/b") == {"refused": "why"}
    assert json.loads((tmp_path / "kept" / "a-b.json").read_text()) == {"refused": "why"}
    assert table.tried(args, "c") == {"failed": "no result in 1 s"}
    (tmp_path / "kept" / "d.json").write_text(json.dumps({"at": {"32": {}, "16": {}}}))
    assert table.tried(args, "d") == {"at": {"32": {}, "16": {}}}
