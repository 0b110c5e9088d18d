"""Convert layered networks back to PyTorch modules: fine-tuned by surrogate gradients, they need fewer steps."""

from __future__ import annotations

from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikelet import layers
from spikelet._util.checks import fail
from spikelet.conversion.building import refuse
from spikelet.layers.base import Spatial
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.layer_functions import JOINS, aligned, increments, is_maximum, row_of
from spikelet.torch.modules import LI, LIF

__all__ = ["SpikingModule", "from_spiking_model"]

_WHERE = "from_spiking_model"
_SPACE = ("depth", "height", "width")
_NEURONS = ("v_init", "amplitude")
_TRAIN_AGAIN = "train the module that it was made from"
_SIMPLER = 'convert with neuron="soft" or "hard" for fine-tuning'
_LINEAR = "fine-tuning takes ReLU, linear layers, convolutions, pools and layers that move values: use these, and no keep="


def from_spiking_model(
    model: SpikingModel | Graph,
    *,
    surrogate: str = "atan",
    alpha: float | None = None,
) -> SpikingModule:
    """Convert a `SpikingModel` to a module with the same output that is trained by surrogate gradients.

    Use it to fine-tune a converted network (Rathi et al., ICLR 2020): convert an ANN for few steps with
    ``sl.convert(ann, x, neuron="soft", steps=4)``, train the module for an epoch or two, and convert it back with
    `to_spiking_model`. Weights, biases, thresholds, initial potentials, amplitudes and constants are parameters.

    Parameters
    ----------
    model : SpikingModel or Graph
        A model of `spikelet.layers` whose neurons are `IF` and `LIF` with binary spikes, and whose other layers act on each
        step by itself.
    surrogate, alpha
        Surrogate of the neurons, for potentials in units of the threshold; see `spikelet.torch.LIF`.

    Returns
    -------
    SpikingModule
        ``module(x)`` takes ``[T, B, ...]`` and returns the output of the last layer at each step, ``[T, B, ...]``, the
        potential of neurons that do not spike; ``.mean(0)`` is the `output` of the model (``[delay:].mean(0)`` if it has
        a delay). For a constant input, pass ``x.expand(T, *x.shape)``: the layers before the first neurons then compute
        a single step.

    Raises
    ------
    TypeError
        If `model` is not a model.
    ValueError
        If a neuron has a code, a schedule or an activation that cannot be trained; the message names it.
    """
    if not isinstance(model, (SpikingModel, Graph)):
        msg = f"{_WHERE}: model must be a SpikingModel, got {type(model).__name__}"
        raise TypeError(msg)
    graph = model.graph if isinstance(model, SpikingModel) else model
    double = isinstance(model, SpikingModel) and model.dtype == "float64"
    module = SpikingModule(graph, surrogate=surrogate, alpha=alpha)
    if not double:
        module.float()
    return module


class SpikingModule(nn.Module):
    """A graph of layers as a PyTorch module; see `from_spiking_model`.

    Parameters
    ----------
    graph : Graph
    **neuron
        Options of the neurons: surrogate, alpha.
    """

    def __init__(self, graph: Graph, **neuron: Any) -> None:
        super().__init__()
        self.sources, self.targets = graph.inputs, graph.outputs
        self.inputs = {node.name: node.inputs for node in graph}
        # Inputs of convolutions and pools have dimensions of channels and space.
        self._axes = {
            name: node.layer.axes
            for node in graph
            for name in node.inputs
            if name in graph.inputs and isinstance(node.layer, Spatial)
        }
        self.steps = nn.ModuleList(_step(node, neuron) for node in graph)

    def forward(self, *x: torch.Tensor) -> Any:
        """Return the output of each step; of a model with several outputs, a tuple of them.

        Parameters
        ----------
        *x : tensor, [T, B, ...]
            One for each input.
        """
        where = "SpikingModule"
        if len(x) != len(self.sources):
            rule = f"must be {len(self.sources)} tensors, for {', '.join(self.sources)}"
            fail(where, "x", len(x), rule, error=TypeError)
        for name, tensor in zip(self.sources, x, strict=True):
            if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
                kind = type(tensor).__name__
                fail(where, "x", kind, "must be a dense torch.Tensor", error=TypeError)
            if tensor.ndim < 3 or len(tensor) == 0 or len(tensor) != len(x[0]):
                shape = tuple(tensor.shape)
                fail(where, "x", shape, "must have the shape [T, B, ...]", got="shape")
            axes = self._axes.get(name)
            if axes is not None and tensor.ndim != axes + 3:
                sizes = ", ".join(("T", "B", "channels", *_SPACE[3 - axes :]))
                rule = f"must have the shape [{sizes}]; x.expand(T, *x.shape) is the same input at T steps"
                fail(where, "x", tuple(tensor.shape), rule, got="shape")
        total = len(x[0])
        # Values that are the same at each step are computed once, and have a first dimension of 1.
        values = {
            name: tensor[:1] if tensor.stride(0) == 0 else tensor
            for name, tensor in zip(self.sources, x, strict=True)
        }
        for (name, sources), step in zip(self.inputs.items(), self.steps, strict=True):
            values[name] = step([values[s] for s in sources], total)
        outputs = tuple(
            values[name].expand(total, *values[name].shape[1:]) for name in self.targets
        )
        return outputs[0] if len(outputs) == 1 else outputs

    def to_graph(self) -> Graph:
        """Return the layers with the current parameters."""
        names = self.inputs.items()
        nodes = (
            Node(name, step.to_layer(), sources)
            for (name, sources), step in zip(names, self.steps, strict=True)
        )
        return Graph(nodes, inputs=self.sources, outputs=self.targets)


