"""Deploy trained fully connected networks as an event-driven `spikelet.Network`, to add plasticity, delays and noise."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from torch import nn

from spikelet import layers
from spikelet._util.checks import fail, integer, named
from spikelet.conversion.building import refuse
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder
from spikelet.neurons import LIFDelta
from spikelet.rules import AllToAll
from spikelet.sources import RasterSource
from spikelet.torch.deploy import read
from spikelet.torch.modules import Neuron
from spikelet.torch.quantised import plain

__all__ = ["DeployedNetwork", "to_network"]

_WHERE = "to_network"
_NO_LEAK = 1e300  # a time constant without leak: exp(-dt / tau_m) is 1


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
    """

    network: Network
    input: Population
    bias: Population | None
    layers: tuple[Population, ...]
    projections: tuple[Projection, ...]
    recorders: tuple[SpikeRecorder, ...]

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
        raster = RasterSource(x).raster  # checked before anything changes
        size = self.input.size
        if raster.shape[1] != size:
            fail("DeployedNetwork.run", "x", raster.shape, f"must be [steps, {size}]", got="shape")
        steps, dt = len(raster), self.network.dt
        self.network.reset(keep_weights=True)
        self.input.raster = raster
        if self.bias is not None:
            self.bias.raster = np.ones((steps, 1), np.uint8)
        self.network.run((steps + 1 + len(self.layers)) * dt)
        spikes = []
        for depth, recorder in enumerate(self.recorders, start=1):
            sent = np.zeros((steps, recorder.target.size), np.uint8)
            step = np.rint(recorder.times / dt).astype(np.int64) - 1 - depth
            inside = step < steps
            sent[step[inside], recorder.ids[inside]] = 1
            spikes.append(sent)
        return spikes


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
    module = plain(module)
    chain = _pairs(module, size)
    net = Network(dt=dt, seed=seed, threads=threads, dtype=dtype)
    models = [_model(name, neuron, net.dt, dtype) for name, _, neuron in chain]
    before = first = net.population(size, RasterSource(np.zeros((0, size), np.uint8)), "input")
    biased = any(linear.bias is not None for _, linear, _ in chain)
    bias = net.population(1, RasterSource(np.zeros((0, 1), np.uint8)), "bias") if biased else None
    recurrent = {
        name: m
        for name, m in module.named_modules(remove_duplicate=False)
        if isinstance(m, Neuron) and hasattr(m, "recurrent")
    }
    populations, projections = [], []
    for depth, ((name, linear, neuron), model) in enumerate(
        zip(chain, models, strict=True), start=1
    ):
        _, gain = neuron.coefficients()
        after = net.population(len(linear.weight), model, name)
        weight = gain * linear.weight.T
        delay: Any = net.dt
        if isinstance(linear, layers.DelayedLinear):  # what acts at once in the module arrives a step later
            delay = net.dt * (1 + linear.delay.T)
        projections.append(net.connect(before, after, AllToAll(), weight=weight, delay=delay))
        if bias is not None and linear.bias is not None:
            drive = gain * linear.bias[None]
            net.connect(bias, after, AllToAll(), weight=drive, delay=depth * net.dt)
        if name in recurrent:
            weight = gain * recurrent[name].recurrent.detach().double().cpu().numpy().T
            net.connect(after, after, AllToAll(), weight=weight, delay=net.dt)
        populations.append(after)
        before = after
    recorders = tuple(net.record(p, "spikes") for p in populations)
    return DeployedNetwork(net, first, bias, tuple(populations), tuple(projections), recorders)


def _pairs(
    module: nn.Module, size: int
) -> list[tuple[str, layers.Linear | layers.DelayedLinear, layers.Neuron]]:
    """Return the names of neurons, the linear layers before them, and the neurons; raise an error for any other layer."""
    nodes = list(read(module, (size,), recurrent=True))
    hint = "a Network needs nn.Linear and neurons in alternation; `to_spiking_model` accepts more"
    pairs = []
    for k, node in enumerate(nodes):
        wanted: Any = (layers.Neuron, layers.LI) if k % 2 else (layers.Linear, layers.DelayedLinear)
        if not isinstance(node.layer, wanted):
            kind = type(node.layer).__name__
            rule = f"must be {' or '.join(w.__name__ for w in wanted)}"
            refuse(f"{_WHERE}: layer '{node.name}' ({kind})", rule, hint)
        if isinstance(node.layer, layers.Neuron):
            linear = nodes[k - 1].layer
            assert isinstance(linear, layers.Linear | layers.DelayedLinear)
            pairs.append((node.name, linear, node.layer))
    if len(nodes) % 2 or isinstance(nodes[-1].layer, layers.LI):
        refuse(f"{_WHERE}: layer '{nodes[-1].name}'", "is the last layer and does not spike", hint)
    return pairs


def _model(name: str, neuron: layers.Neuron, dt: float, dtype: str) -> LIFDelta:
    decay, _ = neuron.coefficients()
    where = f"{_WHERE}: layer '{name}'"
    if decay <= 0:
        fail(where, "decay", decay, "must be > 0 in a Network")
    plain = not np.any(neuron.v_init) and np.all(np.asarray(neuron.amplitude) == 1)
    if not plain or neuron.code != "binary" or isinstance(neuron, layers.PredictiveIF):
        refuse(
            where, "has more than threshold and reset", "use `SpikingModel` for converted networks"
        )
    if neuron.reset_delay:
        refuse(
            where,
            "is reset in the step after its spike",
            'train with reset="zero" or convention="spikelet", or use `to_spiking_model`',
        )
    threshold = np.asarray(neuron.threshold)
    if neuron.strict:  # to exceed it is to reach the next number
        real = np.dtype(dtype).type
        threshold = np.nextafter(threshold.astype(real), real(np.inf)).astype(np.float64)
    options: dict[str, Any] = {"reset": neuron.reset}
    with named(where):
        return LIFDelta(
            tau_m=_NO_LEAK if decay == 1 else -dt / math.log(decay),
            E_L=0.0,
            V_th=threshold if threshold.ndim else float(threshold),
            V_reset=neuron.v_reset if neuron.reset == "zero" else 0.0,
            t_ref=0.0,
            **options,
        )
