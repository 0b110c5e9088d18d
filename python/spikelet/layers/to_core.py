"""Translate a graph of layers into the core's graph; shapes are known here, and all arguments are checked."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from spikelet import _core
from spikelet.layers.base import Floats, Layer, Shape
from spikelet.layers.foreign import Foreign
from spikelet.layers.graph import Graph, Node, Shapes
from spikelet.layers.leaky import ALIF, LI, Synaptic
from spikelet.layers.neurons import Leak, Neuron
from spikelet.layers.predictive import PredictiveNeuron
from spikelet.layers.to_core_graded import ROWS as GRADED_ROWS
from spikelet.layers.to_core_linear import ROWS as LINEAR_ROWS
from spikelet.layers.views import Extent, Rows, View, Views, extent_of

__all__ = ["Lowered", "Source", "add_source", "engine_of", "extent_of", "lower", "to_core"]

_NONE = np.zeros(0)
# What the core's neurons get without a schedule; see `PredictiveNeuron.schedule`.
_ARRAYS = dict.fromkeys(("pace", "limit", "ceiling", "offset", "scale"), _NONE)
_SILENT: dict[str, Any] = {
    "threshold": _NONE,
    "amplitude": np.ones(1),
    "hard": False,
    "v_reset": 0.0,
    "decay": 1.0,
    "gain": 1.0,
    "is_signed": False,
    "differential": False,
    "levels": 1,
}
_UNSCHEDULED: dict[str, Any] = {"activation": None, "level_ratio": 0.5, **_ARRAYS}


@dataclass(frozen=True)
class Source:
    """What an input of the core holds.

    Parameters
    ----------
    form : "constant", "sequence", "spikes" or "packed"
    amplitude : float or [channels]
        Value of a spike.
    is_signed, differential : bool
    levels : int
    level_ratio : float
        Code of the spikes, as of `Neuron`.
    extent : tuple of int, optional
        Channels, height and width as the core holds them; by default those of the shape. They may differ behind a layer
        that keeps the order of values.
    sizes : array, [T], optional
        Of spikes at each step, as of `PredictiveNeuron`.
    """

    form: str = "constant"
    amplitude: Any = 1.0
    is_signed: bool = False
    differential: bool = False
    levels: int = 1
    level_ratio: float = 0.5
    extent: tuple[int, int, int] | None = None
    sizes: Any = None


class Lowered(NamedTuple):
    """A graph in the core's terms.

    Parameters
    ----------
    core : _core.LayerGraph
    numbers : dict of str to int
        The node that holds the output of each layer.
    layers : dict of int to str
        The layer that each node computes, except for nodes that only move values.
    """

    core: _core.LayerGraph
    numbers: dict[str, int]
    layers: dict[int, str]


def to_core(
    graph: Graph,
    input_shape: Shapes,
    sources: Sequence[Source] = (),
    wanted: Collection[str] = (),
) -> tuple[_core.LayerGraph, dict[str, int]]:
    """Return the core's graph, and the number of each layer in it: the first two of `lower`."""
    return lower(graph, input_shape, sources, wanted)[:2]


def lower(
    graph: Graph,
    input_shape: Shapes,
    sources: Sequence[Source] = (),
    wanted: Collection[str] = (),
) -> Lowered:
    """Translate a graph.

    Layers that only move values, and concatenations that are moved on, have a number if they are outputs, are wanted, or
    keep the order of the values before them: then they have the number of the layer that has these.

    Parameters
    ----------
    graph : Graph
    input_shape : tuple of int, or several
        As for `Graph.shapes`.
    sources : sequence of Source
        What each input holds; by default constants.
    wanted : collection of str
        Further layers that must have a number, as their values are to be recorded.
    """
    shapes = graph.shapes(input_shape)
    core = _core.LayerGraph()
    views = Views(core)
    held: dict[str, View] = {}
    for name, source in zip(graph.inputs, sources or [Source()] * len(graph.inputs), strict=True):
        views.layer = name
        held[name] = views.add(*add_source(core, shapes[name], source), shapes[name])
    open_delays: dict[str, str] = {}  # in cycles, by the layer that they take
    for node in graph.running_order():
        views.layer = node.name
        if node.inputs and node.inputs[0] not in held:
            open_delays[node.name] = node.inputs[0]
        inputs = [held[name] for name in node.inputs if node.name not in open_delays]
        held[node.name] = _add(views, node, inputs, shapes[node.name])
        if node.name in graph.outputs or node.name in wanted:
            views.in_order(held[node.name])
    for name, taken in open_delays.items():
        views.layer = taken
        core.close(views.shaped(held[name]), views.shaped(held[taken], extent_of(shapes[name])))
    numbers = {
        name: number for name, view in held.items() if (number := views.number(view)) is not None
    }
    return Lowered(core, numbers, views.layers)


