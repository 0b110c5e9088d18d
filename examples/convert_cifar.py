# %% [markdown]
"""Convert a trained ResNet-20, given as arrays, to spiking networks and measure them, without PyTorch.

    python examples/convert_cifar.py --model resnet20.npz --images test.npz --calibration some.npz
    python examples/convert_cifar.py --quick    # a small untrained network, as a quick check

`--model` is an .npz file with the arrays of a PyTorch state_dict under their names, and the `mean`
and `std` of the input, [3] each. The network is the ResNet for CIFAR of He et al. (2016) with
projection shortcuts, of any width and any number of blocks; no convolution has a bias:

    conv1.weight                    3x3, then bn1.*, ReLU
    blocks.K.conv1.weight           3x3, then blocks.K.bn1.*, ReLU
    blocks.K.conv2.weight           3x3, then blocks.K.bn2.*, plus the shortcut, ReLU
    blocks.K.down.0.weight          1x1, then blocks.K.down.1.*: the shortcut, in some blocks;
                                    these have stride 2, all others 1
    fc.weight, fc.bias              after the mean over all pixels

Each BatchNorm has weight, bias, running_mean and running_var. `--images` and `--calibration` are
.npz files with `images`, uint8 [n, height, width, 3]; `--images` also has `labels`, [n].
"""

# %%
from __future__ import annotations

import argparse
import functools
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet.conversion import batch_norm
from spikelet.conversion.comparison import compare
from spikelet.conversion.curves import AccuracyCurve
from spikelet.conversion.hybrid import search_split
from spikelet.layers import AdaptiveAvgPool2d, Add, Conv2d, Flatten, Linear, ReLU
from spikelet.layers.graph import Graph

Array: TypeAlias = NDArray[Any]
Arrays: TypeAlias = Mapping[str, Array]

BATCH_NORM = ("weight", "bias", "running_mean", "running_var")
LOSS = 1.0  # points below the ANN: where resets are compared, and what a hybrid may lose
CLASSIC = 32  # the T of the report on vanishing spikes, with thresholds from percentiles


# %% [markdown]
# ## The network, layer by layer
#
# A layer is a triple (name, layer, inputs). BatchNorm is a separate layer, which `sl.convert` folds.


