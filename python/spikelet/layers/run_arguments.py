"""What a run is asked for: what it records, under which names, and whether it can end early."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from spikelet._util.checks import fail
from spikelet.layers.graph import Graph
from spikelet.layers.leaky import LI
from spikelet.layers.neurons import Neuron
from spikelet.layers.predictive import PredictiveNeuron

__all__ = ["check_schedules", "check_stop", "neurons_of", "recorded"]

_WHATS = ("spikes", "v", "mean", "value")


def neurons_of(graph: Graph) -> tuple[str, ...]:
    """Return the names of the layers of spiking neurons."""
    return tuple(n.name for n in graph if isinstance(n.layer, Neuron))


def recorded(
    where: str, graph: Graph, record: str | Iterable[str] | bool, sequence: bool
) -> dict[str, tuple[str, str]]:
    """Return (layer, quantity) by the requested name; internal names begin with NUL."""
    names: list[str] = []
    with_potential = [n.name for n in graph if isinstance(n.layer, (Neuron, LI))]
    last_with = {"spikes": neurons_of(graph)[-1:], "v": with_potential[-1:]}
    if record is True:
        names = [
            f"{n}.{what}"
            for n in with_potential
            for what in ("spikes", "v")
            if what == "v" or isinstance(graph[n].layer, Neuron)
        ]
    elif isinstance(record, str):
        names = [record]
    elif record is not False:
        names = list(record)
    last = graph.output
    records = {f"\0{name}": (name, "mean") for name in graph.outputs}
    if isinstance(last.layer, Neuron) and (sequence or names):
        records["\0\0spikes"] = (last.name, "spikes")
    if names and with_potential:
        records["\0\0v"] = (with_potential[-1], _potential(graph, with_potential[-1]))
    for name in names:
        if not isinstance(name, str):
            fail(where, "record", name, "must hold names of layers", error=TypeError)
        if name in ("v", "spikes") and name not in graph:
            if not last_with[name]:
                fail(where, "record", name, "needs a layer of neurons")
            (layer,) = last_with[name]
            records[name] = (layer, "spikes" if name == "spikes" else _potential(graph, layer))
            continue
        layer, what = name, None
        if name not in graph:
            layer, _, what = name.rpartition(".")
        if layer not in graph or (what is not None and what not in _WHATS):
            known = ", ".join(n.name for n in graph)
            fail(
                where,
                "record",
                name,
                f"must be one of {known}, optionally with .v, .spikes, .value or .mean",
            )
        neuron = isinstance(graph[layer].layer, Neuron)
        if what is None:
            what = "spikes" if neuron else "value"
        if not neuron and (what == "spikes" or (what == "v" and layer not in with_potential)):
            fail(where, "record", name, "must name a layer of neurons")
        records[name] = (layer, _potential(graph, layer) if what == "v" else what)
    return records


def _potential(graph: Graph, name: str) -> str:
    """Return what the core records for the potential, which an `LI` sends."""
    return "value" if isinstance(graph[name].layer, LI) else "potential"


def check_stop(where: str, graph: Graph, engine: Any) -> None:
    """Check that samples of this graph can end before the last step."""
    if not engine.is_anytime():
        rule = "needs a network whose layers do not wait for the mean of spikes, as a ReLU before neurons does"
        fail(where, "until", "given", rule)
    for name in neurons_of(graph):
        if getattr(graph[name].layer, "code", "") == "differential":
            fail(
                where,
                "until",
                "given",
                f"needs neurons that send sums; '{name}' sends differences",
            )


def check_schedules(where: str, graph: Graph, steps: int) -> None:
    """Check that the schedules of predictive neurons are made for this number of steps."""
    for name in neurons_of(graph):
        layer = graph[name].layer
        if isinstance(layer, PredictiveNeuron) and layer.steps != steps:
            fail(where, "steps", steps, f"must be {layer.steps}, which '{name}' was made for")
