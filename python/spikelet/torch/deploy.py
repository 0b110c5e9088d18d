"""Deploy trained networks as `spikelet.SpikingModel`, which runs without PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # PyTorch's customary name

from spikelet import layers
from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data, refuse
from spikelet.conversion.building import input_shape as input_shape_of
from spikelet.conversion.folding import fold
from spikelet.conversion.torch import reader as torch_reader
from spikelet.conversion.torch.copies import copy_of
from spikelet.layers.graph import Graph, Node
from spikelet.layers.neurons import NEVER, is_silent
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.attention import PotentialShortcut, SpikeAttention
from spikelet.torch.blocks import DropoutOverTime, SEWBlock
from spikelet.torch.cell import Reset, When
from spikelet.torch.delay import Delay
from spikelet.torch.deploy_check import compare
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import LI, Neuron
from spikelet.torch.norms import TEBN
from spikelet.torch.pool import MaxPool2d
from spikelet.torch.psn import PSN, SlidingPSN
from spikelet.torch.quantised import plain
from spikelet.torch.sparse import SpikeLinear
from spikelet.torch.time import OverTime, layers_over_time

__all__ = ["to_spiking_model"]

_MAXIMA = (layers.MaxPool1d, layers.MaxPool2d, layers.MaxPool3d,
           layers.AdaptiveMaxPool1d, layers.AdaptiveMaxPool2d, layers.AdaptiveMaxPool3d)  # fmt: skip
_WHERE = "to_spiking_model"


def to_spiking_model(
    module: nn.Module, input_shape: Iterable[int], *, fold_norms: bool = True, **options: Any
) -> SpikingModel:
    """Convert a trained network to a `SpikingModel` that sends the same spikes.

    The network is an arbitrarily nested `torch.nn.Sequential` of ``nn.Linear``, convolutions, pooling, BatchNorm (folded
    into the adjacent weights), flattening, dropout (removed, as in eval mode), `OverTime` (removed, since the engine
    handles time), `Delay` (with whole steps, as in eval mode), `SEWBlock`, `PotentialShortcut`, `SpikeAttention` that is
    driven by spikes, and the neurons `LIF`, `IF` and `LI`. The result of `from_spiking_model` can be converted back.

    A module with its own `forward` may call such modules and add their outputs, as residual networks do. Such code does
    not show how it treats time, so the result is then compared with the module, in float64 on random spikes; it is an
    error if their outputs differ.

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
        readout; the potential of a final `LI` is ``run(..., record="v").v``.

    Raises
    ------
    ValueError
        If the network cannot be converted exactly: a neuron that the engine does not have, an analog activation between
        spiking layers, or a `forward` that mixes steps. The message names the module, with a hint.
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
    shape = tuple(input_shape)
    own = None if isinstance(module, SpikingModule) else _own_forward(module, "")
    graph = read(module, shape, fold_norms=fold_norms, own=True)
    if own is not None:
        last = graph.output.layer
        spikes = isinstance(last, layers.Neuron)
        what = "v" if is_silent(last) else "spikes" if spikes else "value"
        compare(_WHERE, module, graph, input_shape_of(_WHERE, shape), own, what)
    return SpikingModel(graph, **options)


