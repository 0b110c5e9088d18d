"""What the comparisons of NIR with other libraries share."""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import nir
import torch
from torch import nn

__all__ = ["Exported", "Tensor", "by_sample", "flattens", "larger", "quiet", "stepped"]

Tensor = torch.Tensor


@dataclass(frozen=True)
class Exported:
    """A network of a library and its NIR graph, by the library's own writer.

    `spikes` returns what the library sends for x [T, B, ...]; `options` those of `NirModel.run` that are its conventions.
    """

    graph: nir.NIRGraph
    spikes: Callable[[Tensor], Tensor]
    options: dict[str, Any]


def stepped(net: nn.Module, x: Tensor) -> Tensor:
    """Step a network that takes and returns its state."""
    state, out = None, []
    for step in x:
        y, state = net(step, state)
        out.append(y)
    return torch.stack(out)


def by_sample(make: Callable[[], nn.Module], x: Tensor) -> Tensor:
    """Run sample by sample, without a dimension for them."""
    return torch.stack([stepped(make(), x[:, b]) for b in range(x.shape[1])], 1)


def flattens(graph: nir.NIRGraph) -> bool:
    """Return whether a graph has a Flatten."""
    return any(isinstance(node, nir.Flatten) for node in graph.nodes.values())


def larger(net: nn.Module) -> None:
    """Make weights larger, so that neurons spike."""
    with torch.no_grad():
        for name, p in net.named_parameters():
            if name.endswith(("weight", "bias")):
                p.mul_(4)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Drop what a library prints."""
    with contextlib.redirect_stdout(io.StringIO()):
        logging.disable(logging.WARNING)
        try:
            yield
        finally:
            logging.disable(logging.NOTSET)
