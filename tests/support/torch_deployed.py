"""Networks of PyTorch to deploy, and their inputs."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn

import spikelet.torch as st
from spikelet.torch import losses

STEPS = 64


def on_a_grid(module: nn.Module, bits: int = 6) -> nn.Module:
    """Round weights to multiples of 2^-bits: their sums are exact in float32."""
    with torch.no_grad():
        for p in module.parameters():
            p.copy_((p * 2**bits).round() / 2**bits)
    return module.eval()


def raster(*shape: int, rate: float = 0.3, seed: int = 0) -> np.ndarray:
    return (np.random.default_rng(seed).random((STEPS, *shape)) < rate).astype(np.uint8)


def spikes_of(model: nn.Sequential, x) -> dict[str, np.ndarray]:
    """Spikes of all neurons of a module, by name, [T, B, ...]."""
    found = {}
    handles = [
        m.register_forward_hook(lambda _m, _i, y, name=name: found.update({name: y.numpy()}))
        for name, m in model.named_modules()
        if isinstance(m, st.Neuron) and not isinstance(m, st.LI)
    ]
    dtype = next(model.parameters()).dtype
    with torch.no_grad():
        model(torch.as_tensor(x).to(dtype))
    for handle in handles:
        handle.remove()
    return found


def dense(reset="subtract", **neuron):
    torch.manual_seed(0)
    options = {"reset": reset} | neuron
    return nn.Sequential(
        nn.Linear(20, 40), st.LIF(tau_m=5.0, gain=1.0, **options), nn.Dropout(0.5),
        nn.Sequential(nn.Linear(40, 30, bias=False), st.IF(v_threshold=0.75, **options)),
        nn.Linear(30, 10), st.LIF(decay=0.75, gain=2.0, v_threshold=0.5, **options),
    )  # fmt: skip


def train_a_little(model, shape):
    """A few steps: weights that are no longer random, running statistics of BatchNorm."""
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    labels = torch.arange(16) % 10
    model.train()
    for seed in range(3):
        optimizer.zero_grad()
        x = torch.from_numpy(raster(16, *shape, seed=seed)[:12]).float()
        losses.rate_cross_entropy(model(x), labels).backward()
        optimizer.step()
    return model.eval()
