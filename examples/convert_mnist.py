# %% [markdown]
"""Train a small CNN with PyTorch, convert it to a spiking network, and compare the two.

    python examples/convert_mnist.py                     # scikit-learn's 8x8 digits
    python examples/convert_mnist.py --data MNIST/raw    # MNIST from its IDX files

Training takes two minutes on two cores, and everything else about as long. The script prints what
each layer lost, test accuracy against the number of steps for three kinds of neurons and three ways
to code the input, how soon decisions are made, an estimate of the energy, and what stopping saves.
"""

# %%
from __future__ import annotations

import argparse
import functools
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet import datasets
from spikelet.conversion import Table, evaluate

try:
    import torch
    from torch import nn
except ImportError:
    raise SystemExit(
        "convert_mnist.py trains with PyTorch, which is missing: pip install 'spikelet[torch]'"
    ) from None

Array: TypeAlias = NDArray[Any]
Tables: TypeAlias = dict[str, Table]

BATCH = 128  # images in a training step
SHOWN = 8  # the T whose report and energy are printed
ALLOWED = 0.1  # points of accuracy that stopping may cost
CODINGS = ("direct", "poisson", "latency")


# %% [markdown]
# ## The ANN
#
# The conversion folds BatchNorm into the convolutions, and max pooling acts on spike counts.


# %%
def build(shape: tuple[int, int]) -> nn.Sequential:
    features = 32 * (shape[0] // 4) * (shape[1] // 4)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, 16, 3, padding=1, bias=False),
            bn1=nn.BatchNorm2d(16),
            relu1=nn.ReLU(),
            pool1=nn.MaxPool2d(2),
            conv2=nn.Conv2d(16, 32, 3, padding=1, bias=False),
            bn2=nn.BatchNorm2d(32),
            relu2=nn.ReLU(),
            pool2=nn.MaxPool2d(2),
            flat=nn.Flatten(),
            fc1=nn.Linear(features, 128),
            relu3=nn.ReLU(),
            fc2=nn.Linear(128, 10),
        )
    )


def train(images: Array, labels: Array, epochs: int, seed: int) -> nn.Sequential:
    """Train the network by Adam with a one-cycle learning rate, and set it to evaluation."""
    torch.manual_seed(seed)
    model = build(images.shape[2:])
    x, y = torch.from_numpy(images), torch.from_numpy(labels.astype(np.int64))
    optimizer = torch.optim.Adam(model.parameters())
    steps = epochs * -(-len(x) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=steps)
    start = time.perf_counter()
    for epoch in range(epochs):
        for part in torch.randperm(len(x)).split(BATCH):
            optimizer.zero_grad()
            loss = nn.functional.cross_entropy(model(x[part]), y[part])
            loss.backward()
            optimizer.step()
            rate.step()
        seconds = time.perf_counter() - start
        print(
            f"  epoch {epoch + 1} of {epochs}, {seconds:.0f} s: loss {loss.item():.4f}", flush=True
        )
    return model.eval()


# %% [markdown]
# ## The spiking network
#
# `sl.convert` needs the model and a few hundred images without labels. The default method fits the
# network to one T, so we convert once for each T; networks from the classic methods run for any T.


# %%
class Conversions:
    """The conversions of one ANN; each is made once."""

    def __init__(self, ann: nn.Sequential, calibration: Array, threads: int | None) -> None:
        self.ann, self.calibration, self.threads = ann, calibration, threads

    @functools.cache  # noqa: B019  # the only object lives as long as the script
    def fitted(self, steps: int, coding: str) -> sl.conversion.ConvertedModel:
        """Return the network of the default method."""
        return sl.convert(
            self.ann, self.calibration, steps=steps, coding=coding, threads=self.threads
        )

    @functools.cache  # noqa: B019
    def classic(self, neuron: str, steps: int) -> sl.conversion.ConvertedModel:
        """Return the network with thresholds from percentiles and this reset."""
        return sl.convert(
            self.ann,
            self.calibration,
            steps=steps,
            method="percentile",
            neuron=sl.conversion.Neurons(neuron, delay=0),
            threads=self.threads,
        )


# %% The figures
def draw(figure: Any, report: Table, resets: Tables, codings: Tables, responses: Tables) -> None:
    top, bottom = figure.subfigures(2, 1, height_ratios=[1, 1.3])
    sl.plot.bars(report, figure=top)
    top.suptitle(f"T = {report.facts['steps']}, layer by layer")
    left, middle, right = bottom.subplots(1, 3)
    sl.plot.results(resets, ax=left)
    sl.plot.results(codings, "spikes", ax=middle)
    sl.plot.results(responses, "steps", "decided", ax=right)


