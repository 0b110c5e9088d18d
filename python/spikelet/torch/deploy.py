"""Deploy trained networks as `spikelet.SpikingModel`, which runs without PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import nn

from spikelet import layers
from spikelet._util.checks import integer, named
from spikelet.conversion.building import STEPS, Call, Data, refuse
from spikelet.conversion.building import input_shape as input_shape_of
from spikelet.conversion.folding import fold
from spikelet.conversion.to_network import GraphNetwork
from spikelet.conversion.to_network import to_network as graph_to_network
from spikelet.conversion.torch import reader as torch_reader
from spikelet.conversion.torch.copies import copy_of
from spikelet.layers import Shape
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel
from spikelet.network.network import Network
from spikelet.network.population import Population
from spikelet.network.projection import Projection
from spikelet.network.recorders import SpikeRecorder
from spikelet.torch.cell import Reset, When
from spikelet.torch.delay import Delay
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import LI, Neuron
from spikelet.torch.norms import TEBN
from spikelet.torch.psn import PSN, SlidingPSN
from spikelet.torch.quantized import plain
from spikelet.torch.time import OverTime

_WHERE = "to_spiking_model"


def to_spiking_model(
    module: nn.Module, input_shape: Iterable[int], *, fold_norms: bool = True, **options: Any
) -> SpikingModel:
    """Convert a trained network to a `SpikingModel` that sends the same spikes.

    The network may be an `torch.nn.Sequential` of layers and neurons, or any module whose `forward` calls them and adds,
    multiplies, concatenates, slices or reshapes what they return, as residual networks and U-Nets do: its code names the
    dimensions of [T, B, ...]. BatchNorm is folded into the adjacent weights, dropout removed, as in eval mode, and delays
    are whole steps. All neurons of `spikelet.torch` and all their conventions can be deployed, recurrent ones too, and the
    result of `from_spiking_model` can be converted back. Code that mixes steps is refused.

    The engine adds weights in another order than PyTorch, so a potential may differ in its last digits, and a spike if the
    potential meets the threshold within rounding. With ``dtype="float64"`` for both, spikes are equal; with weights on a
    binary grid, they are equal in float32 too.

    Parameters
    ----------
    module : nn.Module
        The network; it is not modified.
    input_shape : tuple of int
        Shape of one sample at one step, without time and batch: ``(1, 28, 28)``.
    fold_norms : bool
        Fold BatchNorm into the weights; otherwise it becomes a layer (`spikelet.layers.Affine`), which costs time.
    **options
        Options of `SpikingModel`: dtype, threads, input_scale.

    Returns
    -------
    SpikingModel
        Call ``run(x, steps=T)`` for a constant input, ``run(x)`` for ``[T, B, ...]``. The `output` of the result is the rate
        readout, or the mean potential of a final `LI`.

    Raises
    ------
    ValueError
        If the network cannot be converted exactly: an analog activation between spiking layers, neurons that look at
        several steps, or a `forward` that mixes steps. The message names the module, with a hint.
    TypeError
        If `module` is not a module.

    Notes
    -----
    Layers have the names of the modules (``0``, ``features.1``). Max pooling is applied at each step, as in PyTorch, not to
    spike counts.
    """
    if not isinstance(module, nn.Module):
        msg = f"{_WHERE}: module must be a torch.nn.Module, got {type(module).__name__}"
        raise TypeError(msg)
    return SpikingModel(read(module, input_shape, fold_norms=fold_norms), **options)


def read(
    module: nn.Module,
    shape: Iterable[int],
    *,
    fold_norms: bool = True,
    analog: bool = False,
) -> Graph:
    """Return the graph of a trained network: what its layers do at each step.

    The module is followed operator by operator (see `spikelet.conversion.load.read_torch`), with independent steps
    [T, B, ...]. Its neurons and `Delay` modules are one layer each:

    * `LIF`, `IF`, `LI`, `CubaLIF`, `ALIF` of any convention: the layer of that name;
    * recurrent ones, such as a `RecurrentLIF` ``lif``: the nodes ``lif.back`` (a `Delay` of one step), ``lif.recurrent``
      (`Linear`), ``lif.input`` (the sum of both inputs) and ``lif``;
    * `Delay`: a `DelayedLinear`, with whole steps as in eval mode.

    Products of spikes (`SEWBlock`, `SpikeAttention`) are neurons without memory, and maxima are those of each step.

    Parameters
    ----------
    module : nn.Module
        From [T, B, ...] (or [B, ...], if its neurons hold their input for several steps) to [T, B, ...]; not modified.
    shape : tuple of int
        Shape of one sample at one step.
    fold_norms : bool
        Fold BatchNorm into the weights.
    analog : bool
        Accept analog activations, which a writer then has to apply at each step. A `SpikingModel` would apply them to the
        mean over steps.

    Returns
    -------
    Graph
        Layers are named as in the module.

    Raises
    ------
    ValueError
        If a part cannot be read, or mixes steps; the message names the module, with a hint.
    """
    if isinstance(module, SpikingModule):
        return module.to_graph()
    sample = input_shape_of(_WHERE, shape, "input_shape")
    twin = copy_of(plain(module)).double()
    whole: dict[type, Callable[..., Any]] = {}
    for name, m in twin.named_modules():
        if isinstance(m, PSN | SlidingPSN | TEBN):
            refuse(
                f"{_WHERE}: module '{name}' ({type(m).__name__})",
                "has parameters for each step, or uses several steps at once; the engine runs one step after another",
                "use LIF and tdBN, or write a file with to_onnx",
            )
        whole |= {type(m): handler for kind, handler in _MODULES.items() if isinstance(m, kind)}
    held = any(m.steps is not None for m in twin.modules() if isinstance(m, Neuron))
    graph = torch_reader.convert(
        twin, sample, whole=whole, run=_at_one_step, steps="held" if held else "given"
    )
    over_time = [f"{name}.layer" for name, m in twin.named_modules() if isinstance(m, OverTime)]
    graph = _of_steps(graph, over_time)
    if not analog:
        _refuse_analog(graph)
    return fold(graph) if fold_norms else graph


def _at_one_step(module: nn.Module, forward: Callable[..., Any], x: torch.Tensor) -> torch.Tensor:
    """Run a module with states on independent samples: [T, B, ...], or [B, ...] if it holds its input."""
    steps = getattr(module, "steps", None)
    samples = x.flatten(0, 1) if steps is None else x
    if steps is not None:
        module.steps = None
    y = forward(samples[None])
    if steps is not None:
        module.steps = steps
    if isinstance(y, tuple):
        what = "returns its last potential, which no layer sends"
        refuse(f"{_WHERE}: {type(module).__name__}", what, "use return_v=False")
    return y[0].unflatten(0, (min(len(samples), STEPS), -1))


# --- modules that are one layer -------------------------------------------------------------------


def _neuron(c: Call, x: Data, module: Neuron) -> Data:
    layer = _with_shape(neuron_layer(module, f"{_WHERE}: module '{c.name}'"), c.shape(x))
    if not hasattr(module, "recurrent"):
        return replace(c.add(layer, x), axis=0, merged="steps")
    weight = layers.Linear(array(module.recurrent))
    return Data(c.builder.add_loop(c.where, c.name, layer, weight, x.source), merged="steps")


def _with_shape(layer: layers.Layer, shape: Shape) -> layers.Layer:
    """Return a layer whose parameters, which broadcast as PyTorch's tensors do, are those of channels or of all neurons."""
    changed = {}
    for f in fields(layer):
        given = getattr(layer, f.name)
        if isinstance(given, np.ndarray):
            # PyTorch's may have a dimension of size 1 for the batch.
            full = np.broadcast_to(given.reshape(given.shape[-len(shape) :]), shape)
            channels = full.reshape(shape[0], -1)
            alike = bool((channels == channels[:, :1]).all())
            changed[f.name] = channels[:, 0] if alike else full
    return layer.replace(**changed) if changed else layer


