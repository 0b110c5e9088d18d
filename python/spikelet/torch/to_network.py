"""Deploy trained fully connected networks as an event-driven `spikelet.Network`, to add plasticity, delays and noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from spikelet import layers
from spikelet._util.checks import integer
from spikelet.conversion.building import refuse
from spikelet.conversion.to_network import GraphNetwork
from spikelet.conversion.to_network import to_network as graph_to_network
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder
from spikelet.torch.deploy import read

__all__ = ["DeployedNetwork", "to_network"]

_WHERE = "to_network"


@dataclass(frozen=True, eq=False)
class DeployedNetwork:
    """A `Network` and its parts.

    Each synapse has a delay of one step, to which that of a `Delay` is added: spikes that the module computes at step t (from 0) have the time stamp
    ``(t + 1 + l) dt`` in layer l (1, 2, ...) and ``(t + 1) dt`` in the input. `run` compensates for this.

    Parameters
    ----------
    network : Network
    input : Population
        A `RasterSource`; ``input.raster = x`` sets the next input.
    bias : Population or None
        A single element that spikes at each step. Its weights are the biases; its delays are such that it reaches each
        layer together with the input.
    layers : tuple of Population
        Populations of `LIFDelta` neurons, from first to last.
    projections : tuple of Projection
        Projections of the weights, one to each layer.
    recorders : tuple of SpikeRecorder
        One recorder for each layer.
    made : GraphNetwork
        The same by the names of the layers.
    """

    network: Network
    input: Population
    bias: Population | None
    layers: tuple[Population, ...]
    projections: tuple[Projection, ...]
    recorders: tuple[SpikeRecorder, ...]
    made: GraphNetwork

    def run(self, x: ArrayLike) -> list[NDArray[np.uint8]]:
        """Run from rest, and return the spikes of each layer as the module would send them.

        Parameters
        ----------
        x : array-like, [T, inputs]
            Input spikes: 0 or 1, or counts.

        Returns
        -------
        list of uint8 arrays, [T, neurons]
        """
        return list(self.made.run(x).values())


def to_network(
    module: nn.Module,
    input_size: int,
    dt: float = 1.0,
    *,
    dtype: Literal["float32", "float64"] = "float64",
    seed: int = 0,
    threads: int | None = None,
) -> DeployedNetwork:
    """Convert a trained chain of linear layers and neurons to a `Network` with the same spikes, each layer one step later.

    Neurons become `LIFDelta` with ``E_L = 0``, ``t_ref = 0`` and the time constant ``-dt / log(decay)``; weights are those
    of the module times the gain, in mV. The input must be spikes. BatchNorm is folded into the weights.

    Parameters
    ----------
    module : nn.Module
        ``nn.Sequential`` of ``nn.Linear`` (or `SpikeLinear`, or `Delay`, whose delays are rounded), BatchNorm, dropout, and `LIF`, `IF` or `RecurrentLIF`, as for
        `to_spiking_model`; the last layer must be neurons. It is not modified.
    input_size : int
        Number of inputs.
    dt : float
        Time step [ms].
    dtype, seed, threads
        Options of `Network`. In float64 the spikes are those of the module in float64, unless a potential meets its
        threshold within rounding; with weights on a binary grid, spikes are equal in float32 too.

    Returns
    -------
    DeployedNetwork

    Raises
    ------
    ValueError
        If a layer cannot be converted exactly; the message names the module.
    TypeError
        If `module` is not a module.
    """
    if not isinstance(module, nn.Module):
        msg = f"{_WHERE}: module must be a torch.nn.Module, got {type(module).__name__}"
        raise TypeError(msg)
    size = integer(_WHERE, "input_size", input_size, 1)
    graph = read(module, (size,))
    hint = "a Network ends in spiking neurons; `to_spiking_model` accepts more"
    if not isinstance(graph.output.layer, layers.Neuron):
        refuse(
            f"{_WHERE}: layer '{graph.output.name}'", "is the last layer and does not spike", hint
        )
    made = graph_to_network(_WHERE, graph, (size,), dt, dtype=dtype, seed=seed, threads=threads)
    (source,) = made.inputs.values()
    weights = (
        p for (before, after), p in made.projections.items() if before not in (after, "bias")
    )
    populations, recorders = made.populations.values(), made.recorders.values()
    return DeployedNetwork(
        made.network, source, made.bias, tuple(populations), tuple(weights), tuple(recorders), made
    )
