"""The module behind `QCFS`, which imports PyTorch."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["QCFSActivation"]


class QCFSActivation(nn.Module):  # type: ignore[misc]  # torch is not type-checked
    """See `spikelet.conversion.qcfs.QCFS`."""

    def __init__(self, levels: int, upper: float) -> None:
        super().__init__()
        self.levels = levels
        self.upper = nn.Parameter(torch.tensor(float(upper)))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Quantise and clip the input."""
        share = (x / self.upper).clamp(0, 1)
        scaled = share * self.levels + 0.5
        rounded = scaled + (torch.floor(scaled) - scaled).detach()
        return (rounded / self.levels).clamp(0, 1) * self.upper

    def extra_repr(self) -> str:
        """Return the number of levels."""
        return f"levels={self.levels}"
