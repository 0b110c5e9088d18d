"""Apply layers without time to all steps: ``[T, B, ...]`` is treated as a batch of T x B samples."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from spikelet._util.checks import fail, integer
from spikelet.torch.delay import Delay
from spikelet.torch.modules import LI, Carried, Neuron
from spikelet.torch.psn import PSN, SlidingPSN
from spikelet.torch.watched import is_transformed


class OverTime(nn.Module):
    """Apply layers such as convolutions, BatchNorm and pooling to all steps at once.

    T is folded into the batch: one call of each layer computes all steps, and BatchNorm takes its statistics over both
    steps and samples (as in Zheng et al., AAAI 2021, except for their factor).

    Parameters
    ----------
    *layers : nn.Module
        Layers without state from step to step, applied one after another.

    Raises
    ------
    TypeError, ValueError
        If there are no layers, or one is not a module.

    Examples
    --------
    >>> import torch
    >>> from torch import nn
    >>> from spikelet.torch import OverTime
    >>> OverTime(nn.Conv2d(1, 4, 3), nn.BatchNorm2d(4))(torch.zeros(5, 2, 1, 8, 8)).shape
    torch.Size([5, 2, 4, 6, 6])
    """

    def __init__(self, *layers: nn.Module) -> None:
        super().__init__()
        if not layers:
            fail("OverTime", "layers", layers, "must be at least one module")
        for layer in layers:
            if not isinstance(layer, nn.Module):
                fail("OverTime", "layers", layer, "must be torch.nn modules", error=TypeError)
        self.layer = layers[0] if len(layers) == 1 else nn.Sequential(*layers)

    def check(self, x: torch.Tensor) -> None:
        """Reject inputs [T, B, ...] that the layers would misinterpret; subclasses define which."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return the output of the layers for each step.

        Parameters
        ----------
        x : tensor, [T, B, ...]
        """
        if not isinstance(x, torch.Tensor) or x.layout != torch.strided:
            fail("OverTime", "x", type(x).__name__, "must be a dense torch.Tensor", error=TypeError)
        if x.ndim < 3:
            fail("OverTime", "x", tuple(x.shape), "must have the shape [T, B, ...]", got="shape")
        self.check(x)
        y: torch.Tensor = self.layer(_folded(x))
        return y.unflatten(0, x.shape[:2])


_LAST = {4: torch.channels_last, 5: torch.channels_last_3d}


def _folded(x: torch.Tensor) -> torch.Tensor:
    """Return all samples of all steps, [T B, ...].

    The stride of a dimension of size 1 may be any, and `flatten` chooses one from which BatchNorm takes a single image
    whose channels come last for another format in its backward pass: its gradients are wrong then (PyTorch 2.13, 2.15).
    A copy has the usual strides.
    """
    y = x.flatten(0, 1)
    last = _LAST.get(y.ndim)
    if last is None or y.shape[0] != 1 or y.is_contiguous() or is_transformed():
        return y
    return y.clone(memory_format=last) if y.is_contiguous(memory_format=last) else y


def layers_over_time(module: nn.Module) -> nn.Module | None:
    """Return what an `OverTime` applies to all steps, or None: for other modules, and subclasses with their own forward."""
    if isinstance(module, OverTime) and type(module).forward is OverTime.forward:
        return module.layer
    return None


def in_order(where: str, model: Any) -> list[tuple[str, nn.Module]]:
    """Return the modules of an `nn.Sequential` with their names; those of nested ones stand in their place."""
    if type(model) is not nn.Sequential:
        what = type(model).__name__
        fail(where, "model", what, "must be a torch.nn.Sequential", error=TypeError)
    found: list[tuple[str, nn.Module]] = []
    for name, module in model.named_children():
        nested = type(module) is nn.Sequential
        inside = in_order(where, module) if nested else [("", module)]
        found += [(f"{name}.{n}" if n else name, m) for n, m in inside]
    return found


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
