# %% [markdown]
"""Compare what spike codes cost and what they achieve.

Handwritten digits drive one network of LIF neurons with a linear readout, either as rates (a bright
pixel spikes often) or as latencies (it spikes early, and once). The codes differ in the number of
spikes, their energy, the test accuracy, and the time until the decision.

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
from typing import Any, TypeAlias

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")  # the matrices are small

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet import datasets

Array: TypeAlias = NDArray[Any]

CLASSES, HIDDEN = 10, 400
COLORS = {"rate": "#d1495b", "latency": "#00798c", "phase": "#8d6cab", "burst": "#d9a21b"}
TAU_M, PAUSE = 20, 100  # steps of 1 ms; between images the membranes decay by exp(-5)
BATCH = 200  # images in one run of the network
NANOJOULE = 0.9e-3  # estimate: one fp32 addition per synaptic event, 45 nm (Horowitz, ISSCC 2014)


# %% [markdown]
# ## The codes
#
# Two codes have a parameter that trades spikes for accuracy: the highest probability p of a spike
# in a step (rate), and the brightness x up to which a pixel stays silent (latency). Each code has a
# natural readout: the times of first spikes for latency, and spike counts for the others. The table
# shows both readouts for all codes.


# %%
@dataclass(frozen=True)
class Code:
    """An encoder with its setting, and the readout of the hidden spikes it evokes."""

    family: str
    setting: str
    encode: Callable[..., Any]
    readout: str = "counts"  # or "first"


def codes(quick: bool) -> list[Code]:
    """List the codes; within a family, the settings go from few to many spikes."""
    rates = (0.05, 0.2, 1.0) if quick else (0.05, 0.1, 0.2, 0.5, 1.0)
    dark = (0.5, 0.0) if quick else (0.75, 0.5, 0.25, 0.0)
    latency = partial(Code, "latency", readout="first")
    return [
        *(Code("rate", f"p={p:g}", partial(sl.encode.rate, max_prob=p)) for p in rates),
        *(latency(f"x>{x:g}", partial(sl.encode.latency, threshold=x)) for x in dark),
        Code("phase", "8 bits", sl.encode.phase),
        Code("burst", "up to 5", sl.encode.burst),
    ]


# %% The network
class Network:
    """Pixels, and hidden LIF neurons that each receive a random square of them with random weights."""

    def __init__(self, n_pixels: int, threshold: float, seed: int) -> None:
        side, self.seed = round(n_pixels**0.5), seed
        patch = max(3, side // 5)
        top, left = np.random.default_rng(seed).integers(0, side - patch + 1, (2, HIDDEN, 1))
        row, column = np.divmod(np.arange(patch**2), patch)
        seen = ((top + row) * side + left + column).ravel()
        self.fan_out = np.bincount(seen, minlength=n_pixels)

        neuron = sl.LIFDelta(E_L=0.0, V_reset=0.0, V_th=threshold, tau_m=TAU_M, t_ref=0.0)
        self.net = sl.Network(dt=1.0, seed=seed, threads=1)  # too small for threads to help
        self.pixels = self.net.population(n_pixels, sl.RasterSource(np.zeros((0, n_pixels), int)))
        self.hidden = self.net.population(HIDDEN, neuron)
        synapses = seen, np.arange(seen.size) // patch**2
        weight = sl.Normal(0.5 / patch, 1 / patch)
        self.net.connect(self.pixels, self.hidden, synapses, weight=weight, delay=1.0)
        self.recorder = self.net.record(self.hidden, "spikes")

    def show(self, code: Code, images: Array, steps: int) -> tuple[Array, Array]:
        """Return hidden spikes [images, steps + the delay of 1, n], and input spikes [pixels]."""
        slot, inputs, hidden = steps + PAUSE, np.zeros(images.shape[1]), []
        for first in range(0, len(images), BATCH):
            raster = code.encode(images[first : first + BATCH], steps, seed=self.seed + first)
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
# A hidden spike adds its neuron's weights to the scores of the classes. All spikes count equally
# (counts), or only the first spike of each neuron counts, and more the earlier it comes (first).
# There is no offset, so the scores give a decision at any step. The weights are a ridge regression
# on the complete responses to the training images. The strength of the ridge and the neurons'
# threshold (one for all codes, the best for rate and latency together) minimise the leave-one-out
# errors on training images.


# %%
def votes(hidden: Array, readout: str) -> Array:
    """Return the weight of each hidden spike in the readout, float32 [images, steps, n]."""
    if readout == "counts":
        return hidden.astype(np.float32)
    first = (hidden == 1) & (hidden.cumsum(axis=1, dtype=np.uint16) == 1)
    return first * np.linspace(1, 0, hidden.shape[1], endpoint=False, dtype=np.float32)[:, None]


def train(features: Array, labels: Array) -> tuple[Array, float]:
    """Fit a ridge regression; return weights [n, classes] and leave-one-out accuracy."""
    targets = 2 * np.eye(CLASSES)[labels] - 1
    scale, axes = np.linalg.eigh(features.T.astype(float) @ features)
    rotated = features @ axes
    best = np.zeros((features.shape[1], CLASSES)), -1.0
    for strength in 10.0 ** np.arange(-7, -1) * max(scale[-1], 1.0):
        shrink = 1 / (scale.clip(0) + strength)
        weights = shrink[:, None] * (rotated.T @ targets)
        own = (rotated**2 @ shrink)[:, None]  # the share of its own label in an image's score
        left_out = (rotated @ weights - own * targets) / (1 + 1e-9 - own)
        accuracy = float(np.mean(left_out.argmax(axis=1) == labels))
        if accuracy > best[1]:
            best = axes @ weights, accuracy
    return best


def choose_threshold(images: Array, labels: Array, steps: int, seed: int) -> float:
    def accuracy(threshold: float) -> float:
        network, total = Network(images.shape[1], threshold, seed), 0.0
        for encode, readout in ((sl.encode.rate, "counts"), (sl.encode.latency, "first")):
            hidden, _ = network.show(Code("", "", encode), images, steps)
            total += train(votes(hidden, readout).sum(axis=1), labels)[1]
        return total

    return max((1.0, 0.5, 0.25, 0.1), key=accuracy)


# %% The measurement
@dataclass(frozen=True)
class Outcome:
    """A row of the table: means over images, and the decisions on held-out images."""

    code: Code
    spikes: float
    hidden: float
    events: float  # spikes times synapses, including those onto the readout
    right: dict[str, Array]  # [images, steps]: is the decision from the spikes so far right?
    final: float  # the step after which the decision no longer changes

    @property
    def curve(self) -> Array:
        """Return the accuracy [%] at each step, with the code's natural readout."""
        return 100 * self.right[self.code.readout].mean(axis=0)

    def __str__(self) -> str:
        star, rows = {self.code.readout: "*"}, self.right.items()
        counts, first = (f"{100 * r[:, -1].mean():.1f}{star.get(key, ' ')}" for key, r in rows)
        return (
            f"{self.code.family:8}{self.code.setting:8}{self.spikes:8.1f}{self.hidden:8.0f}"
            f"{self.events:10.0f}{NANOJOULE * self.events:9.2f}{counts:>10}{first:>8}{self.final:9.1f}"
        )


