"""Read a PyTorch module as a graph of layers."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spikelet._util.extras import extra
from spikelet.conversion.building import input_shape
from spikelet.layers.graph import Graph

__all__ = ["read_torch"]


def read_torch(module: Any, example_shape: Iterable[int]) -> Graph:
    """Read a PyTorch module by tracing it (torch.fx); its training code is not needed.

    Supported, as modules, functions or methods, are linear layers and 2d convolutions, BatchNorm in eval mode (as `Affine`;
    `fold` puts it into the weights), ReLU, pooling, means over height and width, flattening in all its forms, sums and
    differences, constants added or multiplied channel by channel, concatenation along channels, nearest-neighbour
    upsampling, padding with zeros, strided selection. Dropout and identities are removed, and so is a softmax as the
    very last operator, which does not change the order of the outputs. Operators that do not lead to the output are
    ignored.

    Each layer is then compared with PyTorch on random samples, in float64, and so is the whole module (on a copy, whose
    forward hooks are called). The module itself is not modified.

    Parameters
    ----------
    module : torch.nn.Module
        A module with one input and one output, and without control flow that depends on the input.
    example_shape : tuple of int
        Shape of one sample, without the batch: ``(3, 32, 32)``.

    Returns
    -------
    Graph
        Layers are named as in the module, ``blocks.0.relu1``; functions by the module that calls them,
        ``blocks.0.add``; a second call gets a number, ``blocks.0.relu1_1``.

    Raises
    ------
    TypeError
        If it is not a module, or does not return one tensor.
    ValueError
        If a layer cannot be converted, weights are not finite, or BatchNorm was never trained; the message names the
        layer and says what to do.
    ImportError
        If PyTorch is not installed.
    """
    torch = extra("torch", "read_torch", "torch")
    from spikelet.conversion import torch_tracing  # noqa: PLC0415

    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError("read_torch: module must not be scripted; pass the torch.nn.Module")
    if not isinstance(module, torch.nn.Module):
        msg = f"read_torch: module must be a torch.nn.Module, got {type(module).__name__}"
        raise TypeError(msg)
    return torch_tracing.convert(module, input_shape("read_torch", example_shape))
