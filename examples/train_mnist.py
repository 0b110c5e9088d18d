# %% [markdown]
"""Train a convolutional spiking network on MNIST by backpropagation, and deploy it without PyTorch.

    python examples/train_mnist.py --data MNIST/raw    # MNIST from its IDX files
    python examples/train_mnist.py                     # scikit-learn's 8x8 digits

The script prints the progress of each epoch, the spikes of each layer, whether the engine sends the
same spikes as PyTorch, test accuracy against the number of steps, and an estimate of the energy.
"""

# %%
from __future__ import annotations

import argparse
import time
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet import datasets

try:
    import torch
    from torch import nn

    from spikelet.torch import (
        LIF,
        Epoch,
        OverTime,
        SpikeConv2d,
        SpikeLinear,
        fit,
        losses,
        to_spiking_model,
    )
except ImportError:
    raise SystemExit(
        "train_mnist.py trains with PyTorch, which is missing: pip install 'spikelet[torch]'"
    ) from None

Array: TypeAlias = NDArray[Any]

STEPS = 5
SHIFT = 2  # largest shift of a training image, in pixels of 28
SPIKING = ("lif1", "lif2", "lif3")


# %% [markdown]
# ## The network
#
# The image is a constant input current, so everything before the first neurons is the same at each
# step and is computed once. `SpikeConv2d` and `SpikeLinear` add only the weights of inputs that spiked, and
# `OverTime` applies layers without a time dimension to all steps at once. The last layer does not spike: its mean
# over the steps is the readout.


# %%
def build(shape: tuple[int, int], steps: int, width: int) -> nn.Sequential:
    def neurons(steps: int | None = None) -> LIF:
        return LIF(tau_m=2.0, steps=steps)  # a step is 1 ms

    features = 2 * width * (shape[0] // 4) * (shape[1] // 4)
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(1, width, 5, padding=2, bias=False),
            bn1=nn.BatchNorm2d(width),
            pool1=nn.MaxPool2d(2),
            lif1=neurons(steps),
            conv2=SpikeConv2d(width, 2 * width, 5, stride=2, padding=2, bias=False),
            bn2=OverTime(nn.BatchNorm2d(2 * width)),
            lif2=neurons(),
            flat=nn.Flatten(2),
            fc1=SpikeLinear(features, 128, bias=False),
            bn3=OverTime(nn.BatchNorm1d(128)),
            lif3=neurons(),
            fc2=nn.Linear(128, 10),
        )
    )


class Batches:
    """Training images, reshuffled for each pass and shifted at random by a few pixels."""

    def __init__(self, x: Array, y: Array, size: int, shift: int = 0, seed: int | None = None):
        self.x, self.y = torch.from_numpy(x), torch.from_numpy(y.astype(np.int64))
        self.size, self.shift, self.samples = size, shift, len(x)
        self.generator = None if seed is None else torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return (self.samples + self.size - 1) // self.size

    def __iter__(self) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        order = torch.arange(self.samples)
        if self.generator is not None:
            order = torch.randperm(self.samples, generator=self.generator)
        for part in order.split(self.size):
            yield self._moved(self.x[part]), self.y[part]

    def _moved(self, x: torch.Tensor) -> torch.Tensor:
        if not self.shift:
            return x
        n, _, h, w = x.shape
        by = torch.randint(2 * self.shift + 1, (2, n, 1), generator=self.generator)
        rows, columns = torch.arange(h) + by[0], torch.arange(w) + by[1]
        padded = nn.functional.pad(x, [self.shift] * 4)
        return padded[torch.arange(n)[:, None, None], 0, rows[:, :, None], columns[:, None]][
            :, None
        ]


def train(
    x: Array, y: Array, test: Batches, args: argparse.Namespace
) -> tuple[nn.Sequential, list[Epoch]]:
    """Train the network by Adam with a one-cycle learning rate."""
    torch.manual_seed(args.seed)
    model = build(x.shape[2:], args.steps, args.width)
    model.to(memory_format=torch.channels_last)  # makes pools and strided convolutions faster
    data = Batches(x, y, args.batch, round(SHIFT * x.shape[2] / 28), args.seed)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    total = args.epochs * len(data)
    history = fit(
        model,
        data,
        loss=lambda output, labels: losses.membrane_cross_entropy(output, labels, how="mean"),
        epochs=args.epochs,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.01, total_steps=total),
        test=test,
        seed=args.seed,
        checkpoint=args.checkpoint,
        progress=lambda epoch: print(f"  {epoch}", flush=True),
    )
    return model.eval(), history


# %% [markdown]
# ## Deployment
#
# BatchNorm is folded into the weights, so sums round differently than in PyTorch: in float32, one
# spike in many thousands may differ. In float64, all are the same.


# %%
def spikes_of(model: nn.Sequential, x: Array) -> dict[str, Array]:
    """Return the spikes of PyTorch's neurons, [T, B, ...]."""
    found: dict[str, Array] = {}
    handles = [
        model.get_submodule(name).register_forward_hook(
            lambda _m, _i, sent, name=name: found.update({name: sent.numpy()})
        )
        for name in SPIKING
    ]
    with torch.no_grad():
        model(torch.from_numpy(x).to(next(model.parameters()).dtype))
    for handle in handles:
        handle.remove()
    return found