def read(
    module: nn.Module,
    shape: Iterable[int],
    *,
    fold_norms: bool = True,
    recurrent: bool = False,
    own: bool = False,
    layer_of: Callable[[Neuron, str], layers.Neuron] | None = None,
) -> Graph:
    """Return the graph of a trained network.

    With `recurrent`, recurrent layers are accepted, and read without their recurrent weights. With `layer_of`, it makes
    the layer of each neuron, given its name for error messages; by default `neuron_layer` does. With one of `layer_of` and
    `own`, modules with a forward of their own are traced, which shows their operators but not what these do to time: the
    caller has to compare.
    """
    if isinstance(module, SpikingModule):
        return module.to_graph()
    module = plain(module)
    sample = input_shape_of(_WHERE, shape)
    made = layer_of or (lambda m, where: neuron_layer(m, where, recurrent=recurrent))
    twin = _still(module, "", made, traced=own or layer_of is not None)
    whole: dict[type, Any] = {_Still: _still_neuron, _StillDelay: _still_delay, _Gate: _gate}
    traced = torch_reader.convert(twin, sample, whole=whole)
    graph = Graph(map(_of_steps, traced), _WHERE, traced.inputs, traced.outputs)
    for node in graph:
        if is_silent(node.layer) and graph.consumers(node.name):
            refuse(
                f"{_WHERE}: module '{node.name}' (LI)",
                "passes its potential to other layers",
                "a potential can only be the output: use LIF, or put LI last",
            )
    return fold(graph) if fold_norms else graph


def neuron_layer(module: Neuron, where: str, *, recurrent: bool = False) -> layers.Neuron:
    """Convert a neuron of `spikelet.torch` to a layer.

    Parameters
    ----------
    module : Neuron
    where : str
        Its name, for error messages.
    recurrent : bool
        Accept recurrent neurons.

    Returns
    -------
    Neuron
        Its threshold broadcasts to the neurons as PyTorch's tensors do, from the last dimension.
    """
    where = f"{where} ({type(module).__name__})"
    if type(module).forward not in (Neuron.forward, LI.forward):
        refuse(where, "has its own forward", "use an unmodified neuron of spikelet.torch")
    cell = module.setting().cell
    if cell.synapse or cell.adaptive or (hasattr(module, "recurrent") and not recurrent):
        refuse(
            where,
            "is a neuron that the engine does not have",
            "LIF, IF and LI can be deployed, and RecurrentLIF by `to_network`",
        )
    if cell.rest:
        refuse(
            where,
            f"leaks to {cell.rest:g}",
            "the engine leaks to 0: train with v_reset=0.0, or None for reset by subtraction",
        )
    decay, gain = _one(module.decay, where, "decay"), _one(module.gain, where, "gain")
    with named(where):
        if isinstance(module, LI):
            return layers.LIF(NEVER, decay=decay, gain=gain)
    # To 0, a reset a step later gives the same spikes, and after it no potential exceeds the threshold.
    if cell.when == When.both and cell.reset != Reset.value:
        refuse(
            where,
            "is reset like snnTorch's Leaky with reset_delay=False, where a potential that stays above the threshold "
            "delays the next spike",
            'train with reset_delay=True, with reset="zero", or with convention="spikelet", '
            f"decay={decay:g}, gain={gain:g}",
        )
    if cell.reset == Reset.none:
        refuse(where, "has reset='none'", 'train with reset="subtract" or "zero"')
    with named(where):
        threshold = _array(module.v_threshold)
        threshold = threshold.reshape(()) if threshold.size == 1 else threshold
        reset: Any = "zero" if cell.reset == Reset.value else "subtract"
        options: dict[str, Any] = {"strict": True} if cell.strict else {}
        options |= {"v_reset": cell.v_reset} if reset == "zero" else {}
        if cell.when == When.next and reset == "subtract":
            options["reset_delay"] = True
        if decay == gain == 1:
            return layers.IF(threshold, reset, **options)
        return layers.LIF(threshold, reset, decay=decay, gain=gain, **options)


def _array(value: Any) -> NDArray[np.float64]:
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, np.float64)


def _one(value: Any, where: str, argument: str) -> float:
    array = _array(value)
    if array.size != 1 and (array != array.flat[0]).any():
        refuse(where, f"has a {argument} for each neuron", "the engine has one for each layer")
    return float(array.flat[0])


class _Still(nn.Module):
    """Stands in for a neuron while the network is traced: its first step, from rest."""

    def __init__(self, layer: layers.Neuron) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, gain = self.layer.coefficients()
        threshold = torch.as_tensor(np.array(self.layer.threshold))
        u = gain * x
        return (u > threshold if self.layer.strict else u >= threshold).to(x.dtype)


