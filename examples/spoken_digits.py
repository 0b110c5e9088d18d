# %% [markdown]
"""Turn speech into spikes, and classify words by them.

    python examples/spoken_digits.py                       # four artificial words, made here
    python examples/spoken_digits.py --data fsdd.npz       # arrays audio, offsets, digit, index; 8 kHz
    python examples/spoken_digits.py --data recordings/    # 7_jackson_32.wav: label, speaker, index

The files are those of the Free Spoken Digit Dataset (https://github.com/Jakobovski/free-spoken-digit-dataset), whose official
test recordings have an index below 5. A cochlea of gammatone filters turns each recording into spikes (`sl.encode.cochlea`).
Two listeners then learn the words: a linear readout of how many spikes each channel sent in each tenth of the recording,
and, with PyTorch, a network of LIF neurons that receives the spikes in steps of 10 ms (`--listener network`).
"""

# %%
from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy.io import wavfile

import spikelet as sl

Array: TypeAlias = NDArray[Any]

WORDS = ("rise", "fall", "low hum", "high hum")
PARTS = 10  # of a recording, in which the readout counts


@dataclass
class Sounds:
    """Recordings, with the label and the split of each."""

    waves: list[Array]
    rates: list[float]
    labels: Array
    test: Array


# %% [markdown]
# ## Sounds


# %%
def artificial(n: int, seed: int) -> Sounds:
    """Return words of two tones that rise, fall or stay, at any pitch, loudness and length, in noise."""
    rng = np.random.default_rng(seed)
    rate = 8000.0
    waves = []
    labels = np.arange(n) % len(WORDS)
    for label in labels:
        t = np.arange(int(rate * rng.uniform(0.3, 0.5))) / rate
        pitch = rng.uniform(0.85, 1.2)
        begin, end = ((400, 1600), (1600, 400), (500, 500), (1500, 1500))[label]
        phase = 2 * np.pi * pitch * (begin * t + (end - begin) * t**2 / (2 * t[-1]))
        wave = np.sin(phase) + 0.5 * np.sin(2 * phase + rng.uniform(0, 6))
        wave *= np.sqrt(np.linspace(0, 1, len(t)) * np.linspace(1, 0, len(t))) * rng.uniform(0.1, 1)
        waves.append(wave + 0.01 * rng.standard_normal(len(t)))
    return Sounds(waves, [rate] * n, labels, rng.random(n) < 0.25)


def from_npz(path: Path) -> Sounds:
    """Return the recordings of one file of arrays."""
    with np.load(path) as file:
        data = {name: file[name] for name in ("audio", "offsets", "digit", "index")}
    waves = np.split(data["audio"], data["offsets"][1:-1])
    return Sounds(waves, [8000.0] * len(waves), data["digit"].astype(int), data["index"] < 5)


def from_folder(folder: Path) -> Sounds:
    """Return the recordings of a folder of WAV files."""
    paths = sorted(folder.glob("*_*_*.wav"))
    if not paths:
        raise ValueError(f"no files like 7_jackson_32.wav in {folder}")
    names = [path.stem.split("_") for path in paths]
    read = [wavfile.read(path) for path in paths]
    waves = [wave if wave.ndim == 1 else wave.mean(1) for _, wave in read]
    index = np.array([int(name[-1]) for name in names])
    return Sounds(
        waves,
        [float(rate) for rate, _ in read],
        np.array([int(name[0]) for name in names]),
        index < 5,
    )


# %% [markdown]
# ## Listeners


# %%
def counted(spikes: list[Array]) -> Array:
    """Return how many spikes each channel sent in each part of each recording, [B, features]."""
    features = []
    for raster in spikes:
        begin = np.linspace(0, len(raster), PARTS + 1).astype(int)[:-1]
        features.append(
            np.add.reduceat(raster.reshape(len(raster), -1), begin, dtype=np.float64).ravel()
        )
    return np.array(features)


def readout(spikes: list[Array], sounds: Sounds, classes: int) -> float:
    """Return the accuracy of a linear readout of the counts."""
    x, train = counted(spikes), ~sounds.test
    x = (x - x[train].mean(0)) / (x[train].std(0) + 0.1)
    model = sl.models.RidgeReadout(classes).partial_fit(x[train], sounds.labels[train])
    model.solve(0.03)
    return float((model.predict(x[sounds.test]) == sounds.labels[sounds.test]).mean())