def neuron_layer(module: Neuron, where: str) -> layers.Neuron | layers.LI:
    """Convert a neuron of `spikelet.torch` to a layer.

    Parameters
    ----------
    module : Neuron
    where : str
        Its name, for error messages.

    Returns
    -------
    Neuron or LI
        Its parameters broadcast to the neurons as PyTorch's tensors do, from the last dimension.
    """
    where = f"{where} ({type(module).__name__})"
    if type(module).forward not in (Neuron.forward, LI.forward):
        refuse(where, "has its own forward", "use an unmodified neuron of spikelet.torch")
    made = module.setting()
    cell = made.cell

    def value(name: str) -> Any:
        return _number(made.tensors.get(name, getattr(cell, name)))

    decay, gain = _number(module.decay), _number(module.gain)
    options: dict[str, Any] = {"decay": decay, "gain": gain}
    if cell.rest:
        options["drive"] = (1 - decay) * cell.rest
    if made.v_first:
        options["v_init"] = made.v_first
    if cell.synapse:
        options["syn_decay"] = value("syn_decay")
    if cell.adaptive:
        options |= {"adapt_decay": value("adapt_decay"), "boost": value("boost")}
    with named(where):
        if isinstance(module, LI):
            return layers.LI(**options)
    # To a value, a reset a step later gives the same spikes, and after it no potential exceeds the threshold.
    later = cell.when != When.same and cell.reset == Reset.subtract
    if later and (cell.when == When.both or cell.adaptive):
        refuse(
            where,
            "is reset like snnTorch's Leaky with reset_delay=False, where a potential that stays above the threshold "
            "delays the next spike",
            'train with reset_delay=True, with reset="zero", or with convention="spikelet", '
            f"decay={decay:g}, gain={gain:g}",
        )
    options["reset"] = {Reset.subtract: "subtract", Reset.value: "value", Reset.none: "none"}[
        cell.reset
    ]
    if cell.reset == Reset.value:
        options |= {"v_reset": cell.v_reset} if cell.v_reset else {"reset": "zero"}
    options |= {"strict": True} if cell.strict else {}
    options |= {"reset_delay": True} if later else {}
    kind: Any = layers.ALIF if cell.adaptive else layers.CubaLIF if cell.synapse else layers.LIF
    if kind is layers.LIF and "drive" not in options and np.all(decay == 1) and np.all(gain == 1):
        kind = layers.IF
        del options["decay"], options["gain"]
    with named(where):
        layer: layers.Neuron = kind(_number(module.v_threshold), **options)
    return layer


