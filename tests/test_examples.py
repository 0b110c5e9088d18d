"""The examples run as a user runs them, in a folder of their own, and leave a picture there."""

from __future__ import annotations

import functools
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parents[1] / "examples"
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py"))
PNG = b"\x89PNG\r\n\x1a\n"
Start = Callable[..., tuple[subprocess.CompletedProcess[str], Path]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Run an example; the same arguments run once."""

    @functools.cache
    def run(script: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        folder = tmp_path_factory.mktemp(Path(script).stem)
        environment = os.environ | {"MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1"}
        done = subprocess.run(
            [sys.executable, str(FOLDER / script), *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done, folder

    return run


@pytest.mark.parametrize("script", SCRIPTS)
def test_runs_and_draws(start: Start, script: str) -> None:
    done, folder = start(script, "--quick")
    assert done.returncode == 0, done.stderr
    pictures = list(folder.glob("*.png"))
    assert pictures
    assert all(picture.read_bytes().startswith(PNG) for picture in pictures)


def table(output: str) -> dict[str, dict[str, list[float]]]:
    """Numbers of the table of coding_tradeoff.py, by code and setting."""
    rows: dict[str, dict[str, list[float]]] = {}
    for line in output.splitlines():
        if line[:8].rstrip() in {"rate", "latency", "phase", "burst"}:
            numbers = [float(word) for word in line[16:].replace("*", "").split()]
            rows.setdefault(line[:8].rstrip(), {})[line[8:16].rstrip()] = numbers
    return rows


def test_coding_tradeoff_table(start: Start) -> None:
    done, _ = start("coding_tradeoff.py", "--quick")
    assert done.returncode == 0, done.stderr
    rows = table(done.stdout)
    assert set(rows) == {"rate", "latency", "phase", "burst"}
    pixels, steps = 64, 16
    for family, settings in rows.items():
        for spikes, hidden, events, energy, counts, first, decided in settings.values():
            assert events > 10 * hidden > 0  # the readout alone has ten synapses a neuron
            assert energy == pytest.approx(0.9e-3 * events, abs=0.01)
            assert (first if family == "latency" else counts) > 30  # chance: 10 %
            assert 1 <= decided <= steps + 1
            assert spikes <= (pixels if family == "latency" else pixels * steps)
    latency, rate = rows["latency"]["x>0"], rows["rate"]["p=1"]
    assert rate[0] > 2 * latency[0]
    assert rate[2] > 2 * latency[2]
    for settings in (rows["latency"], rows["rate"]):  # they are listed from frugal to lavish
        costs = [numbers[0] for numbers in settings.values()]
        assert costs == sorted(costs)


def test_coding_tradeoff_concludes(start: Start) -> None:
    done, _ = start("coding_tradeoff.py", "--quick")
    for word in ("Cost:", "Accuracy:", "Like cost:", "Response:", "Timing:"):
        assert word in done.stdout
    rows = table(done.stdout)
    ratio = rows["rate"]["p=1"][2] / rows["latency"]["x>0"][2]
    assert f"{ratio:.1f} times its energy" in done.stdout


def test_mnist_conv_stdp_tells_digits(start: Start) -> None:
    done, _ = start("mnist_conv_stdp.py", "--quick")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("Accuracy:"))
    assert float(line.split()[1].rstrip("%")) > 95
    for word in ("Learned from", "Features:", "Spikes:", "Picture:"):
        assert word in done.stdout


def test_microcircuit_prints_rates_and_time(start: Start) -> None:
    done, _ = start("microcircuit.py", "--quick")
    rows = {words[0]: words[1:] for line in done.stdout.splitlines() if (words := line.split())}
    for name, published in (("L23E", 0.90), ("L5I", 8.63), ("L6I", 7.83)):
        assert float(rows[name][1]) == published
    assert float(rows["L5I"][0]) > float(rows["L23I"][0]) > float(rows["L23E"][0]) > 0
    for word in ("3858 neurons", "747205 synapses", "real-time factor", "full scale", "Picture:"):
        assert word in done.stdout


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--seconds", "0"), "needs --seconds of 0.01 or more"),
        (("--scale", "0.0001"), "scale must leave a neuron in each population"),
        (("--threads", "0"), "threads must be >= 1"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
)
def test_microcircuit_refuses(start: Start, arguments: tuple[str, ...], message: str) -> None:
    done, folder = start("microcircuit.py", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--images", "50"), "--images and --learn of 100 or more"),
        (("--data", "nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
)
def test_mnist_conv_stdp_refuses(start: Start, arguments: tuple[str, ...], message: str) -> None:
    done, folder = start("mnist_conv_stdp.py", *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--steps", "1"), "--steps of 2 or more"),
        (("--images", "2000"), "datasets.digits"),
        (("--data", "nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
)
def test_coding_tradeoff_refuses(start: Start, arguments: tuple[str, ...], message: str) -> None:
    done, folder = start("coding_tradeoff.py", *arguments)
    assert done.returncode == 2
    *_, last = done.stderr.splitlines()
    assert last.startswith("coding_tradeoff.py: error: ")
    assert message in last
    assert "Traceback" not in done.stderr
    assert not list(folder.iterdir())
