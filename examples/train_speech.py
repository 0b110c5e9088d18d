# %% [markdown]
"""Learn spoken words with delays: a spiking network whose synapses wait for one another.

    python examples/train_speech.py                       # four artificial words, made here
    python examples/train_speech.py --data fsdd.npz       # arrays audio, offsets, digit, index; 8 kHz
    python examples/train_speech.py --data recordings/    # 7_jackson_32.wav: label, speaker, index

Sounds and their cochlea are those of examples/spoken_digits.py. Two layers of LIF neurons see the spikes in steps of 10 ms,
through synapses with a weight and a delay each. Both are learned (`--delays learned`), or the delays stay as they were drawn
(`fixed`), or there are none (`none`). The script prints the test accuracy of each.
"""

# %%
from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

import spikelet as sl

sys.path.insert(0, str(Path(__file__).parent))
from spoken_digits import Sounds, artificial, from_folder, from_npz

try:
    import torch
    from torch import Tensor, nn

    import spikelet.torch as st
    from spikelet.torch import losses
except ImportError:
    raise SystemExit(
        "train_speech.py trains with PyTorch, which is missing: pip install 'spikelet[torch]'"
    ) from None

Array: TypeAlias = NDArray[Any]

STEP = 10  # ms, of the network; the cochlea's are 1 ms
STEPS = 70  # longer recordings are cut off: 3 in 100
MAX_DELAY = 15  # steps
SHIFT = 4  # steps by which a batch is moved at most while it trains, and 1 channel
KINDS = ("learned", "fixed", "none")


# %% [markdown]
# ## Sounds as spikes


# %%
def binned(sounds: Sounds, channels: int) -> Tensor:
    """Return the spikes of the cochlea in each step [steps, recordings, 2 channels], ON before OFF."""
    found = torch.zeros(STEPS, len(sounds.waves), 2 * channels)
    for k, (wave, rate) in enumerate(zip(sounds.waves, sounds.rates, strict=True)):
        raster = np.asarray(sl.encode.cochlea(wave, rate, channels=channels))
        raster = raster.transpose(0, 2, 1).reshape(len(raster), -1)
        counts = np.add.reduceat(raster, np.arange(0, len(raster), STEP), dtype=np.float32)
        found[: len(counts), k] = torch.from_numpy(counts[:STEPS])
    return found


def moved(x: Tensor, channels: int) -> Tensor:
    """Return a batch a few steps earlier or later, and a channel higher or lower, at random."""
    by = int(torch.randint(-SHIFT, SHIFT + 1, ()))
    higher = int(torch.randint(-1, 2, ()))
    split = torch.roll(x, by, 0).unflatten(2, (2, channels))
    return torch.roll(split, higher, 3).flatten(2)


# %% [markdown]
# ## The network
#
# A delay lets a neuron answer to sounds that follow one another, at distances that it learns. At first a wide Gaussian
# around each delay shows it where to go; `narrow_delays` shrinks it. In the end, and for the test, delays are whole steps.


# %%
def build(kind: str, inputs: int, neurons: int, classes: int) -> nn.Sequential:
    def synapses(n: int) -> nn.Module:
        if kind == "none":
            return nn.Linear(n, neurons, bias=False)
        width = None if kind == "learned" else 0.0
        layer = st.Delay(n, neurons, MAX_DELAY, bias=False, width=width)
        layer.delay.requires_grad_(kind == "learned")
        return layer

    return nn.Sequential(
        synapses(inputs), st.tdBN(neurons, 0), st.LIF(tau_m=20.0, dt=STEP), st.DropoutOverTime(0.2),
        synapses(neurons), st.tdBN(neurons, 0), st.LIF(tau_m=20.0, dt=STEP), st.DropoutOverTime(0.2),
        nn.Linear(neurons, classes), st.LI(tau_m=100.0, dt=STEP),
    )  # fmt: skip


