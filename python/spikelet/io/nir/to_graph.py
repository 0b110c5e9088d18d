"""Turn a NIR graph into a graph of layers: a table with a row for each primitive with a state, and where signals take a step."""

from __future__ import annotations

import graphlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from spikelet import layers
from spikelet._util.advice import advise
from spikelet._util.checks import fail, named
from spikelet.io.nir.fields import MAX_VALUES
from spikelet.io.nir.flat import FlatGraph, FlatNode
from spikelet.layers import Layer
from spikelet.layers.graph import Graph, Node

__all__ = ["Floats", "LayerGraph", "Mode", "Scheme", "to_graph"]

Mode = Literal["exact", "euler"]
Floats = NDArray[np.float64]
_At = tuple[str, int]  # a node, and how many steps late its output is


@dataclass(frozen=True)
class Scheme:
    """What the standard leaves open: how neurons step.

    Attributes
    ----------
    dt : float
        In the unit of the graph's time constants.
    mode : "exact" or "euler"
    subtract : bool or collection of str
        Whether all neurons subtract the threshold at a spike, or the nodes that do.
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

    def subtracts(self, name: str) -> bool:
        """Return whether a spike of this node subtracts the threshold."""
        return self.subtract if isinstance(self.subtract, bool) else name in self.subtract


@dataclass(frozen=True, eq=False)
class LayerGraph:
    """The graph of layers, and the names of the layers that compute the outputs of nodes."""

    graph: Graph
    stands: Mapping[str, str]


def to_graph(where: str, flat: FlatGraph, scheme: Scheme, wanted: Iterable[str] = ()) -> LayerGraph:
    """Return the layers of a graph.

    Cycles get a `Delay` of one step where a depth-first search from the inputs leads back to its own path. It stands behind
    the neurons of the cycle rather than behind the weights that follow them: before the first step, neurons have sent
    nothing, and other nodes their output for zeros.

    Parameters
    ----------
    where : str
        The caller, for error messages.
    flat : FlatGraph
    scheme : Scheme
    wanted : iterable of str
        Nodes whose outputs are outputs of the graph of layers, besides those of `flat` and of neurons that lead nowhere.
    """
    return _Builder(where, flat, scheme).built(wanted)


# --- rows: the layer of a node with a state ---------------------------------------------------------


def _integrator(node: FlatNode, scheme: Scheme, p: Mapping[str, Floats]) -> dict[str, Any]:
    """The parameters of ``v' = r x``, whose step is the same in both modes."""
    return {"decay": 1.0, "gain": p["r"] * scheme.dt}


def _leaky(node: FlatNode, scheme: Scheme, p: Mapping[str, Floats]) -> dict[str, Any]:
    r"""The parameters of ``tau v' = v_leak - v + r x`` for an input that is constant over the step.

    Exact: :math:`v(dt) = e^{-dt/\tau} v + (1 - e^{-dt/\tau}) (v_{leak} + r x)`.
    """
    leak, reached = _step(node, scheme, "tau", p)
    return {"decay": leak, "gain": p["r"] * reached, "drive": p["v_leak"] * reached}


def _current_based(node: FlatNode, scheme: Scheme, p: Mapping[str, Floats]) -> dict[str, Any]:
    """The parameters of both equations of CubaLI and CubaLIF.

    The exact solution has a limit at ``tau_syn = tau_mem``. Euler's method steps the synaptic current first, and the
    potential with the new current, as snnTorch, Norse and SpikingJelly do.
    """
    leak, reached = _step(node, scheme, "tau_mem", p)
    decay, gain = _step(node, scheme, "tau_syn", p)
    gain = gain * p["w_in"]
    if scheme.mode == "euler":
        a = reached * p["r"]
        pull, direct = a * decay, a * gain
    else:
        from scipy.special import exprel  # noqa: PLC0415  slow to import

        a, b = scheme.dt / p["tau_mem"], scheme.dt / p["tau_syn"]
        across = a * np.exp(-np.minimum(a, b)) * exprel(-np.abs(a - b))
        pull, direct = p["r"] * across, p["r"] * p["w_in"] * (reached - across)
    return {
        "decay": leak, "gain": direct, "drive": p["v_leak"] * reached, "pull": pull, "syn_decay": decay, "syn_gain": gain,
    }  # fmt: skip


