"""Neurons that fire at most once as a PyTorch module, which is the activation of QCFS, too."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from spikelet._util.checks import fail, integer

# The least threshold that counts: training may push one below 0, and its channel is then silent to rounding.
_LEAST = 1e-15


class FirstSpike(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """Neurons that fire at most once, in place of a ReLU, with thresholds that are learned.

    The output is what a `spikelet.layers.FirstSpike` neuron sends in its window of T steps: ``k threshold / T`` with
    ``k = floor(T x / threshold + 1/2)`` between 0 (no spike) and T. The gradient passes straight through the floor (Bengio
    et al.), so that the threshold learns from the rounding error of each input, and from each input above it (Esser et al.).

    Parameters
    ----------
    steps : int, 1 to 2**20
        Length of the window T.
    threshold : float or tensor, [channels]
        Initial output of a neuron that fires at the first step; > 0. Channels are along the second dimension of the input.

    References
    ----------
    Esser et al., "Learned step size quantization", ICLR 2020; Bu et al., "Optimal ANN-SNN conversion for high-accuracy and
    ultra-low-latency spiking neural networks", ICLR 2022.
    """

    def __init__(self, steps: int, threshold: Any) -> None:
        super().__init__()
        self.steps = integer("FirstSpike", "steps", steps, 1, 1 << 20)
        start = torch.as_tensor(threshold, dtype=torch.get_default_dtype()).clone()
        if start.ndim > 1:
            rule = "must be a number, or have the shape [channels]"
            fail("FirstSpike", "threshold", tuple(start.shape), rule, got="shape")
        if not (torch.isfinite(start) & (start > 0)).all():
            fail("FirstSpike", "threshold", threshold, "must be finite and > 0")
        self.threshold = nn.Parameter(start)

    @property
    def positive(self) -> torch.Tensor:
        """The thresholds; a channel whose threshold was learned below 0 sends values of at most 1e-15."""
        return self.threshold.clamp(min=_LEAST)

    def size(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of a neuron that fires one step before the end, as it broadcasts to inputs [B, channels, ...]."""
        size = self.positive / self.steps
        return size.reshape(-1, *[1] * (x.ndim - 2)) if size.ndim else size

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return what the neurons send for inputs [B, channels, ...]."""
        size = self.size(x)
        k = (x / size).clamp(0, self.steps)
        with torch.no_grad():
            error = (k + 0.5).floor_().sub_(k)
        return (k + error) * size

    def extra_repr(self) -> str:
        """Return the number of steps."""
        return f"steps={self.steps}"
