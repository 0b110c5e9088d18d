# %% [markdown]
"""What a spike code costs, and what it gives.

Handwritten digits enter one spiking network, as rates (a bright pixel spikes often) or as latencies
(it spikes early, and once). All behind the code is the same: LIF neurons with random receptive
fields, and a linear readout of their spikes. What differs is the number of spikes, the energy they
cost, how often the readout is right, and how soon.

    python examples/coding_tradeoff.py                     # scikit-learn's 8x8 digits
    python examples/coding_tradeoff.py --data MNIST/raw    # MNIST from its IDX files
"""

# %%
from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal, TypeAlias

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

import spikelet as sl
from spikelet import datasets

Array: TypeAlias = NDArray[Any]
Readout: TypeAlias = Literal["counts", "first"]

CLASSES, HIDDEN = 10, 400
COLOURS = {"rate": "#d1495b", "latency": "#00798c", "phase": "#8d6cab", "burst": "#d9a21b"}
TAU_M = 20  # steps; a step is 1 ms
PAUSE = 5 * TAU_M  # between images: the membranes forget all but exp(-5)
THRESHOLDS = (1.0, 0.5, 0.25, 0.1)  # candidates [mV above rest]
NANOJOULE = 0.9e-3  # estimate: a synaptic event is one fp32 addition, 45 nm (Horowitz, ISSCC 2014)


# %% [markdown]
# ## The codes
#
# Two have a knob that trades spikes for accuracy: the highest probability p of a spike a step
# (rate), the brightness x up to which a pixel keeps silent (latency). Each has its natural readout:
# spike counts, but for latency the times of first spikes. The table shows both for all.


# %%
@dataclass(frozen=True)
class Code:
    """An encoder with a setting, and how the hidden spikes that it causes are read."""

    family: str
    setting: str
    encode: Callable[..., Any]
    readout: Readout = "counts"


def codes(quick: bool) -> list[Code]:
    """List the codes; the settings of a family go from frugal to lavish."""
    rates = (0.05, 0.2, 1.0) if quick else (0.05, 0.1, 0.2, 0.5, 1.0)
    dark = (0.5, 0.0) if quick else (0.75, 0.5, 0.25, 0.0)
    latency = partial(Code, "latency", readout="first")
    return [
        *(Code("rate", f"p={p:g}", partial(sl.encode.rate, max_prob=p)) for p in rates),
        *(latency(f"x>{x:g}", partial(sl.encode.latency, threshold=x)) for x in dark),
        Code("phase", "8 bits", sl.encode.phase),
        Code("burst", "up to 5", sl.encode.burst),
    ]


# %% [markdown]
# ## The network: pixels, and LIF neurons that each see a random patch with random weights


