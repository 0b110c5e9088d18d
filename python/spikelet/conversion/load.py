"""Read an ANN from PyTorch, ONNX or arrays as a graph of layers."""

from __future__ import annotations

import os
import sys
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from numpy.typing import ArrayLike

from spikelet._util.checks import fail, known
from spikelet.conversion.building import input_shapes
from spikelet.conversion.from_onnx import read_onnx
from spikelet.conversion.from_torch import read_torch
from spikelet.layers import Layer
from spikelet.layers.graph import Graph

__all__ = ["read"]


def read(
    ann: Any,
    example_shape: Any,
    *,
    keep: Collection[str] = (),
    outputs: Collection[str] | None = None,
    fixed: Mapping[str, ArrayLike] | None = None,
) -> Graph:
    """Read an ANN from any supported source.

    Parameters
    ----------
    ann : torch.nn.Module, path of an .onnx file, onnx.ModelProto, Graph or sequence
        Items of a sequence are layers of `sl.layers`, or ``(name, layer, inputs)``.
    example_shape : tuple of int, or several
        Shape of one sample, without the batch: ``(3, 32, 32)``. For several inputs a sequence of shapes, or a mapping of
        their names to shapes.
    keep : collection of str
        Names of layers that may stay in their own framework if no layer of `sl.layers` computes them.
    outputs : collection of str, optional
        Names of the tensors at which an ONNX model ends.
    fixed : mapping of str to array, optional
        Values of inputs of an ONNX model that are not data.

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
        _only_onnx(outputs, fixed)
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
        return read_onnx(ann, shape, outputs=outputs, fixed=fixed, keep=keep)[0]
    _only_onnx(outputs, fixed)
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


def _only_onnx(outputs: Any, fixed: Any) -> None:
    for argument, value in (("outputs", outputs), ("fixed", fixed)):
        if value is not None:
            fail(
                "read", argument, value, "must not be given: only ONNX models have names of tensors"
            )
