"""Deploy trained networks as `spikelet.SpikingModel`, which runs without PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable
from typing import Any, NoReturn

from torch import nn

from spikelet import layers
from spikelet._util.checks import named
from spikelet.conversion.building import input_shape as input_shape_of
from spikelet.conversion.building import refuse
from spikelet.conversion.folding import fold
from spikelet.conversion.preparation.simplify import simplify
from spikelet.conversion.torch import reader as torch_reader
from spikelet.layers import Shape
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.attention import PotentialShortcut, SpikeAttention
from spikelet.torch.blocks import SEWBlock
from spikelet.torch.cell import Reset, When
from spikelet.torch.delay import Delay
from spikelet.torch.deploy_check import compare
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import LI, Neuron
from spikelet.torch.quantised import plain
from spikelet.torch.stand_ins import STAND_INS, WHERE, array, still, timed
from spikelet.torch.time import OverTime

__all__ = ["to_spiking_model"]

_MAXIMA = (layers.MaxPool1d, layers.MaxPool2d, layers.MaxPool3d,
           layers.AdaptiveMaxPool1d, layers.AdaptiveMaxPool2d, layers.AdaptiveMaxPool3d)  # fmt: skip


def to_spiking_model(
    module: nn.Module, input_shape: Iterable[int], *, fold_norms: bool = True, **options: Any
) -> SpikingModel:
    """Convert a trained network to a `SpikingModel` that sends the same spikes.

    The network is an arbitrarily nested `torch.nn.Sequential` of ``nn.Linear``, convolutions, pooling, BatchNorm (folded
    into the adjacent weights), flattening, dropout (removed, as in eval mode), `OverTime` (removed, since the engine
    handles time), `Delay` (with whole steps, as in eval mode), `SEWBlock`, `PotentialShortcut`, `SpikeAttention` that is
    driven by spikes, and the neurons `LIF`, `IF` and `LI`. The result of `from_spiking_model` can be converted back.

    A module with its own `forward` may call such modules, and add or concatenate their outputs, as residual networks
    and U-Nets do: its code may name the dimensions of [T, B, ...], as in ``torch.cat((x, y), 2)``. Such code does not
    show how it treats time, so the result is then compared with the module, in float64 on random spikes; it is an error
    if their outputs differ.

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
        msg = f"{WHERE}: module must be a torch.nn.Module, got {type(module).__name__}"
        raise TypeError(msg)
    shape = tuple(input_shape)
    own = None if isinstance(module, SpikingModule) else _own_forward(module, "")
    if own is None:
        return SpikingModel(read(module, shape, fold_norms=fold_norms, own=True), **options)
    sample = input_shape_of(WHERE, shape, "input_shape")
    try:
        graph = read(module, shape, fold_norms=fold_norms, own=True)
        _compare(module, graph, sample, own)
    except ValueError as error:  # its code may name dimensions of [T, B, ...]
        try:
            graph = read(module, shape, fold_norms=fold_norms, own=True, with_time=True)
        except ValueError:
            raise error from None
        _compare(module, graph, sample, own)
    return SpikingModel(graph, **options)


def _compare(module: nn.Module, graph: Graph, sample: Shape, name: str) -> None:
    """Refuse a graph that sends other spikes than the network, which has a forward of its own."""
    last = graph.output.layer
    what = "spikes" if isinstance(last, layers.Neuron) else "value"
    compare(WHERE, module, graph, sample, name, what)


def _without_time(graph: Graph, sample: Shape, modules: Collection[str]) -> Graph:
    """Return a graph without the layers that put a dimension of time before samples, and take it away."""
    shapes = graph.shapes(sample)
    nodes = {node.name: node for node in graph}
    outputs = []
    for output in graph.outputs:
        name = origin = output
        while name in nodes and isinstance(nodes[name].layer, layers.Reshape | layers.Flatten):
            name = nodes[name].inputs[0]
            origin = name if shapes[name] == shapes[output] else origin
        outputs.append(origin)
    needed = set(outputs)
    for node in reversed(list(graph)):
        if node.name in needed:
            needed.update(node.inputs)
    kept = [node for node in graph if node.name in needed]
    return _renamed(simplify(Graph(kept, WHERE, graph.inputs, outputs), sample), modules)