class _Step(nn.Module):
    """A layer whose arrays are parameters."""

    def __init__(self, layer: layers.Layer, trained: tuple[str, ...] = ()) -> None:
        super().__init__()
        self.layer, self.trained = layer, trained
        for name in trained:
            value = getattr(layer, name)
            tensor = None if value is None else torch.from_numpy(np.array(value, np.float64))
            self.register_parameter(name, None if tensor is None else nn.Parameter(tensor))

    def to_layer(self) -> layers.Layer:
        return self.layer.replace(**self._arrays())

    def _arrays(self) -> dict[str, Any]:
        return {n: _array(p) for n in self.trained if (p := getattr(self, n)) is not None}

    def forward(self, xs: list[torch.Tensor], total: int) -> torch.Tensor:  # noqa: ARG002
        join = JOINS.get(type(self.layer))
        if join is not None:
            return join.function(self, self.layer, xs)
        (x,) = xs
        if is_maximum(self.layer) and len(x) > 1:
            return increments(self._each, x)
        return self._each(x)

    def _each(self, x: torch.Tensor) -> torch.Tensor:
        row = row_of(self.layer)
        assert row is not None
        return row.function(self, self.layer, x.flatten(0, 1)).unflatten(0, x.shape[:2])


def _array(tensor: torch.Tensor) -> NDArray[np.float64]:
    array: NDArray[np.float64] = tensor.detach().double().cpu().numpy()
    return array


class _Spiking(_Step):
    """Neurons of a layered model, with potentials in units of the threshold, an initial potential and an amplitude."""

    def __init__(self, layer: layers.Neuron, neuron: dict[str, Any]) -> None:
        super().__init__(layer, _NEURONS)
        self.decay, self.gain = layer.coefficients()
        self.neuron = LIF(decay=self.decay, gain=self.gain, reset=layer.reset, **neuron)
        given = torch.from_numpy(np.array(layer.threshold, np.float64))
        self.register_buffer("given", given)
        # A logarithm: thresholds of all sizes learn at the same rate, and stay above 0.
        self.growth = nn.Parameter(torch.zeros_like(given))

    @property
    def threshold(self) -> torch.Tensor:
        return self.given * self.growth.exp()

    def to_layer(self) -> layers.Layer:
        return self.layer.replace(threshold=_array(self.threshold), **self._arrays())

    def forward(self, xs: list[torch.Tensor], total: int) -> torch.Tensor:
        (x,) = xs
        start = aligned(self.v_init, x.ndim - 2) * (self.decay / self.gain)
        given, growth = (aligned(p, x.ndim - 2) for p in (self.given, self.growth))
        # Two quotients: 1 / threshold^2, of the derivative of one, exceeds float32 where a channel was never active.
        spikes: torch.Tensor = self.neuron(_started(x, start, total) / given / growth.exp())
        return spikes * aligned(self.amplitude, x.ndim - 2)


def _started(x: torch.Tensor, start: torch.Tensor, total: int) -> torch.Tensor:
    """Return the inputs of all steps, the first of which holds what is left of the initial potential."""
    rest = x[1:] if len(x) > 1 else x.expand(total - 1, *x.shape[1:])
    return torch.cat((x[:1] + start, rest))


class _Readout(_Step):
    """Neurons that do not spike: they send their potential."""

    def __init__(self, layer: Any) -> None:
        super().__init__(layer, ("v_init",))
        self.decay, self.gain = layer.coefficients()
        self.neuron = LI(decay=self.decay)

    def forward(self, xs: list[torch.Tensor], total: int) -> torch.Tensor:
        (x,) = xs
        start = self.decay * aligned(self.v_init, x.ndim - 2)
        v: torch.Tensor = self.neuron(_started(self.gain * x, start, total))
        return v


def _step(node: Node, neuron: dict[str, Any]) -> _Step:
    layer = node.layer

    def refused(what: str, hint: str) -> NoReturn:
        refuse(f"{_WHERE}: layer '{node.name}' ({type(layer).__name__})", what, hint)

    if isinstance(layer, layers.Delay | layers.DelayedLinear):
        refused("has delays", _TRAIN_AGAIN)
    if isinstance(layer, layers.Neuron | layers.LI):
        if type(layer) not in (layers.IF, layers.LIF, layers.LI):
            refused("has a schedule, or further states", _SIMPLER)
        if isinstance(layer, layers.Neuron):
            if layer.code != "binary":
                refused("has signed spikes", _SIMPLER)
            if layer.reset_delay or layer.strict or layer.reset not in ("subtract", "zero"):
                refused("has another reset, or spikes only above its threshold", _TRAIN_AGAIN)
        coefficients = (*layer.coefficients(), getattr(layer, "drive", 0.0))
        if any(map(np.ndim, coefficients)) or not coefficients[1] or coefficients[2]:
            refused("has no gain, a drive, or a leak for each neuron", _TRAIN_AGAIN)
        if isinstance(layer, layers.Neuron):
            return _Spiking(layer, neuron)
        if layer.has_synapse:
            refused("has a synaptic current", _TRAIN_AGAIN)
        return _Readout(layer)
    row = JOINS.get(type(layer)) or row_of(layer)
    if row is None:
        refused("waits for the mean over all steps", _LINEAR)
    return _Step(layer, row.trained)