def first(table: Table, within: Array) -> float:
    """Return the first T from which on a condition holds, or infinity."""
    fails = np.flatnonzero(~within)
    after = int(fails[-1]) + 1 if fails.size else 0
    return float(table["steps"][after]) if after < len(table) else np.inf


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description="A CNN for digits, made spiking.")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of MNIST's IDX files; default: 8x8 digits"
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="default: 6 for MNIST, 40 for 8x8 digits"
    )
    parser.add_argument(
        "--images", type=int, metavar="N", help="number of training images; default: all"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--out", type=Path, default=Path("convert_mnist.png"))
    parser.add_argument("--quick", action="store_true", help="few images, epochs and steps")
    args = parser.parse_args()
    usual = (2 if args.quick else 6) if args.data else (15 if args.quick else 40)
    epochs = usual if args.epochs is None else args.epochs
    if epochs < 1 or (args.images is not None and args.images < BATCH):
        parser.error(f"needs --epochs of 1 or more and --images of {BATCH} or more")
    if args.threads is not None and args.threads < 1:
        parser.error("needs --threads of 1 or more")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    n_train = args.images or (2000 if args.quick and args.data else None)
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        images, labels = datasets.load(args.data, "train", n_train)
        test_images, y = datasets.load(args.data, "test", 200 if args.quick else None)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    x_train, x = images[:, None], test_images[:, None]  # one channel
    steps = (2, 4, 8, 16) if args.quick else (2, 4, 8, 16, 32, 64)
    if args.threads is not None:
        torch.set_num_threads(args.threads)

    print(f"Training on {len(x_train)} images of {x.shape[2]}x{x.shape[3]}:")
    ann = train(x_train, labels, epochs, args.seed)
    make = Conversions(ann, x_train[: 200 if args.quick else 1000], args.threads)

    start = time.perf_counter()
    snn = make.fitted(SHOWN, "direct")
    seconds = time.perf_counter() - start
    print(f"\nConverted for T = {SHOWN} in {seconds:.1f} s. Layer by layer, on test images:")
    report = snn.report(x, y)
    print(report)
    loss = report.facts["loss"]
    print(
        f"Loss at T = {SHOWN}: {loss:.2f} points, {round(loss * len(x) / 100):d} of {len(x)} images "
        f"(SNN {report.facts['accuracy']:.2%}, ANN {report.facts['ann_accuracy']:.2%})"
    )

    print("\nAccuracy [%] against T, by reset; thresholds of the first two from percentiles:")
    longest = steps[-1]
    fitted = make.fitted(longest, "direct")
    resets = {
        name: evaluate(make.classic(neuron, longest), fitted.ann, x, y, steps)
        for name, neuron in (("hard reset", "hard"), ("soft reset", "soft"))
    }
    resets["default"] = Table.joined(
        [evaluate(make.fitted(t, "direct"), None, x, y) for t in steps]
    )
    print("T   ", *resets)
    for t in steps:
        print(f"{t:<4}", *(f"{table.row(t)['accuracy']:10.2%}" for table in resets.values()))
    for name, table in resets.items():
        needed = first(table, table["loss"] <= 1.0)
        print(f"  within 1 point of the ANN from T = {needed:g} on: {name}")

    print("\nInput as a current, as Poisson spikes, as latencies:")
    codings = {
        coding: Table.joined([evaluate(make.fitted(t, coding), None, x, y) for t in steps])
        for coding in CODINGS
    }
    for coding, table in codings.items():
        print(f"{coding}: {table}")

    print(f"\nResponse times, T = {longest}:")
    every = range(1, longest + 1)
    responses = {
        name: evaluate(model, fitted.ann, x, None, every, energy_samples=0)
        for name, model in (
            ("hard reset", make.classic("hard", longest)),
            ("soft reset", make.classic("soft", longest)),
            ("default", fitted),
        )
    }
    for name, table in responses.items():
        half, most = (first(table, table["decided"] >= share) for share in (0.5, 0.95))
        mean = 1 + (1 - table["decided"]).sum()
        print(f"  {name:12}decided after {mean:.3g} steps on average, half {half:g}, 95 % {most:g}")

    print(f"\nEnergy at T = {SHOWN}:")
    few = x[:200]
    print(sl.energy.measure(snn, few, ann=snn.ann))
    for what, options in (
        ("the constant current of the first layer computed once", {"first_layer_once": True}),
        ("with memory traffic", {"memory": True}),
        ("both", {"first_layer_once": True, "memory": True}),
    ):
        cost = sl.energy.measure(snn, few, ann=snn.ann, **options)
        assert cost.ann is not None
        other = cost.energy_nj / cost.ratio
        print(f"  {what}: {cost.energy_nj:.0f} nJ, ANN {other:.0f} nJ, ratio {cost.ratio:.2f}")

    print(f"\nStopping when sure, T = {SHOWN}; limits chosen on training images:")
    more = slice(200, 1000) if args.quick else slice(1000, 6000)
    for name, model in (
        ("default", snn),
        ("soft reset", make.classic("soft", SHOWN)),
    ):
        stop = model.stopping(x_train[more], labels[more], loss=ALLOWED)
        result = model.run(x, until=stop)
        right = (result.output.argmax(1) == y).mean()
        cost = sl.energy.measure(model, few, ann=snn.ann, until=stop)
        print(
            f"  {name:12}{np.mean(result.steps):.2f} steps on average, {right:.2%} right, "
            f"{cost.ratio:.2f} x the ANN's energy"
        )

    figure = Figure(figsize=(12, 7), layout="constrained")
    draw(figure, report, resets, codings, responses)
    figure.savefig(args.out, dpi=150)
    print(f"\nFigure: {args.out}")


if __name__ == "__main__":
    main()
