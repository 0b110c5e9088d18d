"""Long sequences in pieces: truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Iterator

from torch import Tensor, nn

from spikelet._util.checks import fail, integer
from spikelet.torch.delay import Delay
from spikelet.torch.modules import LI, Carried, Neuron
from spikelet.torch.psn import PSN, SlidingPSN
from spikelet.torch.time import in_order

__all__ = ["in_pieces"]

_WHERE = "in_pieces"


def in_pieces(model: nn.Sequential, x: Tensor, length: int) -> Iterator[Tensor]:
    """Run a network over pieces of a sequence; each piece starts from the final states of the previous one.

    Outputs are those of the whole sequence. Gradients stop at the beginning of each piece, and memory is that of one piece,
    if its loss is differentiated before the next one is taken.

    Parameters
    ----------
    model : nn.Sequential
        Neurons of `spikelet.torch` and layers without state from step to step, nested as you like.
    x : Tensor, [T, B, ...]
    length : int >= 1
        Steps of a piece; the last may be shorter.

    Yields
    ------
    Tensor, [length, B, ...]
        The output of a piece.

    Raises
    ------
    TypeError, ValueError
        Before the first piece, if a layer uses earlier steps without a state (`Delay`, parallel neurons), has its own
        `forward` around neurons, or an argument is out of range.

    Examples
    --------
    >>> import torch, spikelet.torch as st
    >>> net = torch.nn.Sequential(torch.nn.Linear(4, 8), st.LIF(), torch.nn.Linear(8, 2), st.LI())
    >>> for y in st.in_pieces(net, torch.rand(1000, 3, 4), 100):
    ...     y.square().mean().backward()
    """
    modules = in_order(_WHERE, model)
    if not isinstance(x, Tensor) or x.ndim < 3:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        fail(_WHERE, "x", got, "must be a tensor [T, B, ...]", error=TypeError)
    length = integer(_WHERE, "length", length, 1)
    _check(modules)
    return _pieces([module for _, module in modules], x, length)


def _check(modules: list[tuple[str, nn.Module]]) -> None:
    seen: set[nn.Module] = set()
    for name, module in modules:
        if isinstance(module, Neuron):
            own = type(module).forward not in (Neuron.forward, LI.forward)
            good = not own and module.steps is None and not module.return_v
        else:
            good = not any(
                isinstance(m, (Neuron, Delay, PSN, SlidingPSN)) for m in module.modules()
            )
        if not good or module in seen:
            rule = "must be neurons as they are, without steps= and return_v=, or a layer without state"
            fail(_WHERE, f"module '{name}'", type(module).__name__, rule)
        seen.add(module)


def _pieces(modules: list[nn.Module], x: Tensor, length: int) -> Iterator[Tensor]:
    states = {module: Carried() for module in modules if isinstance(module, Neuron)}
    for piece in x.split(length):
        y = piece
        for module in modules:  # calls, so that hooks run
            y = module(y, states[module]) if module in states else module(y)
        yield y
