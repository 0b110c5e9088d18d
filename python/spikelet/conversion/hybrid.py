"""Hybrid networks, in which some neurons spike and others stay analog, and the search for the best split."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike

from spikelet import energy
from spikelet._util import tables
from spikelet._util.checks import choice, fail, integer, number, require
from spikelet.energy import Technology
from spikelet.energy.segments import receivers, segments
from spikelet.layers import Layer, Neuron, ReLU
from spikelet.layers.graph import Graph, Node
from spikelet.layers.samples import (
    Samples,
    check_labels,
    check_pair,
    decisions,
    is_sequence,
    readout_delay,
    with_coding,
)
from spikelet.layers.spiking_model import SpikingModel

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Candidate", "HybridSearch", "hybrid", "search_split"]


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


@dataclass(frozen=True, eq=False)
class Candidate:
    """One way to split a network.

    Parameters
    ----------
    split : str or None
        The last layer of neurons before the split; None if the first part is empty.
    spiking : int
        Number of spiking layers.
    accuracy : float
        Accuracy as a fraction; without labels, the agreement with the ANN.
    loss : float
        Percentage points below the ANN.
    energy_nj, ratio : float
        Energy per sample, and its ratio to that of the ANN (which skips zero activations, as the hybrid does).
    spikes : float
        Spikes per sample.
    total_steps : int
        Steps until the output is known: T for each segment of spiking layers; 0 for a pure ANN.
    graph : Graph
    """

    split: str | None
    spiking: int
    accuracy: float
    loss: float
    energy_nj: float
    ratio: float
    spikes: float
    total_steps: int
    graph: Graph


@dataclass(frozen=True, eq=False)
class HybridSearch:
    """The result of `search_split`.

    Parameters
    ----------
    candidates : tuple of Candidate
        Candidates from a network that is all of the second kind to one that is all of the first kind.
    index : int or None
        Index of the chosen candidate; None if no candidate is within the budget.
    direction : "snn-first" or "ann-first"
    steps : int
    max_loss, max_energy : float or None
        The budget.
    """

    candidates: tuple[Candidate, ...]
    index: int | None
    direction: str
    steps: int
    max_loss: float | None
    max_energy: float | None

    @property
    def chosen(self) -> Candidate:
        """The best candidate within the budget.

        Raises
        ------
        ValueError
            If no candidate is within the budget.
        """
        if self.index is None:
            msg = f"HybridSearch: no candidate is within the budget ({self._budget()})"
            raise ValueError(msg)
        return self.candidates[self.index]

    @property
    def graph(self) -> Graph:
        """The graph of the chosen candidate."""
        return self.chosen.graph

    def _budget(self) -> str:
        parts = []
        if self.max_loss is not None:
            parts.append(f"loss at most {self.max_loss:g} points")
        if self.max_energy is not None:
            parts.append(f"energy at most {self.max_energy:g} x the ANN's")
        return ", ".join(parts)

    def __str__(self) -> str:
        """Return a table with a row for each candidate."""
        v = tables.value
        first, second = ("SNN", "ANN") if self.direction == "snn-first" else ("ANN", "SNN")
        columns = [
            f"{first} up to",
            "spiking",
            "accuracy",
            "loss",
            "nJ",
            "x ANN",
            "spikes",
            "steps",
            "",
        ]
        rows = [
            [
                c.split or "(nothing)",
                str(c.spiking),
                f"{100 * c.accuracy:.2f}%",
                f"{c.loss:.2f}",
                v(c.energy_nj),
                v(c.ratio),
                v(c.spikes),
                str(c.total_steps),
                "<- chosen" if k == self.index else "",
            ]
            for k, c in enumerate(self.candidates)
        ]
        none = "" if self.index is not None else "; no candidate is within it"
        head = f"{first} first, then {second}; T = {self.steps} a segment; {self._budget()}{none}"
        return f"{head} (energies are estimates)\n{tables.table(columns, rows)}"

    def to_dict(self) -> dict[str, Any]:
        """Return the search as plain Python objects, without the graphs."""
        rows = [{k: v for k, v in c.__dict__.items() if k != "graph"} for c in self.candidates]
        plain: dict[str, Any] = tables.plain({**self.__dict__, "candidates": rows})
        return plain

    def to_json(self, path: str | Path | None = None) -> str:
        """Return the same as JSON, and write it to a file if a path is given."""
        return tables.to_json(self.to_dict(), path)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the search with `spikelet.plot.hybrid_search`."""
        from spikelet.plot.layers import hybrid_search  # noqa: PLC0415  # only where it is used

        return hybrid_search(self, ax=ax)


