"""Turn a NIR graph into a graph of layers: a table with a row for each primitive with a state, and where signals take a step."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from spikelet import layers
from spikelet._util.advice import advise
from spikelet._util.checks import choice, fail, named, numbers, require, scalar
from spikelet.io.nir.equations import Floats, Mode, crossing, simple, step_of
from spikelet.io.nir.fields import MAX_VALUES, NEURONS
from spikelet.io.nir.flat import FlatGraph, FlatNode
from spikelet.io.nir.node_layers import STATELESS
from spikelet.layers import Layer
from spikelet.layers.graph import Graph, Node

Values = Mapping[str, Floats]
_KEY = "spikelet"


@dataclass(frozen=True)
class Kept:
    """The metadata that `write_nir` adds to a graph and its nodes: properties for which the format has no place.

    The graph has ``{"spikelet": {"dt", "mode", "version"}}``: the step, and how steps are made, that give the written model's
    spikes. A node has ``{"spikelet": {"reset": "subtract", "subtract": thresholds, "spikes": "at", "v_init": potentials}}``, each
    only if needed.

    Attributes
    ----------
    dt : float, optional
    mode : "exact" or "euler", optional
    subtract : mapping of str to array, or None
        Nodes that are reset by subtraction. They spike at this threshold, and it is subtracted; None: they spike above that
        of the graph.
    at : mapping of str to array
        Thresholds of the nodes that spike at the threshold of the graph, because it was written for a reader that does.
    v_init : mapping of str to array
        Initial potentials.
    """

    dt: float | None
    mode: Mode | None
    subtract: dict[str, Floats | None]
    at: dict[str, Floats]
    v_init: dict[str, Floats]


def kept(graph: Any, flat: FlatGraph) -> Kept:
    """Return what the metadata of a graph says, after checks.

    Raises
    ------
    ValueError
        If a value breaks its rule.
    """
    where = f"{flat.where}: metadata of the graph"
    whole = _own(where, graph.metadata or {})
    dt, mode = whole.get("dt"), whole.get("mode")
    if dt is not None:
        dt = scalar(where, "dt", dt, "finite and > 0")
    if mode is not None:
        choice(where, "mode", mode, "exact", "euler")
    found = Kept(dt, mode, {}, {}, {})
    for name, node in flat.nodes.items():
        at = f"{flat.where}: metadata of node '{name}'"
        own = _own(at, node.metadata)
        if "reset" in own:
            choice(at, "reset", own["reset"], "subtract")
            given = own.get("subtract")
            found.subtract[name] = (
                None if given is None else _array(at, "subtract", given, node.takes)
            )
        if "spikes" in own:
            choice(at, "spikes", own["spikes"], "at")
            if "v_threshold" not in node.values:
                fail(at, "spikes", own["spikes"], "must belong to a neuron with a threshold")
            found.at[name] = _array(at, "v_threshold", node.values["v_threshold"], node.takes)
        if "v_init" in own:
            found.v_init[name] = _array(at, "v_init", own["v_init"], node.takes)
    return found


def _own(where: str, metadata: Mapping[str, Any]) -> Mapping[str, Any]:
    found = metadata.get(_KEY, {})
    if not isinstance(found, Mapping):
        fail(where, _KEY, found, "must be a group")
    return found


def _array(where: str, argument: str, value: Any, shape: tuple[int, ...]) -> Floats:
    array = numbers(where, argument, value, dimensions=max(len(shape), 1))
    require(where, argument, array.ravel(), "finite")
    if array.ndim and array.shape != shape:
        fail(where, argument, array.shape, f"must be {shape}, that of the population", got="shape")
    return np.array(np.broadcast_to(array, shape))


@dataclass(frozen=True)
class Scheme:
    """How neurons step, which the standard leaves open.

    Attributes
    ----------
    dt : float
        In the unit of the graph's time constants.
    mode : "exact" or "euler"
    subtract : bool or collection of str
        True if all neurons subtract the threshold at a spike; or the nodes that do.
    at : mapping of str to array
        Thresholds of the nodes that spike at their threshold; others spike above it, as the standard says.
    v_init : mapping of str to array
        Initial potentials of nodes.
    height : float
        Value of a spike.
    """

    dt: float
    mode: Mode
    subtract: bool | Collection[str] = False
    at: Mapping[str, Floats] = field(default_factory=dict)
    v_init: Mapping[str, Floats] = field(default_factory=dict)
    height: float = 1.0

    @property
    def key(self) -> tuple[Any, ...]:
        """The options in which schemes of one graph differ."""
        chosen = self.subtract if isinstance(self.subtract, bool) else None
        return self.dt, self.mode, chosen, self.height

    def subtracts(self, name: str) -> bool:
        """Return whether a spike of this node subtracts the threshold."""
        return self.subtract if isinstance(self.subtract, bool) else name in self.subtract


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """The graph of layers, and the name of the layer that computes each requested quantity of a node."""

    graph: Graph
    stands: Mapping[tuple[str, str], str]


def to_graph(
    where: str,
    flat: FlatGraph,
    scheme: Scheme,
    wanted: Iterable[tuple[str, str]] = (),
    *,
    everything: bool = False,
) -> LayerGraph:
    """Return the layers of a graph, as far as its outputs need them.

    Cycles get a `Delay` of one step where a depth-first search from the inputs leads back to its own path. It stands behind
    the neurons of the cycle rather than behind the weights that follow them: before the first step, neurons have sent
    nothing, and other nodes their output for zeros.

    Parameters
    ----------
    where : str
        The caller, for error messages.
    flat : FlatGraph
    scheme : Scheme
    wanted : iterable of (str, str)
        Nodes whose output ("out"), potential ("v") or synaptic current ("i") has to be computed, too.
    everything : bool
        Include the neurons that no output needs.
    """
    builder = _Builder(where, flat, scheme)
    for name in flat.outputs.values():
        builder.need(name, "out")
    for name, what in wanted:
        builder.need(name, what)
    for name, node in flat.nodes.items() if everything else ():
        if node.kind in NEURONS and not builder.needs(name):
            builder.need(name, "out")
    builder.need_an_input()
    return builder.built()


# --- rows: the layer of a node with a state ---------------------------------------------------------


def _integrator(p: Values, scheme: Scheme) -> dict[str, Any]:
    """Return the parameters of ``v' = r x``, whose step is the same in both modes."""
    return {"decay": 1.0, "gain": p["r"] * scheme.dt}


