"""Checks of arguments."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from spikelet.torch.arguments import real, require_kind


def test_a_number_within_its_rule() -> None:
    assert real("X", "alpha", torch.tensor(2), "> 0") == 2.0
    with pytest.raises(ValueError, match=r"X: alpha must be finite and > 0, got -1\.0"):
        real("X", "alpha", -1, "finite and > 0")
    with pytest.raises(TypeError, match="X: alpha must be"):
        real("X", "alpha", "long", "> 0")


def test_a_value_of_a_kind() -> None:
    require_kind("X", "model", nn.Linear(1, 1), nn.Module, "a torch.nn.Module")
    with pytest.raises(TypeError, match=r"X: model must be a torch\.nn\.Module, got 'int'"):
        require_kind("X", "model", 3, nn.Module, "a torch.nn.Module")
