"""Spike-based backpropagation in PyTorch: neurons whose steps, forward and backward, run in the compiled core.

Needs PyTorch: ``pip install 'spikelet[torch]'``.
"""

from __future__ import annotations

try:
    import torch as _torch
except ImportError:
    raise ImportError("spikelet.torch needs PyTorch: pip install 'spikelet[torch]'") from None

from spikelet.torch.event_prop import EventProp, EventSpikes
from spikelet.torch.first_spike import first_spike_cross_entropy
from spikelet.torch.functional import integrate, lif
from spikelet.torch.memory import keep_freed_memory, pool_limit, set_pool_limit
from spikelet.torch.modules import (
    ALIF,
    IF,
    LI,
    LIF,
    CubaLIF,
    Neuron,
    RecurrentALIF,
    RecurrentCubaLIF,
    RecurrentLIF,
)
from spikelet.torch.sparse import SpikeConv2d, SpikeLinear, spike_conv2d, spike_linear
from spikelet.torch.surrogate import Table

del _torch

__all__ = [
    "ALIF",
    "IF",
    "LI",
    "LIF",
    "CubaLIF",
    "EventProp",
    "EventSpikes",
    "Neuron",
    "RecurrentALIF",
    "RecurrentCubaLIF",
    "RecurrentLIF",
    "SpikeConv2d",
    "SpikeLinear",
    "Table",
    "first_spike_cross_entropy",
    "integrate",
    "keep_freed_memory",
    "lif",
    "pool_limit",
    "set_pool_limit",
    "spike_conv2d",
    "spike_linear",
]