def _still_neuron(call: Call, x: Data, module: _Still) -> Data:
    layer, shape = module.layer, call.shape(x)
    if np.ndim(layer.threshold):
        # PyTorch's may have a dimension of size 1 for the batch.
        given = np.reshape(layer.threshold, layer.threshold.shape[-len(shape) :])
        threshold = np.broadcast_to(given, shape)
        channels = threshold.reshape(shape[0], -1)
        alike = bool((channels == channels[:, :1]).all())
        layer = layer.replace(threshold=channels[:, 0] if alike else threshold)
    return call.add(layer, x)


class _StillDelay(nn.Module):
    """Stands in for a `Delay`: its first step, at which inputs without a delay have arrived."""

    def __init__(self, module: Delay) -> None:
        super().__init__()
        self.layer = layers.Delay(
            _array(module.weight),
            module.rounded().cpu().numpy(),
            None if module.bias is None else _array(module.bias),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        weight = torch.as_tensor(np.where(self.layer.delay == 0, self.layer.weight, 0.0))
        bias = None if self.layer.bias is None else torch.as_tensor(np.array(self.layer.bias))
        return F.linear(x, weight, bias)


def _still_delay(call: Call, x: Data, module: _StillDelay) -> Data:
    return call.add(module.layer, x)


class _Gate(nn.Module):
    """Where the spikes of a `SEWBlock` and its shortcut meet, other than in a sum."""

    def __init__(self, connect: str) -> None:
        super().__init__()
        self.connect = connect

    def forward(self, y: torch.Tensor, other: torch.Tensor) -> torch.Tensor:
        return y * other if self.connect == "and" else (1 - y) * other


def _gate(call: Call, y: Data, other: Data, module: _Gate) -> Data:
    """Neurons that forget at once spike if both spike, or if the shortcut does alone."""
    for x, what in ((y, "body"), (other, "shortcut")):
        if not call.builder.is_binary(x.source):
            call.refuse(
                f'has connect="{module.connect}", and its {what} does not end with neurons',
                'end both with neurons, so that their values are 0 and 1, or use connect="add"',
            )
    if module.connect == "iand":
        y = call.inner("not").add(layers.Affine(-1.0), y)
    threshold = 1.5 if module.connect == "and" else 0.5
    met = call.inner("sum").add(layers.Add(), y, other)
    return call.add(layers.LIF(threshold, "zero", decay=0.0, gain=1.0), met)


def _still(
    module: nn.Module,
    name: str,
    layer_of: Callable[[Neuron, str], layers.Neuron],
    *,
    traced: bool,
) -> nn.Module:
    """Return a copy without time, which maps the samples of one step."""
    where = f"{_WHERE}: module '{name}'" if name else _WHERE
    inside = layers_over_time(module)
    if inside is not None:
        return _still(inside, name, layer_of, traced=traced)
    if isinstance(module, OverTime):
        refuse(
            f"{where} ({type(module).__name__})",
            "is an OverTime with a forward of its own",
            "use OverTime itself, around layers of one step",
        )
    if type(module) is nn.Sequential:
        prefix = f"{name}." if name else ""
        twin = nn.Sequential()
        # A module may stand in two places.
        for n, m in module.named_modules(remove_duplicate=False):
            if n and "." not in n:
                twin.add_module(n, _still(m, prefix + n, layer_of, traced=traced))
        return twin
    if isinstance(module, PSN | SlidingPSN | TEBN):
        refuse(
            f"{where} ({type(module).__name__})",
            "has parameters for each step, or uses several steps at once; the engine runs one step after another",
            "use LIF and tdBN, or write a file with to_onnx",
        )
    if isinstance(module, Neuron):
        return _Still(layer_of(module, where))
    if type(module) is Delay:
        return _StillDelay(module)
    if type(module) is DropoutOverTime:
        return nn.Identity()
    for ours, theirs in ((SpikeLinear, nn.Linear), (MaxPool2d, nn.MaxPool2d)):
        if type(module) is ours:  # the same map, computed in another way
            twin = copy.copy(module)
            twin.__class__ = theirs
            return copy_of(twin)
    if isinstance(module, (nn.Softmax, nn.LogSoftmax)):
        refuse(where, "is a softmax of each step", "apply it to the readout, outside the model")
    if isinstance(module, nn.Flatten):
        if module.start_dim not in (1, 2) or module.end_dim != -1:
            refuse(where, f"is {module}", "flatten whole samples: nn.Flatten(2) of [T, B, ...]")
        return nn.Flatten()
    if any(isinstance(m, Neuron | Delay) for m in module.modules()):
        if traced:
            own = _still_whole(module, where)
            for n, m in module.named_children():
                own.add_module(n, _still(m, f"{name}.{n}" if name else n, layer_of, traced=True))
            return own
        refuse(
            f"{where} ({type(module).__name__})",
            "has neurons in its own forward",
            "only torch.nn.Sequential shows the order of layers: use it, or build the "
            "`SpikingModel` from its parts",
        )
    return copy_of(module)


def _still_whole(module: nn.Module, where: str) -> nn.Module:
    """Return a copy of a module with a forward of its own, whose children follow."""
    if type(module) is SEWBlock:
        return _StillBlock(module)
    if type(module) is SpikeAttention:
        if module.kind != "driven":
            refuse(
                f"{where} (SpikeAttention)",
                "multiplies counts of spikes, which the engine does not",
                'use kind="driven", or `to_onnx`',
            )
        return _StillAttention()
    return copy_of(module)


class _StillAttention(nn.Module):
    """Stands in for a `SpikeAttention` that is driven by spikes, whose parts follow."""

    def __init__(self) -> None:
        super().__init__()
        self.both, self.masked = _Gate("and"), _Gate("and")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        q, k, v = (part(x).flatten(2) for part in (self.query, self.key, self.value))
        met = self.meeting(self.both(q, k).sum(2, keepdim=True))
        result: torch.Tensor = self.out(self.masked(met, v).reshape(x.shape))
        return result


class _StillBlock(nn.Module):
    """Stands in for a `SEWBlock`, whose body and shortcut follow."""

    def __init__(self, block: SEWBlock) -> None:
        super().__init__()
        self.meet = None if block.connect == "add" else _Gate(block.connect)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y, other = self.body(x), self.shortcut(x)
        met: torch.Tensor = y + other if self.meet is None else self.meet(y, other)
        return met


def _own_forward(module: nn.Module, name: str) -> str | None:
    """Return the name of a module of neurons with a forward of its own, if there is one."""
    if isinstance(module, Neuron | Delay | SpikingModule):
        return None
    known = type(module) in (nn.Sequential, SEWBlock, OverTime, SpikeAttention, PotentialShortcut)
    if not known and any(isinstance(m, Neuron | Delay) for m in module.modules()):
        return name or type(module).__name__
    for n, m in module.named_children():
        found = _own_forward(m, f"{name}.{n}" if name else n)
        if found is not None:
            return found
    return None


def _of_steps(node: Node) -> Node:
    layer = node.layer
    linear = isinstance(layer, layers.Reduce) and layer.function in ("mean", "sum")
    if isinstance(layer, (layers.ReLU, layers.Graded, layers.Foreign)) and not linear:
        _refuse_analog(node.name, layer)
    if isinstance(layer, _MAXIMA):
        layer = layer.replace(of="steps")
    return Node(node.name, layer, node.inputs)


def _refuse_analog(name: str, layer: layers.Layer) -> NoReturn:
    refuse(
        f"{_WHERE}: module '{name}' ({type(layer).__name__})",
        "is an analog activation of each step",
        "train with a spiking neuron instead; use `sl.convert` for networks of ReLU",
    )