def _leaky(p: Values, scheme: Scheme) -> dict[str, Any]:
    r"""Return the parameters of ``tau v' = v_leak - v + r x`` for an input that is constant over the step.

    Exact: :math:`v(dt) = e^{-dt/\tau} v + (1 - e^{-dt/\tau}) (v_{leak} + r x)`.
    """
    leak, reached = step_of(scheme.dt, p["tau"], scheme.mode)
    return {"decay": leak, "gain": p["r"] * reached, "drive": p["v_leak"] * reached}


def _current_based(p: Values, scheme: Scheme) -> dict[str, Any]:
    """Return the parameters of both equations of CubaLI and CubaLIF.

    The exact solution has a limit at ``tau_syn = tau_mem``. Euler's method steps the synaptic current first, and the
    potential with the new current, as snnTorch, Norse and SpikingJelly do.
    """
    leak, reached = step_of(scheme.dt, p["tau_mem"], scheme.mode)
    decay, gain = step_of(scheme.dt, p["tau_syn"], scheme.mode)
    gain = gain * p["w_in"]
    given = {"decay": leak, "drive": p["v_leak"] * reached, "syn_decay": decay, "syn_gain": gain}
    if scheme.mode == "euler":
        return given | {"gain": p["r"] * reached}
    across = crossing(scheme.dt, p["tau_mem"], p["tau_syn"])
    direct = p["r"] * p["w_in"] * (reached - across)
    return given | {"gain": direct, "pull": p["r"] * across}


def _neuron(node: FlatNode, scheme: Scheme) -> Layer:
    kind, equations = _NEURONS[node.kind]
    p = {name: np.broadcast_to(value, node.takes) for name, value in node.values.items()}
    given = equations(p, scheme)
    if node.name in scheme.v_init:
        given["v_init"] = scheme.v_init[node.name]
    if "v_threshold" in p:
        at = scheme.at.get(node.name)
        given |= {"threshold": p["v_threshold"] if at is None else at, "strict": at is None}
        subtracts = scheme.subtracts(node.name)
        given |= {"reset": "subtract"} if subtracts else {"reset": "value", "v_reset": p["v_reset"]}
        given["amplitude"] = scheme.height
    layer: Layer = kind(**{name: simple(value) for name, value in given.items()})
    return layer


