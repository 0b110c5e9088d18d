"""Train a spiking network, train it on with weights of 8 and 4 bits, and run it in integers: the same spikes.

    python bench/python/quantized.py                       # scikit-learn's 8x8 digits
    python bench/python/quantized.py --data MNIST/raw      # MNIST from its IDX files

For each number of bits the script prints test accuracy in PyTorch and in the engine that adds 16-bit integers, in how many
spikes the two differ, and the bytes of the weights.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

import spikelet as sl
import spikelet.torch as st
from spikelet.cli import bench_harness as harness
from spikelet.torch import losses

Array: TypeAlias = NDArray[Any]

STEPS = 20
HEADER = (
    "weights", "rounded, %", "trained on, %", "in 16-bit integers, %", "spikes that differ", "bytes of weights",
)  # fmt: skip


def build(inputs: int, hidden: int) -> nn.Sequential:
    """Return the network, whose layers add weights of spikes and nothing else."""
    return nn.Sequential(
        st.SpikeLinear(inputs, hidden),
        st.LIF(tau_m=10.0),
        st.SpikeLinear(hidden, hidden),
        st.LIF(tau_m=10.0),
        st.SpikeLinear(hidden, 10),
        st.LIF(tau_m=10.0),
    )


def raster(images: Array, seed: int) -> torch.Tensor:
    """Return spikes of pixels, with the probability of their brightness."""
    return torch.from_numpy(np.asarray(sl.encode.rate(images, STEPS, seed=seed)))


def train(net: nn.Module, x: Array, y: Array, epochs: int, rate: float, seed: int) -> None:
    """Train by Adam, with a rate that falls to 0."""
    rng = np.random.default_rng(seed)
    batches = -(-len(x) // 100)
    optimizer = torch.optim.Adam(net.parameters(), rate)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, epochs * batches)
    for epoch in range(epochs):
        for k, part in enumerate(np.array_split(rng.permutation(len(x)), batches)):
            spikes = net(raster(x[part], seed=epoch * batches + k))
            loss = losses.rate_cross_entropy(spikes, torch.from_numpy(y[part]), scale=10.0)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()


def tested(net: nn.Module, x: Array, y: Array) -> tuple[float, float | None, int]:
    """Return accuracy in PyTorch and, of a quantised network, in the engine, and how many of their spikes differ."""
    net.eval()
    right, deployed, different = 0, 0, 0
    small = any("original" in name for name, _ in net.named_parameters())
    model = st.to_spiking_model(net, (x.shape[1],), dtype="int16") if small else None
    for k, part in enumerate(np.array_split(np.arange(len(x)), -(-len(x) // 1000))):
        given = raster(x[part], seed=10**6 + k)
        with torch.no_grad():
            spikes = net(given).numpy()
        right += int((spikes.sum(0).argmax(1) == y[part]).sum())
        if model is not None:
            sent = np.asarray(model.run(given.numpy()).spikes)
            deployed += int((sent.sum(0).argmax(1) == y[part]).sum())
            different += int((sent != spikes).sum())
    net.train()
    return right / len(x), deployed / len(x) if small else None, different


def main() -> None:
    parser = harness.parser(__doc__, seed=0)
    add = parser.add_argument
    add("--data", type=Path, help="folder of MNIST's IDX files")
    add("--bits", type=int, nargs="+", default=[8, 4])
    add("--hidden", type=int, default=256, help="neurons of both hidden layers")
    add("--epochs", type=int, help="of the float network; half as many for each copy")
    add("--threads", type=int)
    args, origin = parser.parse_args(), harness.about()
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    load = (
        sl.datasets.digits if args.data is None else lambda part: sl.datasets.mnist(args.data, part)
    )
    (x, y), (x_test, y_test) = (
        (images.reshape(len(images), -1), labels.astype(np.int64))
        for images, labels in (load("train"), load("test"))
    )
    epochs = args.epochs or (30 if args.data is None else 4)
    net = build(x.shape[1], args.hidden)
    train(net, x, y, epochs, 2e-3, args.seed)
    count = sum(p.numel() for name, p in net.named_parameters() if name.endswith("weight"))
    rows = [["float32", "", f"{100 * tested(net, x_test, y_test)[0]:.2f}", "", "", f"{4 * count}"]]
    for bits in args.bits:
        small = st.quantize(net, bits)
        before, _, _ = tested(small, x_test, y_test)
        train(small, x, y, max(epochs // 2, 1), 5e-4, args.seed + 1)
        accuracy, deployed, different = tested(small, x_test, y_test)
        assert deployed is not None
        shares = (f"{100 * share:.2f}" for share in (before, accuracy, deployed))
        rows.append([f"{bits} bits", *shares, f"{different}", f"{count * bits // 8}"])
    harness.show(args, origin, [], [harness.markdown(HEADER, rows)], rows=rows)


if __name__ == "__main__":
    main()
