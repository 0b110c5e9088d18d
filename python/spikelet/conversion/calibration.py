"""What calibration pictures do in an ANN, and in the network that is being made of it."""

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

_BYTES = 256 << 20  # of what is recorded at once


@dataclass
class Calibration:
    """An ANN and pictures like those it will see.

    Parameters
    ----------
    graph : Graph
        The ANN.
    x : array, [N, ...]
    steps : int
        T, for which the spiking network is made.
    threads : int
    run_options : mapping
        How x enters the spiking network: ``coding``, ``seed``.
    input_scale : float
        What a spike of the input stands for.
    kept : set of str
        Neurons that stay analog.
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
        """Shape of one sample behind each layer."""
        return self.graph.shapes(self.x.shape[1:])

    def source(self, neuron: str) -> str:
        """Return the layer that a neuron takes its input from."""
        return self.graph[neuron].inputs[0]

    def batches(self, values: int, count: int | None = None) -> Iterator[Floats]:
        """Return the pictures in batches for which so many recorded values each fit into memory."""
        x = self.x[:count]
        size = max(1, min(len(x), _BYTES // (4 * max(values, 1))))
        for first in range(0, len(x), size):
            yield x[first : first + size]

    def potentials(self, neuron: str, changes: Mapping[str, Layer] | None = None) -> Floats:
        """Return what a neuron of the ANN is given, [N, ...].

        Parameters
        ----------
        neuron : str
        changes : mapping of str to Layer, optional
            Other layers than the ANN's, by name.
        """
        source = self.source(neuron)
        if source == INPUT:
            return self.x
        graph = self.graph.replaced(changes or {}).upto(source)
        return SpikingModel(graph, threads=self.threads).run(self.x, steps=1).output

    def activations(self, neuron: str, potentials: Floats) -> Floats:
        """Return what a neuron of the ANN gives for these inputs."""
        layer = self.graph[neuron].layer
        assert isinstance(layer, ReLU)
        return layer.of(potentials)

    def currents(
        self, source: str, spiking: Mapping[str, Layer], count: int | None = None
    ) -> Iterator[tuple[slice, Floats]]:
        """Run the spiking network up to a layer; batch by batch, what that gives at each step.

        Parameters
        ----------
        source : str
        spiking : mapping of str to Layer
            Layers that take the place of the ANN's.
        count : int, optional
            How many pictures; by default all.

        Yields
        ------
        slice, array [T, n, ...]
            Which pictures, and the values.
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
        """Return the mean over all steps of what a layer of the spiking network gives, [N, ...]."""
        if source == INPUT:
            return self.x
        model = self._model(source, spiking)
        return model.run(self.x, steps=self.steps, **self.run_options).output

    def _model(self, source: str, spiking: Mapping[str, Layer]) -> SpikingModel:
        graph = self.graph.replaced(spiking).upto(source)
        return SpikingModel(graph, threads=self.threads, input_scale=self.input_scale)
