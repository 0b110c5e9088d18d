"""The comparison on networks of others runs what it says; it needs no peer and no files of others."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

pytest.importorskip("resource")  # the peak memory of a process, not on Windows
torch = pytest.importorskip("torch")

FOLDER = Path(__file__).parents[2] / "bench" / "python"
IMAGES = 12


def write_models(folder: Path, networks: ModuleType) -> None:
    """Write a ResNet-20 of random weights and random images, by the names of the real files."""
    torch.manual_seed(3)
    net = networks.CifarResNet(3)
    with torch.inference_mode():
        net(torch.randn(16, 3, 32, 32))  # in training: running statistics
    arrays = {name: value.numpy() for name, value in net.state_dict().items()}
    np.savez(folder / "cifar10_resnet20_akamaster.npz", **arrays)
    rng = np.random.default_rng(3)
    for name in ("test", "calibration"):
        np.savez(
            folder / f"cifar10_{name}.npz",
            images=rng.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8),
            labels=rng.integers(0, 10, IMAGES, dtype=np.uint8),
        )


def test_it_runs_the_ann_and_spikelet_and_reuses_the_runs(tmp_path: Path, scripts: Any) -> None:
    write_models(tmp_path, scripts("networks"))
    command = [
        sys.executable, str(FOLDER / "compare_networks.py"), f"--models={tmp_path}",
        "--networks=resnet20-akamaster", f"--images={IMAGES}", "--steps=8", "--parts=accuracy",
        "--methods=percentile", "--spikingjelly-python", str(tmp_path / "none"), "--recipes=ltb",
        f"--torch-python={sys.executable}", f"--keep={tmp_path / 'kept'}",
        f"--json={tmp_path / 'out.json'}",
    ]  # fmt: skip

    def run() -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, env=os.environ | {"OMP_NUM_THREADS": "1"},
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip

    first = run()
    assert "spikingjelly resnet20-akamaster ltb, run 1: missing" in first.stderr
    assert "| resnet20-akamaster | PyTorch | the ANN |" in first.stdout
    assert "| resnet20-akamaster | spikelet | percentile | all steps | 12 |" in first.stdout
    (path,) = (tmp_path / "kept").glob("spikelet.*.json")
    record = json.loads(path.read_text())
    record["plain"]["8"] = record["labels"]
    path.write_text(json.dumps(record))
    assert "| all steps | 12 | 100.00 %" in run().stdout


def test_plain_networks_compute_the_same(scripts: Any) -> None:
    networks, plain = scripts("networks"), scripts("networks_plain")
    torch.manual_seed(1)
    for net, shape in (
        (networks.CifarResNet(3), (2, 3, 32, 32)),
        (networks.Pitch(), (2, 1, 1024, 1)),
    ):
        net.eval().requires_grad_(False)
        x = torch.randn(shape)
        other = plain.plain(net)
        found = other(x).sigmoid() if isinstance(net, networks.Pitch) else other(x)
        torch.testing.assert_close(found, net(x))
        kinds = {type(module) for module in other.modules() if not list(module.children())}
        assert not kinds & {networks.ZeroPaddedShortcut, torch.nn.ZeroPad2d, torch.nn.Sigmoid}


def test_a_plain_relu6_is_a_bounded_relu(scripts: Any) -> None:
    plain = scripts("networks_plain").plain(torch.nn.Sequential(torch.nn.ReLU6()))
    assert type(plain[0]) is torch.nn.ReLU
    assert plain(torch.tensor([[-1.0, 2.0, 7.0]])).tolist() == [[0.0, 2.0, 6.0]]


def test_an_asymmetric_padding_moves_into_the_weights(scripts: Any) -> None:
    conv = torch.nn.Conv2d(2, 3, 3, stride=2)
    pads = (0, 1, 2, 0)
    x = torch.randn(1, 2, 9, 8)
    found = scripts("networks_plain")._padded(conv, pads)(x)
    torch.testing.assert_close(found, conv(torch.nn.functional.pad(x, pads)))


def test_a_tone_is_read_at_its_pitch(scripts: Any) -> None:
    networks = scripts("networks")
    sound, pitch = networks.tones(5, 3, 4096)
    spectrum = np.abs(np.fft.rfft(sound * np.hanning(4096), 1 << 16))
    frequency = np.fft.rfftfreq(1 << 16, 1 / networks.RATE)
    for row, cents in zip(spectrum, pitch, strict=True):
        near = np.abs(1200 * np.log2(np.maximum(frequency, 1) / 10) - cents) < 200
        peak = frequency[near][row[near].argmax()]
        assert abs(1200 * np.log2(peak / 10) - cents) < 25
    outputs = np.zeros((1, 360))
    outputs[0, [99, 100, 101]] = 0.25, 0.5, 0.25
    assert networks.cents(outputs)[0] == pytest.approx(2000 + networks.CENTS_OF_BIN_0)


def run_record(decisions: list[int], **more: Any) -> dict[str, Any]:
    return {"plain": {"32": decisions}, "images": len(decisions), "conversion_s": 1.0, **more}


def test_the_best_of_the_others_is_compared_with(scripts: Any) -> None:
    report = scripts("networks_report")
    ann = run_record([0, 1, 2, 3], labels=[0, 1, 2, 0], outputs="classes")
    anns = {"net": ann}
    ours, theirs = run_record([0, 1, 2, 2]), run_record([0, 1, 1, 1])
    runs = [
        ("net", "spikelet", "default", ours),
        ("net", "spikingjelly", "percentile-channels", theirs),
    ]
    line = "| net | 32 | 4 | 75.00 % (75.0) | 50.00 % (50.0) | spikingjelly, RateCoding, 99.9 %, "
    assert line in report.same_samples(report.rows(runs, anns), [32])
    runs.append(("net", "spikingjelly", "ltb", run_record([0, 1, 2, 3])))
    line = (
        "| net | 32 | 4 | 75.00 % (75.0) | 75.00 % (100.0) | spikingjelly, LocalThresholdBalancing"
    )
    assert line in report.same_samples(report.rows(runs, anns), [32])


def test_the_shorter_run_decides_how_many_samples_count(scripts: Any) -> None:
    report = scripts("networks_report")
    ann = run_record([0, 1, 2, 3], labels=[0, 1, 2, 3], outputs="classes")
    runs = [
        ("net", "spikelet", "default", run_record([0, 1, 0, 0])),
        ("net", "spikingjelly", "ltb", run_record([0, 0])),
    ]
    found = report.same_samples(report.rows(runs, {"net": ann}), [32])
    assert "| net | 32 | 2 | 100.00 %" in found


def test_peers_may_have_fewer_images(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    compare = scripts("compare_networks")
    given = ["x", f"--models={tmp_path}", "--images=9", "--peer-images=3", "--large-images=4"]
    monkeypatch.setattr(sys, "argv", given)
    args, seen = compare.arguments(), []
    monkeypatch.setattr(compare, "work", lambda *_a, images, **_k: seen.append(images) or {})
    for network in ("resnet20", "squeezenet"):
        for program in ("torch", "spikelet", "spikingjelly", "snntorch"):
            compare.kept(args, compare.Case(network, program, "any"))
    assert seen == [9, 9, 3, 3, 4, 4, 4, 4]


@pytest.mark.parametrize(("arguments", "message"), [
    (["--images=0"], "positive"),
    (["--models=nowhere"], "no such folder"),
    (["--images=10", "--peer-images=20"], "peers cannot have more images"),
    (["--networks=unknown"], "invalid choice"),
])  # fmt: skip
def test_wrong_arguments_are_refused(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    tmp_path: Path, arguments: list[str], message: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["x", f"--models={tmp_path}", *arguments])
    with pytest.raises(SystemExit):
        scripts("compare_networks").arguments()
    assert message in capsys.readouterr().err
