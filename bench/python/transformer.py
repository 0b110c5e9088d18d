r"""A vision transformer as a spiking network: how close its outputs come, and what they cost, with and without relays.

The blocks are those of ViT-Tiny (192 features, 3 heads) on pictures of 64 x 64, with random weights of a fixed seed (torchvision).
100 pictures of noise fit the network, 40 others are compared.

    python bench/python/transformer.py --json bench/results/transformer.json
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torchvision.models import VisionTransformer

import spikelet as sl
from spikelet.cli import bench_harness as harness

HEADER = ("spikes", "T", "relays", "cosine, mean", "cosine, least", "energy", "first layer once")
TRIED = (("predictive", 16, False), ("predictive", 16, True), ("multi", 16, True), ("multi", 8, True), ("multi", 4, True))  # fmt: skip
FITTED, COMPARED = 100, 40


def cosines(a: Any, b: Any) -> Any:
    """Return the cosine of each pair of rows."""
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)


def main() -> None:
    """Measure, print and store the table."""
    parser = harness.parser(__doc__)
    parser.add_argument("--depth", type=int, default=4, metavar="N", help="blocks (default: 4)")
    parser.add_argument("--threads", type=int, default=1)
    args, origin = parser.parse_args(), harness.about()
    torch.manual_seed(0)
    torch.set_num_threads(args.threads)
    net = VisionTransformer(64, 16, args.depth, 3, 192, 768, num_classes=10).eval()
    torch.nn.init.normal_(net.heads.head.weight)  # torchvision's are zeros
    x = torch.randn(FITTED + COMPARED, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        wanted = net(x[FITTED:]).numpy()
    fitting, new = x[:FITTED].numpy(), x[FITTED:].numpy()
    lines = []
    for neuron, steps, relays in TRIED:
        snn = sl.convert(
            net, fitting, steps=steps, neuron=neuron, method=sl.conversion.Fitted(relays=relays), threads=args.threads,
        )  # fmt: skip
        found = cosines(snn.run(new).output, wanted)
        costs = [
            sl.energy.measure(snn, new, ann=snn.ann, first_layer_once=once).ratio
            for once in (False, True)
        ]
        lines.append(
            [neuron, str(steps), "yes" if relays else "no", f"{found.mean():.5f}", f"{found.min():.4f}",
             *(f"{c:.2f}" for c in costs)]
        )  # fmt: skip
        print("  ".join(lines[-1]), flush=True)
    harness.show(args, origin, [], {"transformers": harness.markdown(HEADER, lines)}, rows=lines)


if __name__ == "__main__":
    main()
