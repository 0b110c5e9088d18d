"""A PyTorch module as a graph of layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spikelet._util.extras import extra
from spikelet.conversion.building import input_shape
from spikelet.layers.graph import Graph

__all__ = ["read_torch"]


def read_torch(module: Any, example_shape: Iterable[int]) -> Graph:
    """Read a PyTorch module by tracing it (torch.fx); its training code is not needed.

    Modules, functions and methods are read alike: linear layers and 2d convolutions, BatchNorm in eval mode (as `Affine`;
    `fold` puts it into the weights), ReLU, pooling, means over height and width, flattening in all its forms, sums and
    differences, constants added or multiplied channel by channel, concatenation along channels, nearest-neighbour
    upsampling, padding with zeros, strided selection. Dropout and identities vanish. A softmax as the very last operator is
    left out: it does not change the order of the outputs. What does not lead to the output is not read.

    Every layer is then compared with what PyTorch computes for random samples, in float64, and so is the whole (forward
    hooks are called for that, on a copy). The module itself stays as it is.

    Parameters
    ----------
    module : torch.nn.Module
        With one input and one output, and no control flow that depends on the input.
    example_shape : tuple of int
        Of one sample, without the batch: ``(3, 32, 32)``.

    Returns
    -------
    Graph
        Layers are called as in the module, ``blocks.0.relu1``, functions by the module in which they are called,
        ``blocks.0.add``; what is called again is ``blocks.0.relu1_1``.

    Raises
    ------
    TypeError
        If it is no module, or does not give one tensor.
    ValueError
        If something cannot be converted, weights are not finite, or BatchNorm was never trained; the message names the
        layer and says what to do.
    ImportError
        Without PyTorch: ``pip install 'spikelet[torch]'``.
    """
    torch = extra("torch", "read_torch", "torch")
    from spikelet.conversion import torch_tracing  # noqa: PLC0415

    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError("read_torch: module must not be scripted; give the torch.nn.Module")
    if not isinstance(module, torch.nn.Module):
        msg = f"read_torch: module must be a torch.nn.Module, got {type(module).__name__}"
        raise TypeError(msg)
    return torch_tracing.convert(module, input_shape("read_torch", example_shape))