# %%
def resnet(arrays: Arrays) -> Graph:
    layers: list[Any] = []

    def add(name: str, layer: Any, *inputs: str) -> str:
        layers.append((name, layer, inputs))
        return name

    def conv(name: str, norm: str, source: str, stride: int) -> str:
        weight = arrays[f"{name}.weight"]
        out = add(name, Conv2d(weight, stride=stride, padding=weight.shape[-1] // 2), source)
        return add(norm, batch_norm(*(arrays[f"{norm}.{part}"] for part in BATCH_NORM)), out)

    x = add("relu", ReLU(), conv("conv1", "bn1", "input", 1))
    block = 0
    while f"blocks.{block}.conv1.weight" in arrays:
        at = f"blocks.{block}"
        projected = f"{at}.down.0.weight" in arrays
        stride = 2 if projected else 1
        inner = conv(f"{at}.conv1", f"{at}.bn1", x, stride)
        inner = add(f"{at}.relu1", ReLU(), inner)
        inner = conv(f"{at}.conv2", f"{at}.bn2", inner, 1)
        shortcut = conv(f"{at}.down.0", f"{at}.down.1", x, stride) if projected else x
        x = add(f"{at}.relu2", ReLU(), add(f"{at}.add", Add(), inner, shortcut))
        block += 1
    x = add("flatten", Flatten(), add("pool", AdaptiveAvgPool2d(1), x))
    add("fc", Linear(arrays["fc.weight"], arrays["fc.bias"]), x)
    return Graph(layers)


# %% [markdown]
# ## The images


# %%
@dataclass(frozen=True)
class Task:
    """A network, with test images, their labels, and calibration images."""

    graph: Graph
    x: Array
    labels: Array
    calibration: Array


def read(args: argparse.Namespace, count: int | None) -> Task:
    """Read the files."""
    with np.load(args.model) as file:
        arrays = dict(file)
    mean, std = (np.asarray(arrays[name], np.float32) for name in ("mean", "std"))

    def pictures(file: Any, n: int | None) -> Array:
        scaled = (file["images"][:n].astype(np.float32) / 255 - mean) / std
        return np.ascontiguousarray(scaled.transpose(0, 3, 1, 2))

    with np.load(args.images) as file:
        x, labels = pictures(file, count), file["labels"][:count]
    with np.load(args.calibration) as file:
        calibration = pictures(file, args.calibrate)
    return Task(resnet(arrays), x, labels, calibration)


def invented(seed: int) -> Task:
    """Make a small network and images at random; the network's own decisions are the labels."""
    rng = np.random.default_rng(seed)
    arrays: dict[str, Array] = {}

    def conv(name: str, norm: str, shape: tuple[int, ...]) -> None:
        scale = (2 / np.prod(shape[1:])) ** 0.5
        arrays[f"{name}.weight"] = rng.normal(0, scale, shape)
        arrays[f"{norm}.weight"] = rng.uniform(0.5, 1.0, shape[0])
        arrays[f"{norm}.bias"] = rng.normal(0, 0.1, shape[0])
        arrays[f"{norm}.running_mean"] = rng.normal(0, 0.1, shape[0])
        arrays[f"{norm}.running_var"] = rng.uniform(0.8, 1.2, shape[0])

    conv("conv1", "bn1", (8, 3, 3, 3))
    widths = (8, 8, 16)
    for k, width in enumerate(widths):
        before = widths[max(k - 1, 0)]
        conv(f"blocks.{k}.conv1", f"blocks.{k}.bn1", (width, before, 3, 3))
        conv(f"blocks.{k}.conv2", f"blocks.{k}.bn2", (width, width, 3, 3))
        if width != before:
            conv(f"blocks.{k}.down.0", f"blocks.{k}.down.1", (width, before, 1, 1))
    arrays["fc.weight"] = rng.normal(0, 1, (10, widths[-1]))
    arrays["fc.bias"] = np.zeros(10)

    def pictures(n: int) -> Array:
        coarse = rng.normal(size=(n, 3, 4, 4))
        smooth = coarse.repeat(4, axis=2).repeat(4, axis=3)
        return (smooth + 0.3 * rng.normal(size=smooth.shape)).astype(np.float32)

    x, calibration = pictures(100), pictures(100)
    outputs = sl.SpikingModel(resnet(arrays)).run(x, steps=1).output
    arrays["fc.bias"] = -outputs.mean(axis=0)  # otherwise all images would be of one class
    graph, labels = resnet(arrays), (outputs - outputs.mean(axis=0)).argmax(axis=1)
    return Task(graph, x, labels, calibration)


# %% [markdown]
# ## The measurement


# %%
class Conversions:
    """The conversions of one ANN; each is made once, and their times are summed."""

    def __init__(self, task: Task, dtype: str, threads: int | None) -> None:
        self.task, self.options, self.seconds = task, {"dtype": dtype, "threads": threads}, 0.0

    @functools.cache  # noqa: B019  # the only object lives as long as the script
    def __call__(self, steps: int, **how: Any) -> sl.conversion.ConvertedModel:
        """Return the network for a number of steps."""
        start = time.perf_counter()
        model = sl.convert(
            self.task.graph, self.task.calibration, steps=steps, **how, **self.options
        )
        self.seconds += time.perf_counter() - start
        return model


def table(
    task: Task, make: Conversions, steps: list[int], few: list[int]
) -> dict[str, AccuracyCurve]:
    """Print each accuracy as soon as it is known, relative to the ANN's."""
    ann = make(steps[0]).ann
    right = ann.run(task.x, steps=1).output.argmax(axis=1) == task.labels
    print(f"ANN: {right.mean():.2%} of {len(task.x)} images\n")
    print("neurons       T  accuracy    loss  as the ANN  images/s")
    curves = {}
    rows = (("default", steps, {}), ("multi", few, {"neuron": "multi"}))
    for name, every, how in rows:
        accuracies, agreements = [], []
        for t in every:
            model = make(t, **how)
            start = time.perf_counter()
            chosen = model.run(task.x).output.argmax(axis=1)
            seconds = time.perf_counter() - start
            accuracies.append(np.mean(chosen == task.labels))
            agreements.append(np.mean(chosen == model.ann.run(task.x, steps=1).output.argmax(1)))
            print(
                f"{name:11}{t:4d}{accuracies[-1]:10.2%}{100 * (right.mean() - accuracies[-1]):8.2f}"
                f"{agreements[-1]:12.2%}{len(task.x) / seconds:10.0f}",
                flush=True,
            )
        curves[name] = AccuracyCurve(
            np.array(every),
            np.array(accuracies),
            np.array(agreements),
            None,
            None,
            float(right.mean()),
            len(task.x),
        )
    return curves


# %%
def numbers(text: str) -> list[int]:
    """Parse increasing numbers of steps."""
    steps = [int(part) for part in text.split(",")]
    if steps != sorted(set(steps)) or steps[0] < 1:
        raise argparse.ArgumentTypeError(f"must be rising numbers of 1 or more, got {text}")
    return steps


def main() -> None:
    parser = argparse.ArgumentParser(description="A ResNet for CIFAR, made spiking.")
    parser.add_argument("--model", type=Path, metavar="NPZ", help="weights under PyTorch's names")
    parser.add_argument("--images", type=Path, metavar="NPZ", help="test images and labels")
    parser.add_argument("--calibration", type=Path, metavar="NPZ", help="calibration images")
    parser.add_argument(
        "--calibrate", type=int, metavar="N", default=800, help="number of calibration images"
    )
    parser.add_argument(
        "--count", type=int, metavar="N", help="number of test images; default: all"
    )
    parser.add_argument(
        "--steps", type=numbers, metavar="T,...", help="numbers of steps; default: 16,32,64,128"
    )
    parser.add_argument(
        "--resets", type=int, metavar="T", help="compare the resets up to T; default: 2048"
    )
    parser.add_argument(
        "--reset-count", type=int, metavar="N", default=1000, help="images for that"
    )
    parser.add_argument("--dtype", choices=("float32", "float64", "int16"), default="float32")
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="seed of the random net")
    parser.add_argument("--out", type=Path, default=Path("convert_cifar.png"))
    parser.add_argument("--quick", action="store_true", help="200 images, or a random network")
    args = parser.parse_args()
    files = [args.model, args.images, args.calibration]
    if not all(files) and (any(files) or not args.quick):
        parser.error("needs --model, --images and --calibration, or --quick without any of them")
    steps = args.steps or ([8, 16] if args.quick and not any(files) else [16, 32, 64, 128])
    longest = (64 if args.quick else 2048) if args.resets is None else args.resets
    for name in ("count", "calibrate", "reset_count", "threads"):
        given = getattr(args, name)
        if given is not None and given < 1:
            parser.error(f"--{name.replace('_', '-')} must be 1 or more, got {given}")
    if longest < 4 or not 0 <= args.seed < 2**32:
        parser.error("needs --resets of 4 or more and --seed in [0, 2**32)")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        task = (
            read(args, args.count or (200 if args.quick else None))
            if any(files)
            else invented(args.seed)
        )
    except KeyError as error:
        parser.error(f"a file lacks {error}; see the head of this script")
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    if not any(files):
        print("This is not a trained network: weights and images are random, and the labels are")
        print("the ANN's own decisions. It shows that everything runs, and nothing else.\n")

    make = Conversions(task, args.dtype, args.threads)
    curves = table(task, make, steps, few=[4, 8])
    print(f"\nConversion took {make.seconds:.1f} s in all, {len(task.calibration)} images.")

    snn = make(steps[min(1, len(steps) - 1)])
    part = slice(0, args.reset_count)
    print(f"\nWhere activity is lost, by reset; thresholds from percentiles, T = {CLASSIC}:")
    for name in ("hard", "soft"):
        model = make(CLASSIC, method="percentile", neuron=sl.conversion.Neurons(name, delay=0))
        report = model.report(task.x[part], task.labels[part])
        lost = ", ".join(report.vanishing) or "none"
        least = min(report.layers, key=lambda layer: layer.activity)
        print(
            f"  {name}: spikes vanish in {lost}; least activity {least.activity:.0%} in {least.name}"
        )
    report = snn.report(task.x[part], task.labels[part])
    print(f"\nThe default, layer by layer:\n{report}")

    print("\nReset by subtraction (RMP) against reset to zero, accuracy [%]:")
    ladder = [2**k for k in range(2, int(np.log2(longest)) + 1)]
    models = {
        name: make(longest, method="percentile", neuron=sl.conversion.Neurons(name, delay=0))
        for name in ("hard", "soft")
    }
    resets = compare(models, task.x[part], task.labels[part], ladder, ann=snn.ann, energy_samples=0)
    print(resets)
    print(f"Steps to {LOSS:g} point below the ANN: {resets.steps_to(LOSS)}")
    factor = resets.factor("hard", "soft", LOSS)
    print(f"Factor hard / soft: {factor:g} (inf: hard never gets there; nan: soft does not)")

    print("\nHybrid networks:")
    few = slice(0, min(args.reset_count, 200))
    search = search_split(
        snn, snn.ann, task.x[few], task.labels[few], steps=snn.steps, max_loss=LOSS
    )
    print(search)

    print("\nEnergy:")
    cost = sl.energy.measure(snn, task.x[few], ann=snn.ann)
    print(cost)
    for what, options in (
        ("the constant current of the first layer computed once", {"first_layer_once": True}),
        ("with memory traffic", {"memory": True}),
    ):
        other = sl.energy.measure(snn, task.x[few], ann=snn.ann, **options)
        print(f"  {what}: {other.energy_nj:.0f} nJ, {other.ratio:.2f} times the ANN's")

    figure = Figure(figsize=(12, 10), layout="constrained")
    top, bottom = figure.subfigures(2, 1, height_ratios=[1.3, 1])
    sl.plot.conversion_report(report, figure=top)
    left, middle, right = bottom.subplots(1, 3)
    sl.plot.accuracy_curve(curves, ax=left, marker=".")
    sl.plot.accuracy_curve(resets, ax=middle)
    sl.plot.hybrid_search(search, ax=right)
    figure.savefig(args.out, dpi=150)
    print(f"\nFigure: {args.out}")


if __name__ == "__main__":
    main()