def _renamed(graph: Graph, modules: Collection[str]) -> Graph:
    """Give layers the names of their modules, which layers that take a dimension away had first."""
    nodes = {node.name: node for node in graph}
    new = {name: name for name in nodes}
    for name, node in nodes.items():
        base, _, number = name.rpartition("_")
        if not number.isdigit() or name in modules or isinstance(node.layer, layers.Movement):
            continue
        if base not in new.values():
            new[name] = base
        elif base in nodes and isinstance(nodes[base].layer, layers.Reshape | layers.Flatten):
            new[base], new[name] = f"{base}.squeeze", base
    named_nodes = (
        Node(new[n.name], n.layer, tuple(new.get(k, k) for k in n.inputs)) for n in graph
    )
    return Graph(named_nodes, WHERE, graph.inputs, [new.get(k, k) for k in graph.outputs])


def read(
    module: nn.Module,
    shape: Iterable[int],
    *,
    fold_norms: bool = True,
    recurrent: bool = False,
    own: bool = False,
    layer_of: Callable[[Neuron, str], layers.Neuron | layers.LI] | None = None,
    with_time: bool = False,
    analog: bool = False,
) -> Graph:
    """Return the graph of a trained network.

    With `analog`, layers may be analog functions of each step, which the engine does not compute.

    With `recurrent`, recurrent layers are accepted, and read without their recurrent weights. With `layer_of`, it makes
    the layer of each neuron, given its name for error messages; by default `neuron_layer` does. With one of `layer_of` and
    `own`, modules with a forward of their own are traced, which shows their operators but not what these do to time: the
    caller has to compare. Their code sees the samples of one step, or, `with_time`, [T, B, ...] of one step.
    """
    if isinstance(module, SpikingModule):
        return module.to_graph()
    module = plain(module)
    sample = input_shape_of(WHERE, shape, "input_shape")
    made = layer_of or (lambda m, where: neuron_layer(m, where, recurrent=recurrent))
    if with_time:
        found = torch_reader.convert(timed(module, made), sample, whole=STAND_INS)
        modules = {name for name, _ in module.named_modules(remove_duplicate=False)}
        traced = _without_time(found, sample, modules)
    else:
        twin = still(module, "", made, traced=own or layer_of is not None)
        traced = torch_reader.convert(twin, sample, whole=STAND_INS)
    graph = Graph((_of_steps(node, analog) for node in traced), WHERE, traced.inputs, traced.outputs)
    return fold(graph) if fold_norms else graph


def neuron_layer(module: Neuron, where: str, *, recurrent: bool = False) -> layers.Neuron | layers.LI:
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
            return layers.LI(decay=decay, gain=gain)
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
        threshold = array(module.v_threshold)
        threshold = threshold.reshape(()) if threshold.size == 1 else threshold
        reset: Any = "zero" if cell.reset == Reset.value else "subtract"
        options: dict[str, Any] = {"strict": True} if cell.strict else {}
        options |= {"v_reset": cell.v_reset} if reset == "zero" else {}
        if cell.when == When.next and reset == "subtract":
            options["reset_delay"] = True
        if decay == gain == 1:
            return layers.IF(threshold, reset, **options)
        return layers.LIF(threshold, reset, decay=decay, gain=gain, **options)


def _one(value: Any, where: str, argument: str) -> float:
    values = array(value)
    if values.size != 1 and (values != values.flat[0]).any():
        refuse(where, f"has a {argument} for each neuron", "the engine has one for each layer")
    return float(values.flat[0])


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


def _of_steps(node: Node, analog: bool) -> Node:
    layer = node.layer
    linear = isinstance(layer, layers.Reduce) and layer.function in ("mean", "sum")
    if isinstance(layer, (layers.ReLU, layers.Graded, layers.Foreign)) and not linear and not analog:
        _refuse_analog(node.name, layer)
    if isinstance(layer, _MAXIMA):
        layer = layer.replace(of="steps")
    return Node(node.name, layer, node.inputs)


def _refuse_analog(name: str, layer: layers.Layer) -> NoReturn:
    refuse(
        f"{WHERE}: module '{name}' ({type(layer).__name__})",
        "is an analog activation of each step",
        "train with a spiking neuron instead; use `sl.convert` for networks of ReLU",
    )
