"""Checks that each kind of layer must pass."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.support.layers_reference import stateless

from spikelet import layers as L

Make = Callable[..., Any]


def check_shape(layer: Any, given: list[tuple[int, ...]], wanted: tuple[int, ...]) -> None:
    """Compare the shape that a layer promises with the one that PyTorch makes."""
    assert layer.output_shape(given) == wanted
    if not isinstance(layer, (L.Neuron, L.ReLU)):
        made = stateless(layer, [torch.ones((1, *shape), dtype=torch.float64) for shape in given])
        assert made.shape == (1, *wanted)


def check_refused(
    make: Make, arguments: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
) -> None:
    """Check that a layer refuses its parameters with an error that names it, the parameter and the value."""
    with pytest.raises(kind) as caught:
        make(**arguments)
    message = str(caught.value)
    assert message.startswith(f"{make.__name__}: ")
    for word in words:
        assert word in message
