"""Write networks of `spikelet.torch` as NIR graphs: read their layers, and write these."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikelet import layers
from spikelet._util.checks import fail, named, require
from spikelet.conversion.building import input_shape, refuse
from spikelet.io.nir.writing_models import write_graph, write_model
from spikelet.io.nir.writing_readers import Request
from spikelet.layers import Shape
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.cell import Charge, Reset, When
from spikelet.torch.deploy import read
from spikelet.torch.deploy_check import compare
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import LI, Neuron
from spikelet.torch.time import OverTime

__all__ = ["write_module"]

_WHERE = "write_nir"
Array = NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class _Placeholder(layers.LIF):
    """Stands in for neurons while the order of layers is read."""

    number: int = field(default=0, kw_only=True)


def write_module(module: nn.Module, request: Request) -> tuple[Any, list[str]]:
    """Return the NIR graph of a network, and notes for the user."""
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if value.device.type == "meta":
            fail(f"{_WHERE}: '{name}'", "parameter", "meta", "must hold values", got="a tensor on")
    types = {p.dtype for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()}
    own = "float64" if torch.float64 in types else "float32"
    if isinstance(module, SpikingModule):
        return write_model(SpikingModel(module.to_graph(), dtype=own), request)  # type: ignore[arg-type]  # float32 or float64
    neurons: list[tuple[Neuron, str]] = []

    def layer_of(neuron: Neuron, where: str) -> layers.Neuron:
        neurons.append((neuron, f"{where} ({type(neuron).__name__})"))
        return _Placeholder(number=len(neurons) - 1)

    shape = _sample_shape(module, request)
    with named(_WHERE):
        graph = read(module, shape, layer_of=layer_of)
    shapes = graph.shapes(shape)
    nodes = [n for node in graph for n in _nodes(node, neurons, shapes[node.name])]
    graph = Graph(nodes, _WHERE, graph.inputs, graph.outputs)
    if any(_has_own_forward(m) for m in module.modules()):
        what = "spikes" if isinstance(graph.output.layer, layers.Neuron) else "value"
        compare(_WHERE, module, graph, shape, type(module).__name__, what)
    request = replace(request, input_shape=shape)
    return write_graph(graph, request, own_step=_own_step([m for m, _ in neurons]), own_type=own)


def _has_own_forward(module: nn.Module) -> bool:
    """Return whether a module says by its own forward how neurons are connected."""
    known = isinstance(module, (nn.Sequential, Neuron, OverTime))
    return not known and any(isinstance(m, Neuron) for m in module.modules())


def _sample_shape(module: nn.Module, request: Request) -> Shape:
    if request.input_shape is not None:
        return input_shape(_WHERE, request.input_shape, "input_shape")
    first: Any = module
    while isinstance(first, nn.Sequential) and len(first):
        first = first[0]
    size = getattr(first, "in_features", None)
    if size is None:
        rule = "must be the shape of one sample at one step, as (2, 34, 34)"
        fail(_WHERE, "input_shape", None, rule)
    return (int(size),)


def _own_step(neurons: list[Neuron]) -> float | None:
    """Return the step in seconds of all neurons with time constants, or None."""
    steps = set()
    for m in neurons:
        if m.convention == "norse":
            steps.add(float(m.given.get("dt", 0.001)))
        elif m.convention == "spikelet" and ("decay" not in m.given or "tau_syn" in m.given):
            steps.add(float(m.given.get("dt", 1.0)) * 1e-3)
    return steps.pop() if len(steps) == 1 else None


def _nodes(node: Node, neurons: list[tuple[Neuron, str]], shape: Shape) -> Iterator[Node]:
    """Yield a layer of a network, or its neurons with their recurrent weights."""
    if not isinstance(node.layer, _Placeholder):
        yield node
        return
    module, where = neurons[node.layer.number]
    inputs = node.inputs
    recurrent = getattr(module, "recurrent", None)
    if recurrent is not None:
        name = node.name
        weight = recurrent.detach().cpu().double().numpy()
        yield Node(f"{name}.back", layers.Delay(1), (name,))
        yield Node(f"{name}.recurrent", layers.Linear(weight), (f"{name}.back",))
        yield Node(f"{name}.input", layers.Add(), (*inputs, f"{name}.recurrent"))
        inputs = (f"{name}.input",)
    with named(where):
        yield Node(node.name, _layer(module, where, shape), inputs)


def _layer(module: Neuron, where: str, shape: Shape) -> layers.Layer:
    """Return the layer of neurons."""
    if type(module).forward not in (Neuron.forward, LI.forward):
        refuse(where, "has its own forward", "use an unmodified neuron of spikelet.torch")
    setting = module.setting()
    cell = setting.cell
    if cell.adaptive:
        refuse(where, "has an adaptive threshold, which NIR does not have", "train with LIF")
    # After a reset to 0 no potential exceeds the threshold, so `both` is equivalent to `same`.
    same = cell.when == When.same or (cell.when, cell.reset) == (When.both, Reset.value)
    if cell.reset != Reset.none and not same:
        what = "is reset in the step after its spike, which NIR does not have"
        refuse(where, what, 'train with reset_delay=False and reset="zero"')

    def of(name: str) -> Any:
        value: Any = setting.tensors.get(name, getattr(cell, name))
        if not isinstance(value, torch.Tensor):
            return value
        value = value.detach().cpu().double().numpy()
        require(where, name, value.ravel(), "finite")
        while value.ndim > len(shape) and value.shape[0] == 1:
            value = value[0]
        # As torch does: the last dimensions are those of the neurons.
        try:
            return np.array(np.broadcast_to(value, shape))
        except ValueError:
            fail(where, name, value.shape, f"must broadcast to the neurons {shape}", got="shape")

    leak = of("leak")
    given: dict[str, Any] = {"decay": leak, "gain": cell.gain, "v_init": setting.v_first}
    if cell.charge != Charge.decay:
        given |= {"decay": 1 - 1 / leak, "drive": cell.rest / leak}
        given["gain"] = cell.gain / (leak if cell.charge == Charge.relax_input else 1)
    if cell.synapse:
        given["syn_decay"] = of("syn_decay")
    if isinstance(module, LI):
        return layers.LI(**given)
    resets = {Reset.subtract: "subtract", Reset.value: "value", Reset.none: "none"}
    given |= {"threshold": of("threshold"), "reset": resets[cell.reset], "strict": bool(cell.strict)}
    given["v_reset"] = cell.v_reset if cell.reset == Reset.value else 0.0
    return (layers.CubaLIF if cell.synapse else layers.LIF)(**given)
