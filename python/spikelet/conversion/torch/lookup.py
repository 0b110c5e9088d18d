"""Embeddings in a run on numbers: their indices come as floating-point numbers, as all inputs of a converted model do."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

__all__ = ["Lookup", "with_lookups"]

_WHOLE = 1e-3  # how far the mean of a constant input may be from its index


class Lookup:
    """The forward function of an embedding for indices that are whole floating-point numbers.

    Parameters
    ----------
    module : nn.Embedding
    name : str
        For error messages.
    """

    def __init__(self, module: nn.Embedding, name: str) -> None:
        self._module, self._name = module, name
        self.any_number = False  # random numbers stand for indices

    def __call__(self, x: torch.Tensor) -> torch.Tensor:
        """Look up the rows of the table."""
        last = self._module.num_embeddings - 1
        index = x.round()
        if self.any_number:
            index = index.clamp(0, last)
        right = ((index - x).abs() <= _WHOLE) & (index >= 0) & (index <= last)
        if not self.any_number and not bool(right.all()):
            msg = f"layer '{self._name}' (Embedding): x must be whole numbers from 0 to {last}, got {x[~right][0]:g}"
            raise ValueError(msg)
        found: torch.Tensor = type(self._module).forward(self._module, index.long())
        return found


@contextmanager
def with_lookups(module: nn.Module) -> Iterator[None]:
    """Let the embeddings of a module take floating-point numbers from now on; within the context, any of them."""
    found = []
    for name, inner in module.named_modules():
        if type(inner) is nn.Embedding:
            found.append(Lookup(inner, name))
            inner.forward = found[-1]
    for lookup in found:
        lookup.any_number = True
    yield
    for lookup in found:
        lookup.any_number = False
