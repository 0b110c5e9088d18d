"""snnTorch: two layers of `snn.Leaky(beta=0.9)`, as docs/from_snntorch_and_spikingjelly.md writes them."""

from __future__ import annotations

import torch
from torch import nn

import spikelet.torch as st


def build() -> nn.Sequential:
    """Return the network, whose neurons step, reset and differentiate as those of snnTorch."""
    return nn.Sequential(
        nn.Linear(784, 200),
        st.LIF(convention="snntorch", beta=0.9),
        nn.Linear(200, 10),
        st.LIF(convention="snntorch", beta=0.9),
    )


def main() -> None:
    torch.manual_seed(0)
    net, labels = build(), torch.arange(8)
    x = (torch.rand(25, 8, 784) < 0.5).float()
    optimizer = torch.optim.Adam(net.parameters(), 0.003)
    for _ in range(10):
        loss = st.losses.rate_cross_entropy(net(x), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    print(f"loss {loss.item():.3f}, {net(x).mean().item():.3f} spikes a step and neuron")


if __name__ == "__main__":
    main()
