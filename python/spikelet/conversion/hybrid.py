"""Hybrid networks, in which some neurons spike and others stay analog, and the search for the best split."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Literal

from numpy.typing import ArrayLike

from spikelet._util.checks import choice, fail, number, require
from spikelet._util.results import Table
from spikelet.conversion.evaluate import evaluate
from spikelet.energy.segments import receivers
from spikelet.layers import Layer, Neuron, ReLU
from spikelet.layers.graph import Graph, Node
from spikelet.layers.inputs import Inputs
from spikelet.layers.samples import Samples, check_pair, is_sequence, readout_delay, with_coding
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["hybrid", "search_split"]


def hybrid(
    snn: SpikingModel, ann: SpikingModel, keep: Iterable[str] | Callable[[str], bool]
) -> Graph:
    """Return the graph of the SNN with some of its neurons replaced by those of the ANN.

    A `ReLU` after spikes waits for all T steps and passes on the mean of its input; neurons after it get a constant
    current. A layer between neurons is taken from the ANN if only ReLUs use its output, or the network's output behind
    ReLUs alone: changes that were made there for spikes, such as calibrated biases, are not needed.

    Parameters
    ----------
    snn, ann : SpikingModel
        Two models whose neurons have the same names.
    keep : iterable of str, or callable
        Names of neurons that stay analog, or a function that returns whether a name does.

    Raises
    ------
    TypeError, ValueError
        If the neurons of the models differ, or a name is not that of a neuron.
    """
    names = check_pair("hybrid", snn, ann)
    if callable(keep):
        kept = {name for name in names if keep(name)}
    else:
        wanted = [keep] if isinstance(keep, str) else list(keep)
        for name in wanted:
            if name not in names:
                fail("hybrid", "keep", name, f"must hold names of neurons ({', '.join(names)})")
        kept = set(wanted)
    kept |= {name for name in names if isinstance(snn.graph[name].layer, ReLU)}
    nodes = []
    for node in snn.graph:
        own = node
        if node.name in kept:
            own = Node(node.name, ann.graph[node.name].layer, node.inputs)
        elif node.name not in names and _is_analog(snn.graph, node, kept):
            own = _twin(ann.graph, node)
        nodes.append(own)
    return Graph(nodes, "hybrid", snn.graph.inputs, snn.graph.outputs)


def _is_analog(graph: Graph, node: Node, kept: set[str]) -> bool:
    """Return whether only ReLUs use the output of a layer, or also the network's output behind ReLUs alone."""
    for receiver in receivers(graph, node.name):
        if receiver.name in kept:
            continue
        if isinstance(receiver.layer, Neuron) or not _behind(graph, node.name, kept):
            return False
    return True


def _behind(graph: Graph, name: str, kept: set[str]) -> bool:
    """Return whether all neurons before a layer are ReLUs."""
    if name not in graph or name in kept:
        return True
    if isinstance(graph[name].layer, Neuron):
        return False
    return all(_behind(graph, source, kept) for source in graph[name].inputs)


def _twin(graph: Graph, node: Node) -> Node:
    """Return the layer of the graph with the same name, type and inputs, or the given one if there is none."""
    if node.name not in graph or graph[node.name].inputs != node.inputs:
        return node
    layer: Layer = graph[node.name].layer
    return Node(node.name, layer, node.inputs) if type(layer) is type(node.layer) else node


def search_split(
    snn: SpikingModel,
    ann: SpikingModel,
    x: Inputs,
    labels: ArrayLike | None = None,
    *,
    steps: int,
    direction: Literal["snn-first", "ann-first"] = "snn-first",
    max_loss: float | None = None,
    max_energy: float | None = None,
    memory: bool = False,
    **options: Any,
) -> Table:
    """Find the layer after which a network should change from spiking to analog, or the reverse.

    Each candidate runs on all samples, and `evaluate` measures it.

    Parameters
    ----------
    snn, ann : SpikingModel
        Two models whose neurons have the same names.
    x : array-like, [B, ...]
    labels : array-like of int, [B], optional
        Class of each sample; without labels, decisions are compared with the ANN's.
    steps : int
        Number of steps T of each segment of spiking layers.
    direction : "snn-first" or "ann-first"
        Kind of the first part.
    max_loss : float, optional
        Percentage points of accuracy that may be lost against the ANN; the candidate of least energy is chosen.
    max_energy : float, optional
        Largest energy, relative to the ANN's; the most accurate candidate is chosen. With both limits, the candidate of
        least energy within both is chosen.
    memory : bool
        Choose by energy with memory traffic, the column "memory_ratio", instead of "energy_ratio".
    **options
        Others of `evaluate`. By default, energy is measured on all samples, and constant currents (of the first layer, and of
        spiking layers behind a ReLU) count once: with T times the products no change from ANN to SNN would pay off.

    Returns
    -------
    Table
        A row for each candidate, from a network that is all of the second kind to one that is all of the first kind, with the
        columns of `evaluate` and

        split
            The last layer of neurons before the split; "" if the first part is empty.
        spiking
            Number of spiking layers.

        ``table.models`` holds the networks, ``table.model`` the chosen one.

    Raises
    ------
    TypeError, ValueError
        If the neurons of the models differ, an argument breaks its rule, or no limit is given.
    """
    where = "search_split"
    names = check_pair(where, snn, ann)
    spiking = [n for n in names if isinstance(snn.graph[n].layer, Neuron)]
    choice(where, "direction", direction, "snn-first", "ann-first")
    limits = {"max_loss": max_loss, "max_energy": max_energy}
    if max_loss is None and max_energy is None:
        fail(where, "max_loss or max_energy", None, "must be given")
    for argument, limit in limits.items():
        if limit is not None:
            require(where, argument, number(where, argument, limit), "finite and >= 0")
    samples = Samples.of(where, snn, x, steps)
    lag = readout_delay(where, snn, options.pop("delay", None), samples.total)
    given = {"energy_samples": None, "first_layer_once": True, **with_coding(snn, options)}
    changing = is_sequence(samples, given)
    models, rows, facts = [], [], {}
    for k, split in enumerate(["", *spiking]):
        graph = hybrid(snn, ann, spiking[k:] if direction == "snn-first" else spiking[:k])
        model = SpikingModel(
            graph, dtype=snn.dtype, threads=snn.threads, input_scale=snn.input_scale
        )
        count = len(model.neurons)
        # Without spikes, one step says all; there is no first step to leave out.
        alone = {"delay": 0, "coding": "direct"} if not count and not changing else {}
        how = {**given, "delay": lag, **alone}
        own = evaluate(model, ann, x, labels, 1 if alone else steps, **how)
        models.append(model)
        rows.append({"split": split, "spiking": count, **own.rows[0]})
        facts = {**own.facts, "direction": direction, **limits}
    price = "memory_ratio" if memory else "energy_ratio"
    chosen = _best(rows, price, max_loss, max_energy)
    for k, row in enumerate(rows):
        row["note"] = "chosen" if k == chosen else ""
    return Table(rows, facts, ("split", "loss", price), models, chosen)


def _best(
    rows: list[dict[str, Any]], price: str, max_loss: float | None, max_energy: float | None
) -> int | None:
    loss = float("inf") if max_loss is None else max_loss + 1e-9
    most = float("inf") if max_energy is None else max_energy * (1 + 1e-12)
    within = [k for k, row in enumerate(rows) if row["loss"] <= loss and row[price] <= most]
    # Without a limit of the loss, the most accurate; among equals, the cheapest.
    order = ("loss", price) if max_loss is None else (price, "loss")
    return min(within, key=lambda k: [rows[k][name] for name in order], default=None)
