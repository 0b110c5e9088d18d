"""The tutorials' networks as docs/from_snntorch_and_spikingjelly.md ports them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.nn import functional as F

import spikelet as sl
import spikelet.torch as st

if TYPE_CHECKING:
    from tutorials_cases import Case
    from tutorials_worker import Loss


def layers(case: Case) -> nn.Sequential:
    """Return the network; its first layers run once where the input is constant."""
    c = case.channels

    def like(steps: int | None = None, **given: Any) -> st.LIF:
        return st.LIF(convention=case.library, steps=steps, **given)

    if case.net == "dense":
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, c), like(case.steps, beta=0.95), st.SpikeLinear(c, 10),
            like(beta=0.95),
        )  # fmt: skip
    if case.net == "population":
        lif = {"beta": 0.9, "surrogate": "fast_sigmoid", "alpha": 25.0}
        return nn.Sequential(
            nn.Flatten(), nn.Linear(784, 128), like(case.steps, **lif), st.SpikeLinear(128, 500),
            like(**lif),
        )  # fmt: skip
    if case.net == "conv":
        lif = {"beta": 0.5, "surrogate": "fast_sigmoid", "alpha": 25.0}
        return nn.Sequential(
            nn.Conv2d(1, 12, 5), nn.MaxPool2d(2), like(case.steps, **lif),
            st.SpikeConv2d(12, 64, 5), st.MaxPool2d(2), like(**lif),
            nn.Flatten(2), st.SpikeLinear(64 * 4 * 4, 10), like(**lif),
        )  # fmt: skip
    if case.net == "linear":
        return nn.Sequential(nn.Flatten(2), st.SpikeLinear(784, 10, bias=False), like(tau=2.0))
    if case.net == "csnn":
        node: dict[str, Any] = {"tau": None}
        return nn.Sequential(
            nn.Conv2d(1, c, 3, padding=1, bias=False), nn.BatchNorm2d(c), like(case.steps, **node),
            st.MaxPool2d(2),
            st.SpikeConv2d(c, c, 3, padding=1, bias=False), st.OverTime(nn.BatchNorm2d(c)),
            like(**node), st.MaxPool2d(2),
            nn.Flatten(2), st.SpikeLinear(c * 7 * 7, c * 4 * 4, bias=False), like(**node),
            st.SpikeLinear(c * 4 * 4, 10, bias=False), like(**node),
        )  # fmt: skip
    node = {"tau": 2.0, "detach_reset": True}
    parts: list[nn.Module] = []
    for k in range(5):
        conv = st.SpikeConv2d(c if k else 2, c, 3, padding=1, bias=False)
        parts += [conv, st.OverTime(nn.BatchNorm2d(c)), like(**node), st.MaxPool2d(2)]
    return nn.Sequential(
        *parts, nn.Flatten(2), st.DropoutOverTime(0.5), st.SpikeLinear(c * (case.size // 32) ** 2, 512),
        like(**node), st.DropoutOverTime(0.5), st.SpikeLinear(512, 110), like(**node),
        nn.AvgPool1d(10),
    )  # fmt: skip


def network(case: Case, form: str) -> tuple[nn.Module, Loss, Any]:  # noqa: ARG001
    """Return the network, its loss of a batch, and the optimizer."""
    net = layers(case).to(memory_format=torch.channels_last)
    seeds = iter(range(2**31))

    def loss(x: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        if case.net == "dense":
            potentials = net[-1].run(net[:-1](x)).v_seq
            return F.cross_entropy(potentials.flatten(0, 1), labels.repeat(case.steps)) * case.steps
        if case.net == "linear" and x.ndim == 4:
            x = torch.from_numpy(sl.encode.rate(x.numpy(), case.steps, seed=next(seeds)))
        spikes = net(x)
        if case.net == "conv":  # the cross entropy of the spikes of each step
            return F.cross_entropy(spikes.flatten(0, 1), labels.repeat(case.steps))
        if case.net == "population":
            counts = spikes.sum(0).unflatten(1, (10, 50)).sum(2)
            return F.mse_loss(counts, 50.0 * case.steps * F.one_hot(labels, 10)) / case.steps
        rate = spikes.mean(0)
        return F.mse_loss(rate, F.one_hot(labels, rate.shape[1]).to(rate.dtype))

    if case.library == "snntorch":
        rates = {"dense": 5e-4, "population": 2e-3, "conv": 1e-2}
        return net, loss, torch.optim.Adam(net.parameters(), lr=rates[case.net])
    if case.net == "linear":
        return net, loss, torch.optim.Adam(net.parameters(), lr=1e-3)
    return net, loss, torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"spikelet": sl.__version__, "simd": sl.simd_level(), "torch": torch.__version__}