def _threshold(node: FlatNode, scheme: Scheme) -> Layer:
    above = simple(np.broadcast_to(node.values["threshold"], node.takes))
    return layers.LIF(above, "none", decay=0.0, gain=1.0, strict=True, amplitude=scheme.height)


def _delay(node: FlatNode, scheme: Scheme) -> Layer | None:
    steps = delay_steps(node, scheme.dt)
    return layers.Delay(simple(steps)) if steps.any() else None


def delay_steps(node: FlatNode, dt: float) -> NDArray[np.int64]:
    """Return the delays of a `Delay` in steps, rounded to the nearest (a half to the even one)."""
    steps = np.rint(np.broadcast_to(node.values["delay"], node.takes) / dt)
    if steps.size and float(steps.max()) * steps.size > MAX_VALUES:
        rule = f"must be at most {MAX_VALUES // steps.size} steps of dt = {dt:g} (are both in one unit?)"
        fail("Delay", "delay", float(node.values["delay"].max()), rule)
    return steps.astype(np.int64)


_NEURONS: Mapping[str, tuple[type[Any], Callable[[Values, Scheme], dict[str, Any]]]] = {
    "I": (layers.LI, _integrator),
    "IF": (layers.LIF, _integrator),
    "LI": (layers.LI, _leaky),
    "LIF": (layers.LIF, _leaky),
    "CubaLI": (layers.LI, _current_based),
    "CubaLIF": (layers.CubaLIF, _current_based),
}
_ROWS: Mapping[str, Callable[[FlatNode, Scheme], Layer | None]] = {
    **dict.fromkeys(_NEURONS, _neuron),
    "Threshold": _threshold,
    "Delay": _delay,
}


# --- the graph --------------------------------------------------------------------------------------


class _Signal(NamedTuple):
    """The output of a node, or an input of the graph or a synaptic current, at this step or some steps late."""

    name: str
    late: int = 0
    kind: Literal["out", "input", "current"] = "out"


class _Builder:
    """Collects the signals that some nodes need, and makes layers of them."""

    def __init__(self, where: str, flat: FlatGraph, scheme: Scheme) -> None:
        self._where, self._flat = where, flat
        self._layers = {name: _layers_of(where, node, scheme) for name, node in flat.nodes.items()}
        breaking = {name for name, chain in self._layers.items() if any(map(_breaks_cycles, chain))}
        self._closing = closing_edges(flat, [(a, b) for a, b in flat.edges if b not in breaking])
        self._inputs = {node: name for name, node in flat.inputs.items()}
        self._needed: dict[_Signal, list[_Signal]] = {}  # signals, and those that they are made of
        self._ends: dict[tuple[str, str], _Signal] = {}

    def need(self, name: str, what: str) -> None:
        """Make a quantity of a node an output: "out", "v" or "i"."""
        end = self._ends[name, what] = _Signal(name, kind="current" if what == "i" else "out")
        waiting = [end]
        for signal in waiting:
            if signal not in self._needed:
                self._needed[signal] = self._sources(signal)
                waiting += self._needed[signal]

    def needs(self, name: str) -> bool:
        """Return whether an output depends on a node."""
        return _Signal(name) in self._needed

    def need_an_input(self) -> None:
        """Add an input if there is none: a model has to have one."""
        if not any(signal.kind == "input" for signal in self._needed):
            for name in list(self._inputs)[:1] or list(self._flat.nodes)[:1]:
                self._inputs.setdefault(name, f"input_{name}")
                self._needed.clear()
                for end in [*self._ends, (name, "out")]:
                    self.need(*end)

    def _sources(self, signal: _Signal) -> list[_Signal]:
        name, late, kind = signal
        if self._is_held(signal):
            return [signal._replace(late=0)]
        if kind == "input":
            return []
        given = [_Signal(self._inputs[name], late, "input")] if name in self._inputs else []
        sources = self._flat.nodes[name].sources
        return given + [_Signal(s, late + ((s, name) in self._closing)) for s in sources]

    def _is_held(self, signal: _Signal) -> bool:
        """Return whether a signal is an input, or the output of a node with a state, of an earlier step."""
        name, late, kind = signal
        return late > 0 and (kind == "input" or self._flat.nodes[name].remembers)

    def _chain(self, signal: _Signal) -> list[Layer]:
        """Return the layers that make a signal of its sources, one after the other."""
        if self._is_held(signal):
            return [layers.Delay(signal.late)]
        if signal.kind == "input":
            return []
        sources, chain = self._needed[signal], list(self._layers[signal.name])
        if signal.kind == "current":
            decay, gain, _ = chain[0].synapse()  # type: ignore[attr-defined]  # a current-based neuron
            chain = [layers.LI(decay=decay, gain=gain)]
        if not sources:
            return [layers.Constant(np.zeros(self._flat.nodes[signal.name].takes)), *chain]
        return [layers.Add(), *chain] if len(sources) > 1 else chain

    def built(self) -> LayerGraph:
        """Return the layers of all signals collected so far."""
        inputs = [name for name, late, kind in self._needed if kind == "input" and not late]
        chains = {signal: self._chain(signal) for signal in self._needed}
        taken, stands = set(inputs), dict[_Signal, str]()

        def free(name: str, own: str = "") -> str:
            while name in taken or (name != own and name in self._flat.nodes):
                name += "_"
            taken.add(name)
            return name

        waits = {
            signal: [] if any(map(_breaks_cycles, chain)) else self._needed[signal]
            for signal, chain in chains.items()
        }
        ends = set(self._ends.values())
        for signal in graphlib.TopologicalSorter(waits).static_order():
            chain, sources = chains[signal], self._needed[signal]
            name, late, kind = signal
            if kind == "input" and not late:
                stands[signal] = name
                continue
            first = stands.get(sources[0], "") if sources else ""
            if not chain and first in inputs and signal in ends:
                chain.append(layers.Reshape(self._flat.nodes[name].sends))
            if not chain:
                stands[signal] = first
            elif kind == "current":
                stands[signal] = free(f"{name}.i")
            elif self._is_held(signal):
                stands[signal] = free(f"{name}.back")
            else:
                stands[signal] = free(name, name if not late or not self.needs(name) else "")
        nodes = {}
        for signal, chain in chains.items():
            before = tuple(stands[source] for source in self._needed[signal])
            for k, layer in enumerate(chain, 1):
                name = stands[signal]
                if k < len(chain):
                    name = free(f"{name}.{'sum' if isinstance(layer, layers.Add) else k}")
                nodes[name] = Node(name, layer, before)
                before = (name,)
        needs = {
            name: [] if _breaks_cycles(node.layer) else [n for n in node.inputs if n in nodes]
            for name, node in nodes.items()
        }
        ordered = [nodes[name] for name in graphlib.TopologicalSorter(needs).static_order()]
        found = {of: stands[signal] for of, signal in self._ends.items()}
        with named(self._where):
            graph = Graph(ordered, self._where, inputs, list(dict.fromkeys(found.values())))
        return LayerGraph(graph, found)


