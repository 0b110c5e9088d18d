"""Write layered models as ONNX files."""

from __future__ import annotations

import os
from typing import Literal

import numpy as np

from spikelet._util.checks import choice, fail, integer
from spikelet._util.extras import needs
from spikelet._util.files import path_of, replaced
from spikelet._util.spelling import spelled
from spikelet.io.c.arguments import delay_of
from spikelet.io.sample_shapes import sample_shapes
from spikelet.layers.graph import Graph, Shapes
from spikelet.layers.spiking_model import SpikingModel


@spelled
def write_onnx(
    model: SpikingModel | Graph,
    path: str | os.PathLike[str],
    *,
    input_shape: Shapes | None = None,
    steps: int | None = None,
    dtype: Literal["float32", "float64"] = "float32",
) -> None:
    """Write a model of layers as an ONNX file.

    Analog layers become operators of ONNX's opset 18, and neurons a Scan over time, whose body is one step. Inputs and
    outputs have the names of the model's. The number of samples is open.

    Parameters
    ----------
    model : SpikingModel or Graph
        A graph without neurons is an analog network: inputs and outputs are [B, ...].
    path : path-like
        File to write, or to replace as a whole.
    input_shape : tuple of int, or several, optional
        Shape of one sample, as for `Graph.shapes`. By default that of a converted model, or what a first fully connected
        layer takes.
    steps : int, optional
        Hold an input of shape [B, ...] for so many steps. By default that of a converted model; without it, inputs are
        sequences, [T, B, ...], of any length.
    dtype : "float32" or "float64"

    Raises
    ------
    ValueError
        If a layer cannot be written; the message names it.
    TypeError
        If `model` is not a model.
    ModuleNotFoundError
        If onnx is missing: ``pip install 'spikelet[onnx]'``.

    Notes
    -----
    Outputs of neurons are means over the steps, as the `output` of a run: up to rounding, since a runtime may add the
    products of a layer in another order. A potential that meets its threshold within rounding may fall on the other side.

    Examples
    --------
    >>> import tempfile, numpy as np, onnx.reference, spikelet as sl
    >>> snn = sl.SpikingModel([sl.layers.Linear([[0.5, 0.25]]), sl.layers.IF()])
    >>> x = np.array([[1.0, 1.0]], np.float32)
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     sl.io.write_onnx(snn, f"{folder}/snn.onnx", input_shape=(2,), steps=4)
    ...     run = onnx.reference.ReferenceEvaluator(f"{folder}/snn.onnx").run
    ...     print(run(None, {"input": x})[0], snn.run(x, 4).output)
    [[0.75]] [[0.75]]
    """
    where = "write_onnx"
    with needs(where, "onnx"):
        from spikelet.conversion.to_onnx.neurons import step_of  # noqa: PLC0415  # needs an extra
        from spikelet.conversion.to_onnx.walk import onnx_model  # noqa: PLC0415

    if not isinstance(model, (SpikingModel, Graph)):
        what = type(model).__name__
        fail(where, "model", what, "must be a SpikingModel or a Graph", error=TypeError)
    target = path_of(where, path)
    model = SpikingModel(model) if isinstance(model, Graph) else model
    shapes = sample_shapes(where, model.graph, input_shape, getattr(model, "input_shapes", None))
    steps = getattr(model, "steps", None) if steps is None else integer(where, "steps", steps, 1)
    choice(where, "dtype", dtype, "float32", "float64")
    has_time = any(step_of(node.layer) is not None for node in model.graph)
    made = onnx_model(
        model.graph,
        shapes,
        where=where,
        real=np.dtype(dtype),
        sequence=has_time and steps is None,
        steps=steps,
        delay=delay_of(model, steps),
    )
    with replaced(target) as file:
        file.write(made.SerializeToString())
