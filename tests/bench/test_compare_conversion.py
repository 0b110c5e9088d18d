"""The comparison of converters measures what it says; it needs no peer and asserts no time."""

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

FOLDER = Path(__file__).parents[2] / "bench" / "python"
IMAGES = 12


def random_files(folder: Path) -> None:
    """Write a ResNet-20 with random weights, and random images."""
    rng = np.random.default_rng(3)
    arrays: dict[str, Any] = {"mean": np.full(3, 0.5), "std": np.full(3, 0.25)}

    def convolution(name: str, norm: str, outputs: int, inputs: int, size: int) -> None:
        scale = np.sqrt(2 / (inputs * size * size))
        arrays[f"{name}.weight"] = rng.normal(0, scale, (outputs, inputs, size, size))
        for part, low, high in (("weight", 0.5, 1), ("bias", -0.1, 0.2),
                                ("running_mean", -0.1, 0.1), ("running_var", 0.5, 2)):  # fmt: skip
            arrays[f"{norm}.{part}"] = rng.uniform(low, high, outputs)

    convolution("conv1", "bn1", 16, 3, 3)
    inputs = 16
    for k in range(9):
        outputs = 16 << (k // 3)
        at = f"blocks.{k}."
        convolution(at + "conv1", at + "bn1", outputs, inputs, 3)
        convolution(at + "conv2", at + "bn2", outputs, outputs, 3)
        if outputs != inputs:
            convolution(at + "down.0", at + "down.1", outputs, inputs, 1)
        inputs = outputs
    arrays["fc.weight"] = rng.normal(0, 0.2, (10, 64))
    arrays["fc.bias"] = np.zeros(10)
    np.savez(
        folder / "resnet20_cifar10.npz", **{k: v.astype(np.float32) for k, v in arrays.items()}
    )
    for name in ("test", "calibration"):
        np.savez(
            folder / f"cifar10_{name}.npz",
            images=rng.integers(0, 256, (IMAGES, 32, 32, 3), dtype=np.uint8),
            labels=rng.integers(0, 10, IMAGES, dtype=np.uint8),
        )


def run(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "compare_conversion.py"), "--files", str(folder)]
    # A peer that is installed is not wanted here: an interpreter that does not exist is missing.
    command += ["--spikingjelly-python", str(folder / "none"), *arguments]
    return subprocess.run(
        command, cwd=folder, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_the_script_runs_and_reports(tmp_path: Path, scripts: Any) -> None:
    random_files(tmp_path)
    done = run(
        tmp_path, "--images", str(IMAGES), "--steps", "4,2", "--methods", "shared-thresholds",
        "--runs", "2", "--seconds", "0.01", "--speed-images", "3", "--equal-images", "1",
        "--equal-steps", "2", "--json", "out.json",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.json").read_text())

    # What is not there is said to be missing, in each of the three parts.
    assert "spikingjelly: NOT CHECKED, missing" in done.stdout
    assert all("missing" in record for record in written["equality"].values())
    by_program = {case["program"]: case for case in written["accuracy"]}
    assert "missing" in by_program["spikingjelly"]
    assert "missing" in by_program["torch"]
    assert "Nothing of SpikingJelly to compare accuracies with" in done.stdout

    on = scripts("conversion_on_spikelet")
    conversion = scripts("conversion")
    images, labels = conversion.read_images(tmp_path, "test")
    task = conversion.Task(tmp_path, images, labels, (2, 4), 1, method=conversion.SHARED)
    task.thresholds.update(on.thresholds(task))
    right = on.accuracy(task)["plain"]
    assert by_program["spikelet"]["plain"] == {str(t): n for t, n in right.items()}
    shown = " | ".join(f"{100 * right[t] / IMAGES:.2f}" for t in (2, 4))
    assert f"| all steps | {IMAGES} | {shown} |" in done.stdout

    timed = [case for case in written["speed"] if case["program"] == "spikelet"]
    assert [case["steps"] for case in timed] == [2, 4]
    for case in timed:
        rates = [record["images_per_s"] for record in case["runs"]]
        assert len(rates) == 2
        assert case["images_per_s"] == pytest.approx(np.median(rates))
        assert min(rates) > 0


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--steps", "0,4"), "numbers must be positive"),
        (("--steps", "four"), "invalid numbers value"),
        ((), "there is no resnet20_cifar10.npz"),
    ],
)
def test_bad_arguments(tmp_path: Path, arguments: tuple[str, ...], complaint: str) -> None:
    done = run(tmp_path, *arguments)
    assert done.returncode == 2
    assert complaint in done.stderr