def _step(
    node: FlatNode, scheme: Scheme, name: str, p: Mapping[str, Floats]
) -> tuple[Floats, Floats]:
    """Return the decay in a step for a time constant, and the part of the way to the limit that a step covers."""
    tau, dt = p[name], scheme.dt
    if scheme.mode == "euler" and not (dt < 2 * tau).all():
        problem = f"is not below 2 {name} = {2 * float(tau.min()):g}, so Euler's method oscillates without limit"
        advise(f"node '{node.name}' ({node.kind})", "dt", dt, problem, f"are dt and {name} in one unit?")  # fmt: skip
    a = dt / tau
    return (1 - a, a) if scheme.mode == "euler" else (np.exp(-a), -np.expm1(-a))


def _neuron(node: FlatNode, scheme: Scheme) -> Layer:
    kind, equations = _NEURONS[node.kind]
    p = {name: np.broadcast_to(value, node.takes) for name, value in node.values.items()}
    given = equations(node, scheme, p)
    if node.name in scheme.v_init:
        given["v_init"] = scheme.v_init[node.name]
    if "v_threshold" in p:
        at = scheme.at.get(node.name)
        given |= {"threshold": p["v_threshold"], "strict": True} if at is None else {"threshold": at}
        given["reset"] = "subtract" if scheme.subtracts(node.name) else "value"
        if given["reset"] == "value":
            given["v_reset"] = p["v_reset"]
        given["amplitude"] = scheme.height
    return kind(**{name: _simple(value) for name, value in given.items()})


def _threshold(node: FlatNode, scheme: Scheme) -> Layer:
    above = _simple(np.broadcast_to(node.values["threshold"], node.takes))
    return layers.LIF(above, "none", decay=0.0, gain=1.0, strict=True, amplitude=scheme.height)


def _delay(node: FlatNode, scheme: Scheme) -> Layer | None:
    steps = delay_steps(node, scheme.dt)
    return layers.Delay(_simple(steps)) if steps.any() else None


def delay_steps(node: FlatNode, dt: float) -> NDArray[np.int64]:
    """Return the delays of a `Delay` in steps, rounded to the nearest (a half to the even one)."""
    steps = np.rint(np.broadcast_to(node.values["delay"], node.takes) / dt)
    if steps.size and float(steps.max()) * steps.size > MAX_VALUES:
        rule = f"must be at most {MAX_VALUES // steps.size} steps of dt = {dt:g} (are both in one unit?)"
        fail(f"node '{node.name}' (Delay)", "delay", float(node.values["delay"].max()), rule)
    return steps.astype(np.int64)


def _simple(value: Any) -> Any:
    """Return one number for an array of equal ones."""
    if isinstance(value, np.ndarray) and (value == value.flat[0]).all():
        return value.flat[0].item()
    return value


_NEURONS: Mapping[str, tuple[type[Any], Callable[..., dict[str, Any]]]] = {
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


class _Builder:
    """Adds the layers that outputs need."""

    def __init__(self, where: str, flat: FlatGraph, scheme: Scheme) -> None:
        self._flat, self._nodes = flat, {}  # type: ignore[var-annotated]  # Node by name
        self._layers: dict[str, list[Layer]] = {}
        for name, node in flat.nodes.items():
            if node.kind not in _ROWS:
                self._layers[name] = node.layers
                continue
            with named(where):
                layer = _ROWS[node.kind](node, scheme)
            self._layers[name] = [] if layer is None else [layer]
        breaking = {
            name
            for name, found in self._layers.items()
            if found and isinstance(found[0], layers.Delay) and np.min(found[0].steps) >= 1
        }
        within = [(a, b) for a, b in flat.edges if a not in breaking and b not in breaking]
        self._closing = closing_edges(flat, [(a, b) for a, b in flat.edges if b not in breaking])
        self._inputs = {node: name for name, node in flat.inputs.items()}
        self._used: set[str] = set()  # inputs
        del within

    def built(self, wanted: Iterable[str]) -> LayerGraph:
        leads = {before for before, _ in self._flat.edges}
        ends = dict.fromkeys([*self._flat.outputs.values(), *wanted])
        ends |= dict.fromkeys(n for n in self._flat.nodes if n not in leads and self._flat.nodes[n].remembers)  # fmt: skip
        waiting: list[_At] = [(name, 0) for name in ends]
        stands: dict[_At, str] = {}
        ...
