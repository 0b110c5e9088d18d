"""``spikelet report``: which report a file gets. The reports themselves are tested where they are made."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import spikelet as sl
from spikelet.cli.main import main
from spikelet.conversion.converted import ConvertedModel
from spikelet.datasets import digits


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.npz"], "report: there is no file or folder no.npz"),
        (["text.txt"], "report: FILE must be a saved network (.npz)"),
        (["text.npz", "--mean", "0.5"], "report: --mean is only for a converted network (.spk)"),
        (["plain.spk"], "must hold a network that was converted from an ANN"),
        (["net.spk"], "report: --images must be given for a converted network"),
        (
            ["net.spk", "--images", "x.npy", "--out", "no/r.html"],
            "report: path must be in an existing folder, got 'no/r.html'",
        ),
        (["net.spk", "--images", "x.npy", "--out", "r.txt"], 'report: path must end in ".html"'),
        (
            ["net.spk", "--images", "x.npy", "--skip", "359"],
            "--skip must be less than the number of inputs, 359",
        ),
        (["net.spk", "--images", "x.npy", "--mean", "1,2"], "--mean must be one number or 1"),
    ],
)
def test_mistakes_are_one_line(
    arguments: list[str],
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("text.txt", "text.npz"):
        Path(name).write_text("text")
    _converted().save("net.spk")
    sl.SpikingModel([sl.layers.Linear(np.eye(3)), sl.layers.IF(1.0)]).save("plain.spk")
    np.save("x.npy", digits("test")[0])
    before = sorted(tmp_path.iterdir())
    assert main(["report", *arguments]) == 2
    err = capsys.readouterr().err
    assert message in err
    assert err.count("\n") == 1
    assert sorted(tmp_path.iterdir()) == before


def _converted() -> sl.SpikingModel:
    random = np.random.default_rng(0)
    weights = random.normal(size=(8, 64)), random.normal(size=(3, 8))
    ann = [
        sl.layers.Flatten(),
        sl.layers.Linear(weights[0]),
        sl.layers.ReLU(),
        sl.layers.Linear(weights[1]),
    ]
    return sl.convert(ann, digits("train")[0][:50, np.newaxis], steps=8)


def test_a_report_of_each_kind(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("plotly")
    monkeypatch.chdir(tmp_path)
    net = sl.Network()
    net.record(net.population(5, sl.LIF(I_e=500.0), name="cells"), "spikes")
    net.run(50.0)
    net.save("run.npz", recorders=True)
    _converted().save("net.spk")
    np.save("x.npy", digits("test")[0])
    assert main(["report", "run.npz"]) == 0
    assert capsys.readouterr().out == "Report: run.html\n"
    assert "cells" in Path("run.html").read_text(encoding="utf-8")
    assert (
        main(["report", "net.spk", "--images", "x.npy", "--test", "40", "--out", "net.html"]) == 0
    )
    assert "<html" in Path("net.html").read_text(encoding="utf-8")
    sl.sweep(_half, {"x": [1, 2]}, executor="serial", store="halves")
    assert main(["report", "halves"]) == 0
    assert "<html" in Path("halves.html").read_text(encoding="utf-8")
    Path("halves.html").unlink()
    monkeypatch.chdir("halves")  # a folder without a name
    assert main(["report", "."]) == 0
    assert "<html" in Path("../halves.html").read_text(encoding="utf-8")


def test_a_report_reads_inputs_as_the_conversion_did(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("plotly")
    monkeypatch.chdir(tmp_path)
    x, y = digits("test")
    pixels = np.round(x * 255).astype(np.uint8)
    np.savez("x.npz", images=pixels, labels=y % 3)  # the network has three classes
    _converted().save("net.spk")
    seen = []
    compare = ConvertedModel.report

    def record(snn: ConvertedModel, images: object, labels: object) -> object:
        seen.append((images, labels))
        return compare(snn, images, labels)

    monkeypatch.setattr(ConvertedModel, "report", record)
    given = ["--scale", "0.002", "--mean", "-0.25", "--std", "2", "--skip", "300", "--test", "20"]
    assert main(["report", "net.spk", "--images", "x.npz", *given]) == 0
    images, labels = seen[0]
    np.testing.assert_allclose(images, (pixels[300:320, None] * 0.002 + 0.25) / 2, rtol=1e-4)
    np.testing.assert_array_equal(labels, y[300:320] % 3)


def _half(x: int, seed: int) -> dict[str, float]:
    return {"y": x / 2}
