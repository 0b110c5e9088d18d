"""What a net of two linear layers and default neurons has learned after 100 iterations, by its output and its loss.

    python bench/python/first_iterations.py --data MNIST/raw --seeds 0 1 2 3 4

Pixels are spikes with the probability of their brightness, 25 steps; 784-200-10, Adam at 1e-3, batches of 128. Without
--data, scikit-learn's 8x8 digits. Spikes are those of a hidden neuron and step in the first iteration.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

import spikelet as sl
import spikelet.torch as st
from spikelet.cli import bench_harness as harness
from spikelet.torch import losses

STEPS, BATCH, HIDDEN = 25, 128, 200
LOSSES: dict[str, tuple[type[st.Neuron], Callable[[Tensor, Tensor], Tensor]]] = {
    "`LI`, cross entropy of the mean": (
        st.LI,
        lambda y, labels: F.cross_entropy(y.mean(0), labels),
    ),
    "`LI`, cross entropy of each step": (
        st.LI,
        lambda y, labels: F.cross_entropy(y.flatten(0, 1), labels.repeat(len(y))),
    ),
    "`LIF`, `losses.rate_cross_entropy`": (st.LIF, losses.rate_cross_entropy),
    "`LIF`, `losses.rate_mse`": (st.LIF, losses.rate_mse),
    "`LIF`, cross entropy of the mean": (
        st.LIF,
        lambda y, labels: F.cross_entropy(y.mean(0), labels),
    ),
}


def trained(kind: str, seed: int, iterations: int, data: list[Tensor]) -> tuple[float, float]:
    """Return spikes of a hidden neuron and step at first, and the accuracy in the end."""
    x, y, x_test, y_test = data
    output, loss_of = LOSSES[kind]
    torch.manual_seed(seed)
    net = nn.Sequential(nn.Linear(x.shape[1], HIDDEN), st.LIF(), nn.Linear(HIDDEN, 10), output())
    optimizer = torch.optim.Adam(net.parameters())
    first = 0.0
    for k in range(iterations):
        part = torch.randint(len(x), (BATCH,))
        raster = torch.from_numpy(
            np.asarray(sl.encode.rate(x[part].numpy(), STEPS, seed=k))
        ).float()
        if k == 0:
            first = float(net[:2](raster).detach().mean())
        loss = loss_of(net(raster), y[part])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    right = 0
    with torch.no_grad():
        for k, part in enumerate(torch.arange(len(x_test)).split(1000)):
            raster = torch.from_numpy(
                np.asarray(sl.encode.rate(x_test[part].numpy(), STEPS, seed=10**6 + k))
            )
            right += int((net(raster.float()).mean(0).argmax(1) == y_test[part]).sum())
    return first, right / len(x_test)


def main() -> None:
    parser = harness.parser(__doc__, zero=["seeds"])
    add = parser.add_argument
    add("--data", type=Path, help="folder of MNIST's IDX files")
    add("--seeds", type=int, nargs="+", default=[0, 1, 2])
    add("--iterations", type=int, default=100)
    add("--threads", type=int, default=1)
    args, origin = parser.parse_args(), harness.about()
    torch.set_num_threads(args.threads)
    data = []
    for part in ("train", "test"):
        images, labels = (
            sl.datasets.digits(part) if args.data is None else sl.datasets.mnist(args.data, part)
        )
        data += [
            torch.from_numpy(images.reshape(len(images), -1)),
            torch.from_numpy(labels.astype(np.int64)),
        ]

    def once(kind: str, seed: int) -> harness.Record:
        first, right = trained(kind, seed, args.iterations, data)
        return {"spikes": first, "accuracy": 100 * right}

    results = harness.take_turns(LOSSES, args.seeds, once, "{accuracy:.1f} %", good="accuracy")
    columns: dict[str, harness.Column] = {
        "output and loss": lambda kind, _: kind,
        "spikes at first": lambda _, runs: f"{min(run['spikes'] for run in runs):.3f}",
        "accuracy, %": lambda _, runs: ", ".join(f"{run['accuracy']:.1f}" for run in runs),
    }
    harness.show(args, origin, results, [harness.table(results, [], columns, good="accuracy")])


if __name__ == "__main__":
    main()
