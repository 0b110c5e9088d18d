"""One run of a graph: node by node over all steps where nothing flows back, else step by step."""

from __future__ import annotations

import graphlib
import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.io.nir.cells import Cell, Delayed, Mode, coefficients, delay_steps
from spikelet.io.nir.fields import NEURONS
from spikelet.io.nir.flat import FlatGraph, FlatNode
from spikelet.io.nir.kept import Resets
from spikelet.io.nir.maps import Map, map_of
from spikelet.io.nir.order import Component, order_of

__all__ = ["Choices", "Run", "State"]

State = Mapping[str, Mapping[str, NDArray[Any]]]
Wanted = Mapping[tuple[str, str], Any]


@dataclass(frozen=True)
class Choices:
    """What the standard leaves open."""

    dt: float
    mode: Mode
    resets: Resets
    height: float
    dtype: np.dtype[Any]
    threads: int


class Run:
    """The nodes of a graph, ready for a number of samples.

    Signals are ``[T, samples, elements]``.
    """

    def __init__(self, where: str, flat: FlatGraph, samples: int, choices: Choices) -> None:
        self._flat, self._samples, self._choices = flat, samples, choices
        dt, dtype = choices.dt, choices.dtype
        steps = {
            name: delay_steps(where, node, dt)
            for name, node in flat.nodes.items()
            if node.kind == "Delay"
        }
        self._breaking = {name for name, d in steps.items() if (d >= 1).all()}
        self._order = order_of(flat, self._breaking)
        stepped = {name for part in self._order.components if part.loops for name in part.nodes}
        self._cells: dict[str, Cell] = {}
        self._delays: dict[str, Delayed] = {}
        self._maps: dict[str, Map] = {}
        for name, node in flat.nodes.items():
            if node.kind in NEURONS:
                step = coefficients(where, node, dt, choices.mode)
                subtract, threshold = choices.resets.of(name)
                if (
                    threshold is not None
                ):  # spikes at the threshold are those above the next smaller number
                    below = np.nextafter(threshold.astype(dtype), dtype.type(-np.inf))
                    step = replace(step, threshold=below)
                self._cells[name] = Cell(
                    step, samples, dtype, height=choices.height, subtract=subtract, threads=choices.threads
                )  # fmt: skip
            elif node.kind == "Delay":
                self._delays[name] = Delayed(steps[name], samples, dtype)
            else:
                self._maps[name] = map_of(
                    node, dtype, height=choices.height, threads=choices.threads, stepped=name in stepped
                )  # fmt: skip
        self._last = self._at_rest({before for before, _ in self._order.closing})

    def _at_rest(self, names: set[str]) -> dict[str, NDArray[Any]]:
        """Return the outputs of the step before the first: of neurons 0, of other nodes what they make of zeros."""
        known: dict[str, NDArray[Any]] = {}
        plain = {n: node.sources for n, node in self._flat.nodes.items() if not node.remembers}
        needs = {n: [s for s in sources if s in plain] for n, sources in plain.items()}
        for name in graphlib.TopologicalSorter(needs).static_order() if names else ():
            node = self._flat.nodes[name]
            x = np.zeros((1, math.prod(node.takes)), self._choices.dtype)
            for source in needs[name]:
                x = x + known[source]
            known[name] = self._map(node, x)
        rows = {
            n: known.get(
                n, np.zeros((1, math.prod(self._flat.nodes[n].sends)), self._choices.dtype)
            )
            for n in sorted(names)
        }
        return {name: np.repeat(row, self._samples, 0) for name, row in rows.items()}

    def _map(self, node: FlatNode, x: NDArray[Any]) -> NDArray[Any]:
        """Apply a node without a state to rows of values."""
        y = self._maps[node.name](x.reshape(-1, *node.takes))
        return y.reshape(len(x), -1)

    # ---- state ----

    def state(self) -> dict[str, dict[str, NDArray[Any]]]:
        """Return what a later run continues from."""
        found: dict[str, dict[str, NDArray[Any]]] = {}
        for name, cell in self._cells.items():
            shape = (self._samples, *self._flat.nodes[name].takes)
            found[name] = {"v": cell.v.reshape(shape).copy()}
            if cell.i is not None:
                found[name]["i"] = cell.i.reshape(shape).copy()
        for name, delay in self._delays.items():
            found[name] = {"past": delay.past}
        for name, last in self._last.items():
            found.setdefault(name, {})["last"] = last.copy()
        return found

    def begin(self, potentials: Mapping[str, NDArray[np.float64]]) -> None:
        """Start with these potentials of nodes, the same for all samples."""
        for name, v in potentials.items():
            if name in self._cells:
                size = self._cells[name].v.size
                self._cells[name].v = np.resize(v.astype(self._choices.dtype), size)

    def continue_from(self, state: State) -> None:
        """Take over a state of the same form as that of `state`."""
        for name, cell in self._cells.items():
            cell.v = np.array(state[name]["v"]).reshape(-1)
            if cell.i is not None:
                cell.i = np.array(state[name]["i"]).reshape(-1)
        for name, delay in self._delays.items():
            delay.past = np.array(state[name]["past"])
        for name in self._last:
            self._last[name] = np.array(state[name]["last"])

    # ---- running ----

    def over(
        self,
        steps: int,
        given: Mapping[str, NDArray[Any]],
        wanted: Sequence[tuple[str, str]],
    ) -> dict[tuple[str, str], NDArray[Any]]:
        """Run, and return the wanted quantities ("out", "v" or "i") of nodes.

        Parameters
        ----------
        steps : int
        given : mapping of str to array
            Inputs [T, samples, elements]; zero for all others.
        wanted : sequence of (node, quantity)
        """
        found: dict[tuple[str, str], NDArray[Any]] = {}
        for name, what in wanted:
            if what != "out":
                size = int(np.prod(self._flat.nodes[name].takes))
                found[name, what] = np.empty((steps, self._samples, size), self._choices.dtype)
        kept = {name for name, what in wanted if what == "out"}
        waiting = Counter(source for node in self._flat.nodes.values() for source in node.sources)
        signals: dict[str, NDArray[Any]] = {}
        for part in self._order.components:
            if part.loops:
                self._loop(part, steps, given, signals, found)
            else:
                name = part.nodes[0]
                x = self._sum(name, steps, given, signals)
                signals[name] = self._node(name, x, found)
            for name in part.nodes:  # signals that nothing needs any more give back their memory
                for source in self._flat.nodes[name].sources:
                    waiting[source] -= 1
                    if not waiting[source] and source not in kept:
                        signals.pop(source, None)
        found.update({(name, "out"): signals[name] for name in kept})
        return found

    def _zeros(self, name: str, steps: int) -> NDArray[Any]:
        size = int(np.prod(self._flat.nodes[name].takes))
        return np.zeros((steps, self._samples, size), self._choices.dtype)

    def _sum(
        self,
        name: str,
        steps: int,
        given: Mapping[str, NDArray[Any]],
        signals: Mapping[str, NDArray[Any]],
    ) -> NDArray[Any]:
        terms = [given[name]] if name in given else []
        terms += [signals[s] for s in self._flat.nodes[name].sources]
        return _total(terms) if terms else self._zeros(name, steps)

    def _node(
        self, name: str, x: NDArray[Any], found: Mapping[tuple[str, str], NDArray[Any]]
    ) -> NDArray[Any]:
        if name in self._cells:
            return self._cells[name].run(x, found.get((name, "v")), found.get((name, "i")))
        if name in self._delays:
            return self._delays[name].run(x)
        rows = self._map(self._flat.nodes[name], x.reshape(len(x) * self._samples, -1))
        return rows.reshape(len(x), self._samples, -1)

    def _loop(
        self,
        part: Component,
        steps: int,
        given: Mapping[str, NDArray[Any]],
        signals: dict[str, NDArray[Any]],
        found: Mapping[tuple[str, str], NDArray[Any]],
    ) -> None:
        """Run nodes that depend on each other, step by step."""
        inside = set(part.nodes)
        outer: dict[str, NDArray[Any]] = {}
        inner: dict[str, list[tuple[str, bool]]] = {}
        for name in part.nodes:
            sources = self._flat.nodes[name].sources
            terms = [given[name]] if name in given else []
            terms += [signals[s] for s in sources if s not in inside]
            if terms:
                outer[name] = _total(terms)
            inner[name] = [(s, (s, name) in self._order.closing) for s in sources if s in inside]
            size = int(np.prod(self._flat.nodes[name].sends))
            signals[name] = np.empty((steps, self._samples, size), self._choices.dtype)
        last = {name: self._last[name] for name in part.nodes if name in self._last}
        first = [name for name in part.nodes if name in self._breaking]
        rest = [name for name in part.nodes if name not in self._breaking]
        nothing = {name: self._zeros(name, 1)[0] for name in part.nodes}
        for t in range(steps):

            def arriving(name: str, t: int = t) -> NDArray[Any]:
                terms = [outer[name][t]] if name in outer else []
                terms += [last[s] if closes else signals[s][t] for s, closes in inner[name]]
                return _total(terms) if terms else nothing[name]

            now = {key: array[t : t + 1] for key, array in found.items() if key[0] in inside}
            for name in first:
                signals[name][t] = self._delays[name].output()
            for name in rest:
                signals[name][t] = self._node(name, arriving(name)[None], now)[0]
            for name in first:
                self._delays[name].push(arriving(name))
            for name in last:
                last[name] = signals[name][t]
        for name, value in last.items():
            self._last[name] = np.array(value)


def _total(terms: Sequence[NDArray[Any]]) -> NDArray[Any]:
    total = terms[0]
    for term in terms[1:]:
        total = total + term
    return total
