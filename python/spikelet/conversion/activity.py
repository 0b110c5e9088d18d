"""The values of a network for all calibration inputs, of which only those are stored that a later layer needs."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Literal, TypeAlias

import numpy as np

from spikelet.conversion.calibration import Floats
from spikelet.layers import Layer
from spikelet.layers.graph import Graph
from spikelet.layers.segment import Packed, Segment

__all__ = ["Activity"]

Stored: TypeAlias = "Floats | Packed"  # constants [N, ...], a sequence [T, N, ...], or spikes


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

    def __init__(
        self,
        graph: Graph,
        steps: int,
        threads: int,
        constants: Mapping[str, Floats],
        sequences: Mapping[str, Floats],
    ) -> None:
        self.graph = graph
        self.steps = steps
        self.threads = threads
        self._stored: dict[str, tuple[str, Stored]] = {
            **{name: ("constant", x) for name, x in constants.items()},
            **{name: ("sequence", x) for name, x in sequences.items()},
        }

    def change(self, changes: Mapping[str, Layer]) -> None:
        """Replace layers, for all values that are computed from now on."""
        if changes:
            self.graph = self.graph.replaced(changes)

    def store(self, name: str, values: Stored) -> None:
        """Store constants [N, ...] or spikes of a node."""
        self._stored[name] = ("packed" if isinstance(values, Packed) else "constant", values)

    def stored(self, name: str) -> Stored | None:
        """Return stored constants or spikes of a node, if there are any."""
        return self._stored[name][1] if name in self._stored else None

    def drop(self, names: Iterable[str]) -> None:
        """Forget stored values."""
        for name in names:
            self._stored.pop(name, None)

    def run(
        self,
        name: str,
        what: Literal["value", "mean", "packed"],
        samples: slice = slice(None),
        changes: Mapping[str, Layer] | None = None,
    ) -> Any:
        """Return what a node sends in a run of all steps.

        Parameters
        ----------
        name : str
        what : "value", "mean" or "packed"
            Values [T, n, ...], their mean over the steps [n, ...], or spikes.
        samples : slice
        changes : mapping of str to Layer, optional
            Layers to replace for this run.
        """
        sources = {key: self._stored[key] for key in self._sources(name)}
        forms = {key: form for key, (form, _) in sources.items()}
        values = {
            key: v[:, samples] if form == "sequence" else v[samples]
            for key, (form, v) in sources.items()
        }
        return self._run(name, what, self.steps, changes, forms, values)

    def mean(
        self, name: str, samples: slice = slice(None), changes: Mapping[str, Layer] | None = None
    ) -> Floats:
        """Return the mean output of a node over the steps, [n, ...], from the means of what is stored.

        Linear and graded layers keep means, so it takes no steps. There must be no spiking neurons in between.
        """
        if name in self._stored:
            return self._mean_stored(name, samples)
        values = {key: self._mean_stored(key, samples) for key in self._sources(name)}
        forms = dict.fromkeys(values, "constant")
        return np.asarray(self._run(name, "mean", 1, changes, forms, values))

    def _mean_stored(self, name: str, samples: slice) -> Floats:
        form, values = self._stored[name]
        if form == "constant":
            return np.asarray(values[samples])
        if form == "sequence":
            return np.asarray(values[:, samples].mean(0, dtype=np.float64), np.float32)
        return np.asarray(values[samples].mean())

    def _sources(self, name: str) -> list[str]:
        """Return the stored nodes from which a node is computed."""
        found: list[str] = []
        seen: set[str] = {name}
        left = [*self.graph[name].inputs]
        while left:
            at = left.pop()
            if at in seen:
                continue
            seen.add(at)
            if at in self._stored:
                found.append(at)
            else:
                left.extend(self.graph[at].inputs)
        return found

    def _run(
        self,
        name: str,
        what: str,
        steps: int,
        changes: Mapping[str, Layer] | None,
        forms: Mapping[str, str],
        values: Mapping[str, Any],
    ) -> Any:
        graph = self.graph.replaced(changes) if changes else self.graph
        segment = Segment(graph, forms, [(name, what)], steps)
        return segment.run(values, self.threads)[name, what]
