"""The plain PyTorch loops against which the tests check the kernels."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

sys.path.append(str(Path(__file__).parents[2] / "tests" / "support"))
import torch_reference

if TYPE_CHECKING:
    from training import Layer, Task


def lif(convention: str, x: torch.Tensor, **parameters: Any) -> Any:
    """Return spikes and final potential."""
    return torch_reference.lif(x, convention=convention, return_v=True, **parameters)


def layer(task: Task) -> Layer:
    """Raise an error: the reference is not timed."""
    raise ImportError(f"{task.method}: the reference is not timed")


def versions() -> dict[str, str]:
    """Return the versions of the software."""
    return {"torch": torch.__version__}
