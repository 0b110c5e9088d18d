# %% [markdown]
"""Learn Yin-Yang with spikes in continuous time and their exact gradients (EventProp).

    python examples/eventprop_yinyang.py
    python examples/eventprop_yinyang.py --delays
    python examples/eventprop_yinyang.py --hidden 120 --epochs 30

A point of the Yin-Yang set becomes five spikes, one for each coordinate, its mirror image and a
bias. A hidden layer and three readout neurons respond with their own spikes, and the readout neuron
that spikes first names the class. There are no time steps: spike times solve the neuron's equations,
and their gradients are exact (Wunderlich & Pehle 2021, who report 98.1 +- 0.2 %). The script trains
with three random seeds, on 5000 points each, and prints the test accuracy on 1000 other points. With
--delays, spikes arrive after delays, which are learned like weights, and there are five seeds.
"""

# %%
from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import datasets

try:
    import torch
    from torch import nn
except ImportError:
    raise SystemExit(
        "eventprop_yinyang.py trains with PyTorch, which is missing: pip install 'spikelet[torch]'"
    ) from None

from spikelet.torch.event_prop import EventProp, EventSpikes, first_spike_cross_entropy

Array: TypeAlias = NDArray[Any]

BATCH = 150
EARLY, LATE, BIAS, END = 2.0, 20.0, 10.0, 30.0  # ms
CLASSES = ("yin", "yang", "dot")
LONGEST = (10.0, 5.0)  # delays of the hidden layer and the readout, ms
RATE, RATE_OF_DELAYS = 0.04, 0.1  # of the optimiser, at most


# %% [markdown]
# ## The network
#
# A coordinate is a spike time. The bias spike is the same for all points and serves as a reference.


# %%
def encode(points: Array) -> torch.Tensor:
    """Return the times of the five input spikes [n, 5], of points [n, 4] in 0 .. 1."""
    times = EARLY + (LATE - EARLY) * torch.from_numpy(points)
    return nn.functional.pad(times, (0, 1), value=BIAS)


class Network(nn.Module):
    """A hidden layer and a readout layer of spiking neurons."""

    def __init__(self, hidden: int, *, delays: bool) -> None:
        super().__init__()
        first, second = LONGEST if delays else (0.0, 0.0)
        self.hidden = EventProp(5, hidden, t_max=END, drive=1.3, spread=1.5, max_delay=first)
        self.readout = EventProp(
            hidden, len(CLASSES), t_max=END, drive=5.0, spread=0.5, max_delay=second
        )

    def forward(self, times: torch.Tensor) -> tuple[EventSpikes, EventSpikes]:
        """Return the spikes of both layers, from those of the input [n, 5]."""
        hidden = self.hidden(EventSpikes.from_first(times))
        return hidden, self.readout(hidden)


def first_spikes(net: Network, times: torch.Tensor) -> torch.Tensor:
    """Return the time of each readout neuron's first spike [n, 3]."""
    with torch.no_grad():
        return net(times)[1].first(silent=END)


# %% [markdown]
# ## Training
#
# A neuron without spikes has no gradient. `revive` raises the weights of hidden neurons that stay
# silent for a whole batch, and of readout neurons that stay silent for more than a tenth of it.


