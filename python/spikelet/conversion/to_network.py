"""Write a graph of spiking layers as an event-driven `Network`: each path between neurons becomes synapses."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

from spikelet import layers
from spikelet._util.checks import fail, named
from spikelet.conversion.building import refuse
from spikelet.layers import Shape
from spikelet.layers.graph import Graph, Node, Shapes
from spikelet.layers.spiking_model import SpikingModel
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.neurons import Equations, LIFDelta
from spikelet.sources import RasterSource

Floats: TypeAlias = NDArray[np.float64]
# Sources, targets, weights and delays of paths, by the names of the layers at their ends, and whether they drive the potential.
_Synapses: TypeAlias = dict[tuple[str, str, bool], list[tuple[NDArray[Any], ...]]]

_BIAS = "bias"
_AT_ONCE = 256  # inputs of a layer that are tried in one call
_NO_LEAK = 1e300  # a time constant without leak: exp(-dt / tau_m) is 1
_SHORTEST = 0.1  # the smallest decay of a step whose time constant a Network takes for meant
_NEURONS = (layers.IF, layers.LIF, layers.CubaLIF, layers.LI)
_LINEAR = (
    layers.Linear, layers.DelayedLinear, layers.Delay, layers.Add, layers.Concat, layers.Constant, layers.Affine, layers.Movement,
    layers.Conv1d, layers.Conv2d, layers.Conv3d, layers.ConvTranspose1d, layers.ConvTranspose2d, layers.ConvTranspose3d,
    layers.AvgPool1d, layers.AvgPool2d, layers.AvgPool3d, layers.AdaptiveAvgPool1d, layers.AdaptiveAvgPool2d,
    layers.AdaptiveAvgPool3d, layers.Resize,
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class GraphNetwork:
    """A `Network` that sends the spikes of a graph of layers.

    Each synapse takes at least one step, so a layer computes step t of the graph at a later step of the network: its spikes
    have the time stamp ``(t + 1 + offsets[layer]) dt``. `run` compensates for this.

    Attributes
    ----------
    network : Network
    inputs : mapping of str to Population
        A `RasterSource` for each input.
    populations : mapping of str to Population
        The neurons of each layer that has some.
    projections : mapping of (str, str) to Projection
        The synapses between two populations, by the names of their layers or inputs; biases come from ``"bias"``.
    recorders : mapping of str to recorder
        Spikes of each layer, or potentials of those that do not spike.
    offsets : mapping of str to int
        How many steps later a layer computes a step.
    bias : Population or None
        An element that spikes at each step, whose weights are the biases.
    """

    network: Network
    inputs: Mapping[str, Population]
    populations: Mapping[str, Population]
    projections: Mapping[tuple[str, str], Projection]
    recorders: Mapping[str, Any]
    offsets: Mapping[str, int]
    bias: Population | None

    def run(self, x: ArrayLike | Mapping[str, ArrayLike]) -> dict[str, NDArray[Any]]:
        """Run from rest, and return the output of each layer of neurons, [T, neurons]: spikes, or potentials.

        Parameters
        ----------
        x : array-like, [T, inputs], or mapping of names to these
            Input spikes: 0 or 1, or counts.
        """
        where = "GraphNetwork.run"
        given = x if isinstance(x, Mapping) else dict.fromkeys(list(self.inputs)[:1], x)
        if set(given) != set(self.inputs) or (not isinstance(x, Mapping) and len(self.inputs) != 1):
            fail(where, "x", list(given), f"must have arrays for {', '.join(self.inputs)}")
        rasters = {}
        for name, values in given.items():
            raster = RasterSource(values).raster  # checked before anything changes
            size = self.inputs[name].size
            if raster.shape[1] != size:
                fail(where, "x", raster.shape, f"must be [steps, {size}]", got="shape")
            rasters[name] = raster
        lengths = {len(raster) for raster in rasters.values()}
        if len(lengths) != 1:
            fail(where, "x", sorted(lengths), "must have the same number of steps")
        steps, dt = lengths.pop(), self.network.dt
        self.network.reset(keep_weights=True)
        for name, raster in rasters.items():
            self.inputs[name].raster = raster
        if self.bias is not None:
            self.bias.raster = np.ones((steps, 1), np.uint8)
        self.network.run((steps + 1 + max(self.offsets.values(), default=0)) * dt)
        found: dict[str, NDArray[Any]] = {}
        for name, recorder in self.recorders.items():
            late = self.offsets[name]
            if not hasattr(recorder, "ids"):
                found[name] = recorder.values[late : late + steps]
                continue
            found[name] = np.zeros((steps, recorder.target.size), np.uint8)
            step = np.rint(recorder.times / dt).astype(np.int64) - 1 - late
            inside = (step >= 0) & (step < steps)
            found[name][step[inside], recorder.ids[inside]] = 1
        return found


def to_network(
    where: str, graph: Graph, shapes: Shapes, dt: float, *, dtype: str, **options: Any
) -> GraphNetwork:
    """Return the network of a graph of layers.

    Parameters
    ----------
    where : str
        The caller, for error messages.
    graph : Graph
    shapes : tuple of int; for several inputs a sequence of shapes, or a mapping by name
        Shape of one sample.
    dt : float
        Time step [ms].
    dtype : "float32" or "float64"
    **options
        Options of `Network`: seed, threads.

    Raises
    ------
    ValueError
        If a layer cannot be a part of a network with the same spikes; the message names it.
    """
    paths = _Paths(where, graph, graph.shapes(shapes))
    found = paths.walk()
    offsets = _offsets(where, graph, found)
    net = Network(dt=dt, dtype=dtype, **options)  # type: ignore[arg-type]  # checked there
    inputs = {}
    for name in graph.inputs:
        size = int(np.prod(paths.shapes[name]))
        inputs[name] = net.population(size, RasterSource(np.zeros((0, size), np.uint8)), name)
    models = {
        node.name: _model(f"{where}: layer '{node.name}'", node.layer, paths.shapes[node.name], net.dt, dtype)
        for node in graph
        if isinstance(node.layer, _NEURONS)
    }  # fmt: skip
    populations = {
        name: net.population(int(np.prod(paths.shapes[name])), model.model, name)
        for name, model in models.items()
    }
    for name, model in models.items():
        if model.drive.any():
            # An event at each step: it must not begin before the input does.
            paths.add(_BIAS, name, model.drive[None], 0, drive=True)
    found = paths.found
    senders: dict[str, Population] = {**inputs, **populations}
    bias = None
    if any(before == _BIAS for before, _, _ in found):
        bias = senders[_BIAS] = net.population(1, RasterSource(np.zeros((0, 1), np.uint8)), _BIAS)
    projections = {}
    for (before, after, drive), parts in found.items():
        model = models[after]
        pre, post, weight, delay = map(np.concatenate, zip(*parts, strict=True))
        delay = delay + offsets[after] - offsets.get(before, 0)
        receptor: dict[str, Any] = {}
        if isinstance(model.model, LIFDelta):
            weight = weight if drive else weight * model.gain[post]
        else:
            receptor = {"receptor": "drive" if drive else "in"}
        projections[before, f"{after} (drive)" if drive else after] = net.connect(
            senders[before], populations[after], (pre, post), weight=weight, delay=delay * net.dt,
            **receptor,
        )  # fmt: skip
    recorders = {
        name: net.record(p, "v" if isinstance(graph[name].layer, layers.LI) else "spikes")
        for name, p in populations.items()
    }
    own = {name: offsets[name] for name in populations}
    return GraphNetwork(net, inputs, populations, projections, recorders, own, bias)


class _Paths:
    """Walks from each sender of spikes through the layers without neurons to the neurons behind them."""

    def __init__(self, where: str, graph: Graph, shapes: Mapping[str, Shape]) -> None:
        self._where, self._graph, self.shapes = where, graph, shapes
        between = {n.name: n for n in graph if not isinstance(n.layer, _NEURONS)}
        for node in between.values():
            if not isinstance(node.layer, _LINEAR):
                kind = type(node.layer).__name__
                what = "is neither a linear layer nor a neuron of a Network"
                refuse(
                    f"{where}: layer '{node.name}' ({kind})",
                    what,
                    "use a SpikingModel, which runs all layers",
                )
        needs = {n: [s for s in node.inputs if s in between] for n, node in between.items()}
        try:
            self._order = list(graphlib.TopologicalSorter(needs).static_order())
        except graphlib.CycleError as error:
            cycle = " -> ".join(error.args[1])
            refuse(
                f"{where}: cycle {cycle}",
                "holds no neuron",
                "its signal never ends: use a SpikingModel",
            )
        self._matrices: dict[tuple[str, int], Any] = {}
        self.found: _Synapses = defaultdict(list)

    def walk(self) -> _Synapses:
        """Return the synapses by the names of their layers; see `add`."""
        from scipy.sparse import csr_array, diags_array, eye_array  # noqa: PLC0415  slow to import

        for name in self._graph.inputs:
            self._from(name, name, csr_array(eye_array(int(np.prod(self.shapes[name])))))
        for node in self._graph:
            if isinstance(node.layer, layers.LI):
                for after in self._graph.consumers(node.name):
                    what = f"sends its potential to '{after.name}'"
                    refuse(
                        self._at(node), what, "a Network sends spikes: use a SpikingModel, or run"
                    )
            elif isinstance(node.layer, layers.Neuron):
                amplitude = _full(node.layer.amplitude, self.shapes[node.name])
                self._from(node.name, node.name, csr_array(diags_array(amplitude)))
            elif (offset := self._offset(node)).any():
                self._from(_BIAS, node.name, csr_array(offset.reshape(1, -1)))
        return self.found

    def _at(self, node: Node) -> str:
        return f"{self._where}: layer '{node.name}' ({type(node.layer).__name__})"

    def add(self, before: str, after: str, matrix: Any, delay: int, *, drive: bool = False) -> None:
        """Add the synapses of a matrix [before, after]; a drive acts on the potential itself."""
        from scipy.sparse import coo_array  # noqa: PLC0415  slow to import

        entries = coo_array(matrix)
        if entries.nnz:
            delays = np.full(entries.nnz, delay)
            self.found[before, after, drive].append((*entries.coords, entries.data, delays))

    def _from(self, origin: str, name: str, matrix: Any) -> None:
        """Follow what leaves a layer, as a matrix [origin, values], to all neurons behind it."""
        arrived: dict[tuple[str, int], dict[int, Any]] = {}

        def send(before: str, matrix: Any, delay: int) -> None:
            for node in self._graph.consumers(before):
                if isinstance(node.layer, _NEURONS):
                    self.add(origin, node.name, matrix, delay)
                    continue
                for k in (k for k, source in enumerate(node.inputs) if source == before):
                    there = arrived.setdefault((node.name, k), {})
                    there[delay] = matrix if delay not in there else there[delay] + matrix

        send(name, matrix, 0)
        for at in self._order:
            node = self._graph[at]
            sums: dict[int, Any] = {}
            for k in range(len(node.inputs)):
                for delay, here in arrived.pop((at, k), {}).items():
                    for late, part in self._through(node, k, here):
                        total = delay + late
                        sums[total] = part if total not in sums else sums[total] + part
            for delay, part in sums.items():
                if part.nnz:
                    send(at, part.tocsr(), delay)

    def _through(self, node: Node, k: int, matrix: Any) -> list[tuple[int, Any]]:
        """Return what a layer makes of its k-th input, by additional delay."""
        from scipy.sparse import csr_array  # noqa: PLC0415  slow to import

        layer, shape = node.layer, self.shapes[node.name]
        if isinstance(layer, layers.Delay):
            steps = _full(layer.steps, shape)
            return [(int(d), matrix * (steps == d)) for d in np.unique(steps)]
        if isinstance(layer, layers.DelayedLinear):
            kinds = np.unique(layer.delay)
            parts = (np.where(layer.delay == d, layer.weight, 0) for d in kinds)
            return [(int(d), matrix @ csr_array(w.T)) for d, w in zip(kinds, parts, strict=True)]
        if isinstance(layer, layers.Add) and self.shapes[node.inputs[k]] == shape:
            return [(0, matrix)]
        if (node.name, k) not in self._matrices:
            found = (
                csr_array(layer.weight.T)
                if isinstance(layer, layers.Linear)
                else self._tried(node, k)
            )
            self._matrices[node.name, k] = found
        return [(0, matrix @ self._matrices[node.name, k])]

    def _tried(self, node: Node, k: int) -> Any:
        """Return the matrix of a linear layer, [values of its k-th input, outputs], from its responses to unit vectors."""
        from scipy.sparse import csr_array, vstack  # noqa: PLC0415  slow to import

        size, rows = int(np.prod(self.shapes[node.inputs[k]])), []
        offset = self._offset(node)
        for begin in range(0, size, _AT_ONCE):
            ones = np.zeros((min(_AT_ONCE, size - begin), size))
            ones[np.arange(len(ones)), begin + np.arange(len(ones))] = 1
            rows.append(csr_array(self._response(node, {k: ones}, len(ones)) - offset))
        return vstack(rows, format="csr")

    def _offset(self, node: Node) -> Floats:
        """Return the output of a linear layer for inputs of 0."""
        layer = node.layer
        biased = any(getattr(layer, name, None) is not None for name in ("bias", "shift", "value"))
        if not biased:
            return np.zeros(int(np.prod(self.shapes[node.name])))
        if isinstance(layer, layers.Linear | layers.DelayedLinear):
            bias: Floats = np.array(layer.bias)
            return bias
        response: Floats = self._response(node, {}, 1)[0]
        return response

    def _response(self, node: Node, given: Mapping[int, Floats], rows: int) -> Floats:
        if isinstance(node.layer, layers.Constant):
            return np.array(node.layer.value).reshape(1, -1)
        names = tuple(f"x{k}" for k in range(len(node.inputs)))
        model = SpikingModel(
            Graph([Node("y", node.layer, names)], inputs=names), dtype="float64", threads=1
        )
        shapes = [(rows, *self.shapes[name]) for name in node.inputs]
        x = {n: given.get(k, np.zeros(shapes[k])).reshape(shapes[k]) for k, n in enumerate(names)}
        found = model.run(x if len(x) > 1 else x["x0"], steps=1).output
        return np.asarray(found, np.float64).reshape(rows, -1)


def _offsets(where: str, graph: Graph, found: _Synapses) -> dict[str, int]:
    """Return how much later each layer computes a step, so that each synapse takes at least one step."""
    late = {n.name: 1 for n in graph if isinstance(n.layer, _NEURONS)}
    late |= dict.fromkeys((*graph.inputs, _BIAS), 0)
    least = {
        (before, after): min(int(delays.min()) for *_, delays in parts)
        for (before, after, _), parts in found.items()
    }
    moved: list[tuple[str, int]] = []
    for _ in range(len(late) + 1):
        moved = [
            (after, late[before] + 1 - delay)
            for (before, after), delay in least.items()
            if late[after] < late[before] + 1 - delay
        ]
        for name, later in moved:
            late[name] = max(late[name], later)
    if moved:
        name = moved[0][0]
        what = "is in a cycle of several neurons that takes fewer steps than it has synapses"
        hint = "each synapse takes a step: add a Delay to the cycle, or use a SpikingModel"
        refuse(f"{where}: layer '{name}' ({type(graph[name].layer).__name__})", what, hint)
    return late


# --- neurons ------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Model:
    """A model of a Network, the gain of its weights, and what each step adds to the potential."""

    model: Any
    gain: Floats
    drive: Floats


def _full(value: Any, shape: Shape) -> NDArray[Any]:
    """Return a parameter of one value, of one for each channel or of one for each value, as a vector of all values."""
    array = np.asarray(value)
    if array.ndim == 1 and len(shape) > 1:
        array = array.reshape(-1, *[1] * (len(shape) - 1))
    return np.array(np.broadcast_to(array, shape)).reshape(-1)


def _model(where: str, layer: Any, shape: Shape, dt: float, dtype: str) -> _Model:
    decay, gain = (_full(value, shape).astype(np.float64) for value in layer.coefficients())
    drive = _full(getattr(layer, "drive", 0.0), shape).astype(np.float64)
    if np.any(layer.v_init):
        what = "has initial potentials, which a network loses at reset()"
        refuse(where, what, "use `SpikingModel` for converted networks")
    if isinstance(layer, layers.Neuron):
        if layer.code != "binary":
            refuse(
                where, f"sends {layer.code} spikes", "a Network sends 0 and 1: use a SpikingModel"
            )
        if layer.reset_delay:
            hint = 'train with reset="zero" or convention="spikelet", or use `to_spiking_model`'
            refuse(where, "is reset in the step after its spike", hint)
    synapse = getattr(layer, "has_synapse", False)
    if (decay < 0).any() or (synapse and np.any(np.asarray(layer.synapse()[0]) < 0)):
        what = "has a decay below 0 (a time constant below dt, with Euler's method)"
        refuse(where, what, 'use mode="exact", or a SpikingModel')
    plain = isinstance(layer, layers.IF | layers.LIF) and not synapse and layer.reset != "none"
    if plain and (decay > _SHORTEST).all() and np.all(np.asarray(layer.threshold) > 0) and not (
        layer.strict and layer.reset == "subtract"
    ):  # fmt: skip
        return _Model(_delta(where, layer, decay, shape, dt, dtype), gain, drive)
    return _Model(_equations(layer, decay, gain, shape, dt), gain, drive)


def _delta(where: str, layer: Any, decay: Floats, shape: Shape, dt: float, dtype: str) -> LIFDelta:
    threshold = _full(layer.threshold, shape).astype(np.float64)
    if layer.strict:  # to exceed it is to reach the next number
        real = np.dtype(dtype).type
        threshold = np.nextafter(threshold.astype(real), real(np.inf)).astype(np.float64)
    with np.errstate(divide="ignore"):
        tau = np.where(decay == 1, _NO_LEAK, -dt / np.log(decay))
    subtracts = layer.reset == "subtract"
    with named(where):
        return LIFDelta(
            tau_m=_simple(tau),
            E_L=0.0,
            V_th=_simple(threshold),
            V_reset=_simple(_full(layer.v_reset if layer.reset == "value" else 0.0, shape)),
            t_ref=0.0,
            reset="subtract" if subtracts else "zero",
        )


def _equations(layer: Any, decay: Floats, gain: Floats, shape: Shape, dt: float) -> Any:
    """Return a model from text whose exact step is that of the layer."""
    # Rates, because time constants may be far below those that a Network takes for meant.
    a = _rates(decay)
    values: dict[str, Any] = {"k_m": a / dt, "q": gain}
    lines, receptor = ["dv/dt = -k_m*v"], "v += q*weight"
    if getattr(layer, "has_synapse", False):
        from scipy.special import exprel  # noqa: PLC0415  slow to import

        syn_decay, syn_gain, pull = layer.synapse()
        syn_decay, syn_gain = (_full(v, shape).astype(np.float64) for v in (syn_decay, syn_gain))
        # The current acts within the step, or side by side with the input.
        pull = gain * syn_decay if pull is None else _full(pull, shape)
        values["q"] = gain * syn_gain if layer.pull is None else gain
        b = _rates(syn_decay)
        across = dt * np.exp(-np.minimum(a, b)) * exprel(-np.abs(a - b))
        values |= {"k_s": b / dt, "g": syn_gain}
        values["r"] = np.divide(pull, across, out=np.zeros(len(a)), where=across > 0)
        lines = ["dv/dt = -k_m*v + r*i", "di/dt = -k_s*i"]
        receptor += "; i += g*weight"
    options: dict[str, Any] = {}
    if isinstance(layer, layers.Neuron):
        threshold = _full(layer.threshold, shape).astype(np.float64)
        values["v_th"] = threshold
        compare = ">" if layer.strict else ">="
        options = {"threshold": f"v {compare} v_th", "reset": "v -= v_th"}
        if layer.reset == "none":
            options["reset"] = "v = v"
        elif layer.reset != "subtract":
            options["reset"] = "v = v_reset"
            values["v_reset"] = _full(layer.v_reset if layer.reset == "value" else 0.0, shape)
    units = {"k_m": "1/ms", "k_s": "1/ms"}
    parameters = {name: (0.0, units[name]) if name in units else 0.0 for name in values}
    model = Equations(
        "\n".join(lines),
        receptors={"in": receptor, "drive": "v += weight"},
        parameters=parameters,
        name=type(layer).__name__,
        **options,
    )
    return model(**values)


def _simple(values: Floats) -> Any:
    return float(values[0]) if (values == values[0]).all() else values


def _rates(decay: Floats) -> Floats:
    """Return dt / tau of a decay over a step; 1000 for one to 0, whose exponential is 0."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.minimum(-np.log(decay), 1e3))