def network(spikes: list[Array], sounds: Sounds, classes: int, epochs: int, seed: int) -> float:
    """Return the accuracy of a spiking network that is trained by backpropagation."""
    import torch  # noqa: PLC0415  # needed here alone
    from torch.utils.data import DataLoader, Subset  # noqa: PLC0415

    from spikelet.torch import LI, LIF, EventDataset, evaluate, fit, losses, pad_frames  # noqa: PLC0415

    class Binned:
        """Counts in bins of 10 ms, as a data set."""

        def __len__(self) -> int:
            return len(spikes)

        def __getitem__(self, k: int) -> tuple[Array, int]:
            raster = spikes[k].reshape(len(spikes[k]), -1)
            return np.add.reduceat(raster, np.arange(0, len(raster), 10), dtype=np.float32), int(
                sounds.labels[k]
            )

    torch.manual_seed(seed)
    data = EventDataset(Binned())
    first = torch.nn.Linear(spikes[0].shape[1] * 2, 256)
    with torch.no_grad():
        first.weight *= 3  # few inputs spike at a time
    model = torch.nn.Sequential(
        first, LIF(tau_m=50.0, dt=10.0), torch.nn.Linear(256, classes), LI(tau_m=100.0, dt=10.0)
    )

    def loader(which: Array, *, shuffle: bool) -> Any:
        part = Subset(data, np.flatnonzero(which).tolist())
        return DataLoader(part, 64, shuffle=shuffle, collate_fn=pad_frames)

    def loss(v: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        return losses.membrane_cross_entropy(v, labels, how="mean")

    optimizer = torch.optim.Adam(model.parameters(), 5e-3)
    fit(model, loader(~sounds.test, shuffle=True), epochs=epochs, loss=loss, optimizer=optimizer)
    accuracy, _ = evaluate(model, loader(sounds.test, shuffle=False))
    return accuracy


# %% The figure
def draw(figure: Any, wave: Array, rate: float, raster: Array, frequencies: Array) -> None:
    above, below = figure.subplots(2, 1, sharex=True)
    above.plot(1000 * np.arange(len(wave)) / rate, wave, lw=0.5)
    above.set(ylabel="sound", title="A word and its spikes")
    for channel, (color, label) in enumerate((("tab:red", "ON"), ("tab:blue", "OFF"))):
        t, k = np.nonzero(raster[:, :, channel])
        below.scatter(t + 1, frequencies[k], s=2, c=color, label=label)
    below.set(xlabel="time [ms]", ylabel="channel [Hz]", yscale="log")
    below.legend()


# %%
def main() -> None:
    parser = argparse.ArgumentParser(
        description="Speech becomes spikes, and spikes are told apart."
    )
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="an .npz file, or a folder of .wav files"
    )
    parser.add_argument("--channels", type=int, metavar="N", default=32)
    parser.add_argument("--listener", choices=("readout", "network", "both"), default="readout")
    parser.add_argument(
        "--epochs", type=int, metavar="N", default=10, help="of the network; default: 10"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--out", type=Path, default=Path("spoken_digits.png"))
    parser.add_argument("--quick", action="store_true", help="few words")
    args = parser.parse_args()
    if args.epochs < 1:
        parser.error("needs --epochs of 1 or more")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        if args.data is None:
            sounds = artificial(80 if args.quick else 400, args.seed)
        else:
            sounds = from_folder(args.data) if args.data.is_dir() else from_npz(args.data)
        begin = time.perf_counter()
        spikes = [
            np.asarray(sl.encode.cochlea(wave, rate, channels=args.channels))
            for wave, rate in zip(sounds.waves, sounds.rates, strict=True)
        ]
    except (ImportError, OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    seconds = time.perf_counter() - begin
    classes = int(sounds.labels.max()) + 1
    mean = np.mean([raster.sum() for raster in spikes])
    print(f"{len(spikes)} recordings of {classes} words, {int(sounds.test.sum())} of them to test")
    print(
        f"Cochlea: {args.channels} channels, {mean:.0f} spikes a recording, {1e3 * seconds / len(spikes):.1f} ms each"
    )
    if args.listener != "network":
        print(f"Readout of counts: {100 * readout(spikes, sounds, classes):.1f}% right")
    if args.listener != "readout":
        print(
            f"Network of LIF neurons: {100 * network(spikes, sounds, classes, args.epochs, args.seed):.1f}% right"
        )

    rate = sounds.rates[0]
    figure = Figure(figsize=(8, 5), layout="constrained")
    draw(
        figure,
        sounds.waves[0],
        rate,
        spikes[0],
        sl.encode.erb_frequencies(args.channels, 100, min(8000.0, 0.4 * rate)),
    )
    figure.savefig(args.out, dpi=120)
    print(f"Figure: {args.out}")


if __name__ == "__main__":
    main()