# %%
def train(
    net: Network, data: tuple[Array, Array], test: tuple[Array, Array], epochs: int
) -> tuple[list[float], list[float]]:
    """Train the network; return loss and test accuracy after each epoch."""
    times, labels = encode(data[0]), torch.from_numpy(data[1].astype(np.int64))
    kinds: dict[float, list[nn.Parameter]] = {}
    for name, p in net.named_parameters():
        kinds.setdefault(RATE_OF_DELAYS if name.endswith("delay") else RATE, []).append(p)
    optimizer = torch.optim.Adam([{"params": params} for params in kinds.values()])
    steps = epochs * -(-len(times) // BATCH)
    rate = torch.optim.lr_scheduler.OneCycleLR(optimizer, list(kinds), total_steps=steps)
    losses, accuracies = [], []
    for _ in range(epochs):
        total = 0.0
        for part in torch.randperm(len(times)).split(BATCH):
            optimizer.zero_grad()
            hidden, out = net(times[part])
            loss = first_spike_cross_entropy(out.first(silent=END), labels[part])
            loss.backward()
            for params in kinds.values():
                nn.utils.clip_grad_norm_(params, 1.0)
            optimizer.step()
            rate.step()
            net.hidden.revive(hidden, 0.1)
            net.readout.revive(out, 0.02, least=0.9)
            total += loss.item() * len(part)
        losses.append(total / len(times))
        accuracies.append(accuracy(net, test))
    return losses, accuracies


def accuracy(net: Network, test: tuple[Array, Array]) -> float:
    first = first_spikes(net, encode(test[0])).numpy()
    return float(np.mean((first.argmin(1) == test[1]) & (first.min(1) < END)))


# %% The figures
def draw(figure: Any, net: Network, curves: list[list[float]], test: tuple[Array, Array]) -> None:
    left, middle, right = figure.subplots(1, 3)
    for curve in curves:
        left.plot(range(1, len(curve) + 1), 100 * np.array(curve))
    left.set(xlabel="epoch", ylabel="test accuracy [%]", title="of each seed")

    side = np.linspace(0, 1, 120, dtype=np.float32)
    x, y = (axis.ravel() for axis in np.meshgrid(side, side))
    first = first_spikes(net, encode(np.column_stack([x, y, 1 - x, 1 - y]))).numpy()
    winners, when = first.argmin(1).reshape(120, 120), first.min(1).reshape(120, 120)
    extent = (0, 1, 0, 1)
    colors = {"cmap": "viridis", "vmin": 0, "vmax": 2}
    middle.imshow(winners, origin="lower", extent=extent, alpha=0.4, **colors)
    middle.scatter(*test[0][:, :2].T, c=test[1], s=4, **colors)
    middle.set(title="who spikes first", xlabel="x", ylabel="y")
    image = right.imshow(when, origin="lower", extent=extent, cmap="magma")
    right.set(title="and when [ms]", xlabel="x", ylabel="y")
    figure.colorbar(image, ax=right)


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description="Spikes in continuous time learn Yin-Yang.")
    parser.add_argument("--hidden", type=int, metavar="N", default=200)
    parser.add_argument("--delays", action="store_true", help="learn delays of all synapses, too")
    parser.add_argument("--epochs", type=int, metavar="N", help="default: 60, with delays 150")
    parser.add_argument("--seed", type=int, metavar="N", default=0, help="first seed; default: 0")
    parser.add_argument(
        "--seeds", type=int, metavar="N", help="number of seeds; default: 3, with delays 5"
    )
    parser.add_argument(
        "--threads", type=int, metavar="N", help="default: all cores, or 1 with --quick"
    )
    parser.add_argument("--out", type=Path, default=Path("eventprop_yinyang.png"))
    parser.add_argument("--quick", action="store_true", help="few points, epochs and one seed")
    args = parser.parse_args()
    epochs = args.epochs or (12 if args.quick else 150 if args.delays else 60)
    seeds = args.seeds or (1 if args.quick else 5 if args.delays else 3)
    if min(args.hidden, epochs, seeds, args.threads or 1) < 1:
        parser.error("needs --hidden, --epochs, --seeds and --threads of 1 or more")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)
    except ImportError as error:
        parser.error(str(error))
    if args.threads or args.quick:
        torch.set_num_threads(args.threads or 1)

    test = datasets.yin_yang(1000, seed=2)
    data = datasets.yin_yang(1000 if args.quick else 5000, seed=0)
    what = f"{args.hidden} hidden neurons" + (", learned delays" if args.delays else "")
    print(f"{len(data[0])} points, {epochs} epochs, {what}:", flush=True)
    curves = []
    for seed in range(args.seed, args.seed + seeds):
        torch.manual_seed(seed)
        net = Network(args.hidden, delays=args.delays)
        start = time.perf_counter()
        losses, curve = train(net, data, test, epochs)
        seconds = time.perf_counter() - start
        curves.append(curve)
        print(
            f"  seed {seed}: test accuracy {curve[-1]:.2%}, loss {losses[-1]:.4f}, "
            f"{seconds:.0f} s, {1e3 * seconds / epochs:.0f} ms per epoch",
            flush=True,
        )
    last = [curve[-1] for curve in curves]
    print(f"Accuracy: {np.mean(last):.2%} on average, from {min(last):.2%} to {max(last):.2%}")

    with torch.no_grad():
        hidden, out = net(encode(test[0]))
    first = out.first(silent=END)
    winner = first.min(1).values
    before = (hidden.times <= winner.repeat_interleave(hidden.offsets.diff())).sum()
    print(
        f"A decision takes {winner.mean():.1f} ms and {before / len(winner):.0f} hidden spikes, "
        f"{before / len(winner) / args.hidden:.2f} per neuron"
    )

    figure = Figure(figsize=(12, 3.8), layout="constrained")
    draw(figure, net, curves, test)
    figure.savefig(args.out, dpi=150)
    print(f"\nFigure: {args.out}")


if __name__ == "__main__":
    main()