def test_folded_is_the_convolution_and_its_norm(tmp_path: Path, scripts: Any) -> None:
    random_files(tmp_path)
    conversion = scripts("conversion")
    parameters = conversion.read_parameters(tmp_path)
    weight, bias = conversion.folded(parameters, "blocks.3.down.0", "blocks.3.down.1")
    x = np.random.default_rng(1).normal(size=16)
    p = {k: parameters[f"blocks.3.down.1.{k}"].astype(float)
         for k in ("weight", "bias", "running_mean", "running_var")}  # fmt: skip
    y = parameters["blocks.3.down.0.weight"][:, :, 0, 0].astype(float) @ x
    norm = (y - p["running_mean"]) / np.sqrt(p["running_var"] + 1e-5) * p["weight"] + p["bias"]
    np.testing.assert_allclose(weight[:, :, 0, 0] @ x + bias, norm, rtol=1e-12)


def test_one_run_gives_the_accuracy_at_each_t(scripts: Any) -> None:
    readouts = scripts("conversion").readouts
    # Two images of class 1; the first is wrong until step 3, the second wrong in the sum until 2.
    outputs = np.zeros((4, 2, 3))
    outputs[0] = [[4, 0, 0], [1, 0, 0]]
    outputs[1] = [[0, 1, 0], [0, 2, 0]]
    outputs[2] = [[0, 1, 0], [0, 1, 0]]
    outputs[3] = [[0, 1, 0], [0, 1, 0]]
    found = readouts(outputs, np.array([1, 1]), (1, 2, 4), {2: 0, 4: 1})
    assert found["curve"] == [0, 1, 1, 1]
    assert found["plain"] == {1: 0, 2: 1, 4: 1}
    assert found["delayed"] == {2: 1, 4: 2}


def report(scripts: Any) -> tuple[ModuleType, Any]:
    return scripts("conversion_report"), scripts("compare_conversion").Case


def test_differing_spikes_are_found(tmp_path: Path, scripts: Any) -> None:
    module, _ = report(scripts)
    a = (np.random.default_rng(2).random((5, 2, 3)) < 0.3).astype(np.int8)
    b = a.copy()
    b[0, 0, 0] ^= 1
    b[4, 1, 2] ^= 1
    np.savez(tmp_path / "a.npz", first=a, second=a)
    np.savez(tmp_path / "b.npz", first=a, second=b)
    layers = module.differing(tmp_path / "a.npz", tmp_path / "b.npz")["layers"]
    assert layers["first"] == {"spikes": [a.sum(), a.sum()], "differing": 0}
    assert layers["second"] == {"spikes": [a.sum(), b.sum()], "differing": 2}
    text = module.equality({"peer": {"layers": layers}}, 2, 5)
    assert "2 DIFFER, the first in second" in text
    same = module.equality({"peer": {"layers": {"first": layers["first"]}}}, 2, 5)
    assert "all equal" in same
    np.savez(tmp_path / "c.npz", first=a[:4], second=b)
    with pytest.raises(ValueError, match="layer first: shapes differ"):
        module.differing(tmp_path / "a.npz", tmp_path / "c.npz")


def test_the_best_of_the_peers_is_what_counts(scripts: Any) -> None:
    module, case = report(scripts)
    found = {
        case("spikingjelly", "max", 1): {"plain": {"8": 5, "16": 6}, "images": 10},
        case("spikingjelly", "ltb", 1): {
            "plain": {"8": 1, "16": 2}, "delayed": {"8": 1, "16": 9}, "images": 10
        },
        case("spikelet", "default", 1): {"plain": {"8": 5, "16": 8}, "images": 10},
    }  # fmt: skip
    text = module.best_peer(found, [8, 16])
    assert "BEHIND at T = 16 (-10.00) the best" in text
    assert "T = 8" not in text
    found[case("spikelet", "default", 1)]["plain"]["16"] = 9
    assert "nowhere behind" in module.best_peer(found, [8, 16])
    table = module.accuracies(found, [8, 16])
    assert (
        "| LocalThresholdBalancing, 391 batches of 128 | automatic delay | 10 | 10.00 | 90.00 |"
        in table
    )
