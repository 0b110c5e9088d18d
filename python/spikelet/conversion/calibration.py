"""Activations on calibration inputs, in an ANN and in the spiking network that is made from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers import Layer, ReLU
from spikelet.layers.graph import INPUT, Graph
from spikelet.layers.spiking_model import SpikingModel

__all__ = ["Calibration", "Floats"]

Floats = NDArray[Any]

_BYTES = 256 << 20  # limit of what is recorded at once


@dataclass
class Calibration:
    """An ANN and calibration inputs.

    Parameters
    ----------
    graph : Graph
        The ANN.
    x : array, [N, ...]
    steps : int
        Number of steps T that the spiking network is made for.
    threads : int
    run_options : mapping
        Input coding of the spiking network: ``coding``, ``seed``.
    input_scale : float
        Value of an input spike.
    kept : set of str
        Names of the neurons that stay analog.
    """

    graph: Graph
    x: Floats
    steps: int
    threads: int
    run_options: Mapping[str, Any]
    input_scale: float = 1.0
    kept: frozenset[str] = frozenset()

    @cached_property
    def neurons(self) -> tuple[str, ...]:
        """Names of the neurons that become spiking, in order."""
        return tuple(
            n.name for n in self.graph if isinstance(n.layer, ReLU) and n.name not in self.kept
        )

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """Output shape of each layer for one sample."""
        return self.graph.shapes(self.x.shape[1:])

    def source(self, neuron: str) -> str:
        """Return the name of the layer that feeds a neuron."""
        return self.graph[neuron].inputs[0]

    def batches(self, values: int, count: int | None = None) -> Iterator[Floats]:
        """Yield the inputs in batches, each of which may record `values` values per sample."""
        x = self.x[:count]
        size = max(1, min(len(x), _BYTES // (4 * max(values, 1))))
        for first in range(0, len(x), size):
            yield x[first : first + size]

    def potentials(self, neuron: str, changes: Mapping[str, Layer] | None = None) -> Floats:
        """Return the input of a neuron of the ANN, [N, ...].

        Parameters
        ----------
        neuron : str
        changes : mapping of str to Layer, optional
            Layers that replace those of the ANN, by name.
        """
        source = self.source(neuron)
        if source == INPUT:
            return self.x
        graph = self.graph.replaced(changes or {}).upto(source)
        return SpikingModel(graph, threads=self.threads).run(self.x, steps=1).outputs[source]

    def activations(self, neuron: str, potentials: Floats) -> Floats:
        """Return the activations of a neuron of the ANN for these inputs."""
        layer = self.graph[neuron].layer
        assert isinstance(layer, ReLU)
        return layer.of(potentials)

    def currents(
        self, source: str, spiking: Mapping[str, Layer], count: int | None = None
    ) -> Iterator[tuple[slice, Floats]]:
        """Run the spiking network up to a layer, and yield the output of that layer at each step, batch by batch.

        Parameters
        ----------
        source : str
        spiking : mapping of str to Layer
            Layers that replace those of the ANN, by name.
        count : int, optional
            Number of inputs; by default all.

        Yields
        ------
        slice, array [T, n, ...]
            The inputs of the batch, and the values.
        """
        if source == INPUT:
            x = self.x[:count]
            yield slice(0, len(x)), np.broadcast_to(x, (self.steps, *x.shape))
            return
        model = self._model(source, spiking)
        first = 0
        for x in self.batches(self.steps * int(np.prod(self.shapes[source])), count):
            record = f"{source}.value"
            result = model.run(x, steps=self.steps, record=[record], **self.run_options)
            yield slice(first, first + len(x)), result[record]
            first += len(x)

    def mean(self, source: str, spiking: Mapping[str, Layer]) -> Floats:
        """Return the mean output of a layer of the spiking network over all steps, [N, ...]."""
        if source == INPUT:
            return self.x
        model = self._model(source, spiking)
        return model.run(self.x, steps=self.steps, **self.run_options).outputs[source]

    def _model(self, source: str, spiking: Mapping[str, Layer]) -> SpikingModel:
        graph = self.graph.replaced(spiking).upto(source)
        return SpikingModel(graph, threads=self.threads, input_scale=self.input_scale)
