"""Run the code of snnTorch and SpikingJelly in docs/from_snntorch_and_spikingjelly.md, and write what tests compare with.

python tests/examples/record_torch_peers.py    # needs snnTorch 1.0 and SpikingJelly 2.0
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

ROOT = Path(__file__).parents[2]
FOLDER = Path(__file__).with_name("references")
PAGE = ROOT / "docs" / "from_snntorch_and_spikingjelly.md"


def net_of(peer: str) -> nn.Module:
    """Return the network that the page's block of a library makes."""
    blocks = re.findall(r"^```py\n# (\w+)\n(.*?)^```$", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    namespace: dict[str, Any] = {"__name__": peer}
    exec(dict(blocks)[peer], namespace)  # noqa: S102  # our own page
    net: nn.Module = namespace["net"]
    return net


def given(net: nn.Module) -> tuple[torch.Tensor, torch.Tensor]:
    """Return spikes and labels, and set all parameters: the same for each spelling."""
    rng = np.random.RandomState(0)  # whose numbers never change
    with torch.no_grad():
        for p in net.parameters():
            size = 6 / np.sqrt(p.shape[1] if p.ndim > 1 else 200)
            p.copy_(torch.from_numpy(np.float32(rng.uniform(-size, size, tuple(p.shape)))))
    x = torch.from_numpy(np.float32(rng.uniform(size=(25, 8, 784)) < 0.2))
    return x, torch.arange(8)


def trained(net: nn.Module) -> dict[str, np.ndarray[Any, Any]]:
    """Return spikes, and gradients of the cross entropy of counts."""
    x, labels = given(net)
    spikes = net(x)
    nn.functional.cross_entropy(spikes.sum(0), labels).backward()
    first, bias, second, _ = net.parameters()
    return {
        "spikes": spikes.detach().numpy().astype(np.uint8),
        "by_first": first.grad.numpy()[:, :20],
        "by_bias": bias.grad.numpy(),
        "by_second": second.grad.numpy(),
    }


def main() -> None:
    for peer in ("snnTorch", "SpikingJelly"):
        found = trained(net_of(peer))
        assert 0.05 < found["spikes"].mean() < 0.95, found["spikes"].mean()
        np.savez_compressed(FOLDER / f"{peer.lower()}_two_layers.npz", **found)
        print(peer, found["spikes"].mean())


if __name__ == "__main__":
    main()