# %%
class Network:
    """The same for all codes."""

    def __init__(self, n_pixels: int, threshold: float, seed: int) -> None:
        side = round(n_pixels**0.5)
        patch = max(3, side // 5)
        top, left = np.random.default_rng(seed).integers(0, side - patch + 1, (2, HIDDEN, 1))
        row, column = np.divmod(np.arange(patch**2), patch)
        seen = ((top + row) * side + left + column).ravel()
        self.fan_out = np.bincount(seen, minlength=n_pixels)

        neuron = sl.LIFDelta(E_L=0.0, V_reset=0.0, V_th=threshold, tau_m=TAU_M, t_ref=0.0)
        self.net = sl.Network(dt=1.0, seed=seed, threads=1)  # too small for threads to help
        self.pixels = self.net.population(n_pixels, sl.RasterSource(np.zeros((0, n_pixels), int)))
        self.hidden = self.net.population(HIDDEN, neuron)
        synapses = (seen, np.repeat(np.arange(HIDDEN), patch**2))
        weight = sl.Normal(0.5 / patch, 1 / patch)
        self.net.connect(self.pixels, self.hidden, synapses, weight=weight, delay=1.0)
        self.recorder = self.net.record(self.hidden, "spikes")

    def show(
        self, code: Code, images: Array, steps: int, seed: int, batch: int = 200
    ) -> tuple[Array, Array]:
        """Show images one after the other, a batch in a run.

        Return hidden spikes [images, steps + 1, n] (the one more is the delay), and input spikes
        [pixels].
        """
        slot, inputs, hidden = steps + PAUSE, np.zeros(images.shape[1]), []
        for first in range(0, len(images), batch):
            raster = code.encode(images[first : first + batch], steps, seed=seed + first)
            inputs += raster.sum(axis=(0, 1))
            n, start = raster.shape[1], self.net.t
            train = np.zeros((n, slot, len(inputs)), np.uint8)
            train[:, :steps] = raster.swapaxes(0, 1)
            self.pixels.raster = train.reshape(n * slot, -1)
            self.net.run(float(n * slot))
            spikes = np.zeros((n * slot, HIDDEN), np.uint8)
            spikes[(self.recorder.times - start).astype(int) - 1, self.recorder.ids] = 1
            self.recorder.clear()
            hidden.append(spikes.reshape(n, slot, -1)[:, : steps + 1])
        return np.concatenate(hidden), inputs


# %% [markdown]
# ## The readout
#
# A hidden spike adds its neuron's weights to the scores of the classes: once (counts) or, only for
# the first spike of a neuron, the more the earlier (first). There is no offset, so the scores give
# a decision at any step. The weights are a ridge regression on the whole responses to the training
# images. Leave-one-out errors choose its strength, and the threshold of the hidden neurons: one
# threshold for all codes, the best for rate and latency together, on training images only.


# %%
def votes(hidden: Array, readout: Readout) -> Array:
    """How much each hidden spike counts, float32 [images, steps, n]."""
    if readout == "counts":
        return hidden.astype(np.float32)
    first = (hidden == 1) & (hidden.cumsum(axis=1, dtype=np.uint16) == 1)
    return first * np.linspace(1, 0, hidden.shape[1], endpoint=False, dtype=np.float32)[:, None]


def train(features: Array, labels: Array) -> tuple[Array, float]:
    """Ridge regression: weights [n, classes] and the leave-one-out accuracy."""
    targets = 2 * np.eye(CLASSES)[labels] - 1
    scale, axes = np.linalg.eigh(features.T.astype(float) @ features)
    rotated = features @ axes
    best = np.zeros((features.shape[1], CLASSES)), -1.0
    for strength in 10.0 ** np.arange(-7, -1) * max(scale[-1], 1.0):
        shrink = 1 / (scale.clip(0) + strength)
        weights = shrink[:, None] * (rotated.T @ targets)
        own = (rotated**2 @ shrink)[:, None]  # what an image's label adds to its own score
        left_out = (rotated @ weights - own * targets) / (1 + 1e-9 - own)
        accuracy = float(np.mean(left_out.argmax(axis=1) == labels))
        if accuracy > best[1]:
            best = axes @ weights, accuracy
    return best


def choose_threshold(images: Array, labels: Array, steps: int, seed: int) -> float:
    def accuracy(threshold: float) -> float:
        network, total = Network(images.shape[1], threshold, seed), 0.0
        for encode, readout in ((sl.encode.rate, "counts"), (sl.encode.latency, "first")):
            hidden, _ = network.show(Code("", "", encode), images, steps, seed)
            total += train(votes(hidden, readout).sum(axis=1), labels)[1]
        return total

    return max(THRESHOLDS, key=accuracy)


# %% [markdown]
# ## The measurement


# %%
@dataclass(frozen=True)
class Outcome:
    """A row of the table: means over images, and what the readout decides on held-out ones."""

    code: Code
    spikes: float
    hidden: float
    events: float  # a spike at each of its synapses, those onto the readout included
    accuracy: dict[Readout, float]
    right: Array  # [images, steps]: is the decision from the spikes so far right?
    final: Array  # [images]: the step from which it stays

    def __str__(self) -> str:
        counts, first = (
            f"{100 * value:.1f}{'*' if readout == self.code.readout else ' '}"
            for readout, value in self.accuracy.items()
        )
        return (
            f"{self.code.family:8}{self.code.setting:8}{self.spikes:8.1f}{self.hidden:8.0f}"
            f"{self.events:10.0f}{NANOJOULE * self.events:9.2f}{counts:>10}{first:>8}"
            f"{self.final.mean():9.1f}"
        )


HEADER = """\
                   input  hidden  synaptic   energy  accuracy [%]:  decided
code    setting   spikes  spikes    events     [nJ]   counts  first  at step"""


def measure(
    network: Network, code: Code, images: Array, labels: Array, n_train: int, steps: int, seed: int
) -> Outcome:
    hidden, inputs = network.show(code, images, steps, seed)
    right, final, truth = {}, {}, labels[n_train:]
    for readout in ("counts", "first"):
        vote = votes(hidden, readout)
        weights, _ = train(vote[:n_train].sum(axis=1), labels[:n_train])
        scores = (vote[n_train:] @ weights.astype(np.float32)).cumsum(axis=1)
        decision = np.where(scores.any(axis=2), scores.argmax(axis=2), -1)  # -1: no spike yet
        open_ = (decision != decision[:, -1:]) | (decision < 0)
        right[readout] = decision == truth[:, None]
        later = open_[:, ::-1].cumsum(axis=1) > 0
        final[readout] = (later.sum(axis=1) + 1).clip(max=later.shape[1])
    events = inputs @ network.fan_out + CLASSES * hidden.sum()
    means = (float(total) / len(images) for total in (inputs.sum(), hidden.sum(), events))
    accuracy = {readout: float(r[:, -1].mean()) for readout, r in right.items()}
    return Outcome(code, *means, accuracy, right[code.readout], final[code.readout])


def conclusions(outcomes: list[Outcome]) -> str:
    """Compare the most lavish settings of rate and latency, in words."""
    rates = [o for o in outcomes if o.code.family == "rate"]
    rate, latency = rates[-1], [o for o in outcomes if o.code.family == "latency"][-1]
    alike = min(rates, key=lambda o: abs(np.log(o.events / latency.events)))
    better = latency.right[:, -1].astype(float) - rate.right[:, -1]
    gap, error = 100 * better.mean(), 100 * better.std() / len(better) ** 0.5
    timing = 100 * (latency.accuracy["first"] - latency.accuracy["counts"])
    return f"""\
Cost:      rate ({rate.code.setting}) takes {rate.spikes / latency.spikes:.1f} times the input \
spikes of latency, and {rate.events / latency.events:.1f} times the energy.
Accuracy:  latency is {abs(gap):.1f} points {"above" if gap > 0 else "below"} that rate, \
{"a clear difference" if abs(gap) > 2 * error else "not clearly"} (standard error {error:.1f}).
Like cost: rate ({alike.code.setting}), at {alike.events / latency.events:.1f} times the energy of \
latency, is right on {alike.right[:, -1].mean():.1%}; latency on {latency.right[:, -1].mean():.1%}.
Response:  the decision is final at step {latency.final.mean():.1f} with latency, \
{rate.final.mean():.1f} with rate ({rate.code.setting}), {alike.final.mean():.1f} with rate \
({alike.code.setting}).
Timing:    reading latency by first spikes, not by counts, changes its accuracy by {timing:+.1f} \
points."""


# %%
def plot(
    path: Path, outcomes: list[Outcome], image: Array, rasters: dict[str, tuple[Array, Array]]
) -> None:
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    axes = figure.subplot_mosaic("aaaaaabbbbbb;iicccccddddd", height_ratios=[1.1, 1])
    time, cost = axes["a"], axes["b"]
    for family, colour in COLOURS.items():
        members = [o for o in outcomes if o.code.family == family]
        curves = [100 * o.right.mean(axis=0) for o in members]
        for o, curve, width in zip(
            members, curves, np.linspace(0.5, 2, len(members) + 1)[1:], strict=True
        ):
            time.plot(np.arange(1, len(curve) + 1), curve, color=colour, lw=width)
            spot = (o.events, curve[-1])
            cost.annotate(o.code.setting, spot, (0, -13), textcoords="offset points", ha="center")
        final = [curve[-1] for curve in curves]
        cost.plot([o.events for o in members], final, "o-", color=colour, label=family)
    time.set(xlabel="step", ylabel="accuracy [%]", title="Accuracy with the spikes so far")
    cost.set(xlabel="synaptic events an image", title="Accuracy against cost", xscale="log")
    cost.legend(frameon=False, loc="lower right")
    energy = cost.secondary_xaxis(
        "top", functions=(lambda e: e * NANOJOULE, lambda e: e / NANOJOULE)
    )
    energy.set_xlabel("energy [nJ], estimated")
    axes["i"].imshow(image, cmap="gray_r")
    axes["i"].set(title="Image", xticks=[], yticks=[])
    order = np.argsort(-image.ravel(), kind="stable")
    for key, (family, (pixels, hidden)) in zip("cd", rasters.items(), strict=True):
        step, rank = np.nonzero(pixels[:, order])
        axes[key].scatter(step + 1, rank, s=5, color=COLOURS[family])
        axes[key].set(xlabel="step", title=f"{family}: {len(step)} spikes")
    figure.savefig(path, dpi=150)


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", metavar="DIR", help="MNIST's IDX files; else 8x8 digits")
    parser.add_argument("--images", type=int, metavar="N", help="a fifth of them held out")
    parser.add_argument("--steps", type=int, metavar="N", help="an image; 32, or 16 if quick")
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--out", type=Path, default=Path("coding_tradeoff.png"))
    parser.add_argument("--quick", action="store_true", help="fewer images, steps and settings")
    args = parser.parse_args()
    n = args.images or (400 if args.quick else 2000 if args.data else 1797)
    steps = args.steps or (16 if args.quick else 32)
    if n < 100 or steps < 2 or args.seed < 0:
        parser.error("needs --images >= 100, --steps >= 2, --seed >= 0")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    try:
        parts = (
            datasets.load(args.data, "train", n - n // 5),
            datasets.load(args.data, "test", n // 5),
        )
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    images, labels = (np.concatenate(both) for both in zip(*parts, strict=True))
    x, n_train = images.reshape(n, -1), n - n // 5

    threshold = choose_threshold(
        x[: min(n_train, 500)], labels[: min(n_train, 500)], steps, args.seed
    )
    network = Network(x.shape[1], threshold, args.seed)
    pixels, _ = train(x[:n_train], labels[:n_train])
    direct = np.mean((x[n_train:] @ pixels).argmax(axis=1) == labels[n_train:])
    print(
        f"{n_train} images to train on, {n - n_train} held out; {steps} steps an image; {HIDDEN} hidden neurons,\n"
        f"threshold {threshold:g} mV. A linear readout of the pixels themselves is right on {direct:.1%}.\n\n{HEADER}"
    )
    outcomes = []
    for code in codes(args.quick):
        outcomes.append(measure(network, code, x, labels, n_train, steps, args.seed))
        print(outcomes[-1], flush=True)
    print("* the code's natural readout: for the last column, the picture and what follows\n")
    print(conclusions(outcomes))
    plot(args.out, outcomes, images[n_train], {})
    print(f"\nPicture: {args.out}")


if __name__ == "__main__":
    main()