def search_split(
    snn: SpikingModel,
    ann: SpikingModel,
    x: ArrayLike,
    labels: ArrayLike | None = None,
    *,
    steps: int,
    direction: Literal["snn-first", "ann-first"] = "snn-first",
    max_loss: float | None = None,
    max_energy: float | None = None,
    technology: str | Technology = "45nm",
    memory: bool = False,
    first_layer_once: bool = True,
    delay: int | None = None,
    batch_size: int | None = None,
    **run_args: Any,
) -> HybridSearch:
    """Find the layer after which a network should change from spiking to analog, or the reverse.

    Each candidate runs on all samples: its accuracy is measured, and its operations are counted and priced with
    `spikelet.energy.measure`.

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
    technology, memory
        As for `spikelet.energy.measure`.
    first_layer_once : bool
        Count constant currents (of the first layer, and of spiking layers after a ReLU) once. Unlike in
        `spikelet.energy.measure` this is the default, because with T times the products no change from ANN to SNN would
        pay off.
    delay : int, optional
        Number of initial steps to leave out of means; by default that of a converted SNN, or 0. It does not apply to a
        candidate without spiking neurons.
    batch_size : int, optional
        By default the number that keeps records below 64 MB.
    **run_args
        ``coding`` and ``seed`` of `SpikingModel.run`.

    Returns
    -------
    HybridSearch

    Raises
    ------
    TypeError, ValueError
        If the neurons of the models differ, an argument breaks its rule, or no budget is given.
    """
    where = "search_split"
    names = check_pair(where, snn, ann)
    spiking = [n for n in names if isinstance(snn.graph[n].layer, Neuron)]
    choice(where, "direction", direction, "snn-first", "ann-first")
    if max_loss is None and max_energy is None:
        fail(where, "max_loss or max_energy", None, "must be given")
    for argument, limit in (("max_loss", max_loss), ("max_energy", max_energy)):
        if limit is not None:
            require(where, argument, number(where, argument, limit), "finite and >= 0")
    samples = Samples.of(where, snn, x, integer(where, "steps", steps, 1), batch_size)
    lag = readout_delay(where, snn, delay, samples.total)
    outputs = int(np.prod(ann.graph.shapes(samples.shapes)[ann.graph.output.name]))
    truth = check_labels(where, labels, samples, outputs)
    prices: dict[str, Any] = {"technology": technology, "memory": memory}
    prices["first_layer_once"] = first_layer_once
    reference = samples.constant()
    expected = _decide(ann, reference, 0, {})
    ann_nj = energy.measure(ann, reference.x, 1, batch_size=batch_size, **prices).energy_nj
    aim = expected if truth is None else truth
    best = float((expected == aim).mean())
    run_args = with_coding(snn, run_args)
    sequence = is_sequence(samples, run_args)

    candidates = []
    for k in range(len(spiking) + 1):
        keep = spiking[k:] if direction == "snn-first" else spiking[:k]
        graph = hybrid(snn, ann, keep)
        model = SpikingModel(
            graph, dtype=snn.dtype, threads=snn.threads, input_scale=snn.input_scale
        )
        run = samples if model.neurons or sequence else reference
        given = run_args if run is samples else {}
        right = float((_decide(model, run, lag if run is samples else 0, given) == aim).mean())
        cost = energy.measure(model, run.x, run.steps, batch_size=batch_size, **prices, **given)
        candidates.append(
            Candidate(
                spiking[k - 1] if k else None,
                len(model.neurons),
                right,
                100 * (best - right),
                cost.energy_nj,
                cost.energy_nj / ann_nj,
                cost.snn.total.spikes,
                segments(graph, sequence=sequence) * samples.total,
                graph,
            )
        )
    index = _best(candidates, max_loss, max_energy)
    return HybridSearch(tuple(candidates), index, direction, samples.total, max_loss, max_energy)


def _decide(model: SpikingModel, samples: Samples, delay: int, run_args: dict[str, Any]) -> Any:
    parts = samples.run(model, 64, delay=delay, **run_args)
    return np.concatenate([decisions(result) for _, result in parts])


def _best(
    candidates: list[Candidate], max_loss: float | None, max_energy: float | None
) -> int | None:
    loss = math.inf if max_loss is None else max_loss + 1e-9
    ratio = math.inf if max_energy is None else max_energy * (1 + 1e-12)
    within = [k for k, c in enumerate(candidates) if c.loss <= loss and c.ratio <= ratio]
    if not within:
        return None
    if max_loss is None:  # the most accurate; among equals, the cheapest
        return min(within, key=lambda k: (candidates[k].loss, candidates[k].energy_nj))
    return min(within, key=lambda k: (candidates[k].energy_nj, candidates[k].loss))