def compare(model: nn.Sequential, x: Array, steps: int, threads: int | None) -> None:
    """Print how many spikes the engine and PyTorch have in common."""
    for dtype in ("float32", "float64"):
        module = model.double() if dtype == "float64" else model
        snn = to_spiking_model(module, x.shape[1:], dtype=dtype, threads=threads)
        result = snn.run(x, steps, record=SPIKING)
        wanted = spikes_of(module, x)
        different = sum(int((result[name] != sent).sum()) for name, sent in wanted.items())
        places = sum(sent.size for sent in wanted.values())
        sent = sum(int(a.sum()) for a in wanted.values())
        print(
            f"Spikes in {dtype}: {different} of {places} places differ, {sent} spikes, {len(x)} images"
        )
    model.float()


def rates(snn: sl.SpikingModel, x: Array, steps: int) -> list[tuple[str, int, float]]:
    """Print and return neurons and spikes of each layer."""
    shapes = snn.graph.shapes(x.shape[1:])
    operations = snn.run(x, steps).operations
    print(f"{'layer':8}{'neurons':>9}{'spikes':>9}{'per neuron':>12}{'per step':>10}")
    rows = []
    for name in snn.neurons:
        neurons = int(np.prod(shapes[name]))
        sent = operations[name].spikes
        each = sent / neurons
        print(f"{name:8}{neurons:9d}{sent:9.0f}{each:12.3f}{each / steps:10.1%}")
        rows.append((name, neurons, each))
    return rows


# %% The figure
def draw(
    figure: Any, history: list[Epoch], curve: dict[int, float], snn: sl.SpikingModel, image: Array
) -> None:
    left, middle, right = figure.subplots(1, 3)
    epochs = [e.epoch for e in history]
    left.plot(epochs, [100 * (1 - e.accuracy) for e in history], label="training")
    left.plot(epochs, [100 * (1 - (e.test_accuracy or 0)) for e in history], label="test")
    left.set(xlabel="epoch", ylabel="error [%]", yscale="log", title="Learning")
    left.legend()
    middle.plot(list(curve), [100 * (1 - a) for a in curve.values()], "o-")
    middle.set(xlabel="steps", ylabel="test error [%]", yscale="log", title="Fewer steps, or more")
    longest = max(curve)
    sent = snn.run(image[None], longest, record="lif3")["lif3"][:, 0]
    step, neuron = np.nonzero(sent)
    right.plot(step + 1, neuron, "|", markersize=4)
    right.set(xlabel="step", ylabel="neuron", title="Spikes of the last neurons, one image")


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description="A spiking CNN learns digits.")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of MNIST's IDX files; default: 8x8 digits"
    )
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="default: 6 for MNIST, 30 for 8x8 digits"
    )
    parser.add_argument("--steps", type=int, metavar="T", default=STEPS)
    parser.add_argument("--width", type=int, metavar="N", help="channels of the first layer")
    parser.add_argument("--batch", type=int, metavar="N", default=128)
    parser.add_argument(
        "--images", type=int, metavar="N", help="number of training images; default: all"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--checkpoint", type=Path, help="written each epoch, and resumed from")
    parser.add_argument("--out", type=Path, default=Path("train_mnist.png"))
    parser.add_argument("--quick", action="store_true", help="few images, epochs and channels")
    args = parser.parse_args()
    if args.epochs is None:
        args.epochs = (3 if args.quick else 6) if args.data else (8 if args.quick else 30)
    if args.width is None:
        args.width = 8 if args.quick else 24
    if min(args.epochs, args.steps, args.width, args.batch) < 1:
        parser.error("needs --epochs, --steps, --width and --batch of 1 or more")
    if args.images is not None and args.images < args.batch:
        parser.error(f"needs --images of at least {args.batch}, a batch")
    if args.threads is not None and args.threads < 1:
        parser.error("needs --threads of 1 or more")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    n_train = args.images or (2000 if args.quick and args.data else None)
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        images, labels = datasets.load(args.data, "train", n_train)
        test_images, y = datasets.load(args.data, "test", 300 if args.quick else None)
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    if args.threads is not None or args.quick:  # small tensors gain nothing from threads
        torch.set_num_threads(args.threads or 1)
    x_train, x = images[:, None], test_images[:, None]  # one channel

    print(f"Training on {len(x_train)} images of {x.shape[2]}x{x.shape[3]}, {args.steps} steps:")
    start = time.perf_counter()
    model, history = train(x_train, labels, Batches(x, y, 500), args)
    seconds = time.perf_counter() - start
    print(f"Accuracy: {history[-1].test_accuracy:.2%} of {len(x)} test images, {seconds:.0f} s")

    snn = to_spiking_model(model, x.shape[1:], threads=args.threads)
    start = time.perf_counter()
    found = snn.run(x, args.steps).output.argmax(1)
    seconds = time.perf_counter() - start
    each = 1e3 * seconds / len(x)
    print(f"\nDeployed: {np.mean(found == y):.2%}, {each:.3f} ms per image")
    compare(model, x[:256], args.steps, args.threads)

    print("\nSpikes for one image, over all steps:")
    rates(snn, x, args.steps)

    tried = [t for t in (1, 2, 3, 4, 5, 6, 8, 12, 16) if t <= 3 * args.steps]
    curve = {t: float(np.mean(snn.run(x, t).output.argmax(1) == y)) for t in tried}
    print("\nAccuracy with fewer steps than trained for, or more:")
    print("  " + ", ".join(f"T = {t}: {a:.2%}" for t, a in curve.items()))

    print(f"\nEnergy at T = {args.steps}, the constant current of the first layer computed once:")
    print(sl.energy.measure(snn, x[:200], args.steps, first_layer_once=True))

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    draw(figure, history, curve, snn, x[0])
    figure.savefig(args.out, dpi=150)
    print(f"\nFigure: {args.out}")


if __name__ == "__main__":
    main()
