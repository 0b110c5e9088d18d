"""Networks of `spikelet.torch` as NIR graphs."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from spikelet import layers
from spikelet._util.checks import fail, named, require
from spikelet.conversion.building import ERRORS, input_shape, refuse
from spikelet.conversion.torch.copies import copy_of
from spikelet.io.nir.writing_models import write_layers, write_model
from spikelet.io.nir.writing_neurons import Cell, full
from spikelet.io.nir.writing_readers import Request
from spikelet.layers import Shape
from spikelet.layers.graph import Graph, Node
from spikelet.layers.spiking_model import SpikingModel
from spikelet.torch.cell import Charge, Reset, When
from spikelet.torch.deploy import read
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import LI, Neuron
from spikelet.torch.time import OverTime

__all__ = ["write_module"]

_WHERE = "write_nir"
_TRIED = (
    3,
    2,
)  # steps and samples for which a module with a forward of its own is compared with its layers
Array = NDArray[Any]


@dataclass(frozen=True, eq=False, repr=False)
class _Placeholder(layers.LIF):
    """Stands in for neurons while the order of layers is read."""

    number: int = field(default=0, kw_only=True)


def write_module(module: nn.Module, request: Request) -> tuple[Any, list[str]]:
    """Return the graph of a network, and what its readers should know."""
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

    flat, shape = _planar(module, _sample_shape(module, request))
    with named(_WHERE):
        graph = read(flat, shape, layer_of=layer_of)
    cells = [_first_cell(m, where) for m, where in neurons]

    def cell_of(node: Node, shape: Shape) -> tuple[Cell, Array | None]:
        layer = node.layer
        assert isinstance(layer, _Placeholder)
        return _cell(*neurons[layer.number], shape), None

    if any(_has_own_forward(m) for m in module.modules()):
        _require_same(flat, graph, shape)
    return write_layers(
        graph,
        cell_of,
        replace(request, input_shape=shape),
        own_step=_own_step([m for m, _ in neurons]),
        own_type=own,
        synapses=any(cells),
        one_dimensional=flat is not module,
    )


def _has_own_forward(module: nn.Module) -> bool:
    """Return whether a module says by its own forward how neurons are connected."""
    known = isinstance(module, (nn.Sequential, Neuron, OverTime))
    return not known and any(isinstance(m, Neuron) for m in module.modules())


def _require_same(module: nn.Module, graph: Graph, shape: Shape) -> None:
    """Check that a forward that was traced for one step does the same to each of several.

    Without its neurons, a network is a linear map of each step: that of the layers, if the forward leaves time alone.
    """
    twin = copy_of(module).cpu().double().eval()
    for name, m in list(twin.named_modules()):
        if isinstance(m, Neuron):
            twin.set_submodule(name, nn.Identity())
    shapes = graph.shapes(shape)
    through = {
        n.name: layers.Affine(np.ones(shapes[n.name][0]))
        for n in graph
        if isinstance(n.layer, layers.Neuron)
    }
    x = torch.randn(*_TRIED, *shape, generator=torch.Generator().manual_seed(1)).double()
    value = f"{graph.output.name}.value"
    model = SpikingModel(graph.replaced(through), dtype="float64", threads=1)
    found = model.run(x.numpy(), record=value)[value]
    where = f"{_WHERE}: {type(module).__name__}"
    try:
        with torch.no_grad():
            wanted = twin(x)
    except ERRORS as error:
        what = f"cannot take [T, B, ...] ({error})"
        refuse(where, what, "its forward must process all steps at once")
    if not isinstance(wanted, torch.Tensor):
        what = f"returns a {type(wanted).__name__}"
        refuse(where, what, "its forward must return one tensor, [T, B, ...]")
    if found.shape != tuple(wanted.shape) or not np.allclose(found, wanted.numpy(), atol=1e-9):
        what = "gives another output than its layers one after another"
        refuse(where, what, "its forward must keep [T, B, ...]: use nn.Flatten(2), OverTime")


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


def _first_cell(module: Neuron, where: str) -> bool:
    """Check that NIR has such neurons, and return whether they have synapses."""
    if type(module).forward not in (Neuron.forward, LI.forward):
        refuse(where, "has its own forward", "use an unmodified neuron of spikelet.torch")
    cell = module.setting().cell
    if cell.adaptive:
        refuse(where, "has an adaptive threshold, which NIR does not have", "train with LIF")
    # After a reset to 0 no potential exceeds the threshold, so `both` is equivalent to `same`.
    same = cell.when == When.same or (cell.when, cell.reset) == (When.both, Reset.value)
    if cell.reset != Reset.none and not same:
        refuse(
            where,
            "is reset in the step after its spike, which NIR does not have",
            'train with reset_delay=False and reset="zero"',
        )
    return bool(cell.synapse)


def _cell(module: Neuron, where: str, shape: Shape) -> Cell:
    setting = module.setting()
    cell = setting.cell

    def of(name: str) -> Array:
        value: Any = setting.tensors.get(name, getattr(cell, name))
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().double().numpy()
            require(where, name, value.ravel(), "finite")
            while value.ndim > len(shape) and value.shape[0] == 1:
                value = value[0]
            # As torch does: the last dimensions are those of the neurons.
            try:
                return np.array(np.broadcast_to(value, shape))
            except ValueError:
                fail(
                    where, name, value.shape, f"must broadcast to the neurons {shape}", got="shape"
                )
        return full(value, shape)

    resets: dict[Any, Literal["subtract", "value", "none"]]
    resets = {Reset.subtract: "subtract", Reset.value: "value", Reset.none: "none"}
    leak = of("leak")
    if cell.charge == Charge.decay:
        decay, gain = leak, np.full(shape, cell.gain)
    else:
        decay = 1 - 1 / leak
        gain = cell.gain / leak if cell.charge == Charge.relax_input else np.full(shape, cell.gain)
    potential = isinstance(module, LI)
    recurrent = getattr(module, "recurrent", None)
    return Cell(
        decay=decay,
        gain=gain,
        threshold=None if potential else of("threshold"),
        reset=resets[cell.reset],
        v_reset=full(cell.v_reset if cell.reset == Reset.value else 0.0, shape),
        rest=full(cell.rest, shape),
        v_init=full(setting.v_first, shape),
        strict=bool(cell.strict),
        syn_decay=of("syn_decay") if cell.synapse else None,
        recurrent=None if recurrent is None else recurrent.detach().cpu().double().numpy(),
    )


def _planar(module: nn.Module, shape: Shape) -> tuple[nn.Module, Shape]:
    """Return a network over sequences as one over images of width 1, and the shape of a sample."""
    if len(shape) != 2 or not any(isinstance(m, nn.Conv1d) for m in module.modules()):
        return module, shape
    return _lifted(module), (*shape, 1)


def _lifted(module: nn.Module) -> nn.Module:
    """Return a copy whose layers over sequences are those over images of width 1."""
    if type(module) is nn.Conv1d:
        conv = nn.Conv2d(
            module.in_channels,
            module.out_channels,
            (*module.kernel_size, 1),
            (*module.stride, 1),
            module.padding if isinstance(module.padding, str) else (*module.padding, 0),
            (*module.dilation, 1),
            module.groups,
            bias=module.bias is not None,
            padding_mode=module.padding_mode,
            dtype=module.weight.dtype,
        )
        with torch.no_grad():
            conv.weight.copy_(module.weight[..., None])
            if module.bias is not None:
                conv.bias.copy_(module.bias)
        return conv
    if type(module) is nn.BatchNorm1d:
        norm = copy_of(module)
        norm.__class__ = nn.BatchNorm2d
        return norm
    if type(module) is nn.AvgPool1d:
        sizes = (
            (*v, w) for v, w in ((module.kernel_size, 1), (module.stride, 1), (module.padding, 0))
        )
        return nn.AvgPool2d(*sizes, module.ceil_mode, module.count_include_pad)
    children = list(module.named_children())
    if not children:
        return module
    twin = copy_of(module)
    for name, m in children:
        twin.add_module(name, _lifted(m))
    return twin
