"""Fine-tune a network whose neurons fire once: few steps, few spikes, and the decisions of its ANN.

    python bench/python/finetuned.py --models FOLDER --steps 16

The training images are the 3000 that calibrate; their labels are not used: the loss compares outputs with those of the ANN.
The script prints, before and after, the accuracy on the test images, the agreement with the ANN and the spikes per neuron,
of the network that runs in integers.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networks
import numpy as np
import torch
from torch.nn import functional as F  # PyTorch's customary name

import spikelet as sl
import spikelet.torch as st

if TYPE_CHECKING:
    from torch import Tensor, nn

TEMPERATURE = 2.0
FIRST = 400  # images that the conversion sees


def arguments() -> argparse.Namespace:
    """Return the parsed command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    add = parser.add_argument
    add("--models", type=Path, required=True, metavar="FOLDER", help="see networks.py")
    names = [name for name in networks.NETWORKS if name.startswith("resnet")]
    add("--network", choices=names, default=names[0])
    add("--steps", type=int, default=16, metavar="T")
    add("--epochs", type=int, default=9)
    add("--rate", type=float, default=1e-4, help="learning rate of weights (default: 1e-4)")
    add("--spikes", type=float, default=0.29, help="aim, spikes per neuron (default: 0.29)")
    add("--batch", type=int, default=32)
    add("--threads", type=int, default=1)
    return parser.parse_args()


def moved(x: Tensor) -> Tensor:
    """Return images that are mirrored at random, and shifted by up to 4 pixels."""
    x = torch.where(torch.rand(len(x), 1, 1, 1) < 0.5, x, x.flip(3))
    i, j = torch.randint(0, 9, (2,)).tolist()
    return F.pad(x, (4, 4, 4, 4))[:, :, i : i + x.shape[2], j : j + x.shape[3]].contiguous()


def train(module: nn.Module, ann: nn.Module, images: Tensor, args: argparse.Namespace) -> None:
    """Train towards the outputs of the ANN, with a limit of spikes that falls for 0.6 of the time."""
    # A bias or a threshold is some 20 times as large as a weight.
    groups: list[dict[str, Any]] = [{"params": [], "lr": args.rate * k} for k in (1, 30)]
    for name, parameter in module.named_parameters():
        groups[not name.endswith("weight")]["params"].append(parameter)
    optimizer = torch.optim.Adam(groups)
    batches = len(images) // args.batch
    total = args.epochs * batches
    rates = [group["lr"] for group in groups]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, rates, total, pct_start=0.15)
    with torch.no_grad():
        start = st.count_spikes(module, images[: args.batch])[1].item()
    k = 0
    for epoch in range(args.epochs):
        sums = np.zeros(2)
        for part in torch.randperm(len(images))[: batches * args.batch].split(args.batch):
            x = moved(images[part])
            with torch.no_grad():
                wanted = F.softmax(ann(x) / TEMPERATURE, 1)
            output, spikes = st.count_spikes(module, x)
            found = F.log_softmax(output / TEMPERATURE, 1)
            error = TEMPERATURE**2 * F.kl_div(found, wanted, reduction="batchmean")
            limit = max(args.spikes, start + (args.spikes - start) * k / (0.6 * total))
            optimizer.zero_grad()
            (error + 15 * (spikes - limit).relu()).backward()
            optimizer.step()
            schedule.step()
            sums += error.item(), spikes.item()
            k += 1
        error, spikes = sums / batches
        print(f"epoch {epoch + 1}  error {error:.3f}  spikes {spikes:.3f}", flush=True)


def main() -> None:
    """Convert, measure, train, convert and measure."""
    args = arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    networks.CIFAR_CALIBRATION = 3000
    network = networks.NETWORKS[args.network]
    ann, samples = network.build(args.models), network.samples(args.models)
    with torch.no_grad():
        test = torch.from_numpy(samples.test).split(100)
        decided = np.concatenate([ann(part).argmax(1).numpy() for part in test])
    print(f"ANN  {100 * (decided == samples.labels).mean():.2f} %", flush=True)
    how: dict[str, Any] = {
        "steps": args.steps, "neuron": "first_spike", "threads": args.threads,
    }  # fmt: skip
    given = samples.calibration[:FIRST]

    def measured(title: str, snn: sl.SpikingModel) -> None:
        result = snn.run(samples.test)
        shapes = snn.graph.shapes(samples.test.shape[1:])
        neurons = sum(int(np.prod(shapes[name])) for name in snn.neurons)
        spikes = sum(work.spikes for work in result.operations.values()) / neurons
        found = result.output.argmax(1)
        right, same = (100 * (found == other).mean() for other in (samples.labels, decided))
        print(f"{title}  {right:.2f} %  agreement {same:.2f} %  spikes per neuron {spikes:.3f}", flush=True)  # fmt: skip

    snn = sl.convert(ann, given, **how)
    measured("converted", snn)
    module = st.from_spiking_model(snn)
    train(module, ann, torch.from_numpy(samples.calibration), args)
    measured("fine-tuned", sl.convert(module.to_graph(), given, **how))


if __name__ == "__main__":
    main()
