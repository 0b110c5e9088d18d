"""Nested arguments of operators, and the names of operators."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import torch

__all__ = ["is_in_place", "kind_of", "leaves", "mapped", "name_of"]


def mapped(function: Callable[[Any], Any], tree: Any) -> Any:
    """Return nested arguments with a function applied to each that is not a container."""
    if isinstance(tree, torch.Size):
        return tree
    if isinstance(tree, tuple) and hasattr(tree, "_fields"):  # a named tuple
        return type(tree)(*(mapped(function, v) for v in tree))
    if isinstance(tree, (list, tuple)):
        return type(tree)([mapped(function, v) for v in tree])
    if isinstance(tree, dict):
        return {k: mapped(function, v) for k, v in tree.items()}
    if isinstance(tree, slice):
        return slice(*(mapped(function, v) for v in (tree.start, tree.stop, tree.step)))
    return function(tree)


def leaves(tree: Any) -> Iterator[Any]:
    """Return what is in nested arguments."""
    found: list[Any] = []
    mapped(found.append, tree)
    return iter(found)


def kind_of(function: Any) -> str:
    """Return the name of an operator: "relu" for torch.relu, F.relu_ and Tensor.relu_."""
    if name_of(function) == "__get__":  # an attribute of a tensor
        return str(function.__self__.__name__)
    return name_of(function).strip("_")


def name_of(function: Any) -> str:
    """Return the name of an operator, of any overload: "relu_" for Tensor.relu_ and aten.relu_.default."""
    function = getattr(function, "overloadpacket", function)
    name: str = getattr(function, "__name__", type(function).__name__)
    return name


def is_in_place(function: Any) -> bool:
    """Return whether an operator changes its first argument: Tensor.relu_, and ``x[0] = y``."""
    name = name_of(function)
    return kind_of(function) == "setitem" or (name.endswith("_") and not name.endswith("__"))
