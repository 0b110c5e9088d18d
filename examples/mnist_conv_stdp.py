# %% [markdown]
"""Classify digits from features that were learned without labels.

One convolutional layer of spiking neurons learns the shapes of strokes by STDP with winner-take-all.
A linear readout of its spikes, the only part that uses labels, classifies the digits.

    python examples/mnist_conv_stdp.py                     # scikit-learn's 8x8 digits
    python examples/mnist_conv_stdp.py --data MNIST/raw    # MNIST from its IDX files
"""

# %%
from __future__ import annotations

import argparse
import time
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import datasets, plot
from spikelet.models.conv_stdp import Conv, ConvSTDP
from spikelet.models.ridge_readout import RidgeReadout

Array: TypeAlias = NDArray[Any]

CHUNK = 5000  # images whose features are in memory at once
STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1)  # candidates for the readout's penalty; validation chooses

# %% [markdown]
# ## The layer
#
# These settings were chosen on the last sixth of the training images, with the readout trained on the
# others. MNIST's strokes are two to four pixels wide, those of the 8x8 digits one to two, so for the
# 8x8 digits the kernel, the layer's input cells and the windows that sum its responses are smaller by
# the same factor.


# %%
def build(shape: tuple[int, int], maps: int, seed: int, threads: int) -> ConvSTDP:
    layer = Conv(maps=maps)
    if min(shape) >= 20:
        return ConvSTDP([layer], shape=shape, seed=seed, threads=threads)
    layer = replace(
        layer, levels=(0.7, 1.3), kernel=3, threshold=2.0, window=3, stride=1, winners=4, radius=1
    )
    return ConvSTDP([layer], shape=shape, center=0.5, surround=1.0, seed=seed, threads=threads)


# %% [markdown]
# ## The measurement
#
# The test set is evaluated once, when all settings are final.


# %%
class Clock:
    """Sums the time spent in transform, without the readout."""

    def __init__(self, model: ConvSTDP) -> None:
        self.model, self.seconds, self.images = model, 0.0, 0

    def features(self, images: Array) -> Array:
        """Transform images and measure the time."""
        start = time.perf_counter()
        features = self.model.transform(images)
        self.seconds += time.perf_counter() - start
        self.images += len(images)
        return features


def add(readout: RidgeReadout, clock: Clock, x: Array, y: Array) -> None:
    for at in range(0, len(x), CHUNK):
        readout.partial_fit(clock.features(x[at : at + CHUNK]), y[at : at + CHUNK])


def right(readout: RidgeReadout, clock: Clock, x: Array, y: Array) -> float:
    """Return the accuracy of the readout."""
    parts = range(0, len(x), CHUNK)
    guesses = [readout.predict(clock.features(x[at : at + CHUNK])) for at in parts]
    return float(np.mean(np.concatenate(guesses) == y))


def choose_strength(readout: RidgeReadout, clock: Clock, x: Array, y: Array) -> float:
    features, best = clock.features(x), (-1.0, 0.0)
    for strength in STRENGTHS:
        accuracy = float(np.mean(readout.solve(strength).predict(features) == y))
        print(f"  penalty {strength:g}: {accuracy:.2%} of the validation images")
        best = max(best, (accuracy, strength))
    return best[1]


def spikes_an_image(model: ConvSTDP, images: Array) -> list[float]:
    return [float((wave != 255).sum()) / len(images) for wave in model.waves(images)]


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description="Features by STDP, and a linear readout.")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of MNIST's IDX files; default: 8x8 digits"
    )
    parser.add_argument(
        "--images", type=int, metavar="N", help="number of training images; default: all"
    )
    parser.add_argument(
        "--learn", type=int, metavar="N", default=10_000, help="images shown to STDP"
    )
    parser.add_argument("--maps", type=int, metavar="N", help="default: 128, or 48 for 8x8 digits")
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--threads", type=int, metavar="N", default=1)
    parser.add_argument(
        "--model", type=Path, metavar="FILE", help="save the model there, and resume"
    )
    parser.add_argument("--out", type=Path, default=Path("mnist_conv_stdp.png"))
    parser.add_argument("--quick", action="store_true", help="1000 training images")
    args = parser.parse_args()
    n = 1000 if args.quick and args.images is None else args.images
    maps = args.maps or (48 if args.data is None or args.quick else 128)
    if min(args.learn, 100 if n is None else n) < 100 or not 0 <= args.seed < 2**32 or maps < 1:
        parser.error("needs --images and --learn of 100 or more, --seed in [0, 2**32)")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        x, y = datasets.load(args.data, "train", n)
        x_test, y_test = datasets.load(args.data, "test")
        if args.model is not None and args.model.exists():
            model = ConvSTDP.load(args.model, threads=args.threads)
        else:
            model = build((x.shape[1], x.shape[2]), maps, args.seed, args.threads)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))

    start, before = time.perf_counter(), model.seen[0]
    n_validate = len(x) // 6
    n_train = len(x) - n_validate
    model.fit(x[: min(args.learn, n_train)], epochs=-(-args.learn // n_train))
    learning = time.perf_counter() - start
    if args.model is not None:
        model.save(args.model)
    print(f"{model}\nLearned from {model.seen[0] - before} images in {learning:.1f} s.")

    clock, readout, start = Clock(model), RidgeReadout(), time.perf_counter()
    add(readout, clock, x[:n_train], y[:n_train])
    strength = choose_strength(readout, clock, x[n_train:], y[n_train:])
    add(readout, clock, x[n_train:], y[n_train:])
    accuracy = right(readout.solve(strength), clock, x_test, y_test)
    total = time.perf_counter() - start
    inputs, hidden = spikes_an_image(model, x[:200])
    error = np.sqrt(accuracy * (1 - accuracy) / len(x_test))
    print(
        f"Features:  {clock.images} images in {clock.seconds:.1f} s, "
        f"{1e6 * clock.seconds / clock.images:.0f} us each; the readout {total - clock.seconds:.1f} s."
    )
    print(f"Spikes:    {inputs:.0f} in, {hidden:.0f} out, per image.")
    print(f"Accuracy:  {accuracy:.2%} of {len(x_test)} test images, standard error {error:.2%}.")

    figure = Figure(figsize=(8, 8), layout="constrained")
    plot.feature_maps(model.weights[0], ax=figure.subplots())
    figure.savefig(args.out, dpi=150)
    print(f"Figure:    {args.out}")


if __name__ == "__main__":
    main()