def train(
    kind: str, x: Tensor, labels: Tensor, test: Tensor, args: argparse.Namespace
) -> tuple[nn.Sequential, list[float]]:
    """Return a trained network, and its accuracy on the test recordings after each epoch."""
    torch.manual_seed(args.seed)
    model = build(kind, x.shape[2], args.neurons, int(labels.max()) + 1)
    own = {id(m.delay) for m in model if isinstance(m, st.Delay)}
    groups = [
        {"params": [p for p in model.parameters() if id(p) not in own], "weight_decay": 1e-4},
        {"params": [p for p in model.parameters() if id(p) in own], "weight_decay": 0.0},
    ]
    rates = [args.rate, 50 * args.rate]  # delays are tens of steps, weights tenths
    optimizer = torch.optim.AdamW(groups, args.rate)
    known = torch.nonzero(~test).flatten()
    batches = args.epochs * -(-len(known) // args.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total_steps=batches)
    accuracies = []
    for epoch in range(args.epochs):
        if kind == "learned":
            st.narrow_delays(model, 2.5 * epoch / args.epochs)
        model.train()
        for part in known[torch.randperm(len(known))].split(args.batch):
            optimizer.zero_grad()
            out = model(moved(x[:, part], x.shape[2] // 2))
            losses.membrane_cross_entropy(out, labels[part], how="mean").backward()
            optimizer.step()
            schedule.step()
        accuracies.append(evaluate(model, x[:, test], labels[test]))
    return model, accuracies


@torch.no_grad()
def evaluate(model: nn.Sequential, x: Tensor, labels: Tensor) -> float:
    """Return the accuracy with delays of whole steps."""
    model.eval()
    return float((losses.membrane(model(x), "mean").argmax(1) == labels).float().mean())


# %% The figure
def draw(figure: Any, curves: dict[str, list[float]], model: nn.Sequential | None) -> None:
    left, right = figure.subplots(1, 2)
    for kind, accuracies in curves.items():
        left.plot(range(1, len(accuracies) + 1), [100 * (1 - a) for a in accuracies], label=kind)
    left.set(xlabel="epoch", ylabel="test error [%]", yscale="log", title="Delays")
    left.legend()
    if model is not None:
        delays = model[0].rounded().flatten().numpy() * STEP
        right.hist(delays, np.arange(MAX_DELAY + 2) * STEP - STEP / 2)
    right.set(xlabel="delay [ms]", ylabel="synapses", title="Learned delays of the first layer")


# %%
def main() -> None:
    parser = argparse.ArgumentParser(description="Spoken words are learned with delays.")
    parser.add_argument(
        "--data", type=Path, metavar="PATH", help="an .npz file, or a folder of .wav files"
    )
    parser.add_argument("--delays", choices=KINDS, nargs="+", default=["learned"])
    parser.add_argument("--channels", type=int, metavar="N", default=32)
    parser.add_argument("--neurons", type=int, metavar="N", default=128, help="of each layer")
    parser.add_argument(
        "--epochs", type=int, metavar="N", help="default: 24, for artificial words 12"
    )
    parser.add_argument("--batch", type=int, metavar="N", default=64)
    parser.add_argument("--rate", type=float, default=0.004, help="highest learning rate")
    parser.add_argument("--seed", type=int, metavar="N", default=0)
    parser.add_argument("--threads", type=int, metavar="N", help="default: all cores")
    parser.add_argument("--out", type=Path, default=Path("train_speech.png"))
    parser.add_argument("--quick", action="store_true", help="few words, epochs and neurons")
    args = parser.parse_args()
    if args.quick:
        args.neurons, args.channels, args.batch = 32, 16, 16
    if args.epochs is None:
        args.epochs = 24 if args.data else 12
    if min(args.epochs, args.neurons, args.batch) < 1:
        parser.error("needs --epochs, --neurons and --batch of 1 or more")
    if args.threads is not None and args.threads < 1:
        parser.error("needs --threads of 1 or more")
    if not args.rate > 0:
        parser.error("needs a --rate above 0")
    if not args.out.parent.is_dir() or args.out.suffix not in {".png", ".pdf", ".svg"}:
        parser.error(f"--out must be a .png, .pdf or .svg in a folder that exists, got {args.out}")
    begin = time.perf_counter()
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415  (to say so if it is missing)

        if args.data is None:
            sounds = artificial(80 if args.quick else 400, args.seed)
        else:
            sounds = from_folder(args.data) if args.data.is_dir() else from_npz(args.data)
        x = binned(sounds, args.channels)
    except (ImportError, OSError, ValueError, KeyError) as error:
        parser.error(str(error))
    if args.threads is not None or args.quick:
        torch.set_num_threads(args.threads or 1)
    labels = torch.from_numpy(np.asarray(sounds.labels, np.int64))
    test = torch.from_numpy(sounds.test)
    print(
        f"{len(labels)} recordings, {int(test.sum())} of them to test: cochlea {time.perf_counter() - begin:.0f} s"
    )

    curves, shown = {}, None
    for kind in args.delays:
        begin = time.perf_counter()
        model, curves[kind] = train(kind, x, labels, test, args)
        numbers = sum(p.numel() for p in model.parameters() if p.requires_grad)
        seconds = time.perf_counter() - begin
        print(
            f"Delays {kind}: {100 * curves[kind][-1]:.1f}% right, {numbers} parameters, {seconds:.0f} s",
            flush=True,
        )
        shown = model if kind == "learned" else shown
    figure = Figure(figsize=(9, 3.6), layout="constrained")
    draw(figure, curves, shown)
    figure.savefig(args.out, dpi=120)
    print(f"Figure: {args.out}")


if __name__ == "__main__":
    main()
