"""Checks that each kind of layer must pass."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from tests.support.layers_reference import stateless

from spikelet import layers as L

Make = Callable[..., Any]


Shapes = list[tuple[int, ...]]


def shapes_are(table: list[tuple[Any, Shapes, tuple[int, ...]]]) -> Any:
    """Return a test that compares the shape that each layer promises with the one that PyTorch makes."""

    @pytest.mark.parametrize(("layer", "given", "wanted"), table)
    def test(layer: Any, given: Shapes, wanted: tuple[int, ...]) -> None:
        assert layer.output_shape(given) == wanted
        if not isinstance(layer, (L.Neuron, L.ReLU)):
            ones = [torch.ones((1, *shape), dtype=torch.float64) for shape in given]
            assert stateless(layer, ones).shape == (1, *wanted)

    return test


def shapes_are_refused(table: list[tuple[Any, Shapes, str]]) -> Any:
    """Return a test that each layer refuses shapes with an error that begins so."""

    @pytest.mark.parametrize(("layer", "given", "message"), table)
    def test(layer: Any, given: Shapes, message: str) -> None:
        with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
            layer.output_shape(given, "here")

    return test


def parameters_are_refused(
    table: list[tuple[Make, dict[str, Any], type[Exception], tuple[str, ...]]],
) -> Any:
    """Return a test that each layer refuses parameters with an error that names it, the parameter and the value."""

    @pytest.mark.parametrize(("make", "arguments", "kind", "words"), table)
    def test(
        make: Make, arguments: dict[str, Any], kind: type[Exception], words: tuple[str, ...]
    ) -> None:
        with pytest.raises(kind) as caught:
            make(**arguments)
        message = str(caught.value)
        assert message.startswith(f"{make.__name__}: ")
        for word in words:
            assert word in message

    return test
