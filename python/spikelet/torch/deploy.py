"""Deploy trained networks as `spikelet.SpikingModel`, which runs without PyTorch."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterable
from typing import Any, NoReturn

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikelet import layers
from spikelet._util.checks import named
from spikelet.conversion.building import Call, Data, input_shape, refuse
from spikelet.conversion.folding import fold
from spikelet.conversion.torch import reader as torch_reader
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.cell import Reset, When
from spikelet.torch.delay import Delay
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import LI, Neuron
from spikelet.torch.quantised import plain
from spikelet.torch.sparse import SpikeLinear
from spikelet.torch.time import OverTime

__all__ = ["to_spiking_model"]

_MAXIMA = (layers.MaxPool1d, layers.MaxPool2d, layers.MaxPool3d,
           layers.AdaptiveMaxPool1d, layers.AdaptiveMaxPool2d, layers.AdaptiveMaxPool3d)  # fmt: skip
_WHERE = "to_spiking_model"
_NEVER = 1e30  # a threshold that no potential reaches, for neurons that do not spike


def to_spiking_model(
    module: nn.Module, input_shape: Iterable[int], *, fold_norms: bool = True, **options: Any
) -> SpikingModel:
    """Convert a trained network to a `SpikingModel` that sends the same spikes.

    The network is an arbitrarily nested `torch.nn.Sequential` of ``nn.Linear``, convolutions, pooling, BatchNorm (folded
    into the adjacent weights), flattening, dropout (removed, as in eval mode), `OverTime` (removed, since the engine
    handles time) and the neurons `LIF`, `IF` and `LI`. The result of `from_spiking_model` can be converted back.

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
        If the network cannot be converted exactly: a neuron that the engine does not have, a reset one step after the
        spike, an analog activation between spiking layers; the message names the module, with a hint.
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
    dtype = options.get("dtype", "float32")
    return SpikingModel(read(module, input_shape, dtype=dtype, fold_norms=fold_norms), **options)


def read(
    module: nn.Module,
    shape: Iterable[int],
    *,
    dtype: str = "float64",
    fold_norms: bool = True,
    recurrent: bool = False,
    delays: bool = False,
    layer_of: Callable[[Neuron, str], layers.Neuron] | None = None,
) -> Graph:
    """Return the graph of a trained network, for an engine of this precision.

    With `recurrent`, recurrent layers are accepted, and read without their recurrent weights; with `delays`, layers with
    delays are read without these. With `layer_of`, it makes
    the layer of each neuron, given its name for error messages; by default `neuron_layer` does. Modules with a forward of
    their own are then traced, which shows their operators but not what these do to time: the caller has to compare.
    """
    if isinstance(module, SpikingModule):
        return module.to_graph()
    module = plain(module)
    sample = input_shape(_WHERE, shape)
    made = layer_of or (lambda m, where: neuron_layer(m, where, dtype, recurrent=recurrent))
    if not delays:
        _refuse_delays(module)
    twin = _still(module, "", made, traced=layer_of is not None)
    traced = torch_reader.convert(twin, sample, whole={_Still: _still_neuron})
    graph = Graph(map(_of_steps, traced), _WHERE, traced.inputs, traced.outputs)
    for node in graph:
        if is_silent(node.layer) and graph.consumers(node.name):
            refuse(
                f"{_WHERE}: module '{node.name}' (LI)",
                "passes its potential to other layers",
                "a potential can only be the output: use LIF, or put LI last",
            )
    return fold(graph) if fold_norms else graph


def is_silent(layer: layers.Layer) -> bool:
    """Return whether a layer is an `LI`, which never spikes."""
    return isinstance(layer, layers.LIF) and bool(np.all(layer.threshold == _NEVER))