HEADER = """
                   input  hidden  synaptic   energy  accuracy [%]:  decided
code    setting   spikes  spikes    events     [nJ]   counts  first  at step"""


def measure(network: Network, code: Code, x: Array, y: Array, n_train: int, steps: int) -> Outcome:
    hidden, inputs = network.show(code, x, steps)
    right, final = {}, {}
    for readout in ("counts", "first"):
        vote = votes(hidden, readout)
        weights, _ = train(vote[:n_train].sum(axis=1), y[:n_train])
        scores = (vote[n_train:] @ weights.astype(np.float32)).cumsum(axis=1)
        decision = np.where(scores.any(axis=2), scores.argmax(axis=2), -1)  # -1: no spike yet
        right[readout] = decision == y[n_train:, None]
        open_ = (decision != decision[:, -1:]) | (decision < 0)
        before = np.logical_or.accumulate(open_[:, ::-1], axis=1).sum(axis=1)
        final[readout] = float((before + 1).clip(max=steps + 1).mean())
    events = inputs @ network.fan_out + CLASSES * hidden.sum()
    means = np.array([inputs.sum(), hidden.sum(), events]) / len(x)
    return Outcome(code, *means.tolist(), right, final[code.readout])


def conclusions(outcomes: list[Outcome]) -> str:
    """Describe how the settings of rate and latency with the most spikes compare."""
    rates, (*_, best) = ([o for o in outcomes if o.code.family == f] for f in ("rate", "latency"))
    rate, like = rates[-1], min(rates, key=lambda o: abs(np.log(o.events / best.events)))
    names = f"rate ({rate.code.setting})", f"rate ({like.code.setting})"
    gain = 100.0 * best.right["first"][:, -1] - 100.0 * rate.right["counts"][:, -1]
    gap, error = gain.mean(), gain.std() / len(gain) ** 0.5
    timing = best.curve[-1] - 100 * best.right["counts"][:, -1].mean()
    return f"""
Cost:      {names[0]} takes {rate.spikes / best.spikes:.1f} times the input spikes of latency and \
{rate.events / best.events:.1f} times its energy (estimate: 0.9 pJ per event, a 45 nm fp32 addition).
Accuracy:  latency minus {names[0]} is {gap:+.1f} points, standard error {error:.1f}: \
{"a clear" if abs(gap) > 2 * error else "no clear"} difference.
Like cost: {names[1]} takes {like.events / best.events:.1f} times the energy of latency and is \
right on {like.curve[-1]:.1f} %, latency on {best.curve[-1]:.1f} %.
Response:  decided at step {best.final:.1f} with latency, {rate.final:.1f} with {names[0]}, \
{like.final:.1f} with {names[1]}.
Timing:    first spikes instead of counts change the accuracy of latency by {timing:+.1f} points.
"""


