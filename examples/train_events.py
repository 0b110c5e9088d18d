# %% [markdown]
"""Train a spiking network on the events of a camera that watches moving digits.

    python examples/train_events.py                                 # scikit-learn's digits
    python examples/train_events.py --label direction               # the direction in which they move
    python examples/train_events.py --data MNIST/raw --images 6000  # MNIST's

A pixel sends an event when it becomes brighter (ON) or darker (OFF), and none where nothing moves.
Events are sorted into time steps and pass through convolutions whose forward pass adds only the
weights of active inputs. The script prints test accuracy, events, spikes of each layer, an estimate
of the energy, and the accuracy when the film stops early.
"""

# %%
from __future__ import annotations

import argparse
import time
from collections import OrderedDict
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import spikelet as sl
from spikelet import datasets

try:
    import torch
    from torch import nn
    from torch.utils.data import DataLoader, TensorDataset

    from spikelet.torch import (
        LI,
        LIF,
        Epoch,
        OverTime,
        SpikeConv2d,
        evaluate,
        fit,
        losses,
        to_spiking_model,
    )
except ImportError:
    raise SystemExit(
        "train_events.py trains with PyTorch, which is missing: pip install 'spikelet[torch]'"
    ) from None

Array: TypeAlias = NDArray[Any]

DURATION = 60  # length of a film [ms]


# %% [markdown]
# ## The network
#
# `LIF` neurons integrate over time, because no single step shows what a digit looks like or where it
# goes. The last layer, `LI`, integrates without spiking; its potential, averaged over the steps, is
# the readout.


# %%
def build(size: int, classes: int, dt: float, width: int) -> nn.Sequential:
    side = (size + 3) // 4  # halved twice, rounded up
    return nn.Sequential(
        OrderedDict(
            conv1=SpikeConv2d(2, width, 5, stride=2, padding=2, bias=False),
            bn1=OverTime(nn.BatchNorm2d(width)),
            lif1=LIF(tau_m=10.0, dt=dt),
            conv2=SpikeConv2d(width, 2 * width, 3, stride=2, padding=1, bias=False),
            bn2=OverTime(nn.BatchNorm2d(2 * width)),
            lif2=LIF(tau_m=10.0, dt=dt),
            flat=nn.Flatten(2),
            fc=nn.Linear(2 * width * side * side, classes),
            li=LI(tau_m=20.0, dt=dt, gain="normalized"),
        )
    )


def frames_of(events: list[Array], steps: int, size: int) -> torch.Tensor:
    """Return events as spikes, uint8 [B, T, 2, H, W]."""
    counts = [sl.events.to_bins(e, (size, size, 2), 1000 * DURATION / steps, steps) for e in events]
    return torch.from_numpy(np.minimum(counts, 1).reshape(-1, steps, 2, size, size))


def batches(frames: torch.Tensor, labels: Array, size: int, *, shuffle: bool) -> DataLoader[Any]:
    """Return batches [T, B, 2, H, W]."""

    def collate(samples: list[tuple[torch.Tensor, torch.Tensor]]) -> Any:
        x, y = zip(*samples, strict=True)
        return torch.stack(x, 1).float(), torch.stack(y)

    data = TensorDataset(frames, torch.from_numpy(labels.astype(np.int64)))
    return DataLoader(data, size, shuffle=shuffle, collate_fn=collate)