def _number(value: Any) -> Any:
    """Return a parameter as one number, or as an array if it differs between neurons."""
    values = array(value)
    alike = values.size == 1 or (values == values.flat[0]).all()
    return float(values.flat[0]) if alike else values


def _delay(c: Call, x: Data, module: Delay) -> Data:
    bias = None if module.bias is None else array(module.bias)
    return c.add(
        layers.DelayedLinear(array(module.weight), module.rounded().cpu().numpy(), bias), x
    )


# A row for each class of modules that keep states; its subclasses are included.
_MODULES: dict[type, Callable[..., Any]] = {Neuron: _neuron, Delay: _delay}


# --- the graph of one step ------------------------------------------------------------------------

_MAXIMA = (
    layers.MaxPool1d,
    layers.MaxPool2d,
    layers.MaxPool3d,
    layers.AdaptiveMaxPool1d,
    layers.AdaptiveMaxPool2d,
    layers.AdaptiveMaxPool3d,
)
_MET = layers.LIF(1.5, "zero", decay=0.0, gain=1.0)  # spikes if both inputs of a sum do


def _of_steps(graph: Graph, over_time: Iterable[str]) -> Graph:
    """Return the graph with maxima of each step, products of spikes as neurons, and layers with the names of their `OverTime`."""
    nodes: list[Node] = []
    binary: set[str] = set()
    for node in graph:
        layer, inputs = node.layer, node.inputs
        of_spikes = bool(inputs) and binary.issuperset(inputs)
        if isinstance(layer, layers.Multiply) and of_spikes:
            nodes.append(Node(f"{node.name}.sum", layers.Add(), inputs))
            layer, inputs = _MET, (nodes[-1].name,)
        if isinstance(layer, _MAXIMA):
            layer = layer.replace(of="steps")
        if _is_binary(layer, of_spikes=of_spikes):
            binary.add(node.name)
        nodes.append(Node(node.name, layer, inputs))

    def renamed(name: str) -> str:
        for path in over_time:
            if name == path or name.startswith(f"{path}."):
                name = (
                    f"{path.removesuffix('layer').rstrip('.')}{name.removeprefix(path)}".lstrip(".")
                    or name
                )
        return name

    given = (Node(renamed(n.name), n.layer, tuple(map(renamed, n.inputs))) for n in nodes)
    return Graph(given, _WHERE, graph.inputs, tuple(map(renamed, graph.outputs)))


