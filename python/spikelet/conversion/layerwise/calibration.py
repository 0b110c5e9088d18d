"""The input of a conversion: an ANN, calibration inputs, and how these enter the spiking network."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from spikelet.layers.graph import Graph
from spikelet.layers.views import Shape

__all__ = ["Calibration", "Floats"]

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