def loss(v: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
    return losses.membrane_cross_entropy(v, labels, how="mean")


# %% The figure
def draw(
    figure: Any, events: Array, size: int, history: list[Epoch], curve: dict[float, float]
) -> None:
    left, middle, right = figure.subplots(1, 3, width_ratios=[1.2, 1, 1])
    for ax, on, color in ((left, True, "tab:red"), (left, False, "tab:blue")):
        part = events[events["p"] == on]
        ax.scatter(part["t"] / 1e3, part["x"], s=2, c=color, label="ON" if on else "OFF")
    left.set(xlabel="time [ms]", ylabel="x", ylim=(-0.5, size - 0.5), title="Events of one film")
    left.legend()
    middle.plot([e.epoch for e in history], [100 * (e.test_accuracy or 0) for e in history])
    middle.set(xlabel="epoch", ylabel="test accuracy [%]", title="Learning")
    right.plot(list(curve), [100 * a for a in curve.values()], "o-")
    right.set(xlabel="film stops at [ms]", ylabel="test accuracy [%]", title="Deciding early")


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description="A spiking CNN learns from events.")
    parser.add_argument(
        "--data", metavar="DIR", help="folder of MNIST's IDX files; default: 8x8 digits"
    )
    parser.add_argument("--label", choices=("digit", "direction"), default="digit")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: 20")
    parser.add_argument("--steps", type=int, metavar="T", help="default: 20")
    parser.add_argument(
        "--size", type=int, metavar="N", help="sensor size; default: 24, or 34 for MNIST"
    )
    parser.add_argument(
        "--images", type=int, metavar="N", help="number of training images; default: all"
    )
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--out", type=Path, default=Path("train_events.png"))
    parser.add_argument("--quick", action="store_true", help="few films, epochs and pixels")
    args = parser.parse_args()
    epochs = (6 if args.quick else 20) if args.epochs is None else args.epochs
    size = (16 if args.quick else 34 if args.data else 24) if args.size is None else args.size
    steps = (10 if args.quick else 20) if args.steps is None else args.steps
    if epochs < 1 or steps < 2:
        parser.error("needs --epochs of 1 or more and --steps of 2 or more")
    if args.threads is not None and args.threads < 1:
        parser.error("needs --threads of 1 or more")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    if args.threads is not None or args.quick:  # small tensors gain nothing from threads
        torch.set_num_threads(args.threads or 1)
    options = {"label": args.label, "size": size, "duration": DURATION, "seed": args.seed}
    start = time.perf_counter()
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        n_train = args.images or (600 if args.quick else None)
        events, labels = datasets.moving_digits(args.data, "train", n_train, **options)
        test_events, y = datasets.moving_digits(
            args.data, "test", 200 if args.quick else None, **options
        )
    except (ImportError, OSError, ValueError) as error:
        parser.error(str(error))
    x_train, x = (frames_of(e, steps, size) for e in (events, test_events))
    count = np.mean([len(e) for e in test_events])
    print(
        f"{len(x_train)} films of {DURATION} ms, {size}x{size} pixels, filmed in "
        f"{time.perf_counter() - start:.1f} s"
    )
    print(
        f"Events: {count:.0f} per film; in {steps} steps {100 * x.float().mean():.1f} % of all places"
    )

    torch.manual_seed(args.seed)
    classes = 10 if args.label == "digit" else 8
    model = build(size, classes, DURATION / steps, 8 if args.quick else 16)
    optimizer = torch.optim.AdamW(model.parameters(), weight_decay=1e-3)
    train, test = batches(x_train, labels, 32, shuffle=True), batches(x, y, 200, shuffle=False)
    start = time.perf_counter()
    history = fit(
        model,
        train,
        loss=loss,
        epochs=epochs,
        optimizer=optimizer,
        scheduler=torch.optim.lr_scheduler.OneCycleLR(
            optimizer, 0.01, total_steps=epochs * len(train)
        ),
        test=test,
        seed=args.seed,
        progress=lambda epoch: print(f"  {epoch}", flush=True),
    )
    accuracy, rate = evaluate(model, test)
    seconds = time.perf_counter() - start
    print(
        f"Accuracy: {accuracy:.2%} of {len(x)} films, {args.label} of {classes}; "
        f"{rate:.2f} spikes per neuron; {seconds:.0f} s"
    )

    snn = to_spiking_model(model, x.shape[2:], threads=args.threads)
    sequence = x.numpy().swapaxes(0, 1)  # [T, B, 2, H, W]
    result = snn.run(sequence, record="v")
    assert result.v is not None
    found = result.v.mean(0).argmax(1)
    with torch.no_grad():
        same = model(torch.from_numpy(sequence).float()).mean(0).argmax(1).numpy() == found
    print(f"\nDeployed: {np.mean(found == y):.2%}; {same.mean():.2%} of all answers are PyTorch's")
    for name in snn.neurons[:-1]:  # the last layer does not spike
        neurons = int(np.prod(snn.graph.shapes(x.shape[2:])[name]))
        sent = result.operations[name].spikes
        print(f"  {name}: {neurons} neurons, {sent:.0f} spikes per film, {sent / neurons:.2f} each")
    curve = {
        (k + 1) * DURATION / steps: float(np.mean(result.v[: k + 1].mean(0).argmax(1) == y))
        for k in range(steps)
    }
    early = next(t for t, a in curve.items() if a >= curve[max(curve)] - 0.01)
    print(f"Deciding early: within 1 point of the accuracy after {early:g} of {DURATION} ms")
    print("\nEnergy of a film:")
    print(sl.energy.measure(snn, sequence[:, :200]))

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    draw(figure, test_events[0], size, history, curve)
    figure.savefig(args.out, dpi=150)
    print(f"\nFigure: {args.out}")


if __name__ == "__main__":
    main()
