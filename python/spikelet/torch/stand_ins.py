"""What stands in for the modules of a network while its layers are read: they map the samples of one step, without time."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F  # PyTorch's customary name

from spikelet import layers
from spikelet.conversion.building import Call, Data, refuse
from spikelet.conversion.torch.copies import copy_of
from spikelet.torch.attention import SpikeAttention
from spikelet.torch.blocks import DropoutOverTime, SEWBlock
from spikelet.torch.delay import Delay
from spikelet.torch.modules import Neuron
from spikelet.torch.norms import TEBN
from spikelet.torch.pool import MaxPool2d
from spikelet.torch.psn import PSN, SlidingPSN
from spikelet.torch.sparse import SpikeConv2d, SpikeLinear
from spikelet.torch.time import OverTime, layers_over_time

__all__ = ["STAND_INS", "WHERE", "array", "still", "timed"]

WHERE = "to_spiking_model"
LayerOf: TypeAlias = Callable[[Neuron, str], layers.Neuron | layers.LI]


def array(value: Any) -> NDArray[np.float64]:
    """Return a tensor or a number as an array."""
    if isinstance(value, torch.Tensor):
        value = value.detach().cpu().numpy()
    return np.asarray(value, np.float64)


class _Still(nn.Module):
    """Stands in for a neuron while the network is traced: its first step, from rest."""

    def __init__(self, layer: layers.Neuron | layers.LI) -> None:
        super().__init__()
        self.layer = layer

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        _, gain = self.layer.coefficients()
        u: torch.Tensor = gain * x
        if isinstance(self.layer, layers.LI):
            return u
        threshold = torch.as_tensor(np.array(self.layer.threshold))
        return (u > threshold if self.layer.strict else u >= threshold).to(x.dtype)


def _still_neuron(call: Call, x: Data, module: _Still) -> Data:
    layer, shape = module.layer, call.shape(x)
    if isinstance(layer, layers.Neuron) and np.ndim(layer.threshold):
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
        self.layer = layers.DelayedLinear(
            array(module.weight),
            module.rounded().cpu().numpy(),
            None if module.bias is None else array(module.bias),
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


def still(
    module: nn.Module,
    name: str,
    layer_of: LayerOf,
    *,
    traced: bool,
) -> nn.Module:
    """Return a copy without time, which maps the samples of one step."""
    where = f"{WHERE}: module '{name}'" if name else WHERE
    inside = layers_over_time(module)
    if inside is not None:
        return still(inside, name, layer_of, traced=traced)
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
                twin.add_module(n, still(m, prefix + n, layer_of, traced=traced))
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
                own.add_module(n, still(m, f"{name}.{n}" if name else n, layer_of, traced=True))
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


STAND_INS: dict[type, Any] = {_Still: _still_neuron, _StillDelay: _still_delay, _Gate: _gate}


# --- a forward of its own that names dimensions --------------------------------------------------


def timed(module: nn.Module, layer_of: LayerOf) -> nn.Module:
    """Return a copy that maps the samples of one step, in which code sees [T, B, ...] with T = 1.

    A `forward` that concatenates along channels, ``torch.cat((x, y), 2)``, or slices them names dimensions of [T, B, ...].
    """
    twin = _timed(module, "", layer_of)
    _at_one_step(twin, lambda x: x.unsqueeze(0), lambda y: y.squeeze(0))
    return twin


def _timed(module: nn.Module, name: str, layer_of: LayerOf) -> nn.Module:
    inside = layers_over_time(module)
    flat = _rank_of_samples(module)
    if inside is not None or flat is not None or isinstance(module, _OF_STEPS):
        rank = 0 if flat is None else flat
        return _at_one_step(
            still(module, name, layer_of, traced=True),
            lambda x: x.squeeze(0) if x.ndim > rank + 1 else x,
            lambda y: y.unsqueeze(0),
            rank,
        )
    if isinstance(module, nn.Flatten):
        return copy_of(module)
    prefix = f"{name}." if name else ""
    children = [
        (n, m) for n, m in module.named_modules(remove_duplicate=False) if n and "." not in n
    ]
    if type(module) is nn.Sequential:
        own: nn.Module = nn.Sequential()
    elif any(isinstance(m, Neuron | Delay) for m in module.modules()):
        own = _still_whole(module, f"{WHERE}: module '{name}'")
    else:
        return still(module, name, layer_of, traced=True)
    for n, m in children:
        own.add_module(n, _timed(m, prefix + n, layer_of))
    return own


# Modules of spikelet that take [T, B, ...] only.
_OF_STEPS = (Neuron, Delay, DropoutOverTime, SpikeAttention, OverTime, PSN, SlidingPSN, TEBN)


def _rank_of_samples(module: nn.Module) -> int | None:
    """Return the number of dimensions of a sample of layers that take [B, ...] and [T, B, ...], or None for others."""
    if isinstance(module, nn.Linear | SpikeLinear):
        return 1
    return 3 if isinstance(module, SpikeConv2d | MaxPool2d) else None


def _at_one_step(
    module: nn.Module,
    before: Callable[[torch.Tensor], torch.Tensor],
    after: Callable[[torch.Tensor], torch.Tensor],
    rank: int = 0,
) -> nn.Module:
    """Change the dimensions of what a module takes and returns; with a rank, only if it takes more than samples."""
    calls: list[bool] = []

    def enter(_: nn.Module, given: tuple[Any, ...]) -> Any:
        calls.append(not rank or given[0].ndim > rank + 1)
        return tuple(before(x) if isinstance(x, torch.Tensor) else x for x in given)

    def leave(_: nn.Module, _given: Any, found: Any) -> Any:
        return after(found) if calls.pop() and isinstance(found, torch.Tensor) else found

    module.register_forward_pre_hook(enter)
    module.register_forward_hook(leave)
    return module