# %% The figure
def plot(figure: Any, outcomes: list[Outcome], network: Network, image: Array) -> None:
    axes = figure.subplot_mosaic("aaaaaabbbbbb;iicccccddddd", height_ratios=[1.1, 1])
    lavish = {o.code.family: o for o in outcomes}
    for family, color in COLORS.items():
        members = [o for o in outcomes if o.code.family == family]
        cost, accuracy = [NANOJOULE * o.events for o in members], [o.curve[-1] for o in members]
        axes["b"].plot(cost, accuracy, "o-", color=color, label=family)
        for o, x, y in zip(members, cost, accuracy, strict=True):
            axes["b"].text(x, y, f"{o.code.setting}  ", ha="right", va="bottom", fontsize=8)
            alpha = 1 if o is lavish[family] else 0.25
            axes["a"].plot(range(1, len(o.curve) + 1), o.curve, color=color, alpha=alpha)
    axes["a"].set(xlabel="step", ylabel="accuracy from the spikes so far [%]")
    axes["b"].set_xscale("log", subs=[2, 5])
    axes["b"].xaxis.set(major_formatter="{x:g}", minor_formatter="{x:g}")
    label = f"estimated energy per image [nJ, {1 / NANOJOULE:.0f} synaptic events each]"
    axes["b"].set(xlabel=label, ylabel="accuracy [%]", xmargin=0.15)
    axes["b"].legend(frameon=False, loc="lower right")
    axes["i"].imshow(image, cmap="gray_r")
    axes["i"].set_axis_off()
    brightest = np.argsort(-image.ravel(), kind="stable")[: np.count_nonzero(image)]
    for ax, family in ((axes["c"], "rate"), (axes["d"], "latency")):
        code, steps = lavish[family].code, len(lavish[family].curve) - 1
        raster = code.encode(image.ravel(), steps, seed=network.seed)[:, brightest]
        hidden = network.show(code, image.reshape(1, -1), steps)[0][0, :, :60]
        for low, spikes, color in ((0, raster, COLORS[family]), (1.1, hidden, "0.5")):
            step, row = np.nonzero(spikes)
            ax.scatter(step + 1, low + row / spikes.shape[1], s=3, color=color)
        ax.set(xlabel="step", ylim=(2.15, -0.05), title=f"{family}: {raster.sum()} input spikes")
        ax.set_yticks([0.5, 1.6], ["pixels by brightness", "hidden"], rotation=90, va="center")


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description="Compare the costs and accuracies of spike codes.")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of MNIST's IDX files; default: 8x8 digits"
    )
    parser.add_argument(
        "--images", type=int, metavar="N", help="number of images; a fifth is held out"
    )
    parser.add_argument(
        "--steps", type=int, metavar="N", help="steps per image; default: 32, or 16 with --quick"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--out", type=Path, default=Path("coding_tradeoff.png"))
    parser.add_argument("--quick", action="store_true", help="fewer images, steps and settings")
    args = parser.parse_args()
    n = (500 if args.quick else 2000 if args.data else 1797) if args.images is None else args.images
    steps = (16 if args.quick else 32) if args.steps is None else args.steps
    if n < 100 or steps < 2 or not 0 <= args.seed < 2**32:
        parser.error("needs --images of 100 or more, --steps of 2 or more, --seed in [0, 2**32)")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    n_train = n - n // 5
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        parts = datasets.load(args.data, "train", n_train), datasets.load(args.data, "test", n // 5)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    images, y = (np.concatenate(part) for part in zip(*parts, strict=True))
    x = images.reshape(n, -1)
    threshold = choose_threshold(x[:n_train][:500], y[:n_train][:500], steps, args.seed)
    direct = (x[n_train:] @ train(x[:n_train], y[:n_train])[0]).argmax(axis=1)
    print(f"{n_train} images to train on, {n // 5} held out; {HIDDEN} neurons of {threshold:g} mV.")
    print(f"The readout straight from pixels: {np.mean(direct == y[n_train:]):.1%}.\n{HEADER}")
    network, outcomes = Network(x.shape[1], threshold, args.seed), []
    for code in codes(args.quick):
        outcomes.append(measure(network, code, x, y, n_train, steps))
        print(outcomes[-1], flush=True)
    figure = Figure(figsize=(11, 7.5), layout="constrained")
    plot(figure, outcomes, network, images[n_train])
    figure.savefig(args.out, dpi=150)
    print(f"* with the natural readout, as below\n{conclusions(outcomes)}\nFigure: {args.out}")


if __name__ == "__main__":
    main()