def neuron_layer(
    module: Neuron, where: str, dtype: str = "float64", *, recurrent: bool = False
) -> layers.Neuron:
    """Convert a neuron of `spikelet.torch` to a layer.

    Parameters
    ----------
    module : Neuron
    where : str
        Its name, for error messages.
    dtype : str
        Precision of the engine.
    recurrent : bool
        Accept recurrent neurons.
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
            return layers.LIF(_NEVER, decay=decay, gain=gain)
    # After a reset to 0 no potential exceeds the threshold, so `both` is equivalent to `same`.
    if cell.when != When.same and (cell.when, cell.reset) != (When.both, Reset.value):
        refuse(
            where,
            f"is reset in the step after its spike, like snnTorch's Leaky with reset={module.reset!r}",
            'train with reset_delay=False and reset="zero", or with convention="spikelet", '
            f"decay={decay:g}, gain={gain:g}",
        )
    if cell.reset == Reset.none:
        refuse(where, "has reset='none'", 'train with reset="subtract" or "zero"')
    with named(where):
        threshold = _array(module.v_threshold)
        if cell.strict:  # exceeding it means reaching the next number
            real = np.float64 if dtype == "float64" else np.float32
            threshold = np.nextafter(threshold.astype(real), real(np.inf)).astype(np.float64)
        if threshold.size == 1 or threshold.shape[1:] == (1, 1):
            threshold = threshold.reshape(-1 if threshold.size > 1 else ())
        reset: Any = "zero" if cell.reset == Reset.value else "subtract"
        options: dict[str, Any] = {"v_reset": cell.v_reset} if reset == "zero" else {}
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
        if threshold.ndim == 1:
            threshold = threshold.reshape(-1, *[1] * (x.ndim - 2))
        return (gain * x >= threshold).to(x.dtype)


def _still_neuron(call: Call, x: Data, module: _Still) -> Data:
    return call.add(module.layer, x)


def _still(
    module: nn.Module,
    name: str,
    layer_of: Callable[[Neuron, str], layers.Neuron],
    *,
    traced: bool,
) -> nn.Module:
    """Return a copy without time, which maps the samples of one step."""
    where = f"{_WHERE}: module '{name}'" if name else _WHERE
    if isinstance(module, OverTime):
        return _still(module.layer, name, layer_of, traced=traced)
    if type(module) is nn.Sequential:
        inside = f"{name}." if name else ""
        twin = nn.Sequential()
        for n, m in module.named_modules(
            remove_duplicate=False
        ):  # a module may stand in two places
            if n and "." not in n:
                twin.add_module(n, _still(m, inside + n, layer_of, traced=traced))
        return twin
    if isinstance(module, Neuron):
        return _Still(layer_of(module, where))
    if type(module) is Delay:
        return module.without_delays()
    if type(module) is SpikeLinear:  # the same map, computed sparsely
        twin = copy.copy(module)
        twin.__class__ = nn.Linear
        return copy.deepcopy(twin)
    if isinstance(module, (nn.Softmax, nn.LogSoftmax)):
        refuse(where, "is a softmax of each step", "apply it to the readout, outside the model")
    if isinstance(module, nn.Flatten):
        if module.start_dim not in (1, 2) or module.end_dim != -1:
            refuse(where, f"is {module}", "flatten whole samples: nn.Flatten(2) of [T, B, ...]")
        return nn.Flatten()
    if any(isinstance(m, Neuron) for m in module.modules()):
        if traced:
            own = copy.deepcopy(module)
            for n, m in module.named_children():
                own.add_module(n, _still(m, f"{name}.{n}" if name else n, layer_of, traced=True))
            return own
        refuse(
            f"{where} ({type(module).__name__})",
            "has neurons in its own forward",
            "only torch.nn.Sequential shows the order of layers: use it, or build the "
            "`SpikingModel` from its parts",
        )
    return copy.deepcopy(module)


def _refuse_delays(module: nn.Module) -> None:
    for name, layer in module.named_modules():
        if isinstance(layer, Delay) and layer.rounded().any():
            refuse(
                f"{_WHERE}: module '{name}' (Delay)",
                "has delays, which the engine of layers does not have",
                "deploy it by `to_network`, whose synapses have them",
            )


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
