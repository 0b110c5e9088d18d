"""The loss of the first spike."""

from __future__ import annotations

import math

import pytest
import torch

from spikelet.torch.first_spike import first_spike_cross_entropy

INF = math.inf


def test_first_spike_cross_entropy() -> None:
    times = torch.tensor([[3.0, 4.0, 9.0], [5.0, 2.0, 2.5]], dtype=torch.float64)
    labels = torch.tensor([0, 2])
    loss = first_spike_cross_entropy(times, labels, tau0=0.7, tau1=5.0, alpha=0.1)
    expected = 0.0
    for row, label in zip(times.tolist(), labels.tolist(), strict=True):
        odds = [math.exp(-t / 0.7) for t in row]
        expected -= math.log(odds[label] / sum(odds)) / 2
        expected += 0.1 * (math.exp(row[label] / 5.0) - 1) / 2
    assert loss.item() == pytest.approx(expected, rel=1e-12)
    times[0, 1] = INF
    with pytest.raises(ValueError, match=r"times must be finite.*silent"):
        first_spike_cross_entropy(times, labels)
    with pytest.raises(ValueError, match="tau0 must be"):
        first_spike_cross_entropy(times[1:], labels[1:], tau0=0.0)
    with pytest.raises(ValueError, match=r"labels must be class numbers 0 .. 2.*got 3"):
        first_spike_cross_entropy(times[1:], torch.tensor([3]))