def engine_of(
    core: _core.LayerGraph, dtype: str, records: Sequence[tuple[int, str]], sizes: Floats | None
) -> Any:
    """Return the engine of a graph for a precision, with what it records, and the sizes of spikes at each step."""
    kind = _core.LayerEngine64 if dtype == "float64" else _core.LayerEngine32
    return kind(
        core, whole=dtype == "int16", records=records, sizes=_NONE if sizes is None else sizes
    )


def add_source(core: _core.LayerGraph, shape: Shape, source: Source) -> tuple[int, Extent]:
    """Add an input to the core's graph; return its number and its extent."""
    extent = source.extent or extent_of(shape)
    number = core.input(
        extent,
        form=source.form,
        amplitude=np.ravel(source.amplitude),
        is_signed=source.is_signed,
        differential=source.differential,
        levels=source.levels,
        level_ratio=source.level_ratio,
    )
    return number, extent


def _add(views: Views, node: Node, inputs: Sequence[View], shape: Shape) -> View:
    for kind in type(node.layer).__mro__:
        if row := _ROWS.get(kind):
            return row(views, node.layer, shape, *inputs)
    way_out = "build the model from the layers of sl.layers"
    name = type(node.layer).__name__
    raise TypeError(f"SpikingModel: layer '{node.name}': the core has no {name}; {way_out}")


def _foreign(views: Views, layer: Foreign, shape: Shape, *inputs: View) -> View:
    from_, extent = [views.in_order(view)[0] for view in inputs], extent_of(shape)
    number = views.core.foreign(from_, extent, layer.function, [v.shape for v in inputs])
    return views.add(number, extent, shape)


def _dynamics(layer: Neuron | LI) -> tuple[str, list[Any], bool, bool] | None:
    """Return the dynamics of neurons that the core's plain ones do not have, else None."""
    decay, gain = layer.coefficients()
    drive = layer.drive if isinstance(layer, Leak) else 0.0
    reset, v_reset, strict, later = "none", 0.0, False, False
    if isinstance(layer, Neuron):
        reset = {"zero": "value"}.get(layer.reset, layer.reset)
        v_reset, strict, later = layer.v_reset, layer.strict, layer.reset_delay
        plain = not (isinstance(layer, Synaptic) or strict or later)
        plain &= reset != "none"
        if (
            plain
            and np.ndim(decay) == np.ndim(gain) == np.ndim(v_reset) == 0
            and np.all(drive == 0)
        ):
            return None
    synapse = layer.synapse() if isinstance(layer, Synaptic) and layer.has_synapse else (None,) * 3
    adaptation = layer.adaptation() if isinstance(layer, ALIF) else (None, None)
    given = (decay, gain, drive, *synapse, v_reset, *adaptation)
    coefficients = [_NONE if value is None else np.ravel(value) for value in given]
    return reset, coefficients, strict, later


def _neuron(views: Views, layer: Neuron, shape: Shape, view: View) -> View:
    """Add neurons; they take an image as one where a parameter differs between channels, or behind `Flatten`."""
    schedule = layer.schedule if isinstance(layer, PredictiveNeuron) else None
    by_channel = np.ndim(layer.amplitude) > 0 or getattr(layer, "by_channel", False)
    from_, extent = _extent(views, layer, view, by_channel=by_channel)
    dynamics = _dynamics(layer)
    decay, gain = layer.coefficients() if dynamics is None else (1.0, 1.0)
    number = views.core.neuron(
        from_,
        extent,
        threshold=np.ravel(layer.threshold),
        v_init=np.ravel(layer.v_init),
        amplitude=np.ravel(layer.amplitude),
        hard=layer.reset in ("zero", "value"),
        v_reset=layer.v_reset if dynamics is None else 0.0,
        decay=decay,
        gain=gain,
        is_signed=layer.code != "binary",
        differential=layer.code == "differential",
        levels=layer.levels,
        dynamics=dynamics,
        **{**_UNSCHEDULED, **({} if schedule is None else schedule(extent[0]))},
    )
    return views.add(number, extent, shape)


def _integrator(views: Views, layer: LI, shape: Shape, view: View) -> View:
    """Add neurons without a threshold, which send their potential."""
    from_, extent = _extent(views, layer, view)
    options: dict[str, Any] = {"v_init": np.ravel(layer.v_init), "dynamics": _dynamics(layer)}
    number = views.core.neuron(from_, extent, **{**_SILENT, **_UNSCHEDULED, **options})
    return views.add(number, extent, shape)


def _extent(
    views: Views, layer: Layer, view: View, *, by_channel: bool = False
) -> tuple[int, Extent]:
    """Return the node that neurons take, and its extent: an image stays one behind `Flatten` where it can."""
    channels = (view.shape[0],)
    own = any(np.shape(getattr(layer, name)) == channels for name in layer.per_value)
    if by_channel or (own and view.shape != channels):
        return views.by_channel(view)
    return views.in_order(view)


_ROWS: Rows = {
    **LINEAR_ROWS,
    **GRADED_ROWS,
    Foreign: _foreign,
    LI: _integrator,
    Neuron: _neuron,
}
