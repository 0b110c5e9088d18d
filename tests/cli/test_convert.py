"""``spikelet convert``: from file to file."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import numpy as np
import pytest

import spikelet as sl
from spikelet.cli.convert import input_shape
from spikelet.cli.main import main
from spikelet.datasets import digits

onnx = pytest.importorskip("onnx")

from tests.support.onnx_models import model, node  # they need onnx


def mlp(shape: tuple[object, ...]) -> onnx.ModelProto:
    """Return a network that scores each digit by its likeness to the mean of its class, through a layer of ReLUs."""
    x, y = digits("train")
    means = np.stack([x[y == k].reshape(-1, 64).mean(axis=0) for k in range(10)])
    hidden = np.concatenate([means, -means])
    readout = np.concatenate([np.eye(10), -np.eye(10)], axis=1)
    bias = -0.5 * (means**2).sum(axis=1)
    return model(
        [
            node("Flatten", "x", "flat"),
            node("Gemm", "flat w1 b1", "h", transB=1),
            node("Relu", "h", "r"),
            node("Gemm", "r w2 b2", "y", transB=1),
        ],
        shape,
        w1=hidden.astype(np.float32),
        b1=np.zeros(20, np.float32),
        w2=readout.astype(np.float32),
        b2=bias.astype(np.float32),
    )


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    onnx.save(mlp(("batch", 1, 8, 8)), "model.onnx")
    x, y = digits("test")
    np.savez("test.npz", images=x, labels=y)
    return tmp_path


def test_from_file_to_file(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = ["convert", "model.onnx", "--images", "test.npz", "--steps", "16", "--out", "net.spk"]
    assert main([*given, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["calibrated"], found["tested"], found["held_out"]) == (179, 180, True)
    assert found["agreement"] > 0.9
    assert found["ann_accuracy"] > 0.8
    snn = sl.SpikingModel.load("net.spk")
    x, y = digits("test")
    read = snn.run(x[179:, np.newaxis]).output.argmax(axis=1)
    assert found["accuracy"] == pytest.approx(np.mean(read == y[179:]))
    assert [layer["layer"] for layer in found["layers"]] == list(snn.neurons)


@pytest.mark.parametrize("read", ["model.onnx", "x.npy", "y.npy"])
def test_no_file_that_is_read_is_replaced(
    read: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    x, y = digits("test")
    np.save("x.npy", x)
    np.save("y.npy", y)
    before = Path(read).read_bytes()
    given = ["convert", "model.onnx", "--images", "x.npy", "--labels", "y.npy", "--steps", "2"]
    assert main([*given, "--out", str(folder / read)]) == 2
    assert "convert: --out must not be the file of " in capsys.readouterr().err
    assert Path(read).read_bytes() == before


def test_the_network_is_kept_if_the_comparison_fails(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.save("labels.npy", digits("test")[1] + 90)  # no classes of the network
    given = ["--images", "test.npz", "--labels", "labels.npy", "--method", "percentile"]
    assert main(["convert", "model.onnx", *given, "--steps", "4", "--out", "net.spk"]) == 2
    assert "labels must lie in 0 .. 9" in capsys.readouterr().err
    assert sl.SpikingModel.load("net.spk").steps == 4


def test_as_text(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    given = [
        "--images",
        "test.npz",
        "--steps",
        "8",
        "--calibrate",
        "100",
        "--test",
        "50",
        "--method",
        "percentile",
    ]
    assert main(["convert", "model.onnx", *given]) == 0
    out, err = capsys.readouterr()
    for part in (
        "100 of 359 inputs (1, 8, 8) calibrate",
        "50 others test",
        "agreement",
        "percentile",
        "accuracy",
    ):
        assert part in out
    assert err == ""


def test_few_inputs_test_themselves(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    np.save("few.npy", digits("test")[0][:4])
    assert main(["convert", "model.onnx", "--images", "few.npy", "--calibrate", "4", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["calibrated"], found["tested"], found["held_out"]) == (4, 4, False)
    assert found["accuracy"] is None


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no.onnx", "--images", "test.npz"], "convert: there is no file no.onnx"),
        (["test.npz", "--images", "test.npz"], "is not an ONNX model"),
        (["model.onnx", "--images", "no.npy"], "images: there is no file or folder no.npy"),
        (["model.onnx", "--images", "test.npz", "--out", "no/net.spk"], "the folder of no/net.spk does not exist"),
        (["model.onnx", "--images", "test.npz", "--out", "net.spk", "--report", "out.txt"], "--report: path must end in"),
        (["model.onnx", "--images", "test.npz", "--out", "net.spk", "--report", "no/a.html"], "must be in an existing folder"),
        (["model.onnx", "--images", "test.npz", "--method", "magic"], "method must be"),
        (["model.onnx", "--images", "test.npz", "--calibrate", "999"], "at most the number of inputs, 359, got 999"),
    ],
)  # fmt: skip
def test_mistakes_are_one_line_and_write_nothing(
    arguments: list[str], message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = sorted(folder.iterdir())
    assert main(["convert", *arguments]) == 2
    err = capsys.readouterr().err
    assert err.startswith("spikelet: ")
    assert message in err
    assert err.count("\n") == 1
    assert sorted(folder.iterdir()) == before


def test_a_report_without_plotly_fails_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "plotly", None)
    monkeypatch.setitem(sys.modules, "plotly.offline", None)
    given = ["--images", "test.npz", "--out", "net.spk", "--report", "net.html"]
    assert main(["convert", "model.onnx", *given]) == 1
    out, err = capsys.readouterr()
    assert "plotly" in err
    assert out == ""
    assert not (folder / "net.spk").exists()


def test_the_shape_of_the_input(tmp_path: Path) -> None:
    for shape, found in (
        (("batch", 1, 8, 8), (1, 8, 8)),
        (("batch", "c", 8, 8), None),
        ((1, 64), (64,)),
    ):
        onnx.save(mlp(shape), tmp_path / "m.onnx")
        assert input_shape(tmp_path / "m.onnx") == found
