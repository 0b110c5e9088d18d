"""``spikelet demo`` learns, reports and draws."""

from __future__ import annotations

import importlib.util
import json
import re
import sys

import numpy as np
import pytest

from spikelet.cli.main import main
from spikelet.datasets import digits
from spikelet.models import WinnerTakeAll

pytest.importorskip("matplotlib")

SMALL = ("--images", "150", "--neurons", "40")


@pytest.fixture
def demo(tmp_path, capsys):
    def run(*arguments):
        picture = tmp_path / "picture.png"
        assert main(["demo", "--out", str(picture), *SMALL, *arguments]) == 0
        text = capsys.readouterr().out
        picture_bytes = picture.read_bytes()
        picture.unlink()
        return float(re.search(r"Accuracy +([\d.]+)%", text)[1]) / 100, text, picture_bytes

    return run


def test_demo_learns_reports_and_draws(demo):
    accuracy, text, picture = demo()
    assert accuracy > 0.6  # chance is 0.1
    for part in (
        "UCI's digits", "the first 150 of 1438", "40 spiking neurons", "359 test digits",
        "chance: 10 %", "images per second",
        "million synaptic events per second",
    ):  # fmt: skip
        assert part in text
    assert picture.startswith(b"\x89PNG\r\n\x1a\n")
    assert picture.endswith(b"IEND\xaeB`\x82")
    width, height = (int.from_bytes(picture[i : i + 4], "big") for i in (16, 20))
    assert (width, height) == (1800, 960)
    assert 50_000 < len(picture) < 1_000_000


def test_demo_repeats_for_a_seed(demo):
    few = ("--images", "40", "--neurons", "20")
    accuracy, _, picture = demo(*few, "--seed", "3")
    again, _, picture_again = demo(*few, "--seed", "3")
    assert accuracy == again
    assert picture == picture_again
    assert picture != demo(*few, "--seed", "4")[2]


def test_demo_reads_idx_files(demo, tmp_path):
    random = np.random.default_rng(0)
    patterns = random.random((10, 36)) < 0.4
    for prefix, n in (("train", 40), ("t10k", 20)):
        labels = np.arange(n, dtype=np.uint8) % 10
        images = (patterns[labels] * random.integers(150, 256, (n, 36))).astype(np.uint8)
        for name, data in (
            ("images-idx3", images.reshape(n, 6, 6)),
            ("labels-idx1", labels),
        ):
            header = bytes([0, 0, 8, data.ndim]) + np.array(data.shape, ">i4").tobytes()
            (tmp_path / f"{prefix}-{name}-ubyte").write_bytes(header + data.tobytes())
    accuracy, text, _ = demo("--data", str(tmp_path))
    assert accuracy > 0.8  # ten patterns with little noise
    assert "all 40 training images" in text
    assert "MNIST" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--data", "/nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "/nowhere/picture.png"), "the folder /nowhere for the figure does not exist"),
        (("--out", "picture.xyz"), "the figure must have one of the suffixes"),
    ],
)
def test_what_is_wrong_is_one_line(arguments, message, capsys):
    assert main(["demo", *arguments]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("spikelet: ")
    assert message in err
    assert err.count("\n") == 1


@pytest.mark.parametrize("arguments", [["--neurons", "1"], ["--seed", "x"], ["--images", "-3"]])
def test_bad_numbers_are_usage_errors(arguments, capsys):
    assert main(["demo", *arguments]) == 2
    err = capsys.readouterr().err
    assert f"Invalid value for '{arguments[0]}'" in err
    assert arguments[1] in err


def test_without_matplotlib_there_is_no_figure(monkeypatch, capsys, tmp_path):
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "matplotlib" else find(name)
    )
    monkeypatch.chdir(tmp_path)
    assert main(["demo", *SMALL]) == 0
    assert "pip install 'spikelet[demo]'" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


def test_a_plain_install_is_enough(monkeypatch, capsys, tmp_path):
    for module in ("rich", "sklearn"):
        monkeypatch.setitem(sys.modules, module, None)
    assert main(["demo", "--out", str(tmp_path / "figure.png"), *SMALL]) == 0
    assert capsys.readouterr().err == ""  # no progress where there is no terminal


def test_json_is_the_only_output(tmp_path, capsys):
    assert main(["demo", "--json", "--out", str(tmp_path / "figure.png"), *SMALL]) == 0
    found = json.loads(capsys.readouterr().out)
    assert 0.5 < found["accuracy"] <= 1.0
    assert found["images"] == 4 * 150 + 359
    assert found["figure"] == str(tmp_path / "figure.png")
    rate = found["synaptic_events"] / found["seconds"]
    assert found["synaptic_events_per_second"] == pytest.approx(rate)


def test_the_number_of_synaptic_events_is_that_of_the_network():
    network = WinnerTakeAll(10, 64)
    images = digits("train", 30)[0]
    network.fit(images)
    net = network.frozen()
    pixels = net.record(net.populations[0], "spikes")
    for image in images:
        net.populations[0].rate = network.rates(image.reshape(1, -1))[0]
        net.run(network.answer_for)
    expected = network.input_rate * network.answer_for * 1e-3 * len(images)
    assert len(pixels) == pytest.approx(expected, rel=0.02)  # 120 000 on average


def test_ctrl_c_prints_no_traceback(monkeypatch, capsys):
    def interrupt(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(WinnerTakeAll, "fit", interrupt)
    assert main(["demo"]) == 130
    assert "stopped" in capsys.readouterr().err
