"""Read a PyTorch module as a graph of layers."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from spikelet._util.extras import extra
from spikelet.conversion.building import input_shapes
from spikelet.layers.graph import Graph

__all__ = ["read_torch"]


def read_torch(module: Any, example_shape: Any, *, keep: Collection[str] = ()) -> Graph:
    """Read a PyTorch module by running it once; its training code is not needed.

    The module runs on random samples, and each operator of PyTorch that works on its input is recorded, whether a
    module, a function, a method or an expression calls it. So loops and branches on the shapes of tensors work; only
    branches on their values raise an error. Operators that do not lead to an output are ignored.

    Supported are the operators of convolutional networks and transformers: linear layers, convolutions and transposed
    convolutions of sequences, images and volumes, BatchNorm in eval mode (as `Affine`; `fold` puts it into the weights),
    ReLU and all other activations, pooling, sums and products of data and constants, matrix products, attention, softmax,
    LayerNorm, GroupNorm, InstanceNorm and RMSNorm, means, sums and maxima over axes, interpolation, and operators that
    only move values: reshaping, permuting, slicing, padding, concatenating, shuffling.
    docs/conversion_operators.md has the list.

    Modules that ``torch.ao.quantization.quantize_dynamic`` has quantised are read with their weights; their rounding of inputs,
    which depends on the batch, is left out.

    Each layer is then compared with PyTorch on these samples, in float64, and the outputs on others. The module is not
    modified; its forward hooks and parametrizations are included.

    Parameters
    ----------
    module : torch.nn.Module
    example_shape : tuple of int, or several
        Shape of one sample, without the batch: ``(3, 32, 32)``. For several inputs a sequence of shapes, in the order of
        ``forward``, or a mapping of its arguments to shapes.
    keep : collection of str
        Names of layers, or of modules, whose operators may stay in PyTorch if no layer of `sl.layers` computes them: each
        becomes a `Foreign`.

    Returns
    -------
    Graph
        Layers are named as in the module, ``blocks.0.relu1``; functions by the module that calls them,
        ``blocks.0.add``; a second call gets a number, ``blocks.0.relu1_1``. Outputs are those of the module in order, those
        of a dict or a data class with the names of its keys or fields. One input is called ``input``, several have the
        names of ``forward``'s arguments. In all of them the first dimension is the batch.

    Raises
    ------
    TypeError
        If it is not a module, or does not return tensors.
    ValueError
        If a layer cannot be converted, weights are not finite, or BatchNorm was never trained; the message names the
        layer and says what to do.
    ImportError
        If PyTorch is not installed.
    """
    torch = extra("torch", "read_torch", "torch")
    from spikelet.conversion.torch import reader as torch_reader  # noqa: PLC0415

    if isinstance(module, torch.jit.ScriptModule):
        raise TypeError("read_torch: module must not be scripted; pass the torch.nn.Module")
    if not isinstance(module, torch.nn.Module):
        msg = f"read_torch: module must be a torch.nn.Module, got {type(module).__name__}"
        raise TypeError(msg)
    return torch_reader.convert(module, input_shapes("read_torch", example_shape), keep=keep)
