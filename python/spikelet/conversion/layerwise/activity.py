"""The values of a network for all calibration inputs; only those that a later layer needs are stored.

`plan` tells which these are, and in which order a network is converted.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import InitVar, dataclass, field, replace
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from spikelet import layers
from spikelet.layers import Foreign, Graded, Layer, Reduce, ReLU, Reshape, Take
from spikelet.layers.graph import Graph, Node
from spikelet.layers.segment import Packed, Segment, Stored
from spikelet.layers.to_core import Source
from spikelet.layers.views import Shape

Floats = NDArray[Any]


@dataclass(frozen=True)
class Calibration:
    """An ANN and calibration inputs.

    Parameters
    ----------
    graph : Graph
        The ANN, BatchNorm folded.
    inputs : mapping of str to float32 array, [N, ...]
        Values of each input of the graph.
    steps : int
        Number of steps T that the spiking network is made for.
    threads : int
        Results do not depend on it.
    kept : set of str
        Names of the neurons that stay analog.
    coded : mapping of str to array, [T, N, ...]
        The input of the spiking network, if it is coded as spikes.
    neuron : str
        Kind of the neurons to make; see `spikelet.conversion.Neurons`.
    """

    graph: Graph
    inputs: Mapping[str, Floats]
    steps: int
    threads: int
    kept: frozenset[str] = frozenset()
    coded: Mapping[str, Floats] = field(default_factory=dict)
    neuron: str = "soft"

    @property
    def count(self) -> int:
        """Number of samples N."""
        return len(next(iter(self.inputs.values())))

    @cached_property
    def shapes(self) -> dict[str, Shape]:
        """Output shape of each layer, and of each input, for one sample."""
        return self.graph.shapes([self.inputs[name].shape[1:] for name in self.graph.inputs])

    def part(self, samples: NDArray[np.bool_]) -> Calibration:
        """Return the calibration with some of the samples."""
        return replace(
            self,
            inputs={name: x[samples] for name, x in self.inputs.items()},
            coded={name: x[:, samples] for name, x in self.coded.items()},
        )


MAX_POOLS = tuple(
    getattr(layers, f"{kind}{axes}d")
    for kind in ("MaxPool", "AdaptiveMaxPool")
    for axes in (1, 2, 3)
)
_WAITING = (ReLU, Foreign)  # they wait for all steps of their inputs, and are constant from then on
_ROWS, _TAKEN = "\0rows", "\0taken"  # names that no layer has

Value: TypeAlias = "Floats | Packed"  # constants [N, ...], a sequence [T, N, ...], or spikes
Changes: TypeAlias = Mapping[str, Layer] | None


@dataclass(eq=False)
class Activity:
    """Values of a network, an ANN (``steps=1``) or a spiking one, while it is converted.

    Parameters
    ----------
    graph : Graph
    steps : int
    threads : int
    constants : mapping of str to array, [N, ...]
        Inputs that do not change from step to step, by name.
    sequences : mapping of str to array, [T, N, ...]
        Inputs that do.
    """

    graph: Graph
    steps: int
    threads: int
    constants: InitVar[Mapping[str, Floats]]
    sequences: InitVar[Mapping[str, Floats]]

    def __post_init__(
        self, constants: Mapping[str, Floats], sequences: Mapping[str, Floats]
    ) -> None:
        self._stored: dict[str, Value] = {**constants, **sequences}
        self._sequences = set(sequences)

    def change(self, changes: Mapping[str, Layer]) -> None:
        """Replace layers, for all values that are computed from now on."""
        self.graph = self.graph.replaced(changes)

    def store(self, name: str, values: Floats) -> None:
        """Store constants of a node, [N, ...]."""
        self._stored[name] = values

    def store_spikes(self, name: str) -> None:
        """Run a neuron, or a pool behind one, and store its spikes."""
        given = self._given(name, slice(None))
        if self._segment(name, "mean", given, self.steps).form(name) == "spikes":
            self._stored[name] = self.run(name, "packed")
        else:  # the pool of a code for which there are no spikes
            self._stored[name] = self.run(name, "value")
            self._sequences.add(name)

    def drop(self, names: Iterable[str]) -> None:
        """Forget stored values."""
        for name in names:
            self._stored.pop(name, None)
            self._sequences.discard(name)

    def run(
        self,
        name: str,
        what: Literal["value", "mean", "packed"],
        samples: slice = slice(None),
        changes: Changes = None,
        at: tuple[int, NDArray[np.int64]] | None = None,
    ) -> Any:
        """Return the output of a node in a run of all steps.

        Parameters
        ----------
        name : str
        what : "value", "mean" or "packed"
            Values [T, n, ...], their mean over the steps [n, ...], or spikes.
        samples : slice
        changes : mapping of str to Layer, optional
            Layers to replace for this run.
        at : int and int array, optional
            Return values of so many channels at these positions, [T, n, C, P]. The core records these alone: writing all
            values of large images at all steps takes longer than computing them.
        """
        if what == "value" and name in self._stored:  # a neuron directly behind another one
            values = self._sequence_stored(name, samples)
            return values if at is None else values.reshape(*values.shape[:3], -1)[..., at[1]]
        given = self._given(name, samples)
        return self._run(self._segment(name, what, given, self.steps, changes, at), given)

    def mean(self, name: str, samples: slice = slice(None), changes: Changes = None) -> Floats:
        """Return the mean output of a node over the steps, [n, ...], from the stored means.

        Linear and graded layers keep means, so it takes no steps. There must be no spiking neurons in between.
        """
        if name in self._stored:
            return self._mean_stored(name, samples)
        given = {key: self._mean_stored(key, samples) for key in self._sources(name)}
        return np.asarray(self._run(self._segment(name, "mean", given, None, changes), given))

    def mean_from(self, source: str, values: Floats, name: str) -> Floats:
        """Return the mean output of a node, [N, ...], from that of a node before it, on which alone it depends."""
        segment = self._segment(name, "mean", {source: values}, None)
        return np.asarray(self._run(segment, {source: values}))

    def _sources(self, name: str) -> list[str]:
        return sources_of(self.graph, name, self._stored)

    def _given(self, name: str, samples: slice) -> dict[str, Value]:
        """Return the stored values from which a node is computed."""
        return {key: self._part(key, samples) for key in self._sources(name)}

    def _part(self, name: str, samples: slice) -> Value:
        values: Any = self._stored[name]
        if isinstance(values, Packed):
            return values[samples]
        return np.ascontiguousarray(
            values[:, samples] if name in self._sequences else values[samples]
        )

    def _mean_stored(self, name: str, samples: slice) -> Floats:
        values: Any = self._part(name, samples)
        if name in self._sequences:
            return np.asarray(values.mean(0), np.float32)
        return values.mean() if isinstance(values, Packed) else values

    def _sequence_stored(self, name: str, samples: slice) -> Floats:
        values: Any = self._part(name, samples)
        if isinstance(values, Packed):
            return values.values()
        if name in self._sequences:
            return np.asarray(values, np.float32)
        return np.broadcast_to(values, (self.steps, *values.shape))

    def _segment(
        self,
        name: str,
        what: str,
        given: Mapping[str, Value],
        steps: int | None,
        changes: Changes = None,
        at: tuple[int, NDArray[np.int64]] | None = None,
    ) -> Segment:
        """Return what computes a node from values of each step or, without steps, from their means."""
        graph = self.graph.replaced(changes) if changes else self.graph
        part = graph.between(list(given), [name])
        if at is not None:
            rows = Node(_ROWS, Reshape((at[0], -1)), (name,))
            taken = Node(_TAKEN, Take(at[1], 1), (_ROWS,))
            part = Graph([*part, rows, taken], inputs=part.inputs, outputs=(_TAKEN,))
        forms = {
            key: Stored(value.shape[2:], Source("sequence"))
            if steps is not None and key in self._sequences
            else Stored.of(value)
            for key, value in given.items()
        }
        return Segment(part, forms, [(part.outputs[0], what)], steps or 1)

    def _run(self, segment: Segment, given: Mapping[str, Value]) -> Any:
        # A function lets the core return to Python, which handles Ctrl-C.
        return segment.run(given, self.threads, lambda _done: True)[segment.wanted[0]]


@dataclass(frozen=True)
class Stages:
    """A plan to convert a network.

    Parameters
    ----------
    depths : mapping of str to int
        The neurons that become spiking, in topological order, with the number of spiking layers before each on the
        longest path.
    seeds : mapping of str to int
        A number for each of these neurons, with which positions are drawn.
    stored : mapping of str to str
        Nodes whose values are stored, by the node after which this is done: an input, a neuron that stays analog, or a
        spiking one, for which the pool behind it may be stored instead.
    until : mapping of str to str
        The last node, in topological order, for which a stored node is needed.
    constant : frozenset of str
        Nodes that do not change from step to step in the spiking network.
    exact : frozenset of str
        Nodes with the same values in both networks.
    """

    depths: Mapping[str, int]
    seeds: Mapping[str, int]
    stored: Mapping[str, str]
    until: Mapping[str, str]
    constant: frozenset[str]
    exact: frozenset[str]


def plan(graph: Graph, spiking: frozenset[str], coded: frozenset[str]) -> Stages:
    """Return the plan for a network whose neurons `spiking` become spiking, and whose inputs `coded` are spikes."""
    constant = {name for name in graph.inputs if name not in coded}
    exact = set(constant)
    stored = {name: name for name in graph.inputs}
    behind = dict.fromkeys(graph.inputs, 0)
    depths: dict[str, int] = {}
    seeds: dict[str, int] = {}
    others = 0  # inexact outputs and graded layers, which count in the seeds
    for node in graph:
        name, layer = node.name, node.layer
        depth = max((behind[i] for i in node.inputs), default=0)
        behind[name] = depth + (name in spiking)
        if name in spiking:
            seeds[name] = len(depths) + others
            depths[name] = depth
            stored[name] = _stored_for(graph, name)
            continue
        if all(i in exact for i in node.inputs):
            exact.add(name)
        else:
            graded = len(node.inputs) == 1 and isinstance(layer, (Graded, *_WAITING))
            others += name in graph.outputs or (graded and not isinstance(layer, Reduce))
            if isinstance(layer, _WAITING):
                stored[name] = name
        if isinstance(layer, _WAITING) or all(i in constant for i in node.inputs):
            constant.add(name)
    kept = set(stored.values())
    until: dict[str, str] = {}
    for node in graph:
        if node.name in stored:
            until.update(dict.fromkeys(sources_of(graph, stored[node.name], kept), node.name))
    return Stages(depths, seeds, stored, until, frozenset(constant), frozenset(exact))


def _stored_for(graph: Graph, name: str) -> str:
    """Return the node whose values are stored for a neuron: the pool behind it, if nothing else uses the neuron."""
    after = graph.consumers(name)
    alone = name not in graph.outputs and len(after) == 1
    return after[0].name if alone and isinstance(after[0].layer, MAX_POOLS) else name


def sources_of(graph: Graph, name: str, stored: Collection[str]) -> list[str]:
    """Return the stored nodes from which a node is computed."""
    found: list[str] = []
    seen, left = {name}, list(graph[name].inputs)
    while left:
        at = left.pop()
        if at in seen:
            continue
        seen.add(at)
        if at in stored:
            found.append(at)
        else:
            left.extend(graph[at].inputs)
    return found