def _is_binary(layer: layers.Layer, *, of_spikes: bool) -> bool:
    """Return whether a layer sends 0 and 1 only."""
    if isinstance(layer, layers.Neuron):
        return layer.code == "binary" and bool(np.all(np.asarray(layer.amplitude) == 1))
    if isinstance(layer, layers.Affine):  # 1 - x
        return of_spikes and bool(np.all(layer.scale == -1)) and bool(np.all(layer.shift == 1))
    return of_spikes and isinstance(layer, (layers.Movement, *_MAXIMA))


def _refuse_analog(graph: Graph) -> None:
    """Refuse layers that a `SpikingModel` would apply to means over steps."""
    for node in graph:
        layer = node.layer
        linear = isinstance(layer, layers.Reduce) and layer.function in ("mean", "sum")
        if linear or not isinstance(layer, (layers.ReLU, layers.Graded, layers.Foreign)):
            continue
        what, hint = _ANALOG.get(type(layer), _OTHERS)
        refuse(f"{_WHERE}: module '{node.name}' ({type(layer).__name__})", what, hint)


_SOFTMAX = ("is a softmax of each step", "apply it to the readout, outside the model")
_OTHERS = (
    "is an analog activation of each step",
    "train with a spiking neuron instead; use `sl.convert` for networks of ReLU",
)
_ANALOG: dict[type, tuple[str, str]] = {
    layers.Softmax: _SOFTMAX,
    layers.LogSoftmax: _SOFTMAX,
    layers.MatMul: (
        "multiplies counts of spikes, which the engine does not",
        'use SpikeAttention(kind="driven"), or `to_onnx`',
    ),
    layers.Multiply: (
        "multiplies values that are not all spikes",
        'end both factors with neurons, so that they are 0 or 1; in a SEWBlock, connect="add" takes any values',
    ),
}


def array(value: Any) -> NDArray[np.float64]:
    """Return a tensor or a number as an array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, np.float64)


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
        msg = f"to_network: module must be a torch.nn.Module, got {type(module).__name__}"
        raise TypeError(msg)
    size = integer("to_network", "input_size", input_size, 1)
    graph = read(module, (size,))
    hint = "a Network ends in spiking neurons; `to_spiking_model` accepts more"
    if not isinstance(graph.output.layer, layers.Neuron):
        refuse(
            f"to_network: layer '{graph.output.name}'", "is the last layer and does not spike", hint
        )
    made = graph_to_network(
        "to_network", graph, (size,), dt, dtype=dtype, seed=seed, threads=threads
    )
    (source,) = made.inputs.values()
    weights = (
        p for (before, after), p in made.projections.items() if before not in (after, "bias")
    )
    populations, recorders = made.populations.values(), made.recorders.values()
    return DeployedNetwork(
        made.network, source, made.bias, tuple(populations), tuple(weights), tuple(recorders), made
    )
