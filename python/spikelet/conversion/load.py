"""Read an ANN from PyTorch, ONNX or arrays as a graph of layers."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from spikelet._util.checks import fail, known
from spikelet._util.extras import extra
from spikelet.conversion.building import input_shapes
from spikelet.conversion.onnx.reader import read_onnx
from spikelet.layers import Layer
from spikelet.layers.graph import Graph

__all__ = ["read", "read_torch"]


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
    docs/which_networks.md has the list.

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


def read(
    ann: Any,
    example_shape: Any,
    *,
    keep: Collection[str] = (),
) -> Graph:
    """Read an ANN from any supported source.

    Parameters
    ----------
    ann : torch.nn.Module, path of an .onnx file, onnx.ModelProto, Graph or sequence
        For options of an ONNX file, pass the result of `read_onnx`. Items of a sequence are layers of `sl.layers`, or ``(name, layer, inputs)``.
    example_shape : tuple of int, or several
        Shape of one sample, without the batch: ``(3, 32, 32)``. For several inputs a sequence of shapes, or a mapping of
        their names to shapes.
    keep : collection of str
        Names of layers that may stay in their own framework if no layer of `sl.layers` computes them.

    Returns
    -------
    Graph
        The layers as read; nothing is folded.

    Raises
    ------
    TypeError
        If `ann` is none of these.
    ValueError
        If it cannot be converted, or does not take samples of this shape; see `read_torch` and `read_onnx`.
    ImportError
        If PyTorch or onnx is required but not installed; the message names the extra to install.
    """
    shape = input_shapes("read", example_shape)
    if isinstance(keep, str) or not all(isinstance(name, str) for name in keep):
        fail("read", "keep", keep, "must be a collection of names", error=TypeError)
    # A module or a model exists only if its package has been imported.
    torch, onnx = sys.modules.get("torch"), sys.modules.get("onnx")
    if torch is not None and isinstance(ann, torch.nn.Module):
        return read_torch(ann, shape, keep=keep)
    is_path = isinstance(ann, str | os.PathLike)
    if is_path and not os.fspath(ann).endswith(".onnx"):
        fail(
            "read",
            "ann",
            ann,
            "must end in .onnx if it is a path; load other files as a torch.nn.Module",
        )
    if is_path or (onnx is not None and isinstance(ann, onnx.ModelProto)):
        return read_onnx(ann, shape, keep=keep)[0]
    if isinstance(ann, tuple) and len(ann) == 2 and isinstance(ann[0], Graph):  # of `read_onnx`
        ann = ann[0]
    if isinstance(ann, Graph):
        graph = ann
    elif isinstance(ann, Sequence) and not isinstance(ann, bytes):
        graph = Graph(ann, "read")
    elif isinstance(ann, Layer):
        graph = Graph([ann], "read")
    else:
        msg = (
            "read: ann must be a torch.nn.Module, the path of an .onnx file, an onnx.ModelProto, "
            f"a Graph, or a sequence of layers, got {type(ann).__name__}{_way_in(ann)}"
        )
        raise TypeError(msg)
    for name in keep:
        known("read", "keep", name, [node.name for node in graph], "layers")
    graph.shapes(shape)
    return graph


def _way_in(ann: Any) -> str:
    """Return how to make an ANN of another object, or an empty string."""
    if isinstance(ann, Mapping):
        return "; load a state_dict into its module"
    if hasattr(ann, "coefs_") and hasattr(ann, "intercepts_"):  # scikit-learn
        return "; make layers of it: Linear(w.T, b) for w, b in zip(coefs_, intercepts_), with a ReLU() between each two"
    found = {"ExportedProgram": ".module()", "ONNXProgram": ".model_proto"}.get(type(ann).__name__)
    return f"; pass its {found}" if found else ""
