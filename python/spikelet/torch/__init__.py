"""Spike-based backpropagation in PyTorch: neurons whose forward and backward passes run in the compiled core.

Needs PyTorch: ``pip install 'spikelet[torch]'``.
"""

from __future__ import annotations

from spikelet._util.extras import needs
from spikelet._util.spelling import offer

with needs("spikelet.torch", "torch"):
    import torch as _torch

from spikelet.torch import losses, models
from spikelet.torch.blocks import DropoutOverTime, PotentialShortcut, SEWBlock, SpikeAttention
from spikelet.torch.cell import Table
from spikelet.torch.delay import Delay, narrow_delays
from spikelet.torch.deploy import DeployedNetwork, to_network, to_spiking_model
from spikelet.torch.eprop import EProp
from spikelet.torch.event_data import EventDataset, pad_frames
from spikelet.torch.event_prop import EventProp, EventSpikes, first_spike_cross_entropy
from spikelet.torch.finetune import SpikingModule, from_spiking_model
from spikelet.torch.first_spike import FirstSpike, count_spikes
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
from spikelet.torch.norms import TEBN, tdBN, tdLN
from spikelet.torch.ottt import OTTT
from spikelet.torch.pool import MaxPool2d
from spikelet.torch.psn import PSN, MaskedPSN, SlidingPSN
from spikelet.torch.quantized import quantize
from spikelet.torch.sparse import SpikeConv2d, SpikeLinear, spike_conv2d, spike_linear
from spikelet.torch.time import OverTime, in_pieces
from spikelet.torch.to_onnx import to_onnx
from spikelet.torch.training import Epoch, History, evaluate, fit

del _torch, needs

__all__ = [
    "ALIF",
    "IF",
    "LI",
    "LIF",
    "OTTT",
    "PSN",
    "TEBN",
    "CubaLIF",
    "Delay",
    "DeployedNetwork",
    "DropoutOverTime",
    "EProp",
    "Epoch",
    "EventDataset",
    "EventProp",
    "EventSpikes",
    "FirstSpike",
    "History",
    "MaskedPSN",
    "MaxPool2d",
    "Neuron",
    "OverTime",
    "PotentialShortcut",
    "RecurrentALIF",
    "RecurrentCubaLIF",
    "RecurrentLIF",
    "SEWBlock",
    "SlidingPSN",
    "SpikeAttention",
    "SpikeConv2d",
    "SpikeLinear",
    "SpikingModule",
    "Table",
    "count_spikes",
    "evaluate",
    "first_spike_cross_entropy",
    "fit",
    "from_spiking_model",
    "in_pieces",
    "integrate",
    "keep_freed_memory",
    "lif",
    "losses",
    "models",
    "narrow_delays",
    "pad_frames",
    "pool_limit",
    "quantize",
    "set_pool_limit",
    "spike_conv2d",
    "spike_linear",
    "tdBN",
    "tdLN",
    "to_network",
    "to_onnx",
    "to_spiking_model",
]

offer(__name__, __all__)
