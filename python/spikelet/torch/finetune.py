"""Convert layered networks back to PyTorch modules: fine-tuned by surrogate gradients, they need fewer steps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, NoReturn, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # PyTorch's customary name

from spikelet import layers
from spikelet._util.checks import fail
from spikelet.conversion.building import refuse
from spikelet.conversion.first_spike_torch import FirstSpike
from spikelet.layers.base import Spatial
from spikelet.layers.convolution import Convolution, TransposedConvolution
from spikelet.layers.graph import Graph, Node
from spikelet.layers.movement import Movement
from spikelet.layers.pools import MeanPool, Pool, axis_matrices, window_places
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.modules import LI, LIF

# Takes the module with the parameters of the layer, the layer, and samples [N, ...].
Function: TypeAlias = Callable[[Any, Any, torch.Tensor], torch.Tensor]


class Row(NamedTuple):
    """How PyTorch computes a layer.

    Parameters
    ----------
    function : callable
    trained : tuple of str
        Names of its arrays that are parameters of the module.
    """

    function: Function
    trained: tuple[str, ...] = ()


def row_of(layer: layers.Layer) -> Row | None:
    """Return the row of a layer, or None if no function acts on each of its steps by itself."""
    if isinstance(layer, layers.Reduce) and layer.function not in ("mean", "sum"):
        return None
    return next((ROWS[kind] for kind in type(layer).__mro__ if kind in ROWS), None)


def aligned(p: torch.Tensor, dimensions: int) -> torch.Tensor:
    """Return numbers of channels, or of a whole sample with as many dimensions, as they broadcast to samples."""
    return p.reshape(-1, *[1] * (dimensions - 1)) if p.ndim == 1 else p


def increments(pool: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """Return the increment of the greatest count so far at each step of [T, B, ...]."""
    counts = pool(x.cumsum(0))
    return torch.cat((counts[:1], counts.diff(dim=0)))


def is_maximum(layer: layers.Layer) -> bool:
    """Return whether a layer takes the maximum of counts."""
    return isinstance(layer, Pool) and getattr(layer, "of", None) == "counts"


# --- layers that join several inputs, [T, B, ...] -----------------------------------------------------


def _total(_step: Any, _layer: Any, xs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Return the sum of inputs whose samples broadcast as in numpy."""
    rank = max(x.ndim for x in xs)
    shaped = [x.reshape(*x.shape[:2], *[1] * (rank - x.ndim), *x.shape[2:]) for x in xs]
    return sum(shaped[1:], shaped[0])


def _joined(_step: Any, layer: Any, xs: Sequence[torch.Tensor]) -> torch.Tensor:
    """Concatenate along an axis of samples; some inputs are the same at each step, or for each sample."""
    steps, samples = (max(x.shape[d] for x in xs) for d in (0, 1))
    full = [x.expand(steps, samples, *x.shape[2:]) for x in xs]
    return torch.cat(full, layer.axis + 2 if layer.axis >= 0 else layer.axis)


JOINS: dict[type[layers.Layer], Row] = {
    layers.Add: Row(_total),
    layers.Concat: Row(_joined),
    layers.Constant: Row(lambda step, _layer, _xs: step.value[None, None], ("value",)),
}


# --- layers of one input, [N, ...] --------------------------------------------------------------------


def _affine(step: Any, _layer: Any, x: torch.Tensor) -> torch.Tensor:
    y = x * aligned(step.scale, x.ndim - 1)
    return y if step.shift is None else y + aligned(step.shift, x.ndim - 1)


def _of_axes(name: str, axes: int) -> Any:
    """Return the function of PyTorch for sequences, images or volumes."""
    return getattr(F, f"{name}{axes}d")


