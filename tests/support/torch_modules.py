"""A PyTorch module whose forward pass is a function."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from torch import nn


class Lambda(nn.Module):
    def __init__(self, function: Callable[..., Any], **modules: Any) -> None:
        super().__init__()
        self.function = function
        for name, module in modules.items():
            setattr(self, name, module)

    def forward(self, x: Any) -> Any:
        return self.function(self, x)
