"""Embeddings in a run on numbers: their indices come as floating-point numbers, as all inputs of a converted model do."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
import torch.nn.functional as F
from torch import nn

__all__ = ["EMBEDDINGS", "FUNCTIONS", "Indices", "Lookup", "LookupFunction", "with_lookups"]

EMBEDDINGS = (nn.Embedding, nn.EmbeddingBag)
FUNCTIONS = frozenset({"embedding", "embedding_bag", "embedding_bag_forward_only"})
_WHOLE = 1e-3  # how far the mean of a constant input may be from its index


class Indices:
    """Makes indices of floating-point numbers."""

    def __init__(self) -> None:
        self.any_number = False  # random numbers stand for indices

    def of(self, x: torch.Tensor, rows: int, where: str) -> torch.Tensor:
        """Return the indices of the rows of a table."""
        last = rows - 1
        index = x.round()
        if self.any_number:
            index = index.clamp(0, last)
        right = ((index - x).abs() <= _WHOLE) & (index >= 0) & (index <= last)
        if not self.any_number and not bool(right.all()):
            msg = f"{where}: x must be whole numbers from 0 to {last}, got {x[~right][0]:g}"
            raise ValueError(msg)
        return index.long()


class Lookup:
    """The forward function of an embedding for indices that are whole floating-point numbers.

    Parameters
    ----------
    module : nn.Embedding or nn.EmbeddingBag
    name : str
        For error messages.
    indices : Indices
    """

    def __init__(self, module: nn.Module, name: str, indices: Indices) -> None:
        self._module, self._name, self._indices = module, name, indices

    def __call__(self, x: torch.Tensor, *args: Any, **kwargs: Any) -> torch.Tensor:
        """Look up the rows of the table."""
        kind = type(self._module)
        where = f"layer '{self._name}' ({kind.__name__})"
        index = self._indices.of(x, self._module.num_embeddings, where)
        found: torch.Tensor = kind.forward(self._module, index, *args, **kwargs)
        return found


class LookupFunction:
    """A function that looks up rows of a table, for indices that are whole floating-point numbers.

    Parameters
    ----------
    function : callable
        Of PyTorch, or of ATen, which takes the table first.
    name : str
    indices : Indices
    """

    def __init__(self, function: Callable[..., Any], name: str, indices: Indices) -> None:
        self._function, self.__name__, self._indices = function, name, indices
        self._place = 0 if function in (F.embedding, F.embedding_bag) else 1

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Look up the rows of the table."""
        if len(args) < 2:
            return self._function(*args, **kwargs)
        given = list(args)
        index, table = given[self._place], given[1 - self._place]
        if isinstance(index, torch.Tensor) and index.is_floating_point():
            where = f"layer '{self.__name__}'"
            given[self._place] = self._indices.of(index, len(table), where)
        return self._function(*given, **kwargs)


@contextmanager
def with_lookups(module: nn.Module) -> Iterator[Indices]:
    """Let the embeddings of a module take floating-point numbers from now on; within the context, any of them."""
    indices = Indices()
    for name, inner in module.named_modules():
        if type(inner) in EMBEDDINGS:
            inner.forward = Lookup(inner, name, indices)
    indices.any_number = True
    try:
        yield indices
    finally:
        indices.any_number = False
