"""`SpikingModel`, converted or made of layers, as a NIR graph."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet import _core
from spikelet._util.checks import fail
from spikelet.conversion.building import input_shape, refuse
from spikelet.io.nir.planar import planar
from spikelet.io.nir.writing_layers import Writer
from spikelet.io.nir.writing_neurons import Cell, Neurons, full
from spikelet.io.nir.writing_readers import Request
from spikelet.layers import LI, LIF, Linear, Neuron, PredictiveIF, Shape
from spikelet.layers.graph import Graph, Node, Shapes
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["write_layers", "write_model"]

Array = NDArray[Any]


_WHERE = "write_nir"


def write_model(model: SpikingModel, request: Request) -> tuple[Any, list[str]]:
    """Return the graph of a model, and what its readers should know."""
    own = "float64" if model.dtype == "float64" else "float32"
    layers, shape = planar(model.graph, _shape_given(model, request))
    graph, notes = write_layers(
        layers,
        lambda node, shape: _cell(model.graph, model.graph[node.name], shape),
        replace(request, input_shape=shape),
        own_step=_own_step(model),
        own_type=own,
        one_dimensional=layers is not model.graph,
    )
    if model.dtype == "int16":
        notes.append(
            "weights are written in float32, not in the 16 bits of the model, whose spikes may differ"
        )
    return graph, notes


def write_layers(
    graph: Graph,
    cell_of: Callable[[Node, Shape], tuple[Cell, Array | None]],
    request: Request,
    *,
    own_step: float | None,
    own_type: str,
    synapses: bool = False,
    one_dimensional: bool = False,
) -> tuple[Any, list[str]]:
    """Return the graph of layers, and what its readers should know.

    Parameters
    ----------
    graph : Graph
    cell_of : callable
        See `Writer.layers`.
    request : Request
    own_step : float, optional
        Step of the model [s].
    own_type : str
        Precision of the model.
    synapses : bool
        Whether neurons have synapses.
    one_dimensional : bool
        See `Writer`.
    """
    dt, mode = request.step(own_step), request.steps(synapses=synapses)
    neurons = Neurons(request.convention, dt, mode, request.compared(own_type))
    writer = Writer(neurons, request.real(own_type), _WHERE, one_dimensional=one_dimensional)
    writer.layers(graph, _sample_shape(graph, request.input_shape), cell_of)
    kept = {"dt": dt, "mode": mode, "version": _core.__version__}
    return writer.graph({"spikelet": kept}), writer.notes + _kept(writer.nodes, request)


def _kept(nodes: dict[str, Any], request: Request) -> list[str]:
    """Return what is only in the metadata, for the user."""
    if request.convention == "sinabs":
        note = (
            "sinabs reads neurons that send several spikes in a step and, as IF, clip their potential: set spike_fn = "
            "SingleSpike and min_v_mem = None of its layers for the spikes of the model"
        )
        return [note]
    if request.convention != "nir":  # refused, or the reader's own way
        return []
    notes = []
    for key, what in (("reset", "reset by subtraction"), ("v_init", "initial potentials")):
        names = [n for n, node in nodes.items() if key in node.metadata.get("spikelet", {})]
        if names:
            more = f" and {len(names) - 3} more" if len(names) > 3 else ""
            notes.append(
                f"NIR has no {what} ({', '.join(names[:3])}{more}): `read_nir` takes it from the metadata, other readers "
                "ignore it, and their spikes differ"
            )
    return notes


def _sample_shape(graph: Graph, shape: Iterable[Any] | None) -> Shapes:
    """Return the shape of a sample: the given one, or that of the vectors that the first layers take."""
    if shape is not None:
        given = list(shape)
        if len(graph.inputs) == 1:
            return input_shape(_WHERE, given, "input_shape")
        if len(given) != len(graph.inputs):
            rule = f"must be a shape for each of {', '.join(graph.inputs)}"
            fail(_WHERE, "input_shape", given, rule)
        return [input_shape(_WHERE, one, "input_shape") for one in given]
    found: dict[str, Shape] = {}
    for name in graph.inputs:
        layers = [node.layer for node in graph.consumers(name)]
        sizes = {layer.weight.shape[1] for layer in layers if isinstance(layer, Linear)}
        if len(sizes) != 1:
            rule = "must be the shape of one sample, as (3, 32, 32): the layers accept other shapes, too"
            fail(_WHERE, "input_shape", None, rule)
        found[name] = (int(sizes.pop()),)
    return found


def _shape_given(model: SpikingModel, request: Request) -> Iterable[Any] | None:
    """Return the shape of a sample that the user gave, or else that of the samples for which a model was converted."""
    if request.input_shape is not None:
        return request.input_shape
    shapes: tuple[Shape, ...] = getattr(model, "input_shapes", ())
    return shapes[0] if len(shapes) == 1 else shapes or None


def _own_step(model: SpikingModel) -> float | None:
    """Return the step in seconds that all layers with a time constant have, or None."""
    steps = {n.layer.dt for n in model.graph if isinstance(n.layer, LIF) and n.layer.decay is None}
    return steps.pop() * 1e-3 if len(steps) == 1 else None


def _cell(graph: Graph, node: Node, shape: Shape) -> tuple[Cell, Array | None]:
    """Return the neurons of a layer, and the factors of their spikes."""
    layer = node.layer
    if isinstance(layer, LI):
        names = {"decay": layer.coefficients()[0], "gain": layer.coefficients()[1], "v_init": layer.v_init}
        return Cell(reset="none", **{name: full(v, shape) for name, v in names.items()}), None
    assert isinstance(layer, Neuron)
    at = f"{_WHERE}: layer '{node.name}' ({type(layer).__name__})"
    if isinstance(layer, PredictiveIF):
        what = "spikes by a schedule that was fitted for a number of steps, which NIR does not have"
        refuse(at, what, 'convert with neuron="soft"')
    if layer.code != "binary":
        what = f"sends {layer.code} spikes, and those of NIR are 0 or 1"
        refuse(at, what, 'convert with neuron="soft"')
    if layer.reset_delay:
        what = "is reset in the step after its spike, and NIR's neurons at once"
        refuse(at, what, 'train with reset="zero" or convention="spikelet"')
    decay, gain = layer.coefficients()
    factor = None
    if np.any(np.asarray(layer.amplitude) != 1):
        factor = np.asarray(layer.amplitude)
    subtract = layer.reset == "subtract"
    cell = Cell(
        decay=full(decay, shape),
        gain=full(gain, shape),
        threshold=full(layer.threshold, shape),
        reset="subtract" if subtract else "value",
        v_reset=full(0.0 if subtract else layer.v_reset, shape),
        v_init=full(layer.v_init, shape),
        strict=layer.strict,
    )
    return cell, factor
