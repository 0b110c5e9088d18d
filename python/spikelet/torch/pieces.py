"""Long sequences in pieces: truncated backpropagation through time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from torch import Tensor, nn

from spikelet._util.checks import fail, integer
from spikelet.torch.delay import Delay
from spikelet.torch.modules import LI, Carried, Neuron
from spikelet.torch.psn import PSN, SlidingPSN

__all__ = ["in_pieces"]

_WHERE = "in_pieces"
_States = dict[nn.Module, Carried]


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
    if type(model) is not nn.Sequential:
        what = type(model).__name__
        fail(_WHERE, "model", what, "must be a torch.nn.Sequential", error=TypeError)
    if not isinstance(x, Tensor) or x.ndim < 3:
        got = tuple(x.shape) if isinstance(x, Tensor) else type(x).__name__
        fail(_WHERE, "x", got, "must be a tensor [T, B, ...]", error=TypeError)
    length = integer(_WHERE, "length", length, 1)
    _check(model, "")
    return _pieces(model, x, length)


def _pieces(model: nn.Sequential, x: Tensor, length: int) -> Iterator[Tensor]:
    states: _States = {}
    for piece in x.split(length):
        yield _through(model, piece, states)


def _check(model: nn.Sequential, inside: str) -> None:
    seen: set[nn.Module] = set()
    for name, module in model.named_children():
        where = f"{inside}{name}"
        if type(module) is nn.Sequential:
            _check(module, f"{where}.")
            continue
        neurons = isinstance(module, Neuron)
        own = neurons and type(module).forward not in (Neuron.forward, LI.forward)
        held = isinstance(module, Neuron) and (module.steps is not None or module.return_v)
        around = not neurons and any(
            isinstance(m, (Neuron, Delay, PSN, SlidingPSN)) for m in module.modules()
        )
        if own or held or around or module in seen:
            rule = "must be neurons as they are, without steps= and return_v=, or a layer without state"
            fail(_WHERE, f"module '{where}'", type(module).__name__, rule)
        seen.add(module)


def _through(model: nn.Sequential, x: Any, states: _States) -> Any:
    for module in model:
        if isinstance(module, nn.Sequential):
            x = _through(module, x, states)
        elif isinstance(module, Neuron):
            x = module(x, states.setdefault(module, Carried()))  # a call, so that its hooks run
        else:
            x = module(x)
    return x