def _layers_of(where: str, node: FlatNode, scheme: Scheme) -> list[Layer]:
    if node.kind not in _ROWS:
        return STATELESS[node.kind](node.values, node.takes)
    here = f"{where}: node '{node.name}' ({node.kind})"
    for name in ("tau", "tau_mem", "tau_syn") if scheme.mode == "euler" else ():
        shortest = float(np.min(node.values.get(name, np.inf)))
        if not scheme.dt < 2 * shortest:
            problem = f"is not below 2 {name} = {2 * shortest:g}, so Euler's method oscillates without limit"
            advise(here, "dt", scheme.dt, problem, f"are dt and {name} in one unit?")
    with named(here):
        layer = _ROWS[node.kind](node, scheme)
    return [] if layer is None else [layer]


def _breaks_cycles(layer: Layer) -> bool:
    return isinstance(layer, layers.Delay) and layer.breaks_cycles


def closing_edges(flat: FlatGraph, edges: list[tuple[str, str]]) -> set[tuple[str, str]]:
    """Return the edges that close a cycle.

    A depth-first search from the inputs, in the order of their names and along the edges in the order of the file, finds
    them: they lead back to a node of the path so far.
    """
    targets: dict[str, list[str]] = defaultdict(list)
    for before, after in edges:
        targets[before].append(after)
    found: set[tuple[str, str]] = set()
    done: set[str] = set()
    for start in (*(flat.inputs[name] for name in sorted(flat.inputs)), *sorted(flat.nodes)):
        if start in done:
            continue
        path, on_path = [(start, iter(targets[start]))], {start}
        while path:
            name, rest = path[-1]
            following = next(rest, None)
            if following is None:
                path.pop()
                on_path.discard(name)
                done.add(name)
            elif following in on_path:
                found.add((name, following))
            elif following not in done:
                path.append((following, iter(targets[following])))
                on_path.add(following)
    return found
