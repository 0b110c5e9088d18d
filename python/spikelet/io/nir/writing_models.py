"""Write a graph of layers, of a `SpikingModel` or a PyTorch module, as a NIR graph."""

from __future__ import annotations

from typing import Any

from spikelet.io.nir.writing_layers import Writer
from spikelet.io.nir.writing_neurons import Neurons
from spikelet.io.nir.writing_readers import Request
from spikelet.io.sample_shapes import sample_shapes
from spikelet.layers import LI, LIF, CubaLIF
from spikelet.layers.graph import Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["write_graph", "write_model"]

_WHERE = "write_nir"


def write_model(model: SpikingModel, request: Request) -> tuple[Any, list[str]]:
    """Return the NIR graph of a model, and notes for the user."""
    steps = {n.layer.dt for n in model.graph if isinstance(n.layer, LIF) and n.layer.decay is None}
    own_type = "float64" if model.dtype == "float64" else "float32"
    own_step = steps.pop() * 1e-3 if len(steps) == 1 else None
    shapes = getattr(model, "input_shapes", None)  # of a converted model
    graph, notes = write_graph(model.graph, request, shapes, own_step=own_step, own_type=own_type)
    if model.dtype == "int16":
        notes.append(
            "weights are written in float32, not in the 16 bits of the model, whose spikes may differ"
        )
    return graph, notes


def write_graph(
    graph: Graph, request: Request, shapes: Any = None, *, own_step: float | None, own_type: str
) -> tuple[Any, list[str]]:
    """Return the NIR graph of layers, and notes for the user.

    Parameters
    ----------
    graph : Graph
    request : Request
    shapes : tuple of shapes, optional
        Those of the inputs that the model knows.
    own_step : float, optional
        Time step of the model [s].
    own_type : "float32" or "float64"
        Precision of the model.
    """
    # The current of these acts within the step, as with Euler's method.
    synapses = any(
        isinstance(n.layer, CubaLIF | LI) and n.layer.has_synapse and n.layer.pull is None
        for n in graph
    )
    neurons = Neurons.of(request, own_step, own_type, synapses=synapses)
    writer = Writer(neurons, request.real(own_type), _WHERE)
    writer.layers(graph, sample_shapes(_WHERE, graph, request.input_shape, shapes))
    return writer.graph(), writer.notes + notes_of(writer.nodes, request)


def notes_of(nodes: dict[str, Any], request: Request) -> list[str]:
    """Return what only the metadata of nodes holds, as notes for the user."""
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