def _conv(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    before, after = layer.padding[::2], layer.padding[1::2]
    padding: Any = before
    if before != after:  # F.pad begins with the last axis
        sides = reversed(list(zip(before, after, strict=True)))
        x, padding = F.pad(x, [n for side in sides for n in side]), 0
    options = (layer.stride, padding, layer.dilation, layer.groups)
    y: torch.Tensor = _of_axes("conv", layer.axes)(x, step.weight, step.bias, *options)
    return y


def _transposed(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    options = (layer.stride, 0, layer.output_padding, layer.groups, layer.dilation)
    conv = _of_axes("conv_transpose", layer.axes)
    y: torch.Tensor = conv(x, step.weight, step.bias, *options)
    for d in range(layer.axes):
        before, after = layer.padding[2 * d : 2 * d + 2]
        y = y.narrow(d + 2, before, y.shape[d + 2] - before - after)
    return y


def _along(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Multiply each spatial axis by the matrix of a mean pool or an interpolation."""
    for d, matrix in enumerate(axis_matrices(layer, tuple(x.shape[1:])), 2):
        weights = torch.from_numpy(matrix).to(x)
        x = (x.movedim(d, -1) @ weights.T).movedim(-1, d)
    return x


def _has_plain_padding(layer: Any) -> bool:
    """Return whether PyTorch's pools take the padding of a layer: equal sides, at most half a window."""
    pairs = zip(layer.padding, layer.kernel_size, strict=False)
    return len(layer.padding) == layer.axes and all(2 * p <= k for p, k in pairs)


def _mean(step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    override = layer.divisor_override
    plain = set(layer.dilation) == {1} and _has_plain_padding(layer)
    if not plain or (override is not None and layer.axes == 1):
        return _along(step, layer, x)
    windows = (layer.kernel_size, layer.stride, layer.padding)
    how = (layer.ceil_mode, layer.count_include_pad, *([] if layer.axes == 1 else [override]))
    y: torch.Tensor = _of_axes("avg_pool", layer.axes)(x, *windows, *how)
    return y


def _maximum(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    if _has_plain_padding(layer):
        windows = (layer.kernel_size, layer.stride, layer.padding, layer.dilation)
        pool = _of_axes("max_pool", layer.axes)
        y: torch.Tensor = pool(x, *windows, ceil_mode=layer.ceil_mode)
        return y
    for d, places in enumerate(window_places(layer, tuple(x.shape[1:])), 2):
        index = torch.from_numpy(places).to(x.device)
        x = x.index_select(d, index.flatten()).unflatten(d, index.shape).max(d + 1).values
    return x


def _adaptive(name: str) -> Row:
    def pool(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
        given = zip(x.shape[2:], layer.output_size, strict=True)
        sizes = tuple(n if size is None else size for n, size in given)
        y: torch.Tensor = _of_axes(name, layer.axes)(x, sizes)
        return y

    return Row(pool)


def _reduce(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    axes = tuple(d + 1 for d in layer.over(tuple(x.shape[1:])))
    reduced = x.mean if layer.function == "mean" else x.sum
    y = reduced(axes, keepdim=layer.keepdims)
    return y if y.ndim > 1 else y[:, None]


def _upsample(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    return F.interpolate(x, scale_factor=tuple(map(float, layer.scale_factor)), mode="nearest")


def _moved(_step: Any, layer: Any, x: torch.Tensor) -> torch.Tensor:
    """Take each output from its place in a sample; -1 is the zero that stands after the last value."""
    count = x[:1].numel()
    places = np.arange(count).reshape(x.shape[1:])
    index = np.ascontiguousarray(layer.moved(places, -1))
    flat = x.flatten(1)
    if (index < 0).any():
        flat, index = F.pad(flat, (0, 1)), np.where(index < 0, count, index)
    taken = flat.index_select(1, torch.from_numpy(index.ravel()).to(x.device))
    return taken.unflatten(1, index.shape)


_WEIGHTS = ("weight", "bias")
ROWS: dict[type[layers.Layer], Row] = {
    layers.Linear: Row(lambda step, _layer, x: F.linear(x, step.weight, step.bias), _WEIGHTS),
    layers.Affine: Row(_affine, ("scale", "shift")),
    Convolution: Row(_conv, _WEIGHTS),
    TransposedConvolution: Row(_transposed, _WEIGHTS),
    MeanPool: Row(_mean),
    **dict.fromkeys((layers.MaxPool1d, layers.MaxPool2d, layers.MaxPool3d), Row(_maximum)),
    **dict.fromkeys(
        (layers.AdaptiveAvgPool1d, layers.AdaptiveAvgPool2d, layers.AdaptiveAvgPool3d),
        _adaptive("adaptive_avg_pool"),
    ),
    **dict.fromkeys(
        (layers.AdaptiveMaxPool1d, layers.AdaptiveMaxPool2d, layers.AdaptiveMaxPool3d),
        _adaptive("adaptive_max_pool"),
    ),
    layers.Reduce: Row(_reduce),
    layers.Resize: Row(_along),
    layers.Upsample: Row(_upsample),
    layers.Flatten: Row(lambda _step, _layer, x: x.flatten(1)),
    layers.Reshape: Row(lambda _step, layer, x: x.reshape(len(x), *layer.shape)),
    layers.Permute: Row(lambda _step, layer, x: x.permute(0, *(a + 1 for a in layer.axes))),
    Movement: Row(_moved),
}


_WHERE = "from_spiking_model"
_SPACE = ("depth", "height", "width")
_NEURONS = ("v_init", "amplitude")
_ONE_KIND = "fine-tuning takes either kind in the whole network"
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

    Of a network with ``neuron="first_spike"``, gradients pass straight through the rounding to times (see `FirstSpike`), and
    ``sl.convert(module.to_graph(), x, neuron="first_spike", steps=8)`` makes integers of it again, with its thresholds.

    Parameters
    ----------
    model : SpikingModel or Graph
        A model of `spikelet.layers` whose neurons are `IF` and `LIF` with binary spikes, or `FirstSpike` without a function,
        and whose other layers act on each step by itself.
    surrogate, alpha
        Surrogate of the neurons, for potentials in units of the threshold; see `spikelet.torch.LIF`.

    Returns
    -------
    SpikingModule
        ``module(x)`` takes ``[T, B, ...]`` and returns the output of the last layer at each step, ``[T, B, ...]``, the
        potential of neurons that do not spike; ``.mean(0)`` is the `output` of the model (``[delay:].mean(0)`` if it has
        a delay). For a constant input, pass ``x.expand(T, *x.shape)``: the layers before the first neurons then compute
        a single step. If neurons fire once, ``module(x)`` takes ``[B, ...]`` and returns ``[B, ...]``.

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
        # Spikes of all steps make up one number, so that there are no steps to run.
        self.fires_once = any(isinstance(step, _Once) for step in self.steps)
        if self.fires_once and any(isinstance(step, _Spiking | _Readout) for step in self.steps):
            refuse(f"{_WHERE}: model", "has neurons that fire once, and others", _ONE_KIND)

    def forward(self, *x: torch.Tensor) -> Any:
        """Return the output of each step; of a model with several outputs, a tuple of them.

        Parameters
        ----------
        *x : tensor, [T, B, ...], or [B, ...] if neurons fire once
            One for each input.
        """
        where = "SpikingModule"
        if len(x) != len(self.sources):
            rule = f"must be {len(self.sources)} tensors, for {', '.join(self.sources)}"
            fail(where, "x", len(x), rule, error=TypeError)
        first, hint = ["T", "B"], "; x.expand(T, *x.shape) is the same input at T steps"
        if self.fires_once:
            first, hint = first[1:], ""
        for name, tensor in zip(self.sources, x, strict=True):
            if not isinstance(tensor, torch.Tensor) or tensor.layout != torch.strided:
                kind = type(tensor).__name__
                fail(where, "x", kind, "must be a dense torch.Tensor", error=TypeError)
            if tensor.ndim <= len(first) or len(tensor) == 0 or len(tensor) != len(x[0]):
                rule = f"must have the shape [{', '.join(first)}, ...]"
                fail(where, "x", tuple(tensor.shape), rule, got="shape")
            axes = self._axes.get(name)
            if axes is not None and tensor.ndim != len(first) + 1 + axes:
                sizes = ", ".join((*first, "channels", *_SPACE[3 - axes :]))
                rule = f"must have the shape [{sizes}]{hint}"
                fail(where, "x", tuple(tensor.shape), rule, got="shape")
        if self.fires_once:
            x = tuple(tensor[None] for tensor in x)
        total = len(x[0])
        # Values that are the same at each step are computed once, and have a first dimension of 1.
        values = {
            name: tensor[:1] if tensor.stride(0) == 0 else tensor
            for name, tensor in zip(self.sources, x, strict=True)
        }
        for (name, sources), step in zip(self.inputs.items(), self.steps, strict=True):
            values[name] = step([values[s] for s in sources], total)
        found = [values[name] for name in self.targets]
        if self.fires_once:
            outputs = tuple(value[0] for value in found)
        else:
            outputs = tuple(value.expand(total, *value.shape[1:]) for value in found)
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


class _Once(_Step):
    """Neurons that fire at most once."""

    def __init__(self, layer: layers.FirstSpike) -> None:
        super().__init__(layer)
        self.neurons = FirstSpike(layer.steps, torch.from_numpy(np.array(layer.threshold)))

    def to_layer(self) -> layers.Layer:
        return self.layer.replace(threshold=_array(self.neurons.positive))

    def _each(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.neurons(x.flatten(0, 1)).unflatten(0, x.shape[:2])
        return y


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
    if isinstance(layer, layers.FirstSpike):
        if layer.function is not None:
            refused("has a function", "fine-tuning takes neurons in place of ReLUs")
        return _Once(layer)
    row = JOINS.get(type(layer)) or row_of(layer)
    if row is None:
        refused("waits for the mean over all steps", _LINEAR)
    return _Step(layer, row.trained)
