"""The comparison of training measures what it says; it needs no peer and asserts no time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.conftest import spawn

pytest.importorskip("resource")  # the peak memory of a process, not on Windows

FOLDER = Path(__file__).parents[2] / "bench" / "python"


def test_the_script_runs_and_reports(tmp_path: Path) -> None:
    # A peer that is installed is not wanted here: an interpreter that does not exist is missing.
    command = [
        sys.executable, str(FOLDER / "compare_training.py"), "--peers-python", str(tmp_path / "none"),
        "--parts", "equality", "layer", "memory", "--libraries", "norse", "--steps", "50", "--batch", "32", "--neurons", "1000", "--equal-batch", "2", "--equal-neurons", "3",
        "--methods", "fused", "loop", "--runs", "2", "--seconds", "0.01", "--json", "out.json",
    ]  # fmt: skip
    done = subprocess.run(
        command, cwd=tmp_path, env=os.environ | {"OMP_NUM_THREADS": "1"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out.json").read_text())
    assert written["arguments"]["steps"] == 50

    by_pair = {(record["dtype"], record["pair"]): record for record in written["equality"]}
    for dtype in ("float32", "float64"):
        ours = by_pair[dtype, "spikelet = reference"]
        assert ours["far"] == ours["missing"] == []
        assert ours["checks"] == 8
        assert ours["failures of spikelet"] == {}
        assert "missing" in by_pair[dtype, "reference = norse"]
    assert "float64, neurons of norse, reference = norse: NOT CHECKED, missing" in done.stdout

    fused, loop = written["layer"]
    assert (fused["program"], loop["program"]) == ("spikelet", "norse")
    assert "missing" in loop["runs"][0]
    assert len(fused["runs"]) == 2
    for record in fused["runs"]:
        assert 0 < record["forward_s"] < record["wall_s"]
        assert record["passes"] >= 5
        assert 0 < record["spikes"] < 50 * 32 * 1000
    memory = written["memory"][0]["runs"][0]
    assert memory["x_mb"] == pytest.approx(6.4)
    # Spikes, potentials and the gradient of x; memory kept by an earlier pass would hide them.
    assert memory["peak_mb"] > 1.9 * memory["x_mb"]
    assert "No library to compare times with" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("--parts", "layer", "--steps", "0"), "--steps must be positive"),
        (("--parts", "epoch"), "the epoch needs --mnist"),
        (("--mnist", "."), "no t10k-images-idx3-ubyte"),
        (("--parts", "nothing"), "invalid choice"),
    ],
)
def test_bad_arguments(
    scripts: Any, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str],
    arguments: tuple[str, ...], complaint: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(sys, "argv", ["x", *arguments])
    with pytest.raises(SystemExit) as end:
        scripts("compare_training").arguments()
    assert end.value.code == 2
    assert complaint in capsys.readouterr().err


def test_an_epoch_is_trained(tmp_path: Path, scripts: Any) -> None:
    training, network = scripts("training"), scripts("training_network")
    rng = np.random.default_rng(4)
    for which, count in (("train", 6), ("test", 3)):
        np.savez(
            tmp_path / f"mnist_{which}.npz",
            images=rng.random((count, 28, 28), dtype=np.float32),
            labels=rng.integers(0, 10, count, dtype=np.uint8),
        )
    images, _ = training.mnist(tmp_path, "train")
    assert images.shape == (6, 1, 28, 28)
    assert images.max() > 0.9  # as spikelet.datasets gives them
    task = training.Task("snntorch", "by layer", steps=3, batch=4, neurons=1, threads=1)
    adapter = scripts("training_on_spikelet")
    found = network.epoch(adapter, task, tmp_path, 6, 3)
    assert found["images"] == 6
    assert found["losses"][0] != found["losses"][1]

    # Step after step is the same network, but for the statistics of BatchNorm.
    net = network.Network().eval()
    reference = scripts("training_on_reference").torch_reference
    images, _ = next(network.batches(tmp_path, "train", 4))
    options = training.NETWORK_NEURON

    def cell(x: Any, v: Any) -> Any:
        spikes, v = reference.lif(x[None], convention="snntorch", return_v=True, v=v, **options)
        return spikes[0], v

    steps = net.by_step(images, 3, cell)
    layers = adapter.network(task, net)(images)
    np.testing.assert_allclose(layers.detach(), steps.detach(), atol=1e-5)


def test_differences_are_found(tmp_path: Path, scripts: Any) -> None:
    report = scripts("training_report")
    rng = np.random.default_rng(2)
    a = {"k/spikes": rng.random((5, 2, 3)) < 0.3, "k/by x": rng.normal(size=(5, 2, 3)),
         "k/by beta": np.array([4e3, 1.0])}  # fmt: skip
    b = {name: array.copy() for name, array in a.items()}
    b["k/by beta"][1] += 1e-7  # small compared with the largest
    np.savez(tmp_path / "a.npz", **a)
    np.savez(tmp_path / "b.npz", **b)
    paths = tmp_path / "a.npz", tmp_path / "b.npz"
    same = report.differences(*paths, "float64")
    assert same["far"] == []
    assert same["spikes"] == a["k/spikes"].sum()
    head = {"dtype": "float64", "convention": "norse", "pair": "x = y"}
    assert "1 kinds, " in (text := report.equality([head | same]))
    assert "identical" in text

    b["k/spikes"][0, 0, 0] ^= True
    b["k/by x"][1, 1, 1] += 1e-7
    np.savez(tmp_path / "b.npz", **b, **{"other/spikes": a["k/spikes"]})
    far = report.differences(*paths, "float64")
    assert far["far"][0] == "k/spikes: 1 differ"
    assert len(far["far"]) == 2
    assert "2 RESULTS DIFFER" in (text := report.equality([head | far]))
    assert "NOT IN BOTH: other" in text
    assert len(report.differences(*paths, "float32")["far"]) == 1
    np.savez(tmp_path / "b.npz", **{"k/spikes": a["k/spikes"][:4]})
    with pytest.raises(ValueError, match="k/spikes: shapes differ"):
        report.differences(*paths, "float64")


def test_what_counts_is_the_fastest_of_the_peers(scripts: Any) -> None:
    report, case = scripts("training_report"), scripts("compare_training").Case

    def passes(*seconds: float, spikes: int = 9) -> list[dict[str, Any]]:
        return [
            {"wall_s": s, "forward_s": s / 4, "backward_s": 3 * s / 4, "first_s": 1.0,
             "spikes": spikes, "passes": 5}
            for s in seconds
        ]  # fmt: skip

    results = {
        case("spikelet", "norse", "fused", 1): passes(0.010, 0.012, 0.011),
        case("spikelet", "norse", "checkpoint", 1): passes(0.020),
        case("norse", "norse", "loop", 1): passes(0.110),
        case("norse", "norse", "compiled", 1): [{"failed": "no result in 600 s"}],
        case("norse", "norse", "compiled step", 1): passes(0.055, spikes=8),
        case("norse", "norse", "loop", 2): passes(0.001),
    }
    assert report.best_peer(results) == (
        "* threads 1, neuron of norse: 5.00 times as fast as norse compiled step, the fastest"
    )
    table = report.layer(results)
    assert "| fused | 3 | 2.75 | 8.25 | 11 (10..12) | 1.00 | yes |" in table
    assert "| compiled | failed: no result in 600 s |" in table
    assert "| compiled step | 1 | 13.75 | 41.25 | 55 (55..55) | 5.00 | NO |" in table


def test_memory_of_a_piece_of_work() -> None:
    """In a process of its own: what other tests freed may have stayed resident."""
    code = (
        f"import sys; sys.path.insert(0, {str(FOLDER)!r})\n"
        "import measure, numpy as np\n"
        "print(measure.peak_above(lambda: np.ones(5_000_000)))"
    )
    assert float(spawn(code)) == pytest.approx(40, abs=5)
