"""Write networks of `spikelet.torch` as NIR graphs: read their layers, and write these."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from spikelet._util.checks import fail, named
from spikelet.conversion.building import input_shape
from spikelet.io.nir.writing_layers import write_graph
from spikelet.io.nir.writing_readers import WHERE, Request
from spikelet.layers import Shape
from spikelet.torch.deploy import read
from spikelet.torch.finetune import SpikingModule
from spikelet.torch.modules import Neuron

__all__ = ["write_module"]


def write_module(module: nn.Module, request: Request) -> tuple[Any, list[str]]:
    """Return the NIR graph of a network, and notes for the user."""
    for name, value in (*module.named_parameters(), *module.named_buffers()):
        if value.device.type == "meta":
            fail(f"{WHERE}: '{name}'", "parameter", "meta", "must hold values", got="a tensor on")
    types = {p.dtype for p in (*module.parameters(), *module.buffers()) if p.is_floating_point()}
    own = "float64" if torch.float64 in types else "float32"
    if not isinstance(module, SpikingModule):  # whose graph knows its input
        request = replace(request, input_shape=_sample_shape(module, request))
    with named(WHERE):
        graph = read(module, request.input_shape or ())
    return write_graph(graph, request, own_step=_own_step(module.modules()), own_type=own)


def _sample_shape(module: nn.Module, request: Request) -> Shape:
    if request.input_shape is not None:
        return input_shape(WHERE, request.input_shape, "input_shape")
    first: Any = module
    while isinstance(first, nn.Sequential) and len(first):
        first = first[0]
    size = getattr(first, "in_features", None)
    if size is None:
        rule = "must be the shape of one sample at one step, as (2, 34, 34)"
        fail(WHERE, "input_shape", None, rule)
    return (int(size),)


def _own_step(modules: Iterable[nn.Module]) -> float | None:
    """Return the step in seconds of all neurons with time constants, or None."""
    steps = set()
    for m in modules:
        if not isinstance(m, Neuron):
            continue
        if m.convention == "norse":
            steps.add(float(m.given.get("dt", 0.001)))
        elif m.convention == "spikelet" and ("decay" not in m.given or "tau_syn" in m.given):
            steps.add(float(m.given.get("dt", 1.0)) * 1e-3)
    return steps.pop() if len(steps) == 1 else None
