"""Spike-based backpropagation in PyTorch: neurons whose steps, forward and backward, run in the compiled core."""

from __future__ import annotations

from spikelet.torch import losses
from spikelet.torch.deploy import to_spiking_model
from spikelet.torch.finetune import SpikingModule, from_spiking_model
from spikelet.torch.time import OverTime, Repeat
from spikelet.torch.to_network import DeployedNetwork, to_network
from spikelet.torch.training import Epoch, evaluate, fit

__all__ = [
    "DeployedNetwork",
    "Epoch",
    "OverTime",
    "Repeat",
    "SpikingModule",
    "evaluate",
    "fit",
    "from_spiking_model",
    "losses",
    "to_network",
    "to_spiking_model",
]
