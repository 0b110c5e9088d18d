"""A small training run."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import spikelet.torch as st
from spikelet.torch import OverTime, losses
from spikelet.torch.training import fit


def data(n: int = 96) -> TensorDataset:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, n)
    x = rng.normal(0, 0.5, (n, 6)).astype(np.float32)
    x[np.arange(n), labels] += 2
    return TensorDataset(torch.from_numpy(x), torch.from_numpy(labels))


def setup(**loader):
    torch.manual_seed(5)
    model = nn.Sequential(
        nn.Linear(6, 16), st.LIF(tau_m=3.0, gain=1.0, steps=6), nn.Dropout(0.2),
        OverTime(nn.BatchNorm1d(16)), nn.Linear(16, 3), st.LIF(tau_m=3.0, gain=1.0),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    scheduler = torch.optim.lr_scheduler.OneCycleLR(optimizer, 0.05, total_steps=6 * 3)
    loader = {"generator": torch.Generator().manual_seed(2)} | loader
    return model, DataLoader(data(), 32, shuffle=True, **loader), optimizer, scheduler


def run(epochs, parts=None, **options):
    model, loader, optimizer, scheduler = parts or setup()
    options = {"loss": losses.rate_cross_entropy, "seed": 3} | options
    history = fit(model, loader, epochs=epochs, optimizer=optimizer, scheduler=scheduler, **options)
    return model, history
